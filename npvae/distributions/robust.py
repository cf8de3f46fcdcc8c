"""p(x|z) with heavier tails than the Gaussian's: a row that is far off pulls less."""

import math

import numpy as np

from npvae.distributions.gammas import HALF_LOG_2PI, stirling
from npvae.distributions.roles import Likelihood
from npvae.inputs import check_number, check_positive
from npvae.numerics import absolute


class Laplace(Likelihood):
    """x ~ Laplace(location, scale), each x_d by itself, with one fixed scale; y are the locations.

    -log p(x) is the absolute error divided by the scale, plus a constant. Its gradient is as large
    for an error of 100 as for one of 1, and its best constant output is the median. (At an error
    of zero, where the density has its peak, the gradient is taken to be zero.)

    Finite, in float32, for |x| and |location| up to 1e30, at scales of 1e-4 to 1e4. There value and
    gradient are off by 2e-6 of their size at most, or of 1 where that is more.

    Parameters
    ----------
    scale : float
        b, positive. The variance is 2 b^2.
    """

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = check_positive(scale, "scale")

    def log_terms(self, x, location):
        error = x - location
        return -absolute(error) / self.scale - math.log(2.0 * self.scale), error

    def backward_terms(self, dterms, error):
        # log p = -|x - location| / b - log 2b
        return dterms * (np.sign(error.real).astype(error.dtype) / self.scale)

    def mean(self, location):
        return location

    def sample(self, rng, location):
        return location + rng.laplace(0.0, self.scale, location.shape).astype(location.dtype)

    def constant(self, x):
        return np.median(x, axis=0)


class StudentT(Likelihood):
    """x ~ location + scale * t, each x_d by itself, t of Student's distribution; y is (location, r).

    scale = floor + exp(r), from the decoder, so y has the width 2 D. The pull of an error grows with
    it up to about sqrt(df) scales, and falls again beyond: a row that is far off is let go.

    Finite, in float32, for |x| and |location| up to 1e12 and r of -1e9 to 40, at floors from 1e-3 and
    df up to 1e12. There value and gradient are off by 2e-6 of their size at most, or of 1 where that
    is more.

    Parameters
    ----------
    df : float
        The degrees of freedom, above 1, and fixed. As they grow, it becomes the Gaussian.
    floor : float
        The smallest scale, positive: without one, the density of a column that never changes grows
        without bound.
    """

    def __init__(self, df=4.0, floor=1e-3):
        super().__init__()
        self.df = check_number(df, "df", lambda v: 1 < v < math.inf, "a finite number above 1")
        self.floor = check_positive(floor, "floor")

    def n_outputs(self, n_data):
        return 2 * n_data

    def log_terms(self, x, y):
        location, r = np.split(y, 2, axis=-1)
        exp_r = np.exp(r)
        scale = self.floor + exp_r
        u = (x - location) / scale
        terms = self.log_top() - np.log(scale) - 0.5 * (self.df + 1.0) * np.log1p(u * u / self.df)
        return terms, (u, scale, exp_r)

    def log_top(self):
        """log of the density at its top, for a scale of 1: with h = df / 2,

        log Gamma(h + 1/2) - log Gamma(h) - log(2 pi h) / 2, without what cancels where h is large.
        """
        h = np.float64(0.5 * self.df)
        return float(h * np.log1p(0.5 / h) - 0.5 + stirling(h + 0.5) - stirling(h) - HALF_LOG_2PI)

    def backward_terms(self, dterms, cache):
        # log p = log top - log scale - (df + 1) / 2 log(1 + u^2 / df),   u = (x - location) / scale
        u, scale, exp_r = cache
        pull = (self.df + 1.0) * u / (self.df + u * u)
        dlocation = dterms * pull / scale
        dscale = dterms * (pull * u - 1.0) / scale
        return np.concatenate([dlocation, dscale * exp_r], axis=-1)

    def mean(self, y):
        return y[..., :y.shape[-1] // 2]

    def sample(self, rng, y):
        location, r = np.split(y, 2, axis=-1)
        t = rng.standard_t(self.df, location.shape).astype(y.dtype)
        return location + (self.floor + np.exp(r)) * t

    def constant(self, x):
        deviation = np.maximum(x.std(axis=0), self.floor)
        return self.climb(x, np.concatenate([np.median(x, axis=0), np.log(deviation)]))
