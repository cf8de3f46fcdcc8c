"""Draw -log p(x) against the hours of training, for each result of importance_weighted.py.

    python benchmarks/papers/plot_curves.py

Above, the way: estimates on the first 500 test images, which are a little easier than the rest, with
100 samples. Below, the results, on all 10,000 images with 5,000 samples, beside the published ones:
these are what can be compared. A run that goes on from an earlier one begins at that one's last hour.
Hours are those of the clock, whatever else the machine did meanwhile.
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from npvae.plots import BLUE, GREEN, GREY, ORANGE

RESULTS = Path(__file__).parent / "results"
LOOKS = ((ORANGE, "o"), (BLUE, "s"), (GREEN, "^"), ("#CC79A7", "D"), ("#000000", "v"),
         ("#56B4E9", "P"), ("#E69F00", "X"))                                 # one for each run


def hours_before(result, results):
    """The hours of the runs that this one went on from."""
    for other in results:
        if result["after"] == other["run"]:
            return other["training_hours"] + hours_before(other, results)
    return 0.0


def name_of(result):
    name = f"{result['objective']}, K = {result['samples']}"
    if result["after"]:
        name += f",\nfrom K = {result['after'].split('_k')[1].split('_')[0]} on"
    return name


def draw(results):
    layers = sorted({result["layers"] for result in results})
    figure = Figure(figsize=(5.6 * len(layers), 6.2), layout="constrained")
    columns = figure.subplots(2, len(layers), squeeze=False, height_ratios=(1.6, 1)).T
    for (way, end), n in zip(columns, layers):
        runs = [result for result in results if result["layers"] == n]
        for row, (result, (colour, marker)) in enumerate(zip(runs, LOOKS)):
            begin = hours_before(result, results)
            hours = [begin + point["hours"] for point in result["curve"]]
            way.plot(hours, [point["nll"] for point in result["curve"]], color=colour, marker=marker,
                     ls="--" if result["after"] else "-", ms=5, lw=1.2, mfc="none",
                     markevery=max(1, len(hours) // 12))
            end.plot(result["nll"], row, marker, color=colour, ms=9)
            if result["published"]:
                end.plot(result["published"], row, "|", color=GREY, ms=18, mew=2)
        way.set(title=f"{n} stochastic layer{'s' * (n > 1)}: 500 test images, marks as below",
                xlabel="hours of training", ylim=(83.5, 96))
        end.set(title="all 10,000, after the training; grey bars: published",
                xlabel="-log p(x), nats per test image", xlim=(83.5, 89), yticks=range(len(runs)),
                ylim=(len(runs) - 0.5, -0.5), yticklabels=[name_of(result) for result in runs])
        end.grid(axis="x", alpha=0.3)
    columns[0][0].set_ylabel("-log p(x), nats per image")
    return figure


def main():
    results = [json.loads(path.read_text()) for path in RESULTS.glob("*_k*.json")]
    results.sort(key=lambda result: (result["objective"] != "IWAE", result["samples"]))
    draw(results).savefig(RESULTS / "importance_weighted.png", dpi=110)


if __name__ == "__main__":
    main()
