"""What accuracy_or_variety.py claims, asserted from what its figure draws."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures


def check(found, scales, beta):
    from_prior, own = found["N(0, I)"], found["q(z|c)"]
    # nearer to 0: the smaller t, the more are right, and the more alike they are
    right, varied = np.transpose([from_prior, *(found[f"t = {t}"] for t in scales)])
    assert (np.diff(right) > 0.02).all() and (np.diff(varied) < -0.02).all()
    assert varied[-1] < 0.6 * varied[0]
    # a larger beta: the same, and a worse model
    assert found[f"beta = {beta}"][0] > from_prior[0] + 0.1
    assert found[f"beta = {beta}"][1] < 0.8 * from_prior[1]
    assert found["-elbo"][beta] > found["-elbo"][1.0] + 2
    # the label's own codes cost no variety
    assert own[0] > from_prior[0] + 0.15 and own[1] > from_prior[1] - 0.01


def test_quick(tmp_path):
    check(run("accuracy_or_variety", tmp_path), (0.7, 0.5), 4)
    assert figures(tmp_path) == {"accuracy_or_variety.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/accuracy_or_variety.py").main(["--out", str(tmp_path)])
    check(found, (0.9, 0.8, 0.7, 0.5), 4)
    assert found["N(0, I)"][0] < found["beta = 2"][0] < found["beta = 4"][0]


def test_the_variety_of_copies_is_none(rng):
    """Ten digits: the same image again, or a coin for each pixel."""
    variety, labels = load("examples/accuracy_or_variety.py").variety, np.repeat(np.arange(10), 400)
    prototypes = rng.random((10, 20))
    assert variety(prototypes[labels], labels) == pytest.approx(0.0, abs=1e-12)
    coins = rng.integers(2, size=(4000, 20)).astype(float)            # a variance of 1/4 each
    assert variety(coins, labels) == pytest.approx(5.0, abs=4 * np.sqrt(20 * 2 / 400 / 10) / 4)
