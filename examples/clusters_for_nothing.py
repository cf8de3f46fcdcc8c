"""Clusters for nothing: the components of a mixture for a prior sort the digits, unasked.

The claim: with a mixture of ten normals for p(z) a VAE that never saw a label puts images of a digit
into one component far more often than chance, about as often as k-means does with the codes of a plain
VAE; and where the component is beyond doubt, the label is right more often.

    p(z) = sum over c of pi_c N(z; mu_c, s_c^2),      p(c|z) = pi_c N(z; mu_c, s_c^2) / p(z)

The *responsibility* p(c|z) is the gradient of log p(z) in log p(z, c), so each step computes it anyway.
It is Bayes' rule for the component: a clustering that is a part of the model, and learned with it.

k-means on codes comes after the training, and nothing in the model knows of it. Here it is the start: a
plain VAE is trained; its codes are clustered, the best of ten times; the mixture begins with the mean,
the variance and the size of each cluster, and all goes on together. (The plain VAE goes on as well, for
as long.) Means that begin where no code lies may never come to one.

Ten components, because there are ten digits; no more was known. A component has no name: for the
accuracy, and only for that, each is given the label that makes the whole matching best
(`linear_sum_assignment`).

    python examples/clusters_for_nothing.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.cluster.vq import kmeans, vq
from scipy.optimize import linear_sum_assignment

import npvae
from npvae import plots, schedules
from npvae.distributions.mixtures import MixtureOfNormals

C, J = 10, 10

# %% Clusters of codes, and a mixture that begins there


def cluster(codes, rng, n_starts=10):
    """k-means, the best of some random starts: the centres (C, J)."""
    starts = (kmeans(codes, rng.choice(codes, C, replace=False)) for _ in range(n_starts))
    return min((found for found in starts if len(found[0]) == C), key=lambda found: found[1])[0]


def mixture_of(codes, centres):
    """A prior whose components have the mean, the variance and the size of each cluster."""
    component, _ = vq(codes, centres)
    prior = MixtureOfNormals(J, C)
    prior.mu = centres
    prior.logvar = np.log([codes[component == c].var(axis=0) for c in range(C)])
    prior.logits = np.log(np.bincount(component, minlength=C))
    return prior


# %% Are clusters classes? Only here the labels are looked at


def counts(component, labels):
    """How many images of each component have each label: (C, 10)."""
    table = np.zeros((C, 10), int)
    np.add.at(table, (component, labels), 1)
    return table


def match(table):
    """The label of each component, so that most images are right: (C,); and their fraction."""
    row, label = linear_sum_assignment(table, maximize=True)
    return label, float(table[row, label].sum() / table.sum())


# %% Figure


def draw(model, x, component, table, n=10):
    """Each component: its mean, decoded; the first images in it; and of which labels it is."""
    label, right = match(table)
    order = np.argsort(label)
    means = model.decode(model.prior.mu[order])
    columns = [[*x[component == c][:n], *np.zeros((n, x.shape[1]))][:n] for c in order]
    rows = [np.array([mean, 0 * mean, *images]) for mean, images in zip(means, columns)]
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, panel = figure.subplots(1, 2, width_ratios=(1.1, 1))
    plots.label_rows(left, rows, [f"{share:.0%}" for share in model.prior.weights()[order]])
    left.set(ylabel="component, with its weight", title="its mean, decoded; test images from it")
    shares = table[order] / np.maximum(table[order].sum(axis=1, keepdims=True), 1)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, k), share in np.ndenumerate(shares):
        if share >= 0.05:
            panel.text(k, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=8,
                       color="w" if share > 0.5 else "k")
    panel.set(xticks=range(10), yticks=[], xlabel="label, which the model never saw",
              title=f"its images by label, in %: {right:.1%} right")
    return figure


# %% A plain VAE, its codes, and the mixture that goes on from there


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images and epochs, a small network")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, hidden, before, epochs = (4000, 100, 6, 4) if asked.quick else (30000, 400, 10, 10)
    x, _, x_test, labels = npvae.datasets.mnist()
    x, found = x[:n], {}

    def train(model, epochs):
        npvae.fit(model, x, epochs=epochs, learning_rate=schedules.Cosine(2e-3, epochs), progress=False)
        return model

    def report(name, model, component):
        table = counts(component, labels)
        found[name] = {"right": match(table)[1], "largest": float(table.sum(axis=1).max() / len(labels)),
                       "-elbo": -npvae.evaluate(model, x_test).elbo}
        print("{:>22}: {:.1%} of the test images right after the best matching; in the largest {:.0%}; "
              "test -ELBO {:.1f} nats".format(name, *found[name].values()), flush=True)
        return table

    plain = train(npvae.vae(784, (hidden,), J), before)
    codes = plain.encode(x).mu
    prior = mixture_of(codes, cluster(codes, np.random.default_rng(0)))
    model = npvae.vae(784, (hidden,), J, prior=prior)
    for block, value in plain.blocks().items():
        model.blocks()[block][...] = value
    train(plain, epochs)
    centres = cluster(plain.encode(x).mu, np.random.default_rng(0))
    report("k-means on a plain VAE", plain, vq(plain.encode(x_test).mu, centres)[0])

    train(model, epochs)
    p = model.prior.responsibilities(model.encode(x_test).mu)
    table = report("mixture for a prior", model, p.argmax(axis=1))
    right, sure = match(table)[0][p.argmax(axis=1)] == labels, p.max(axis=1) > 0.99
    found["sure"], found["right where sure"] = float(sure.mean()), float(right[sure].mean())
    print(f"p(c|z) above 0.99 for {found['sure']:.0%} of them: {found['right where sure']:.1%} right")
    draw(model, x_test, p.argmax(axis=1), table).savefig(asked.out / "clusters_for_nothing.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
