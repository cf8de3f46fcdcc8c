"""Table 1 of Burda, Grosse and Salakhutdinov (2016), from scratch: log p(x) of MNIST, in nats.

    python benchmarks/papers/importance_weighted.py --samples 5

trains 784-(200-200 tanh)-50 on the 60,000 training images, binarized afresh at every
presentation, and estimates log p(x) of all 10,000 test images with 5,000 samples each. It
writes its checkpoint after every epoch, and goes on from it when it is started again; its
result goes to benchmarks/papers/results/.

    python benchmarks/papers/importance_weighted.py --samples 50 --after out/papers/iwae_k5_400

begins with the parameters that an earlier run ended with: an epoch with K = 50 takes as long as
eight with K = 5, and most of what is to be learned is the same.

    python benchmarks/papers/importance_weighted.py --choose --epochs 50 --learning-rate 0.002

leaves the test images alone: it trains on the first 50,000 images and ends with an estimate on the last
10,000. Settings are to be chosen by that, for all 60,000 images then, as in the paper.

As in the paper: networks, Glorot initialisation, the bias of the output from the mean image, Adam (from
a rate of 1e-3, unless it is asked otherwise), dynamic binarization, the evaluation; its column "VAE" is
`--objective ELBO`, of K samples with the sampled KL. Not as in the paper: the learning rate falls along
a cosine, over fewer epochs than 3,280; batches are of 100 images, not of 20; and its authors' program
leaves out the last 400 images.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import npvae
from npvae.learning import schedules
from records import RESULTS, made_by

N_SAMPLES = 5000                    # of log p(x), for a result
N_HELD_OUT = 10_000                 # training images, to choose settings by
OBJECTIVES = {"IWAE": npvae.IWAE(), "ELBO": npvae.ELBO(cost=npvae.SampledKL()), "DReG": npvae.DReG()}
PUBLISHED = {                       # (objective, stochastic layers): {K: -log p(x)}, in nats
    ("ELBO", 1): {1: 86.76, 5: 86.47, 50: 86.35},        # Table 1, its column VAE
    ("IWAE", 1): {1: 86.76, 5: 85.54, 50: 84.78},
    ("ELBO", 2): {1: 85.33, 5: 85.01, 50: 84.78},
    ("IWAE", 2): {1: 85.33, 5: 83.89, 50: 82.90},
}
REPRODUCED = {                      # by github.com/nbip/IWAE
    ("ELBO", 1): {1: 86.35, 5: 86.10, 50: 86.06},
    ("IWAE", 1): {1: 86.35, 5: 85.18, 50: 84.59},
    ("DReG", 1): {1: 86.08, 5: 84.90, 50: 84.32},
    ("ELBO", 2): {1: 84.83, 5: 84.08, 50: 83.89},
    ("IWAE", 2): {1: 84.83, 5: 83.48, 50: 82.82},
}


def known(table, objective, layers, samples):
    """What one of the two tables has for a row; None where it has nothing."""
    return table.get((objective, layers), {}).get(samples)


def build(images, objective, n_layers, seed=0):
    """The model, whose decoder begins with the mean image for every code."""
    model = npvae.iwae(seed=seed) if n_layers == 1 else npvae.two_layer_iwae(seed=seed)
    model.objective = OBJECTIVES[objective]
    mean = images.mean(axis=0).clip(0.001, 0.999)
    model.decoder.layers[-1].b = np.log(mean / (1 - mean))
    return model


def keep_curve(path, images, epochs=None):
    """A callback: every few epochs, and after the last, log p(x) with 100 samples, for the curve."""
    x = npvae.datasets.binarize(images, np.random.default_rng(1))

    def note(model, history):
        epoch = len(history)
        if epoch & (epoch - 1) == 0 or epoch % 20 == 0 or epoch == epochs:
            estimate = npvae.evaluation.log_evidence(model, x, np.random.default_rng(2), 100)
            hours = sum(row["seconds"] for row in history) / 3600
            with path.open("a") as file:
                file.write(json.dumps({"epoch": epoch, "hours": round(hours, 4),
                                       "nll": round(-float(estimate.log_px.mean()), 3)}) + "\n")
    return note


def evidence_by_parts(model, images, folder, n_samples=5000, part=500):
    """log p(x) of every image and the seconds of every part, kept part by part: it takes a while."""
    x = npvae.datasets.binarize(images, np.random.default_rng(1))
    parts = []
    for start in range(0, len(x), part):
        path = folder / f"evidence_{start}.npz"
        if not path.exists():
            begin = time.perf_counter()
            found = npvae.evaluation.log_evidence(model, x[start:start + part],
                                                  np.random.default_rng([3, start]), n_samples)
            seconds = np.array([time.perf_counter() - begin])
            np.savez(path, seconds=seconds, **found._asdict())
            print(f"{start + len(found.ess)} images: {found.log_px.mean():.2f} nats", flush=True)
        with np.load(path) as saved:
            parts.append({name: saved[name] for name in saved.files})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1, help="K in training (default: 1)")
    parser.add_argument("--objective", choices=list(OBJECTIVES), default="IWAE")
    parser.add_argument("--layers", type=int, choices=[1, 2], default=1, help="stochastic layers")
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="at the beginning")
    parser.add_argument("--after", type=Path, help="the folder of an earlier run, to begin with "
                        "its parameters")
    parser.add_argument("--choose", action="store_true", help="on held-out images, not on test images")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the steps")
    parser.add_argument("--out", type=Path, default=Path("out/papers"))
    asked = parser.parse_args(arguments)
    name = f"{asked.objective.lower()}{'_2' * (asked.layers == 2)}_k{asked.samples}"
    name += f"_after_{asked.after.name}" if asked.after else ""
    name += f"_seed{asked.seed}" * (asked.seed != 0) + f"_{asked.epochs}"
    folder = asked.out / name
    data, results, n_samples = npvae.datasets.mnist(), RESULTS, N_SAMPLES
    x, x_judged = data.train_images, data.test_images
    if asked.choose:
        name += f"_{asked.batch_size}_{asked.learning_rate}"
        folder, results, n_samples = asked.out / f"choice_{name}", RESULTS / "choices", 100
        x, x_judged = npvae.datasets.split(N_HELD_OUT, x)
    folder.mkdir(parents=True, exist_ok=True)
    model = build(x, asked.objective, asked.layers, asked.seed)
    if asked.after:
        npvae.load_into(asked.after / "checkpoint.npz", model)
    history = npvae.fit(
        model, x, epochs=asked.epochs, batch_size=asked.batch_size, n_samples=asked.samples,
        learning_rate=schedules.Cosine(asked.learning_rate, asked.epochs),
        optimizer=npvae.Adam(eps=5e-6), transform=npvae.datasets.binarize, seed=asked.seed,
        checkpoint=folder / "checkpoint.npz", resume=True,
        callbacks=[keep_curve(folder / "curve.jsonl", x_judged[:500], asked.epochs)])
    found = evidence_by_parts(model, x_judged, folder, n_samples)
    seconds = sum(row["seconds"] for row in history)
    steps = len(history) * -(-len(x) // asked.batch_size)
    active = npvae.evaluation.latent_moments(model, x_judged).variance_of_mean > 0.01
    row = asked.objective, asked.layers, asked.samples
    result = {
        "paper": "Burda et al. (2016), Table 1", "run": folder.name, "layers": asked.layers,
        "objective": asked.objective, "samples": asked.samples, "epochs": asked.epochs,
        "after": asked.after and asked.after.name, "batch_size": asked.batch_size,
        "learning_rate": asked.learning_rate, "seed": asked.seed,
        "judged_by": "the last 10,000 training images" if asked.choose else "the 10,000 test images",
        "settings_chosen_by": None if asked.choose else "held-out images",
        "published": known(PUBLISHED, *row), "reproduced": known(REPRODUCED, *row),
        "nll": round(-float(found["log_px"].mean()), 3),
        "monte_carlo_error": round(float(np.sqrt((found["standard_error"]**2).sum())
                                         / len(found["log_px"])), 4),
        "active_units": int(active.sum()), "training_hours": round(seconds / 3600, 3),
        "ms_a_step": round(1000 * seconds / steps, 2),
        "evaluation_hours": round(float(found["seconds"].sum()) / 3600, 3), **made_by(),
        "curve": [json.loads(row) for row in (folder / "curve.jsonl").read_text().splitlines()],
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{asked.objective}, K = {asked.samples}: -log p(x) {result['nll']} nats per image "
          f"(published: {result['published']}; reproduced: {result['reproduced']}), "
          f"Monte Carlo error {result['monte_carlo_error']}")


if __name__ == "__main__":
    main()
