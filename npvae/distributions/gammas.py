"""What densities with Gamma functions in them need: without large numbers that cancel.

log Gamma(z) is near 1.7e9 at z = 1e8. Of the difference of two such numbers nothing is left. So it
is split into Stirling's formula, whose difference is taken by hand, and a small rest:

    log Gamma(z) = (z - 1/2) log z - z + log(2 pi) / 2 + stirling(z)

References
----------
Loader (2000), "Fast and accurate computation of binomial probabilities".
"""

import numpy as np
from scipy import special

from npvae.numerics import LOG_2PI, absolute

HALF_LOG_2PI = 0.5 * LOG_2PI
LARGE = 15.0            # from here on Stirling's series, to z^-9, is exact to 1e-15


def stirling(z):
    """log Gamma(z) less Stirling's formula, for positive z: 1 / 12 z - 1 / 360 z^3 + ..."""
    large = z.real > LARGE
    far = np.where(large, z, LARGE)                            # each branch at a z that suits it
    s = (1.0 / far)**2
    series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / far
    near = np.where(large, 1.0, z)
    rest = special.loggamma(near) - (near - 0.5) * np.log(near) + near - HALF_LOG_2PI
    return np.where(large, series, rest)


def stirling_slope(z):
    """Its derivative: psi(z) - log z + 1 / 2 z."""
    large = z > LARGE
    s = (1.0 / np.where(large, z, LARGE))**2
    series = -s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))))
    near = np.where(large, 1.0, z)
    return np.where(large, series, special.psi(near) - np.log(near) + 0.5 / near)


def log_peak(x):
    """The log of the Poisson's mass at x where its mean is x, too: x log x - x - log x!"""
    some = np.where(x > 0, x, 1.0).astype(np.float64)
    return np.where(x > 0, -0.5 * np.log(some) - HALF_LOG_2PI - stirling(some), 0.0)


def deviance(a, m, difference):
    """a log(a / m) - (a - m), zero where a = m, and else positive; the difference is a - m.

    Near a = m both terms cancel: there it is the series of log(a / m) = 2 artanh(w), with
    w = (a - m) / (a + m). For a = 0 it is m.
    """
    w = difference / (a + m)
    near = absolute(w).real < 0.1
    w = w * near                                               # 0 where it is far
    s, tail = w * w, 0.0
    for n in range(17, 1, -2):
        tail = tail * s + 1.0 / n                              # 1/3 + w^2 / 5 + ... + w^14 / 17
    series = w * difference + 2.0 * a * w * s * tail
    ratio = np.where(near | (a == 0), 1.0, a / m)
    return np.where(near, series, a * np.log(ratio) - difference)
