"""What conditional_accuracy.py claims, asserted from what its figure draws."""

import numpy as np
import pytest

import npvae
from quick_runs import load, run
from test_reading_list import figures


def check(found, small, large):
    # the more the code tells of the label, the less N(0, I) suits the label asked for
    assert found[f"prior {small}"] > found[f"prior {large}"] + 0.2
    assert found[f"kl label {small}"] < found[f"kl label {large}"]
    assert found[f"told {small}"] < found[f"told {large}"] - 0.2
    # what is called a bound is one: on ten labels z cannot tell more than log 10
    for n in (small, large):
        assert -0.05 < found[f"told {n}"] < np.log(10)
        assert found[f"kl all {n}"] < found[f"kl label {n}"]
    # a z from the label's own codes is right more often
    assert found[f"fitted {large}"] > found[f"prior {large}"] + 0.15


def test_quick(tmp_path):
    found = run("conditional_accuracy", tmp_path)
    assert found["judge"] > 0.92
    check(found, 2, 20)
    assert figures(tmp_path) == {"conditional_accuracy.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/conditional_accuracy.py").main(["--out", str(tmp_path)])
    check(found, 2, 20)
    assert np.all(np.diff([found[f"told {n}"] for n in (2, 5, 10, 20)]) > 0)
    assert np.all(np.diff([found[f"prior {n}"] for n in (2, 5, 10, 20)]) < 0)


def test_the_gaussian_fitted_to_a_labels_codes(rng):
    """Its mismatch is the KL of two full Gaussians, and zero for N(0, I) itself."""
    example = load("examples/conditional_accuracy.py")
    q = npvae.posteriors.Gaussian(rng.standard_normal((50, 3)), None, rng.random((50, 3)))
    mean, variances, axes = example.fit_gaussian(q)
    covariance = axes @ np.diag(variances) @ axes.T
    np.testing.assert_allclose(covariance, np.cov(q.mu.T) + np.diag((q.std**2).mean(axis=0)))
    expected = 0.5 * (np.trace(covariance) + mean @ mean - 3 - np.linalg.slogdet(covariance)[1])
    assert example.mismatch(mean, variances, axes) == pytest.approx(expected, rel=1e-12)
    assert example.mismatch(np.zeros(3), np.ones(3), np.eye(3)) == 0.0
    # and draws that are moved to it have its moments, each to that of its own label
    other, wanted = (np.zeros(3), np.full(3, 1e-12), np.eye(3)), np.arange(200_000) % 2
    z = example.like_the_labels_own(rng.standard_normal((200_000, 3)), wanted,
                                    [(mean, variances, axes), other])
    np.testing.assert_allclose(z[wanted == 0].mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(z[wanted == 0].T), covariance, atol=0.04)
    assert np.abs(z[wanted == 1]).max() < 1e-4


def test_what_a_code_tells_of_the_label(rng):
    """Of a bit: a classifier that knows how far to trust it finds I(z; c), any other one less."""
    example = load("examples/conditional_accuracy.py")
    labels = np.repeat([0, 1], 500)
    truth = np.where(np.arange(1000) % 5 < 4, labels, 1 - labels)        # z is the label, 4 of 5 times

    class Reader:
        def __init__(self, trust):
            self.trust = trust

        def forward(self, z):
            y = np.full((len(z), 10), -1000.0)
            y[np.arange(len(z)), z] = np.log(self.trust)
            y[np.arange(len(z)), 1 - z] = np.log(1 - self.trust)
            return y, None

    information = np.log(2) + 0.8 * np.log(0.8) + 0.2 * np.log(0.2)
    assert example.told_of_the_label(Reader(0.8), truth, labels) == pytest.approx(information, rel=1e-12)
    for trust in (0.6, 0.95):
        assert example.told_of_the_label(Reader(trust), truth, labels) < information
