"""IDX files: the format of MNIST and of its drop-ins, plain or gzipped.

A big-endian header, two zero bytes, one byte for the type, one for the number of
axes, and four for the length of each axis; then the numbers.
"""

import gzip
import math
import os

import numpy as np

from npvae.inputs import check_path

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
BEST_RATIO = 1032                      # of deflate, in gzip: a byte becomes 1032 at most


def read_idx(path):
    """The array in an IDX file, in native byte order.

    Memory is taken for the array alone, once, and only where the file is large enough for it.

    Parameters
    ----------
    path : path-like
        Gzipped files are recognised by their first two bytes, not by their name.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where the file is no IDX file, is truncated, or is too long.
    """
    check_path(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not zipped:
            return _read(file, path, size)
        try:
            with gzip.open(file) as unzipped:
                return _read(unzipped, path, BEST_RATIO * size)
        except (gzip.BadGzipFile, EOFError, gzip.zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _read(file, path, most):
    """The array of an open file, of which no more than so many bytes can come."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in DTYPES:
        raise ValueError(f"{path} is no IDX file: it starts with {start[:4].hex() or 'nothing'}, "
                         "where 0000, a type (08 to 0e) and a number of axes were expected")
    dtype, n_axes = np.dtype(DTYPES[start[2]]), start[3]
    lengths, header = file.read(4 * n_axes), 4 + 4 * n_axes
    if len(lengths) < 4 * n_axes:
        raise ValueError(f"{path} is truncated: it ends within its header, after "
                         f"{4 + len(lengths)} bytes")
    shape = tuple(int(n) for n in np.frombuffer(lengths, ">u4"))
    promised = header + math.prod(shape) * dtype.itemsize
    if promised > most:                                             # nothing is allocated for it
        raise _wrong_size(path, most, shape, promised)
    data = np.empty(promised - header, np.uint8)
    read = header + _fill(data, file)
    if read < promised:
        raise _wrong_size(path, read, shape, promised)
    if file.read(1):
        raise _wrong_size(path, f"more than {promised}", shape, promised)
    try:
        array = data.view(dtype).reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path} is no array of NumPy's, of shape {shape}: {error}") from error
    if not array.dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return array


def _fill(data, file):
    """Read into an array of bytes, as far as the file goes: the number of bytes read."""
    view, filled = memoryview(data), 0
    while filled < len(data) and (n := file.readinto(view[filled:filled + (1 << 20)])):
        filled += n
    return filled


def _wrong_size(path, size, shape, promised):
    return ValueError(f"{path} is truncated or damaged: {size} bytes, where its header promises an "
                      f"array of shape {shape}, {promised} bytes in all")
