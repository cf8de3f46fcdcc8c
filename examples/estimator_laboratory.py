"""The estimator laboratory: one bound, several gradients.

The claim: dropping the score leaves the ELBO's gradient right in the mean and, at the posterior,
without noise; inside the importance weighted bound it is wrong, and turning the score into a path
(DReG) is right, with a signal that gains on the noise as K grows, where IWAE's drowns.

With K samples and their weights w = p(x, z) / q(z|x), log(mean of w) is a lower bound of
log p(x), the importance weighted one (IWAE). Its gradient reaches the encoder on two ways: by
the path (z moves) and by the score (the density of q at a z that stands still). Estimators
differ in what they make of the score:

- ELBO (fully sampled), IWAE: keep it. It is noise, in part or in whole.
- Sticking the landing (STL): drop it. For the ELBO its mean is zero, so nothing is lost; and at
  the true posterior nothing is left to vary.
- STL inside the IWAE bound: there the mean of the score is not zero, and dropping it is wrong.
- DReG: turn it into a path. What comes out is one more factor w_k / sum(w) on the path.

Here all stand on one bench, on a model whose evidence and posterior are known: a linear VAE. For
each x and draw of the noise we look at the gradient in the encoder's output (mu, logvar).

    python examples/estimator_laboratory.py [--quick] [--out DIR]
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

import npvae
from npvae import ELBO, IWAE, DReG, SampledKL, StickingTheLanding, plots
from npvae.networks import Dense, Table

SAMPLED = ELBO(cost=SampledKL())
LOOKS = {name: {"marker": marker, "ls": style, "color": colour, "ms": 4, "label": name}
         for name, marker, style, colour in (
             ("ELBO", "o", "-", plots.ORANGE), ("IWAE", "o", "-", plots.ORANGE),
             ("STL", "s", "--", plots.BLUE), ("DReG", "s", "--", plots.BLUE),
             ("STL in IWAE", "^", ":", plots.GREY))}


class StickingInside(IWAE):
    """The score dropped inside the importance weighted bound: a mistake."""

    def __call__(self, log_px, rate):
        return super().__call__(log_px, rate)._replace(score=0.0)


# %% A linear model, and q anywhere between a poor one and the true posterior


def bench(off, n=1):
    """A model of x = W z + noise, n times the same x, and q this far from the posterior."""
    rng = np.random.default_rng(4)
    W = np.array([[2.0, 0, 0, 0], [0, 1.0, 0, 0]]) @ np.linalg.qr(rng.standard_normal((4, 4)))[0]
    variance, x = 0.5, rng.standard_normal(4)
    spread = variance / (np.diag(W @ W.T) + variance)               # of the true posterior
    h = np.concatenate([x @ W.T * spread / variance, np.log(spread)])
    h = h + off * rng.standard_normal(4)
    decoder = Dense(2, 4, rng).astype(np.float64)
    decoder.W = W
    model = npvae.VAE(Table(np.tile(h, (n, 1))), npvae.posteriors.DiagonalGaussian(2),
                      npvae.priors.StandardNormal(2), decoder,
                      npvae.likelihoods.Gaussian(variance), n_data=4).astype(np.float64)
    evidence = stats.multivariate_normal(cov=W.T @ W + variance * np.eye(4)).logpdf(x)
    return model, np.tile(x, (n, 1)), evidence


def gradients(objective, off, K, n, order=1):
    """n draws of the gradient in (mu, logvar): (n, 4). With order -1, the K samples in reverse."""
    model, x, _ = bench(off, n)
    eps = model.draw_noise(np.random.default_rng(0), n, K)
    model.loss_and_grad(x, eps[::order], objective=objective)
    return n * model.encoder.dh                                 # the loss is a mean over the n


# %% Six experiments


def bound_by_samples(K=8):
    """Averaged over all subsets of K samples: the bound for 1, ..., K of them, and log p(x)."""
    model, x, evidence = bench(0.7)
    eps = model.draw_noise(np.random.default_rng(1), 1, K)
    return [-np.mean([model.loss(x, eps[list(s)], objective=IWAE()).value
                      for s in itertools.combinations(range(K), k)])
            for k in range(1, K + 1)], evidence


def signal_to_noise(Ks, n):
    """|mean| / deviation of the gradient near the optimum, the median of its entries. The two
    means are equal, so both are taken from DReG, where they can be seen."""
    found = {"IWAE": [], "DReG": []}
    for K in Ks:
        drawn = {"IWAE": gradients(IWAE(), 0.05, K, n), "DReG": gradients(DReG(), 0.05, K, n)}
        signal = np.abs(drawn["DReG"].mean(axis=0))
        for name, each in drawn.items():
            found[name].append(float(np.median(signal / each.std(axis=0))))
    return found


def bias(Ks, n):
    """How far the mean gradient is from that of IWAE, as a part of it, and its error."""
    found = {"DReG": [], "STL in IWAE": []}
    for K in Ks:
        expected = gradients(IWAE(), 0.5, K, n)
        size = np.linalg.norm(expected.mean(axis=0))
        for name, objective in (("DReG", DReG()), ("STL in IWAE", StickingInside())):
            d = gradients(objective, 0.5, K, n) - expected          # on the same noise
            found[name].append((np.linalg.norm(d.mean(axis=0)) / size,
                                np.linalg.norm(d.std(axis=0)) / np.sqrt(n) / size))
    return found


def draw(found):
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    (one, bound, order), (landing, snr, wrong) = figure.subplots(2, 3)
    for axes, pairs, title in ((one, found["K = 1"], "K = 1: IWAE is the ELBO"),
                               (order, found["order"], "the order of the samples")):
        for (name, (a, b)), marker, colour in zip(pairs.items(), "ox", (plots.ORANGE, plots.BLUE)):
            axes.plot(a, b, marker, ms=5, label=name, alpha=0.7, mfc="none", color=colour)
        axes.axline((0, 0), slope=1, color=plots.GREY, lw=0.8)
        axes.set(title=title, xlabel="an entry of the gradient", ylabel="the same entry")
        axes.legend(frameon=False, fontsize=8)
    values, evidence = found["bound"]
    bound.plot(range(1, len(values) + 1), values, "o-", color=plots.ORANGE, label="mean over subsets")
    bound.axhline(evidence, color=plots.GREY, ls=":", label="log p(x)")
    bound.set(title="more samples, a better bound", xlabel="K", ylabel="nats")
    for name, deviation in found["landing"][1].items():
        landing.plot(found["landing"][0], deviation, **LOOKS[name])
    landing.set(title="noise on the way to the posterior", ylabel="deviation of the gradient",
                xlabel="distance of q from the posterior")
    for name, values in found["snr"].items():
        snr.loglog(found["Ks"], values, **LOOKS[name])
    snr.set(title="signal to noise", xlabel="K", ylabel="|mean| / deviation")
    for name, values in found["bias"].items():
        wrong.errorbar(found["Ks"], *np.transpose(values), **LOOKS[name], capsize=2)
    wrong.set(title="dropping the score inside the bound", xlabel="K", xscale="log",
              ylabel="mean error of the gradient, relative")
    for axes in (bound, landing, snr, wrong):
        axes.legend(frameon=False, fontsize=8)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, Ks = (20_000, 2**np.arange(6)) if asked.quick else (100_000, 2**np.arange(7))
    pairs = {"ELBO, IWAE": (SAMPLED, IWAE()), "STL, DReG": (StickingTheLanding(), DReG())}
    one = {name: [gradients(each, 0.7, 1, 30).ravel() for each in pair] for name, pair in pairs.items()}
    order = {f"{name}, K = 8, in reverse": [gradients(each, 0.7, 8, 30, way).ravel() for way in (1, -1)]
             for name, each in (("IWAE", IWAE()), ("DReG", DReG()))}
    offs = np.linspace(0, 1, 9)
    landing = {name: [float(np.linalg.norm(gradients(each, off, 1, 4000).std(axis=0))) for off in offs]
               for name, each in (("ELBO", SAMPLED), ("STL", StickingTheLanding()))}
    found = {"K = 1": one, "order": order, "bound": bound_by_samples(), "landing": (offs, landing),
             "Ks": Ks, "snr": signal_to_noise(Ks, n), "bias": bias(Ks, n)}

    for name, rows in {**one, **order}.items():
        print(f"{name}: largest difference {np.abs(np.subtract(*rows)).max():.0e}")
    print("bound for K = 1, 2, ...: " + " ".join(f"{v:.3f}" for v in found["bound"][0])
          + f"; log p(x) {found['bound'][1]:.3f}")
    print(f"at the posterior the gradient deviates by {landing['ELBO'][0]:.2f} (ELBO), "
          f"{landing['STL'][0]:.0e} (STL)")
    print("K                  " + " ".join(f"{K:7d}" for K in Ks))
    for name, values in found["snr"].items():
        print(f"signal/noise, {name} " + " ".join(f"{v:7.3f}" for v in values))
    for name, values in found["bias"].items():
        print(f"error, {name:12}" + " ".join(f"{v:7.3f}" for v, _ in values))
    draw(found).savefig(asked.out / "estimator_laboratory.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
