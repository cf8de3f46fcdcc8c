"""What is missing of x, given what is observed of it: its mean, and draws of it."""

from typing import NamedTuple

import numpy as np

from npvae.door import as_condition, as_observed, check_density
from npvae.evaluation.evidence import check_weighed, codes_at_a_time
from npvae.inputs import check_count, check_generator
from npvae.model import join
from npvae.objectives import SampledKL, normalized_weights


class Imputation(NamedTuple):
    """x with what is missing filled in. Observed values are as they were given, in the model's dtype.

    Attributes
    ----------
    mean : ndarray (n, D)
        With E[x_mis | x_obs]: of all fillings the one with the least squared error. In a column of
        classes, with the most probable one.
    draws : ndarray (n_draws, n, D)
        With draws of p(x_mis | x_obs), for what depends on how unsure it is (multiple imputation).
    ess : ndarray (n,)
        The effective number of samples behind each row, 1 / sum of w^2 for weights that sum to 1.
        With few of them, the mean is that of few codes, and the draws come from these.
    """

    mean: np.ndarray
    draws: np.ndarray
    ess: np.ndarray


def impute(model, x, rng, n_samples=1000, n_draws=0, *, condition=None, observed=None):
    """Fill in what is missing of x, by importance sampling from q(z | x_obs).

    With codes z_k of q(z | x_obs) and weights w_k = p(x_obs | z_k) p(z_k) / q(z_k | x_obs),

        E[x_mis | x_obs] = sum over k of w_k E[x_mis | z_k] / sum over k of w_k

    in the limit of many codes; and a code drawn from the K of them in proportion to w_k is one of
    p(z | x_obs).

    Parameters
    ----------
    model : VAE
        Best trained with what was missing then: see `fit`.
    x : array (n, D), or a NumPy masked array, which says what is observed
    rng : numpy.random.Generator
    n_samples : int
        K.
    n_draws : int
        How many draws are made for each x.
    condition : array (n, C), optional
    observed : array (n, D), optional
        1 where x is known, 0 where it is missing.

    Returns
    -------
    Imputation

    Raises
    ------
    TypeError
        Where the posterior has no density.
    ValueError
        Where x is no masked array, and observed is not given; where what is observed is so large that
        the weights are NaN, or all 0.

    Notes
    -----
    Memory grows with n_samples (and the results with n), not with the two together.

    References
    ----------
    Mattei and Frellsen (2019), "MIWAE: deep generative modelling and imputation of incomplete data
    sets".
    """
    check_density(model, "an imputation")
    x, observed = as_observed(model, x, observed)
    if observed is None:
        raise ValueError("observed is None: what is observed of x was expected, or a masked array")
    condition = as_condition(model, condition, len(x))
    check_generator(rng)
    n_samples = check_count(n_samples, "n_samples")
    n_draws = check_count(n_draws, "n_draws", least=0)
    n_batch = max(1, codes_at_a_time(model) // n_samples)                  # x at a time
    parts = []
    for start in range(0, len(x), n_batch):
        rows = slice(start, start + n_batch)
        c = None if condition is None else condition[rows]
        parts.append(_impute(model, x[rows], observed[rows], c, rng, n_samples, n_draws))
    mean, draws, ess = zip(*parts)
    ess = np.concatenate(ess)
    check_weighed(model, ess)
    return Imputation(np.concatenate(mean), np.concatenate(draws, axis=1), ess)


def _impute(model, x, observed, condition, rng, n_samples, n_draws):
    """`impute` for some rows."""
    q = model.posterior.given(model.encoder.forward(model.shown(x, condition, observed))[0])
    z, drawn = model.posterior.sample(q, model.draw_noise(rng, len(x), n_samples))
    y, _ = model.decoder.forward(join(z, condition))
    log_px, _ = model.likelihood.log_prob(x, y, observed)                  # (K, B), of what is observed
    p = model.prior.given(condition, model)
    rate, _ = SampledKL().forward(model.posterior, q, p, z, drawn)         # log q(z|x) - log p(z)
    w = normalized_weights((log_px - rate).astype(np.float64))
    mean = model.likelihood.mixture_mean(y, w.astype(y.dtype))
    # a code in proportion to its weight: the first whose sum of weights so far passes u
    u = rng.random((n_draws, 1, len(x)))
    k = np.minimum((np.cumsum(w, axis=0) < u).sum(axis=1), n_samples - 1)  # (n_draws, B)
    draws = model.likelihood.sample(rng, y[k, np.arange(len(x))])
    seen = observed != 0
    return np.where(seen, x, mean), np.where(seen, x, draws), 1.0 / (w * w).sum(axis=0)
