"""A run shared by ranks is the run of one: its weights, its history, its files, its errors.

The ranks are threads here (`threads_as_ranks`); `test_mpi.py` has processes, and mpi4py."""

import contextlib
import io
import time

import numpy as np
import pytest

import npvae
from npvae import datasets, evaluation, schedules
from npvae.learning import run
from npvae.ranks import METHODS, Ranks
from threads_as_ranks import Communicator, Room, alone, together

RNG = np.random.default_rng(0)
X = RNG.random((23, 6))                                # of 7: three batches, and one of two rows
C = np.eye(3)[RNG.integers(0, 3, 23)]
SEEN = (RNG.random((23, 6)) < 0.7).astype(float)
RUN = dict(epochs=2, batch_size=7, n_samples=2, progress=False, learning_rate=0.01, seed=5)


def vae(**options):
    return npvae.vae(6, (5, 4), 2, seed=3, **options).astype(np.float64)


def trained(communicator=None, make=vae, optimizer=npvae.Adam, **options):
    """A model, and its history without the seconds."""
    model = make()
    history = npvae.fit(model, X, communicator=communicator, optimizer=optimizer(), **{**RUN, **options})
    return model, [{name: v for name, v in row.items() if name != "seconds"} for row in history]


def assert_near(model, other, rtol=1e-12):
    np.testing.assert_allclose(model.parameters.theta, other.parameters.theta, rtol=rtol, atol=rtol)


def assert_as_one(size, rtol=1e-12, **options):
    (model, history), ranks = trained(**options), together(size, lambda c: trained(c, **options))
    for of_rank, its_history in ranks:
        np.testing.assert_array_equal(of_rank.parameters.theta, ranks[0][0].parameters.theta)
        assert_near(of_rank, model, rtol)
        assert len(its_history) == len(history)
        for row, expected in zip(its_history, history):
            assert row == pytest.approx(expected, rel=rtol)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_any_number_of_ranks_trains_the_same(size):
    """Five ranks share a last batch of two rows: three of them have none of it."""
    assert_as_one(size)


@pytest.mark.parametrize("options", [
    dict(optimizer=npvae.Adagrad), dict(optimizer=lambda: npvae.SGD(momentum=0.9)), dict(clip_norm=0.3),
    dict(transform=datasets.binarize), dict(kl_schedule=schedules.Linear(2)),
    dict(condition=C, make=lambda: npvae.conditional_vae(6, 3, (5,), 2).astype(np.float64)),
    dict(observed=SEEN), dict(validation=X[:9], patience=1, epochs=9, learning_rate=0.3),
    dict(make=lambda: npvae.iwae(6, (5,), 2).astype(np.float64)),
    dict(make=lambda: npvae.two_layer_iwae(6, ((5,), (4,)), (3, 2)).astype(np.float64)),
    dict(make=lambda: npvae.denoising_autoencoder(6, (5,), 2).astype(np.float64)),
    dict(condition=C * (np.arange(23) < 9)[:, None],
         make=lambda: npvae.semi_supervised_vae(6, 3, (5,), 2).astype(np.float64)),
    dict(make=lambda: vae(prior="vamp_prior")),
    dict(make=lambda: npvae.bernoulli_vae(6, (5,), 4).astype(np.float64))],
    ids=["Adagrad", "SGD", "clip_norm", "transform", "kl_schedule", "condition", "observed", "patience",
         "iwae", "two layers", "denoising", "labels", "vamp_prior", "bits"])
def test_with_every_option(options):
    assert_as_one(3, **options)


def test_in_float32_they_agree_to_its_digits():
    assert_as_one(3, rtol=2e-5, make=lambda: npvae.vae(6, (5, 4), 2, seed=3))


def test_a_single_rank_does_bit_for_bit_what_no_communicator_does():
    communicator = alone()
    (model, history), (other, of_other) = trained(), trained(communicator)
    np.testing.assert_array_equal(model.parameters.theta, other.parameters.theta)
    assert history == of_other and communicator.traffic == []


def test_each_rank_keeps_the_moments_of_its_stretch_alone():
    def work(communicator):
        adam = npvae.Adam()
        model, _ = trained(communicator, optimizer=lambda: adam)
        return model.parameters.size, adam.state["m"].size
    sizes = together(3, work)
    assert sum(own for _, own in sizes) == sizes[0][0] and max(own for _, own in sizes) < sizes[0][0] / 2


def test_two_vectors_travel_in_a_step_and_little_else():
    def work(communicator):
        trained(communicator, epochs=1)
        return communicator.traffic
    traffic = together(2, work)[0]
    steps = 4
    assert traffic.count("Reduce_scatter") == traffic.count("Allgatherv") == steps
    assert traffic.count("Bcast") == traffic.count("allgather") == 1


