"""Tables of numbers: reading them, and putting their columns on one scale."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.datasets.csv_files import DELIMITERS, read_csv
from npvae.files import read_npy
from npvae.inputs import (as_array, as_batch, as_finite, check_choice, check_finite, check_path,
                          check_real, check_type)

ROUNDING = 16 * np.finfo(np.float64).eps      # a column that varies by no more is constant


@dataclass(eq=False)                         # arrays have no one answer
class Standardizer:
    """(x - shift) / scale, column by column: see `standardizer_of`.

    Parameters
    ----------
    shift, scale : array (D,)
        Of finite numbers; those of scale are positive.
    """

    shift: np.ndarray
    scale: np.ndarray

    def __post_init__(self):
        for name in ("shift", "scale"):
            vector = as_array(getattr(self, name), name)
            check_real(vector, name)
            if vector.ndim != 1 or vector.size == 0:
                raise ValueError(f"{name} has shape {vector.shape}: one number for each column was "
                                 "expected")
            setattr(self, name, as_finite(vector, name, np.float64).copy())
        if self.shift.shape != self.scale.shape:
            raise ValueError(f"shift has shape {self.shift.shape} and scale {self.scale.shape}: "
                             "one of each for every column was expected")
        if (self.scale <= 0).any():
            raise ValueError(f"scale reaches {self.scale.min()}: positive numbers were expected")

    def __call__(self, x):
        if isinstance(x, np.ma.MaskedArray):                  # what is missing stays so
            return np.ma.masked_array(self(np.ma.filled(x, 0)), np.ma.getmaskarray(x))
        x = as_batch(x, "x", len(self.shift), np.float64)
        with np.errstate(over="ignore"):
            z = (x - self.shift) / self.scale
        check_finite(z, "(x - shift) / scale")
        return z


def standardizer_of(x):
    """The Standardizer under which the columns of x (n, D) have mean 0 and deviation 1.

    A column that never changes is shifted only; so is one that changes by less than the rounding
    of its numbers, 16 times float64's 2.2e-16 of the largest. Of a NumPy masked array, what is
    observed counts.
    """
    mask = False
    if isinstance(x, np.ma.MaskedArray):
        mask, x = np.ma.getmaskarray(x), np.ma.filled(x, 0)
    x = as_array(x, "x")
    x = as_batch(x, "x", x.shape[-1] if x.ndim else 1, np.float64)
    # In units of the largest of each column: squares of 1e-200 would vanish, of 1e200 overflow.
    largest = np.abs(x).max(axis=0)
    u = x / np.where(largest > 0, largest, 1.0)
    seen = np.broadcast_to(~np.asarray(mask), x.shape)
    n = np.maximum(seen.sum(axis=0), 1.0)
    mean = (u * seen).sum(axis=0) / n
    mean += ((u - mean) * seen).sum(axis=0) / n          # what the rounding of so long a sum has cost
    scale = largest * np.sqrt((np.square(u - mean) * seen).sum(axis=0) / n)
    span = np.where(seen, u, -np.inf).max(axis=0) - np.where(seen, u, np.inf).min(axis=0)
    varies = (span > ROUNDING) & (scale > 0)
    return Standardizer(largest * mean, np.where(varies, scale, 1.0))


def read_table(path, *, header=None, delimiter=None):
    """Numbers from a .npy file, or from a .csv file: float64, (n, D).

    Parameters
    ----------
    path : path-like
    header : bool, optional
        Of a .csv file: True where its first line names the columns, False where every line is a
        row, and every column data. If left out, a first line of names is one, and a first line of
        numbers is a row; what may be either is refused.
    delimiter : {",", ";", "\\t", "|"}, optional
        Of a .csv file: what stands between two numbers. If left out, a comma, where the file can
        be read in no other way.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is neither, is damaged, can be read in two ways, or holds something else than a
        table of numbers: names the line.
    """
    return read_named_table(path, header, delimiter)[0]


def read_named_table(path, header=None, delimiter=None):
    """As `read_table`; and the names of the columns, a list, where a first line has them, or None."""
    check_path(path)
    check_type(header, "header", (bool, type(None)), "True, False or None")
    if delimiter is not None:
        check_choice(delimiter, "delimiter", DELIMITERS)
    path = Path(path)
    if path.suffix != ".csv" and not (header is None and delimiter is None):
        raise ValueError(f"header is {header!r} and delimiter is {delimiter!r}, and {path} is no "
                         ".csv file: only those have them")
    names = None
    try:
        if path.suffix == ".npy":
            with open(path, "rb") as file:
                table = read_npy(file, os.fstat(file.fileno()).st_size)
        elif path.suffix == ".csv":
            table, names = read_csv(path, header, delimiter)
        else:
            raise ValueError("its name ends neither in .npy nor in .csv")
    except ValueError as error:
        raise ValueError(f"{path} is no table of numbers: {error}") from error
    if table.ndim != 2 or table.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds an array of shape {table.shape} and dtype {table.dtype}: "
                         "a table of numbers, (rows, columns), was expected")
    return as_batch(table, str(path), table.shape[1], np.float64), names
