"""Saved models: what is written is read again, and nothing else is."""

import json

import numpy as np
import pytest

import npvae
from helpers import batch, small_of, small_vae
from npvae.distributions.columns import Columns
from npvae.files import write_npz
from npvae.learning import checkpoints
from npvae.recipes import RECIPES


def test_a_saved_model_is_built_again_by_its_recipe(tmp_path, rng):
    for dtype in (np.float32, np.float64):
        model = small_vae(dtype=dtype, likelihood="tied_gaussian", beta=2.0)
        npvae.save(tmp_path / "model.npz", model)
        again = npvae.load(tmp_path / "model.npz")
        x, eps = batch(model, rng)
        assert again.loss(x, eps).value == model.loss(x, eps).value
        assert again.parameters.dtype == dtype
        assert again.config == model.config


@pytest.mark.parametrize("objective", [npvae.ELBO(beta=4.0), npvae.ELBO(cost=npvae.SampledKL()),
                                       npvae.FreeBits(free=0.3), npvae.ScoreFunction()])
def test_the_objective_is_saved_with_the_model(objective, tmp_path):
    model = small_vae()
    model.objective = objective
    npvae.save(tmp_path / "model.npz", model)
    assert npvae.load(tmp_path / "model.npz").objective == objective


def test_every_recipe_is_built_again(tmp_path):
    for name in RECIPES:
        model = small_of(name, seed=3)
        npvae.save(tmp_path / "model.npz", model)
        again = npvae.load(tmp_path / "model.npz")
        assert again.config == model.config and again.config["recipe"] == name
        np.testing.assert_array_equal(again.parameters.theta, model.parameters.theta)


def test_saved_files_have_the_usual_permissions(saved):
    saved.with_name("other").touch()
    assert saved.stat().st_mode == saved.with_name("other").stat().st_mode


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path, model = tmp_path / "model.npz", small_vae()
    npvae.save(path, model)
    before = path.read_bytes()

    def full_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        npvae.save(path, model)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_another_architecture_is_refused_by_its_first_block(tmp_path):
    path = tmp_path / "model.npz"
    npvae.save(path, small_vae(n_hidden=(7, 5)))
    model = small_vae(n_hidden=(8, 5))
    before = model.parameters.theta.copy()
    with pytest.raises(ValueError, match=r"another architecture: block 'encoder.0.W' is \(12, 7\) "
                                         r"in the file and \(12, 8\) in the model"):
        npvae.load_into(path, model)
    with pytest.raises(ValueError, match=r"'likelihood.logvar' is absent in the file and \(1,\) in "):
        npvae.load_into(path, small_vae(n_hidden=(7, 5), likelihood="tied_gaussian"))
    np.testing.assert_array_equal(model.parameters.theta, before)
    with pytest.raises(ValueError, match="holds float64 parameters: float32 was expected"):
        npvae.load_into(path, small_vae(dtype=np.float32))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.npz"
    npvae.save(path, small_vae(dtype=np.float32))
    return path


def test_truncated_files_are_refused(saved):
    whole = saved.read_bytes()
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="model.npz is no .npz file, or is damaged"):
            npvae.load(saved)


def test_a_flipped_bit_in_the_parameters_is_noticed(saved):
    whole = bytearray(saved.read_bytes())
    with np.load(saved) as file:
        position = bytes(whole).index(file["theta"].tobytes()) + 100
    whole[position] ^= 16
    saved.write_bytes(whole)
    with pytest.raises(ValueError, match="damaged"):
        npvae.load(saved)


