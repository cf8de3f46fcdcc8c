"""Checks of arguments: each error names the argument, what it was, and what was expected."""

import math
import numbers
import os
import sys
from collections.abc import Sequence

import numpy as np


def as_array(x, name):
    """x as an array of numbers of any kind, with nothing in it that counts as missing."""
    check_unmasked(x, name)
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error


def check_unmasked(x, name):
    """Raise TypeError where x says of some of its numbers that they are missing."""
    if is_masked(x):
        raise TypeError(f"{name} is a masked array: what lies under its mask would count as data; "
                        "an array without a mask was expected")


def is_masked(x):
    """True for a NumPy masked array, masked or not, and for a sequence with one in it."""
    if not isinstance(x, (list, tuple)) or not x:
        return isinstance(x, np.ma.MaskedArray)
    if isinstance(x[0], numbers.Number):                    # numbers: they may be many
        return any(number is np.ma.masked for number in x)
    return any(map(is_masked, x))


def as_batch(x, name, n_columns, dtype):
    """x as a finite array (B, n_columns) of the given dtype, B at least 1."""
    x = as_array(x, name)
    check_real(x, name)
    if x.ndim != 2 or x.shape[1] != n_columns:
        hint = ""
        if x.ndim > 2 and np.prod(x.shape[1:]) == n_columns:
            hint = f"; flatten it with {name}.reshape(len({name}), -1)"
        raise ValueError(f"{name} has shape {x.shape}: (batch, {n_columns}) was expected{hint}")
    if len(x) == 0:
        raise ValueError(f"{name} has shape {x.shape}: at least one row was expected")
    return as_finite(x, name, dtype)


def as_finite(x, name, dtype):
    """x in the given dtype, all of it finite there."""
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(x, dtype)      # for the same bits from any layout
    if not np.isfinite(cast).all():
        check_finite(x, name)
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(cast))[0])
        raise ValueError(f"{name} is {x[where]} at index {where}: more than {cast.dtype} holds")
    return cast


def as_double(x, name, *shape):
    """x as a finite array of float64, not empty, of a shape in which None stands for any size."""
    x = as_array(x, name)
    check_real(x, name)
    fits = not shape or len(shape) == x.ndim and all(n in (None, m) for n, m in zip(shape, x.shape))
    if not fits or x.size == 0:
        words = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {x.shape}: "
                         f"{f'({words})' if shape else 'at least one number'} was expected")
    return as_finite(x, name, np.float64)


def check_real(x, name):
    """Raise TypeError where x is an array of something else than real numbers."""
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {x.dtype}: real numbers were expected")


def check_dtype(dtype, name="dtype"):
    """Raise TypeError where dtype is none of real numbers."""
    try:
        kind = np.dtype(dtype).kind if dtype is not None else "O"
    except TypeError:
        kind = "O"
    if kind not in "fiub":
        raise TypeError(f"{name} is {dtype!r}: one of real numbers was expected, such as np.float32")


def check_finite(x, name):
    """Raise ValueError where x holds a NaN or an infinity, naming the first."""
    if not np.isfinite(x).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"{name} is {x[where]} at index {where}: finite numbers were expected")


def check_range(x, name, low, high, expected):
    """Raise ValueError where x leaves [low, high], or is no number, saying what was expected."""
    if x.size == 0:
        raise ValueError(f"{name} has shape {x.shape}: at least one number was expected")
    smallest, largest = x.min(), x.max()
    if not (low <= smallest and largest <= high):             # a NaN is on no side of either
        check_finite(x, name)
        raise ValueError(f"{name} lies in [{smallest:.6g}, {largest:.6g}]: {expected}")


def as_mask(x, name, n_columns, dtype):
    """x as a batch (B, n_columns) of zeros and ones."""
    x = as_batch(x, name, n_columns, dtype)
    other = x[(x != 0) & (x != 1)]
    if other.size:
        raise ValueError(f"{name} holds {other[0]:g}: only 0 and 1, or bools, were expected")
    return x


