"""counts.py: a Poisson is too narrow for counts whose rates vary; the negative binomial is not."""

import numpy as np
import pytest

from quick_runs import load, run


def test_the_negative_binomial_is_as_wide_as_the_counts(tmp_path):
    found = run("counts", tmp_path)
    poisson, wider = found["Poisson"], found["negative binomial"]
    assert poisson["error over claimed variance"] > 2.0
    assert wider["error over claimed variance"] == pytest.approx(1.0, abs=0.1)
    assert poisson["above 99 %"] > 0.04 and wider["above 99 %"] < 0.012
    assert wider["elbo"] > poisson["elbo"] + 9.0
    assert poisson["kl"] > wider["kl"] + 0.5
    assert wider["theta"] == pytest.approx(2.0, abs=0.4)
    assert {path.name for path in tmp_path.iterdir()} == {"counts.png"}


def test_the_process_is_the_one_that_is_stated(rng):
    """Given mu, the counts have mean mu and variance mu + mu^2 / 2."""
    x, mu = load("examples/counts.py").process(rng, 20_000)
    assert x.shape == mu.shape == (20_000, 40) and (x == np.floor(x)).all()
    ratio = ((x - mu)**2).sum() / (mu + mu**2 / 2).sum()
    assert ratio == pytest.approx(1.0, abs=0.02) and (x - mu).mean() == pytest.approx(0.0, abs=0.02)
