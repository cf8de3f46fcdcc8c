"""What no program in NumPy does without: how fast could an evaluation be?

`least` does, on all cores, in memory that is allocated once: the noise, the matrix products, the
nonlinearity of each hidden layer, one exponential for each pixel, and a sum over the pixels. It leaves
out biases, densities of z, what x has to do with it, and every other pass over the memory: it computes
nothing of use. What npvae takes beyond it is the most that could still be gained.
"""

from functools import partial

import numpy as np

from npvae.networks import Dense, ReLU, Tanh
from npvae.threads import all_cores
from turns import Competitor


def product(a, out, W):
    np.matmul(a, W, out=out)


HIDDEN = {Tanh: np.tanh, ReLU: partial(np.maximum, 0)}


def passes(chain, a):
    """[function, input, output] for each product and each nonlinearity, on arrays of its own."""
    found = []
    for layer in chain.layers:
        if isinstance(layer, Dense):
            out = np.empty((len(a), layer.W.shape[1]), a.dtype)
            found.append((partial(product, W=layer.W), a, out))
            a = out
        else:
            found.append((HIDDEN[type(layer)], a, a))
    return found


def least(model, n_batch, n_samples, n_pieces, n_threads):
    """A competitor: a batch is n_pieces of so many x, each with n_samples codes."""
    def some(seed, n):
        rng = np.random.default_rng(seed)
        eps = np.empty((n_batch * n_samples, model.n_latent), np.float32)
        of_x = passes(model.encoder, np.ones((n_batch, model.n_data), np.float32))
        of_z = passes(model.decoder, eps)
        logits = of_z[-1][-1]
        for _ in range(n):
            rng.standard_normal(out=eps, dtype=np.float32)
            for function, a, out in of_x + of_z:
                function(a, out=out)
            np.exp(logits, out=logits)
            logits.sum(axis=-1)

    def train(batches):
        n = len(batches) * n_pieces
        with all_cores() as run:
            list(run(some, [(i, (n + i) // n_threads) for i in range(n_threads)]))

    return Competitor("the least", None, None, train)
