"""A conditional VAE whose prior is told the label, too: p(z|c), by a network, in place of N(0, I).

The claim: with 20 latent dimensions a digit that is asked for is drawn far more often where z comes
from a learned p(z|c) than where it comes from N(0, I), with as much variety and at a better ELBO; though
z tells more of the label than before, and not less.

conditional_accuracy.py shows what goes wrong with N(0, I): the codes z ~ q(z|c) of one label's images
do not fill N(0, I), so a z from there may belong to another label, and contradict the one asked for.
The KL asks that z say nothing of c, and never quite gets it. In the mean over the images of a label

    KL(q(z|x, c) || p(z|c))  =  I(x; z|c) + KL(q(z|c) || p(z|c)),

and the last term is the mismatch. With N(0, I) only the encoder can make it small. A p(z|c) that is
learned goes to meet it: a network takes c to a mean and a variance for each dimension of z, and its
gradient is that of the KL, which has a closed form. Now each label may keep a region of its own. There
z repeats the label, which costs nothing, as p(z|c) knows the label; and whoever draws from p(z|c) is in
the right region.

How much z tells of c is at least H(c) + mean of log r(c|z), for any classifier r; see
conditional_accuracy.py, from which the judge is taken, too: a classifier that has seen real images only.

    python examples/conditional_prior.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from accuracy_or_variety import variety
from conditional_accuracy import accuracy, draw_codes, told_of_the_label, train_classifier
from matplotlib.figure import Figure

import npvae
from npvae import plots, schedules
from npvae.datasets import one_hot

PRIORS = {"N(0, I)": "standard_normal", "p(z|c)": "conditional_normal"}

# %% Figure: a digit a row, from either prior, and what the judge says of 10,000 such


def draw(found, images, read, wanted):
    figure = Figure(figsize=(10.4, 3.8), layout="constrained")
    panels = figure.subplots(1, 3)
    frame = np.array([0, 27, 27, 0, 0]), np.array([0, 0, 27, 27, 0])
    for axes, name in zip(panels, PRIORS):
        plots.label_rows(axes, [images[name][wanted == c][:10] for c in range(10)], list("0123456789"))
        for c in range(10):
            for i in np.flatnonzero(read[name][wanted == c][:10] != c):        # read as another digit
                axes.plot(28 * i + frame[0], 28 * c + frame[1], color=plots.ORANGE, lw=1.3)
        axes.set(ylabel="asked for", xlabel="framed: read as another digit",
                 title=f"z ~ {name}: {found[name]['right']:.1%} right")
    words = {"right": "read right", "variety": "variety of\nreal images",
             "told": "z tells of c, at\nleast, of log 10"}
    places = np.arange(len(words))
    for name, colour, shift in (("N(0, I)", plots.GREY, 0.2), ("p(z|c)", plots.BLUE, -0.2)):
        values = [found[name][key] / (np.log(10) if key == "told" else 1) for key in words]
        bars = panels[2].barh(places[::-1] + shift, values, 0.36, color=colour,
                              label=f"{name}: test -ELBO {found[name]['-elbo']:.1f} nats")
        panels[2].bar_label(bars, [f"{value:.0%}" for value in values], label_type="center",
                            color="w")
    panels[2].set(yticks=places[::-1], yticklabels=words.values(), xlim=(0, 1), ylim=(-0.5, 3.2),
                  xlabel="fraction")
    panels[2].legend(loc="upper center", frameon=False, fontsize=8)
    return figure


# %% The same conditional VAE with both priors


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    x, labels, x_test, labels_test = npvae.datasets.mnist()
    J, n_hidden, epochs, batch_size, rate = 20, (400,), 8, 128, 3e-3
    if asked.quick:
        x, labels, x_test, labels_test = x[:4000], labels[:4000], x_test[-1000:], labels_test[-1000:]
        n_hidden, epochs, batch_size, rate = (100,), 6, 50, 5e-3
    c, c_test, wanted = one_hot(labels, 10), one_hot(labels_test, 10), np.arange(len(x_test)) % 10
    judge = train_classifier(x, labels, epochs, batch_size)
    found, images, read = {"judge": accuracy(judge, x_test, labels_test)}, {}, {}
    print(f"the judge reads {found['judge']:.1%} of the real test images right")
    for name, prior in PRIORS.items():
        model = npvae.conditional_vae(784, 10, n_hidden, J, prior=prior)
        npvae.fit(model, x, condition=c, epochs=epochs, batch_size=batch_size, progress=False,
                  learning_rate=schedules.Cosine(rate, epochs))
        images[name] = model.sample(np.random.default_rng(1), len(wanted), one_hot(wanted, 10))
        read[name] = judge.forward(images[name])[0].argmax(axis=1)
        rng = np.random.default_rng(2)
        reader = train_classifier(draw_codes(model, x, labels, rng), labels, 3)
        found[name] = {
            "right": float((read[name] == wanted).mean()),
            "variety": float(variety(images[name], wanted) / variety(x_test, labels_test)),
            "told": told_of_the_label(reader, draw_codes(model, x_test, labels_test, rng),
                                      labels_test),
            "-elbo": -npvae.evaluate(model, x_test, condition=c_test).elbo}
        print("z ~ {}: {:.1%} read right, variety {:.0%} (of real images: 100%); z tells at least "
              "{:.2f} nats of the label (at most log 10 = 2.30); test -ELBO {:.1f} nats".format(
                  name, *found[name].values()), flush=True)
    draw(found, images, read, wanted).savefig(asked.out / "conditional_prior.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
