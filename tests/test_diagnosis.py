"""What goes wrong in training is provoked, and the diagnosis has to name it, by the number."""

import numpy as np
import pytest

import npvae
from helpers import described_by, likelihoods_by_name
from npvae.distributions.hierarchy import StackedGaussian, StackedNormal
from npvae.evaluation.diagnosis import constant_loss, diagnose
from npvae.evaluation.gain import gain
from npvae.learning import schedules
from npvae.networks import Chain, Dense, Tanh


@pytest.fixture(scope="module")
def digits():
    return npvae.datasets.mnist().train_images[:2000]


def fit(model, x, **options):
    """Train, whatever overflows on the way."""
    options = {"epochs": 8, "batch_size": 64, "progress": False, **options}
    with np.errstate(all="ignore"):
        return npvae.fit(model, x, **options)


def named(diagnosis, start):
    """What was measured under a name that starts so: exactly one thing."""
    found, = [found for found in diagnosis.measured if found.name.startswith(start)]
    return found


def wrong(diagnosis):
    return [found.name for found in diagnosis.findings]


@pytest.fixture(scope="module")
def healthy(digits):
    model = npvae.vae()
    return model, fit(model, digits)


# ---- health ------------------------------------------------------------------------------

def test_the_healthy_default_has_no_findings(healthy, digits):
    model, history = healthy
    before = model.parameters.theta.copy()
    diagnosis = diagnose(model, digits[:1000], history=history, learning_rate=1e-3)
    assert wrong(diagnosis) == []
    assert str(diagnosis).endswith("nothing wrong was found")
    assert len(diagnosis.measured) == 8
    assert named(diagnosis, "largest rise").value == 0.0
    np.testing.assert_array_equal(model.parameters.theta, before)


@pytest.mark.slow
@pytest.mark.parametrize("build, options", [
    (lambda: npvae.vae(likelihood="gaussian", variance=0.1), {}),
    (lambda: npvae.vae(likelihood="tied_gaussian"), {"learning_rate": 1e-2}),   # its variance is far off
    (lambda: npvae.vae(n_hidden=(200, 200), activation="tanh"), {"epochs": 16}),
    (lambda: npvae.vae(n_latent=2, activation="softplus"), {}),
    (lambda: npvae.vae(beta=2.0, init="he"), {"optimizer": npvae.SGD(momentum=0.9)}),
    (npvae.vae, {"kl_schedule": schedules.Linear(6), "transform": npvae.datasets.binarize}),
    (npvae.vae, {"kl_schedule": schedules.Cyclical(3)}),
    (lambda: npvae.two_layer_iwae(n_hidden=((100,), (50,)), n_latent=(20, 10)), {"n_samples": 3}),
    (npvae.autoencoder, {}), (npvae.denoising_autoencoder, {}), (npvae.concrete_vae, {}),
    (npvae.bernoulli_vae, {"n_samples": 4})])
def test_other_healthy_runs_raise_no_alarm(build, options, digits):
    model = build()
    trial = {name: options[name] for name in ("optimizer", "n_samples") if name in options}
    before = diagnose(model, digits[:500], learning_rate=1e-3, **trial)
    assert not named(before, "gain").wrong
    history = fit(model, digits, **options)
    samples = options.get("n_samples", 1)
    assert wrong(diagnose(model, digits[:500], history=history, n_samples=samples)) == []


def test_a_condition_goes_with_its_rows(digits):
    labels = npvae.datasets.one_hot(npvae.datasets.mnist().train_labels[:2000], 10)
    model = npvae.conditional_vae(n_hidden=(100,))
    fit(model, digits, condition=labels)
    assert wrong(diagnose(model, digits[:500], condition=labels[:500], learning_rate=1e-3)) == []


# ---- each disease ------------------------------------------------------------------------

def test_an_untrained_model_is_told_by_its_blocks(healthy, digits):
    model = npvae.vae()
    diagnosis = diagnose(model, digits[:200])
    same = named(diagnosis, "blocks as they were initialised")
    assert same.wrong and same.value == 8
    assert named(diagnosis, "-ELBO").wrong and named(diagnosis, "-ELBO").value > 500
    # a trained model whose encoder somebody has forgotten to train
    model = healthy[0].copy()
    initial = npvae.vae().blocks()
    for name, values in model.blocks().items():
        if name.startswith("encoder."):
            values[...] = initial[name]
    same = named(diagnose(model, digits[:200]), "blocks as")
    assert (same.value, same.shown) == (4, "encoder.0.W, encoder.0.b, encoder.2.W, encoder.2.b")


