"""Figure 2 of Kingma and Welling (2014), its MNIST panel: the bound against the images seen.

    python benchmarks/papers/auto_encoding.py

One hidden layer of 500 tanh units on each side, batches of 100, one sample of z, Adagrad, and
latent sizes of 3, 5, 10, 20 and 200. Grey pixels. The bound on the training images is the mean
over an epoch while it is trained on, that on the test images is taken after it. Each latent size
goes on from its checkpoint; curves go to benchmarks/papers/results/auto_encoding.json, the figure
to auto_encoding.png beside it.

Not as in the paper: initial weights (Glorot for a normal with a deviation of 0.01), no weight
decay, a stepsize of 0.02 for all, and an end at so many epochs for 10^8 images.
"""

import argparse
import json
import platform
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae

RESULTS = Path(__file__).parent / "results"
SIZES = (3, 5, 10, 20, 200)


def draw(result):
    figure = Figure(figsize=(11, 2.9), layout="constrained")
    for axes, (size, curve) in zip(figure.subplots(1, len(SIZES), sharey=True),
                                   result["curves"].items()):
        for name, style, colour in (("train", "-", npvae.plots.BLUE),
                                    ("test", "--", npvae.plots.ORANGE)):
            axes.semilogx(curve["images"], curve[name], style, color=colour, label=name)
        axes.set(title=f"$N_z$ = {size}", xlabel="images seen", ylim=(-180, -90))
    figure.axes[0].set_ylabel("bound, nats per image")
    figure.axes[0].legend(frameon=False, loc="upper left")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100, help="of 60,000 images (default: 100)")
    parser.add_argument("--out", type=Path, default=Path("out/papers"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = npvae.datasets.mnist()
    result = {"paper": "Kingma and Welling (2014), Figure 2, MNIST", "epochs": asked.epochs,
              "seed": 0, "machine": f"{platform.machine()}, Python {platform.python_version()}, "
              f"NumPy {np.__version__}", "hours": {}, "curves": {}}
    for size in SIZES:
        model = npvae.vae(784, (500,), size, activation="tanh", init="glorot")
        history = npvae.fit(model, data.train_images, validation=data.test_images,
                            epochs=asked.epochs, batch_size=100, learning_rate=0.02,
                            optimizer=npvae.Adagrad(), resume=True,
                            checkpoint=asked.out / f"auto_encoding_{size}_{asked.epochs}.npz")
        result["hours"][size] = round(sum(row["seconds"] for row in history) / 3600, 3)
        result["curves"][size] = {
            "images": [60_000 * row["epoch"] for row in history],
            "train": [round(-row["loss"], 2) for row in history],
            "test": [round(-row["val_loss"], 2) for row in history]}
        print(f"{size} latent dimensions: bound {-history[-1]['loss']:.2f} (train), "
              f"{-history[-1]['val_loss']:.2f} (test) nats per image", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "auto_encoding.json").write_text(json.dumps(result) + "\n")
    draw(result).savefig(RESULTS / "auto_encoding.png", dpi=110)


if __name__ == "__main__":
    main()
