"""Recipes: a well-known model, built from the parts in one short function each.

Every recipe notes on the model how it was called (`model.config`), so that a saved
model can be built again from its file.
"""

import functools
import inspect

import numpy as np

from npvae.distributions.likelihoods import (Bernoulli, Gaussian, HeteroscedasticGaussian,
                                             TiedGaussian)
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.distributions.priors import StandardNormal
from npvae.inputs import check_choice, check_count
from npvae.model import VAE
from npvae.networks.initializers import glorot_uniform, he_normal, uniform_fan_in
from npvae.networks.layers import Chain, Dense, ReLU, Sigmoid, Softplus, Tanh
from npvae.objectives import ELBO

RECIPES = {}
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "softplus": Softplus}
INITIALIZERS = {"uniform": uniform_fan_in, "glorot": glorot_uniform, "he": he_normal}
LIKELIHOODS = {"bernoulli": lambda variance: Bernoulli(),
               "gaussian": Gaussian,
               "tied_gaussian": TiedGaussian,
               "heteroscedastic_gaussian": lambda variance: HeteroscedasticGaussian()}


def recipe(build):
    """Register a recipe by its name, and note its arguments on what it builds."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def noted(*args, **kwargs):
        arguments = signature.bind(*args, **kwargs)
        arguments.apply_defaults()
        model = build(**arguments.arguments)
        model.config = {"recipe": build.__name__, **arguments.arguments}
        return model

    RECIPES[build.__name__] = noted
    return noted


def mlp(sizes, activation, rng, init):
    """Dense layers of the given sizes, with an activation between each two."""
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [Dense(n_in, n_out, rng, init), activation()]
    return Chain(*layers[:-1])


@recipe
def vae(n_data=784, n_hidden=(400,), n_latent=20, *, likelihood="bernoulli", variance=1.0,
        beta=1.0, activation="relu", init="uniform", seed=0):
    """The variational autoencoder of Kingma and Welling (2014), with dense layers.

    Parameters
    ----------
    n_data : int
        D, the size of one x: 784 for MNIST.
    n_hidden : sequence of int
        The hidden sizes of the encoder; the decoder's are the same, in reverse.
    n_latent : int
        J, the size of the code z.
    likelihood : {"bernoulli", "gaussian", "tied_gaussian", "heteroscedastic_gaussian"}
        p(x given z): see `npvae.likelihoods`.
    variance : float
        Of the Gaussian likelihood; of the tied one, where its learning starts.
    beta : float
        The weight of the KL in the loss.
    activation : {"relu", "tanh", "sigmoid", "softplus"}
    init : {"uniform", "glorot", "he"}
        See `npvae.networks.initializers`.
    seed : int
        Of the initial weights.

    Returns
    -------
    VAE
        In float32; `astype(np.float64)` gives a copy in double precision.
    """
    n_hidden = _check_sizes(n_data, n_hidden, n_latent)
    check_choice(likelihood, "likelihood", LIKELIHOODS)
    check_choice(activation, "activation", ACTIVATIONS)
    check_choice(init, "init", INITIALIZERS)
    rng = np.random.default_rng(seed)
    posterior = DiagonalGaussian(n_latent)
    p_x = LIKELIHOODS[likelihood](variance)
    network = functools.partial(mlp, activation=ACTIVATIONS[activation], rng=rng,
                                init=INITIALIZERS[init])
    return VAE(encoder=network([n_data, *n_hidden, posterior.n_outputs]),
               posterior=posterior,
               prior=StandardNormal(n_latent),
               decoder=network([n_latent, *reversed(n_hidden), p_x.n_outputs(n_data)]),
               likelihood=p_x, n_data=n_data, objective=ELBO(beta))


def _check_sizes(n_data, n_hidden, n_latent):
    check_count(n_data, "n_data")
    check_count(n_latent, "n_latent")
    try:
        n_hidden = tuple(n_hidden)
    except TypeError:
        raise TypeError(f"n_hidden is {n_hidden!r}: a sequence of sizes was expected, "
                        f"such as ({n_hidden!r},)") from None
    for size in n_hidden:
        check_count(size, "n_hidden's every size")
    return n_hidden