def test_foreign_files_are_refused(saved, tmp_path):
    np.savez(saved, a=np.ones(3))
    with pytest.raises(ValueError, match="no npvae checkpoint"):
        npvae.load(saved)
    saved.write_text("a text, no archive")
    with pytest.raises(ValueError, match="no .npz file"):
        npvae.load(saved)
    np.savez(saved, header=np.array([{"a": 1}], dtype=object))        # needs pickle to be read
    with pytest.raises(ValueError, match="no .npz file"):
        npvae.load(saved)
    with pytest.raises(FileNotFoundError):
        npvae.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize("change, message", [
    ({"format": "another"}, "has the format 'another': 'npvae' was expected"),
    ({"version": 99}, "written by a later npvae"),
    ({"config": None}, "holds a model of the recipe None; known are vae"),
    ({"config": {"recipe": "gan"}}, "holds a model of the recipe 'gan'"),
    ({"version": "new"}, "no npvae checkpoint"),
    ({"config": {"recipe": "vae", "depth": 3}}, "holds a model that cannot be built: .*depth"),
    ({"config": {"recipe": "vae", "n_data": -3}}, "holds a model that cannot be built: n_data is -3"),
    ({"objective": ["Loss", {}]}, "holds a model that cannot be built: 'Loss'")])
def test_headers_that_cannot_be_followed_are_refused(saved, change, message):
    header, arrays = checkpoints.read(saved)
    header = np.frombuffer(json.dumps({**header, **change}).encode(), np.uint8)
    write_npz(saved, header=header, **arrays)
    with pytest.raises(ValueError, match=message):
        npvae.load(saved)


def test_parameters_of_another_size_are_not_spread_over_the_model(saved):
    with np.load(saved) as file:
        arrays = dict(file)
    for size, message in ((1, "its sizes ask for more weights than it has"),
                          (324, r"holds theta of shape \(324,\): \(325,\) was expected")):
        arrays["theta"] = np.ones(size, np.float32)
        write_npz(saved, **arrays)
        with pytest.raises(ValueError, match=message):
            npvae.load(saved)


# ---- what was set, and how it was written ------------------------------------------------

@pytest.mark.parametrize("columns", [range(2), np.arange(2), [np.int64(0), np.int64(1)], (0, 1)])
def test_columns_are_kept_however_they_were_given(columns, tmp_path):
    likelihood = Columns([(npvae.likelihoods.Gaussian(), columns), (npvae.likelihoods.Bernoulli(), [2])])
    model = npvae.vae(3, (4,), 2, likelihood=likelihood)
    npvae.save(tmp_path / "model.npz", model)
    again = npvae.load(tmp_path / "model.npz")
    assert again.likelihood.columns == [[0, 1], [2]]
    np.testing.assert_array_equal(again.parameters.theta, model.parameters.theta)


class Weighed(npvae.likelihoods.Gaussian):
    """A likelihood of one's own with an array for an argument."""

    def __init__(self, weights=None):
        super().__init__()
        self.weights = np.ones(1) if weights is None else np.asarray(weights)


@pytest.mark.parametrize("n, alone", [(6, True), (500, False)])
def test_a_part_with_an_array_is_saved(n, alone, tmp_path):
    """A short one is written down, and the file can be read alone; no training is lost by a long one."""
    make = lambda: npvae.vae(6, (5,), 2, likelihood=Weighed(np.arange(n) / n))
    model, path = make(), tmp_path / "model.npz"
    npvae.fit(model, np.eye(6), epochs=1, progress=False, checkpoint=path)
    again = npvae.load(path) if alone else make()
    npvae.load_into(path, again)
    np.testing.assert_array_equal(again.likelihood.weights, np.arange(n) / n)
    np.testing.assert_array_equal(again.parameters.theta, model.parameters.theta)
    if not alone:
        with pytest.raises(ValueError, match="Build the model yourself"):
            npvae.load(path)


class Hidden(npvae.likelihoods.Gaussian):
    """A likelihood of one's own, that computes with what it names by an underscore."""

    def __init__(self, scale):
        super().__init__()
        self._scale = scale

    def log_terms(self, x, mean):
        terms, cache = super().log_terms(x, mean)
        return terms * self._scale, cache


class Memo(npvae.likelihoods.Gaussian):
    """A likelihood of one's own, that notes what it has computed once."""

    def log_terms(self, x, mean):
        self._ones = np.ones(mean.shape[-1], mean.dtype)
        terms, cache = super().log_terms(x, mean)
        return terms * self._ones, cache


class Counted:
    """A transform that keeps a table in its class."""

    tables = {}

    def __call__(self, x, rng):
        self.tables[len(self.tables)] = x.shape
        return x


