"""Figure 3 of Kingma and Welling (2014): log p(x) of small models, against the images seen.

    python benchmarks/papers/marginal_likelihood.py --n-train 1000
    python benchmarks/papers/marginal_likelihood.py --n-train 50000 --method wake-sleep

One hidden layer of 100 tanh units on each side and 3 latent dimensions, trained as in `auto_encoding.py`
on the first 1,000 or 50,000 images of MNIST, until 60 million have been seen. log p(x) is that of the
first 1,000 training and the first 1,000 test images, as in the paper, by importance sampling, twice.

By 100 draws of q(z|x) alone it is too low wherever q(z|x) misses the posterior: after 1,000 training
images it is far off on test images, and the estimate is about q, no longer about the model. So 50,000
draws of the prior, the same for all images, are taken beside them: three dimensions can be filled. Both
estimates are too low in the mean: the higher one is the better. It goes on from its checkpoint; results,
as far as they have come, and the figure go to benchmarks/papers/results/.

Not as in the paper: the estimator (there, 50 samples of the posterior by Hamiltonian Monte Carlo, and a
density fitted to them); and Monte Carlo EM, its third method, is not here. 1,000 images are shuffled
fifty-fold, so that an epoch is 50,000 in both panels.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logsumexp

import npvae
from auto_encoding import METHODS, build, kept, options, train
from npvae.numerics import softplus
from records import RESULTS

AXES = {1000: (-175, -100), 50000: (-160, -125)}
OF_Q, OF_PRIOR = 20, 1000           # draws at a time


class Estimates(NamedTuple):
    """Two estimates of log p(x), in nats, for each x."""

    by_q: np.ndarray            # (n,), of draws of q(z|x) alone
    by_both: np.ndarray         # (n,), of these and of draws of the prior


def log_evidence(model, x, rng, n_samples, n_prior):
    """log p(x) of each x, by n_samples of its q(z|x), and with n_prior of the prior that all share.

    By q alone it is the mean of p(x, z) / q(z|x). By both, each z counts as a draw of the mixture of the
    two (the balance heuristic of Veach and Guibas, 1995): p(x) = mean of p(x, z) / (a q(z|x) + (1 - a)
    p(z)), where a is the share of the n_samples.
    """
    q = model.posterior.given(model.encoder.forward(x)[0])

    def log_weights(z, log_px):
        """log p(x, z) / q(z|x), and of what z adds to p(x) by both; z (K, n or 1, J), log_px (K, n)."""
        log_pz = model.prior.log_prob(z)[0]
        log_qz = model.posterior.log_prob(model.posterior.at(q, z))
        log_mixture = np.logaddexp(np.log(n_samples) + log_qz, np.log(n_prior) + log_pz)
        return log_px + log_pz - log_qz, log_px + log_pz - log_mixture

    by_q, by_both = [], []
    for start in range(0, n_samples, OF_Q):
        eps = rng.standard_normal((min(OF_Q, n_samples - start), *q.mu.shape), x.dtype)
        z, _ = model.posterior.sample(q, eps)
        alone, added = log_weights(z, model.likelihood.log_prob(x, model.decoder.forward(z)[0])[0])
        by_q.append(logsumexp(alone, axis=0))
        by_both.append(logsumexp(added, axis=0))
    for start in range(0, n_prior, OF_PRIOR):
        z = model.prior.sample(rng, min(OF_PRIOR, n_prior - start), x.dtype)
        y = model.decoder.forward(z)[0]
        # of every x at every z, so by one product: log p(x|z) = x y - softplus(y), summed over pixels
        log_px = y @ x.T - softplus(y).sum(axis=1, keepdims=True)
        by_both.append(logsumexp(log_weights(z[:, None], log_px)[1], axis=0))
    return Estimates(logsumexp(by_q, axis=0) - np.log(n_samples), logsumexp(by_both, axis=0))


def measure(model, images, n_samples=100, n_prior=50_000):
    """Means of log p(x): by both kinds of draws, by the name of their set, and by q alone."""
    row = {}
    for name, x in images.items():
        found = log_evidence(model, x, np.random.default_rng(1), n_samples, n_prior)
        row[name] = round(float(found.by_both.mean()), 2)
        row[f"{name}_by_q"] = round(float(found.by_q.mean()), 2)
    return row


def draw(results):
    """A panel for each number of training images: both methods, on training and on test images."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (n_train, limits) in zip(figure.subplots(1, 2), AXES.items()):
        for result in results:
            seen = [row["images"] / 1e6 for row in result["curve"]]
            for name, style in (("train", "-"), ("test", "--")) if result["n_train"] == n_train else ():
                colour = METHODS[result["method"]]
                axes.plot(seen, [row[name] for row in result["curve"]], style, lw=1.6, color=colour,
                          label=f"{result['method']} ({name})")
                axes.plot(seen, [row[f"{name}_by_q"] for row in result["curve"]], style, lw=0.7,
                          color=colour, label=f"the same, by draws of q alone ({name})")
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
    points = {1, 2, 4, 8, 16, 32, 60, *range(120, 1200, 120)}
    train(asked, "marginal_likelihood", "Kingma and Welling (2014), Figure 3", {"n_train": n},
          model, x, n, points, partial(measure, images=images))
    draw(kept("marginal_likelihood")).savefig(RESULTS / "marginal_likelihood.png", dpi=110)


if __name__ == "__main__":
    main()
