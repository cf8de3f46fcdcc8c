"""Convolutions against dense layers, with equally many parameters.

The claim: of two VAEs with equally many parameters the convolutional one has the better ELBO on test
images, and takes the longer.

A dense layer learns for every pixel anew what a stroke looks like there. A convolution has one
small kernel for all places: far fewer numbers to learn for the same picture, and more pictures to
learn them from. Here two VAEs have the same number of parameters, within 1 %, the same latent
size, likelihood, optimizer, batches and seed; one has convolutions, the other dense layers.

What the convolutions save in parameters they cost in time: a kernel is used at every place.

    python examples/convolutional_vae.py [--quick]
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import npvae
from npvae import datasets, plots

# %% Two models of one size


def two_models(channels, n_latent=20):
    convolutional = npvae.convolutional_vae(n_latent=n_latent, channels=channels)
    size = convolutional.parameters.size
    # a dense VAE with H hidden units: (784 + 2 J + J + 784) H weights, and the biases
    n_hidden = round((size - 784 - 2 * n_latent) / (2 * 784 + 3 * n_latent + 2))
    dense = npvae.vae(n_hidden=(n_hidden,), n_latent=n_latent)
    return {"convolutional": convolutional, f"dense, {n_hidden} hidden": dense}


# %% The figure


def comparison_figure(histories, models, x):
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    styles = (("-o", plots.BLUE), ("--s", plots.ORANGE))
    for (name, history), (style, colour) in zip(histories.items(), styles):
        epochs = [row["epoch"] for row in history]
        left.plot(epochs, [row["val_loss"] for row in history], style, ms=4, color=colour, label=name)
    left.set(xlabel="epoch", ylabel="test -ELBO, nats per image", title="equally many parameters")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.legend(frameon=False, fontsize=9)
    rows = [x] + [model.reconstruct(x) for model in models.values()]
    plots.label_rows(right, rows, ["x", *(name.split(",")[0] for name in models)])
    right.set_title("test images, reconstructed", fontsize=12)
    return figure


# %% Training both


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    data = datasets.mnist()
    n, channels, epochs, rate = ((5000, (9, 16), 3, 4e-3) if asked.quick else
                                 (60000, (16, 32), 4, 2e-3))
    x_test = data.test_images[:1000] if asked.quick else data.test_images

    models, histories, result = two_models(channels), {}, {}
    for name, model in models.items():
        print(f"{name}: {model.parameters.size:,} parameters")
        histories[name] = npvae.fit(model, data.train_images[:n], validation=x_test, epochs=epochs,
                                    learning_rate=rate)
        last = histories[name][-1]
        result[name.split(",")[0]] = dict(parameters=model.parameters.size, loss=last["val_loss"],
                                          seconds=sum(row["seconds"] for row in histories[name]))
    conv, dense = result["convolutional"], result["dense"]
    print(f"test -ELBO after {epochs} epochs: convolutional {conv['loss']:.2f}, dense "
          f"{dense['loss']:.2f} nats per image; time {conv['seconds'] / dense['seconds']:.0f} to 1")
    comparison_figure(histories, models, x_test[:8]).savefig(
        asked.out / "convolutional_vae.png", dpi=110)
    return result


if __name__ == "__main__":
    main()
