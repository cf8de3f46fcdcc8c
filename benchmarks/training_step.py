"""How close is a training step to what its matrix products alone cost?

A step of the default VAE (784-400-20, batch 128, float32): forward, backward and Adam.
The products alone: the same eleven matrix products, on arrays of the same shapes and
layouts, written into memory allocated beforehand. The two take turns, so that a
noisy machine disturbs both; the ratio of each turn is what counts.

    python benchmarks/training_step.py
"""

import argparse
import platform
import time

import numpy as np

import npvae


def training_step(model, x, rng):
    """One step of training, as `npvae.fit` does it."""
    adam = npvae.Adam()
    parameters = model.parameters

    def step():
        eps = model.draw_noise(rng, len(x))
        loss, cache = model.forward(x, eps)
        parameters.zero_grad()
        model.backward(cache)
        adam.step(parameters.theta, parameters.grad, 1e-3)

    return step


def matrix_products(model, x, rng):
    """The matrix products of one step: for each Dense layer y = x W, dW = x^T dy and
    dx = dy W^T, without the dx of the first, which nobody reads."""
    products = []
    for name, W in model.blocks().items():
        if name.endswith("W"):
            n_in, n_out = W.shape
            a = rng.random((len(x), n_in), np.float32)
            dy = rng.random((len(x), n_out), np.float32)
            products += [(a, W, np.empty_like(dy)), (a.T, dy, np.empty_like(W))]
            if name != "encoder.0.W":
                products.append((dy, W.T, np.empty_like(a)))

    def step():
        for a, b, out in products:
            np.matmul(a, b, out=out)

    return step, len(products)


def interleaved(a, b, rounds, repeats):
    """Seconds for each of a and b, in turns: two arrays (rounds,)."""
    seconds = np.empty((2, rounds))
    for i in range(-1, rounds):                       # round -1 warms up
        for j, step in enumerate((a, b)):
            start = time.perf_counter()
            for _ in range(repeats):
                step()
            if i >= 0:
                seconds[j, i] = (time.perf_counter() - start) / repeats
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=20)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    model = npvae.vae()
    x = npvae.datasets.mnist().train_images[:asked.batch]
    products, n_products = matrix_products(model, x, rng)
    ours, floor = interleaved(training_step(model, x, rng), products, asked.rounds, asked.repeats)
    ratio = ours / floor
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}; "
          f"784-400-20, batch {asked.batch}, float32, {asked.rounds} turns of {asked.repeats} steps")
    print(f"training step          {np.median(ours) * 1e3:6.2f} ms")
    print(f"its {n_products} products alone {np.median(floor) * 1e3:6.2f} ms")
    print(f"ratio                  {np.median(ratio):6.2f}     "
          f"(quartiles {np.quantile(ratio, 0.25):.2f} to {np.quantile(ratio, 0.75):.2f})")
    return np.median(ratio)


if __name__ == "__main__":
    main()
