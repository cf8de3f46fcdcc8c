"""What the mutation run found unseen: a test of meaning each. See `mutation_run.py`."""

import os
import re
import warnings

import numpy as np
import pytest
from scipy import stats

import npvae
from npvae import autoencoder, convolutional_vae, datasets, files, gradcheck, plots, vae
from npvae.distributions.flows import FlowGaussian
from npvae.distributions.pixels import DiscretizedLogistic
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.door import Model
from npvae.evaluation import AnomalyDetector, latent_moments
from npvae.gradcheck import rows
from npvae.gradcheck.differences import relative_error
from npvae.gradcheck.table import TABLE
from npvae.inputs import as_double
from npvae.learning.finite import advice
from npvae.learning.progress import Progress
from npvae.networks import Layer
from npvae.objectives import ELBO, Free, FreeBits
from npvae.objectives.costs import best_cost
from test_pairs import model_of


@pytest.mark.skipif(files.fcntl is None, reason="there are no such locks here")
def test_a_lock_that_somebody_deleted_does_not_end_the_run(tmp_path):
    with files.sole_writer(tmp_path / "run.npz"):
        (tmp_path / "run.npz.lock").unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_deleted_is_no_longer_at_its_path(tmp_path):
    with open(tmp_path / "run.npz", "w") as file:
        assert files.is_at(file, tmp_path / "run.npz")
        if os.name == "posix":                                 # elsewhere none that is open can be
            (tmp_path / "run.npz").unlink()
            assert not files.is_at(file, tmp_path / "run.npz")


def test_two_draws_tell_as_much_as_many_of_the_variance_of_the_mean(rng):
    """What q(z|x) draws adds its variance / L to that of the means of L draws: unbiased, even of two."""
    model = model_of(FlowGaussian(2, "planar planar planar"), "standard_normal", scale=0.4)
    x = rng.random((4000, 10)).astype(np.float32)
    two, many = (latent_moments(model, x, n_samples=n) for n in (2, 100))
    own = many.variance - many.variance_of_mean
    error = (own + many.variance) * np.sqrt(2 / len(x))
    assert (error < 0.05 * own).all()                        # a biased variance were off by own / 4
    np.testing.assert_array_less(np.abs(two.variance_of_mean - many.variance_of_mean), 4 * error)
    np.testing.assert_array_less(np.abs(two.variance - many.variance), 4 * error)


class RightNearTheMean(DiagonalGaussian):
    """Its slope is wrong more than six standard deviations away, where hardly a z is drawn."""

    def slope(self, drawn):
        return -np.clip(drawn.eps, -6, 6) / drawn.q.std


def test_the_check_of_a_posterior_looks_at_a_z_that_was_not_drawn(rng):
    h = np.concatenate([rng.standard_normal((4, 2)), np.full((4, 2), -6.0)], axis=1)     # std 0.05
    eps = rng.standard_normal((3, 4, 2))
    assert gradcheck.check_posterior(DiagonalGaussian(2), h, eps, rng).passed
    report = gradcheck.check_posterior(RightNearTheMean(2), h, eps, rng)
    assert [row.block for row in report.rows if not row.passed] == ["z"]


@pytest.mark.parametrize("objective", [ELBO, FreeBits])
def test_a_cost_that_is_none_is_refused_where_the_objective_is_made(objective):
    with pytest.raises(TypeError, match="cost is 'KL': a cost, such as KL"):
        objective(cost="KL")


def test_a_score_that_is_no_number_is_named_with_its_row(rng):
    x = rng.random((50, 6)).astype(np.float32)
    detector = AnomalyDetector(vae(6, (4,), 2, likelihood="gaussian"), x, "negative_elbo", n_samples=2)
    far = x[:3] * np.array([[1], [1e25], [1]], np.float32)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"the score is \w+ at index \(1,\)"):
        detector.score(far)


