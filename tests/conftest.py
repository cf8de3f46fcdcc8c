import signal

import numpy as np
import pytest

from broken_files import sound_files
from hypothesis import settings

# The same examples every time, and no time limit on a single one: machines differ.
settings.register_profile("npvae", derandomize=True, deadline=None, max_examples=25,
                          database=None, report_multiple_bugs=False)
settings.load_profile("npvae")

# What a shell starts in its background (`pytest &`) has Ctrl-C ignored; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng():
    return np.random.default_rng(20140214)


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """A sound file of each kind that the package reads, as bytes."""
    return sound_files(tmp_path_factory.mktemp("originals"))
