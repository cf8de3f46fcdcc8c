"""Everything differentiable in npvae, one row each, and the check of each row.

`python -m npvae.gradcheck` prints it. A new layer, distribution, objective or recipe
adds its line here.
"""

from typing import NamedTuple

import numpy as np

from npvae import recipes
from npvae.distributions import (categories, columns, counts, divergences, flows, given, hierarchy,
                                 likelihoods, mixtures, pixels, posteriors, priors, relaxed, robust,
                                 scales, transforms)
from npvae.gradcheck.checks import (check_function, check_kl, check_layer, check_likelihood,
                                    check_model, check_objective, check_posterior, check_prior)
from npvae.networks import convolution, layers, masked
from npvae.objectives import (CIWAE, ELBO, IWAE, MIWAE, MMD, PIWAE, VIMCO, Capacity, DecomposedKL, DReG,
                              Free, FreeBits, SampledKL, ScoreFunction, StickingTheLanding)


class Sizes(NamedTuple):
    """The sizes of a check: samples, batch, data, latent, and two unequal hidden ones."""

    K: int = 3
    B: int = 4
    D: int = 6
    J: int = 2
    H: tuple = (5, 3)


def _dense(s, rng):
    return check_layer(layers.Dense(s.D, s.J, rng), rng.standard_normal((s.K, s.B, s.D)), rng)


def _activation(activation):
    def row(s, rng):
        x = rng.standard_normal((s.K, s.B, s.D))
        return check_layer(activation(), x + 0.1 * np.sign(x), rng)   # not at ReLU's kink
    return row


def _network(n_in, n_hidden, n_out, rng):
    return layers.Chain(layers.Dense(n_in, n_hidden, rng), layers.Tanh(),
                        layers.Dense(n_hidden, n_out, rng))


def _chain(s, rng):
    return check_layer(_network(s.D, s.H[0], s.J, rng), rng.standard_normal((s.K, s.B, s.D)), rng)


def _posterior(posterior, size=1.0):
    """Of a function of the sizes and rng."""
    def row(s, rng):
        q = _moved(posterior(s, rng), rng, size)
        return check_posterior(q, rng.standard_normal((s.B, q.n_outputs)),
                               q.draw_noise(rng, s.K, s.B), rng)
    return row


def _prior(prior, size=1.0):
    def row(s, rng):
        p = _moved(prior(s, rng), rng, size)
        return check_prior(p, rng.standard_normal((s.K, s.B, p.n_latent)), rng)
    return row


def _pair(posterior, prior):
    def row(s, rng):
        q, p = posterior(s.J), prior(s.J)
        return check_kl(q, p, rng.standard_normal((s.B, q.n_outputs)), rng)
    return row


GENTLY = 0.4           # for flows: exp(s) after exp(s) bends so much that differences are too coarse


def _moved(module, rng, size=1.0):
    """The module, with parameters of either sign, none of which is near zero."""
    theta = rng.normal(0.0, 0.5, module.parameters.size)
    module.parameters.theta[...] = size * (theta + 0.2 * np.sign(theta))
    return module


def _likelihood(likelihood, draw=lambda rng, *shape: rng.random(shape)):
    """Of x as draw(rng, B, D) gives it."""
    return lambda s, rng: _both(likelihood, draw(rng, s.B, s.D), s, rng)


def _both(likelihood, x, s, rng):
    """All of x observed, and a part of it."""
    y = rng.standard_normal((s.K, s.B, likelihood.n_outputs(x.shape[1])))
    observed = rng.integers(2, size=x.shape).astype(np.float64)
    return check_likelihood(likelihood, x, y, rng) + check_likelihood(likelihood, x, y, rng, observed)


def _scales(likelihood):
    """With a block of D numbers, which differ: of a function of D."""
    return lambda s, rng: _both(_moved(likelihood(s.D), rng), rng.random((s.B, s.D)), s, rng)


def _categorical(s, rng):
    return _both(columns.Categorical(3), rng.integers(3, size=(s.B, 1)), s, rng)


