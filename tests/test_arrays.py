"""Arrays of every make, threads, processes and copies: the same numbers, or a named refusal."""

import copy
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import npvae
from helpers import small_of
from npvae import evaluation
from npvae.recipes import RECIPES

# Multiples of 1/64 are the same numbers in float16, float32 and float64.
X = (np.random.default_rng(1).integers(0, 65, (12, 8)) / 64).astype(np.float32)
BITS = (X > 0.5).astype(np.float32)
EPS = np.random.default_rng(2).standard_normal((3, 12, 2)).astype(np.float16).astype(np.float32)


def vae(seed=0, **options):
    return npvae.vae(8, (5,), 2, activation="tanh", seed=seed, **options)


def fit(model, x, seed=0, **options):
    options = {"epochs": 2, "batch_size": 5, "learning_rate": 0.01, "progress": False, **options}
    npvae.fit(model, x, seed=seed, **options)
    return model.parameters.theta


def log_evidence(model, x, seed=0):
    return evaluation.log_evidence(model, x, np.random.default_rng(seed), 5).log_px


def score(model, x, seed=0):
    return evaluation.AnomalyDetector(model, X, seed=seed).score(x)


RESULTS = {"loss": lambda x: vae().loss(x, EPS)[:3],
           "gradient": lambda x: gradient(vae(), x),
           "encode": lambda x: np.concatenate(vae().encode(x)),
           "reconstruct": lambda x: vae().reconstruct(x),
           "fit": lambda x: fit(vae(), x, validation=x),
           "evaluate": lambda x: npvae.evaluate(vae(), x, n_samples=2),
           "log_evidence": lambda x: log_evidence(vae(), x),
           "score": lambda x: score(vae(), x)}


def gradient(model, x):
    model.loss_and_grad(x, EPS)
    return model.parameters.grad.copy()


def strided(x):
    return np.repeat(x, 2, axis=1)[:, ::2]


def backwards(x):
    return x[::-1, ::-1].copy()[::-1, ::-1]


def window(x):
    return np.pad(x, 1, constant_values=np.nan)[(slice(1, -1),) * x.ndim]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)
    raw[1:] = x.ravel().view(np.uint8)
    return raw[1:].view(x.dtype).reshape(x.shape)


SAME = {"float16": lambda x: x.astype(np.float16), "float64": lambda x: x.astype(np.float64),
        "longdouble": lambda x: x.astype(np.longdouble), "big-endian": lambda x: x.astype(">f4"),
        "big-endian float64": lambda x: x.astype(">f8"), "list": lambda x: x.tolist(),
        "rows": list, "window": window, "read-only": read_only, "unaligned": unaligned}
LAYOUTS = {"columns first": np.asfortranarray, "strided": strided, "backwards": backwards}


@pytest.mark.parametrize("form", SAME.values(), ids=SAME)
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_an_array_of_another_make_gives_the_same_bits(result, form):
    np.testing.assert_array_equal(result(form(X)), result(X))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.int64, np.uint64, ">i2"])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_zeros_and_ones_of_any_dtype_give_the_same_bits(result, dtype):
    np.testing.assert_array_equal(result(BITS.astype(dtype)), result(BITS))


