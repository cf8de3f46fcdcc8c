"""How many rows a second does an anomaly detector score?

The default VAE (784-400-20) on MNIST's test images, by each score of `AnomalyDetector`, with ten
draws of z for each row where it needs draws; then the default one, -ELBO, by PyTorch (in
inference mode) and JAX (compiled), which must agree on every row before they are timed; the products of
-ELBO alone; and what no program in NumPy does without (`least.py`). All take turns.

    python benchmarks/anomaly_scores.py [--threads 1] [--json FILE]
"""

from importlib.util import find_spec

import numpy as np

import npvae
from least import least
from npvae.evaluation import AnomalyDetector
from npvae.evaluation.scores import SCORES
from turns import Competitor, arguments, setting, take_turns, with_threads, write

N_ROWS, N_SAMPLES = 400, 10                  # four batches of npvae's


def npvae_scores(model, normal, x, kind):
    detector = AnomalyDetector(model, normal, kind, N_SAMPLES)
    return Competitor(f"npvae, {kind}", x, None, lambda batches: [*map(detector.score, batches)])


def torch_scores(model, x):
    import torch
    from torch.nn import functional as F
    from with_torch import networks
    net, _ = networks(model)

    @torch.inference_mode()
    def score(x, eps):
        mu, logvar = net["encoder"](x).chunk(2, dim=-1)
        y = net["decoder"](mu + torch.exp(0.5 * logvar) * eps)
        cross_entropy = F.binary_cross_entropy_with_logits(y, x.expand_as(y), reduction="none")
        kl = 0.5 * (mu * mu + logvar.exp() - 1 - logvar).sum(-1)
        return cross_entropy.sum(-1).mean(0) + kl

    def train(batches):
        for x in batches:
            score(x, torch.randn(N_SAMPLES, len(x), model.n_latent))

    x = torch.from_numpy(x.copy())
    return Competitor("torch, -ELBO", x, lambda eps: score(x, torch.from_numpy(eps)).numpy(), train)


def jax_scores(model, x):
    import jax
    import jax.numpy as jnp
    from with_jax import network
    p = {name: jnp.array(W) for name, W in model.blocks().items()}

    def score(p, x, eps):
        mu, logvar = jnp.split(network(jnp, None, model.encoder.layers, "encoder", p, x), 2, axis=-1)
        y = network(jnp, None, model.decoder.layers, "decoder", p, mu + jnp.exp(0.5 * logvar) * eps)
        log_px = jnp.sum(x * y - jnp.logaddexp(0.0, y), axis=-1)
        kl = 0.5 * jnp.sum(mu * mu + jnp.exp(logvar) - 1.0 - logvar, axis=-1)
        return kl - log_px.mean(axis=0)

    @jax.jit
    def draw_and_score(p, x, key):
        key, now = jax.random.split(key)
        return score(p, x, jax.random.normal(now, (N_SAMPLES, len(x), model.n_latent))), key

    def train(batches):
        key = jax.random.key(0)
        for x in batches:
            scores, key = draw_and_score(p, x, key)
        scores.block_until_ready()

    return Competitor("jax, -ELBO", jnp.asarray(x),
                      lambda eps: np.asarray(jax.jit(score)(p, x, eps)), train)


def products(model, x):
    """What -ELBO multiplies: x with the encoder, ten codes a row with the decoder."""
    pairs, rng = [], np.random.default_rng(0)
    for chain, rows in ((model.encoder, len(x)), (model.decoder, N_SAMPLES * len(x))):
        for name, W in chain.blocks().items():
            if name.endswith("W"):
                pairs.append((rng.random((rows, len(W)), np.float32), W,
                              np.empty((rows, W.shape[1]), np.float32)))

    def train(batches):
        for _ in batches:
            for a, W, out in pairs:
                np.matmul(a, W, out=out)

    return Competitor("products of -ELBO", x, None, train)


def main():
    asked = arguments(__doc__).parse_args()
    with_threads(asked.threads)
    data = npvae.datasets.mnist()
    model, x = npvae.vae(), data.test_images[:N_ROWS]
    competitors = [npvae_scores(model, data.train_images[:N_ROWS], x, kind) for kind in SCORES]
    others = [make(model, x) for name, make in (("torch", torch_scores), ("jax", jax_scores))
              if find_spec(name)]
    eps = model.draw_noise(np.random.default_rng(1), N_ROWS, N_SAMPLES)
    cache = model.forward(x, eps, objective=npvae.ELBO())[1]
    for other in others:
        np.testing.assert_allclose(other.check(eps), cache.rate.sum(axis=-1) - cache.log_px.mean(axis=0),
                                   rtol=2e-4)
    times = take_turns([*competitors, *others, products(model, x),
                        least(model, 100, N_SAMPLES, N_ROWS // 100, asked.threads)], asked.rounds)
    ours = times["npvae, negative_elbo"]
    print(f"{setting()}\n\n  {'':36} {'rows/s':>8} {'-ELBO / it':>10} {'quartiles':>12} {'by cpu':>7}")
    results = {}
    for name, t in times.items():
        low, ratio, high = np.quantile(ours[:, 0] / t[:, 0], [0.25, 0.5, 0.75])
        by_cpu = np.median(ours[:, 1] / t[:, 1])
        rate = N_ROWS / np.median(t[:, 0])
        results[name] = {"rows_per_second": rate, "ratio": ratio, "quartiles": [low, high],
                         "cpu_ratio": by_cpu}
        print(f"  {name:36} {rate:8.0f} {ratio:10.2f} {low:6.2f} {high:5.2f} {by_cpu:7.2f}")
    write(asked.json, results)


if __name__ == "__main__":
    main()