def _columns(s, rng):
    """Classes, numbers with a block of their own, and counts, not in their order."""
    x = np.column_stack([rng.standard_normal(s.B), rng.integers(3, size=s.B), rng.poisson(2.0, s.B)])
    return _both(columns.Columns([(columns.Categorical(3), [1]), (counts.Poisson(), [2]),
                                  (likelihoods.TiedGaussian(), [0])]), x, s, rng)


def _masked(s, rng):
    mask = rng.random((s.D, s.H[0])) < 0.6
    return check_layer(masked.MaskedDense(mask, rng), rng.standard_normal((s.K, s.B, s.D)), rng)


def _transform(make):
    """f(z, context) and its log-determinant, as one array; z and the context, as one."""
    def row(s, rng):
        transform, J = _moved(make(s, rng), rng, GENTLY), s.J

        class AsLayer(layers.Layer):
            def __init__(self):
                super().__init__(parts={"f": transform})

            def forward(self, z):
                y, log_det, cache = self.parts["f"].forward(z[..., :J], z[..., J:])
                return np.concatenate([y, log_det[..., None]], axis=-1), cache

            def backward(self, dy, cache):
                dz, dcontext = self.parts["f"].backward(dy[..., :-1], dy[..., -1], cache)
                return np.concatenate([dz, dcontext], axis=-1)

        return check_layer(AsLayer(), rng.standard_normal((s.K, s.B, J + s.D)), rng)
    return row


def _divergence(name, n_inputs):
    forward, backward = getattr(divergences, name), getattr(divergences, f"{name}_backward")
    return lambda s, rng: check_function(
        forward, backward, *rng.standard_normal((n_inputs, s.B, s.J)), rng=rng)


def _objective(objective, least_samples=1, multiple=1):
    def row(s, rng):
        K = max(s.K * multiple, least_samples)
        rate = rng.standard_normal((K, s.B) if isinstance(objective.cost, SampledKL) else (s.B, s.J))
        return check_objective(objective, rng.normal(-90.0, 10.0, (K, s.B)), rate)
    return row


def _cost(cost, prior="standard_normal"):
    """The rate as a function of h, with the noise held."""
    def row(s, rng):
        q, p = posteriors.DiagonalGaussian(s.J), priors.Prior.members[prior](s.J).astype(np.float64)
        h = rng.standard_normal((max(s.B, 2), q.n_outputs))
        eps = q.draw_noise(rng, s.K, len(h), np.float64)

        def forward(h):
            z, drawn = q.sample(q.given(h), eps)
            return drawn, cost.forward(q, q.given(h), p, z, drawn)

        def backward(drate, h):
            drawn, (_, cache) = forward(h)
            dz, dlog_q, dh = cost.backward(drate, cache)
            return (dh + q.backward(drawn, dz, dlog_q, dlog_q),)

        return check_function(lambda h: forward(h)[1][0], backward, h, rng=rng)
    return row


def _model(model, s, rng, condition=None, objective=None, size=1.0):
    x, eps = rng.random((s.B, model.n_data)), model.draw_noise(rng, s.B, s.K)
    return check_model(_moved(model, rng, size), x, eps, condition=condition, objective=objective)


def _flows(s, rng):
    """A flow on both sides of the KL."""
    posterior = flows.FlowGaussian(s.J + 1, "planar coupling", 2, 2)
    model = recipes.vae(s.D, s.H, s.J + 1, activation="tanh", posterior=posterior,
                        prior=flows.RealNVP(s.J + 1, 1, 3))
    return _model(model, s, rng, size=GENTLY)


def _recipe(recipe, objective=None, **options):
    def row(s, rng):
        model = recipe(s.D, n_hidden=s.H, n_latent=s.J, activation="tanh", **options)
        return _model(model, s, rng, objective=objective)
    return row


def _conditional_vae(s, rng):
    model = recipes.conditional_vae(s.D, 3, s.H, s.J, activation="tanh")
    return _model(model, s, rng, rng.random((s.B, 3)))


def _semi_supervised_vae(s, rng):
    """Every second x has its label."""
    model = recipes.semi_supervised_vae(s.D, 3, s.H, s.J, alpha=0.7, beta=1.3, activation="tanh")
    c = np.eye(3)[rng.integers(3, size=s.B)] * (np.arange(s.B) % 2)[:, None]
    return _model(model, s, rng, c)


