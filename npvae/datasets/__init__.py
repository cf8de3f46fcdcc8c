"""Data: MNIST and two tables, shipped in the package, and readers for your own."""

from npvae.datasets.idx import read_idx
from npvae.datasets.images import (ImageData, Masking, binarize, load_images, mnist, one_hot,
                                   split)
from npvae.datasets.page_blocks import LabelledTable, page_blocks
from npvae.datasets.penguins import Penguins, penguins
from npvae.datasets.tables import Standardizer, read_table, standardizer_of

__all__ = ["mnist", "page_blocks", "LabelledTable", "penguins", "Penguins", "load_images", "read_idx",
           "ImageData", "split", "binarize", "one_hot", "Masking", "read_table", "Standardizer",
           "standardizer_of"]
