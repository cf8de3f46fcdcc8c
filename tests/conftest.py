import os
import signal

# Before NumPy is loaded: the products here are small, and a second thread would only wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

import quick_runs  # noqa: E402
from broken_files import sound_files  # noqa: E402
from hypothesis import settings  # noqa: E402

# The same examples every time, and no time limit on a single one: machines differ.
settings.register_profile("npvae", derandomize=True, deadline=None, max_examples=25,
                          database=None, report_multiple_bugs=False)
settings.load_profile("npvae")

# What a shell starts in its background (`pytest &`) has Ctrl-C ignored; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session):
    """The examples that the collected tests name are run together, two at a time."""
    for item in session.items:
        arguments = item.callspec.params.values() if hasattr(item, "callspec") else ()
        words = [*item.function.__code__.co_consts, *arguments]
        named = {word for word in words if isinstance(word, str)}
        quick_runs.RUNS.wanted += [name for name in quick_runs.EXAMPLES if name in named]


def pytest_sessionfinish(session):
    quick_runs.RUNS.end()


@pytest.fixture
def rng():
    return np.random.default_rng(20140214)


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """A sound file of each kind that the package reads, as bytes."""
    return sound_files(tmp_path_factory.mktemp("originals"))
