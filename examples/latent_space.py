"""Walks through the latent space of a VAE on MNIST: traversals, interpolation, arithmetic.

The claim: N(0, I) is densest at the origin, but in J dimensions nearly all of it lies on a shell of
radius sqrt(J); a straight walk between two codes leaves the shell, and a spherical one stays on it.

The KL asks the codes to fill N(0, I), so what is drawn from it decodes to something like an image:

- *Samples* beside *reconstructions*: a sample decodes a draw from the prior, a reconstruction the code
  of an image. They are two things: samples are the worse, where q(z) is not the prior.
- *Traversal*: change one dimension of a code, from -3 to 3, and decode. A dimension with a
  large KL draws something; one with none draws nothing, whatever its value.
- *Interpolation*: walk from one code to another. Half way, a straight line between two draws is at
  radius sqrt(J/2), where the density is exp(J/4) times that on the shell, but where hardly any
  draw lies: there is too little room. The spherical walk keeps to the shell. (Here: from the first test
  image of each even digit to the first of the next odd one.)
- *Arithmetic*: the mean code of thick digits minus that of thin ones is a direction. Added to
  the code of any digit, it makes the stroke thicker.

    python examples/latent_space.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import chi2

import npvae
from npvae import datasets, evaluation, plots

# %% The two walks


def straight(z0, z1, t):
    return (1 - t)[:, None] * z0 + t[:, None] * z1


def spherical(z0, z1, t):
    """Along the great circle between the directions of z0 and z1; the length goes linearly."""
    r0, r1 = np.linalg.norm(z0), np.linalg.norm(z1)
    angle = np.arccos(np.dot(z0, z1) / (r0 * r1))
    on_circle = (np.sin((1 - t) * angle)[:, None] * z0 / r0
                 + np.sin(t * angle)[:, None] * z1 / r1) / np.sin(angle)
    return on_circle * ((1 - t) * r0 + t * r1)[:, None]


# %% Figures


def rows_of_images(rows, names, title, shape=(28, 28)):
    """Rows of images, each with its name at the left."""
    figure = Figure(figsize=(0.55 * len(rows[0]) + 2.2, 0.55 * len(rows) + 0.4), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, rows, names, shape)
    axes.set_title(title, fontsize=10)
    return figure


def norms_figure(norms, t, J):
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.axhline(np.sqrt(J), color=plots.GREY, ls=":", label=f"$\\sqrt{{J}}$ = {np.sqrt(J):.2f}")
    axes.plot(t, norms["spherical"], "-", color=plots.BLUE, label="spherical walk")
    axes.plot(t, norms["straight"], "--", color=plots.ORANGE, label="straight walk")
    axes.set(xlabel="position on the walk, t", ylabel="norm of z", ylim=(0, 1.5 * np.sqrt(J)),
             title="mean over 1,000 pairs of draws from N(0, I)")
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    return figure


# %% The walks on MNIST


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist()
    n, epochs, J = (10000, 3, 20) if asked.quick else (60000, 10, 20)
    x, labels = data.test_images, data.test_labels
    model = npvae.vae(n_latent=J)
    npvae.fit(model, data.train_images[:n], epochs=epochs)

    # what is decoded from the prior, beside what is decoded from the codes of images
    seen, drawn = x[:13], model.sample(np.random.default_rng(1), 26)
    rows = seen, model.reconstruct(seen), drawn[:13], drawn[13:]
    names = "x", "reconstruction of x", "sample, z ~ N(0, I)", "sample, z ~ N(0, I)"
    rows_of_images(rows, names, "reconstructions and samples").savefig(
        asked.out / "latent_space_samples.png", dpi=110)

    # traversals of the three most and the two least used dimensions
    kl = evaluation.latent_moments(model, x).kl
    order = np.argsort(kl)[::-1]
    chosen, rows = [*order[:3], *order[-2:]], []
    for j in chosen:
        z = np.tile(model.encode(x[:1]).mu, (13, 1))
        z[:, j] = np.linspace(-3, 3, 13)
        rows.append(model.decode(z))
    names = [f"$z_{{{j + 1}}}$, KL {kl[j]:.2f} nats" for j in chosen]
    rows_of_images(rows, names, "one dimension from -3 to 3, the others as they were").savefig(
        asked.out / "latent_space_traversals.png", dpi=110)
    change = {f"change_{name}": float(np.abs(np.diff(row, axis=0)).sum(axis=-1).mean())
              for name, row in (("most", rows[0]), ("least", rows[-1]))}
    print(f"pixels changed per step: {change['change_most']:.1f} in the dimension of largest KL "
          f"({kl[order[0]]:.2f} nats), {change['change_least']:.2f} in the smallest "
          f"({kl[order[-1]]:.3f} nats)")

    # two walks between the codes of two images, and the norms along many walks
    t, pairs = np.linspace(0, 1, 13), np.random.default_rng(0).standard_normal((1000, 2, J))
    norms = {walk.__name__: np.mean([np.linalg.norm(walk(a, b, t), axis=-1) for a, b in pairs],
                                    axis=0) for walk in (straight, spherical)}
    middle = {name: float(norm[6]) for name, norm in norms.items()}
    print(f"norm of z half way: straight {middle['straight']:.2f}, spherical "
          f"{middle['spherical']:.2f}; sqrt(J) = {np.sqrt(J):.2f}, sqrt(J / 2) = {np.sqrt(J/2):.2f}")
    inside = {"inside": float(chi2.cdf(J / 2, J)), "denser": float(np.exp(J / 4))}
    print(f"within sqrt(J / 2) lie {inside['inside']:.1%} of N(0, I), though its density there is at "
          f"least {inside['denser']:.0f} times that at sqrt(J)")
    norms_figure(norms, t, J).savefig(asked.out / "latent_space_norms.png", dpi=110)
    walks, names = [], []
    for digit in range(0, 10, 2):
        z0, z1 = model.encode(x[[int(np.argmax(labels == c)) for c in (digit, digit + 1)]]).mu
        for walk in (straight, spherical):
            walks.append(model.decode(walk(z0, z1, t)))
            names.append(f"{digit} to {digit + 1}, {walk.__name__}")
    rows_of_images(walks, names, "the first test image of each digit").savefig(
        asked.out / "latent_space_interpolation.png", dpi=110)

    # thick minus thin, within each digit, is a direction for all digits
    mu, ink = model.encode(x).mu, x.sum(axis=-1)
    thicker = np.mean([mu[(labels == c) & (ink > np.quantile(ink[labels == c], 0.8))].mean(axis=0)
                       - mu[(labels == c) & (ink < np.quantile(ink[labels == c], 0.2))].mean(axis=0)
                       for c in range(10)], axis=0)
    amounts = (-1, -0.5, 0, 0.5, 1)
    ten = mu[[int(np.argmax(labels == c)) for c in range(10)]]
    decoded = [model.decode(ten + a * thicker) for a in amounts]
    rows_of_images(decoded, [f"{a:+.1f} (thick - thin)" for a in amounts],
                   "the same ten codes, moved along one direction").savefig(
        asked.out / "latent_space_arithmetic.png", dpi=110)
    mean_ink = [float(images.sum(axis=-1).mean()) for images in decoded]
    print("mean ink of ten digits, in black pixels: "
          + ", ".join(f"{v:.0f} at {a:+.1f}" for a, v in zip(amounts, mean_ink)))
    return {**change, **middle, **inside, "norms": norms, "ink": mean_ink}


if __name__ == "__main__":
    main()
