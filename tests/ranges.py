"""What the tests of float32 ranges are made of: numbers of all sizes, and a computation for each role.

A test module that has a dict RANGES of rows has them tested by `test_ranges`.
"""

from typing import NamedTuple

import numpy as np

import npvae
from npvae.distributions.pairs import has_closed_form, kl, kl_backward
from npvae.gradcheck.rows import Sizes
from npvae.model import fields

SIZES = Sizes(K=3, B=4, D=784, J=50, H=(6,))         # D and J: long sums
K, B, D, J, _ = SIZES
MAX = float(np.finfo(np.float32).max)


class Draw:
    """Draws float32 arrays of numbers within a range; `reach` stretches the range."""

    def __init__(self, seed, reach=1.0):
        self.rng, self.reach = np.random.default_rng(seed), reach

    def upto(self, edge, *shape):
        """|value| up to the edge, log-uniformly over 60 decades; a third are at the ends, or 0."""
        edge = min(edge * self.reach, MAX)
        values = edge * 10.0 ** self.rng.uniform(-60, 0, shape) * self.rng.choice([-1, 1], shape)
        return self._with_ends(values, [-edge, 0.0, edge])

    def within(self, low, high, *shape):
        """low to high, uniformly; a third are at the ends, or in the middle."""
        low, high = low * self.reach, high * self.reach
        return self._with_ends(self.rng.uniform(low, high, shape), [low, 0.5 * (low + high), high])

    def _with_ends(self, values, ends):
        chosen = self.rng.random(values.shape) < 1 / 3
        values = np.where(chosen, self.rng.choice(ends, values.shape), values)
        return np.clip(values, -MAX, MAX).astype(np.float32)

    def bits(self, *shape):
        return self._with_ends(self.rng.random(shape), [0.0, 1.0])

    def normal(self, *shape):
        return self.rng.standard_normal(shape, np.float32)


class Row(NamedTuple):
    documented: object
    sentence: str
    compute: object           # compute(draw) -> arrays that have to be finite
    beyond: float = 0.0       # how far beyond the edge the promise is broken; 0: nothing is beyond


def elementwise(function, edge):
    return lambda draw: [function(draw.upto(edge, 50))]


def of_layer(make, x_shape, edge):
    def compute(draw):
        layer = make(np.random.default_rng(0))
        for values in layer.blocks().values():
            values[...] = draw.upto(edge, *values.shape)
        y, cache = layer.forward(draw.upto(edge, *x_shape))
        dx = layer.backward(draw.upto(edge, *y.shape), cache)
        return [y, dx, *layer.gradients().values()]
    return compute


def of_activation(kind, edge):
    """|dy| up to 1e35."""
    def compute(draw):
        y, cache = kind().forward(draw.upto(edge, 4, 50))
        return [y, kind().pullback(Draw(0).upto(1e35, 4, 50), cache)]
    return compute


def of_posterior(make, draw_h, edge_dz):
    """Sampling, density and divergence, and the gradients of all three at once."""
    def compute(draw):
        posterior, prior = make()
        h = draw_h(draw)
        q = posterior.given(h)
        eps = posterior.draw_noise(draw.rng, SIZES.K, SIZES.B)
        z, drawn = posterior.sample(q, eps)
        dz = Draw(draw.rng.integers(99)).upto(edge_dz, *z.shape)
        weights = np.full((SIZES.K, SIZES.B, 1), 1 / 12, np.float32)
        results = [*dict(fields(q)).values(), z, posterior.backward(drawn, dz)]
        if posterior.has_density:
            results += [posterior.log_prob(drawn),
                        posterior.backward(drawn, dz, weights, weights),
                        posterior.backward(drawn, dz, weights, 0.0 * weights)]
        if has_closed_form(q, prior):
            rate, cache = kl(q, prior)
            results += [rate, kl_backward(np.ones_like(rate), cache)[0]]
        return [np.asarray(result) for result in results] + list(posterior.gradients().values())
    return compute


def of_prior(make, draw_z):
    def compute(draw):
        prior, z = make(draw), draw_z(draw)
        log_pz, cache = prior.log_prob(z)
        return [log_pz, prior.backward(np.ones_like(log_pz), cache), *prior.gradients().values()]
    return compute


def of_likelihood(make, draw_x, draw_y, logvar=None, scale=None):
    def compute(draw):
        likelihood, x, y = make(), draw_x(draw), draw_y(draw)
        if logvar:
            likelihood.logvar = draw.within(-logvar, logvar, 1)
        if scale:
            likelihood.s = scale(draw)
        log_px, cache = likelihood.log_prob(x, y)
        dy = likelihood.backward(np.ones_like(log_px), cache)
        sample = likelihood.sample(draw.rng, y)
        return [log_px, dy, likelihood.mean(y), sample, *likelihood.gradients().values()]
    return compute


def of_objective(make, edge=1e30):
    def compute(draw):
        objective = make()
        log_px = draw.upto(edge, SIZES.K, SIZES.B)
        sampled = isinstance(objective.cost, npvae.SampledKL)
        rate = draw.upto(edge, *(log_px.shape if sampled else (SIZES.B, SIZES.J)))
        return [np.asarray(value) for value in objective(log_px, rate) if value is not None]
    return compute


mu_and_logvar = lambda draw: np.concatenate([draw.upto(1e15, B, J), draw.within(-80, 80, B, J)], -1)
medium = lambda draw: np.concatenate([draw.upto(1e8, B, J), draw.within(-20, 20, B, J)], -1)
