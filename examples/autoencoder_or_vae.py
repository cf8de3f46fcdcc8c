"""A point or a region: the same networks, data and seed, as an autoencoder and as a VAE.

An autoencoder maps each image to a point, and is only asked to decode that point. Nothing
says where the points should lie, so they lie far out, in streaks, with holes between them; what a
hole decodes to was never asked for.

A VAE maps each image to a region, N(mu(x), std(x)^2), and decodes points drawn from it; and the
KL keeps all the regions near N(0, I). So neighbours in the code must look alike (*continuity*),
and what is drawn from N(0, I) is close to some image's code (*completeness*).

Note what is near N(0, I): the average of all the posteriors, and not each of them; those
are narrow. If each were N(0, I), the code would say nothing about the image.

    python examples/autoencoder_or_vae.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from scipy.spatial.distance import cdist

import npvae
from npvae import datasets, evaluation, plots

# %% Figure 1: where the codes lie


def codes_figure(codes, labels):
    figure = Figure(figsize=(9, 4.3), layout="constrained")
    for axes, (name, z) in zip(figure.subplots(1, 2), codes.items()):
        points = axes.scatter(*z.T, s=2, c=labels, cmap="viridis", alpha=0.5, linewidths=0)
        angle = np.linspace(0, 2 * np.pi, 200)
        axes.plot(2 * np.cos(angle), 2 * np.sin(angle), "-", color=plots.ORANGE, lw=1.5)
        axes.set(title=f"{name}: codes of the test images", xlabel="$z_1$", ylabel="$z_2$",
                 aspect="equal")
    figure.colorbar(points, ax=axes, label="digit", ticks=range(10)).solids.set_alpha(1)
    figure.supxlabel("orange: the circle of radius 2, which holds 86 % of N(0, I)", fontsize=9)
    return figure


# %% Figure 2: against N(0, 1), dimension by dimension


def normality_figure(codes):
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    grid = np.linspace(-4, 4, 200)
    for row, (name, z) in zip(figure.subplots(2, 2, width_ratios=(1.4, 1)), codes.items()):
        for j, colour in enumerate((plots.BLUE, plots.GREEN)):
            row[0].hist(z[:, j], 80, density=True, histtype="step", color=colour,
                        ls="-" if j == 0 else "--", label=f"$z_{j + 1}$")
            quantiles = stats.norm.ppf((np.arange(200) + 0.5) / 200)
            row[1].plot(quantiles, np.quantile(z[:, j], stats.norm.cdf(quantiles)), color=colour,
                        ls="-" if j == 0 else "--")
        row[0].plot(grid, stats.norm.pdf(grid), ":", color=plots.ORANGE, lw=2, label="N(0, 1)")
        row[0].set(title=f"{name}: density", xlabel="z")
        row[0].legend(frameon=False, fontsize=8)
        row[1].plot([-3, 3], [-3, 3], ":", color=plots.ORANGE, lw=2)
        row[1].set(title="quantiles against N(0, 1)", xlabel="of N(0, 1)", ylabel="of z")
    return figure


# %% Figure 3: what places decode to


def decoded_figure(models, x, labels):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((12, 2))
    around = np.array([(0.5 * r * np.cos(a), 0.5 * r * np.sin(a))
                       for r in (1, 2) for a in np.linspace(0, 2 * np.pi, 6, endpoint=False)])
    t = np.linspace(0, 1, 12)[:, None]
    rows, names = [], []
    for name, model in models.items():
        mu = model.encode(x).mu
        first, second = mu[labels == 6][0], mu[labels == 7][0]
        rows += [model.decode(z), model.decode(mu[labels == 3].mean(axis=0) + around),
                 model.decode((1 - t) * first + t * second)]
        names += [f"{name}: z ~ N(0, I)", f"{name}: around the mean 3",
                  f"{name}: from a 6 to a 7"]
    figure = Figure(figsize=(10.4, 3.9), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, rows, names, lines=[3])
    return figure


# %% Both, trained and compared


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist()
    n, epochs = (10000, 4) if asked.quick else (60000, 10)
    x, labels = data.test_images, data.test_labels
    models = {"AE": npvae.autoencoder(n_latent=2), "VAE": npvae.vae(n_latent=2)}
    codes, result = {}, {}
    rng = np.random.default_rng(0)
    for name, model in models.items():
        npvae.fit(model, data.train_images[:n], epochs=epochs, progress=False)
        q = model.encode(x)
        codes[name] = q.mu + q.std * rng.standard_normal(q.mu.shape)        # z ~ q(z)
        moments = evaluation.latent_moments(model, x)
        # completeness: does what is drawn from N(0, I) look like any image?
        drawn, real = model.sample(rng, 300), data.train_images[:5000]
        distance = cdist(drawn, real, "sqeuclidean").min(axis=1).mean()
        inside = np.mean(np.linalg.norm(codes[name], axis=-1) < 2)
        print(f"{name:3}  mean {np.round(moments.mean, 2)}, deviation "
              f"{np.round(np.sqrt(moments.variance), 2)}, KL {np.round(moments.kl, 2)} nats; "
              f"{100 * inside:.0f} % of the codes within radius 2 (N(0, I): 86 %); "
              f"mean std(x) {q.std.mean():.2f}")
        result[name] = dict(deviation=float(np.sqrt(moments.variance).mean()), inside=float(inside),
                            distance=float(distance), std=float(q.std.mean()),
                            reconstruction=npvae.evaluate(model, x).reconstruction)
        print(f"     test reconstruction {result[name]['reconstruction']:.1f} nats per image; from a "
              f"decoded draw of N(0, I) to the nearest of 5,000 images {distance:.1f} (squared)")
    codes_figure(codes, labels).savefig(asked.out / "autoencoder_or_vae_codes.png", dpi=110)
    normality_figure(codes).savefig(asked.out / "autoencoder_or_vae_normality.png", dpi=110)
    decoded_figure(models, x, labels).savefig(asked.out / "autoencoder_or_vae_decoded.png", dpi=110)
    return result


if __name__ == "__main__":
    main()
