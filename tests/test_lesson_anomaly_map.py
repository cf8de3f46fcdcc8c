"""What anomaly_map.py claims, asserted from what its figure draws."""

import numpy as np
import pytest

from quick_runs import run
from test_examples import load
from test_reading_list import figures


def check(found, flagged):
    assert found["flagged"] > flagged and len(found["top"]) == 10
    assert found["left over"] < 1e-3 < 1 < min(found["beyond"])               # of nats, in float32
    assert np.median(found["top"]) > 0.5 and max(found["top"]) < 2.0


def test_quick(tmp_path):
    check(run("anomaly_map", tmp_path), 0.3)
    assert figures(tmp_path) == {"anomaly_map.png"}


@pytest.mark.slow
def test_full(tmp_path):
    check(load("examples/anomaly_map.py").main(["--out", str(tmp_path)]), 0.3)
