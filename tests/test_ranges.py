"""Ranges: what the docstrings promise to be finite in float32 is so, without a warning, to the edge.

Each row has the sentence that its docstring must hold, and a computation, forward and backward,
with numbers of all sizes up to that edge, both ends and zero among them. `beyond` times the edge,
the promise is broken: so the ranges are no smaller than they need be.
"""

import inspect
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings

import npvae
from helpers import seeds
from npvae import divergences, likelihoods, numerics, objectives, posteriors, priors
from npvae.distributions import hierarchy
from npvae.gradcheck.table import Sizes
from npvae.learning import optimizers
from npvae.networks import Conv2d, ConvTranspose2d, Dense, convolution, layers
from npvae.recipes import RECIPES

SIZES = Sizes(K=3, B=4, D=784, J=50, H=(6,))         # D and J: long sums
MAX = float(np.finfo(np.float32).max)


class Draw:
    """Draws float32 arrays of numbers within a range; `reach` stretches the range."""

    def __init__(self, seed, reach=1.0):
        self.rng, self.reach = np.random.default_rng(seed), reach

    def upto(self, edge, *shape):
        """|value| up to the edge, log-uniformly over 60 decades; a third are at the ends, or 0."""
        edge = min(edge * self.reach, MAX)
        values = edge * 10.0 ** self.rng.uniform(-60, 0, shape) * self.rng.choice([-1, 1], shape)
        return self._with_ends(values, [-edge, 0.0, edge])

    def within(self, low, high, *shape):
        """low to high, uniformly; a third are at the ends, or in the middle."""
        low, high = low * self.reach, high * self.reach
        return self._with_ends(self.rng.uniform(low, high, shape), [low, 0.5 * (low + high), high])

    def _with_ends(self, values, ends):
        chosen = self.rng.random(values.shape) < 1 / 3
        values = np.where(chosen, self.rng.choice(ends, values.shape), values)
        return np.clip(values, -MAX, MAX).astype(np.float32)

    def bits(self, *shape):
        return self._with_ends(self.rng.random(shape), [0.0, 1.0])

    def normal(self, *shape):
        return self.rng.standard_normal(shape, np.float32)


class Row(NamedTuple):
    documented: object
    sentence: str
    compute: object           # compute(draw) -> arrays that have to be finite
    beyond: float = 0.0       # how far beyond the edge the promise is broken; 0: nothing is beyond


def elementwise(function, edge):
    return lambda draw: [function(draw.upto(edge, 50))]


def of_layer(make, x_shape, edge):
    def compute(draw):
        layer = make(np.random.default_rng(0))
        for values in layer.blocks().values():
            values[...] = draw.upto(edge, *values.shape)
        y, cache = layer.forward(draw.upto(edge, *x_shape))
        dx = layer.backward(draw.upto(edge, *y.shape), cache)
        return [y, dx, *layer.gradients().values()]
    return compute


def of_activation(kind, edge):
    """|dy| up to 1e35."""
    def compute(draw):
        y, cache = kind().forward(draw.upto(edge, 4, 50))
        return [y, kind().pullback(Draw(0).upto(1e35, 4, 50), cache)]
    return compute


def of_posterior(make, draw_h, edge_dz, sampled=True):
    """Sampling, density and divergence, and the gradients of all three at once."""
    def compute(draw):
        posterior, prior = make()
        h = draw_h(draw)
        q = posterior.given(h)
        eps = posterior.draw_noise(draw.rng, SIZES.K, SIZES.B)
        z = posterior.sample(q, eps)
        dz = Draw(draw.rng.integers(99)).upto(edge_dz, *z.shape)
        weights = np.full((SIZES.K, SIZES.B, 1), 1 / 12, np.float32)
        results = [*q, z, posterior.backward(q, eps, dz)]
        if sampled:
            results += [posterior.log_prob(q, z, eps),
                        posterior.backward(q, eps, dz, weights, weights),
                        posterior.backward(q, eps, dz, weights, 0.0 * weights)]
        try:
            kl = posterior.kl(q, prior)
            results += [kl, posterior.kl_backward(q, prior, np.ones_like(kl))]
        except TypeError:                            # no closed form
            pass
        return [np.asarray(result) for result in results] + list(posterior.gradients().values())
    return compute


def of_prior(make, draw_z):
    def compute(draw):
        prior, z = make(SIZES.J), draw_z(draw)
        return [prior.log_prob(z), prior.backward(z, np.ones(z.shape[:-1], np.float32))]
    return compute


def of_likelihood(make, draw_x, draw_y, logvar=None):
    def compute(draw):
        likelihood, x, y = make(), draw_x(draw), draw_y(draw)
        if logvar:
            likelihood.logvar = draw.within(-logvar, logvar, 1)
        log_px, cache = likelihood.log_prob(x, y)
        dy = likelihood.backward(np.ones_like(log_px), cache)
        sample = likelihood.sample(draw.rng, y)
        return [log_px, dy, likelihood.mean(y), sample, *likelihood.gradients().values()]
    return compute


def of_objective(make, edge=1e30):
    def compute(draw):
        objective = make()
        log_px = draw.upto(edge, SIZES.K, SIZES.B)
        rate = draw.upto(edge, *((SIZES.B, SIZES.J) if objective.analytic else log_px.shape))
        return [np.asarray(value) for value in objective(log_px, rate)]
    return compute


