"""The estimators of npvae.sklearn do what scikit-learn expects of its own, where it is installed."""

import inspect

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[sklearn]'")

from sklearn.covariance import EllipticEnvelope                         # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score       # noqa: E402
from sklearn.pipeline import make_pipeline                              # noqa: E402
from sklearn.preprocessing import StandardScaler                        # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator   # noqa: E402

from npvae.evaluation import fit_detector                               # noqa: E402
from npvae.sklearn import PyODDetector, VAEDetector                     # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:::sklearn")
QUICK = VAEDetector(n_steps=20, n_samples=5, random_state=0)


@pytest.mark.parametrize("estimator, check", list(estimator_checks_generator(QUICK)),
                         ids=lambda value: getattr(getattr(value, "func", value), "__name__", ""))
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((2, 4)) * [1.0, 50.0, 0.01, 3.0]
    make = lambda n: rng.standard_normal((n, 2)) @ mixing + [3.0, 0.0, 1.0, 0.0] + mixing[0] * (
        0.5 * rng.standard_normal((n, 4)))
    return make(400), make(400)


@pytest.fixture(scope="module")
def fitted(rows):
    return VAEDetector(n_steps=1000, random_state=1).fit(rows[0])


def test_it_is_a_density_a_transformer_and_a_detector(fitted, rows):
    new = rows[1]
    log_p = fitted.score_samples(new)
    np.testing.assert_allclose(fitted.decision_function(new), log_p - fitted.offset_)
    assert fitted.score(new) == pytest.approx(log_p.mean())
    np.testing.assert_array_equal(fitted.predict(new), np.where(log_p < fitted.offset_, -1, 1))
    assert 0.02 < (fitted.predict(new) == -1).mean() < 0.2                    # 0.1, of 80 held out
    assert (fitted.predict(new + [0, 0, 1.0, 0]) == -1).all()
    codes = fitted.transform(new)
    assert codes.shape == (400, len(fitted.get_feature_names_out()))


def test_the_density_is_in_the_units_of_the_rows(fitted, rows):
    """A Gaussian fitted to the same rows has nearly their log p(x); and 1,000 times as large a unit
    lowers it by log 1000."""
    gaussian = EllipticEnvelope(support_fraction=1.0).fit(rows[0])
    d2 = gaussian.mahalanobis(rows[1])
    log_p = -0.5 * (d2 + np.log(np.linalg.det(2 * np.pi * gaussian.covariance_)))
    assert fitted.score(rows[1]) == pytest.approx(log_p.mean(), abs=1.0)
    scaled = VAEDetector(n_steps=1000, random_state=1).fit(rows[0] * [1000, 1, 1, 1])
    assert scaled.score(rows[1] * [1000, 1, 1, 1]) == pytest.approx(fitted.score(rows[1]) - np.log(1000))


def test_its_samples_are_like_the_rows(fitted, rows):
    drawn = fitted.sample(4000)
    np.testing.assert_allclose(drawn.std(axis=0), rows[0].std(axis=0), rtol=0.25)
    error = drawn.mean(axis=0) - rows[0].mean(axis=0)
    assert (np.abs(error) < 0.25 * rows[0].std(axis=0)).all()


def test_a_pipeline_is_cross_validated_and_searched(rows):
    pipeline = make_pipeline(StandardScaler(), VAEDetector(n_steps=100, n_samples=5, random_state=0))
    assert np.isfinite(cross_val_score(pipeline, rows[0], cv=3)).all()
    search = GridSearchCV(pipeline, {"vaedetector__n_steps": [3, 300]}, cv=2).fit(rows[0])
    assert search.best_params_ == {"vaedetector__n_steps": 300}


def test_the_conventions_of_pyod(rows):
    detector = PyODDetector(contamination=0.05, n_steps=200, random_state=0).fit(rows[0])
    assert detector.labels_.sum() == 20 and set(detector.labels_) == {0, 1}
    np.testing.assert_array_equal(detector.predict(rows[0]), detector.labels_)
    np.testing.assert_array_equal(detector.decision_scores_, detector.decision_function(rows[0]))
    far = rows[0] + [0, 0, 1.0, 0]
    assert (detector.decision_function(far) > detector.threshold_).all() and detector.predict(far).all()


@pytest.mark.parametrize("estimator, name", [(VAEDetector, "quantile"), (PyODDetector, "contamination")])
def test_a_wrong_share_is_refused_before_the_training(rows, estimator, name):
    for wrong in (0, 1, 1.5, "0.9"):
        detector = estimator(**{name: wrong})
        expected = f"^{name} is {wrong!r}: a number between 0 and 1 was expected$"
        with pytest.raises(ValueError, match=expected):
            detector.fit(rows[0])
        assert not hasattr(detector, "detector_")


@pytest.mark.parametrize("wrong", [{"quantile": 2}, {"n_steps": 0}, {"n_samples": 2.5}])
def test_a_refused_fit_leaves_the_estimator_as_it_was(rows, wrong):
    detector = VAEDetector(n_steps=10, n_samples=5, random_state=0).fit(rows[0])
    scores = detector.score_samples(rows[1])
    with pytest.raises(ValueError, match=next(iter(wrong))):
        detector.set_params(**wrong).fit(rows[0][:, :2])
    assert detector.n_features_in_ == 4
    np.testing.assert_array_equal(detector.score_samples(rows[1]), scores)
    for n in (2.5, "3", -1, 0):
        with pytest.raises(ValueError, match=f"n_samples is {n!r}: an integer of at least 1"):
            detector.sample(n)


@pytest.mark.parametrize("mask", [False, True])
def test_a_masked_array_is_refused_as_its_mask_would_be_lost(fitted, rows, mask):
    X = np.ma.masked_array(rows[0], np.full(rows[0].shape, mask))
    for call in (VAEDetector(n_steps=3).fit, PyODDetector(n_steps=3).fit, fitted.score_samples,
                 fitted.predict, fitted.transform):
        with pytest.raises(TypeError, match="^X is a masked array: what lies under its mask would "):
            call(X)


def test_what_is_left_out_is_as_fit_detector_has_it():
    ours, detectors = (inspect.signature(each).parameters for each in (VAEDetector, fit_detector))
    for name in ("n_samples", "n_steps"):
        assert ours[name].default == detectors[name].default


def test_pyods_detector_knows_the_columns_it_was_fitted_to(rows):
    detector = PyODDetector(n_steps=3, random_state=0)
    labels = detector.fit_predict(rows[0])
    np.testing.assert_array_equal(labels, detector.labels_)
    assert detector.n_features_in_ == rows[0].shape[1] and not hasattr(detector, "feature_names_in_")


def test_pyods_detector_has_the_names_of_the_columns_where_there_are_some(rows, monkeypatch):
    fit = VAEDetector.fit

    def named(self, X, y=None):                         # as of a table of pandas
        fit(self, X).feature_names_in_ = ["a", "b", "c", "d"]
        return self
    monkeypatch.setattr(VAEDetector, "fit", named)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        detector = PyODDetector(n_steps=3, random_state=0).fit(rows[0])
    assert detector.feature_names_in_ == ["a", "b", "c", "d"]
