"""What the recipes share: their register, and a model of dense layers."""

import functools
import inspect

import numpy as np

from npvae.distributions.roles import Likelihood, Posterior, Prior
from npvae.inputs import (check_choice, check_count, check_flag, check_positive, is_masked,
                          pythons)
from npvae.model import VAE
from npvae.networks.initializers import glorot_uniform, he_normal, uniform_fan_in
from npvae.networks.layers import Chain, Dense, ReLU, Sigmoid, Softplus, Tanh
from npvae.networks.parameters import Module
from npvae.objectives import ELBO, ScoreFunction
from npvae.objectives.costs import best_cost
from npvae.randomness import stream
from npvae.typed import from_text

RECIPES = {}
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "softplus": Softplus}
INITIALIZERS = {"uniform": uniform_fan_in, "glorot": glorot_uniform, "he": he_normal}


def recipe(build):
    """Register a recipe by its name, and note its arguments on what it builds."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def noted(*args, **kwargs):
        try:
            arguments = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{build.__name__}(): {error}") from None
        arguments.apply_defaults()
        arguments = {name: plain(value) for name, value in arguments.arguments.items()}
        model = build(**arguments)
        model.config = {"recipe": build.__name__, **{name: as_text(value)
                                                     for name, value in arguments.items()}}
        return model

    RECIPES[build.__name__] = noted
    return noted


def mlp(sizes, activation, rng, init, first=()):
    """Dense layers of the given sizes, with an activation between each two; before them,
    the layers `first`."""
    layers = [*first]
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [Dense(n_in, n_out, rng, init), activation()]
    return Chain(*layers[:-1])


def member(value, name, role, **sizes):
    """A posterior, prior or likelihood by its name, or as it is.

    Parameters
    ----------
    value : str, or an instance of the role
        A name of `role.members`, such as "gaussian"; or what is written to make one, as files have
        it: "Gaussian(variance=0.1)".
    name : str
        Of the argument, for messages.
    **sizes
        What it is made with, where value is a name: as much of it as it takes.
    """
    if isinstance(value, role):
        return value
    if isinstance(value, str) and value in role.members:
        kind = role.members[value]
        signature = inspect.signature(kind)
        sizes = {size: n for size, n in sizes.items() if size in signature.parameters}
        try:
            signature.bind(**sizes)
        except TypeError as error:
            raise ValueError(f"{name} is {value!r}, which is not made without more ({error}): hand one "
                             f"in, {name}={kind.__name__}(...)") from error
        return kind(**sizes)
    problem = ""
    if isinstance(value, str) and value.endswith(")"):
        try:
            return from_text(value, {kind.__name__: kind for kind in role.members.values()})
        except (KeyError, TypeError, ValueError) as error:
            problem = f" ({error})"
    raise ValueError(f"{name} is {value!r}{problem}: one of {', '.join(map(repr, role.members))}, or a "
                     f"{role.__name__}, was expected")


def likelihood_of(likelihood, variance, n_data):
    """p(x|z) by its name, with a variance if it takes one; or as it is."""
    check_positive(variance, "variance")
    known = isinstance(likelihood, str) and Likelihood.members.get(likelihood)
    if known and "variance" in inspect.signature(known).parameters:
        return member(likelihood, "likelihood", Likelihood, n_data=n_data, variance=variance)
    if variance != 1.0:
        raise ValueError(f"variance is {variance}, and likelihood is {likelihood!r}: a likelihood "
                         "that takes a variance by name was expected, such as 'gaussian'")
    return member(likelihood, "likelihood", Likelihood, n_data=n_data)


def as_text(argument):
    """An argument of a recipe as a file keeps it: a part of a model as it was written."""
    return repr(argument) if isinstance(argument, Module) else argument


def plain(argument):
    """An argument as JSON would keep it: sequences as tuples, NumPy's numbers as Python's."""
    if isinstance(argument, np.ndarray) and argument.ndim and not is_masked(argument):
        argument = argument.tolist()
    if isinstance(argument, (list, tuple, range)):
        return tuple(plain(item) for item in argument)
    return pythons(argument)


def dense_model(posterior, prior, n_data, n_hidden, likelihood, variance, activation, init, seed, *,
                n_condition=0, shows_mask=False, squash=(), **options):
    """A model of dense layers: hidden sizes in order for the encoder, reversed for the decoder,
    which begins with the layers `squash`."""
    check_count(n_data, "n_data")
    if not isinstance(n_hidden, tuple):
        raise TypeError(f"n_hidden is {n_hidden!r}: a sequence of sizes was expected, "
                        f"such as ({n_hidden!r},)")
    for size in n_hidden:
        check_count(size, "a size in n_hidden")
    check_choice(activation, "activation", ACTIVATIONS)
    check_choice(init, "init", INITIALIZERS)
    p_x = likelihood_of(likelihood, variance, n_data)
    network = functools.partial(mlp, activation=ACTIVATIONS[activation],
                                rng=stream(seed, "weights"), init=INITIALIZERS[init])
    check_flag(shows_mask, "shows_mask")
    n_shown = n_data * (2 if shows_mask else 1)
    encoder = network([n_shown + n_condition, *n_hidden, posterior.n_outputs])
    decoder = network([posterior.n_latent + n_condition, *reversed(n_hidden),
                       p_x.n_outputs(n_data)], first=squash)
    return VAE(encoder, posterior, prior, decoder, p_x, n_data=n_data, n_condition=n_condition,
               shows_mask=shows_mask, **options)


def of_names(posterior, prior, **sizes):
    """A posterior and a prior, each by its name or as it is."""
    own = int(stream(sizes["seed"], "posterior").integers(2**31))      # else both begin with one's draws
    posterior = member(posterior, "posterior", Posterior, **{**sizes, "seed": own})
    if posterior.n_latent != sizes["n_latent"]:
        raise ValueError(f"n_latent is {sizes['n_latent']!r}, and posterior is {posterior!r} of "
                         f"{posterior.n_latent} dimensions: the same number was expected")
    return posterior, member(prior, "prior", Prior, **sizes)


def with_elbo(model, beta):
    """The model, with the ELBO that its pair allows: the KL as it is best known; and for a z that
    jumps, the gradient by the score."""
    posterior = model.posterior
    q = posterior.given(np.zeros((0, posterior.n_outputs), np.float32))        # of no x: its kind counts
    condition = np.zeros((0, model.n_condition), np.float32) if model.n_condition else None
    cost = best_cost(posterior, q, model.prior.given(condition, model))
    model.objective = ELBO(beta, cost) if posterior.has_path else ScoreFunction(beta, cost)
    return model
