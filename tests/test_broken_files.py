"""One file for each way in which a file can be wrong: refused by its name, and frugally."""

import gzip
import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from broken_files import (array_bytes, header_bytes, idx, image_arrays, members_of, npy, npz,
                          read_or_refused)


def with_header(data, **changes):
    """A checkpoint whose header has other entries; None leaves an entry out."""
    members = members_of(data)
    header = json.loads(np.load(io.BytesIO(members["header.npy"])).tobytes())
    header = {name: value for name, value in {**header, **changes}.items() if value is not None}
    return npz({**members, "header.npy": header_bytes(header)})


def with_config(data, **changes):
    return with_header(data, config={"recipe": "vae", "n_data": 12, "n_hidden": [7, 5],
                                     "n_latent": 3, "activation": "tanh", **changes})


def with_member(data, name, content):
    """An archive in which one member is another, or is left out."""
    members = {**members_of(data), name: content}
    return npz({name: content for name, content in members.items() if content is not None})


def encrypted(data):
    """An archive whose first member claims, by one bit, to be encrypted."""
    data = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


HUGE = ("<f4", False, (10**9, 4000))
BEYOND = ("<f4", False, (10**30,))
DETECTOR = {"score": "negative_elbo", "n_samples": 2, "seed": 0}
UNPARSED = "{'descr': '<f4', 'shape': ((3,"

REFUSED = [
    ("a text", "model", lambda data: b"a text, no archive"),
    ("nothing", "idx", lambda data: b""),
    ("more axes than NumPy has", "idx", lambda data: idx([1] * 100, b"1")),
    ("no images of huge size", "idx", lambda data: idx((0, *[2**32 - 1] * 3))),
    ("4 billion images", "idx", lambda data: idx((4 * 10**9, 28, 28), bytes(784))),
    ("4 billion images", "idx.gz", lambda data: gzip.compress(idx((4 * 10**9, 28, 28)))),
    ("half a header", "npy", lambda data: npy(UNPARSED)),
    ("half a header", "model", lambda data: with_member(data, "theta.npy", npy(UNPARSED))),
    ("a header of signs", "npy", lambda data: npy("-" * 5000 + "1")),
    ("a header of signs", "model",
     lambda data: with_member(data, "theta.npy", npy("-" * 5000 + "1"))),
    ("a header with a dict for a key", "npy", lambda data: npy("{{}: 1}")),
    ("a shape beyond all integers", "npy", lambda data: npy(BEYOND)),
    ("a shape beyond all integers", "images",
     lambda data: with_member(data, "test_labels.npy", npy(BEYOND))),
    ("a shape beyond all memory", "npy", lambda data: npy(HUGE)),
    ("a shape beyond all memory", "images",
     lambda data: with_member(data, "test_images.npy", npy(HUGE))),
    ("an archive", "npy", lambda data: npz({"a.npy": data})),
    ("a table of texts", "npy", lambda data: array_bytes(np.array([["1", "2"]]))),
    ("a table of objects", "npy", lambda data: npy(("|O", False, (1, 1)), b"12345678")),
    ("a line of 300,000 cells too many", "csv", lambda data: data + b"1," * 300_000),
    ("one digit, a million times", "csv", lambda data: b"1" * 10**6),
    ("an encrypted member", "images", encrypted),
    ("a member that is no array", "images",
     lambda data: with_member(data, "train_images.npy", b"text")),
    ("images without pixels", "images", lambda data: with_member(
        data, "test_images.npy", array_bytes(np.zeros((12, 0, 3), np.uint8)))),
    ("test images of another size", "images", lambda data: with_member(
        data, "test_images.npy", array_bytes(np.zeros((12, 5, 3), np.uint8)))),
    ("no parameters", "model", lambda data: with_member(data, "theta.npy", None)),
    ("parameters as text", "model", lambda data: with_member(
        data, "theta.npy", array_bytes(np.full(325, "1")))),
    ("parameters as integers", "model", lambda data: with_member(
        data, "theta.npy", array_bytes(np.ones(325, int)))),
    ("a parameter that is not finite", "model", lambda data: with_member(
        data, "theta.npy", array_bytes(np.full(325, np.nan, np.float32)))),
    ("a header of brackets", "model", lambda data: with_member(
        data, "header.npy", header_bytes("[" * 100_000))),
    ("no shapes", "model", lambda data: with_header(data, shapes=[])),
    ("a shape that is a number", "into", lambda data: with_header(data, shapes={"a": 3})),
    ("a config that is a number", "model", lambda data: with_header(data, config=3)),
    ("a recipe that is a list", "model", lambda data: with_config(data, recipe=[])),
    ("a variance beyond all floats", "model",
     lambda data: with_config(data, variance=10**400)),
    ("a model beyond all memory", "model", lambda data: with_config(data, n_data=10**12)),
    ("a detector that is a number", "detector",
     lambda data: with_header(data, training={"detector": 3})),
    ("a list for a detector", "detector",
     lambda data: with_header(data, training=["detector"])),
    ("a detector without a score", "detector",
     lambda data: with_header(data, training={"detector": {"n_samples": 2, "seed": 0}})),
    ("a detector with a score of another name", "detector", lambda data: with_header(
        data, training={"detector": {**DETECTOR, "score": "elbow"}})),
    ("a detector whose normal rows lack less than nothing", "detector", lambda data: with_header(
        data, training={"detector": {**DETECTOR, "most_missing": -1}})),
    ("a detector without its mean", "detector",
     lambda data: with_member(data, "latent_mean.npy", None)),
    ("a detector with a mean of another size", "detector", lambda data: with_member(
        data, "latent_mean.npy", array_bytes(np.zeros(4)))),
    ("a detector with a second model and no moments of its codes", "detector", lambda data: with_member(
        data, "other_thetas.npy", members_of(data)["theta.npy"])),
    ("a detector with a second model of another size", "detector", lambda data: with_member(
        data, "other_thetas.npy", array_bytes(np.zeros((1, 7), np.float32)))),
    ("a detector with scores that are not finite", "detector", lambda data: with_member(
        data, "normal_scores.npy", array_bytes(np.full(30, np.nan)))),
    ("a detector with half a standardizer", "detector", lambda data: with_member(
        data, "shift.npy", array_bytes(np.zeros(12))))]


