"""npvae: the variational autoencoder, by hand, in NumPy.

In reading order:

    npvae.model           the heart: the evidence lower bound, forward and backward
    npvae.labels          beside it: a label that few x have
    npvae.distributions   q(z|x), p(z), p(x|z), and closed-form divergences
    npvae.objectives      the loss, and its gradients in what it is made of
    npvae.networks        layers and their derivatives; one flat vector of parameters
    npvae.recipes         well-known models, one short function each
    npvae.learning        optimizers, schedules, the training loop, checkpoints
    npvae.ranks           a step shared by many processes
    npvae.threads         rows shared by many cores
    npvae.evaluation      evidence, the latent space, anomalies
    npvae.gradcheck       is it right? finite differences and the complex step
    npvae.datasets        MNIST and two tables, shipped; readers of files
    npvae.plots           figures (imports matplotlib, when it is first used)
    npvae.explorer        a page of HTML that moves (to be imported by its name, as the next two)
    npvae.anomaly         anomalies in a table, from a terminal
    npvae.sklearn         detectors as scikit-learn and PyOD have them
"""

import importlib

from npvae import datasets, distributions, evaluation, gradcheck, networks, numerics
from npvae.distributions import divergences, hierarchy, likelihoods, posteriors, priors
from npvae.distributions.pairs import closed_form, kl, kl_backward
from npvae.distributions.roles import Likelihood, Posterior, Prior
from npvae.door import Model
from npvae.labels import SemiSupervisedVAE
from npvae.learning import (SGD, Adagrad, Adam, clip_by_norm, evaluate, fit, load, load_into,
                            save, schedules)
from npvae.model import VAE
from npvae.objectives import (CIWAE, ELBO, IWAE, KL, MIWAE, MMD, PIWAE, VIMCO, Capacity, Cost,
                              DecomposedKL, DReG, Free, FreeBits, Loss, Objective, SampledKL,
                              ScoreFunction, StickingTheLanding)
from npvae.recipes import (autoencoder, bernoulli_vae, categorical_vae, concrete_vae, conditional_vae,
                           convolutional_vae, denoising_autoencoder, gumbel_softmax_vae, iwae,
                           semi_supervised_vae, two_layer_iwae, vae, with_exact_symbols)

__version__ = "0.2.0"

__all__ = ["VAE", "Model", "vae", "iwae", "conditional_vae", "autoencoder", "denoising_autoencoder",
           "convolutional_vae", "bernoulli_vae", "concrete_vae", "two_layer_iwae",
           "semi_supervised_vae", "SemiSupervisedVAE",
           "categorical_vae", "gumbel_softmax_vae", "with_exact_symbols",
           "ELBO", "FreeBits", "Capacity", "StickingTheLanding", "ScoreFunction", "IWAE", "DReG",
           "VIMCO", "MIWAE", "PIWAE", "CIWAE", "Loss", "Objective", "KL", "SampledKL", "Free", "Cost",
           "DecomposedKL", "MMD",
           "Posterior", "Prior", "Likelihood", "kl", "kl_backward", "closed_form",
           "distributions", "posteriors", "priors", "hierarchy", "likelihoods", "divergences",
           "networks", "numerics",
           "fit", "evaluate", "SGD", "Adagrad", "Adam", "clip_by_norm", "schedules", "save",
           "load", "load_into", "evaluation", "gradcheck", "datasets", "plots"]


def __getattr__(name):
    if name == "plots":               # matplotlib is slow to import, and not always wanted
        return importlib.import_module("npvae.plots")
    raise AttributeError(f"module 'npvae' has no attribute {name!r}")
