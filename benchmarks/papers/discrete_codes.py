"""Table 1 of Jang, Gu and Poole (2017), its VAE rows: a bound of -log p(x), by a code of categories.

    python benchmarks/papers/discrete_codes.py --code bits --estimator gumbel

A code of 200 bits, 784-200-784, or of 20 symbols of 10 categories, 784-(20 x 10)-200-784; the encoder
learns by the Gumbel-softmax or by the score function. As in the paper: these networks, pixels that are
binarized once, a prior that is learned, and the bound with 1,000 samples of exact codes, whichever were
trained with. For the Gumbel-softmax the decoder is shown relaxed codes, and the KL is that of the
categories: what is trained is no bound (section 4.2 says so), what is reported is. `--estimator density`
has the KL of the relaxed densities in its place, a bound of the model with relaxed codes.

Not as in the paper: the binarization is a draw of our own (seeds 1 and 2), so the images are other ones;
Adam, along a cosine, for SGD with momentum; a temperature that stands still; and for the score function
K samples of z, each with the mean of the others for a baseline. A bit is a symbol of two categories.

The last 10,000 training images are not trained on, so that settings can be chosen by them: the bound of
500 of them, with 100 samples, is the curve. A checkpoint is written after every epoch, and the
evaluation is kept in parts: started again, it goes on. Its result goes to benchmarks/papers/results/.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import npvae
from npvae.distributions.categories import Categorical, CategoricalPrior
from npvae.distributions.relaxed import GumbelSoftmax, GumbelSoftmaxPrior, Softmax
from npvae.learning import schedules
from npvae.networks import Chain, Dense, ReLU, glorot_uniform
from records import RESULTS, made_by

CODES = {"bits": (400, 2, ()), "symbols": (200, 10, (200,))}       # J, C, the decoder's hidden sizes
PUBLISHED = {("bits", "gumbel"): 105.0, ("bits", "score"): 112.2,  # -log p(x), in nats
             ("symbols", "gumbel"): 101.5, ("symbols", "score"): 110.6}
OBJECTIVES = {"gumbel": npvae.ELBO(), "density": npvae.ELBO(cost=npvae.SampledKL()),
              "score": npvae.ScoreFunction()}


class Sliding(Categorical):
    """Exact symbols but for the z that is drawn, and its path: no bound, but the paper's gradient."""

    has_path = True

    def __init__(self, n_latent, n_categories, temperature):
        super().__init__(n_latent, n_categories)
        self.relaxed = GumbelSoftmax(n_latent, n_categories, temperature)

    def given(self, h):
        return super().given(h)                    # of exact symbols, and so is the KL

    def sample(self, q, eps):
        return self.relaxed.sample(q, eps)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        return self.relaxed.backward(drawn, dz)


def build(images, code, estimator, temperature):
    """The model, whose decoder begins with the mean image for every code."""
    n_latent, n_categories, n_hidden = CODES[code]
    rng = np.random.default_rng(0)
    sizes, layers = [n_latent, *n_hidden, 784], []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [Dense(n_in, n_out, rng, glorot_uniform), ReLU()]
    mean = images.mean(axis=0).clip(0.001, 0.999)
    layers[-2].b = np.log(mean / (1 - mean))
    posterior, prior = Categorical(n_latent, n_categories), CategoricalPrior(n_latent, n_categories)
    if estimator == "gumbel":
        posterior = Sliding(n_latent, n_categories, temperature)
    if estimator == "density":
        posterior = GumbelSoftmax(n_latent, n_categories, temperature)
        prior = GumbelSoftmaxPrior(n_latent, n_categories, temperature)
    if estimator != "score":
        layers = [Softmax(n_categories), *layers]
    return npvae.VAE(Dense(784, n_latent, rng, glorot_uniform), posterior, prior, Chain(*layers[:-1]),
                     npvae.likelihoods.Bernoulli(), n_data=784, objective=OBJECTIVES[estimator])


def exact(model):
    """A copy of the model, with a code of zeros and ones."""
    sizes = model.n_latent, model.posterior.n_categories
    prior = CategoricalPrior(*sizes)
    prior.logits = model.prior.logits
    layers = [layer.copy() for layer in model.decoder.layers if not isinstance(layer, Softmax)]
    return npvae.VAE(model.encoder.copy(), Categorical(*sizes), prior, Chain(*layers),
                     model.likelihood.copy(), n_data=784)