@pytest.mark.parametrize("likelihood", likelihoods_by_name())
def test_one_answer_to_all_x_costs_what_a_decoder_of_biases_costs(likelihood):
    """The loss with which the ELBO is compared, by a decoder whose weights are zero, and a likelihood
    whose own variance is the best beside it."""
    x = np.random.default_rng(0).beta(0.5, 1.0, (300, 20)).astype(np.float32)
    model = npvae.vae(20, (4,), 2, likelihood=likelihood)
    x = described_by(model.likelihood, x)
    shown = named(diagnose(model, x), "-ELBO").shown
    for values in model.decoder.blocks().values():
        values[...] = 0.0
    own, bias = model.likelihood.settled(x)
    for name, values in model.likelihood.blocks().items():
        values[...] = own.blocks()[name]
    if likelihood == "bernoulli":
        np.testing.assert_allclose(bias, np.log(x.mean(axis=0) / (1 - x.mean(axis=0))), rtol=1e-5)
    model.decoder.layers[-1].b = bias
    constant = npvae.evaluate(model, x).reconstruction
    assert f"({constant:.2f} with one answer" in shown
    # it is the best of the kind: no nearby bias does better
    for step in (0.1, -0.1):
        model.decoder.layers[-1].b = bias + step
        assert npvae.evaluate(model, x).reconstruction > constant


def test_a_column_that_does_not_vary_is_no_reason_to_call_a_model_worse_than_a_constant(rng):
    """Of one answer to all x no variance there is the best: the model's own is taken."""
    a, b = rng.standard_normal((2, 3))
    x = np.zeros((400, 6), np.float32)
    x[:, :3] = np.outer(rng.standard_normal(400), a) + np.outer(rng.standard_normal(400), b)
    model = npvae.vae(6, (16,), 2, likelihood="diagonal_gaussian", activation="tanh")
    npvae.fit(model, x, epochs=60, batch_size=50, learning_rate=1e-2, progress=False)
    found = constant_loss(model.likelihood, x)
    own = model.likelihood.log_terms(x, np.zeros((1, 1, 6), np.float32))[0][..., 3:].sum(axis=-1).mean()
    best = 0.5 * (np.log(2 * np.pi * x[:, :3].var(axis=0)) + 1).sum()
    assert found == pytest.approx(best - own, rel=1e-4)
    assert wrong(diagnose(model, x)) == []


@pytest.mark.parametrize("likelihood, best", [
    ("tied_gaussian", lambda x: 4 * np.log(x.var(axis=0).mean())),
    ("diagonal_gaussian", lambda x: np.log(x.var(axis=0)).sum()),
    ("heteroscedastic_gaussian", lambda x: np.log(x.var(axis=0)).sum())])
def test_a_model_that_is_worse_than_a_constant_of_the_best_variance_is_told(likelihood, best):
    """Whatever variance it has learned: here too small a one, as it has fitted the noise."""
    x = np.random.default_rng(0).standard_normal((500, 4)).astype(np.float32)
    model = npvae.vae(4, (32,), 4, likelihood=likelihood, beta=1e-3, activation="tanh")
    npvae.fit(model, x, epochs=40, batch_size=50, learning_rate=5e-3, progress=False)
    theta = model.parameters.theta.copy()
    found = named(diagnose(model, x), "-ELBO")
    constant = 0.5 * (4 * (1 + np.log(2 * np.pi)) + best(x))
    assert found.wrong and found.value > constant + 1
    assert f"({constant:.2f} with one answer to all x)" in found.shown
    np.testing.assert_array_equal(model.parameters.theta, theta)


@pytest.mark.parametrize("shift, shown", [(25.0, "25.0 to 25.0"), (-50.0, "-50.0 to -50.0")])
def test_exploding_log_variances_are_given_by_their_range(shift, shown, healthy, digits):
    model = healthy[0].copy()
    head = model.encoder.layers[-1]
    head.W[:, 20:], head.b[20:] = 0.0, shift
    with np.errstate(all="ignore"):
        found = named(diagnose(model, digits[:100]), "log variance")
    assert found.wrong and found.value == shift and found.shown == shown


def test_a_run_at_too_high_a_rate_explodes(digits):
    model = npvae.vae(n_hidden=(200, 200), activation="tanh")
    history = fit(model, digits, learning_rate=0.1, epochs=6)
    with np.errstate(all="ignore"):
        diagnosis = diagnose(model, digits[:500], history=history)
    low = model.encode(digits[:500]).logvar.min()
    found = named(diagnosis, "log variance")
    assert found.wrong and found.value == low < -30
    assert named(diagnosis, "-ELBO").wrong
    assert named(diagnosis, "dead units, encoder.3 (Tanh)").value >= 180


