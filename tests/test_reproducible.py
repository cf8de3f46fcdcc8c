"""Every example twice: the same words and numbers, and the same figures to the last byte."""

import re
from pathlib import Path

import pytest

from test_examples import ROOT, load

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
# What the clock says is not the same twice: "3.2 s", "16 to 1", "12 µs"
TIMES = re.compile(r"[\d.,:e+]+ (s|ms|µs|microseconds|years|to 1)\b|(?<=draws )\d+$", re.MULTILINE)
OF_TIMES = {"intractability_cost.png"}


def run(name, folder, capsys):
    folder.mkdir()
    main = load(f"examples/{name}.py").main
    if name == "vae_on_one_page":
        main(quick=True, out=folder)
    else:
        main(["--quick", "--out", str(folder)])
    figures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    printed = TIMES.sub("-", capsys.readouterr().out).replace(str(folder), "")
    return printed, figures


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_the_same_bits_twice(name, tmp_path, capsys):
    (printed, figures), (again, figures_again) = (
        run(name, Path(tmp_path) / turn, capsys) for turn in ("first", "second"))
    assert printed == again
    assert figures.keys() == figures_again.keys() and figures
    for figure in figures.keys() - OF_TIMES:
        assert figures[figure] == figures_again[figure], figure
