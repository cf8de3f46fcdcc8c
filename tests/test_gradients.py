"""Chapter 1: every gradient is the derivative of its forward pass.

Central differences and the complex step, in float64, for everything differentiable in
the package, over sizes that hypothesis draws (size 1 among them). The upstream gradients
are random: with ones, a transposed or permuted gradient often passes.
"""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings

import npvae
from helpers import batch, everything, freeze, is_a_role, likelihoods_by_name, seeds, sizes, small_vae
from npvae import KL, SampledKL, distributions, gradcheck, likelihoods, posteriors, priors
from npvae.distributions import pairs
from npvae.gradcheck.rows import Sizes
from npvae.gradcheck.table import TABLE
from npvae.model import fields
from npvae.networks import Conv2d, ConvTranspose2d, Reshape, layers
from npvae.recipes import RECIPES


@pytest.mark.parametrize("name", TABLE)
def test_gradients_at_sizes_that_tell_all_axes_apart(name):
    """K, B, D, J and the hidden sizes all differ, so that no axis can stand for another."""
    report = TABLE[name](Sizes(K=3, B=4, D=6, J=2, H=(5, 7)), np.random.default_rng(7))
    report.assert_passed()
    assert report.complex_step < 1e-12


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=3)
@given(s=sizes, seed=seeds)
def test_gradients_over_drawn_sizes(name, s, seed):
    TABLE[name](s, np.random.default_rng(seed)).assert_passed()


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=500)
@given(s=sizes, seed=seeds)
def test_gradients_over_many_drawn_sizes(name, s, seed):
    TABLE[name](s, np.random.default_rng(seed)).assert_passed()


def differentiable():
    """The names of every public differentiable thing, found by looking at the package."""
    for module in everything():
        for name, thing in inspect.getmembers(module, inspect.isclass):
            if (issubclass(thing, npvae.networks.Module) and thing.__module__ == module.__name__
                    and not is_a_role(thing) and not name.startswith("_")):
                yield f"{module.__name__.rpartition('.')[2]}.{name}"
    yield from (f"pairs: {q.__name__}, {p.__name__}" for q, p in pairs.CLOSED_FORMS)
    for name, thing in inspect.getmembers(npvae.divergences, inspect.isfunction):
        if thing.__module__ == npvae.divergences.__name__ and not name.endswith("_backward"):
            yield f"divergences.{name}"
    yield from (f"objectives.{name}" for name, kind in npvae.Objective.members.items()
                if kind.__module__.startswith("npvae."))
    yield from (f"batch_costs.{name}" for name, kind in npvae.Cost.members.items() if kind.over_batch)
    yield from (f"recipes.{name}" for name in RECIPES)


def test_gradient_table_misses_nothing():
    rows = {name if name.startswith("pairs") else name.partition(",")[0] for name in TABLE}
    assert set(differentiable()) == rows


def test_gradients_table_is_printed(capsys, monkeypatch):
    """A row of each kind, and one that is wrong. (All rows are looked at above.)"""
    from npvae.gradcheck import __main__ as table
    rows = {name: TABLE[name] for name in ("layers.Dense", "priors.StandardNormal", "recipes.vae")}
    monkeypatch.setattr(table, "TABLE", rows)
    assert table.main([]) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 agree" in printed and all(name in printed for name in rows)
    rows["of the sine"] = lambda s, rng: npvae.gradcheck.check_function(
        np.sin, lambda dy, x: (dy,), np.ones(3), rng=rng)
    assert table.main([]) == 1
    assert "WRONG\n\n3 of 4 agree" in capsys.readouterr().out


# ---- the gradient in single precision ---------------------------------------------------

@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "heteroscedastic_gaussian"])
def test_float32_gradients_are_those_of_float64(likelihood, rng):
    model = npvae.vae(784, (40, 30), 5, likelihood=likelihood)
    x = npvae.datasets.mnist().test_images[:16]
    eps = model.draw_noise(rng, 16, 2)
    double = model.astype(np.float64)
    model.loss_and_grad(x, eps)
    double.loss_and_grad(x, eps)
    for name, g in double.gradients().items():
        error = np.linalg.norm(model.gradients()[name] - g) / np.linalg.norm(g)
        assert error < 1e-4, (name, error)


# ---- backward is accumulate and pullback; gradients add up ------------------------------

IMAGES = (2, 3, 5, 4, 6)             # K, B, height, width, channels


