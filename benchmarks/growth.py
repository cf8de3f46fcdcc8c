"""How do time and memory grow: with the batch, K, the latent size, the width, the number of images?

One size is varied, the others stay (784-400-20, batch 128, K 1). For a training step: time per
image, by the processor's own time where there is one thread, and the peak of the memory that
NumPy held for it beyond the model and the data. For the number of images: `npvae.fit`, one epoch,
with the memory of everything it made. In log-log a slope of 0 is constant, 1 is proportional. A slope is
quoted where the upper half of the points lies on a straight line; where it is bent, the slopes at both
ends of that half are. All sizes take turns.

    python benchmarks/growth.py [--threads 1] [--json FILE] [--out out]
"""

import os
import time
import tracemalloc
from pathlib import Path

import numpy as np

import npvae
from npvae.objectives import ELBO
from steps import Problem, npvae_step
from turns import THREADS, arguments, setting, with_threads, write

BATCH = 128
SWEEPS = {"batch": [2**i for i in range(3, 13)], "samples K": [2**i for i in range(8)],
          "latent size": [2**i for i in range(1, 10)], "width": [2**i for i in range(5, 13)],
          "images": [500, 1000, 2000, 5000, 10000, 20000, 50000]}


def clock():
    return time.process_time() if os.environ[THREADS[0]] == "1" else time.perf_counter()


def work(name, size, images):
    """A function that works once, and how many images it works on."""
    n_batch, n_samples, n_latent, width = (
        size if name == its_name else usual for its_name, usual in
        (("batch", BATCH), ("samples K", 1), ("latent size", 20), ("width", 400)))
    model = npvae.vae(784, (width,), n_latent)
    if name == "images":
        fit = lambda: npvae.fit(model, images[:size], epochs=1, batch_size=BATCH, progress=False)
        return fit, size
    step = npvae_step(Problem(model, images[:n_batch], n_samples, ELBO()))
    step.run(2)                                       # Adam's moments are the model's, not the step's
    return lambda: step.run(1), n_batch


def peak(function):
    """Peak bytes that Python and NumPy held for a call, beyond what they held before."""
    tracemalloc.start()
    function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def measure(name, images, rounds):
    """Sizes, microseconds per image, and megabytes."""
    sizes = SWEEPS[name]
    works = [work(name, size, images) for size in sizes]
    rounds = 1 if name == "images" else rounds
    seconds = np.empty((rounds, len(sizes)))
    for i in range(rounds):
        for j, (function, n_images) in enumerate(works):
            start = clock()
            function()
            seconds[i, j] = (clock() - start) / n_images
    memory = [peak(function) / 2**20 for function, _ in works]
    return {"size": sizes, "us_per_image": (np.median(seconds, axis=0) * 1e6).tolist(), "mb": memory}


def growth(x, y, straight=0.1):
    """The slope of log y in log x over the upper half of the points, as a text; of a bent curve, two.

    It is straight where no slope between neighbouring points is off by more than so much.
    """
    half = len(x) // 2
    log_x, log_y = np.log(x[half:]), np.log(y[half:])
    slopes = np.diff(log_y) / np.diff(log_x)
    whole = np.polyfit(log_x, log_y, 1)[0]
    if abs(slopes - whole).max() <= straight:
        return f"slope {whole:.2f}"
    return f"bent: slope {slopes[0]:.2f} to {slopes[-1]:.2f}"


def plot(results, path):
    from matplotlib.figure import Figure
    from npvae.plots import BLUE, ORANGE

    figure = Figure(figsize=(13, 6), layout="constrained")
    panels = figure.subplots(2, len(results), sharey="row")
    for column, (name, r) in zip(panels.T, results.items()):
        for axes, key, colour, marker in zip(column, ("us_per_image", "mb"), (BLUE, ORANGE), "os"):
            axes.loglog(r["size"], r[key], color=colour, marker=marker)
            axes.set(title=growth(r["size"], r[key]), xlabel=name)
            axes.grid(alpha=0.3)
    for axes, label in zip(panels[:, 0], ("µs per image", "peak memory, MB")):
        axes.set_ylabel(label)
    figure.savefig(path, dpi=110)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args()
    with_threads(asked.threads)
    images = npvae.datasets.mnist().train_images
    print(setting())
    results = {}
    for name in SWEEPS:
        results[name] = r = measure(name, images, asked.rounds)
        print(f"\n{name:>12} {'µs per image':>14} {'MB':>9}")
        for row in zip(*r.values()):
            print("%12d %14.2f %9.2f" % row)
        print(f"time: {growth(r['size'], r['us_per_image'])}; memory: {growth(r['size'], r['mb'])}",
              flush=True)
    asked.out.mkdir(exist_ok=True)
    plot(results, asked.out / "growth.png")
    write(asked.json, results)


if __name__ == "__main__":
    main()
