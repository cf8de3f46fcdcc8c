"""One training step in several hands: npvae's, the frameworks', and its matrix products alone.

Every builder takes a `Problem` and returns a `Competitor` with two functions:

    check(eps)       the loss and its gradients at the model's weights, for the noise eps
    train(batches)   a step on each batch: noise, forward, backward, Adam; back when all are done

All start from copies of npvae's weights, and `agree` asserts one loss and one gradient before
anything is timed. A framework that is not installed is left out (pip install torch jax autograd).
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import npvae
from npvae.numerics import keep_freed_memory

LEARNING_RATE = 1e-3
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")     # NPROC: JAX


class Problem(NamedTuple):
    """A model, a batch (B, D), K, and an objective: ELBO(), ELBO(analytic=False) or IWAE()."""

    model: Any
    x: np.ndarray
    n_samples: int
    objective: Any


class Competitor(NamedTuple):
    name: str
    x: Any                           # the problem's batch, as train likes it best
    check: Callable | None           # eps -> loss, {name: gradient, in npvae's layout}
    train: Callable                  # batches -> None

    def run(self, n):
        """n steps on the problem's batch."""
        self.train([self.x] * n)


def arguments(description):
    """A parser with what all benchmarks are asked for."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for every library")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each competitor")
    parser.add_argument("--json", type=Path, help="write the numbers to this file, too")
    return parser


def with_threads(n):
    """Start this script anew with n threads: libraries read their number when they are loaded.

    An OPENBLAS_CORETYPE is dropped: some machines set it to the kernels of an older processor,
    for equal bits everywhere. NumPy is then up to twice as slow, and the frameworks are not.
    """
    wanted = dict.fromkeys(THREADS, str(n))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.environ.pop("OPENBLAS_CORETYPE", None)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def setting():
    """What ran where, in one line."""
    names = [name for name in ("numpy", "torch", "jax", "autograd") if find_spec(name)]
    return (f"npvae {npvae.__version__}, Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in names)
            + f"; {platform.machine()}, {os.environ[THREADS[0]]} threads, float32")


def build(problem, names):
    """Those of the named competitors that can be built here."""
    builders = {"npvae": npvae_step, "products": products_step, "control": control_step}
    if find_spec("torch") and any(name.startswith("torch") for name in names):
        import with_torch
        builders |= with_torch.BUILDERS
    if {"jax", "autograd"} & set(names):
        import with_jax
        builders |= with_jax.BUILDERS
    built = [builders[name](problem) for name in names if name in builders]
    return [competitor for competitor in built if competitor is not None]


def agree(competitors, problem, rtol=2e-4):
    """Assert that all compute one loss and one gradient, in float32, from the same noise."""
    eps = problem.model.draw_noise(np.random.default_rng(1), len(problem.x), problem.n_samples)
    (loss, gradients), *others = [c.check(eps) for c in competitors if c.check]
    largest = max(np.abs(g).max() for g in gradients.values())
    for other_loss, other_gradients in others:
        assert abs(other_loss - loss) <= rtol * abs(loss), (other_loss, loss)
        for name, g in gradients.items():
            assert np.abs(other_gradients[name] - g).max() <= rtol * largest, name


def take_turns(competitors, rounds, seconds=0.05):
    """Seconds for a step, by wall clock and by processor, in turns A B C A B C ...

    A turn is a pause, one step that is not timed (the others' threads go to sleep, caches
    fill), and as many steps as take about the given seconds.

    Returns
    -------
    dict of str to array (rounds, 2)
    """
    repeats = []
    for competitor in competitors:
        competitor.run(3)
        start = time.perf_counter()
        competitor.run(3)
        repeats.append(max(1, round(3 * seconds / (time.perf_counter() - start))))
    times = {competitor.name: np.empty((rounds, 2)) for competitor in competitors}
    for i in range(rounds):
        for competitor, n in zip(competitors, repeats):
            time.sleep(0.02)
            competitor.run(1)
            start = np.array([time.perf_counter(), time.process_time()])
            competitor.run(n)
            now = np.array([time.perf_counter(), time.process_time()])
            times[competitor.name][i] = (now - start) / n
    return times


def summary(times):
    """For each competitor: medians in ms, and npvae's time as a multiple of it, turn by turn."""
    rows = []
    for name, t in times.items():
        ratio = times["npvae"] / t
        low, middle, high = np.quantile(ratio[:, 0], [0.25, 0.5, 0.75])
        rows.append({"name": name, "ms": np.median(t[:, 0]) * 1e3, "cpu_ms": np.median(t[:, 1]) * 1e3,
                     "ratio": middle, "ratio_quartiles": [low, high],
                     "cpu_ratio": np.median(ratio[:, 1])})
    return rows


def write(path, results):
    """Write the results of a benchmark, with its setting, where a path is given."""
    if path is not None:
        path.write_text(json.dumps({"setting": setting(), "results": results}, indent=1))


def npvae_step(problem):
    """A step as `npvae.fit` takes it."""
    keep_freed_memory()
    model, x, n_samples, objective = problem
    model = model.copy()
    parameters, adam, rng = model.parameters, npvae.Adam(), np.random.default_rng(0)

    def check(eps):
        loss = model.loss_and_grad(x, eps, objective=objective)
        return loss.value, {name: g.copy() for name, g in model.gradients().items()}

    def train(batches):
        for x in batches:
            eps = model.draw_noise(rng, len(x), n_samples)
            loss, cache = model.forward(x, eps, objective=objective)
            parameters.zero_grad()
            model.backward(cache)
            adam.step(parameters.theta, parameters.grad, LEARNING_RATE)

    return Competitor("npvae", x, check, train)


def shapes(problem):
    """(rows, n_in, n_out) of the product y = x W of each layer: a convolution has one on the
    windows of its input, a transposed one on its input."""
    model, x, n_samples, _ = problem
    found, z = [], np.zeros((n_samples, len(x), model.n_latent), x.dtype)
    for chain, a in ((model.encoder, x), (model.decoder, z)):
        for layer in chain.layers:
            y, _ = layer.forward(a)
            if type(layer).__name__ in ("Dense", "Conv2d"):
                found.append((y.size // y.shape[-1], layer.W.size // y.shape[-1], y.shape[-1]))
            elif type(layer).__name__ == "ConvTranspose2d":
                found.append((a.size // a.shape[-1], a.shape[-1], layer.W.size // a.shape[-1]))
            a = y
    return found


def products_step(problem):
    """The floor: y = x W, dW = x^T dy and dx = dy W^T of each layer, into memory allocated
    beforehand; without the dx of the first, which nobody reads."""
    rng, products = np.random.default_rng(0), []
    for i, (rows, n_in, n_out) in enumerate(shapes(problem)):
        x, dy, W = (rng.random(shape, np.float32)
                    for shape in ((rows, n_in), (rows, n_out), (n_in, n_out)))
        products += [(x, W, np.empty_like(dy)), (x.T, dy, np.empty_like(W))]
        if i > 0:
            products.append((dy, W.T, np.empty_like(x)))

    def train(batches):
        for _ in batches:
            for a, b, out in products:
                np.matmul(a, b, out=out)

    return Competitor("products", problem.x, None, train)


def control_step(problem):
    """The products once more: timed against themselves, they show the machine's noise."""
    return products_step(problem)._replace(name="control")