def as_one_hot(labels, name, n_classes, dtype):
    """Integer labels (B,) in 0 .. n_classes - 1 as rows of zeros with a single one."""
    labels = as_array(labels, name)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(f"{name} has shape {labels.shape} and dtype {labels.dtype}: "
                        "one integer for each row was expected")
    n_classes = check_count(n_classes, "n_classes")
    if len(labels) == 0:
        raise ValueError(f"{name} has shape {labels.shape}: at least one row was expected")
    check_range(labels, name, 0, n_classes - 1,
                f"labels from 0 to {n_classes - 1} were expected")
    one_hot = np.zeros((len(labels), n_classes), dtype)
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot


def check_count(value, name, least=1):
    """Raise where value is no integer of at least `least`, or more than an array can have.

    Returns
    -------
    int
        The value as a Python integer: NumPy's own overflow (2 * np.uint8(200) is 144).
    """
    check_integer(value, name, least)
    if value > sys.maxsize:
        raise ValueError(f"{name} is {value!r}: an integer of at most {sys.maxsize} was expected")
    return int(value)


def check_seed(seed):
    """Raise where seed is no integer of at least 0, of any number of digits; return it as Python's."""
    check_integer(seed, "seed", 0)
    return int(seed)


def check_integer(value, name, least):
    """Raise where value is no integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}: an integer of at least {least} was expected")


def check_positive(value, name):
    """Raise where value is not a positive, finite number; return it as a Python float."""
    return check_number(value, name, lambda v: 0 < v < math.inf, "a positive, finite number")


def check_number(value, name, within, expected):
    """Raise where value is no real number, or not within what was expected.

    Returns
    -------
    float
        The value as a Python float: NumPy's float64 would promote arrays of float32.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        good = real and within(float(value))
    except OverflowError:                                   # an integer that no float holds
        good = False
    if not good:
        raise ValueError(f"{name} is {value!r}: {expected} was expected")
    return float(value)


def pythons(value):
    """NumPy's number as Python's; any other value as it is, so that its `repr` stays as written."""
    return value.item() if isinstance(value, np.generic) else value


def check_flag(value, name):
    """Raise TypeError where value is neither True nor False."""
    check_type(value, name, (bool, np.bool_), "True or False")


def check_optional(value, name, kind, expected):
    """Raise TypeError where value is neither None nor an instance of a kind."""
    if value is not None:
        check_type(value, name, kind, expected)


def check_path(value, name="path"):
    """Raise TypeError where value is no path."""
    check_type(value, name, (str, os.PathLike), "a path")


def check_type(value, name, kind, expected):
    """Raise TypeError where value is no instance of a kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r}: {expected} was expected")


def check_rows(value, name):
    """Raise TypeError where value is no sequence of rows: a list, or an array with an axis."""
    shape = getattr(value, "shape", None)
    if not (isinstance(value, (list, tuple, range)) or isinstance(shape, tuple) and shape):
        raise TypeError(f"{name} is {value!r}: a sequence, or an array with rows, was expected")


def check_history(history, needed=("epoch", "reconstruction", "kl")):
    """Raise where history is no list of epochs as `fit` returns it, with what is needed of each."""
    check_type(history, "history", Sequence, "a list of epochs, as fit returns it,")
    if not history:
        raise ValueError("history is empty: at least one epoch was expected")
    for row in history:
        check_type(row, "a row of history", dict, "a dict")
        held_out = {n: None for n in row if n.startswith("val_")}
        held_out.update({"val_reconstruction": None, "val_kl": None} if held_out else {})
        for name in (*needed, *held_out):
            if name not in row:
                raise ValueError(f"a row of history holds {', '.join(row)}: {name} was expected, too")
            check_number(row[name], f"{name} in history", math.isfinite, "a finite number")


def check_generator(rng):
    """Raise TypeError where rng is no generator of random numbers."""
    check_type(rng, "rng", np.random.Generator, "a numpy.random.Generator")


def check_choice(value, name, choices):
    """Raise where value is none of the choices, which are texts."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}: one of {', '.join(map(repr, choices))} "
                         "was expected")
