"""How a row of the table is checked: of a layer, a posterior, a prior, a model, ...

Each function here returns, or is, row(s, rng) -> Report: a check of sizes s, with numbers from rng.
"""

from typing import NamedTuple

import numpy as np

from npvae import recipes
from npvae.distributions import (columns, counts, divergences, flows, given, likelihoods, posteriors,
                                 priors)
from npvae.gradcheck.checks import (check_function, check_kl, check_layer, check_likelihood,
                                    check_model, check_objective, check_prior)
from npvae.gradcheck.ways import check_posterior
from npvae.networks import layers, masked
from npvae.objectives import ELBO, IWAE


class Sizes(NamedTuple):
    """The sizes of a check: samples, batch, data, latent, and two unequal hidden ones."""

    K: int = 3
    B: int = 4
    D: int = 6
    J: int = 2
    H: tuple = (5, 3)


def of_dense(s, rng):
    return check_layer(layers.Dense(s.D, s.J, rng), rng.standard_normal((s.K, s.B, s.D)), rng)


def of_activation(activation):
    def row(s, rng):
        x = rng.standard_normal((s.K, s.B, s.D))
        return check_layer(activation(), x + 0.1 * np.sign(x), rng)   # not at ReLU's kink
    return row


def network(n_in, n_hidden, n_out, rng):
    return layers.Chain(layers.Dense(n_in, n_hidden, rng), layers.Tanh(),
                        layers.Dense(n_hidden, n_out, rng))


def of_chain(s, rng):
    return check_layer(network(s.D, s.H[0], s.J, rng), rng.standard_normal((s.K, s.B, s.D)), rng)


def of_posterior(posterior, size=1.0):
    """Of a function of the sizes and rng."""
    def row(s, rng):
        q = moved(posterior(s, rng), rng, size)
        return check_posterior(q, rng.standard_normal((s.B, q.n_outputs)),
                               q.draw_noise(rng, s.K, s.B), rng)
    return row


def of_prior(prior, size=1.0):
    def row(s, rng):
        p = moved(prior(s, rng), rng, size)
        return check_prior(p, rng.standard_normal((s.K, s.B, p.n_latent)), rng)
    return row


def of_pair(posterior, prior):
    def row(s, rng):
        q, p = posterior(s.J), prior(s.J)
        return check_kl(q, p, rng.standard_normal((s.B, q.n_outputs)), rng)
    return row


GENTLY = 0.4           # for flows: exp(s) after exp(s) bends so much that differences are too coarse


def moved(module, rng, size=1.0):
    """The module, with parameters of either sign, none of which is near zero."""
    theta = rng.normal(0.0, 0.5, module.parameters.size)
    module.parameters.theta[...] = size * (theta + 0.2 * np.sign(theta))
    return module


def of_likelihood(likelihood, draw=lambda rng, *shape: rng.random(shape)):
    """Of x as draw(rng, B, D) gives it."""
    return lambda s, rng: of_both(likelihood, draw(rng, s.B, s.D), s, rng)


def of_both(likelihood, x, s, rng):
    """All of x observed, and a part of it."""
    y = rng.standard_normal((s.K, s.B, likelihood.n_outputs(x.shape[1])))
    observed = rng.integers(2, size=x.shape).astype(np.float64)
    return check_likelihood(likelihood, x, y, rng) + check_likelihood(likelihood, x, y, rng, observed)


def of_scales(likelihood):
    """With a block of D numbers, which differ: of a function of D."""
    return lambda s, rng: of_both(moved(likelihood(s.D), rng), rng.random((s.B, s.D)), s, rng)


def of_categorical(s, rng):
    return of_both(columns.Categorical(3), rng.integers(3, size=(s.B, 1)), s, rng)


def of_columns(s, rng):
    """Classes, numbers with a block of their own, and counts, not in their order."""
    x = np.column_stack([rng.standard_normal(s.B), rng.integers(3, size=s.B), rng.poisson(2.0, s.B)])
    return of_both(columns.Columns([(columns.Categorical(3), [1]), (counts.Poisson(), [2]),
                                    (likelihoods.TiedGaussian(), [0])]), x, s, rng)


def of_masked(s, rng):
    mask = rng.random((s.D, s.H[0])) < 0.6
    return check_layer(masked.MaskedDense(mask, rng), rng.standard_normal((s.K, s.B, s.D)), rng)


def of_transform(make):
    """f(z, context) and its log-determinant, as one array; z and the context, as one."""
    def row(s, rng):
        transform, J = moved(make(s, rng), rng, GENTLY), s.J

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


