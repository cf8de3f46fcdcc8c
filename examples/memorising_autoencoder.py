"""An autoencoder that is too strong memorises: its code is an index, not a description.

The claim: from few images an autoencoder learns these by heart and loses new ones, a VAE of the same
networks does less of both, and with many images the two errors come together.

Three numbers for an image is little; but a number has room for any index, and a strong decoder
can keep all the training images in its weights. Then the error on them falls towards nothing,
and a new image comes back as a muddle of old ones: worse than if the decoder always answered
with the mean image.

The same networks as a VAE cannot do so as well: its code has noise in it, and pays for each nat by
which it rises above the noise (the KL). Neither are the training images kept so exactly, nor are the
new ones lost so badly. With more images, memory runs out, and both have to learn what digits are.

Every model here takes the same number of steps.

    python examples/memorising_autoencoder.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

import npvae
from npvae import datasets, plots

J = 3

# %% The same number of steps, on more or fewer images


def trained(recipe, x, n_hidden, steps, batch_size, rate):
    model, epochs = recipe(784, n_hidden, J), steps * batch_size // len(x)
    npvae.fit(model, x, epochs=epochs, batch_size=batch_size, progress=False,
              learning_rate=npvae.schedules.Cosine(rate, epochs))
    return model


def squared_error(x, x_hat):
    return float(np.square(x - x_hat).sum(axis=1).mean())


# %% Figures


def error_figure(sizes, errors, mean_image):
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, colour, marker in (("AE", plots.ORANGE, "o"), ("VAE", plots.BLUE, "s")):
        for part, style in (("new images", "-"), ("training images", "--")):
            axes.semilogx(sizes, [errors[name, n][part] for n in sizes], style, color=colour,
                          marker=marker, label=f"{name}, {part}")
    axes.axhline(mean_image, color=plots.GREY, ls=":", label="the mean image for all, new images")
    axes.set(xlabel="training images", ylabel="squared error per image", ylim=(0, None))
    axes.legend(frameon=False, fontsize=9)
    return figure


def pictures_figure(models, x, new):
    """Of the models with the fewest images: what they give back of those, and of new ones."""
    rows, names = [x], ["a training image"]
    for name, model in models.items():
        rows.append(model.reconstruct(x))
        names.append(f"{name} gives back")
    rows.append(new)
    names.append("a new image")
    for name, model in models.items():
        rows.append(model.reconstruct(new))
        names.append(f"{name} gives back")
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    axes = figure.subplots()
    plots.label_rows(axes, rows, names, lines=[3])
    return figure


# %% Train and compare


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    sizes, *training = (((100, 1000), (100, 100), 400, 20, 8e-3) if asked.quick else
                        ((100, 300, 1000, 10000), (400, 200), 2000, 50, 1e-3))
    data = datasets.mnist()
    new = data.test_images[:1000 if asked.quick else 2000]
    mean_image = squared_error(new, data.train_images.mean(axis=0))
    print(f"squared error of the mean image, on new images: {mean_image:.1f}")
    errors, few = {}, {}
    for n in sizes:
        x = data.train_images[:n]
        for name, recipe in (("AE", npvae.autoencoder), ("VAE", npvae.vae)):
            model = trained(recipe, x, *training)
            if n == sizes[0]:
                few[name] = model
            errors[name, n] = {"training images": squared_error(x, model.reconstruct(x)),
                               "new images": squared_error(new, model.reconstruct(new))}
            print(f"{n:6,} images, {name:3}: " + ", ".join(
                f"{error:5.1f} on {part}" for part, error in errors[name, n].items()))
    nearest = cdist(new, data.train_images[:sizes[0]], "sqeuclidean").min(axis=1).mean()
    print(f"from a new image to the nearest of {sizes[0]} training images: {nearest:.1f}")
    error_figure(sizes, errors, mean_image).savefig(
        asked.out / "memorising_autoencoder_errors.png", dpi=110)
    pictures_figure(few, data.train_images[:14], new[:14]).savefig(
        asked.out / "memorising_autoencoder_pictures.png", dpi=110)
    return {"mean image": mean_image, **errors}


if __name__ == "__main__":
    main()
