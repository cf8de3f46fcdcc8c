"""Evaluation on all cores: the same bits for any number of threads, and nothing of it in the result."""

import contextlib
import threading
import time

import numpy as np
import pytest

import npvae
from npvae import evaluation, threads
from npvae.randomness import generators

RNG = np.random.default_rng(0)
X = RNG.random((23, 6), np.float32)
C = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 23)]


class Blas:
    """What `threadpoolctl` tells of a library of products with so many threads, and is asked of it."""

    def __init__(self, n_threads):
        self.n_threads, self.limited = n_threads, []

    def __call__(self):
        return self

    def select(self, user_api):
        assert user_api == "blas"
        return self

    def info(self):
        return [{"num_threads": self.n_threads}]

    @contextlib.contextmanager
    def limit(self, limits):
        self.limited.append(limits)
        try:
            yield
        finally:
            self.limited.append(self.n_threads)


@pytest.fixture
def with_threads(monkeypatch):
    def patch(n):
        blas = Blas(n)
        monkeypatch.setattr(threads, "ThreadpoolController", blas if n else None)
        return blas
    return patch


def evaluations():
    """All that is worked on side by side, in several pieces each."""
    model, conditional = npvae.vae(6, (5,), 2, seed=1), npvae.conditional_vae(6, 3, (5,), 2)
    rng = np.random.default_rng(2)
    detector = evaluation.AnomalyDetector(model, X[:11], n_samples=3)
    return {"evidence of many samples": evaluation.log_evidence(model, X[:3], rng, 9000),
            "of many x": evaluation.log_evidence(conditional, X, rng, 1500, condition=C),
            "annealing": evaluation.annealed_log_evidence(model, X, rng, 3, 4, batch_size=5),
            "sandwich": evaluation.sandwich(model, rng, 11, 3, 4, batch_size=5),
            "gap": evaluation.inference_gap(model, X, rng, steps=3, n_samples=9, batch_size=5),
            "evaluate": npvae.evaluate(model, X, batch_size=5, n_samples=2),
            "kl_parts": evaluation.kl_parts(model, X, rng, chunk=5),
            "scores": [detector.score(X, batch_size=5)],
            "contributions": detector.contributions(X, batch_size=5),
            "where rng stands": [rng.random()]}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bits(with_threads, n):
    with_threads(0)
    expected = evaluations()
    blas = with_threads(n)
    found = evaluations()
    for name in expected:
        for ours, before in zip(found[name], expected[name], strict=True):
            np.testing.assert_array_equal(ours, before, err_msg=name)
    assert blas.limited == [1, n] * (len(blas.limited) // 2) and blas.limited


def test_work_is_done_by_as_many_threads_as_products_had(with_threads):
    with_threads(3)
    seen, meet = set(), threading.Barrier(3)

    def work(i):
        meet.wait(10)                      # which is reached by three at once, or never
        seen.add(threading.get_ident())
        return i * i

    with threads.all_cores() as run:
        assert list(run(work, zip(range(6)))) == [0, 1, 4, 9, 16, 25]
    assert len(seen) == 3 and threading.get_ident() not in seen


def test_inputs_are_read_a_few_ahead_and_no_more(with_threads):
    with_threads(2)
    read = []

    def inputs():
        for i in range(100):
            read.append(i)
            yield i,

    with threads.all_cores() as run:
        results = run(lambda i: i, inputs())
        for i in range(10):
            assert next(results) == i
            assert len(read) <= i + 2 * threads.AHEAD


def test_an_error_comes_to_the_caller_and_ends_the_rest(with_threads):
    blas, done = with_threads(2), []

    def work(i):
        if i == 3:
            raise ArithmeticError("the third")
        time.sleep(0.05)
        done.append(i)

    with pytest.raises(ArithmeticError, match="the third"):
        with threads.all_cores() as run:
            list(run(work, zip(range(100))))
    assert set(done) <= {0, 1, 2, 4, 5} and blas.limited == [1, 2]          # 6 was waiting


def test_threads_keep_the_callers_errstate(with_threads):
    with_threads(2)

    def work(i):
        return np.float64(1.0) / np.float64(0.0)

    with np.errstate(divide="ignore"), threads.all_cores() as run:
        assert list(run(work, zip(range(3)))) == [np.inf] * 3
    with np.errstate(divide="raise"), threads.all_cores() as run:
        with pytest.raises(FloatingPointError):
            list(run(work, zip(range(3))))


def test_who_comes_while_all_cores_are_in_use_has_one(with_threads):
    """So the number of threads that products had is never taken for the one that they have."""
    blas = with_threads(2)
    with threads.all_cores() as outer:
        with threads.all_cores() as inner:
            assert inner is threads.one_by_one and outer is not inner
    assert blas.limited == [1, 2]
    with threads.all_cores() as run:
        assert run is not threads.one_by_one


def test_products_have_one_thread_meanwhile():
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="threadpoolctl is an optional extra")
    blas = threadpoolctl.ThreadpoolController().select(user_api="blas")

    def now(*_):
        return [library["num_threads"] for library in blas.info()]

    before = now()
    with blas.limit(limits=2):
        with threads.all_cores() as run:
            for inside in run(now, zip(range(5))):
                assert set(inside) == {1}
        assert set(now()) == {2}
    assert now() == before


@pytest.mark.parametrize("name", ["transform", "corrupt"])
def test_a_buffer_of_the_callers_is_not_read_ahead(with_threads, name):
    """Batches are drawn a few ahead of those that are worked on: each is a copy."""
    buffer = np.empty((5, 6), np.float32)

    def fresh(x, rng):
        return npvae.datasets.binarize(x, rng)

    def into_buffer(x, rng):
        buffer[:len(x)] = fresh(x, rng)
        return buffer[:len(x)]

    def evaluated(function):
        model = npvae.vae(6, (5,), 2, seed=1)
        if name == "transform":
            return npvae.evaluate(model, X, transform=function, batch_size=5)
        model.corrupt = function
        return npvae.evaluate(model, X, batch_size=5)

    with_threads(2)
    assert evaluated(into_buffer) == evaluated(fresh)


@pytest.mark.parametrize("make", [
    lambda: np.random.Generator(np.random.PCG64(1).jumped()),
    lambda: np.random.Generator(np.random.Philox(key=5))])
def test_all_generators_follow_from_the_state_of_the_first(make):
    """Whatever it was made of, and however often it has been used so before."""
    def drawn(rng):
        return np.array([each.random(3) for each in generators(rng, 4)])
    assert (drawn(make()) == drawn(make())).all()
    rng = make()
    first, second = drawn(rng), drawn(rng)
    assert len(np.unique([first, second])) == 24
    again = make()
    state = again.bit_generator.state
    drawn(again)
    again.bit_generator.state = state
    assert (drawn(again) == first).all()
