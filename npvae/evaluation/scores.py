"""Scores of rows: how odd is each, under one model, and under several? Higher is odder."""

import math

import numpy as np

from npvae.distributions.columns import of_classes
from npvae.door import check_density, filled
from npvae.evaluation.evidence import Weights, codes_at_a_time, weigh
from npvae.numerics import log_sum_exp
from npvae.objectives import ELBO
from npvae.objectives.costs import best_cost


class Member:
    """One model of a detector, and the mean and precision of its codes of normal rows.

    Parameters
    ----------
    model : VAE
    latent_mean, latent_precision : array (J,) and (J, J), optional
        Where they are known; else `measure` finds them.
    """

    def __init__(self, model, latent_mean=None, latent_precision=None):
        self.model, self.latent_mean, self.latent_precision = model, latent_mean, latent_precision

    def measure(self, x, observed):
        """Find the moments of the codes of normal rows x (n, D); return the squared distances of these.

        By QR of the centred codes. Of a row that is millions of deviations off the covariance would
        have the squares, and of the other rows' deviations no digits.
        """
        mu = self.codes(x, observed)
        self.latent_mean, (n, J) = mu.mean(axis=0), mu.shape
        floor = np.sqrt((n - 1) * 1e-9) * np.eye(J)                # adds 1e-9 to the variances
        q, r = np.linalg.qr(np.concatenate([mu - self.latent_mean, floor]))
        inverse = np.linalg.inv(r) * np.sqrt(n - 1)
        self.latent_precision = inverse @ inverse.T
        return (n - 1) * np.square(q[:n]).sum(axis=1)

    def in_float64(self):
        """The same with a model in float64. For distances of codes: in a dimension that says little,
        the codes of all rows are alike in most of the digits that float32 has."""
        return Member(self.model.astype(np.float64), self.latent_mean, self.latent_precision)

    def codes(self, x, observed=None):
        """The posterior's point for each row, most often its mean: (n, J)."""
        return self.model.posterior.point(self.model.encode(x, observed=observed))

    def forward(self, x, observed, eps):
        """The cache of the model's forward pass with L draws of z: log_px (L, B), the rate, ..."""
        model = self.model
        q, p = model.encode(x, observed=observed), model.prior.given(None, model)
        objective = ELBO(cost=best_cost(model.posterior, q, p))
        return model.forward(x, eps, observed=observed, objective=objective)[1]


def squared_errors(model, x, observed):
    """The squared error of the reconstruction of each column, (B, D); 0 of one that is not observed.

    In a column of classes it is 1 where the class is another one: their numbers are names, and how far
    apart two of them are says nothing.
    """
    error = filled(x - model.reconstruct(x, observed=observed), observed)
    return np.where(of_classes(model.likelihood, model.n_data), error != 0, error * error)


def reconstruction_error(member, x, observed, eps):
    """The squared error of the reconstruction, summed over the D dimensions, those observed; in a column
    of classes, 1 for each that is the wrong one."""
    return squared_errors(member.model, x, observed).sum(axis=-1)


def negative_elbo(member, x, observed, eps):
    """-ELBO(x) in nats, averaged over L draws of z; its KL in closed form, where there is one."""
    cache = member.forward(x, observed, eps)
    return cache.cost.per_x(cache.rate) - cache.log_px.mean(axis=0)


def reconstruction_probability(member, x, observed, eps):
    """-E_q[log p(x|z)] in nats, over L draws of z: the ELBO without its KL.

    An and Cho (2015), with the logarithm taken of each draw.
    """
    return -member.forward(x, observed, eps).log_px.mean(axis=0)


def negative_evidence(member, x, observed, eps):
    """-log p(x) in nats, by importance sampling with L draws of z."""
    check_density(member.model, "log p(x)")
    weights = Weights(len(x), len(eps))
    n_draws = max(1, codes_at_a_time(member.model) // len(x))
    for start in range(0, len(eps), n_draws):
        weights.add(weigh(member.model, x, eps[start:start + n_draws], observed=observed))
    return -weights.evidence().log_px


def latent_distance(member, x, observed, eps):
    """The squared Mahalanobis distance of the posterior mean from those of normal data.

    Posterior means are less spread than N(0, I), so their plain squared length is not
    chi-squared; with the mean and covariance of normal data it is, as far as those are many and
    Gaussian. See `AnomalyDetector.tail`.
    """
    distance = member.codes(x, observed) - member.latent_mean
    return np.einsum("ij,jk,ik->i", distance, member.latent_precision, distance)


def left_out(distance, n):
    """The squared Mahalanobis distances of n rows, each by the mean and covariance of the others.

    From those by the mean and covariance (ddof 1) of all n, in which each row has drawn both
    towards itself: with c = n / (n - 1)^2,

        others' d^2 = (n / (n - 1))^2 (n - 2) / (n - 1) d^2 / (1 - c d^2),

    by the formula of Sherman and Morrison. So the normal rows are judged as a new row will be. Of a row
    that is so far off that rounding leaves nothing of 1 - c d^2, the distance is about 4.5e15 n.
    """
    c = n / (n - 1)**2
    rest = np.maximum(1.0 - c * distance, np.finfo(np.float64).eps)
    return (n / (n - 1))**2 * (n - 2) / (n - 1) * distance / rest


def most_missing(observed):
    """How many cells are missing in the row that lacks most; observed is (n, D), or None."""
    return 0 if observed is None else int((observed == 0).sum(axis=1).max())


def degrees_of_freedom(posterior):
    """How many of the J numbers of a code are free: of the C of a symbol, which have one sum, C - 1."""
    if posterior.codes.endswith("symbols"):
        return posterior.n_latent - posterior.n_latent // posterior.n_categories
    return posterior.n_latent


SCORES = {"reconstruction_error": reconstruction_error, "negative_elbo": negative_elbo,
          "reconstruction_probability": reconstruction_probability,
          "negative_evidence": negative_evidence, "latent_distance": latent_distance}


def pooled(kind, scores):
    """The score under M models, given those under each; and the share that each has in it.

    -log p(x) is that of their mixture, in which each has the weight 1 / M: -log of the mean of
    p_m(x). By its shares r_m = p_m / sum of p,

        -log mean p = sum over m of r_m (-log p_m) + sum over m of r_m log(M r_m),

    since log mean p = log p_m - log(M r_m) for every m. The other scores are means over the models.

    Parameters
    ----------
    kind : str
        Of `SCORES`.
    scores : ndarray (M, B)

    Returns
    -------
    score : ndarray (B,)
    log_share : ndarray (M, B)
        log r_m; of a mean, -log M.
    """
    log_M = math.log(len(scores))
    if kind != "negative_evidence":
        return scores.mean(axis=0), np.full_like(scores, -log_M)
    log_sum = log_sum_exp(-scores)
    return log_M - log_sum, -scores - log_sum
