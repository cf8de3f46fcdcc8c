"""The papers' curves and their results are on different footings, and so in different panels."""

import json

import numpy as np

from test_examples import ROOT, load


def test_results_stand_beside_the_papers_and_not_among_the_curves():
    script = load("benchmarks/papers/plot_curves.py")
    results = [json.loads(path.read_text()) for path in script.RESULTS.glob("*_k*.json")]
    assert results and script.RESULTS.is_relative_to(ROOT)
    figure = script.draw(results)
    layers = sorted({result["layers"] for result in results})
    ways, ends = figure.axes[:len(layers)], figure.axes[len(layers):]
    for way, end, n in zip(ways, ends, layers):
        runs = [result for result in results if result["layers"] == n]
        assert "500 test images" in way.get_title() and "all 10,000" in end.get_title()
        curves = [line.get_ydata() for line in way.lines]
        assert len(curves) == len(runs)
        for result, curve in zip(runs, curves):
            np.testing.assert_array_equal(curve, [point["nll"] for point in result["curve"]])
        marks = [line.get_xdata()[0] for line in end.lines if line.get_marker() != "|"]
        bars = [line.get_xdata()[0] for line in end.lines if line.get_marker() == "|"]
        assert marks == [result["nll"] for result in runs]
        assert bars == [result["published"] for result in runs]
        # each run can be told from the others, by colour and by shape
        looks = {(line.get_color(), line.get_marker()) for line in way.lines}
        assert len({colour for colour, _ in looks}) == len({shape for _, shape in looks}) == len(runs)
