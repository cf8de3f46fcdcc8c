"""How close is the estimate of log p(x) to what its matrix products alone cost?

The importance weighted autoencoder of Burda et al. (784-200-200-50), K = 5000 samples for each
image, float32. The products alone: those of the decoder on as many codes at a time, on arrays of
the same shapes, written into memory allocated beforehand. The two take turns, so that a noisy
machine disturbs both; the ratio of each turn is what counts.

    python benchmarks/evidence_time.py
"""

import argparse
import platform

import numpy as np

import npvae
from training_step import interleaved


def decoder_products(model, n_rows, total):
    """The decoder's products on `total` codes, n_rows at a time."""
    products, a = [], np.random.default_rng(0).random((n_rows, model.n_latent), np.float32)
    for name, W in model.decoder.blocks().items():
        if name.endswith("W"):
            out = np.empty((n_rows, W.shape[1]), np.float32)
            products.append((a, W, out))
            a = np.random.default_rng(0).random(out.shape, np.float32)

    def work():
        for start in range(0, total, n_rows):
            rows = slice(0, min(n_rows, total - start))
            for a, W, out in products:
                np.matmul(a[rows], W, out=out[rows])

    return work


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2, help="in each turn (default: 2)")
    parser.add_argument("--rounds", type=int, default=15, help="turns (default: 15)")
    asked = parser.parse_args()
    model, K = npvae.iwae(), 5000
    x = npvae.datasets.binarize(npvae.datasets.mnist().test_images[:asked.images],
                                np.random.default_rng(0))
    rng = np.random.default_rng(1)
    n_rows = 2**20 // model.n_data                               # as in log_evidence
    ours, products = interleaved(lambda: npvae.evaluation.log_evidence(model, x, rng, K),
                                 decoder_products(model, n_rows, K * len(x)), asked.rounds, 1)
    ratio = np.median(ours / products)
    low, high = np.quantile(ours / products, [0.25, 0.75])
    hours = np.median(ours) / len(x) * 10_000 / 3600
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}")
    print(f"log p(x) of an image, K = {K}: {1e3 * np.median(ours) / len(x):.0f} ms; the products "
          f"alone {1e3 * np.median(products) / len(x):.0f} ms")
    print(f"ratio {ratio:.2f} (quartiles {low:.2f} to {high:.2f}); 10,000 images: {hours:.2f} h")


if __name__ == "__main__":
    main()
