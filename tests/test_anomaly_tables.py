"""benchmarks/anomaly_tables.py: its splits, its arithmetic, and that it goes on where it stopped; and
anomaly_promises.py: what is usual for a promise."""

import functools
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from npvae import evaluation

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("anomaly_tables")


@pytest.fixture
def promises(tables):
    return importlib.import_module("anomaly_promises")


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
        names, found = tables.summary(rows[:-1])                          # a seed less of c by "near"
        assert names == ["a", "b", "c"] and found["far"].shape == (3, 2, 4)
        assert np.isnan(found["near"][2, 1]).all() and np.isnan(found["near"]).sum() == 4
        assert tables.paired(found["far"][..., 0], found["near"][..., 0])[0] == pytest.approx(
            np.nanmean(found["far"][..., 0] - found["near"][..., 0], axis=1).mean())
        assert tables.summary([row for row in rows if row["table"] != "b" or row["method"] == "far"])[
            0] == ["a", "c"]
        tables.report(*tables.summary(rows))
        lines = capsys.readouterr().out.splitlines()
        assert lines[-2].startswith("far") and lines[-1].startswith("near")
        assert tables.ranks({"far": found["far"][:, 0, 0], "near": found["near"][:, 0, 0]}) == {
            "far": 1.0, "near": 2.0}
    finally:
        tables.METHODS.clear()
        tables.METHODS.update(known)


def test_the_paired_difference_has_its_standard_error(tables, rng):
    a, b = rng.random((2, 20, 1))
    mean, error = tables.paired(a, b)
    assert mean == pytest.approx((a - b).mean()) and error == pytest.approx(stats.sem((a - b)[:, 0]))


def test_of_a_detector_it_is_noted_how_many_new_normal_rows_it_flags(tables, rng, monkeypatch):
    monkeypatch.setattr(evaluation, "fit_detector", functools.partial(
        evaluation.fit_detector, n_steps=20, n_samples=4, n_models=3))
    x, new, odd = rng.standard_normal((100, 3)), rng.standard_normal((80, 3)), np.full((5, 3), 9.0)
    found = tables.measure(tables.detector, x, np.concatenate([new, odd]), np.arange(85) >= 80, 0)
    made = evaluation.fit_detector(x, seed=0)
    assert found["n_held_out"] == 20 and found["n_new"] == 80 and found["area"] == 1
    assert found["flagged"] == {str(q): made.flag(new, quantile=q).sum() for q in (0.5, 0.8, 0.9, 0.95)}
    assert found["log_p"] == pytest.approx(-made.score(new).mean())
    assert found["log_p"] >= found["log_p_of_one"] and json.dumps(found)


def test_a_number_that_is_usual_for_a_promise(promises, rng):
    """Of 300 detectors that keep their promise 1 % at most are unusual, in the mean; of those that flag
    60 rows more, nearly all."""
    n, m, k = 40, 200, 37                                         # the quantile 0.9
    new, held_out = rng.random((300, m)), np.sort(rng.random((300, n)), axis=1)
    counts = (new > held_out[:, k - 1:k]).sum(axis=1)
    rows = [{"n_held_out": n, "n_new": m, "flagged": {"0.9": int(count)}} for count in counts]
    promised, flagged, deviation, usual = promises.promises(rows, 0.9).T
    assert promised[0] == pytest.approx(4 / 41) and len(promised) == 300
    assert abs(flagged.mean() - 4 / 41) < 4 * deviation[0] / np.sqrt(300)
    assert flagged.std() == pytest.approx(deviation[0], rel=0.2)
    assert usual.mean() > 0.96
    late = [{**row, "flagged": {"0.9": row["flagged"]["0.9"] + 60}} for row in rows]
    assert promises.promises(late, 0.9)[:, 3].mean() < 0.1
    assert promises.gains([{"table": "a", "log_p": -1.0, "log_p_of_one": -1.5}, {"table": "b"},
                           {"table": "a", "log_p": -1.0, "log_p_of_one": -2.0}]) == {"a": 0.75}


def test_a_promise_is_looked_at_with_normal_rows_alone(promises, rng, tmp_path, capsys):
    """Of a table of 95 normal rows: 60 to fit, of which 20 are held out, and 35 new ones; no anomaly."""
    X = np.concatenate([rng.standard_normal((95, 2)), np.full((9, 2), np.nan)])
    np.savez(tmp_path / "a.npz", X=X, y=np.arange(104) >= 95)
    promises.main([str(tmp_path), "--seeds", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for line, k in zip(lines[1:], (11, 17, 19, 20)):
        words = line.split()
        assert words[0] == "20" and words[2] == words[-1] == "2"
        assert float(words[3]) == pytest.approx((21 - k) / 21, abs=1e-4)
        assert float(words[4]) * 70 == pytest.approx(round(float(words[4]) * 70), abs=0.01)
