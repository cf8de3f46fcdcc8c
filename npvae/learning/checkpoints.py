"""Checkpoints: a model, and where its training stands, in one .npz file.

The file holds a JSON header and plain arrays: no pickle, so loading one runs no
code of the file's.
"""

import json

import numpy as np

from npvae.files import read_npz, write_npz
from npvae.recipes import RECIPES

VERSION = 1


def save(path, model, training=None, arrays=None):
    """Write a model, and optionally the state of its training.

    Parameters
    ----------
    path : path-like
    model : VAE
    training : dict, optional
        Numbers, strings and lists on the state of training, for the header.
    arrays : dict of str to ndarray, optional
        The arrays that belong to it, such as the optimizer's moments.
    """
    header = {"format": "npvae", "version": VERSION, "config": model.config,
              "shapes": model.parameters.shapes, "training": training}
    write_npz(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8),
              theta=model.parameters.theta, **(arrays or {}))


def read(path):
    """The header (dict) and the arrays (dict of str to ndarray) of a checkpoint.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where the file is no checkpoint, is damaged, or comes from a later version.
    """
    arrays = read_npz(path)
    try:
        header = json.loads(arrays.pop("header").tobytes())
        known = header["format"] == "npvae"
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no npvae checkpoint: {', '.join(arrays)} are its arrays, "
                         "and a header was expected") from error
    if not known:
        raise ValueError(f"{path} has the format {header['format']!r}: 'npvae' was expected")
    if header["version"] > VERSION:
        raise ValueError(f"{path} was written by a later npvae (format {header['version']}; "
                         f"this one reads up to {VERSION})")
    return header, arrays


def load(path):
    """Build the model that a file holds: by its recipe, with its parameters.

    Raises
    ------
    ValueError
        Where the file is not to be read (see `read`), or its model was built by hand.
    """
    header, arrays = read(path)
    config = dict(header["config"] or {"recipe": None})
    recipe = config.pop("recipe")
    if recipe not in RECIPES:
        raise ValueError(f"{path} holds a model of the recipe {recipe!r}; known are "
                         f"{', '.join(RECIPES)}. Build the model yourself, then load_into it")
    model = RECIPES[recipe](**config)
    model = model.astype(arrays["theta"].dtype)
    _put(path, header, arrays, model)
    return model


def load_into(path, model):
    """Read a file's parameters into a model of the same architecture.

    Returns
    -------
    training, arrays : dict, dict
        What `save` was given beside the model.

    Raises
    ------
    ValueError
        Where the file is not to be read, or its blocks are not the model's.
    """
    header, arrays = read(path)
    _put(path, header, arrays, model)
    return header["training"], {name: array for name, array in arrays.items() if name != "theta"}


def _put(path, header, arrays, model):
    in_file = {name: tuple(shape) for name, shape in header["shapes"].items()}
    in_model = model.parameters.shapes
    for name in {**in_model, **in_file}:
        if in_file.get(name) != in_model.get(name):
            raise ValueError(f"{path} is of another architecture: block {name!r} is "
                             f"{in_file.get(name, 'absent')} in the file and "
                             f"{in_model.get(name, 'absent')} in the model")
    theta = arrays["theta"]
    if theta.dtype != model.parameters.dtype:
        raise ValueError(f"{path} holds {theta.dtype} parameters: "
                         f"{model.parameters.dtype} was expected")
    model.parameters.theta[...] = theta
