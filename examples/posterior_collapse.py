"""Posterior collapse: latent dimensions that say nothing, and what wakes them.

The claim: in a deep network each cure has more nats in the code and the better ELBO than beta = 1 from
the start; but where both terms are averaged, the code of a cycle is gone again once beta is 1.

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

The figure draws beta as the schedule gives it, above the KL of the same time: an epoch's KL is its mean
over the epoch, and so stands at the middle of it.

`--quick` trains a smaller network on few images: it shows the claim, but not how many dimensions sleep
(after so few steps some are still falling asleep, others waking).

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


def deep_model(objective, schedule, x, width, epochs):
    """The model, and the mean KL of each epoch."""
    model = npvae.vae(784, (width,) * 4, J, init="he")
    model.objective = objective
    history = npvae.fit(model, x, epochs=epochs, kl_schedule=schedule, progress=False)
    model.objective = npvae.ELBO()                       # all are measured by the same bound
    return model, [row["kl"] for row in history]


# %% At the optimum: both terms averaged, the squared error over 784 pixels, the KL over J


def averaged(x, width, epochs, schedule):
    """The KL in each epoch. As to the optimum, the averages are a Gaussian likelihood with the
    variance c = 784 / J / 2."""
    model = npvae.vae(784, (width,), J, likelihood="gaussian", variance=784 / J / 2)
    history = npvae.fit(model, x, epochs=epochs, kl_schedule=schedule, learning_rate=3e-3,
                        progress=False)
    return [row["kl"] for row in history]


# %% Figure


def draw_beta_above_kl(above, below, schedule, kl):
    """beta(t) of the schedule itself, and the KL at the middle of each epoch it was averaged over."""
    t = np.linspace(0, len(kl), 100 * len(kl) + 1)[:-1]
    beta = np.array([schedule(each) for each in t])
    above.plot(t, beta, "-", color=plots.BLUE)
    above.set(ylabel="beta", ylim=(-0.05, 1.15), yticks=(0, 1))
    below.plot(np.arange(len(kl)) + 0.5, kl, "o-", color=plots.ORANGE, ms=4)
    below.set(xlabel="epochs trained", ylabel="KL, nats per image", xlim=(0, len(kl)))
    for axes in (above, below):
        axes.fill_between(t, 0, 1, where=beta == 1, transform=axes.get_xaxis_transform(), lw=0,
                          color=plots.GREY, alpha=0.2, label="beta = 1")


def collapse_figure(kls, curves):
    """kls: name: (J,). curves: title: (schedule, KL of each epoch)."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    axes = left.subplots()
    colours = (plots.ORANGE, plots.BLUE, plots.GREEN, plots.GREY)
    for (name, kl), marker, colour in zip(kls.items(), "os^x", colours):
        axes.plot(np.arange(1, J + 1), np.sort(kl)[::-1], marker + "-", ms=5, lw=1, color=colour,
                  label=name)
    axes.set(title="a deep network: the KL of each dimension", xlabel="dimensions, in falling order",
             ylabel="nats per test image", xticks=range(2, J + 1, 3))
    axes.legend(frameon=False)
    columns = right.subplots(2, len(curves), height_ratios=(1, 2.4), sharex="col").T
    for (above, below), (title, (schedule, kl)) in zip(columns, curves.items()):
        draw_beta_above_kl(above, below, schedule, kl)
        above.set_title(title)
    below.set_yscale("log")
    below.legend(frameon=False, loc="upper right")
    return figure


# %% All of it


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, width, epochs, long = (2000, 100, 20, 10) if asked.quick else (20000, 300, 12, 30)
    data, kls, found, curves = datasets.mnist(), {}, {}, {}
    x, x_test = data.train_images[:n], data.test_images[:n]
    print("                      dimensions above 0.1 nats      KL   -ELBO, nats per test image")
    for name, (objective, schedule) in cures(epochs).items():
        model, by_epoch = deep_model(objective, schedule, x, width, epochs)
        kls[name] = evaluation.latent_moments(model, x_test).kl
        terms = npvae.evaluate(model, x_test)
        in_use = int(np.sum(kls[name] > 0.1))
        found[name] = {"in use": in_use, "kl": terms.kl, "-elbo": -terms.elbo}
        print(f"{name:20} {in_use:16} of {J} {terms.kl:14.1f} {-terms.elbo:7.1f}")
        if isinstance(schedule, Cyclical):
            curves["both terms summed"] = schedule, by_epoch
    schedule = Cyclical(long / 2, ramp=0.8)
    curves["both terms averaged"] = schedule, averaged(x[:10000], width, long, schedule)
    for name, (schedule, kl) in curves.items():
        print(f"{name}, annealed in cycles of {schedule.epochs:g} epochs: KL by epoch: "
              + " ".join(f"{each:.2g}" for each in kl))
    found["curves"] = curves
    found["figure"] = collapse_figure(kls, curves)
    found["figure"].savefig(asked.out / "posterior_collapse.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
