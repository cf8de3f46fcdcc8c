"""Draw -log p(x) against the hours of training, for each result of importance_weighted.py.

    python benchmarks/papers/plot_curves.py

The curves are estimates on the first 500 test images, which are a little easier than the rest,
with 100 samples; the large marks at their ends are the results on all 10,000, with 5,000. Dotted:
the paper's. A run that goes on from an earlier one begins at that one's last hour. Hours are
those of the clock, whatever else the machine did meanwhile.
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from npvae.plots import BLUE, GREEN, GREY, ORANGE

RESULTS = Path(__file__).parent / "results"
LOOKS = {1: (ORANGE, "o"), 5: (BLUE, "s"), 50: (GREEN, "^")}        # by K


def hours_before(result, results):
    """The hours of the runs that this one went on from."""
    for other in results:
        if result["after"] == other["run"]:
            return other["training_hours"] + hours_before(other, results)
    return 0.0


def draw(results):
    layers = sorted({result["layers"] for result in results})
    figure = Figure(figsize=(5.6 * len(layers), 4.2), layout="constrained")
    for axes, n in zip(figure.subplots(1, len(layers), sharey=True, squeeze=False)[0], layers):
        for result in (result for result in results if result["layers"] == n):
            colour, marker = LOOKS[result["samples"]]
            begin, is_iwae = hours_before(result, results), result["objective"] == "IWAE"
            hours = [begin + row["hours"] for row in result["curve"]]
            axes.plot(hours, [row["nll"] for row in result["curve"]], color=colour, marker=marker,
                      ls="-" if is_iwae else "--", ms=4,
                      label=f"{result['objective']}, K = {result['samples']}"
                            + (", going on" if result["after"] else ""))
            axes.plot(begin + result["training_hours"], result["nll"], marker, color=colour, ms=10,
                      mfc="none")
            if is_iwae:
                axes.axhline(result["published"], color=colour, ls=":", lw=1)
        axes.plot([], [], ":", color=GREY, label="the paper's, in 3,280 epochs")
        axes.set(title=f"{n} stochastic layer{'s' * (n > 1)}", xlabel="hours of training",
                 ylim=(82.5, 97))
        axes.legend(frameon=False)
    figure.axes[0].set_ylabel("-log p(x), nats per test image")
    return figure


def main():
    results = [json.loads(path.read_text()) for path in RESULTS.glob("*_k*.json")]
    results.sort(key=lambda result: (result["objective"] != "IWAE", result["samples"]))
    draw(results).savefig(RESULTS / "importance_weighted.png", dpi=110)


if __name__ == "__main__":
    main()
