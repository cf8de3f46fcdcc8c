"""What training does to log p(x) of images that it has not seen: it rises, and the ELBO below it.

The claim: in training both the ELBO and log p(x) of held-out images rise, and the ELBO stays below
at every epoch; what lies between them, KL(q(z|x) || p(z|x)) in the mean, is what the encoder's q costs.

Images are binarized, so that log p(x) is the log of a probability. It is estimated by importance
sampling with q for the proposal: in the mean a little too low, so the gap shown is a little too small.

    python examples/evidence_in_training.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import npvae
from npvae import datasets, evaluation, plots

# %% A callback that looks at held-out images after every epoch


def watcher(x, n_samples, rows):
    """Appends to rows: epoch, ELBO, log p(x) and its Monte Carlo error; nats per image."""
    def look(model, history):
        epoch = history[-1]["epoch"]
        found = evaluation.log_evidence(model, x, np.random.default_rng(epoch), n_samples)
        elbo = -np.mean([npvae.evaluate(model, x, seed=seed).loss for seed in range(5)])
        error = float(np.sqrt((found.standard_error**2).sum()) / len(x))
        rows.append((epoch, float(elbo), float(found.log_px.mean()), error))
        print(f"epoch {epoch:2}: ELBO {elbo:8.2f}, log p(x) {rows[-1][2]:8.2f} +- {error:.2f}, "
              f"gap {rows[-1][2] - elbo:5.2f} nats", flush=True)
    return look


def draw(rows):
    epochs, elbo, log_px, _ = np.array(rows).T
    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, log_px, "o-", color=plots.BLUE, label="log p(x), estimated")
    axes.plot(epochs, elbo, "s--", color=plots.ORANGE, label="ELBO")
    axes.fill_between(epochs, elbo, log_px, color=plots.GREY, alpha=0.25,
                      label="gap: KL(q(z|x) || p(z|x))")
    axes.set(xlabel="epoch", ylabel="nats per held-out image",
             title=f"log p(x) - ELBO is {log_px[-1] - elbo[-1]:.1f} nats in the end")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="lower right")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images, epochs and samples")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, epochs, n_test, n_samples = (4000, 5, 40, 100) if asked.quick else (60000, 20, 500, 500)
    data, rows = datasets.mnist(), []
    x_test = datasets.binarize(data.test_images[:n_test], np.random.default_rng(1))
    model = npvae.vae(784, (200,), 20)
    npvae.fit(model, data.train_images[:n], epochs=epochs, learning_rate=2e-3, progress=False,
              transform=datasets.binarize, callbacks=[watcher(x_test, n_samples, rows)])
    draw(rows).savefig(asked.out / "evidence_in_training.png", dpi=110)
    return {"epoch": [row[0] for row in rows], "elbo": [row[1] for row in rows],
            "log_px": [row[2] for row in rows], "error": [row[3] for row in rows]}


if __name__ == "__main__":
    main()