@pytest.mark.parametrize("activation, bias", [("relu", -100.0), ("tanh", 100.0), ("tanh", -100.0),
                                              ("sigmoid", 100.0), ("softplus", -100.0)])
def test_dead_and_saturated_units_are_counted_by_layer(activation, bias, digits):
    model = npvae.vae(n_hidden=(50, 30), activation=activation)
    fit(model, digits, epochs=2)
    healthy_counts = [found.value for found in diagnose(model, digits[:300]).measured
                      if found.name.startswith("dead")]
    model.encoder.layers[2].W[:, :28] = 0.0
    model.encoder.layers[2].b[:28] = bias
    diagnosis = diagnose(model, digits[:300])
    counts = [found for found in diagnosis.measured if found.name.startswith("dead")]
    kind = {"relu": "ReLU"}.get(activation, activation.title())
    assert [found.name for found in counts] == [
        f"dead units, {place} ({kind})" for place in ("encoder.1", "encoder.3", "decoder.1",
                                                      "decoder.3")]
    assert counts[1].value >= 28 and counts[1].wrong and counts[1].shown.endswith(" of 30")
    assert counts[0].value == healthy_counts[0] < 45 and not counts[0].wrong


def test_a_unit_that_lives_for_one_x_is_not_dead(digits):
    """Zero for every x means every x: counted by hand from the activations."""
    model = npvae.vae(n_hidden=(40,))
    model.encoder.layers[0].b = -1.0 * np.linspace(0, 3, 40)
    x = digits[:50]
    found = named(diagnose(model, x), "dead units, encoder.1")
    expected = (model.encoder.layers[0].forward(x)[0] <= 0).all(axis=0).sum()
    assert 0 < found.value == expected < 40


def test_collapsed_dimensions_are_counted(digits):
    model = npvae.vae(n_hidden=(100,), beta=60.0)
    fit(model, digits, epochs=20)
    found = named(diagnose(model, digits[:500]), "collapsed")
    assert found.wrong and found.shown == f"{found.value} of 20" and found.value >= 18
    q = model.encode(digits[:500])
    kl = 0.5 * (q.mu**2 + q.std**2 - 1 - q.logvar).mean(axis=0)
    assert found.value == (kl < 0.01).sum()


@pytest.mark.parametrize("build, n_of_z", [(npvae.categorical_vae, 3), (npvae.gumbel_softmax_vae, 12)])
def test_collapsed_symbols_are_counted(build, n_of_z):
    """Exact ones by their KL, one number for each; relaxed ones by the means of their 12 numbers."""
    model = build(12, (8,), 12, n_categories=4)
    model.encoder.layers[-1].W[:, 4:] = 0.0              # the first symbol alone sees x
    model.encoder.layers[-1].W[:, :4] *= 9.0
    found = named(diagnose(model, np.random.default_rng(0).random((50, 12)), n_samples=2),
                  "collapsed")
    assert found.wrong and found.shown == f"{n_of_z * 2 // 3} of {n_of_z}"


@pytest.mark.parametrize("build", [npvae.bernoulli_vae, npvae.concrete_vae])
def test_collapsed_bits_are_counted(build):
    model = build(12, (8,), 5)
    model.encoder.layers[-1].W[:, 1:] = 0.0              # the first bit alone sees x
    model.encoder.layers[-1].W[:, 0] = 9.0
    found = named(diagnose(model, np.random.default_rng(0).random((50, 12)), n_samples=2),
                  "collapsed")
    assert found.wrong and found.value == 4


def test_an_autoencoder_pays_for_no_code_and_cannot_collapse(digits):
    diagnosis = diagnose(npvae.autoencoder(), digits[:50])
    assert not any(found.name.startswith(("collapsed", "log variance"))
                   for found in diagnosis.measured)


def test_dimensions_without_a_closed_kl_are_counted_by_their_means(digits):
    """Two stochastic layers: z2 does not depend on z1 where its network is constant."""
    model = npvae.two_layer_iwae(n_hidden=((20,), (10,)), n_latent=(4, 6))
    model.posterior.network.layers[-1].W[...] = 0.0
    model.encoder.layers[-1].W = 5.0 * model.encoder.layers[-1].W
    found = named(diagnose(model, digits[:200], n_samples=2), "collapsed")
    assert found.wrong and found.shown == "6 of 10"
    low, high = named(diagnose(model, digits[:200]), "log variance").shown.split(" to ")
    logvar = model.encode(digits[:200]).first.logvar
    assert (low, high) == (f"{logvar.min():.1f}", f"{logvar.max():.1f}")


