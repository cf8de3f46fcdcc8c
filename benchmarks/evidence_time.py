"""How close is the estimate of log p(x) to what its matrix products alone cost, and to the frameworks?

The importance weighted autoencoder of Burda et al. (784-200-200-50), K = 5000 samples for each of some
images, float32. The products alone: those of the decoder on as many codes at a time as `log_evidence`
takes, on arrays of the same shapes, written into memory allocated beforehand. The least: what no program
in NumPy does without (`least.py`). PyTorch (in inference mode) and JAX (compiled) do the same sum, all
samples of an image at once; they must agree on it for the same noise before they are timed. All take
turns; a ratio is that of one turn.

With more than one thread, npvae takes rows on all of them where threadpoolctl is installed.

    python benchmarks/evidence_time.py [--threads 1] [--json FILE]
"""

import math
from importlib.util import find_spec

import numpy as np

import npvae
from least import least
from npvae.numerics import log_mean_exp
from turns import Competitor, arguments, setting, take_turns, with_threads, write

K, N_IMAGES = 5000, 8


def estimate(model, x):
    """log p(x) of some images in one call."""
    rng = np.random.default_rng(1)

    def train(batches):
        for images in batches:
            npvae.evaluation.log_evidence(model, images, rng, K)

    return Competitor("npvae", x, None, train)


def decoder_products(model, x):
    """The decoder's products on K codes of each, as many at a time as `log_evidence` takes."""
    n_rows, products = 2**20 // model.n_data, []
    rng = np.random.default_rng(0)
    a = rng.random((n_rows, model.n_latent), np.float32)
    for name, W in model.decoder.blocks().items():
        if name.endswith("W"):
            products.append((a, W, np.empty((n_rows, W.shape[1]), np.float32)))
            a = rng.random((n_rows, W.shape[1]), np.float32)

    def train(batches):
        for _ in range(len(batches) * len(x)):
            for start in range(0, K, n_rows):
                rows = slice(0, min(n_rows, K - start))
                for a, W, out in products:
                    np.matmul(a[rows], W, out=out[rows])

    return Competitor("products", x, None, train)


def by_torch(model, x):
    import torch
    from torch.nn import functional as F
    from with_torch import networks
    net, _ = networks(model)

    @torch.inference_mode()
    def log_evidence(image, eps):
        mu, logvar = net["encoder"](image).chunk(2, dim=-1)
        z = mu + torch.exp(0.5 * logvar) * eps
        y = net["decoder"](z)
        log_px = -F.binary_cross_entropy_with_logits(y, image.expand_as(y), reduction="none").sum(-1)
        rate = 0.5 * (z * z - eps * eps - logvar).sum(-1)              # log q(z|x) - log p(z)
        return torch.logsumexp(log_px - rate, 0) - math.log(K)

    def train(batches):
        for images in batches:
            for image in images:
                log_evidence(image, torch.randn(K, model.n_latent))

    x = torch.from_numpy(x.copy())
    return Competitor("torch", x, lambda eps: float(log_evidence(x[0], torch.from_numpy(eps))), train)


def by_jax(model, x):
    import jax
    import jax.numpy as jnp
    from with_jax import network
    p = {name: jnp.array(W) for name, W in model.blocks().items()}

    def log_evidence(p, image, eps):
        mu, logvar = jnp.split(network(jnp, None, model.encoder.layers, "encoder", p, image), 2, axis=-1)
        z = mu + jnp.exp(0.5 * logvar) * eps
        y = network(jnp, None, model.decoder.layers, "decoder", p, z)
        log_px = jnp.sum(image * y - jnp.logaddexp(0.0, y), axis=-1)
        rate = 0.5 * jnp.sum(z * z - eps * eps - logvar, axis=-1)
        return jax.nn.logsumexp(log_px - rate) - math.log(K)

    @jax.jit
    def drawn(p, image, key):
        key, now = jax.random.split(key)
        return log_evidence(p, image, jax.random.normal(now, (K, model.n_latent))), key

    def train(batches):
        key = jax.random.key(0)
        for images in batches:
            for image in images:
                found, key = drawn(p, image, key)
        found.block_until_ready()

    x = [jnp.asarray(image) for image in x]
    return Competitor("jax", x, lambda eps: float(jax.jit(log_evidence)(p, x[0], eps)), train)


def main():
    asked = arguments(__doc__).parse_args()
    with_threads(asked.threads)
    model = npvae.iwae()
    x = npvae.datasets.binarize(npvae.datasets.mnist().test_images[:N_IMAGES], np.random.default_rng(0))
    others = [make(model, x) for name, make in (("torch", by_torch), ("jax", by_jax)) if find_spec(name)]
    eps = model.draw_noise(np.random.default_rng(1), 1, K)
    expected = log_mean_exp(npvae.evaluation.log_weights(model, x[:1], eps)).item()
    for other in others:
        np.testing.assert_allclose(other.check(eps[:, 0]), expected, rtol=1e-5)
    times = take_turns([estimate(model, x), decoder_products(model, x),
                        least(model, 1, K // 4, 4 * N_IMAGES, asked.threads), *others], asked.rounds)
    print(f"{setting()}\n\n  {'':10} {'ms an image':>11} {'npvae / it':>10} {'quartiles':>12} "
          f"{'by cpu':>7}")
    results = {}
    for name, t in times.items():
        ratio = times["npvae"] / t
        low, middle, high = np.quantile(ratio[:, 0], [0.25, 0.5, 0.75])
        ms = 1e3 * np.median(t[:, 0]) / N_IMAGES
        results[name] = {"ms": ms, "ratio": middle, "quartiles": [low, high],
                         "cpu_ratio": np.median(ratio[:, 1])}
        print(f"  {name:10} {ms:11.1f} {middle:10.2f} {low:6.2f} {high:5.2f} "
              f"{results[name]['cpu_ratio']:7.2f}")
    write(asked.json, results)


if __name__ == "__main__":
    main()
