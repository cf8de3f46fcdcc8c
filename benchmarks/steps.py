"""A training step as npvae takes it, its matrix products alone, and the sizes that are timed."""

from typing import Any, NamedTuple

import numpy as np

import npvae
from npvae.numerics import keep_freed_memory
from npvae.objectives import ELBO, IWAE
from turns import Competitor

LEARNING_RATE = 1e-3


class Problem(NamedTuple):
    """A model, a batch (B, D), K, and an objective: ELBO(), ELBO(cost=SampledKL()) or IWAE()."""

    model: Any
    x: np.ndarray
    n_samples: int
    objective: Any


def problems():
    """(group, name, problem) for all sizes."""
    images = npvae.datasets.mnist().train_images
    corners = np.ascontiguousarray(images.reshape(-1, 28, 28)[:, 10:18, 10:18]).reshape(-1, 64)
    for n in (32, 128, 512, 2048):
        yield "dense", f"784-400-20, batch {n}", Problem(npvae.vae(), images[:n], 1, ELBO())
    deep = npvae.iwae()
    for n in (20, 100):
        for k in (1, 5, 50):
            yield ("iwae", f"784-200-200-50, IWAE, batch {n}, K {k}",
                   Problem(deep, images[:n], k, IWAE()))
    for n in (32, 128):
        yield ("small", f"64-64-2, batch {n}",
               Problem(npvae.vae(64, (64,), 2), corners[:n], 1, ELBO()))
    yield ("conv", "convolutional, batch 128",
           Problem(npvae.convolutional_vae(), images[:128], 1, ELBO()))


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
