"""What conditional_prior.py claims, asserted from what its figure draws."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures


def check(found):
    fixed, learned = found["N(0, I)"], found["p(z|c)"]
    assert learned["right"] > fixed["right"] + 0.09 and learned["right"] > 0.8
    assert learned["variety"] > 0.95 * fixed["variety"]
    assert learned["-elbo"] < fixed["-elbo"] - 1.0
    assert fixed["told"] + 0.1 < learned["told"] < np.log(10)


def test_quick(tmp_path):
    found = run("conditional_prior", tmp_path)
    check(found)
    assert found["judge"] > 0.9
    assert figures(tmp_path) == {"conditional_prior.png"}


@pytest.mark.slow
def test_full(tmp_path):
    """With N(0, I) it is the number of conditional_accuracy.py: the same model and judge."""
    found = load("examples/conditional_prior.py").main(["--out", str(tmp_path)])
    check(found)
    assert found["N(0, I)"]["right"] == pytest.approx(0.77, abs=0.03)
