"""Which pixels make a digit odd? The score of an image, pixel by pixel.

A VAE that has seen every digit but one finds an image of the last one too expensive. -ELBO is a sum:
of what each pixel costs, -log p(pixel | z), and of the KL of the code. So it can be read backwards.
What a pixel adds beyond the usual, which is the mean of what it adds for normal images, makes a map
of where the image is not what the model knows.

The 784 numbers of the map and the excess of the KL add up to the excess of the score: nothing is left
over, and nothing is counted twice.

The claim: a tenth of the pixels, along strokes that the reconstruction lacks or has too many, makes
up most of the excess of a flagged image.

    python examples/anomaly_map.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation
from npvae.plots import tile

UNSEEN = 0

# %% The figure: images, what is decoded, and where they differ from what is usual


def map_figure(images, decoded, excess, columns):
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    axes = figure.subplots(3, 1)
    for ax, rows, name in zip(axes, (images, decoded), ("image", "decoded")):
        ax.imshow(tile(rows, (28, 28), columns), cmap="gray_r", vmin=0, vmax=1)
        ax.set_ylabel(name)
    reach = np.quantile(np.abs(excess), 0.995)
    image = axes[2].imshow(tile(excess, (28, 28), columns), cmap="PuOr_r", vmin=-reach, vmax=reach)
    axes[2].set_ylabel("beyond\nthe usual")
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=axes[2], label="nats a pixel", pad=0.01)
    return figure


# %% A model of nine digits, and the tenth


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, epochs = (4000, 4) if asked.quick else (30000, 10)
    data = datasets.mnist()
    normal = data.train_images[data.train_labels != UNSEEN]
    model = npvae.vae(784, (400,), 20)
    npvae.fit(model, normal[:n], epochs=epochs, progress=False)
    held_out = normal[-1000:]
    detector = evaluation.AnomalyDetector(model, held_out, "negative_elbo", n_samples=5)

    unseen = data.test_images[data.test_labels == UNSEEN]
    scores = detector.score(unseen)
    flagged = scores > detector.threshold(quantile=0.95)
    shown = np.flatnonzero(flagged)[:10]
    found, usual = detector.contributions(unseen[shown]), detector.contributions(held_out)
    excess = found.columns - usual.columns.mean(axis=0)
    beyond = scores[shown] - detector.normal_scores.mean()
    left_over = excess.sum(axis=1) + found.code - usual.code.mean() - beyond
    top = -np.sort(-excess, axis=1)[:, :78].sum(axis=1) / beyond
    print(f"{100 * flagged.mean():.0f} % of the images of a {UNSEEN} are flagged at the 95 % quantile\n"
          f"of {len(shown)} of them map and KL leave over at most {np.abs(left_over).max():.0e} nats; "
          f"a tenth of the pixels adds {100 * np.median(top):.0f} % of the excess (median)")
    order = np.argsort(-beyond)
    map_figure(unseen[shown][order], model.reconstruct(unseen[shown][order]), excess[order],
               len(shown)).savefig(asked.out / "anomaly_map.png", dpi=110)
    return {"flagged": float(flagged.mean()), "left over": float(np.abs(left_over).max()),
            "beyond": beyond.tolist(), "top": top.tolist()}


if __name__ == "__main__":
    main()
