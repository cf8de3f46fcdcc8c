"""How heavy is the tail of importance weights? The shape of a generalized Pareto distribution."""

import math

import numpy as np

from npvae.inputs import as_array, check_real


def as_tail(log_w):
    """Logs of weights (M + 1, B) in rising order; -inf, that of a weight of 0, may be among them."""
    log_w = as_array(log_w, "log_w")
    check_real(log_w, "log_w")
    if log_w.ndim != 2 or len(log_w) < 2 or log_w.size == 0:
        raise ValueError(f"log_w has shape {log_w.shape}: (M + 1, batch) was expected, M at least 1")
    if not (log_w[1:] >= log_w[:-1]).all() or np.isposinf(log_w[-1]).any():
        raise ValueError("log_w does not rise from each row to the next, or is infinite: logs of the "
                         "largest weights in rising order were expected")
    return log_w


def pareto_shape(log_w):
    """The shape k of a generalized Pareto distribution fitted to the largest weights.

    The weights have a finite mean for k < 1, and a finite variance for k < 1/2. Up to 0.7 the
    mean of a few thousand of them is of use.

    Parameters
    ----------
    log_w : ndarray (M + 1, B)
        The logs of the M largest weights of each x in rising order, and before them that of
        the next, where the tail begins.

    Returns
    -------
    ndarray (B,)
        -inf for weights that do not vary, which have no tail; NaN where fewer than 5 are in it, of
        which nothing can be told.

    Raises
    ------
    ValueError
        Where rows do not rise, or an entry is infinite.

    Notes
    -----
    Only what lies above the beginning is in the tail: ties with it are not. A difference counts
    where it is more than rounding: more than half the digits of log_w's dtype hold (1.5e-8 nats in
    float64, 3.5e-4 in float32), or, of a large log w, eight of its last digits. A weight that is
    larger by no more does nothing to a mean.

    The estimate of Zhang and Stephens: a mean of fits over a grid of the other parameter,
    weighted by their profile likelihood; with a weak prior that draws k of few
    weights towards 1/2.

    References
    ----------
    Zhang and Stephens (2009); Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed
    importance sampling", for its use on weights, the prior, and the limit of 0.7.
    """
    return tail_shape(as_tail(log_w))


def tail_shape(log_w):
    """`pareto_shape` behind its door; NaN for weights of NaN."""
    digit = np.finfo(np.result_type(log_w, np.float32)).eps
    log_w = log_w.astype(np.float64)
    begin, tail = log_w[0], log_w[1:]
    rounding = np.maximum(math.sqrt(digit), 8 * digit * np.abs(tail[-1]))
    within = tail - begin > rounding                                     # (M, B)
    y = np.exp(tail - tail[-1]) - np.exp(begin - tail[-1])               # (M, B), rising
    y = np.where(within, np.maximum(y, np.finfo(y.dtype).tiny), 0.0)
    n_tail = within.sum(axis=0)
    shape = np.where(tail[-1] - begin <= rounding, -np.inf, np.nan)
    known = n_tail >= 5
    shape[known] = _fitted_shape(y[:, known], n_tail[known])
    return shape


def _fitted_shape(y, M):
    """k for excesses y in rising order, of which the last M (B,) are in the tail, others zero."""
    n_grid = 30 + int(math.sqrt(len(y)))
    first = len(y) - M + (M / 4 + 0.5).astype(int) - 1
    quartile = np.take_along_axis(y, first[None], axis=0)
    i = np.arange(1, n_grid + 1)[:, None]
    b = 1.0 / y[-1] + (1.0 - np.sqrt(n_grid / (i - 0.5))) / (3.0 * quartile)     # (grid, B)
    k = np.log1p(-b[:, None] * y).sum(axis=1) / M                                # (grid, B)
    log_likelihood = M * (np.log(-b / k) - k - 1.0)
    weight = np.exp(log_likelihood - log_likelihood.max(axis=0))
    b = (weight * b).sum(axis=0) / weight.sum(axis=0)
    k = np.log1p(-b * y).sum(axis=0) / M
    return (M * k + 10 * 0.5) / (M + 10)