def test_evaluations_are_shared():
    detector = evaluation.AnomalyDetector(vae(), X[:11])

    def work(communicator):
        trained(communicator, validation=X[:9], epochs=2)
        before = len(communicator.traffic)
        detector.score(X, communicator=communicator)
        return communicator.traffic.count("allgather"), communicator.traffic[before:]
    assert together(2, work)[0] == (1 + 2 + 1, ["allgather"])      # to begin, two epochs, the scores


def test_a_flag_on_one_rank_is_one_on_all():
    found = together(3, lambda c: [Ranks(c).any(c.rank == flagged) for flagged in (0, 2, 3)])
    assert found == [[True, True, False]] * 3


# ---- evaluation --------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [2, 3])
def test_evaluations_are_shared_to_the_same_bits(size):
    model = vae()
    detector = evaluation.AnomalyDetector(model, X[:11], "negative_evidence")

    def work(communicator=None):
        rng = np.random.default_rng(1)
        found = evaluation.log_evidence(model, X, rng, 6_000, communicator=communicator)
        return (npvae.evaluate(model, X, batch_size=4, n_samples=3, communicator=communicator), *found,
                detector.score(X, batch_size=3, communicator=communicator), rng.random())
    alone = work()
    for of_rank in together(size, work):
        for ours, expected in zip(of_rank, alone):
            np.testing.assert_array_equal(ours, expected)


# ---- files ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("first, then", [(3, 1), (1, 2), (2, 3)])
def test_any_number_of_ranks_goes_on(first, then, tmp_path):
    path = tmp_path / "run.npz"
    whole, history = trained(epochs=3)
    options = dict(checkpoint=path, make=vae)
    together(first, lambda c: trained(c, **options, epochs=1))
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]
    for model, its_history in together(then, lambda c: trained(c, **options, epochs=3, resume=True)):
        assert_near(model, whole)
        assert its_history[-1] == pytest.approx(history[-1], rel=1e-12)


def test_rank_0_writes_the_checkpoint(tmp_path, monkeypatch):
    writers, write = [], run.Run._write
    monkeypatch.setattr(run.Run, "_write", lambda self, moments: (
        writers.append(self.ranks.rank), write(self, moments)))
    together(3, lambda c: trained(c, checkpoint=tmp_path / "run.npz"))
    assert writers == [0, 0]


def test_the_checkpoint_of_three_ranks_is_that_of_one(tmp_path):
    one, three = tmp_path / "one.npz", tmp_path / "three.npz"
    trained(checkpoint=one)
    together(3, lambda c: trained(c, checkpoint=three))
    with np.load(one) as a, np.load(three) as b:
        assert sorted(a.files) == sorted(b.files)
        for name in set(a.files) - {"header"}:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-10, atol=1e-14)


def test_only_rank_0_speaks_and_calls_back():
    calls, said = [], io.StringIO()
    said.isatty = lambda: True             # as mpirun has it, whatever becomes of its output
    with contextlib.redirect_stdout(said):
        together(3, lambda c: trained(c, progress=True, callbacks=[lambda model, history: calls.append(
            c.rank)]))
    assert calls == [0, 0] and said.getvalue().count("\n") == 2
    assert "\r" not in said.getvalue()


# ---- errors --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, other", [
    ("x", dict(x=X + 1e-9)), ("epochs", dict(epochs=3)), ("seed", dict(seed=6)),
    ("patience", dict(validation=X, patience=2)), ("learning_rate", dict(learning_rate=0.02))])
def test_ranks_that_differ_are_refused(name, other, capsys):
    def work(communicator):
        options = {**RUN, "x": X, "validation": X, **(other if communicator.rank == 1 else {})}
        npvae.fit(vae(), options.pop("x"), communicator=communicator, **options)
    with pytest.raises(ValueError, match=f"^{name} is .* on rank 0 and .* on rank 1"):
        together(2, work)
    capsys.readouterr()


def test_all_begin_with_the_weights_of_rank_0():
    def work(communicator):
        return trained(communicator, make=lambda: npvae.vae(6, (5, 4), 2, seed=3 + communicator.rank)
                       .astype(np.float64))[0]
    for model in together(2, work):
        assert_near(model, trained()[0])


