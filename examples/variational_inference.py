"""Variational inference: a Gaussian q(z) is fitted to a posterior that has no formula.

The claim: log p(x) = ELBO + KL(q, p(z|x)) at every step, and the KL is not symmetric.

You are on a line, a priori at z ~ N(0, 1). A beacon at c measures the square of its distance to you,
with noise: x ~ N((z - c)^2, 0.5), so (z - c)^2 is the decoder. Where are you?

    p(z|x) = p(x|z) p(z) / p(x),     p(x) = integral of p(x|z) p(z) dz

On a line a grid does the integral; in 20 dimensions none can (see intractability.py). Variational
inference needs no p(x). It climbs the evidence lower bound of a q(z) = N(mu, std^2):

    ELBO = E_q[log p(x|z)] - KL(q, p(z)),     log p(x) = ELBO + KL(q, p(z|x))

log p(x) does not depend on q: what the ELBO gains, the KL to the posterior loses. What is left of it is
the gap: the posterior is no Gaussian. Two humps show which KL was made small. KL(q, p) is large if q
is anywhere where p is not: q takes one hump (mode seeking). KL(p, q) is least for the mean and
variance of p: q covers both humps and the valley; but to find that q, one has to know p already.

    python examples/variational_inference.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logsumexp

from npvae import VAE, divergences, likelihoods, posteriors, priors
from npvae.networks import Dense, Layer
from npvae.plots import BLUE, GREEN, GREY, ORANGE

# %% The model: its decoder is given; for one x, a bias (mu, log std^2) is encoder enough


class Beacon(Layer):
    def __init__(self, c):
        super().__init__()
        self.c = c

    def forward(self, z):
        return (z - self.c)**2, z

    def pullback(self, dy, z):
        return dy * 2 * (z - self.c)


def beacon_at(c):
    encoder = Dense(1, 2, None, init=lambda rng, *shape: np.zeros(shape))
    return VAE(encoder, posteriors.DiagonalGaussian(1), priors.StandardNormal(1), Beacon(c),
               likelihoods.Gaussian(variance=0.5), n_data=1).astype(np.float64)


# %% Bayes on a grid


def exact_posterior(model, x, z, dz):
    """log p(x), and log p(z|x) at each z."""
    y, _ = model.decoder.forward(z)
    log_joint = model.likelihood.log_prob(x, y)[0] + model.prior.log_prob(z)[0]
    log_px = float(logsumexp(log_joint) + np.log(dz))
    return log_px, log_joint - log_px


def kl(log_q, log_p, dz):
    return float((np.exp(log_q) * (log_q - log_p)).sum() * dz)


# %% Gradient ascent. The moments of these six are those of N(0, 1) up to the fifth, and log p(x|z)
# is a polynomial in z of degree 4: with these for noise, the ELBO and its gradient have no error.
EPS = np.array([0, 0, 0, 0, 3**0.5, -3**0.5]).reshape(6, 1, 1)


def climb(model, x, mu, steps=600, rate=0.03):
    """Yield the ELBO and q before each step, and after the last; the first q is N(mu, 1)."""
    model.encoder.b = [mu, 0.0]
    for _ in range(steps + 1):
        yield model.loss_and_grad(x, EPS).elbo, model.encode(x)
        model.encoder.b -= rate * model.encoder.db             # db: of the loss, which is -ELBO


# %% Figures and numbers


def draw(axes, title, z, log_p, log_qs):
    axes.fill_between(z[:, 0], np.exp(log_p), color=GREY, alpha=0.4, lw=0, label="p(z|x)")
    styles = [(GREEN, ":"), (BLUE, "-."), (ORANGE, "--"), ("k", "-")]
    for (label, log_q), (colour, style) in zip(log_qs.items(), styles):
        axes.plot(z[:, 0], np.exp(log_q), style, color=colour, lw=2, label=label)
    axes.set(title=title, xlabel="z", ylabel="density", xlim=(-4, 4), ylim=(0, None))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a coarser grid")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    dz = 0.01 if asked.quick else 0.001
    z = np.arange(-10, 10, dz)[:, None]                        # (n, 1): each stands for dz
    figures = [Figure(figsize=(8.2, 3.8), layout="constrained") for _ in range(3)]
    # one hump: the identity, step by step
    model, x = beacon_at(-1.5), np.array([[2.25]])
    log_px, log_p = exact_posterior(model, x, z, dz)
    path, steps = [*climb(model, x, mu=0.0)], (0, 5, 10, 20, 30, 50, 100, 600)
    elbos = [path[step][0] for step in steps]
    log_qs = [model.posterior.log_prob(model.posterior.at(path[step][1], z)) for step in steps]
    gaps, found = [kl(log_q, log_p, dz) for log_q in log_qs], {"log_px": log_px}
    for step, elbo, gap in zip(steps, elbos, gaps):
        found |= {f"sum {step}": elbo + gap, f"gap {step}": gap}
        print(f"step {step:3}: ELBO {elbo:8.4f} + KL {gap:7.4f} = log p(x) {elbo + gap:.10f} nats")
    draw(figures[0].subplots(), "q climbs the ELBO, and comes to lie on the posterior", z, log_p,
         {f"q, step {steps[i]}": log_qs[i] for i in (0, 2, 5, 7)})
    axes, names, floor = figures[1].subplots(), [str(step) for step in steps], min(elbos) - 3
    axes.bar(names, np.subtract(elbos, floor), bottom=floor, color=BLUE, label="ELBO")
    bars = axes.bar(names, gaps, bottom=elbos, color=ORANGE, hatch="//", label="KL to p(z|x)")
    axes.bar_label(bars, [f"KL {gap:.2f}" for gap in gaps], padding=3)
    axes.axhline(log_px, color="k", ls="--", label=f"log p(x) = {log_px:.2f}")
    axes.set(title="the ELBO climbs, the KL falls, their sum stays", ylim=(floor, log_px + 1.5),
             xlabel="steps of gradient ascent", ylabel="nats")
    # a divergence, and no distance: the other way round it is another number
    narrow, standard = (0.7, np.log(0.4**2)), (0.0, 0.0)                 # mu and log variance
    there = found["there"] = divergences.kl_between_normals(*narrow, *standard)
    back = found["back"] = divergences.kl_between_normals(*standard, *narrow)
    print(f"KL(N(0.7, 0.4^2), N(0, 1)) = {there:.3f}, the other way round {back:.3f} nats")

    # two humps: which KL is made small
    model, x = beacon_at(0.0), np.array([[3.0]])
    _, log_p = exact_posterior(model, x, z, dz)
    mean, square = (np.exp(log_p) @ z**power * dz for power in (1, 2))
    qs = {"q of least KL(q, p), left": [*climb(model, x, mu=-1.0)][-1][1],
          "q of least KL(q, p), right": [*climb(model, x, mu=1.0)][-1][1],
          "q of least KL(p, q)": model.posterior.given(np.append(mean, np.log(square - mean**2)))}
    log_qs = {name: model.posterior.log_prob(model.posterior.at(q, z)) for name, q in qs.items()}
    for name, q in qs.items():
        reverse, forward = kl(log_qs[name], log_p, dz), kl(log_p, log_qs[name], dz)
        found |= {f"{name}: KL(q, p)": reverse, f"{name}: KL(p, q)": forward}
        print(f"{name:26}: mu {q.mu.round(3).item() + 0:6.3f}, std {q.std.item():.3f}, "
              f"KL(q, p) {reverse:7.4f}, KL(p, q) {forward:8.4f} nats")
    draw(figures[2].subplots(), "least KL(q, p): one hump; least KL(p, q): both", z, log_p, log_qs)
    for name, figure in zip(("steps", "bars", "humps"), figures):
        figure.legend(loc="outside right center", frameon=False)
        figure.savefig(asked.out / f"variational_inference_{name}.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
