"""How many latent dimensions? More than are needed do no harm: they fall asleep.

The claim: beyond some size the KL of a VAE stays where it was, and most further dimensions are not
used; an autoencoder's error falls on.

An autoencoder's error falls with every dimension. A VAE pays for what its code says; so beyond some
size a further dimension costs more than it brings, and collapses to N(0, 1). What the code says, the
KL in nats, stays where it was, and so does the ELBO. A dimension counts as in use here when its KL is
above 0.1 nats.

    python examples/latent_size.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import npvae
from npvae import datasets, evaluation, plots

# %% Figures


def sizes_figure(sizes, found):
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for key, name, colour, style in (("-elbo", "VAE: -ELBO", plots.BLUE, "o-"),
                                     ("reconstruction", "VAE: reconstruction", plots.GREEN, "s--"),
                                     ("autoencoder", "AE: reconstruction", plots.ORANGE, "^:")):
        left.plot(sizes, [found[J][key] for J in sizes], style, color=colour, label=name)
    left.set(title="test images", ylabel="nats per image")
    left.legend(frameon=False)
    middle.plot(sizes, sizes, ":", color=plots.GREY, label="all of them")
    middle.plot(sizes, [found[J]["in use"] for J in sizes], "o-", color=plots.BLUE, label="in use")
    middle.set(title="what the VAE uses of them", yscale="log", ylabel="dimensions", yticks=sizes,
               yticklabels=sizes)
    middle.yaxis.set_minor_locator(NullLocator())
    middle.legend(frameon=False)
    right.plot(sizes, [found[J]["kl"] for J in sizes], "s--", color=plots.GREEN)
    right.set(title="what the VAE's code says", ylabel="KL, nats per image", ylim=(0, None))
    for axes in (left, middle, right):
        axes.set(xscale="log", xlabel="latent dimensions", xticks=sizes, xticklabels=sizes)
        axes.xaxis.set_minor_locator(NullLocator())
    return figure


def samples_figure(models):
    """Draws from the prior of each model, a row for each latent size."""
    rng = np.random.default_rng(0)
    rows = [model.sample(rng, 16) for model in models.values()]
    figure = Figure(figsize=(9, 0.55 * len(rows) + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(plots.tile(np.concatenate(rows), (28, 28), 16), cmap="gray_r", vmin=0, vmax=1)
    axes.set_yticks(28 * np.arange(len(rows)) + 14, [f"J = {J}" for J in models])
    axes.set(title="decoded from z ~ N(0, I)", xticks=[])
    axes.tick_params(length=0)
    return figure


# %% The sweep


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    sizes, n, n_test, n_hidden, epochs, batch_size, rate = (
        ((2, 20, 80), 1000, 500, 100, 7, 25, 3e-3) if asked.quick else
        ((1, 2, 5, 10, 20, 40, 80), 20000, 10000, 200, 12, 128, 2e-3))
    data, found, models = datasets.mnist(), {}, {}
    x_test = data.test_images[:n_test]
    print("  J   in use      KL   -ELBO   reconstruction     AE's; nats per test image")
    for J in sizes:
        model = models[J] = npvae.vae(784, (n_hidden,), J)
        autoencoder = npvae.autoencoder(784, (n_hidden,), J)
        for each in (model, autoencoder):
            npvae.fit(each, data.train_images[:n], epochs=epochs, batch_size=batch_size,
                      learning_rate=rate, progress=False)
        terms = npvae.evaluate(model, x_test)
        in_use = int((evaluation.latent_moments(model, x_test).kl > 0.1).sum())
        points = npvae.evaluate(autoencoder, x_test).reconstruction
        found[J] = {"in use": in_use, "kl": terms.kl, "-elbo": -terms.elbo,
                    "reconstruction": terms.reconstruction, "autoencoder": points}
        print(f"{J:3} {in_use:8} {terms.kl:7.1f} {-terms.elbo:7.1f} {terms.reconstruction:16.1f} "
              f"{points:8.1f}")
    sizes_figure(sizes, found).savefig(asked.out / "latent_size.png", dpi=110)
    samples_figure(models).savefig(asked.out / "latent_size_samples.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
