import os
import signal

# Before NumPy is loaded: the products here are small, and a second thread would only wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

import quick_runs  # noqa: E402
import second_process  # noqa: E402
from broken_files import sound_files  # noqa: E402
from hypothesis import settings  # noqa: E402

# The same examples every time, and no time limit on a single one: machines differ.
settings.register_profile("npvae", derandomize=True, deadline=None, max_examples=25,
                          database=None, report_multiple_bugs=False)
settings.load_profile("npvae")

# What a shell starts in its background (`pytest &`) has Ctrl-C ignored; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    second_process.configure(config)


def pytest_collection_modifyitems(items):
    """Tests that look at an example's quick run come last: it is made meanwhile."""
    items.sort(key=lambda item: bool(quick_runs.examples_of(item)))


def pytest_collection_finish(session):
    if not session.config.option.collectonly:
        quick_runs.RUNS.start([name for item in session.items
                               for name in sorted(quick_runs.examples_of(item))])
        second_process.begin(session.config, {item.path for item in session.items})


def pytest_sessionfinish(session):
    quick_runs.RUNS.end()


@pytest.fixture
def rng():
    return np.random.default_rng(20140214)


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """A sound file of each kind that the package reads, as bytes."""
    return sound_files(tmp_path_factory.mktemp("originals"))
