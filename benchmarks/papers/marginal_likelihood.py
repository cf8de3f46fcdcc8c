"""Figure 3 of Kingma and Welling (2014): log p(x) of small models, against the images seen.

    python benchmarks/papers/marginal_likelihood.py --n-train 1000
    python benchmarks/papers/marginal_likelihood.py --n-train 50000 --method wake-sleep

One hidden layer of 100 tanh units on each side and 3 latent dimensions, trained as in `auto_encoding.py`
on the first 1,000 or 50,000 images of MNIST, until 60 million have been seen. log p(x) is that of the
first 1,000 training and the first 1,000 test images, as in the paper, by importance sampling with 500
samples from q(z|x).

Where q(z|x) misses the posterior, that is too low: after 1,000 training images it is far off on test
images, and the curve by its samples is about q, no longer about the model. So at the end log p(x) of the
same images is taken a second time, with draws of the prior beside those of q(z|x), the same 200,000 for
all images: three dimensions can be filled. Both are too low in the mean: the higher one is the better.
It goes on from its checkpoint; results, as far as they have come, and the figure go to
benchmarks/papers/results/.

Not as in the paper: the estimator (there, 50 samples of the posterior by Hamiltonian Monte Carlo, and a
density fitted to them); and Monte Carlo EM, its third method, is not here. 1,000 images are shuffled
fifty-fold, so that an epoch is 50,000 in both panels.
"""

from functools import partial

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logsumexp

import npvae
from auto_encoding import METHODS, build, kept, options, train, write
from npvae.numerics import softplus
from records import RESULTS

AXES = {1000: (-170, -100), 50000: (-160, -125)}


def log_evidence(model, images, n_samples=500):
    """The mean of log p(x) of images, by the name of their set."""
    return {name: round(float(npvae.evaluation.log_evidence(
        model, x, np.random.default_rng(1), n_samples).log_px.mean()), 2) for name, x in images.items()}


def by_both(model, x, rng, n_samples, n_prior, part=1000):
    """log p(x) (n,), in nats, by n_samples of q(z|x), and n_prior of the prior that all x share.

    Each counts as a draw of the mixture of the two (the balance heuristic of Veach and Guibas, 1995):
    p(x) = mean of p(x, z) / (a q(z|x) + (1 - a) p(z)), where a is the share of the n_samples.
    """
    q = model.posterior.given(model.encoder.forward(x)[0])

    def log_terms(z, log_px):
        """log of n p(x, z) / mixture for z (K, n or 1, J) and log p(x|z) (K, n)."""
        log_pz = model.prior.log_prob(z)[0]
        log_qz = model.posterior.log_prob(model.posterior.at(q, z))
        return log_px + log_pz - np.logaddexp(np.log(n_samples) + log_qz, np.log(n_prior) + log_pz)

    z, _ = model.posterior.sample(q, rng.standard_normal((n_samples, *q.mu.shape), x.dtype))
    y = model.decoder.forward(z)[0]
    sums = [logsumexp(log_terms(z, model.likelihood.log_prob(x, y)[0]), axis=0)]
    for start in range(0, n_prior, part):
        z = model.prior.sample(rng, min(part, n_prior - start), x.dtype)
        y = model.decoder.forward(z)[0]
        # of every x at every z, so by one product: log p(x|z) = x y - softplus(y), summed over pixels
        log_px = y @ x.T - softplus(y).sum(axis=1, keepdims=True)
        sums.append(logsumexp(log_terms(z[:, None], log_px), axis=0))
    return logsumexp(sums, axis=0)


def second_look(model, images, n_prior=200_000):
    """The mean of log p(x) of images, by draws of q(z|x) and of the prior, by the name of their set."""
    return {name: round(float(by_both(model, x, np.random.default_rng(2), 500, n_prior).mean()), 2)
            for name, x in images.items()}


def draw(results):
    """A panel for each number of training images: both methods, on training and on test images."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, (n_train, limits) in zip(figure.subplots(1, 2), AXES.items()):
        for result in results:
            for name, style in (("train", "-"), ("test", "--")) if result["n_train"] == n_train else ():
                axes.plot([row["images"] / 1e6 for row in result["curve"]],
                          [row[name] for row in result["curve"]], style, lw=1.4,
                          color=METHODS[result["method"]], label=f"{result['method']} ({name})")
                if "second_look" in result:
                    axes.plot(result["curve"][-1]["images"] / 1e6, result["second_look"][name],
                              "o" if name == "train" else "s", color=METHODS[result["method"]],
                              mfc="none", clip_on=False, label=f"with draws of the prior ({name})")
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
    for which, nats in result["second_look"].items():
        print(f"{which}: {result['curve'][-1][which]} by draws of q, {nats} with draws of the prior")
    draw(kept("marginal_likelihood")).savefig(RESULTS / "marginal_likelihood.png", dpi=110)


if __name__ == "__main__":
    main()
