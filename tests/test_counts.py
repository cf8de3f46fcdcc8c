"""Counts: masses against scipy, and against arithmetic of fifty digits where scipy is not exact."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from scipy import stats

from helpers import assert_mean
from npvae.distributions.counts import NegativeBinomial, Poisson
from ranges import B, D, K, Row, of_likelihood


def some_counts(edge):
    return lambda draw: np.floor(np.abs(draw.upto(edge, B, D)))


RANGES = {
    "Poisson": Row(
        Poisson, "Finite, in float32, for counts up to 1e9 and |log mu| up to 20.",
        of_likelihood(Poisson, some_counts(1e9), lambda draw: draw.within(-20, 20, K, B, D)), 5.0),
    "NegativeBinomial": Row(
        NegativeBinomial, "Finite, in float32, for counts up to 1e6, |log mu| up to 12 and log theta "
        "of -10 to 18.", of_likelihood(
            NegativeBinomial, some_counts(1e6),
            lambda draw: np.concatenate([draw.within(-12, 12, K, B, D), draw.within(-10, 18, K, B, D)],
                                        -1)), 10.0)}


def by_decimals(x, mu, theta):
    """log p(x) with fifty digits: the product of (theta + i) / (i + 1), and two powers."""
    getcontext().prec = 50
    mu, theta = Decimal(mu), Decimal(theta)
    log_p = theta * (theta / (theta + mu)).ln() + x * (mu / (theta + mu)).ln()
    return float(log_p + sum(((theta + i) / (i + 1)).ln() for i in range(x)))


def slope_by_decimals(x, mu, theta):
    """d log p / d log theta, written from the same product."""
    getcontext().prec = 50
    mu, theta = Decimal(mu), Decimal(theta)
    slope = sum(1 / (theta + i) for i in range(x)) - (1 + mu / theta).ln() + (mu - x) / (theta + mu)
    return float(theta * slope)


@pytest.mark.parametrize("theta", [1e-4, 0.3, 14.9, 15.1, 1e3, 1e6, 1e8])
@pytest.mark.parametrize("x, mu", [(0, 0.01), (1, 3.0), (7, 2.5), (250, 180.0), (40, 1e-3)])
def test_the_negative_binomial_is_exact_to_a_theta_of_1e8(x, mu, theta):
    """Where a count has x - mu left over, the error is that of x and mu, not of theta."""
    y = np.log([[[mu, theta]]])
    mu, theta = np.exp(y.ravel())
    log_p, cache = NegativeBinomial().log_prob(np.array([[float(x)]]), y)
    assert log_p.item() == pytest.approx(by_decimals(x, mu, theta), rel=1e-12, abs=1e-12 * (1 + x + mu))
    slope = NegativeBinomial().backward(np.ones((1, 1)), cache)[..., 1].item()
    expected = slope_by_decimals(x, mu, theta)
    assert slope == pytest.approx(expected, rel=1e-10, abs=1e-12 * (1 + x + mu))


def test_both_are_scipys_and_sum_to_one(rng):
    x = np.arange(400.0)[:, None]
    for mu, theta in ((3.0, 0.7), (20.0, 5.0)):
        y = np.tile(np.log([mu, theta]), (1, 400, 1))
        log_p = NegativeBinomial().log_terms(x, y)[0].ravel()
        np.testing.assert_allclose(log_p, stats.nbinom(theta, theta / (theta + mu)).logpmf(x[:, 0]),
                                   rtol=1e-10, atol=1e-12)
        assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-10)
        log_p = Poisson().log_terms(x, y[..., :1])[0].ravel()
        np.testing.assert_allclose(log_p, stats.poisson(mu).logpmf(x[:, 0]), rtol=1e-12)
        assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-12)


def test_a_large_theta_is_the_poisson(rng):
    x = rng.poisson(6.0, (5, 3)).astype(float)
    y = rng.normal(1.5, 0.5, (1, 5, 3))
    wide = np.concatenate([y, np.full_like(y, 18.0)], axis=-1)
    np.testing.assert_allclose(NegativeBinomial().log_prob(x, wide)[0], Poisson().log_prob(x, y)[0],
                               atol=1e-5)


def test_draws_have_the_stated_mean_and_variance(rng):
    """mu for the Poisson; mu + mu^2 / theta for the negative binomial."""
    y = np.tile(np.log([4.0, 2.5]), (200_000, 1))
    for likelihood, y, variance in ((Poisson(), y[:, :1], 4.0), (NegativeBinomial(), y, 4.0 + 16 / 2.5)):
        draws = likelihood.sample(rng, y)
        assert_mean(draws, 4.0)
        assert_mean((draws - 4.0)**2, variance)
        np.testing.assert_allclose(likelihood.mean(y), 4.0, rtol=1e-14)
    p = stats.nbinom(2.5, 2.5 / 6.5).pmf(np.arange(12))
    counts = np.bincount(draws.astype(int).ravel(), minlength=12)[:12]
    assert stats.chisquare([*counts, len(draws) - counts.sum()],
                           len(draws) * np.append(p, 1 - p.sum())).pvalue > 0.01


def test_what_is_no_count_is_refused():
    for x, message in (([[1.5]], "x holds 1.5: whole numbers were expected"),
                       ([[-1.0]], r"x lies in \[-1, -1\]: counts of at least 0")):
        with pytest.raises(ValueError, match=message):
            Poisson().check(np.array(x), "x")
