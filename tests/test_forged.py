"""Files made to cost their reader more than they cost their maker: refused, and frugally.

What a recipe would build is counted before it is drawn, and a checkpoint is not compressed: so the
parameters of its model are there in full, or the file is refused.
"""

import io
import json
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

import npvae
from broken_files import array_bytes, header_bytes, npz, read_or_refused
from helpers import small_of
from npvae.recipes import RECIPES

MANY = 20_000


def forged(recipe, n_parameters=1000, shapes=None, **sizes):
    """A checkpoint of a recipe's sizes, with so many zeros for parameters."""
    default = {"n_latent": 1} if "side" in sizes else {"n_data": 12, "n_hidden": [2], "n_latent": 1}
    sizes = {**default, **sizes}
    header = {"format": "npvae", "version": 2, "config": {"recipe": recipe, **sizes}, "parts": {},
              "shapes": shapes or {"a": [n_parameters]}, "training": None}
    return {"header.npy": header_bytes(header),
            "theta.npy": array_bytes(np.zeros(n_parameters, np.float32))}


def compressed(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def overlapping(members, n=40):
    """An archive that lists its largest member n times."""
    data = npz(members)
    start, end = data.rindex(b"PK\1\2"), data.rindex(b"PK\5\6")
    entry, tail = data[start:end], bytearray(data[end:])
    tail[8:12] = np.array([n + 1, n + 1], "<u2").tobytes()
    tail[12:16] = np.uint32(end - data.index(b"PK\1\2") + (n - 1) * len(entry)).tobytes()
    return data[:start] + n * entry + bytes(tail)


CONVOLUTIONAL = {"side": 1000, "channels": [1, 1]}
FORGED = {
    "a convolutional model of side 1000, compressed": lambda: compressed(
        forged("convolutional_vae", 250_071, **CONVOLUTIONAL)),
    "a convolutional model of side 1000": lambda: npz(forged("convolutional_vae", **CONVOLUTIONAL)),
    "a convolutional model of a million channels": lambda: npz(
        forged("convolutional_vae", side=4, channels=[10**6, 1])),
    "ten million conditions": lambda: npz(forged("conditional_vae", n_condition=10**7)),
    "a million conditions, compressed": lambda: compressed(
        forged("conditional_vae", 4 * 10**6, n_condition=10**6)),
    "ten million latent dimensions": lambda: npz(forged("vae", n_latent=10**7)),
    "many hidden sizes": lambda: npz(forged("vae", 5 * MANY, n_hidden=MANY * [1])),
    "many hidden sizes, compressed": lambda: compressed(forged("vae", 5 * MANY, n_hidden=MANY * [1])),
    "many sizes that add up": lambda: npz(forged("vae", 10**4, n_hidden=9 * [100],
                                                 shapes={str(i): [] for i in range(40)})),
    "the second of two layers": lambda: npz(
        forged("two_layer_iwae", n_hidden=[[3], [3]], n_latent=[2, 10**7])),
    "a member that is listed 40 times": lambda: overlapping(forged("vae", 10**5)),
}


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
def test_a_forged_file_is_refused_without_the_memory_or_the_time_it_asks_for(make, tmp_path):
    data = make()
    start = time.perf_counter()
    tracemalloc.start()
    try:
        assert read_or_refused("model", data, tmp_path) is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data) + 2**20
    assert time.perf_counter() - start < 5


def test_a_config_of_very_many_hidden_layers_costs_in_proportion(tmp_path):
    """One that its file does hold: some hundred bytes of Python for each byte of it, no more."""
    n = 200
    shapes = npvae.vae(12, n * (1,), 3).parameters.shapes
    data = npz(forged("vae", sum(map(np.prod, shapes.values())).item(), shapes, n_hidden=n * [1],
                      n_latent=3))
    tracemalloc.start()
    model = read_or_refused("model", data, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(model.encoder.layers) == 2 * n + 1 and peak < 150 * len(data)


@pytest.mark.parametrize("name", RECIPES)
def test_a_file_that_lacks_one_weight_is_refused_before_its_model_is_built(name, tmp_path):
    """For each recipe: all its weights are counted, and none but the weights."""
    model = small_of(name)
    n_weights = sum(block.size for part, block in model.blocks().items() if part.endswith("W"))
    config = json.loads(json.dumps(model.config))
    shapes = {part: list(block.shape) for part, block in model.blocks().items()}

    def read(n):
        header = {"format": "npvae", "version": 2, "config": config, "parts": {}, "shapes": shapes,
                  "training": None}
        data = npz({"header.npy": header_bytes(header),
                    "theta.npy": array_bytes(np.zeros(n, np.float32))})
        path = tmp_path / "model.npz"
        path.write_bytes(data)
        with pytest.raises(ValueError) as caught:
            npvae.load(path)
        return str(caught.value)

    assert "its sizes ask for more weights than it has" in read(n_weights - 1)
    assert f"holds theta of shape ({n_weights},)" in read(n_weights)
