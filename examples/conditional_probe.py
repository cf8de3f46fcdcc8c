"""What is left for the code to say, once the label is told? A linear probe looks for the label.

The claim: once the label is told to both networks, a linear probe reads less of it from z than from the
z of a plain VAE.

A plain VAE must put into z all that is to be known of an image: which digit it is, and how it
is written. A conditional VAE tells the label c to its encoder and to its decoder. To say it
again in z is paid for in KL and wins nothing, so z should be left to the style. With two dimensions
it nearly is. With more, a probe that is not linear finds most of the label in z again: see
`conditional_accuracy.py` and `conditional_prior.py`.

The test of that is a probe: multinomial logistic regression (a linear map and a softmax),
which learns to read the label from the posterior mean mu. It is fitted by L-BFGS on the
training images, and judged on the test images, by its accuracy and in nats: the label is worth
log 10 = 2.30 nats to one who knows nothing, and what is left of them is the cross entropy.

    python examples/conditional_probe.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from scipy.special import log_softmax

import npvae
from npvae import schedules
from npvae.datasets import one_hot, standardizer_of
from npvae.networks import Dense
from npvae.plots import BLUE, GREEN, GREY, ORANGE

# %% The probe: one layer of the library, a softmax, and the gradient of its cross entropy


def cross_entropy(y, target):
    """-log softmax(y) at the right label, nats, mean over the batch; and its gradient in y."""
    log_p = log_softmax(y, axis=1)
    return -(target * log_p).sum() / len(y), (np.exp(log_p) - target) / len(y)


def fit_probe(mu, labels):
    layer = Dense(mu.shape[1], 10, np.random.default_rng(0)).astype(np.float64)
    target = one_hot(labels, 10)

    def loss_and_grad(theta):
        layer.parameters.theta[...] = theta
        y, cache = layer.forward(mu)
        loss, dy = cross_entropy(y, target)
        layer.parameters.zero_grad()
        layer.accumulate(dy, cache)
        return loss, layer.parameters.grad.copy()

    start = np.zeros_like(layer.parameters.theta)
    layer.parameters.theta[...] = minimize(loss_and_grad, start, jac=True, method="L-BFGS-B").x
    return layer


# %% A plain and a conditional VAE, with 2 and with 20 latent dimensions


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5,000 images, small networks")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    x, labels, x_test, labels_test = npvae.datasets.mnist()
    sizes, n_hidden, epochs, batch_size = (2, 20), (400,), 6, 128
    if asked.quick:
        x, labels = x[:5000], labels[:5000]
        sizes, n_hidden, epochs, batch_size = (2,), (100,), 3, 40

    found, codes = {}, {}
    found["guess"] = float(np.bincount(labels_test).max() / len(labels_test))
    print(f"always the same guess: {found['guess']:.1%} of the test labels right, at best")
    for n in sizes:
        for name in ("plain", "conditional"):
            if name == "plain":
                model, c, c_test = npvae.vae(784, n_hidden, n), None, None
            else:
                model = npvae.conditional_vae(784, 10, n_hidden, n)
                c, c_test = one_hot(labels, 10), one_hot(labels_test, 10)
            npvae.fit(model, x, condition=c, epochs=epochs, batch_size=batch_size, progress=False,
                      learning_rate=schedules.Cosine(3e-3, epochs))
            mu, mu_test = model.encode(x, c).mu, model.encode(x_test, c_test).mu
            scale = standardizer_of(mu)               # the probe sees each dimension in one scale
            y = fit_probe(scale(mu), labels).forward(scale(mu_test))[0]
            key = f"{name} {n}"
            found[key] = float((y.argmax(axis=1) == labels_test).mean())
            found[f"nats {key}"] = float(np.log(10)
                                         - cross_entropy(y, one_hot(labels_test, 10))[0])
            kl = npvae.kl(model.encode(x_test, c_test), model.prior)[0].sum() / len(x_test)
            print(f"{key:>14}: the probe is right for {found[key]:.1%}, and finds "
                  f"{found[f'nats {key}']:.2f} of 2.30 nats; KL {kl:.1f} nats", flush=True)
            codes[key] = mu_test
    draw(codes, labels_test, found).savefig(asked.out / "conditional_probe.png", dpi=110)
    return found


# %% The figure: the same images, coded in two dimensions


def draw(codes, labels, found):
    figure = Figure(figsize=(9, 4.1), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("plain 2", "conditional 2")):
        for label, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "^"), (4, GREEN, "s"),
                                      (7, GREY, "x")):
            mu = codes[name][labels == label][:300]
            axes.scatter(*mu.T, s=12, color=colour, marker=marker, alpha=0.6, label=f"{label}",
                         linewidths=0.8 if marker == "x" else 0)
        axes.set(xlabel="$\\mu_1(x)$" if name == "plain 2" else "$\\mu_1(x, c)$",
                 ylabel="$\\mu_2$", xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), aspect="equal",
                 title=f"{name[:-2]}: the probe reads {found[name]:.0%} of the labels")
    figure.legend(*axes.get_legend_handles_labels(), title="digit", loc="outside right center")
    return figure


if __name__ == "__main__":
    main()
