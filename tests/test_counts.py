"""Counts: masses against scipy, their sums, and their draws. (`test_precision` has their digits.)"""

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
        "of -10 to 20.", of_likelihood(
            NegativeBinomial, some_counts(1e6),
            lambda draw: np.concatenate([draw.within(-12, 12, K, B, D), draw.within(-10, 20, K, B, D)],
                                        -1)), 10.0)}


def test_both_are_scipys_and_sum_to_one(rng):
    x = np.arange(900.0)[:, None]
    for mu, theta in ((3.0, 0.7), (20.0, 5.0), (300.0, 1e8), (1e-4, 1e-4)):
        y = np.tile(np.log([mu, theta]), (1, len(x), 1))
        log_p = NegativeBinomial().log_terms(x, y)[0].ravel()
        assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-10)
        if theta < 1e4:                            # above, scipy's own has few digits
            np.testing.assert_allclose(log_p, stats.nbinom(theta, theta / (theta + mu)).logpmf(x[:, 0]),
                                       rtol=1e-10, atol=1e-12)
        log_p = Poisson().log_terms(x, y[..., :1])[0].ravel()
        np.testing.assert_allclose(log_p, stats.poisson(mu).logpmf(x[:, 0]), rtol=1e-11)
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


@pytest.mark.parametrize("likelihood, y, of_scipy", [
    (Poisson(), [4.0], stats.poisson(4.0)), (Poisson(), [300.0], stats.poisson(300.0)),
    (NegativeBinomial(), [4.0, 2.5], stats.nbinom(2.5, 2.5 / 6.5)),
    (NegativeBinomial(), [4.0, 0.1], stats.nbinom(0.1, 0.1 / 4.1)),
    (NegativeBinomial(), [300.0, 1e6], stats.nbinom(1e6, 1e6 / (1e6 + 300)))])
def test_draws_are_of_the_distribution(likelihood, y, of_scipy, rng):
    """Twenty cells of about the same mass, by the distribution function."""
    draws = likelihood.sample(rng, np.tile(np.log(y), (20_000, 1))).ravel()
    edges = np.unique(of_scipy.ppf(np.arange(1, 20) / 20))
    p = np.diff([0.0, *of_scipy.cdf(edges), 1.0])
    found = np.bincount(np.searchsorted(edges, draws), minlength=len(p))
    assert stats.chisquare(found, 20_000 * p).pvalue > 0.01


def test_what_is_no_count_is_refused():
    for x, message in (([[1.5]], "x holds 1.5: whole numbers were expected"),
                       ([[-1.0]], r"x lies in \[-1, -1\]: counts of at least 0")):
        with pytest.raises(ValueError, match=message):
            Poisson().check(np.array(x), "x")
