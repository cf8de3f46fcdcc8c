"""Draw -log p(x) against the hours of training, for each result of importance_weighted.py.

    python benchmarks/papers/plot_curves.py

The curves are estimates on the first 500 test images, which are a little easier than the rest,
with 100 samples; the large marks at their ends are the results on all 10,000, with 5,000. Dotted:
the paper's. Hours are those of the clock, whatever else the machine did meanwhile.
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from npvae.plots import BLUE, GREEN, GREY, ORANGE

RESULTS = Path(__file__).parent / "results"


def draw(results):
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for result, colour, marker in zip(results, (ORANGE, BLUE, GREEN, GREY), "os^x"):
        name = f"{result['objective']}, K = {result['samples']}"
        curve = result["curve"]
        axes.plot([row["hours"] for row in curve], [row["nll"] for row in curve], marker + "-",
                  color=colour, ms=4, label=name)
        axes.plot(result["training_hours"], result["nll"], marker, color=colour, ms=10, mfc="none")
        if result["published"]:
            axes.axhline(result["published"], color=colour, ls=":", lw=1)
    axes.set(xlabel="hours of training", ylabel="-log p(x), nats per test image", ylim=(83.5, 97))
    axes.legend(frameon=False)
    return figure


def main():
    results = [json.loads(path.read_text()) for path in RESULTS.glob("*_k*.json")]
    results.sort(key=lambda result: (result["objective"], result["samples"]))
    draw(results).savefig(RESULTS / "importance_weighted.png", dpi=110)


if __name__ == "__main__":
    main()
