"""Runs that are killed, or whose disk is full: the checkpoint stays whole, and nothing is lost."""

import errno
import os
import pickle
import re
import signal
import sys
import threading
import time
import traceback

import numpy as np
import pytest

import npvae
from npvae.learning import checkpoints, schedules
from npvae.learning.progress import Interrupt

resource = pytest.importorskip("resource")                # where there is no fork, there is none
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

EPOCHS = 20
PART = re.compile(r"run\.npz\.([0-9a-f]{8}\.part|lock)")


def train(path=None, transform=npvae.datasets.binarize, **options):
    """A run of 20 short epochs, resumed where there is a checkpoint: its end, and its history."""
    x = np.random.default_rng(0).random((320, 12)).astype(np.float32)
    model = npvae.vae(12, (16,), 2, activation="tanh", seed=1)
    history = npvae.fit(model, x, epochs=EPOCHS, batch_size=8, n_samples=2, seed=3,
                        learning_rate=schedules.Cosine(0.01, EPOCHS),
                        kl_schedule=schedules.Linear(10), transform=transform,
                        checkpoint=path, resume=path is not None, progress=False, **options)
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history]
    return model.parameters.theta, rows


def start(work):
    """Begin work() in a child of this process: its process number."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def end_of(child):
    """Wait for a child: its exit code, -9 where it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def answer_of(work):
    """What work() returns in a child of this process."""
    reader, writer = os.pipe()
    child = start(lambda: os.write(writer, pickle.dumps(work())))
    os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    assert end_of(child) == 0
    return pickle.loads(answer)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, and the seconds that one of its epochs takes with its checkpoint."""
    theta, history = train()
    begin = time.perf_counter()
    train(tmp_path_factory.mktemp("whole") / "run.npz")
    return theta, history, (time.perf_counter() - begin) / EPOCHS


def assert_same_end(path, whole):
    theta, history = train(path)
    np.testing.assert_array_equal(theta, whole[0])
    assert history == whole[1]


def epochs_in(path):
    """How many epochs a checkpoint has; it has to be sound."""
    if not path.exists():
        return 0
    npvae.load(path)
    return checkpoints.read(path)[0]["training"]["epoch"]


def assert_nothing_but_parts(path):
    others = [file.name for file in path.parent.iterdir() if file != path]
    assert all(PART.fullmatch(name) for name in others), others


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_in_the_same_bits(kills, whole, tmp_path):
    rng = np.random.default_rng(kills)
    killed, finished, done, steps = 0, 0, 0, []
    path = tmp_path / "0" / "run.npz"
    path.parent.mkdir()
    while killed < kills:
        child = start(lambda: train(path))
        time.sleep(rng.uniform(0, 3 * whole[2]))
        os.kill(child, signal.SIGKILL)
        code = end_of(child)
        assert code in (-9, 0)
        killed += code == -9
        before, done = done, epochs_in(path)
        steps.append(done - before)
        assert_nothing_but_parts(path)
        if code == 0:
            assert_same_end(path, whole)
            finished, done = finished + 1, 0
            path = tmp_path / str(finished) / "run.npz"
            path.parent.mkdir()
    assert finished <= kills / 5                          # so most kills met a run at work
    assert min(steps) >= 0 and max(steps) >= 1
    assert_same_end(path, whole)


def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(file, **arrays):
    file.write(b"PK" + bytes(100_000))
    die()


def replaced(source, target, replace=os.replace):
    replace(source, target)
    die()


@pytest.mark.parametrize("module, name, act, parts, epochs", [
    (np, "savez", die, 1, 3), (np, "savez", half_written, 1, 3), (os, "fsync", die, 1, 3),
    (os, "replace", die, 1, 3), (os, "replace", replaced, 0, 4)],
    ids=["opened", "half written", "written", "synced", "moved"])
def test_a_kill_at_each_stage_of_a_write_costs_one_epoch_at_most(
        module, name, act, parts, epochs, whole, tmp_path):
    path = tmp_path / "run.npz"

    def run():
        def arm(model, history):
            if len(history) == 3:
                setattr(module, name, act)                # in the child alone
        train(path, callbacks=[arm])

    assert end_of(start(run)) == -9
    assert epochs_in(path) == epochs
    assert len(list(tmp_path.glob("*.part"))) == parts
    assert_nothing_but_parts(path)
    assert_same_end(path, whole)


def test_a_later_run_removes_what_killed_ones_left(whole, tmp_path):
    path = tmp_path / "run.npz"
    other = tmp_path / "run.npz.backup.part"
    for file in (tmp_path / "run.npz.0123abcd.part", tmp_path / "run.npz.89abcdef.part", other):
        file.write_bytes(b"half of it")
    assert_same_end(path, whole)
    assert sorted(tmp_path.iterdir()) == [path, other]


def terminating(at_call, number=signal.SIGTERM):
    calls = []

    def binarize(x, rng):
        calls.append(1)
        if len(calls) == at_call:
            os.kill(os.getpid(), number)
        return npvae.datasets.binarize(x, rng)

    binarize.__qualname__, binarize.__module__ = "binarize", "npvae"   # to be taken for the other
    return binarize


@pytest.mark.parametrize("epoch, step", [(0, 1), (5, 20), (5, 40), (19, 40)])
def test_a_termination_costs_nothing(epoch, step, whole, tmp_path):
    """SIGTERM, as batch systems send it: the step is done, the checkpoint written, and the process
    ends as one that SIGTERM has ended. In a first step, inside an epoch, and in last steps."""
    path = tmp_path / "run.npz"
    child = start(lambda: train(path, terminating(epoch * 40 + step)))
    assert end_of(child) == -signal.SIGTERM
    training = checkpoints.read(path)[0]["training"]
    assert (training["epoch"], training["step"]) == (epoch, step)
    assert list(tmp_path.iterdir()) == [path]
    assert_same_end(path, whole)


def test_a_run_that_is_finished_when_the_termination_comes_ends_by_it_too(whole, tmp_path):
    path = tmp_path / "run.npz"

    def at_the_end(model, history):
        if len(history) == 20:
            os.kill(os.getpid(), signal.SIGTERM)

    assert end_of(start(lambda: train(path, callbacks=[at_the_end]))) == -signal.SIGTERM
    assert_same_end(path, whole)


def test_without_a_checkpoint_a_termination_ends_the_run_as_well():
    assert end_of(start(lambda: train(None, terminating(50)))) == -signal.SIGTERM


def test_the_second_termination_ends_the_process_at_once(tmp_path):
    def twice():
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupt.requested
            os.kill(os.getpid(), signal.SIGTERM)
            (tmp_path / "still here").touch()

    assert end_of(start(twice)) == -signal.SIGTERM
    assert not list(tmp_path.iterdir())


caught = []


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: caught.append(number)],
                         ids=["ignored", "handled"])
def test_a_meaning_that_the_caller_gave_to_sigterm_is_left_alone(handler):
    before = signal.signal(signal.SIGTERM, handler)
    caught.clear()
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not interrupt.requested
        assert signal.getsignal(signal.SIGTERM) == handler
        assert caught == ([] if handler == signal.SIG_IGN else [signal.SIGTERM])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_handlers_are_those_of_before():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with Interrupt():
        assert all(signal.getsignal(number) not in before for number in numbers)
    assert [signal.getsignal(number) for number in numbers] == before
    with pytest.raises(KeyError), Interrupt():
        raise KeyError
    assert [signal.getsignal(number) for number in numbers] == before


def test_in_a_thread_no_handler_is_set():
    seen = []

    def enter():
        with Interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


@pytest.mark.parametrize("room", [0, 100, 0.5, 0.99])
def test_a_full_disk_is_an_error_that_says_so_and_leaves_the_old_checkpoint(
        room, whole, tmp_path):
    path = tmp_path / "run.npz"

    def stop(model, history):
        if len(history) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(path, callbacks=[stop])
    before = path.read_bytes()
    room = int(room * len(before)) if isinstance(room, float) else room

    def run():
        complaints = []
        sys.unraisablehook = complaints.append
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        try:
            train(path)
        except BaseException as error:
            return type(error), error.errno, str(error), len(complaints)

    kind, number, message, complaints = answer_of(run)
    assert (kind, number, complaints) == (OSError, errno.EFBIG, 0)
    assert "File too large" in message
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert_same_end(path, whole)
