"""p(x|z) for tables: a scale for each column, learned.

Columns that were standardized still differ in how well the code explains them. Under one variance
for all (`TiedGaussian`) an error of 0.1 costs the same in a column that is known to 0.01 as in one
that is known to 1. With a scale of its own each column is judged by what is usual in it.

Both likelihoods below are those whose scale comes from the decoder (`HeteroscedasticGaussian`,
`StudentT`), with that half of the output, s, a block of their own, which is the same for all z.
"""

import math

import numpy as np

from npvae.distributions.likelihoods import HeteroscedasticGaussian
from npvae.distributions.robust import StudentT
from npvae.distributions.roles import Likelihood
from npvae.inputs import check_count, check_positive
from npvae.networks.parameters import block


class OneScaleAColumn:
    """What the two share: y, of width D, is joined with s (D,) to the output (y, s) of `given_both`."""

    s, ds = block("s")

    def n_outputs(self, n_data):
        if n_data != self.n_data:
            raise ValueError(f"n_data is {n_data}: {self.n_data} was expected, as the likelihood has "
                             "columns")
        return n_data

    def with_scale(self, y):
        """(y, s), of width 2 D."""
        return np.concatenate([y, np.broadcast_to(self.s, y.shape)], axis=-1)

    def log_terms(self, x, y):
        return self.given_both.log_terms(x, self.with_scale(y))

    def backward_terms(self, dterms, cache):
        # log p = that of given_both at (y, s), with one s for all (K, B)
        dy, ds = np.split(self.given_both.backward_terms(dterms, cache), 2, axis=-1)
        self.ds += ds.reshape(-1, self.n_data).sum(axis=0)
        return dy

    def mean(self, y):
        return y

    def sample(self, rng, y):
        return self.given_both.sample(rng, self.with_scale(y))


class DiagonalGaussian(OneScaleAColumn, Likelihood):
    """x ~ N(mean, diag(variance)), with one variance for each column, learned; y are the means.

    variance = floor + exp(s). With a linear decoder this is factor analysis. The likelihood owns
    one block, s (D,); the best variance of a column is its mean squared error.

    Finite, in float32, for |x| and |mean| up to 1e12 and s up to 80, at floors from 1e-4.

    Parameters
    ----------
    n_data : int
        D, the number of columns.
    variance : float
        Where the learning starts, positive; above the floor.
    floor : float
        The smallest variance, positive: without one, the density of a column that the code explains
        exactly grows without bound. 1e-4 is a deviation of 0.01, a hundredth of a standardized column's.

    References
    ----------
    Kingma and Welling (2014), appendix C.2, eq. 12, with a variance that does not depend on z.
    """

    def __init__(self, n_data, variance=1.0, floor=1e-4):
        self.n_data, self.given_both = check_count(n_data, "n_data"), HeteroscedasticGaussian(floor)
        super().__init__({"s": initial(self, variance, "variance")})

    def constant(self, x):
        return x.mean(axis=0)


class DiagonalStudentT(OneScaleAColumn, Likelihood):
    """x ~ location + scale * t, with one scale for each column, learned; y are the locations.

    t is of Student's distribution, each column by itself, and scale = floor + exp(s). The likelihood
    owns one block, s (D,). A row that is far off pulls less than under a Gaussian: a few wild rows
    among the normal ones do not widen the scale of all.

    Finite, in float32, for |x| and |location| up to 1e12 and s of -1e9 to 40, at floors from 1e-3.

    Parameters
    ----------
    n_data : int
        D, the number of columns.
    df : float
        The degrees of freedom, above 1, and fixed. As they grow, it becomes the Gaussian.
    scale : float
        Where the learning starts, positive; above the floor.
    floor : float
        The smallest scale, positive.
    """

    def __init__(self, n_data, df=4.0, scale=1.0, floor=1e-2):
        self.n_data, self.given_both = check_count(n_data, "n_data"), StudentT(df, floor)
        super().__init__({"s": initial(self, scale, "scale")})

    def constant(self, x):
        return self.climb(x, np.median(x, axis=0))


def initial(likelihood, value, name):
    """s (D,) for a variance or a scale of `value` in each column."""
    floor, value = likelihood.given_both.floor, check_positive(value, name)
    if value <= floor:
        raise ValueError(f"{name} is {value} and floor is {floor}: a larger {name} was expected")
    return np.full(likelihood.n_data, math.log(value - floor), np.float32)
