"""Figures say what they show, and show nothing that they were not given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import npvae
from helpers import small_vae
from npvae import plots

X = np.random.default_rng(0).random((4, 6))
MU = np.random.default_rng(1).standard_normal((4, 2))
HISTORY = [{"epoch": i, "loss": 9.0, "reconstruction": 8.0, "kl": 1.0, "val_loss": 9.0,
            "val_reconstruction": 9.0, "val_kl": 2.0, "seconds": 1.0} for i in (1, 2)]


def test_training_curves_are_labelled_by_what_they_are():
    figure = plots.training_curves(HISTORY)
    assert [axes.get_title() for axes in figure.axes] == [
        "-ELBO", "reconstruction, $-\\log p(x|z)$", "KL"]
    for axes in figure.axes:
        assert axes.get_xlabel() == "epoch"
        train, held_out = axes.lines
        assert train.get_label() == "train, mean over the epoch" and train.get_linestyle() == "--"
        assert held_out.get_label() == "held out, after the epoch" and held_out.get_linestyle() == "-"
        assert held_out.get_ydata()[0] > train.get_ydata()[0]            # as in the history
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [
            "train, mean over the epoch", "held out, after the epoch"]
        assert list(train.get_xdata()) == [1, 2]


def rows(*several, names="ab", shape=(2, 3), **options):
    return plots.label_rows(Figure().subplots(), several, list(names), shape, **options)


CASES = {
    "history by name": (lambda: plots.training_curves("run"), "a row of history is 'r': a dict"),
    "history of one row": (lambda: plots.training_curves(HISTORY[0]), "history is .*: a list of epochs"),
    "history without kl": (lambda: plots.training_curves([{"epoch": 1, "reconstruction": 2.0}]),
                           "a row of history holds epoch, reconstruction: kl was expected, too"),
    "history of NaN": (lambda: plots.training_curves([{**HISTORY[0], "val_kl": np.nan}]),
                       "val_kl in history is nan: a finite number"),
    "images with a NaN": (lambda: plots.image_grid(X * np.nan, 2, (2, 3)), r"images is nan at index"),
    "images 0 to 255": (lambda: plots.image_grid((X * 255).astype(np.uint8), 2, (2, 3)),
                        "images are integers up to .*: pixels in .0, 1. were expected; divide"),
    "images of text": (lambda: plots.image_grid(X.astype(str), 2, (2, 3)), "images has dtype <U"),
    "no images": (lambda: plots.image_grid(X[:0], 2, (2, 3)), r"images have shape \(0, 6\)"),
    "images not flat": (lambda: plots.image_grid(X.reshape(4, 2, 3), 2, (2, 3)),
                        r"images have shape \(4, 2, 3\): \(n, 6\) was expected"),
    "a number for shape": (lambda: plots.image_grid(X, 2, 6), "shape is 6: height and width"),
    "a negative shape": (lambda: plots.image_grid(X, 2, (-2, -3)), "a size in shape is -2"),
    "three sizes": (lambda: plots.tile(X, (1, 2, 3), 2), r"shape is \(1, 2, 3\): height and width"),
    "tile by no columns": (lambda: plots.tile(X, (2, 3), 0), "columns is 0"),
    "a number for a title": (lambda: plots.image_grid(X, 2, (2, 3), title=3), "title is 3: a text"),
    "x is None": (lambda: plots.reconstructions(None, X, (2, 3)), "x has dtype object"),
    "an array for a model": (lambda: plots.latent_manifold(X), "model is ndarray: a VAE was expected"),
    "codes with a NaN": (lambda: plots.latent_scatter(MU * np.nan, [0] * 4), "mu is nan at index"),
    "codes of one row": (lambda: plots.latent_scatter(MU[0], [0, 1]), r"mu has shape \(2,\)"),
    "labels with a NaN": (lambda: plots.latent_scatter(MU, [0, 1, 2, np.nan]), "labels is nan at index"),
    "labels None": (lambda: plots.latent_scatter(MU, None), "labels have dtype object"),
    "one dimension": (lambda: plots.latent_scatter(MU, [0] * 4, 1), "dimensions is 1: a sequence"),
    "half a dimension": (lambda: plots.latent_scatter(MU, [0] * 4, (0, .5)), "dimensions is .*: two of"),
    "rows of unequal lengths": (lambda: rows(X, X[:3]), "rows have 4, 3 images, and names is"),
    "one name too few": (lambda: rows(X, X, names="a"), "rows have 4, 4 images, and names is .'a'."),
    "no rows": (lambda: rows(names=""), "rows have no images"),
    "a line below all": (lambda: rows(X, X, lines=[2]), r"lines is \[2\]: rows from 0 to 1"),
    "a figure for axes": (lambda: plots.label_rows(Figure(), [X], ["a"], (2, 3)), "axes is .*Axes was"),
}


@pytest.mark.parametrize("call, message", CASES.values(), ids=CASES)
def test_what_cannot_be_drawn_is_refused_by_name(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize("labels", [[0, 1, 2, 1], ["a", "b", "c", "b"], [0.5, 1.5, 2.0, 1.5],
                                    [True, False, True, True]])
def test_labels_of_any_kind_are_written(labels):
    axes = plots.latent_scatter(MU, labels).axes[0]
    assert [text.get_text() for text in axes.texts] == [str(label) for label in np.unique(labels)]


def test_sequences_of_any_kind_choose_what_is_drawn():
    for dimensions in ((1, 0), [1, 0], np.array([1, 0]), range(1, -1, -1)):
        axes = plots.latent_scatter(MU, [0, 1, 2, 1], dimensions).axes[0]
        np.testing.assert_array_equal(axes.collections[0].get_offsets(), MU[:, ::-1])
    for lines in ((0, 1), range(2), np.arange(2)):
        axes = Figure().subplots()
        plots.label_rows(axes, [X, X], ["x", "y"], (2, 3), lines)
        assert [line.get_ydata()[0] for line in axes.lines] == [-0.5, 1.5]


def test_bits_and_decoded_means_are_drawn_as_they_are():
    bits = X > 0.5
    for images in (bits, bits.astype(np.uint8), bits.tolist(), bits.astype(np.float16)):
        np.testing.assert_array_equal(plots.tile(images, (2, 3), 1), bits.reshape(8, 3))
    beyond = 3.0 * X - 1.0                                   # as a Gaussian likelihood's means may be
    image = plots.image_grid(beyond, 1, (2, 3)).axes[0].images[0]
    assert image.get_clim() == (0, 1)
    np.testing.assert_allclose(image.get_array(), beyond.reshape(8, 3), rtol=1e-6)


def test_what_a_name_of_plots_star_brings():
    for name in plots.__all__:
        assert callable(getattr(npvae.plots, name))
    with pytest.raises(ValueError, match="condition is missing"):
        plots.latent_manifold(npvae.conditional_vae(6, 3, (5,), 2), 3, (2, 3))
    assert plots.latent_manifold(small_vae(6, n_latent=2), 3, (2, 3)).axes
