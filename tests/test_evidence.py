"""The evidence, and how far it says that it can be trusted."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

import npvae
from exact import linear_vae, log_evidence, with_the_true_posterior
from helpers import assert_mean, small_vae
from npvae import evaluation
from npvae.evaluation.evidence import Weights


@pytest.mark.parametrize("n_data, K, batch, chunk", [
    (12, 7, 3, 7),                          # all x and all samples at once
    (12, 6000, 1, 4096),                    # one x at a time, and 4096 of its samples
    (2**18, 5, 1, 4)])                      # the larger x is, the fewer at a time
def test_the_estimate_is_the_log_of_the_mean_of_the_weights(n_data, K, batch, chunk, rng):
    model = small_vae(n_data, (3,), 2, scale=0.5 if n_data < 100 else 1e-3)
    x = rng.random((3, n_data))
    found = evaluation.log_evidence(model, x, np.random.default_rng(8), K)
    same = np.random.default_rng(8)
    for start in range(0, 3, batch):
        rows = slice(start, start + batch)
        eps = [model.draw_noise(same, batch, min(chunk, K - k)) for k in range(0, K, chunk)]
        log_w = evaluation.log_weights(model, x[rows], np.concatenate(eps))
        w = np.exp(log_w - log_w.max(axis=0))
        np.testing.assert_allclose(found.log_px[rows],
                                   log_w.max(axis=0) + np.log(w.mean(axis=0)), rtol=1e-12)
        np.testing.assert_allclose(found.ess[rows], w.sum(axis=0)**2 / (w**2).sum(axis=0))
        np.testing.assert_allclose(found.standard_error[rows],
                                   w.std(axis=0, ddof=1) / w.mean(axis=0) / np.sqrt(K))


def test_the_standard_error_is_that_of_repeated_estimates(rng):
    model = linear_vae(5, 2, variance=3.0)
    x = np.repeat(rng.standard_normal((1, 5)), 2000, axis=0)
    found = evaluation.log_evidence(model, x, rng, 500)
    assert found.log_px.std() == pytest.approx(found.standard_error.mean(), rel=0.1)
    assert_mean(np.exp(found.log_px - log_evidence(model, x[:1])), 1.0)
    assert (found.pareto_k < 0.7).mean() > 0.95


def test_at_the_true_posterior_every_sample_counts(rng):
    model = with_the_true_posterior(rng)
    x = rng.standard_normal((4, 6))
    found = evaluation.log_evidence(model, x, rng, 300)
    np.testing.assert_allclose(found.log_px, log_evidence(model, x), atol=1e-11)
    np.testing.assert_allclose(found.ess, 300, rtol=1e-10)
    assert found.standard_error.max() < 1e-7


def test_one_sample_does_not_know_its_error(rng):
    found = evaluation.log_evidence(small_vae(), rng.random((3, 12)), rng, 1)
    assert np.isnan(found.standard_error).all() and np.isnan(found.pareto_k).all()
    assert (found.ess == 1).all()
    assert "Pareto k above 0.7 for 3 x" in str(found)


def test_a_proposal_that_is_too_narrow_is_noticed(rng):
    """q = N(0, 0.3^2) for a posterior near N(0, 1): w has no variance, and k tends to 0.91."""
    model = linear_vae(3, 1, variance=1e6)
    model.encoder.layers[0].W = np.zeros((3, 2))
    model.encoder.layers[0].b = np.array([0.0, 2 * np.log(0.3)])
    found = evaluation.log_evidence(model, rng.standard_normal((50, 3)), rng, 20_000)
    assert (found.pareto_k > 0.7).mean() > 0.9
    wide = linear_vae(3, 1, variance=1e6)
    wide.encoder.layers[0].W = np.zeros((3, 2))
    wide.encoder.layers[0].b = np.array([0.0, 2 * np.log(1.5)])
    found = evaluation.log_evidence(wide, rng.standard_normal((50, 3)), rng, 2000)
    assert (found.pareto_k < 0.3).all()


@pytest.mark.parametrize("k", [-0.2, 0.2, 0.5, 0.9])
def test_the_pareto_shape_is_that_of_its_distribution_and_near_scipys(k, rng):
    M, prior = 400, 10 * 0.5
    w = np.sort(1.0 + stats.genpareto(k).rvs((2000, 60), random_state=rng), axis=0)[-M - 1:]
    shape = (evaluation.pareto_shape(np.log(w)) * (M + 10) - prior) / M      # without the prior
    assert shape.mean() == pytest.approx(k, abs=5 * (1 + k) / np.sqrt(M * 60) + 0.01)
    likeliest = [stats.genpareto.fit(w[1:, j] - w[0, j], floc=0)[0] for j in range(5)]
    np.testing.assert_allclose(shape[:5], likeliest, atol=0.04)


def test_weights_in_pieces_are_the_weights_together(rng):
    log_w = rng.normal(-1e4, 40.0, (1000, 3))
    whole, pieces = Weights(3, 1000), Weights(3, 1000)
    whole.add(log_w)
    for start in (0, 1, 300, 307):
        pieces.add(log_w[start:{0: 1, 1: 300, 300: 307, 307: 1000}[start]])
    for ours, theirs in zip(whole.evidence(), pieces.evidence()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_bits_per_dimension():
    assert evaluation.bits_per_dimension(-784 * np.log(2), 784) == pytest.approx(1.0, rel=1e-14)


def test_memory_does_not_grow_with_the_number_of_samples():
    model, x = npvae.vae(784, (200,), 10), np.full((1, 784), 0.5, np.float32)
    peaks = []
    for n_samples in (3000, 60_000):
        tracemalloc.start()
        evaluation.log_evidence(model, x, np.random.default_rng(0), n_samples)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.02 * peaks[0] < 500 * 2**20
