"""What anomaly_real_table.py claims, asserted from what its figures draw."""

import numpy as np
import pytest
from scipy import stats

from npvae import datasets
from quick_runs import run
from test_examples import load
from test_reading_list import figures

FIGURES = {"anomaly_real_table.png", "anomaly_real_table_why.png"}


def check(found, n_new, margin):
    areas = found["areas"]
    assert len(areas) == 6
    assert areas["negative evidence"] > areas["5th nearest neighbour"] - margin > 0.9
    for quantile in (0.9, 0.95, 0.99):
        false_alarms, share_found = found[quantile]
        # given n held-out rows, the share is that of a Beta distribution, and then binomial
        k = np.ceil(round(quantile * (found["n"] + 1), 9))
        promise = stats.betabinom(n_new, found["n"] + 1 - k, k)
        assert promise.cdf(round(false_alarms * n_new)) > 1e-3
        assert promise.sf(round(false_alarms * n_new) - 1) > 1e-3
        assert share_found > 10 * false_alarms or quantile < 0.95
    assert len(set(found["oddest"])) == 3


def test_quick(tmp_path):
    check(run("anomaly_real_table", tmp_path), n_new=2442 - 1700, margin=0.02)
    assert figures(tmp_path) == FIGURES


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/anomaly_real_table.py").main(["--out", str(tmp_path)])
    check(found, n_new=2442, margin=0.005)


def test_the_table_is_what_it_says():
    table = datasets.page_blocks()
    assert table.rows.shape == (5393, 10) and table.rows.dtype == np.float64
    assert table.is_anomaly.sum() == 510 and len(np.unique(table.rows, axis=0)) == 5393
    height, length, area, eccentricity, black, smeared, run, blackpix, blackand, changes = table.rows.T
    np.testing.assert_array_equal(area, height * length)
    np.testing.assert_allclose(eccentricity, length / height, atol=6e-3)
    np.testing.assert_allclose([black, smeared], [blackpix / area, blackand / area], atol=6e-4)
    np.testing.assert_allclose(run, blackpix / changes, atol=6e-3)
