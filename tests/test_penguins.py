"""The penguins that are shipped are those that were published."""

import numpy as np

from npvae.datasets import penguins


def test_the_table_has_the_published_counts():
    """Counts and means as the palmerpenguins package states them."""
    x, names, classes = penguins()
    assert x.shape == (344, 7) and x.mask.sum() == 4 * 2 + 11
    assert list(classes) == ["species", "island", "sex"] and names[4:] == tuple(classes)
    species = x[:, names.index("species")]
    counts = [int((species == i).sum()) for i in range(3)]
    assert dict(zip(classes["species"], counts)) == {"Adelie": 152, "Chinstrap": 68, "Gentoo": 124}
    assert round(float(x[:, names.index("body_mass_g")].mean()), 1) == 4201.8
    assert (x.mask.sum(axis=0) == [2, 2, 2, 2, 0, 0, 11]).all()


def test_what_is_missing_is_no_number():
    x, _, _ = penguins()
    assert np.isnan(x.data[x.mask]).all() and np.isfinite(x.compressed()).all()
