"""What latent_space.py claims, asserted from what its figures draw."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures


def check(found):
    assert found["change_most"] > 1.3 * found["change_least"]
    # a straight walk passes at sqrt(J / 2), a spherical one keeps near sqrt(J), for J = 20
    assert found["norms"]["straight"][6] == found["straight"] == pytest.approx(np.sqrt(10), abs=0.1)
    assert found["norms"]["spherical"] == pytest.approx(np.full(13, np.sqrt(20)), abs=0.1)
    # where the straight one passes the prior is denser, and nearly empty
    draws = np.random.default_rng(5).standard_normal((100_000, 20))
    share = np.mean(np.linalg.norm(draws, axis=-1) < np.sqrt(10))
    assert found["inside"] == pytest.approx(share, abs=4 * np.sqrt(0.03 / 100_000)) and share < 0.04
    assert np.log(found["denser"]) == pytest.approx((np.sqrt(20)**2 - np.sqrt(10)**2) / 2)
    assert np.all(np.diff(found["ink"]) > 5)                       # thicker, step by step


def test_quick(tmp_path):
    check(run("latent_space", tmp_path))
    assert figures(tmp_path) == {f"latent_space_{name}.png" for name in (
        "samples", "traversals", "interpolation", "norms", "arithmetic")}


@pytest.mark.slow
def test_full(tmp_path):
    check(load("examples/latent_space.py").main(["--out", str(tmp_path)]))


def test_the_walks_begin_and_end_where_they_should(rng):
    example = load("examples/latent_space.py")
    z0, z1 = rng.standard_normal((2, 7))
    for walk in (example.straight, example.spherical):
        path = walk(z0, z1, np.linspace(0, 1, 5))
        np.testing.assert_allclose(path[[0, -1]], [z0, z1], rtol=1e-12)
    cosines = [z0 @ z / np.linalg.norm(z0) / np.linalg.norm(z) for z in path[1:]]
    angles = np.arccos(cosines)
    np.testing.assert_allclose(angles, angles[-1] * np.array([0.25, 0.5, 0.75, 1]), rtol=1e-6)
