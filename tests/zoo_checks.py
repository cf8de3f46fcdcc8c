"""What a bug of the zoo is, the checks that see it, and how it is put into the package."""

import inspect
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np

import npvae
from edits import edited
from npvae.gradcheck.rows import Sizes
from npvae.gradcheck.table import TABLE


class Check:
    """A test of the suite, with the arguments it is called with."""

    def __init__(self, test, **arguments):
        self.test, self.arguments = test, arguments

    def __call__(self, tmp_path):
        fixtures = {"rng": np.random.default_rng(20140214), "tmp_path": tmp_path}
        known = inspect.signature(self.test).parameters
        if not hasattr(self.test, "hypothesis"):
            fixtures = {name: value for name, value in fixtures.items() if name in known}
            self.test(**fixtures, **self.arguments)
        else:
            self.test(**self.arguments)

    def __str__(self):
        words = [value for value in self.arguments.values() if isinstance(value, str)]
        return (f"`{Path(inspect.getfile(self.test)).stem}.{self.test.__name__}`"
                + (f" ({', '.join(words)})" if words else ""))


class GradientCheck(Check):
    """A row of the gradient table."""

    def __init__(self, name):
        self.name = name

    def __call__(self, tmp_path):
        report = TABLE[self.name](Sizes(K=3, B=4, D=6, J=2, H=(5, 7)), np.random.default_rng(7))
        report.assert_passed()

    def __str__(self):
        return f"the gradient check of `{self.name}`"


def gradients_of_a_relu_network(rng):
    network = npvae.vae(6, (5, 4), 2).astype(np.float64)
    network.parameters.theta[...] = rng.normal(0, 0.5, network.parameters.size)
    npvae.gradcheck.check_model(network, rng.random((4, 6)),
                                network.draw_noise(rng, 4, 3)).assert_passed()


class Bug(NamedTuple):
    """A mutant: edits of functions (line, line in its place), and what sees it."""

    name: str
    looks_right: str
    edits: tuple
    seen_by: Callable
    missed_by: Callable | None = None
    raises: type = AssertionError


@contextmanager
def mutated(bug):
    """The package with the bug in it."""
    codes = []
    try:
        for function, *replacements in bug.edits:
            code, function = edited(function, *replacements), inspect.unwrap(function)
            codes.append((function, function.__code__))
            function.__code__ = code
        yield
    finally:
        for function, code in reversed(codes):
            function.__code__ = code
