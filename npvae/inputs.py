"""The door: what the public functions ask of the arrays they are given.

Each check raises an error that names the argument, says what it was, and says what
was expected. Inner functions trust their callers and check nothing.
"""

import math

import numpy as np


def as_batch(x, name, n_columns, dtype):
    """x as a finite array (B, n_columns) of the given dtype, B at least 1."""
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {x.dtype}: real numbers were expected")
    if x.ndim != 2 or x.shape[1] != n_columns:
        hint = ""
        if x.ndim > 2 and np.prod(x.shape[1:]) == n_columns:
            hint = f"; flatten it with {name}.reshape(len({name}), -1)"
        raise ValueError(f"{name} has shape {x.shape}: (batch, {n_columns}) was expected{hint}")
    if len(x) == 0:
        raise ValueError(f"{name} has shape {x.shape}: at least one row was expected")
    x = x.astype(dtype, copy=False)
    check_finite(x, name)
    return x


def check_finite(x, name):
    """Raise ValueError where x holds a NaN or an infinity, naming the first."""
    if not np.isfinite(x).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"{name} is {x[where]} at index {where}: finite numbers were expected")


def check_range(x, name, low, high, expected):
    """Raise ValueError where x leaves [low, high], saying what was expected."""
    smallest, largest = x.min(), x.max()
    if smallest < low or largest > high:
        raise ValueError(f"{name} lies in [{smallest:.6g}, {largest:.6g}]: {expected}")


def as_one_hot(labels, name, n_classes, dtype):
    """Integer labels (B,) in 0 .. n_classes - 1 as rows of zeros with a single one."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(f"{name} has shape {labels.shape} and dtype {labels.dtype}: "
                        "one integer for each row was expected")
    check_range(labels, name, 0, n_classes - 1,
                f"labels from 0 to {n_classes - 1} were expected")
    one_hot = np.zeros((len(labels), n_classes), dtype)
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot


def check_count(value, name, least=1):
    """Raise where value is no integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}: an integer of at least {least} was expected")


def check_positive(value, name):
    """Raise where value is not a positive, finite number."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}: a positive, finite number was expected")


def check_choice(value, name, choices):
    """Raise where value is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: one of {', '.join(map(repr, choices))} "
                         "was expected")
