"""How good is q(z|x)? Three questions to an encoder.

The claim: the Gaussian family and the encoder both cost nats, and q is narrower than the posterior: the
true z is among the outer fifth of q's draws far more often than a fifth of the time, and the weights of
most images have a tail too heavy for the estimate of log p(x) to be trusted.

1. What does it cost? log p(x) = ELBO + KL(q, posterior), so the KL is the gap between the two.
   A part of it is the family's: no Gaussian with a diagonal covariance is the true posterior
   (the approximation gap). The rest is the encoder's: for each single x there is a better
   Gaussian than the one that it gives (the amortization gap). Where that is the larger part, a
   better encoder has more to win than a richer family (Cremer et al., 2018, who find besides that
   what makes the family richer helps the encoder, too).
2. Is z where q says, as often as q says? Draw z from the prior, x from the decoder, and ask q for
   the code of x. The rank of the true z among draws of q should be uniform. Here it piles up at
   both ends: minimizing KL(q, posterior) makes q narrow rather than wide. (Simulation-based
   calibration, Talts et al., 2018.)
3. Can the estimate of log p(x) be trusted? Its effective samples and the tail of its weights say: for
   most of these images not, even with 5,000 samples. It is a lower bound still, in the mean.

    python examples/how_good_is_q.py [--quick] [--out DIR]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import evaluation, plots
from npvae.datasets import binarize


# %% Figure


def draw(gaps, ranks, found):
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    gap_axes, rank_axes, tail_axes = figure.subplots(1, 3)
    for left, (name, gap) in zip((0, 1), gaps.items()):
        parts = gap.approximation.mean(), gap.amortization.mean()
        for bottom, part, colour, label in ((0, parts[0], plots.BLUE, "approximation"),
                                            (parts[0], parts[1], plots.ORANGE, "amortization")):
            gap_axes.bar(left, part, 0.5, bottom, color=colour, label=label if left == 0 else None)
            gap_axes.text(left, bottom + part / 2, f"{part:.1f}", ha="center", va="center",
                          color="white")
    gap_axes.set(title="log p(x) - ELBO", ylabel="nats per image", xticks=(0, 1),
                 xticklabels=list(gaps), xlim=(-0.6, 1.6),
                 ylim=(0, 1.3 * max((g.log_px - g.elbo).mean() for g in gaps.values())))
    gap_axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper center")
    K = 99
    counts = np.bincount(ranks.ravel() // 10, minlength=10) / ranks.size * 10
    rank_axes.bar(np.arange(10) * 10 + 5, counts, 9, color=plots.BLUE)
    rank_axes.axhline(1.0, color=plots.GREY, ls=":", label="if q were the posterior")
    rank_axes.set(title="rank of the true z among draws of q", xlabel=f"rank, of {K + 1}",
                  ylabel="relative frequency")
    rank_axes.legend(frameon=False, fontsize=9, loc="upper center")
    tail_axes.plot(found.ess, found.pareto_k, "o", ms=4, mfc="none", color=plots.BLUE)
    tail_axes.axhline(0.7, color=plots.GREY, ls=":", label="above: not to be trusted")
    tail_axes.set(title="importance sampling, 5,000 samples", xscale="log",
                  xlabel="effective samples", ylabel="Pareto k")
    tail_axes.legend(frameon=False, fontsize=9)
    return figure


# %% A VAE with 10 latent dimensions


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small network, 10,000 images")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    x, _, x_test, _ = npvae.datasets.mnist()
    sizes, epochs, n, steps, n_samples, n_pairs = (200, 200), 30, 100, 500, 5000, 5000
    if asked.quick:
        x, sizes, epochs, n, steps, n_samples, n_pairs = x[:10000], (64,), 4, 20, 100, 500, 1000
    model = npvae.iwae(784, sizes, 10)
    npvae.fit(model, x, epochs=epochs, transform=binarize, progress=False,
              learning_rate=npvae.schedules.Cosine(2e-3, epochs))
    rng = np.random.default_rng(0)
    gaps = {name: evaluation.inference_gap(model, binarize(images[:n], rng), rng, steps=steps,
                                           n_samples=min(n_samples, 1000))
            for name, images in (("training", x), ("test", x_test))}
    for name, gap in gaps.items():
        print(f"{name:8} images: log p(x) {gap.log_px.mean():.1f}, ELBO of the best q "
              f"{gap.best_elbo.mean():.1f}, of the encoder's q {gap.elbo.mean():.1f}: "
              f"approximation gap {gap.approximation.mean():.1f}, "
              f"amortization gap {gap.amortization.mean():.1f} nats")
    ranks = evaluation.calibration_ranks(model, rng, n_pairs)
    ends = float(((ranks < 10) | (ranks >= 90)).mean())
    print(f"of the true z, {100 * ends:.0f} % rank among the outer 20 of 100")
    found = evaluation.log_evidence(model, binarize(x_test[:n], rng), rng, n_samples)
    print(found)
    draw(gaps, ranks, found).savefig(asked.out / "how_good_is_q.png", dpi=110)
    return {"gaps": gaps, "ends": ends, "evidence": found}


if __name__ == "__main__":
    main()
