"""A posterior that bends: z = f(z0), with z0 from a diagonal Gaussian and f invertible.

    log q(z|x) = log q0(z0|x) - log |det df/dz0|

f is learned with everything else, and it is a chain of transforms. Each has a forward verb, which
also gives the log-determinant of its Jacobian, and a backward verb, as a layer has; and `push`,
which takes the slope of a log density from its input to its output.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions.posteriors import DiagonalGaussian, Drawn, Gaussian
from npvae.distributions.roles import Posterior
from npvae.inputs import check_count
from npvae.networks.parameters import Module, block
from npvae.numerics import sigmoid, softplus


class Planar(Module):
    """f(z) = z + u tanh(w.z + b): space is pushed along u, most where the plane w.z + b = 0 is.

    det df/dz = 1 + (1 - tanh^2) w.u, which is positive for all z if w.u > -1. So u is not learned
    itself, but v with u = v + (softplus(w.v) - 1 - w.v) w / |w|^2, whose w.u is softplus(w.v) - 1.

    Finite, in float32, for |z|, |w|, |v| and |b| up to 1e8, where |w| is at least 1e-8.

    Parameters
    ----------
    n_latent : int
    seed : int
        Of the first w and v; both are small, so f begins near the identity.

    References
    ----------
    Rezende and Mohamed (2015), eq. 10 to 12, and appendix A.1 for u.
    """

    w, dw = block("w")
    v, dv = block("v")
    b, db = block("b")

    def __init__(self, n_latent, seed=0):
        w, v = np.random.default_rng(seed).normal(0.0, 0.1, (2, n_latent)).astype(np.float32)
        super().__init__({"w": w, "v": v, "b": np.zeros(1, np.float32)})

    def forward(self, z):
        """f(z) (..., J), log det df/dz (...), and a cache."""
        wv, ww = self.w @ self.v, self.w @ self.w
        u = self.v + (softplus(wv) - 1.0 - wv) / ww * self.w
        t = np.tanh(z @ self.w + self.b)
        slope = 1.0 - t * t                                     # of tanh
        det = 1.0 + slope * (softplus(wv) - 1.0)
        return z + t[..., None] * u, np.log(det), (z, u, t, slope, det)

    def backward(self, dy, dlog_det, cache):
        """The gradient in z, given those in f(z) and in the log-determinant."""
        z, u, t, slope, det = cache
        wv, ww = self.w @ self.v, self.w @ self.w
        # log det = log(1 + (1 - t^2) wu),   wu = softplus(w.v) - 1
        wu, ddet = softplus(wv) - 1.0, dlog_det / det
        dwu = (ddet * slope).sum()
        # y = z + t u,   t = tanh(a),   a = w.z + b
        da = slope * (dy @ u - 2.0 * t * wu * ddet)
        du = (dy * t[..., None]).reshape(-1, u.size).sum(axis=0)
        self.db += da.sum()
        # u = v + s w,   s = (softplus(w.v) - 1 - w.v) / w.w
        s, ds = (wu - wv) / ww, du @ self.w
        dwv = dwu * sigmoid(wv) + ds / ww * (sigmoid(wv) - 1.0)
        self.dv += du + dwv * self.w
        self.dw += ((da[..., None] * z).reshape(-1, u.size).sum(axis=0)
                    + s * du + dwv * self.v - 2.0 * s * ds / ww * self.w)
        return dy + da[..., None] * self.w

    def push(self, slope_z, cache):
        """From the slope of log q in z to that in f(z): J^-T (slope - d log det / dz)."""
        z, u, t, slope, det = cache
        wu = softplus(self.w @ self.v) - 1.0
        g = slope_z + (2.0 * t * slope * wu / det)[..., None] * self.w
        # J^T = 1 + (1 - t^2) w u^T, whose inverse takes away what it adds
        return g - (slope * (g @ u) / det)[..., None] * self.w


class Flowed(NamedTuple):
    """The parameters of q(z|x): those of z0."""

    base: Gaussian


class DrawnFlow(NamedTuple):
    """z = f(z0): z0 as it was drawn, the sum of the log-determinants (K, B), and the caches."""

    base: Drawn
    log_det: np.ndarray
    caches: list


class PlanarGaussian(Posterior):
    """q(z|x) of z = f(z0), with z0 from a diagonal Gaussian and f of planar transforms.

    The transforms are the same for all x. They have no inverse in closed form, so log q(z|x) is
    known at the z that were drawn, only: that is all that training and log p(x) ask for.

    Finite, in float32, for |mu| up to 1e8 and logvar of -20 to 20, as f is drawn.

    Parameters
    ----------
    n_latent : int
    n_flows : int
        How many planar transforms.
    seed : int
        Of the first one; each has the next.

    References
    ----------
    Rezende and Mohamed (2015), eq. 13 for the density after a chain of transforms.
    """

    def __init__(self, n_latent, n_flows=4, seed=0):
        n_latent, n_flows = check_count(n_latent, "n_latent"), check_count(n_flows, "n_flows")
        seed = check_count(seed, "seed", least=0)
        self.base = DiagonalGaussian(n_latent)
        self.flows = [Planar(n_latent, seed + i) for i in range(n_flows)]
        super().__init__(n_latent, parts={"base": self.base,
                                          **{str(i): flow for i, flow in enumerate(self.flows)}})

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        return self.base.draw_noise(rng, n_samples, n_batch, dtype)

    def given(self, h):
        return Flowed(self.base.given(h))

    def sample(self, q, eps):
        """z = f_n(... f_1(mu + std * eps)), of shape (K, B, J)."""
        z, base = self.base.sample(q.base, eps)
        log_det, caches = 0.0, []
        for flow in self.flows:
            z, more, cache = flow.forward(z)
            log_det = log_det + more
            caches.append(cache)
        return z, DrawnFlow(base, log_det, caches)

    def log_prob(self, drawn):
        """log q0(z0|x) - log det, in nats: (K, B)."""
        return self.base.log_prob(drawn.base) - drawn.log_det

    def slope(self, drawn):
        slope = self.base.slope(drawn.base)
        for flow, cache in zip(self.flows, drawn.caches):
            slope = flow.push(slope, cache)
        return slope

    def backward(self, drawn, dz, path=0.0, score=0.0):
        # Both weights of log q along the same way: z is moved by dz, log q weighs as the score does,
        # and what the path has more than the score is the slope of log q, which moves z too.
        if not np.array_equal(path, score):
            dz = dz + (path - score) * self.slope(drawn)
        # log q(z|x) = log q0(z0|x) - sum of log det,   z = f_n(... f_1(z0))
        dlog_det = -score * np.ones((*dz.shape[:-1], 1), dz.dtype)
        for flow, cache in zip(reversed(self.flows), reversed(drawn.caches)):
            dz = flow.backward(dz, dlog_det[..., 0], cache)
        return self.base.backward(drawn.base, dz, score, score)

    def point(self, q):
        """f at the mean of z0. (The mean of z is not known.)"""
        return self.sample(q, np.zeros_like(q.base.mu))[0]
