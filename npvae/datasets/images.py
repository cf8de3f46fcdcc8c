"""Sets of labelled images: the MNIST that is shipped, and others like it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npvae.datasets.idx import read_idx
from npvae.files import read_npz
from npvae.inputs import (as_array, as_one_hot, check_count, check_dtype, check_finite,
                          check_generator, check_number, check_path, check_range, check_real,
                          check_rows)

MNIST = Path(__file__).with_name("mnist.npz")
IDX_NAMES = {"train_images": "train-images-idx3-ubyte", "train_labels": "train-labels-idx1-ubyte",
             "test_images": "t10k-images-idx3-ubyte", "test_labels": "t10k-labels-idx1-ubyte"}


class ImageData(NamedTuple):
    """Images as rows of pixels in [0, 1], float32, (n, D); labels as integers, (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def mnist():
    """MNIST: 60,000 + 10,000 handwritten digits of 28 x 28 grey pixels, from this package.

    Returns
    -------
    ImageData

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998). Y. LeCun, C. Cortes, C. J. C. Burges: the MNIST
    database of handwritten digits, under the licence CC BY-SA 3.0.
    """
    return load_images(MNIST)


def load_images(path):
    """A set of images from a .npz file, or from a folder of IDX files.

    Parameters
    ----------
    path : path-like
        A .npz file with the arrays train_images, train_labels, test_images, test_labels, or
        a folder with four IDX files under MNIST's names, plain or with .gz. Fashion-MNIST and
        KMNIST come like that. (EMNIST's images are transposed, and its files named
        otherwise: read them with `read_idx`, and swap the last two axes.)

    Returns
    -------
    ImageData

    Raises
    ------
    FileNotFoundError
        Where a file is missing.
    ValueError
        Where a file is damaged, or is of something else.
    """
    check_path(path)
    path = Path(path)
    arrays = _read_folder(path) if path.is_dir() else _read_archive(path)
    data = ImageData(*_images_and_labels(arrays, "train", path),
                     *_images_and_labels(arrays, "test", path))
    train, test = (arrays[f"{part}_images"].shape[1:] for part in ("train", "test"))
    if train != test:
        raise ValueError(f"{path}: train_images are of {train} pixels, test_images of {test}: "
                         "the same size was expected")
    return data


def _read_archive(path):
    arrays = read_npz(path)
    for name in IDX_NAMES:
        if name not in arrays:
            raise ValueError(f"{path} holds no array {name}, but {', '.join(arrays)}: "
                             f"{', '.join(IDX_NAMES)} were expected")
    return arrays


def _read_folder(path):
    arrays = {}
    for name, file in IDX_NAMES.items():
        candidates = [path / file, path / f"{file}.gz"]
        found = [candidate for candidate in candidates if candidate.exists()]
        if not found:
            raise FileNotFoundError(f"{path} holds neither {file} nor {file}.gz")
        arrays[name] = read_idx(found[0])
    return arrays


def _images_and_labels(arrays, part, path):
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    if images.dtype != np.uint8 or images.ndim != 3 or images.size == 0:
        raise ValueError(f"{path}: {part}_images are {images.dtype} of shape {images.shape}: "
                         "uint8 of shape (n, height, width) was expected")
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise ValueError(f"{path}: {part}_labels are {labels.dtype} of shape {labels.shape}: "
                         f"integers of shape ({len(images)},) were expected")
    check_range(labels, f"{path}: {part}_labels", -2**63, 2**63 - 1, "int64 was expected")
    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels /= 255.0
    return pixels, labels.astype(np.int64)


def split(n_last, *arrays):
    """Each array without its last n rows, then the last n rows of each: views.

    `x_train, labels_train, x_val, labels_val = split(5000, x, labels)`

    Parameters
    ----------
    n_last : int
        How many rows go to the second part, at least 1, and fewer than there are.
    *arrays : array (n, ...)
        All of the same n. They are not shuffled.
    """
    n_last = check_count(n_last, "n_last")
    if not arrays:
        raise ValueError("no arrays are given: at least one was expected")
    for i, a in enumerate(arrays):
        check_rows(a, f"arrays[{i}]")
    if len({len(a) for a in arrays}) != 1:
        raise ValueError(f"arrays have {', '.join(str(len(a)) for a in arrays)} rows: "
                         "the same number was expected")
    if n_last >= len(arrays[0]):
        raise ValueError(f"n_last is {n_last}: fewer than the {len(arrays[0])} rows were expected")
    return (*(a[:-n_last] for a in arrays), *(a[-n_last:] for a in arrays))


def binarize(x, rng):
    """1 with probability x, else 0, drawn afresh: an array of x's shape and dtype.

    x holds probabilities in [0, 1], of any shape: a ValueError tells of others. rng is a
    numpy.random.Generator.

    Once, before training, this is fixed binarization. As `transform` in `fit`, at every
    presentation of an image, it is dynamic binarization, as in Burda et al. (2016).
    """
    check_generator(rng)
    x = as_array(x, "x")
    check_real(x, "x")
    check_range(x, "x", 0, 1, "probabilities in [0, 1] were expected")
    return (_uniform(rng, x) < x).astype(x.dtype)


def _uniform(rng, x):
    """Uniform numbers in [0, 1), one for each of x: float32 for float32, else float64."""
    return rng.random(x.shape, np.float32 if x.dtype == np.float32 else np.float64)


def one_hot(labels, n_classes, dtype=np.float32):
    """Labels 0 .. n_classes - 1, (n,), as rows with a single one, (n, n_classes).

    Of the given dtype. A TypeError tells of labels that are no integers, a ValueError of other ones.
    A label that is not known, for `semi_supervised_vae`, is a row of zeros: to be put there afterwards.
    """
    check_dtype(dtype)
    return as_one_hot(labels, "labels", n_classes, dtype)


@dataclass(frozen=True)
class Masking:
    """Sets each pixel to zero with a probability: masking(x, rng) is an array like x.

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol (2008), the noise of the denoising autoencoder.
    """

    p: float

    def __post_init__(self):
        p = check_number(self.p, "p", lambda v: 0 <= v < 1, "a probability in [0, 1)")
        object.__setattr__(self, "p", p)           # Python's own, in the repr as well

    def __call__(self, x, rng):
        check_generator(rng)
        x = as_array(x, "x")
        check_real(x, "x")
        check_finite(x, "x")                       # a NaN times zero is a NaN
        return (x * (_uniform(rng, x) >= self.p)).astype(x.dtype, copy=False)