def keep_curve(path, x, n_samples=100):
    """A callback: every few epochs, a row of -log p(x) with exact codes."""
    def note(model, history):
        epoch = len(history)
        if epoch & (epoch - 1) == 0 or epoch % 10 == 0:
            rng = np.random.default_rng(3)
            found = npvae.evaluation.log_evidence(exact(model), x, rng, n_samples)
            hours = sum(row["seconds"] for row in history) / 3600
            with path.open("a") as file:
                file.write(json.dumps({"epoch": epoch, "hours": round(hours, 4),
                                       "nll": round(-float(found.log_px.mean()), 3)}) + "\n")
    return note


def evidence_by_parts(model, x, folder, n_samples=1000, part=500):
    """log p(x) of every test image, kept part by part."""
    parts = []
    for start in range(0, len(x), part):
        path = folder / f"evidence_{start}.npz"
        if not path.exists():
            found = npvae.evaluation.log_evidence(model, x[start:start + part],
                                                  np.random.default_rng([4, start]), n_samples)
            np.savez(path, **found._asdict())
            print(f"{start + len(found.ess)} test images: {found.log_px.mean():.2f} nats", flush=True)
        with np.load(path) as saved:
            parts.append({name: saved[name] for name in saved.files})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--code", choices=CODES, default="bits")
    parser.add_argument("--estimator", choices=OBJECTIVES, default="gumbel")
    parser.add_argument("--samples", type=int, help="K in training (default: 1; score function: 4)")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="at the beginning")
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--no-test", action="store_true", help="the curve only, to choose settings")
    parser.add_argument("--out", type=Path, default=Path("out/papers"))
    asked = parser.parse_args(arguments)
    samples = asked.samples or (4 if asked.estimator == "score" else 1)
    name = f"discrete_{asked.code}_{asked.estimator}"
    settings = {"epochs": asked.epochs, "batch_size": asked.batch_size, "samples": samples,
                "learning_rate": asked.learning_rate,
                "temperature": None if asked.estimator == "score" else asked.temperature}
    folder = asked.out / "_".join([name, *(f"{value}" for value in settings.values())])
    folder.mkdir(parents=True, exist_ok=True)
    data = npvae.datasets.mnist()
    x = npvae.datasets.binarize(data.train_images, np.random.default_rng(1))
    x, held_out = x[:-10_000], x[-10_000:][:500]
    model = build(x, asked.code, asked.estimator, asked.temperature)
    history = npvae.fit(
        model, x, epochs=asked.epochs, batch_size=asked.batch_size, n_samples=samples,
        learning_rate=schedules.Cosine(asked.learning_rate, asked.epochs),
        checkpoint=folder / "checkpoint.npz", resume=True,
        callbacks=[keep_curve(folder / "curve.jsonl", held_out)])
    curve = [json.loads(row) for row in (folder / "curve.jsonl").read_text().splitlines()]
    print(f"{name}: -log p(x) of held-out images {curve[-1]['nll']} nats", flush=True)
    if asked.no_test:
        return
    start = time.perf_counter()
    test = npvae.datasets.binarize(data.test_images, np.random.default_rng(2))
    found = evidence_by_parts(exact(model), test, folder)
    result = {
        "paper": "Jang, Gu and Poole (2017), Table 1", "code": asked.code,
        "estimator": asked.estimator, **settings, "seed": 0,
        "published": PUBLISHED.get((asked.code, asked.estimator)),
        "nll": round(-float(found["log_px"].mean()), 3),
        "monte_carlo_error": round(float(np.sqrt((found["standard_error"]**2).sum())
                                         / len(found["log_px"])), 4),
        "training_seconds": round(sum(row["seconds"] for row in history)),
        "evaluation_seconds": round(time.perf_counter() - start), **made_by(),
        "curve": curve}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{name}: -log p(x) {result['nll']} nats per image (published: {result['published']}), "
          f"Monte Carlo error {result['monte_carlo_error']}")


if __name__ == "__main__":
    main()
