"""Optimizers against their textbook twins, schedules, and the training loop."""

import os
import signal
import threading

import numpy as np
import pytest

import npvae
from helpers import small_vae
from npvae.learning import checkpoints, optimizers, schedules
from npvae.learning.optimizers import STRETCH
from npvae.learning.progress import Interrupt, Progress
from npvae.randomness import PURPOSES, stream

# ---- optimizers ------------------------------------------------------------------------


def sgd_twin(theta, gradients, rate, momentum):
    v = np.zeros_like(theta)
    for g in gradients:
        v = momentum * v + g
        theta = theta - rate * v
    return theta


def adagrad_twin(theta, gradients, rate, eps=1e-8):
    v = np.zeros_like(theta)
    for g in gradients:
        v = v + g**2
        theta = theta - rate * g / (np.sqrt(v) + eps)
    return theta


def adam_twin(theta, gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    """Algorithm 1 of Kingma and Ba, line by line."""
    m = v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + eps)
    return theta


@pytest.mark.parametrize("optimizer, twin", [
    (npvae.SGD(), lambda *a: sgd_twin(*a, momentum=0.0)),
    (npvae.SGD(momentum=0.9), lambda *a: sgd_twin(*a, momentum=0.9)),
    (npvae.Adagrad(), adagrad_twin),
    (npvae.Adam(), adam_twin),
    (npvae.Adam(beta1=0.8, beta2=0.9, eps=1e-3), lambda *a: adam_twin(*a, 0.8, 0.9, 1e-3))], ids=repr)
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_optimizers_are_their_textbook_twins(optimizer, twin, dtype, rtol, rng):
    """Over more than one stretch of the flat vector, and over a flush of the moments."""
    n, steps = STRETCH + 1000, optimizers.FLUSH_EVERY + 6
    start = rng.standard_normal(n)
    gradients = rng.standard_normal((steps, n)).astype(dtype)
    theta = start.astype(dtype)
    optimizer.t, optimizer.state = 0, {}
    for g in gradients:
        g.flags.writeable = False
        optimizer.step(theta, g, 0.01)
    expected = twin(start.astype(dtype).astype(float), gradients.astype(float), 0.01)
    assert theta.dtype == dtype
    np.testing.assert_allclose(theta, expected, rtol=rtol, atol=10 * rtol)


def test_clipping_scales_to_the_norm_and_leaves_short_gradients_alone(rng):
    g = rng.standard_normal(1000).astype(np.float32)
    norm = np.linalg.norm(g)
    short = g.copy()
    assert npvae.clip_by_norm(short, 2 * norm) == pytest.approx(norm, rel=1e-6)
    np.testing.assert_array_equal(short, g)
    clipped = g.copy()
    npvae.clip_by_norm(clipped, norm / 4)
    np.testing.assert_allclose(clipped, g / 4, rtol=1e-5)
    exact = np.array([3.0, 4.0])
    npvae.clip_by_norm(exact, 1.0)
    np.testing.assert_allclose(exact, [0.6, 0.8], rtol=1e-15)
    huge = np.full(4, 1e30, np.float32)                  # its square overflows float32
    assert npvae.clip_by_norm(huge, 1.0) == pytest.approx(2e30, rel=1e-6)
    np.testing.assert_allclose(huge, 0.5, rtol=1e-6)


# ---- schedules ---------------------------------------------------------------------------

@pytest.mark.parametrize("schedule, times, values", [
    (schedules.Constant(0.3), [0, 7.5], [0.3, 0.3]),
    (schedules.StepDecay(1.0, 0.1, every=2), [0, 1.99, 2, 4.5], [1, 1, 0.1, 0.01]),
    (schedules.Cosine(1.0, epochs=4), [0, 1, 2, 4, 9], [1, 0.5 + 0.5**0.5 / 2, 0.5, 0, 0]),
    (schedules.Cosine(1.0, epochs=4, end=0.2), [0, 2, 4], [1, 0.6, 0.2]),
    (schedules.Linear(4), [0, 1, 4, 8], [0, 0.25, 1, 1]),
    (schedules.Linear(2, 0.5, 2.0), [0, 1, 2], [0.5, 1.25, 2]),
    (schedules.Cyclical(4), [0, 1, 2, 3.9, 4, 5], [0, 0.5, 1, 1, 0, 0.5]),
    (schedules.Cyclical(4, ramp=0.25), [0.5, 1, 3, 4.5], [0.5, 1, 1, 0.5])], ids=repr)
