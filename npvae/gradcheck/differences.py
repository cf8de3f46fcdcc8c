"""Numerical derivatives, and how far a gradient written by hand is from them.

Two ways to differentiate a function without its formula:

- *central differences*, (f(x + h) - f(x - h)) / 2h, for any function. Too large an h
  leaves an error of h^2; too small a one leaves only rounding, near 1e-16 |f| / h. Where h is
  too large, half of it leaves a quarter of the error: so (4 of the half - the whole) / 3 has
  lost it, and one of h^4 is left (Richardson's extrapolation);
- the *complex step*, Im f(x + ih) / h, for a function that accepts complex numbers.
  Nothing is subtracted, so h can be 1e-20, and the derivative is exact to the last
  digits (Squire and Trapp, SIAM Review 40, 1998).

A check says that the backward pass is the derivative of the forward pass. It does not
say that the forward pass computes what it should: that takes checks of its own.
"""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from npvae.inputs import as_array, as_double, check_flag, check_real, check_type

EPS = float(np.finfo(np.float64).eps)
CENTRAL_STEP, CENTRAL_RTOL = 1e-5, 1e-7
COMPLEX_STEP, COMPLEX_RTOL = 1e-20, 1e-11


LOST = ("the forward pass loses the imaginary part, and with it the derivative by the complex step, "
        "though central differences agree: np.abs, np.maximum, a conjugate or a cast to real numbers "
        "does it. Use npvae.numerics.absolute, branch on x.real, or check with complex_step=False")


class Row(NamedTuple):
    """One block's outcome; an error is a norm relative to that of the gradient."""

    block: str
    size: int
    central: float
    complex_step: float | None
    worst: str
    passed: bool
    lost: bool = False            # central differences agree, and the complex step cannot be taken

    @property
    def verdict(self):
        return "ok" if self.passed else "LOST" if self.lost else "WRONG"


class Report:
    """The outcome of a gradient check, block by block. Print it.

    Attributes
    ----------
    rows : list of Row
    note : str
        What to know of a gradient that does not pass.
    passed : bool
        True where every block agrees within the tolerance, by both methods.
    central, complex_step : float
        The largest relative error of any block (complex_step: None where not done).
    """

    def __init__(self, rows, note=""):
        self.rows, self.note = list(rows), note

    def __add__(self, other):
        return Report(self.rows + other.rows, self.note or other.note)

    @property
    def passed(self):
        return bool(self.rows) and all(row.passed for row in self.rows)

    @property
    def central(self):
        return max(row.central for row in self.rows)

    @property
    def complex_step(self):
        return max((row.complex_step for row in self.rows if row.complex_step is not None),
                   default=None)

    def __str__(self):
        width = max([5, *(len(row.block) for row in self.rows)])
        lines = [f"{'block':{width}}  {'size':>6}  {'central':>8}  {'complex':>8}        worst entry"]
        for row in self.rows:
            lines.append(f"{row.block:{width}}  {row.size:6}  {row.central:8.1e}  "
                         f"{exponent(row.complex_step)}  {row.verdict:5} {row.worst}")
        if any(row.lost for row in self.rows):
            lines.append(f"LOST: {LOST}")
        if self.note and not self.passed:
            lines.append(self.note)
        return "\n".join(lines)

    def assert_passed(self):
        """Raise AssertionError, with the table, where a block is wrong or cannot be told."""
        if not self.passed:
            wrong = any(row.verdict == "WRONG" for row in self.rows)
            raise AssertionError(f"the gradient {'is wrong' if wrong else 'cannot be checked'}\n{self}")


def exponent(error):
    """An error as eight characters; a dash where it was not measured."""
    return f"{'-':>8}" if error is None else f"{error:8.1e}"


