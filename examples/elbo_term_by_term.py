"""The ELBO, term by term: what each part of the loss is for.

The claim: without the KL the posteriors are narrow and far apart; with the KL alone each of them is the
prior; with both, what the code says is worth its price.

    loss = reconstruction + beta * KL(q(z|x) || N(0, I))

- *KL switched off* (beta = 0). The encoder cheats: it shrinks std(x), so that the decoder always
  sees the same z for an x, and moves the means far apart. What remains is an autoencoder, and
  N(0, I) is not where its codes are.
- *KL only*. The cheapest code says nothing: mu(x) = 0 and std(x) = 1 for every x.
- *Both*. A code is as narrow, and as far from 0, as it pays.

Watch the sum of both terms, too: each is in nats, and -ELBO is their sum at beta = 1, whatever
was trained.

    python examples/elbo_term_by_term.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, plots

# %% An objective without the reconstruction


def kl_only(log_px, rate):
    """The KL alone: the gradient of log p(x|z) is zero."""
    loss = npvae.ELBO()(log_px, rate)
    return loss._replace(value=loss.kl, dlog_px=np.zeros_like(log_px))


kl_only.cost = npvae.KL()
OBJECTIVES = {"KL off": npvae.ELBO(beta=0.0), "both": npvae.ELBO(), "KL only": kl_only}

# %% The figures


def histograms_figure(posteriors):
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    styles = (("-", plots.ORANGE), ("--", plots.BLUE), (":", plots.GREEN))
    least = min(np.log10(q.std.min()) for q in posteriors.values())       # none is left out
    for (name, q), (style, colour) in zip(posteriors.items(), styles):
        left.hist(np.minimum(np.log10(np.ravel(q.std)), 0.6), 80, range=(min(least, -4), 0.6),
                  histtype="step", ls=style, color=colour, lw=1.5, label=name)
        right.hist(np.clip(np.ravel(q.mu), -15, 15), 80, range=(-15, 15), histtype="step", ls=style,
                   color=colour, lw=1.5, label=name)
    left.set(title="width of q(z|x)", xlabel="$\\log_{10}$ std", ylabel="count", yscale="log")
    right.set(title="place of q(z|x)", xlabel="mu (beyond ±15: at the edge)", ylabel="count",
              yscale="log")
    left.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def pictures_figure(models, x):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((len(x), next(iter(models.values())).n_latent))
    rows, names = [x], ["x"]
    for name, model in models.items():
        rows += [model.reconstruct(x), model.decode(z)]
        names += [f"{name}: x_hat", f"{name}: z ~ N(0, I)"]
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, rows, names)
    return figure


# %% Three models, one difference


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist()
    n, n_hidden, epochs, rate = (4000, 100, 4, 5e-3) if asked.quick else (60000, 400, 10, 1e-3)
    x = data.test_images[:2000]

    models, posteriors, found = {}, {}, {}
    print("            reconstruction      KL   -ELBO   mean std(x)   deviation of mu(x)")
    for name, objective in OBJECTIVES.items():
        model = npvae.vae(n_hidden=(n_hidden,), n_latent=10)
        model.objective = objective
        npvae.fit(model, data.train_images[:n], epochs=epochs, learning_rate=rate, progress=False)
        terms, q = npvae.evaluate(model, x), model.encode(x)
        models[name], posteriors[name] = model, q
        found[name] = dict(reconstruction=terms.reconstruction, kl=terms.kl,
                           std=float(q.std.mean()), spread=float(q.mu.std()))
        print(f"{name:8}    {terms.reconstruction:14.1f} {terms.kl:7.1f} {-terms.elbo:7.1f} "
              f"{q.std.mean():13.4f} {q.mu.std():20.4f}")
    histograms_figure(posteriors).savefig(asked.out / "elbo_term_by_term_codes.png", dpi=110)
    pictures_figure(models, x[:12]).savefig(asked.out / "elbo_term_by_term_pictures.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
