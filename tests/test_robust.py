"""Likelihoods with heavy tails: against scipy, and what they are for."""

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from helpers import assert_mean
from npvae.distributions.robust import Laplace
from ranges import B, D, K, Row, of_likelihood

RANGES = {
    "Laplace": Row(
        Laplace, "Finite, in float32, for |x| and |location| up to 1e30, at scales of 1e-4 to 1e4.",
        of_likelihood(lambda: Laplace(1e-4), lambda draw: draw.upto(1e30, B, D),
                      lambda draw: draw.upto(1e30, K, B, D)), 1e4)}


def test_a_laplace_likelihood_is_scipys(rng):
    x, location = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 6))
    log_px, _ = Laplace(0.4).log_prob(x, location)
    np.testing.assert_allclose(log_px, stats.laplace(location, 0.4).logpdf(x).sum(axis=-1), rtol=1e-13)
    density = lambda x: np.exp(Laplace(0.4).log_prob(np.array([[x]]), np.array([[[0.7]]]))[0].item())
    mass = sum(integrate.quad(density, *ends, epsabs=1e-12)[0] for ends in ((-20, 0.7), (0.7, 20)))
    assert mass == pytest.approx(1.0, abs=1e-10)


def test_draws_of_a_laplace_likelihood_are_of_its_distribution(rng):
    draws = Laplace(0.4).sample(rng, np.full((20_000, 1), 0.7))
    assert stats.kstest(draws.ravel(), stats.laplace(0.7, 0.4).cdf).pvalue > 0.01
    assert_mean(draws, 0.7)
    assert Laplace(0.4).mean(np.array([0.7])) == 0.7


def test_the_best_constant_is_the_median(rng):
    x = rng.exponential(size=(501, 1))
    likelihood = Laplace(0.4)
    value = lambda y: likelihood.log_prob(x, np.full((1, 501, 1), y))[0].mean()
    (median,) = likelihood.constant(x)
    assert median == pytest.approx(np.median(x)) and median < x.mean() - 0.2
    assert value(median) > max(value(median - 0.01), value(median + 0.01), value(x.mean()))


def test_an_outlier_pulls_no_more_than_its_sign():
    """Of a Gaussian it pulls in proportion to its distance."""
    x, y = np.array([[0.5, 500.0]]), np.zeros((1, 1, 2))
    pulls = {kind: kind().backward(np.ones((1, 1)), kind().log_prob(x, y)[1]).ravel()
             for kind in (Laplace, npvae.likelihoods.Gaussian)}
    np.testing.assert_array_equal(pulls[Laplace], [1.0, 1.0])
    np.testing.assert_array_equal(pulls[npvae.likelihoods.Gaussian], [0.5, 500.0])


def test_its_scale_is_positive():
    with pytest.raises(ValueError, match="scale is 0: a positive, finite number was expected"):
        Laplace(0)
