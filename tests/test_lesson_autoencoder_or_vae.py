"""What autoencoder_or_vae.py claims, asserted from what its figures draw."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures


def check(found):
    point, region = found["AE"], found["VAE"]
    # a point has no region, and no finite KL
    assert point["std"] == 0.0 and 0.02 < region["std"] < 0.5
    assert np.isinf(point["kl"]).all() and np.isfinite(region["kl"]).all()
    # the KL pulls the codes to where N(0, I) draws, and its draws nearer to the images
    assert abs(region["deviation"] - 1) < 0.8 and abs(point["deviation"] - 1) > 1
    assert point["inside"] < region["inside"] - 0.1 and region["inside"] < 0.86
    assert region["distance"] < point["distance"]
    # no covariance is that of N(0, I) yet, but none is far from it in its correlation
    assert abs(point["correlation"]) < 0.5 and abs(region["correlation"]) < 0.5
    # in units of its own deviations, the autoencoder has more holes
    assert point["holes"] > 1.5 * region["holes"]
    # and reconstruction pays for it
    assert point["reconstruction"] < region["reconstruction"]


def test_quick(tmp_path):
    check(run("autoencoder_or_vae", tmp_path))
    assert figures(tmp_path) == {f"autoencoder_or_vae_{name}.png"
                                 for name in ("codes", "normality", "map", "decoded")}


@pytest.mark.slow
def test_full(tmp_path):
    check(load("examples/autoencoder_or_vae.py").main(["--out", str(tmp_path)]))


def test_a_tile_is_empty_where_no_code_lies():
    """The map is of 2.5 deviations to each side; its first row is the lowest."""
    example = load("examples/autoencoder_or_vae.py")
    mean, deviation = np.array([1.0, -2.0]), np.array([2.0, 0.5])
    centre, corner, outside = mean, mean - 2.45 * deviation, mean + [0, 2.6 * 0.5]
    right = mean + [2.45 * 2, 0]
    tiles = example.in_each_tile(np.array([centre, corner, outside, right, right]), mean, deviation)
    expected = np.zeros((15, 15))
    expected[[7, 0, 7], [7, 0, 14]] = 1, 1, 2
    np.testing.assert_array_equal(tiles, expected)


def test_the_walk_leads_between_the_farthest_means_in_deviations(rng):
    """In one plane digits 2 and 5 lie apart, in the other, of 100 times the units, 0 and 9 a little."""
    labels = np.repeat(np.arange(10), 20)
    small, large = rng.normal(0, 0.1, (2, 200, 2))
    small[labels == 2] += 5
    small[labels == 5] -= 5
    large[labels == 0] += 0.1
    example = load("examples/autoencoder_or_vae.py")
    assert set(example.walk_ends({"a": small, "b": 100 * large}, labels)) == {2, 5}
