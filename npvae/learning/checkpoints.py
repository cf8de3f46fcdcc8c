"""Checkpoints: a model, and where its training stands, in one .npz file.

The file holds a JSON header and plain arrays: no pickle, so loading one runs no
code of the file's.
"""

import json
import warnings

import numpy as np

from npvae.door import check_model
from npvae.files import read_npz, write_npz
from npvae.inputs import as_array, check_optional, check_real
from npvae.learning.descriptions import describe, parts_in_words, same
from npvae.networks.initializers import at_most
from npvae.objectives import Cost, Objective, SampledKL
from npvae.recipes import RECIPES
from npvae.typed import from_text

VERSION = 2            # 1 had no parts, no text of the objective, and normalised moments (see `Adam`)
TAKEN = ("header", "theta", "path", "file", "allow_pickle")       # by the file, and by `numpy.savez`
COMPUTED_WITH = ("likelihood", "variance", "activation", "temperature", "prior_temperature")


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

    Notes
    -----
    A model built by a recipe can be loaded from its file alone, unless its parts were changed
    afterwards (`model.likelihood.variance = 0.1`): that and a model built by hand can be loaded into
    one that was built in the same way.
    """
    check_model(model)
    check_optional(training, "training", dict, "a dict")
    check_optional(arrays, "arrays", dict, "a dict of arrays")
    for name, array in (arrays or {}).items():
        if not isinstance(name, str) or name in TAKEN:
            raise ValueError(f"arrays has the name {name!r}: a text was expected, but none of "
                             f"{', '.join(TAKEN)}")
        check_real(as_array(array, f"arrays: {name}"), f"arrays: {name}")
    objective = model.objective
    parts = parts_in_words(model)
    config = json.dumps(model.config, default=plain)
    if model.config is not None and parts != parts_by_recipe(config):
        config = "null"
    if model.prefix:                                  # theta is that of the model it is a part of
        model = model.copy()
    header = {"format": "npvae", "version": VERSION, "config": json.loads(config), "parts": parts,
              "objective": as_kept(objective), "corrupt": describe(model.corrupt),
              "guests": guests(model), "shapes": model.parameters.shapes, "training": training}
    header = json.dumps(header, default=plain)
    write_npz(path, header=np.frombuffer(header.encode(), np.uint8),
              theta=model.parameters.theta, **(arrays or {}))


def as_kept(objective):
    """The text of an objective, from which it can be made again; None where it cannot."""
    try:
        again = from_text(repr(objective), {**Objective.members, **Cost.members})
    except (KeyError, TypeError, ValueError):
        return None
    return repr(objective) if again == objective else None


def guests(model):
    """What in a model is no class of npvae's own: {its name: the module to import for it}."""
    parts = [*model.parts.values(), model.objective, getattr(model.objective, "cost", None)]
    return {type(part).__name__: type(part).__module__ for part in parts
            if not type(part).__module__.startswith(("npvae.", "builtins"))}


def parts_by_recipe(config):
    """The parts, in words, of the model that a recipe builds of a configuration (JSON); None where it
    holds a part that cannot be made again of its text, such as an array of many numbers."""
    try:
        return parts_in_words(built(json.loads(config)))
    except (KeyError, TypeError, ValueError):
        return None


def built(config):
    """The model that a recipe builds of a configuration."""
    arguments = dict(config)
    return RECIPES[arguments.pop("recipe")](**arguments)


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
    arrays = read_npz(path, expansion=1)
    try:
        header = json.loads(arrays.pop("header").tobytes())
        header["training"]
        header["config"] = dict(header["config"] or {})
        header["shapes"] = {name: tuple(shape) for name, shape in header["shapes"].items()}
        header["parts"] = dict(header["parts"] if header["version"] > 1 else {})
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

    An objective of your own is not kept, nor a function that corrupts x: a warning says so. Set
    `model.objective`, or `model.corrupt`, again.

    Raises
    ------
    ValueError
        Where the file is not to be read (see `read`), or its model was built by hand.
    FileNotFoundError
        Where it does not exist.
    """
    header, arrays = read(path)
    config = header["config"]
    if config.get("recipe") not in list(RECIPES):     # a list: it need not be hashable
        raise ValueError(f"{path} holds a model of the recipe {config.get('recipe')!r}; known are "
                         f"{', '.join(RECIPES)}. Build the model yourself, then load_into it")
    try:
        with at_most(len(header["shapes"]), arrays["theta"].size):        # it may be forged
            model = built(config)
        if header.get("objective"):
            model.objective = objective_of(header["objective"], model)
    except Exception as error:                        # whatever a recipe makes of its arguments
        raise ValueError(f"{path} holds a model that cannot be built: {error}"
                         f"{and_import(header)}") from error
    if model.parameters.dtype != arrays["theta"].dtype:
        model = model.astype(arrays["theta"].dtype)
    _check_sizes(path, header, arrays, model)
    model.parameters.theta = arrays["theta"]
    if header.get("objective", ()) is None:
        warnings.warn(f"{path}: its model had an objective that is not kept, and has "
                      f"{model.objective} now: set model.objective", stacklevel=2)
    if not same(header.get("corrupt", describe(model.corrupt)), describe(model.corrupt)):
        warnings.warn(f"{path}: its model had corrupt = {header['corrupt']}, which is not kept: "
                      "set model.corrupt", stacklevel=2)
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


def load_into(path, model):
    """Read a file's parameters into a model that computes the same.

    Its objective may be another, and what corrupts x: one can go on from an earlier model with
    another bound.

    Parameters
    ----------
    path : path-like
    model : VAE, or a part of one
        Written into in place.

    Returns
    -------
    training, arrays : dict, dict
        What `save` was given beside the model.

    Raises
    ------
    ValueError
        Where the file is not to be read, or its blocks, likelihood, activations ... are not the
        model's. The model is left as it was.
    FileNotFoundError
        Where it does not exist.
    """
    header, arrays = read(path)
    check_model(model)
    whole = model.copy() if model.prefix else model           # theta is that of what it is a part of
    _check_sizes(path, header, arrays, whole)
    _check_parts(path, header, model)
    whole.parameters.theta = arrays["theta"]
    for name, values in model.blocks().items():
        values[...] = whole.blocks()[name]
    return header["training"], {name: array for name, array in arrays.items() if name != "theta"}


def _check_sizes(path, header, arrays, model):
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


def _check_parts(path, header, model):
    if header["version"] == 1:                        # has the arguments of a recipe alone
        then, now = ({name: config[name] for name in COMPUTED_WITH if name in config}
                     for config in (header["config"], model.config or {}))
        now = {name: value for name, value in now.items() if name in then}
    else:
        then, now = header["parts"], parts_in_words(model)
    for name, value in now.items():
        if not same(then.get(name), value):
            raise ValueError(f"{path} holds a model with {name} = {then.get(name)}, and this one has "
                             f"{name} = {value}: the same was expected")
