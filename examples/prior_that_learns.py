"""A prior that learns: the holes that N(0, I) leaves between the codes, and priors that close them.

The claim: under priors that are learned with the networks held-out images are likelier than under
N(0, I), and the codes lie nearer to where the prior draws; and of what a mixture or a VampPrior draws,
far less falls into holes, where hardly any image has its code.

The KL of each image asks that its q(z|x) be near p(z). A draw from p(z) is decoded to an image only
where the *aggregate posterior* q(z), the mean of q(z|x) over the images, is near it. In the mean

    KL(q(z|x) || p(z))  =  I(x; z) + KL(q(z) || p(z)),

and the last term is pure loss: it is paid for, and says nothing of x. Digits come in kinds, N(0, I) does
not; so there are places where p(z) is large, and q(z) is not. Here a *hole* is where p(z) is more than
ten times q(z). The decoder was never asked what to make of it.

The last term is zero for p(z) = q(z): the best prior is the aggregate posterior. It is a mixture of as
many normals as there are images, too many to compute with in every step. Priors that learn come near it:

- a *mixture* of 50 normals, whose means, variances and weights are parameters like any other;
- *VampPrior* (Tomczak and Welling, 2018): the mean of q(z|u) over 50 pseudo-inputs u, which are learned;
- *RealNVP* (Dinh et al., 2017), a flow: z goes by learned invertible steps to a u that is from N(0, I).
  It bends N(0, I) without tearing it: there are draws beside the codes, and between them, still.

They had better not begin from nothing: a component that begins where no code lies may never find one. So
all go on from the same VAE, trained for some epochs with N(0, I): the means begin at the codes of 50
images, the pseudo-inputs at these images themselves; the flow begins near N(0, I), which goes on, too.

    python examples/prior_that_learns.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation, plots
from npvae.distributions.flows import RealNVP
from npvae.distributions.given import VampPrior
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.numerics import log_mean_exp

# %% The priors, each begun where the codes are


def begun(codes, images):
    mixture = MixtureOfNormals(2, len(codes))
    mixture.mu = codes
    vamp = VampPrior(2, images.shape[1], len(images))
    vamp.u = images
    return {"N(0, I)": npvae.priors.StandardNormal(2), "mixture": mixture, "VampPrior": vamp,
            "RealNVP": RealNVP(2)}


# %% The aggregate posterior, and the holes


def log_aggregate(model, x, z, chunk=200):
    """log q(z), the mean of q(z|x) over x (n, D), at each z (m, J): (m,)."""
    q = model.encode(x)
    each_z_under_each_x = (model.posterior.at(q, z[i:i + chunk, None]) for i in range(0, len(z), chunk))
    return np.concatenate([log_mean_exp(model.posterior.log_prob(at), axis=1)
                           for at in each_z_under_each_x])


def in_holes(model, x, z):
    """True for each z whose p(z) is more than ten times q(z)."""
    log_pz, _ = model.prior.given(None, model).log_prob(z)
    return log_pz - log_aggregate(model, x, z) > np.log(10)


# %% Figures


def planes_figure(found, drawn, holes, codes):
    """Codes of images in grey, and what the prior draws: in holes, and elsewhere."""
    figure = Figure(figsize=(2.7 * len(found), 3.7), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(1, len(found)), found.items()):
        axes.scatter(*codes[name].T, s=4, color=plots.GREY, alpha=0.4, linewidths=0)
        for inside, colour, marker in ((False, plots.BLUE, "o"), (True, plots.ORANGE, "x")):
            z = drawn[name][:500][holes[name][:500] == inside]
            axes.scatter(*z.T, s=12 if inside else 5, color=colour, marker=marker,
                         linewidths=0.9 if inside else 0)
        axes.set_box_aspect(1)
        axes.set_aspect("equal", "datalim")
        axes.set(xlabel="$z_1$", title=f"{name}: {values['in holes']:.1%} in holes\n"
                 f"log p(x) = {values['log_px']:.1f} nats")
    figure.axes[0].set_ylabel("$z_2$")
    labels = "codes of images, z ~ q(z|x)", "draws, z ~ p(z)", "draws in a hole: p(z) > 10 q(z)"
    figure.legend(axes.collections, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def draws_figure(models, drawn, holes, n=18):
    """What draws decode to: n from the holes of N(0, I), then n of each prior, as they come."""
    rows = [models["N(0, I)"].decode(drawn["N(0, I)"][holes["N(0, I)"]][:n])]
    rows += [model.decode(drawn[name][:n]) for name, model in models.items()]
    figure = Figure(figsize=(0.5 * n + 1.8, 0.55 * len(rows) + 0.2), layout="constrained")
    plots.label_rows(figure.subplots(), rows, ["N(0, I), its holes", *models], lines=[1])
    return figure


# %% One VAE, and how it goes on with each prior


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images, epochs and samples")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, hidden, before, epochs, n_test, m = (3000, 100, 5, 6, 100, 1000) if asked.quick else (
        30000, 200, 6, 8, 1000, 3000)
    data, rng = datasets.mnist(), np.random.default_rng(0)
    x, x_test = (datasets.binarize(images, rng)
                 for images in (data.train_images[:n], data.test_images[:n_test]))

    def train(model, epochs):
        npvae.fit(model, data.train_images[:n], epochs=epochs, learning_rate=3e-3, progress=False,
                  transform=datasets.binarize)

    start = npvae.vae(784, (hidden,), 2)
    train(start, before)
    found, models, drawn, holes, codes, log_px = ({} for _ in range(6))
    for name, prior in begun(start.encode(x[:50]).mu, x[:50]).items():
        model = models[name] = npvae.vae(784, (hidden,), 2, prior=prior)
        for block, value in start.blocks().items():
            model.blocks()[block][...] = value
        train(model, epochs)
        drawn[name] = model.prior.given(None, model).sample(np.random.default_rng(1), m)
        holes[name] = in_holes(model, x[:m], drawn[name])
        q = model.encode(x[:m])
        codes[name] = model.posterior.sample(q, model.draw_noise(np.random.default_rng(2), m))[0][0]
        parts = evaluation.kl_parts(model, x[:m], np.random.default_rng(3))
        log_px[name] = evaluation.log_evidence(model, x_test, np.random.default_rng(4), 200).log_px
        gain = log_px[name] - log_px["N(0, I)"]
        found[name] = {"in holes": float(holes[name].mean()),
                       "KL(q(z) || p(z))": parts.kl - parts.mutual_information,
                       "log_px": float(log_px[name].mean()),
                       "gain": float(gain.mean()), "error": float(gain.std() / np.sqrt(n_test))}
        print("{:>10}: {:5.1%} of its draws in holes, KL(q(z) || p(z)) {:.2f} nats; held-out log p(x) "
              "{:.2f} nats, {:+.2f} +- {:.2f}".format(name, *found[name].values()), flush=True)
    planes_figure(found, drawn, holes, codes).savefig(asked.out / "prior_that_learns.png", dpi=110)
    draws_figure(models, drawn, holes).savefig(asked.out / "prior_that_learns_draws.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
