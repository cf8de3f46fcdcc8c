"""Posterior collapse: latent dimensions that say nothing, and what wakes them.

A dimension with q(z_j|x) = N(0, 1) for all x costs no nats, and tells nothing: it has collapsed.
There are two kinds, and they need different cures.

*On the way.* At first the decoder cannot read the code, so the code is only a cost, and the KL
puts dimensions to sleep before anybody has learned to use them; a deep network is slow to wake them.
The best ELBO would use more. Cures: *annealing*, in which beta rises from 0 to 1, once (Bowman et al.,
2016) or in cycles (Fu et al., 2019); *free bits*, in which the first nats of each dimension cost nothing
(Kingma et al., 2016).

*At the optimum.* Where a nat of code buys less than a nat, collapse is what the loss asks for. This is
what happens to a squared error averaged over the pixels, beside a KL that is averaged over the latent
dimensions, or even summed (see `beta_sweep.py`). No schedule cures it: the code comes to life while
beta is low, and when beta is 1 it is gone again. The cure is the sum.

    python examples/posterior_collapse.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation, plots
from npvae.learning.schedules import Constant, Cyclical, Linear

J = 20

# %% On the way: a deep network, with and without a cure


def cures(epochs):
    """Name: (objective, schedule of beta)."""
    return {"beta = 1": (npvae.ELBO(), Constant(1.0)),
            "linear annealing": (npvae.ELBO(), Linear(epochs / 2)),
            "cyclical annealing": (npvae.ELBO(), Cyclical(epochs / 4)),
            "free bits, 0.3 nats": (npvae.FreeBits(free=0.3), Constant(1.0))}


def deep_model(objective, schedule, x, epochs):
    model = npvae.vae(784, (300, 300, 300, 300), J, init="he")
    model.objective = objective
    npvae.fit(model, x, epochs=epochs, kl_schedule=schedule, progress=False)
    model.objective = npvae.ELBO()                       # all are measured by the same bound
    return model


# %% At the optimum: both terms averaged, the squared error over 784 pixels, the KL over J


def averaged(x, epochs):
    """The KL in each epoch, for two cycles of annealing. As to the optimum, the averages are a
    Gaussian likelihood with the variance c = 784 / J / 2."""
    model = npvae.vae(784, (300,), J, likelihood="gaussian", variance=784 / J / 2)
    history = npvae.fit(model, x, epochs=epochs, kl_schedule=Cyclical(epochs / 2, ramp=0.8),
                        learning_rate=3e-3, progress=False)
    return [row["kl"] for row in history]


# %% Figure


def collapse_figure(kls, averaged_kl):
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    colours = (plots.ORANGE, plots.BLUE, plots.GREEN, plots.GREY)
    for (name, kl), marker, colour in zip(kls.items(), "os^x", colours):
        left.plot(np.arange(1, J + 1), np.sort(kl)[::-1], marker + "-", ms=5, lw=1, color=colour,
                  label=name)
    left.set(title="a deep network: the KL of each dimension", xlabel="dimensions, in falling order",
             ylabel="nats per test image", xticks=range(2, J + 1, 3))
    left.legend(frameon=False)
    epochs = np.arange(1, len(averaged_kl) + 1)
    right.semilogy(epochs, averaged_kl, "o-", color=plots.ORANGE, ms=4)
    for k in range(3):
        right.axvspan(len(epochs) * (k + 0.5) / 3 + 0.5, len(epochs) * (k + 1) / 3 + 0.5,
                      color=plots.GREY, alpha=0.2, lw=0, label="beta = 1" if k == 0 else None)
    right.set(title="both terms averaged", xlabel="epoch",
              ylabel="KL, nats per image")
    right.legend(frameon=False)
    return figure


# %% All of it


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, epochs = (2000, 8) if asked.quick else (20000, 12)
    data, kls, found = datasets.mnist(), {}, {}
    x = data.train_images[:n]
    print("                      dimensions above 0.1 nats      KL   -ELBO, nats per test image")
    for name, (objective, schedule) in cures(epochs).items():
        model = deep_model(objective, schedule, x, epochs)
        kls[name] = evaluation.latent_moments(model, data.test_images).kl
        terms = npvae.evaluate(model, data.test_images)
        in_use = int(np.sum(kls[name] > 0.1))
        found[name] = {"in use": in_use, "kl": terms.kl, "-elbo": -terms.elbo}
        print(f"{name:20} {in_use:16} of {J} {terms.kl:14.1f} {-terms.elbo:7.1f}")
    found["averaged"] = averaged(x[:10000], 10 if asked.quick else 30)
    print("both terms averaged, annealed in cycles: KL by epoch: "
          + " ".join(f"{kl:.2g}" for kl in found["averaged"]))
    figure = collapse_figure(kls, found["averaged"])
    figure.savefig(asked.out / "posterior_collapse.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
