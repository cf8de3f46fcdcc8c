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
    terminal : bool
        False: no bar, whatever the output is. (`mpirun` gives its ranks a terminal, when its own output
        is a file.)
    of_kl : bool
        False: the code is priced by another cost than the KL, and the sum is no -ELBO.
    """

    def __init__(self, epochs, steps, done=0, show=True, terminal=True, of_kl=True):
        self.epochs, self.steps, self.show, self.of_kl = epochs, steps, show, of_kl
        self.first, self.start, self.last = done, time.monotonic(), 0.0
        self.bar = show and terminal and is_terminal(sys.stdout)

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
                f"{batch_size / seconds:,.0f} rows/s, {clock(left)} left, loss {loss:.2f}")
        width = shutil.get_terminal_size().columns - 1
        self._print("\r" + line[:width].ljust(width), end="")

    def epoch(self, row):
        """An epoch is done; print its line."""
        if not self.show:
            return
        if self.bar:
            self._print("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r", end="")
        self._print(in_words(row, self.epochs, self.of_kl))

    def _print(self, text, end="\n"):
        """A closed or missing output is no reason to end a training: it goes on in silence."""
        if not self.show:
            return
        try:
            print(text, end=end, flush=hasattr(sys.stdout, "flush"))
        except (AttributeError, OSError, ValueError):  # no stream, a broken pipe, a closed file
            self.show = self.bar = False


def is_terminal(stream):
    """Whether a stream, which may be None or closed, is a terminal."""
    try:
        return stream.isatty()
    except (AttributeError, OSError, ValueError):
        return False


def in_words(row, epochs, of_kl):
    """One epoch of a history as a line of text."""
    line = f"epoch {row['epoch']:{len(str(epochs))}}/{epochs}  {terms(row, 'train', '', of_kl)}"
    if "val_loss" in row:
        line += f"  {terms(row, 'held out', 'val_', of_kl)}"
    return line + f"  {row['seconds']:.1f} s"


def terms(row, name, prefix, of_kl):
    reconstruction, kl = row[prefix + "reconstruction"], row[prefix + "kl"]
    if not of_kl:
        return f"{name}: {reconstruction:.2f}, code {kl:.2f}, loss {row[prefix + 'loss']:.2f}"
    return f"{name}: {reconstruction:.2f} + KL {kl:.2f} = -ELBO {reconstruction + kl:.2f}"


def clock(seconds):
    """Seconds as h:mm:ss or m:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Interrupt:
    """Turns Ctrl-C and SIGTERM into a flag that a loop looks at between two steps.

    So no update is cut in half, and there is time for a checkpoint. The same signal once more acts
    at once, as usual. When the loop has been left, however it was left, a SIGTERM is sent again:
    the process ends with the status that a batch system expects of it. A Ctrl-C that the loop did
    not come to see raises KeyboardInterrupt then.

    Nothing is done outside the main thread, where Python delivers no signals; where Ctrl-C is
    ignored; and where SIGTERM has been given another meaning.
    """

    def __enter__(self):
        self.previous, self.seen = {}, set()
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
                self._listen(signal.SIGINT)
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                self._listen(signal.SIGTERM)
        return self

    @property
    def requested(self):
        return bool(self.seen)

    def _listen(self, number):
        self.previous[number] = signal.signal(number, self._request)

    def _request(self, number, frame):
        # Both signals may be waiting: Python forgets one whose handler is taken away meanwhile.
        # So no handler is, until the same signal comes again.
        if number in self.seen:
            self.seen.remove(number)                   # for it is delivered now
            signal.signal(number, self.previous[number])
            signal.raise_signal(number)
        else:
            self.seen.add(number)

    def __exit__(self, kind, error, traceback):
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        if signal.SIGTERM in self.seen:
            signal.raise_signal(signal.SIGTERM)
        if signal.SIGINT in self.seen and kind is None:
            raise KeyboardInterrupt
