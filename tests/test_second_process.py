"""The tests' two processes: every test is run once and reported once, whatever becomes of the second."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CONFTEST = """
import second_process
second_process.WORTH_IT = 2

def pytest_configure(config):
    second_process.configure(config)

def pytest_collection_finish(session):
    second_process.begin(session.config, {item.path for item in session.items})
"""
FILE = """
import os, signal, time
import pytest

def note(name):
    with open("ran", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")

@pytest.fixture(scope="module")
def fixture():
    return 1

@pytest.mark.parametrize("k", range(3))
def test_takes_a_while(fixture, k):
    note(f"{__name__}[{k}]")
    time.sleep(0.2)

def test_fails_in_the_third_file():
    assert __name__ != "test_3"

def test_skipped():
    pytest.skip("on purpose")
"""
DIES = """
def test_ends_the_second_process():
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def suite(tmp_path):
    """A little suite of six files, three of them in a folder of their own."""
    for name in ("test_1", "test_2", "test_3", "within/test_4", "within/test_5", "within/test_6"):
        file = tmp_path / "tests" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FILE)
    (tmp_path / "tests/conftest.py").write_text(CONFTEST)
    for module in ("second_process.py", "quick_runs.py"):
        shutil.copy(HERE / module, tmp_path / "tests")
    return tmp_path


def outcome(suite):
    """pytest's report, and what each process ran."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-rs", "tests"], cwd=suite, text=True,
                          capture_output=True, env={**os.environ, "TMPDIR": str(suite)})
    ran = [line.split() for line in (suite / "ran").read_text().splitlines()]
    return done.stdout + done.stderr, [name for name, _ in ran], {pid for _, pid in ran}


def test_every_test_is_run_once_and_reported_once(suite):
    report, ran, processes = outcome(suite)
    assert "1 failed, 23 passed, 6 skipped" in report and report.count("on purpose") == 6
    assert "test_fails_in_the_third_file" in report
    assert len(ran) == len(set(ran)) == 18 and len(processes) == 2
    assert not list(suite.glob("npvae_tests*"))


def test_what_the_second_leaves_the_first_runs(suite):
    with (suite / "tests/within/test_6.py").open("a") as file:
        file.write(DIES)
    report, ran, processes = outcome(suite)
    assert "1 failed, 24 passed, 6 skipped" in report and (suite / "died").exists()
    assert set(ran) == {f"test_{i}[{k}]" for i in range(1, 7) for k in range(3)}


def test_few_files_have_one_process(suite):
    (suite / "tests/conftest.py").write_text(CONFTEST.replace("WORTH_IT = 2", "WORTH_IT = 7"))
    report, ran, processes = outcome(suite)
    assert "1 failed, 23 passed, 6 skipped" in report and len(processes) == 1
