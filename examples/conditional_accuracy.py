"""Does a conditional VAE draw the digit it is asked for? A classifier is the judge.

The claim: the more dimensions the code has, the more it tells of the label, and the less often
z ~ N(0, I) becomes the digit that was asked for; a z from the label's own codes becomes it more often.

The decoder is given a code z and a label c; the encoder, too, is told the label, so that z has no need
to say which digit it is. To make a digit one draws z ~ N(0, I) and decodes it with the wanted label. A
classifier that has seen real images only then reads the result.

Where it reads another digit, the reason is in the codes. With the label c the decoder has been trained
on codes from q(z|c), the mean of q(z|x, c) over the images of that label, and z ~ N(0, I) is such a
code only if q(z|c) is near p(z) = N(0, I). Averaged over the labels,

    mean of KL(q(z|c) || p(z))  =  KL(q(z) || p(z)) + I(z; c),

and it is the last term that spoils the digits: a z that fits another label contradicts the wanted one.
The larger the code, the more it tells. Each of the three is given by something that it is at least:

- KL(q || N(0, I)) is at least that of the Gaussian of q's mean and covariance. (What is missing is
  KL(q || that Gaussian), for the log of the ratio of the two Gaussians is quadratic, and so has the same
  mean under both.) The difference of two such bounds bounds nothing: it can be above log 10.
- I(z; c) = H(c) - H(c|z) is at least H(c) + mean of log r(c|z), for any classifier r, on codes that it
  has not seen. I(z; c) is at most H(c), which is log 10 for ten labels alike in number.

What helps is to draw z from q(z|c); here, from a Gaussian fitted to it. accuracy_or_variety.py looks at
what else does, and at the price; conditional_prior.py has a prior that learns where a label's codes are.

    python examples/conditional_accuracy.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

import npvae
from npvae import schedules
from npvae.datasets import one_hot
from npvae.networks import Chain, Dense, ReLU
from npvae.plots import BLUE, GREY, ORANGE

# %% The judge: a classifier of the library's own layers


def train_classifier(x, labels, epochs, batch_size=128):
    rng = np.random.default_rng(0)
    net = Chain(Dense(x.shape[1], 256, rng), ReLU(), Dense(256, 256, rng), ReLU(), Dense(256, 10, rng))
    adam, rate, target = npvae.Adam(), schedules.Cosine(2e-3, epochs), one_hot(labels, 10)
    for epoch in range(epochs):
        for rows in np.array_split(rng.permutation(len(x)), len(x) // batch_size):
            y, cache = net.forward(x[rows])
            # the loss is the mean over the batch of -log softmax(y) at the right label
            dy = (softmax(y, axis=1) - target[rows]) / len(rows)
            net.parameters.zero_grad()
            net.accumulate(dy, cache)
            adam.step(net.parameters.theta, net.parameters.grad, rate(epoch))
    return net


def accuracy(net, images, labels):
    return float((net.forward(images)[0].argmax(axis=1) == labels).mean())


# %% A label's codes: the Gaussian of the same mean and covariance, and its distance from N(0, I)


def fit_gaussian(q):
    """Of the mixture of all posteriors in q: mean, principal variances, principal axes."""
    covariance = np.cov(q.mu.T) + np.diag((q.std**2).mean(axis=0))
    return q.mu.mean(axis=0), *np.linalg.eigh(covariance)


def like_the_labels_own(eps, wanted, of_labels):
    """Each eps ~ N(0, I) (n, J) moved to the Gaussian of the label that is wanted of it."""
    z = np.empty_like(eps)
    for k, (mean, variances, axes) in enumerate(of_labels):
        z[wanted == k] = mean + np.sqrt(variances) * eps[wanted == k] @ axes.T
    return z


def mismatch(mean, variances, axes):
    """KL(that Gaussian || N(0, I)), nats: the sum over the principal axes."""
    return npvae.divergences.kl_to_standard_normal(mean @ axes, np.log(variances)).sum()


def draw_codes(model, x, labels, rng):
    """One z ~ q(z|x, c) for each x."""
    q = model.encode(x, one_hot(labels, 10))
    return q.mu + q.std * rng.standard_normal(q.mu.shape, np.float32)


def told_of_the_label(net, z, labels):
    """At least so many nats does z tell of the label: H(c) + mean log r(c|z), r the classifier's."""
    log_r = log_softmax(net.forward(z)[0].astype(np.float64), axis=1)[np.arange(len(z)), labels]
    return float(entropy(np.bincount(labels)) + log_r.mean())