def of_optimizer(make):
    def compute(draw):
        optimizer, theta = make(), draw.normal(200)
        for _ in range(3):
            optimizer.step(theta, draw.upto(1e18, 200), 0.01)
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
    prior = hierarchy.StackedNormal(J, J, constant_network(medium, draw))
    z = draw.upto(1e8, K, B, 2 * J)
    return [prior.log_prob(z), prior.backward(z, np.ones((K, B), np.float32)),
            *prior.gradients().values()]


K, B, D, J, _ = SIZES
IMAGE = (2, 4, 4, 3)
mu_and_logvar = lambda draw: np.concatenate([draw.upto(1e15, B, J), draw.within(-80, 80, B, J)], -1)
medium = lambda draw: np.concatenate([draw.upto(1e8, B, J), draw.within(-20, 20, B, J)], -1)
ANY = "Finite, in float32, for any finite x."

ROWS = {
    "sigmoid": Row(numerics.sigmoid, ANY, elementwise(numerics.sigmoid, MAX)),
    "softplus": Row(numerics.softplus, "Finite, in float32, for |x| up to 1e38.",
                    elementwise(numerics.softplus, 1e38), 3.0),
    "log_mean_exp": Row(numerics.log_mean_exp, "Finite, in float32, for |a| up to 1e38.",
                        elementwise(numerics.log_mean_exp, 1e38), 3.0),
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
                     lambda draw: draw.upto(MAX, B, J), 1e15, sampled=False)),
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
        of_prior(priors.StandardNormal, lambda draw: draw.upto(1e18, K, B, J)), 1e2),
    "priors.Bernoulli": Row(
        priors.Bernoulli, "Finite, in float32, for z of 0 to 1.",
        of_prior(lambda n: priors.Bernoulli(n, 5e-324), lambda draw: draw.bits(K, B, J))),
    "priors.Concrete": Row(
        priors.Concrete, "Finite, in float32, for |z| up to 1e34, at temperatures up to 100.",
        of_prior(lambda n: priors.Concrete(n, 100.0), lambda draw: draw.upto(1e34, K, B, J)), 1e3),
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
       for kind in (objectives.ELBO, objectives.FreeBits, objectives.StickingTheLanding,
                    objectives.ScoreFunction, objectives.IWAE, objectives.DReG, objectives.VIMCO)},
    **{kind.__name__: Row(kind, "Finite, in float32, for gradients up to 1e18.",
                          of_optimizer(kind), 1e2)
       for kind in (optimizers.Adagrad, optimizers.Adam)}}

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
    without = {layers.Layer, layers.Chain, convolution.Reshape, convolution._Convolution,
               posteriors.Posterior}
    for module in (layers, convolution, posteriors, hierarchy, priors, likelihoods):
        for kind in vars(module).values():
            own = inspect.isclass(kind) and kind.__module__ == module.__name__
            if own and issubclass(kind, npvae.networks.Module) and kind not in without:
                assert kind in documented, kind
    for name in objectives.__all__:
        kind = getattr(objectives, name)
        assert not hasattr(kind, "analytic") or kind in documented, name


# ---- whole models ------------------------------------------------------------------------

@pytest.mark.parametrize("documented, sentence", [
    (npvae.VAE, "Finite, in float32, where its parts are."),
    (npvae.vae, "Finite, in float32, as its weights are drawn, for |x| up to 10, or x of 0 to 1 where "
                "the likelihood is Bernoulli."),
    (npvae.fit, "Gradients of up to 1e18 are let through, in float32;")])
def test_the_range_of_a_whole_model_is_in_the_docstring(documented, sentence):
    assert sentence in " ".join(inspect.getdoc(documented).split())


def small(name, likelihood):
    if name == "convolutional_vae":
        return RECIPES[name](side=8, channels=(2, 3), n_latent=2)
    if name == "two_layer_iwae":
        return RECIPES[name](64, n_hidden=((9,), (8,)), n_latent=(3, 2))
    options = {"likelihood": likelihood}
    if name == "conditional_vae":
        options["n_condition"] = 3
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
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss = model.loss_and_grad(x, model.draw_noise(draw.rng, 4, 2), condition=condition)
    assert np.isfinite(loss[:3]).all() and np.isfinite(model.parameters.grad).all()


@pytest.mark.parametrize("analytic", [True, False])
@given(seed=seeds)
def test_a_model_is_finite_where_its_posterior_and_likelihood_are(analytic, seed):
    """Log variances of -80 to 80, means of up to 1e6, weights of the decoder up to 10."""
    model, draw = npvae.vae(6, (5,), 2), Draw(seed)
    model.encoder.layers[-1].W[...] = 0.0
    model.encoder.layers[-1].b = np.concatenate([draw.upto(1e6, 2), draw.within(-80, 80, 2)])
    for name, values in model.decoder.blocks().items():
        values[...] = draw.upto(10.0, *values.shape)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss = model.loss_and_grad(draw.bits(4, 6), model.draw_noise(draw.rng, 4, 2),
                                   objective=npvae.ELBO(analytic=analytic))
    assert np.isfinite(loss[:3]).all() and np.isfinite(model.parameters.grad).all()
