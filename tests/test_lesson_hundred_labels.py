"""What hundred_labels.py claims, asserted from what its figures draw."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures

ALONE = "the labelled images alone"


def gains(found):
    """{labels: the errors without and with the other images, (2, seeds)}."""
    counts = sorted({count for _, count, _ in found})
    seeds = sorted({seed for *_, seed in found})
    others = next(which for which, *_ in found if which != ALONE)
    return {count: np.array([[found[which, count, seed] for seed in seeds] for which in (ALONE, others)])
            for count in counts}


def test_quick(tmp_path):
    (alone, taught), = gains(run("hundred_labels", tmp_path)).values()
    assert 5.0 < alone.item() < 20.0 and taught.item() < 0.75 * alone.item()
    assert figures(tmp_path) == {"hundred_labels.png", "hundred_labels_styles.png"}


def test_as_many_labels_of_each_class(rng):
    labels = rng.integers(5, size=300)
    condition = load("examples/hundred_labels.py").some_labels(labels, 50, 5, 0)
    known = condition.any(axis=1)
    assert (condition.sum(axis=0) == 10).all() and known.sum() == 50
    np.testing.assert_array_equal(condition[known].argmax(axis=1), labels[known])


def test_smaller_images_are_means_of_four_pixels(rng):
    image = rng.random((3, 28, 28))
    found = load("examples/hundred_labels.py").smaller(image.reshape(3, 784)).reshape(3, 14, 14)
    assert found[1, 2, 5] == pytest.approx(image[1, 4:6, 10:12].mean())


@pytest.mark.slow
def test_full(tmp_path):
    found = gains(load("examples/hundred_labels.py").main(["--out", str(tmp_path)]))
    means = {count: errors.mean(axis=1) for count, errors in found.items()}
    gained = {count: (alone - taught) / alone for count, (alone, taught) in means.items()}
    assert min(gained[50], gained[100]) > 0.25 > gained[300] > 0.05 > gained[1000] > -0.15
    for count in (50, 100, 300):                                  # with every seed
        assert (found[count][1] < found[count][0]).all()
