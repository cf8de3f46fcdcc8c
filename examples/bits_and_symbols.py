"""Symbols that jump and symbols that slide: two gradients for a code of categories.

A code of categories ("which of ten?", some times over) jumps, and its encoder can be taught in two ways:

- by the *score function*: draw exact symbols, and make those more probable that did better than the
  other draws for the same x. Right in the mean, and noisy.
- by the *Gumbel-softmax* (Jang et al., 2017; Maddison et al., 2017): y = softmax((logits + noise) /
  temperature) slides between the corners of a simplex, and the gradient goes along. It is that of
  another loss, for the decoder is shown mixtures of symbols.

With two symbols of ten categories there are 100 codes. So the true gradient of E[log p(x|z)] is a sum
over all of them, and both estimates can be held against it.

The claim: at a low temperature the relaxed gradient has little bias and spreads more than the score
function's, at a high one it is the other way round, and exact symbols are learned best in between.

Bias and spread are those of one model, early in its training, for all of some images at once. The mean
of n estimates is off by chance by their spread / sqrt(n): what lies below that line is no bias that
could be seen.

What is judged are exact symbols, with their KL. The loss of the sliding ones is no bound, and is shown,
too: the higher the temperature, the lower it is. (`npvae.gumbel_softmax_vae` has one, for relaxed z.)

    python examples/bits_and_symbols.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, plots
from npvae.distributions.categories import Categorical
from npvae.distributions.relaxed import GumbelSoftmax, Softmax
from npvae.networks import Chain

C, K = 10, 4                                       # categories of a symbol; samples of z in a gradient

# %% The gradient of E[log p(x|z)] in the logits: exact, and estimated


class Sliding(Categorical):
    """Exact symbols but for the z that is drawn, and its path."""
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


def sliding(model, temperature):
    """A copy of a model of exact symbols, whose own slide."""
    encoder, prior, decoder, likelihood = (
        part.copy() for part in (model.encoder, model.prior, model.decoder, model.likelihood))
    return npvae.VAE(encoder, Sliding(model.n_latent, C, temperature), prior,
                     Chain(Softmax(C), decoder), likelihood, n_data=model.n_data)


def exact_gradient(model, x):
    """Summed over all 100 codes, each by its probability: (B, J)."""
    q, pairs = model.encode(x), np.divmod(np.arange(C * C), C)
    codes = np.repeat(np.hstack([np.eye(C)[category] for category in pairs])[:, None], len(x), axis=1)
    log_q = model.posterior.log_prob(model.posterior.at(q, codes))               # (100, B)
    log_px, _ = model.likelihood.log_prob(x, model.decoder.forward(codes)[0])
    return ((np.exp(log_q) * log_px)[..., None] * (codes - q.mu)).sum(axis=0)


def estimate(model, x, rng):
    """One estimate, of K codes for each x: by the path of z if it has one, else by the score."""
    z, drawn = model.posterior.sample(model.encode(x), model.draw_noise(rng, len(x), K))
    y, decoder_cache = model.decoder.forward(z)
    log_px, cache = model.likelihood.log_prob(x, y)
    if model.posterior.has_path:
        dy = model.likelihood.backward(np.full_like(log_px, 1 / K), cache)
        return model.posterior.backward(drawn, model.decoder.pullback(dy, decoder_cache))
    advantage = (log_px - log_px.mean(axis=0)) / (K - 1)             # less the mean of the others
    return model.posterior.backward(drawn, np.zeros_like(z), score=advantage[..., None])


def bias_and_spread(model, x, exact, n):
    """Of n estimates, in lengths of the true gradient."""
    rng, total, squares = np.random.default_rng(0), 0.0, 0.0
    for _ in range(n):
        error = estimate(model, x, rng) - exact
        total, squares = total + error, squares + (error * error).sum()
    squared_mean = (total * total).sum() / n**2
    variance = (squares / n - squared_mean) * n / (n - 1)
    squared_bias = max(squared_mean - variance / n, 0.0)                    # less its noise
    return np.sqrt(np.array([squared_bias, variance]) / (exact * exact).sum())


def learned(x, held_out, epochs, temperature=None):
    """-ELBO of held-out images with exact symbols, and the loss that training had to go by."""
    exact = npvae.categorical_vae(x.shape[1], (), 10 * C, n_categories=C, init="glorot")
    model = sliding(exact, temperature) if temperature else exact
    npvae.fit(model, x, epochs=epochs, batch_size=50, n_samples=K, learning_rate=1e-2, progress=False)
    exact.parameters.theta = model.parameters.theta
    return [npvae.evaluate(judged, held_out, n_samples=K).loss for judged in (exact, model)]


def trade_figure(found):
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    bias, spread = np.transpose(list(found["gradient"].values()))
    at = list(found["gradient"])
    left.loglog(at, spread, "o-", color=plots.ORANGE, label="spread, Gumbel-softmax")
    left.loglog(at, spread / np.sqrt(found["draws"]), ":", color=plots.ORANGE,
                label=f"of the mean of {found['draws']} draws")
    left.loglog(at, bias, "s-", color=plots.BLUE, label="bias, Gumbel-softmax")
    left.axhline(found["score"][1], ls="--", color=plots.GREY, label="spread, score function (no bias)")
    left.set(title=f"gradients of {K} samples of z", ylabel="in lengths of the true gradient",
             ylim=(None, 40 * spread.max()))
    exact, loss = np.transpose(list(found["learned"].values()))
    right.semilogx(list(found["learned"]), exact, "o-", color=plots.BLUE,
                   label="learned by the Gumbel-softmax")
    right.semilogx(list(found["learned"]), loss, "v:", color=plots.ORANGE, label="its loss, no bound")
    right.axhline(found["by the score"][0], ls="--", color=plots.GREY, label="by the score function")
    right.set(title="held-out images, exact symbols", ylabel="-ELBO, nats per image")
    for axes in (left, right):
        axes.set_xlabel("temperature")
        axes.legend(frameon=False, fontsize=9)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data, at, draws = datasets.mnist(), (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0), 600
    x, held_out, epochs = data.train_images[:10000], data.test_images[:2000], 20
    if asked.quick:                                             # images of 14 x 14
        x, held_out = (a.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196)
                       for a in (x[:2000], held_out[:500]))
        epochs, draws, at = 5, 60, (0.03, 0.3, 2.0)

    model = npvae.categorical_vae(x.shape[1], (), 2 * C, n_categories=C, init="glorot")
    npvae.fit(model, x, epochs=2, batch_size=50, n_samples=K, learning_rate=1e-2, progress=False)
    model, few = model.astype(np.float64), held_out[:100].astype(np.float64)
    exact = exact_gradient(model, few)
    found = {"draws": draws, "score": bias_and_spread(model, few, exact, draws),
             "gradient": {t: bias_and_spread(sliding(model, t), few, exact, draws) for t in at},
             "learned": {t: learned(x, held_out, epochs, t) for t in at},
             "by the score": learned(x, held_out, epochs)}
    print(f"score function: bias {found['score'][0]:.2f}, spread {found['score'][1]:.2f} of the true "
          f"gradient; exact symbols learned to {found['by the score'][0]:.2f} nats")
    for t in found["gradient"]:
        (bias, spread), (exact, loss) = found["gradient"][t], found["learned"][t]
        print(f"temperature {t:g}: bias {bias:.2f}, spread {spread:.2f}; exact symbols learned to "
              f"{exact:.2f} nats, where the loss was {loss:.2f}")
    trade_figure(found).savefig(asked.out / "bits_and_symbols.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
