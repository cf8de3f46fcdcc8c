"""p(x|z) for grey pixels: a density on [0, 1], and the masses of 256 levels.

A Bernoulli on a grey pixel is a good loss, and no density: it does not integrate to one.
"""

import numpy as np
from scipy import special

from npvae.distributions.roles import Likelihood
from npvae.inputs import check_count, check_range
from npvae.numerics import absolute, sigmoid, softplus

# coth(u) - 1/u = sum of c_n u^(2n - 1): eight terms are exact to 1e-16 for |u| below NEAR
N = np.arange(1, 9)
SERIES = 4.0**N * special.bernoulli(16)[2::2] / special.factorial(2 * N)
NEAR = 0.3


class ContinuousBernoulli(Likelihood):
    """A density on [0, 1] in proportion to p^x (1 - p)^(1 - x), p = sigmoid(logit); y are the logits.

    With l the logit and u = l / 2,

        log p(x) = (x - 1/2) l - log(sinh(u) / u) = log(|l| / (1 - exp(-|l|))) - t |l|,

    where t is how far x is from the likelier end: x for a negative logit, 1 - x for a positive one.
    So it is an exponential density of t, cut off at 1. In the second form nothing cancels.

    The Bernoulli's formula for grey x lacks the normalizer, log(l / tanh(l / 2)): its value is no log
    density. And the mean is not sigmoid(l): at l = 2 that is 0.88, and the mean 0.66.

    Finite, in float32, for x of 0 to 1 and |logits| up to 1e35. There value and gradient are off by
    2e-6 of their size at most, or of 1 where that is more.

    References
    ----------
    Loaiza-Ganem and Cunningham (2019), "The continuous Bernoulli".
    """

    def check(self, x, name):
        """Raise ValueError where x lies outside [0, 1]."""
        check_range(x, name, 0.0, 1.0, "a continuous Bernoulli needs pixels in [0, 1]; divide images "
                                       "of integers 0 to 255 by 255")

    def log_terms(self, x, logits):
        size, positive = absolute(logits), ~np.signbit(logits.real)
        t = np.where(positive, 1.0 - x, x)
        return log_height(size) - t * size, (t, size, positive)

    def backward_terms(self, dterms, cache):
        # d log p / d l = x - mean(l), and so in |l|: the mean of t, less t
        t, size, positive = cache
        return dterms * (np.where(positive, 1.0, -1.0) * (mean_distance(size) - t)).astype(size.dtype)

    def mean(self, logits):
        """1/2 + l/12 near l = 0, and 1 - 1/l for a large logit l."""
        t = mean_distance(np.abs(logits))
        return np.where(logits > 0, 1.0 - t, t)

    def sample(self, rng, logits):
        # the inverse of the distribution function, for -|l|; for the other sign, 1 - x
        l = -np.abs(logits)
        uniform = rng.random(logits.shape, logits.dtype)
        tiny = l > -1e-6
        x = np.log1p(uniform * np.expm1(l)) / np.where(tiny, 1.0, l)
        x = np.where(tiny, uniform, x)
        return np.where(logits > 0, 1.0 - x, x).astype(logits.dtype)


def log_height(size):
    """log(l / (1 - exp(-l))) of l = size >= 0: the density at the likelier end; by its series near 0."""
    u = 0.5 * size
    near = u.real < NEAR
    square = (u * near) * (u * near)                           # 0 where it is far
    series = u - square * _polynomial(SERIES / (2 * N), square)          # l/2 - log(sinh(u) / u)
    far = np.where(near, 1.0, size)
    return np.where(near, series, np.log(far) - np.log1p(-np.exp(-far)))


def mean_distance(size):
    """1/l - 1/(exp(l) - 1), the derivative of `log_height`, and the mean of t."""
    u = 0.5 * size
    near = u.real < NEAR
    series = 0.5 - 0.5 * u * _polynomial(SERIES, (u * near) * (u * near))
    far = np.where(near, 1.0, size)
    e = np.exp(-far)
    return np.where(near, series, 1.0 / far - e / (1.0 - e))


def _polynomial(coefficients, square):
    """c_0 + c_1 s + c_2 s^2 + ..., from the last to the first."""
    value = np.zeros_like(square)
    for c in coefficients[::-1].tolist():
        value = value * square + c
    return value


