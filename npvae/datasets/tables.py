"""Tables of numbers: reading them, and putting their columns on one scale."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.inputs import as_batch


@dataclass
class Standardizer:
    """(x - shift) / scale, column by column: see `standardizer_of`."""

    shift: np.ndarray
    scale: np.ndarray

    def __call__(self, x):
        return (x - self.shift) / self.scale


def standardizer_of(x):
    """The Standardizer under which the columns of x (n, D) have mean 0 and deviation 1.

    A column that never changes is shifted only.
    """
    x = np.asarray(x, np.float64)
    x = as_batch(x, "x", x.shape[-1], np.float64)
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
                table = np.load(file, allow_pickle=False)
        elif path.suffix == ".csv":
            table = _read_csv(path)
        else:
            raise ValueError("its name ends neither in .npy nor in .csv")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no table of numbers: {error}") from error
    if table.ndim != 2 or table.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds an array of shape {table.shape} and dtype {table.dtype}: "
                         "a table of numbers, (rows, columns), was expected")
    return as_batch(table, str(path), table.shape[1], np.float64)


def _read_csv(path):
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    rows = [line.split(",") for line in lines]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    if not rows:
        raise ValueError("it has no rows")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} columns, the first {len(rows[0])}")
        for cell in row:
            if not _is_number(cell):
                raise ValueError(f"row {number} holds {cell!r}")
    return np.array(rows, np.float64)


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
