"""Anomaly detection: a model of normal data, and what it finds unlikely.

All that a detector knows comes from normal data: the model, the standardization, the
distribution of the score, and so its thresholds.
"""

import copy

import numpy as np
from scipy.special import chdtrc

from npvae.datasets.tables import Standardizer
from npvae.door import as_data, check_density, check_vae
from npvae.evaluation.evidence import Weights, codes_at_a_time, weigh
from npvae.inputs import (as_batch, check_choice, check_count, check_finite, check_number,
                          check_optional, check_seed)
from npvae.learning.checkpoints import load, load_into, save
from npvae.objectives import ELBO
from npvae.objectives.costs import best_cost
from npvae.randomness import stream


def reconstruction_error(detector, x, eps):
    """The squared error of the reconstruction, summed over the D dimensions."""
    error = x - detector.model.reconstruct(x)
    return (error * error).sum(axis=-1)


def negative_elbo(detector, x, eps):
    """-ELBO(x) in nats, averaged over L draws of z; its KL in closed form, where there is one."""
    cache = detector.forward(x, eps)
    return cache.cost.per_x(cache.rate) - cache.log_px.mean(axis=0)


def reconstruction_probability(detector, x, eps):
    """-E_q[log p(x|z)] in nats, over L draws of z: the ELBO without its KL.

    An and Cho (2015), with the logarithm taken of each draw.
    """
    return -detector.forward(x, eps).log_px.mean(axis=0)


