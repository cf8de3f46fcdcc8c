"""Evidence, the latent space, anomaly scores: against exact models, scipy, and themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

import npvae
from exact import linear_vae, log_evidence, sigma_points
from helpers import assert_mean, small_vae
from npvae import evaluation
from npvae.evaluation import curves
from npvae.numerics import log_mean_exp

# ---- evidence ----------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), scale=st.sampled_from([1.0, 1e3, 1e5]))
def test_log_mean_exp_is_scipys(seed, scale):
    a = scale * np.random.default_rng(seed).standard_normal((5, 3))
    np.testing.assert_allclose(log_mean_exp(a), logsumexp(a, axis=0) - np.log(5),
                               rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(log_mean_exp(a, axis=1), logsumexp(a, axis=1) - np.log(3),
                               rtol=1e-13, atol=1e-14)


def test_the_mean_of_the_weights_is_the_evidence(rng):
    model = linear_vae(5, 2, variance=0.7)
    x = rng.standard_normal((3, 5))
    eps = model.draw_noise(rng, 3, 200_000)
    log_w = evaluation.log_weights(model, x, eps)
    exact = log_evidence(model, x)
    assert_mean(np.exp(log_w - exact), 1.0)
    estimate = evaluation.log_evidence(model, x, rng, n_samples=20_000)
    error = np.exp(log_w - exact).std(axis=0) / np.sqrt(20_000)
    assert (np.abs(estimate.log_px - exact) < 5 * error).all() and error.max() < 0.04
    np.testing.assert_allclose(estimate.standard_error, error, rtol=0.3)


def test_one_weight_is_the_sampled_elbo(rng):
    model = small_vae()
    x, eps = rng.random((4, 12)), model.draw_noise(rng, 4, 3)
    assert evaluation.log_weights(model, x, eps).mean() == pytest.approx(
        model.loss(x, eps, objective=npvae.ELBO(cost=npvae.SampledKL())).elbo, rel=1e-13)


# ---- the latent space --------------------------------------------------------------------

def test_latent_moments_are_those_of_draws_from_the_aggregate_posterior(rng):
    model = small_vae(scale=1.0)
    x = rng.random((50, 12))
    moments = evaluation.latent_moments(model, x)
    q = model.encode(x)
    z = model.posterior.sample(q, model.draw_noise(rng, 50, 2000))[0].reshape(-1, 3)
    assert_mean(z, moments.mean)
    assert_mean((z - moments.mean)**2, moments.variance)
    np.testing.assert_allclose(moments.variance_of_mean, q.mu.var(axis=0), rtol=1e-13)
    assert moments.kl.sum() == pytest.approx(model.loss(x, sigma_points(3, 50)).kl, rel=1e-12)


def test_nothing_is_drawn_for_moments_that_are_known(rng, monkeypatch):
    """A Gaussian's own, and a KL in closed form. Draws are for a sampled KL, and a flow's moments."""
    drawn, draw = [], npvae.VAE.draw_noise
    monkeypatch.setattr(npvae.VAE, "draw_noise", lambda *a: drawn.append(a[3]) or draw(*a))
    for prior, posterior, expected in (("standard_normal", "diagonal_gaussian", []),
                                       ("mixture_of_normals", "diagonal_gaussian", [7]),
                                       ("standard_normal", "flow_gaussian", [7])):
        model = npvae.vae(4, (3,), 2, prior=prior, posterior=posterior)
        moments = evaluation.latent_moments(model, rng.random((5, 4)), n_samples=7)
        assert drawn == expected and np.isfinite(moments.kl).all()
        drawn.clear()
    evaluation.latent_moments(npvae.autoencoder(4, (3,), 2), rng.random((5, 4)))
    assert drawn == []


@pytest.mark.parametrize("n", [1, 2, 20])
def test_moments_by_draws_are_unbiased_for_few_x(n):
    """Where q is N(0, I) for every x, the mean does not vary, and z has a variance of 1."""
    model = npvae.two_layer_iwae(6, ((8,), (7,)), (2, 1))
    model.parameters.theta[...] = 0.0
    found = [evaluation.latent_moments(model, np.ones((n, 6)), n_samples=2, seed=i) for i in range(400)]
    for name, expected in (("variance_of_mean", 0.0), ("variance", 1.0)):
        values = np.array([getattr(moments, name) for moments in found])
        error = values.std(axis=0) / np.sqrt(400)
        assert (abs(values.mean(axis=0) - expected) <= 4 * error + 1e-12).all()


def test_a_unit_that_ignores_x_is_not_active(rng):
    model = small_vae(scale=1.0)
    model.encoder.layers[-1].W[:, 1] = 0.0
    model.encoder.layers[-1].W[:, 2] *= 0.01
    moments = evaluation.latent_moments(model, rng.random((200, 12)))
    assert moments.variance_of_mean[1] < 1e-25
    np.testing.assert_array_equal(moments.active, moments.variance_of_mean > 0.01)
    assert not moments.active[1]


def test_kl_parts_add_up_and_match_a_known_case(rng):
    """Two far-apart posteriors, each for half of the data: log 2 nats of information."""
    model = small_vae(2, (), 2)
    model.parameters.theta[...] = 0.0
    encoder = model.encoder.layers[0]
    encoder.W[0, :2] = 40.0                              # mu is (-20, -20) or (20, 20)
    encoder.b[...] = [-20.0, -20.0, 0.0, 0.0]
    x = np.repeat([[0.0, 0.0], [1.0, 0.0]], 300, axis=0)
    parts = evaluation.kl_parts(model, x, rng)
    assert parts.kl == pytest.approx(sum(parts[1:]), abs=1e-10)
    assert parts.mutual_information == pytest.approx(np.log(2), abs=1e-12)
    # given one of its two dimensions, the other is known up to its noise: log 2 nats again
    assert parts.total_correlation == pytest.approx(np.log(2), abs=1e-12)
    assert parts.kl == pytest.approx(400.0, abs=5 * np.sqrt(2 * 20**2 / 600))


def test_kl_parts_of_a_collapsed_posterior_are_zero(rng):
    model = small_vae()
    model.encoder.layers[-1].W[...] = 0.0
    model.encoder.layers[-1].b[...] = 0.0
    parts = evaluation.kl_parts(model, rng.random((100, 12)), rng)
    assert max(abs(part) for part in parts) < 1e-12


# ---- curves ------------------------------------------------------------------------------

def scores_with_ties(rng, n=300):
    labels = rng.random(n) < 0.2
    return np.round(rng.normal(1.0 * labels), 1), labels


def test_roc_auc_is_the_mann_whitney_statistic(rng):
    scores, labels = scores_with_ties(rng)
    statistic = stats.mannwhitneyu(scores[labels], scores[~labels]).statistic
    assert evaluation.roc_auc(scores, labels) == pytest.approx(
        statistic / labels.sum() / (~labels).sum(), rel=1e-12)
    assert evaluation.roc_auc(-scores, labels) == pytest.approx(1 - evaluation.roc_auc(scores, labels))
    assert evaluation.roc_auc(labels, labels) == 1.0
    false, true = evaluation.roc_curve(scores, labels)
    assert false[0] == true[0] == 0.0 and false[-1] == true[-1] == 1.0


def test_every_point_of_the_curves_is_its_confusion_matrix(rng):
    scores, labels = scores_with_ties(rng, 60)
    thresholds, _, _ = curves.counts(scores, labels)
    false, true = evaluation.roc_curve(scores, labels)
    precision, recall = evaluation.precision_recall_curve(scores, labels)
    assert len(thresholds) == len(np.unique(scores)) == len(precision) == len(false) - 1
    for i, threshold in enumerate(thresholds):
        (passed, flagged), (missed, found) = evaluation.confusion_matrix(scores >= threshold, labels)
        assert true[i + 1] == recall[i] == found / (found + missed)
        assert false[i + 1] == flagged / (flagged + passed)
        assert precision[i] == found / (found + flagged)
    steps = sum((recall[i] - (recall[i - 1] if i else 0)) * precision[i] for i in range(len(recall)))
    assert evaluation.average_precision(scores, labels) == pytest.approx(steps, rel=1e-12)


def test_chance_and_perfection(rng):
    labels = rng.random(20_000) < 0.1
    scores = rng.random(20_000)
    assert evaluation.roc_auc(scores, labels) == pytest.approx(0.5, abs=0.04)
    assert evaluation.average_precision(scores, labels) == pytest.approx(0.1, abs=0.02)
    assert evaluation.average_precision(labels, labels) == 1.0


@pytest.mark.parametrize("scores, labels, message", [
    ([1.0, 2.0], [True], r"scores have shape \(2,\) and labels \(1,\)"),
    ([1.0, np.nan], [True, False], "scores hold a NaN"),
    ([1.0, 2.0], [True, True], "labels are all alike")])
def test_curves_refuse_what_has_no_curve(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluation.roc_curve(scores, labels)


# ---- the detector ------------------------------------------------------------------------

def planted(rng, n=400):
    """Normal rows on a line in five dimensions, on mixed scales; anomalies off the line."""
    t = rng.standard_normal((n, 1))
    scale = np.array([1.0, 10.0, 0.1, 1000.0, 5.0])
    normal = (t * [1, -1, 1, 1, -1] + 0.1 * rng.standard_normal((n, 5))) * scale + 3 * scale
    off = (rng.standard_normal((n, 5)) + [0, 0, 2, 0, 0]) * scale + 3 * scale
    return normal, off


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(1)
    normal, off = planted(rng)
    standardizer = npvae.datasets.standardizer_of(normal[:200])
    model = npvae.vae(5, (16,), 2, likelihood="gaussian", variance=0.05, activation="tanh")
    npvae.fit(model, standardizer(normal[:200]), epochs=150, batch_size=50, learning_rate=0.01,
              progress=False)
    return model, standardizer, normal[200:300], normal[300:], off


@pytest.mark.parametrize("score", evaluation.scores.SCORES)
def test_a_detector_finds_planted_anomalies(score, trained, tmp_path):
    model, standardizer, held_out, normal, off = trained
    detector = evaluation.AnomalyDetector(model, held_out, score, standardizer=standardizer)
    scores = detector.score(np.concatenate([normal, off]))
    labels = np.arange(len(scores)) >= len(normal)
    # whatever lies off the line is seen, but not by the place of its code alone
    assert evaluation.roc_auc(scores, labels) > (0.6 if score == "latent_distance" else 0.97)
    # a threshold from normal data flags about as many of other normal rows as it says
    assert detector.flag(normal, quantile=0.9).mean() == pytest.approx(0.1, abs=0.12)
    assert detector.threshold(sigmas=3) == pytest.approx(
        detector.normal_scores.mean() + 3 * detector.normal_scores.std())
    np.testing.assert_array_equal(detector.flag(off, quantile=0.9),
                                  detector.score(off) > detector.normal_scores[90])   # of 100, the 91st
    np.testing.assert_array_equal(detector.score(normal), detector.score(normal))
    detector.save(tmp_path / "detector.npz")
    again = evaluation.load_detector(tmp_path / "detector.npz")
    np.testing.assert_array_equal(again.score(off), detector.score(off))
    assert again.threshold(quantile=0.95) == detector.threshold(quantile=0.95)


def test_the_scores_are_what_they_say(trained):
    model, standardizer, held_out, normal, _ = trained
    x = standardizer(normal)

    def score(kind, n_samples=10):
        return evaluation.AnomalyDetector(model, held_out, kind, n_samples,
                                          standardizer).score(normal)
    np.testing.assert_allclose(score("reconstruction_error"),
                               ((x - model.reconstruct(x))**2).sum(axis=-1), rtol=1e-4)
    kl = npvae.kl(model.encode(x), model.prior)[0].sum(axis=-1)
    np.testing.assert_allclose(score("negative_elbo") - score("reconstruction_probability"), kl,
                               rtol=1e-3, atol=1e-4)
    # in the mean, -ELBO is above -log p(x)
    assert (score("negative_elbo", 500) - score("negative_evidence", 500)).mean() > 0
    mu = model.encode(standardizer(held_out)).mu
    assert np.mean(score("latent_distance")) == pytest.approx(2.0, abs=1.0)       # J
    detector = evaluation.AnomalyDetector(model, held_out, standardizer=standardizer)
    np.testing.assert_allclose(detector.members[0].latent_mean, mu.mean(axis=0), rtol=1e-5)
    distance = evaluation.AnomalyDetector(model, held_out, "latent_distance",
                                          standardizer=standardizer).score(normal)
    of_100_rows = stats.f(2, 98, scale=2 * 101 * 99 / (100 * 98))               # Hotelling's
    np.testing.assert_allclose(detector.tail(normal), of_100_rows.sf(distance), rtol=1e-9)


def test_detectors_refuse_what_they_cannot_do(trained, tmp_path):
    model, standardizer, held_out, _, _ = trained
    detector = evaluation.AnomalyDetector(model, held_out, standardizer=standardizer)
    with pytest.raises(ValueError, match="score is 'loss': one of 'reconstruction_error', "):
        evaluation.AnomalyDetector(model, held_out, "loss")
    with pytest.raises(ValueError, match="quantile is None and sigmas is None: one of the two"):
        detector.threshold()
    with pytest.raises(ValueError, match="quantile is 1.5: a number between 0 and 1"):
        detector.threshold(quantile=1.5)
    with pytest.raises(ValueError, match=r"x has shape \(100, 4\): \(batch, 5\) was expected"):
        detector.score(held_out[:, :4])
    npvae.save(tmp_path / "model.npz", model)
    with pytest.raises(ValueError, match="holds a model, but no detector"):
        evaluation.load_detector(tmp_path / "model.npz")


def test_the_moments_of_a_million_rows_have_their_digits():
    """The same row a million times: no variance of the mean, and the moments of the row."""
    model = npvae.vae(2, (), 2, likelihood="gaussian")
    head = model.encoder.layers[0]
    head.W[...], head.b[...] = 0.0, [1.3, -2.7, -1.0, -1.0]
    moments = npvae.evaluation.latent_moments(model, np.zeros((1_000_000, 2), np.float32), n_samples=2)
    assert moments.mean.dtype == moments.kl.dtype == np.float32
    np.testing.assert_allclose(moments.mean, [1.3, -2.7], rtol=1e-6)
    np.testing.assert_allclose(moments.variance_of_mean, 0, atol=1e-12)
    expected = 0.5 * (np.square([1.3, -2.7]) + np.exp(-1.0) + 1.0 - 1.0)
    np.testing.assert_allclose(moments.kl, expected, rtol=1e-6)