def check(function, arrays, gradients, *, complex_step=True):
    """Compare gradients with the numerical derivatives of a scalar function.

    Parameters
    ----------
    function : callable
        function(arrays) -> a number, from a dict like `arrays`. It must not change them.
    arrays : dict of str to ndarray
        Where to differentiate. Cast to float64.
    gradients : dict of str to ndarray
        The gradient by hand in each array, of the same shape.
    complex_step : bool
        False for a function that does not accept complex arrays, or that takes an `abs`,
        a `max` or a conjugate of them. The report says so where it is needed.

    Returns
    -------
    Report

    Notes
    -----
    With g the gradient by hand, n its size and h the step, a block passes where

        |central - g| <= 1e-7 |g| + 10 eps (1 + |f|) sqrt(n) / h   (the second term is rounding)
        |complex - g| <= 1e-11 |g| + 10 eps (1 + |f|) sqrt(n)

    Where the first fails, central differences are extrapolated from h and h / 2, which has three times
    the rounding, and have to pass so.
    """
    check_type(function, "function", Callable, "a callable")
    check_type(arrays, "arrays", dict, "a dict of arrays")
    check_type(gradients, "gradients", dict, "a dict of arrays")
    check_flag(complex_step, "complex_step")
    arrays = {name: as_double(a, f"{name} of arrays").copy() for name, a in arrays.items()}
    if not gradients:
        raise ValueError("gradients is empty: the gradient of at least one array was expected")
    gradients = {name: as_array(g, f"the gradient of {name}") for name, g in gradients.items()}
    for name, g in gradients.items():
        if name not in arrays:
            raise ValueError(f"gradients has {name!r}: one of {', '.join(arrays)} was expected, as in "
                             "arrays")
        if np.shape(g) != arrays[name].shape:
            raise ValueError(f"the gradient of {name} has shape {np.shape(g)}: {arrays[name].shape} was "
                             f"expected in gradients, as {name} has")
        check_real(g, f"the gradient of {name}")
    value = function(arrays)
    if np.shape(value) != () or np.asarray(value).dtype.kind not in "fiubc":
        raise TypeError(f"what function returned is {value!r}: a number was expected")
    value = abs(value)
    if not math.isfinite(value):
        raise ValueError(f"the function is {value} here: finite differences need finite numbers")
    rows = []
    for name, g in gradients.items():
        central = central_difference(function, arrays, name)
        rounding = 10 * EPS * (1 + value) * math.sqrt(g.size) / CENTRAL_STEP
        if _norm(central - g) > CENTRAL_RTOL * _norm(g) + rounding:       # is it the step that is wrong?
            of_half = central_difference(function, arrays, name, CENTRAL_STEP / 2)
            central, rounding = (4 * of_half - central) / 3, 3 * rounding
        passed = _norm(central - g) <= CENTRAL_RTOL * _norm(g) + rounding
        central_error = relative_error(central, g, rounding)
        reference, complex_error, lost = central, None, False
        if complex_step:
            try:
                exact, losing = complex_step_derivative(function, arrays, name), False
            except (TypeError, np.exceptions.ComplexWarning):            # it takes no complex numbers
                exact, losing = np.zeros_like(central), True
            rounding = 10 * EPS * (1 + value) * math.sqrt(g.size)
            agrees = _norm(exact - g) <= COMPLEX_RTOL * _norm(g) + rounding
            # A wrong gradient is wrong by both methods, to the digits that central ones have.
            lost = bool(passed and (losing or not agrees)
                        and _norm(exact - central) > CENTRAL_RTOL * _norm(central))
            passed = passed and agrees and not losing
            complex_error = relative_error(exact, g, rounding)
            reference = central if lost else exact
        rows.append(Row(name, g.size, central_error, complex_error, _worst(reference, g),
                        bool(passed), lost))
    return Report(rows)


def central_difference(function, arrays, name, h=CENTRAL_STEP):
    """(f(x + h) - f(x - h)) / 2h for every entry of arrays[name]."""
    x = arrays[name]
    derivative = np.empty_like(x)
    for index in np.ndindex(x.shape):
        plus, minus = x.copy(), x.copy()
        plus[index] += h
        minus[index] -= h
        rise = function({**arrays, name: plus}) - function({**arrays, name: minus})
        derivative[index] = rise / (plus[index] - minus[index])     # the step as rounded
    return derivative


def complex_step_derivative(function, arrays, name, h=COMPLEX_STEP):
    """Im f(x + ih) / h for every entry of arrays[name]."""
    arrays = {key: a.astype(np.complex128) for key, a in arrays.items()}
    x = arrays[name]
    derivative = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        stepped = x.copy()
        stepped[index] += 1j * h
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            derivative[index] = np.imag(function({**arrays, name: stepped})) / h
    return derivative


def relative_error(a, b, rounding=0.0):
    """|a - b| / max(|a|, |b|) in Euclidean norms; 0 where both are zero up to rounding."""
    scale = max(_norm(a), _norm(b))
    return _norm(a - b) / scale if scale > rounding else 0.0


def _norm(a):
    return float(np.linalg.norm(np.ravel(a)))


def _worst(reference, g):
    if g.size == 0:
        return ""
    index = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(reference - g)), g.shape))
    return f"{list(index)}: by hand {g[index]:.9g}, numerically {reference[index]:.9g}"
