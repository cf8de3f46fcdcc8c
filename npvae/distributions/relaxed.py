"""Relaxed symbols, by which a code of categories has a path: the Gumbel-softmax.

y = softmax((logits + eps) / temperature), with Gumbel noise eps, is a point of the simplex, which
moves with the logits. As the temperature goes to zero it becomes, on the same noise, the exact symbol
of `categories`.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.distributions.categories import check_categories, check_sizes, flat, softmax, symbols
from npvae.distributions.posteriors import Drawn
from npvae.distributions.roles import Posterior, Prior, as_h
from npvae.inputs import check_count, check_positive
from npvae.networks.layers import Layer
from npvae.networks.parameters import block
from npvae.numerics import log_sum_exp


class Softmax(Layer):
    """y = exp(x) in parts of its sum, for C numbers at a time: (..., N C) -> (..., N C).

    What a decoder of relaxed symbols begins with, for their z is log y, up to a constant.

    Finite, in float32, for |x| up to 1e38.

    Parameters
    ----------
    n_categories : int
        C.
    """

    def __init__(self, n_categories):
        super().__init__()
        self.n_categories = check_count(n_categories, "n_categories", least=2)

    def forward(self, x):
        if x.shape[-1] % self.n_categories:
            raise ValueError(f"x has shape {x.shape}: a multiple of {self.n_categories} was expected "
                             "along the last axis")
        y = softmax(symbols(x, self.n_categories))
        return flat(y), y

    def pullback(self, dy, y):
        # y = exp(x) / sum exp(x)
        dy = symbols(dy, self.n_categories)
        return flat(y * (dy - (y * dy).sum(axis=-1, keepdims=True)))


class Relaxed(NamedTuple):
    """The parameters of N relaxed symbols, each (..., J)."""

    logits: np.ndarray
    mu: np.ndarray
    std: np.ndarray


class GumbelSoftmax(Posterior):
    """Relaxed symbols: y = softmax((logits + eps) / temperature), with Gumbel noise eps.

    Whatever the temperature, the largest number of y is that of category c with probability
    softmax(logits)_c. z is log y less its mean over the C categories, and in it nothing saturates; the
    decoder begins with a `Softmax`, which makes y of it.

    Finite, in float32, for |logits| up to 1e35, at temperatures from 0.01.

    Parameters
    ----------
    n_latent : int
        J = N C.
    n_categories : int
        C, of each symbol. It divides n_latent.
    temperature : float
        Positive.

    Notes
    -----
    C numbers that sum to zero have C - 1 degrees of freedom. log q(z|x) is the density of the
    differences z_c - z_C (in which the volume is that of y divided by the product of all y_c), so
    that a constant added to all C changes nothing. With C = 2 the difference is a `Concrete` bit.

    References
    ----------
    Jang, Gu and Poole (2017); Maddison, Mnih and Teh (2017), who call it ExpConcrete.
    """

    outputs_per_latent = 1
    codes = "relaxed symbols"

    def __init__(self, n_latent, n_categories=2, temperature=2 / 3):
        super().__init__(n_latent)
        self.n_categories = check_categories(n_categories, self.n_latent)
        self.temperature = check_positive(temperature, "temperature")

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ Gumbel(0, 1), of shape (K, B, J)."""
        return rng.gumbel(size=(n_samples, n_batch, self.n_latent)).astype(dtype)

    def given(self, h):
        # a Gumbel variable has the variance pi^2 / 6; less the mean of C it is 1 - 1 / C of that
        std = math.pi / self.temperature * math.sqrt((1.0 - 1.0 / self.n_categories) / 6.0)
        mu = self.centred(h) / self.temperature
        return Relaxed(logits=h, mu=mu, std=np.full_like(h, std))

    def centred(self, a):
        """a less its mean over the categories of each symbol."""
        a = symbols(a, self.n_categories)
        return flat(a - a.mean(axis=-1, keepdims=True))

    def tangent(self, v):
        return self.centred(v)

    def sample(self, q, eps):
        """z = (logits + eps) / temperature, less its mean over the categories: (K, B, J)."""
        return self.centred(q.logits + eps) / self.temperature, Drawn(q, eps)

    def at(self, q, z):
        return Drawn(q, self.temperature * z - q.logits)         # up to a constant for each symbol

    def log_terms(self, drawn):
        """log q of each symbol: (K, B, N)."""
        return log_density(symbols(-drawn.eps, self.n_categories), self.temperature)

    def slope(self, drawn):
        # u = logits - temperature * z
        du = log_density_slope(symbols(-drawn.eps, self.n_categories))
        return -self.temperature * flat(du)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        # z = (logits + eps) / temperature, less its mean over the categories
        dlogits = self.centred(dz) / self.temperature
        # log q is a function of u = logits - temperature * z = -eps, up to a constant: by the score
        # the logits move u, by the path z moves it back
        if np.ndim(path) or np.ndim(score):
            du = flat(log_density_slope(symbols(-drawn.eps, self.n_categories)))
            dlogits = dlogits + (score - path) * du
        return as_h(dlogits, drawn.q.logits)

    def point(self, q):
        """The mean of z."""
        return q.mu


def log_density(u, temperature):
    """Of each relaxed symbol, with u = logits - temperature * z: (..., N, C) -> (..., N).

    lgamma(C) + (C - 1) log temperature + sum of u - C log sum exp(u).
    """
    C = u.shape[-1]
    constant = math.lgamma(C) + (C - 1) * math.log(temperature)
    return constant + u.sum(axis=-1) - C * log_sum_exp(u, axis=-1)


def log_density_slope(u):
    """The gradient of `log_density` in u: (..., N, C). It sums to zero over the categories."""
    return 1.0 - u.shape[-1] * softmax(u)


class GumbelSoftmaxPrior(Prior):
    """p(z): relaxed symbols, the prior of a `GumbelSoftmax` posterior; its logits are learned.

    They begin with the same probability for each category.

    Finite, in float32, for |z| up to 1e34 and |logits| up to 1e35, at temperatures up to 10.

    Parameters
    ----------
    n_latent : int
        J = N C.
    n_categories : int
        C, of each symbol. It divides n_latent.
    temperature : float
        Positive; it need not be the posterior's.

    Notes
    -----
    Block: logits (J,).
    """

    codes = "relaxed symbols"
    logits, dlogits = block("logits")

    def __init__(self, n_latent, n_categories=2, temperature=0.5):
        super().__init__(n_latent, {"logits": np.zeros(check_count(n_latent, "n_latent"), np.float32)})
        self.n_categories = check_categories(n_categories, self.n_latent)
        self.temperature = check_positive(temperature, "temperature")

    def given(self, condition, model):
        check_sizes(self, model)
        return self

    def sample(self, rng, n, dtype=np.float32):
        """Draw n codes, each symbol less its mean over the categories: (n, J)."""
        z = symbols(self.logits + rng.gumbel(size=(n, self.n_latent)), self.n_categories)
        return flat((z - z.mean(axis=-1, keepdims=True)) / self.temperature).astype(dtype)

    def log_prob(self, z):
        u = symbols(self.logits - self.temperature * z, self.n_categories)
        return log_density(u, self.temperature).sum(axis=-1), u

    def backward(self, dlog_pz, u):
        # u = logits - temperature * z
        du = dlog_pz[..., None] * flat(log_density_slope(u))
        self.dlogits += du.reshape(-1, self.n_latent).sum(axis=0)
        return -self.temperature * du