def test_an_error_on_one_rank_ends_all_with_its_message(capsys, tmp_path):
    path = tmp_path / "run.npz"
    made = []

    def transform(communicator, x, rng):
        made.append(communicator.rank)
        if communicator.rank == 1 and made.count(1) > 5:                   # in the second epoch
            raise OSError("the disk of rank 1 is gone")
        return x

    def work(communicator):
        start = time.monotonic()
        try:
            trained(communicator, transform=Transform(communicator, transform), checkpoint=path)
        finally:
            assert time.monotonic() - start < 30                           # nobody waited for ever
    with pytest.raises(OSError, match="the disk of rank 1 is gone"):
        together(3, work)
    assert "the disk of rank 1 is gone" in capsys.readouterr().err
    assert npvae.learning.checkpoints.read(path)[0]["training"]["epoch"] == 1


class Transform:
    """A function of the communicator, too, that is described alike on all ranks."""

    def __init__(self, communicator, function):
        self.communicator, self.function = communicator, function

    def __call__(self, x, rng):
        return self.function(self.communicator, x, rng)

    def __repr__(self):
        return "Transform()"


@pytest.mark.parametrize("objective", [npvae.FreeBits(), npvae.Capacity(), npvae.ELBO(cost=npvae.MMD()),
                                       npvae.ELBO(cost=npvae.DecomposedKL(23))], ids=repr)
def test_a_loss_of_the_batch_as_a_whole_is_refused_by_name(objective, capsys):
    model = vae()
    model.objective = objective
    with pytest.raises(ValueError, match=type(getattr(objective, "cost")).__name__) as error:
        together(2, lambda c: npvae.fit(model, X, communicator=c, **RUN))
    assert repr(objective) in str(error.value) and "2 ranks" in str(error.value)
    npvae.fit(model, X, communicator=alone(), **RUN)                       # on one it is as ever


class Own:
    """An objective that is no `npvae.Objective`."""

    cost = npvae.KL()

    def __call__(self, log_px, rate):
        return npvae.ELBO()(log_px, rate)


def test_an_objective_of_ones_own_says_that_it_is_a_mean(monkeypatch, capsys):
    model = vae()
    model.objective = Own()
    with pytest.raises(ValueError, match="Own object at .*, whose loss may be of the batch as a whole"):
        together(2, lambda c: npvae.fit(model, X, communicator=c, **RUN))
    monkeypatch.setattr(Own, "over_batch", False, raising=False)
    monkeypatch.setattr(Own, "__repr__", lambda own: "Own()")                 # the same on all ranks
    losses = []
    for objective in (Own(), npvae.ELBO()):
        model.objective = objective
        losses.append([row["loss"] for row in together(
            2, lambda c: npvae.fit(model.copy(), X, communicator=c, **RUN))[0]])
    assert losses[0] == losses[1]


def test_a_communicator_is_one():
    for wrong in (3, "COMM_WORLD", object(), Communicator):
        with pytest.raises(TypeError, match="communicator is .*: one of mpi4py was expected"):
            npvae.fit(vae(), X, communicator=wrong, **RUN)
        with pytest.raises(TypeError, match="communicator"):
            npvae.evaluate(vae(), X, communicator=wrong)
    assert set(METHODS) <= set(dir(Communicator))


@pytest.mark.parametrize("size, n", [(1, 5), (2, 5), (3, 2), (4, 103)])
def test_shares_are_even_and_all_there_is(size, n):
    ranks = [Ranks(Communicator(rank, Room(size))) for rank in range(size)]
    shares = [np.arange(n)[one.share(n)] for one in ranks]
    assert np.concatenate(shares).tolist() == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert sum(one.rows(n)[1] for one in ranks) == pytest.approx(1)
    assert all(len(np.arange(n)[one.rows(n)[0]]) > 0 for one in ranks)


def test_what_a_callback_makes_of_the_model_all_ranks_have():
    """It is called on rank 0 alone; the next step of all begins where it has left the parameters."""
    def halve(model, history):
        model.parameters.theta *= 0.5
    assert_as_one(3, callbacks=[halve])


def test_a_callback_that_changes_more_than_parameters_is_refused_on_several_ranks(capsys):
    """It is called on rank 0 alone, so the others would go on with another objective."""
    def dearer(model, history):
        model.objective = npvae.ELBO(beta=5.0)
    with pytest.raises(ValueError, match="^objective is ELBO.* on rank 0 and ELBO.* on rank 1"):
        together(2, lambda communicator: trained(communicator, callbacks=[dearer]))
    capsys.readouterr()


def test_a_callback_that_leaves_the_program_ends_all(capsys):
    def leave(model, history):
        raise SystemExit("enough")
    with pytest.raises(SystemExit, match="enough"):
        together(2, lambda communicator: trained(communicator, callbacks=[leave]))
    assert "SystemExit: enough" in capsys.readouterr().err