def test_a_note_that_is_made_while_it_runs_is_no_other_model(tmp_path):
    path, x = tmp_path / "run.npz", np.random.default_rng(0).standard_normal((12, 4))

    def run(epochs):
        return npvae.fit(npvae.vae(4, (5,), 2, likelihood=Memo()), x, epochs=epochs, checkpoint=path,
                         resume=True, progress=False, transform=Counted())

    with pytest.warns(UserWarning, match="tables"):
        assert len(run(1)) == 1 and len(run(2)) == 2
    npvae.load_into(path, npvae.vae(4, (5,), 2, likelihood=Memo()))


def test_what_a_part_keeps_under_an_underscore_is_compared(tmp_path):
    """But not how it was written: 2 and 2.0 do the same."""
    def made(scale):
        return npvae.vae(4, (5,), 2, likelihood=Hidden(scale))

    path = tmp_path / "hidden.npz"
    npvae.save(path, made(2.0))
    npvae.load_into(path, made(scale=2.0))
    with pytest.raises(ValueError, match="likelihood = Hidden.*_scale=2.0.*_scale=3.0"):
        npvae.load_into(path, made(3.0))


def test_a_note_on_a_model_is_no_part_of_what_it_computes(tmp_path):
    """Its history, say: the file is read, and a run goes on."""
    model, path = small_vae(), tmp_path / "run.npz"
    x = np.random.default_rng(0).random((8, model.n_data))

    def note(model, history):
        model.epochs_done = len(history)
    for epochs in (1, 2):
        model.history = npvae.fit(model, x, epochs=epochs, progress=False, checkpoint=path, resume=True,
                                  callbacks=[note])
    again = npvae.load(path)
    np.testing.assert_array_equal(again.parameters.theta, model.parameters.theta)
    model.shows_mask = True                               # this one counts
    with pytest.raises(ValueError, match="holds a model with model = "):
        npvae.load_into(path, model)


def test_a_part_of_a_model_is_saved_by_itself(tmp_path):
    whole, path = npvae.semi_supervised_vae(6, 3, (5,), 2, seed=1), tmp_path / "vae.npz"
    npvae.save(path, whole.vae)
    for other in (npvae.semi_supervised_vae(6, 3, (5,), 2, seed=2).vae, whole.vae.copy()):
        other.parameters.theta *= 0.5
        npvae.load_into(path, other)
        for name, values in other.blocks().items():
            np.testing.assert_array_equal(values, whole.vae.blocks()[name])


def test_a_class_that_was_defined_again_is_looked_up_again(tmp_path):
    """As in a notebook: the same call, of another body."""
    for offset in (1.0, 2.0):
        cell = {"Gaussian": npvae.likelihoods.Gaussian, "__name__": "notebook"}
        exec(f"class Shifted(Gaussian):\n    def mean(self, y):\n        return y + {offset}", cell)
        model = npvae.vae(6, (5,), 2, likelihood=cell["Shifted"](variance=0.3))
        npvae.save(tmp_path / "model.npz", model)
        assert npvae.load(tmp_path / "model.npz").likelihood.mean(0.0) == offset


@pytest.mark.parametrize("name", ["header", "theta", "path", "file", "allow_pickle", 1])
def test_names_that_are_taken_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=f"arrays has the name {name!r}: a text was expected, but none"):
        npvae.save(tmp_path / "model.npz", small_vae(), arrays={name: np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_stays_where_it_was_asked_for(tmp_path, monkeypatch):
    """A callback that goes to another folder takes it along no more."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    model = small_vae()
    npvae.fit(model, np.zeros((4, model.n_data)), epochs=2, progress=False, checkpoint="run.npz",
              callbacks=[lambda model, history: monkeypatch.chdir(tmp_path / "there")])
    assert [path.name for path in (tmp_path / "here").iterdir() if path.suffix == ".npz"] == ["run.npz"]
    assert not list((tmp_path / "there").iterdir())
    np.testing.assert_array_equal(npvae.load(tmp_path / "here/run.npz").parameters.theta,
                                  model.parameters.theta)
