"""A detector's score of a row is the row's own: not its neighbours', nor its batch's."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import npvae
from exact import linear_vae, log_evidence
from npvae import evaluation
from npvae.datasets import Standardizer
from npvae.distributions import likelihoods, priors
from npvae.distributions.flows import FlowGaussian
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.evaluation.scores import SCORES
from npvae.networks import Chain, Dense, Tanh
from npvae.randomness import stream

D, J = 6, 3


def wild(model, dtype=np.float64):
    """With weights so large that scores differ by much from row to row, and from draw to draw."""
    rng = np.random.default_rng(1)
    model.parameters.theta[...] = rng.normal(0.0, 0.4, model.parameters.size)
    return model.astype(dtype)


def flowed():
    """By hand: a posterior without a KL in closed form, a prior that is learned."""
    posterior = FlowGaussian(J, "planar iaf coupling", 5, 4)
    encoder = Chain(Dense(D, 8, np.random.default_rng(0)), Tanh(),
                    Dense(8, posterior.n_outputs, np.random.default_rng(1)))
    return npvae.VAE(encoder, posterior, MixtureOfNormals(J, 4), Dense(J, D, np.random.default_rng(2)),
                     likelihoods.Bernoulli(), n_data=D, objective=npvae.ELBO(cost=npvae.SampledKL()))


PAIRS = {"Gaussian": lambda: npvae.vae(D, (8,), J, activation="tanh"),
         "bits": lambda: npvae.bernoulli_vae(D, (8,), J),
         "Concrete": lambda: npvae.concrete_vae(D, (8,), J),
         "symbols": lambda: npvae.categorical_vae(D, (8,), J, n_categories=J),
         "relaxed symbols": lambda: npvae.gumbel_softmax_vae(D, (8,), J, n_categories=J),
         "two layers": lambda: npvae.two_layer_iwae(D, ((8,), (7,)), (2, 1)),
         "flow and mixture": flowed, "point": lambda: npvae.autoencoder(D, (8,), J)}
ALL = [(pair, kind) for pair in PAIRS for kind in SCORES
       if (pair, kind) != ("point", "negative_evidence")
       # the numbers of a symbol have a common sum, and so a covariance that hardly has an inverse
       and not ("symbols" in pair and kind == "latent_distance")]


@pytest.mark.parametrize("pair, kind", ALL)
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_a_row_scores_the_same_in_any_company(pair, kind, dtype, rtol, rng):
    model, x = wild(PAIRS[pair](), dtype), rng.random((13, D))
    detector = evaluation.AnomalyDetector(model, rng.random((30, D)), kind, n_samples=5)
    scores = detector.score(x)
    assert len(np.unique(scores)) == 13 and scores.dtype == np.float64

    def same(found, expected=scores):
        np.testing.assert_allclose(found, expected, rtol=rtol)
    order = rng.permutation(13)
    same(detector.score(x[order]), scores[order])
    same([detector.score(x[i:i + 1])[0] for i in range(13)])
    for batch_size in (1, 5, 12, 13, 1000):
        same(detector.score(x, batch_size))
    same(detector.score(np.concatenate([rng.random((9, D)), x]))[9:])
    same(detector.score(np.repeat(x, 3, axis=0), 4)[1::3])
    np.testing.assert_array_equal(detector.score(x), scores)


@pytest.mark.parametrize("pair, kind", ALL)
def test_the_seed_and_the_number_of_draws_change_what_is_drawn_and_nothing_else(pair, kind, rng):
    model, x = wild(PAIRS[pair]()), rng.random((20, D))

    def score(**options):
        return evaluation.AnomalyDetector(model, x, kind, **{"n_samples": 3, **options}).score(x)
    drawn = kind not in ("reconstruction_error", "latent_distance") and pair != "point"
    assert np.allclose(score(seed=0), score(seed=1), rtol=1e-12) != drawn
    assert np.allclose(score(), score(n_samples=4), rtol=1e-12) != drawn


@pytest.mark.parametrize("kind", ["negative_elbo", "reconstruction_probability", "negative_evidence"])
def test_the_draws_of_a_row_are_different_and_all_of_its_dimensions_have_their_own(kind, rng):
    """By the model's own forward pass, with the noise (L, 1, J) of the seed for each single row."""
    model, x = wild(PAIRS["Gaussian"]()), rng.random((4, D))
    detector = evaluation.AnomalyDetector(model, x, kind, n_samples=6, seed=9)
    eps = model.draw_noise(stream(9, "score"), 1, 6)
    assert eps.shape == (6, 1, J) and len(np.unique(eps)) == 6 * J
    expected = []
    for row in x:
        log_w = evaluation.log_weights(model, row[None], eps)
        reconstruction = model.loss(row[None], eps).reconstruction
        expected.append({"negative_elbo": model.loss(row[None], eps, objective=npvae.ELBO()).value,
                         "reconstruction_probability": reconstruction,
                         "negative_evidence": -np.log(np.exp(log_w).mean())}[kind])
    np.testing.assert_allclose(detector.score(x), expected, rtol=1e-12)


