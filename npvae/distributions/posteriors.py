"""q(z given x): what the encoder says about the code, and how a code is drawn.

A posterior turns the encoder's output h into the parameters q of a distribution,
draws from it with noise that is handed in, and carries gradients back along the
two ways by which phi, the encoder's weights, reach the loss:

- the *path*: phi moves the sample z, and z moves the loss (and log q(z given x) in it);
- the *score*: phi moves the density log q(z given x) at a z that stands still.

The closed-form divergence to the prior, where there is one, is a third function of
q alone.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.distributions.divergences import (kl_to_standard_normal,
                                             kl_to_standard_normal_backward)
from npvae.distributions.priors import StandardNormal
from npvae.networks.parameters import Module

LOG_2PI = math.log(2.0 * math.pi)


class Gaussian(NamedTuple):
    """The parameters of a diagonal Gaussian, each (..., J)."""

    mu: np.ndarray
    logvar: np.ndarray
    std: np.ndarray


class DiagonalGaussian(Module):
    """q(z given x) = N(mu(x), diag(std(x)^2)); the encoder's output is (mu, logvar).

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.

    Notes
    -----
    h is (B, 2 J): mu in the first half, logvar in the second. The standard deviation
    is exp(logvar / 2), and exp(logvar) is the variance. In float32 the variance
    overflows above logvar = 88.

    References
    ----------
    Kingma and Welling (2014), eq. 9, and section 2.4 for the reparameterization.
    """

    def __init__(self, n_latent):
        super().__init__()
        self.n_latent = n_latent
        self.n_outputs = 2 * n_latent                    # what the encoder must return

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ N(0, I), of shape (K, B, J)."""
        return rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        """The parameters of q(z given x), from the encoder's output."""
        mu, logvar = h[..., :self.n_latent], h[..., self.n_latent:]
        return Gaussian(mu, logvar, std=np.exp(0.5 * logvar))

    def sample(self, q, eps):
        """z = mu + std * eps, of shape (K, B, J): a draw as a function of noise."""
        return q.mu + q.std * eps

    def log_prob(self, q, z, eps=None):
        """log q(z given x) in nats, summed over the latent dimensions: (K, B).

        Where z was drawn with the noise eps, hand it in: (z - mu) / std is eps, without the
        digits that z lost when it was rounded next to a large mu.
        """
        u = (z - q.mu) / q.std if eps is None else eps
        return -0.5 * (u * u + q.logvar + LOG_2PI).sum(axis=-1)

    def backward(self, q, eps, dz, path=0.0, score=0.0):
        """The gradient of the encoder's output, by way of z and of log q(z given x).

        Parameters
        ----------
        q : Gaussian
        eps : ndarray (K, B, J)
            The noise that z was drawn with.
        dz : ndarray (K, B, J)
            The gradient of the loss in z, less what log q(z given x) adds to it.
        path : ndarray (K, B, 1), optional
            The weight of the gradient of log q(z given x) by way of z.
        score : ndarray (K, B, 1), optional
            The weight of the gradient of log q(z given x) at a z that stands still. In the
            derivative of log q along the path, both weights are equal.

        Returns
        -------
        dh : ndarray (B, 2 J), summed over the K samples.
        """
        # z = mu + std * eps,   std = exp(logvar / 2)
        dmu = dz
        dlogvar = dz * (0.5 * q.std * eps)
        # log q = -(u^2 + logvar + log 2 pi) / 2,   u = (z - mu) / std = eps
        # By the score mu and std move u; by the path z moves it back. The two weights are
        # subtracted before anything is divided by a std that may be tiny.
        if np.ndim(path) or np.ndim(score):
            dmu = dmu + (score - path) * (eps / q.std)
            dlogvar += (score - path) * (0.5 * eps * eps) - 0.5 * score
        return np.concatenate([dmu.sum(axis=0), dlogvar.sum(axis=0)], axis=-1)

    def kl(self, q, prior):
        """KL(q(z given x) || p(z)) for each latent dimension, in nats: (B, J)."""
        if not isinstance(prior, StandardNormal):
            raise TypeError(f"prior is {type(prior).__name__}: a DiagonalGaussian posterior "
                            "has a closed-form KL to StandardNormal only; "
                            "use the fully sampled objective, ELBO(analytic=False)")
        return kl_to_standard_normal(q.mu, q.logvar)

    def kl_backward(self, q, prior, dkl):
        """The gradient of the encoder's output through `kl`: (B, 2 J)."""
        return np.concatenate(kl_to_standard_normal_backward(dkl, q.mu, q.logvar), axis=-1)
