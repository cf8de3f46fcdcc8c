"""What all benchmarks share: threads, turns, and a line that says what ran where."""

import argparse
import ctypes
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import _umath_linalg

import npvae

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")     # NPROC: JAX


class Competitor(NamedTuple):
    name: str
    x: Any                           # the problem's batch, as train likes it best
    check: Callable | None           # eps -> loss, {name: gradient, in npvae's layout}
    train: Callable                  # batches -> None

    def run(self, n):
        """n steps on the problem's batch."""
        self.train([self.x] * n)


def arguments(description):
    """A parser with what all benchmarks are asked for."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for every library")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each competitor")
    parser.add_argument("--json", type=Path, help="write the numbers to this file, too")
    return parser


def with_threads(n):
    """Start this script anew with n threads: libraries read their number when they are loaded.

    An OPENBLAS_CORETYPE is dropped: some machines set it to the kernels of an older processor,
    for equal bits everywhere. NumPy is then up to twice as slow, and the frameworks are not.
    """
    wanted = dict.fromkeys(THREADS, str(n))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.environ.pop("OPENBLAS_CORETYPE", None)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def setting():
    """What ran where, in one line."""
    names = [name for name in ("numpy", "torch", "jax", "autograd") if find_spec(name)]
    return (f"npvae {npvae.__version__}, Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in names)
            + f"; {processor()}, {blas()}, {os.environ.get(THREADS[0], 'all')} threads, float32")


def processor():
    """The processor's name, as the system has it, and how many cores there are."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "a processor without a name"
    return f"{name} ({platform.machine()}, {os.cpu_count()} cores)"


def blas():
    """The library of NumPy's matrix products; for OpenBLAS, with the kernels that it chose.

    They say more than the processor's name: a virtual machine may hide that it has AVX-512, and
    products then take twice as long.
    """
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    library = ctypes.CDLL(_umath_linalg.__file__)          # finds what that is linked with, too
    for name in ("scipy_openblas_get_corename64_", "openblas_get_corename64_", "openblas_get_corename"):
        if hasattr(library, name):
            function = getattr(library, name)
            function.restype = ctypes.c_char_p
            return f"{found['name']} {found['version']} with {function().decode()} kernels"
    return f"{found['name']} {found['version']}"


def take_turns(competitors, rounds, seconds=0.05):
    """Seconds for a step, by wall clock and by processor, in turns A B C A B C ...

    A turn is a pause, one step that is not timed (the others' threads go to sleep, caches
    fill), and as many steps as take about the given seconds.

    Returns
    -------
    dict of str to array (rounds, 2)
    """
    repeats = []
    for competitor in competitors:
        competitor.run(3)
        start = time.perf_counter()
        competitor.run(3)
        repeats.append(max(1, round(3 * seconds / (time.perf_counter() - start))))
    times = {competitor.name: np.empty((rounds, 2)) for competitor in competitors}
    for i in range(rounds):
        for competitor, n in zip(competitors, repeats):
            time.sleep(0.02)
            competitor.run(1)
            start = np.array([time.perf_counter(), time.process_time()])
            competitor.run(n)
            now = np.array([time.perf_counter(), time.process_time()])
            times[competitor.name][i] = (now - start) / n
    return times


def write(path, results):
    """Write the results of a benchmark, with its setting, where a path is given."""
    if path is not None:
        path.write_text(json.dumps({"setting": setting(), "results": results}, indent=1))
