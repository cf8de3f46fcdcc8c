"""Tables of numbers: reading them, and putting their columns on one scale."""

import os
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.files import read_npy
from npvae.inputs import as_batch


@dataclass
class Standardizer:
    """(x - shift) / scale, column by column: see `standardizer_of`."""

    shift: np.ndarray
    scale: np.ndarray

    def __call__(self, x):
        x = as_batch(x, "x", len(self.shift), np.float64)
        return (x - self.shift) / self.scale


def standardizer_of(x):
    """The Standardizer under which the columns of x (n, D) have mean 0 and deviation 1.

    A column that never changes is shifted only.
    """
    columns = np.shape(x)[-1] if np.ndim(x) else 1
    x = as_batch(x, "x", columns, np.float64)
    scale = x.std(axis=0)
    return Standardizer(x.mean(axis=0), np.where(scale > 0, scale, 1.0))


def read_table(path):
    """Numbers from a .npy file, or from a .csv file: float64, (n, D).

    A .csv file has commas between its numbers; a first line of names is left out.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is neither, is damaged, or holds something else than a table of numbers.
    """
    path = Path(path)
    try:
        if path.suffix == ".npy":
            with open(path, "rb") as file:
                table = read_npy(file, os.fstat(file.fileno()).st_size)
        elif path.suffix == ".csv":
            table = _read_csv(path)
        else:
            raise ValueError("its name ends neither in .npy nor in .csv")
    except ValueError as error:
        raise ValueError(f"{path} is no table of numbers: {error}") from error
    if table.ndim != 2 or table.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds an array of shape {table.shape} and dtype {table.dtype}: "
                         "a table of numbers, (rows, columns), was expected")
    return as_batch(table, str(path), table.shape[1], np.float64)


def _read_csv(path):
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if lines and not any(map(_is_number, lines[0].split(","))):
        lines = lines[1:]
    if not lines:
        raise ValueError("it has no rows")
    width, numbers = len(lines[0].split(",")), array("d")
    for number, line in enumerate(lines, start=1):
        row = line.split(",")
        if len(row) != width:
            raise ValueError(f"row {number} has {len(row)} columns, the first {width}")
        for cell in row:
            if not _is_number(cell):
                raise ValueError(f"row {number} holds {cell[:40]!r}")
            numbers.append(float(cell))
    return np.array(numbers).reshape(-1, width)


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
