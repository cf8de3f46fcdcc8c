"""Densities that bend: an invertible f moves them, and log |det df/dz| says by how much they thin.

    posterior:   z = f(z0), with z0 of a diagonal Gaussian:  log q(z|x) = log q0(z0|x) - log |det df/dz0|
    prior:       f(z) is of N(0, I):                         log p(z) = log N(f(z)) + log |det df/dz|

f is learned with everything else. Training asks for one direction of it only: the posterior's goes
from the noise to z, the prior's from z to the noise.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions.posteriors import DiagonalGaussian, Drawn, Gaussian
from npvae.distributions.priors import StandardNormal
from npvae.distributions.roles import Posterior, Prior, as_h
from npvae.distributions.transforms import Flow
from npvae.inputs import check_count


class Flowed(NamedTuple):
    """The parameters of q(z|x): those of z0, and what the encoder tells the transforms (B, C)."""

    base: Gaussian
    context: np.ndarray


class DrawnFlow(NamedTuple):
    """z = f(z0): z0 as it was drawn, the log-determinant (K, B), and the cache of f."""

    base: Drawn
    log_det: np.ndarray
    cache: list


class FlowGaussian(Posterior):
    """q(z|x) of z = f(z0), with z0 from a diagonal Gaussian and f a chain of transforms.

    The encoder's output is (mu, logvar, context): the context is an input of every transform. A
    planar flow has no inverse in closed form; with one, log q(z|x) is known at the z that were drawn,
    only: that is all that training and log p(x) ask for.

    Finite, in float32, for |mu| and |context| up to 1e8 and logvar of -20 to 20, as f is drawn.

    Parameters
    ----------
    n_latent : int
        J.
    flows : str
        The transforms, in the order in which z0 goes through them, of "coupling", "iaf", "planar".
        Of couplings and of iaf two at least, so that each dimension is moved with regard to another.
    n_hidden : int
        Units of the network in each coupling and iaf.
    n_context : int
        C, how many numbers the encoder gives to the transforms.
    seed : int
        Of the transforms' weights.

    References
    ----------
    Rezende and Mohamed (2015), eq. 7 for the density after a chain of transforms. Kingma et al.
    (2016), Algorithm 1 for the context.
    """

    def __init__(self, n_latent, flows="coupling coupling", n_hidden=50, n_context=10, seed=0):
        n_latent, n_context = check_count(n_latent, "n_latent"), check_count(n_context, "n_context")
        self.base = DiagonalGaussian(n_latent)
        self.flow = Flow(flows, n_latent, n_context, n_hidden, seed)
        super().__init__(n_latent, parts={"base": self.base, "flow": self.flow})
        self.n_outputs = self.base.n_outputs + n_context

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        return self.base.draw_noise(rng, n_samples, n_batch, dtype)

    def given(self, h):
        return Flowed(self.base.given(h[..., :self.base.n_outputs]), h[..., self.base.n_outputs:])

    def sample(self, q, eps):
        """z = f(mu + std * eps), of shape (K, B, J)."""
        z0, base = self.base.sample(q.base, eps)
        z, log_det, cache = self.flow.forward(*with_context(z0, q.context))
        return z, DrawnFlow(base, log_det, cache)

    def at(self, q, z):
        z, context = with_context(z, q.context)
        z0 = self.flow.inverse(z, context)
        _, log_det, cache = self.flow.forward(z0, context)
        return DrawnFlow(self.base.at(q.base, z0), log_det, cache)

    def log_prob(self, drawn):
        """log q0(z0|x) - log det, in nats: (K, B)."""
        return self.base.log_prob(drawn.base) - drawn.log_det

    def slope(self, drawn):
        return self.flow.push(self.base.slope(drawn.base), drawn.cache)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        # Both weights of log q along the same way: z is moved by dz, log q weighs as the score does,
        # and what the path has more than the score is the slope of log q, which moves z too.
        if not np.array_equal(path, score):
            dz = dz + (path - score) * self.slope(drawn)
        # log q(z|x) = log q0(z0|x) - log det,   z = f(z0, context)
        dlog_det = (-score * np.ones((*dz.shape[:-1], 1), dz.dtype))[..., 0]
        dz0, dcontext = self.flow.backward(dz, dlog_det, drawn.cache)
        dh = self.base.backward(drawn.base, dz0, score, score)
        return np.concatenate([dh, as_h(dcontext, dh)], axis=-1)

    def point(self, q):
        """f at the mean of z0. (The mean of z is not known.)"""
        return self.sample(q, np.zeros_like(q.base.mu))[0]


def with_context(z, context):
    """z (K, B, J), and the context of each z (K, B, C): the same for all K."""
    leading = np.broadcast_shapes(z.shape[:-1], context.shape[:-1])
    return [np.broadcast_to(a, (*leading, a.shape[-1])) for a in (z, context)]


class RealNVP(Prior):
    """log p(z) = log N(f(z); 0, I) + log |det df/dz|, with f a chain of affine couplings.

    A draw is the inverse of f at a draw from N(0, I).

    Finite, in float32, for |z| up to 1e8, as f is drawn.

    Parameters
    ----------
    n_latent : int
        J, at least 2: a coupling moves one half with regard to the other.
    n_flows : int
        How many couplings.
    n_hidden : int
        Units of the network in each.
    seed : int
        Of their weights.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP".
    """

    def __init__(self, n_latent, n_flows=4, n_hidden=50, seed=0):
        n_latent = check_count(n_latent, "n_latent", least=2)
        n_flows = check_count(n_flows, "n_flows")
        self.base = StandardNormal(n_latent)
        self.flow = Flow(" ".join(["coupling"] * n_flows), n_latent, 0, n_hidden, seed)
        super().__init__(n_latent, parts={"base": self.base, "flow": self.flow})

    def sample(self, rng, n, dtype=np.float32):
        u = self.base.sample(rng, n, dtype)
        return self.flow.inverse(u, u[..., :0])

    def log_prob(self, z):
        u, log_det, of_flow = self.flow.forward(z, z[..., :0])            # without a context
        log_pu, of_base = self.base.log_prob(u)
        return log_pu + log_det, (of_base, of_flow)

    def backward(self, dlog_pz, cache):
        # log p(z) = log N(u) + log det,   u = f(z)
        of_base, of_flow = cache
        du = self.base.backward(dlog_pz, of_base)
        return self.flow.backward(du, dlog_pz, of_flow)[0]
