"""Everything differentiable in npvae, one row each, and the check of each row.

`python -m npvae.gradcheck` prints it. A new layer, distribution, objective or recipe
adds its line here.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions import divergences, likelihoods, posteriors, priors
from npvae.gradcheck.checks import (check_function, check_layer, check_likelihood, check_model,
                                    check_objective, check_posterior, check_prior)
from npvae.networks import layers
from npvae.objectives import ELBO
from npvae.recipes import vae


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


def _chain(s, rng):
    chain = layers.Chain(layers.Dense(s.D, s.H[0], rng), layers.Tanh(),
                         layers.Dense(s.H[0], s.J, rng))
    return check_layer(chain, rng.standard_normal((s.K, s.B, s.D)), rng)


def _posterior(posterior, prior):
    return lambda s, rng: check_posterior(
        posterior(s.J), rng.standard_normal((s.B, posterior(s.J).n_outputs)),
        posterior(s.J).draw_noise(rng, s.K, s.B), rng, prior(s.J))


def _prior(prior):
    return lambda s, rng: check_prior(prior(s.J), rng.standard_normal((s.K, s.B, s.J)), rng)


def _likelihood(likelihood):
    def row(s, rng):
        y = rng.standard_normal((s.K, s.B, likelihood.n_outputs(s.D)))
        return check_likelihood(likelihood, rng.random((s.B, s.D)), y, rng)
    return row


def _divergence(name, n_inputs):
    forward, backward = getattr(divergences, name), getattr(divergences, f"{name}_backward")
    return lambda s, rng: check_function(
        forward, backward, *rng.standard_normal((n_inputs, s.B, s.J)), rng=rng)


def _objective(objective):
    def row(s, rng):
        rate = rng.standard_normal((s.B, s.J) if objective.analytic else (s.K, s.B))
        return check_objective(objective, rng.normal(-90.0, 10.0, (s.K, s.B)), rate)
    return row


def _recipe(recipe, objective=None, **options):
    def row(s, rng):
        model = recipe(s.D, s.H, s.J, activation="tanh", **options)
        model.parameters.theta[...] = rng.normal(0.0, 0.5, model.parameters.size)
        eps = model.draw_noise(rng, s.B, s.K)
        return check_model(model, rng.random((s.B, s.D)), eps, objective=objective)
    return row


TABLE = {
    "layers.Dense": _dense,
    "layers.ReLU": _activation(layers.ReLU),
    "layers.Tanh": _activation(layers.Tanh),
    "layers.Sigmoid": _activation(layers.Sigmoid),
    "layers.Softplus": _activation(layers.Softplus),
    "layers.Chain": _chain,
    "divergences.kl_to_standard_normal": _divergence("kl_to_standard_normal", 2),
    "divergences.kl_between_normals": _divergence("kl_between_normals", 4),
    "posteriors.DiagonalGaussian": _posterior(posteriors.DiagonalGaussian, priors.StandardNormal),
    "priors.StandardNormal": _prior(priors.StandardNormal),
    "likelihoods.Bernoulli": _likelihood(likelihoods.Bernoulli()),
    "likelihoods.Gaussian": _likelihood(likelihoods.Gaussian(variance=0.3)),
    "likelihoods.TiedGaussian": _likelihood(likelihoods.TiedGaussian(variance=0.3)),
    "likelihoods.HeteroscedasticGaussian": _likelihood(likelihoods.HeteroscedasticGaussian()),
    "objectives.ELBO, analytic KL": _objective(ELBO(beta=1.3)),
    "objectives.ELBO, sampled": _objective(ELBO(beta=0.7, analytic=False)),
    "recipes.vae": _recipe(vae),
    "recipes.vae, sampled ELBO": _recipe(vae, ELBO(beta=0.7, analytic=False)),
    "recipes.vae, Gaussian": _recipe(vae, likelihood="gaussian", variance=0.3),
    "recipes.vae, tied Gaussian": _recipe(vae, likelihood="tied_gaussian", variance=0.3),
    "recipes.vae, heteroscedastic": _recipe(vae, likelihood="heteroscedastic_gaussian"),
}