def negative_evidence(detector, x, eps):
    """-log p(x) in nats, by importance sampling with L draws of z."""
    check_density(detector.model, "log p(x)")
    weights = Weights(len(x), len(eps))
    n_draws = max(1, codes_at_a_time(detector.model) // len(x))
    for start in range(0, len(eps), n_draws):
        weights.add(weigh(detector.model, x, eps[start:start + n_draws]))
    return -weights.evidence().log_px


def latent_distance(detector, x, eps):
    """The squared Mahalanobis distance of the posterior mean from those of normal data.

    Posterior means are less spread than N(0, I), so their plain squared length is not
    chi-squared; with the mean and covariance of normal data it is, as far as those are
    Gaussian. See `AnomalyDetector.tail`.
    """
    distance = detector.codes(x) - detector.latent_mean
    return np.einsum("ij,jk,ik->i", distance, detector.latent_precision, distance)


SCORES = {"reconstruction_error": reconstruction_error, "negative_elbo": negative_elbo,
          "reconstruction_probability": reconstruction_probability,
          "negative_evidence": negative_evidence, "latent_distance": latent_distance}


class AnomalyDetector:
    """Scores rows by a model of normal data, and flags those above a threshold.

    Parameters
    ----------
    model : VAE
        Trained on normal data, standardized as below.
    normal : array (n, D)
        Normal data, best not those of the training: the score's distribution on them
        gives the thresholds.
    score : {"negative_elbo", "reconstruction_error", "reconstruction_probability", \
"negative_evidence", "latent_distance"}
        Higher is more anomalous. See the functions of those names.
    n_samples : int
        L, the draws of z for each row.
    standardizer : Standardizer, optional
        Applied to all rows before the model sees them.
    seed : int
        Of the draws.

    Notes
    -----
    The noise of the L draws, one array (L, 1, J) that follows from the seed, serves every row. So a
    row has one score: in any company, any order, and batches of any size. (But for its last digits,
    since a matrix product is rounded otherwise for another number of rows.)

    That is fair. For each single row the noise is as random as noise of its own, and the score has
    the same mean and the same error. What the rows share is this error: two rows are compared by
    the same draws, and normal rows are drawn for as those that are judged by them. It is not lowered
    by a mean over many rows, then; a larger L lowers it.
    """

    def __init__(self, model, normal, score="negative_elbo", n_samples=10, standardizer=None,
                 seed=0):
        check_vae(model)
        check_choice(score, "score", SCORES)
        check_optional(standardizer, "standardizer", Standardizer, "a Standardizer")
        if standardizer is not None and standardizer.shift.size != model.n_data:
            raise ValueError(f"standardizer has {standardizer.shift.size} columns: {model.n_data} were "
                             "expected, as in the model")
        self.model, self.kind, self.standardizer = model, score, standardizer
        self.n_samples, self.seed = check_count(n_samples, "n_samples"), check_seed(seed)
        prepared = self._prepared(normal, "normal")
        if len(prepared) == 1:
            raise ValueError("normal has 1 row: at least 2 were expected")
        mu = self._in_float64().codes(prepared)
        self.latent_mean = mu.mean(axis=0)
        covariance = np.atleast_2d(np.cov(mu.T)) + 1e-9 * np.eye(mu.shape[1])
        self.latent_precision = np.linalg.inv(covariance)
        self.normal_scores = np.sort(self.score(normal))

    def _prepared(self, x, name="x"):
        x = as_batch(x, name, self.model.n_data, np.float64)
        if self.standardizer is not None:
            x = self.standardizer(x)
        return as_data(self.model, x, name)

    def codes(self, x):
        """The posterior's point for each row, most often its mean: (n, J)."""
        return self.model.posterior.point(self.model.encode(x))

    def _in_float64(self):
        """This detector with a model in float64. For distances of codes: in a dimension that says
        little, the codes of all rows are alike in most of the digits that float32 has."""
        twin = copy.copy(self)
        twin.model = self.model.astype(np.float64)
        return twin

    def _noise(self):
        """eps (L, 1, J), the same at every call: it serves every row."""
        return self.model.draw_noise(stream(self.seed, "score"), 1, self.n_samples)

    def forward(self, x, eps):
        """The cache of the model's forward pass with L draws of z: log_px (L, B), the rate, ..."""
        model = self.model
        cost = best_cost(model.posterior, model.encode(x), model.prior.given(None, model))
        return model.forward(x, eps, objective=ELBO(cost=cost))[1]

    def score(self, x, batch_size=100):
        """The score of each row of x (n, D): (n,), float64; higher is more anomalous.

        batch_size rows are worked on at a time. Memory grows with it, and the scores do not change.
        """
        check_count(batch_size, "batch_size")
        x = self._prepared(x)
        detector = self._in_float64() if self.kind == "latent_distance" else self
        eps, scores = detector._noise(), []
        for start in range(0, len(x), batch_size):
            rows = x[start:start + batch_size]
            shared = np.broadcast_to(eps, (len(eps), len(rows), eps.shape[-1]))
            scores.append(SCORES[self.kind](detector, rows, shared))
        scores = np.concatenate(scores).astype(np.float64)
        check_finite(scores, "the score")
        return scores

    def threshold(self, quantile=None, sigmas=None):
        """A threshold from normal data: a quantile of their scores, or mean + k sigma.

        Give one of the two. A quantile of 0.99 flags one in a hundred normal rows; k = 3
        flags as many as the tail of the score's own distribution has, which is not Gaussian.
        """
        if (quantile is None) == (sigmas is None):
            raise ValueError(f"quantile is {quantile} and sigmas is {sigmas}: one of the two was "
                             "expected")
        if sigmas is not None:
            check_number(sigmas, "sigmas", np.isfinite, "a finite number")
            return float(self.normal_scores.mean() + sigmas * self.normal_scores.std())
        check_number(quantile, "quantile", lambda v: 0 < v < 1, "a number between 0 and 1")
        return float(np.quantile(self.normal_scores, quantile))

    def flag(self, x, quantile=None, sigmas=None):
        """True for each row that scores above the threshold: (n,) of bool.

        A score that equals the threshold, as one of the normal rows' may, is not flagged: so a
        quantile q flags at most a share 1 - q of the normal rows, whatever ties there are.
        """
        return self.score(x) > self.threshold(quantile, sigmas)

    def tail(self, x):
        """The chi-squared tail probability, J degrees of freedom, of each latent distance.

        Near uniform on normal data, as far as their posterior means are Gaussian; compare
        with the empirical tail before trusting it.
        """
        distance = latent_distance(self._in_float64(), self._prepared(x), None)
        return chdtrc(self.model.n_latent, distance)

    def save(self, path):
        """Write the detector and its model to one .npz file."""
        arrays = {name: getattr(self, name) for name in
                  ("latent_mean", "latent_precision", "normal_scores")}
        if self.standardizer is not None:
            arrays.update(shift=self.standardizer.shift, scale=self.standardizer.scale)
        numbers = {"score": self.kind, "n_samples": self.n_samples, "seed": self.seed}
        save(path, self.model, {"detector": numbers}, arrays)


def load_detector(path, model=None):
    """The detector that `AnomalyDetector.save` wrote.

    Parameters
    ----------
    path : path-like
    model : VAE, optional
        Where its model was built by hand: one built in the same way, which gets its parameters.

    Raises
    ------
    ValueError
        Where the file holds no detector, or is damaged.
    """
    model = load(path) if model is None else model
    numbers, arrays = load_into(path, model)
    if not isinstance(numbers, dict) or "detector" not in numbers:
        raise ValueError(f"{path} holds a model, but no detector")
    try:
        return _detector_of(model, numbers["detector"], arrays)
    except KeyError as error:
        raise ValueError(f"{path} holds a damaged detector: it lacks {error}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds a damaged detector: {error}") from error


def _detector_of(model, numbers, arrays):
    """The detector of a file's numbers and arrays, each of which is looked at."""
    detector = object.__new__(AnomalyDetector)
    detector.model, detector.kind = model, numbers["score"]
    detector.n_samples, detector.seed = numbers["n_samples"], numbers["seed"]
    check_choice(detector.kind, "score", SCORES)
    check_count(detector.n_samples, "n_samples")
    check_seed(detector.seed)

    def vector(name, size):
        return as_batch(arrays[name].reshape(1, -1), name, size, np.float64)[0]

    n_latent = model.n_latent
    detector.latent_mean = vector("latent_mean", n_latent)
    detector.latent_precision = vector("latent_precision", n_latent * n_latent).reshape(
        n_latent, n_latent)
    detector.normal_scores = vector("normal_scores", arrays["normal_scores"].size)
    detector.standardizer = None
    if "shift" in arrays:
        detector.standardizer = Standardizer(vector("shift", model.n_data),
                                             vector("scale", model.n_data))
    return detector
