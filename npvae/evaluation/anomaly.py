"""Anomaly detection: a model of normal data, and what it finds unlikely.

All that a detector knows comes from normal data: the model, the standardization, the
distribution of the score, and so its thresholds.
"""

import copy
import math
import warnings

import numpy as np
from scipy.special import fdtrc

from npvae.datasets.tables import Standardizer
from npvae.distributions.columns import any_number
from npvae.door import (as_data, check_density, check_unconditional, check_vae, filled, naming_the_mask,
                        parted)
from npvae.evaluation.contributions import CONTRIBUTIONS, Contributions
from npvae.evaluation.scores import (SCORES, Member, degrees_of_freedom, latent_distance, left_out,
                                     most_missing, pooled)
from npvae.inputs import (as_batch, check_choice, check_count, check_finite, check_number,
                          check_optional, check_seed)
from npvae.learning.checkpoints import save
from npvae.learning.descriptions import parts_in_words
from npvae.randomness import stream
from npvae.ranks import Ranks, ends_all
from npvae.threads import all_cores

FAR = 1e4          # deviations: a value further off counts as that far, or its square may overflow


class AnomalyDetector:
    """Scores rows by a model of normal data, and flags those above a threshold.

    Parameters
    ----------
    model : VAE, or a list of VAEs
        Trained on normal data, standardized as below. Several, which differ in their parameters alone,
        are one mixture of equal weights: see `npvae.evaluation.scores.pooled`.
    normal : array (n, D), or a NumPy masked array, which says what is observed
        Normal data, best not those of the training: the score's distribution on them
        gives the thresholds.
    score : {"negative_elbo", "reconstruction_error", "reconstruction_probability", \
"negative_evidence", "latent_distance"}
        Higher is more anomalous. See the functions of those names in `npvae.evaluation.scores`.
    n_samples : int
        L, the draws of z for each row, by each model.
    standardizer : Standardizer, optional
        Applied to all rows before the model sees them. In columns that may hold any number, what is
        then beyond 10,000 deviations counts as 10,000: so there is a finite score for a row at 1e19.
        Counts and classes are what they are.
    seed : int
        Of the draws.
    observed : array (n, D), optional
        1 where normal is known, 0 where it is missing.

    Notes
    -----
    With a standardizer, log p(x) is the density of the standardized row; in the unit of x it is less by
    `np.log(standardizer.scale).sum()`, the same for every row, so no flag depends on it.

    A row with missing values is scored by what is observed of it, such as by -log p(x_obs). In a sum
    over columns those that are missing add nothing, which may be less than they would have added, or
    more: -log p(x_d|z) of a density is negative in a column that is well explained. So a threshold keeps
    its promise where the normal rows have holes as often as new ones, in the same way. `flag` warns of
    rows that lack more than any normal row did.

    The noise of the L draws, one array (L, 1, J) that follows from the seed, serves every row and every
    model. So a row has one score: in any company, any order, and batches of any size. (But for its last
    digits, since a matrix product is rounded otherwise for another number of rows.)

    That is fair. For each single row the noise is as random as noise of its own, and the score has
    the same mean and the same error. What the rows share is this error: two rows are compared by
    the same draws, and normal rows are drawn for as those that are judged by them. It is not lowered
    by a mean over many rows, then; a larger L lowers it.
    """

    def __init__(self, model, normal, score="negative_elbo", n_samples=10, standardizer=None,
                 seed=0, *, observed=None):
        models = as_models(model)
        check_choice(score, "score", SCORES)
        if score == "negative_evidence":
            check_density(models[0], "log p(x)")
        check_optional(standardizer, "standardizer", Standardizer, "a Standardizer")
        if standardizer is not None and standardizer.shift.size != models[0].n_data:
            raise ValueError(f"standardizer has {standardizer.shift.size} columns: {models[0].n_data} "
                             "were expected, as in the model")
        self.members = [Member(model.copy()) for model in models]      # whatever becomes of theirs
        self.kind, self.standardizer, self.names = score, standardizer, None
        self.n_samples, self.seed = check_count(n_samples, "n_samples"), check_seed(seed)
        twin = self._in_float64()
        prepared, seen = twin._prepared(normal, observed, "normal")
        self.n_normal, self.most_missing = len(prepared), most_missing(seen)
        if self.n_normal == 1:
            raise ValueError("normal has 1 row: at least 2 were expected")
        distances = np.array([double.measure(prepared, seen) for double in twin.members])
        for member, double in zip(self.members, twin.members):
            member.latent_mean, member.latent_precision = double.latent_mean, double.latent_precision
        scores = self._by_each(normal, observed)
        if score == "latent_distance":
            self._check_moments()
            scores = left_out(distances, self.n_normal)
        self.normal_scores = np.sort(pooled(score, scores)[0])

    @property
    def models(self):
        """The models, a list."""
        return [member.model for member in self.members]

    def _prepared(self, x, observed, name="x"):
        """x as the model takes it, zeros where it is not observed; and what is observed, or None."""
        model = self.members[0].model
        x, observed = parted(x, observed, name, model.n_data, model.parameters.dtype)
        with naming_the_mask(name):
            x = as_batch(x, name, model.n_data, np.float64)
        if self.standardizer is not None:
            shift, scale = self.standardizer.shift, self.standardizer.scale
            reach = scale * np.where(any_number(model.likelihood, model.n_data), FAR, np.inf)
            x = filled(self.standardizer(np.clip(x, shift - reach, shift + reach)), observed)
        return as_data(model, x, name), observed

    def _in_float64(self):
        """This detector with models in float64: see `Member.in_float64`."""
        twin = copy.copy(self)
        twin.members = [member.in_float64() for member in self.members]
        return twin

    def _noise(self):
        """eps (L, 1, J), the same at every call: it serves every row."""
        return self.members[0].model.draw_noise(stream(self.seed, "score"), 1, self.n_samples)

    @ends_all
    def score(self, x, batch_size=100, *, observed=None, communicator=None):
        """The score of each row of x (n, D): (n,), float64; higher is more anomalous.

        `observed` (n, D) is 1 where x is known. batch_size rows are worked on at a time, by each
        core. Memory grows with it, and the scores do not change. With a communicator of mpi4py the
        ranks of an MPI program, all of which call this alike, share the rows, and all get all scores.
        """
        return pooled(self.kind, self._by_each(x, observed, batch_size, Ranks(communicator)))[0]

    def _by_each(self, x, observed, batch_size=100, ranks=Ranks(None)):
        """The scores of n rows under each of M models: (M, n), float64."""
        detector = self._in_float64() if self.kind == "latent_distance" else self
        scores = detector._by_batches(SCORES[self.kind], x, observed, batch_size, ranks)
        scores = np.concatenate([np.stack(of_rows) for of_rows in scores], axis=-1)
        for of_model in scores:
            check_finite(of_model, "the score")
        return scores.astype(np.float64)

    def contributions(self, x, batch_size=100, *, observed=None):
        """What each column adds to the score of each row, and what the code does: `Contributions`.

        They add up to the score. Of several models each contributes by its share, and the logarithm of
        the share to the code (see `npvae.evaluation.scores.pooled`). How odd a column is shows beside
        what it adds for normal rows:
        `detector.contributions(rows).columns - detector.contributions(normal).columns.mean(axis=0)`.
        """
        if self.kind not in CONTRIBUTIONS:
            raise ValueError(f"the score is {self.kind!r}, to which no column adds by itself: one of "
                             f"{', '.join(map(repr, CONTRIBUTIONS))} was expected")
        found = self._by_batches(CONTRIBUTIONS[self.kind], x, observed, batch_size)
        columns, code = (np.concatenate([np.stack([one[part] for one in of_rows]) for of_rows in found],
                                        axis=1).astype(np.float64) for part in (0, 1))
        for of_model in columns:                                   # columns (M, n, D), code (M, n)
            check_finite(of_model, "a contribution")
        _, log_share = pooled(self.kind, columns.sum(axis=-1) + code)
        share = np.exp(log_share)
        return Contributions(np.einsum("mb,mbd->bd", share, columns),
                             (share * (code + log_share + math.log(len(share)))).sum(axis=0))

    def _by_batches(self, function, x, observed, batch_size, ranks=Ranks(None)):
        """[function(member, rows, observed, eps) for each member] of so many rows at a time, with the
        noise that serves every row."""
        check_count(batch_size, "batch_size")
        x, observed = self._prepared(x, observed)
        eps, starts = self._noise(), range(0, len(x), batch_size)

        def of_batch(start):
            rows = slice(start, start + batch_size)
            shared = np.broadcast_to(eps, (len(eps), len(x[rows]), eps.shape[-1]))
            seen = None if observed is None else observed[rows]
            return [function(member, x[rows], seen, shared) for member in self.members]

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
        bound, that scores are not tied, and not latent distances: each normal row is judged by moments
        without it, a new one by those of all n. Where n is no more than a few J, fewer are flagged.)

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
        k = max(1, math.ceil(round(quantile * (self.n_normal + 1), 9)))       # 0.95 * 20 is 19, no more
        if k > self.n_normal:
            raise ValueError(f"quantile is {quantile} and normal has {self.n_normal} rows: at most "
                             f"{largest_quantile(self.n_normal)} was expected, which is what these can "
                             "promise")
        return float(self.normal_scores[k - 1])

    def flag(self, x, quantile=None, sigmas=None, *, observed=None):
        """True for each row that scores above the threshold: (n,) of bool.

        A score that equals the threshold, as one of the normal rows' may, is not flagged: so the
        promise of a quantile (see `threshold`) holds whatever ties there are. A UserWarning tells of
        rows that lack more cells than any of the normal ones did: of them nothing is promised.
        """
        flagged = self.score(x, observed=observed) > self.threshold(quantile, sigmas)
        D, known = self.models[0].n_data, self.most_missing                # None in older files
        lacking = most_missing(parted(x, observed, "x", D, np.float64)[1])
        if known is not None and lacking > known:
            warnings.warn(f"x has a row that lacks {lacking} of its {D} cells; of the normal rows none "
                          f"lacked more than {known}: no threshold promises anything of it",
                          stacklevel=2)
        return flagged

    def tail(self, x, *, observed=None):
        """The probability of a latent distance at least as large, of each row.

        Uniform on new normal data, as far as their posterior means are Gaussian; compare with the
        empirical tail before trusting it. The mean and the covariance are those of n rows, so
        n (n - J) / ((n + 1) (n - 1) J) times the squared distance has an F distribution with J and
        n - J degrees of freedom (Hotelling's), which is chi-squared / J for large n. (J is one less for
        each symbol, whose numbers have one sum.) Of one model: a
        mean of distances by several has no such distribution.
        """
        if len(self.members) > 1:
            raise ValueError(f"the detector has {len(self.members)} models: one was expected, whose "
                             "distance has a known distribution")
        self._check_moments()
        twin = self._in_float64()
        distance = latent_distance(twin.members[0], *twin._prepared(x, observed), None)
        n, J = self.n_normal, degrees_of_freedom(self.models[0].posterior)
        return fdtrc(J, n - J, distance * (n * (n - J) / ((n + 1) * (n - 1) * J)))

    def _check_moments(self):
        """Raise ValueError where there are too few normal rows for the covariance of their codes."""
        n, J = self.n_normal, self.models[0].n_latent
        if n < J + 2:
            raise ValueError(f"normal has {n} rows: at least {J + 2} were expected, for a covariance of "
                             f"{J} latent dimensions that leaves out one of them")

    def save(self, path):
        """Write the detector and its models to one .npz file."""
        first, *others = self.models
        arrays = {"normal_scores": self.normal_scores,
                  **{name: np.stack([getattr(member, name) for member in self.members])
                     for name in ("latent_mean", "latent_precision")}}
        if others:
            arrays["other_thetas"] = np.stack([model.parameters.theta for model in others])
        if self.standardizer is not None:
            arrays.update(shift=self.standardizer.shift, scale=self.standardizer.scale)
        numbers = {"score": self.kind, "n_samples": self.n_samples, "seed": self.seed,
                   "names": self.names, "most_missing": self.most_missing}
        save(path, first, {"detector": numbers}, arrays)


def largest_quantile(n):
    """The largest quantile that n normal rows can promise, n / (n + 1), rounded down to six digits."""
    return math.floor(1e6 * n / (n + 1)) / 1e6


def as_models(models):
    """A list of VAEs that differ in their parameters alone, of one VAE or several."""
    models = [*models] if isinstance(models, (list, tuple)) else [models]
    if not models:
        raise ValueError("model is an empty list: at least one VAE was expected")
    for model in models:
        check_vae(model)
        check_unconditional(model)
    first, *others = ((parts_in_words(model), model.parameters.shapes, model.parameters.dtype)
                      for model in models)
    for i, other in enumerate(others, start=1):
        if other != first:
            raise ValueError(f"model holds models of two kinds, {models[0]!r} at 0 and {models[i]!r} at "
                             f"{i}: models that differ in their parameters alone were expected")
    return models
