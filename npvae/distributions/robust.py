"""p(x|z) with heavier tails than the Gaussian's: a row that is far off pulls less."""

import math

import numpy as np

from npvae.distributions.roles import Likelihood
from npvae.inputs import check_positive
from npvae.numerics import absolute


class Laplace(Likelihood):
    """x ~ Laplace(location, scale), each x_d by itself, with one fixed scale; y are the locations.

    -log p(x) is the absolute error divided by the scale, plus a constant. Its gradient is as large
    for an error of 100 as for one of 1, and its best constant output is the median. (At an error
    of zero, where the density has its peak, the gradient is taken to be zero.)

    Finite, in float32, for |x| and |location| up to 1e30, at scales of 1e-4 to 1e4.

    Parameters
    ----------
    scale : float
        b, positive. The variance is 2 b^2.
    """

    def __init__(self, scale=1.0):
        check_positive(scale, "scale")
        super().__init__()
        self.scale = float(scale)

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
