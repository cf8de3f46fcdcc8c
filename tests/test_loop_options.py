"""Options of a training run, each of which does what it says: ties, times, transforms, advice."""

import os
import signal

import numpy as np
import pytest

import npvae
from helpers import small_vae
from npvae.datasets import standardizer_of
from npvae.learning import schedules
from npvae.learning.progress import Progress
from npvae.learning.run import Run
from npvae.learning.held_out import Terms
from test_learning import toy


# ---- patience and times ------------------------------------------------------------------

def run_of(losses, patience):
    """A run whose validation losses are these; theta is the number of the epoch."""
    model = small_vae(dtype=np.float32)
    run = Run(model, npvae.Adam(), {}, patience=patience)
    for epoch, loss in enumerate(losses):
        if run.has_stalled():
            break
        model.parameters.theta[...] = epoch
        run.add(npvae.ELBO()(np.zeros((1, 1)), np.zeros((1, 1))), 1)
        run.end_epoch(Terms(loss, loss, 0.0))
    run.restore_best()
    return len(run.history), model.parameters.theta[0]


@pytest.mark.parametrize("losses, patience, ended, best", [
    ([3, 2, 2, 2, 1], 2, 4, 1),               # a tie is no improvement, and the first of them is kept
    ([3, 2, 2, 1, 5, 5], 2, 6, 3),
    ([3, 2, 2.5, 2, 1], 3, 5, 4),
    ([1, 1], 1, 2, 0)])
def test_a_tie_is_not_a_fall(losses, patience, ended, best):
    assert run_of(losses, patience) == (ended, best)


def test_the_seconds_of_an_epoch_are_those_of_both_runs_that_made_it(tmp_path, monkeypatch):
    """Interrupted in the epoch: what it had taken until then is remembered, and counts."""
    now, path = [0.0], tmp_path / "run.npz"
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def slow(x, rng):
        now[0] += 1.0                         # a second each step
        return x

    def stopped(at):
        def rate(epoch):
            if epoch == at and not done:
                done.append(1)
                os.kill(os.getpid(), signal.SIGINT)
            return 1e-3
        rate.__qualname__, rate.__module__ = "rate", "npvae"
        return rate

    done = []
    slow.__module__ = "npvae"
    options = dict(epochs=2, batch_size=10, checkpoint=path, progress=False, transform=slow,
                   learning_rate=stopped(1.4))                              # after its third step
    with pytest.raises(KeyboardInterrupt):
        npvae.fit(small_vae(dtype=np.float32), toy(), **options)
    now[0] = 1000.0
    history = npvae.fit(small_vae(dtype=np.float32), toy(), resume=True, **options)
    assert [row["seconds"] for row in history] == [5.0, 5.0]


# ---- what is shown -----------------------------------------------------------------------

def test_an_epochs_line_is_the_elbo_whatever_beta_is(capsys):
    """The loss is reconstruction + beta KL; the line says what the bound is."""
    model = small_vae(dtype=np.float32, beta=4.0)
    history = npvae.fit(model, toy(), validation=toy(20), epochs=1)
    row, line = history[0], capsys.readouterr().out
    for prefix, name in (("", "train"), ("val_", "held out")):
        reconstruction, kl = row[f"{prefix}reconstruction"], row[f"{prefix}kl"]
        assert kl > 0.1 and row[f"{prefix}loss"] == pytest.approx(reconstruction + 4 * kl, rel=1e-5)
        assert (f"{name}: {reconstruction:.2f} + KL {kl:.2f} = -ELBO {reconstruction + kl:.2f}"
                in line)


@pytest.mark.parametrize("cost", [npvae.MMD(weight=1000.0),
                                  npvae.DecomposedKL(50, total_correlation=4.0)])
def test_a_cost_that_is_no_kl_is_called_none(cost, capsys):
    model = small_vae(dtype=np.float32)
    model.objective = npvae.ELBO(beta=0.5, cost=cost)
    row, = npvae.fit(model, toy(), validation=toy(20), epochs=1)
    line = capsys.readouterr().out
    for prefix, name in (("", "train"), ("val_", "held out")):
        reconstruction, kl, loss = (row[prefix + term] for term in ("reconstruction", "kl", "loss"))
        assert loss == pytest.approx(reconstruction + 0.5 * kl, rel=1e-5)
        assert f"{name}: {reconstruction:.2f}, code {kl:.2f}, loss {loss:.2f}" in line
    assert "KL" not in line and "ELBO" not in line


