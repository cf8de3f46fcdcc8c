"""Grey pixels: a density that integrates to one, and masses that sum to one, by scipy and exact sums."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

import npvae
from helpers import assert_mean
from npvae.distributions.pixels import ContinuousBernoulli, DiscretizedLogistic
from ranges import B, D, K, Row, of_likelihood

RANGES = {
    "ContinuousBernoulli": Row(
        ContinuousBernoulli, "Finite, in float32, for x of 0 to 1 and |logits| up to 1e35.",
        of_likelihood(ContinuousBernoulli, lambda draw: draw.bits(B, D),
                      lambda draw: draw.upto(1e35, K, B, D)), 1e4),
    "DiscretizedLogistic": Row(
        DiscretizedLogistic, "Finite, in float32, for x of 0 to 1, |mean| up to 1e5 and log scales of "
        "-12 to 12.", of_likelihood(
            DiscretizedLogistic, lambda draw: np.round(255 * draw.bits(B, D)) / np.float32(255),
            lambda draw: np.concatenate([draw.upto(1e5, K, B, D), draw.within(-12, 12, K, B, D)], -1)),
        8.0)}


# ---- the continuous Bernoulli ---------------------------------------------------------------

@pytest.mark.parametrize("logit", [-40.0, -5.0, -0.61, -0.59, -1e-3, 0.0, 1e-9, 0.3, 0.6, 2.0, 30.0])
def test_the_continuous_bernoulli_integrates_to_one_with_the_stated_mean(logit):
    """On both sides of |u| = 0.3, where the series ends."""
    likelihood = ContinuousBernoulli()
    density = lambda x: np.exp(likelihood.log_prob(np.array([[x]]), np.array([[[logit]]]))[0].item())
    assert integrate.quad(density, 0, 1, epsabs=1e-13)[0] == pytest.approx(1.0, abs=1e-10)
    mean = integrate.quad(lambda x: x * density(x), 0, 1, epsabs=1e-13)[0]
    assert likelihood.mean(np.array(logit)) == pytest.approx(mean, abs=1e-10)


def test_its_mean_is_not_the_sigmoid_and_its_normalizer_is_known():
    likelihood = ContinuousBernoulli()
    assert likelihood.mean(np.array(2.0)) == pytest.approx(0.6565, abs=1e-4)
    assert expit(2.0) == pytest.approx(0.8808, abs=1e-4)
    # the Bernoulli's formula lacks log C = log(l / tanh(l / 2)), log 2 at l = 0
    for logit, log_c in ((1e-12, np.log(2)), (5.0, np.log(5.0 / np.tanh(2.5)))):
        x, y = np.array([[0.3]]), np.array([[[logit]]])
        difference = likelihood.log_prob(x, y)[0] - npvae.likelihoods.Bernoulli().log_prob(x, y)[0]
        assert difference.item() == pytest.approx(log_c, rel=1e-9)


def test_it_is_the_truncated_exponential_of_scipy(rng):
    x, logits = rng.random((4, 6)), rng.normal(0.0, 5.0, (3, 4, 6))
    expected = [[stats.truncexpon(abs(l), scale=1 / abs(l)).logpdf(v if l < 0 else 1 - v)
                 for v, l in zip(x.ravel(), row.ravel())] for row in logits]
    found, _ = ContinuousBernoulli().log_terms(x, logits)
    np.testing.assert_allclose(found.reshape(3, -1), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("logit", [-8.0, 1e-7, 0.5, 12.0])
def test_its_draws_are_of_its_distribution(logit, rng):
    draws = ContinuousBernoulli().sample(rng, np.full((20_000, 1), logit))
    cdf = lambda x: np.expm1(logit * x) / np.expm1(logit)
    assert stats.kstest(draws.ravel(), cdf).pvalue > 0.01
    assert draws.min() >= 0 and draws.max() <= 1
    assert_mean(draws, ContinuousBernoulli().mean(np.array(logit)))


# ---- the discretized logistic ---------------------------------------------------------------

@pytest.mark.parametrize("n_levels", [2, 5, 256])
def test_the_masses_of_all_levels_sum_to_one_and_are_scipys(n_levels, rng):
    likelihood = DiscretizedLogistic(n_levels)
    levels = np.arange(n_levels)[:, None] / (n_levels - 1)
    for mean, log_scale in ((0.5, -1.0), (0.02, -4.0), (1.3, 2.0), (-0.4, -3.0), (0.5, 8.0)):
        y = np.array([mean, log_scale])[None, None]
        log_p = likelihood.log_terms(levels, np.repeat(y, n_levels, axis=1))[0].ravel()
        assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-12)
        edges = np.concatenate([[-np.inf], levels[1:, 0] - likelihood.half, [np.inf]])
        cdf = stats.logistic(mean, np.exp(log_scale)).cdf(edges)
        np.testing.assert_allclose(np.exp(log_p), np.diff(cdf), atol=1e-14)
        expected = (levels[:, 0] * np.exp(log_p)).sum()
        assert likelihood.mean(y).item() == pytest.approx(expected, rel=1e-10)


def test_a_level_in_the_far_tail_keeps_its_mass_in_float32():
    """In the upper one the plain difference of sigmoids is zero there."""
    for mean, level in ((0.9, 100), (0.1, 155)):
        x, y = np.array([[level / 255]]), np.array([[[mean, -4.0]]])
        exact = DiscretizedLogistic().log_prob(x, y)[0].item()
        single = DiscretizedLogistic().log_prob(x.astype(np.float32), y.astype(np.float32))[0].item()
        assert exact == pytest.approx(-29.267, abs=0.001) and single == pytest.approx(exact, rel=1e-5)
    a, b = ((x[0, 0] + side / 510 - mean) * np.exp(4.0) for side in (1, -1))
    assert expit(np.float32(a)) - expit(np.float32(b)) == 0.0


def test_its_draws_have_its_masses(rng):
    likelihood, y = DiscretizedLogistic(4), np.array([0.4, -1.5])
    draws = likelihood.sample(rng, np.tile(y, (30_000, 1))).ravel()
    levels = np.arange(4)[:, None] / 3
    p = np.exp(likelihood.log_terms(levels, np.tile(y, (1, 4, 1)))[0].ravel())
    counts = [(np.abs(draws - level) < 1e-6).sum() for level in levels.ravel()]
    assert stats.chisquare(counts, 30_000 * p).pvalue > 0.01


def test_what_lies_between_two_levels_is_refused():
    likelihood = DiscretizedLogistic()
    likelihood.check(np.arange(256)[None].astype(np.float32) / np.float32(255), "x")
    with pytest.raises(ValueError, match=r"x is off by 0.5 levels: multiples of 1/255 were expected"):
        likelihood.check(np.array([[0.5 / 255]]), "x")
    with pytest.raises(ValueError, match=r"x lies in \[0, 7\]"):
        likelihood.check(np.arange(8.0)[None], "x")
    with pytest.raises(ValueError, match="n_levels is 1: an integer of at least 2"):
        DiscretizedLogistic(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_levels", [256, 65536])
def test_its_own_samples_are_levels_however_many_there_are(n_levels, dtype, rng):
    likelihood = DiscretizedLogistic(n_levels)
    likelihood.check(likelihood.sample(rng, np.zeros((1000, 6), dtype)), "x")
    likelihood.check((rng.integers(0, n_levels, (50, 3)) / (n_levels - 1)).astype(dtype), "x")
    with pytest.raises(ValueError, match="x is off by 0.4"):
        likelihood.check(np.full((1, 3), 0.4 / (n_levels - 1), dtype), "x")
