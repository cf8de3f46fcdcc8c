"""What a run is resumed with: the same, bit for bit; or it is refused; or it does not matter.

Every single thing of a run is changed, one at a time.
"""

import functools
import json
import shutil
import warnings

import numpy as np
import pytest

import npvae
from npvae.datasets import Masking, binarize
from npvae.distributions import likelihoods, posteriors, priors
from npvae.files import write_npz
from npvae.learning import checkpoints, schedules
from npvae.networks import Chain, Dense, Tanh
from test_learning import without_seconds

RNG = np.random.default_rng(0)
X, C = RNG.random((20, 6)).astype(np.float32), RNG.integers(0, 2, (20, 3)).astype(np.float32)
V, VC = RNG.random((7, 6)).astype(np.float32), RNG.integers(0, 2, (7, 3)).astype(np.float32)


def noisy(x, rng):
    return np.clip(x + 0.1 * rng.standard_normal(x.shape), 0, 1)


def noise_of(scale):
    return lambda x, rng: np.clip(x + scale * rng.standard_normal(x.shape), 0, 1)


def settings(**changes):
    """A run in which everything is in use."""
    return {**dict(condition=C, validation=V, validation_condition=VC, batch_size=8, n_samples=2,
                   optimizer=npvae.Adam(), learning_rate=schedules.Cosine(0.01, 4),
                   kl_schedule=schedules.Linear(3), clip_norm=5.0, transform=binarize, patience=9,
                   seed=3), **changes}


def model(objective=None, corrupt=None, **changes):
    model = npvae.conditional_vae(6, 3, (5,), 2, **{"activation": "tanh", "likelihood": "gaussian",
                                                    **changes})
    model.objective = objective or model.objective
    model.corrupt = corrupt
    return model


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """Two epochs of the run of `settings`, as a file."""
    path = tmp_path_factory.mktemp("half") / "run.npz"
    npvae.fit(model(), X, epochs=2, checkpoint=path, progress=False, **settings())
    return path


@pytest.fixture
def path(half, tmp_path):
    return shutil.copy(half, tmp_path / "run.npz")


def resumed(path, x=X, of=model, epochs=4, **changes):
    trained = of()
    history = npvae.fit(trained, x, epochs=epochs, checkpoint=path, resume=True, progress=False,
                        **settings(**changes))
    return trained, history


@functools.cache
def whole(epochs=4):
    trained = model()
    history = npvae.fit(trained, X, epochs=epochs, progress=False, **settings(patience=None))
    return trained.parameters.theta.copy(), without_seconds(history)


def nudged(array):
    array = array.copy()
    array[-1, -1] = np.nextafter(array[-1, -1], np.float32(2))
    return array


REFUSED = {
    "one bit of x": ("x", dict(x=nudged(X))),
    "rows of x in another order": ("x", dict(x=X[::-1])),
    "two values of x exchanged": ("x", dict(x=np.hstack([X[:, 1:2], X[:, :1], X[:, 2:]]))),
    "rows of x left out": ("n", dict(x=X[:-1], condition=C[:-1])),
    "one bit of condition": ("condition", dict(condition=nudged(C))),
    "other validation": ("validation", dict(validation=nudged(V))),
    "other validation_condition": ("validation_condition", dict(validation_condition=1 - VC)),
    "no validation": ("validation", dict(validation=None, validation_condition=None, patience=None)),
    "batch_size": ("batch_size", dict(batch_size=7)),
    "n_samples": ("n_samples", dict(n_samples=1)),
    "seed": ("seed", dict(seed=4)),
    "the optimizer's beta1": ("optimizer", dict(optimizer=npvae.Adam(beta1=0.8))),
    "another optimizer": ("optimizer", dict(optimizer=npvae.SGD())),
    "a constant rate": ("learning_rate", dict(learning_rate=0.01)),
    "another schedule of rates": ("learning_rate", dict(learning_rate=schedules.Cosine(0.02, 4))),
    "no kl_schedule": ("kl_schedule", dict(kl_schedule=None)),
    "another kl_schedule": ("kl_schedule", dict(kl_schedule=schedules.Linear(2))),
    "no clip_norm": ("clip_norm", dict(clip_norm=None)),
    "another clip_norm": ("clip_norm", dict(clip_norm=4.0)),
    "no transform": ("transform", dict(transform=None)),
    "another transform": ("transform", dict(transform=noisy)),
    "another objective": ("objective", dict(of=lambda: model(npvae.FreeBits()))),
    "another beta": ("objective", dict(of=lambda: model(beta=0.5))),
    "a model that corrupts": ("corrupt", dict(of=lambda: model(corrupt=Masking(0.1)))),
    "another activation": ("encoder", dict(of=lambda: model(activation="relu"))),
    "another variance": ("likelihood", dict(of=lambda: model(variance=0.5))),
    "another likelihood": ("likelihood", dict(of=lambda: model(likelihood="bernoulli"))),
    "another dtype": ("x", dict(of=lambda: model().astype(float))),
}


