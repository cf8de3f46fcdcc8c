"""log p(x), estimated: importance sampling with q(z|x) for the proposal.

The mean of the weights w = p(x, z) / q(z|x) is p(x). How far to trust the log of the
mean of K of them is read off the weights themselves: the effective number of samples, a
standard error, and the weight of their tail.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.door import as_condition, as_noise, as_observed, check_density, check_vae
from npvae.evaluation.pareto import tail_shape
from npvae.inputs import as_array, check_count, check_finite, check_generator, check_real
from npvae.objectives import ELBO, SampledKL
from npvae.ranks import Ranks, ends_all
from npvae.threads import all_cores


class Evidence(NamedTuple):
    """log p(x) of each x, and how far to trust it. Arrays (n,) in float64; nats.

    Attributes
    ----------
    log_px : the log of the mean of the K weights. In the mean it is a lower bound of log p(x).
    standard_error : of log_px, from the variance of the weights; it trusts that the tail
        has been seen. NaN for K = 1.
    ess : the effective number of samples, (sum of w)^2 / sum of w^2, between 1 and K.
    pareto_k : the shape of the tail of the weights, see `pareto_shape`. Above 0.7, and for NaN
        (fewer than 25 samples, or too few weights in the tail), the standard error is not to be
        relied on. -inf for weights that are all the same: there is no tail.

    `print` shows the mean over x, its Monte Carlo error, and the number of x with a doubtful tail.
    """

    log_px: np.ndarray
    standard_error: np.ndarray
    ess: np.ndarray
    pareto_k: np.ndarray

    def __str__(self):
        n = len(self.log_px)
        error = math.sqrt((self.standard_error**2).sum()) / n
        doubtful = int((~(self.pareto_k <= 0.7)).sum())
        return (f"log p(x) = {self.log_px.mean():.3f} nats, the mean of {n} x; Monte Carlo error "
                f"{error:.3f}; effective samples {np.median(self.ess):.1f} (median); "
                f"Pareto k above 0.7, or not known, for {doubtful} x")


def bits_per_dimension(model, log_px, n_levels=256):
    """Nats per x as bits per data dimension: -log p(x) / (D log 2), made a number of integers.

    Of a mass (`model.likelihood.measure`) nothing is to be added: -log2 p is the length of a code. Of a
    density it is none, for p is one per unit of x. The unit is put right here: where integers k of 0 to
    n_levels - 1 became x = (k + u) / n_levels with u uniform in [0, 1), each integer is 1 / n_levels
    wide, and log2(n_levels) is added. In the mean over u the result is then an upper bound of the bits
    per dimension of the integers themselves.

    Parameters
    ----------
    model : VAE
    log_px : array, of any shape
        log p(x), or a bound of it, in nats, summed over the D dimensions.
    n_levels : int
        Of the integers that a density sees spread over [0, 1]. A mass does not look at it.

    Returns
    -------
    ndarray or float of log_px's shape, in bits.

    Raises
    ------
    ValueError
        Where the likelihood is of columns of both kinds, which have no unit in common.

    Notes
    -----
    Without the u, integers are points, and a density may be as high there as one likes. The Bernoulli's
    mass is one of x in {0, 1}: from grey x come no bits of anything.

    References
    ----------
    Theis, van den Oord and Bethge (2016), "A note on the evaluation of generative models".
    """
    check_vae(model)
    if isinstance(log_px, Evidence):
        raise TypeError("log_px is an Evidence: its .log_px was expected")
    log_px = as_array(log_px, "log_px")
    check_real(log_px, "log_px")
    check_finite(log_px, "log_px")
    n_levels = check_count(n_levels, "n_levels", least=2)
    if model.likelihood.measure == "mixed":
        raise ValueError(f"model has the likelihood {model.likelihood!r}, of masses and densities: bits "
                         "per dimension are of the one or of the other")
    added = math.log2(n_levels) if model.likelihood.measure == "density" else 0.0
    return -1.0 * log_px / (model.n_data * math.log(2.0)) + added


def log_weights(model, x, eps, condition=None, *, observed=None):
    """log w = log p(x|z) + log p(z) - log q(z|x): the mean of w is p(x).

    Parameters
    ----------
    model : VAE
        With a posterior that has a density.
    x : ndarray (B, D)
    eps : ndarray (K, B, J)
    condition : ndarray (B, C), optional
    observed : ndarray (B, D), optional
        1 where x is known: log w is that of what is observed, whose mean of w is p(x_obs).

    Returns
    -------
    ndarray (K, B), in nats.

    Raises
    ------
    TypeError
        Where the posterior has no density.
    """
    check_density(model, "log w")
    x, observed = as_observed(model, x, observed)
    return weigh(model, x, as_noise(model, eps, len(x)), as_condition(model, condition, len(x)),
                 observed)


def weigh(model, x, eps, condition=None, observed=None):
    """`log_weights` behind its door: what is handed in is trusted."""
    _, cache = model.forward(x, eps, condition=condition, observed=observed,
                             objective=ELBO(cost=SampledKL()))
    return cache.log_px - cache.rate


@ends_all
def log_evidence(model, x, rng, n_samples=100, *, condition=None, observed=None, communicator=None):
    """log p(x) for each x by importance sampling: the log of the mean of K weights.

    Parameters
    ----------
    model : VAE
    x : array (n, D)
    rng : numpy.random.Generator
    n_samples : int
        K. The larger, the closer to log p(x); K = 1 is the sampled ELBO.
    condition : array (n, C), optional
    observed : array (n, D), optional
        1 where x is known: then it is log p(x_obs).
    communicator : mpi4py.MPI.Comm, optional
        Share the x between the ranks of an MPI program, all of which call `log_evidence` alike, with
        generators in the same state. All get the whole result.

    Returns
    -------
    Evidence

    Raises
    ------
    TypeError
        Where the posterior has no density.
    ValueError
        Where x is so large that the weights are NaN.

    Notes
    -----
    At most some thousand codes are decoded at a time by each core, and of the weights only sums and
    the largest are kept, so memory does not grow with K, nor (but for x and the result) with n.
    The noise is drawn by one thread, in one order: see `npvae.threads`.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), eq. 8.
    """
    ranks = Ranks(communicator)
    check_density(model, "log p(x)")
    x, observed = as_observed(model, x, observed)
    condition = as_condition(model, condition, len(x))
    n_samples = check_count(n_samples, "n_samples")
    check_generator(rng)
    n_rows = codes_at_a_time(model)
    n_batch = max(1, n_rows // n_samples)                 # x at a time, so many samples of each
    pieces = [min(n_rows, n_samples - first) for first in range(0, n_samples, n_rows)]
    starts = range(0, len(x), n_batch)
    mine = starts[ranks.share(len(starts))]

    def draws():
        """Some x that are this rank's, and noise for some samples; noise is drawn for all x."""
        for start in starts:
            rows = slice(start, start + n_batch)
            c, seen = (None if array is None else array[rows] for array in (condition, observed))
            for k in pieces:
                eps = model.draw_noise(rng, len(x[rows]), k)
                if start in mine:
                    yield model, x[rows], eps, c, seen

    parts = []
    with all_cores() as run:
        log_w = run(weigh, draws())
        for start in mine:
            weights = Weights(len(x[start:start + n_batch]), n_samples)
            for _ in pieces:
                weights.add(next(log_w))
            parts.append(weights.evidence())
        for _ in log_w:
            pass                                          # to leave rng where all x have been drawn
    found = Evidence(*map(np.concatenate, zip(*ranks.together(parts))))
    check_weighed(model, found.log_px)
    return found


