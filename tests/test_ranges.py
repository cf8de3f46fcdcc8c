"""Ranges: what the docstrings promise to be finite in float32 is so, without a warning, to the edge.

Each row has the sentence that its docstring must hold, and a computation, forward and backward,
with numbers of all sizes up to that edge, both ends and zero among them. `beyond` times the edge,
the promise is broken: so the ranges are no smaller than they need be.
"""

import functools
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings

import npvae
from helpers import everything, is_a_role, seeds
from npvae import KL, SampledKL, divergences, likelihoods, numerics, objectives, posteriors, priors
from npvae.distributions import hierarchy
from npvae.learning import optimizers
from npvae.networks import Conv2d, ConvTranspose2d, Dense, convolution, layers
from npvae.recipes import RECIPES
from ranges import (MAX, B, D, Draw, J, K, Row, elementwise, medium, mu_and_logvar, of_activation,
                    of_layer, of_likelihood, of_objective, of_posterior, of_prior)


def of_optimizer(make, largest, steps):
    def compute(draw):
        optimizer, theta = make(), draw.normal(200)
        g = draw.upto(largest, 200)
        for _ in range(steps):
            optimizer.step(theta, g, 0.01)
        return [theta, *optimizer.state.values()]
    return compute


def of_kl_to_normal(draw):
    mu, logvar = draw.upto(1e19, 50), np.append(draw.within(-88, 88, 49), draw.reach * -1e9)
    logvar = logvar.astype(np.float32)
    kl = divergences.kl_to_standard_normal(mu, logvar)
    return [kl, *divergences.kl_to_standard_normal_backward(np.ones_like(kl), mu, logvar)]


def of_kl_between_normals(draw):
    a, b = draw.upto(1e10, 2, 50)
    s, t = draw.within(-40, 40, 2, 50)
    kl = divergences.kl_between_normals(a, s, b, t)
    return [kl, *divergences.kl_between_normals_backward(np.ones_like(kl), a, s, b, t)]


def of_kl_between_bernoullis(draw):
    a, b = draw.upto(1e38, 2, 50)
    kl = divergences.kl_between_bernoullis(a, b)
    return [kl, *divergences.kl_between_bernoullis_backward(np.ones_like(kl), a, b)]


def constant_network(draw_h, draw):
    """A network that gives the same numbers for any input."""
    network = Dense(J, 2 * J, np.random.default_rng(0))
    network.W[...], network.b[...] = 0.0, draw_h(draw)[0]
    return network


def of_stacked_posterior(draw):
    make = lambda: (hierarchy.StackedGaussian(J, J, constant_network(medium, draw)), None)
    return of_posterior(make, medium, 1e8)(draw)


def of_stacked_prior(draw):
    make = lambda draw: hierarchy.StackedNormal(J, J, constant_network(medium, draw))
    return of_prior(make, lambda draw: draw.upto(1e8, K, B, 2 * J))(draw)


IMAGE = (2, 4, 4, 3)
ANY = "Finite, in float32, for any finite x."

