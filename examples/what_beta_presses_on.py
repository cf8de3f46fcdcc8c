"""What beta presses on: all of the KL, and what one wants of it is a third.

The claim: a price on the total correlation alone makes the dimensions of z independent, keeps what they
tell of x, and puts each factor of the images into a dimension of its own; the same price on the whole
KL, beta, makes them as independent by forgetting.

The images are made from three factors that are known: a blob stands in one of six columns and one of
six rows, in one of three sizes; all 108 of them. A code is *disentangled* where each factor is in one
dimension. Beta-VAEs were made for that (Higgins et al., 2017): their dimensions are pressed to be
independent, because the prior's are. But KL = mutual information + total correlation + dimension-wise
KL (see `kl_taken_apart.py`), and beta multiplies all three, the information first. Beta-TCVAE (Chen et
al., 2018) has a price on the second alone. It is a cost over the batch, `DecomposedKL`: whether
dimensions depend on each other is nothing that a single x can show.

The *mutual information gap* is the number for it: of each factor, how much the most telling dimension
tells of it, less the second most, as a share of the factor's entropy; then the mean. It is 1 where one
dimension tells all of a factor and no other tells anything of it, and 0 where two tell as much. Whether
two factors are in the same dimension it does not see: the tables do. Here q(z) is a mixture of 108 known
Gaussians, so only z is sampled.

    python examples/what_beta_presses_on.py [--quick]
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import evaluation, plots
from npvae.learning.schedules import Cosine
from npvae.numerics import log_mean_exp

SIDE, J, SIZES = 12, 3, (1.0, 1.7, 2.4)
FACTORS = ("column", "row", "size")
STYLES = {"the whole KL": (plots.ORANGE, "s--", (7, -12)),
          "its total correlation": (plots.BLUE, "o-", (5, 5))}

# %% Images of three factors, and what each dimension tells of each


def blobs():
    """All images (108, 144), and their factors as classes (108, 3)."""
    factors = np.array(list(itertools.product(range(6), range(6), range(3))))
    column, row = (2.0 + factors[:, i, None, None] * (SIDE - 5) / 5 for i in (0, 1))
    size = np.array(SIZES)[factors[:, 2], None, None]
    y, x = np.mgrid[:SIDE, :SIDE]
    images = np.exp(-((x - column)**2 + (y - row)**2) / (2 * size**2))
    return images.reshape(len(factors), -1).astype(np.float32), factors


def information(model, x, factors, n_draws=10, seed=0):
    """I(z_j; factor) / H(factor), of every factor and latent dimension: (3, J)."""
    model, rng = model.astype(np.float64), np.random.default_rng(seed)
    q, found = model.encode(x), np.zeros((len(FACTORS), J))
    for _ in range(n_draws):
        z, _ = model.posterior.sample(q, model.draw_noise(rng, len(x)))
        log_q = model.posterior.log_terms(model.posterior.at(q, z[0][:, None]))   # z under x: (n, n, J)
        of_all = log_mean_exp(log_q, axis=1)                                      # log q(z_j)
        for k, classes in enumerate(factors.T):
            same = np.where(classes[:, None] == classes, 0.0, -np.inf)[..., None]
            share = np.mean(classes[:, None] == classes)                          # each class alike
            of_class = log_mean_exp(log_q + same, axis=1) - np.log(share)         # log q(z_j|class)
            found[k] += (of_class - of_all).mean(axis=0) / -np.log(share) / n_draws
    return found


def gap(shares):
    """The mutual information gap: the largest share of each factor less its second, in the mean."""
    ranked = np.sort(shares, axis=1)
    return float((ranked[:, -1] - ranked[:, -2]).mean())


# %% The same price, on the whole KL and on a part of it


def trained(on, price, seed, x, factors, epochs):
    model = npvae.vae(SIDE * SIDE, (64,), J, activation="tanh", init="glorot", seed=seed)
    if on == "the whole KL":
        model.objective = npvae.ELBO(beta=price)
    else:
        model.objective = npvae.ELBO(cost=npvae.DecomposedKL(len(x), total_correlation=price))
    npvae.fit(model, x, epochs=epochs, batch_size=54, seed=seed, learning_rate=Cosine(5e-3, epochs),
              progress=False)
    shares = information(model, x, factors)
    parts = evaluation.kl_parts(model, x, np.random.default_rng(1))
    return {**parts._asdict(), "information": shares, "gap": gap(shares)}


def draw(found, prices, seeds):
    """Where the two prices lead, the gap, and the information of the first seed at three of them."""
    def of(name, on):
        return np.array([[found[on, price, seed][name] for seed in seeds] for price in prices])

    figure = Figure(figsize=(10.0, 6.6), layout="constrained")
    upper, lower = figure.subfigures(2, height_ratios=(1.25, 1.0))
    of_parts, of_gap = upper.subplots(1, 2)
    for on, (colour, style, beside) in STYLES.items():
        at = [of(name, on).mean(axis=1) for name in ("total_correlation", "mutual_information")]
        of_parts.plot(*at, style, color=colour, label=on)
        for price, *place in zip(prices, *at):
            of_parts.annotate(price, place, beside, textcoords="offset points", color=colour)
        of_gap.plot(prices, of("gap", on).mean(axis=1), style, color=colour)
        of_gap.plot(prices, of("gap", on), style[0], color=colour, ms=3, alpha=0.4)
    of_parts.set(xlabel="total correlation, nats", ylabel="mutual information of x and z, nats",
                 title="at each point: the price of a nat")
    of_parts.margins(0.1, 0.12)
    of_gap.set(xlabel="the price of a nat", ylabel="mutual information gap", ylim=(0, 1), xscale="log",
               xticks=prices, xticklabels=prices,
               title=f"is each factor in one dimension? ({len(seeds)} seeds)")
    of_gap.minorticks_off()
    of_parts.legend(frameon=False, title="the price is on", loc="lower right")
    titles = {"price 1": ("the whole KL", 1),
              **{f"price {prices[-1]} on {on}": (on, prices[-1]) for on in STYLES}}
    for axes, (title, (on, price)) in zip(lower.subplots(1, 3), titles.items()):
        shares = found[on, price, seeds[0]]["information"]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (k, j), share in np.ndenumerate(shares):
            axes.text(j, k, f"{abs(share):.2f}", ha="center", va="center", c="kw"[int(share > 0.5)])
        axes.set(xticks=range(J), xticklabels=[f"$z_{j + 1}$" for j in range(J)], yticks=range(3),
                 yticklabels=FACTORS)
        axes.set_title(f"{title}: gap {gap(shares):.2f}", fontsize=10)
    lower.suptitle("what a dimension tells of a factor, as a share of its entropy", fontsize=11)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, two prices")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    prices, seeds, epochs = ((1, 8), (0,), 300) if asked.quick else ((1, 2, 4, 8), range(5), 1000)
    (x, factors), found = blobs(), {}
    for seed in seeds:
        one = trained("the whole KL", 1, seed, x, factors, epochs)
        for on, price in itertools.product(STYLES, prices):
            run = one if price == 1 else trained(on, price, seed, x, factors, epochs)
            found[on, price, seed] = run
            print(f"seed {seed}, price {price} on {on}: mutual information "
                  f"{run['mutual_information']:.2f}, total correlation {run['total_correlation']:.2f} "
                  f"nats, gap {run['gap']:.2f}", flush=True)
    draw(found, prices, seeds).savefig(asked.out / "what_beta_presses_on.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
