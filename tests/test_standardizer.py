"""Columns of any size come to one scale; columns that do not vary are left on theirs."""

import numpy as np
import pytest

from npvae import datasets


@pytest.mark.parametrize("value", [0.1, -0.1, 1e-300, 1e300, 0.0, 1 / 3])
@pytest.mark.parametrize("n", [1, 7, 10, 1000])
def test_a_constant_column_is_shifted_to_zero_exactly(value, n):
    """The rounding of a mean of 0.1 would be a scale of 1.4e-17."""
    x = np.full((n, 1), value)
    standardizer = datasets.standardizer_of(x)
    assert standardizer.scale.tolist() == [1.0]
    np.testing.assert_array_equal(standardizer(x), 0.0)
    np.testing.assert_array_equal(standardizer(np.array([[value + 2.0]])), value + 2.0 - value)


def test_a_column_that_varies_by_rounding_alone_is_constant():
    x = np.where(np.arange(20) % 2, 0.1 + 0.2, 0.3)[:, None]
    assert 0 < np.ptp(x) < 1e-16
    standardizer = datasets.standardizer_of(x)
    assert standardizer.scale.tolist() == [1.0] and np.abs(standardizer(x)).max() < 1e-16


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-30, 1e-10, 1e5, 1e150, 1e300])
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e6])
def test_a_column_of_any_size_gets_mean_zero_and_deviation_one(rng, size, offset):
    """Its squares need not be numbers: 1e-200 squared is 0, 1e200 squared is infinite."""
    u = rng.standard_normal(500) + offset
    z = datasets.standardizer_of(size * np.stack([u, u, np.ones(500)], axis=1))(
        size * np.stack([u, -u, np.ones(500)], axis=1))
    assert abs(z[:, 0].mean()) < 1e-9 and z[:, 0].std() == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_array_equal(z[:, 2], 0.0)
    np.testing.assert_allclose(z[:, 0], (u - u.mean()) / u.std(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("hole", [0.0, 0.3])
def test_the_mean_of_many_rows_that_hardly_vary_has_its_digits(rng, hole):
    """The rounding of a sum of 100,000 numbers near 1.7e9, such as times, is no part of a deviation."""
    u, seen = rng.standard_normal((100_000, 2)), rng.random((100_000, 2)) >= hole
    x = 1.7e9 + 1e-3 * u
    standardizer = datasets.standardizer_of(np.ma.masked_array(x, ~seen))
    for column in range(2):
        off = x[seen[:, column], column] - 1.7e9                     # exact
        mean = (standardizer.shift[column] - 1.7e9) / off.std()
        assert mean == pytest.approx(off.mean() / off.std(), abs=2e-3)
        assert standardizer.scale[column] == pytest.approx(off.std(), rel=1e-6)


def test_a_standardizer_of_wrong_numbers_is_refused():
    one = np.ones(2)
    for shift, scale, kind, message in (
            (one, [1.0, 0.0], ValueError, "scale reaches 0.0: positive numbers were expected"),
            (one, [1.0, -1.0], ValueError, "scale reaches -1.0"),
            (one, [1.0, np.nan], ValueError, r"scale is nan at index \(1,\)"),
            ([np.inf, 0], one, ValueError, r"shift is inf at index \(0,\)"),
            (one, np.ones(3), ValueError, r"shift has shape \(2,\) and scale \(3,\)"),
            (1.0, one, ValueError, r"shift has shape \(\)"),
            (["a", "b"], one, TypeError, "shift has dtype <U1"),
            (np.ma.masked_array(one), one, TypeError, "shift is a masked array")):
        with pytest.raises(kind, match=message):
            datasets.Standardizer(shift, scale)
    with pytest.raises(ValueError, match=r"\(x - shift\) / scale is inf at index \(0, 1\)"):
        datasets.Standardizer([0, 0], [1, 1e-300])([[1.0, 1e10]])


def test_two_standardizers_are_the_same_object_or_not():
    one, other = datasets.standardizer_of(np.eye(3)), datasets.standardizer_of(np.eye(3))
    assert one == one and one != other and one in [other, one]


def test_its_numbers_are_its_own():
    shift, scale = np.zeros(2), np.array([1.0, 2.0])
    standardizer = datasets.Standardizer(shift, scale)
    shift += 1.0
    scale *= -10.0
    np.testing.assert_array_equal(standardizer(np.ones((1, 2))), [[1.0, 0.5]])