def test_the_bar_is_full_when_the_epoch_is(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    show = Progress(epochs=1, steps=10)
    for step in (5, 10):
        now[0] += 1.0
        show.step(epoch=0, step=step, batch_size=50, loss=1.5)
    found = re.findall(r"\[(#*)(\.*)\]", capsys.readouterr().out)
    assert found == [("#" * 10, "." * 10), ("#" * 20, "")]


def test_what_went_wrong_is_said_though_the_unfinished_file_is_gone(tmp_path, monkeypatch):
    def full(file, **arrays):
        unfinished, = tmp_path.iterdir()
        unfinished.unlink()
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        files.write_npz(tmp_path / "model.npz", theta=np.zeros(3))
    assert list(tmp_path.iterdir()) == []


def test_the_manifold_says_where_it_was_decoded():
    """Of the six images in a row, at (1/12, 3/12, ...) of the probability; z = 0 is in the middle."""
    axes, = plots.latent_manifold(vae(12, (4,), 2), n=6, shape=(3, 4)).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$z_1$", "$z_2$")
    for axis, length, turn in ((axes.xaxis, 6 * 4, 1), (axes.yaxis, 6 * 3, -1)):
        places = dict(zip((label.get_text() for label in axis.get_ticklabels()), axis.get_ticklocs()))
        assert list(places) == ["-2", "-1", "0", "1", "2"]
        assert places["0"] == pytest.approx(length / 2 - 0.5)
        assert places["2"] - places["0"] == pytest.approx(turn * length * (stats.norm.cdf(2) - 0.5))


def test_a_title_needs_its_room():
    plain, titled = (plots.image_grid(np.zeros((6, 12)), 3, (3, 4), title) for title in (None, "six"))
    assert titled.get_figheight() == pytest.approx(plain.get_figheight() + 0.4)
    assert titled.axes[0].get_title() == "six" and plain.axes[0].get_title() == ""


def test_an_activation_that_is_none_is_refused_by_name_in_a_convolutional_model():
    with pytest.raises(ValueError, match="activation is 'sine'"):
        convolutional_vae(8, (2, 3), 2, activation="sine")


def test_of_a_point_there_is_no_kl(rng):
    """So it costs nothing, and not infinitely much."""
    model = autoencoder(12, (4,), 2)
    cost = best_cost(model.posterior, model.encode(rng.random((3, 12))), model.prior)
    assert cost == Free()


@pytest.mark.parametrize("kind", [kind for kind in (*npvae.Cost.members.values(),
                                                    *npvae.Objective.members.values())
                                  if kind.__module__.startswith("npvae.")])
def test_an_objective_and_its_cost_stay_what_they_were_made(kind):
    """One may stand in many models."""
    assert kind.__dataclass_params__.frozen


# ---- edges ---------------------------------------------------------------------------------


def test_a_level_may_be_off_by_a_thousandth_of_a_step():
    DiscretizedLogistic(2).check(np.array([[0.001, 1.0]]), "x")
    with pytest.raises(ValueError, match="x is off by 0.0011 levels"):
        DiscretizedLogistic(2).check(np.array([[0.0011, 1.0]]), "x")


def test_the_advice_names_the_size_of_a_column_whose_squares_float32_cannot_hold():
    x = np.tile(np.array([1.0, 1e25], np.float32), (3, 1))
    assert advice({"x": x}).startswith("column 1 of x is of size 1e+25")


def test_pixels_in_float64_are_drawn_as_finely():
    """Probabilities that lie 1e-12 above and below the uniform numbers: float32 has no such numbers."""
    above = np.arange(60).reshape(4, 15) % 2
    uniform = np.random.default_rng(8).random(above.shape)
    drawn = datasets.binarize(uniform + 1e-12 * (2 * above - 1), np.random.default_rng(8))
    np.testing.assert_array_equal(drawn, above)


def test_a_block_that_passed_is_ok_in_the_table(rng):
    report = gradcheck.check_posterior(DiagonalGaussian(2), rng.standard_normal((3, 4)),
                                       rng.standard_normal((2, 3, 2)), rng)
    assert [row.verdict for row in report.rows] == ["ok"] * len(report.rows)
    assert str(report).count(" ok ") == len(report.rows)


class Named(Layer):
    def __init__(self, n, *sizes, **options):
        super().__init__()


def test_a_call_is_written_with_options_of_any_name():
    assert repr(Named(3, 4, 5, rate=0.5, name="a")) == "Named(3, 4, 5, rate=0.5, name='a')"


def test_the_shape_that_was_expected_is_said_number_by_number():
    with pytest.raises(ValueError, match=re.escape("has shape (2, 3): (any, 4) was expected")):
        as_double(np.zeros((2, 3)), "x", None, 4)


@pytest.mark.parametrize("verb, arguments", [("forward", (1, 2)), ("backward", (1,)),
                                             ("draw_noise", (1, 2)), ("check_data", (1, "x"))])
def test_a_model_of_ones_own_without_a_verb_says_so(verb, arguments):
    with pytest.raises(NotImplementedError):
        getattr(Model(), verb)(*arguments)


def test_two_arrays_of_zeros_agree():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0.0


def test_a_cast_to_real_numbers_is_in_the_report_and_no_warning(rng):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        report = gradcheck.check_function(lambda x: x.astype(np.float64)**2, lambda dy, x: (2 * x * dy,),
                                          np.array([1.0, 2.0]), rng=rng)
    assert [row.verdict for row in report.rows] == ["LOST"] and not warned


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("recipes.")])
def test_a_model_is_checked_where_no_parameter_is_near_zero(name, rng, monkeypatch):
    """With weights of zero most gradients vanish, and agree with anything."""
    assert np.abs(rows.moved(vae(6, (5,), 2), rng).parameters.theta).min() >= 0.2
    seen = []
    monkeypatch.setattr(rows, "check_model", lambda model, *arguments, **options: seen.append(model))
    TABLE[name](rows.Sizes(), rng)
    assert np.abs(seen[0].parameters.theta).min() > 0.05


def test_a_variance_that_is_forgotten_backward_is_seen_by_the_table(rng, monkeypatch):
    """Which looks at a Gaussian whose variance is not 1."""
    monkeypatch.setattr(npvae.likelihoods.Gaussian, "backward_terms",
                        lambda likelihood, dterms, error: dterms * error)
    assert not TABLE["likelihoods.Gaussian"](rows.Sizes(), rng).passed


def test_a_table_of_parts_counts_where_there_is_something_to_count():
    """A dense layer has parameters, a ReLU none: an empty cell, and no 0."""
    dense, relu = (line for line in str(vae(6, (5,), 2)).splitlines() if "encoder.0" in line or
                   "encoder.1" in line)
    assert dense.split()[-1] == "35" and relu.split() == ["encoder.1", "ReLU()"]


def test_a_model_made_by_hand_has_a_repr():
    recipes = vae(6, (5,), 2)
    parts = recipes.encoder, recipes.posterior, recipes.prior, recipes.decoder, recipes.likelihood
    model = npvae.VAE(*(part.copy() for part in parts), n_data=6)
    assert repr(model).startswith("VAE(") and repr(recipes).startswith("vae(")
