"""Draw the results of importance_weighted.py: where each run ended, and the way there.

    python benchmarks/papers/plot_curves.py

Above, the ends: -log p(x) of all 10,000 test images with 5,000 samples, beside the paper's and another
reproduction's: these are what can be compared; small open marks are other seeds. Below, the way: the
first 500 test images, which are a little easier than the rest, with 100 samples, so a curve does not end
where its mark above stands. A run that goes on from an earlier one begins at that one's last hour. Hours
are those of the clock, whatever else the machine did meanwhile.
"""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from npvae.plots import BLUE, GREEN, GREY, ORANGE
from records import RESULTS
from table import NAMES, hours_before, read, row_of

COLOURS = ORANGE, BLUE, GREEN, "#CC79A7", "#000000", "#56B4E9", "#E69F00"
MARKERS = "os^DvPX"
LIMITS = 82.5, 89.0                               # of both axes of -log p(x)


def looks(i):
    """A colour and a marker for the i-th run: no pair twice among the first 49."""
    return COLOURS[i % 7], MARKERS[(i + i // 7) % 7]


def name_of(result):
    name = f"{NAMES[result['objective']]}, K = {result['samples']}\n{result['epochs']:,} epochs"
    if result["after"]:
        name += f" after K = {result['after'].split('_k')[1].split('_')[0]}"
    return name


def draw_ends(axes, runs, results):
    """A row for each run: our mark, the paper's bar, the other reproduction's diamond, and the hours."""
    for row, run in enumerate(runs):
        colour, marker = looks(row)
        axes.plot(run["nll"], row, marker, color=colour, ms=9)
        for other in results:
            if row_of(other) == row_of(run) and other["seed"] != run["seed"]:
                axes.plot(other["nll"], row, marker, color=colour, ms=4, mfc="none")
        if run["published"] is not None:
            axes.plot(run["published"], row, "|", color=GREY, ms=16, mew=2.5)
        if run["reproduced"] is not None:
            axes.plot(run["reproduced"], row, "d", color=GREY, ms=6, mfc="none")
        hours = hours_before(run, results) + run["training_hours"]
        axes.text(LIMITS[1] + 0.08, row, f"{hours:.1f} h", va="center", fontsize=9)
    axes.set(xlim=LIMITS, ylim=(len(runs) - 0.5, -0.5), yticks=range(len(runs)),
             yticklabels=[name_of(run) for run in runs],
             xlabel="-log p(x), nats: all test images, 5,000 samples")
    axes.grid(axis="x", alpha=0.3)


def draw_ways(axes, runs, results):
    for row, run in enumerate(runs):
        colour, marker = looks(row)
        hours = [hours_before(run, results) + point["hours"] for point in run["curve"]]
        axes.plot(hours, [point["nll"] for point in run["curve"]], color=colour, marker=marker,
                  ls="--" if run["after"] else "-", ms=5, lw=1.2, mfc="none",
                  markevery=max(1, len(hours) // 12))
    axes.set(xlabel="hours of training", ylim=(LIMITS[0], 96),
             ylabel="-log p(x), nats:\n500 test images, 100 samples")
    axes.grid(alpha=0.3)


def draw(results):
    """A column for each number of stochastic layers; seeds but 0 are in the ends alone."""
    layers = sorted({result["layers"] for result in results})
    first = sorted((result for result in results if result["seed"] == 0), key=row_of)
    runs = [[result for result in first if result["layers"] == n] for n in layers]
    height = 0.42 * max(map(len, runs))                              # of the ends, in inches
    figure = Figure(figsize=(5.8 * len(layers), height + 3.8), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.94))
    panels = figure.subplots(2, len(layers), squeeze=False, height_ratios=(height, 2.8)).T
    for (end, way), n, of_layers in zip(panels, layers, runs):
        draw_ends(end, of_layers, results)
        draw_ways(way, of_layers, results)
        end.set_title(f"{n} stochastic layer{'s' * (n > 1)}")
    marks = {"ours, marks as in the curves": Line2D([], [], marker="o", color=ORANGE, ls="", ms=9),
             "another seed": Line2D([], [], marker="o", color=ORANGE, ls="", ms=4, mfc="none"),
             "the paper": Line2D([], [], marker="|", color=GREY, ls="", ms=14, mew=2.5),
             "nbip/IWAE": Line2D([], [], marker="d", color=GREY, ls="", ms=6, mfc="none")}
    figure.legend(marks.values(), marks, ncols=4, frameon=False, loc="upper center")
    return figure


def main():
    draw(read("*_k*.json")).savefig(RESULTS / "importance_weighted.png", dpi=110)


if __name__ == "__main__":
    main()