def test_blocks_that_are_not_finite_are_named_before_anything_else(digits):
    model = npvae.vae()
    model.decoder.layers[2].b[3] = np.nan
    diagnosis = diagnose(model, digits[:50], learning_rate=1e-3)
    (found,), = diagnosis
    assert found.wrong and found.shown == "decoder.2.b"


# ---- the learning rate -------------------------------------------------------------------

@pytest.mark.parametrize("rate, low, high", [(1e-4, 0.95, 1.05), (1e-3, 0.8, 1.0), (3e-3, 0.6, 0.9),
                                             (3e-2, -0.1, 0.15), (1e-1, -0.1, 0.1)])
def test_the_gain_parts_good_rates_from_bad_ones(rate, low, high, digits):
    """Measured on whole runs: up to 0.005 they end alike, at 0.02 and 0.03 thirty nats above,
    at 0.1 nothing is learned."""
    value = gain(npvae.vae(), digits, rate)
    assert low < value < high
    found = named(diagnose(npvae.vae(), digits, learning_rate=rate), "gain of 20 steps")
    assert found.value == value and found.wrong == (rate > 0.01)


@pytest.mark.parametrize("step, expected", [(0.5, 0.75), (1.0, 0.5), (2.0, 0.0), (3.0, -0.5)])
def test_the_gain_on_a_parabola_is_one_less_half_the_step(step, expected):
    """A decoder of biases alone, squared error: the gain of a step t of the way is 1 - t / 2."""
    model = npvae.autoencoder(3, (), 1, likelihood="gaussian").astype(np.float64)
    model.parameters.theta[...] = 0.0                    # z is 0, and so is the gradient of W
    x = np.tile([[1.0, -2.0, 3.0]], (10, 1))
    value = gain(model, x, step, optimizer=npvae.SGD(), n_steps=1)
    assert value == pytest.approx(expected, abs=1e-12)


def test_a_loss_that_overflows_is_no_gain(digits):
    assert np.isnan(gain(npvae.vae(), digits, 1e30, n_steps=3))
    found = named(diagnose(npvae.vae(), digits[:200], learning_rate=1e30), "gain")
    assert found.wrong and np.isnan(found.value)


def test_the_gain_leaves_the_model_and_the_optimizer_alone(digits):
    model, adam = npvae.vae(), npvae.Adam()
    npvae.fit(model, digits[:200], epochs=1, optimizer=adam, progress=False)
    theta, m, t = model.parameters.theta.copy(), adam.state["m"].copy(), adam.t
    values = {gain(model, digits, 1e-3, optimizer=adam) for _ in range(2)}
    values.add(gain(model, digits, 1e-3))
    assert len(values) == 1
    np.testing.assert_array_equal(model.parameters.theta, theta)
    np.testing.assert_array_equal(adam.state["m"], m)
    assert adam.t == t


def row(epoch, reconstruction, kl, beta=1.0):
    return {"epoch": epoch, "loss": reconstruction + beta * kl, "reconstruction": reconstruction,
            "kl": kl, "seconds": 0.0}


def test_a_loss_that_rises_again_is_found_in_the_history(healthy, digits):
    model, x = healthy[0], digits[:500]
    history = [row(1, 180.0, 10.0), row(2, 130.0, 20.0), row(3, 145.0, 20.0), row(4, 120.0, 20.0)]
    found = named(diagnose(model, x, history=history), "largest rise")
    assert found.wrong and found.value == pytest.approx(15.0) and "epoch 3" in found.shown
    history[2] = row(3, 131.0, 20.0)                     # a rise of one nat among 60
    assert not named(diagnose(model, x, history=history), "largest rise").wrong
    # with a beta of 4 it is the loss that counts, not the ELBO
    history = [row(1, 150.0, 20.0, 4.0), row(2, 140.0, 25.0, 4.0)]
    found = named(diagnose(model, x, history=history), "largest rise")
    assert found.value == pytest.approx(10.0) and found.wrong
    # a rising beta makes the loss rise, and is no disease
    history = [row(1, 150.0, 60.0, 0.0), row(2, 130.0, 40.0, 0.5), row(3, 125.0, 25.0, 1.0)]
    found = named(diagnose(model, x, history=history), "largest rise")
    assert found.value == 0.0 and not found.wrong


