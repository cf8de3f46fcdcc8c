"""What linear_autoencoder_pca.py claims, asserted from what its figures draw."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures


def check(found, angle):
    lbfgs, fixed = found["L-BFGS, full batch"], found["Adam, fixed rate"]
    # the same subspace and reconstructions ...
    assert 0 <= lbfgs["excess"] < 1e-5 and lbfgs["angle"] < angle
    assert found["apart"] < 0.05
    # ... not the same axes
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(found["cosines"]["components"], np.eye(6), atol=1e-12)
    assert found["cosines"]["rows of the decoder"][off].max() > 0.1
    # equal error is not yet the same subspace
    assert 1e-4 < fixed["excess"] < 1e-2 and fixed["angle"] > 3 * lbfgs["angle"]


def test_quick(tmp_path):
    found = run("linear_autoencoder_pca", tmp_path)
    check(found, 0.5)
    assert "Adam, falling rate" not in found            # it has not the time that it needs
    assert figures(tmp_path) == {f"linear_autoencoder_pca_{name}.png"
                                 for name in ("descent", "axes", "reconstructions")}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/linear_autoencoder_pca.py").main(["--out", str(tmp_path)])
    check(found, 0.01)
    assert found["Adam, falling rate"]["angle"] < 0.5 * found["Adam, fixed rate"]["angle"]
