"""Why a row is flagged: what the columns add to its score."""

import numpy as np
import pytest

import npvae
from npvae import evaluation
from npvae.datasets import standardizer_of
from npvae.distributions.columns import Categorical, Columns
from npvae.distributions.counts import Poisson
from npvae.distributions.likelihoods import Gaussian
from npvae.evaluation.contributions import CONTRIBUTIONS
from npvae.networks import Chain, Dense
from test_scores import ALL, D, PAIRS, wild


@pytest.mark.parametrize("pair, kind", [(pair, kind) for pair, kind in ALL if kind in CONTRIBUTIONS])
def test_contributions_add_up_to_the_score(pair, kind, rng):
    model, x = wild(PAIRS[pair]()), rng.random((13, D))
    detector = evaluation.AnomalyDetector(model, rng.random((30, D)), kind, n_samples=5)
    columns, code = detector.contributions(x)
    assert columns.shape == (13, D) and code.shape == (13,) and columns.dtype == np.float64
    np.testing.assert_allclose(columns.sum(axis=1) + code, detector.score(x), atol=1e-9, rtol=0)
    np.testing.assert_allclose(detector.contributions(x[3:4]).columns, columns[3:4], atol=1e-12)
    np.testing.assert_array_equal(detector.contributions(x, batch_size=5).columns.shape, (13, D))


def independent():
    """Four columns, of which two are a code each, and two are what it was to say: x = (a, b, a, b)."""
    rng = np.random.default_rng(0)
    encoder, decoder = Chain(Dense(4, 4, rng)), Chain(Dense(2, 4, rng))
    model = npvae.VAE(encoder, npvae.posteriors.DiagonalGaussian(2), npvae.priors.StandardNormal(2),
                      decoder, npvae.likelihoods.Gaussian(0.1), n_data=4).astype(np.float64)
    both, v = np.tile(np.eye(2), 2), 0.1 / (0.1 + 2.0)        # exact, of x = (z, z) + noise
    encoder, decoder = model.encoder, model.decoder
    encoder.layers[0].W[...] = np.concatenate([both.T * (1 - v) / 2, np.zeros((4, 2))], axis=1)
    encoder.layers[0].b[...] = [0, 0, np.log(v), np.log(v)]
    decoder.layers[0].W[...], decoder.layers[0].b[...] = both, 0
    return model


def test_the_columns_of_a_factor_that_is_in_order_add_what_they_always_do(rng):
    """Two pairs of columns that do not depend on each other: what is wrong in one pair changes nothing
    in the other."""
    detector = evaluation.AnomalyDetector(independent(), rng.random((9, 4)), "negative_elbo", 64)
    usual, odd = detector.contributions(np.array([[0.5, 0.2, 0.5, 0.2], [0.5, 0.2, 3.5, 0.2]])).columns
    np.testing.assert_allclose(odd[[1, 3]], usual[[1, 3]], rtol=1e-12)
    assert (odd[[0, 2]] > usual[[0, 2]] + 5).all()


def test_of_the_evidence_the_parts_are_those_of_the_true_posterior(rng):
    """Where the posterior is exact, all weights are equal: -E[log p(x|z)] and the KL, as in the ELBO."""
    x, found = rng.random((5, 4)), {}
    for kind in ("negative_elbo", "negative_evidence"):
        found[kind] = evaluation.AnomalyDetector(independent(), x, kind, 5000).contributions(x)
    elbo, evidence = found.values()
    np.testing.assert_allclose(evidence.columns, elbo.columns, rtol=1e-6)
    np.testing.assert_allclose(evidence.code, elbo.code, atol=0.1)      # the KL, by 5,000 draws


def test_a_spike_in_a_column_is_told_by_it(rng):
    x = rng.standard_normal((600, 2)) @ rng.standard_normal((2, 6))
    x += 0.1 * rng.standard_normal((600, 6))
    train, held_out = x[:500], x[500:]
    standardizer = standardizer_of(train)
    model = npvae.vae(6, (16,), 2, likelihood="diagonal_gaussian", variance=0.1, activation="tanh")
    npvae.fit(model, standardizer(train), epochs=40, batch_size=50, learning_rate=5e-3, progress=False)
    for kind in CONTRIBUTIONS:
        detector = evaluation.AnomalyDetector(model, held_out, kind, 20, standardizer)
        spiked = held_out[:60].copy()
        column = np.arange(60) % 6
        spiked[np.arange(60), column] += 4 * standardizer.scale[column]
        usual = detector.contributions(held_out).columns.mean(axis=0)
        excess = detector.contributions(spiked).columns - usual
        assert (excess.argmax(axis=1) == column).mean() > 0.75, kind


def test_a_detector_whose_thresholds_were_of_squared_classes_is_to_be_fitted_again(rng, tmp_path):
    """An earlier file, which knows of no missing cells."""
    for score, refused in (("reconstruction_error", True), ("negative_elbo", False)):
        model = npvae.vae(1, (5,), 2, likelihood=Categorical(4))
        detector = evaluation.AnomalyDetector(model, rng.integers(4, size=(9, 1)), score)
        detector.most_missing = None
        detector.save(tmp_path / f"{score}.npz")
        if refused:
            with pytest.raises(ValueError, match="squared differences between the numbers of classes"):
                evaluation.load_detector(tmp_path / f"{score}.npz")
        else:
            assert evaluation.load_detector(tmp_path / f"{score}.npz").most_missing is None


@pytest.mark.parametrize("likelihood, classes", [
    (Categorical(4), [0]), (Columns([(Gaussian(), [1, 2]), (Categorical(4), [0])]), [0]),
    (Columns([(Columns([(Categorical(4), [1]), (Gaussian(), [0])]), [2, 0]), (Poisson(), [1])]), [0])])
def test_the_error_of_a_class_is_that_it_is_the_wrong_one(likelihood, classes, rng):
    """Not how far apart the numbers of two classes are: they are names."""
    n_columns = 1 if isinstance(likelihood, Categorical) else 3
    x = np.column_stack([rng.integers(4, size=40), rng.poisson(3.0, 40), rng.standard_normal(40)])
    x = x[:, :n_columns]
    model = npvae.vae(n_columns, (5,), 2, likelihood=likelihood).astype(np.float64)
    detector = evaluation.AnomalyDetector(model, x, "reconstruction_error")
    seen, made = rng.random(x.shape) < 0.8, model.reconstruct(x)
    expected = np.square(x - made)
    expected[:, classes] = x[:, classes] != made[:, classes]
    assert (np.abs(x - made)[:, classes] > 1).any()
    columns, code = detector.contributions(x)
    np.testing.assert_allclose(columns, expected, rtol=1e-12)
    np.testing.assert_allclose(detector.score(x), expected.sum(axis=1), rtol=1e-12)
    assert (code == 0).all()
    hidden = detector.contributions(x, observed=seen).columns
    assert (hidden[~seen] == 0).all() and set(hidden[:, classes].ravel()) == {0, 1}


def test_a_distance_of_codes_has_no_columns(rng):
    model = wild(PAIRS["Gaussian"]())
    detector = evaluation.AnomalyDetector(model, rng.random((9, D)), "latent_distance")
    with pytest.raises(ValueError, match="the score is 'latent_distance', to which no column adds by "
                                         "itself: one of 'reconstruction_error'"):
        detector.contributions(rng.random((3, D)))
