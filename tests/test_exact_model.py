"""Chapter 4: where the answer is known.

On a linear Gaussian VAE (probabilistic PCA) the evidence, the posterior and the optimum
have closed forms; on a two-dimensional latent space, whatever the decoder, a grid has the
answer. What the ELBO says must fit: log p(x) = ELBO + KL(q, posterior).
"""

import numpy as np
import pytest
from scipy import linalg, optimize

import npvae
from exact import (data_with_eigenvalues, decoder_of, gauss_hermite, grid_2d,
                   kl_to_full_gaussian, linear_vae, log_evidence, ppca_optimum, sigma_points,
                   true_posterior, with_the_true_posterior)
from helpers import small_vae
from npvae import ELBO, SampledKL
from npvae.learning.schedules import Cosine

# ---- the identity ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_elbo_and_the_kl_to_the_posterior_make_the_evidence(seed):
    """log p(x) = ELBO + KL(q(z|x) || p(z|x)), for any q."""
    rng = np.random.default_rng(seed)
    model = linear_vae(6, 3, variance=0.3 + seed)
    model.parameters.theta[...] = rng.normal(0, 0.7, model.parameters.size)
    x = rng.standard_normal((5, 6))
    gap = kl_to_full_gaussian(model.encode(x), *true_posterior(model, x))
    assert gap.min() > 0.01
    for i in range(5):
        loss = model.loss(x[i:i + 1], sigma_points(3, 1))
        assert loss.elbo + gap[i] == pytest.approx(log_evidence(model, x[i:i + 1]), abs=1e-10)


def test_elbo_is_the_evidence_at_the_true_posterior(rng):
    model = with_the_true_posterior(rng)
    x = rng.standard_normal((5, 6))
    expected = log_evidence(model, x)
    loss = model.loss_and_grad(x, sigma_points(3, 5))
    assert loss.elbo == pytest.approx(expected.mean(), abs=1e-10)
    for name, g in model.gradients().items():           # no better encoder exists
        if name.startswith("encoder"):
            assert np.abs(g).max() < 1e-12
    # fully sampled, log p(x, z) - log q(z|x) is log p(x) whatever z: no variance at all
    sampled = [model.loss(x[i:i + 1], model.draw_noise(rng, 1), objective=ELBO(cost=SampledKL())).elbo
               for i in range(5)]
    np.testing.assert_allclose(sampled, expected, atol=1e-11)


# ---- training reaches the optimum ----------------------------------------------------------

def maximise_exact_elbo(model, x):
    """L-BFGS on the flat theta; with sigma points for noise the ELBO has no sampling error."""
    eps = sigma_points(model.n_latent, len(x))

    def function(theta):
        model.parameters.theta[...] = theta
        value = model.loss_and_grad(x, eps).value
        return value, model.parameters.grad.copy()

    result = optimize.minimize(function, model.parameters.theta.copy(), jac=True, method="L-BFGS-B",
                               options=dict(maxiter=20_000, maxfun=40_000, ftol=0.0, gtol=1e-9,
                                            maxcor=30))
    model.parameters.theta[...] = result.x
    return -result.fun


EIGENVALUES = [4.0, 2.5, 0.6, 0.5, 0.4, 0.3]


def test_the_linear_vae_trains_to_probabilistic_pca(rng):
    x = data_with_eigenvalues(EIGENVALUES, 100, rng)
    best, s, subspace = ppca_optimum(x, 2)
    assert s == pytest.approx(0.45, abs=1e-12)
    model = linear_vae(6, 2, "tied_gaussian", variance=1.0)
    elbo = maximise_exact_elbo(model, x)
    W, b, variance = decoder_of(model)
    assert elbo == pytest.approx(best, abs=1e-9)
    assert log_evidence(model, x).mean() == pytest.approx(best, abs=1e-9)
    assert variance == pytest.approx(s, abs=1e-5)
    assert linalg.subspace_angles(W.T, subspace).max() < 1e-5
    np.testing.assert_allclose(b, x.mean(axis=0), atol=1e-4)


