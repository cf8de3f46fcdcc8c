"""Figures: each function returns a matplotlib Figure, and shows nothing.

Save one with `figure.savefig(path)`. Colours are those of the Okabe-Ito scale and, for classes,
Paul Tol's muted one, which colour-blind readers can tell apart.
"""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.special import ndtr, ndtri

from npvae.distributions.priors import StandardNormal
from npvae.door import check_vae
from npvae.inputs import (as_array, as_finite, check_count, check_finite, check_history, check_real,
                          check_rows, check_type)

__all__ = ["training_curves", "reconstructions", "image_grid", "latent_manifold",
           "latent_scatter", "label_rows", "tile"]

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
CLASSES = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255",
           "#AA4499", "#000000")          # categories have no order: no scale from dark to light


def training_curves(history):
    """-ELBO, reconstruction and KL for each epoch: training dashed, held-out solid.

    Of a model whose cost is no KL, the panels so named have the rate of its objective, `kl` in the
    history, and its sum with the reconstruction.

    Parameters
    ----------
    history : list of dict
        As `fit` returns it.
    """
    check_history(history)
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels = (("-ELBO", BLUE), ("reconstruction, $-\\log p(x|z)$", ORANGE), ("KL", GREEN))
    for axes, (title, colour) in zip(figure.subplots(1, 3), panels):
        for prefix, style, label in (("", "--", "train, mean over the epoch"),
                                     ("val_", "-", "held out, after the epoch")):
            rows = [row for row in history if prefix + "kl" in row]
            if not rows:
                continue
            epochs = [row["epoch"] for row in rows]
            reconstruction = np.array([row[prefix + "reconstruction"] for row in rows])
            kl = np.array([row[prefix + "kl"] for row in rows])
            values = {"-ELBO": reconstruction + kl, "KL": kl}.get(title, reconstruction)
            axes.plot(epochs, values, style, color=colour, marker=".", label=label)
        axes.set(title=title, xlabel="epoch", ylabel="nats per x")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=8)
    return figure


def reconstructions(x, x_hat, shape=(28, 28)):
    """Originals in the upper row, their reconstructions in the lower.

    Parameters
    ----------
    x, x_hat : ndarray (n, D)
    shape : tuple
        Height and width of an image.
    """
    x, x_hat = as_images(x, shape, "x"), as_images(x_hat, shape, "x_hat")
    if len(x_hat) != len(x):
        raise ValueError(f"x_hat has {len(x_hat)} rows: {len(x)} were expected, as in x")
    figure = Figure(figsize=(len(x) * 0.75 + 0.9, 1.8), layout="constrained")
    axes = figure.subplots(1, 1)
    rows = np.concatenate([tile(x, shape, len(x)), tile(x_hat, shape, len(x))])
    axes.imshow(rows, cmap="gray_r", vmin=0, vmax=1)
    axes.set_yticks([0.5 * shape[0], 1.5 * shape[0]], ["x", "decoded"])
    axes.set_xticks([])
    axes.tick_params(length=0)
    return figure


def image_grid(images, columns, shape=(28, 28), title=None):
    """Images (n, D) in rows of so many columns: samples from the prior, for instance."""
    check_count(columns, "columns")
    check_type(title, "title", (str, type(None)), "a text")
    images = as_images(images, shape)
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(columns * 0.5, rows * 0.5 + (0.4 if title else 0)),
                    layout="constrained")
    axes = figure.subplots(1, 1)
    axes.imshow(tile(images, shape, columns), cmap="gray_r", vmin=0, vmax=1)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=10)
    return figure


def latent_manifold(model, n=20, shape=(28, 28)):
    """What a two-dimensional latent space decodes to, over the unit square of quantiles of N(0, I).

    The codes are the Gaussian quantiles of an even grid, as in Kingma and Welling
    (2014), figure 4: each image stands for an equal share of the prior.

    Raises
    ------
    TypeError
        Where the prior is another than N(0, I).
    ValueError
        Where there are not two latent dimensions.
    """
    check_vae(model)
    check_type(model.prior, "the prior", StandardNormal, "N(0, I)")
    if model.n_latent != 2:
        raise ValueError(f"model has {model.n_latent} latent dimensions: 2 were expected")
    check_count(n, "n")
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    z = np.array([(z1, z2) for z2 in quantiles[::-1] for z1 in quantiles])
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots(1, 1)
    axes.imshow(tile(model.decode(z), shape, n), cmap="gray_r", vmin=0, vmax=1)
    ticks = np.arange(-2, 3)
    axes.set_xticks(n * shape[1] * ndtr(ticks) - 0.5, ticks)
    axes.set_yticks(n * shape[0] * (1 - ndtr(ticks)) - 0.5, ticks)
    axes.set(xlabel="$z_1$", ylabel="$z_2$", title="decoded, at equal steps of probability")
    return figure


