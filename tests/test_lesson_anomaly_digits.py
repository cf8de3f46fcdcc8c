"""What anomaly_digits.py claims, asserted from what its figures draw."""

import numpy as np
import pytest

from quick_runs import load, run
from test_reading_list import figures


def check(found):
    for J in (2, 32):
        assert found[0, J]["-ELBO"] > 0.8
        assert found[1, J]["-ELBO"] < 0.35 and found[1, J]["per outline"] > 0.85       # the claim


def test_quick(tmp_path):
    check(run("anomaly_digits", tmp_path))
    assert figures(tmp_path) == {"anomaly_digits.png", "anomaly_digits_ones.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/anomaly_digits.py").main(["--out", str(tmp_path)])
    check(found)
    # epoch 5 to 20: with 2 dimensions a normal digit gets cheaper, a 1 dearer; with 32, both cheaper
    (area, normal, one), (area_32, normal_32, one_32) = (
        rows[19] - rows[4] for rows in (found["by epoch"][2], found["by epoch"][32]))
    assert normal < -5 and one > 5 and area > 0.1
    assert normal_32 < -5 and one_32 < -5 and area_32 < 0


def test_the_outline_of_an_image():
    example = load("examples/anomaly_digits.py")
    square = np.zeros((1, 28, 28))
    square[0, 5:9, 10:16] = 0.5                                     # 4 x 6: a way round of 20
    assert example.outline(square.reshape(1, -1)) == pytest.approx([0.5 * 20])