@pytest.mark.parametrize("optimizer, rate", [(npvae.SGD(momentum=0.9), 0.02), (npvae.Adam(), 0.1)],
                         ids=repr)
def test_a_real_run_at_too_high_a_rate_rises_or_learns_nothing(optimizer, rate, digits):
    model = npvae.vae()
    history = fit(model, digits, optimizer=optimizer, learning_rate=rate, epochs=12)
    with np.errstate(all="ignore"):
        diagnosis = diagnose(model, digits[:500], history=history)
    assert {"largest rise of the training loss", "-ELBO"} & set(wrong(diagnosis))
    losses = [r["loss"] for r in history]
    value = named(diagnosis, "largest rise").value
    assert value == pytest.approx(max(np.diff(losses)), rel=1e-6)


def test_the_report_says_what_it_is_what_it_means_and_what_to_try(digits):
    text = str(diagnose(npvae.vae(), digits[:1000], learning_rate=0.1))
    assert text.startswith("! blocks as they were initialised")
    assert "\n  dead units, encoder.1 (ReLU)              0 of 400\n" in text
    assert text.count("  Try: ") == text.count("\n! ") + 1 >= 3


def test_a_model_that_is_shown_the_mask_is_diagnosed(rng):
    model = npvae.vae(6, (8,), 2, likelihood="gaussian", shows_mask=True)
    model.encoder.layers[0].b[:] = -100.0                  # and its dead units are found
    found = [each for each in npvae.evaluation.diagnose(model, rng.random((40, 6))).measured
             if each.name.startswith("dead units, encoder")]
    assert [each.value for each in found] == [8]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gain_of_a_step_that_float32_cannot_see_is_one(dtype, rng):
    model = npvae.vae(6, (5,), 2).astype(dtype)
    for rate in (1e-6, 1e-8):
        assert npvae.evaluation.gain(model, rng.random((40, 6)), rate) == pytest.approx(1.0, abs=1e-3)


def test_what_was_trained_by_another_cost_is_judged_by_its_elbo(rng):
    """And in one piece, where that cost is of batches of a size."""
    x = (rng.random((501, 5)) < 0.5).astype(np.float32)
    model = npvae.vae(5, (8,), 4)
    expected = -npvae.evaluate(model, x).elbo
    for cost in (npvae.MMD(10.0), npvae.DecomposedKL(300)):
        model.objective = npvae.ELBO(cost=cost)
        found = {one.name: one.value for one in diagnose(model, x).measured}
        assert found["-ELBO"] == pytest.approx(expected, abs=1e-9)
    assert model.objective.cost == cost


def test_a_recipe_with_a_network_in_it_is_diagnosed_too(rng):
    def network():
        return Chain(Dense(2, 8, rng), Tanh(), Dense(8, 4, rng))
    model = npvae.vae(5, (8,), 4, posterior=StackedGaussian(2, 2, network()),
                      prior=StackedNormal(2, 2, network()))
    names = [found.name for found in diagnose(model, rng.random((20, 5))).measured]
    assert "-ELBO" in names and "blocks as they were initialised" not in names


@pytest.mark.parametrize("objective", [npvae.DReG(), npvae.VIMCO(), npvae.StickingTheLanding()])
def test_no_gain_is_told_of_a_gradient_that_is_no_derivative(objective, rng):
    model, x = npvae.iwae(5, (4,), 2), (rng.random((40, 5)) < 0.5).astype(np.float32)
    model.objective = objective
    with pytest.raises(TypeError, match="whose gradient is no derivative of its loss"):
        gain(model, x, 1e-3, n_samples=2)
    told, = (found for found in diagnose(model, x, learning_rate=1e-3, n_samples=2).measured
             if found.name.startswith("gain"))
    assert np.isnan(told.value) and told.shown.startswith("not measured") and not told.wrong


@pytest.mark.parametrize("objective", [npvae.ELBO(cost=npvae.SampledKL()), npvae.DReG()])
@pytest.mark.parametrize("rate", [-1, 0.0, np.nan, np.inf, "a"])
def test_a_learning_rate_that_is_none_is_refused_whatever_the_objective(rate, objective, rng):
    model, x = npvae.iwae(5, (4,), 2), (rng.random((40, 5)) < 0.5).astype(np.float32)
    model.objective = objective
    with pytest.raises(ValueError, match=f"learning_rate is {rate!r}: a positive, finite number was"):
        diagnose(model, x, learning_rate=rate, n_samples=2)
