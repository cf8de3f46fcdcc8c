"""Why a row is anomalous: what each column, or pixel, adds to its score.

log p(x|z) is a sum over the columns, and so is the squared error. What a score has besides is the
cost of the code: the KL, in nats of all columns together. For -log p(x) both parts are known, too. Of
L draws with the weights w_k = p(x, z_k) / q(z_k|x), and v_k = w_k / sum of w,

    -log mean w = -sum over k of v_k log p(x|z_k) + sum over k of v_k log(L v_k q(z_k|x) / p(z_k)),

since log mean w = log w_k - log(L v_k) for every k, and so for their mean under v. The first part is
the reconstruction under the true posterior, as the draws know it, and the second its KL to the prior.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.evaluation.scores import squared_errors
from npvae.numerics import log_sum_exp
from npvae.objectives import ELBO, SampledKL


class Contributions(NamedTuple):
    """What a score is made of: code + the sum of columns. Arrays of float64, in the score's unit.

    Attributes
    ----------
    columns : (n, D), of each column or pixel
    code : (n,), of what is said of all columns at once: the KL of the code, or 0
    """

    columns: np.ndarray
    code: np.ndarray


def of_the_error(member, x, observed, eps):
    """The squared error of each column."""
    return squared_errors(member.model, x, observed), np.zeros(len(x))


def of_the_elbo(member, x, observed, eps):
    """-E_q[log p(x_d|z)] of each column, and the KL."""
    cache = member.forward(x, observed, eps)
    return -terms(member.model, x, observed, cache.z).mean(axis=0), cache.cost.per_x(cache.rate)


def of_the_reconstruction(member, x, observed, eps):
    """-E_q[log p(x_d|z)] of each column."""
    z = member.forward(x, observed, eps).z
    return -terms(member.model, x, observed, z).mean(axis=0), np.zeros(len(x))


def of_the_evidence(member, x, observed, eps):
    """-E[log p(x_d|z)] of each column under the weights of the draws, and the KL of these."""
    model = member.model
    cache = model.forward(x, eps, observed=observed, objective=ELBO(cost=SampledKL()))[1]
    log_w = (cache.log_px - cache.rate).astype(np.float64)              # (L, B)
    log_v = log_w - log_sum_exp(log_w)
    v = np.exp(log_v)
    columns = -np.einsum("lb,lbd->bd", v, terms(model, x, observed, cache.z))
    return columns, (v * (log_v + math.log(len(eps)) + cache.rate)).sum(axis=0)


def terms(model, x, observed, z):
    """log p(x_d|z) of each column: (L, B, D); 0 of one that is not observed."""
    y, _ = model.decoder.forward(z)
    log_terms = model.likelihood.log_terms(x, y)[0].astype(np.float64)
    return log_terms if observed is None else log_terms * observed


CONTRIBUTIONS = {"reconstruction_error": of_the_error, "negative_elbo": of_the_elbo,
                 "reconstruction_probability": of_the_reconstruction,
                 "negative_evidence": of_the_evidence}
