"""Two stochastic layers: a code of the code.

    p(z) = p(z2) p(z1|z2),        q(z|x) = q(z1|x) q(z2|z1)

z is (z1, z2) side by side, J = J1 + J2. Here a network stands inside a distribution: inside
the prior it makes p(z1|z2) of z2, inside the posterior q(z2|z1) of z1. To the model
they are one prior and one posterior like any other; its decoder reads z1 alone.
"""

from typing import Any, NamedTuple

import numpy as np

from npvae.distributions.posteriors import DiagonalGaussian, Drawn, Gaussian
from npvae.distributions.priors import StandardNormal
from npvae.distributions.roles import Posterior, Prior
from npvae.inputs import check_count
from npvae.networks.layers import check_width


class Stack(NamedTuple):
    """The parameters of q(z|x): those of z1. Those of z2 follow from z1."""

    first: Gaussian


class DrawnStack(NamedTuple):
    """z1 and z2, each drawn from its own q; and the cache of the network between them."""

    first: Drawn
    second: Drawn
    network: Any


class StackedGaussian(Posterior):
    """q(z|x) = q(z1|x) q(z2|z1), both diagonal Gaussians.

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

    def __init__(self, n_first, n_second, network):
        n_first, n_second = _sizes(n_first, n_second, network, lambda J1, J2: (J1, 2 * J2))
        self.first, self.second = DiagonalGaussian(n_first), DiagonalGaussian(n_second)
        self.network = network
        super().__init__(n_first + n_second, parts={"first": self.first, "second": self.second,
                                                    "network": network})
        self.n_outputs = self.first.n_outputs

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ N(0, I), of shape (K, B, J): first that of z1, then that of z2."""
        return rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        return Stack(self.first.given(h))

    def sample(self, q, eps):
        """z1 = mu1 + std1 * eps1, then z2 = mu2(z1) + std2(z1) * eps2."""
        eps1, eps2 = self._split(eps)
        z1, first = self.first.sample(q.first, eps1)
        h2, network = self.network.forward(z1)
        z2, second = self.second.sample(self.second.given(h2), eps2)
        return np.concatenate([z1, z2], axis=-1), DrawnStack(first, second, network)

    def at(self, q, z):
        z1, z2 = self._split(z)
        h2, network = self.network.forward(z1)
        return DrawnStack(self.first.at(q.first, z1), self.second.at(self.second.given(h2), z2),
                          network)

    def log_prob(self, drawn):
        """log q(z1|x) + log q(z2|z1), in nats: (K, B)."""
        return self.first.log_prob(drawn.first) + self.second.log_prob(drawn.second)

    def slope(self, drawn):
        # log q(z1|x) + log q(z2|z1): z2 stands still while z1 moves its q
        one = np.ones((*drawn.second.eps.shape[:-1], 1), drawn.second.eps.dtype)
        dh2 = self.second.backward(drawn.second, 0.0 * drawn.second.eps, score=one)
        return np.concatenate([self.first.slope(drawn.first) + self.network.pullback(dh2, drawn.network),
                               self.second.slope(drawn.second)], axis=-1)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        dz1, dz2 = self._split(dz)
        # z2 = mu2(z1) + std2(z1) * eps2, and log q(z2|z1). To the network's weights its density
        # speaks at a z that stands still; to z1 it speaks by the path: z1 moves.
        dh2 = self.second.backward(drawn.second, dz2, path, score)
        if np.array_equal(path, score):
            dz1 = dz1 + self.network.backward(dh2, drawn.network)
        else:
            self.network.accumulate(dh2, drawn.network)
            dh2 = self.second.backward(drawn.second, dz2, path, path)
            dz1 = dz1 + self.network.pullback(dh2, drawn.network)
        # z1 = mu1 + std1 * eps1, and log q(z1|x)
        return self.first.backward(drawn.first, dz1, path, score)

    def point(self, q):
        """The mean of z1, and that of z2 where z1 is at its own."""
        h2, _ = self.network.forward(q.first.mu)
        return np.concatenate([q.first.mu, self.second.given(h2).mu], axis=-1)

    def _split(self, z):
        return z[..., :self.first.n_latent], z[..., self.first.n_latent:]


class StackedNormal(Prior):
    """p(z) = p(z2) p(z1|z2), with p(z2) = N(0, I) and a diagonal Gaussian below it.

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
        n_first, n_second = _sizes(n_first, n_second, network, lambda J1, J2: (J2, 2 * J1))
        self.first, self.second = DiagonalGaussian(n_first), StandardNormal(n_second)
        self.network = network
        super().__init__(n_first + n_second, parts={"first": self.first, "second": self.second,
                                                    "network": network})

    def given(self, condition, model):
        posterior = getattr(model, "posterior", None)          # of a pair by itself there is no model
        ours = self.first.n_latent, self.second.n_latent
        if isinstance(posterior, StackedGaussian):
            theirs = posterior.first.n_latent, posterior.second.n_latent
            if theirs != ours:
                raise ValueError(f"prior has n_first={ours[0]}, n_second={ours[1]}: {theirs[0]} and "
                                 f"{theirs[1]} were expected, as in the posterior")
        return super().given(condition, model)

    def sample(self, rng, n, dtype=np.float32):
        z2 = self.second.sample(rng, n, dtype)
        first = self.first.given(self.network.forward(z2)[0])
        z1, _ = self.first.sample(first, self.first.draw_noise(rng, 1, n, dtype)[0])
        return np.concatenate([z1, z2], axis=-1)

    def log_prob(self, z):
        """log p(z1|z2) + log p(z2), in nats: (..., J) -> (...); and a cache."""
        z1, z2 = z[..., :self.first.n_latent], z[..., self.first.n_latent:]
        h, network = self.network.forward(z2)
        first = self.first.at(self.first.given(h), z1)
        log_pz2, second = self.second.log_prob(z2)
        return self.first.log_prob(first) + log_pz2, (first, second, network)

    def backward(self, dlog_pz, cache):
        first, second, network = cache
        weight = dlog_pz[..., None]
        # log p(z1|z2), in z1, and in what the network makes of z2
        dz1 = weight * self.first.slope(first)
        dh = self.first.backward(first, 0.0 * dz1, score=weight)
        # log p(z2), and what z2 does to p(z1|z2)
        dz2 = self.second.backward(dlog_pz, second) + self.network.backward(dh, network)
        return np.concatenate([dz1, dz2], axis=-1)


def _sizes(n_first, n_second, network, widths):
    """The sizes as Python's integers; the network takes and gives so many numbers as widths says."""
    n_first, n_second = check_count(n_first, "n_first"), check_count(n_second, "n_second")
    check_width(network, "network", *widths(n_first, n_second))
    return n_first, n_second