RANGES = {
    "sigmoid": Row(numerics.sigmoid, ANY, elementwise(numerics.sigmoid, MAX)),
    "softplus": Row(numerics.softplus, "Finite, in float32, for |x| up to 1e38.",
                    elementwise(numerics.softplus, 1e38), 3.0),
    "log_mean_exp": Row(numerics.log_mean_exp, "Finite, in float32, for |a| up to 1e38.",
                        elementwise(numerics.log_mean_exp, 1e38), 3.0),
    "log_softmax": Row(numerics.log_softmax, "Finite, in float32, for |a| up to 1e38.",
                       elementwise(numerics.log_softmax, 1e38), 3.0),
    "kl_to_standard_normal": Row(
        divergences.kl_to_standard_normal,
        "Finite, in float32, for |mu| up to 1e19 and logvar up to 88.", of_kl_to_normal, 2.0),
    "kl_between_normals": Row(
        divergences.kl_between_normals,
        "Finite, in float32, for means up to 1e10 and log variances of -40 to 40.",
        of_kl_between_normals, 2.0),
    "kl_between_bernoullis": Row(
        divergences.kl_between_bernoullis, "Finite, in float32, for |logits| up to 1e38.",
        of_kl_between_bernoullis, 3.0),
    "Dense": Row(Dense, "Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.",
                 of_layer(lambda rng: Dense(6, 7, rng), (3, 4, 6), 1e15), 1e5),
    "Conv2d": Row(Conv2d, "Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.",
                  of_layer(lambda rng: Conv2d(3, 2, 3, rng, padding=1), IMAGE, 1e15), 1e5),
    "ConvTranspose2d": Row(
        ConvTranspose2d, "Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.",
        of_layer(lambda rng: ConvTranspose2d(3, 2, 3, rng, stride=2), IMAGE, 1e15), 1e5),
    **{kind.__name__: Row(kind, ANY, of_activation(kind, MAX))
       for kind in (layers.ReLU, layers.Tanh, layers.Sigmoid)},
    "Table": Row(layers.Table, "Finite, in float32, for any finite h.",
                 of_layer(lambda rng: layers.Table(np.zeros((4, 50))), (4, 6), MAX)),
    "First": Row(layers.First, ANY, of_activation(lambda: layers.First(50), MAX)),
    "Softplus": Row(layers.Softplus, "Finite, in float32, for |x| up to 1e38.",
                    of_activation(layers.Softplus, 1e38), 3.0),
    "DiagonalGaussian": Row(
        posteriors.DiagonalGaussian,
        "Finite, in float32, for |mu| up to 1e15 and logvar of -80 to 80.",
        of_posterior(lambda: (posteriors.DiagonalGaussian(J), priors.StandardNormal(J)),
                     mu_and_logvar, 1e15), 2.5),
    "Deterministic": Row(
        posteriors.Deterministic, "Finite, in float32, for any finite h.",
        of_posterior(lambda: (posteriors.Deterministic(J), priors.StandardNormal(J)),
                     lambda draw: draw.upto(MAX, B, J), 1e15)),
    "posteriors.Bernoulli": Row(
        posteriors.Bernoulli, "Finite, in float32, for |logits| up to 1e35.",
        of_posterior(lambda: (posteriors.Bernoulli(J), priors.Bernoulli(J)),
                     lambda draw: draw.upto(1e35, B, J), 1e15), 1e4),
    "posteriors.Concrete": Row(
        posteriors.Concrete, "Finite, in float32, for |logits| up to 1e35, at temperatures from 0.01.",
        of_posterior(lambda: (posteriors.Concrete(J, 0.01), priors.Concrete(J)),
                     lambda draw: draw.upto(1e35, B, J), 1e15), 1e4),
    "StackedGaussian": Row(
        hierarchy.StackedGaussian,
        "Finite, in float32, for |mu| up to 1e8 and logvar of -20 to 20, in both layers.",
        of_stacked_posterior, 10.0),
    "StackedNormal": Row(
        hierarchy.StackedNormal,
        "Finite, in float32, for |z| and |mu| up to 1e8 and logvar of -20 to 20.",
        of_stacked_prior, 10.0),
    "StandardNormal": Row(
        priors.StandardNormal, "Finite, in float32, for |z| up to 1e18.",
        of_prior(lambda draw: priors.StandardNormal(J), lambda draw: draw.upto(1e18, K, B, J)), 1e2),
    "priors.Bernoulli": Row(
        priors.Bernoulli, "Finite, in float32, for z of 0 to 1.",
        of_prior(lambda draw: priors.Bernoulli(J, 5e-324), lambda draw: draw.bits(K, B, J))),
    "priors.Concrete": Row(
        priors.Concrete, "Finite, in float32, for |z| up to 1e34, at temperatures up to 100.",
        of_prior(lambda draw: priors.Concrete(J, 100.0), lambda draw: draw.upto(1e34, K, B, J)), 1e3),
    "likelihoods.Bernoulli": Row(
        likelihoods.Bernoulli, "Finite, in float32, for x of 0 to 1 and |logits| up to 1e35.",
        of_likelihood(likelihoods.Bernoulli, lambda draw: draw.bits(B, D),
                      lambda draw: draw.upto(1e35, K, B, D)), 1e4),
    "likelihoods.Gaussian": Row(
        likelihoods.Gaussian,
        "Finite, in float32, for |x| and |mean| up to 1e15, at variances of 1e-4 to 1e4.",
        of_likelihood(lambda: likelihoods.Gaussian(1e-4), lambda draw: draw.upto(1e15, B, D),
                      lambda draw: draw.upto(1e15, K, B, D)), 1e3),
    "TiedGaussian": Row(
        likelihoods.TiedGaussian,
        "Finite, in float32, for |x| and |mean| up to 1e8 and logvar of -40 to 40.",
        of_likelihood(likelihoods.TiedGaussian, lambda draw: draw.upto(1e8, B, D),
                      lambda draw: draw.upto(1e8, K, B, D), logvar=40), 2.5),
    "HeteroscedasticGaussian": Row(
        likelihoods.HeteroscedasticGaussian,
        "Finite, in float32, for |x| and |mean| up to 1e12 and s up to 80, at floors from 1e-4.",
        of_likelihood(likelihoods.HeteroscedasticGaussian, lambda draw: draw.upto(1e12, B, D),
                      lambda draw: np.concatenate([draw.upto(1e12, K, B, D),
                                                   draw.within(-1e9, 80, K, B, D)], -1)), 1.2),
    **{kind.__name__: Row(kind, "Finite, in float32, for |log_px| and |rate| up to 1e30.",
                          of_objective(kind), 1e9)
       for kind in (objectives.ELBO, objectives.FreeBits, objectives.Capacity,
                    objectives.StickingTheLanding, objectives.ScoreFunction, objectives.IWAE,
                    objectives.DReG, objectives.VIMCO)},
    **{kind.__name__: Row(kind, "Finite, in float32, for |log_px| and |rate| up to 1e30.",
                          of_objective(functools.partial(kind, option)), 1e9)
       for kind, option in ((objectives.MIWAE, 3), (objectives.PIWAE, 3), (objectives.CIWAE, 0.4))},
    "Adagrad": Row(optimizers.Adagrad, "Finite, in float32, for gradients up to 1e18.",
                   of_optimizer(optimizers.Adagrad, 1e18, 3), 1e2),
    "Adam": Row(optimizers.Adam,
                "Finite, in float32, for gradients up to 1e17 and beta2 up to 0.9999.",
                of_optimizer(lambda: optimizers.Adam(beta2=0.9999), 1e17, 100), 1e3)}


