"""A conditional VAE: tell it which digit, and the code keeps the handwriting.

The claim: with the label told to both networks, what is decoded is the digit that was asked for, and
the codes keep the handwriting: digits decoded from one z have the same slant.

A plain VAE draws some digit; which one is hidden in z. To ask for a digit, give the label c
(ten numbers, a single 1 among nine 0) to both networks, beside what they see already:

    encoder: (x, c) -> q(z|x, c)        decoder: (z, c) -> p(x|z, c)

The loss is the VAE's, with c wherever x or z is. Since c says which digit it is, z can be
spent on how it is written. Two grids show it: with a label a row and random codes, a digit a
row; with a code a row and a label a column, one handwriting a row. How much ink there is, is kept less
well: trained on all images, in two dimensions, a 1 fades where the other nine get bolder, and the least
correlation of ink is below zero. (With ten dimensions all ten digits agree, and the ELBO is better; but
z begins to tell the label as well, and some digits are not those asked for: see
`conditional_accuracy.py`.)

How z is drawn from N(mu, Sigma), Sigma being the diagonal matrix of the variances, is often
written mu + Sigma * N(0, I). It must be Sigma^(1/2): the standard deviation multiplies the
noise, not the variance, or else the variance of z would be Sigma^2.

    python examples/conditional_vae.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import plots, schedules
from npvae.datasets import one_hot

DIGITS = np.arange(10)

# %% Two measures of handwriting, for images (n, 784) of whatever digit


def ink(images):
    """The sum of the pixels: of strokes of one length, how thick they are."""
    return images.sum(axis=1)


def slant(images):
    """How many columns to the right the mean of the ink moves with each row upwards."""
    rows, columns = np.divmod(np.arange(784), 28)
    weights = images / images.sum(axis=1, keepdims=True)
    up = (weights @ rows)[:, None] - rows
    right = columns - (weights @ columns)[:, None]
    return (weights * up * right).sum(axis=1) / (weights * up * up).sum(axis=1)


def kept(measure, model, rng):
    """The correlation of the measure between two labels of one z, over z ~ N(0, I): the mean over
    all pairs of labels, and the least. 1: the style is in z; 0: it is not."""
    z = rng.standard_normal((1000, model.n_latent))
    values = [measure(model.decode(z, np.tile(c, (1000, 1)))) for c in one_hot(DIGITS, 10)]
    of_pairs = np.corrcoef(values)[np.triu_indices(10, 1)]
    return float(of_pairs.mean()), float(of_pairs.min())


# %% A grid of images, its rows and columns named


def grid_figure(images, rows, columns, title, xlabel, ylabel):
    """Images (len(rows) * len(columns), 784), row by row."""
    figure = Figure(figsize=(0.36 * len(columns) + 0.8, 0.36 * len(rows) + 0.9), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, images.reshape(len(rows), len(columns), 784), [str(row) for row in rows])
    axes.set_xticks(28 * np.arange(len(columns)) + 13.5, columns)
    axes.tick_params(labelsize=11, length=0)
    axes.set_title(title, fontsize=12)
    axes.set_xlabel(xlabel, fontsize=11)
    axes.set_ylabel(ylabel, fontsize=11)
    return figure


# %% Train, and look: a digit a row, a handwriting a row


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    x, labels, x_test, labels_test = npvae.datasets.mnist()
    n_hidden, epochs, batch_size, rate = (400,), 8, 128, 3e-3
    if asked.quick:
        x, labels, n_hidden, epochs, batch_size, rate = x[:5000], labels[:5000], (100,), 6, 50, 6e-3
    c, c_test = one_hot(labels, 10), one_hot(labels_test, 10)

    found = {}
    for n in (2, 10):
        model = npvae.conditional_vae(784, 10, n_hidden, n)
        npvae.fit(model, x, condition=c, epochs=epochs, batch_size=batch_size, progress=False,
                  learning_rate=schedules.Cosine(rate, epochs))
        terms = npvae.evaluate(model, x_test, condition=c_test)
        rng = np.random.default_rng(1)
        found |= {f"-elbo {n}": -terms.elbo, f"ink {n}": kept(ink, model, rng),
                  f"slant {n}": kept(slant, model, rng)}
        slants, inks = ("{:.2f} (at least {:.2f})".format(*found[f"{name} {n}"])
                        for name in ("slant", "ink"))
        print(f"{n} latent dimensions: test -ELBO, the label told, {-terms.elbo:.1f} nats; two "
              f"digits of one code correlate in slant by {slants}, in ink by {inks}", flush=True)

        down, across = one_hot(np.repeat(DIGITS, 10), 10), one_hot(np.tile(DIGITS, 10), 10)
        digits = model.sample(rng, 100, down)
        grid_figure(digits, DIGITS, DIGITS + 1, f"a label a row, z in {n} dimensions", "a new z each",
                    "label c").savefig(asked.out / f"conditional_vae_digits_{n}.png", dpi=110)
        z = np.repeat(model.prior.sample(rng, 10), 10, axis=0)
        styles = found[f"styles {n}"] = model.decode(z, across)
        grid_figure(styles, DIGITS + 1, DIGITS, f"a code a row, z in {n} dimensions", "label c",
                    "z").savefig(asked.out / f"conditional_vae_styles_{n}.png", dpi=110)

        # The handwriting of a real digit, for all the others: its code with another label
        mu = model.encode(x_test[:10], c_test[:10]).mu
        copies = model.decode(np.repeat(mu, 10, axis=0), across).reshape(10, 10, 784)
        beside = np.concatenate([x_test[:10, None], copies], axis=1)
        grid_figure(beside, labels_test[:10], ["x", *DIGITS], f"x, and its code in {n} dimensions",
                    "the code decoded with label c", "label of x").savefig(
                        asked.out / f"conditional_vae_transfer_{n}.png", dpi=110)

    # The slip: which of the two has the variance that the encoder means?
    q = model.encode(x_test[:1], c_test[:1])
    eps = rng.standard_normal((100000, n))
    for name, z in (("Sigma^(1/2)", q.mu + q.std * eps), ("Sigma", q.mu + q.std**2 * eps)):
        found[name] = float((z.var(axis=0) / q.std**2).mean())
        print(f"z = mu + {name} * eps has {found[name]:.2f} times the variance that it should have")
    return found


if __name__ == "__main__":
    main()
