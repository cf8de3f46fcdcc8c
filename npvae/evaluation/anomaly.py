"""Anomaly detection: a model of normal data, and what it finds unlikely.

All that a detector knows comes from normal data: the model, the standardization, the
distribution of the score, and so its thresholds.
"""

import copy
import math

import numpy as np
from scipy.special import fdtrc

from npvae.datasets.tables import Standardizer
from npvae.door import as_data, check_density, check_vae, filled, parted
from npvae.evaluation.contributions import CONTRIBUTIONS, Contributions
from npvae.evaluation.evidence import Weights, codes_at_a_time, weigh
from npvae.inputs import (as_batch, check_choice, check_count, check_finite, check_number,
                          check_optional, check_seed)
from npvae.learning.checkpoints import save
from npvae.objectives import ELBO
from npvae.objectives.costs import best_cost
from npvae.randomness import stream
from npvae.ranks import Ranks, ends_all
from npvae.threads import all_cores

FAR = 1e4          # deviations: a value further off counts as that far, or its square may overflow


def reconstruction_error(detector, x, observed, eps):
    """The squared error of the reconstruction, summed over the D dimensions, those observed."""
    error = filled(x - detector.model.reconstruct(x, observed=observed), observed)
    return (error * error).sum(axis=-1)


def negative_elbo(detector, x, observed, eps):
    """-ELBO(x) in nats, averaged over L draws of z; its KL in closed form, where there is one."""
    cache = detector.forward(x, observed, eps)
    return cache.cost.per_x(cache.rate) - cache.log_px.mean(axis=0)


def reconstruction_probability(detector, x, observed, eps):
    """-E_q[log p(x|z)] in nats, over L draws of z: the ELBO without its KL.

    An and Cho (2015), with the logarithm taken of each draw.
    """
    return -detector.forward(x, observed, eps).log_px.mean(axis=0)


