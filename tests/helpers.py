"""What several chapters of the tests need."""

import importlib
import inspect
import pkgutil

import numpy as np
from hypothesis import strategies as st

import npvae
from npvae.gradcheck.rows import Sizes
from npvae.networks import Layer, Module

NUMPY_1 = np.__version__.startswith("1.")       # beside one of Python's, a number of its own grows


def freeze(value):
    """Set every array inside tuples, lists and dicts read-only; return the value."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict):
        freeze(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for item in value:
            freeze(item)
    return value


def small_vae(n_data=12, n_hidden=(7, 5), n_latent=3, dtype=np.float64, scale=0.5, **options):
    """A VAE small enough to differentiate numerically, with weights of size `scale`."""
    options = {"activation": "tanh", **options}
    model = npvae.vae(n_data, n_hidden, n_latent, **options)
    model.parameters.theta[...] = np.random.default_rng(1).normal(
        0.0, scale, model.parameters.size)
    return model.astype(dtype)


def small_of(recipe, **options):
    """A small model of 16 pixels and two latent dimensions, by the name of its recipe."""
    sizes = {"convolutional_vae": dict(side=4, channels=[2, 3], n_latent=2),
             "two_layer_iwae": dict(n_data=16, n_hidden=[range(5, 7), [3]], n_latent=[1, 1])}
    default = dict(n_data=np.int64(16), n_hidden=range(5, 7), n_latent=2)
    sizes |= dict.fromkeys(("categorical_vae", "gumbel_softmax_vae"), {**default, "n_categories": 2})
    return npvae.recipes.RECIPES[recipe](**sizes.get(recipe, default), **options)


def batch(model, rng, n_batch=4, n_samples=3):
    """Random x in [0, 1] and noise for a model."""
    x = rng.random((n_batch, model.n_data)).astype(model.parameters.dtype)
    return x, model.draw_noise(rng, n_batch, n_samples)


def assert_mean(samples, expected, sigmas=5.0):
    """The mean over axis 0 is the expected one, within its standard error."""
    samples = np.asarray(samples)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    distance = np.abs(samples.mean(axis=0) - expected)
    assert (distance <= sigmas * error + 1e-12).all(), (
        f"mean {samples.mean(axis=0)}, expected {expected}, standard error {error}")


def everything():
    """The modules that hold layers and members of a role."""
    for package in (npvae.networks, npvae.distributions):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def is_a_role(thing):
    """A base class, which computes nothing itself."""
    return thing in (Layer, Module) or thing.__module__.endswith(".roles")


def likelihoods_by_name():
    """{name: class} of npvae's own that are made without arguments."""
    return {name: kind for name, kind in npvae.Likelihood.members.items()
            if kind.__module__.startswith("npvae.")
            and all(parameter.default is not parameter.empty
                    for parameter in inspect.signature(kind).parameters.values())}


def described_by(likelihood, x):
    """x in [0, 1] as it is, as levels, or as counts: the first of them that a likelihood takes."""
    for candidate in (x, np.round(255 * x) / x.dtype.type(255), np.floor(20 * x)):
        try:
            likelihood.check(candidate, "x")
            return candidate
        except ValueError:
            pass
    raise AssertionError(f"no data for {likelihood}")


def is_view_of(view, vector):
    return np.shares_memory(view, vector)


sizes = st.builds(
    Sizes,
    K=st.integers(1, 4), B=st.integers(1, 5), D=st.integers(1, 6), J=st.integers(1, 4),
    H=st.lists(st.integers(1, 6), min_size=1, max_size=2, unique=True).map(tuple),
)
seeds = st.integers(0, 2**32 - 1)
