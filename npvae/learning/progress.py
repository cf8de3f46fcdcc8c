"""Progress: a bar with the rate and the time left on a terminal, else a line per epoch."""

import shutil
import signal
import sys
import threading
import time


class Progress:
    """Tells how a training run is going.

    Parameters
    ----------
    epochs, steps : int
        How many epochs the run has, and how many steps each.
    done : int
        Steps done before, in a run that is resumed.
    show : bool
        False: print nothing.
    """

    def __init__(self, epochs, steps, done=0, show=True):
        self.epochs, self.steps, self.show = epochs, steps, show
        self.first, self.start, self.last = done, time.monotonic(), 0.0
        self.bar = show and sys.stdout.isatty()

    def step(self, epoch, step, batch_size, loss):
        """So many steps of an epoch are done; redraw the bar, ten times a second at most."""
        now = time.monotonic()
        if not self.bar or now - self.last < 0.1:
            return
        self.last = now
        done = epoch * self.steps + step
        seconds = (now - self.start) / (done - self.first)
        left = seconds * (self.epochs * self.steps - done)
        filled = 20 * step // self.steps
        line = (f"epoch {epoch + 1}/{self.epochs} [{'#' * filled}{'.' * (20 - filled)}] "
                f"{batch_size / seconds:,.0f} images/s, {clock(left)} left, loss {loss:.2f}")
        width = shutil.get_terminal_size().columns - 1
        print("\r" + line[:width].ljust(width), end="", flush=True)

    def epoch(self, row):
        """An epoch is done; print its line."""
        if not self.show:
            return
        if self.bar:
            print("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r", end="")
        print(describe(row, self.epochs), flush=True)


def describe(row, epochs):
    """One epoch of a history as a line of text."""
    line = f"epoch {row['epoch']:{len(str(epochs))}}/{epochs}  {terms(row, 'train', '')}"
    if "val_loss" in row:
        line += f"  {terms(row, 'held out', 'val_')}"
    return line + f"  {row['seconds']:.1f} s"


def terms(row, name, prefix):
    reconstruction, kl = row[prefix + "reconstruction"], row[prefix + "kl"]
    return f"{name}: {reconstruction:.2f} + KL {kl:.2f} = -ELBO {reconstruction + kl:.2f}"


def clock(seconds):
    """Seconds as h:mm:ss or m:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Interrupt:
    """Turns Ctrl-C and SIGTERM into a flag that a loop looks at between two steps.

    So no update is cut in half, and there is time for a checkpoint. The second signal acts at
    once, as usual. A SIGTERM is sent again when the loop has been left, however it was left: the
    process ends with the status that a batch system expects of it.

    Nothing is done outside the main thread, where Python delivers no signals; where Ctrl-C is
    ignored; and where SIGTERM has been given another meaning.
    """

    requested = False

    def __enter__(self):
        self.previous, self.number = {}, None
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
                self._listen(signal.SIGINT)
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                self._listen(signal.SIGTERM)
        return self

    def _listen(self, number):
        self.previous[number] = signal.signal(number, self._request)

    def _request(self, number, frame):
        self.requested, self.number = True, number
        self._restore()

    def _restore(self):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def __exit__(self, *error):
        self._restore()
        if self.number == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)