class DiscretizedLogistic(Likelihood):
    """The mass that a logistic distribution has on each of the levels 0, 1/(n - 1), ..., 1; y is
    (mean, log scale), of width 2 D.

    The bin of a level reaches half way to its neighbours; that of 0 to minus, that of 1 to plus
    infinity. So the masses of all levels sum to one. With a and b the upper and the lower edge,
    less the mean and over the scale,

        log(sigmoid(a) - sigmoid(b)) = -softplus(-a) - softplus(b) + log(1 - exp(b - a)),

    of which nothing cancels.

    Finite, in float32, for x of 0 to 1, |mean| up to 1e5 and log scales of -12 to 12. There value and
    gradient are off by 1e-4 of their size at most, or of 1 where that is more, for a mean near the edge
    of a bin and a scale far below its width.

    Parameters
    ----------
    n_levels : int
        At least 2.

    References
    ----------
    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow";
    Salimans, Karpathy, Chen and Kingma (2017), for the open ends.
    """

    measure = "mass"

    def __init__(self, n_levels=256):
        super().__init__()
        self.n_levels = check_count(n_levels, "n_levels", least=2)
        self.half = 0.5 / (self.n_levels - 1)                  # half the width of a bin

    def n_outputs(self, n_data):
        return 2 * n_data

    def check(self, x, name):
        """Raise ValueError where x is none of the levels."""
        check_range(x, name, 0.0, 1.0, f"levels of 0 to 1, such as integers over {self.n_levels - 1}, "
                                       "were expected")
        scaled = np.asarray(x, np.float64) * (self.n_levels - 1)
        off = np.abs(scaled - np.round(scaled)).max()
        # what x's own digits leave open, where the levels are many
        rounding = self.n_levels * np.finfo(x.dtype).eps if np.asarray(x).dtype.kind == "f" else 0.0
        if off > 1e-3 + rounding:
            raise ValueError(f"{name} is off by {off:.3g} levels: multiples of 1/{self.n_levels - 1} "
                             "were expected")

    def log_terms(self, x, y):
        mean, log_scale = np.split(y, 2, axis=-1)
        precision = np.exp(-log_scale)
        a, b = ((x - mean) + self.half) * precision, ((x - mean) - self.half) * precision
        width = 2.0 * self.half * precision                    # a - b
        below, above = x > self.half, x < 1.0 - self.half      # has a lower edge, an upper edge
        inside = below & above
        terms = -softplus(-a) * above - softplus(b) * below + np.log(-np.expm1(-width)) * inside
        return terms, (a, b, width, precision, below, above, inside)

    def backward_terms(self, dterms, cache):
        a, b, width, precision, below, above, inside = cache
        # d/da = sigmoid(-a) + 1 / expm1(a - b),   d/db = -sigmoid(b) - 1 / expm1(a - b)
        of_a, of_b = sigmoid(-a) * above, -sigmoid(b) * below
        e = np.exp(-width)
        # a = (x + half - mean) / scale: of the mean -1 / scale, of the log scale -a
        dmean = -dterms * (of_a + of_b) * precision
        dlog_scale = -dterms * (a * of_a + b * of_b + inside * (width * e / -np.expm1(-width)))
        return np.concatenate([dmean, dlog_scale], axis=-1)

    def mean(self, y):
        """The mean level: the sum over all levels but 0 of the probability to reach it."""
        mean, log_scale = np.split(y, 2, axis=-1)
        precision, total = np.exp(-log_scale), np.zeros_like(mean)
        for k in range(1, self.n_levels):
            total += sigmoid((mean - (2 * k - 1) * self.half) * precision)
        return total / (self.n_levels - 1)

    def sample(self, rng, y):
        mean, log_scale = np.split(y, 2, axis=-1)
        logistic = rng.logistic(size=mean.shape).astype(mean.dtype)
        level = np.round((mean + np.exp(log_scale) * logistic) * (self.n_levels - 1))
        return (level.clip(0, self.n_levels - 1) / (self.n_levels - 1)).astype(y.dtype)

    def constant(self, x):
        deviation = np.maximum(x.std(axis=0), self.half)
        return self.climb(x, np.concatenate([x.mean(axis=0), np.log(deviation)]))