def _vamp_prior(s, rng):
    """In a whole model: the encoder's gradient comes from x, and from the pseudo-inputs."""
    prior = given.VampPrior(s.J, s.D, 4)
    return _model(recipes.vae(s.D, s.H, s.J, activation="tanh", prior=prior), s, rng)


def _conditional_normal(s, rng):
    """In a whole model, by the closed form, and sampled."""
    c, found = rng.standard_normal((s.B, 3)), []
    for objective in (ELBO(beta=1.3), IWAE()):
        prior = given.ConditionalNormal(s.J, 3, s.H[0])
        model = recipes.conditional_vae(s.D, 3, s.H, s.J, activation="tanh", prior=prior)
        found.append(_model(model, s, rng, c, objective))
    return found[0] + found[1]


def _two_layer_iwae(s, rng):
    hidden = (s.H, s.H[:1])
    return _model(recipes.two_layer_iwae(s.D, hidden, (s.J, s.J + 1)), s, rng)


def _bernoulli_vae(s, rng):
    """The decoder and the KL; the gradient by the score is no derivative of the loss."""
    model = recipes.bernoulli_vae(s.D, s.H, s.J, activation="tanh")
    return _model(model, s, rng, objective=ELBO(beta=1.3))


def _categorical_vae(s, rng):
    """The decoder, the prior and the KL, as of `_bernoulli_vae`."""
    model = recipes.categorical_vae(s.D, s.H, 3 * s.J, n_categories=3, activation="tanh")
    return _model(model, s, rng, objective=ELBO(beta=1.3))


def _gumbel_softmax_vae(s, rng):
    model = recipes.gumbel_softmax_vae(s.D, s.H, 3 * s.J, n_categories=3, activation="tanh")
    return _model(model, s, rng)


def _convolutional_vae(s, rng):
    return _model(recipes.convolutional_vae(4, (2, 3), s.J, activation="tanh"), s, rng)


def _convolution(layer, size):
    """Unequal height and width, a stride that does not divide them, and a padding."""
    def row(s, rng):
        x = rng.standard_normal((s.K, s.B, size + 1, size, s.J))
        return check_layer(layer(s.J, s.D, 3, rng, stride=2, padding=1), x, rng)
    return row


