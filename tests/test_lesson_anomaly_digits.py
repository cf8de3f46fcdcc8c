"""What anomaly_digits.py claims, asserted from what its figures draw."""

import numpy as np
import pytest

import npvae
from quick_runs import load, run
from test_reading_list import figures


def check(found):
    for J in (2, 32):
        assert found[0, J]["-ELBO"] > 0.8
        assert found[1, J]["-ELBO"] < 0.35 and found[1, J]["per outline"] > 0.85       # the claim


def test_quick(tmp_path):
    check(run("anomaly_digits", tmp_path))
    assert figures(tmp_path) == {"anomaly_digits.png", "anomaly_digits_ones.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/anomaly_digits.py").main(["--out", str(tmp_path)])
    check(found)
    # epoch 5 to 20: with 2 dimensions a normal digit gets cheaper, a 1 dearer; with 32, both cheaper
    (area, normal, one), (area_32, normal_32, one_32) = (
        rows[19] - rows[4] for rows in (found["by epoch"][2], found["by epoch"][32]))
    assert normal < -5 and one > 5 and area > 0.1
    assert normal_32 < -5 and one_32 < -5 and area_32 < 0


def test_the_outline_of_an_image():
    example = load("examples/anomaly_digits.py")
    square = np.zeros((1, 28, 28))
    square[0, 5:9, 10:16] = 0.5                                     # 4 x 6: a way round of 20
    assert example.outline(square.reshape(1, -1)) == pytest.approx([0.5 * 20])


def test_the_published_likelihood_is_a_gaussian_of_variance_one_half():
    """-log p(x|z) is the squared error then, and a constant; by default it is the cross entropy."""
    example = load("examples/anomaly_digits.py")
    data = npvae.datasets.mnist()
    x, y = data.test_images[:2], np.random.default_rng(0).random((1, 2, 784))
    cost = {name: -example.trained_without(1, 2, data, 200, 1, options)[0].likelihood.log_prob(x, y)[0]
            for name, options in example.LIKELIHOODS.items()}
    squared_error = ((x - y)**2).sum(axis=-1)
    np.testing.assert_allclose(cost["gaussian"], squared_error + 392 * np.log(np.pi), rtol=1e-6)
    np.testing.assert_allclose(cost["bernoulli"], (np.logaddexp(0, y) - x * y).sum(axis=-1), rtol=1e-6)
