"""What what_beta_presses_on.py claims, asserted from what its figure draws."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures

WHOLE, PART = "the whole KL", "its total correlation"


def mean(found, on, price, name):
    return np.mean([run[name] for (kind, cost, _), run in found.items() if (kind, cost) == (on, price)])


def check(found, price):
    """Independent dimensions either way; the information stays, and is in its place, only one way."""
    of = lambda on, name, cost=price: mean(found, on, cost, name)
    plain = mean(found, WHOLE, 1, "mutual_information"), mean(found, WHOLE, 1, "total_correlation")
    for on in (WHOLE, PART):
        assert of(on, "total_correlation") < 0.25 * plain[1]
    assert of(PART, "mutual_information") > 0.8 * plain[0]
    assert of(WHOLE, "mutual_information") < 0.3 * plain[0]
    assert of(PART, "gap") > 1.5 * mean(found, WHOLE, 1, "gap") > 1.5 * of(WHOLE, "gap")
    for run_ in found.values():
        parts = [run_[name] for name in ("mutual_information", "total_correlation", "dimension_wise")]
        assert sum(parts) == pytest.approx(run_["kl"], rel=1e-9, abs=1e-9)


def test_quick(tmp_path):
    check(run("what_beta_presses_on", tmp_path), 8)
    assert figures(tmp_path) == {"what_beta_presses_on.png"}


def test_the_gap_is_one_for_a_dimension_each_and_zero_for_a_shared_one():
    gap = load("examples/what_beta_presses_on.py").gap
    assert gap(np.eye(3)) == 1.0
    assert gap(np.ones((3, 3))) == 0.0
    assert gap(np.array([[0.7, 0.2], [0.1, 0.4]])) == pytest.approx(0.4)


def test_the_information_is_that_of_a_direct_estimate():
    """By histograms of many draws of z, which know nothing of the mixture."""
    example = load("examples/what_beta_presses_on.py")
    x, factors = example.blobs()
    model = example.npvae.vae(144, (8,), 3, activation="tanh", init="glorot")
    model.parameters.theta[...] *= 3.0
    found = example.information(model, x, factors, n_draws=50)
    q, rng = model.encode(x), np.random.default_rng(0)
    z = q.mu + q.std * rng.standard_normal((3000, *q.mu.shape))
    for k, classes in enumerate(factors.T):
        for j in range(3):
            n_classes = len(set(classes))
            counts, *_ = np.histogram2d(z[..., j].ravel(), np.tile(classes, 3000), (400, n_classes))
            joint = counts / counts.sum()
            alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
            both = joint > 0
            direct = (joint[both] * np.log(joint[both] / alone[both])).sum()
            assert found[k, j] == pytest.approx(direct / np.log(n_classes), abs=0.015)
    assert found.max() > 0.05


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/what_beta_presses_on.py").main(["--out", str(tmp_path)])
    check(found, 8)
    assert mean(found, PART, 8, "gap") > 0.6
