"""Data: MNIST, shipped in the package, and readers for what comes in the same form."""

from npvae.datasets.idx import read_idx
from npvae.datasets.images import ImageData, binarize, load_images, mnist, one_hot, split

__all__ = ["mnist", "load_images", "read_idx", "ImageData", "split", "binarize", "one_hot"]
