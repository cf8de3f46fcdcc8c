"""What makes a conditional VAE draw the digit it is asked for, and what that costs in variety.

The claim: a z nearer to 0 and a larger beta buy right digits with variety; a z from the label's own
codes has as much variety as one from N(0, I), and is right far more often.

conditional_accuracy.py shows the fault: with 20 latent dimensions z ~ N(0, I) is often a code of another
label than the one asked for. Three things help.

- *z = t eps with t < 1*. Near 0 every label has codes, and the decoder knows what to do. But there the
  digits are near the label's mean digit: the smaller t, the more alike.
- *A larger beta*. A code that costs more says less, of the label, too. But it says less of the style as
  well, and the model is a worse one: its own -ELBO, at beta = 1, is higher.
- *z ~ q(z|c)*, here from a Gaussian fitted to the codes of the label's images. Nothing is given up, for
  these codes are what the decoder was trained on. It takes a second look at the training images, or a
  prior that learns where they are (conditional_prior.py).

Variety is the variance of the pixels within a label, summed over pixels and averaged over labels, as a
share of that of real images. Wrong digits add to it: a part of what the first two lose is these, and z
from the label's own codes has its variety with few of them.

    python examples/accuracy_or_variety.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from conditional_accuracy import accuracy, fit_gaussian, like_the_labels_own, train_classifier
from matplotlib.figure import Figure

import npvae
from npvae import plots, schedules
from npvae.datasets import one_hot

# %% The number that is the price


def variety(images, labels):
    """The variance of the pixels within a label, summed over pixels, averaged over labels."""
    return np.mean([images[labels == c].var(axis=0).sum() for c in range(10)])


# %% The figure: each remedy by both numbers, and one digit drawn by each


def draw(found, images, digit):
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    for start, style, colour, label, side in (
            ("t = ", "o-", plots.BLUE, "z = t eps", "right"),
            ("beta = ", "s--", plots.ORANGE, "a larger beta", "left")):
        names = [name for name in found if name.startswith(start)]
        points = np.array([found["N(0, I)"], *(found[name] for name in names)])
        left.plot(*points.T[::-1], style, color=colour, label=label)
        for name, (right_share, varied) in zip(names, points[1:]):
            left.annotate(name, (varied, right_share), xytext=(8 if side == "left" else -8, -4),
                          fontsize=8, textcoords="offset points", color=colour, ha=side)
    for name, marker, colour in (("N(0, I)", "D", plots.GREY), ("q(z|c)", "*", plots.GREEN)):
        right_share, varied = found[name]
        left.plot(varied, right_share, marker, color=colour, ms=14 if marker == "*" else 7,
                  label=f"z ~ {name}")
    left.set(xlabel="variety within a label, of that of real images", ylabel="fraction read right",
             xlim=(0, 1), ylim=(None, 1.03), title="the upper right is where one wants to be")
    left.legend(frameon=False, fontsize=9, loc="lower right")
    plots.label_rows(right, [each[:10] for each in images.values()], list(images))
    right.set_title(f"asked for a {digit}")
    return figure


# %% One model, two ways to draw from it, and models of larger beta


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    x, labels, x_test, labels_test = npvae.datasets.mnist()
    n_hidden, epochs, batch_size, scales, betas, digit = (400,), 8, 128, (0.9, 0.8, 0.7, 0.5), (2, 4), 4
    if asked.quick:
        x, labels, x_test, labels_test = x[:5000], labels[:5000], x_test[-1000:], labels_test[-1000:]
        n_hidden, epochs, batch_size, scales, betas = (100,), 3, 40, (0.7, 0.5), (4,)
    c, c_test, wanted = one_hot(labels, 10), one_hot(labels_test, 10), np.arange(len(x_test)) % 10
    eps = np.random.default_rng(1).standard_normal((len(wanted), 20))
    judge, of_real = train_classifier(x, labels, epochs, batch_size), variety(x_test, labels_test)
    found, shown, elbo = {}, {}, {}

    def trained(beta):
        model = npvae.conditional_vae(784, 10, n_hidden, 20, beta=beta)
        npvae.fit(model, x, condition=c, epochs=epochs, batch_size=batch_size, progress=False,
                  learning_rate=schedules.Cosine(3e-3, epochs))
        elbo[beta] = -npvae.evaluate(model, x_test, condition=c_test).elbo
        return model

    def look(name, model, z):
        """Draw with z; what the judge says of it, and its variety."""
        drawn = model.decode(z, one_hot(wanted, 10))
        found[name] = accuracy(judge, drawn, wanted), float(variety(drawn, wanted) / of_real)
        shown[name] = drawn[wanted == digit]
        print(f"{name:>9}: {found[name][0]:.1%} read right, variety {found[name][1]:.0%}", flush=True)

    model = trained(1.0)
    look("N(0, I)", model, eps)
    for t in scales:
        look(f"t = {t}", model, t * eps)
    own = [fit_gaussian(model.encode(x[labels == k], c[labels == k])) for k in range(10)]
    look("q(z|c)", model, like_the_labels_own(eps, wanted, own))
    for beta in betas:
        look(f"beta = {beta}", trained(beta), eps)
    for beta, nats in elbo.items():
        print(f"test -ELBO of the model of beta = {beta:g}: {nats:.1f} nats per image")
    names = "N(0, I)", f"t = {scales[-1]}", f"beta = {betas[-1]}", "q(z|c)"
    images = {"real images": x_test[labels_test == digit], **{name: shown[name] for name in names}}
    draw(found, images, digit).savefig(asked.out / "accuracy_or_variety.png", dpi=110)
    return {**found, "-elbo": elbo}


if __name__ == "__main__":
    main()
