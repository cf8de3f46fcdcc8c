"""benchmarks/anomaly_tables.py: its splits, its arithmetic, and that it goes on where it stopped."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("anomaly_tables")


def test_half_of_the_normal_rows_are_trained_on_and_no_label_is_seen(tables, rng):
    X, y = rng.standard_normal((101, 3)), np.arange(101) % 5 == 0
    x, test, labels = tables.split(X, y, 1)
    assert len(x) == 40 and len(test) == 61 and labels.sum() == y.sum() == 21
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
    again, other = tables.split(X, y, 1), tables.split(X, y, 2)
    np.testing.assert_array_equal(again[0], x)
    assert not np.array_equal(other[0], x)
    # what is trained on is normal, and is not scored
    rows = lambda a: set(map(tuple, np.round(a @ np.diag([1.0, 1.0, 1.0]), 9)))
    assert not rows(x) & rows(test)


def test_a_run_goes_on_where_it_stopped_and_the_report_is_of_whole_tables(tables, rng, tmp_path, capsys):
    for name in ("a", "b", "c"):
        X = np.concatenate([rng.standard_normal((60, 3)), 3 + rng.standard_normal((20, 3))])
        np.savez(tmp_path / f"{name}.npz", X=X, y=np.arange(80) >= 60)
    calls = []

    def method(sign):
        def fit(x, seed):
            calls.append(seed)
            return lambda rows: sign * (rows**2).sum(axis=1)
        return fit
    known = tables.METHODS.copy()
    tables.METHODS.clear()
    tables.METHODS.update({"far": (method(1), "numpy"), "near": (method(-1), "numpy"),
                           "missing": (method(1), "no_such_package")})
    try:
        rows = tables.run(tmp_path, tmp_path / "r.jsonl", 2, None)
        assert len(rows) == len(calls) == 12 and {row["method"] for row in rows} == {"far", "near"}
        assert rows == [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
        assert len(tables.run(tmp_path, tmp_path / "r.jsonl", 2, None)) == len(calls) == 12
        names, found = tables.summary([row for row in rows if row != rows[-1]])
        assert names == ["a", "b"] and found["far"].shape == (2, 4)
        tables.report(*tables.summary(rows))
        lines = capsys.readouterr().out.splitlines()
        assert lines[-2].startswith("far") and lines[-1].startswith("near")
        assert tables.ranks({"far": found["far"][:, 0], "near": found["near"][:, 0]}) == {
            "far": 1.0, "near": 2.0}
    finally:
        tables.METHODS.clear()
        tables.METHODS.update(known)


def test_the_paired_difference_has_its_standard_error(tables, rng):
    a, b = rng.random((2, 20))
    mean, error = tables.paired(a, b)
    assert mean == pytest.approx((a - b).mean()) and error == pytest.approx(stats.sem(a - b))
