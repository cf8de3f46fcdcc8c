"""p(x|z) for counts: 0, 1, 2, ...

Both masses are written by deviances, of which each says what it costs that a count is not the mean
(`npvae.distributions.gammas`): large terms that cancel each other, such as log x!, are not in them.
What is left to cancel is x - mu. So all is computed in float64, whatever the dtype of y.
"""

import numpy as np

from npvae.distributions.gammas import deviance, log_peak, stirling, stirling_slope
from npvae.distributions.roles import Likelihood
from npvae.inputs import check_range


def check_counts(x, name):
    """Raise ValueError where x holds something else than 0, 1, 2, ..."""
    check_range(x, name, 0.0, np.inf, "counts of at least 0 were expected")
    if (x != np.floor(x)).any():
        raise ValueError(f"{name} holds {x[x != np.floor(x)][0]:g}: whole numbers were expected")


def exp_of(y):
    """exp(y) in float64, or complex128."""
    return np.exp(y.astype(np.result_type(y, np.float64)))


class Poisson(Likelihood):
    """x ~ Poisson(mu), whose variance is mu, too; y = log mu. A mass.

    log p(x) = x y - exp(y) - log x!
             = (x log x - x - log x!) - (x log(x / mu) - (x - mu)):

    the value at the mean that suits x best, mu = x, less the deviance.

    Finite, in float32, for counts up to 1e9 and |log mu| up to 20. There value and gradient are off by
    2e-6 of their size at most, or of 1 where that is more.
    """

    measure = "mass"

    def check(self, x, name):
        check_counts(x, name)

    def log_terms(self, x, y):
        mu = exp_of(y)
        excess = x - mu
        return (log_peak(x) - deviance(x, mu, excess)).astype(y.dtype), excess

    def backward_terms(self, dterms, excess):
        # d log p / d log mu = x - mu
        return (dterms * excess).astype(dterms.dtype)

    def mean(self, y):
        return np.exp(y)

    def sample(self, rng, y):
        return rng.poisson(exp_of(y)).astype(y.dtype)

    def constant(self, x):
        return np.log(np.maximum(x.mean(axis=0), 1e-9))


class NegativeBinomial(Likelihood):
    """Counts with mean mu and variance mu + mu^2 / theta; y is (log mu, log theta), of width 2 D.
    A mass.

    A Poisson whose rate is itself drawn from a Gamma distribution; as theta grows, it becomes the
    Poisson.

        log p(x) = log Gamma(x + theta) - log Gamma(theta) - log x!
                   + x log(mu / (theta + mu)) + theta log(theta / (theta + mu)).

    For a theta of 1e8 the two log Gammas are near 1.7e9, and nothing would be left of their
    difference. So it is written in another way. In two parts that are as mu to theta, x + theta is

        m = (x + theta) mu / (theta + mu),    and (x + theta) theta / (theta + mu),

    which would be x and theta if x were mu. With the deviances of x and of theta from these,

        log p(x) = log_peak(x) - deviance(x, m) - deviance(theta, x + theta - m)
                   + log(theta / (x + theta)) / 2 + stirling(x + theta) - stirling(theta).

    The last three terms, and the deviance of theta, vanish as theta grows: what is left is the
    Poisson's.

    Finite, in float32, for counts up to 1e6, |log mu| up to 12 and log theta of -10 to 20. There value
    and gradient are off by 2e-6 of their size at most, or of 1 where that is more.
    """

    measure = "mass"

    def check(self, x, name):
        check_counts(x, name)

    def n_outputs(self, n_data):
        return 2 * n_data

    def log_terms(self, x, y):
        mu, theta = np.split(exp_of(y), 2, axis=-1)
        total = x + theta
        excess = (x - mu) / (1.0 + mu / theta)                 # x - m, and what theta lacks
        part = total / (theta + mu)
        of_theta = deviance(theta, theta * part, -excess)
        terms = (log_peak(x) - deviance(x, mu * part, excess) - of_theta
                 + 0.5 * np.log(theta / total) + stirling(total) - stirling(theta))
        return terms.astype(y.dtype), (x, theta, total, excess, of_theta)

    def backward_terms(self, dterms, cache):
        # d log p / d log mu = x - m. In log theta, both deviances together have for their derivative
        # that of theta, itself
        x, theta, total, excess, of_theta = cache
        dlog_theta = (0.5 * x / total + theta * (stirling_slope(total) - stirling_slope(theta))
                      - of_theta)
        return np.concatenate([dterms * excess, dterms * dlog_theta], axis=-1).astype(dterms.dtype)

    def mean(self, y):
        return np.exp(y[..., :y.shape[-1] // 2])

    def sample(self, rng, y):
        mu, theta = np.split(exp_of(y), 2, axis=-1)
        return rng.poisson(rng.gamma(theta, mu / theta)).astype(y.dtype)

    def constant(self, x):
        log_mean = np.log(np.maximum(x.mean(axis=0), 1e-9))
        return self.climb(x, np.concatenate([log_mean, np.zeros_like(log_mean)]))
