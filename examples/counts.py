"""Counts that vary more than a Poisson: how wide is p(x|z)?

The claim: where rates vary by more than the code explains, a Poisson likelihood, whose variance is its
mean, claims less than half of the squared error that comes; the negative binomial learns how much does,
and is better by almost ten nats a row on rows that it has not seen.

The process is stated: z ~ N(0, I) in two dimensions, log mu = b + W z for each of 40 columns, a rate
from a Gamma distribution with mean mu and shape theta = 2, and x ~ Poisson(rate). So x given z is
negative binomial, of mean mu and variance mu + mu^2 / 2. Counts of words, of visits, of molecules in a
cell are of this kind: something that no code holds makes one row busier than another.

Three looks at rows held out. The squared error of a count beside the variance that p(x|z) claims; how
many counts lie above the 99 % quantile of their own p(x|z), which should be one in a hundred at most;
and the bound of log p(x). Too narrow a p(x|z) does one thing more: each count seems to say much of z,
and the code is paid for noise.

    python examples/counts.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy import stats

import npvae
from npvae import plots
from npvae.distributions.counts import NegativeBinomial, Poisson

D, THETA = 40, 2.0

# %% The process


def process(rng, n):
    """Counts (n, D), and their means mu given z."""
    W, b = rng.normal(0.0, 0.3, (2, D)), rng.uniform(0.0, 1.5, D)
    mu = np.exp(b + rng.standard_normal((n, 2)) @ W)
    return rng.poisson(rng.gamma(THETA, mu / THETA)).astype(np.float32), mu


# %% What a model claims of each count


def of_scipy(likelihood, y):
    """p(x|z) as scipy has it: for its variance and its quantiles."""
    y = y.astype(np.float64)
    if isinstance(likelihood, Poisson):
        return stats.poisson(np.exp(y))
    mu, theta = np.split(np.exp(y), 2, axis=-1)
    return stats.nbinom(theta, theta / (theta + mu))


def judged(model, x, rng):
    """Of rows held out: the claimed variance, the squared error, and the bound's two terms."""
    q = model.encode(x)
    z, _ = model.posterior.sample(q, model.draw_noise(rng, len(x)))
    y, _ = model.decoder.forward(z[0])
    p = of_scipy(model.likelihood, y)
    terms = npvae.evaluate(model, x, n_samples=5)
    error, variance = (x - p.mean())**2, p.var()
    found = {"elbo": terms.elbo, "kl": terms.kl, "above 99 %": float((x > p.ppf(0.99)).mean()),
             "error over claimed variance": float((error / variance).mean())}
    if isinstance(model.likelihood, NegativeBinomial):
        found["theta"] = float(np.median(np.exp(y[:, D:])))
    return found, p.mean(), variance, error


def by_mean(mean, *arrays, n=12):
    """Averages over counts of about the same mean, n groups of the same size."""
    groups = np.array_split(np.argsort(mean.ravel()), n)
    return [np.array([a.ravel()[rows].mean() for rows in groups]) for a in (mean, *arrays)]


# %% The figure


STYLES = {"Poisson": ("o", plots.ORANGE), "negative binomial": ("s", plots.BLUE)}


def calibration_figure(judgements):
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    *panels, right = figure.subplots(1, 3)
    for axes, (name, (found, *arrays)) in zip(panels, judgements.items()):
        mark, colour = STYLES[name]
        mean, variance, error = by_mean(*arrays)
        axes.plot(mean, error, mark, color=plots.GREY, label="squared error, held out")
        axes.plot(mean, variance, "-", color=colour, label="variance that p(x|z) claims")
        axes.plot(mean, mean + mean**2 / THETA, ":", color="k", label="$\\mu + \\mu^2/2$, the process")
        axes.set(title=f"{name}: error / claimed = {found['error over claimed variance']:.1f}",
                 xlabel="mean of p(x|z), counts", ylabel="counts²", xscale="log", yscale="log")
        axes.title.set_fontsize(10.5)
        axes.set_xticks([1, 2, 4, 8], [1, 2, 4, 8])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, fontsize=8)
    low = min(panels[0].get_ylim()[0], panels[1].get_ylim()[0])
    high = max(panels[0].get_ylim()[1], panels[1].get_ylim()[1])
    for axes in panels:
        axes.set_ylim(low, high)
    names = list(judgements)
    above = [100 * judgements[name][0]["above 99 %"] for name in names]
    bars = right.bar(names, above, color=[STYLES[name][1] for name in names], width=0.6)
    right.bar_label(bars, [f"{share:.1f} %" for share in above], label_type="center", color="w")
    right.axhline(1.0, color="k", ls=":", label="1 %: what is right, at most")
    right.set(ylabel="% of held-out counts", ylim=(0, 1.25 * max(above)))
    right.set_title("counts above their own 99 % quantile", fontsize=10.5)
    right.legend(frameon=False, fontsize=8)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows and epochs")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, n_test, epochs = (1000, 300, 14) if asked.quick else (4000, 1000, 30)
    x, _ = process(np.random.default_rng(0), n + n_test)
    judgements = {}
    for name, likelihood in (("Poisson", Poisson()), ("negative binomial", NegativeBinomial())):
        model = npvae.vae(D, (32,), 2, likelihood=likelihood)
        npvae.fit(model, x[:n], epochs=epochs, batch_size=50, learning_rate=3e-3, progress=False)
        judgements[name] = judged(model, x[n:], np.random.default_rng(1))
        found = judgements[name][0]
        print(f"{name:18} -ELBO {-found['elbo']:6.1f} nats a row, of which KL {found['kl']:4.1f}; "
              f"squared error / claimed variance {found['error over claimed variance']:.2f}; "
              f"{found['above 99 %']:.1%} above the 99 % quantile")
    print(f"theta is {found['theta']:.2f} in the median; of the process, {THETA:g}")
    calibration_figure(judgements).savefig(asked.out / "counts.png", dpi=110)
    return {name: judgement[0] for name, judgement in judgements.items()}


if __name__ == "__main__":
    main()
