"""Values that are missing: from `fit` to `impute`, only what is observed has any effect."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, stats

import npvae
from exact import decoder_of, linear_vae
from npvae import datasets, evaluation
from npvae.distributions.columns import Categorical, Columns
from npvae.gradcheck import check_model
from npvae.learning.held_out import presented

NAN = float("nan")


def model_of(**options):
    model = npvae.iwae(6, (5,), 2, likelihood="gaussian", **options)
    model.parameters.theta[...] = np.random.default_rng(4).normal(0.0, 0.4, model.parameters.size)
    return model


def table(rng, n=40):
    """x, and what of it is observed."""
    x = rng.standard_normal((n, 6)).astype(np.float32)
    return x, rng.random((n, 6)) < 0.6


# ---- whatever stands there changes no bit ---------------------------------------------------

def trained(model, x, observed=None, **options):
    history = npvae.fit(model, x, observed=observed, epochs=2, batch_size=16, n_samples=3,
                        progress=False, **options)
    return model.parameters.theta.tobytes(), [row["loss"] for row in history]


CALLS = {
    "fit": lambda m, x, observed: trained(m, x, observed),
    "fit with a transform": lambda m, x, observed: trained(
        m, x, observed, transform=lambda x, rng: x + rng.standard_normal(x.shape, x.dtype)),
    "validation": lambda m, x, observed: npvae.fit(
        m, X[:8], validation=x, validation_observed=observed, epochs=1, progress=False)[0]["val_loss"],
    "evaluate": lambda m, x, observed: npvae.evaluate(m, x, observed=observed, n_samples=3),
    "log_evidence": lambda m, x, observed: evaluation.log_evidence(
        m, x, np.random.default_rng(1), 30, observed=observed),
    "log_weights": lambda m, x, observed: evaluation.log_weights(m, x, noise(m, x), observed=observed),
    "loss": lambda m, x, observed: m.loss(x, noise(m, x), observed=observed),
    "target": lambda m, x, observed: m.loss(X, noise(m, x), target=x, observed=observed),
    "encode": lambda m, x, observed: m.encode(x, observed=observed),
    "reconstruct": lambda m, x, observed: m.reconstruct(x, observed=observed),
    "impute": lambda m, x, observed: evaluation.impute(m, x, np.random.default_rng(1), 20, 2,
                                                       observed=observed),
}
X, OBSERVED = table(np.random.default_rng(3))


def noise(model, x):
    return model.draw_noise(np.random.default_rng(2), len(x), 3)


def bits(result):
    return [np.asarray(part).tobytes() for part in
            (result if isinstance(result, tuple) else (result,)) if part is not None]


@pytest.mark.parametrize("shows_mask", [False, True])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_stands_where_nothing_was_observed_changes_no_bit(call, shows_mask):
    found = [bits(call(model_of(shows_mask=shows_mask), np.where(OBSERVED, X, filler), OBSERVED))
             for filler in (0.0, NAN, 7.5)]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("call", [CALLS[name] for name in CALLS if name != "target"],
                         ids=[name for name in CALLS if name != "target"])
def test_a_masked_array_is_data_and_mask(call):
    masked = np.ma.masked_array(np.where(OBSERVED, X, NAN), ~OBSERVED)
    assert bits(call(model_of(), masked, None)) == bits(call(model_of(), X, OBSERVED))


@pytest.mark.parametrize("call", [CALLS[name] for name in CALLS if name != "impute"],
                         ids=[name for name in CALLS if name != "impute"])
def test_with_all_observed_every_bit_is_as_without_a_mask(call):
    everything = np.ones(X.shape, bool)
    assert bits(call(model_of(), X, everything)) == bits(call(model_of(), X, None))
    assert bits(call(model_of(), X, OBSERVED)) != bits(call(model_of(), X, None))


def test_a_denoising_encoder_is_shown_zeros_where_nothing_was_observed(rng):
    """The corruption makes noise of all of x, and what is missing is left out after it."""
    model = model_of()
    model.corrupt = lambda x, rng: x + rng.standard_normal(x.shape, x.dtype)
    shown, target = presented(model, X * OBSERVED, None, rng, OBSERVED)
    assert_array_equal(shown == 0, ~OBSERVED)
    assert_array_equal(target, X * OBSERVED)


def test_nan_without_a_mask_is_refused_with_a_hint():
    x = np.where(OBSERVED, X, NAN)
    with pytest.raises(ValueError, match=r"^x is nan at .* finite .* missing, see observed$"):
        npvae.fit(model_of(), x)
    with pytest.raises(ValueError, match="^validation is nan .* missing, see validation_observed$"):
        npvae.fit(model_of(), X, validation=x)


# ---- what it means --------------------------------------------------------------------------

@pytest.mark.parametrize("shows_mask", [False, True])
def test_gradients_with_a_mask(shows_mask, rng):
    model = model_of(shows_mask=shows_mask)
    report = check_model(model, X[:4], model.draw_noise(rng, 4, 3).astype(float), observed=OBSERVED[:4])
    assert report.central < 1e-7 and report.complex_step < 1e-12


def test_the_loss_is_that_of_a_model_of_the_observed_columns(rng):
    """The columns 1, 2 and 4 are observed, in all rows: the model of these alone has their weights."""
    model, columns = model_of(), [1, 2, 4]
    observed = np.zeros(X.shape)
    observed[:, columns] = 1
    small = npvae.iwae(3, (5,), 2, likelihood="gaussian")
    small.encoder.layers[0].W, small.encoder.layers[0].b = (model.encoder.layers[0].W[columns],
                                                            model.encoder.layers[0].b)
    small.encoder.layers[2].W, small.encoder.layers[2].b = (model.encoder.layers[2].W,
                                                            model.encoder.layers[2].b)
    for i in (0, 2):
        small.decoder.layers[i].W = model.decoder.layers[i].W[:, columns if i else slice(None)]
        small.decoder.layers[i].b = model.decoder.layers[i].b[columns if i else slice(None)]
    eps = noise(model, X)
    whole, part = model.loss(X, eps, observed=observed), small.loss(X[:, columns], eps)
    assert_allclose([whole.value, whole.kl], [part.value, part.kl], rtol=1e-5)


def test_the_encoder_can_be_told_what_is_observed():
    """A zero that was observed and one that was not are the same to it otherwise."""
    x, observed = np.zeros((1, 6), np.float32), np.array([[1, 1, 0, 1, 0, 1]])
    for shows_mask in (False, True):
        model = model_of(shows_mask=shows_mask)
        same = (model.encode(x).mu == model.encode(x, observed=observed).mu).all()
        assert same != shows_mask


def masked_linear_model(rng):
    """A linear Gaussian model in float64, x drawn from it, and what of x is observed."""
    model = linear_vae(5, 2)
    W, b, s = decoder_of(model)
    W[...], b[...] = rng.standard_normal(W.shape), rng.standard_normal(5)
    model.encoder.layers[0].W *= 0.1
    model.encoder.layers[0].b[...] = 0.0
    z = rng.standard_normal((3, 2))
    x = z @ W + b + np.sqrt(s) * rng.standard_normal((3, 5))
    observed = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 0], [1, 1, 1, 1, 1]])
    return model, x, observed


def marginal(model, x, seen):
    """The exact log p(x_obs), and the mean and covariance of x_mis given x_obs."""
    W, b, s = decoder_of(model)
    C = W.T @ W + s * np.eye(5)
    o, m = np.flatnonzero(seen), np.flatnonzero(1 - seen)
    log_p = stats.multivariate_normal(b[o], C[np.ix_(o, o)]).logpdf(x[o])
    gain = C[np.ix_(m, o)] @ linalg.inv(C[np.ix_(o, o)])
    return (log_p, b[m] + gain @ (x[o] - b[o]),
            C[np.ix_(m, m)] - gain @ C[np.ix_(o, m)])


def test_log_evidence_is_the_exact_marginal_of_what_is_observed(rng):
    model, x, observed = masked_linear_model(rng)
    exact = [marginal(model, row, seen)[0] for row, seen in zip(x, observed)]
    found = evaluation.log_evidence(model, np.where(observed, x, NAN), rng, 20_000, observed=observed)
    assert (np.abs(found.log_px - exact) < 5 * found.standard_error).all()
    assert found.standard_error.max() < 0.05


def test_imputations_have_the_exact_conditional_mean_and_covariance(rng):
    model, x, observed = masked_linear_model(rng)
    found = evaluation.impute(model, np.where(observed, x, NAN), rng, 4000, 4000, observed=observed)
    assert_array_equal(found.mean[2], x[2])
    assert_array_equal(found.draws[:, observed == 1], np.broadcast_to(x[observed == 1], (4000, 9)))
    for i in range(2):
        missing = observed[i] == 0
        _, mean, covariance = marginal(model, x[i], observed[i])
        deviation = np.sqrt(np.diag(covariance))
        assert (np.abs(found.mean[i, missing] - mean) < 5 * deviation / np.sqrt(found.ess[i])).all()
        draws = found.draws[:, i, missing]
        n = min(found.ess[i], 4000)                     # the draws' codes are among so many
        assert (np.abs(draws.mean(axis=0) - mean) < 5 * deviation * np.sqrt(1 / n + 1 / 4000)).all()
        assert_allclose(np.cov(draws.T), covariance, atol=8 * deviation.max()**2 / np.sqrt(n))
    assert (found.ess[:2] > 400).all()


def test_an_imputation_is_the_weighted_mean_over_codes(rng):
    """Written out with the weights of `log_weights`."""
    model = model_of()
    x, observed = X[:5], OBSERVED[:5]
    found = evaluation.impute(model, x, np.random.default_rng(7), 50, observed=observed)
    eps = model.draw_noise(np.random.default_rng(7), 5, 50)
    log_w = evaluation.log_weights(model, x, eps, observed=observed).astype(float)
    w = np.exp(log_w - log_w.max(axis=0))
    w /= w.sum(axis=0)
    q = model.encode(x, observed=observed)
    decoded = model.decoder.forward(q.mu + q.std * eps)[0]
    assert_allclose(found.mean, np.where(observed, x, (w[..., None] * decoded).sum(axis=0)), rtol=1e-4,
                    atol=1e-5)
    assert_allclose(found.ess, 1 / (w**2).sum(axis=0), rtol=1e-4)


def test_a_missing_class_is_the_most_probable_one(rng):
    """Two codes for class 0 with 60 % each against one for class 1, of a smaller weight, with 90 %."""
    p = np.array([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9]])
    w = np.array([[0.35], [0.2], [0.45]])
    logits = np.log(p)[:, None]
    assert (w * p).sum(axis=0).tolist() == pytest.approx([0.375, 0.625])
    assert Categorical(2).mixture_mean(logits, w).tolist() == [[1.0]]
    columns = Columns([(npvae.likelihoods.Gaussian(), [1]), (Categorical(2), [0])])
    y = np.concatenate([np.array([1.0, 2.0, 4.0])[:, None, None], logits], axis=-1)
    assert_allclose(columns.mixture_mean(y, w), [[1.0, 0.35 + 0.4 + 1.8]])


def test_draws_follow_the_weights():
    """With next to no noise in p(x|z), a draw is one of the K decoded codes, as often as its weight."""
    model = model_of().astype(np.float64)
    log_w = evaluation.log_weights(model, X[:1], noise(model, X[:1]), observed=OBSERVED[:1])
    w = np.sort(np.exp(log_w - log_w.max())[:, 0].astype(float))
    w /= w.sum()
    model.likelihood.sample = lambda rng, y: y
    found = evaluation.impute(model, X[:1], np.random.default_rng(2), 3, 30_000, observed=OBSERVED[:1])
    _, counts = np.unique(found.draws[:, 0, ~OBSERVED[0]][:, 0], return_counts=True)
    assert (np.abs(np.sort(counts) / 30_000 - w) < 5 * np.sqrt(w * (1 - w) / 30_000)).all()
    assert w[0] > 0.01 and w[2] < 0.9


# ---- detectors ------------------------------------------------------------------------------

SCALE = datasets.Standardizer(np.full(6, 0.5), np.full(6, 2.0))


def detector_of(score, **options):
    return evaluation.AnomalyDetector(model_of(), X, score, 30, SCALE, **options)


@pytest.mark.parametrize("score", evaluation.scores.SCORES)
def test_a_score_does_not_see_what_is_missing(score):
    detector = detector_of(score)
    rows = [np.where(OBSERVED, X, filler) for filler in (0.0, NAN, 7.5)]
    found = [detector.score(x, observed=OBSERVED) for x in rows]
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])
    assert_array_equal(found[0], detector.score(np.ma.masked_array(rows[1], ~OBSERVED)))
    with pytest.warns(UserWarning, match="x has a row that lacks 5 of its 6 cells"):
        flagged = detector.flag(rows[1], 0.5, observed=OBSERVED)
    assert_array_equal(flagged, found[0] > detector.threshold(0.5))
    assert_array_equal(detector.score(X), detector.score(X, observed=np.ones(X.shape)))
    assert (found[0] != detector.score(X)).any()
    of_normal = detector_of(score, observed=OBSERVED).normal_scores
    if score != "latent_distance":                       # whose normal rows are left out one by one
        assert_array_equal(np.sort(found[0]), of_normal)
    assert_array_equal(of_normal, evaluation.AnomalyDetector(
        model_of(), np.ma.masked_array(rows[1], ~OBSERVED), score, 30, SCALE).normal_scores)


def test_the_score_is_the_exact_marginal_of_what_is_observed(rng):
    model, x, observed = masked_linear_model(rng)
    detector = evaluation.AnomalyDetector(model, x, "negative_evidence", 20_000)
    exact = [marginal(model, row, seen)[0] for row, seen in zip(x, observed)]
    assert_allclose(-detector.score(x, observed=observed), exact, atol=0.1)


@pytest.mark.parametrize("score", evaluation.contributions.CONTRIBUTIONS)
def test_what_is_missing_adds_nothing_to_a_score(score):
    detector = detector_of(score)
    found = detector.contributions(np.where(OBSERVED, X, NAN), observed=OBSERVED)
    assert (found.columns[~OBSERVED] == 0).all() and (found.columns[OBSERVED] != 0).all()
    assert_allclose(found.columns.sum(axis=1) + found.code, detector.score(X, observed=OBSERVED),
                    rtol=1e-5, atol=1e-5)


def test_a_tail_of_what_is_observed():
    detector = detector_of("latent_distance")
    assert_array_equal(detector.tail(X, observed=OBSERVED),
                       detector.tail(np.ma.masked_array(np.where(OBSERVED, X, NAN), ~OBSERVED)))
    assert (detector.tail(X, observed=OBSERVED) != detector.tail(X)).any()


def test_flag_says_where_rows_lack_more_than_the_normal_ones_did(rng, tmp_path):
    """What is missing adds nothing to a score. Of a density that explains its column well, that is more
    than the column would have added: of complete normal rows no threshold promises anything then."""
    model = npvae.vae(10, (4,), 2, likelihood="gaussian", variance=0.01)
    model.decoder.layers[-1].W[...] = model.decoder.layers[-1].b[...] = 0.0      # right, of these rows
    x, holes = 0.1 * rng.standard_normal((2, 500, 10)), rng.random((2, 500, 10)).argsort(axis=-1) < 5
    whole = evaluation.AnomalyDetector(model, x[0], "negative_evidence")
    alike = evaluation.AnomalyDetector(model, np.ma.masked_array(x[0], holes[0]), "negative_evidence")
    assert (whole.most_missing, alike.most_missing) == (0, 5)
    assert whole.flag(x[1], 0.9).mean() < 0.2
    assert alike.flag(x[1], 0.9, observed=~holes[1]).mean() < 0.2                # and no word of it
    alike.save(tmp_path / "alike.npz")
    for detector in (whole, alike, evaluation.load_detector(tmp_path / "alike.npz")):
        observed = ~holes[1]
        observed[7, ~holes[1, 7]] = np.arange(5) > 0
        lacks = f"^x has a row that lacks 6 of its 10 cells; of the normal rows none lacked more than " \
                f"{detector.most_missing}: no threshold promises anything of it"
        with pytest.warns(UserWarning, match=lacks):
            flagged = detector.flag(x[1], 0.9, observed=observed)
    with pytest.warns(UserWarning, match="lacks 5 of its 10 cells"):
        assert whole.flag(np.ma.masked_array(x[1], holes[1]), 0.9).mean() > 0.5
    assert flagged.mean() < 0.2


# ---- tables with holes ----------------------------------------------------------------------

def test_a_standardizer_counts_what_is_observed():
    x = np.ma.masked_array(np.where(OBSERVED, 3.0 * X + 2.0, NAN), ~OBSERVED)
    scale = datasets.standardizer_of(x)
    assert_allclose(scale.shift, x.mean(axis=0), rtol=1e-6)
    assert_allclose(scale.scale, x.std(axis=0), rtol=1e-6)
    z = scale(x)
    assert_array_equal(z.mask, ~OBSERVED)
    assert_allclose(z.mean(axis=0), 0.0, atol=1e-6)
    assert_allclose(z.std(axis=0), 1.0, rtol=1e-6)
    full = datasets.standardizer_of(np.ma.masked_array(X, False))
    assert_array_equal(full.shift, datasets.standardizer_of(X).shift)


def test_a_column_that_is_missing_everywhere_is_left_as_it_is():
    x = np.ma.masked_array(X, False)
    x[:, 2] = np.ma.masked
    scale = datasets.standardizer_of(x)
    assert scale.shift[2] == 0 and scale.scale[2] == 1


def test_a_resumed_run_has_the_same_mask(tmp_path):
    path = tmp_path / "run.npz"
    trained(model_of(), X, OBSERVED, checkpoint=path)
    zeros = np.where(OBSERVED, X, np.float32(0))
    other = OBSERVED | (np.arange(240).reshape(40, 6) == 239)        # of a zero, that it was observed
    assert OBSERVED.sum() + 1 == other.sum()
    with pytest.raises(ValueError, match="was trained with observed = "):
        trained(model_of(), zeros, other, checkpoint=path, resume=True)


@pytest.mark.parametrize("recipe", ["vae", "iwae", "conditional_vae"])
def test_what_the_encoder_is_told_stands_in_the_file(recipe, tmp_path):
    model = getattr(npvae, recipe)(6, n_hidden=(5,), n_latent=2, shows_mask=True)
    npvae.save(tmp_path / "model.npz", model)
    again = npvae.load(tmp_path / "model.npz")
    assert again.shows_mask and again.encoder.layers[0].W.shape[0] == 12 + again.n_condition
