"""MNIST as it was published, and readers that refuse what is damaged."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae import datasets
from npvae.datasets.idx import DTYPES
from npvae.datasets.images import IDX_NAMES, MNIST

SHA256 = {"train_images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
          "train_labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
          "test_images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
          "test_labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"}


@pytest.fixture(scope="module")
def mnist():
    return datasets.mnist()


def test_mnist_is_the_original():
    with np.load(MNIST) as file:
        for name, digest in SHA256.items():
            assert hashlib.sha256(file[name].tobytes()).hexdigest() == digest


def test_mnist_comes_as_rows_of_pixels_between_0_and_1(mnist):
    assert mnist.train_images.shape == (60000, 784) and mnist.test_images.shape == (10000, 784)
    assert mnist.train_images.dtype == np.float32 and mnist.train_labels.dtype == np.int64
    assert mnist.train_images.min() == 0.0 and mnist.train_images.max() == 1.0
    assert mnist.train_images.mean() == pytest.approx(0.1307, abs=5e-5)     # the usual constants
    assert mnist.train_images.std() == pytest.approx(0.3081, abs=5e-5)
    np.testing.assert_array_equal(mnist.train_labels[:5], [5, 0, 4, 1, 9])
    assert np.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028,
                                                       974, 1009]


def idx_bytes(array, code):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(DTYPES[code]).tobytes()


@given(code=st.sampled_from(sorted(DTYPES)), zipped=st.booleans(),
       shape=st.lists(st.integers(0, 4), max_size=4))
def test_idx_files_are_read_as_written(tmp_path_factory, code, shape, zipped):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(DTYPES[code])
    path = tmp_path_factory.mktemp("idx") / "array"
    data = idx_bytes(array, code)
    path.write_bytes(gzip.compress(data) if zipped else data)
    again = datasets.read_idx(path)
    assert again.dtype == array.dtype.newbyteorder("=") and again.dtype.isnative
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("damage, message", [
    (lambda data: b"", "no IDX file: it starts with nothing"),
    (lambda data: b"PNG" + data, "no IDX file: it starts with 504e4700"),
    (lambda data: data[:-1], "truncated or damaged: 39 bytes, where its header promises an array "
                             r"of shape \(4, 7\), 40 bytes"),
    (lambda data: data + b"x", "truncated or damaged"),
    (lambda data: data[:7], "truncated: it ends within its header, after 7 bytes"),
    (lambda data: data[:4] + b"\xff" * 8, "truncated or damaged"),      # promises 2^64 bytes
    (lambda data: gzip.compress(data)[:-9], "damaged gzip"),
    (lambda data: b"\x1f\x8b" + data, "damaged gzip")])
def test_damaged_idx_files_are_refused(tmp_path, damage, message):
    path = tmp_path / "damaged"
    path.write_bytes(damage(idx_bytes(np.zeros((4, 7)), 0x08)))
    with pytest.raises(ValueError, match=message):
        datasets.read_idx(path)


def write_folder(folder, suffix=""):
    rng = np.random.default_rng(0)
    for name, file in IDX_NAMES.items():
        n = 5 if "train" in name else 3
        array = rng.integers(0, 256, (n, 4, 2)) if "images" in name else rng.integers(0, 10, n)
        data = idx_bytes(array, 0x08)
        (folder / (file + suffix)).write_bytes(gzip.compress(data) if suffix else data)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_idx_files_is_read_as_mnist_is(tmp_path, suffix):
    write_folder(tmp_path, suffix)
    data = datasets.load_images(tmp_path)
    assert data.train_images.shape == (5, 8) and data.test_images.shape == (3, 8)
    raw = datasets.read_idx(tmp_path / (IDX_NAMES["test_images"] + suffix))
    np.testing.assert_array_equal(data.test_images, raw.reshape(3, 8).astype(np.float32) / 255)


def test_folders_and_archives_of_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither train-images-idx3-ubyte nor"):
        datasets.load_images(tmp_path)
    with pytest.raises(FileNotFoundError):
        datasets.load_images(tmp_path / "nothing.npz")
    write_folder(tmp_path)
    (tmp_path / IDX_NAMES["test_labels"]).write_bytes(idx_bytes(np.zeros(4), 0x08))
    with pytest.raises(ValueError, match=r"test_labels are uint8 of shape \(4,\): integers of shape "
                                         r"\(3,\) were expected"):
        datasets.load_images(tmp_path)
    path = tmp_path / "other.npz"
    np.savez(path, x=np.ones(3))
    with pytest.raises(ValueError, match="holds no array train_images, but x: train_images, "):
        datasets.load_images(path)
    np.savez(path, **{name: np.zeros((3, 2, 2)) for name in IDX_NAMES})
    with pytest.raises(ValueError, match="train_images are float64 .* uint8 .* was expected"):
        datasets.load_images(path)
    path.write_bytes(MNIST.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="no .npz file, or is damaged"):
        datasets.load_images(path)


def test_split_takes_the_last_rows_as_views():
    x, labels = np.arange(20).reshape(10, 2), np.arange(10)
    x_train, labels_train, x_val, labels_val = datasets.split(3, x, labels)
    assert len(x_train) == len(labels_train) == 7 and labels_val.tolist() == [7, 8, 9]
    assert np.shares_memory(x_val, x) and x_val[0].tolist() == [14, 15]
    with pytest.raises(ValueError, match="n_last is 10: fewer than the 10 rows"):
        datasets.split(10, x)


def test_binarize_draws_ones_with_the_stated_probability(rng):
    x = np.broadcast_to(np.array([0.0, 0.2, 0.7, 1.0], np.float32), (40_000, 4))
    drawn = datasets.binarize(x, rng)
    assert drawn.dtype == np.float32 and set(np.unique(drawn)) == {0.0, 1.0}
    error = np.sqrt(0.25 / 40_000)
    assert np.abs(drawn.mean(axis=0) - [0, 0.2, 0.7, 1]).max() < 5 * error
    assert drawn[:, 0].sum() == 0 and drawn[:, 3].all()
    again = datasets.binarize(x, np.random.default_rng(3))
    assert (again == datasets.binarize(x, np.random.default_rng(3))).all()
    assert (again != drawn).any()


def test_one_hot():
    assert datasets.one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(ValueError, match=r"labels lies in \[0, 3\]: labels from 0 to 2"):
        datasets.one_hot([3, 0], 3)
    with pytest.raises(ValueError, match="labels from 0 to 2"):
        datasets.one_hot([-1, 0], 3)
    for wrong in (["a", "b"], [0.5, 1.0], [[0, 1]]):
        with pytest.raises(TypeError, match="one integer for each row was expected"):
            datasets.one_hot(wrong, 3)
