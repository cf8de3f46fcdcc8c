"""A point or a region: the same networks, data and seed, as an autoencoder and as a VAE.

The claim: a VAE's codes lie closer to where N(0, I) draws, and leave fewer holes among themselves, than
an autoencoder's; the price is a worse reconstruction.

An autoencoder maps each image to a point, and is only asked to decode that point. Nothing
says where the points should lie, so they lie far out, in streaks, with holes between them; what a
hole decodes to was never asked for.

A VAE maps each image to a region, N(mu(x), std(x)^2), and decodes points drawn from it; and the
KL keeps all the regions near N(0, I). So neighbours in the code must look alike (*continuity*),
and what is drawn from N(0, I) is close to some image's code (*completeness*). A point has no region:
its KL to N(0, I) is infinite.

Note what is near N(0, I): the average of all the posteriors, and not each of them; those are narrow.
If each were N(0, I), the code would say nothing about the image.

Each plane is looked at in its own units: the map reaches 2.5 deviations of its codes to each side, and
the places around a mean are 1/4 and 1/2 of one away. The walk leads between the two digits whose mean
codes are farthest apart in these units, in both planes together, each from its most central image. On
the walk and around a mean, where codes are near, two dimensions show little difference between the two;
what tells them apart is what N(0, I) draws, and the holes of the map.

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
    angle = np.linspace(0, 2 * np.pi, 200)
    for axes, (name, z) in zip(figure.subplots(1, 2), codes.items()):
        points = plots.class_scatter(axes, z, labels)
        axes.plot(2 * np.cos(angle), 2 * np.sin(angle), "-", color=plots.ORANGE, lw=2)
        axes.set(title=f"{name}: codes of the test images", xlabel="$z_1$", ylabel="$z_2$",
                 aspect="equal")
    plots.class_bar(figure, points, np.unique(labels), ax=axes)
    figure.supxlabel("orange: the circle of radius 2, which holds 86 % of N(0, I)", fontsize=9)
    return figure


# %% Figure 2: against N(0, 1), dimension by dimension


def normality_figure(codes):
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    grid, shares = np.linspace(-4, 4, 200), (np.arange(200) + 0.5) / 200
    panels = figure.subplots(2, 2, width_ratios=(1.4, 1))
    for (density, against), (name, z) in zip(panels, codes.items()):
        for j, (colour, style) in enumerate(((plots.BLUE, "-"), (plots.GREEN, "--"))):
            density.hist(z[:, j], 80, density=True, histtype="step", color=colour, ls=style,
                         label=f"$z_{j + 1}$")
            against.plot(stats.norm.ppf(shares), np.quantile(z[:, j], shares), style, color=colour)
        density.plot(grid, stats.norm.pdf(grid), ":", color=plots.ORANGE, lw=2, label="N(0, 1)")
        density.set(title=f"{name}: density", xlabel="z")
        density.legend(frameon=False, fontsize=8)
        against.plot([-3, 3], [-3, 3], ":", color=plots.ORANGE, lw=2)
        against.set(title="quantiles against N(0, 1)", xlabel="of N(0, 1)", ylabel="of z")
    return figure


# %% Figure 3: the decoded map, and the holes in it

TILES, REACH = 15, 2.5                       # so many a side, to so many deviations from the mean


def in_each_tile(z, mean, deviation):
    """How many of the z (n, 2) are in each tile, (TILES, TILES), z_2 upwards from the first row."""
    z1, z2 = ((z - mean) / deviation).T
    return np.histogram2d(z2, z1, TILES, [(-REACH, REACH), (-REACH, REACH)])[0]


def map_figure(models, codes):
    figure = Figure(figsize=(9, 4.7), layout="constrained")
    side = REACH * ((2 * np.arange(TILES) + 1) / TILES - 1)           # centres of tiles, deviations
    grid = np.array([(z1, z2) for z2 in side[::-1] for z1 in side])
    for axes, (name, z) in zip(figure.subplots(1, 2), codes.items()):
        mean, deviation = z.mean(axis=0), z.std(axis=0)
        low, high = mean - REACH * deviation, mean + REACH * deviation
        where = dict(extent=(low[0], high[0], low[1], high[1]), aspect="auto")
        canvas = plots.tile(models[name].decode(mean + grid * deviation), (28, 28), TILES)
        axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1.3, **where)
        hole = np.where(in_each_tile(z, mean, deviation)[::-1] == 0, 1.0, np.nan)
        axes.imshow(hole, cmap="Oranges", vmin=0, vmax=1.5, alpha=0.45, **where)
        axes.plot(*z[:1500].T, ".", color=plots.BLUE, ms=2, alpha=0.7)
        axes.set(title=f"{name}: what the plane decodes to", xlabel="$z_1$", ylabel="$z_2$",
                 xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    figure.supxlabel("blue: codes of test images; orange: no code of any of them in the tile",
                     fontsize=9)
    return figure


# %% Figure 4: draws, neighbours, and a walk


def walk_ends(codes, labels):
    """The two digits whose mean codes are farthest apart, in deviations, over all models."""
    means = [[z[labels == c].mean(axis=0) / z.std(axis=0) for c in range(10)] for z in codes.values()]
    apart = sum(cdist(each, each) for each in means)
    return np.unravel_index(apart.argmax(), apart.shape)


def decoded_figure(models, x, codes, labels):
    z = np.random.default_rng(0).standard_normal((12, 2))
    angle, t = np.arange(6) * np.pi / 3, np.linspace(0, 1, 12)[:, None]
    around = np.concatenate([r * np.stack([np.cos(angle), np.sin(angle)], axis=1) for r in (0.25, 0.5)])
    first, second = walk_ends(codes, labels)
    rows, names = [], []
    for name, model in models.items():
        mu = model.encode(x).mu
        nearby = mu[labels == 3].mean(axis=0) + around * codes[name].std(axis=0)
        start, end = (own[np.linalg.norm(own - own.mean(axis=0), axis=-1).argmin()]
                      for own in (mu[labels == first], mu[labels == second]))
        rows += [model.decode(z), model.decode(nearby), model.decode((1 - t) * start + t * end)]
        names += [f"{name}: z ~ N(0, I)", f"{name}: around the mean 3",
                  f"{name}: from a {first} to a {second}"]
    figure = Figure(figsize=(10.4, 3.9), layout="constrained")
    plots.label_rows(figure.subplots(), rows, names, lines=[3])
    return figure


# %% Both, trained and compared


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, n_test, epochs, hidden, rate, n_drawn = ((8000, 4000, 4, 100, 3e-3, 100) if asked.quick else
                                                (60000, 10000, 10, 400, 1e-3, 300))
    (images, _, x, labels), rng = datasets.mnist(), np.random.default_rng(0)
    x, labels = x[:n_test], labels[:n_test]
    models = {"AE": npvae.autoencoder(784, (hidden,), 2), "VAE": npvae.vae(784, (hidden,), 2)}
    draws, codes, result = rng.standard_normal((1000, 2)), {}, {}
    for name, model in models.items():
        npvae.fit(model, images[:n], epochs=epochs, learning_rate=rate, progress=False)
        q, moments = model.encode(x), evaluation.latent_moments(model, x)
        z = codes[name] = q.mu + q.std * rng.standard_normal(q.mu.shape)        # z ~ q(z)
        mean, deviation = z.mean(axis=0), z.std(axis=0)
        # draws of each model's own mean and deviations: how many fall where no code lies?
        drawn = in_each_tile(mean + draws * deviation, mean, deviation)
        holes = drawn[in_each_tile(z, mean, deviation) == 0].sum() / drawn.sum()
        # draws of N(0, I), decoded: do they look like any image?
        distance = cdist(model.decode(draws[:n_drawn]), images[:5000], "sqeuclidean").min(axis=1)
        found = result[name] = dict(
            deviation=deviation.mean(), correlation=np.corrcoef(z.T)[0, 1], kl=moments.kl,
            inside=np.mean(np.linalg.norm(z, axis=-1) < 2), holes=holes, distance=distance.mean(),
            std=q.std.mean(), reconstruction=npvae.evaluate(model, x).reconstruction)
        print(f"{name:3}  mean {np.round(moments.mean, 2)}, deviation "
              f"{np.round(np.sqrt(moments.variance), 2)}, correlation {found['correlation']:.2f}, "
              f"KL {np.round(moments.kl, 2)} nats; "
              f"{100 * found['inside']:.0f} % of the codes within radius 2 (N(0, I): 86 %); "
              f"mean std(x) {found['std']:.2f}")
        print(f"     test reconstruction {found['reconstruction']:.1f} nats per image; "
              f"of draws of the codes' own mean and deviations {100 * holes:.1f} % fall in a hole;\n"
              f"     from a decoded draw of N(0, I) to the nearest of 5,000 images "
              f"{found['distance']:.1f} (squared)")
    for name, figure in (("codes", codes_figure(codes, labels)), ("normality", normality_figure(codes)),
                         ("map", map_figure(models, codes)),
                         ("decoded", decoded_figure(models, x, codes, labels))):
        figure.savefig(asked.out / f"autoencoder_or_vae_{name}.png", dpi=110)
    return result


if __name__ == "__main__":
    main()
