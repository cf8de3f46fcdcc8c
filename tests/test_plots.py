"""Figures: what is drawn is what was given."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import npvae
from helpers import small_vae
from npvae import plots


def test_npvae_is_imported_without_matplotlib():
    code = ("import sys, npvae; assert 'matplotlib' not in sys.modules; npvae.plots; "
            "assert 'matplotlib.figure' in sys.modules; "
            "assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'npvae' has no attribute 'plot'"):
        npvae.plot


def test_tile_puts_images_side_by_side_row_by_row():
    images = np.arange(5)[:, None] * np.ones(6)
    canvas = plots.tile(images, (2, 3), columns=3)
    expected = np.kron([[0, 1, 2], [3, 4, 0]], np.ones((2, 3)))     # the last place is empty
    np.testing.assert_array_equal(canvas, expected)


def test_rows_of_images_have_their_names_beside_them(rng):
    axes = Figure().subplots()
    rows = rng.random((3, 4, 6))
    plots.label_rows(axes, rows, ["x", "AE", "VAE"], (2, 3), lines=[1])
    image = axes.images[0].get_array()
    np.testing.assert_allclose(image[4:6, 9:12], rows[2, 3].reshape(2, 3), rtol=1e-6)
    assert axes.images[0].get_clim() == (0, 1)
    np.testing.assert_array_equal(axes.get_yticks(), [1, 3, 5])     # the middle of each row
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "AE", "VAE"]
    assert list(axes.lines[0].get_ydata()) == [1.5, 1.5]            # between rows 0 and 1


def history():
    rows = [{"epoch": i, "loss": 9.0, "reconstruction": 8.0 / i, "kl": 1.0 * i, "seconds": 1.0}
            for i in (1, 2, 3)]
    for row in rows:
        row.update(val_loss=9.0, val_reconstruction=row["reconstruction"] + 1, val_kl=row["kl"] + 2)
    return rows


def test_training_curves_show_both_terms_and_their_sum(tmp_path):
    figure = plots.training_curves(history())
    total, reconstruction, kl = figure.axes
    np.testing.assert_allclose(total.lines[0].get_ydata(), [9, 6, 8 / 3 + 3])
    np.testing.assert_allclose(total.lines[1].get_ydata(), [12, 9, 8 / 3 + 6])
    np.testing.assert_allclose(reconstruction.lines[1].get_ydata(), [9, 5, 8 / 3 + 1])
    np.testing.assert_allclose(kl.lines[0].get_ydata(), [1, 2, 3])
    assert all(axes.get_ylabel() == "nats per x" for axes in figure.axes)
    figure.savefig(tmp_path / "curves.png")
    rows = [{k: v for k, v in row.items() if not k.startswith("val")} for row in history()]
    assert [len(axes.lines) for axes in plots.training_curves(rows).axes] == [1, 1, 1]


def test_reconstructions_are_below_their_originals(rng):
    x, x_hat = rng.random((2, 4, 6))
    image = plots.reconstructions(x, x_hat, (2, 3)).axes[0].images[0].get_array()
    np.testing.assert_allclose(image[:2, 3:6], x[1].reshape(2, 3), rtol=1e-6)
    np.testing.assert_allclose(image[2:, 3:6], x_hat[1].reshape(2, 3), rtol=1e-6)


def test_image_grid(rng):
    axes = plots.image_grid(rng.random((6, 6)), 3, (2, 3), "six images").axes[0]
    assert axes.images[0].get_array().shape == (4, 9) and axes.get_title() == "six images"


def test_the_manifold_decodes_the_quantiles_of_the_prior():
    model = small_vae(n_latent=2)
    drawn = plots.latent_manifold(model, 4, (3, 4)).axes[0].images[0]
    image = drawn.get_array()
    assert drawn.get_clim() == (0, 1)                          # white is 0, and not the least there is
    # lower left: both coordinates at the normal quantile 1/8; to the right z1 grows
    low, next_ = -1.1503493803760079, -0.31863936396437514
    np.testing.assert_allclose(image[9:, :4].ravel(), model.decode([[low, low]])[0], rtol=1e-6)
    np.testing.assert_allclose(image[9:, 4:8].ravel(), model.decode([[next_, low]])[0], rtol=1e-6)
    with pytest.raises(ValueError, match="model has 3 latent dimensions: 2 were expected"):
        plots.latent_manifold(small_vae())


def test_names_that_would_overlap_are_pushed_apart():
    points = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]])
    spread = plots.spread(points, np.array([1.0, 2.0]))
    np.testing.assert_allclose(spread, [[-0.45, 0], [0.55, 0], [5, 5]], atol=1e-6)


def test_the_scatter_shows_the_codes_with_their_labels(rng):
    labels = np.repeat([2, 4, 7, 8, 9], 10)
    mu = rng.standard_normal((50, 3)) + labels[:, None]
    figure = plots.latent_scatter(mu, labels, (2, 0))
    assert isinstance(figure, Figure)
    axes, bar = figure.axes
    np.testing.assert_allclose(axes.collections[0].get_offsets(), mu[:, [2, 0]])
    # categories have no order, and so no scale from dark to light: a colour each
    points = axes.collections[0]
    colours = points.to_rgba(points.get_array())
    assert len(np.unique(colours, axis=0)) == 5
    assert all(len(np.unique(colours[labels == label], axis=0)) == 1 for label in labels)
    assert axes.get_xlabel() == r"$\mu_{3}(x)$" and axes.get_ylabel() == r"$\mu_{1}(x)$"
    assert [text.get_text() for text in axes.texts] == ["2", "4", "7", "8", "9"]
    np.testing.assert_allclose(axes.texts[1].get_position(), np.median(mu[10:20], axis=0)[[2, 0]])
    assert [tick.get_text() for tick in bar.get_yticklabels()] == ["2", "4", "7", "8", "9"]
    with pytest.raises(ValueError, match=r"labels have shape \(49,\): \(50,\) was expected"):
        plots.latent_scatter(mu, labels[1:])


@pytest.mark.parametrize("model, given", [
    (npvae.vae(4, (8,), 2, prior="mixture_of_normals"), "the prior is Mixture"),
    (npvae.concrete_vae(4, (8,), 2), "the prior is "),
    (npvae.semi_supervised_vae(4, 2, (8,), 2), "model is SemiSupervisedVAE")])
def test_quantiles_are_those_of_a_standard_normal_prior(model, given):
    with pytest.raises(TypeError, match=f"^{given}"):
        plots.latent_manifold(model, shape=(2, 2))


def test_held_out_terms_come_together():
    row = {"epoch": 1, "reconstruction": 1.0, "kl": 2.0, "val_kl": 1.0}
    with pytest.raises(ValueError, match="val_reconstruction was expected, too"):
        plots.training_curves([row])
    assert plots.training_curves([{**row, "val_reconstruction": 1.0}]).axes
