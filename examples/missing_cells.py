"""Missing cells: what a penguin weighs whom nobody put on the scale.

A table has holes. To drop the rows that have one is to drop data; to fill them with the mean of their
column is to say that a Gentoo, 5 kg by its species, weighs what the average penguin does. A VAE learns
how the columns hang together from the cells that there are: what is not observed has no term in

    log 1/K sum over k of p(x_obs | z_k) p(z_k) / q(z_k | x_obs),    z_k ~ q(z | x_obs),

the bound of K samples (Mattei and Frellsen, 2019). Each column has a likelihood of its own kind: four
Gaussians, and a categorical distribution for each of species, island and sex. What is missing is then

    E[x_mis | x_obs],  a mean over codes, each with its weight p(x_obs | z) p(z) / q(z | x_obs).

To see how wrong that is, a fifth of the known cells is hidden on purpose, too.

The claim: a hidden number is missed by less than half of what the mean of its column misses it by, a
hidden species or sex is wrong four times as seldom as the most frequent one, and nine in ten hidden
numbers lie where nine in ten of the draws of p(x_mis | x_obs) do.

(The island is a guess for anybody: Adelie penguins live on all three.)

    python examples/missing_cells.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import schedules
from npvae.distributions.columns import Categorical, Columns
from npvae.distributions.likelihoods import TiedGaussian
from npvae.plots import BLUE, GREY, ORANGE

SHORT = {"bill_length_mm": "bill length", "bill_depth_mm": "bill depth", "flipper_length_mm": "flipper",
         "body_mass_g": "mass", "species": "species", "island": "island", "sex": "sex"}


def kinds_of(data):
    """A Gaussian of its own scale for each column of numbers, a Categorical for each of classes."""
    return Columns([(Categorical(len(data.classes[name])) if name in data.classes else TiedGaussian(0.3),
                     [i]) for i, name in enumerate(data.names)])


def best_constant(x, data):
    """The mean of a column of numbers, or the most frequent class, by what is observed."""
    return np.array([np.bincount(x[:, i].compressed().astype(int)).argmax() if name in data.classes
                     else x[:, i].mean() for i, name in enumerate(data.names)])


# %% Hide a fifth of the cells, train on the others, and fill all of them


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half of the epochs")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    epochs = 120 if asked.quick else 240
    data, rng = npvae.datasets.penguins(), np.random.default_rng(0)
    n_numbers = len(data.names) - len(data.classes)
    scale = npvae.datasets.standardizer_of(data.x)
    scale.shift[n_numbers:], scale.scale[n_numbers:] = 0.0, 1.0          # classes stay 0, 1, ...
    truth = scale(data.x)
    hidden = (rng.random(truth.shape) < 0.2) & ~truth.mask
    x = np.ma.masked_array(truth.data, truth.mask | hidden)

    model = npvae.iwae(x.shape[1], (64, 64), 3, likelihood=kinds_of(data), shows_mask=True)
    npvae.fit(model, x, epochs=epochs, batch_size=64, n_samples=10, progress=False,
              learning_rate=schedules.Cosine(3e-3, epochs))
    filled = npvae.evaluation.impute(model, x, rng, n_samples=400, n_draws=100)
    constant = np.broadcast_to(best_constant(x, data), x.shape)

    found = {"error": [], "constant": []}
    print(f"{hidden.sum()} cells hidden on purpose, {truth.mask.sum()} missing from the first")
    print("root mean square error in standard deviations; for classes the share that is wrong:")
    for i, name in enumerate(data.names):
        rows = hidden[:, i]
        for way, guess in (("error", filled.mean), ("constant", constant)):
            wrong = guess[rows, i] - truth.data[rows, i]
            found[way].append(float(np.mean(wrong != 0) if name in data.classes
                                    else np.sqrt(np.mean(wrong**2))))
        print(f"{SHORT[name]:12} {found['error'][i]:.2f} imputed, {found['constant'][i]:.2f} by the "
              f"{'most frequent class' if name in data.classes else 'mean of the column'}")
    low, high = np.quantile(filled.draws[:, :, :n_numbers], (0.05, 0.95), axis=0)
    numbers = hidden[:, :n_numbers]
    value = truth.data[:, :n_numbers]
    found["covered"] = float(((low <= value) & (value <= high))[numbers].mean())
    print(f"{100 * found['covered']:.0f} % of the hidden numbers lie between the 5 % and the 95 % "
          "quantile of their draws")

    mass = data.names.index("body_mass_g")
    rows = hidden[:, mass]
    masses = np.array([value[rows, mass], filled.mean[rows, mass], low[rows, mass], high[rows, mass]])
    found["kilograms"] = (scale.shift[mass] + scale.scale[mass] * masses) / 1000
    draw(found, data).savefig(asked.out / "missing_cells.png", dpi=110)
    return found


# %% Errors of each column, and the masses one by one


def draw(found, data):
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    errors, masses = figure.subplots(1, 2, width_ratios=(1.25, 1))
    place = np.arange(len(data.names))
    errors.bar(place - 0.2, found["constant"], 0.38, color=GREY, label="mean, or most frequent class")
    errors.bar(place + 0.2, found["error"], 0.38, color=BLUE, label="imputed")
    errors.set(title="hidden cells: how wrong?", xticks=place,
               ylabel="error in deviations,\nor share of wrong classes",
               xticklabels=[SHORT[name].replace(" ", "\n") for name in data.names])
    errors.legend(frameon=False)
    true, mean, low, high = found["kilograms"]
    masses.errorbar(true, mean, (mean - low, high - mean), fmt="o", ms=4, color=BLUE, ecolor=GREY,
                    elinewidth=0.8, label="imputed, with 90 % of the draws")
    masses.plot((2.5, 6.5), (2.5, 6.5), color=ORANGE, lw=1.5, label="right")
    masses.set(title="body mass of hidden cells", xlabel="true, kg", ylabel="imputed, kg")
    masses.legend(frameon=False, loc="upper left")
    return figure


if __name__ == "__main__":
    main()
