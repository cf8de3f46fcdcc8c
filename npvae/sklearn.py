"""A VAE of a table as scikit-learn has its estimators, and as PyOD has its detectors.

Both are thin: `npvae.evaluation.fit_detector` does the work. scikit-learn is needed here only:
`pip install 'npvae[sklearn]'`.
"""

import numpy as np
from sklearn.base import (BaseEstimator, ClassNamePrefixFeaturesOutMixin, OutlierMixin,
                          TransformerMixin)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from npvae.evaluation import fit_detector
from npvae.inputs import check_count, check_number, check_unmasked


class VAEDetector(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, BaseEstimator):
    """A density log p(x), codes of the rows, and a detector of outliers: trained on normal rows.

    Parameters
    ----------
    quantile : float
        How many of new normal rows are to be passed: `predict` flags one with a probability of at most
        1 - quantile (see `npvae.evaluation.AnomalyDetector.threshold`). Where too few rows are held out
        to promise that, it promises what they can: 1 / (n + 1).
    n_samples : int
        The draws of z for each row.
    n_steps : int
        Of training, at most.
    random_state : int, RandomState or None

    Attributes
    ----------
    detector_ : AnomalyDetector
    offset_ : float
        The threshold of log p(x).
    n_features_in_ : int
    """

    def __init__(self, *, quantile=0.9, n_samples=50, n_steps=3000, random_state=None):
        self.quantile, self.n_samples, self.n_steps = quantile, n_samples, n_steps
        self.random_state = random_state

    def fit(self, X, y=None):
        """Train on X (n, D), rows that are normal, of which nothing is missing."""
        check_unmasked(X, "X")                                # scikit-learn drops a mask without a word
        _check_share(self.quantile, "quantile")
        n_samples = check_count(self.n_samples, "n_samples")
        n_steps = check_count(self.n_steps, "n_steps")
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=6)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.detector_ = fit_detector(X, n_samples=n_samples, n_steps=n_steps, seed=seed)
        n = self.detector_.n_normal
        threshold = self.detector_.threshold(min(self.quantile, n / (n + 1)))
        self.offset_ = self._log_density(np.array([threshold]))[0]
        self._n_features_out = self.detector_.models[0].n_latent
        return self

    def _log_density(self, scores):
        """log p(x) in the units of X, of scores in those of the standardized x."""
        return -scores - np.log(self.detector_.standardizer.scale).sum()

    def _checked(self, X):
        check_is_fitted(self)
        check_unmasked(X, "X")
        return validate_data(self, X, dtype=np.float64, reset=False)

    def score_samples(self, X):
        """log p(x) of each row, in nats: (n,)."""
        X = self._checked(X)
        return self._log_density(self.detector_.score(X))

    def score(self, X, y=None):
        """The mean of log p(x)."""
        return float(self.score_samples(X).mean())

    def decision_function(self, X):
        """log p(x) less the threshold: negative for what is flagged, (n,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """-1 for each row that is flagged, 1 for the others: (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def transform(self, X):
        """The posterior mean of each row, by the first of the detector's models: (n, J). (Each has axes
        of its own.)"""
        X = self._checked(X)
        return self.detector_.members[0].codes(*self.detector_._prepared(X, None))

    def sample(self, n_samples=1):
        """New rows, drawn from p(x): (n_samples, D)."""
        check_is_fitted(self)
        n_samples = check_count(n_samples, "n_samples")
        models, standardizer = self.detector_.models, self.detector_.standardizer
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        shares = rng.multinomial(n_samples, np.full(len(models), 1 / len(models)))
        rows = []
        for model, n in zip(models, shares):
            z = model.prior.sample(rng, n, np.float64)
            rows.append(model.likelihood.sample(rng, model.decoder.forward(z)[0]))
        x = rng.permutation(np.concatenate(rows))
        return x * standardizer.scale + standardizer.shift


class PyODDetector(BaseEstimator):
    """The same with PyOD's conventions: higher is odder, labels are 0 and 1, and a share
    `contamination` of the rows that it was trained on is flagged.

    Parameters
    ----------
    contamination : float
        The share of anomalies that is expected among the rows of `fit`, in (0, 1).
    n_steps, random_state
        As `VAEDetector` has them.

    Attributes
    ----------
    detector_ : VAEDetector
    decision_scores_ : ndarray (n,)
        -log p(x) of the rows of `fit`, in nats.
    threshold_ : float
        Their quantile at 1 - contamination.
    labels_ : ndarray (n,)
        1 for those above the threshold, else 0.
    """

    def __init__(self, contamination=0.1, *, n_steps=3000, random_state=None):
        self.contamination, self.n_steps, self.random_state = contamination, n_steps, random_state

    def fit(self, X, y=None):
        _check_share(self.contamination, "contamination")
        self.detector_ = VAEDetector(n_steps=self.n_steps, random_state=self.random_state).fit(X)
        for name in ("n_features_in_", "feature_names_in_"):          # the names, where X has them
            if hasattr(self.detector_, name):
                setattr(self, name, getattr(self.detector_, name))
        self.decision_scores_ = self.decision_function(X)
        self.threshold_ = np.quantile(self.decision_scores_, 1 - self.contamination)
        self.labels_ = (self.decision_scores_ > self.threshold_).astype(int)
        return self

    def decision_function(self, X):
        check_is_fitted(self)
        return -self.detector_.score_samples(X)

    def predict(self, X):
        return (self.decision_function(X) > self.threshold_).astype(int)

    def fit_predict(self, X, y=None):
        return self.fit(X).labels_


def _check_share(value, name):
    """Raise, before the training, where value is no share of rows."""
    check_number(value, name, lambda v: 0 < v < 1, "a number between 0 and 1")
