"""How weights are drawn before training: init(rng, n_in, n_out) -> (n_in, n_out).

A sum of n_in terms has n_in times the variance of one, so weights of variance
near 1 / n_in keep the size of the activations from layer to layer.
"""

import contextlib
import contextvars
import math
from collections.abc import Callable

import numpy as np

from npvae.inputs import (as_array, as_finite, check_count, check_generator, check_real, check_type)

_allowed = contextvars.ContextVar("allowed", default=None)


@contextlib.contextmanager
def at_most(n_layers, n_weights):
    """Within it, no more layers than so many, and no more weights, are drawn.

    For a model that a file asks for, whose sizes nobody has looked at.
    """
    token = _allowed.set([n_layers, n_weights])
    try:
        yield
    finally:
        _allowed.reset(token)


def draw(init, rng, n_in, n_out):
    """Initial weights (n_in, n_out), float32; rng may be None where init draws nothing.

    Raises
    ------
    ValueError
        Before anything is drawn, where it is more than `at_most` allows.
    """
    check_type(init, "init", Callable, "a callable")
    if rng is not None:
        check_generator(rng)
    allowed = _allowed.get()
    if allowed is not None:
        allowed[0] -= 1
        allowed[1] -= n_in * n_out
        if min(allowed) < 0:
            raise ValueError("its sizes ask for more weights than it has")
    W = as_array(init(rng, n_in, n_out), "what init returned")
    check_real(W, "what init returned")
    if W.shape != (n_in, n_out):
        raise ValueError(f"what init returned has shape {W.shape}: ({n_in}, {n_out}) was expected")
    return as_finite(W, "what init returned", np.float32)


def uniform_fan_in(rng, n_in, n_out):
    """U(-a, a) with a = 1 / sqrt(n_in), so of variance 1 / (3 n_in).

    What `torch.nn.Linear` does to its weights by default.
    """
    n_in, n_out = checked(rng, n_in, n_out)
    a = 1.0 / math.sqrt(n_in)
    return rng.uniform(-a, a, (n_in, n_out))


def glorot_uniform(rng, n_in, n_out):
    """U(-a, a) with a = sqrt(6 / (n_in + n_out)), so of variance 2 / (n_in + n_out).

    A compromise between keeping the variance of the activations (1 / n_in) and that
    of their gradients (1 / n_out). Glorot and Bengio (2010), eq. 16.
    """
    n_in, n_out = checked(rng, n_in, n_out)
    a = math.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-a, a, (n_in, n_out))


def he_normal(rng, n_in, n_out):
    """N(0, 2 / n_in): a ReLU halves the second moment, the 2 gives it back.

    He, Zhang, Ren and Sun (2015), eq. 10.
    """
    n_in, n_out = checked(rng, n_in, n_out)
    return rng.normal(0.0, math.sqrt(2.0 / n_in), (n_in, n_out))


def checked(rng, n_in, n_out):
    """The sizes as Python's integers, beside a generator."""
    check_generator(rng)
    return check_count(n_in, "n_in"), check_count(n_out, "n_out")