def table(rows):
    return pytest.mark.parametrize("kind, change", [
        pytest.param(kind, change, id=f"{kind}: {name}") for name, kind, change in rows])


@table(REFUSED)
def test_what_cannot_be_read_is_refused_by_name(kind, change, originals, tmp_path):
    assert read_or_refused(kind, change(originals[kind]), tmp_path) is None


def test_a_flipped_bit_in_the_shapes_of_large_images_is_noticed(tmp_path):
    file = io.BytesIO()
    np.savez(file, **image_arrays(2000))
    data = file.getvalue().replace(b"(2000, 4, 3)", b"(2000, 4, 2)")
    assert read_or_refused("images", data, tmp_path) is None


def test_an_array_in_the_file_replaces_no_part_of_a_detector(originals, tmp_path):
    data = with_member(originals["detector"], "score.npy", array_bytes(np.zeros(3)))
    assert callable(read_or_refused("detector", data, tmp_path).score)


# ---- memory ------------------------------------------------------------------------------

ZEROS = bytes(32 * 2**20)


def lying(data, size=4 * 10**9):
    """A stored archive whose first member, and its entry, claim 4 GB."""
    header = npy(("<f4", False, ((size - 128) // 4, 1)))
    header = header.ljust(127) + b"\n"
    header = header[:8] + struct.pack("<H", 118) + header[10:]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("header.npy", header)
    data = bytearray(file.getvalue())
    entry = data.index(b"PK\1\2")
    data[18:26] = data[entry + 20:entry + 28] = struct.pack("<II", size, size)
    return bytes(data)


FRUGAL = [
    ("4 billion images", "idx", lambda data: idx((4 * 10**9, 28, 28), bytes(784))),
    ("zeros behind a small header", "idx.gz",
     lambda data: gzip.compress(idx((2, 2)) + ZEROS)),
    ("zeros without a header", "idx.gz",
     lambda data: gzip.compress(ZEROS)),
    ("4 GB claimed", "npy", lambda data: npy(("<f4", False, (10**9, 1)), bytes(400))),
    ("4 GB claimed", "images", lambda data: with_member(
        data, "test_images.npy", npy(("|u1", False, (10**9, 2, 2)), bytes(400)))),
    ("4 GB claimed, also by the archive", "model", lying),
    ("zeros behind a small array", "images", lambda data: with_member(
        data, "test_images.npy", members_of(data)["test_images.npy"] + ZEROS)),
    ("a small file of a model of 400 million parameters", "model",
     lambda data: with_config(data, n_hidden=[20_000, 20_000])),
    ("text where a size should be", "model",
     lambda data: with_config(data, n_data="x", n_hidden=[10**9, 5])),
    ("a side of 100,000 pixels", "model", lambda data: with_header(data, config={
        "recipe": "convolutional_vae", "side": 100_000, "channels": [4, 4], "n_latent": 2})),
    ("two layers, the second large", "model", lambda data: with_header(data, config={
        "recipe": "two_layer_iwae", "n_data": 12, "n_hidden": [[3], [30_000, 30_000]],
        "n_latent": [2, 2]})),
    ("one long line", "csv", lambda data: b"12," * 100_000 + b"1"),
    ("many short lines", "csv", lambda data: b"1\n" * 100_000),
    ("a cell that is no number", "csv", lambda data: b"1\n" + b"x" * 300_000)]


@table(FRUGAL)
def test_no_file_asks_for_much_more_memory_than_its_size(kind, change, originals, tmp_path):
    data = change(originals[kind])
    tracemalloc.start()
    try:
        read_or_refused(kind, data, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    except MemoryError:
        peak = np.inf
    finally:
        tracemalloc.stop()
    assert peak < 50 * len(data) + 10 * 2**20