def test_an_autoencoder_has_no_kl_in_its_line(capsys):
    npvae.fit(npvae.autoencoder(12, (5,), 2), toy(), epochs=1)
    line = capsys.readouterr().out
    assert ", code 0.00, loss " in line and "KL" not in line and "ELBO" not in line


@pytest.mark.parametrize("objective", [npvae.IWAE(), npvae.ELBO(cost=npvae.SampledKL()),
                                       npvae.FreeBits(free=0.3), npvae.Capacity(capacity=2.0)])
def test_a_kl_in_closed_form_or_sampled_is_called_one(objective, capsys):
    model = small_vae(dtype=np.float32)
    model.objective = objective
    row, = npvae.fit(model, toy(), epochs=1)
    total = row["reconstruction"] + row["kl"]
    assert f" + KL {row['kl']:.2f} = -ELBO {total:.2f}" in capsys.readouterr().out


def test_silence_is_silence(capsys):
    npvae.fit(small_vae(dtype=np.float32), toy(), epochs=1, progress=False)
    Progress(1, 1, show=False).step(0, 1, 1, 1.0)
    assert capsys.readouterr().out == ""


# ---- what transform and corrupt may do ---------------------------------------------------

def denoising(corrupt=None):
    model = npvae.denoising_autoencoder(12, (8,), 3, masked=0.5, activation="tanh", seed=1)
    model.corrupt = corrupt or model.corrupt
    return model


def in_place(x, rng):
    x *= 0.5
    return x


@pytest.mark.parametrize("transform", [None, npvae.datasets.binarize], ids=["alone", "transformed"])
def test_a_corrupting_function_that_writes_into_its_input_is_refused(transform):
    """It would change what is to be reconstructed."""
    x = toy()
    before = x.copy()
    with pytest.raises(ValueError, match="read-only"):
        npvae.fit(denoising(in_place), x, epochs=1, transform=transform, progress=False)
    with pytest.raises(ValueError, match="read-only"):
        npvae.evaluate(denoising(in_place), x, transform=transform)
    np.testing.assert_array_equal(x, before)


def test_a_transform_may_return_its_own_buffer():
    """Written anew for each batch: the result is that of one that returns new arrays."""
    buffer, thetas = np.empty((10, 12), np.float32), []

    def into_buffer(x, rng):
        buffer[...] = npvae.datasets.binarize(x, rng)
        return buffer

    for transform in (into_buffer, npvae.datasets.binarize):
        model = denoising()
        npvae.fit(model, 0.5 * toy(), epochs=2, batch_size=10, transform=transform, progress=False)
        thetas.append(model.parameters.theta)
    np.testing.assert_array_equal(*thetas)
    assert buffer.flags.writeable


def test_the_callers_arrays_stay_writeable():
    x = toy()
    model = denoising()
    npvae.fit(model, x, validation=x, epochs=1, progress=False)
    npvae.evaluate(model, x)
    assert x.flags.writeable


# ---- schedules ---------------------------------------------------------------------------

@pytest.mark.parametrize("ramp", [5, 1.0001, 0, -0.5, float("nan"), True])
def test_a_ramp_is_a_part_of_its_cycle(ramp):
    with pytest.raises(ValueError, match=r"ramp is .*: a number in \(0, 1\] was expected"):
        schedules.Cyclical(10, ramp=ramp)
    assert schedules.Cyclical(10, ramp=1)(5) == 0.5


@pytest.mark.parametrize("name", ["learning_rate", "kl_schedule"])
@pytest.mark.parametrize("value", [-1e-3, float("nan"), float("inf"), None, "0.1", np.ones(2), 1j])
def test_a_schedules_value_is_looked_at_before_it_is_used(name, value, tmp_path):
    """In the second epoch; the checkpoint is that of the first."""
    path, model = tmp_path / "run.npz", small_vae(dtype=np.float32)
    with pytest.raises(ValueError, match=rf"{name}\(1\) is .*: a finite number of at least 0"):
        npvae.fit(model, toy(), epochs=2, checkpoint=path, progress=False,
                  **{name: lambda epoch: 1e-3 if epoch < 1 else value})
    np.testing.assert_array_equal(npvae.load_into(path, small_vae(dtype=np.float32))[0]["epoch"], 1)


def test_a_numpy_number_is_the_number():
    """Not float64 arithmetic on a float32 model."""
    thetas = []
    for rate in (lambda epoch: 0.003, lambda epoch: np.float64(0.003)):
        model = small_vae(dtype=np.float32)
        npvae.fit(model, toy(), epochs=1, learning_rate=rate, progress=False)
        thetas.append(model.parameters.theta)
    np.testing.assert_array_equal(*thetas)


