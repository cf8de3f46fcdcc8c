"""A label that few x have: given, it is the conditional VAE's; else, all of them are summed over."""

import math

import numpy as np
import pytest
from scipy import special, stats

import npvae
from helpers import freeze
from npvae import ELBO, KL, SampledKL, evaluation, gradcheck
from npvae.datasets import one_hot
from npvae.networks import Dense, Tanh

C = one_hot(np.array([0, 2, 1, 0, 1]), 3) * np.array([1, 0, 1, 0, 0])[:, None]      # two of five


def small(dtype=np.float64, scale=0.6, **options):
    options = {"activation": "tanh", "alpha": 0.7, **options}
    model = npvae.semi_supervised_vae(6, 3, (5, 4), 2, **options)
    model.parameters.theta[...] = np.random.default_rng(1).normal(0.0, scale, model.parameters.size)
    return model.astype(dtype)


def data(model, rng, n_samples=2):
    x = rng.random((5, 6)).astype(model.parameters.dtype)
    return x, model.draw_noise(rng, 5, n_samples)


def prices(model, x, eps):
    """rec and KL of every x with every label, by the conditional VAE, one at a time: (2, B, 3)."""
    found = np.empty((2, len(x), 3))
    for i in range(len(x)):
        for y in range(3):
            loss = model.vae.loss(x[i:i + 1], eps[:, i:i + 1], condition=one_hot(np.array([y]), 3))
            found[:, i, y] = loss.reconstruction, loss.kl
    return found


# ---- the loss -----------------------------------------------------------------------------

@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_the_loss_is_a_sum_over_labels_written_out(cost, beta, rng):
    model = small()
    model.objective = ELBO(beta, cost)
    x, eps = data(model, rng)
    q = special.softmax(model.classifier.forward(x)[0], axis=1)
    rec, kl, terms = *prices(model, x, eps), []
    for i in range(5):
        if C[i].any():
            y = int(C[i].argmax())
            terms.append((rec[i, y], kl[i, y] + math.log(3), -math.log(q[i, y])))
        else:
            z = sum(q[i, y] * kl[i, y] for y in range(3))
            terms.append((sum(q[i, y] * rec[i, y] for y in range(3)),
                          z - stats.entropy(q[i]) + math.log(3), 0.0))
    loss = model.loss(x, eps, condition=C)
    mean = np.mean(terms, axis=0)
    np.testing.assert_allclose([loss.reconstruction, loss.kl], mean[:2], rtol=1e-12)
    assert loss.value == pytest.approx(mean[0] + beta * mean[1] + 0.7 * mean[2], rel=1e-12)


def test_with_all_labels_it_is_the_conditional_vae(rng):
    """Less log p(y), which is constant; and the classifier hears of nothing but alpha."""
    model, c = small(alpha=0.0), one_hot(np.arange(5) % 3, 3)
    x, eps = data(model, rng)
    for objective in (ELBO(), ELBO(0.4, SampledKL())):
        loss = model.loss_and_grad(x, eps, condition=c, objective=objective)
        gradients = {name: g.copy() for name, g in model.vae.gradients().items()}
        assert not any(g.any() for g in model.classifier.gradients().values())
        twin = model.vae.copy()
        expected = twin.loss_and_grad(x, eps, condition=c, objective=objective)
        assert loss.value == pytest.approx(expected.value + objective.beta * math.log(3), rel=1e-13)
        assert loss.reconstruction == pytest.approx(expected.reconstruction, rel=1e-13)
        for name, g in twin.gradients().items():
            np.testing.assert_allclose(gradients[name], g, rtol=1e-10, atol=1e-13)


def test_the_best_classifier_says_what_the_labels_cost(rng):
    """q(y|x) = softmax(-cost of y) makes the sum over labels -log of the mean of exp(-cost), and no
    other q makes it less."""
    model = small(alpha=0.0)
    classifier = Dense(6, 3, rng)
    model = npvae.SemiSupervisedVAE(model.vae.copy(), classifier.astype(np.float64))
    x, none = np.eye(6), np.zeros((6, 3))                                    # row i of W is that of x_i
    eps = model.draw_noise(rng, 6, 2)
    cost = prices(model, x, eps).sum(axis=0)
    model.classifier.W = -cost
    best = model.loss_and_grad(x, eps, condition=none).value
    exact = -(special.logsumexp(-cost, axis=1) - math.log(3)).mean()
    assert best == pytest.approx(exact, rel=1e-13)
    assert np.abs(model.classifier.dW).max() < 1e-12
    for _ in range(5):
        model.classifier.W = -cost + rng.normal(0, 1, (6, 3))
        assert model.loss(x, eps, condition=none).value > best + 1e-3


