"""The papers' results: a figure of the ends and of the ways, and tables that are those of the page."""

import json

import numpy as np
import pytest

from test_examples import ROOT, load


@pytest.fixture(scope="module")
def script():
    return load("benchmarks/papers/plot_curves.py")


def test_results_stand_beside_the_papers_and_not_among_the_curves(script):
    results = script.read("*_k*.json")
    assert results and script.RESULTS.is_relative_to(ROOT)
    other = {**results[0], "seed": 1, "nll": results[0]["nll"] + 0.25}
    figure = script.draw([*results, other])
    layers = sorted({result["layers"] for result in results})
    ends, ways = figure.axes[:len(layers)], figure.axes[len(layers):]
    for end, way, n in zip(ends, ways, layers):
        runs = sorted((result for result in results if result["layers"] == n and not result["seed"]),
                      key=script.row_of)
        assert "500 test images, 100 samples" in way.get_ylabel()
        assert "all test images, 5,000 samples" in end.get_xlabel()
        curves = [line.get_ydata() for line in way.lines]
        assert len(curves) == len(runs)
        for result, curve in zip(runs, curves):
            np.testing.assert_array_equal(curve, [point["nll"] for point in result["curve"]])
        drawn = {"|": [], "d": [], 9.0: [], 4.0: []}                 # by the marker, ours by its size
        for line in end.lines:
            kind = line.get_marker() if line.get_marker() in drawn else line.get_markersize()
            drawn[kind].append((line.get_ydata()[0], line.get_xdata()[0]))
        for kind, name in ((9.0, "nll"), ("|", "published"), ("d", "reproduced")):
            assert drawn[kind] == [(row, result[name]) for row, result in enumerate(runs)
                                   if result[name] is not None], kind
        small = [(runs.index(first), result["nll"]) for first in runs for result in [*results, other]
                 if result["seed"] and script.row_of(result) == script.row_of(first)]
        assert drawn[4.0] == small
        names = [label.get_text() for label in end.get_yticklabels()]
        for name, run in zip(names, runs, strict=True):
            assert f"K = {run['samples']}\n{run['epochs']:,} epochs" in name
            before = [other["samples"] for other in results if other["run"] == run["after"]]
            assert name.endswith(f" after K = {before[0]}" if before else " epochs")
        hours = [text.get_text() for text in end.texts]
        assert hours == [f"{script.hours_before(run, results) + run['training_hours']:.1f} h"
                         for run in runs]
        # each run can be told from the others
        looks = {(line.get_color(), line.get_marker()) for line in way.lines}
        assert len(looks) == len(runs)
    assert len({script.looks(i) for i in range(49)}) == 49


def test_a_run_that_went_on_begins_where_the_earlier_one_ended(script):
    results = {result["run"]: result for result in script.read("*_k*.json")}
    later = results["iwae_k50_after_iwae_k5_1000_64"]
    assert script.hours_before(later, results.values()) == results["iwae_k5_1000"]["training_hours"]


def test_a_row_says_how_far_it_is_from_the_paper(script):
    """Seeds are in one row, whose difference is that of their mean; bold where it is no worse."""
    table = load("benchmarks/papers/table.py")
    (one,) = [result for result in table.read("iwae_k1_2000.json")]
    runs = [{**one, "nll": 86.0, "settings_chosen_by": "held-out images"},
            {**one, "nll": 87.0, "seed": 1, "settings_chosen_by": "held-out images"}]
    head, _, row = table.importance_weighted(runs)
    cells = dict(zip(*([cell.strip() for cell in line.split("|")] for line in (head, row))))
    assert (cells["the paper"], cells["reproduced by others"]) == ("86.76", "86.35")
    assert (cells["ours"], cells["less the paper"]) == ("**86.000, 87.000**", "-0.26")
    assert cells["options"] == f"`--samples 1 --epochs {one['epochs']}`"
    worse = [{**run, "nll": run["nll"] + 0.5, "settings_chosen_by": "test images"} for run in runs]
    row = list(table.importance_weighted(worse))[-1]
    assert "| 86.500, 87.500 † | +0.24 |" in row


def test_what_the_curve_fell_is_read_between_its_points(script):
    table = load("benchmarks/papers/table.py")
    curve = [{"epoch": epoch, "nll": nll} for epoch, nll in ((1, 120.0), (60, 90.0), (100, 88.0))]
    assert table.last_fifth({"epochs": 100, "curve": curve}) == pytest.approx(1.0)
    assert table.last_fifth({"epochs": 101, "curve": curve}) is None


def test_the_pages_tables_are_those_of_the_results(script, capsys):
    """benchmarks/README.md has every line that the command prints."""
    load("benchmarks/papers/table.py").main()
    lines = capsys.readouterr().out.splitlines()
    page = (ROOT / "benchmarks" / "README.md").read_text().splitlines()
    results = list(script.RESULTS.glob("*_k*.json"))
    assert len([line for line in lines if "--samples" in line]) >= len(
        [path for path in results if json.loads(path.read_text())["seed"] == 0])
    assert [line for line in lines if line not in page] == []
