"""One image, encoded many times: z ~ N(mu(x), sigma(x)^2) is a region, and each draw a variation.

The claim: draws of z for one image scatter around mu with the standard deviation sigma (and not
sigma^2), so that 86.5 % of them lie within two of them; and what they decode to varies less among
the draws of one image than from image to image.

    python examples/one_image_many_codes.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

import npvae
from npvae import datasets, plots

STYLES = ((plots.BLUE, "o"), (plots.ORANGE, "s"), (plots.GREEN, "^"))

# %% Many draws of z for each x


def scatter_of(model, x, n, rng):
    """z (n, B, 2) for each image, and what says whether they lie where q(z|x) puts them."""
    q = model.encode(x)
    z, _ = model.posterior.sample(q, model.draw_noise(rng, len(x), n))
    u = (z - q.mu) / q.std
    return q, z, {"deviation over sigma": float(u.std()), "deviation over sigma^2": float(
        ((z - q.mu) / q.std**2).std()), "within two sigma": float(((u * u).sum(axis=-1) < 4).mean())}


def variation_of(model, z):
    """The deviation of a pixel, averaged: among the draws of one image, and between the images."""
    decoded = np.stack([model.decode(z[:, i]) for i in range(z.shape[1])])          # (B, n, D)
    between = decoded.mean(axis=1).std(axis=0)
    return decoded, {"within": float(decoded.std(axis=1).mean()), "between": float(between.mean())}


# %% The figure


def draw(mu_all, q, z, x, decoded):
    """The plane; each region in its own units; the image, five decoded draws, and what varies."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    plane, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    left, rows = plane.subplots(), right.subplots(len(x), 2, width_ratios=(1, 4))
    left.plot(*mu_all.T, ".", color="#d8d8d8", ms=2)
    for i, ((colour, mark), (region, pictures)) in enumerate(zip(STYLES, rows)):
        left.add_patch(Ellipse(q.mu[i], *(4 * q.std[i]), color=colour, zorder=3))
        left.annotate(f"image {i + 1}", q.mu[i], (-18, 28 if q.mu[i, 1] > 0 else -36), weight="bold",
                      textcoords="offset points", ha="center", arrowprops={"arrowstyle": "->"})
        region.plot(*((z[:200, i] - q.mu[i]) / q.std[i]).T, mark, color=colour, ms=2)
        for radius in (1, 2):
            region.add_patch(Circle((0, 0), radius, fill=False, lw=0.9, zorder=3))
        region.set(xlim=(-4, 4), ylim=(-4, 4), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal",
                   ylabel=f"image {i + 1}")
        spread = decoded[i].std(axis=0)
        shown = np.vstack([x[i], decoded[i, :5], spread / spread.max()])
        pictures.imshow(plots.tile(shown, (28, 28), len(shown)), cmap="gray_r", vmin=0, vmax=1)
        pictures.axvline(27.5, color=plots.ORANGE)
        pictures.axvline(6 * 28 - 0.5, color=plots.ORANGE)
        pictures.set(xticks=[], yticks=[])
        if i == 0:
            region.set_title("200 draws, in\nunits of sigma", fontsize=10)
            pictures.set_title("the image | five draws, decoded | where they vary", fontsize=10)
    left.set(title="grey: mu of test images\nin colour: two sigma of q(z|x)", xlabel="$z_1$",
             ylabel="$z_2$", aspect="equal")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images and epochs")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, epochs = (5000, 5) if asked.quick else (60000, 20)
    data, rng = datasets.mnist(), np.random.default_rng(0)
    model = npvae.vae(784, (200,), 2)
    npvae.fit(model, data.train_images[:n], epochs=epochs, learning_rate=2e-3, progress=False)
    first = [int(np.argmax(data.test_labels == digit)) for digit in (1, 0, 2)]    # the first of each
    x = data.test_images[first]
    q, z, found = scatter_of(model, x, 2000, rng)
    decoded, variation = variation_of(model, z[:200])
    found |= variation
    print(f"the draws' deviation is {found['deviation over sigma']:.3f} sigma, and "
          f"{found['deviation over sigma^2']:.1f} sigma^2; {found['within two sigma']:.1%} lie within "
          f"two sigma\na pixel changes by {found['within']:.3f} among the draws of one image, by "
          f"{found['between']:.3f} between images")
    draw(model.encode(data.test_images).mu, q, z, x, decoded).savefig(
        asked.out / "one_image_many_codes.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
