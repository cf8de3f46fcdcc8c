"""Missing pixels: train on digits of which half was never seen, and fill it in.

No image here is ever complete, neither in training nor after it. Of every image either half of the
pixels are missing, one by one at random, or all those of one half: upper, lower, left or right. What
is missing is a zero for the encoder, which is told so (`shows_mask`), and has no term in the loss. The
bound is that of K samples on what is observed (Mattei and Frellsen, 2019),

    log 1/K sum over k of p(x_obs | z_k) p(z_k) / q(z_k | x_obs),    z_k ~ q(z | x_obs).

Between scattered pixels there is little doubt: the best single guess, the mean

    E[x_mis | x_obs] = sum over k of w_k E[x_mis | z_k],    w_k in proportion to the ratio above,

is a clear digit, and all draws of p(x_mis | x_obs) look like it. Of a digit of which one half is gone
there may be several: the mean is a blur of them, and each draw is one.

If the draws are as unsure as they should be, their variance is the mean's squared error.

The claim: the mean is far less wrong than the mean image where pixels are missing one by one, and the
draws know by how much; where a half is missing it is little better, and the draws are too much alike,
since q(z | x_obs) does not reach all the digits that fit.

    python examples/missing_pixels.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import plots, schedules
from npvae.evaluation import impute


def scattered(rng, n):
    """What is observed of n images: every pixel with probability 1/2."""
    return rng.random((n, 784)) < 0.5


def halves(rng, n):
    """What is observed of n images: one half of each, upper, lower, left or right."""
    upper = np.arange(784) < 392
    left = np.arange(784) % 28 < 14
    return np.array([upper, ~upper, left, ~left])[rng.integers(4, size=n)]


# %% Train on what is observed, and impute test images in both ways


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    images, _, test_images, test_labels = npvae.datasets.mnist()
    images, test_images = np.float32(images > 0.5), np.float32(test_images > 0.5)     # black and white
    n, n_hidden, epochs, n_samples = (5000, (100,), 8, 1) if asked.quick else (20000, (200,), 15, 3)
    rng = np.random.default_rng(0)
    observed = np.where(rng.random((n, 1)) < 0.5, scattered(rng, n), halves(rng, n))

    model = npvae.iwae(784, n_hidden, 20, activation="relu", init="he", shows_mask=True)
    npvae.fit(model, images[:n], observed=observed, epochs=epochs, batch_size=50, n_samples=n_samples,
              learning_rate=schedules.Cosine(4e-3, epochs), progress=False)

    x = test_images[:100 if asked.quick else 500]
    mean_image = (images[:n] * observed).sum(axis=0) / observed.sum(axis=0)     # of what was observed
    rows = [np.flatnonzero(test_labels[:100] == k)[0] for k in (2, 4, 7, 8)]
    found, pictures = {}, []
    for name, mask in (("scattered", scattered), ("halves", halves)):
        seen = mask(rng, len(x))
        filled = impute(model, np.where(seen, x, np.nan), rng, 40 * n_samples, n_draws=4, observed=seen)
        wrong = np.square(filled.mean - x)[~seen].mean()
        constant = np.square(mean_image - x)[~seen].mean()
        spread = filled.draws.var(axis=0, ddof=1)[~seen].mean()
        found[name] = {"error": float(wrong), "constant": float(constant), "spread": float(spread)}
        print(f"{name:10}: squared error a missing pixel {wrong:.4f}, by the mean image {constant:.4f}; "
              f"variance between draws {spread:.4f}")
        shown = np.where(seen, x, 0.5)
        pictures += [[x[row], shown[row], filled.mean[row], *filled.draws[:3, row]] for row in rows]
    draw(np.array(pictures)).savefig(asked.out / "missing_pixels.png", dpi=110)
    return found


# %% The figure: a test image a row


def draw(pictures):
    n_rows, n_columns, _ = pictures.shape
    figure = Figure(figsize=(5.6, 7.4), layout="constrained")
    axes = figure.subplots()
    tiles = plots.tile(pictures.reshape(-1, 784), (28, 28), n_columns)
    axes.imshow(tiles, cmap="gray_r", vmin=0, vmax=1)
    for row in range(1, n_rows):
        half = row == n_rows // 2
        axes.axhline(28 * row - 0.5, color=plots.ORANGE if half else plots.GREY, lw=2 if half else 0.5)
    for column in range(1, 4):
        axes.axvline(28 * column - 0.5, color=plots.GREY, lw=0.8)
    axes.set_xticks([13.5, 41.5, 69.5, 125.5],
                    ["truth", "observed\n(grey: not)", "mean", "three draws of\nwhat is missing"])
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set_yticks([14 * n_rows / 2, 42 * n_rows / 2], ["pixels missing one by one", "a half missing"],
                    rotation=90, va="center")
    return figure


if __name__ == "__main__":
    main()
