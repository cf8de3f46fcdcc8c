"""What a learned prior gains on MNIST: the one-layer rows of the VampPrior, from scratch, in nats.

    python benchmarks/papers/learned_priors.py --prior vamp_prior

trains 784-(300-300 gated)-40, after Tomczak and Welling (2018), on the 60,000 training images,
binarized afresh at every presentation, and estimates log p(x) of all 10,000 test images with 5,000
samples each. It writes its checkpoint after every epoch, and goes on from it when it is started
again; its result goes to benchmarks/papers/results/.

    python benchmarks/papers/learned_priors.py --epochs 100 --after out/papers/vamp_prior_150

goes on from the parameters that an earlier run ended with, the rate at its full height again and the
KL in full from the first step.

As in the paper: gated layers, 500 pseudo-inputs that begin at 0.05 with a deviation of 0.01, batches
of 100, the KL's weight rising to 1. Not as in the paper: Adam's rate falls along a cosine, over the
epochs asked for, where theirs ends early by a validation set; beta rises over a tenth of the epochs
where theirs takes 100; logvar has no bounds, and pseudo-inputs none either.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import npvae
from importance_weighted import evidence_by_parts, keep_curve
from npvae.learning import schedules
from npvae.networks import Chain, Dense, Layer, initializers
from npvae.numerics import sigmoid
from npvae.objectives import KL, SampledKL
from records import RESULTS, made_by

PUBLISHED = {"standard_normal": 84.45, "vamp_prior": 82.43}    # Norouzi et al. (2020), "Exemplar VAE"


class Gated(Layer):
    """y = (x W + b) sigmoid(x W' + b'): a dense layer, and another one that opens and shuts it."""

    def __init__(self, n_in, n_out, rng, init):
        self.value, self.gate = Dense(n_in, n_out, rng, init), Dense(n_in, n_out, rng, init)
        super().__init__(parts={"value": self.value, "gate": self.gate})

    def forward(self, x):
        value, value_cache = self.value.forward(x)
        gate, gate_cache = self.gate.forward(x)
        gate = sigmoid(gate)
        return value * gate, (value, gate, value_cache, gate_cache)

    def accumulate(self, dy, cache):
        value, gate, value_cache, gate_cache = cache
        self.value.accumulate(dy * gate, value_cache)
        self.gate.accumulate(dy * value * gate * (1 - gate), gate_cache)

    def pullback(self, dy, cache):
        value, gate, value_cache, gate_cache = cache
        return (self.value.pullback(dy * gate, value_cache)
                + self.gate.pullback(dy * value * gate * (1 - gate), gate_cache))


def build(prior, images, n_hidden=300, n_latent=40, n_components=500, seed=0):
    """The model, whose decoder begins with the mean image for every code."""
    rng, init, n_data = np.random.default_rng(seed), initializers.glorot_uniform, images.shape[1]
    prior, cost = {
        "standard_normal": (npvae.distributions.priors.StandardNormal(n_latent), KL()),
        "vamp_prior": (npvae.distributions.given.VampPrior(n_latent, n_data, n_components), SampledKL()),
    }[prior]
    model = npvae.VAE(
        encoder=Chain(Gated(n_data, n_hidden, rng, init), Gated(n_hidden, n_hidden, rng, init),
                      Dense(n_hidden, 2 * n_latent, rng, init)),
        decoder=Chain(Gated(n_latent, n_hidden, rng, init), Gated(n_hidden, n_hidden, rng, init),
                      Dense(n_hidden, n_data, rng, init)),
        posterior=npvae.distributions.posteriors.DiagonalGaussian(n_latent), prior=prior,
        likelihood=npvae.distributions.likelihoods.Bernoulli(), n_data=n_data,
        objective=npvae.ELBO(cost=cost))
    mean = images.mean(axis=0).clip(0.001, 0.999)
    model.decoder.layers[-1].b = np.log(mean / (1 - mean))
    return model


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", choices=list(PUBLISHED), default="vamp_prior")
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="at the beginning")
    parser.add_argument("--after", type=Path, help="the folder of an earlier run, to go on from its "
                        "parameters")
    parser.add_argument("--out", type=Path, default=Path("out/papers"))
    asked = parser.parse_args(arguments)
    name = asked.prior + (f"_after_{asked.after.name}" if asked.after else "")
    folder = asked.out / f"{name}_{asked.epochs}"
    folder.mkdir(parents=True, exist_ok=True)
    data = npvae.datasets.mnist()
    model = build(asked.prior, data.train_images)
    beta = schedules.Linear(max(1, asked.epochs // 10))
    if asked.after:
        npvae.load_into(asked.after / "checkpoint.npz", model)
        beta = schedules.Constant(1.0)
    history = npvae.fit(
        model, data.train_images, epochs=asked.epochs, batch_size=100,
        learning_rate=schedules.Cosine(asked.learning_rate, asked.epochs),
        kl_schedule=beta, transform=npvae.datasets.binarize,
        checkpoint=folder / "checkpoint.npz", resume=True,
        callbacks=[keep_curve(folder / "curve.jsonl", data.test_images[:500], asked.epochs)])
    found = evidence_by_parts(model, data.test_images, folder)
    active = npvae.evaluation.latent_moments(model, data.test_images).variance_of_mean > 0.01
    result = {
        "paper": "Tomczak and Welling (2018); Norouzi et al. (2020)", "run": folder.name,
        "prior": asked.prior, "epochs": asked.epochs, "batch_size": 100,
        "after": asked.after and asked.after.name,
        "learning_rate": asked.learning_rate, "seed": 0, "published": PUBLISHED[asked.prior],
        "nll": round(-float(found["log_px"].mean()), 3),
        "monte_carlo_error": round(float(np.sqrt((found["standard_error"]**2).sum())
                                         / len(found["log_px"])), 4),
        "active_units": int(active.sum()),
        "training_hours": round(sum(row["seconds"] for row in history) / 3600, 3),
        "evaluation_hours": round(float(found["seconds"].sum()) / 3600, 3), **made_by(),
        "curve": [json.loads(row) for row in (folder / "curve.jsonl").read_text().splitlines()],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{asked.prior}: -log p(x) {result['nll']} nats per image (published: {result['published']}), "
          f"Monte Carlo error {result['monte_carlo_error']}")


if __name__ == "__main__":
    main()
