"""A denoising autoencoder is shown a spoiled image, and asked for the clean one.

The claim: of images with half their pixels lost an autoencoder trained to clean them gives back better
ones than one trained to copy, and of whole images worse ones.

An autoencoder whose code is wide enough need not understand anything: it copies. Shown an image with
holes, it gives back the holes. If every image in training is spoiled afresh, half its pixels
set to zero at random, and what is asked for is the clean image, copying is worth nothing: the
network has to know what digits look like (Vincent et al., 2008). It has its price: where nothing is
lost, it is the worse copyist. And it mends what it was trained to mend: single pixels well, a
hole but a little.

`npvae.denoising_autoencoder` differs from `npvae.autoencoder` in one argument of the model,
`corrupt`: what the encoder sees is corrupt(x), what the likelihood is asked about stays x.

    python examples/denoising_autoencoder.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, plots

# %% Three ways to spoil an image


def half_masked(x, rng):
    return datasets.Masking(0.5)(x, rng)


def square_hole(x, rng):
    """A hole of 10 x 10 pixels, anywhere within 4 pixels of the middle."""
    images = x.reshape(-1, 28, 28).copy()
    for image, (row, column) in zip(images, rng.integers(5, 14, (len(x), 2))):
        image[row:row + 10, column:column + 10] = 0.0
    return images.reshape(x.shape)


def untouched(x, rng):
    return x


SPOILT = {"half the pixels lost": half_masked, "a hole": square_hole, "nothing lost": untouched}

# %% The figure


def pictures_figure(models, x):
    rows, names, rng = [x], ["x"], np.random.default_rng(0)
    for kind, spoil in list(SPOILT.items())[:2]:
        shown = spoil(x, rng)
        rows += [shown, *(model.reconstruct(shown) for model in models.values())]
        names += [kind, *models]
    figure = Figure(figsize=(9, 4.9), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, rows, names, lines=[1, 4])
    return figure


# %% The same network, trained in both ways


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, hidden, epochs, batch_size, rate = ((4000, 150, 4, 50, 3e-3) if asked.quick else
                                           (60000, 500, 10, 128, 1e-3))
    data, found = datasets.mnist(), {}
    x = data.test_images[:2000]
    models = {"autoencoder": npvae.autoencoder(784, (hidden,), 100),
              "denoising": npvae.denoising_autoencoder(784, (hidden,), 100, masked=0.5)}
    for model in models.values():
        npvae.fit(model, data.train_images[:n], epochs=epochs, batch_size=batch_size,
                  learning_rate=rate, progress=False)
    print("squared error per image, against the clean one:")
    for kind, spoil in SPOILT.items():
        shown = spoil(x, np.random.default_rng(1))
        given = {"as shown": shown, **{name: m.reconstruct(shown) for name, m in models.items()}}
        found[kind] = {name: float(np.square(image - x).sum(axis=1).mean())
                       for name, image in given.items()}
        print(f"{kind:21} " + ", ".join(f"{name} {e:5.1f}" for name, e in found[kind].items()))
    pictures_figure(models, x[:14]).savefig(asked.out / "denoising_autoencoder.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
