"""benchmarks/growth.py quotes a slope for what is straight, and says what is bent."""

import numpy as np

from test_examples import ROOT, load


def test_a_slope_is_quoted_for_a_straight_line_only(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    growth = load("benchmarks/growth.py").growth
    x = 2.0**np.arange(10)
    assert growth(x, 3 * x) == "slope 1.00"
    assert growth(x, np.full(10, 7.0)) == "slope 0.00"
    assert growth(x, np.maximum(x, 16.0)) == "slope 1.00"          # bent, but not in its upper half
    assert growth(x, x + 200.0).startswith("bent: slope 0.")
    first, last = growth(x, x + 200.0).removeprefix("bent: slope ").split(" to ")
    slopes = np.diff(np.log(x + 200.0)) / np.log(2)
    assert (float(first), float(last)) == (round(slopes[5], 2), round(slopes[-1], 2))
