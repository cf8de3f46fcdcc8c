"""Files that are whole, and how one looks at what their readers make of them.

The only errors are those of the docstrings, with the path in their message; and no file
makes its reader ask for more memory than the file accounts for.
"""

import gzip
import io
import json
import struct
import zipfile

import numpy as np

import npvae
from helpers import small_vae
from npvae.datasets import load_images, read_idx, read_table
from npvae.datasets.images import IDX_NAMES
from npvae.evaluation import AnomalyDetector, load_detector
from npvae.evaluation.scores import SCORES


def load_into(path):
    model = small_vae(dtype=np.float32)
    npvae.load_into(path, model)
    return model


FILES = {"idx": ("images", read_idx), "idx.gz": ("images.gz", read_idx),
         "images": ("images.npz", load_images),
         "npy": ("table.npy", read_table), "csv": ("table.csv", read_table),
         "model": ("model.npz", npvae.load), "into": ("model.npz", load_into),
         "detector": ("detector.npz", load_detector)}
MAGIC = {"idx": b"\0\0\x08", "idx.gz": b"\x1f\x8b\x08", "npy": b"\x93NUMPY\x01\0", "csv": b"1,2\n"}
X = np.random.default_rng(0).random((30, 12))


# ---- the bytes of files ------------------------------------------------------------------

def npy(header, data=b""):
    """A .npy file of the given header, a text or the three entries of one."""
    if not isinstance(header, str):
        header = repr(dict(zip(("descr", "fortran_order", "shape"), header)))
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + data


def npz(members):
    """An archive of the given members, their checksums right; compressed, if no checkpoint."""
    file, kind = io.BytesIO(), zipfile.ZIP_DEFLATED
    if "header.npy" in members:
        kind = zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, compress_type=kind)
    return file.getvalue()


def members_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def array_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def idx(shape, data=b""):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def image_arrays(n=12):
    rng = np.random.default_rng(1)
    return {name: rng.integers(0, 256, (n, 4, 3) if "images" in name else n, np.uint8)
            for name in IDX_NAMES}


def sound_files(folder):
    """A sound file of each kind, as bytes."""
    model = small_vae(dtype=np.float32)
    npvae.save(folder / "model.npz", model, {"epoch": 3, "rate": 0.5, "names": ["a", "b"]})
    AnomalyDetector(model, X, n_samples=2).save(folder / "detector.npz")
    np.savez(folder / "images.npz", **image_arrays())
    np.save(folder / "table.npy", X)
    np.savetxt(folder / "table.csv", X, delimiter=",", header=",".join("abcdefghijkl"), comments="")
    (folder / "images").write_bytes(idx((12, 4, 3), bytes(range(144))))
    (folder / "images.gz").write_bytes(gzip.compress(idx((12, 4, 3), bytes(range(144)))))
    return {kind: (folder / name).read_bytes() for kind, (name, _) in FILES.items()}


def header_bytes(header):
    text = header if isinstance(header, str) else json.dumps(header)
    return array_bytes(np.frombuffer(text.encode(), np.uint8))


# ---- what a reader makes of them ---------------------------------------------------------

def read_or_refused(kind, data, folder):
    """What a file of these bytes is read as; None where it is refused, by its name."""
    name, read = FILES[kind]
    path = folder / name
    path.write_bytes(data)
    try:
        return read(path)
    except ValueError as error:
        assert type(error) is ValueError and str(path) in str(error)
        return None


def assert_sound(kind, result):
    """Of the documented shape and dtype, finite, and fit for use."""
    if kind in ("idx", "idx.gz"):
        assert isinstance(result, np.ndarray) and result.dtype.isnative
    elif kind == "images":
        for images, labels in (result[:2], result[2:]):
            assert images.dtype == np.float32 and labels.dtype == np.int64
            assert images.ndim == 2 and labels.shape == (len(images),)
            assert images.shape[1] == result.train_images.shape[1]
            assert 0 <= images.min() and images.max() <= 1
    elif kind in ("npy", "csv"):
        assert result.dtype == np.float64 and result.ndim == 2 and np.isfinite(result).all()
    else:
        model = result.models[0] if kind == "detector" else result
        theta = model.parameters.theta
        assert theta.dtype in (np.float32, np.float64) and np.isfinite(theta).all()
        if kind == "detector":
            assert result.kind in SCORES and result.n_samples >= 1 and result.seed >= 0
            shapes = [array.shape for array in contents(result)[1:4]]
            assert shapes == [(3,), (3, 3), (result.normal_scores.size,)]
            assert all(np.isfinite(array).all() for array in contents(result))


def contents(result):
    """All that is read, as arrays that can be compared."""
    if isinstance(result, np.ndarray):
        return [result]
    if isinstance(result, tuple):
        return list(result)
    if isinstance(result, AnomalyDetector):
        member = result.members[0]
        return [member.model.parameters.theta, member.latent_mean, member.latent_precision,
                result.normal_scores, np.array([result.n_samples, result.seed])]
    return [result.parameters.theta]