def every_layer(rng):
    yield Conv2d(6, 2, 3, rng, stride=2, padding=1)
    yield ConvTranspose2d(6, 2, 3, rng, stride=2, padding=1)
    yield Reshape((4, 6), (24,))
    yield layers.Dense(6, 4, rng)
    yield from (layers.ReLU(), layers.Tanh(), layers.Sigmoid(), layers.Softplus())
    yield layers.Chain(layers.Dense(6, 5, rng), layers.Tanh(), layers.Dense(5, 2, rng))


def test_backward_gradients_are_accumulate_and_pullback(rng):
    for layer in every_layer(rng):
        layer = layer.astype(np.float64)
        y, cache = layer.forward(rng.standard_normal(IMAGES))
        dy = rng.standard_normal(y.shape)
        dx = layer.backward(dy, cache)
        both = layer.parameters.grad.copy()
        np.testing.assert_array_equal(layer.pullback(dy, cache), dx)
        np.testing.assert_array_equal(layer.parameters.grad, both)       # pullback adds nothing
        layer.accumulate(dy, cache)
        np.testing.assert_allclose(layer.parameters.grad, 2 * both, rtol=1e-15)


def test_gradients_of_a_layer_used_twice_add_up(rng):
    """A cache belongs to one forward pass: two may be under way at once."""
    layer = layers.Dense(6, 4, rng).astype(np.float64)
    x = rng.standard_normal((2, 5, 6))
    dy = rng.standard_normal((2, 5, 4))
    caches = [layer.forward(x[i])[1] for i in range(2)]
    for i in range(2):
        layer.backward(dy[i], caches[i])
    separate = layer.parameters.grad.copy()
    layer.parameters.zero_grad()
    layer.backward(dy, layer.forward(x)[1])
    np.testing.assert_allclose(separate, layer.parameters.grad, rtol=1e-13)


# ---- purity and dtypes ---------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_gradients_of_layers_keep_dtype_and_leave_their_inputs_alone(dtype, rng):
    for layer in every_layer(rng):
        layer = layer.astype(dtype)
        x = freeze(rng.standard_normal(IMAGES).astype(dtype))
        y, cache = layer.forward(x)
        dy = freeze(rng.standard_normal(y.shape).astype(dtype))
        dx = layer.backward(dy, freeze(cache))
        assert y.dtype == dx.dtype == layer.parameters.grad.dtype == dtype
        assert dx.shape == x.shape


LIKELIHOODS = [kind() for kind in likelihoods_by_name().values()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda x: type(x).__name__)
def test_gradients_of_likelihoods_keep_dtype_and_leave_their_inputs_alone(likelihood, dtype, rng):
    likelihood = likelihood.astype(dtype)
    x = freeze(rng.random((4, 6)).astype(dtype))
    y = freeze(rng.standard_normal((3, 4, likelihood.n_outputs(6))).astype(dtype))
    log_px, cache = likelihood.log_prob(x, y)
    dy = likelihood.backward(freeze(np.ones_like(log_px)), freeze(cache))
    assert log_px.shape == (3, 4) and dy.shape == y.shape
    assert likelihood.mean(y).shape == likelihood.sample(rng, y).shape == (3, 4, 6)
    constant = likelihood.constant(x)
    assert constant.shape == y.shape[2:]
    for result in (log_px, dy, likelihood.mean(y), likelihood.sample(rng, y), constant):
        assert result.dtype == dtype


