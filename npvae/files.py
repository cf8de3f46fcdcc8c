"""Files of arrays: .npz archives, read without pickle, and written whole or not at all."""

import os
import secrets
import zipfile
from pathlib import Path

import numpy as np


def read_npz(path):
    """All arrays of a .npz file, by name.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is no .npz file, is damaged, or holds Python objects.
    """
    with open(path, "rb") as handle:
        try:
            with np.load(handle, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, TypeError, AttributeError, EOFError, KeyError,
                NotImplementedError, zipfile.BadZipFile, zipfile.zlib.error) as error:
            raise ValueError(f"{path} is no .npz file, or is damaged: {error}") from error


def write_npz(path, **arrays):
    """Write a .npz file beside its place, then move it there: all of it, or none."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    file = open(temporary, "xb")
    try:
        with file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
