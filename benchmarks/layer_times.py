"""Where does the time of a training step go, part by part?

Every part of a model is watched through its own methods: noise, encoder, posterior, decoder,
likelihood and objective, forward and backward; zeroing the gradient; Adam. Beside each stand the
matrix products in it alone, on arrays of the same shapes, in memory allocated beforehand. Steps
and products take turns; a number is the median over all turns (with one thread, of the processor's
own time, which leaves out what other programs did meanwhile). What a part takes beyond its
products is elementwise arithmetic, memory, and Python.

    python benchmarks/layer_times.py [--threads 1] [--json FILE] [--out out]
"""

import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import npvae
from npvae.numerics import keep_freed_memory
from steps import problems, shapes
from turns import THREADS, arguments, setting, with_threads, write

PARTS = ("noise", "encoder", "posterior", "decoder", "likelihood", "objective", "likelihood, back",
         "decoder, back", "posterior, back", "encoder, back", "zero the gradient", "Adam", "the rest")
SIZES = ("784-400-20, batch 32", "784-400-20, batch 128", "784-400-20, batch 512",
         "784-200-200-50, IWAE, batch 20, K 50", "convolutional, batch 128")


def clock():
    """Seconds: of this process alone where it has one thread, else by the wall."""
    return time.process_time() if os.environ[THREADS[0]] == "1" else time.perf_counter()


def watched(function, label, seconds):
    """The function; what it takes is added to seconds[label]."""
    def call(*args, **kwargs):
        start = clock()
        result = function(*args, **kwargs)
        seconds[label] += clock() - start
        return result
    return call


def watch(model, adam, seconds):
    """Watch every part of the model, and Adam."""
    for owner, names, label in (
            (model.posterior, ("draw_noise",), "noise"),
            (model.encoder, ("forward",), "encoder"),
            (model.posterior, ("given", "sample"), "posterior"),
            (model.decoder, ("forward",), "decoder"),
            (model.likelihood, ("log_prob",), "likelihood"),
            (model.likelihood, ("backward",), "likelihood, back"),
            (model.decoder, ("backward",), "decoder, back"),
            (model.posterior, ("backward",), "posterior, back"),
            (model.encoder, ("accumulate",), "encoder, back"),
            (model.parameters, ("zero_grad",), "zero the gradient"),
            (adam, ("step",), "Adam")):
        for name in names:
            setattr(owner, name, watched(getattr(owner, name), label, seconds))


def products_by_part(problem):
    """{part: [(a, b, out), ...]}: its matrix products."""
    rng, products = np.random.default_rng(0), defaultdict(list)
    n_encoder = sum(name.endswith("W") for name in problem.model.encoder.blocks())
    for i, (rows, n_in, n_out) in enumerate(shapes(problem)):
        x, dy, W = (rng.random(shape, np.float32)
                    for shape in ((rows, n_in), (rows, n_out), (n_in, n_out)))
        part = "encoder" if i < n_encoder else "decoder"
        products[part].append((x, W, np.empty_like(dy)))
        products[part + ", back"].append((x.T, dy, np.empty_like(W)))
        if i > 0:
            products[part + ", back"].append((dy, W.T, np.empty_like(x)))
    return products


def measure(problem, rounds):
    """Milliseconds of each part, and of its products: two dicts of medians."""
    model, x, n_samples, objective = problem
    model, adam, rng = model.copy(), npvae.Adam(), np.random.default_rng(0)
    parts, alone, products = [], [], products_by_part(problem)
    seconds = defaultdict(float)
    watch(model, adam, seconds)
    objective = ObjectiveWatch(objective, seconds)
    for _ in range(rounds):
        seconds.clear()
        start = clock()
        eps = model.draw_noise(rng, len(x), n_samples)
        loss, cache = model.forward(x, eps, objective=objective)
        model.parameters.zero_grad()
        model.backward(cache)
        adam.step(model.parameters.theta, model.parameters.grad, 1e-3)
        whole = clock() - start
        parts.append([seconds[part] for part in PARTS[:-1]] + [whole - sum(seconds.values())])
        alone.append([])
        for part in PARTS:
            start = clock()
            for a, b, out in products[part]:
                np.matmul(a, b, out=out)
            alone[-1].append(clock() - start if products[part] else 0.0)
    parts, alone = (np.median(t[3:], axis=0) * 1e3 for t in (np.array(parts), np.array(alone)))
    return dict(zip(PARTS, parts.tolist())), dict(zip(PARTS, alone.tolist()))


class ObjectiveWatch:
    """An objective, watched; and its cost, which asks posterior and prior."""

    def __init__(self, objective, seconds):
        self.call, self.cost = watched(objective, "objective", seconds), self
        self.forward = watched(objective.cost.forward, "posterior", seconds)
        self.backward = watched(objective.cost.backward, "posterior, back", seconds)

    def __call__(self, log_px, rate):
        return self.call(log_px, rate)


def plot(results, path):
    """A panel for each size: a bar for each part, its products and what is beyond them."""
    from matplotlib.figure import Figure
    from npvae.plots import BLUE, ORANGE

    figure = Figure(figsize=(12, 9), layout="constrained")
    for axes, (name, (parts, alone)) in zip(figure.subplots(2, 3).flat, results.items()):
        inside = np.array([min(alone[part], parts[part]) for part in PARTS])
        beyond = np.array([parts[part] for part in PARTS]) - inside
        axes.barh(PARTS, inside, color=BLUE, label="its matrix products")
        axes.barh(PARTS, beyond, left=inside, color=ORANGE, hatch="//", edgecolor="white",
                  label="beyond them")
        axes.invert_yaxis()
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("ms a step")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.axes[-1].axis("off")
    figure.axes[-1].legend(handles, labels, loc="center", fontsize=12)
    figure.savefig(path, dpi=110)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.set_defaults(rounds=60)
    asked = parser.parse_args()
    with_threads(asked.threads)
    keep_freed_memory()                              # as fit does
    print(setting())
    results = {name: measure(problem, asked.rounds)
               for _, name, problem in problems() if name in SIZES}
    for name, (parts, alone) in results.items():
        print(f"\n{name}: {sum(parts.values()):.2f} ms\n"
              f"  {'':20} {'ms':>8} {'products':>9} {'beyond':>8}")
        for part in PARTS:
            print(f"  {part:20} {parts[part]:8.3f} {alone[part]:9.3f} {parts[part] - alone[part]:8.3f}")
    asked.out.mkdir(exist_ok=True)
    plot(results, asked.out / "layer_times.png")
    write(asked.json, {name: {"ms": parts, "products": alone}
                       for name, (parts, alone) in results.items()})


if __name__ == "__main__":
    main()
