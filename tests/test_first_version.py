"""Files of the first version: a later npvae reads them, to the same numbers, and goes on from them.

`first_version/write.py` tells how they were made. The numbers were computed on one machine; another
one's products are rounded otherwise, so they are compared to five digits.
"""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.learning import checkpoints

FOLDER = Path(__file__).parent / "first_version"


@pytest.fixture(scope="module")
def expected():
    with np.load(FOLDER / "expected.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def first():
    spec = importlib.util.spec_from_file_location("write", FOLDER / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_model_of_the_first_version_is_the_model_it_was(expected):
    model = npvae.load(FOLDER / "model.npz")
    assert model.objective == npvae.ELBO(beta=0.5)
    assert model.config["activation"] == "tanh" and model.parameters.dtype == np.float32
    loss = model.loss(expected["x"], expected["eps"])
    np.testing.assert_allclose(loss[:3], expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(model.encode(expected["x"]).mu, expected["mu"], rtol=1e-4, atol=1e-5)


def test_a_run_of_the_first_version_goes_on_to_the_end_it_had(expected, first, tmp_path):
    """Interrupted in its third epoch, with everything in use that a checkpoint remembers."""
    path = tmp_path / "training.npz"
    shutil.copy(FOLDER / "training.npz", path)
    training, arrays = checkpoints.load_into(path, first.model())
    assert (training["epoch"], training["step"], training["optimizer.t"]) == (2, 3, 13)
    assert {"optimizer.m", "optimizer.v", "best_theta"} <= set(arrays)
    model, x = first.model(), expected["x"]
    history = npvae.fit(model, x, checkpoint=path, resume=True, **first.settings(x))
    np.testing.assert_allclose([[row["loss"], row["kl"], row["val_loss"]] for row in history],
                               expected["history"], rtol=1e-5)
    assert np.argmin(expected["history"][:, 2]) == 0          # so the best weights are the file's
    np.testing.assert_allclose(model.parameters.theta, expected["theta"], rtol=1e-5, atol=1e-6)


def test_a_run_of_the_first_version_goes_on_without_its_held_out_data(expected, first, tmp_path):
    """It has kept best weights, of losses that there are no more of."""
    path = tmp_path / "training.npz"
    shutil.copy(FOLDER / "training.npz", path)
    settings = {name: value for name, value in first.settings(expected["x"]).items()
                if name not in ("validation", "validation_condition", "patience")}
    history = npvae.fit(first.model(), expected["x"], checkpoint=path, resume=True, **settings)
    assert "val_loss" in history[0] and "val_loss" not in history[-1]


def test_the_files_are_small():
    assert all(file.stat().st_size < 20_000 for file in FOLDER.glob("*.npz"))
