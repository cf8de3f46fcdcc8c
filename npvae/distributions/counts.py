"""p(x|z) for counts: 0, 1, 2, ..."""

import numpy as np
from scipy import special

from npvae.distributions.roles import Likelihood
from npvae.inputs import check_range

LARGE = 15.0            # from here on Stirling's series of log gamma, to z^-9, is exact to 1e-15


def check_counts(x, name):
    """Raise ValueError where x holds something else than 0, 1, 2, ..."""
    check_range(x, name, 0.0, np.inf, "counts of at least 0 were expected")
    if (x != np.floor(x)).any():
        raise ValueError(f"{name} holds {x[x != np.floor(x)][0]:g}: whole numbers were expected")


class Poisson(Likelihood):
    """x ~ Poisson(mu), whose variance is mu, too; y = log mu.

    log p(x) = x y - exp(y) - log x!

    Finite, in float32, for counts up to 1e9 and |log mu| up to 20.
    """

    def check(self, x, name):
        check_counts(x, name)

    def log_terms(self, x, y):
        mu = np.exp(y)
        return x * y - mu - special.gammaln(x + 1.0), (x, mu)

    def backward_terms(self, dterms, cache):
        # d log p / d log mu = x - mu
        x, mu = cache
        return dterms * (x - mu)

    def mean(self, y):
        return np.exp(y)

    def sample(self, rng, y):
        return rng.poisson(np.exp(y.astype(np.float64))).astype(y.dtype)

    def constant(self, x):
        return np.log(np.maximum(x.mean(axis=0), 1e-9))


class NegativeBinomial(Likelihood):
    """Counts with mean mu and variance mu + mu^2 / theta; y is (log mu, log theta), of width 2 D.

    A Poisson whose rate is itself drawn from a Gamma distribution; as theta grows, it becomes the
    Poisson.

        log p(x) = A(x, theta) - log x! + x log mu - (theta + x) log(1 + mu / theta),
        A = log Gamma(x + theta) - log Gamma(theta) - x log theta.

    For a theta of 1e8 the two log Gammas are near 1.7e9, and nothing would be left of A, which is
    near x^2 / 2 theta: there it is taken from Stirling's series, term by term.

    Finite, in float32, for counts up to 1e6, |log mu| up to 12 and log theta of -10 to 18.
    """

    def check(self, x, name):
        check_counts(x, name)

    def n_outputs(self, n_data):
        return 2 * n_data

    def log_terms(self, x, y):
        log_mu, log_theta = np.split(y, 2, axis=-1)
        mu, theta = np.exp(log_mu), np.exp(log_theta)
        large = theta.real > LARGE
        t = np.where(large, theta, LARGE)                      # each branch at a theta that suits it
        far = (x + t - 0.5) * np.log1p(x / t) - x + stirling(x + t) - stirling(t)
        s = np.where(large, 1.0, theta)
        near = special.loggamma(x + s) - special.loggamma(s) - x * np.log(s)
        terms = (np.where(large, far, near) - special.gammaln(x + 1.0)
                 + x * log_mu - (theta + x) * np.log1p(mu / theta))
        return terms, (x, mu, theta)

    def backward_terms(self, dterms, cache):
        x, mu, theta = cache
        # d log p / d log mu = theta (x - mu) / (theta + mu)
        dlog_mu = (x - mu) / (1.0 + mu / theta)
        # theta d A / d theta, by the same two branches, and of the last term
        large = theta > LARGE
        t = np.where(large, theta, LARGE)
        far = (t * (np.log1p(x / t) - x / t) + 0.5 * x / (t + x)
               + t * (stirling_slope(x + t) - stirling_slope(t)))
        s = np.where(large, 1.0, theta)
        near = s * (special.psi(x + s) - special.psi(s)) - x
        v = mu / theta
        last = theta * (v - np.log1p(v)) + mu / (1.0 + v) * (x - mu) / theta
        dlog_theta = np.where(large, far, near) + last
        return np.concatenate([dterms * dlog_mu, dterms * dlog_theta], axis=-1)

    def mean(self, y):
        return np.exp(y[..., :y.shape[-1] // 2])

    def sample(self, rng, y):
        mu, theta = np.split(np.exp(y.astype(np.float64)), 2, axis=-1)
        return rng.poisson(rng.gamma(theta, mu / theta)).astype(y.dtype)

    def constant(self, x):
        log_mean = np.log(np.maximum(x.mean(axis=0), 1e-9))
        return self.climb(x, np.concatenate([log_mean, np.zeros_like(log_mean)]))


def stirling(z):
    """log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2: 1 / 12 z - 1 / 360 z^3 + ..."""
    s = 1.0 / (z * z)
    return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / z


def stirling_slope(z):
    """Its derivative."""
    s = 1.0 / (z * z)
    return -s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))))