def test_adam_with_sampled_noise_comes_within_a_thousandth(rng):
    x = data_with_eigenvalues(EIGENVALUES, 100, rng)
    best, _, subspace = ppca_optimum(x, 2)
    model = linear_vae(6, 2, "tied_gaussian", variance=1.0)
    npvae.fit(model, x, epochs=1500, batch_size=50, n_samples=4, learning_rate=Cosine(0.03, 1500),
              progress=False)
    assert 0 < best - log_evidence(model, x).mean() < 1e-3
    assert linalg.subspace_angles(decoder_of(model)[0].T, subspace).max() < 0.05


def test_latent_dimensions_collapse_where_the_theory_says(rng):
    """With the variance s held fixed, a dimension carries log(lambda / s) / 2 nats where its
    eigenvalue lambda is above s, and nothing where it is below: posterior collapse, in closed
    form. (A direction with lambda < s is cheaper to explain as noise.)"""
    s = 0.5
    eigenvalues = s * np.array([6.0, 2.0, 1.1, 0.9, 0.5, 0.2])
    x = data_with_eigenvalues(eigenvalues, 100, rng)
    model = linear_vae(6, 5, variance=s)
    maximise_exact_elbo(model, x)
    kl = npvae.kl(model.encode(x), model.prior)[0].mean(axis=0)
    expected = 0.5 * np.log(np.maximum(eigenvalues[:5] / s, 1.0))
    np.testing.assert_allclose(np.sort(kl)[::-1], expected, atol=1e-5)
    collapsed = np.argsort(kl)[:2]
    np.testing.assert_allclose(np.abs(decoder_of(model)[0][collapsed]).max(), 0, atol=1e-3)
    np.testing.assert_allclose(model.encode(x).std[:, collapsed], 1, atol=1e-3)


# ---- a decoder that is not linear ----------------------------------------------------------

def test_the_gap_is_the_kl_to_the_posterior_on_a_grid(rng):
    """A nonlinear decoder, two latent dimensions: quadrature knows log p(x) and p(z|x)."""
    model = small_vae(5, (6,), 2, scale=0.9)
    x = (rng.random((3, 5)) < 0.5).astype(float)
    z, area = grid_2d()
    logits = model.decoder.forward(z[:, None, :])[0]
    log_joint = ((x * logits - np.logaddexp(0, logits)).sum(axis=-1)
                 - 0.5 * (z**2).sum(axis=-1)[:, None] - np.log(2 * np.pi))         # (grid, B)
    evidence = np.log(np.exp(log_joint).sum(axis=0) * area)
    posterior = np.exp(log_joint - evidence)
    assert posterior.sum(axis=0) * area == pytest.approx(1.0, abs=1e-12)

    q = model.encode(x)
    log_q = (-0.5 * ((z[:, None] - q.mu) / q.std)**2 - np.log(q.std)
             - 0.5 * np.log(2 * np.pi)).sum(axis=-1)
    gap = (np.exp(log_q) * (log_q - np.log(posterior))).sum(axis=0) * area
    assert gap.min() > 1e-3

    eps, weights = gauss_hermite(100, 3)

    def expectation(log_px, rate):                  # the ELBO, its mean by quadrature
        value = -(weights @ log_px).mean() + rate.sum(axis=-1).mean()
        return npvae.Loss(value, 0.0, 0.0, -weights[:, None] / 3 * np.ones_like(log_px),
                          np.full_like(rate, 1 / 3))
    expectation.cost = npvae.KL()

    for i in range(3):
        elbo = -model.loss(x[i:i + 1], eps[:, i:i + 1], objective=expectation).value
        assert elbo < evidence[i]
        assert elbo + gap[i] == pytest.approx(evidence[i], abs=1e-9)
    # the same in the mean of sampled noise, within its standard error
    sampled = [model.loss(x, model.draw_noise(rng, 3, 50)).elbo for _ in range(200)]
    error = np.std(sampled) / np.sqrt(200)
    assert abs(np.mean(sampled) - (evidence - gap).mean()) < 5 * error < 0.01