def test_the_weight_of_the_classifier_is_the_papers(rng):
    """Sums over N x, and 0.1 N times the mean of the classifier's loss over the N_l with a label."""
    model, none = small(alpha=0.1 * 5 / 2), small(alpha=0.0)
    x, eps = data(model, rng)
    bounds = 5 * none.loss(x, eps, condition=C).value
    unsure = -np.log(model.classify(x)[[0, 2], [0, 1]]).mean()
    found = 5 * model.loss(x, eps, condition=C).value
    assert found == pytest.approx(bounds + 0.1 * 5 * unsure, rel=1e-12)


def test_a_batch_may_be_permuted_or_split(rng):
    model = small()
    x, eps = data(model, rng)
    whole, order = model.loss(x, eps, condition=C), rng.permutation(5)
    again = model.loss(x[order], eps[:, order], condition=C[order])
    np.testing.assert_allclose(again[:3], whole[:3], rtol=1e-13)
    halves = [model.loss(x[i:j], eps[:, i:j], condition=C[i:j])[:3] for i, j in ((0, 2), (2, 5))]
    np.testing.assert_allclose(np.average(halves, axis=0, weights=[2, 3]), whole[:3], rtol=1e-13)


# ---- its gradient -------------------------------------------------------------------------

@pytest.mark.parametrize("options", [
    {}, {"prior": "conditional_normal"}, {"posterior": "flow_gaussian"},
    {"likelihood": "tied_gaussian"}], ids=repr)
def test_the_gradient_by_every_part(options, rng):
    model = small(**options)
    x, eps = data(model, rng)
    for given in (C,) if options else (C, np.zeros_like(C), one_hot(np.arange(5) % 3, 3)):
        report = gradcheck.check_model(model, x, eps, condition=given, target=x[::-1],
                                       observed=rng.integers(2, size=x.shape))
        report.assert_passed()
        assert report.complex_step < 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay_and_nothing_is_written_to(dtype, rng):
    model = small(dtype)
    x, eps = freeze(data(model, rng))
    loss, cache = model.forward(x, eps, condition=freeze(C.astype(dtype)))
    assert loss.dlog_px.dtype == loss.drate.dtype == cache.dlogits.dtype == dtype
    freeze([cache.dlogits, cache.vae.z, cache.vae.log_px, loss.dlog_px, loss.drate])
    model.backward(cache)
    assert model.parameters.grad.dtype == model.classify(x).dtype == dtype


# ---- what it is for -----------------------------------------------------------------------

def patterns(rng, n=600):
    """Three classes: a pattern of twenty bits each, with one bit in five turned; one label each."""
    prototypes, labels = rng.integers(2, size=(3, 20)), rng.permutation(np.arange(n) % 3)
    x = (prototypes[labels] ^ (rng.random((n, 20)) < 0.2)).astype(np.float32)
    known = np.unique(labels, return_index=True)[1]
    condition = np.zeros((n, 3), np.float32)
    condition[known] = one_hot(labels[known], 3)
    return x, labels, condition


def error(model, x, labels):
    return np.mean(model.classify(x).argmax(axis=1) != labels)


def test_x_without_a_label_teach_the_classifier(rng):
    """Three labels: with the other 597 x it makes less than half of the mistakes."""
    x, labels, condition = patterns(rng)
    made = lambda: npvae.semi_supervised_vae(20, 3, (20,), 2, alpha=0.1 * 600 / 3)
    run = dict(batch_size=50, learning_rate=1e-2, progress=False)
    known = condition.any(axis=1)
    alone, model = made(), made()
    npvae.fit(alone, x[known], condition=condition[known], epochs=200, **run)
    history = npvae.fit(model, x, condition=condition, epochs=30, **run)
    assert history[-1]["loss"] < history[0]["loss"] - 2.0
    assert error(model, x, labels) < 0.15 < 0.5 * error(alone, x, labels) + 0.02


