"""Readers of files, fed with damaged files and with noise: refused by name, or read soundly.

16 kinds of damage, 32 files each; 625 each where the slow tests are asked for.
"""

import gzip
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_files import (FILES, assert_sound, contents, header_bytes, members_of, npz,
                          read_or_refused)

MAGIC = {"idx": b"\0\0\x08", "idx.gz": b"\x1f\x8b\x08", "npy": b"\x93NUMPY\x01\0", "csv": b"1,2\n"}


# ---- damage ------------------------------------------------------------------------------

def flipped(data, rng):
    for i in rng.integers(len(data), size=rng.integers(1, 4)):
        data[i] ^= 1 << rng.integers(8)


def overwritten(data, rng):
    i, n = rng.integers(len(data)), rng.integers(1, 9)
    data[i:i + n] = rng.choice([rng.bytes(n), bytes(n), b"\xff" * n, b"9" * n])


def truncated(data, rng):
    del data[rng.integers(len(data)):]


def extended(data, rng):
    data += rng.bytes(rng.integers(1, 100))


def swapped(data, rng):
    a, b, c = np.sort(rng.integers(len(data) + 1, size=3))
    data[a:c] = data[b:c] + data[a:b]


def cut(data, rng):
    a, b = np.sort(rng.integers(len(data) + 1, size=2))
    del data[a:b]


def doubled(data, rng):
    a, b = np.sort(rng.integers(len(data) + 1, size=2))
    data[a:a] = data[a:b]


DAMAGES = [flipped, overwritten, truncated, extended, swapped, cut, doubled]


def damaged(data, rng):
    """The bytes with one kind of damage, anywhere or, as often, in the first 128."""
    data = bytearray(data)
    stop = 128 if rng.random() < 0.5 else len(data)
    start = data[:stop]
    DAMAGES[rng.integers(len(DAMAGES))](start, rng)
    return bytes(start + data[stop:])


def damaged_inside(data, rng):
    """The same behind the checksums of the gzip or .npz file, which are right again."""
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(damaged(gzip.decompress(data), rng), 1)
    members = members_of(data)
    name = sorted(members)[rng.integers(len(members))]
    return npz({**members, name: damaged(members[name], rng)})


JSON_VALUES = [None, True, 0, -1, 3, 10**30, 10**400, 1e308, float("nan"), "", "vae", "é", [],
               [[]], [1], ["detector"], [None, None], {}, {"": 0}, {"recipe": []}]


def damaged_header(data, rng):
    """The same for one value of a checkpoint's header, replaced or left out."""
    members = members_of(data)
    header = json.loads(np.load(io.BytesIO(members["header.npy"])).tobytes())
    places = list(places_in(header))
    container, key = places[rng.integers(len(places))]
    if rng.random() < 0.2:
        del container[key]
    else:
        container[key] = JSON_VALUES[rng.integers(len(JSON_VALUES))]
    return npz({**members, "header.npy": header_bytes(header)})


def places_in(container):
    for key in list(container) if isinstance(container, dict) else range(len(container)):
        yield container, key
        if isinstance(container[key], (dict, list)):
            yield from places_in(container[key])


# ---- the claims --------------------------------------------------------------------------

WAYS = [(kind, damaged) for kind in FILES]
WAYS += [(kind, damaged_inside) for kind in ("idx.gz", "images", "model", "into", "detector")]
WAYS += [(kind, damaged_header) for kind in ("model", "into", "detector")]


def ways(number, *marks):
    return [pytest.param(kind, damage, number, id=f"{kind}-{damage.__name__}-{number}", marks=marks)
            for kind, damage in WAYS]


@pytest.mark.filterwarnings("ignore:.*is not kept")              # a header says of which objective
@pytest.mark.parametrize("kind, damage, number", ways(32) + ways(625, pytest.mark.slow))
def test_damaged_files_are_refused_by_name_or_read_soundly(
        kind, damage, number, originals, tmp_path):
    """Behind a checksum, what is read is the original."""
    rng = np.random.default_rng([0, sorted(FILES).index(kind)])
    original = contents(read_or_refused(kind, originals[kind], tmp_path))
    refused = 0
    for _ in range(number):
        result = read_or_refused(kind, damage(originals[kind], rng), tmp_path)
        if result is None:
            refused += 1
            continue
        assert_sound(kind, result)
        if damage is damaged and kind not in ("idx", "npy", "csv"):
            for array, expected in zip(contents(result), original, strict=True):
                np.testing.assert_array_equal(array, expected)
    assert refused > 0


@pytest.mark.parametrize("kind", FILES)
def test_the_originals_are_read(kind, originals, tmp_path):
    assert_sound(kind, read_or_refused(kind, originals[kind], tmp_path))
    if kind not in ("idx", "npy", "csv", "idx.gz"):
        assert_sound(kind, read_or_refused(kind, npz(members_of(originals[kind])), tmp_path))


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
def test_any_bytes_are_refused_by_name_or_read_soundly(kind, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    start = data.draw(st.sampled_from([b"", MAGIC.get(kind, b"PK\x03\x04")]))
    result = read_or_refused(kind, start + data.draw(st.binary(max_size=200)), folder)
    if result is not None:
        assert_sound(kind, result)