PAIRS = [(posteriors.DiagonalGaussian(2), priors.StandardNormal(2)),
         (posteriors.Deterministic(2), priors.StandardNormal(2)),
         (posteriors.Bernoulli(2), priors.Bernoulli(2)),
         (posteriors.Concrete(2), priors.Concrete(2)),
         (posteriors.Concrete(2, np.float64(0.7)), priors.Concrete(2, np.float64(0.7))),
         (distributions.flows.FlowGaussian(2, "coupling iaf planar"),
          distributions.mixtures.MixtureOfNormals(2, 3)),
         (distributions.flows.FlowGaussian(2), distributions.flows.RealNVP(2)),
         (distributions.categories.Categorical(2), distributions.categories.CategoricalPrior(2)),
         (distributions.relaxed.GumbelSoftmax(2), distributions.relaxed.GumbelSoftmaxPrior(2)),
         (npvae.hierarchy.StackedGaussian(1, 1, layers.Dense(1, 2, np.random.default_rng(0))),
          npvae.hierarchy.StackedNormal(1, 1, layers.Dense(1, 2, np.random.default_rng(0))))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("posterior, prior", PAIRS, ids=lambda x: type(x).__name__)
def test_gradients_of_posteriors_and_priors_keep_dtype_and_leave_their_inputs_alone(
        posterior, prior, dtype, rng):
    posterior, prior = posterior.astype(dtype), prior.astype(dtype)
    h = freeze(rng.standard_normal((4, posterior.n_outputs)).astype(dtype))
    q = freeze(posterior.given(h))
    eps = freeze(posterior.draw_noise(rng, 3, 4, dtype))
    z, drawn = freeze(posterior.sample(q, eps))
    log_pz, cache = freeze(prior.log_prob(z))
    weight = log_pz[..., None]
    dh = posterior.backward(drawn, z)
    assert z.shape == (3, 4, 2) and log_pz.shape == (3, 4) and dh.shape == h.shape
    results = [*dict(fields(q)).values(), eps, z, log_pz, prior.sample(rng, 5, dtype),
               prior.backward(log_pz, cache), dh, posterior.backward(drawn, z, weight, weight),
               posterior.backward(drawn, z, 0.5 * weight, weight), posterior.point(q)]
    if posterior.has_density:
        results.append(posterior.log_prob(drawn))
        assert results[-1].shape == (3, 4)
    if posterior.has_density and posterior.has_path:
        results.append(posterior.slope(drawn))
        assert results[-1].shape == z.shape
    if pairs.has_closed_form(q, prior):
        rate, cache = freeze(pairs.kl(q, prior))
        results += [rate, pairs.kl_backward(rate, cache)[0]]
        assert rate.shape == (4, 2) or rate.shape == (4, 1) and prior.n_categories == 2
    assert all(result.dtype == dtype for result in results)


@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_models_keep_dtype_and_leave_their_inputs_alone(dtype, cost, rng):
    model = small_vae(dtype=dtype)
    x, eps = freeze(batch(model, rng))
    freeze(model.parameters.theta)
    loss, cache = model.forward(x, eps, objective=npvae.ELBO(cost=cost))
    model.backward(freeze(cache))
    assert model.parameters.grad.dtype == loss.dlog_px.dtype == loss.drate.dtype == dtype
    assert isinstance(loss.value, float)
    results = [*model.encode(x), model.decode(eps[0]), model.reconstruct(x), model.sample(rng, 2)]
    assert all(result.dtype == dtype for result in results)


# ---- the whole model, with all that its inputs can be -----------------------------------

@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
def test_gradients_with_a_condition_and_a_target(cost, rng):
    """The condition reaches the encoder and the decoder; the target is what is described."""
    D, J, C = 6, 2, 3
    posterior = posteriors.DiagonalGaussian(J)
    model = npvae.VAE(
        encoder=layers.Chain(layers.Dense(D + C, 5, rng), layers.Tanh(), layers.Dense(5, 2 * J, rng)),
        posterior=posterior, prior=priors.StandardNormal(J),
        decoder=layers.Chain(layers.Dense(J + C, 4, rng), layers.Tanh(), layers.Dense(4, D, rng)),
        likelihood=likelihoods.Bernoulli(), n_data=D, n_condition=C,
        objective=npvae.ELBO(beta=1.4, cost=cost))
    x, target, condition = rng.random((4, D)), rng.random((4, D)), rng.random((4, C))
    eps = model.draw_noise(rng, 4, 3)
    report = gradcheck.check_model(model, x, eps, condition=condition, target=target)
    report.assert_passed()
    assert report.complex_step < 1e-12


def test_gradients_of_path_and_score_weights(rng):
    """What an objective may put into `path` and `score` scales just those two terms."""
    model = small_vae()
    x, eps = batch(model, rng)

    def gradient(path, score):
        def objective(log_px, rate):
            return npvae.ELBO(cost=npvae.SampledKL())(log_px, rate)._replace(path=path, score=score)
        objective.cost = SampledKL()
        model.loss_and_grad(x, eps, objective=objective)
        return model.parameters.grad.copy()

    ones, zeros = np.ones((3, 4)), np.zeros((3, 4))
    nothing = gradient(zeros, 0.0)                   # only the decoder learns
    path = gradient(1.0, 0.0) - nothing
    score = gradient(zeros, ones) - nothing
    weights = rng.standard_normal((3, 4))
    np.testing.assert_allclose(gradient(2.0 * ones, 0.0) - nothing, 2 * path, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gradient(ones, 3.0 * ones) - nothing, path + 3 * score,
                               rtol=1e-9, atol=1e-12)
    of_encoder = np.flatnonzero(path)
    assert np.abs(score).max() > 0.1 and set(np.flatnonzero(score)) <= set(of_encoder)
    rows = sum(gradient(np.where(np.arange(12).reshape(3, 4) == i, weights, 0.0), 0.0) - nothing
               for i in range(12))
    np.testing.assert_allclose(gradient(weights, 0.0) - nothing, rows, rtol=1e-9, atol=1e-12)