@pytest.mark.parametrize("name, changes", REFUSED.values(), ids=REFUSED)
def test_another_run_is_refused_by_what_is_other(name, changes, path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"was trained with {name} = .*, which is now .*: resume with"):
        resumed(path, **changes)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def hand_made(temperature=0.5, prior=priors.Concrete, n_hidden=3):
    rng = np.random.default_rng(0)
    encoder = Chain(Dense(6, n_hidden, rng), Tanh(), Dense(n_hidden, 2, rng))
    return npvae.VAE(encoder, posteriors.Concrete(2, temperature), prior(2), Dense(2, 6, rng),
                     likelihoods.Bernoulli(), n_data=6, objective=npvae.ELBO(cost=npvae.SampledKL()))


@pytest.mark.parametrize("message, changes", [
    ("posterior", dict(temperature=0.6)),
    ("prior", dict(prior=lambda n: priors.Concrete(n, p=0.1))),
    ("another architecture", dict(n_hidden=4))])
def test_a_model_built_by_hand_is_compared_too(message, changes, tmp_path):
    path = tmp_path / "run.npz"
    npvae.fit(hand_made(), X, epochs=1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match=message):
        npvae.fit(hand_made(**changes), X, epochs=2, checkpoint=path, resume=True, progress=False)
    npvae.fit(hand_made(), X, epochs=2, checkpoint=path, resume=True, progress=False)


ALLOWED = {
    "nothing": {},
    "callbacks": dict(callbacks=[lambda model, history: None]),
    "another patience": dict(patience=8),
    "no patience": dict(patience=None),
    "the same values in another array": dict(x=X.astype(float), condition=C.astype(bool)),
    "NumPy's numbers": dict(batch_size=np.int64(8), clip_norm=np.float64(5.0)),
    "another draw of the first weights": dict(of=lambda: model(seed=7)),
    "other initial weights": dict(of=lambda: model(init="he")),
}


@pytest.mark.parametrize("changes", ALLOWED.values(), ids=ALLOWED)
def test_what_may_be_other_changes_nothing(changes, path):
    trained, history = resumed(path, **changes)
    theta, rows = whole()
    assert without_seconds(history) == rows
    assert min(rows, key=lambda row: row["val_loss"])["epoch"] == 4         # so the last is the best
    np.testing.assert_array_equal(trained.parameters.theta, theta)


def test_a_longer_run_is_the_longer_run(path):
    trained, history = resumed(path, epochs=5, patience=None)
    assert without_seconds(history) == whole(5)[1]
    np.testing.assert_array_equal(trained.parameters.theta, whole(5)[0])


# ---- functions ---------------------------------------------------------------------------

TRANSFORMS = {
    "another number inside": (lambda x, rng: 0.5 * x, lambda x, rng: 0.6 * x),
    "another operation": (lambda x, rng: x * x, lambda x, rng: x + 0 * x),
    "another function called": (lambda x, rng: np.abs(x), lambda x, rng: np.square(x)),
    "another number around": (noise_of(0.1), noise_of(0.2)),
    "another default": (lambda x, rng, scale=0.5: scale * x, lambda x, rng, scale=0.6: scale * x),
    "a partial of another number": (functools.partial(lambda a, x, rng: a * x, 0.5),
                                    functools.partial(lambda a, x, rng: a * x, 0.6)),
    "a function inside": (lambda x, rng: (lambda y: 0.5 * y)(x), lambda x, rng: (lambda y: 0.6 * y)(x)),
    "another of the package": (Masking(0.1), Masking(0.2)),
}


@pytest.mark.parametrize("first, second", TRANSFORMS.values(), ids=TRANSFORMS)
def test_functions_are_compared_by_what_they_do(first, second, tmp_path):
    path = tmp_path / "run.npz"
    options = dict(checkpoint=path, progress=False)
    npvae.fit(npvae.vae(6, (5,), 2), X, epochs=1, transform=first, **options)
    with pytest.raises(ValueError, match="was trained with transform = .*, which is now"):
        npvae.fit(npvae.vae(6, (5,), 2), X, epochs=2, resume=True, transform=second, **options)
    npvae.fit(npvae.vae(6, (5,), 2), X, epochs=2, resume=True, transform=first, **options)


