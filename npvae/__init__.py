"""npvae: the variational autoencoder, by hand, in NumPy.

In reading order:

    npvae.model           the heart: the evidence lower bound, forward and backward
    npvae.distributions   q(z given x), p(z), p(x given z), and closed-form divergences
    npvae.objectives      the loss, and its gradients in what it is made of
    npvae.networks        layers and their derivatives; one flat vector of parameters
    npvae.recipes         well-known models, one short function each
    npvae.learning        optimizers, schedules, the training loop, checkpoints
    npvae.gradcheck       is it right? finite differences and the complex step
    npvae.datasets        MNIST, shipped
    npvae.plots           figures (imports matplotlib, when it is first used)
"""

import importlib

from npvae import datasets, gradcheck, networks, numerics
from npvae.distributions import divergences, likelihoods, posteriors, priors
from npvae.learning import (SGD, Adagrad, Adam, clip_by_norm, evaluate, fit, load, load_into,
                            save, schedules)
from npvae.model import VAE
from npvae.objectives import ELBO, Loss
from npvae.recipes import vae

__version__ = "0.1.0"

__all__ = ["VAE", "vae", "ELBO", "Loss", "posteriors", "priors", "likelihoods", "divergences",
           "networks", "numerics", "fit", "evaluate", "SGD", "Adagrad", "Adam", "clip_by_norm",
           "schedules", "save", "load", "load_into", "gradcheck", "datasets", "plots"]


def __getattr__(name):
    if name == "plots":               # matplotlib is slow to import, and not always wanted
        return importlib.import_module("npvae.plots")
    raise AttributeError(f"module 'npvae' has no attribute {name!r}")
