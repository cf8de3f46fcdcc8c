"""The exact posterior on a grid: what it shows, what it costs, and when there is a formula.

The claim: on a grid in two dimensions the best Gaussian of independent dimensions is seen to be
narrower than the posterior, and to miss log p(x) by a gap; in 20 dimensions the same grid would outlast
the universe.

Bayes: p(z|x) = p(x|z) p(z) / p(x). The two factors above the line, the decoder's
likelihood and the prior, are easy. The evidence p(x) below it is an integral over all z: on a
grid with n points on each axis, a sum of n^J terms for J latent dimensions.

    J = 2     The sum is quick, and the posterior can be drawn. A beacon in the plane measures the
              square of its distance to z, so z lies near a ring about it, and by the prior N(0, I)
              near the origin: the posterior is a banana, and no Gaussian.
    J = 20    As in many a VAE: the sum would outlast the universe. But the ELBO is a mean over q,
              which some draws of z estimate in any dimension. It is a bound of log p(x), no more.

One case has a closed form: an affine decoder, a Gaussian likelihood, and so x ~ N(b, W^T W + s I)
(Tipping and Bishop, 1999: probabilistic PCA). On it the grid is timed here, and checked.

    python examples/intractability.py [--quick]
"""

import argparse
import timeit
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import optimize, stats
from scipy.special import logsumexp

import npvae
from npvae.plots import BLUE, GREEN, GREY, ORANGE

# %% A grid of n^J codes


def codes(n, J, limit=6.0, block=100_000):
    """Yield z (block, J), a part of the grid, and dz, the volume that each of them stands for."""
    axis, step = np.linspace(-limit, limit, n, retstep=True)
    for start in range(0, n**J, block):
        places = np.unravel_index(np.arange(start, min(start + block, n**J)), [n] * J)
        yield axis[np.stack(places, axis=-1)], step**J


# %% Two dimensions: a banana, and the best q for it


def exact_and_best(z, dz, c, x):
    """log p(x), log p(z|x) at each z, and the q of least KL(q, p), so of the largest ELBO."""
    squared_distance = ((z - c)**2).sum(axis=-1, keepdims=True)
    log_px_given_z, _ = npvae.likelihoods.Gaussian(variance=0.5).log_prob(x, squared_distance)
    log_joint = log_px_given_z + npvae.priors.StandardNormal(2).log_prob(z)[0]
    log_px = logsumexp(log_joint) + np.log(dz)
    log_p, family = log_joint - log_px, npvae.posteriors.DiagonalGaussian(2)

    def kl(h):                                           # h = (mu, log std^2)
        log_q = family.log_prob(family.at(family.given(h), z))
        return (np.exp(log_q) * (log_q - log_p)).sum() * dz

    found = optimize.minimize(kl, x0=np.zeros(4))
    return log_px, log_p, family.given(found.x), found.fun


def draw_banana(z, log_p, q, c, gap):
    figure, n = Figure(figsize=(8.2, 4.2), layout="constrained"), round(len(z)**0.5)
    axes, p, turn = figure.subplots(), np.exp(log_p), np.linspace(0, 2 * np.pi, 100)[:, None]
    axes.contourf(*z.T.reshape(2, n, n), p.reshape(n, n), p.max() * np.linspace(0.1, 1, 7), cmap="Greys")
    for radius, style in ((1, "-"), (2, "--")):
        ring = q.mu + radius * q.std * np.hstack([np.cos(turn), np.sin(turn)])
        axes.plot(*ring.T, style, color=ORANGE, lw=2, label=f"q, {radius} std")
    axes.plot(*c, "^", color=BLUE, markersize=9, label="beacon")
    axes.set(xlim=(-2.4, 2.4), ylim=(-2, 0.7), xlabel="$z_1$", ylabel="$z_2$", aspect="equal",
             title=f"the posterior (grey) is a banana: gap {gap:.2f} nats")
    figure.legend(loc="outside right center", frameon=False)
    return figure