TABLE = {
    "layers.Dense": _dense,
    "layers.ReLU": _activation(layers.ReLU),
    "layers.Tanh": _activation(layers.Tanh),
    "layers.Sigmoid": _activation(layers.Sigmoid),
    "layers.Softplus": _activation(layers.Softplus),
    "layers.First": lambda s, rng: check_layer(
        layers.First(s.J), rng.standard_normal((s.K, s.B, s.J + s.D)), rng),
    "layers.Table": lambda s, rng: check_layer(
        layers.Table(rng.standard_normal((s.B, s.J))), rng.standard_normal((s.B, s.D)), rng),
    "layers.Chain": _chain,
    "masked.MaskedDense": _masked,
    "convolution.Conv2d": _convolution(convolution.Conv2d, 5),
    "convolution.ConvTranspose2d": _convolution(convolution.ConvTranspose2d, 3),
    "convolution.Reshape": lambda s, rng: check_layer(
        convolution.Reshape((s.D,), (1, s.D, 1)), rng.standard_normal((s.K, s.B, s.D)), rng),
    "divergences.kl_to_standard_normal": _divergence("kl_to_standard_normal", 2),
    "divergences.kl_between_normals": _divergence("kl_between_normals", 4),
    "divergences.kl_between_bernoullis": _divergence("kl_between_bernoullis", 2),
    "posteriors.DiagonalGaussian": _posterior(lambda s, rng: posteriors.DiagonalGaussian(s.J)),
    "posteriors.Deterministic": _posterior(lambda s, rng: posteriors.Deterministic(s.J)),
    "posteriors.Bernoulli": _posterior(lambda s, rng: posteriors.Bernoulli(s.J)),
    "posteriors.Concrete": _posterior(lambda s, rng: posteriors.Concrete(s.J)),
    "hierarchy.StackedGaussian": _posterior(lambda s, rng: hierarchy.StackedGaussian(
        s.J, s.D, _network(s.J, s.H[0], 2 * s.D, rng))),
    "categories.Categorical": _posterior(lambda s, rng: categories.Categorical(3 * s.J, 3)),
    "relaxed.Softmax": lambda s, rng: check_layer(
        relaxed.Softmax(3), rng.standard_normal((s.K, s.B, 3 * s.J)), rng),
    "relaxed.GumbelSoftmax": _posterior(lambda s, rng: relaxed.GumbelSoftmax(3 * s.J, 3)),
    "transforms.Planar": _transform(lambda s, rng: transforms.Planar(s.J, s.D, rng)),
    "transforms.Coupling": _transform(lambda s, rng: transforms.Coupling(s.J, s.D, s.H[0], rng)),
    "transforms.InverseAutoregressive": _transform(
        lambda s, rng: transforms.InverseAutoregressive(s.J, s.D, s.H[0], rng)),
    "transforms.Flow": _transform(lambda s, rng: transforms.Flow("coupling iaf planar", s.J, s.D, 3, 0)),
    "flows.FlowGaussian": _posterior(
        lambda s, rng: flows.FlowGaussian(s.J, "planar coupling", 3, 2), GENTLY),
    "flows.FlowGaussian, with an inverse": _posterior(
        lambda s, rng: flows.FlowGaussian(s.J, "iaf", 2, 2), GENTLY),
    "priors.StandardNormal": _prior(lambda s, rng: priors.StandardNormal(s.J)),
    "priors.Bernoulli": _prior(lambda s, rng: priors.Bernoulli(s.J, p=0.3)),
    "priors.Concrete": _prior(lambda s, rng: priors.Concrete(s.J, p=0.3)),
    "hierarchy.StackedNormal": _prior(lambda s, rng: hierarchy.StackedNormal(
        s.J, s.D, _network(s.D, s.H[0], 2 * s.J, rng))),
    "mixtures.MixtureOfNormals": _prior(lambda s, rng: mixtures.MixtureOfNormals(s.J, 4)),
    "categories.CategoricalPrior": _prior(lambda s, rng: categories.CategoricalPrior(3 * s.J, 3)),
    "relaxed.GumbelSoftmaxPrior": _prior(lambda s, rng: relaxed.GumbelSoftmaxPrior(3 * s.J, 3)),
    "flows.RealNVP": _prior(lambda s, rng: flows.RealNVP(s.J + 1, 2, 3), GENTLY),
    "given.VampPrior": _vamp_prior,
    "given.ConditionalNormal": _conditional_normal,
    "pairs: Gaussian, NormalGiven": lambda s, rng: check_kl(
        posteriors.DiagonalGaussian(s.J), _moved(given.ConditionalNormal(s.J, 3, s.H[0]), rng),
        rng.standard_normal((s.B, 2 * s.J)), rng, rng.standard_normal((s.B, 3))),
    "pairs: Gaussian, StandardNormal": _pair(posteriors.DiagonalGaussian, priors.StandardNormal),
    "pairs: Bits, Bernoulli": _pair(posteriors.Bernoulli, lambda J: priors.Bernoulli(J, p=0.3)),
    "pairs: Symbols, CategoricalPrior": lambda s, rng: check_kl(
        categories.Categorical(3 * s.J, 3), _moved(categories.CategoricalPrior(3 * s.J, 3), rng),
        rng.standard_normal((s.B, 3 * s.J)), rng),
    "likelihoods.Bernoulli": _likelihood(likelihoods.Bernoulli()),
    "likelihoods.Gaussian": _likelihood(likelihoods.Gaussian(variance=0.3)),
    "likelihoods.TiedGaussian": _likelihood(likelihoods.TiedGaussian(variance=0.3)),
    "likelihoods.HeteroscedasticGaussian": _likelihood(likelihoods.HeteroscedasticGaussian()),
    "robust.Laplace": _likelihood(robust.Laplace(scale=0.3)),
    "robust.StudentT": _likelihood(robust.StudentT(df=3.5)),
    "scales.DiagonalGaussian": _scales(scales.DiagonalGaussian),
    "scales.DiagonalStudentT": _scales(lambda D: scales.DiagonalStudentT(D, df=3.5)),
    "pixels.ContinuousBernoulli": _likelihood(pixels.ContinuousBernoulli()),
    "pixels.DiscretizedLogistic": _likelihood(pixels.DiscretizedLogistic(5),
                                              lambda rng, *shape: rng.integers(5, size=shape) / 4),
    "counts.Poisson": _likelihood(counts.Poisson(), lambda rng, *shape: rng.poisson(2.0, shape)),
    "counts.NegativeBinomial": _likelihood(counts.NegativeBinomial(),
                                           lambda rng, *shape: rng.poisson(2.0, shape)),
    "columns.Categorical": _categorical,
    "columns.Columns": _columns,
    "objectives.ELBO": _objective(ELBO(beta=1.3)),
    "objectives.ELBO, sampled": _objective(ELBO(beta=0.7, cost=SampledKL())),
    "objectives.ELBO, free code": _objective(ELBO(beta=0.7, cost=Free())),
    "objectives.FreeBits": _objective(FreeBits(beta=1.3, free=0.1)),
    "objectives.Capacity": _objective(Capacity(beta=1.3, capacity=25.0)),
    "objectives.Capacity, sampled": _objective(Capacity(1.3, SampledKL(), capacity=0.0)),
    "objectives.StickingTheLanding": _objective(StickingTheLanding(beta=0.7)),
    "objectives.ScoreFunction": _objective(ScoreFunction(beta=1.3), least_samples=2),
    "objectives.IWAE": _objective(IWAE()),
    "objectives.DReG": _objective(DReG()),
    "objectives.VIMCO": _objective(VIMCO(), least_samples=2),
    "batch_costs.DecomposedKL": _cost(DecomposedKL(9, 0.7, 6.0, 1.3), "mixture_of_normals"),
    "batch_costs.DecomposedKL, weighted": _cost(DecomposedKL(9, 0.7, 6.0, 1.3, sampling="weighted")),
    "batch_costs.MMD": _cost(MMD(weight=0.7, kl=0.3, width=1.5)),
    "objectives.MIWAE": _objective(MIWAE(2), multiple=2),
    "objectives.PIWAE": _objective(PIWAE(2), multiple=2),
    "objectives.CIWAE": _objective(CIWAE(0.3)),
    "recipes.vae": _recipe(recipes.vae),
    "recipes.vae, sampled ELBO": _recipe(recipes.vae, ELBO(beta=0.7, cost=SampledKL())),
    "recipes.vae, mixture prior": _recipe(recipes.vae, prior="mixture_of_normals"),
    "recipes.vae, flows": _flows,
    "recipes.vae, Laplace": _recipe(recipes.vae, likelihood="laplace"),
    "recipes.vae, Gaussian": _recipe(recipes.vae, likelihood="gaussian", variance=0.3),
    "recipes.vae, tied Gaussian": _recipe(recipes.vae, likelihood="tied_gaussian", variance=0.3),
    "recipes.vae, heteroscedastic": _recipe(recipes.vae, likelihood="heteroscedastic_gaussian"),
    "recipes.iwae": _recipe(recipes.iwae),
    "recipes.two_layer_iwae": _two_layer_iwae,
    "recipes.conditional_vae": _conditional_vae,
    "recipes.semi_supervised_vae": _semi_supervised_vae,
    "recipes.autoencoder": _recipe(recipes.autoencoder),
    "recipes.denoising_autoencoder": _recipe(recipes.denoising_autoencoder),
    "recipes.bernoulli_vae": _bernoulli_vae,
    "recipes.concrete_vae": _recipe(recipes.concrete_vae),
    "recipes.categorical_vae": _categorical_vae,
    "recipes.gumbel_softmax_vae": _gumbel_softmax_vae,
    "recipes.convolutional_vae": _convolutional_vae,
}
