"""A hundred labels: what ten thousand images without one are good for.

The claim: where few images have a label, a classifier that goes on to learn from those without one makes
far fewer mistakes than it did with the labels alone; with a thousand labels there is nothing to gain.

A label y is a part of the code that for some images is known. So p(x|y, z) is a conditional VAE (see
`conditional_vae.py`), and the encoder has a part more, the classifier q(y|x). Without a label the bound
is the mean of the conditional VAE's over all labels, weighed by q(y|x), less KL(q(y|x), p(y)): a sum of
ten, so nothing is drawn (the model M2 of Kingma, Mohamed, Rezende and Welling, 2014). The classifier
learns which label explains an image best; and in turn the label takes from z what it can explain.

    model = npvae.semi_supervised_vae(196, 10)
    npvae.fit(model, x, condition=c)      # c: a row with a single one, or of zeros where nobody knows
    model.classify(x)                     # q(y|x)

At first the classifier knows nothing, and a sum over labels would teach it classes of its own making.
So the model is trained with the labelled images alone, and then, from there, with all of them; the
classifier's own loss has the paper's weight, 0.1 N / N_l, where N_l of N images have a label. Images are
of 14 x 14 pixels, the means of four of MNIST's: without a label an image costs as much as ten. For the
paper's own table see `benchmarks/papers/hundred_labels.py`.

Whoever knows what y is may read z as all the rest: a row of the second figure is the z of one test image
(with the label that the classifier gives it), decoded with every label.

`--quick` does it with five digits and 50 labels.

    python examples/hundred_labels.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import plots
from npvae.datasets import one_hot
from npvae.learning.schedules import Cosine

SHAPE = (14, 14)

# %% Images of which few have a label


def smaller(images):
    """The means of 2 x 2 pixels: (n, 196)."""
    return images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)


def some_labels(labels, n_labels, n_classes, seed):
    """Rows of the condition: as many of each class with a single one; the others are zeros."""
    rng, condition = np.random.default_rng(seed), np.zeros((len(labels), n_classes), np.float32)
    for k in range(n_classes):
        known = rng.choice(np.flatnonzero(labels == k), n_labels // n_classes, replace=False)
        condition[known, k] = 1.0
    return condition


def error(model, x, labels):
    return 100.0 * float(np.mean(model.classify(x).argmax(axis=1) != labels))


# %% With the labels alone, and then with all images


def trained(x, condition, seed, epochs):
    """The model after 300 steps with the labelled images alone, and after all images."""
    known = condition.any(axis=1)
    few = npvae.semi_supervised_vae(196, condition.shape[1], (100,), 5, activation="relu", init="he",
                                    alpha=0.1 * len(x) / known.sum(), seed=seed)
    steps = -(-known.sum() // 100)                                           # in an epoch of them
    npvae.fit(few, x[known], condition=condition[known], epochs=300 // steps, batch_size=100,
              learning_rate=Cosine(3e-3, 300 // steps), seed=seed, progress=False)
    model = few.copy()
    npvae.fit(model, x, condition=condition, epochs=epochs, batch_size=100,
              learning_rate=Cosine(3e-3, epochs), seed=seed, progress=False)
    return few, model


# %% The figures


def errors_figure(errors, counts, seeds, n):
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = figure.subplots()
    for which, colour, style in (("the labelled images alone", plots.ORANGE, "s--"),
                                 (f"all {n:,} images", plots.BLUE, "o-")):
        found = np.array([[errors[which, count, seed] for seed in seeds] for count in counts])
        axes.plot(counts, found.mean(axis=1), style, color=colour, label=which)
        axes.plot(counts, found, style[0], color=colour, ms=3, alpha=0.5)
    axes.set(xscale="log", xticks=counts, xticklabels=counts, xlabel="labels that are known",
             ylabel="wrong on test images, %", ylim=(0, None), title="who taught the classifier?")
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


def styles_figure(model, x, n_classes):
    """Test images, and the z of each with every label."""
    guessed = one_hot(model.classify(x).argmax(axis=1), n_classes)
    z = model.vae.encode(x, guessed).mu.repeat(n_classes, axis=0)
    copies = model.vae.decode(z, np.tile(np.eye(n_classes), (len(x), 1)))
    beside = np.concatenate([x[:, None], copies.reshape(len(x), n_classes, -1)], axis=1)
    return plots.image_grid(beside.reshape(-1, 196), n_classes + 1, SHAPE,
                            title="left: a test image; then its z with each label")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="five digits and 50 labels")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, n_classes, counts, seeds, epochs = 10_000, 10, (50, 100, 300, 1000), range(3), 12
    if asked.quick:
        n, n_classes, counts, seeds, epochs = 4000, 5, (50,), (0,), 6
    data = npvae.datasets.mnist()
    (x, y), (x_test, y_test) = ((images[labels < n_classes], labels[labels < n_classes])
                                for images, labels in (data[:2], data[2:]))
    x, y, x_test, errors, shown = smaller(x[:n]), y[:n], smaller(x_test), {}, None
    for count in counts:
        for seed in seeds:
            models = trained(x, some_labels(y, count, n_classes, seed), seed, epochs)
            for which, model in zip(("the labelled images alone", f"all {n:,} images"), models):
                errors[which, count, seed] = error(model, x_test, y_test)
                print(f"{count} labels, seed {seed}, {which}: {errors[which, count, seed]:.1f} % wrong",
                      flush=True)
            shown = models[1] if count <= 100 and seed == seeds[0] else shown
    errors_figure(errors, counts, seeds, n).savefig(asked.out / "hundred_labels.png", dpi=110)
    rows = [np.flatnonzero(y_test == k)[0] for k in range(n_classes)]
    styles = styles_figure(shown, x_test[rows], n_classes)
    styles.savefig(asked.out / "hundred_labels_styles.png", dpi=110)
    return errors


if __name__ == "__main__":
    main()
