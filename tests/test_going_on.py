"""What must not end a training, and what must: outputs that close, and signals that come together."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npvae
from helpers import small_vae
from npvae.learning import checkpoints
from npvae.learning.progress import Interrupt
from test_killed import end_of, start
from test_learning import toy

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


# ---- outputs -----------------------------------------------------------------------------

def closed():
    stream = io.StringIO()
    stream.close()
    return stream


class Broken(io.StringIO):
    """A pipe whose reader is gone; a terminal, if asked."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


class Bare:
    """All that print needs."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


@pytest.mark.parametrize("stream", [None, closed(), Broken(False), Broken(True), Bare()],
                         ids=["None", "closed", "broken", "a broken terminal", "without isatty"])
def test_no_output_ends_a_training(stream, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    path = tmp_path / "run.npz"
    assert len(npvae.fit(small_vae(dtype=np.float32), toy(), epochs=3, checkpoint=path)) == 3
    assert checkpoints.read(path)[0]["training"]["epoch"] == 3


def test_an_epochs_line_is_printed_when_its_checkpoint_is_written(tmp_path, monkeypatch):
    """So whoever stops reading, or kills the run, after a line has its epoch."""
    path, epochs = tmp_path / "run.npz", []

    class Watching(Bare):
        def write(self, text):
            if text.startswith("epoch"):
                epochs.append(checkpoints.read(path)[0]["training"]["epoch"])

    monkeypatch.setattr(sys, "stdout", Watching())
    npvae.fit(small_vae(dtype=np.float32), toy(), epochs=3, checkpoint=path)
    assert epochs == [1, 2, 3]


def test_a_run_whose_reader_leaves_after_one_line_is_trained_to_its_end(tmp_path):
    path = tmp_path / "run.npz"
    code = ("import numpy as np, npvae; npvae.fit(npvae.vae(6, (5,), 2), np.eye(6), epochs=40, "
            f"checkpoint={str(path)!r})")
    root = Path(npvae.__file__).parents[1]
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)})
    assert run.stdout.readline().startswith("epoch  1/40")
    run.stdout.close()
    assert "Traceback" not in run.stderr.read()
    run.stderr.close()
    run.wait()
    assert checkpoints.read(path)[0]["training"]["epoch"] == 40


# ---- signals -----------------------------------------------------------------------------

@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)],
                         ids=["Ctrl-C first", "SIGTERM first"])
@pytest.mark.parametrize("together", [False, True])
def test_of_two_signals_the_termination_is_not_lost(numbers, together, tmp_path):
    """One after the other, or both before Python looks at either: the step is done, the checkpoint
    written, and the process ends by SIGTERM."""
    path, calls = tmp_path / "run.npz", []

    def twice(x, rng):
        calls.append(1)
        if len(calls) == 2:
            if together:
                signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
            for number in numbers:
                os.kill(os.getpid(), number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        return x

    def run():
        npvae.fit(small_vae(dtype=np.float32), toy(), epochs=3, batch_size=16, checkpoint=path,
                  transform=twice, progress=False)

    for _ in range(5):
        path.unlink(missing_ok=True)
        calls.clear()
        assert end_of(start(run)) == -signal.SIGTERM
        assert checkpoints.read(path)[0]["training"]["step"] == 2
        assert list(tmp_path.iterdir()) == [path]


def test_the_same_signal_twice_acts_at_once_also_after_the_other():
    def thrice():
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupt.requested
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
            os._exit(5)

    assert end_of(start(thrice)) == 5


def test_a_ctrl_c_that_nobody_looked_at_is_raised_in_the_end():
    with pytest.raises(KeyboardInterrupt), Interrupt():
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyError), Interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        raise KeyError
