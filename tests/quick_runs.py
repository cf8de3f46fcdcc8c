"""The examples' quick runs: each is made once, two at a time, for all tests that look at it.

    python tests/quick_runs.py          prints the seconds of each

Two processes work through the examples that the collected tests name, from the start of the tests on.
Those that look at an example come last, and wait for that one alone. See `conftest.py`.
"""

import contextlib
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


class QuickRun(NamedTuple):
    """What `main` returned, what it printed, where its files are, and its seconds of work."""

    found: Any
    printed: str
    folder: Path
    seconds: float


def load(path):
    """A program as a module; like Python, it looks for what it imports in its own folder, too."""
    folder = str((ROOT / path).parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples_of(item):
    """The examples that a test runs: it names them, in its code or as an argument."""
    if not {"run", "RUNS"} & set(item.function.__code__.co_names):     # "counts" may be an array, too
        return set()
    arguments = item.callspec.params.values() if hasattr(item, "callspec") else ()
    words = [*item.function.__code__.co_consts, *arguments]
    return {word for word in words if isinstance(word, str)} & set(EXAMPLES)


def stand_back():
    """In a process of the pool: the tests go first, of which there is one process on two cores. And a
    warning is an error, with the exceptions of the tests: see filterwarnings in setup.cfg."""
    os.nice(10)
    warnings.simplefilter("error")
    for module in ("matplotlib", "pyparsing"):
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=module)


def make(name, folder):
    """One quick run, here and now."""
    folder.mkdir()
    printed, start = io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(printed):
        main = load(f"examples/{name}.py").main
        if name == "vae_on_one_page":
            found = main(quick=True, out=folder)
        else:
            found = main(["--quick", "--out", str(folder)])
    return QuickRun(found, printed.getvalue(), folder, time.process_time() - start)


class QuickRuns:
    """The runs of one session of tests."""

    def __init__(self):
        self.started, self.pool = {}, None

    def start(self, names):
        """Begin with the runs of these examples, those that are not there yet."""
        if names and self.pool is None:
            self.folder = Path(tempfile.mkdtemp(prefix="quick_runs"))
            self.pool = ProcessPoolExecutor(2, get_context("spawn"), stand_back)
        for name in names:
            if name not in self.started:
                self.started[name] = self.pool.submit(make, name, self.folder / name)

    def get(self, name):
        """The run of this example, when it is done."""
        self.start([name])
        return self.started[name].result()

    def end(self):
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            shutil.rmtree(self.folder)


RUNS = QuickRuns()


def run(name, folder):
    """What the example's `main` returned. Its files are in the folder; its words are printed."""
    made = RUNS.get(name)
    shutil.copytree(made.folder, folder, dirs_exist_ok=True)
    print(made.printed, end="")
    return made.found


def main():
    RUNS.start(EXAMPLES)
    for name in EXAMPLES:
        print(f"{name:28s}{RUNS.get(name).seconds:6.1f} s", flush=True)
    RUNS.end()


if __name__ == "__main__":
    main()
