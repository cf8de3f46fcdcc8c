"""The lower half of a digit from its upper half: there is more than one answer.

The claim: a code is worth its price: given the upper half, the lower half costs fewer nats with a code
than without one, though pixel by pixel a single completion is a worse guess than the mean of many.

Under the upper half of a 4 there may be a 4 or a 9. A plain network, trained to predict the
lower half x from the upper half c, gives one answer, and the best single answer is the mean of
all that fit: a blur. A conditional VAE has a code z for what c leaves open: each z ~ N(0, I)
gives one completion, sharp and possibly wrong, and the mean of many is a blur again.

So judge them not pixel by pixel but by the probability of the whole half. In nats, with x in
black and white so that p(x|c) is a probability,

    -log p(x|c)  <=  E_q[-log p(x|z, c)] + KL(q(z|x, c) || p(z)),     the -ELBO given c.

The plain network takes the pixels for independent once c is known. It is made here by a beta
so large that no code is worth its price, so that z says nothing: the same layers, data and
training, and only the code is missing.

    python examples/image_completion.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import plots, schedules
from npvae.datasets import binarize
from npvae.evaluation import log_evidence

HALF = 392                                       # pixels: 14 rows of 28


def cross_entropy(x, p):
    """What x costs where every pixel is 1 with its own probability p: nats, mean over images."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean())


# %% Train with and without a code, and compare the prices in nats


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    images, _, test_images, test_labels = npvae.datasets.mnist()
    n_hidden, n_latent, epochs, batch_size, rate, n_some = (400,), 20, 10, 128, 2e-3, 1000
    if asked.quick:
        images = images[:4000]
        n_hidden, n_latent, epochs, batch_size, rate, n_some = (100,), 10, 4, 40, 4e-3, 300
    rng = np.random.default_rng(0)
    c, x = images[:, :HALF], images[:, HALF:]
    c_test, x_test = test_images[:, :HALF], binarize(test_images[:, HALF:], rng)

    def trained(n_latent, beta):
        model = npvae.conditional_vae(HALF, HALF, n_hidden, n_latent, beta=beta)
        npvae.fit(model, x, condition=c, epochs=epochs, batch_size=batch_size, transform=binarize,
                  progress=False, learning_rate=schedules.Cosine(rate, epochs))
        return model, npvae.evaluate(model, x_test, condition=c_test)

    model, terms = trained(n_latent, beta=1.0)
    plain, plain_terms = trained(1, beta=1000.0)
    found = {"mean": cross_entropy(x_test, x.mean(axis=0)),
             "plain": plain_terms.reconstruction, "plain kl": plain_terms.kl,
             "-elbo": -terms.elbo, "kl": terms.kl}
    print("the price of the lower half of a test image, nats:")
    print(f"{found['mean']:6.1f}  by the mean image, the upper half unseen")
    print(f"{found['plain']:6.1f}  by the plain network (whose code says {plain_terms.kl:.0e} nats)")
    print(f"{found['-elbo']:6.1f}  by the conditional VAE, at most: reconstruction "
          f"{terms.reconstruction:.1f} + KL {terms.kl:.1f}")
    c_some, x_some = c_test[:n_some], x_test[:n_some]
    evidence = log_evidence(model, x_some, rng, 100, condition=c_some)
    found["-log p"] = -float(evidence.log_px.mean())
    found["-elbo of these"] = -npvae.evaluate(model, x_some, condition=c_some).elbo
    print(f"{found['-log p']:6.1f}  by the same, with 100 importance samples ({n_some:,} images)")

    draws = [model.sample(rng, len(c_some), c_some) for _ in range(200)]     # z ~ N(0, I)
    blur = plain.sample(rng, len(c_some), c_some)
    found["one draw"] = cross_entropy(x_some, draws[0])
    found["mean of draws"] = cross_entropy(x_some, np.mean(draws, axis=0))
    print(f"and pixel by pixel, as a guess of that one image ({n_some:,} images):")
    print(f"{found['one draw']:6.1f}  for one completion, {found['mean of draws']:.1f} for the mean "
          f"of 200, {cross_entropy(x_some, blur):.1f} for the plain network")

    rows = [np.flatnonzero(test_labels[:n_some] == k)[1] for k in (0, 2, 3, 4, 5, 7, 8, 9)]
    columns = [test_images[:n_some, HALF:], blur, np.mean(draws, axis=0), *draws[:7]]
    pictures = np.array([[np.append(c_some[row], lower[row]) for lower in columns] for row in rows])
    draw(pictures).savefig(asked.out / "image_completion.png", dpi=110)
    return found


# %% The figure: a test image a row


def draw(pictures):
    n_rows, n_columns, _ = pictures.shape
    figure = Figure(figsize=(8, 6.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(plots.tile(pictures.reshape(-1, 784), (28, 28), n_columns), cmap="gray_r",
                vmin=0, vmax=1)
    for row in range(n_rows):
        axes.axhline(28 * row + 13.5, color=plots.ORANGE, linewidth=0.8)
        axes.axhline(28 * row - 0.5, color=plots.GREY, linewidth=0.8)
    for column in range(4):
        axes.axvline(28 * column - 0.5, color=plots.GREY, linewidth=0.8)
    axes.set_xticks([13.5, 41.5, 69.5, 181.5],
                    ["truth", "plain\nnetwork", "mean of\n200 draws",
                     "seven completions of the half above the line, z ~ N(0, I)"])
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set_yticks([])
    return figure


if __name__ == "__main__":
    main()
