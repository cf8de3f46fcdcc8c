"""The reparameterization trick: how a gradient gets through a random draw.

The claim: with eps held, z has the derivatives 1 in mu and std * eps / 2 in logvar, and the gradient
along this path has the same mean as the score function's, with far less variance.

Draw z ~ N(mu, std^2), and ask how E[f(z)] changes with mu. The draw itself has no derivative.
Written as z = mu + std * eps, with eps ~ N(0, 1), it has: hold eps, and z is a plain
function of mu and std = exp(logvar / 2),

    dz/dmu = 1,   dz/dlogvar = std * eps / 2.

Another way needs no path through z. The *score function* weighs f(z) with the gradient of
log q(z): E[f(z) d log q / dmu] is the same derivative, for any f, also where z is discrete. Its
price is variance: for f(z) = z^2 at mu = 1, std = 0.5, a single draw of d/dmu varies by 1 along
the path and by 21.75 by the score. A baseline b, f(z) - b in place of f(z), keeps the mean,
because the score's own mean is zero, and takes away a part of the variance.

    python examples/reparameterization.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae.plots import BLUE, GREEN, ORANGE

# %% The tape of one draw


def tape(mu, logvar, eps):
    """Forward and backward through z, each line with its number; f(z) = z^2."""
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    dz = 2 * z
    dmu, dlogvar = dz * 1, dz * (0.5 * std * eps)
    lines = [("eps", eps, "drawn once, then held"), ("std = exp(logvar / 2)", std, ""),
             ("z = mu + std * eps", z, ""), ("f = z^2", z * z, ""), ("df/dz = 2 z", dz, ""),
             ("df/dmu = df/dz * 1", dmu, ""), ("df/dlogvar = df/dz * std * eps / 2", dlogvar, "")]
    for name, value, remark in lines:
        print(f"{name:36} {value:10.6f}   {remark}".rstrip())

    def f(mu, logvar):
        return (mu + np.exp(0.5 * logvar) * eps)**2

    h = 1e-5
    numerical = ((f(mu + h, logvar) - f(mu - h, logvar)) / (2 * h),
                 (f(mu, logvar + h) - f(mu, logvar - h)) / (2 * h))
    print(f"{'by finite differences, eps held':36} {numerical[0]:10.6f} {numerical[1]:10.6f}")
    return max(abs(numerical[0] - dmu), abs(numerical[1] - dlogvar))


# %% Single draws of d/dmu E[z^2], by the three estimators


def estimators(mu, std, eps):
    z = mu + std * eps
    score = eps / std                                     # d log q / d mu
    b = np.mean(z**2 * score**2) / np.mean(score**2)        # the best constant
    return {"path": 2 * z, "score": z**2 * score, "score, baseline": (z**2 - b) * score}


STYLES = {"path": ("-", BLUE), "score": ("--", ORANGE), "score, baseline": ("-.", GREEN)}


def variance_figure(draws):
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, values in draws.items():
        style, colour = STYLES[name]
        left.hist(values, 200, range=(-15, 20), density=True, histtype="step", ls=style,
                  color=colour, label=f"{name}: variance {values.var():.2f}")
        sizes = 2 ** np.arange(0, 13)
        errors = [values[:len(values) // n * n].reshape(-1, n).mean(axis=1).std() for n in sizes]
        right.loglog(sizes, errors, style, marker=".", color=colour, label=name)
    left.axvline(2, color="k", ls=":")
    left.set(title="one draw of d/dmu E[z²]; the mean is 2", xlabel="estimate", ylabel="density")
    left.legend(frameon=False, fontsize=8)
    right.set(title="n draws: the error falls as $1 / \\sqrt{n}$", xlabel="draws n",
              ylabel="standard error")
    right.legend(frameon=False, fontsize=8)
    return figure


# %% The same in a VAE: the gradient of the encoder


def encoder_variances(n):
    """The variance of an encoder gradient on one batch, mean over its entries."""
    model = npvae.vae(n_hidden=(50,), n_latent=5)
    x = npvae.datasets.mnist().train_images
    npvae.fit(model, x[:10000], epochs=2, progress=False)
    rng = np.random.default_rng(0)

    class WithoutBaseline(npvae.ScoreFunction):
        def __call__(self, log_px, rate):
            loss = super().__call__(log_px, rate)
            return loss._replace(score=loss.dlog_px * log_px)

    objectives = {"path": npvae.ELBO(), "score": WithoutBaseline(),
                  "score, baseline": npvae.ScoreFunction()}
    variances = {}
    for name, objective in objectives.items():
        gradients = []
        for _ in range(n):
            model.loss_and_grad(x[:32], model.draw_noise(rng, 32, 4), objective=objective)
            gradients.append(model.gradients()["encoder.2.W"].copy())
        variances[name] = float(np.var(gradients, axis=0).mean())
    return variances


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    mu, std = 1.0, 0.5
    found = {"tape": tape(mu, 2 * np.log(std), rng.standard_normal())}

    draws = estimators(mu, std, rng.standard_normal(400_000 if asked.quick else 4_000_000))
    print("\nd/dmu E[z^2] = 2 mu = 2, one draw at a time:")
    for name, values in draws.items():
        found[name] = (float(values.mean()), float(values.var()))
        print(f"{name:16} mean {values.mean():6.3f}, variance {values.var():6.2f}")
    variance_figure(draws).savefig(asked.out / "reparameterization.png", dpi=110)

    print("\na VAE on MNIST, 4 draws of z for each of 32 images: variance of an encoder gradient,")
    found["vae"] = encoder_variances(50 if asked.quick else 300)
    for name, variance in found["vae"].items():
        print(f"{name:16} {variance / found['vae']['path']:10.1f} times the path's")
    return found


if __name__ == "__main__":
    main()