class Recording:
    """A transform that remembers: what it remembers cannot be compared."""

    def __init__(self, scale):
        self.scale, self.rng = scale, np.random.default_rng(0)

    def __call__(self, x, rng):
        return self.scale * x


def test_what_cannot_be_compared_is_named_in_a_warning(tmp_path):
    path, seen = tmp_path / "run.npz", []

    def remembering(x, rng):
        seen.append(x)
        return x

    for transform, name in ((Recording(0.5), "Generator"), (remembering, "seen")):
        path.unlink(missing_ok=True)
        options = dict(checkpoint=path, progress=False, transform=transform)
        npvae.fit(npvae.vae(6, (5,), 2), X, epochs=1, **options)
        with pytest.warns(UserWarning, match=f"transform has to do with {name}, which cannot be"):
            npvae.fit(npvae.vae(6, (5,), 2), X, epochs=2, resume=True, **options)
    path.unlink()
    npvae.fit(npvae.vae(6, (5,), 2), X, epochs=1, checkpoint=path, transform=Recording(0.5))
    with pytest.raises(ValueError, match="scale=0.5.*scale=0.6"):
        npvae.fit(npvae.vae(6, (5,), 2), X, epochs=2, checkpoint=path, resume=True,
                  transform=Recording(0.6))


class Momentum(npvae.SGD):
    """An optimizer of one's own, which is asked for its moments, not for its name."""


def test_an_optimizer_that_was_used_before_is_the_same_optimizer(tmp_path):
    path, optimizer = tmp_path / "run.npz", Momentum(momentum=0.9)
    options = dict(optimizer=optimizer, checkpoint=path, resume=True, progress=False)
    for epochs in (1, 2, 3):
        npvae.fit(npvae.vae(6, (5,), 2), X, epochs=epochs, **options)
    assert optimizer.t == 3


# ---- patience ----------------------------------------------------------------------------

def overfitting(path=None, **options):
    """A run whose held-out data are unlike the others: its best epoch is the first."""
    trained = npvae.vae(6, (5,), 2)
    return trained, npvae.fit(trained, X, validation=1 - X, learning_rate=0.05, batch_size=4, seed=1,
                              checkpoint=path, resume=path is not None, progress=False, **options)


def test_best_weights_are_given_back_only_where_patience_asks_for_them(tmp_path):
    """Resumed without patience, the run ends with its last weights, as one that never had any."""
    path = tmp_path / "run.npz"
    overfitting(path, epochs=2, patience=5)
    without, history = overfitting(path, epochs=6)
    expected, rows = overfitting(epochs=6)
    assert np.argmin([row["val_loss"] for row in rows]) < 5
    assert without_seconds(history) == without_seconds(rows)
    np.testing.assert_array_equal(without.parameters.theta, expected.parameters.theta)
    # and asked for again, it is there again, and has counted on
    again, history = overfitting(path, epochs=7, patience=5)
    expected, rows = overfitting(epochs=7, patience=5)
    assert without_seconds(history[:len(rows)]) == without_seconds(rows)
    np.testing.assert_array_equal(again.parameters.theta, expected.parameters.theta)


def test_patience_that_comes_late_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    overfitting(path, epochs=2)
    with pytest.raises(ValueError, match="patience is 5, and .* was trained without: its best weights"):
        overfitting(path, epochs=4, patience=5)


def test_more_patience_goes_on_where_less_had_stopped(tmp_path):
    path = tmp_path / "run.npz"
    assert len(overfitting(path, epochs=20, patience=2)[1]) < 10
    trained, history = overfitting(path, epochs=20, patience=4)
    expected, rows = overfitting(epochs=20, patience=4)
    assert without_seconds(history) == without_seconds(rows)
    np.testing.assert_array_equal(trained.parameters.theta, expected.parameters.theta)


# ---- threads -----------------------------------------------------------------------------

