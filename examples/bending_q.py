"""Bending q: with every flow that z goes through, log p(x) - ELBO falls.

z is a place in the plane, and nobody knows more of it beforehand than N(0, I). From a lighthouse one
hears at what distance it is, x, give or take. So z is somewhere on an arc around the lighthouse,
and the posterior p(z|x) has the shape of that arc. A Gaussian with a diagonal covariance is no arc,
however it is placed: it covers what of the arc it can, and pays for the rest. That is the
approximation gap, and no better encoder makes it smaller.

But a Gaussian can be bent. z0 is drawn from it, and goes through invertible functions, one after the
other, which are learned: z = f(z0). By the log-determinant of f one knows log q(z|x) still, so the ELBO
is computed, and maximized, as ever. Three kinds of such functions:

- planar: pushes space along one direction, most at one line, as a fold does;
- coupling: scales and shifts one half of z by what a network makes of the other half;
- iaf (inverse autoregressive): moves each z_j by what a network makes of those before it.

Each number of flows begins with those that the smaller one has learned, so it has been trained for
longer, too. Nothing is learned here but q: the decoder is the distance itself. And as z has two
dimensions, log p(x) is known, from a grid, and with it the gap, in nats.

The claim: with each flow that z goes through, of all three kinds, log p(x) - ELBO gets smaller, and one
coupling after the other leaves less than a tenth of what the diagonal Gaussian has.

    python examples/bending_q.py [--quick] [--out DIR]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import evaluation, plots
from npvae.distributions.flows import FlowGaussian
from npvae.distributions.likelihoods import Gaussian
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.distributions.priors import StandardNormal
from npvae.networks import Chain, Dense, Layer, Tanh

LIGHTHOUSE = np.array([0.0, -1.5], np.float32)
ERROR = 0.2                                            # of the distance, a standard deviation
KINDS = {"planar": plots.BLUE, "coupling": plots.ORANGE, "iaf": plots.GREEN}


# %% The decoder: the distance from the lighthouse


class Distance(Layer):
    """y = |z - lighthouse|, of shape (..., 1); its slope is the unit vector away from there."""

    def forward(self, z):
        away = z - LIGHTHOUSE
        y = np.sqrt((away * away).sum(axis=-1, keepdims=True))
        return y, away / y

    def pullback(self, dy, unit):
        return dy * unit


def model_of(posterior):
    rng = np.random.default_rng(0)
    encoder = Chain(Dense(1, 32, rng), Tanh(), Dense(32, posterior.n_outputs, rng))
    return npvae.VAE(encoder, posterior, StandardNormal(2), Distance(), Gaussian(ERROR**2), n_data=1,
                     objective=npvae.StickingTheLanding())


# %% log p(x), from a grid


def on_a_grid(x, n=160, limit=5.0):
    """log p(x) of each x (n, 1), and log p(x, z) on the grid (n, n, n_x)."""
    axis = np.linspace(-limit, limit, n)
    z = np.stack(np.meshgrid(axis, axis), axis=-1)
    error = (Distance().forward(z)[0] - x[:, 0]) / ERROR
    log_joint = (-0.5 * error**2 - 0.5 * (z * z).sum(axis=-1, keepdims=True)
                 - np.log(ERROR) - 1.5 * np.log(2 * np.pi))
    return np.log(np.exp(log_joint).sum(axis=(0, 1)) * (axis[1] - axis[0])**2), axis, log_joint


# %% Figure


def draw(gaps, drawn, axis, posterior):
    figure = Figure(figsize=(12.5, 2.9), layout="constrained")
    gap_axes, *panels = figure.subplots(1, 5, width_ratios=(1.3, 1, 1, 1, 1))
    for (kind, colour), marker in zip(KINDS.items(), "os^"):
        n, gap = zip(*gaps[kind].items())
        gap_axes.plot(n, gap, color=colour, marker=marker, label=kind)
    gap_axes.set(title="log p(x) - ELBO", xlabel="flows on top of the Gaussian", ylabel="nats",
                 xticks=n, yscale="log")
    gap_axes.legend(frameon=False, fontsize=9)
    for axes, (kind, (title, z)) in zip(panels, drawn.items()):
        axes.contourf(axis, axis, posterior, np.linspace(0.02, 1.0, 7) * posterior.max(), cmap="Greys")
        axes.plot(*z.T, ".", ms=2.5, color=KINDS.get(kind, "black"))
        axes.plot(*LIGHTHOUSE, "*", ms=10, color="black", mfc="white", ls="", label="the lighthouse")
        axes.set(title=title, xlabel="$z_1$", xlim=(-2.4, 2.4), ylim=(-2.6, 1.4), aspect="equal")
    panels[0].set_ylabel("$z_2$")
    panels[0].legend(frameon=False, fontsize=8, loc="lower left", handletextpad=0)
    return figure


# %% Without a flow, and with more and more of them


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer flows, trained for less long")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    numbers, n_x, epochs = ((2, 4), 4000, 14) if asked.quick else ((2, 4, 8), 10_000, 80)
    rng = np.random.default_rng(0)
    of_z = lambda z: Gaussian(ERROR**2).sample(rng, Distance().forward(z)[0])
    x, x_test = (of_z(rng.standard_normal((n, 2), np.float32)) for n in (n_x, 100))
    log_px, axis, log_joint = on_a_grid(x_test)
    shown = int(np.argmin(np.abs(x_test - 1.5)))       # the arc through the middle

    def learn(posterior, blocks, title, panel):
        """The gap that is left, and what was learned; draws of z for one x, for a panel."""
        model = model_of(posterior)
        for name in model.blocks().keys() & blocks.keys():       # flows that are there already
            model.blocks()[name][...] = blocks[name]
        npvae.fit(model, x, epochs=epochs, batch_size=200, clip_norm=10.0, progress=False,
                  learning_rate=npvae.schedules.Cosine(0.01, epochs))
        elbo = evaluation.log_weights(model, x_test, model.draw_noise(rng, 100, 200)).mean(axis=0)
        print(f"{title}: log p(x) - ELBO = {(log_px - elbo).mean():.3f} nats")
        q = model.encode(x_test[shown:shown + 1])
        z, _ = model.posterior.sample(q, model.draw_noise(rng, 1, 400))
        drawn[panel] = title, z[:, 0]
        return float((log_px - elbo).mean()), model.blocks()

    drawn = {}
    without, _ = learn(DiagonalGaussian(2), {}, "a diagonal Gaussian", None)
    gaps = {kind: {0: without} for kind in KINDS}
    for kind, gap in gaps.items():
        blocks = {}
        for n in numbers:
            posterior = FlowGaussian(2, " ".join([kind] * n), 16, 8)
            gap[n], blocks = learn(posterior, blocks, f"{n} x {kind}", kind)
    posterior = np.exp(log_joint[..., shown] - log_px[shown])
    draw(gaps, drawn, axis, posterior).savefig(asked.out / "bending_q.png", dpi=110)
    return gaps


if __name__ == "__main__":
    main()