def test_schedules_pass_through_the_stated_values(schedule, times, values):
    np.testing.assert_allclose([schedule(t) for t in times], values, rtol=1e-12, atol=1e-12)
    assert eval(repr(schedule), vars(schedules)) == schedule


# ---- the loop ----------------------------------------------------------------------------

def toy(n=50):
    """Two prototypes of 12 pixels, with noise; the last batch is smaller than the others."""
    rng = np.random.default_rng(0)
    prototypes = np.array([[0.9] * 6 + [0.1] * 6, [0.1] * 6 + [0.9] * 6])
    return (rng.random((n, 12)) < prototypes[rng.integers(2, size=n)]).astype(np.float32)


SETTINGS = dict(epochs=3, batch_size=16, n_samples=2, learning_rate=schedules.Cosine(0.01, 3),
                kl_schedule=schedules.Linear(2), clip_norm=5.0, seed=3, progress=False,
                transform=npvae.datasets.binarize)


def test_training_lowers_the_loss_towards_the_entropy_of_the_data():
    model, x = small_vae(dtype=np.float32, scale=0.3), toy(400)
    history = npvae.fit(model, x, epochs=30, batch_size=20, learning_rate=0.01, progress=False)
    # each x costs log 2 for its prototype and 12 times H(0.1) = 0.325 nats for its pixels
    floor = np.log(2) + 12 * 0.3251
    assert floor - 0.3 < history[-1]["loss"] < floor + 0.35
    assert [row["epoch"] for row in history] == list(range(1, 31))


def test_every_step_follows_from_the_seed_the_epoch_and_the_step():
    """The loop written out with nothing of it but its own three lines on randomness."""
    x, model, twin = toy(), small_vae(dtype=np.float32), small_vae(dtype=np.float32)
    npvae.fit(model, x, validation=x[:10], **SETTINGS)
    adam = npvae.Adam()
    for epoch in range(3):
        order = stream(3, "shuffle", epoch).permutation(50)
        for step in range(4):
            rng = stream(3, "step", epoch, step)
            rows = order[16 * step:16 * step + 16]
            batch = npvae.datasets.binarize(x[rows], rng)
            eps = twin.draw_noise(rng, len(rows), 2)
            t = epoch + step / 4
            twin.loss_and_grad(batch, eps, objective=npvae.ELBO(beta=min(t / 2, 1.0)))
            npvae.clip_by_norm(twin.parameters.grad, 5.0)
            adam.step(twin.parameters.theta, twin.parameters.grad, SETTINGS["learning_rate"](t))
    np.testing.assert_array_equal(model.parameters.theta, twin.parameters.theta)


def interrupting(at_call):
    """A binarization that presses Ctrl-C when it is called for the n-th time."""
    calls = 0

    def binarize(x, rng):
        nonlocal calls
        calls += 1
        if calls == at_call:
            os.kill(os.getpid(), signal.SIGINT)
        return npvae.datasets.binarize(x, rng)

    binarize.__qualname__, binarize.__module__ = "binarize", "npvae"   # to be taken for the other
    return binarize


