"""Bad inputs: tables of what is refused, by which error, and in which words.

Each row is a name, a call (it is given an empty folder), the error, and a part of its message.
A message names the argument, says what it was, and says what was expected. A count or a number of
the wrong kind is a ValueError, as one out of range is; an object in the wrong role is a
TypeError; a file that is missing is a FileNotFoundError.
"""

import json

import numpy as np

import npvae
from npvae import evaluation, likelihoods, posteriors, priors
from npvae.files import write_npz
from npvae.learning import checkpoints
from npvae.networks import Dense

X = np.linspace(0.0, 1.0, 48, dtype=np.float32).reshape(8, 6)
LABELS = np.arange(8) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
IMAGES = np.arange(48, dtype=np.uint8).reshape(8, 6) * 5
EPS = np.zeros((2, 8, 2), np.float32)
NAN, INF = float("nan"), float("inf")
V, T, A = ValueError, TypeError, AttributeError


def vae(**options):
    return npvae.vae(6, (5,), 2, **options)


def cvae():
    return npvae.conditional_vae(6, 3, (5,), 2)


def rng():
    return np.random.default_rng(0)


def fit(x=X, model=None, **options):
    return npvae.fit(model or vae(), x, **{"epochs": 1, "progress": False, **options})


def diverge():
    with np.errstate(all="ignore"):
        fit(batch_size=2, epochs=9, learning_rate=1e9, optimizer=npvae.SGD())


def detector(normal=X, model=None, **options):
    return evaluation.AnomalyDetector(model or vae(), normal, **options)


def put(value, index=(2, 3), dtype=np.float32):
    x = X.astype(dtype)
    with np.errstate(over="ignore"):
        x[index] = value
    return x


def parts(n_out=4, n_in=2, **options):
    """A VAE by hand; its encoder is n_out wide, and its decoder takes n_in."""
    options = {"encoder": Dense(6, n_out, rng()), "posterior": posteriors.DiagonalGaussian(2),
               "prior": priors.StandardNormal(2), "decoder": Dense(n_in, 6, rng()),
               "likelihood": likelihoods.Bernoulli(), "n_data": 6, **options}
    return npvae.VAE(**options)


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def npy(path, array):
    np.save(path, array)
    return path


def saved(folder, model=None, header=None, without=(), **arrays):
    """A saved model, its header changed in parts, some of its arrays left out."""
    path = folder / "model.npz"
    npvae.save(path, model or vae(), arrays=arrays)
    old, arrays = checkpoints.read(path)
    text = json.dumps({**old, **(header or {})}).encode()
    write_npz(path, header=np.frombuffer(text, np.uint8),
              **{name: array for name, array in arrays.items() if name not in without})
    return path


def saved_detector(folder, without=(), **numbers):
    path = folder / "detector.npz"
    detector().save(path)
    header, arrays = checkpoints.read(path)
    header["training"] = {"detector": numbers or header["training"]["detector"]}
    write_npz(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8),
              **{name: array for name, array in arrays.items() if name not in without})
    return path


def images(**changes):
    arrays = {"train_images": np.zeros((4, 2, 3), np.uint8), "train_labels": np.zeros(4, int),
              "test_images": np.zeros((2, 2, 3), np.uint8), "test_labels": np.zeros(2, int)}
    return {**arrays, **changes}


def idx(shape, data):
    axes = b"".join(n.to_bytes(4, "big") for n in shape)
    return bytes([0, 0, 8, len(shape)]) + axes + data
