"""Maximum likelihood: slide a curve until the data are as likely as they can be.

The claim: the likelihood is highest at the sample mean and at the deviation that divides by n; and
squared error and cross entropy are negative log-likelihoods, of a Gaussian and of a Bernoulli.

*Probability* is an area under a density: N(32, 2.5^2) puts 0.288 between 32 and 34.
*Likelihood* is a height: the density of what was seen, read as a function of the parameters.
At x = 34 it is 0.116 for a mean of 32, and 0.160 once the mean has moved to 34. For n data the
heights multiply, so their logarithms add:

    log L(mu, sigma) = -n log(sigma) - sum (x_i - mu)^2 / (2 sigma^2) - n log(2 pi) / 2

*Likelihood ratio*: how much better is the best mean than a given one? Twice the difference of the
log-likelihoods is, where the given mean is the true one, nearly chi-squared (Wilks, 1938).

And the bridge to the VAE: its reconstruction error is a negative log-likelihood. A loss is a statement
on how the data arise.

    python examples/maximum_likelihood.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import optimize, stats
from scipy.special import expit

from npvae.distributions.likelihoods import Bernoulli, Gaussian
from npvae.plots import BLUE, GREEN, GREY, ORANGE

# %% The likelihood of a data set


def log_likelihood(x, mu, sigma):
    return stats.norm.logpdf(x, mu, sigma).sum()


def ratio_statistic(x, mu0):
    """2 log L(best mu, best sigma) - 2 log L(mu0, best sigma for mu0)."""
    free = log_likelihood(x, x.mean(), x.std())
    held = log_likelihood(x, mu0, np.sqrt(np.mean((x - mu0)**2)))
    return 2 * (free - held)


# %% Squared error and cross entropy, as negative log-likelihoods


def bridge(rng):
    """The largest difference between each loss and -log p, over random data and outputs."""
    x, y = rng.random((5, 784)), rng.standard_normal((1, 5, 784))
    nll = -Gaussian(0.5).log_prob(x, y)[0] - 784 / 2 * np.log(np.pi)     # less its constant
    cross_entropy = -(x * np.log(expit(y)) + (1 - x) * np.log(expit(-y))).sum(axis=-1)
    return (np.abs(nll - ((x - y)**2).sum(axis=-1)).max(),
            np.abs(-Bernoulli().log_prob(x, y)[0] - cross_entropy).max())


# %% Figures


def curves_figure(x):
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    (area, height), (over_mu, over_sigma) = figure.subplots(2, 2)
    grid = np.linspace(22, 46, 500)
    density, between = stats.norm.pdf(grid, 32, 2.5), (grid >= 32) & (grid <= 34)
    area.plot(grid, density, color=BLUE)
    area.fill_between(grid[between], density[between], color=BLUE, alpha=0.4)
    area.set(title="probability: the area from 32 to 34 is 0.288", xlabel="x", ylabel="density")
    for mu, style, colour in ((32, "-", BLUE), (34, "--", ORANGE)):
        height.plot(grid, stats.norm.pdf(grid, mu, 2.5), style, color=colour)
        top = stats.norm.pdf(34, mu, 2.5)
        height.plot([34], [top], "o", color=colour, label=f"mu = {mu}: {top:.3f}")
    height.axvline(34, color=GREY, ls=":")
    height.legend(title="height at x = 34", frameon=False, fontsize=8, loc="upper right")
    height.set(title="likelihood: slide the curve to the datum", xlabel="x", ylabel="density")
    mus, sigmas = np.linspace(28, 37, 200), np.linspace(1, 6, 200)
    over_mu.plot(mus, [log_likelihood(x, mu, x.std()) for mu in mus], color=GREEN)
    over_mu.axvline(x.mean(), color=GREY, ls=":", label=f"sample mean {x.mean():.2f}")
    over_mu.set(title=f"first the mean ({len(x)} data)", xlabel="mu", ylabel="log L, nats")
    over_sigma.plot(sigmas, [log_likelihood(x, x.mean(), s) for s in sigmas], color=GREEN)
    over_sigma.axvline(x.std(), color=GREY, ls=":", label=f"1/n deviation {x.std():.2f}")
    unbiased = x.std(ddof=1)
    over_sigma.axvline(unbiased, color=ORANGE, ls="-.", label=f"1/(n-1) deviation {unbiased:.2f}")
    over_sigma.set(title="then the standard deviation", xlabel="sigma", ylabel="log L, nats",
                   ylim=(log_likelihood(x, x.mean(), 1.5), None))
    for axes in (over_mu, over_sigma):
        axes.legend(frameon=False, fontsize=9, loc="upper right")
    return figure


def losses_figure(statistics):
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    ratio, gauss, bernoulli = figure.subplots(1, 3)
    t = np.linspace(0.05, 8, 200)
    ratio.hist(statistics, 60, range=(0, 8), density=True, color=BLUE, alpha=0.5, label="simulated")
    ratio.plot(t, stats.chi2.pdf(t, 1), "--", color=ORANGE, label="chi-squared, 1")
    ratio.set(title="likelihood ratio, true mean", xlabel="2 log ratio", ylabel="density", ylim=(0, 1.2))
    error, logit = np.linspace(-2, 2, 100), np.linspace(-6, 6, 100)
    gauss.plot(error, error**2, color=BLUE, lw=4, alpha=0.4, label="squared error")
    nll = -Gaussian(0.5).log_prob(error[:, None], np.zeros((100, 1)))[0] - 0.5 * np.log(np.pi)
    gauss.plot(error, nll, "--", color=ORANGE, label="$-\\log N(x; y, 1/2)$ + const")
    gauss.set(title="squared error", xlabel="x - y", ylabel="nats")
    for x, style, colour in ((1.0, "-", BLUE), (0.0, "--", ORANGE)):
        nll = -Bernoulli().log_prob(np.full((100, 1), x), logit[:, None])[0]
        bernoulli.plot(logit, nll, style, color=colour, label=f"x = {x:.0f}")
    bernoulli.set(title="cross entropy", xlabel="logit y", ylabel="$-\\log p(x)$, nats")
    for axes in (ratio, gauss, bernoulli):
        axes.legend(frameon=False, fontsize=8, loc="upper center")
    return figure


# %% The numbers


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer simulated data sets")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    norm, moved = stats.norm(32, 2.5), stats.norm(34, 2.5)
    found = {"area": norm.cdf(34) - norm.cdf(32), "height": norm.pdf(34), "moved": moved.pdf(34)}
    print(f"N(32, 2.5^2): P(32 < x < 34) = {found['area']:.3f}; L(34) = {found['height']:.3f}, "
          f"and {found['moved']:.3f} with the mean at 34")
    x = rng.normal(32, 2.5, 20)
    best = optimize.minimize(lambda h: -log_likelihood(x, h[0], np.exp(h[1])), [30.0, 0.0], tol=1e-9).x
    found |= {"error of mu": float(abs(best[0] - x.mean())),
              "error of sigma": float(abs(np.exp(best[1]) - x.std()))}
    print(f"20 draws: the top of the likelihood is at mu {best[0]:.5f}, sigma {np.exp(best[1]):.5f}; "
          f"sample mean {x.mean():.5f}, 1/n deviation {x.std():.5f}")
    ratio = ratio_statistic(x, 30.0)
    print(f"is the mean 30? 2 log ratio {ratio:.2f}, p = {stats.chi2.sf(ratio, 1):.4f}")
    many = rng.normal(32, 2.5, (1000 if asked.quick else 10000, 20))
    simulated = np.array([ratio_statistic(each, 32.0) for each in many])
    found["rejected"] = float((stats.chi2.sf(simulated, 1) < 0.05).mean())
    print(f"where it is 32, the 5 % test rejects {100 * found['rejected']:.1f} % of "
          f"{len(simulated):,} data sets (chi-squared is the limit of many data; n is 20)")
    found["squared error"], found["cross entropy"] = bridge(rng)
    print(f"-log N(x; y, 1/2) - const = squared error, to {found['squared error']:.0e} nats of "
          f"hundreds; -log Bernoulli = cross entropy, to {found['cross entropy']:.0e}")
    curves_figure(x).savefig(asked.out / "maximum_likelihood_curves.png", dpi=110)
    losses_figure(simulated).savefig(asked.out / "maximum_likelihood_losses.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
