"""Likelihoods with heavy tails: against scipy, and what they are for."""

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from helpers import assert_mean
from npvae.distributions.robust import Laplace, StudentT
from ranges import B, D, K, Row, of_likelihood

RANGES = {
    "Laplace": Row(
        Laplace, "Finite, in float32, for |x| and |location| up to 1e30, at scales of 1e-4 to 1e4.",
        of_likelihood(lambda: Laplace(1e-4), lambda draw: draw.upto(1e30, B, D),
                      lambda draw: draw.upto(1e30, K, B, D)), 1e4),
    "StudentT": Row(
        StudentT, "Finite, in float32, for |x| and |location| up to 1e12 and r of -1e9 to 40, at floors "
        "from 1e-3 and df up to 1e12.", of_likelihood(
            StudentT, lambda draw: draw.upto(1e12, B, D), lambda draw: np.concatenate(
                [draw.upto(1e12, K, B, D), draw.within(-1e9, 40, K, B, D)], -1)), 1e5)}


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


# ---- Student's t ----------------------------------------------------------------------------

@pytest.mark.parametrize("df", [1.5, 4.0, 30.0])
def test_a_student_likelihood_is_scipys_and_its_draws_are(df, rng):
    x, y = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 12))
    likelihood = StudentT(df, floor=0.2)
    location, scale = y[..., :6], 0.2 + np.exp(y[..., 6:])
    expected = stats.t(df, location, scale).logpdf(x).sum(axis=-1)
    np.testing.assert_allclose(likelihood.log_prob(x, y)[0], expected, rtol=1e-12)
    draws = likelihood.sample(rng, np.tile([0.7, -0.5], (20_000, 1)))
    assert stats.kstest(draws.ravel(), stats.t(df, 0.7, 0.2 + np.exp(-0.5)).cdf).pvalue > 0.01
    density = lambda x: np.exp(likelihood.log_prob(np.array([[x]]), np.array([[[0.7, -0.5]]]))[0].item())
    mass = sum(integrate.quad(density, *ends, epsabs=1e-12)[0]
               for ends in ((-np.inf, 0.7), (0.7, np.inf)))
    assert mass == pytest.approx(1.0, abs=1e-10)


def test_many_degrees_of_freedom_are_the_gaussian(rng):
    x, location = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 6))
    y = np.concatenate([location, np.full_like(location, np.log(0.999))], axis=-1)
    expected = npvae.likelihoods.Gaussian().log_prob(x, location)[0]
    np.testing.assert_allclose(StudentT(1e7).log_prob(x, y)[0], expected, rtol=1e-5)


def test_a_row_far_off_is_let_go():
    """The pull grows with the error, up to about sqrt(df) scales, and falls again."""
    errors = np.array([[0.5, 2.0, 10.0, 500.0]])
    y = np.zeros((1, 1, 8))
    likelihood = StudentT(4.0)
    pulls = likelihood.backward(np.ones((1, 1)), likelihood.log_prob(errors, y)[1])[0, 0, :4]
    assert pulls[0] < pulls[1] > pulls[2] > pulls[3] and pulls[3] < 0.02


def test_the_constant_found_by_its_gradient_is_the_best(rng):
    """Of location and scale of draws of a t: no nearby output does better, and the truth is near."""
    x = 0.7 + 0.4 * rng.standard_t(4.0, (2000, 1))
    likelihood = StudentT(4.0)
    y = likelihood.constant(x)
    assert y == pytest.approx([0.7, np.log(0.4)], abs=0.06)
    value = lambda y: likelihood.log_prob(x, np.tile(y, (1, 2000, 1)))[0].mean()
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        assert value(y) > value(y + step)


@pytest.mark.parametrize("options, message", [
    (dict(df=1.0), "df is 1.0: a finite number above 1"), (dict(floor=0), "floor is 0: a positive")])
def test_a_student_likelihood_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        StudentT(**options)
