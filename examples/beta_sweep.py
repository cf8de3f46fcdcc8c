"""Beta: the price of a nat of code, and two disguises in which it comes.

The claim: a larger beta buys less rate for more distortion, and their sum is least at beta = 1; the
variance c of a Gaussian likelihood is a beta of 2 c, and a mean over pixels is a beta at which the
posterior collapses.

    loss = distortion + beta * rate,    distortion = E_q[-log p(x|z)],   rate = KL(q, p(z))

Every beta trades the one for the other, and the end points of the trainings make the curve of
*rate against distortion* (Alemi et al., 2018). A low beta buys a long code: sharp reconstructions, and
codes that no longer fill N(0, I), so bad samples. A high beta buys none: blurred everything.
The sum of both is -ELBO whatever the beta; at 1 it is the loss itself, and the curve's slope is -1.

*Disguise 1: the variance c of a Gaussian likelihood.* -log p is the squared error over 2 c, plus
a constant. So 2 c * loss = squared error + 2 c * rate: to choose c is to choose beta = 2 c.

*Disguise 2: the mean in place of the sum.* Averaged over D pixels, while the KL is summed, the
squared error is divided by D: beta = D, or c = D / 2. That is 392 for MNIST, where the largest
variance of the data in any direction is 5: no code is worth its price, and the posterior
collapses. Averaging the KL over its J dimensions as well makes it beta = D / J.

    python examples/beta_sweep.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation, plots

J = 10

# %% The sweep


def trained(x, n_hidden, epochs, batch_size, rate, **options):
    model = npvae.vae(784, (n_hidden,), J, **options)
    npvae.fit(model, x, epochs=epochs, batch_size=batch_size, learning_rate=rate, progress=False)
    return model


def rate_distortion_figure(points):
    betas, rates, distortions = np.array(points).T
    figure = Figure(figsize=(6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, distortions, "-o", color=plots.BLUE)
    for beta, rate, distortion in points:
        axes.annotate(f"$\\beta$ = {beta:g}", (rate, distortion), (6, 4), fontsize=9,
                      textcoords="offset points")
    best = min(rates + distortions)
    line = np.array([0.0, best - 0.9 * min(distortions)])
    axes.plot(line, best - line, ":", color=plots.ORANGE, label=f"rate + distortion = {best:.0f} nats")
    axes.set(xlabel="rate: KL, nats per image", ylabel="distortion: $-\\log p(x|z)$, nats per image",
             title="test images", xlim=(-4, 1.2 * max(rates)),
             ylim=(0.8 * min(distortions), 1.07 * max(distortions)))
    axes.legend(frameon=False)
    return figure


def ends_figure(models, x):
    z = np.random.default_rng(0).standard_normal((len(x), J))
    rows, names = [x], ["x"]
    for beta, model in models.items():
        rows += [model.reconstruct(x), model.decode(z)]
        names += [f"$\\beta$ = {beta:g}: reconstructed", f"$\\beta$ = {beta:g}: from z ~ N(0, I)"]
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, rows, names, lines=range(1, len(rows), 2))
    return figure


# %% The disguises


def same_gradient(x, c):
    """2 c times the gradient with variance c, less that with variance 1/2 and beta = 2 c, relative."""
    grads = []
    for options in ({"variance": c}, {"variance": 0.5, "beta": 2 * c}):
        model = npvae.vae(784, (50,), J, likelihood="gaussian", **options).astype(np.float64)
        model.loss_and_grad(x, model.draw_noise(np.random.default_rng(0), len(x)))
        grads.append(model.parameters.grad)
    return np.linalg.norm(2 * c * grads[0] - grads[1]) / np.linalg.norm(grads[1])


def gaussian(x, training, c):
    """Squared error per image, KL and active units after training with variance c."""
    model = trained(x, *training, likelihood="gaussian", variance=c)
    error = np.square(x - model.reconstruct(x)).sum(axis=1).mean()
    moments = evaluation.latent_moments(model, x)
    return float(error), float(moments.kl.sum()), int(moments.active.sum())


# %% All of it


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist()
    n, n_test, *training = ((500, 1000, 200, 10, 50, 4e-3) if asked.quick else
                            (20000, 10000, 400, 8, 128, 2e-3))
    betas = (0.1, 1.0, 10.0) if asked.quick else (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    x, points, models = data.train_images[:n], [], {}
    print("   beta    rate  distortion   their sum, nats per test image")
    for beta in betas:
        models[beta] = trained(x, *training, beta=beta)
        terms = npvae.evaluate(models[beta], data.test_images[:n_test])
        points.append((beta, terms.kl, terms.reconstruction))
        print(f"{beta:7g} {terms.kl:7.1f} {terms.reconstruction:11.1f} {-terms.elbo:11.1f}")
    rate_distortion_figure(points).savefig(asked.out / "beta_sweep.png", dpi=110)
    ends = {beta: models[beta] for beta in (betas[0], 1.0, betas[-1])}
    ends_figure(ends, data.test_images[:14]).savefig(asked.out / "beta_sweep_ends.png", dpi=110)

    found = {"points": points, "same gradient": same_gradient(x[:50].astype(np.float64), 0.07)}
    print(f"c = 0.07 and beta = 0.14: the gradients differ by {found['same gradient']:.0e}, relative")
    print("a Gaussian likelihood, squared error per image, KL, active units:")
    for name, c in (("c = 0.02", 0.02), ("c = 0.2", 0.2), ("sum over pixels (c = 1/2)", 0.5),
                    ("mean over pixels, mean over z", 784 / J / 2),
                    ("mean over pixels, sum over z", 784 / 2)):
        error, kl, active = found[name] = gaussian(x, training, c)
        print(f"{name:30} {error:6.2f} {kl:7.3f} nats {active:3} of {J}")
    return found


if __name__ == "__main__":
    main()