def test_shared_draws_are_right_in_the_mean_of_the_seeds(rng):
    """Each row's score is one of its own distribution: over the seeds, its mean and its deviation
    are those with noise of the row's own."""
    model, x = wild(PAIRS["Gaussian"]()), rng.random((3, D))
    scores = np.array([evaluation.AnomalyDetector(model, x, n_samples=2, seed=seed).score(x)
                       for seed in range(200)])
    eps = model.draw_noise(rng, 3, 2 * 200)
    cache = model.forward(x, eps, objective=npvae.ELBO())[1]
    own = (cache.rate.sum(axis=-1) - cache.log_px).reshape(200, 2, 3).mean(axis=1)
    difference = scores.mean(axis=0) - own.mean(axis=0)
    assert (np.abs(difference) < 4 * own.std(axis=0) * np.sqrt(2 / 200)).all()
    np.testing.assert_allclose(scores.std(axis=0), own.std(axis=0), rtol=0.25)


def test_many_draws_of_the_evidence_are_taken_in_pieces(rng):
    """More than are decoded at a time, for one row and for many; the value is log p(x)."""
    model, x = linear_vae(5, 2, variance=3.0), 0.3 * rng.standard_normal((40, 5))
    detector = evaluation.AnomalyDetector(model, x[:2], "negative_evidence", n_samples=6000)
    scores = detector.score(x)
    np.testing.assert_allclose(scores, -log_evidence(model, x), atol=0.1)
    np.testing.assert_allclose(detector.score(x, 1), scores, rtol=1e-12)


# ---- thresholds, files ---------------------------------------------------------------------

def test_a_score_that_equals_the_threshold_is_not_flagged(rng):
    """A quantile of 99 scores is one of them: those above it are flagged, it is not."""
    model, normal = wild(PAIRS["Gaussian"]()), rng.random((99, D))
    detector = evaluation.AnomalyDetector(model, normal)
    scores = detector.score(normal)
    for quantile, n_above in ((0.5, 49), (0.9, 9), (0.95, 4), (0.99, 0)):
        assert detector.threshold(quantile) == np.sort(scores)[98 - n_above]
        flagged = detector.flag(normal, quantile)
        assert flagged.sum() == n_above
        np.testing.assert_array_equal(flagged, scores > np.sort(scores)[98 - n_above])
    # where all normal rows score alike, none of them is an anomaly
    alike = evaluation.AnomalyDetector(model, np.repeat(normal[:1], 50, axis=0))
    assert not alike.flag(np.repeat(normal[:1], 50, axis=0), quantile=0.9).any()


@pytest.mark.parametrize("kind", SCORES)
def test_a_loaded_detector_draws_with_the_seed_of_the_saved_one(kind, rng, tmp_path):
    model, normal = npvae.vae(D, (8,), J), rng.random((20, D))
    standardizer = Standardizer(np.full(D, 0.2), np.full(D, 2.0)) if kind == "negative_elbo" else None
    if standardizer:
        model = npvae.vae(D, (8,), J, likelihood="gaussian")
    detector = evaluation.AnomalyDetector(model, normal, kind, n_samples=3, seed=5,
                                          standardizer=standardizer)
    detector.save(tmp_path / "detector.npz")
    again = evaluation.load_detector(tmp_path / "detector.npz")
    assert (again.kind, again.n_samples, again.seed) == (kind, 3, 5)
    np.testing.assert_array_equal(again.score(normal), detector.score(normal))
    if kind in ("negative_elbo", "reconstruction_probability", "negative_evidence"):
        again.seed = 0
        assert not np.isclose(again.score(normal), detector.score(normal)).any()


def test_a_detector_of_an_earlier_version_is_loaded():
    """Each row had draws of its own when it was saved: its normal scores are those that it had, and new
    scores of its normal rows differ from the old ones as other draws do."""
    detector = evaluation.load_detector(Path(__file__).parent / "earlier" / "detector.npz")
    assert (detector.kind, detector.n_samples, detector.seed) == ("negative_elbo", 4, 7)
    assert detector.threshold(quantile=0.9) == pytest.approx(7.64844227, rel=1e-6)     # the 19th of 20
    normal = np.random.default_rng(3).normal(2.0, 3.0, (20, 4))
    assert detector.most_missing is None                   # not known: and so nothing is said of holes
    detector.flag(normal, 0.9, observed=np.eye(20, 4))
    scores = np.sort(detector.score(normal))
    assert not np.array_equal(scores, detector.normal_scores)
    np.testing.assert_allclose(scores, detector.normal_scores, atol=1.5)
    assert stats.ks_2samp(scores, detector.normal_scores).pvalue > 0.1


def test_the_evidence_of_a_point_is_refused_by_what_it_needs(rng):
    with pytest.raises(TypeError, match=r"which has no density: log p\(x\) needs log q\(z\|x\)"):
        evaluation.AnomalyDetector(npvae.autoencoder(D, (8,), J), rng.random((5, D)),
                                   "negative_evidence")


@pytest.mark.parametrize("model", [None, 3, npvae.vae, npvae.VAE, "model.npz", priors.StandardNormal(2)])
def test_a_detector_of_something_else_than_a_model_is_refused_by_name(model, rng, tmp_path):
    with pytest.raises(TypeError, match=r"^model is \w+: a VAE was expected"):
        evaluation.AnomalyDetector(model, rng.random((5, D)))
    evaluation.AnomalyDetector(npvae.vae(D, (8,), J), rng.random((5, D))).save(tmp_path / "d.npz")
    if model is not None:                                  # then the file's own one is built
        with pytest.raises(TypeError, match=r"^model is \w+: a VAE was expected"):
            evaluation.load_detector(tmp_path / "d.npz", model)
