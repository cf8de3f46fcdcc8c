"""Bad files, and arrays that are no data sets."""

import gzip

import numpy as np

import npvae
from bad_inputs import (LABELS, NAN, T, V, X, idx, images, npy, npz, parts, put, saved, vae,
                        written)
from npvae import datasets, evaluation

CASES = [
    # ---- checkpoints
    ("load of nothing", lambda d: npvae.load(d / "a.npz"), FileNotFoundError, "a.npz"),
    ("load of a folder", lambda d: npvae.load(d), IsADirectoryError, "Is a directory"),
    ("load of a text", lambda d: npvae.load(written(d / "a.npz", "hello")), V,
     "a.npz is no .npz file, or is damaged"),
    ("load of nothing written", lambda d: npvae.load(written(d / "a.npz", "")), V,
     "is no .npz file"),
    ("load of other arrays", lambda d: npvae.load(npz(d / "a.npz", x=X)), V,
     "is no npvae checkpoint: x are its arrays, where a header and theta"),
    ("load of half a file", lambda d: npvae.load(written(d / "b", saved(d).read_bytes()[:900])), V,
     "is no .npz file, or is damaged"),
    ("load of a model by hand", lambda d: npvae.load(saved(d, parts())), V,
     "Build the model yourself, then load_into it"),
    ("load of a later version", lambda d: npvae.load(saved(d, header={"version": 9})), V,
     "was written by a later npvae (format 9"),
    ("load_into another architecture", lambda d: npvae.load_into(
        saved(d), npvae.vae(6, (4,), 2)), V,
     "another architecture: block 'encoder.0.W' is (6, 5) in the file and (6, 4) in the model"),
    ("load_into another dtype", lambda d: npvae.load_into(saved(d), vae().astype(float)), V,
     "holds float32 parameters: float64 was expected"),
    ("load_into, arguments swapped", lambda d: npvae.load_into(vae(), saved(d)), T,
     ": a path was expected"),
    ("save in no folder", lambda d: npvae.save(d / "no" / "a.npz", vae()), FileNotFoundError,
     "a.npz"),
    ("save over a folder", lambda d: npvae.save(d, vae()), IsADirectoryError, "Is a directory"),
    ("save to a number", lambda d: npvae.save(5, vae()), T, "path is 5: a path was expected"),
    ("load_detector of nothing", lambda d: evaluation.load_detector(d / "a"), FileNotFoundError,
     "a"),
    ("load_detector of a model", lambda d: evaluation.load_detector(saved(d)), V,
     "holds a model, but no detector"),

    # ---- data sets
    ("load_images of nothing", lambda d: datasets.load_images(d / "a.npz"), FileNotFoundError,
     "a.npz"),
    ("load_images of an empty folder", lambda d: datasets.load_images(d), FileNotFoundError,
     "holds neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"),
    ("load_images of a text", lambda d: datasets.load_images(written(d / "a", "hello")), V,
     "is no .npz file, or is damaged"),
    ("load_images of other arrays", lambda d: datasets.load_images(npz(d / "a.npz", x_train=X)), V,
     "holds no array train_images, but x_train: train_images, train_labels"),
    ("load_images of floats", lambda d: datasets.load_images(
        npz(d / "a.npz", **images(train_images=np.zeros((4, 2, 3))))), V,
     "train_images are float64 of shape (4, 2, 3): uint8 of shape (n, height, width)"),
    ("load_images of flat images", lambda d: datasets.load_images(
        npz(d / "a.npz", **images(test_images=np.zeros((2, 6), np.uint8)))), V,
     "test_images are uint8 of shape (2, 6): uint8 of shape (n, height, width)"),
    ("load_images with too few labels", lambda d: datasets.load_images(
        npz(d / "a.npz", **images(train_labels=np.zeros(3, int)))), V,
     "train_labels are int64 of shape (3,): integers of shape (4,) were expected"),
    ("load_images with labels of text", lambda d: datasets.load_images(
        npz(d / "a.npz", **images(test_labels=np.array(["a", "b"])))), V, "test_labels are <U1"),
    ("read_idx of nothing", lambda d: datasets.read_idx(d / "a"), FileNotFoundError, "a"),
    ("read_idx of a folder", lambda d: datasets.read_idx(d), IsADirectoryError, "Is a directory"),
    ("read_idx of a picture", lambda d: datasets.read_idx(written(d / "a", b"\x89PNG\r\n")), V,
     "a is no IDX file: it starts with 89504e47"),
    ("read_idx of too few bytes", lambda d: datasets.read_idx(
        written(d / "a", idx((2, 3), b"12"))), V,
     "14 bytes, where its header promises an array of shape (2, 3), 18 bytes"),
    ("read_idx of half a gzip", lambda d: datasets.read_idx(
        written(d / "a", gzip.compress(idx((3,), b"123"))[:-4])), V, "is a damaged gzip file"),
    ("split of none", lambda d: datasets.split(0, X), V, "n_last is 0: an integer of at least 1"),
    ("split of a fraction", lambda d: datasets.split(0.1, X), V, "n_last is 0.1: an integer"),
    ("split of all", lambda d: datasets.split(8, X), V, "n_last is 8: fewer than the 8 rows"),
    ("split of unequal lengths", lambda d: datasets.split(2, X, LABELS[:5]), V,
     "arrays have 8, 5 rows: the same number was expected"),
    ("split without a number", lambda d: datasets.split(X, LABELS), V, "n_last is array("),
    ("one_hot of text", lambda d: datasets.one_hot(["3", "5"], 10), T,
     "labels has shape (2,) and dtype <U1: one integer for each row was expected"),
    ("one_hot of floats", lambda d: datasets.one_hot([3.0, 5.0], 10), T,
     "dtype float64: one integer"),
    ("one_hot of one_hot", lambda d: datasets.one_hot(np.eye(3, dtype=int), 3), T,
     "labels has shape (3, 3) and dtype int64"),
    ("one_hot, arguments swapped", lambda d: datasets.one_hot(10, LABELS), T,
     "labels has shape ()"),
    ("one_hot of labels from 1", lambda d: datasets.one_hot([1, 2, 3], 3), V,
     "labels lies in [1, 3]: labels from 0 to 2 were expected"),
    ("one_hot of a negative label", lambda d: datasets.one_hot([-1, 0], 3), V, "lies in [-1, 0]"),
    ("Masking of all", lambda d: datasets.Masking(1.0), V, "p is 1.0: a probability in [0, 1)"),
    ("Masking by percent", lambda d: datasets.Masking(50), V, "p is 50: a probability in [0, 1)"),
    ("Masking of NaN", lambda d: datasets.Masking(NAN), V, "p is nan: a probability in [0, 1)"),
    ("read_table of nothing", lambda d: datasets.read_table(d / "a.csv"), FileNotFoundError,
     "a.csv"),
    ("read_table of a folder", lambda d: datasets.read_table(d), V,
     "ends neither in .npy nor in .csv"),
    ("read_table of another ending", lambda d: datasets.read_table(d / "a.xlsx"), V,
     "a.xlsx is no table of numbers: its name ends neither in .npy nor in .csv"),
    ("read_table of semicolons", lambda d: datasets.read_table(
        written(d / "a.csv", "a;b\n1;2\n")), V,
     "line 1 holds ';': say delimiter=';'"),
    ("read_table of uneven rows", lambda d: datasets.read_table(
        written(d / "a.csv", "1,2\n3\n")), V,
     "line 2 has 1 columns, the first 2"),
    ("read_table with a gap", lambda d: datasets.read_table(written(d / "a.csv", "1,2\n3,\n")), V,
     "line 2 holds ''"),
    ("read_table with a NaN", lambda d: datasets.read_table(written(d / "a.csv", "1,nan\n")), V,
     "line 1 holds 'nan', which is no number and may be a missing one"),
    ("read_table of latin letters", lambda d: datasets.read_table(
        written(d / "a.csv", b"\xe9,1\n")), V,
     "a.csv is no table of numbers"),
    ("read_table of a vector", lambda d: datasets.read_table(npy(d / "a.npy", X[0])), V,
     "holds an array of shape (6,) and dtype float32: a table of numbers, (rows, columns)"),
    ("read_table of text", lambda d: datasets.read_table(npy(d / "a.npy", X.astype(str))), V, "<U"),
    ("standardizer_of nothing", lambda d: datasets.standardizer_of(X[:0]), V, "at least one row"),
    ("standardizer_of a vector", lambda d: datasets.standardizer_of(X[0]), V, "x has shape (6,)"),
    ("standardizer_of a NaN", lambda d: datasets.standardizer_of(put(NAN)), V, "x is nan at index"),
]
