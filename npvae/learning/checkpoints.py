"""Checkpoints: a model, and where its training stands, in one .npz file.

The file holds a JSON header and plain arrays: no pickle, so loading one runs no
code of the file's.
"""

import json

import numpy as np

from npvae.door import check_model
from npvae.files import read_npz, write_npz
from npvae.objectives import Cost, Objective, SampledKL
from npvae.recipes import RECIPES
from npvae.recipes.building import largest_product
from npvae.typed import from_text

VERSION = 2                     # since version 2, moments are sums (see `Adam`), objectives texts


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
    check_model(model)
    objective = model.objective
    header = {"format": "npvae", "version": VERSION, "config": model.config,
              "objective": repr(objective) if isinstance(objective, Objective) else None,
              "guests": guests(model), "shapes": model.parameters.shapes, "training": training}
    header = json.dumps(header, default=plain)
    write_npz(path, header=np.frombuffer(header.encode(), np.uint8),
              theta=model.parameters.theta, **(arrays or {}))


def guests(model):
    """What in a model is no class of npvae's own: {its name: the module to import for it}."""
    parts = [*model.parts.values(), model.objective, getattr(model.objective, "cost", None)]
    return {type(part).__name__: type(part).__module__ for part in parts
            if not type(part).__module__.startswith(("npvae.", "builtins"))}


def plain(value):
    """NumPy's numbers as Python's."""
    if not isinstance(value, np.generic):
        raise TypeError(f"training holds a {type(value).__name__}: numbers, texts, lists and dicts "
                        "were expected; arrays go into `arrays`")
    return value.item()


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
        header["training"]
        header["config"] = dict(header["config"] or {})
        header["shapes"] = {name: tuple(shape) for name, shape in header["shapes"].items()}
        theta = arrays["theta"]
        later = header["version"] > VERSION
        known = header["format"] == "npvae"
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no npvae checkpoint: {', '.join(arrays)} are its arrays, "
                         "where a header and theta were expected") from error
    if not known:
        raise ValueError(f"{path} has the format {header['format']!r}: 'npvae' was expected")
    if later:
        raise ValueError(f"{path} was written by a later npvae (format {header['version']}; "
                         f"this one reads up to {VERSION})")
    if theta.dtype not in (np.float32, np.float64, np.complex128) or not np.isfinite(theta).all():
        raise ValueError(f"{path} holds parameters of dtype {theta.dtype}, or not all finite: "
                         "finite float32 or float64 were expected")
    return header, arrays


def load(path):
    """Build the model that a file holds: by its recipe, with its objective and parameters.

    An objective that is no `Objective` is not kept: set `model.objective` again.

    Raises
    ------
    ValueError
        Where the file is not to be read (see `read`), or its model was built by hand.
    """
    header, arrays = read(path)
    config = header["config"]
    recipe = config.pop("recipe", None)
    if recipe not in list(RECIPES):                   # a list: it need not be hashable
        raise ValueError(f"{path} holds a model of the recipe {recipe!r}; known are "
                         f"{', '.join(RECIPES)}. Build the model yourself, then load_into it")
    try:
        check_size(config, arrays["theta"].size)
        model = RECIPES[recipe](**config)
        if header.get("objective"):
            model.objective = objective_of(header["objective"], model)
    except Exception as error:                        # whatever a recipe makes of its arguments
        raise ValueError(f"{path} holds a model that cannot be built: {error}"
                         f"{and_import(header)}") from error
    model = model.astype(arrays["theta"].dtype)
    _put(path, header, arrays, model)
    return model


def objective_of(written, model):
    """The objective of a file: a text; in files of version 1 a name and a dict of its fields,
    among which `analytic` stood for the cost."""
    if isinstance(written, str):
        return from_text(written, {**Objective.members, **Cost.members})
    name, fields = written
    fields = dict(fields)
    if "analytic" in fields:
        # where it was True, the recipe's own: KL(), or Free() for an autoencoder
        fields["cost"] = model.objective.cost if fields.pop("analytic") else SampledKL()
    return Objective.members[name](**fields)


def and_import(header):
    """What to do where a file holds parts that come from elsewhere, for a message."""
    modules = header.get("guests")
    if not isinstance(modules, dict) or not modules:
        return ""
    return "; ".join(["", *(f"import {module} first, which has {name}"
                            for name, module in modules.items())])


def check_size(config, size):
    """Raise where a forged configuration asks for more memory than the file justifies."""
    try:
        needed = largest_product(config)
    except (KeyError, TypeError, ValueError):
        return                                        # the recipe will say what is wrong
    if needed > size:
        raise ValueError(f"its {size} parameters are too few for its sizes")


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
    in_file, in_model = header["shapes"], model.parameters.shapes
    for name in {**in_model, **in_file}:
        if in_file.get(name) != in_model.get(name):
            raise ValueError(f"{path} is of another architecture: block {name!r} is "
                             f"{in_file.get(name, 'absent')} in the file and "
                             f"{in_model.get(name, 'absent')} in the model")
    theta = arrays["theta"]
    if theta.shape != model.parameters.theta.shape:
        raise ValueError(f"{path} holds theta of shape {theta.shape}: "
                         f"{model.parameters.theta.shape} was expected")
    if theta.dtype != model.parameters.dtype:
        raise ValueError(f"{path} holds {theta.dtype} parameters: "
                         f"{model.parameters.dtype} was expected")
    model.parameters.theta[...] = theta
