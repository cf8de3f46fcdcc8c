"""Files of arrays: .npz archives, read without pickle, and written whole or not at all."""

import glob
import math
import os
import secrets
import zipfile
from pathlib import Path

import numpy as np

from npvae.inputs import check_path


def read_npz(path):
    """All arrays of a .npz file, by name.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is no .npz file, is damaged, or holds Python objects.
    """
    check_path(path)
    with open(path, "rb") as handle:
        try:
            with zipfile.ZipFile(handle) as archive:
                return {info.filename.removesuffix(".npy"): _read_member(archive, info, handle)
                        for info in archive.infolist()}
        except Exception as error:         # there is no list of what zipfile and NumPy raise
            raise ValueError(f"{path} is no .npz file, or is damaged: {error}") from error


def _read_member(archive, info, handle):
    if info.file_size > 1032 * os.fstat(handle.fileno()).st_size:    # deflate's best ratio
        raise ValueError(f"{info.filename} claims {info.file_size} bytes")
    with archive.open(info) as file:
        return read_npy(file, info.file_size)


def read_npy(file, size):
    """The array of an open .npy file of so many bytes: no fewer than it promises, and no more.

    Raises
    ------
    ValueError
        Where it is no .npy file, is damaged, or holds Python objects.
    """
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                       (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read_header(file)
        promised = file.tell() + math.prod(shape) * dtype.itemsize
        if promised != size:
            raise ValueError(f"{size} bytes, where its header promises an array of shape {shape}, "
                             f"{promised} bytes in all")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:             # a damaged header leads NumPy's parser anywhere
        raise ValueError(str(error)) from error


def remove_parts(path):
    """Delete what processes that were killed while they wrote this file have left of it."""
    path = Path(path)
    for part in path.parent.glob(f"{glob.escape(path.name)}.{'[0-9a-f]' * 8}.part"):
        part.unlink(missing_ok=True)


def write_npz(path, **arrays):
    """Write a .npz file beside its place, then move it there: all of it, or none."""
    check_path(path)
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"{name} has dtype object, which can only be pickled: an array of "
                            "numbers was expected")
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