@pytest.mark.parametrize("form", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_another_layout_gives_the_same_numbers_but_for_the_order_of_a_sum(result, form):
    """A matrix product may add the terms of such an array in another order (NumPy 1 does)."""
    np.testing.assert_allclose(result(form(X)), result(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", LAYOUTS.values(), ids=LAYOUTS)
def test_training_ends_in_the_same_bits_whatever_the_layout(form):
    """Every batch is drawn from the rows, and is an array of its own."""
    np.testing.assert_array_equal(fit(vae(), form(X)), fit(vae(), X))


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_file_in_memory_gives_the_same_bits_and_is_not_written(result, mode, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    before = path.read_bytes()
    np.testing.assert_array_equal(result(np.load(path, mmap_mode=mode)), result(X))
    assert path.read_bytes() == before


@pytest.mark.parametrize("x, dtype", [
    (X.astype(object), "object"), (X.astype(np.complex64), "complex64"), (X.astype(str), "<U32"),
    (X.astype("M8[s]"), "datetime64[s]"), (X.view("V4"), "|V4")],
    ids=["object", "complex", "text", "dates", "void"])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_what_is_no_real_number_is_refused(result, x, dtype):
    with pytest.raises(TypeError) as caught:
        result(x)
    assert str(caught.value) == f"x has dtype {dtype}: real numbers were expected"


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_the_callers_array_is_left_as_it_was(result):
    x = X.copy()
    result(x)
    np.testing.assert_array_equal(x, X)
    assert x.flags.writeable


@pytest.mark.parametrize("form", {**SAME, **LAYOUTS}.values(), ids={**SAME, **LAYOUTS})
def test_noise_of_another_make_gives_the_same_bits(form):
    assert vae().loss(X, form(EPS)).value == vae().loss(X, EPS).value


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64, ">f4"])
def test_a_condition_of_any_dtype_gives_the_same_bits(dtype):
    condition = npvae.datasets.one_hot(np.arange(12) % 3, 3)
    thetas = [fit(npvae.conditional_vae(8, 3, (5,), 2), X, condition=c)
              for c in (condition, condition.astype(dtype))]
    np.testing.assert_array_equal(*thetas)


# ---- copies ------------------------------------------------------------------------------

def inputs(model):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 65, (6, 16)) / 64
    return x, model.draw_noise(rng, 6, 2), {
        "condition": np.eye(10)[[3, 9, 0, 0, 5, 3]] if model.n_condition else None}


def one_step(model):
    x, eps, options = inputs(model)
    model.loss_and_grad(x, eps, **options)
    npvae.Adam().step(model.parameters.theta, model.parameters.grad, 1e-2)
    return model.loss(x, eps, **options).value


COPIES = {"pickle": lambda model: pickle.loads(pickle.dumps(model)), "deepcopy": copy.deepcopy,
          "copy()": lambda model: model.copy(), "astype": lambda model: model.astype(np.float32),
          "there and back": lambda model: model.astype(np.float64).astype(np.float32)}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_has_the_same_loss_and_trains_on_alone(copied, name):
    model = small_of(name)
    one_step(model)
    twin = copied(model)
    x, eps, options = inputs(model)
    before = model.parameters.theta.copy()
    assert twin.loss(x, eps, **options).value == model.loss(x, eps, **options).value
    first = next(iter(twin.blocks().values()))
    old = first.copy()
    value = one_step(twin)
    assert (first != old).any() and np.shares_memory(first, twin.parameters.theta)
    np.testing.assert_array_equal(model.parameters.theta, before)
    assert one_step(model) == value
    np.testing.assert_array_equal(twin.parameters.theta, model.parameters.theta)
    assert twin.config == model.config and twin.objective == model.objective


def test_a_copy_in_the_middle_of_training_goes_on_as_the_original():
    model = vae()
    fit(model, X)
    twins = [copied(model) for copied in COPIES.values()]
    expected = fit(model, X, seed=1)
    for twin in twins:
        np.testing.assert_array_equal(fit(twin, X, seed=1), expected)


def test_a_part_that_is_copied_belongs_to_itself():
    model = vae()
    for encoder in (model.encoder.copy(), pickle.loads(pickle.dumps(model.encoder)).copy()):
        h = encoder.forward(X)[0]
        np.testing.assert_array_equal(h, model.encoder.forward(X)[0])
        encoder.layers[0].W += 1.0
        assert (encoder.forward(X)[0] != h).any()
        np.testing.assert_array_equal(h, model.encoder.forward(X)[0])


def test_a_shallow_copy_is_the_same_model():
    model = vae()
    fit(copy.copy(model), X)
    np.testing.assert_array_equal(model.parameters.theta, fit(vae(), X))


def test_a_double_precision_copy_agrees_to_single_precision():
    model = vae()
    assert model.astype(np.float64).loss(X, EPS).value == pytest.approx(
        model.loss(X, EPS).value, rel=1e-6)


# ---- threads and processes ---------------------------------------------------------------

def trained(seed):
    return fit(vae(seed), X, seed, epochs=20, n_samples=2, validation=X)


def test_two_models_in_two_threads_are_each_what_they_are_alone():
    barrier, thetas = threading.Barrier(2), {}

    def run(seed):
        barrier.wait()
        thetas[seed] = trained(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (0, 1):
        np.testing.assert_array_equal(thetas[seed], trained(seed))


def test_one_model_is_read_by_many_threads():
    model, results = vae(), []

    def read():
        results.append([model.encode(X).mu, model.loss(X, EPS)[:3], log_evidence(model, X)])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [model.encode(X).mu, model.loss(X, EPS)[:3], log_evidence(model, X)]
    assert len(results) == 8
    for result in results:
        for a, b in zip(result, expected):
            np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", [
    pytest.param("fork", marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")),
    "spawn"])
def test_a_run_in_another_process_ends_in_the_same_bits(method):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        np.testing.assert_array_equal(pool.submit(trained, 3).result(timeout=60), trained(3))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_model_that_is_forked_trains_on_alone():
    model = vae()
    before = model.parameters.theta.copy()
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        theta = pool.submit(fit, model, X).result(timeout=60)
    np.testing.assert_array_equal(model.parameters.theta, before)
    np.testing.assert_array_equal(fit(model, X), theta)


# ---- seeds -------------------------------------------------------------------------------

SEEDED = {"weights": lambda seed: vae(seed).parameters.theta,
          "fit": lambda seed: fit(vae(), X, seed),
          "fit with all that is random": lambda seed: fit(
              npvae.denoising_autoencoder(8, (5,), 2), X, seed, n_samples=2,
              transform=npvae.datasets.binarize),
          "evaluate": lambda seed: npvae.evaluate(vae(), X, seed=seed),
          "log_evidence": lambda seed: log_evidence(vae(), X, seed),
          "kl_parts": lambda seed: evaluation.kl_parts(vae(), X, np.random.default_rng(seed)),
          "score": lambda seed: score(vae(), X, seed),
          "sample": lambda seed: vae().sample(np.random.default_rng(seed), 4),
          "binarize": lambda seed: npvae.datasets.binarize(X, np.random.default_rng(seed))}


@pytest.mark.parametrize("result", SEEDED.values(), ids=SEEDED)
def test_one_seed_gives_the_same_bits_and_another_seed_others(result):
    np.testing.assert_array_equal(result(5), result(5))
    assert (np.asarray(result(5)) != result(6)).any()
    np.testing.assert_array_equal(result(np.int64(5)), result(5))


@pytest.mark.parametrize("result", SEEDED.values(), ids=SEEDED)
def test_numpys_global_generator_is_neither_read_nor_moved(result):
    expected = result(5)
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(result(5), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_order_of_calls_changes_nothing():
    model = vae()
    first = npvae.evaluate(model, X)
    log_evidence(model, X)
    model.sample(np.random.default_rng(0), 3)
    assert npvae.evaluate(model, X) == first
