"""Chapter 5: the mean of a random gradient is the gradient of the mean.

A gradient check holds the noise, and so proves one draw. Here the draws are many: their
mean is the gradient of the exact expectation, both by the path (reparameterization) and by
the score function, and the two differ in how much they vary.
"""

import numpy as np
import pytest

import npvae
from exact import linear_vae, sigma_points
from helpers import assert_mean
from npvae.distributions.posteriors import DiagonalGaussian


def gradients_of_a_square(mu, std, n, rng):
    """n draws of the gradient of E[z^2] in (mu, sigma), by the path and by the score."""
    posterior = DiagonalGaussian(1)
    q = posterior.given(np.tile([[mu, 2 * np.log(std)]], (n, 1)))
    eps = posterior.draw_noise(rng, 1, n, np.float64)
    z, drawn = posterior.sample(q, eps)
    nothing = np.zeros_like(z)
    to_sigma = np.array([1.0, 2 / std])                       # d logvar / d sigma
    path = posterior.backward(drawn, 2 * z) * to_sigma       # f'(z) = 2 z
    score = posterior.backward(drawn, nothing, score=z**2) * to_sigma
    return path, score


@pytest.mark.parametrize("mu, std", [(1.0, 0.5), (-0.4, 1.2)])
def test_both_estimators_have_their_closed_form_means_and_variances(mu, std, rng):
    """E[z^2] = mu^2 + sigma^2, so its gradient is (2 mu, 2 sigma).

    By the path, 2 z and 2 z eps; by the score, z^2 eps / sigma and z^2 (eps^2 - 1) / sigma.
    The moments of eps (1, 3, 15, 105) give the variances.
    """
    path, score = gradients_of_a_square(mu, std, 400_000, rng)
    m2, s2 = mu**2, std**2
    variance_of_path = np.array([4 * s2, 4 * m2 + 12 * s2 - 4 * s2])
    variance_of_score = np.array([(m2**2 + 18 * m2 * s2 + 15 * s2**2) / s2 - 4 * m2,
                                  (2 * m2**2 + 60 * m2 * s2 + 78 * s2**2) / s2 - 4 * s2])
    if (mu, std) == (1.0, 0.5):
        np.testing.assert_allclose(variance_of_path, [1.0, 6.0], rtol=1e-14)
        np.testing.assert_allclose(variance_of_score, [21.75, 86.5], rtol=1e-14)
    for draws, variance in ((path, variance_of_path), (score, variance_of_score)):
        assert_mean(draws, [2 * mu, 2 * std])
        assert_mean((draws - [2 * mu, 2 * std])**2, variance)


class ByTheScore(npvae.ELBO):
    """The ELBO with the score-function gradient (REINFORCE): no path, but the signal
    log p(x|z) times the gradient of log q(z|x)."""

    def __call__(self, log_px, rate):
        loss = super().__call__(log_px, rate)
        return loss._replace(path=np.zeros_like(log_px), score=loss.dlog_px * log_px)


def test_the_mean_gradient_is_that_of_the_exact_expectation(rng):
    """A linear Gaussian VAE, whose expected gradient the sigma points give exactly."""
    model = linear_vae(4, 2, variance=0.8, seed=3)
    x = rng.standard_normal((3, 4))
    model.loss_and_grad(x, sigma_points(2, 3))
    exact = model.parameters.grad.copy()
    draws = {}
    for name, objective in (("pathwise", npvae.ELBO()), ("score function", ByTheScore())):
        draws[name] = np.empty((6000, model.parameters.size))
        for g in draws[name]:
            model.loss_and_grad(x, model.draw_noise(rng, 3), objective=objective)
            g[...] = model.parameters.grad
        assert_mean(draws[name], exact)
    encoder = slice(0, model.encoder.layers[0].W.size + 4)       # its blocks come first
    variance = {name: d[:, encoder].var(axis=0).mean() for name, d in draws.items()}
    print("variance of an encoder gradient, mean over its entries (pytest -s shows it): "
          + ", ".join(f"{name} {v:.3g}" for name, v in variance.items()))
    assert 5 < variance["score function"] / variance["pathwise"] < 100
