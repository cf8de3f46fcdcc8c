"""Every example twice: the same words and numbers, and the same figures to the last byte."""

import re

import pytest

from quick_runs import EXAMPLES, RUNS, make

# What the clock says is not the same twice: "3.2 s", "16 to 1", "12 µs"
TIMES = re.compile(r"[\d.,:e+]+ (s|ms|µs|microseconds|years|to 1)\b|(?<=draws )\d+$", re.MULTILINE)
OF_TIMES = {"intractability_cost.png"}


def figures_in(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_the_same_bits_twice(name, tmp_path):
    first, second = RUNS.get(name), make(name, tmp_path / name)
    printed, again = (TIMES.sub("-", run.printed).replace(str(run.folder), "")
                      for run in (first, second))
    assert printed == again
    figures, figures_again = (figures_in(run.folder) for run in (first, second))
    assert figures.keys() == figures_again.keys() and figures
    for figure in figures.keys() - OF_TIMES:
        assert figures[figure] == figures_again[figure], figure
