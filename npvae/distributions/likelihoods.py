"""p(x|z): what the decoder's output says about the data.

A likelihood turns the decoder's output y (K, B, N) into a density of x (B, D): here, term by term
for each x_d; `Likelihood` makes the sum of them.

The negative of log p(x|z) is what "reconstruction error" means in a VAE: the cross
entropy for the Bernoulli, half the squared error (scaled and shifted) for the
Gaussian.
"""

import math

import numpy as np

from npvae.distributions.roles import Likelihood
from npvae.inputs import check_positive, check_range
from npvae.networks.parameters import block
from npvae.numerics import LOG_2PI, absolute, floating, multiply_halves, sigmoid


class Bernoulli(Likelihood):
    """Each x is 1 with probability sigmoid(logit), independently; y are the logits.

    log p(x) = x * logit - softplus(logit), which is stable for any logit, and exact
    where a clipped log(p) is not.

    Finite, in float32, for x of 0 to 1 and |logits| up to 1e35.

    Notes
    -----
    A mass of x in {0, 1}. For grey x in [0, 1] the same formula is a good loss
    (the cross entropy) and the log of no density, so its value is called a
    test loss, not log p(x).

    One tanh serves the value and the gradient. With u = logit / 2, t = tanh(u), and
    c = 2 x - 1, which is 1 or -1 for x in {0, 1},

        log p(x) = c u - |u| + log((1 + |t|) / 2),    d log p / d logit = (c - t) / 2,

    both exact to the absolute precision of the dtype, which is what a sum of many
    terms needs. (`npvae.numerics.sigmoid` and `softplus`, exact to relative precision,
    are the plain twins in the tests.)

    References
    ----------
    Kingma and Welling (2014), appendix C.1, eq. 11.
    """

    measure = "mass"                   # of x in {0, 1}

    def check(self, x, name):
        """Raise ValueError where x lies outside [0, 1]."""
        check_range(x, name, 0.0, 1.0, "a Bernoulli likelihood needs pixels in [0, 1]; "
                                       "divide images of integers 0 to 255 by 255")

    def _parts(self, x, logits):
        """log p(x_d) as a number and a logarithm: log_px + log(larger); and the cache."""
        # x * logit - softplus(logit) = c u - |u| + log((1 + |t|) / 2)
        c, u = 2.0 * x - 1.0, 0.5 * logits
        t = np.tanh(u)
        log_px = c * u
        log_px -= absolute(u)
        larger = absolute(t)                       # (1 + |t|) / 2, the larger of p and 1 - p
        larger += 1.0
        larger *= 0.5
        return log_px, larger, (c, t)

    def log_terms(self, x, logits):
        log_px, larger, cache = self._parts(x, logits)
        return log_px + np.log(larger), cache

    def log_prob(self, x, logits, observed=None):
        # the sum of the terms, in which that of the logs is the log of products
        log_px, larger, cache = self._parts(x, logits)
        if observed is not None:
            log_px *= observed
            larger = 1.0 + (larger - 1.0) * observed            # log 1 = 0 where x is not observed
        larger = multiply_halves(larger)           # fewer, with the same sum of logs
        some = log_px[..., :larger.shape[-1]]
        some += np.log(larger, out=larger)
        return log_px.sum(axis=-1), (cache, observed)

    def backward_terms(self, dterms, cache):
        # d log p / d logit = x - sigmoid(logit) = (c - t) / 2
        c, t = cache
        dlogits = c - t
        dlogits *= 0.5 * dterms
        return dlogits

    def mean(self, logits):
        return sigmoid(logits)

    def sample(self, rng, logits):
        uniform = rng.random(logits.shape, logits.dtype)
        return (uniform < sigmoid(logits)).astype(logits.dtype)

    def constant(self, x):
        x = floating(x, "x")
        p = np.clip(x.mean(axis=0, dtype=np.float64), 1e-9, 1.0 - 1e-9)
        return np.log(p / (1.0 - p)).astype(x.dtype)