# %% More dimensions: what one log p(x) costs


def on_a_grid(model, x, n):
    log_px = -np.inf
    for z, dz in codes(n, model.n_latent):
        log_px_given_z, _ = model.likelihood.log_prob(x, model.decoder.forward(z)[0])
        log_joint = log_px_given_z + model.prior.log_prob(z)[0]
        log_px = np.logaddexp(log_px, logsumexp(log_joint) + np.log(dz))
    return log_px


def by_formula(model, x):
    layer, s = model.decoder.layers[0], model.likelihood.variance
    covariance = layer.W.T @ layer.W + s * np.eye(len(layer.b))
    return stats.multivariate_normal(layer.b, covariance).logpdf(x)


def draw_costs(n, grid, formula, elbo):
    figure, J = Figure(figsize=(8.2, 4), layout="constrained"), np.arange(1, 21)
    axes = figure.subplots()
    axes.plot(J[3:], grid[3] * n**(J[3:] - 4.0), "--", color=ORANGE, label="grid, extrapolated")
    axes.plot(J[:4], grid, "o", color=ORANGE, zorder=3, label="grid, measured")
    axes.plot(J, formula, "-", color=BLUE, label="closed form (linear only)")
    axes.plot(J, elbo, "^", color=GREEN, markersize=4, label="ELBO, 100 draws (a bound)")
    axes.axhline(4.4e17, color=GREY, ls=":", label="the age of the universe")
    axes.set(yscale="log", xlabel="latent dimensions J", ylabel="seconds for one x",
             title=f"the cost of log p(x): a grid of {n} points an axis", xticks=range(0, 21, 2))
    figure.legend(loc="outside right center", frameon=False)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 points on each axis, not 60")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)

    c, (z, dz) = np.array([0.0, -1.5]), next(codes(201, 2))
    log_px, log_p, q, gap = exact_and_best(z, dz, c, x=np.array([2.25]))
    mean = np.exp(log_p) @ z * dz
    std = np.sqrt(np.exp(log_p) @ (z - mean)**2 * dz)
    print(f"banana: log p(x) {log_px:.4f} = ELBO {log_px - gap:.4f} + gap {gap:.4f} nats; "
          f"std of q {q.std.round(2)}, of the posterior {std.round(2)}")
    draw_banana(z, log_p, q, c, gap).savefig(asked.out / "intractability_banana.png", dpi=110)

    n, rng = 40 if asked.quick else 60, np.random.default_rng(0)
    x, grid, formula, elbo, errors = rng.standard_normal((1, 8)), [], [], [], []
    for J in range(1, 21):
        model = npvae.vae(8, (), J, likelihood="gaussian", variance=0.5).astype(np.float64)
        eps = model.draw_noise(rng, 1, 100)
        formula.append(min(timeit.repeat(lambda: by_formula(model, x), number=1)))
        elbo.append(min(timeit.repeat(lambda: model.loss(x, eps), number=1)))
        if J <= 4:
            exact, start = by_formula(model, x), timeit.default_timer()
            summed = on_a_grid(model, x, n)
            grid.append(timeit.default_timer() - start)
            errors.append(float(abs(summed - exact)))
            print(f"J = {J:2}: {n**J:10,} codes, {grid[-1]:7.4f} s; log p(x) {summed:.8f} nats, "
                  f"by the formula {exact:.8f}")
    years = grid[3] * n**16 / 3.156e7
    print(f"J = 20: {n**20:.0e} codes, at that pace {years:.0e} years; by the formula "
          f"{1e6 * formula[-1]:.0f} microseconds, an ELBO of 100 draws {1e6 * elbo[-1]:.0f}")
    draw_costs(n, grid, formula, elbo).savefig(asked.out / "intractability_cost.png", dpi=110)
    return dict(log_px=float(log_px), gap=float(gap), narrower_1=float(q.std[0] / std[0]),
                narrower_2=float(q.std[1] / std[1]), error=max(errors), years=years)


if __name__ == "__main__":
    main()
