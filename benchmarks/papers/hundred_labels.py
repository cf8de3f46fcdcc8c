"""Table 1 of Kingma, Mohamed, Rezende and Welling (2014), from scratch: MNIST with a hundred labels.

    python benchmarks/papers/hundred_labels.py --model M1+M2

trains on the first 50,000 images, of which ten of each digit have their label, and gives the share of
the 10,000 test images that the classifier q(y|x) gets wrong. It writes its checkpoint after every
epoch, and goes on from it when it is started again; its result goes to benchmarks/papers/results/.
The error on the last 10,000 training images, which no model sees, is in the curve: settings are to be
chosen by it.

M2 is a semi-supervised VAE of the pixels, 784-500-50. M1 is a VAE of the pixels without labels,
784-500-500-50; M1+M2 a semi-supervised VAE of its codes, with 300 hidden units, of which those
dimensions are kept whose mean varies.

As in the authors' program: these sizes, softplus, alpha = 0.1 (times 50,000 / 100 on each label), the
split, ten labels of each digit, codes that are drawn from M1's posterior. Not as there: some steps with
the labelled images alone come first; Adam from 1e-3 along a cosine, over fewer epochs than 3,000, in
smaller batches; `DRAWS` codes of each image, drawn once, in place of fresh ones (so that an epoch of
M1+M2 is as many passes over the images); one noise for all labels of an image; no prior on the weights.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import npvae
from npvae.datasets import one_hot
from npvae.learning import schedules
from records import RESULTS, made_by

PUBLISHED = {"M2": (11.97, 1.71), "M1+M2": (3.33, 0.14)}    # error and its deviation, per cent
DRAWS = 10
STEPS = 500                                                 # with the labelled images alone


def first_layer(images, folder, epochs):
    """M1, once for all: a VAE of the pixels."""
    model = npvae.vae(784, (500, 500), 50, activation="softplus")
    npvae.fit(model, images, epochs=epochs, batch_size=100, checkpoint=folder / "checkpoint.npz",
              learning_rate=schedules.Cosine(1e-3, epochs), resume=True)
    return model


def codes(model, images):
    """Where M1 has its images: DRAWS codes of each of the first set, the mean code of the others."""
    q, *others = (model.encode(part) for part in images)
    kept = q.mu.std(axis=0) > 0.1
    eps = np.random.default_rng(5).standard_normal((DRAWS, *q.mu.shape), np.float32)
    drawn = (q.mu + q.std * eps)[..., kept].reshape(-1, kept.sum())
    return drawn, *(other.mu[:, kept] for other in others)


def some_labels(labels, n, seed):
    """Rows of the condition: a single one for n labels, as many of each class; else zeros."""
    rng, condition = np.random.default_rng([7, seed]), one_hot(labels, 10)
    known = np.concatenate([rng.choice(np.flatnonzero(labels == k), n // 10, replace=False)
                            for k in range(10)])
    condition[np.setdiff1d(np.arange(len(labels)), known)] = 0.0
    return condition


def error(model, x, labels):
    """The share of wrong labels, in per cent."""
    return 100.0 * float(np.mean(model.classify(x).argmax(axis=1) != labels))


def keep_curve(path, x, labels):
    """A callback: after every epoch a row with the error on held-out images."""
    def note(model, history):
        row = {"epoch": len(history), "seconds": round(sum(row["seconds"] for row in history)),
               "loss": round(history[-1]["loss"], 3),
               "held_out_error": round(error(model, x, labels), 2)}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return note


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=list(PUBLISHED), default="M1+M2")
    parser.add_argument("--labels", type=int, default=100, help="how many are known (default: 100)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--first-epochs", type=int, default=50, help="of M1")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="at the beginning")
    parser.add_argument("--seed", type=int, default=0, help="of the labels, the weights and the steps")
    parser.add_argument("--out", type=Path, default=Path("out/papers"))
    asked = parser.parse_args(arguments)
    name = f"{asked.model.lower().replace('+', '')}_{asked.labels}_labels_seed{asked.seed}"
    folder, of_m1 = asked.out / f"{name}_{asked.epochs}", asked.out / f"m1_{asked.first_epochs}"
    for path in (folder, of_m1):
        path.mkdir(parents=True, exist_ok=True)
    data = npvae.datasets.mnist()
    x, y, x_held_out, y_held_out = npvae.datasets.split(10_000, data.train_images, data.train_labels)
    x_test, condition = data.test_images, some_labels(y, asked.labels, asked.seed)
    n_hidden, likelihood = (500,), "bernoulli"
    if asked.model == "M1+M2":
        m1 = first_layer(x, of_m1, asked.first_epochs)
        x, x_held_out, x_test = codes(m1, (x, x_held_out, x_test))
        condition = np.tile(condition, (DRAWS, 1))
        n_hidden, likelihood = (300,), "heteroscedastic_gaussian"
    model = npvae.semi_supervised_vae(
        x.shape[1], 10, n_hidden, 50, alpha=0.1 * len(y) / asked.labels, likelihood=likelihood,
        activation="softplus", init="glorot", seed=asked.seed)
    known = condition.any(axis=1)
    warm_up = -(-STEPS * asked.batch_size // known.sum())
    npvae.fit(model, x[known], condition=condition[known], epochs=warm_up, batch_size=asked.batch_size,
              learning_rate=schedules.Cosine(asked.learning_rate, warm_up), seed=asked.seed,
              progress=False)
    labels_alone = error(model, x_held_out, y_held_out)
    history = npvae.fit(
        model, x, condition=condition, epochs=asked.epochs, batch_size=asked.batch_size,
        learning_rate=schedules.Cosine(asked.learning_rate, asked.epochs), seed=asked.seed,
        checkpoint=folder / "checkpoint.npz", resume=True,
        callbacks=[keep_curve(folder / "curve.jsonl", x_held_out, y_held_out)])
    result = {
        "paper": "Kingma et al. (2014), Table 1", "run": folder.name, "model": asked.model,
        "labels": asked.labels, "seed": asked.seed, "epochs": asked.epochs,
        "first_epochs": asked.first_epochs if asked.model == "M1+M2" else None,
        "draws": DRAWS if asked.model == "M1+M2" else None, "dimensions": x.shape[1],
        "batch_size": asked.batch_size, "learning_rate": asked.learning_rate, "alpha": model.alpha,
        "published": PUBLISHED[asked.model] if asked.labels == 100 else None,
        "test_error": round(error(model, x_test, data.test_labels), 2),
        "held_out_error": round(error(model, x_held_out, y_held_out), 2),
        "held_out_error_of_the_labels_alone": round(labels_alone, 2),
        "seconds": round(sum(row["seconds"] for row in history)), **made_by(),
        "curve": [json.loads(row) for row in (folder / "curve.jsonl").read_text().splitlines()],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{asked.model}, {asked.labels} labels: {result['test_error']} % of the test images wrong "
          f"(published: {result['published']})")


if __name__ == "__main__":
    main()
