"""Figure 3 of Kingma and Welling (2014): log p(x) of small models, against the images seen.

    python benchmarks/papers/marginal_likelihood.py --n-train 1000
    python benchmarks/papers/marginal_likelihood.py --n-train 50000 --method wake-sleep

One hidden layer of 100 tanh units on each side and 3 latent dimensions, trained as in `auto_encoding.py`
on the first 1,000 or 50,000 images of MNIST, until 60 million have been seen. log p(x) is that of the
first 1,000 training and the first 1,000 test images, as in the paper, by importance sampling with 500
samples from q(z|x). At the end 100 of each are looked at a second time, by annealed importance sampling
with Hamiltonian Monte Carlo, which goes from q(z|x) to the posterior in 100 steps: where q(z|x) misses a
part of the posterior, it would find more. It goes on from its checkpoint; results, as far as they have
come, and the figure go to benchmarks/papers/results/.

Not as in the paper: the estimator (there, 50 samples of the posterior by Hamiltonian Monte Carlo, and a
density fitted to them); and Monte Carlo EM, its third method, is not here. 1,000 images are shuffled
fifty-fold, so that an epoch is 50,000 in both panels.
"""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

import npvae
from auto_encoding import METHODS, build, kept, options, train, write
from records import RESULTS

AXES = {1000: (-160, -100), 50000: (-160, -125)}            # the paper's


def log_evidence(model, images, n_samples=500):
    """The mean of log p(x) of images, by the name of their set."""
    return {name: round(float(npvae.evaluation.log_evidence(
        model, x, np.random.default_rng(1), n_samples).log_px.mean()), 2) for name, x in images.items()}


def second_look(model, images, n_images=100, n_chains=16, n_temperatures=100):
    """For each set: log p(x) of a few images by importance sampling, then by annealing."""
    few = {name: x[:n_images] for name, x in images.items()}
    sampled = log_evidence(model, few)
    return {name: [sampled[name], round(float(npvae.evaluation.annealed_log_evidence(
        model, x, np.random.default_rng(2), n_chains, n_temperatures, n_leapfrog=5,
        start="posterior").log_px.mean()), 2)] for name, x in few.items()}


def draw(results):
    """A panel for each number of training images: both methods, on training and on test images."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, (n_train, limits) in zip(figure.subplots(1, 2), AXES.items()):
        for result in results:
            for name, style in (("train", "-"), ("test", "--")) if result["n_train"] == n_train else ():
                axes.plot([row["images"] / 1e6 for row in result["curve"]],
                          [row[name] for row in result["curve"]], style, lw=1.4,
                          color=METHODS[result["method"]], label=f"{result['method']} ({name})")
        axes.set(title=f"{n_train:,} training images", xlabel="images seen, millions", ylim=limits)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("log p(x), nats per image")
    figure.axes[1].legend(frameon=False, fontsize=8)
    return figure


def main(arguments=None):
    parser = options(__doc__, 6e7)
    parser.add_argument("--n-train", type=int, choices=list(AXES), default=50000)
    asked = parser.parse_args(arguments)
    data, n = npvae.datasets.mnist(), asked.n_train
    x = np.tile(data.train_images[:n], (max(AXES) // n, 1))
    images = {"train": data.train_images[:1000], "test": data.test_images[:1000]}
    model = build(asked.method, 100, 3, asked.seed)
    result, folder, history = train(
        asked, "marginal_likelihood", "Kingma and Welling (2014), Figure 3", {"n_train": n}, model, x, n,
        {1, 2, 4, 8, 16, 32, *range(60, 1200, 60)}, partial(log_evidence, images=images))
    result["second_look"] = second_look(model, images)
    write(result, folder, history)
    for which, (sampled, annealed) in result["second_look"].items():
        print(f"100 {which} images: {sampled} by importance sampling, {annealed} by annealing")
    draw(kept("marginal_likelihood")).savefig(RESULTS / "marginal_likelihood.png", dpi=110)


if __name__ == "__main__":
    main()