def check_weighed(model, values):
    """Raise ValueError where values, one for each row of x, are NaN: the model's numbers overflow, or
    its parameters have.

    Where all weights are 0, log p(x) is -inf, and that is a value.
    """
    if np.isnan(values).any():
        broken = [name for name, block in model.blocks().items() if not np.isfinite(block).all()]
        if broken:
            raise ValueError(f"model has blocks that are not finite: {', '.join(broken)}")
        raise ValueError(f"x is more than the model can weigh, in row {np.argmax(np.isnan(values))}: "
                         "numbers like those of its training were expected, most often standardized")


def codes_at_a_time(model):
    """How many codes to decode at once: the larger x is, the fewer."""
    return min(4096, max(1, 2**20 // model.n_data))


class Weights:
    """What is kept of K weights for each of B x: sums in units of the largest, and the tail."""

    def __init__(self, n_batch, n_samples):
        self.n_samples, self.n_tail = n_samples, _tail_size(n_samples)
        self.top = np.full(n_batch, -np.inf)
        self.sum = self.sum_of_squares = 0.0
        self.tail = np.empty((0, n_batch))

    def add(self, log_w):
        # The tail keeps the dtype, by which ties are told from weights that vary.
        tail = np.concatenate([self.tail.astype(log_w.dtype), log_w])
        log_w = log_w.astype(np.float64)
        top = np.maximum(self.top, log_w.max(axis=0))
        unit = np.where(top == -np.inf, 0.0, top)                # all weights may be 0 so far
        w, shrink = np.exp(log_w - unit), np.exp(self.top - unit)
        self.sum = self.sum * shrink + w.sum(axis=0)
        self.sum_of_squares = self.sum_of_squares * shrink**2 + (w * w).sum(axis=0)
        self.top = top
        # One more than the tail: the largest weight below it is where it begins.
        n_tail = min(self.n_tail + 1, len(tail))
        self.tail = np.partition(tail, -n_tail, axis=0)[-n_tail:]

    def evidence(self):
        K, unknown = self.n_samples, np.full(len(self.top), np.nan)
        # Where all weights are 0, log p(x) is -inf, and how far to trust it is not known
        with np.errstate(divide="ignore", invalid="ignore"):
            ess, log_px = self.sum**2 / self.sum_of_squares, self.top + np.log(self.sum / K)
        # The deviation of the mean of w, as a part of that mean: so much is its logarithm's
        variance = np.maximum(K / ess - 1.0, 0.0)
        tail = np.sort(self.tail, axis=0)
        return Evidence(log_px=log_px, ess=ess,
                        standard_error=np.sqrt(variance / (K - 1)) if K > 1 else unknown,
                        pareto_k=tail_shape(tail) if self.n_tail >= 5 else unknown)


def _tail_size(n_samples):
    """How many of the largest weights are the tail (Vehtari et al.)."""
    return int(min(n_samples / 5, 3.0 * math.sqrt(n_samples)))
