"""What posterior_collapse.py claims, asserted from what its figure draws."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures

CURES = ("linear annealing", "cyclical annealing", "free bits, 0.3 nats")


def check(found):
    plain = found["beta = 1"]
    for cure in CURES:
        assert found[cure]["kl"] > plain["kl"] + 1 and found[cure]["-elbo"] < plain["-elbo"] - 2
    # in each cycle of the averaged loss the code lives while beta is low, and is gone at beta = 1
    schedule, kl = found["curves"]["both terms averaged"]
    kl, cycle = np.array(kl), int(schedule.epochs)
    for begin in (0, cycle):
        rising = begin + int(schedule.ramp * cycle)                   # the first epoch at beta = 1
        assert schedule(rising) == 1 == schedule(begin + cycle - 1e-9) and schedule(begin) == 0
        assert kl[rising:begin + cycle].max() < 0.1 * kl[begin:rising].max()
        assert kl[rising:begin + cycle].max() < 0.01
    assert kl[cycle:].max() > 5 * kl[cycle - 1]
    # where the terms are sums, it is not
    schedule, kl = found["curves"]["both terms summed"]
    assert min(kl) > 1


def check_figure(found):
    """The panels of beta draw the schedules, over the same time as the KL; the shading is beta = 1."""
    _, beta_of_sums, _, beta_of_means, kl_of_means = sorted_axes(found["figure"])
    for axes, name in ((beta_of_sums, "both terms summed"), (beta_of_means, "both terms averaged")):
        schedule, kl = found["curves"][name]
        t, beta = axes.lines[0].get_data()
        np.testing.assert_array_equal(beta, [schedule(each) for each in t])
        assert axes.get_xlim() == (0, len(kl))
    schedule, kl = found["curves"]["both terms averaged"]
    epochs, drawn = kl_of_means.lines[0].get_data()
    np.testing.assert_array_equal(drawn, kl)
    np.testing.assert_array_equal(epochs, np.arange(len(kl)) + 0.5)
    for axes in (beta_of_means, kl_of_means):
        shade = axes.collections[0].get_paths()
        for t in np.arange(len(kl)) + 0.45:
            assert any(path.contains_point((t, 0.5)) for path in shade) == (schedule(t) == 1)


def sorted_axes(figure):
    """The bars, and for each schedule the panel of beta and that of the KL below it."""
    bars, *others = figure.axes
    assert bars.get_title() == "a deep network: the KL of each dimension"
    beta, kl = (sorted([axes for axes in others if axes.get_ylabel().startswith(label)],
                       key=lambda axes: axes.get_position().x0) for label in ("beta", "KL"))
    return bars, beta[0], kl[0], beta[1], kl[1]


def test_quick(tmp_path):
    found = run("posterior_collapse", tmp_path)
    check(found)
    check_figure(found)
    assert figures(tmp_path) == {"posterior_collapse.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/posterior_collapse.py").main(["--out", str(tmp_path)])
    check(found)
    check_figure(found)
    for cure in CURES:
        assert found[cure]["in use"] > found["beta = 1"]["in use"] + 3