def negative_evidence(detector, x, observed, eps):
    """-log p(x) in nats, by importance sampling with L draws of z."""
    check_density(detector.model, "log p(x)")
    weights = Weights(len(x), len(eps))
    n_draws = max(1, codes_at_a_time(detector.model) // len(x))
    for start in range(0, len(eps), n_draws):
        weights.add(weigh(detector.model, x, eps[start:start + n_draws], observed=observed))
    return -weights.evidence().log_px


def latent_distance(detector, x, observed, eps):
    """The squared Mahalanobis distance of the posterior mean from those of normal data.

    Posterior means are less spread than N(0, I), so their plain squared length is not
    chi-squared; with the mean and covariance of normal data it is, as far as those are many and
    Gaussian. See `AnomalyDetector.tail`.
    """
    check_moments(detector)
    distance = detector.codes(x, observed) - detector.latent_mean
    return np.einsum("ij,jk,ik->i", distance, detector.latent_precision, distance)


def left_out(distance, n):
    """The squared Mahalanobis distances of n rows, each by the mean and covariance of the others.

    From those by the mean and covariance (ddof 1) of all n, in which each row has drawn both
    towards itself: with c = n / (n - 1)^2,

        others' d^2 = (n / (n - 1))^2 (n - 2) / (n - 1) d^2 / (1 - c d^2),

    by the formula of Sherman and Morrison. So the normal rows are judged as a new row will be.
    """
    c = n / (n - 1)**2
    return (n / (n - 1))**2 * (n - 2) / (n - 1) * distance / (1.0 - c * distance)


def check_moments(detector):
    """Raise ValueError where there are too few normal rows for the covariance of their codes."""
    n, least = detector.n_normal, detector.model.n_latent + 2
    if n < least:
        raise ValueError(f"normal has {n} rows: at least {least} were expected, for a covariance of "
                         f"{detector.model.n_latent} latent dimensions that leaves out one of them")


SCORES = {"reconstruction_error": reconstruction_error, "negative_elbo": negative_elbo,
          "reconstruction_probability": reconstruction_probability,
          "negative_evidence": negative_evidence, "latent_distance": latent_distance}


class AnomalyDetector:
    """Scores rows by a model of normal data, and flags those above a threshold.

    Parameters
    ----------
    model : VAE
        Trained on normal data, standardized as below.
    normal : array (n, D), or a NumPy masked array, which says what is observed
        Normal data, best not those of the training: the score's distribution on them
        gives the thresholds.
    score : {"negative_elbo", "reconstruction_error", "reconstruction_probability", \
"negative_evidence", "latent_distance"}
        Higher is more anomalous. See the functions of those names.
    n_samples : int
        L, the draws of z for each row.
    standardizer : Standardizer, optional
        Applied to all rows before the model sees them. What is then beyond 10,000 deviations
        counts as 10,000: so there is a finite score for a row at 1e19.
    seed : int
        Of the draws.
    observed : array (n, D), optional
        1 where normal is known, 0 where it is missing.

    Notes
    -----
    A row with missing values is scored by what is observed of it, such as by -log p(x_obs). In a sum
    over columns those that are missing add nothing: so such a row is the less often flagged, the less
    is known of it. Where rows have holes, let the normal ones have as many.

    The noise of the L draws, one array (L, 1, J) that follows from the seed, serves every row. So a
    row has one score: in any company, any order, and batches of any size. (But for its last digits,
    since a matrix product is rounded otherwise for another number of rows.)

    That is fair. For each single row the noise is as random as noise of its own, and the score has
    the same mean and the same error. What the rows share is this error: two rows are compared by
    the same draws, and normal rows are drawn for as those that are judged by them. It is not lowered
    by a mean over many rows, then; a larger L lowers it.
    """

    def __init__(self, model, normal, score="negative_elbo", n_samples=10, standardizer=None,
                 seed=0, *, observed=None):
        check_vae(model)
        check_choice(score, "score", SCORES)
        check_optional(standardizer, "standardizer", Standardizer, "a Standardizer")
        if standardizer is not None and standardizer.shift.size != model.n_data:
            raise ValueError(f"standardizer has {standardizer.shift.size} columns: {model.n_data} were "
                             "expected, as in the model")
        self.model, self.kind, self.standardizer = model, score, standardizer
        self.n_samples, self.seed = check_count(n_samples, "n_samples"), check_seed(seed)
        twin = self._in_float64()
        prepared, seen = twin._prepared(normal, observed, "normal")
        if len(prepared) == 1:
            raise ValueError("normal has 1 row: at least 2 were expected")
        mu = twin.codes(prepared, seen)
        self.latent_mean = mu.mean(axis=0)
        covariance = np.atleast_2d(np.cov(mu.T)) + 1e-9 * np.eye(mu.shape[1])
        self.latent_precision = np.linalg.inv(covariance)
        self.n_normal = len(prepared)
        scores = self.score(normal, observed=observed)
        if score == "latent_distance":
            scores = left_out(scores, len(scores))
        self.normal_scores = np.sort(scores)

    def _prepared(self, x, observed, name="x"):
        """x as the model takes it, zeros where it is not observed; and what is observed, or None."""
        x, observed = parted(self.model, x, observed, name)
        x = as_batch(x, name, self.model.n_data, np.float64)
        if self.standardizer is not None:
            x = filled(np.clip(self.standardizer(x), -FAR, FAR), observed)
        return as_data(self.model, x, name), observed

    def codes(self, x, observed=None):
        """The posterior's point for each row, most often its mean: (n, J)."""
        return self.model.posterior.point(self.model.encode(x, observed=observed))

    def _in_float64(self):
        """This detector with a model in float64. For distances of codes: in a dimension that says
        little, the codes of all rows are alike in most of the digits that float32 has."""
        twin = copy.copy(self)
        twin.model = self.model.astype(np.float64)
        return twin

    def _noise(self):
        """eps (L, 1, J), the same at every call: it serves every row."""
        return self.model.draw_noise(stream(self.seed, "score"), 1, self.n_samples)

    def forward(self, x, observed, eps):
        """The cache of the model's forward pass with L draws of z: log_px (L, B), the rate, ..."""
        model = self.model
        q, p = model.encode(x, observed=observed), model.prior.given(None, model)
        objective = ELBO(cost=best_cost(model.posterior, q, p))
        return model.forward(x, eps, observed=observed, objective=objective)[1]

    @ends_all
    def score(self, x, batch_size=100, *, observed=None, communicator=None):
        """The score of each row of x (n, D): (n,), float64; higher is more anomalous.

        `observed` (n, D) is 1 where x is known. batch_size rows are worked on at a time, by each
        core. Memory grows with it, and the scores do not change. With a communicator of mpi4py the
        ranks of an MPI program, all of which call this alike, share the rows, and all get all scores.
        """
        detector = self._in_float64() if self.kind == "latent_distance" else self
        scores = np.concatenate(detector._by_batches(SCORES[self.kind], x, observed, batch_size,
                                                     Ranks(communicator)))
        check_finite(scores, "the score")
        return scores.astype(np.float64)

    def contributions(self, x, batch_size=100, *, observed=None):
        """What each column adds to the score of each row, and what the code does: `Contributions`.

        They add up to the score. How odd a column is shows beside what it adds for normal rows:
        `detector.contributions(rows).columns - detector.contributions(normal).columns.mean(axis=0)`.
        """
        if self.kind not in CONTRIBUTIONS:
            raise ValueError(f"the score is {self.kind!r}, to which no column adds by itself: one of "
                             f"{', '.join(map(repr, CONTRIBUTIONS))} was expected")
        found = self._by_batches(CONTRIBUTIONS[self.kind], x, observed, batch_size)
        columns, code = zip(*found)
        columns, code = np.concatenate(columns), np.concatenate(code)
        check_finite(columns, "a contribution")
        return Contributions(columns.astype(np.float64), code.astype(np.float64))

    def _by_batches(self, function, x, observed, batch_size, ranks=Ranks(None)):
        """function(self, rows, observed, eps) of so many rows at a time, with the noise that serves
        every row."""
        check_count(batch_size, "batch_size")
        x, observed = self._prepared(x, observed)
        eps, starts = self._noise(), range(0, len(x), batch_size)

        def of_batch(start):
            rows = slice(start, start + batch_size)
            shared = np.broadcast_to(eps, (len(eps), len(x[rows]), eps.shape[-1]))
            return function(self, x[rows], None if observed is None else observed[rows], shared)

        with all_cores() as run:
            return ranks.together(list(run(of_batch, zip(starts[ranks.share(len(starts))]))))

    def threshold(self, quantile=None, sigmas=None):
        """A threshold from normal data: a quantile of their scores, or mean + k sigma.

        Give one of the two. k = 3 flags as many as the tail of the score's own distribution has,
        which is not Gaussian.

        Of a quantile this is promised: a new normal row scores above the threshold with a
        probability of at most 1 - quantile, and at least 1 - quantile - 1 / (n + 1), for any model
        and any n. Its score and those of the n normal rows are n + 1 of which each is equally
        likely to be the largest, or the second largest ...; so the threshold is the k-th smallest
        of the n, with k = quantile (n + 1), rounded up. (A *conformal* quantile. It asks that the
        rows come from one distribution, that the training has seen none of them, and, for the lower
        bound, that scores are not tied.)

        The probability is one over the draw of the n rows, too. Given these, the share that is
        flagged is that of a Beta(n + 1 - k, k) distribution: of 20 rows, 0.10 promised may be 0.02
        or 0.22, of 1,000 it is 0.08 to 0.12.

        Raises
        ------
        ValueError
            Where n is too small for the promise: a quantile of 0.99 takes 99 rows.

        References
        ----------
        Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005: inductive
        conformal predictors.
        """
        if (quantile is None) == (sigmas is None):
            raise ValueError(f"quantile is {quantile} and sigmas is {sigmas}: one of the two was "
                             "expected")
        if sigmas is not None:
            check_number(sigmas, "sigmas", np.isfinite, "a finite number")
            return float(self.normal_scores.mean() + sigmas * self.normal_scores.std())
        check_number(quantile, "quantile", lambda v: 0 < v < 1, "a number between 0 and 1")
        k = math.ceil(round(quantile * (self.n_normal + 1), 9))        # 0.95 * 20 is 19, and no more
        if k > self.n_normal:
            raise ValueError(f"quantile is {quantile} and normal has {self.n_normal} rows: at most "
                             f"{self.n_normal / (self.n_normal + 1):.6g} was expected, which is what "
                             "these can promise")
        return float(self.normal_scores[k - 1])

    def flag(self, x, quantile=None, sigmas=None, *, observed=None):
        """True for each row that scores above the threshold: (n,) of bool.

        A score that equals the threshold, as one of the normal rows' may, is not flagged: so the
        promise of a quantile (see `threshold`) holds whatever ties there are.
        """
        return self.score(x, observed=observed) > self.threshold(quantile, sigmas)

    def tail(self, x, *, observed=None):
        """The probability of a latent distance at least as large, of each row.

        Uniform on new normal data, as far as their posterior means are Gaussian; compare with the
        empirical tail before trusting it. The mean and the covariance are those of n rows, so
        n (n - J) / ((n + 1) (n - 1) J) times the squared distance has an F distribution with J and
        n - J degrees of freedom (Hotelling's), which is chi-squared / J for large n.
        """
        twin = self._in_float64()
        distance = latent_distance(twin, *twin._prepared(x, observed), None)
        n, J = self.n_normal, self.model.n_latent
        return fdtrc(J, n - J, distance * (n * (n - J) / ((n + 1) * (n - 1) * J)))

    def save(self, path):
        """Write the detector and its model to one .npz file."""
        arrays = {name: getattr(self, name) for name in
                  ("latent_mean", "latent_precision", "normal_scores")}
        if self.standardizer is not None:
            arrays.update(shift=self.standardizer.shift, scale=self.standardizer.scale)
        numbers = {"score": self.kind, "n_samples": self.n_samples, "seed": self.seed}
        save(path, self.model, {"detector": numbers}, arrays)