# %% The accuracy for each size of code


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    x, labels, x_test, labels_test = npvae.datasets.mnist()
    sizes, n_hidden, epochs, batch_size = (2, 5, 10, 20), (400,), 8, 128
    if asked.quick:
        x, labels, x_test, labels_test = x[:5000], labels[:5000], x_test[-1000:], labels_test[-1000:]
        sizes, n_hidden, epochs, batch_size = (2, 20), (100,), 3, 40
    c, wanted = one_hot(labels, 10), np.arange(len(x_test)) % 10         # as many of each digit
    judge = train_classifier(x, labels, epochs, batch_size)
    found = {"judge": accuracy(judge, x_test, labels_test)}
    print(f"the judge reads {found['judge']:.1%} of the real test images right")

    for n in sizes:
        model, rng = npvae.conditional_vae(784, 10, n_hidden, n), np.random.default_rng(2)
        npvae.fit(model, x, condition=c, epochs=epochs, batch_size=batch_size, progress=False,
                  learning_rate=schedules.Cosine(3e-3, epochs))
        of_labels = [fit_gaussian(model.encode(x[labels == k], c[labels == k])) for k in range(10)]
        eps = np.random.default_rng(1).standard_normal((len(wanted), n))
        for name, z in ("prior", eps), ("fitted", like_the_labels_own(eps, wanted, of_labels)):
            found[f"{name} {n}"] = accuracy(judge, model.decode(z, one_hot(wanted, 10)), wanted)
        found[f"kl label {n}"] = float(np.mean([mismatch(*gaussian) for gaussian in of_labels]))
        found[f"kl all {n}"] = float(mismatch(*fit_gaussian(model.encode(x, c))))
        reader = train_classifier(draw_codes(model, x, labels, rng), labels, 3)
        found[f"told {n}"] = told_of_the_label(
            reader, draw_codes(model, x_test, labels_test, rng), labels_test)
        print(f"{n:2} dimensions: {found[f'prior {n}']:.1%} right with z ~ N(0, I), "
              f"{found[f'fitted {n}']:.1%} with z ~ q(z|c), fitted; KL to N(0, I) of one label's codes "
              f"at least {found[f'kl label {n}']:.2f} nats, of all together at least "
              f"{found[f'kl all {n}']:.2f}; I(z; c) at least {found[f'told {n}']:.2f} "
              f"(at most log 10 = {np.log(10):.2f})", flush=True)
    draw(found, sizes).savefig(asked.out / "conditional_accuracy.png", dpi=110)
    return found


# %% The figure


def draw(found, sizes):
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, name, style, colour, label in (
            (left, "prior", "o-", BLUE, "z ~ N(0, I)"),
            (left, "fitted", "s--", ORANGE, "z ~ q(z|c), fitted"),
            (right, "kl label", "o-", BLUE, "KL, one label's codes"),
            (right, "told", "s--", ORANGE, "I(z; c)"),
            (right, "kl all", "^:", GREY, "KL, all codes")):
        axes.plot(sizes, [found[f"{name} {n}"] for n in sizes], style, color=colour, label=label)
        axes.set(xticks=sizes, xlabel="latent dimensions")
        axes.legend(frameon=False, fontsize=8)
    left.set(ylim=(0, 1.04), ylabel="fraction right", title="the digit that was asked for")
    right.axhline(np.log(10), color=ORANGE, ls=":", lw=1)
    right.text(sizes[0], np.log(10), "log 10: the most I(z; c) can be", fontsize=8, va="bottom")
    right.set(ylabel="at least so many nats", title="how far the codes are off",
              ylim=(0, max(3.8, 1.4 * found[f"kl label {sizes[-1]}"])))
    return figure


if __name__ == "__main__":
    main()