def without_seconds(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


@pytest.mark.parametrize("at_call", [1, 3, 4, 5, 6, 9, 14])
@pytest.mark.parametrize("optimizer", [npvae.Adam, lambda: npvae.SGD(momentum=0.9), npvae.Adagrad])
def test_a_resumed_run_ends_in_the_same_bits(at_call, optimizer, tmp_path):
    """Ctrl-C in the first step, inside an epoch, and at an epoch's end."""
    x, settings = toy(), {**SETTINGS, "validation": toy()[:10], "patience": 5}
    whole = small_vae(dtype=np.float32)
    history = npvae.fit(whole, x, optimizer=optimizer(), **settings)

    path = tmp_path / "checkpoint.npz"
    model = small_vae(dtype=np.float32)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        npvae.fit(model, x, optimizer=optimizer(), checkpoint=path,
                  **{**settings, "transform": interrupting(at_call)})
    assert signal.getsignal(signal.SIGINT) is before
    resumed = small_vae(dtype=np.float32, scale=0.0)
    again = npvae.fit(resumed, x, optimizer=optimizer(), checkpoint=path, resume=True, **settings)
    np.testing.assert_array_equal(resumed.parameters.theta, whole.parameters.theta)
    assert without_seconds(again) == without_seconds(history)


def test_a_finished_run_can_be_extended(tmp_path):
    x, path = toy(), tmp_path / "checkpoint.npz"
    settings = dict(batch_size=16, progress=False, checkpoint=path)
    whole, model = small_vae(dtype=np.float32), small_vae(dtype=np.float32)
    npvae.fit(whole, x, epochs=4, batch_size=16, progress=False)
    npvae.fit(model, x, epochs=2, **settings)
    history = npvae.fit(model, x, epochs=4, resume=True, **settings)
    np.testing.assert_array_equal(model.parameters.theta, whole.parameters.theta)
    assert len(history) == 4


def test_resuming_with_other_settings_is_refused_and_harms_nothing(tmp_path):
    x, path, model = toy(), tmp_path / "checkpoint.npz", small_vae(dtype=np.float32)
    npvae.fit(model, x, epochs=1, progress=False, checkpoint=path)
    other = small_vae(dtype=np.float32)
    before = other.parameters.theta.copy()
    with pytest.raises(ValueError, match="trained with batch_size = 128, which is now 10"):
        npvae.fit(other, x, epochs=2, progress=False, checkpoint=path, resume=True, batch_size=10)
    np.testing.assert_array_equal(other.parameters.theta, before)
    npvae.save(path, model)
    with pytest.raises(ValueError, match="no training to resume"):
        npvae.fit(other, x, epochs=2, progress=False, checkpoint=path, resume=True)


def early_stopping(**changes):
    """A run whose validation loss falls, then rises: held-out data unlike the training data."""
    settings = dict(validation=1.0 - toy(400)[:3], epochs=60, batch_size=10, patience=4,
                    learning_rate=0.02, progress=False)
    model = small_vae(dtype=np.float32, scale=0.3)
    return model, lambda: npvae.fit(model, toy(40), **{**settings, **changes})


def test_patience_stops_the_run_and_restores_the_best_weights():
    kept = []
    model, run = early_stopping(
        callbacks=[lambda model, history: kept.append(model.parameters.theta.copy())])
    history = run()
    losses = [row["val_loss"] for row in history]
    best = int(np.argmin(losses))
    assert 0 < best and len(history) == best + 5 < 60
    np.testing.assert_array_equal(model.parameters.theta, kept[best])


def test_patience_survives_an_interruption(tmp_path):
    """Interrupted after its best epoch: the best weights, and the count, are those of before."""
    path = tmp_path / "checkpoint.npz"
    whole, run = early_stopping()
    history = run()
    best = int(np.argmin([row["val_loss"] for row in history]))

    def stop(model, history):
        if len(history) == best + 3:
            raise KeyboardInterrupt

    model, run = early_stopping(checkpoint=path, callbacks=[stop])
    with pytest.raises(KeyboardInterrupt):
        run()
    model, run = early_stopping(checkpoint=path, resume=True)
    assert without_seconds(run()) == without_seconds(history)
    np.testing.assert_array_equal(model.parameters.theta, whole.parameters.theta)


def test_validation_is_evaluate_with_the_settings_of_the_run():
    x = toy()
    model, held_out = small_vae(dtype=np.float32), toy(30)
    settings = dict(transform=npvae.datasets.binarize, n_samples=3, seed=7)
    history = npvae.fit(model, x, validation=0.5 * held_out, epochs=2, progress=False, **settings)
    terms = npvae.evaluate(model, 0.5 * held_out, **settings)
    row = history[-1]
    assert (row["val_loss"], row["val_reconstruction"], row["val_kl"]) == tuple(terms)
    for changed in (dict(transform=None), dict(n_samples=1), dict(seed=8)):
        assert npvae.evaluate(model, 0.5 * held_out, **{**settings, **changed}) != terms


def test_conditions_go_with_their_rows(rng):
    """x is its condition, up to noise: a conditional model that mixed up rows could not know."""
    condition = rng.integers(0, 2, (200, 4)).astype(np.float32)
    x = np.repeat(condition, 3, axis=1) * 0.9 + 0.05
    model = npvae.conditional_vae(12, 4, (16,), 2, activation="tanh")
    history = npvae.fit(model, x[:150], condition=condition[:150], validation=x[150:],
                        validation_condition=condition[150:], epochs=60, batch_size=20,
                        learning_rate=0.01, progress=False)
    entropy = -12 * (0.95 * np.log(0.95) + 0.05 * np.log(0.05))
    assert history[-1]["loss"] < entropy + 0.5 and history[-1]["val_loss"] < entropy + 0.5
    mixed_up = npvae.evaluate(model, x, condition=condition[::-1])
    assert mixed_up.loss > npvae.evaluate(model, x, condition=condition, batch_size=7).loss + 5


def test_a_denoising_model_is_shown_noise_and_told_the_truth():
    model = npvae.denoising_autoencoder(12, (8,), 3, masked=0.5, activation="tanh")
    seen = []
    corrupt = model.corrupt
    model.corrupt = lambda x, rng: seen.append((x.copy(), corrupt(x, rng))) or seen[-1][1]
    npvae.fit(model, toy(), epochs=1, batch_size=50, progress=False)
    (clean, noisy), = seen
    ones = clean == 1
    assert (noisy[~ones] == 0).all() and 0.3 < noisy[ones].mean() < 0.7
    # the loss is that of the clean batch, encoded from the noisy one
    x, z0 = clean[:5], np.zeros((1, 5, 3))
    h = model.encoder.forward(noisy[:5])[0]
    expected = -model.likelihood.log_prob(x, model.decoder.forward(h[None])[0])[0].mean()
    assert model.loss(noisy[:5], z0, target=x).value == pytest.approx(expected, rel=1e-6)


def test_the_kl_schedule_multiplies_beta():
    histories = []
    for beta, schedule in ((0.5, schedules.Constant(0.5)), (0.25, None)):
        model = small_vae(dtype=np.float32, beta=beta)
        npvae.fit(model, toy(), epochs=1, kl_schedule=schedule, progress=False)
        histories.append(model.parameters.theta.copy())
    np.testing.assert_array_equal(*histories)


def test_an_optimizer_begins_anew_in_every_run():
    adam, thetas = npvae.Adam(), []
    for _ in range(2):
        model = small_vae(dtype=np.float32)
        npvae.fit(model, toy(), epochs=1, optimizer=adam, progress=False)
        thetas.append(model.parameters.theta.copy())
    np.testing.assert_array_equal(*thetas)


def test_numpys_numbers_and_functions_as_settings_can_be_resumed(tmp_path):
    """Also in another process, where a function has another address."""
    def rate(epoch):
        return 1e-3

    path = tmp_path / "checkpoint.npz"
    settings = dict(batch_size=np.int64(16), clip_norm=np.float32(5), learning_rate=rate,
                    progress=False, checkpoint=path,
                    callbacks=[lambda model, history: history[-1].update(a=np.float32(1))])
    model = small_vae(dtype=np.float32)
    npvae.fit(model, toy(), epochs=1, **settings)
    history = npvae.fit(model, toy(), epochs=2, resume=True, **settings)
    assert len(history) == 2
    assert " at 0x" not in path.read_bytes().decode("latin1")
    npvae.save(path, model, training={"note": "no run"})
    with pytest.raises(ValueError, match="no training to resume"):
        npvae.fit(model, toy(), epochs=2, resume=True, **settings)


def test_a_callback_that_fails_loses_no_epoch(tmp_path):
    path = tmp_path / "checkpoint.npz"

    def fail(model, history):
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError):
        npvae.fit(small_vae(dtype=np.float32), toy(), epochs=2, checkpoint=path, callbacks=[fail],
                  progress=False)
    history = npvae.fit(small_vae(dtype=np.float32), toy(), epochs=1, checkpoint=path, resume=True,
                        progress=False)
    assert len(history) == 1


