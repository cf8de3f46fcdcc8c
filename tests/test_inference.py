"""How good is q? The gap in closed form, and ranks that must be uniform."""

import numpy as np
import pytest
from scipy import linalg, stats

from exact import (decoder_of, kl_to_full_gaussian, linear_vae, log_evidence, true_posterior,
                   with_the_true_posterior)
import npvae
from helpers import small_vae
from npvae import evaluation
from npvae.distributions.given import VampPrior
from npvae.distributions.posteriors import Gaussian


def test_the_gap_has_its_two_parts_in_closed_form(rng):
    """For a Gaussian posterior with precision L the best diagonal q has the same mean, and the
    variances 1 / L_jj."""
    model = linear_vae(6, 2, variance=0.4)
    W, b, _ = decoder_of(model)
    W += 0.7 * rng.standard_normal(6)                           # rows that are much alike
    x = rng.standard_normal((4, 6))
    mean, covariance = true_posterior(model, x)
    encoder = model.encoder.layers[0]                           # not far off
    encoder.W[:, :2] = 0.8 * linalg.lstsq(x - b, mean)[0]
    encoder.b = np.concatenate([-b @ encoder.W[:, :2], np.log(np.diag(covariance)) + 0.5])
    std = np.tile(np.diag(linalg.inv(covariance))**-0.5, (4, 1))
    approximation = kl_to_full_gaussian(Gaussian(mean, 2 * np.log(std), std), mean, covariance)
    whole = kl_to_full_gaussian(model.encode(x), mean, covariance)
    before = model.parameters.theta.copy(), model.parameters.grad.copy()
    gap = evaluation.inference_gap(model, x, rng, steps=1500, n_samples=4000)
    assert approximation.min() > 0.2 and (whole - approximation).min() > 0.3
    np.testing.assert_allclose(gap.log_px, log_evidence(model, x), atol=0.02)
    np.testing.assert_allclose(gap.approximation, approximation, atol=0.04)
    np.testing.assert_allclose(gap.amortization, whole - approximation, rtol=0.1)
    np.testing.assert_array_equal(model.parameters.theta, before[0])      # the model is as it was
    np.testing.assert_array_equal(model.parameters.grad, before[1])


def test_there_is_no_gap_at_the_true_posterior(rng):
    model = with_the_true_posterior(rng)
    gap = evaluation.inference_gap(model, rng.standard_normal((3, 6)), rng, steps=300,
                                   n_samples=4000)
    np.testing.assert_allclose([gap.approximation, gap.amortization], 0.0, atol=0.003)


@pytest.mark.parametrize("logvar, ends", [(0.0, (0.7, 1.3)), (-1.4, (2.0, 9.0)),
                                          (1.4, (0.0, 0.5))])
def test_ranks_are_uniform_if_q_is_the_posterior(logvar, ends, rng):
    """Its width halved, they pile up at the ends; doubled, in the middle."""
    model = with_the_true_posterior(rng)
    model.encoder.layers[0].b[3:] += logvar
    ranks = evaluation.calibration_ranks(model, rng, n=4000, n_samples=99)
    assert ranks.shape == (4000, 3) and ranks.min() >= 0 and ranks.max() <= 99
    for j in range(3):
        counts = np.bincount(ranks[:, j] // 10, minlength=10)
        p = stats.chisquare(counts).pvalue
        assert p > 1e-4 if logvar == 0.0 else p < 1e-12
        assert ends[0] < (counts[0] + counts[9]) / 800 < ends[1]


def test_a_shifted_q_has_ranks_on_one_side(rng):
    model = with_the_true_posterior(rng)
    model.encoder.layers[0].b[0] += 0.5
    ranks = evaluation.calibration_ranks(model, rng, n=2000, n_samples=9)
    assert ranks[:, 0].mean() < 2.5 < 4.2 < ranks[:, 1].mean() < 4.8


def test_a_gap_in_single_precision(rng):
    model = small_vae(dtype=np.float32)
    gap = evaluation.inference_gap(model, rng.random((3, 12)), rng, steps=200, n_samples=300)
    assert (gap.amortization > 0).all() and (gap.approximation > -0.1).all()


def test_a_prior_that_is_made_of_the_encoder_stays_what_it_is(rng):
    """Of a VampPrior p(z) is the mean of q(z|u): not of the q that is sought, nor of these x."""
    prior = VampPrior(2, 6, 5, mean=0.5, std=2.0)
    model = npvae.vae(6, (8,), 2, prior=prior, likelihood="gaussian", activation="tanh", seed=1)
    model = model.astype(np.float64)
    model.encoder.layers[-1].W *= 3.0
    x = rng.standard_normal((6, 6))
    before = model.parameters.theta.copy(), model.parameters.grad.copy()
    expected = evaluation.log_evidence(model, x, rng, 50_000)
    for rows in (slice(0, 1), slice(0, 6)):
        gap = evaluation.inference_gap(model, x[rows], rng, steps=200, n_samples=4000)
        error = np.hypot(gap.standard_error, expected.standard_error[rows])
        assert (np.abs(gap.log_px - expected.log_px[rows]) < 5 * error).all() and error.max() < 0.1
    terms = npvae.evaluate(model, x, n_samples=2000)
    assert gap.elbo.mean() == pytest.approx(terms.elbo, abs=0.05)
    np.testing.assert_array_equal(model.parameters.theta, before[0])
    np.testing.assert_array_equal(model.parameters.grad, before[1])
