"""How close is the estimate of log p(x) to what its matrix products alone cost?

The importance weighted autoencoder of Burda et al. (784-200-200-50), K = 5000 samples for each
image, float32. The products alone: those of the decoder on as many codes at a time, on arrays of
the same shapes, written into memory allocated beforehand. The two take turns; a ratio is that of
one turn.

    python benchmarks/evidence_time.py [--threads 1] [--json FILE]
"""

import numpy as np

import npvae
from turns import Competitor, arguments, setting, take_turns, with_threads, write

K = 5000


def estimate(model, x):
    """log p(x) of each image, one after the other."""
    rng = np.random.default_rng(1)

    def train(images):
        for image in images:
            npvae.evaluation.log_evidence(model, image, rng, K)

    return Competitor("npvae", x, None, train)


def decoder_products(model, x):
    """The decoder's products on K codes, as many at a time as `log_evidence` takes."""
    n_rows, products = 2**20 // model.n_data, []
    rng = np.random.default_rng(0)
    a = rng.random((n_rows, model.n_latent), np.float32)
    for name, W in model.decoder.blocks().items():
        if name.endswith("W"):
            products.append((a, W, np.empty((n_rows, W.shape[1]), np.float32)))
            a = rng.random((n_rows, W.shape[1]), np.float32)

    def train(images):
        for _ in images:
            for start in range(0, K, n_rows):
                rows = slice(0, min(n_rows, K - start))
                for a, W, out in products:
                    np.matmul(a[rows], W, out=out[rows])

    return Competitor("products", x, None, train)


def main():
    asked = arguments(__doc__).parse_args()
    with_threads(asked.threads)
    model = npvae.iwae()
    x = npvae.datasets.binarize(npvae.datasets.mnist().test_images[:1], np.random.default_rng(0))
    times = take_turns([estimate(model, x), decoder_products(model, x)], asked.rounds)
    print(setting())
    results = {}
    for i, clock in enumerate(("wall", "cpu")):
        ours, products = times["npvae"][:, i], times["products"][:, i]
        low, ratio, high = np.quantile(ours / products, [0.25, 0.5, 0.75])
        results[clock] = {"ms": 1e3 * np.median(ours), "products_ms": 1e3 * np.median(products),
                          "ratio": ratio, "quartiles": [low, high]}
        print(f"{clock:4}  an image {1e3 * np.median(ours):6.1f} ms, its products "
              f"{1e3 * np.median(products):6.1f} ms, ratio {ratio:.2f} ({low:.2f} to {high:.2f})")
    write(asked.json, results)


if __name__ == "__main__":
    main()