# ---- advice ------------------------------------------------------------------------------

def table(scale=(1.0, 5e7, 1e-3), shift=0.0):
    return np.random.default_rng(0).normal(shift, scale, (60, 3))


@pytest.mark.parametrize("rate", [1e-3, 1e-30])
@pytest.mark.parametrize("x, column", [(table(), 1), (table((1.0, 1.0, 3e4)), 2),
                                       (table((1.0, 1.0, 1.0), shift=[0, 2e4, 0]), 1)])
def test_unscaled_columns_are_told_to_be_standardized(x, column, rate):
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        npvae.fit(npvae.vae(3, (8,), 2, likelihood="gaussian"), x, epochs=5,
                  learning_rate=rate, progress=False)
    message = str(caught.value)
    assert f": column {column} of x is of size" in message and "learning_rate" not in message
    assert message.endswith("standardize x, see datasets.standardizer_of")
    npvae.fit(npvae.vae(3, (8,), 2, likelihood="gaussian"), standardizer_of(x)(x), epochs=2,
              learning_rate=rate, progress=False)


def test_an_unscaled_condition_is_named():
    c = 1e4 * table()
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="column 1 of condition is"):
        npvae.fit(npvae.conditional_vae(12, 3, (8,), 2), toy(60), condition=c, epochs=5, progress=False)


@pytest.mark.parametrize("x", [toy(), standardizer_of(toy())(toy())], ids=["pixels", "standardized"])
def test_scaled_data_are_not_blamed(x):
    model = npvae.vae(12, (8,), 2, likelihood="gaussian")
    with np.errstate(all="ignore"), pytest.raises(
            FloatingPointError, match="try a smaller learning_rate, or clip_norm$"):
        npvae.fit(model, x, epochs=50, learning_rate=1e12, optimizer=npvae.SGD(), progress=False)


def test_what_corrupt_returns_has_the_models_dtype():
    """In float64 it would carry the whole decoder into float64."""
    model, shown = small_vae(dtype=np.float32), []
    model.corrupt = lambda x, rng: x + 0.1 * rng.standard_normal(x.shape)
    forward = model.forward
    model.forward = lambda x, eps, **options: shown.append(x.dtype) or forward(x, eps, **options)
    x = np.random.default_rng(0).random((8, model.n_data))
    npvae.fit(model, x, epochs=1, progress=False)
    npvae.evaluate(model, x)
    assert shown == [np.float32] * 2


@pytest.mark.parametrize("cost", [npvae.MMD(), npvae.DecomposedKL(20)])
def test_a_cost_over_the_batch_is_validated_on_batches_of_the_same_size(cost):
    """500 at a time would be another cost, or none at all."""
    model = npvae.vae(6, (5,), 2)
    model.objective = npvae.ELBO(cost=cost)
    x = np.random.default_rng(0).random((21, 6))
    history = npvae.fit(model, x[:20], validation=x, epochs=1, batch_size=6, seed=3, progress=False)
    expected = npvae.evaluate(model, x, batch_size=6, seed=3)
    assert history[0]["val_loss"] == expected.loss


@pytest.mark.parametrize("every", [0.1, 0.3, 1 / 3, 0.7])
def test_a_schedule_steps_at_the_multiples_of_its_length(every):
    """0.3 // 0.1 is 2."""
    for n in range(1, 40):
        assert schedules.StepDecay(1.0, 0.5, every)(n * every) == pytest.approx(0.5**n, rel=1e-12)
        assert schedules.Cyclical(every)(n * every) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("objective", [npvae.Capacity(beta=10.0, capacity=2.0),
                                       npvae.FreeBits(beta=2.0)])
def test_a_loss_of_the_batch_is_validated_on_batches_of_the_training(objective):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((60, 2)) @ rng.standard_normal((2, 8))).astype(np.float32)
    model = npvae.vae(8, (20,), 2, likelihood="gaussian")
    model.objective = objective
    history = npvae.fit(model, x, validation=x, epochs=8, batch_size=5, learning_rate=1e-2,
                        progress=False)
    assert history[-1]["val_loss"] == npvae.evaluate(model, x, batch_size=5).loss
    assert history[-1]["val_loss"] != npvae.evaluate(model, x).loss


def test_a_schedule_that_overflows_is_told_as_one_that_is_infinite():
    with pytest.raises(ValueError, match=r"^learning_rate\(1\) is inf: a finite number of at least 0"):
        schedules.value_at(schedules.StepDecay(1.0, 10.0, 0.001), 1.0, "learning_rate")