def all_ranges():
    """The rows of every test module that has some."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path != Path(__file__) and re.search("^RANGES = ", path.read_text(), re.MULTILINE):
            found |= importlib.import_module(path.stem).RANGES
    return RANGES | found


ROWS = all_ranges()
rows = pytest.mark.parametrize("name", ROWS)


@rows
@given(seed=seeds)
def test_within_its_range_everything_is_finite_and_nothing_warns(name, seed):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        results = ROWS[name].compute(Draw(seed))
    for result in results:
        assert np.isfinite(result).all()
        assert np.asarray(result).dtype in (np.float32, np.float64)


@rows
def test_the_range_is_in_the_docstring(name):
    row = ROWS[name]
    assert row.sentence in " ".join(inspect.getdoc(row.documented).split())


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.beyond])
def test_beyond_the_range_something_overflows(name):
    assert any(overflows(ROWS[name], seed) for seed in range(20))


def overflows(row, seed):
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return any(not np.isfinite(result).all() for result in row.compute(Draw(seed, row.beyond)))
    except FloatingPointError:
        return True


def test_every_role_has_a_row():
    """A new layer, posterior, prior, likelihood or objective comes with its range."""
    documented = {row.documented for row in ROWS.values()}
    without = {layers.Layer, layers.Chain, convolution.Reshape, convolution._Convolution}
    for module in everything():
        for kind in vars(module).values():
            own = inspect.isclass(kind) and kind.__module__ == module.__name__
            if (own and issubclass(kind, npvae.networks.Module) and kind not in without
                    and not is_a_role(kind)):
                assert kind in documented, kind
    for name in objectives.__all__:
        kind = getattr(objectives, name)
        assert not hasattr(kind, "needs_path") or kind in documented or kind is npvae.Objective, name


# ---- whole models ------------------------------------------------------------------------

@pytest.mark.parametrize("documented, sentence", [
    (npvae.VAE, "Finite, in float32, where its parts are."),
    (npvae.SemiSupervisedVAE, "Finite, in float32, where its parts are."),
    (npvae.vae, "Finite, in float32, as its weights are drawn, for |x| up to 10, or x of 0 to 1 where "
                "the likelihood is Bernoulli."),
    (npvae.fit, "Gradients of up to 1e17 are let through, in float32;")])
def test_the_range_of_a_whole_model_is_in_the_docstring(documented, sentence):
    assert sentence in " ".join(inspect.getdoc(documented).split())


def small(name, likelihood):
    if name == "convolutional_vae":
        return RECIPES[name](side=8, channels=(2, 3), n_latent=2)
    if name == "two_layer_iwae":
        return RECIPES[name](64, n_hidden=((9,), (8,)), n_latent=(3, 2))
    options = {"likelihood": likelihood}
    if name in ("conditional_vae", "semi_supervised_vae"):
        options["n_condition" if name == "conditional_vae" else "n_classes"] = 3
    if name in ("categorical_vae", "gumbel_softmax_vae"):
        options["n_categories"] = 2
    return RECIPES[name](64, n_hidden=(9,), n_latent=2, **options)


GAUSSIANS = ("gaussian", "tied_gaussian", "heteroscedastic_gaussian")
MODELS = [(name, likelihood, 1.0 if likelihood == "bernoulli" else 10.0)
          for name, recipe in RECIPES.items() for likelihood in ("bernoulli", *GAUSSIANS)
          if "likelihood" in inspect.signature(recipe).parameters or likelihood == "bernoulli"]


@pytest.mark.parametrize("name, likelihood, edge", MODELS)
@settings(max_examples=5)
@given(seed=seeds)
@example(seed=0)
def test_a_model_as_it_is_drawn_is_finite(name, likelihood, edge, seed):
    model, draw = small(name, likelihood), Draw(seed)
    x = draw.bits(4, 64) if edge == 1.0 else draw.upto(edge, 4, 64)
    condition = draw.upto(1.0, 4, 3) if model.n_condition else None
    if isinstance(model, npvae.SemiSupervisedVAE):
        condition = np.eye(4)[:, :3]                       # the last x has no label
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss = model.loss_and_grad(x, model.draw_noise(draw.rng, 4, 2), condition=condition)
    assert np.isfinite(loss[:3]).all() and np.isfinite(model.parameters.grad).all()


@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
@given(seed=seeds)
def test_a_model_is_finite_where_its_posterior_and_likelihood_are(cost, seed):
    """Log variances of -80 to 80, means of up to 1e6, weights of the decoder up to 10."""
    model, draw = npvae.vae(6, (5,), 2), Draw(seed)
    model.encoder.layers[-1].W[...] = 0.0
    model.encoder.layers[-1].b = np.concatenate([draw.upto(1e6, 2), draw.within(-80, 80, 2)])
    for name, values in model.decoder.blocks().items():
        values[...] = draw.upto(10.0, *values.shape)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss = model.loss_and_grad(draw.bits(4, 6), model.draw_noise(draw.rng, 4, 2),
                                   objective=npvae.ELBO(cost=cost))
    assert np.isfinite(loss[:3]).all() and np.isfinite(model.parameters.grad).all()
