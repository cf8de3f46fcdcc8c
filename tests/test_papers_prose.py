"""What benchmarks/README.md says of the curves of Kingma and Welling: its numbers are their results'."""

import json
import re

import numpy as np
import pytest

from quick_runs import ROOT


def results(figure, key):
    """Of each curve, by (method, what tells it apart): its columns as arrays."""
    found = {}
    for path in sorted((ROOT / "benchmarks/papers/results").glob(f"{figure}_*.json")):
        result = json.loads(path.read_text())
        curve = result["curve"]
        found[result["method"], result[key]] = {name: np.array([row[name] for row in curve])
                                                for name in curve[0]}
    return found


def at(curve, images):
    """Which row is nearest to so many images, on a log scale."""
    return np.abs(np.log(curve["images"] / images)).argmin()


def rise(curve, name, images):
    """By how much a curve rises in the last fifth of the way to so many images, nats."""
    end = at(curve, images)
    before = np.interp(0.8 * curve["images"][end], curve["images"], curve[name])
    return curve[name][end] - before


@pytest.fixture(scope="module")
def said():
    """The section, without its line breaks."""
    page = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    section, = re.findall(r"^### Auto-encoding variational Bayes\n(.*?)^### ", page,
                          re.MULTILINE | re.DOTALL)
    return " ".join(section.split())


def test_what_is_said_of_figure_2(said):
    curves, sizes = results("auto_encoding", "size"), (3, 5, 10, 20, 200)
    aevb, sleep = ([curves[method, size] for size in sizes] for method in ("AEVB", "wake-sleep"))
    test = {size: curve["test"][at(curve, 1e7)] for size, curve in zip(sizes, aevb)}
    assert "200 of them are where 20 are" in said
    assert f"({test[200]:.2f} and {test[20]:.2f} on the test images)" in said
    parted = [curve["train"][at(curve, 1e7)] - curve["test"][at(curve, 1e7)] for curve in aevb]
    assert max(parted[2:]) < 0.7 and "train and test stay within 0.7 nats then" in said
    assert f"(with 3 they part by {parted[0]:.1f})" in said
    rises = [rise(curve, "train", 1e7) for curve in aevb]
    assert f"rose by {min(rises):.1f} to {max(rises):.1f} nats on the training images" in said
    long = curves["AEVB", 20]
    assert f"still rises by {rise(long, 'train', 1e8):.1f} nats on the training images" in said
    assert f"and by {rise(long, 'test', 1e8):.1f} on the test images" in said
    assert f"have parted by {long['train'][-1] - long['test'][-1]:.1f}" in said
    for method, of_method, images in (("wake-sleep", sleep, 1.02e6), ("AEVB", aevb, 1.08e6)):
        ends = [f"{curve['test'][at(curve, images)]:.2f}" for curve in of_method]
        assert f"{', '.join(ends[:-1])} and {ends[-1]}" in said, method
        assert all(curve["images"][at(curve, images)] == images for curve in of_method)
        assert f"after {images / 1e6:.2f} million" in said


def test_what_is_said_of_figure_3(said):
    curves = results("marginal_likelihood", "n_train")
    few, many = curves["AEVB", 1000], curves["AEVB", 50000]
    half = np.searchsorted(few["images"], few["images"][-1] / 2, side="right") - 1
    assert f"still rises, by {few['test'][-1] - few['test'][half]:.1f} nats in the second half" in said
    best = few["test_by_q"].argmax()
    assert f"have fallen since {few['images'][best] / 1e6:.0f} million images" in said
    assert f"from {few['test_by_q'][best]:.2f} to {few['test_by_q'][-1]:.2f}" in said
    assert (np.diff(few["test_by_q"][best:]) < 0).all() and (np.diff(few["test"][best:]) > 0).all()
    missed = [curve["test"][-1] - curve["test_by_q"][-1] for curve in (few, many)]
    assert f"its draws miss {missed[0]:.0f} nats" in said
    assert f"with 50,000 it is {missed[1]:.1f}." in said