def test_a_missing_folder_is_noticed_before_training():
    model = small_vae(dtype=np.float32)
    before = model.parameters.theta.copy()
    with pytest.raises(FileNotFoundError, match="its folder does not exist"):
        npvae.fit(model, toy(), checkpoint="no/such/folder/checkpoint.npz", progress=False)
    np.testing.assert_array_equal(model.parameters.theta, before)


@pytest.mark.parametrize("moment", ["callbacks", "transform"])
def test_ctrl_c_after_the_last_step_is_not_swallowed(moment, tmp_path):
    """In a callback, and (in the second call of transform) while the held-out data are evaluated."""
    path = tmp_path / "run.npz"
    press = {"callbacks": [lambda model, history: os.kill(os.getpid(), signal.SIGINT)],
             "transform": interrupting(2)}[moment]
    with pytest.raises(KeyboardInterrupt):
        npvae.fit(small_vae(dtype=np.float32), toy(), epochs=1, progress=False, batch_size=50,
                  validation=toy(), checkpoint=path, **{moment: press})
    assert checkpoints.read(path)[0]["training"]["epoch"] == 1


def test_the_second_ctrl_c_interrupts_at_once():
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGINT)
            assert not interrupt.requested
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_run_in_a_thread_is_the_run_in_the_main_thread():
    models = [small_vae(dtype=np.float32) for _ in range(2)]
    npvae.fit(models[0], toy(), epochs=2, progress=False)
    thread = threading.Thread(target=npvae.fit, args=(models[1], toy()),
                              kwargs=dict(epochs=2, progress=False))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(*(model.parameters.theta for model in models))


