"""What is the log-density of a grey pixel?

The claim: of one network under four likelihoods, the discretized logistic needs the fewest bits for
images held out, then the continuous Bernoulli, then the Gaussian; the Bernoulli's value is no
log-density, and training on it, without the normalizer that it lacks, costs hundreds of nats an image.

A *Bernoulli* is a mass of 0 and 1. For x between, its formula x log p + (1 - x) log(1 - p) is a good
loss; but exp of it does not integrate to one over x. Divided by what it integrates to, it is the
*continuous Bernoulli*, a density, whose mean is not p. A *Gaussian* is a density, too, of all numbers:
some of it lies outside [0, 1]. The *discretized logistic* gives each level the mass of its bin.

A density is a probability per unit of x. So densities see x = (k + u) / 256, with u uniform, for the
level k = 0, ..., 255: then a level is 1/256 wide, 8 bits are added to those of the density, and in the
mean over u they bound those of the levels, and may stand beside those of a mass. (All nats are ELBOs; in
the full run the Bernoulli's training costs 1,700 of them.)

    python examples/grey_pixels.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation, plots
from npvae.distributions.likelihoods import Bernoulli, TiedGaussian
from npvae.distributions.pixels import ContinuousBernoulli, DiscretizedLogistic

# %% What the models are shown


def spread(x, rng):
    """x = k / 255 as (k + u) / 256, u uniform in [0, 1): every number of [0, 1] has a density."""
    return ((255 * x + rng.random(x.shape, x.dtype)) / 256).astype(x.dtype)


MODELS = {"Bernoulli": (Bernoulli, spread), "continuous Bernoulli": (ContinuousBernoulli, spread),
          "Gaussian": (lambda: TiedGaussian(0.05), spread),
          "discretized logistic": (DiscretizedLogistic, None)}
COLOURS = dict(zip(MODELS, (plots.GREY, plots.BLUE, plots.GREEN, plots.ORANGE)))

# %% Training and scores


def train(x, n_hidden, epochs):
    models = {}
    for name, (likelihood, transform) in MODELS.items():
        models[name] = npvae.vae(784, (n_hidden,), 20, likelihood=likelihood())
        npvae.fit(models[name], x, epochs=epochs, batch_size=100, learning_rate=2e-3, progress=False,
                  transform=transform)
    return models


def scores_of(models, x, n_hidden):
    """Nats per image, and bits per pixel where there is a density or a mass."""
    found = {}
    for name, (_, transform) in MODELS.items():
        elbo = npvae.evaluate(models[name], x, transform=transform).elbo
        found[name] = {"nats": elbo, "bits": evaluation.bits_per_dimension(models[name], elbo)}
    del found["Bernoulli"]["bits"]                             # of grey pixels: bits of nothing
    # the network that was trained without the normalizer, scored with it
    honest = npvae.vae(784, (n_hidden,), 20, likelihood=ContinuousBernoulli())
    honest.parameters.theta[...] = models["Bernoulli"].parameters.theta
    elbo = npvae.evaluate(honest, x, transform=spread).elbo
    found["trained without normalizer"] = {"nats": elbo,
                                           "bits": evaluation.bits_per_dimension(honest, elbo)}
    return found | {"normalizer left out": elbo - found["Bernoulli"]["nats"],
                    "cost of leaving it out": found["continuous Bernoulli"]["nats"] - elbo}


# %% Figures


def area_and_curve(axes, name, likelihood, logit):
    """exp of the likelihood's formula over x, a point at its mean, and the area below."""
    x = np.linspace(0, 1, 1001)[:, None]
    y = np.full((1, 1001, 1), logit)
    p, mean = np.exp(likelihood.log_terms(x, y)[0].ravel()), likelihood.mean(y)[0, 0, 0]
    area = float(((p[1:] + p[:-1]) / 2000).sum())              # by trapezoids
    axes.plot(x, p, "--" if name == "Bernoulli" else "-", color=COLOURS[name],
              label=f"{name}: area {area:.2f}, mean {mean:.2f}")
    axes.plot([mean, mean], [0, np.interp(mean, x.ravel(), p)], "o:", color=COLOURS[name], markevery=[1])
    return area


def density_figure(found, logit=2.0):
    """The Bernoulli's formula beside the density; and the bits of each model."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    areas = {name: area_and_curve(left, name, MODELS[name][0](), logit)
             for name in ("Bernoulli", "continuous Bernoulli")}
    left.set(title=f"two formulas at a logit of {logit:g}", xlabel="x, a grey pixel",
             ylabel="exp(formula)", ylim=(0, 3.2))
    left.legend(frameon=False, loc="upper left", fontsize=9)
    named = {"trained without normalizer": "Bernoulli, scored\nas the continuous one",
             "continuous Bernoulli": "continuous\nBernoulli", "Gaussian": "Gaussian,\none variance",
             "discretized logistic": "discretized\nlogistic"}
    bits = [found[name]["bits"] for name in named]
    colours = [COLOURS.get(name, plots.GREY) for name in named]
    bars = right.barh(list(named.values()), bits, color=colours)
    right.bar_label(bars, [f"{b:.2f}" for b in bits], padding=3)
    right.set(title="held-out images", xlabel="bits per pixel, at most", xlim=(0, 1.15 * max(bits)))
    right.invert_yaxis()
    return figure, areas


def draws_of(model, rng, n):
    """x from the model: a code from the prior, and the likelihood's own noise."""
    y, _ = model.decoder.forward(model.prior.sample(rng, n))
    return np.clip(model.likelihood.sample(rng, y), 0, 1)       # paper is not whiter than white


def pictures_figure(models, x, n=8):
    figure = Figure(figsize=(10, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = {name: model.reconstruct(x[:n]) for name, model in models.items()}
    plots.label_rows(left, [x[:n], *shown.values()], ["images", *shown])
    left.set_title("reconstructions: the mean of p(x|z)")
    drawn = [draws_of(model, np.random.default_rng(1), n) for model in models.values()]
    plots.label_rows(right, [x[n:2 * n], *drawn], ["images", *models])
    right.set_title("draws: z from the prior, x from p(x|z)")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller network, fewer images")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, n_test, n_hidden, epochs = (1200, 200, 40, 6) if asked.quick else (12000, 2000, 200, 10)
    data = datasets.mnist()
    models = train(data.train_images[:n], n_hidden, epochs)
    found = scores_of(models, data.test_images[:n_test], n_hidden)
    for name, score in found.items():
        if isinstance(score, dict):
            bits = f"{score['bits']:.3f} bits a pixel" if "bits" in score else "a loss, no log-density"
            print(f"{name:28} {score['nats']:9.1f} nats an image, {bits}")
    print(f"the Bernoulli lacks a normalizer of {found['normalizer left out']:.1f} nats an image; "
          f"trained without it, a network is {found['cost of leaving it out']:.1f} nats worse")
    figure, found["areas"] = density_figure(found)
    figure.savefig(asked.out / "grey_pixels.png", dpi=110)
    pictures_figure(models, data.test_images).savefig(asked.out / "grey_pixels_pictures.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
