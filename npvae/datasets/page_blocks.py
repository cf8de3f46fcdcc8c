"""A real table: the blocks of printed pages, of which most are text."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from npvae.files import read_npz

PAGE_BLOCKS = Path(__file__).with_name("page_blocks.npz")


class LabelledTable(NamedTuple):
    """Rows (n, D), float64; which of them are anomalies, bool (n,); the names of the columns."""

    rows: np.ndarray
    is_anomaly: np.ndarray
    columns: tuple


def page_blocks():
    """5,393 blocks of the pages of 54 documents: 4,883 of text, and 510 lines, pictures and graphics.

    The columns: height, length, area = height length, eccentricity = length / height; the share of
    black pixels, in the scan and after smearing along the lines; the mean length of a black run;
    black pixels in the scan and after smearing; changes from white to black.

    Returns
    -------
    LabelledTable

    References
    ----------
    D. Malerba, "Page Blocks Classification", UCI Machine Learning Repository, 1995,
    doi.org/10.24432/C5J590, under the licence CC BY 4.0; as Han, Hu, Huang, Jiang and Zhao (2022),
    "ADBench", have it, with the rows that stood there twice taken out: see `page_blocks.txt`.
    """
    arrays = read_npz(PAGE_BLOCKS)
    return LabelledTable(arrays["x"], arrays["labels"],
                         ("height", "length", "area", "eccentricity", "black", "black, smeared",
                          "mean run", "black pixels", "smeared pixels", "transitions"))
