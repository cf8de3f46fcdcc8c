"""What clusters_for_nothing.py claims, asserted from what its figure draws."""

from itertools import permutations

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures

AFTER, PRIOR = "k-means on a plain VAE", "mixture for a prior"


def check(found, least, about):
    assert found[PRIOR]["right"] > least                     # of guesses 11 % would be right
    assert abs(found[PRIOR]["right"] - found[AFTER]["right"]) < about
    assert found[PRIOR]["largest"] < 0.3
    # where the component is beyond doubt, the label is more often right
    assert found["right where sure"] > found[PRIOR]["right"] + 0.02 and found["sure"] > 0.3


def test_quick(tmp_path):
    check(run("clusters_for_nothing", tmp_path), 0.35, 0.15)
    assert figures(tmp_path) == {"clusters_for_nothing.png"}


@pytest.mark.slow
def test_full(tmp_path):
    check(load("examples/clusters_for_nothing.py").main(["--out", str(tmp_path)]), 0.55, 0.06)


def test_no_other_matching_is_better(rng):
    example = load("examples/clusters_for_nothing.py")
    component, labels = rng.integers(10, size=300), rng.integers(5, size=300)
    table = example.counts(component, labels)
    assert table[3, 2] == ((component == 3) & (labels == 2)).sum() and table.sum() == 300
    label, right = example.match(table)
    assert sorted(label) == list(range(10))
    assert right == pytest.approx(np.mean(label[component] == labels))
    # five labels, of ten, occur: which component has which of them is all that counts
    best = max(table[list(rows), range(5)].sum() for rows in permutations(range(10), 5))
    assert right == best / 300


def test_the_mixture_begins_with_the_clusters(rng):
    """Ten heaps of codes, of other sizes and widths each, are found, and are the components."""
    example = load("examples/clusters_for_nothing.py")
    heap = np.repeat(np.arange(10), 50 * np.arange(1, 11))
    middle, width = rng.normal(0.0, 10.0, (10, 10)), rng.uniform(0.3, 1.0, (10, 10))
    codes = middle[heap] + width[heap] * rng.standard_normal((len(heap), 10))
    centres = example.cluster(codes, rng, 50)
    prior = example.mixture_of(codes, centres)
    component = prior.responsibilities(codes.astype(np.float32)).argmax(axis=1)
    name, right = example.match(example.counts(component, heap))
    assert right == 1.0
    for c in range(10):
        own = codes[heap == name[c]]
        np.testing.assert_allclose(prior.mu[c], own.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(np.exp(prior.logvar[c]), own.var(axis=0), rtol=1e-4)
        assert prior.weights()[c] == pytest.approx(len(own) / len(codes), rel=1e-5)
