"""The door of a model: what its methods, and those that train and judge it, let in.

Arrays come out in the model's dtype, contiguous and finite. What is inside the door (`forward`,
`backward`, the layers, the distributions) trusts its callers and checks nothing.
"""

import numpy as np

from npvae.inputs import as_batch, as_finite, check_count, check_real
from npvae.networks.parameters import Module


def check_model(model):
    """Raise TypeError where model is no VAE: arguments are easily swapped."""
    if not (isinstance(model, Module) and hasattr(model, "likelihood")):
        raise TypeError(f"model is {type(model).__name__}: a VAE was expected")


def check_parts(model):
    """Raise where the parts of a model do not fit together."""
    check_count(model.n_data, "n_data")
    check_count(model.n_condition, "n_condition", least=0)
    check_objective(model.objective)
    if model.prior.n_latent != model.n_latent:
        raise ValueError(f"prior has {model.prior.n_latent} latent dimensions: {model.n_latent} "
                         "were expected, as in the posterior")
    row = np.zeros((1, model.n_data + model.n_condition), model.parameters.dtype)
    width = model.encoder.forward(row)[0].shape[-1]
    if width != model.posterior.n_outputs:
        raise ValueError(f"encoder gives {width} numbers: {model.posterior.n_outputs} were expected")


def check_objective(objective):
    """Raise TypeError where objective is no callable with the attribute `analytic`."""
    if isinstance(objective, type) or not hasattr(objective, "analytic"):
        raise TypeError(f"objective is {objective!r}: an objective was expected, such as ELBO()")


def as_data(model, x, name="x"):
    """x as a batch (B, D) that the model's likelihood can describe."""
    x = as_batch(x, name, model.n_data, model.parameters.dtype)
    model.likelihood.check(x, name)
    return x


def as_target(model, target, n_batch):
    """The target as a batch (n_batch, D), or None."""
    if target is None:
        return None
    target = as_data(model, target, "target")
    if len(target) != n_batch:
        raise ValueError(f"target has {len(target)} rows: {n_batch} were expected, as in x")
    return target


def as_noise(model, eps, n_batch):
    """Noise as a finite array (K, n_batch, J)."""
    eps = np.asarray(eps)
    if eps.ndim != 3 or eps.shape[1:] != (n_batch, model.n_latent) or len(eps) == 0:
        raise ValueError(f"eps has shape {eps.shape}: (samples, {n_batch}, {model.n_latent}) "
                         "was expected; see draw_noise")
    check_real(eps, "eps")
    return as_finite(eps, "eps", model.parameters.dtype)


def as_condition(model, condition, n_batch, name="condition"):
    """The condition as an array (n_batch, C), or None for a model that has none."""
    if (condition is None) != (model.n_condition == 0):
        raise ValueError(f"{name} is {'missing' if condition is None else 'given'}: "
                         f"this model has n_condition={model.n_condition}")
    if condition is None:
        return None
    if np.shape(condition) in ((n_batch,), (n_batch, 1)) and model.n_condition > 1:
        raise ValueError(f"{name} has shape {np.shape(condition)}: (batch, {model.n_condition}) "
                         "was expected; for labels see datasets.one_hot")
    condition = as_batch(condition, name, model.n_condition, model.parameters.dtype)
    if len(condition) != n_batch:
        raise ValueError(f"{name} has {len(condition)} rows: {n_batch} were expected")
    return condition
