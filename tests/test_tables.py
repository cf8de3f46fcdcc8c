"""Tables: what is read is what was written, and columns come to one scale."""

import numpy as np
import pytest

from npvae import datasets

TABLE = np.array([[1.0, -2.5], [32768, 0.125], [0.0, 7.0]])


def test_npy_and_csv_give_the_same_table(tmp_path):
    np.save(tmp_path / "table.npy", TABLE.astype(np.float32))
    (tmp_path / "plain.csv").write_text("1,-2.5\n32768,0.125\n\n0,7\n")
    (tmp_path / "named.csv").write_text("\ufeffwidth,height\r\n1, -2.5\r\n32768,0.125\r\n0,7\r\n",
                                        encoding="utf-8")
    for name in ("table.npy", "plain.csv", "named.csv"):
        table = datasets.read_table(tmp_path / name)
        assert table.dtype == np.float64
        np.testing.assert_array_equal(table, TABLE)


@pytest.mark.parametrize("name, content, message", [
    ("a.csv", "1,2\n3\n", "line 2 has 1 columns, the first 2"),
    ("a.csv", "1,2\n3,x\n", "line 2 holds 'x'"),
    ("a.csv", "a,b\n", "it has no rows"),
    ("a.csv", "", "it has no rows"),
    ("a.csv", "1,2\n3,nan\n", "line 2 holds 'nan': a finite number was expected"),
    ("a.txt", "1,2\n", "ends neither in .npy nor in .csv"),
    ("a.npy", "no array", "is no table of numbers")])
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        datasets.read_table(tmp_path / name)


def test_arrays_that_are_no_tables_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    for array, message in ((np.ones(3), r"shape \(3,\)"), (np.array([["a"]]), "dtype <U1"),
                           (np.array([[{}]]), "no table of numbers")):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(ValueError, match=message):
            datasets.read_table(path)
    with pytest.raises(FileNotFoundError):
        datasets.read_table(tmp_path / "nothing.csv")


def test_standardized_columns_have_mean_zero_and_deviation_one(rng):
    x = rng.normal([5.0, -1e6, 0.0], [1e-3, 1e5, 1.0], (200, 3))
    x[:, 2] = 4.0                                       # a column that never changes
    standardizer = datasets.standardizer_of(x)
    z = standardizer(x)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z[:, :2].std(axis=0), 1, rtol=1e-9)
    np.testing.assert_array_equal(z[:, 2], 0.0)
    np.testing.assert_allclose(standardizer(x[:5]), z[:5], rtol=1e-12)