def test_another_number_of_threads_is_named_in_a_warning(path, monkeypatch):
    for name in ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with pytest.warns(UserWarning, match=r"was trained with \d+ BLAS threads, and there are 7 now"):
        resumed(path, epochs=3)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "8")                        # the first that is asked
    with pytest.warns(UserWarning, match="with 7 BLAS threads, and there are 8 now"):
        resumed(path, epochs=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed(path, epochs=5)


# ---- forged states -----------------------------------------------------------------------

NOTHING = object()
STATES = {
    "settings": [None, 3, [], {}], "history": [None, 3, [], [1, 2], [{}, {}], {}],
    "best_loss": [None, "low", [], float("nan"), True], "stalled": [None, -1, 0.5, "0", 10**30],
    "epoch": [None, -1, 1, 1.0, "2", 10**30], "step": [None, -1, 2, 0.5],
    "count": [None, -1, 5, [0]], "totals": [None, 0, [], [0, 0], [0, 0, "0"], [0, 0, float("nan")]],
    "seconds": [None, -1.0, "0", float("inf")], "optimizer.t": [None, -1, 0.5, "6", True],
}


def forged(path, arrays=(), **changes):
    header, old = checkpoints.read(path)
    training = {**header["training"], **changes}
    header["training"] = {name: value for name, value in training.items() if value is not NOTHING}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    write_npz(path, header=text, **{name: array for name, array in {**old, **dict(arrays)}.items()
                                    if array is not NOTHING})


@pytest.mark.parametrize("name, value", [(name, value) for name, values in STATES.items()
                                         for value in [NOTHING, *values]])
def test_a_forged_state_of_training_is_refused_by_name_and_harms_nothing(name, value, path):
    forged(path, **{name: value})
    trained = model()
    before = trained.parameters.theta.copy()
    with pytest.raises(ValueError, match=str(path)):
        resumed(path, of=lambda: trained)
    np.testing.assert_array_equal(trained.parameters.theta, before)


@pytest.mark.parametrize("name", ["best_theta", "optimizer.m", "optimizer.v"])
@pytest.mark.parametrize("change", [
    lambda a: np.float32(0), lambda a: a[:-1], lambda a: a[None], lambda a: a.astype(float),
    lambda a: np.full_like(a, np.nan), lambda a: a.astype("S8"), lambda a: NOTHING],
    ids=["a number", "short", "a row", "float64", "NaN", "text", "missing"])
def test_a_forged_vector_is_refused_by_name_and_harms_nothing(name, change, path):
    forged(path, arrays={name: change(checkpoints.read(path)[1][name])})
    trained = model()
    before = trained.parameters.theta.copy()
    with pytest.raises(ValueError, match=str(path)):
        resumed(path, of=lambda: trained)
    np.testing.assert_array_equal(trained.parameters.theta, before)


def cooler(model, history):
    model.posterior.temperature *= 0.8
    model.prior.temperature *= 0.8


def shorter(model, history):
    model.parameters.theta *= 0.9


def dearer(model, history):
    model.objective = npvae.ELBO(beta=1.0 + len(history), cost=model.objective.cost)


@pytest.mark.parametrize("callback", [cooler, shorter, dearer])
def test_a_run_goes_on_from_what_a_callback_has_made_of_the_model(callback, tmp_path):
    """Bit for bit, where it is given the model as the file has it; another is refused by name."""
    path, x = tmp_path / "run.npz", (X > 0.5).astype(np.float32)

    def begun():
        return npvae.concrete_vae(6, (5,), 2)
    whole, going = begun(), begun()
    npvae.fit(whole, x, epochs=4, batch_size=8, callbacks=[callback], progress=False)
    npvae.fit(going, x, epochs=2, batch_size=8, callbacks=[callback], progress=False, checkpoint=path)
    if callback is not shorter:
        with pytest.raises(ValueError, match="was trained with|holds a model with"):
            npvae.fit(begun(), x, epochs=4, batch_size=8, progress=False, checkpoint=path, resume=True)
    again = begun()
    again.posterior.temperature = going.posterior.temperature
    again.prior.temperature = going.prior.temperature
    again.objective = going.objective
    npvae.fit(again, x, epochs=4, batch_size=8, callbacks=[callback], progress=False, checkpoint=path,
              resume=True)
    np.testing.assert_array_equal(again.parameters.theta, whole.parameters.theta)


def test_a_callback_that_breaks_the_model_leaves_the_checkpoint_before(tmp_path):
    path = tmp_path / "run.npz"

    def broken(model, history):
        model.parameters.theta[0] = np.nan
    with pytest.raises(FloatingPointError):
        npvae.fit(model(), X, epochs=2, checkpoint=path, callbacks=[broken], progress=False,
                  **settings())
    assert np.isfinite(checkpoints.read(path)[1]["theta"]).all()
