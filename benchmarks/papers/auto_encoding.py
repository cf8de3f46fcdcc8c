"""Figure 2 of Kingma and Welling (2014), its MNIST panels: the bound against the images seen.

    python benchmarks/papers/auto_encoding.py --images 1e7
    python benchmarks/papers/auto_encoding.py --images 1e8 --sizes 20
    python benchmarks/papers/auto_encoding.py --images 1e7 --method wake-sleep

One hidden layer of 500 tanh units on each side, batches of 100, one sample of z, Adagrad, a prior
N(0, I) of all parameters, which begin at N(0, 0.01^2), and latent sizes of 3, 5, 10, 20 and 200. Grey
pixels. A checkpoint is written after every epoch: started again, or for more images, it goes on.
Both bounds are taken after the training so far, on the first 10,000 training images and on the 10,000
test images, with the same noise each time. Results, as far as they have come, and the figure go to
benchmarks/papers/results/.

Not as in the paper, or not known: one stepsize for all sizes, of the three from which the paper chooses
by the first few iterations on training images (in those, 0.1 overflows here, and with 0.02 the codes of
wake-sleep cost a thousand nats for long); all 60,000 training images; whether the paper's N(0, 0.01) is
of this deviation or of this variance. Of its curves it prints no numbers.
"""

import argparse
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae.plots import BLUE, ORANGE
from records import RESULTS, made_by
from wake_sleep import WakeSleep

SIZES = (3, 5, 10, 20, 200)
METHODS = {"AEVB": BLUE, "wake-sleep": ORANGE}
STEPSIZES = {"AEVB": 0.02, "wake-sleep": 0.01}
BATCH = 100


class MAP(npvae.Adagrad):
    """Adagrad for the maximum a posteriori: of n images, each has its share of -log N(theta; 0, I)."""

    def __init__(self, n):
        super().__init__()
        self.n = n

    def __repr__(self):
        return f"MAP(n={self.n})"

    def _update(self, theta, g, v, learning_rate, s):
        np.divide(theta, self.n, out=s)       # the gradient of |theta|^2 / (2 n)
        g += s
        super()._update(theta, g, v, learning_rate, s)


def build(method, n_hidden, n_latent, seed=0):
    """The networks, which begin near zero, to be trained by one method or the other."""
    model = npvae.vae(784, (n_hidden,), n_latent, activation="tanh")
    if method == "wake-sleep":
        parts = model.encoder, model.posterior, model.prior, model.decoder, model.likelihood
        model = WakeSleep(*(part.copy() for part in parts), n_data=784)
    theta = model.parameters.theta
    theta[...] = 0.01 * np.random.default_rng(seed).standard_normal(theta.shape, theta.dtype)
    return model


def options(description, images):
    """A parser with what both figures are asked for."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--images", type=float, default=images, help="to be seen (default: %(default)g)")
    parser.add_argument("--method", choices=list(METHODS), default="AEVB")
    parser.add_argument("--stepsize", type=float, help="default: 0.02, for wake-sleep 0.01")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/papers"))
    return parser


def train(asked, figure, paper, of, model, x, n_train, points, measure):
    """Train on x, which holds n_train images, perhaps many times each. After the epochs in points, and
    the last, what is measured is a row of the result."""
    epochs = math.ceil(asked.images / len(x))
    name = "_".join([figure, asked.method.lower().replace("-", "_"), *map(str, of.values())])
    name += f"_seed{asked.seed}" if asked.seed else ""
    stepsize = asked.stepsize or STEPSIZES[asked.method]
    result = {"name": name, "paper": paper, **of, "method": asked.method,
              "stepsize": stepsize, "seed": asked.seed, "images_an_epoch": len(x), **made_by()}
    folder = asked.out / name
    folder.mkdir(parents=True, exist_ok=True)

    def keep_curve(model, history):
        if len(history) in {*points, epochs}:
            row = {"images": len(x) * len(history), **measure(model)}
            with (folder / "curve.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            write(result, folder, history)
            print(f"{name}: {row}", flush=True)

    history = npvae.fit(model, x, epochs=epochs, batch_size=BATCH, learning_rate=stepsize,
                        optimizer=MAP(n_train), seed=asked.seed, progress=False, resume=True,
                        checkpoint=folder / "checkpoint.npz", callbacks=[keep_curve])
    write(result, folder, history)


def write(result, folder, history):
    """The result with its curve, and with what the training took, by the clock."""
    seconds = sum(row["seconds"] for row in history)
    steps = len(history) * math.ceil(result["images_an_epoch"] / BATCH)
    result["hours"], result["ms_a_step"] = round(seconds / 3600, 3), round(1000 * seconds / steps, 2)
    result["curve"] = [json.loads(row) for row in (folder / "curve.jsonl").read_text().splitlines()]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{result['name']}.json").write_text(json.dumps(result) + "\n")


def kept(figure):
    """All that are known of a figure, of the first seed."""
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob(f"{figure}_*.json"))]
    return [result for result in found if not result["seed"]]


def bounds(model, images):
    """The ELBO of images, in the mean, by the name of their set."""
    return {name: round(npvae.evaluate(model, x).elbo, 2) for name, x in images.items()}


def draw(results):
    """A panel for each latent size: both methods, on training and on test images."""
    figure = Figure(figsize=(11, 2.9), layout="constrained")
    for axes, size in zip(figure.subplots(1, len(SIZES), sharey=True), SIZES):
        for result in results:
            for name, style in (("train", "-"), ("test", "--")) if result["size"] == size else ():
                axes.semilogx([row["images"] for row in result["curve"]],
                              [row[name] for row in result["curve"]], style, lw=1.4,
                              color=METHODS[result["method"]], label=f"{result['method']} ({name})")
        axes.set(title=f"$N_z$ = {size}", xlabel="images seen", xlim=(5e4, 1.1e8), ylim=(-165, -95))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("bound, nats per image")
    figure.axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def main(arguments=None):
    parser = options(__doc__, 1e7)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="latent dimensions")
    asked = parser.parse_args(arguments)
    data = npvae.datasets.mnist()
    x, images = data.train_images, {"train": data.train_images[:10_000], "test": data.test_images}
    points = {round(10 ** (i / 8)) for i in range(33)}                     # evenly, on a log scale
    for size in asked.sizes:
        model = build(asked.method, 500, size, asked.seed)
        train(asked, "auto_encoding", "Kingma and Welling (2014), Figure 2, MNIST", {"size": size},
              model, x, len(x), points, partial(bounds, images=images))
    draw(kept("auto_encoding")).savefig(RESULTS / "auto_encoding.png", dpi=110)


if __name__ == "__main__":
    main()