class Gaussian(Likelihood):
    """x ~ N(mean, variance I) with one fixed variance; y are the means.

    -log p(x) is the squared error divided by twice the variance, plus a constant: a
    small variance makes reconstruction expensive to get wrong, as a small beta does.

    Finite, in float32, for |x| and |mean| up to 1e15, at variances of 1e-4 to 1e4.

    Parameters
    ----------
    variance : float
        Positive. 0.5 gives the bare squared error, up to the constant.

    References
    ----------
    Kingma and Welling (2014), appendix C.2, eq. 12, with a constant variance.
    """

    def __init__(self, variance=1.0):
        super().__init__()
        self.variance = check_positive(variance, "variance")

    def log_terms(self, x, mean):
        error = x - mean
        constant = 0.5 * (LOG_2PI + math.log(self.variance))
        return -0.5 / self.variance * (error * error) - constant, error

    def backward_terms(self, dterms, error):
        # d log p / d mean = (x - mean) / variance
        return dterms * (error / self.variance)

    def mean(self, mean):
        return mean

    def sample(self, rng, mean):
        return mean + math.sqrt(self.variance) * rng.standard_normal(mean.shape, mean.dtype)

    def constant(self, x):
        return x.mean(axis=0)


class TiedGaussian(Likelihood):
    """x ~ N(mean, variance I) with one variance for all x, learned; y are the means.

    With a linear decoder this is probabilistic PCA. The likelihood owns one block,
    `logvar`; the best variance is the mean squared error.

    Finite, in float32, for |x| and |mean| up to 1e8 and logvar of -40 to 40.

    Parameters
    ----------
    variance : float
        The initial variance, positive.
    """

    logvar, dlogvar = block("logvar")

    def __init__(self, variance=1.0):
        variance = check_positive(variance, "variance")
        super().__init__({"logvar": np.array([math.log(variance)], np.float32)})

    def log_terms(self, x, mean):
        error = x - mean
        square = error * error * np.exp(-self.logvar)
        return -0.5 * (square + (self.logvar + LOG_2PI)), (error, square)

    def backward_terms(self, dterms, cache):
        # log p = -(error^2 / variance + logvar + log 2 pi) / 2
        error, square = cache
        self.dlogvar += (dterms * (0.5 * (square - 1.0))).sum()
        return dterms * (error * np.exp(-self.logvar))

    def mean(self, mean):
        return mean

    def sample(self, rng, mean):
        return mean + np.exp(0.5 * self.logvar) * rng.standard_normal(mean.shape, mean.dtype)

    def constant(self, x):
        return x.mean(axis=0)


class HeteroscedasticGaussian(Likelihood):
    """x ~ N(mean, diag(variance)), both from the decoder; y is (mean, s), of width 2 D.

    variance = floor + exp(s). Without the floor the density of a pixel that never
    changes grows without bound as its variance goes to zero.

    Finite, in float32, for |x| and |mean| up to 1e12 and s up to 80, at floors from 1e-4.

    Parameters
    ----------
    floor : float
        The smallest variance, positive. 1e-4 is a standard deviation of 0.01: two and
        a half grey levels of 255.

    Notes
    -----
    In float32, exp(s) overflows above s = 88.

    References
    ----------
    Kingma and Welling (2014), appendix C.2, eq. 12, which has no floor.
    """

    def __init__(self, floor=1e-4):
        super().__init__()
        self.floor = check_positive(floor, "floor")

    def n_outputs(self, n_data):
        return 2 * n_data

    def log_terms(self, x, y):
        mean, s = np.split(y, 2, axis=-1)
        exp_s = np.exp(s)
        variance = self.floor + exp_s
        error = x - mean
        terms = -0.5 * (error * error / variance + np.log(variance) + LOG_2PI)
        return terms, (error, exp_s, variance)

    def backward_terms(self, dterms, cache):
        # log p = -(error^2 / variance + log variance + log 2 pi) / 2,   variance = floor + exp(s)
        error, exp_s, variance = cache
        u = error / variance
        dmean = dterms * u
        dvariance = dterms * (0.5 * (u * u - 1.0 / variance))
        return np.concatenate([dmean, dvariance * exp_s], axis=-1)

    def mean(self, y):
        return y[..., :y.shape[-1] // 2]

    def sample(self, rng, y):
        mean, s = np.split(y, 2, axis=-1)
        std = np.sqrt(self.floor + np.exp(s))
        return mean + std * rng.standard_normal(mean.shape, mean.dtype)

    def constant(self, x):
        excess = np.maximum(x.var(axis=0) - self.floor, 1e-9)
        return np.concatenate([x.mean(axis=0), np.log(excess)])
