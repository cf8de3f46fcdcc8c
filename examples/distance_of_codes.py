"""How far out is a code? When a distance in the latent space has the tail that it says.

The claim: of three distances in the latent space only that of a drawn z has, on normal rows, the
chi-squared tail that it says.

Codes are trained to be like draws of N(0, I), and the squared length of such a draw has the chi-squared
distribution with J degrees of freedom. So a distance of a code from 0 looks as if it came with its own
probability: the tail of that distribution beyond it. "Below 0.05" should then be true of one normal row
in twenty, and the share of rows below any tail should be that tail.

Whether it is depends on which code is meant. What the KL draws to N(0, I) is q(z), the average of the
posteriors over all rows, and a draw of q(z) is z = mu(x) + std(x) eps.

- A *drawn z* comes near it: its variance in each dimension is nearly 1.
- The *posterior mean* mu is too near to 0: the variance of z is that of mu plus the mean of std^2, and
  in a dimension that is not in use all of it is std^2. So hardly a row seems to be far out.
- The *Mahalanobis distance* of mu divides by mu's own covariance. Its mean is right then, J, but the
  means are not Gaussian: its curve crosses the line near 0.05, where one looks; elsewhere it is far off.

So the drawn z is right about normal rows, but is another number at each draw, and the two others are no
probabilities. For a threshold take a quantile of normal rows. (`AnomalyDetector.tail` gives the third.)

    python examples/distance_of_codes.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from anomaly_table import make_detectors, normal_rows
from npvae.plots import BLUE, GREEN, GREY, ORANGE

# %% Three distances, and the chi-squared tail of each


def tails(detector, rows, q, z):
    """Tail probabilities by name, (n,) each, for rows with the posteriors q and draws z of them."""
    J = z.shape[1]
    return {"|mu|²": stats.chi2.sf((q.mu**2).sum(axis=1), J),
            "|z|², z drawn": stats.chi2.sf((z**2).sum(axis=1), J),
            "Mahalanobis, of mu": detector.tail(rows)}


def off(p):
    """How far the share of rows below a tail is from that tail, at most (Kolmogorov's distance)."""
    return float(stats.kstest(p, "uniform").statistic)


# %% The figure


def draw(tails_of, variances):
    figure = Figure(figsize=(9, 4), layout="constrained")
    shares, bars = figure.subplots(1, 2)
    for (name, p), style, colour in zip(tails_of.items(), ("--", "-.", "-"), (ORANGE, GREEN, BLUE)):
        shares.plot(np.sort(p), (np.arange(len(p)) + 1) / len(p), style, color=colour,
                    label=f"{name}: off by {off(p):.2f}")
    shares.plot([0, 1], [0, 1], ":", color=GREY, label="what it says")
    shares.set(xlabel="chi-squared tail probability", ylabel="share of normal rows below",
               title="is the tail what it says?")
    shares.legend(frameon=False, fontsize=9)
    dimensions = np.arange(len(variances["mu"])) + 1
    for shift, (name, each), colour, hatch in zip((-0.2, 0.2), variances.items(), (ORANGE, GREEN),
                                                  ("", "//")):
        bars.bar(dimensions + shift, each, 0.38, color=colour, hatch=hatch, ec="w", label=name)
    bars.axhline(1.0, color=GREY, ls=":")
    bars.set(xlabel="latent dimension", ylabel="variance over normal rows", ylim=(0, 1.5),
             title="N(0, I) has variance 1", xticks=dimensions)
    bars.legend(frameon=False, fontsize=9, ncols=2)
    return figure


# %% A detector, and normal rows that it has not seen


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    detector = make_detectors(rng, *((10000, 32) if asked.quick else (20000, 60)))["latent_distance"]
    rows = normal_rows(rng, 5000)
    q = detector.models[0].encode(detector.standardizer(rows))
    z = q.mu + q.std * rng.standard_normal(q.mu.shape)
    tails_of, found = tails(detector, rows, q, z), {}
    for name, p in tails_of.items():
        found[name] = {"below 0.05": float((p < 0.05).mean()), "off": off(p)}
        print(f"{name:18}  tail below 0.05 for {100 * found[name]['below 0.05']:4.1f} % of normal rows; "
              f"at most off by {found[name]['off']:.2f}")
    order = np.argsort(-q.mu.var(axis=0))                       # the dimensions in use first
    variances = found["variances"] = {"mu": q.mu.var(axis=0)[order], "z drawn": z.var(axis=0)[order]}
    for name, each in variances.items():
        print(f"variance of each dimension of {name:7}: {' '.join(f'{one:.2f}' for one in each)}")
    draw(tails_of, variances).savefig(asked.out / "distance_of_codes.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
