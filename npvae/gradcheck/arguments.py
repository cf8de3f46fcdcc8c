"""What the checks let in: arrays in float64, of shapes that fit what is checked; and its twins."""

import numpy as np

from npvae import door
from npvae.distributions.roles import Posterior, Prior, check_role
from npvae.inputs import as_double, as_mask


def check_pair(posterior, prior):
    """Raise where the two are no posterior and prior of as many latent dimensions."""
    check_role(posterior, "posterior", Posterior)
    check_role(prior, "prior", Prior)
    if prior.n_latent != posterior.n_latent:
        raise ValueError(f"prior has {prior.n_latent} latent dimensions: {posterior.n_latent} were "
                         "expected, as in the posterior")


def as_input(layer, x):
    """x as a layer takes it, (..., n_in)."""
    x = as_double(x, "x")
    try:
        layer.forward(x)
    except (IndexError, ValueError) as error:
        raise ValueError(f"x has shape {x.shape}, which layer does not take: {error}") from error
    return x


def as_data_and_output(likelihood, x, y, observed):
    """x (B, D), y (K, B, N), and observed (B, D) or None."""
    x = as_double(x, "x", None, None)
    likelihood.check(x, "x")
    y = as_double(y, f"y, beside x of shape {x.shape},", None, len(x), likelihood.n_outputs(x.shape[1]))
    if observed is not None:
        observed = as_mask(as_double(observed, "observed", *x.shape), "observed", x.shape[1], np.float64)
    return x, y, observed


def as_terms(objective, log_px, rate):
    """log_px (K, B), and the rate as the objective's cost has it."""
    door.check_objective(objective)
    log_px, rate = as_double(log_px, "log_px", None, None), as_double(rate, "rate", None, None)
    if getattr(objective.cost, "sampled", False) and rate.shape != log_px.shape:
        raise ValueError(f"rate has shape {rate.shape}: {log_px.shape} was expected, as log_px has")
    if not getattr(objective.cost, "sampled", False) and len(rate) != log_px.shape[1]:
        raise ValueError(f"rate has shape {rate.shape}: ({log_px.shape[1]}, J) was expected, for log_px "
                         f"of shape {log_px.shape}")
    return log_px, rate


def as_options(model, x, options):
    """x, and the options of a model's loss, as its door lets them in."""
    known = ("condition", "target", "observed", "objective")
    for name in options:
        if name not in known:
            raise TypeError(f"options has {name!r}: {', '.join(known[:-1])} or {known[-1]} was expected")
    x, observed = door.as_observed(model, x, options.get("observed"))
    objective = options.get("objective")
    door.check_objective(model.objective if objective is None else objective)
    return x, {"condition": door.as_condition(model, options.get("condition"), len(x)),
               "target": door.as_target(model, options.get("target"), observed, len(x)),
               "observed": observed, "objective": objective}


def twins_of(module):
    """What a check needs of a module, in float64: a function that gives the module with
    other blocks, a copy to run backward, and the blocks as they were before that."""
    double = module.astype(np.float64)
    double.parameters.zero_grad()
    blocks = {name: view.copy() for name, view in double.blocks().items()}
    twins = {"f": module.astype(np.float64), "c": module.astype(np.complex128)}

    def at(arrays):
        twin = twins[np.result_type(*arrays.values()).kind]
        for name, view in twin.blocks().items():
            view[...] = arrays[name]
        return twin

    return at, double, blocks