def of_divergence(name, n_inputs):
    forward, backward = getattr(divergences, name), getattr(divergences, f"{name}_backward")
    return lambda s, rng: check_function(
        forward, backward, *rng.standard_normal((n_inputs, s.B, s.J)), rng=rng)


def of_objective(objective, least_samples=1, multiple=1):
    def row(s, rng):
        K = max(s.K * multiple, least_samples)
        rate = rng.standard_normal((K, s.B) if objective.cost.sampled else (s.B, s.J))
        return check_objective(objective, rng.normal(-90.0, 10.0, (K, s.B)), rate)
    return row


def of_cost(cost, prior="standard_normal"):
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


def of_model(model, s, rng, condition=None, objective=None, size=1.0):
    x, eps = rng.random((s.B, model.n_data)), model.draw_noise(rng, s.B, s.K)
    return check_model(moved(model, rng, size), x, eps, condition=condition, objective=objective)


def of_flows(s, rng):
    """A flow on both sides of the KL."""
    posterior = flows.FlowGaussian(s.J + 1, "planar coupling", 2, 2)
    model = recipes.vae(s.D, s.H, s.J + 1, activation="tanh", posterior=posterior,
                        prior=flows.RealNVP(s.J + 1, 1, 3))
    return of_model(model, s, rng, size=GENTLY)


def of_recipe(recipe, objective=None, **options):
    def row(s, rng):
        model = recipe(s.D, n_hidden=s.H, n_latent=s.J, activation="tanh", **options)
        return of_model(model, s, rng, objective=objective)
    return row


def of_conditional_vae(s, rng):
    model = recipes.conditional_vae(s.D, 3, s.H, s.J, activation="tanh")
    return of_model(model, s, rng, rng.random((s.B, 3)))


def of_semi_supervised_vae(s, rng):
    """Every second x has its label."""
    model = recipes.semi_supervised_vae(s.D, 3, s.H, s.J, alpha=0.7, beta=1.3, activation="tanh")
    c = np.eye(3)[rng.integers(3, size=s.B)] * (np.arange(s.B) % 2)[:, None]
    return of_model(model, s, rng, c)


def of_vamp_prior(s, rng):
    """In a whole model: the encoder's gradient comes from x, and from the pseudo-inputs."""
    prior = given.VampPrior(s.J, s.D, 4)
    return of_model(recipes.vae(s.D, s.H, s.J, activation="tanh", prior=prior), s, rng)


def of_conditional_normal(s, rng):
    """In a whole model, by the closed form, and sampled."""
    c, found = rng.standard_normal((s.B, 3)), []
    for objective in (ELBO(beta=1.3), IWAE()):
        prior = given.ConditionalNormal(s.J, 3, s.H[0])
        model = recipes.conditional_vae(s.D, 3, s.H, s.J, activation="tanh", prior=prior)
        found.append(of_model(model, s, rng, c, objective))
    return found[0] + found[1]


def of_two_layer_iwae(s, rng):
    hidden = (s.H, s.H[:1])
    return of_model(recipes.two_layer_iwae(s.D, hidden, (s.J, s.J + 1)), s, rng)


def of_bernoulli_vae(s, rng):
    """The decoder and the KL; the gradient by the score is no derivative of the loss."""
    model = recipes.bernoulli_vae(s.D, s.H, s.J, activation="tanh")
    return of_model(model, s, rng, objective=ELBO(beta=1.3))


def of_categorical_vae(s, rng):
    """The decoder, the prior and the KL, as of `of_bernoulli_vae`."""
    model = recipes.categorical_vae(s.D, s.H, 3 * s.J, n_categories=3, activation="tanh")
    return of_model(model, s, rng, objective=ELBO(beta=1.3))


def of_gumbel_softmax_vae(s, rng):
    model = recipes.gumbel_softmax_vae(s.D, s.H, 3 * s.J, n_categories=3, activation="tanh")
    return of_model(model, s, rng)


def of_convolutional_vae(s, rng):
    return of_model(recipes.convolutional_vae(4, (2, 3), s.J, activation="tanh"), s, rng)


def of_convolution(layer, size):
    """Unequal height and width, a stride that does not divide them, and a padding."""
    def row(s, rng):
        x = rng.standard_normal((s.K, s.B, size + 1, size, s.J))
        return check_layer(layer(s.J, s.D, 3, rng, stride=2, padding=1), x, rng)
    return row