def test_no_two_random_streams_are_alike():
    draws = [stream(seed, purpose, *position).random() for seed in (0, 1) for purpose in PURPOSES
             for position in ((), (0,), (1,), (0, 0), (0, 1), (1, 0))]
    assert len(set(draws)) == len(draws)


def test_evaluate_is_the_mean_over_all_rows_whatever_the_batches():
    model, x = small_vae(dtype=np.float64), toy(23).astype(float)
    eps = stream(5, "evaluate").standard_normal((1, 23, 3))
    expected = model.loss(x, eps)
    # one batch draws its noise in one piece; the noise of many is the same stream
    for batch_size in (23, 7, 1):
        terms = npvae.evaluate(model, x, seed=5, batch_size=batch_size)
        assert terms.loss == pytest.approx(expected.value, rel=1e-12)
        assert terms.elbo == -(terms.reconstruction + terms.kl)


def test_a_loss_that_is_not_finite_stops_the_run_before_the_update():
    model = small_vae(dtype=np.float32)
    model.parameters.theta[...] = 1e30
    before = model.parameters.theta.copy()
    with np.errstate(all="ignore"), pytest.raises(
            FloatingPointError, match="the loss is .* at epoch 1, step 1"):
        npvae.fit(model, toy(), progress=False)
    np.testing.assert_array_equal(model.parameters.theta, before)


# ---- what is shown -----------------------------------------------------------------------

def test_one_plain_line_per_epoch_where_there_is_no_terminal(capsys):
    npvae.fit(small_vae(dtype=np.float32), toy(), validation=toy(), epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  train: ") and "held out: " in lines[1]
    assert lines[0].count("-ELBO") == 2


def test_the_time_left_counts_only_the_steps_of_this_run(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    show = Progress(epochs=3, steps=10, done=10)            # resumed after one epoch
    now[0] += 2.0
    show.step(epoch=1, step=4, batch_size=50, loss=1.5)     # four steps in two seconds
    assert "epoch 2/3 [########............] 100 rows/s, 0:08 left, loss 1.50" in (
        capsys.readouterr().out)


def test_a_bar_with_rate_and_time_left_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    npvae.fit(small_vae(dtype=np.float32), toy(), epochs=2)
    shown = capsys.readouterr().out
    assert "\repoch 1/2 [" in shown and "rows/s, 0:00 left, loss" in shown
    assert max(len(line) for line in shown.replace("\n", "\r").split("\r")) <= 100
