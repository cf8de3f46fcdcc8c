"""grey_pixels.py: which likelihoods of a grey pixel are densities, and what the others cost."""

import numpy as np
import pytest

import npvae
from quick_runs import load, run


def test_the_bits_have_an_order_and_the_missing_normalizer_a_price(tmp_path, capsys):
    found = run("grey_pixels", tmp_path)
    bits = [found[name]["bits"] for name in (
        "discretized logistic", "continuous Bernoulli", "trained without normalizer", "Gaussian")]
    assert all(b - a > 1.0 for a, b in zip(bits, bits[1:]))
    assert "bits" not in found["Bernoulli"]
    # a density's nats are of another unit: log 256 for each of 784 pixels
    nats = found["continuous Bernoulli"]["nats"]
    assert nats > 0 > found["discretized logistic"]["nats"]
    assert bits[1] == pytest.approx((784 * np.log(256) - nats) / (784 * np.log(2)), rel=1e-12)
    assert found["discretized logistic"]["nats"] == pytest.approx(-784 * np.log(2) * bits[0], rel=1e-12)
    # at least log 2 a pixel is left out; and the network that did not see it is worse
    assert found["normalizer left out"] > 784 * np.log(2)
    assert found["cost of leaving it out"] > 300
    # the areas at a logit of 2: of the one formula tanh(1) / 2, of the other one
    assert found["areas"]["Bernoulli"] == pytest.approx(np.tanh(1.0) / 2.0, abs=1e-6)
    assert found["areas"]["continuous Bernoulli"] == pytest.approx(1.0, abs=1e-6)
    assert "a loss, no log-density" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"grey_pixels.png", "grey_pixels_pictures.png"}


def test_levels_are_spread_over_their_own_part_of_the_unit_interval(rng):
    x = np.tile(np.arange(256, dtype=np.float32) / np.float32(255), (200, 1))
    spread = load("examples/grey_pixels.py").spread(x, rng)
    assert spread.dtype == np.float32 and 0.0 <= spread.min() and spread.max() <= 1.0
    u = 256 * spread.astype(np.float64) - np.arange(256)
    assert u.min() > -1e-3 and u.max() < 1.001
    assert u.mean() == pytest.approx(0.5, abs=0.01)


def test_draws_have_the_noise_of_their_likelihood():
    """A Bernoulli's are black or white, a discretized logistic's are levels."""
    example = load("examples/grey_pixels.py")
    x = npvae.datasets.mnist().train_images[:100]
    models = example.train(x, 5, 1)
    draws = {name: example.draws_of(model, np.random.default_rng(0), 3)
             for name, model in models.items()}
    assert set(np.unique(draws["Bernoulli"])) == {0.0, 1.0}
    levels = 255 * draws["discretized logistic"].astype(float)
    assert np.abs(levels - np.round(levels)).max() < 1e-4
    assert len(np.unique(draws["continuous Bernoulli"])) > 1000
