"""Train a variational autoencoder on MNIST: the main job.

The claim: in training the reconstruction falls and the KL rises, and their sum, -ELBO, falls on the
test images as well.

The loss is a price in nats, and it has two parts. The *reconstruction* is what is
still unknown of an image once its code z is known; the *KL* is what the code itself
tells. Their sum is the negative ELBO, for binary images an upper bound on -log p(x).
Watch them while it trains: the reconstruction falls, the KL rises, because the code is
being put to use, and the sum falls. The test images are watched, too, after each epoch;
nothing is chosen by them.

    python examples/train_vae.py                      # a minute on two cores
    python examples/train_vae.py --quick              # a few seconds, for a look
    python examples/train_vae.py --latent 2           # a latent space that can be drawn
    python examples/train_vae.py --resume             # go on after Ctrl-C

Figures, the model and its checkpoint go to the folder `out/`. (The checkpoint of an earlier run is
kept there as `checkpoint_before.npz`.)
"""

import argparse
from pathlib import Path

import numpy as np

import npvae
from npvae import datasets, plots

# %% The options


def options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a .npz like MNIST's, or a folder of IDX files; "
                                       "left out: the MNIST that is shipped")
    parser.add_argument("--hidden", type=int, nargs="+", default=[400],
                        help="hidden sizes of the encoder (default: 400)")
    parser.add_argument("--latent", type=int, default=20, help="latent dimensions (default: 20)")
    parser.add_argument("--likelihood", default="bernoulli",
                        choices=["bernoulli", "gaussian", "tied_gaussian",
                                 "heteroscedastic_gaussian"])
    parser.add_argument("--variance", type=float,
                        help="of a Gaussian likelihood (default: 0.05)")
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL (default: 1)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3, help="of Adam (default: 0.001)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    parser.add_argument("--resume", action="store_true", help="from the checkpoint in the folder")
    parser.add_argument("--quick", action="store_true",
                        help="two epochs on 10,000 images, tested on 1,000")
    return parser.parse_args(arguments)


# %% Train, evaluate, draw


def main(arguments=None):
    asked = options(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist() if asked.data is None else datasets.load_images(asked.data)
    x, x_test, labels = data.train_images, data.test_images, data.test_labels
    epochs = asked.epochs
    if round(np.sqrt(x.shape[1]))**2 != x.shape[1]:
        raise SystemExit(f"{asked.data}: images of {x.shape[1]} pixels are not square")
    if asked.quick:
        x, x_test, labels, epochs = x[:10000], x_test[:1000], labels[:1000], 2

    variance = asked.variance
    if variance is None:
        variance = 0.05 if asked.likelihood == "gaussian" else 1.0
    model = npvae.vae(x.shape[1], asked.hidden, asked.latent, likelihood=asked.likelihood,
                      variance=variance, beta=asked.beta, seed=asked.seed)
    print(f"{model.parameters.size:,} parameters, {len(x):,} images; nats per image:")
    checkpoint = asked.out / "checkpoint.npz"
    if checkpoint.exists() and not asked.resume:          # `fit` overwrites no other run's
        checkpoint.replace(asked.out / "checkpoint_before.npz")
    try:
        history = npvae.fit(model, x, validation=x_test, epochs=epochs, batch_size=asked.batch,
                            learning_rate=asked.rate, seed=asked.seed, resume=asked.resume,
                            checkpoint=checkpoint)
    except KeyboardInterrupt:
        print(f"\ninterrupted; --resume goes on from {checkpoint}")
        return None

    terms = npvae.evaluate(model, x_test, seed=asked.seed)
    print(f"test: reconstruction {terms.reconstruction:.2f} + KL {terms.kl:.2f} "
          f"= -ELBO {-terms.elbo:.2f} nats per image")
    npvae.save(asked.out / "model.npz", model)
    for name, figure in figures(model, history, x_test, labels).items():
        figure.savefig(asked.out / f"{name}.png", dpi=110)
    print(f"figures, model.npz and checkpoint.npz are in {asked.out}/")
    return terms


def figures(model, history, x_test, labels):
    """The page of figures, by name."""
    side = round(np.sqrt(x_test.shape[1]))
    shape = (side, side)
    rng = np.random.default_rng(0)
    mu = model.encode(x_test).mu
    strongest = np.sort(np.argsort(mu.var(axis=0))[-2:])       # the two dimensions most in use
    drawn = {
        "training": plots.training_curves(history),
        "reconstructions": plots.reconstructions(x_test[:12], model.reconstruct(x_test[:12]), shape),
        "samples": plots.image_grid(model.sample(rng, 100), 10, shape,
                                    "decoded from z ~ N(0, I)"),
        "latent": plots.latent_scatter(mu, labels, strongest if model.n_latent > 1 else (0, 0)),
    }
    if model.n_latent == 2:
        drawn["manifold"] = plots.latent_manifold(model, 20, shape)
    return drawn


if __name__ == "__main__":
    main()
