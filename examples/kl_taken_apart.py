"""The KL taken apart: not all of it is a fault.

The claim: the mean KL is the sum of three parts, a higher beta shrinks all of them, and even at beta =
10 most of what remains is information.

Over a whole data set, the mean KL(q(z|x), p(z)) is the sum of three things (Hoffman and
Johnson, 2016; Chen et al., 2018):

- the *mutual information* of x and z: how much the code tells of which x it was. That is what a
  code is for; it is nothing to be ashamed of;
- the *total correlation*, KL(q(z), product of the q(z_j)): what the dimensions tell of each other;
- the *dimension-wise KL*, the sum of KL(q(z_j), p(z_j)).

The last two are the distance of the *aggregate posterior* q(z), the mean of all the posteriors,
from the prior; they are what makes samples from the prior bad. "The encoder's distribution should
be N(0, 1)" is right for the aggregate, and wrong for each x.

    python examples/kl_taken_apart.py [--quick]
"""

import argparse
import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation, plots

PARTS = ("mutual_information", "total_correlation", "dimension_wise")

# %% The figure


def bars_figure(betas, parts, n):
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    bottom = np.zeros(len(betas))
    for name, colour, hatch in zip(PARTS, (plots.BLUE, plots.ORANGE, plots.GREEN), ("", "//", "..")):
        heights = np.array([getattr(part, name) for part in parts])
        axes.bar(range(len(betas)), heights, 0.7, bottom, color=colour, hatch=hatch, edgecolor="w",
                 label=name.replace("_", " "))
        bottom += heights
    axes.axhline(math.log(n), color=plots.GREY, ls=":")
    axes.text(len(betas) - 0.6, math.log(n), f"log {n:,}: the most that\n{n:,} images can show",
              ha="right", va="bottom", fontsize=9)
    axes.set(xticks=range(len(betas)), xticklabels=[f"{beta:g}" for beta in betas], xlabel="beta",
             ylabel="KL, nats per image", ylim=(0, max(10.8, 1.1 * bottom.max())),
             title="the mean KL over the data, two latent dimensions")
    axes.legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1.0, 0.62))
    return figure


# %% Four values of beta


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n_train, n, n_hidden, epochs, rate = ((2000, 2000, 100, 8, 5e-3) if asked.quick else
                                          (30000, 10000, 400, 10, 1e-3))
    betas = (1.0, 10.0) if asked.quick else (0.3, 1.0, 3.0, 10.0)
    data, parts = datasets.mnist(), []
    x = data.test_images[:n]
    print("beta      KL  =  mutual information  +  total correlation  +  dimension-wise; nats")
    for beta in betas:
        model = npvae.vae(n_hidden=(n_hidden,), n_latent=2, beta=beta)
        npvae.fit(model, data.train_images[:n_train], epochs=epochs, learning_rate=rate,
                  progress=False)
        parts.append(evaluation.kl_parts(model, x, np.random.default_rng(0)))
        print("{:4g} {:7.3f} {:19.3f} {:22.3f} {:19.3f}".format(beta, *parts[-1]))
    bars_figure(betas, parts, n).savefig(asked.out / "kl_taken_apart.png", dpi=110)
    return {beta: part._asdict() for beta, part in zip(betas, parts)}


if __name__ == "__main__":
    main()
