"""Two stochastic layers: a code of the code.

    p(z) = p(z2) p(z1 given z2),        q(z given x) = q(z1 given x) q(z2 given z1)

z is (z1, z2) side by side, J = J1 + J2. Here a network stands inside a distribution: inside
the prior it makes p(z1 given z2) of z2, inside the posterior q(z2 given z1) of z1. To the model
they are one prior and one posterior like any other; its decoder reads z1 alone.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions.posteriors import DiagonalGaussian, Gaussian, Posterior
from npvae.distributions.priors import StandardNormal
from npvae.networks.parameters import Module


class Stack(NamedTuple):
    """The parameters of q(z given x): those of z1; and mu and std of both, (..., J), with
    those of z2 where z1 is at its mean."""

    first: Gaussian
    mu: np.ndarray
    std: np.ndarray


class StackedGaussian(Posterior):
    """q(z given x) = q(z1 given x) q(z2 given z1), both diagonal Gaussians.

    Finite, in float32, for |mu| up to 1e8 and logvar of -20 to 20, in both layers.

    Parameters
    ----------
    n_first, n_second : int
        J1 and J2.
    network : Layer
        (..., J1) -> (..., 2 J2): from z1 to mu and logvar of z2.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016).
    """

    outputs_per_latent = 2

    def __init__(self, n_first, n_second, network):
        self.first, self.second = DiagonalGaussian(n_first), DiagonalGaussian(n_second)
        self.network = network
        Module.__init__(self, parts={"first": self.first, "second": self.second,
                                     "network": network})
        self.n_latent, self.n_outputs = n_first + n_second, self.first.n_outputs

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ N(0, I), of shape (K, B, J): first that of z1, then that of z2."""
        return rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        first = self.first.given(h)
        second, _ = self._second_given(first.mu)
        return Stack(first, mu=np.concatenate([first.mu, second.mu], axis=-1),
                     std=np.concatenate([first.std, second.std], axis=-1))

    def sample(self, q, eps):
        """z1 = mu1 + std1 * eps1, then z2 = mu2(z1) + std2(z1) * eps2."""
        eps1, eps2 = self._split(eps)
        z1 = self.first.sample(q.first, eps1)
        second, _ = self._second_given(z1)
        return np.concatenate([z1, self.second.sample(second, eps2)], axis=-1)

    def log_prob(self, q, z, eps=None):
        """log q(z1 given x) + log q(z2 given z1), in nats: (K, B)."""
        z1, z2 = self._split(z)
        eps1, eps2 = (None, None) if eps is None else self._split(eps)
        second, _ = self._second_given(z1)
        return (self.first.log_prob(q.first, z1, eps1)
                + self.second.log_prob(second, z2, eps2))

    def backward(self, q, eps, dz, path=0.0, score=0.0):
        """As `DiagonalGaussian.backward`; adds to the gradient of the network's blocks."""
        eps1, eps2 = self._split(eps)
        dz1, dz2 = self._split(dz)
        second, cache = self._second_given(self.first.sample(q.first, eps1))
        # z2 = mu2(z1) + std2(z1) * eps2, and log q(z2 given z1). To the network's weights its
        # density speaks at a z that stands still. To z1 it speaks by the path: z1 moves.
        self.network.accumulate(self.second.backward(second, eps2, dz2, path, score), cache)
        dz1 = dz1 + self.network.pullback(self.second.backward(second, eps2, dz2, path, path), cache)
        # z1 = mu1 + std1 * eps1, and log q(z1 given x)
        return self.first.backward(q.first, eps1, dz1, path, score)

    def _second_given(self, z1):
        h, cache = self.network.forward(z1)
        return self.second.given(h), cache

    def _split(self, z):
        return z[..., :self.first.n_latent], z[..., self.first.n_latent:]


class StackedNormal(Module):
    """p(z) = p(z2) p(z1 given z2), with p(z2) = N(0, I) and a diagonal Gaussian below it.

    Finite, in float32, for |z| and |mu| up to 1e8 and logvar of -20 to 20.

    Parameters
    ----------
    n_first, n_second : int
        J1 and J2.
    network : Layer
        (..., J2) -> (..., 2 J1): from z2 to mu and logvar of z1.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016).
    """

    def __init__(self, n_first, n_second, network):
        self.first, self.second = DiagonalGaussian(n_first), StandardNormal(n_second)
        self.network = network
        super().__init__(parts={"first": self.first, "second": self.second, "network": network})
        self.n_latent = n_first + n_second

    def sample(self, rng, n, dtype=np.float32):
        """Draw n codes: (n, J)."""
        z2 = self.second.sample(rng, n, dtype)
        first = self.first.given(self.network.forward(z2)[0])
        eps = self.first.draw_noise(rng, 1, n, dtype)[0]
        return np.concatenate([self.first.sample(first, eps), z2], axis=-1)

    def log_prob(self, z):
        """log p(z1 given z2) + log p(z2), in nats: (..., J) -> (...)."""
        z1, z2 = z[..., :self.first.n_latent], z[..., self.first.n_latent:]
        first = self.first.given(self.network.forward(z2)[0])
        return self.first.log_prob(first, z1) + self.second.log_prob(z2)

    def backward(self, z, dlog_pz):
        """The gradient of the loss in z; adds to the gradient of the network's blocks."""
        z1, z2 = z[..., :self.first.n_latent], z[..., self.first.n_latent:]
        h, cache = self.network.forward(z2)
        first = self.first.given(h)
        weight, u = dlog_pz[..., None], (z1 - first.mu) / first.std
        # log p(z1 given z2) = -(u^2 + logvar + log 2 pi) / 2,   u = (z1 - mu) / std
        dz1 = -weight * u / first.std
        dh = self.first.backward(first, u, 0.0 * u, score=weight)
        self.network.accumulate(dh, cache)
        # log p(z2), and what z2 does to p(z1 given z2)
        dz2 = self.second.backward(z2, dlog_pz) + self.network.pullback(dh, cache)
        return np.concatenate([dz1, dz2], axis=-1)
