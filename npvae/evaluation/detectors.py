"""A detector of a table of normal rows, by one call; and one read from its file."""

import math

import numpy as np

from npvae.datasets.tables import Standardizer, standardizer_of
from npvae.evaluation.anomaly import SCORES, AnomalyDetector
from npvae.evaluation.evidence import log_evidence
from npvae.inputs import as_batch, as_double, check_choice, check_count, check_seed
from npvae.learning import fit
from npvae.learning.checkpoints import load, load_into
from npvae.learning.schedules import Cosine
from npvae.randomness import stream
from npvae.recipes import vae

N_LATENT = (2, 8)                   # what is chosen from
BATCH_SIZE = 100


def fit_detector(normal, *, score="negative_evidence", n_samples=50, n_steps=3000, seed=0):
    """An AnomalyDetector of a table of normal rows: standardized, chosen, trained, calibrated.

    A fifth of the rows, drawn at random, is held out for the thresholds, and is used for nothing
    else (of few rows up to a third, so that they are 20): so `AnomalyDetector.threshold` keeps its
    promise. Of the rest, a fifth decides: how many latent dimensions, 2 or 8, by the larger mean
    log p(x) of its rows, and how long to train. Then a model is trained anew on all of the rest, for as
    long. It is a VAE with a variance for each column (`DiagonalGaussian`).

    Parameters
    ----------
    normal : array (n, D)
        Normal rows, at least 6, in their own units.
    score : str
        See `AnomalyDetector`.
    n_samples : int
        L, the draws of z for each row.
    n_steps : int
        Of training, at most, for each of the models; at least one epoch.
    seed : int
        Of which rows are held out, of the weights, the training and the draws.

    Returns
    -------
    AnomalyDetector
        With a model in float64, trained in float32.

    Notes
    -----
    In training, a value far outside its column's usual range counts as the end of it: 20 times the
    range from the 5 % to the 95 % quantile, on either side. So one row at 1e19 among many does not
    become the unit in which all are measured. A column that never changes is shifted only: how odd
    another value is, is then told in its own unit.
    """
    check_choice(score, "score", SCORES)
    n_samples, n_steps = check_count(n_samples, "n_samples"), check_count(n_steps, "n_steps")
    normal = as_double(normal, "normal", None, None)
    n = len(normal)
    if n < 6:
        raise ValueError(f"normal has {n} row{'s' * (n > 1)}: at least 6 were expected")
    order = stream(check_seed(seed), "held out").permutation(n)
    held_out, rest = np.split(normal[order], [max(n // 5, min(20, n // 3))])
    rest = without_extremes(rest)
    standardizer = standardizer_of(rest)
    rest = standardizer(rest)
    deciding, train = np.split(rest, [math.ceil(len(rest) / 5)])

    def value(n_latent):
        model, n_epochs = trained(train, n_latent, n_steps, seed, validation=deciding)
        return log_evidence(model, deciding, stream(seed, "evaluate"), n_samples).log_px.mean(), n_epochs

    found = {n_latent: value(n_latent) for n_latent in N_LATENT}
    n_latent = max(found, key=found.get)
    model, _ = trained(rest, n_latent, n_steps, seed, n_epochs=found[n_latent][1])
    return AnomalyDetector(model.astype(np.float64), held_out, score, n_samples, standardizer, seed)


def trained(x, n_latent, n_steps, seed, validation=None, n_epochs=None):
    """A model of x, and its number of epochs: those given, or those that suit held-out rows best."""
    model = vae(x.shape[1], (64, 64), n_latent, likelihood="diagonal_gaussian", variance=0.1,
                activation="tanh", seed=seed)
    batch_size = min(BATCH_SIZE, len(x))
    most = math.ceil(n_steps / math.ceil(len(x) / batch_size))
    history = fit(model, x, epochs=n_epochs or most, batch_size=batch_size, seed=seed, progress=False,
                  learning_rate=Cosine(3e-3, most), validation=validation,
                  patience=None if validation is None else math.ceil(most / 4))
    if validation is None:
        return model, n_epochs
    losses = [row["val_loss"] for row in history]
    return model, 1 + int(np.argmin(losses))


def without_extremes(x):
    """x (n, D), with values far outside their column's usual range moved to its ends."""
    low, high = np.quantile(x, [0.05, 0.95], axis=0)
    reach = np.where(high > low, 20 * (high - low), np.inf)
    return np.clip(x, low - reach, high + reach)


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
    detector.n_normal = detector.normal_scores.size
    detector.standardizer = None
    if "shift" in arrays:
        detector.standardizer = Standardizer(vector("shift", model.n_data),
                                             vector("scale", model.n_data))
    return detector
