"""A detector of a table of normal rows, by one call; and one read from its file."""

import math

import numpy as np

from npvae.datasets.tables import Standardizer, standardizer_of
from npvae.distributions.columns import any_number, of_classes
from npvae.distributions.roles import Likelihood, check_role
from npvae.distributions.scales import DiagonalGaussian
from npvae.door import naming_the_mask, parted
from npvae.evaluation.anomaly import AnomalyDetector
from npvae.evaluation.evidence import log_evidence
from npvae.evaluation.scores import SCORES, Member
from npvae.inputs import (as_array, as_batch, as_double, check_choice, check_count, check_real,
                          check_seed)
from npvae.learning import fit
from npvae.learning.checkpoints import load, load_into
from npvae.learning.schedules import Cosine
from npvae.randomness import stream
from npvae.recipes import vae

N_LATENT = (2, 8)                   # what is chosen from
BATCH_SIZE = 100


def fit_detector(normal, *, score="negative_evidence", n_samples=50, n_steps=3000, n_models=5,
                 likelihood=None, seed=0, observed=None):
    """An AnomalyDetector of a table of normal rows: standardized, chosen, trained, calibrated.

    A fifth of the rows, drawn at random, is held out for the thresholds, and is used for nothing
    else (of few rows up to a third, so that they are 20): so `AnomalyDetector.threshold` keeps its
    promise. Of the rest, a fifth decides: how many latent dimensions, 2 or 8, by the larger mean
    log p(x) of its rows, and how long to train. Then n_models are trained anew on all of the rest, for
    as long, each from weights and in an order of its own. They are VAEs with a variance for each column
    (`DiagonalGaussian`), and the detector is of their mixture.

    Why several? Where rows are few, what a model says far from them depends on the weights that it began
    with. The log of a mean is at least the mean of the logs (Jensen): of no x is the mixture's log p(x)
    smaller than the mean of its members', and it is larger by as much as these disagree.

    Parameters
    ----------
    normal : array (n, D), or a NumPy masked array, which says what is observed
        Normal rows, at least 6, in their own units.
    score : str
        See `AnomalyDetector`.
    n_samples : int
        L, the draws of z for each row, by each model.
    n_steps : int
        Of training, at most, for each of the models; at least one epoch.
    n_models : int
        M. Two more are trained for the choice. The time of scoring is proportional to M.
    likelihood : Likelihood, optional
        Where columns are of several kinds: `Columns`, of a `DiagonalGaussian` for those of numbers, and
        others for classes and counts. Only columns that may hold any number are standardized.
    seed : int
        Of which rows are held out, of the weights, the training and the draws.
    observed : array (n, D), optional
        1 where normal is known, 0 where it is missing. Where some is, the models are told in which
        cells (`shows_mask`). Let the normal rows have holes as often as those that are to be judged, in
        the same way: see `AnomalyDetector`.

    Returns
    -------
    AnomalyDetector
        With models in float64, trained in float32.

    Raises
    ------
    TypeError, ValueError
        Where an argument is of another type, or has a wrong value: fewer than 6 rows, a column of which
        nothing is observed, a likelihood of another number of columns.

    Notes
    -----
    In training, a value far outside its column's usual range counts as the end of it: 20 times the
    range from the 5 % to the 95 % quantile, on either side; where these are the same, 20 times the
    median distance of those that differ. So one row at 1e19 among many does not become the unit in
    which all are measured. A column that never changes is shifted only: how odd another value is, is
    then told in its own unit.

    References
    ----------
    Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive uncertainty estimation
    using deep ensembles": members that differ by their weights' seeds, each trained on all rows.
    """
    check_choice(score, "score", SCORES)
    n_samples, n_steps = check_count(n_samples, "n_samples"), check_count(n_steps, "n_steps")
    n_models, seed = check_count(n_models, "n_models"), check_seed(seed)
    normal = as_table(normal, observed)
    n, n_columns = normal.shape
    if n < 6:
        raise ValueError(f"normal has {n} row{'s' * (n > 1)}: at least 6 were expected")
    likelihood = DiagonalGaussian(n_columns, variance=0.1) if likelihood is None else likelihood
    check_role(likelihood, "likelihood", Likelihood)
    likelihood.n_outputs(n_columns)                        # refuses another number of columns
    likelihood.check(np.ma.filled(normal, 0), "normal")
    normal = normal[stream(seed, "held out").permutation(n)]
    n_held_out = max(n // 5, min(20, n // 3))
    if score == "latent_distance" and n_held_out < max(N_LATENT) + 2:
        raise ValueError(f"normal has {n} rows, of which {n_held_out} are held out: at least "
                         f"{max(N_LATENT) + 2} were expected of these, for the covariance of "
                         f"{max(N_LATENT)} latent dimensions")
    held_out, rest = normal[:n_held_out], normal[n_held_out:]
    check_columns(rest)
    free = any_number(likelihood, n_columns)
    rest = without_extremes(rest, free)
    standardizer = standardizer_of(rest)
    standardizer.shift[~free], standardizer.scale[~free] = 0.0, 1.0
    rest = standardizer(rest)
    n_deciding = math.ceil(len(rest) / 5)
    deciding, train = rest[:n_deciding], rest[n_deciding:]

    def value(n_latent):
        model, n_epochs = trained(train, likelihood, n_latent, n_steps, seed, validation=deciding)
        return log_evidence(model, deciding, stream(seed, "evaluate"), n_samples).log_px.mean(), n_epochs

    found = {n_latent: value(n_latent) for n_latent in N_LATENT}
    n_latent = max(found, key=found.get)
    seeds = stream(seed, "members").integers(2**31, size=n_models).tolist()
    models = [trained(rest, likelihood, n_latent, n_steps, one, n_epochs=found[n_latent][1])[0]
              for one in seeds]
    return AnomalyDetector([model.astype(np.float64) for model in models], held_out, score, n_samples,
                           standardizer, seed)


def as_table(normal, observed):
    """Rows (n, D) in float64; a masked array, where something is missing."""
    bare = as_array(np.ma.getdata(normal) if isinstance(normal, np.ma.MaskedArray) else normal, "normal")
    check_real(bare, "normal")
    if bare.ndim != 2 or bare.size == 0:
        raise ValueError(f"normal has shape {bare.shape}: (any, any) was expected")
    normal, observed = parted(normal, observed, "normal", bare.shape[1], np.float64)
    with naming_the_mask("normal"):
        normal = as_double(normal, "normal")
    return normal if observed is None or observed.all() else np.ma.masked_array(normal, observed == 0)


def check_columns(rest):
    """Raise ValueError where nothing is known of a column of the rows that are trained on."""
    empty = np.flatnonzero(np.ma.getmaskarray(rest).all(axis=0))
    if empty.size:
        raise ValueError(f"normal has nothing observed in column {empty[0]} of the {len(rest)} rows "
                         "that are trained on: some of each column was expected")


def trained(x, likelihood, n_latent, n_steps, seed, validation=None, n_epochs=None):
    """A model of x, and its number of epochs: those given, or those that suit held-out rows best."""
    model = vae(x.shape[1], (64, 64), n_latent, likelihood=likelihood.copy(), activation="tanh",
                shows_mask=isinstance(x, np.ma.MaskedArray), seed=seed)
    batch_size = min(BATCH_SIZE, len(x))
    most = math.ceil(n_steps / math.ceil(len(x) / batch_size))
    history = fit(model, x, epochs=min(n_epochs or most, most), batch_size=batch_size, seed=seed,
                  progress=False, learning_rate=Cosine(3e-3, most), validation=validation,
                  patience=None if validation is None else math.ceil(most / 4))
    if validation is None:
        return model, n_epochs
    losses = [row["val_loss"] for row in history]
    return model, 1 + int(np.argmin(losses))


def without_extremes(x, free):
    """x (n, D), with values far outside their column's usual range moved to its ends; of the columns
    that are `free` (D,). Where nearly all are the same, the range is how far the others usually are."""
    values = np.ma.filled(x, np.nan)
    low, high = np.nanquantile(values, [0.05, 0.95], axis=0)
    usual = high - low
    for j in np.flatnonzero(usual == 0):
        apart = np.abs(values[:, j] - low[j])
        usual[j] = np.median(apart[apart > 0]) if (apart > 0).any() else np.inf
    reach = np.where(free, 20 * usual, np.inf)
    return np.clip(x, low - reach, high + reach)


def load_detector(path, model=None):
    """The detector that `AnomalyDetector.save` wrote.

    Parameters
    ----------
    path : path-like
    model : VAE, optional
        Where its model was built by hand: one built in the same way, which gets its parameters. The
        detector has copies.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
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
    detector.kind, detector.n_samples, detector.seed = (numbers[name] for name in
                                                        ("score", "n_samples", "seed"))
    check_choice(detector.kind, "score", SCORES)
    check_count(detector.n_samples, "n_samples")
    check_seed(detector.seed)
    detector.names = as_names(numbers.get("names"), model.n_data)       # which older files lack
    detector.most_missing = numbers.get("most_missing")                 # as they do this
    if detector.most_missing is not None:
        check_count(detector.most_missing, "most_missing", least=0)
    elif (detector.kind == "reconstruction_error"
          and of_classes(model.likelihood, model.n_data).any()):
        raise ValueError("its thresholds are of squared differences between the numbers of classes, "
                         "which are no longer taken: fit it again")

    def table(name, n_columns):
        return as_batch(arrays[name].reshape(-1, n_columns), name, n_columns, np.float64)

    models, J = [model.copy()], model.n_latent
    for theta in table("other_thetas", model.parameters.size) if "other_thetas" in arrays else ():
        models.append(model.copy())
        models[-1].parameters.theta = theta
    means, precisions = table("latent_mean", J), table("latent_precision", J * J)
    if not len(models) == len(means) == len(precisions):
        raise ValueError(f"it has {len(models)} models, and moments of the codes of {len(means)} and "
                         f"{len(precisions)}")
    detector.members = [Member(one, mean, precision.reshape(J, J))
                        for one, mean, precision in zip(models, means, precisions)]
    detector.normal_scores = table("normal_scores", arrays["normal_scores"].size)[0]
    detector.n_normal = detector.normal_scores.size
    detector.standardizer = None
    if "shift" in arrays:
        detector.standardizer = Standardizer(*(table(name, model.n_data)[0]
                                               for name in ("shift", "scale")))
    return detector


def as_names(names, n_columns):
    """The names of the columns, or None where nothing names them."""
    if names is not None and not (isinstance(names, list) and len(names) == n_columns
                                  and all(isinstance(name, str) for name in names)):
        raise ValueError(f"its names are {str(names)[:80]}: one of each column was expected, or None")
    return names
