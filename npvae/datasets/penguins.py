"""The Palmer penguins, shipped: a small table of numbers and classes, with holes."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

PENGUINS = Path(__file__).with_name("penguins.csv")
NUMBERS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
CLASSES = {"species": ("Adelie", "Chinstrap", "Gentoo"), "island": ("Biscoe", "Dream", "Torgersen"),
           "sex": ("female", "male")}


class Penguins(NamedTuple):
    """A table with missing cells.

    Attributes
    ----------
    x : masked array (344, 7), float64
        Four columns of numbers, and three of classes 0, 1, ...; masked where a cell is missing.
    names : tuple of str
        Of the columns.
    classes : dict of str to tuple of str
        For the columns of classes, the names of 0, 1, ...
    """

    x: np.ma.MaskedArray
    names: tuple
    classes: dict


def penguins():
    """344 penguins of three species: bill, flipper, mass, species, island and sex; 19 cells are missing.

    Returns
    -------
    Penguins

    References
    ----------
    Gorman, Williams and Fraser (2014), "Ecological sexual dimorphism and environmental variability
    within a community of Antarctic penguins (genus Pygoscelis)"; collected at Palmer Station, and made
    a table by Horst, Hill and Gorman (2020), "palmerpenguins", under CC0.
    """
    names = (*NUMBERS, *CLASSES)
    with open(PENGUINS, encoding="utf-8", newline="") as file:
        rows = [[_cell(row[name], name) for name in names] for row in csv.DictReader(file)]
    return Penguins(np.ma.masked_invalid(rows), names, dict(CLASSES))


def _cell(text, name):
    """A cell as a number: of a class its place in the list, NaN where it is missing."""
    if text == "NA":
        return np.nan
    return float(CLASSES[name].index(text) if name in CLASSES else text)
