"""The page on which a VAE can be dragged, drawn into, and watched: train its models, and write it.

Seven models of a two-dimensional code, one hidden layer each: an autoencoder, VAEs at five prices
beta of a nat of code, and a VAE that is told the label. The page holds them as they are, with the
forward and the backward pass, so that a reader can try

    what z decodes to; what the encoder says of a digit that was just drawn; how z = mu + std * eps
    moves when mu or std does and eps is held; where each gradient points, and how far one draw of
    it lies from the mean.

The page stores a weight in 16 bits, 11 of them digits. That is enough.

The claim: rounding the weights to 16 bits moves the test loss by less than a hundredth of what one
draw of z differs from the next.

The figure shows the models
between which the page switches. With the smallest beta q is narrow, and the codes, spread far out, cost
many nats with which new images are drawn no better. With the largest every q is the prior, and
the code says nothing.

    python examples/explorer.py [--quick]           then open out/explorer.html in a browser
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

import npvae
from npvae import datasets, explorer, plots, schedules
from npvae.datasets import one_hot

HALO = withStroke(linewidth=2, foreground="w")
BETAS = (0.02, 0.2, 1.0, 5.0, 40.0)

# %% The models


def trained(model, x, epochs, **options):
    npvae.fit(model, x, epochs=epochs, progress=False, learning_rate=schedules.Cosine(3e-3, epochs),
              **options)
    return model


def train_all(x, labels, n_hidden, epochs):
    """By name: the autoencoder, a VAE for each beta, the conditional VAE."""
    sizes = dict(n_data=784, n_hidden=(n_hidden,), n_latent=2)
    models = {"autoencoder": trained(npvae.autoencoder(**sizes), x, epochs)}
    for beta in BETAS:
        models[f"beta = {beta:g}"] = trained(npvae.vae(**sizes, beta=beta), x, epochs)
    models["conditional"] = trained(npvae.conditional_vae(n_condition=10, **sizes), x, epochs,
                                    condition=one_hot(labels, 10))
    return models


# %% What rounding costs, and what a draw does


def losses(model, x, condition, eps):
    """Reconstruction + KL of each image, each with its eps; an autoencoder's code costs nothing."""
    _, cache = model.forward(x, eps[None], condition=condition)
    return cache.rate.sum(axis=-1) - cache.log_px[0]


def compared(model, x, condition, rng):
    """Mean terms of the test images; what rounding adds to the loss; what another draw does."""
    terms = npvae.evaluate(model, x, condition=condition)
    rounded = explorer.in_half_precision(model)
    eps, other = rng.standard_normal((2, len(x), 2), np.float32)
    here = losses(model, x, condition, eps)
    return {"reconstruction": terms.reconstruction, "kl": terms.kl,
            "rounding": float((losses(rounded, x, condition, eps) - here).mean()),
            "another draw": float((losses(model, x, condition, other) - here).std() / np.sqrt(2)),
            "std": float(model.encode(x, condition).std.mean())}


# %% The codes of all models


def models_figure(models, found, x, labels):
    figure = Figure(figsize=(9.4, 5.2), layout="constrained")
    *panels, last = figure.subplots(2, 4).flat
    last.set_axis_off()
    last.text(0, 0.5, "means of q(z|x) of 2,000\ntest images, by digit;\n-log p(x|z) and KL in nats;\n"
              "dashed: N(0, I) at 2", fontsize=9, va="center")
    for axes, (name, model) in zip(panels, models.items()):
        mu = model.encode(x, one_hot(labels, 10) if name == "conditional" else None).mu
        for digit, colour in enumerate(plots.CLASSES):
            own = mu[labels == digit]
            axes.plot(*own.T, ".", ms=1.5, color=colour)
        for digit, colour in enumerate(plots.CLASSES):
            axes.annotate(str(digit), np.median(mu[labels == digit], axis=0), color=colour, fontsize=12,
                          fontweight="bold", ha="center", va="center", path_effects=[HALO])
        angle = np.linspace(0, 2 * np.pi, 100)
        axes.plot(2 * np.cos(angle), 2 * np.sin(angle), "--", color=plots.GREY, lw=1)
        kl = f"KL {found[name]['kl']:.2f}" if name != "autoencoder" else "no KL"
        axes.set_title(f"{name}\n{found[name]['reconstruction']:.0f} nats, {kl}", fontsize=9)
        reach = 1.1 * max(2.5, np.quantile(np.abs(mu), 0.999))
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.tick_params(labelsize=7)
    return figure


# %% All of it


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images, smaller networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist()
    n, n_hidden, epochs = (2000, 32, 6) if asked.quick else (60000, 128, 10)
    models = train_all(data.train_images[:n], data.train_labels[:n], n_hidden, epochs)
    x, labels = data.test_images[:2000], data.test_labels[:2000]

    found, rng = {}, np.random.default_rng(0)
    for name, model in models.items():
        condition = one_hot(labels, 10) if name == "conditional" else None
        found[name] = terms = compared(model, x, condition, rng)
        print(f"{name:12} reconstruction {terms['reconstruction']:6.1f}, KL {terms['kl']:5.2f}, mean "
              f"std {terms['std']:.3f}; 16 bits a weight: {terms['rounding']:+.4f} nats; another draw: "
              f"+-{terms['another draw']:.2f}")
    vaes = [models[f"beta = {beta:g}"] for beta in BETAS]
    page = asked.out / "explorer.html"
    explorer.write(page, vaes, models["autoencoder"], models["conditional"], x, labels)
    found["megabytes"] = page.stat().st_size / 1e6
    print(f"{page}: {found['megabytes']:.2f} MB")
    models_figure(models, found, x, labels).savefig(asked.out / "explorer_models.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