def test_it_is_kept_resumed_and_judged_like_another(tmp_path, rng):
    x, labels, condition = patterns(rng, 60)
    made = lambda alpha=2.0: npvae.semi_supervised_vae(20, 3, (7,), 2, alpha=alpha, beta=0.9)
    run = dict(condition=condition, batch_size=16, progress=False, validation=x[:20],
               validation_condition=condition[:20], kl_schedule=npvae.schedules.Linear(3))
    whole, halves = made(), made()
    npvae.fit(whole, x, epochs=4, **run)
    npvae.fit(halves, x, epochs=2, checkpoint=tmp_path / "run.npz", **run)
    halves = made()
    npvae.fit(halves, x, epochs=4, checkpoint=tmp_path / "run.npz", resume=True, **run)
    np.testing.assert_array_equal(whole.parameters.theta, halves.parameters.theta)
    npvae.save(tmp_path / "a.npz", whole)
    again = npvae.load(tmp_path / "a.npz")
    assert repr(again) == repr(whole) and again.objective == ELBO(0.9) and again.alpha == 2.0
    assert npvae.evaluate(again, x, condition=condition) == npvae.evaluate(whole, x,
                                                                           condition=condition)
    np.testing.assert_array_equal(again.classify(x), whole.classify(x))
    np.testing.assert_allclose(whole.classify(x).sum(axis=1), 1.0, rtol=1e-6)
    assert "classifier.2" in str(whole)
    with pytest.raises(ValueError, match="alpha=2.0"):
        npvae.load_into(tmp_path / "a.npz", made(alpha=1.0))
    assert np.isfinite(evaluation.gain(whole, x, 1e-3, condition=condition))
    # with labels, given or guessed, its VAE is judged like every other
    guessed = one_hot(whole.classify(x).argmax(axis=1), 3)
    diagnosis = evaluation.diagnose(whole.vae, x, condition=guessed)
    assert "-ELBO" in {found.name for found in diagnosis.measured}
    assert np.isfinite(evaluation.log_evidence(whole.vae, x, rng, 50, condition=guessed).log_px).all()
    with pytest.raises(TypeError, match="model is SemiSupervisedVAE: a VAE was expected, with one"):
        evaluation.diagnose(whole, x, condition=condition)


def test_a_run_that_goes_wrong_names_the_layer(rng):
    model = npvae.semi_supervised_vae(6, 3, (5,), 2)
    x, condition = rng.random((8, 6)), np.zeros((8, 3))
    model.classifier.layers[0].W[0, 0] = np.nan
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"classifier\.0 \(Dense\)"):
        npvae.fit(model, x, condition=condition, progress=False)
    model = npvae.semi_supervised_vae(6, 3, (5,), 2)
    model.vae.decoder.layers[0].W[0, 0] = np.inf
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"vae: .*decoder\.0"):
        npvae.fit(model, x, condition=condition, progress=False)


# ---- what it is not -----------------------------------------------------------------------

@pytest.mark.parametrize("row", [[0.5, 0.5, 0.0], [1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [-1.0, 1.0, 1.0],
                                 [1.0, -1.0, 0.0]], ids=repr)
def test_a_row_is_a_label_or_none(row, rng):
    model = small()
    x, eps = data(model, rng)
    condition = np.where(np.arange(5)[:, None] == 3, row, C)
    for call in (lambda: model.loss(x, eps, condition=condition),
                 lambda: npvae.fit(model, x, condition=condition, progress=False)):
        with pytest.raises(ValueError, match="condition is .* in row 3: a single one, for the label"):
            call()


def test_what_cannot_be_combined_is_refused_by_name(rng):
    model = small()
    x, eps = data(model, rng)
    for objective in (npvae.IWAE(), npvae.FreeBits(), npvae.StickingTheLanding(),
                      npvae.ScoreFunction(), ELBO(cost=npvae.Free()), ELBO(cost=npvae.MMD())):
        with pytest.raises(TypeError, match=rf"objective is {type(objective).__name__}\(.*was expected"):
            model.loss(x, eps, condition=C, objective=objective)
    conditional = npvae.conditional_vae(6, 3, (5,), 2)
    for vae, classifier, error, why in (
            (npvae.vae(6, (5,), 2), Dense(6, 3, rng), ValueError, "vae has n_condition=0: one for each"),
            (conditional, Dense(6, 4, rng), ValueError, "classifier gives 4 numbers: 3 were expected"),
            (conditional, Tanh(), ValueError, "classifier gives 6 numbers"),
            (conditional, "mlp", TypeError, "classifier is 'mlp': a Layer was expected"),
            (model, Dense(6, 3, rng), TypeError, "vae is semi_supervised_vae.*: a VAE was expected")):
        with pytest.raises(error, match=why):
            npvae.SemiSupervisedVAE(vae, classifier)
    with pytest.raises(ValueError, match="condition is missing: this model has n_condition=3"):
        model.loss(x, eps)


def test_what_is_shown_of_x_is_that_of_the_vae_inside():
    model = small()
    assert model.corrupt is None
    model.vae.corrupt = corrupt = lambda x, rng: x
    assert model.corrupt is corrupt
    model.corrupt = None
    assert model.vae.corrupt is None


def test_rows_with_holes_are_classified_by_what_is_known_of_them(rng):
    """As they are shown in training: whatever stands in a hole, a NaN too, changes nothing."""
    model = small()
    x, observed = rng.random((5, 6)), rng.random((5, 6)) < 0.6
    expected = model.classify(np.where(observed, x, 0.0))
    holes = np.where(observed, x, np.nan)
    np.testing.assert_array_equal(model.classify(holes, observed=observed), expected)
    np.testing.assert_array_equal(model.classify(np.ma.masked_array(holes, ~observed)), expected)
    assert np.abs(expected - model.classify(x)).max() > 1e-3