def latent_scatter(mu, labels, dimensions=(0, 1)):
    """Codes mu (n, J) in two of their dimensions, coloured by label (n,).

    Each class is written at its median (or as near to it as the other names allow), so that
    the figure can be read without colour.
    """
    mu, labels = as_array(mu, "mu"), as_array(labels, "labels")
    check_real(mu, "mu")
    if mu.ndim != 2 or mu.size == 0:
        raise ValueError(f"mu has shape {mu.shape}: (n, J) was expected")
    check_finite(mu, "mu")
    if labels.dtype.kind not in "fiubUS":
        raise TypeError(f"labels have dtype {labels.dtype}: numbers or texts were expected")
    if labels.dtype.kind == "f":
        check_finite(labels, "labels")
    if labels.shape != (len(mu),):
        raise ValueError(f"labels have shape {labels.shape}: ({len(mu)},) was expected, one for "
                         "each code")
    check_rows(dimensions, "dimensions")
    if len(dimensions) != 2 or not all(is_index(j, mu.shape[1]) for j in dimensions):
        raise ValueError(f"dimensions is {dimensions}: two of 0 to {mu.shape[1] - 1} were expected")
    first, second = dimensions
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots(1, 1)
    points = class_scatter(axes, mu[:, [first, second]], labels)
    class_bar(figure, points, np.unique(labels))
    axes.set(xlabel=f"$\\mu_{{{first + 1}}}(x)$", ylabel=f"$\\mu_{{{second + 1}}}(x)$",
             title=f"posterior means, dimensions {first + 1} and {second + 1}")
    return figure


def class_scatter(axes, places, labels):
    """Points at places (n, 2), in a colour for each class, with its name at its median."""
    classes = np.unique(labels)
    colours = [CLASSES[i % len(CLASSES)] for i in range(len(classes))]
    bounds = np.arange(len(classes) + 1) - 0.5
    points = axes.scatter(*places.T, s=3, alpha=0.6, linewidths=0, c=np.searchsorted(classes, labels),
                          cmap=ListedColormap(colours), norm=BoundaryNorm(bounds, len(classes)))
    medians = np.array([np.median(places[labels == label], axis=0) for label in classes])
    room = 0.05 * np.ptp(places, axis=0) + 1e-9
    for label, place in zip(classes, spread(medians, room)):
        axes.text(*place, str(label), fontsize=13, weight="bold", ha="center", va="center",
                  path_effects=[withStroke(linewidth=3, foreground="w")])
    return points


def class_bar(figure, points, classes, **options):
    """The key to the colours of class_scatter."""
    bar = figure.colorbar(points, ticks=np.arange(len(classes)), label="class", **options)
    bar.ax.set_yticklabels([str(label) for label in classes])
    bar.minorticks_off()
    bar.solids.set_alpha(1)


def is_index(value, n):
    """True for an integer from 0 to n - 1."""
    return (isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            and 0 <= value < n)


def spread(points, distance):
    """Points (n, 2), those too close to each other pushed apart, to a distance per axis."""
    points = points / distance
    for _ in range(100):
        apart = points[:, None] - points                       # (n, n, 2): from each to each
        length = np.hypot(*apart.T).T + 1e-9
        push = np.maximum(1.0 - length, 0.0) / length * (length > 1e-6)
        points = points + 0.5 * (push[..., None] * apart).sum(axis=1)
    return points * distance


def label_rows(axes, rows, names, shape=(28, 28), lines=()):
    """Draw rows of images, each (n, D), one below the other, with its name at the left.

    Parameters
    ----------
    axes : matplotlib Axes
    rows : sequence of array (n, D)
        Of pixels from 0, white, to 1, black.
    names : sequence of str
    shape : (int, int)
    lines : sequence of int
        A line is drawn above these rows.
    """
    check_type(axes, "axes", Axes, "matplotlib's Axes")
    for value, name in ((rows, "rows"), (names, "names"), (lines, "lines")):
        check_rows(value, name)
    rows = [as_images(row, shape, f"rows[{i}]") for i, row in enumerate(rows)]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"names is {names}: texts were expected")
    if len({len(row) for row in rows}) != 1 or len(names) != len(rows):
        raise ValueError(f"rows have {', '.join(str(len(row)) for row in rows) or 'no'} images, and "
                         f"names is {names}: as many in each row, and a name for each, were expected")
    if not all(is_index(row, len(rows)) for row in lines):
        raise ValueError(f"lines is {lines}: rows from 0 to {len(rows) - 1} were expected")
    height = shape[0]
    axes.imshow(tile(np.concatenate(rows), shape, len(rows[0])), cmap="gray_r", vmin=0, vmax=1)
    for row in lines:
        axes.axhline(height * row - 0.5, color=ORANGE, lw=1.5)
    axes.set_yticks(height * np.arange(len(rows)) + height / 2, names, fontsize=9)
    axes.set_xticks([])
    axes.tick_params(length=0)


def tile(images, shape, columns):
    """Images (n, D) side by side, row by row, as one large image; the rest is white."""
    check_count(columns, "columns")
    images = as_images(images, shape)
    rows = math.ceil(len(images) / columns)
    canvas = np.zeros((rows * columns, *shape), np.float32)
    canvas[:len(images)] = images.reshape(-1, *shape)
    return canvas.reshape(rows, columns, *shape).swapaxes(1, 2).reshape(rows * shape[0], -1)


def as_images(images, shape, name="images"):
    """Images as rows of finite pixels: (n, D), float32."""
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise TypeError(f"shape is {shape!r}: height and width were expected, such as (28, 28)")
    size = math.prod(check_count(n, "a size in shape") for n in shape)
    images = as_array(images, name)
    check_real(images, name)
    if images.ndim != 2 or images.shape[1] != size or len(images) == 0:
        raise ValueError(f"{name} have shape {images.shape}: (n, {size}) was expected, for images of "
                         f"{' x '.join(map(str, shape))}")
    if images.dtype.kind in "iu" and images.max() > 1:
        raise ValueError(f"{name} are integers up to {images.max()}: pixels in [0, 1] were expected; "
                         "divide images of integers 0 to 255 by 255")
    return as_finite(images, name, np.float32)
