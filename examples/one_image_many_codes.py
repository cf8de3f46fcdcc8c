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
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    left.plot(*mu_all.T, ".", color="#d8d8d8", ms=2, label="mu of test images")
    turn = np.linspace(0, 2 * np.pi, 100)[:, None]
    for i, (colour, mark) in enumerate(STYLES):
        left.plot(*z[:200, i].T, mark, color=colour, ms=2.5, alpha=0.6, label=f"draws for image {i + 1}")
        for radius in (1, 2):
            ring = q.mu[i] + radius * q.std[i] * np.hstack([np.cos(turn), np.sin(turn)])
            left.plot(*ring.T, color="k", lw=0.9)
    left.set(title="z ~ N(mu(x), sigma(x)²)", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    left.plot([], [], color="k", lw=0.9, label="one and two sigma")
    plots.label_rows(right, [np.vstack([x[i], decoded[i, :8]]) for i in range(len(x))],
                     [f"image {i + 1}" for i in range(len(x))])
    right.set_title("the image, and eight of its draws, decoded")
    figure.legend(loc="outside lower center", ncols=5, fontsize=9, frameon=False, markerscale=2.5)
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
    first = [int(np.argmax(data.test_labels == digit)) for digit in (1, 0, 7)]    # the first of each
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
