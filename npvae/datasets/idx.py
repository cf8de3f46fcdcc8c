"""IDX files: the format of MNIST and of its drop-ins, plain or gzipped.

A big-endian header, two zero bytes, one byte for the type, one for the number of
axes, and four for the length of each axis; then the numbers.
"""

import gzip
import math

import numpy as np

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path):
    """The array in an IDX file, in native byte order.

    Parameters
    ----------
    path : path-like
        Gzipped files are recognised by their first two bytes, not by their name.

    Raises
    ------
    ValueError
        Where the file is no IDX file, is truncated, or is too long.
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if zipped else open(path, "rb") as file:
            return _read(file, path)
    except (gzip.BadGzipFile, EOFError, gzip.zlib.error) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _read(file, path):
    data = file.read(4)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in DTYPES:
        raise ValueError(f"{path} is no IDX file: it starts with {data[:4].hex() or 'nothing'}, "
                         "where 0000, a type (08 to 0e) and a number of axes were expected")
    dtype, n_axes = np.dtype(DTYPES[data[2]]), data[3]
    header = 4 + 4 * n_axes
    data += file.read(4 * n_axes)
    if len(data) < header:
        raise ValueError(f"{path} is truncated: it ends within its header, after {len(data)} bytes")
    shape = tuple(int(n) for n in np.frombuffer(data[4:header], ">u4"))
    expected = header + math.prod(shape) * dtype.itemsize
    pieces, size = [], header
    while size <= expected and (piece := file.read(1 << 20)):       # a header may claim too much
        pieces.append(piece)
        size += len(piece)
    if size != expected:
        raise ValueError(f"{path} is truncated or damaged: {'more than ' * (size > expected)}"
                         f"{min(size, expected)} bytes, where its header promises an array of "
                         f"shape {shape}, {expected} bytes in all")
    try:
        array = np.frombuffer(b"".join(pieces), dtype).reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path} is no array of NumPy's, of shape {shape}: {error}") from error
    return array.astype(dtype.newbyteorder("="))
