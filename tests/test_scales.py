"""Likelihoods with a scale for each column: against scipy, and what they are for."""

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from npvae.distributions.likelihoods import TiedGaussian
from npvae.distributions.scales import DiagonalGaussian, DiagonalStudentT
from ranges import B, D, K, Row, of_likelihood

RANGES = {
    "scales.DiagonalGaussian": Row(
        DiagonalGaussian,
        "Finite, in float32, for |x| and |mean| up to 1e12 and s up to 80, at floors from 1e-4.",
        of_likelihood(lambda: DiagonalGaussian(D), lambda draw: draw.upto(1e12, B, D), lambda draw: (
            draw.upto(1e12, K, B, D)), scale=lambda draw: draw.within(-1e9, 80, D)), 1.2),
    "scales.DiagonalStudentT": Row(
        DiagonalStudentT, "Finite, in float32, for |x| and |location| up to 1e12 and s of -1e9 to 40, "
        "at floors from 1e-3.", of_likelihood(
            lambda: DiagonalStudentT(D, floor=1e-3), lambda draw: draw.upto(1e12, B, D),
            lambda draw: draw.upto(1e12, K, B, D), scale=lambda draw: draw.within(-1e9, 40, D)), 1e5)}
S = np.array([0.4, -1.0, 2.0])


def with_s(kind, **options):
    likelihood = kind(3, **options).astype(np.float64)
    likelihood.s = S
    return likelihood


CASES = [(with_s(DiagonalGaussian, floor=0.2), lambda y: stats.norm(y, np.sqrt(0.2 + np.exp(S)))),
         (with_s(DiagonalStudentT, df=3.0, floor=0.2), lambda y: stats.t(3.0, y, 0.2 + np.exp(S)))]


@pytest.mark.parametrize("likelihood, of", CASES, ids=["Gaussian", "Student"])
def test_each_column_is_scipys_with_a_scale_of_its_own(likelihood, of, rng):
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((2, 4, 3))
    np.testing.assert_allclose(likelihood.log_terms(x, y)[0], of(y).logpdf(x), rtol=1e-12)
    np.testing.assert_allclose(likelihood.log_prob(x, y)[0], of(y).logpdf(x).sum(axis=-1), rtol=1e-12)
    y = np.array([0.7, -0.5, 0.1])
    draws = likelihood.sample(rng, np.tile(y, (20_000, 1)))
    for d in range(3):
        assert stats.kstest(of(y).cdf(draws)[:, d], "uniform").pvalue > 0.01
        density = lambda v: np.exp(likelihood.log_terms(np.full((1, 3), v), y[None, None])[0][0, 0, d])
        mass = sum(integrate.quad(density, *ends, epsabs=1e-12)[0]
                   for ends in ((-np.inf, y[d]), (y[d], np.inf)))
        assert mass == pytest.approx(1.0, abs=1e-8)
    np.testing.assert_array_equal(likelihood.mean(y), y)


@pytest.mark.parametrize("kind", [DiagonalGaussian, DiagonalStudentT])
def test_each_column_learns_its_scale(kind, rng):
    """From one start, by the slope of the likelihood: that of a column of deviation 3 is 30 times
    that of one of 0.1, under a Gaussian the deviation itself."""
    spread = np.array([0.1, 1.0, 3.0])
    x = spread * (rng.standard_normal((4000, 3)) if kind is DiagonalGaussian
                  else rng.standard_t(4.0, (4000, 3)))
    likelihood = kind(3).astype(np.float64)
    for _ in range(200):
        log_px, cache = likelihood.log_prob(x, np.zeros((1, *x.shape)))
        likelihood.parameters.zero_grad()
        likelihood.backward(np.ones_like(log_px) / len(x), cache)
        likelihood.s += 0.5 * likelihood.ds
    found = likelihood.given_both.floor + np.exp(likelihood.s)
    expected = (x**2).mean(axis=0) if kind is DiagonalGaussian else spread
    np.testing.assert_allclose(found, expected, rtol=1e-3 if kind is DiagonalGaussian else 0.06)


def test_one_scale_for_all_columns_is_the_tied_gaussian(rng):
    x, y = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 6))
    tied, own = TiedGaussian(0.3).astype(np.float64), DiagonalGaussian(6, 0.3).astype(np.float64)
    own.s = np.log(np.exp(tied.logvar) - 1e-4)
    dlog_px = rng.standard_normal((3, 4))
    for a, b in zip(tied.log_prob(x, y)[:1], own.log_prob(x, y)[:1]):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    dy = [likelihood.backward(dlog_px, likelihood.log_prob(x, y)[1]) for likelihood in (tied, own)]
    np.testing.assert_allclose(*dy, rtol=1e-12)
    np.testing.assert_allclose(tied.dlogvar, own.ds.sum() * 0.3 / (0.3 - 1e-4), rtol=1e-5)


def test_the_start_is_the_variance_that_was_asked_for():
    for likelihood, scale in ((DiagonalGaussian(2, variance=0.3), np.sqrt(0.3)),
                              (DiagonalStudentT(2, scale=0.3), 0.3)):
        draws = likelihood.sample(np.random.default_rng(0), np.zeros((40_000, 2), np.float32))
        low, high = np.quantile(draws, [0.25, 0.75])
        quartiles = stats.norm if isinstance(likelihood, DiagonalGaussian) else stats.t(4.0)
        assert high - low == pytest.approx(2 * scale * quartiles.ppf(0.75), rel=0.03)


def test_a_recipe_tells_it_the_number_of_columns():
    assert repr(npvae.vae(5, (4,), 2, likelihood="diagonal_gaussian", variance=0.1).likelihood) == (
        "DiagonalGaussian(5, variance=0.1)")
    assert npvae.vae(7, (4,), 2, likelihood="diagonal_student_t").likelihood.n_data == 7


@pytest.mark.parametrize("call, message", [
    (lambda: DiagonalGaussian(3, variance=1e-5), "variance is 1e-05 and floor is 0.0001: a larger"),
    (lambda: DiagonalStudentT(3, scale=1e-2), "scale is 0.01 and floor is 0.01: a larger"),
    (lambda: DiagonalStudentT(3, df=1.0), "df is 1.0: a finite number above 1"),
    (lambda: DiagonalGaussian(0), "n_data is 0"),
    (lambda: npvae.vae(5, likelihood=DiagonalGaussian(3)), "n_data is 5: 3 was expected, as the "
                                                           "likelihood has columns")])
def test_they_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [DiagonalGaussian, DiagonalStudentT])
def test_they_keep_the_dtype_and_write_into_nothing_they_are_handed(kind, dtype, rng):
    likelihood = kind(6).astype(dtype)
    x, y = rng.random((4, 6)).astype(dtype), rng.standard_normal((3, 4, 6)).astype(dtype)
    dlog_px = np.ones((3, 4), dtype)
    for array in (x, y, dlog_px):
        array.flags.writeable = False
    log_px, cache = likelihood.log_prob(x, y)
    dy, constant = likelihood.backward(dlog_px, cache), likelihood.constant(x)
    assert log_px.shape == (3, 4) and dy.shape == y.shape and constant.shape == (6,)
    for result in (log_px, dy, likelihood.ds, likelihood.mean(y), likelihood.sample(rng, y), constant):
        assert result.dtype == dtype
