"""One page that moves: trained models in a file of HTML, with their forward and backward pass.

`write` makes it. It needs no network and no server: the weights are inside, in half precision, and
what is computed is computed by the page itself, in JavaScript that is a page of this package, too:
`vae.js` reads like `examples/vae_on_one_page.py`. The parts, in the order of the page:

    page.html, style.css      what there is to see
    vae.js                    the forward and the backward pass
    random.js                 noise, means and spreads, the aggregate posterior
    drawing.js                strokes of a pen as an image like MNIST's
    words.js                  what is said, in English and in Korean
    stored.js                 weights, images and codes, as they are stored
    canvas.js                 images, arrows, ellipses
    plane.js, panels.js       the latent plane, and what stands beside it
    explorer.js, events.js    what is shown; what mouse, finger and keys change
"""

import base64
import copy
import json
import math
import re
from pathlib import Path

import numpy as np

from npvae import plots
from npvae.datasets import one_hot
from npvae.inputs import as_array, check_count, check_path, check_range, check_real, check_rows
from npvae.model import VAE
from npvae.objectives import ELBO, KL, Free

__all__ = ["write"]

FOLDER = Path(__file__).parent
COLOURS = {"blue": plots.BLUE, "orange": plots.ORANGE, "green": plots.GREEN, "grey": plots.GREY,
           "z": plots.CLASSES[7]}


def write(path, vaes, autoencoder, conditional_vae, images, labels, *, n_images=200, n_codes=2000):
    """Write one page of HTML in which a VAE can be seen at work, forward and backward.

    Parameters
    ----------
    path : path-like
        The file to be written; what is there is overwritten.
    vaes : sequence of VAE
        Of the recipe `vae`, each with another beta, one of them 1: the page has a slider over them.
    autoencoder, conditional_vae : VAE
        Of the recipes of these names.
    images : array (n, D)
        Held-out images, D = side * side pixels in [0, 1], stored with 8 bits.
    labels : int array (n,)
        Their classes, from 0 to 9. The condition of the conditional VAE is the label, `one_hot`.
    n_images : int
        So many of the first images, of those whose codes are shown, can be taken on the page.
    n_codes : int
        Of so many of the first images the codes are shown.

    Raises
    ------
    TypeError, ValueError
        Where a model is no such recipe's, with one hidden layer of ReLU, two latent dimensions, a
        Bernoulli likelihood and a standard normal prior; where its objective is another than that
        recipe's; where a weight is too large for half precision (65504); where images and labels do
        not fit.

    Notes
    -----
    Weights are rounded to float16, to 11 binary digits. The page computes with them in float64.
    """
    check_path(path)
    n_images, n_codes = check_count(n_images, "n_images"), check_count(n_codes, "n_codes")
    images, labels = as_labelled(images, labels)
    check_rows(vaes, "vaes")
    models = {f"vaes[{i}]": (model, "vae") for i, model in enumerate(vaes)}
    models |= {"autoencoder": (autoencoder, "autoencoder"),
               "conditional_vae": (conditional_vae, "conditional_vae")}
    for name, (model, recipe) in models.items():
        check_explored(model, name, recipe, images.shape[1])
    betas = [model.objective.beta for model in vaes]
    if sorted(set(betas)) != betas or 1.0 not in betas:
        raise ValueError(f"vaes have beta {betas}: rising ones were expected, and 1 among them")

    images, labels = images[:n_codes], labels[:n_codes]
    stored = {
        "side": math.isqrt(images.shape[1]), "colours": COLOURS, "classes": plots.CLASSES,
        "labels": as_text(labels.astype(np.uint8)),
        "pixels": as_text(np.round(255 * images[:n_images]).astype(np.uint8)),
        "models": [as_stored(model, name, recipe, images, labels)
                   for name, (model, recipe) in models.items()]}
    Path(path).write_text(page(json.dumps(stored, indent=0)), encoding="utf-8")


def as_labelled(images, labels):
    """Square images of pixels in [0, 1], and as many labels from 0 to 9."""
    images, labels = as_array(images, "images"), as_array(labels, "labels")
    check_real(images, "images")
    if images.ndim != 2 or len(images) == 0 or math.isqrt(images.shape[1])**2 != images.shape[1]:
        raise ValueError(f"images has shape {images.shape}: (n, side * side) was expected")
    check_range(images, "images", 0.0, 1.0, "pixels in [0, 1] were expected")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"labels has shape {labels.shape} and dtype {labels.dtype}: an integer for "
                         f"each of {len(images)} images was expected")
    check_range(labels, "labels", 0, 9, "labels from 0 to 9 were expected")
    return images, labels


def check_explored(model, name, recipe, n_data):
    """Raise where a model is none that the page computes."""
    if not isinstance(model, VAE):
        raise TypeError(f"{name} is {type(model).__name__}: a VAE was expected")
    config = model.config or {}
    expected = {"recipe": recipe, "n_data": n_data, "n_latent": 2, "activation": "relu",
                "likelihood": "bernoulli"}
    if recipe != "autoencoder":
        expected |= {"posterior": "diagonal_gaussian", "prior": "standard_normal"}
        if config.get("shows_mask", False):
            raise ValueError(f"{name} has shows_mask=True: False was expected")
    if recipe == "conditional_vae":
        expected["n_condition"] = 10
    for argument, value in expected.items():
        if config.get(argument) != value:
            raise ValueError(f"{name} has {argument}={config.get(argument)!r}: {value!r} was expected")
    cost = Free() if recipe == "autoencoder" else KL()
    if type(model.objective) is not ELBO or model.objective.cost != cost:
        raise ValueError(f"{name} has the objective {model.objective!r}: ELBO(beta=..., cost={cost!r}) "
                         "was expected")
    if len(config["n_hidden"]) != 1:
        raise ValueError(f"{name} has n_hidden={config['n_hidden']!r}: one hidden layer was expected")


def as_stored(model, name, recipe, images, labels):
    """A model, rounded, under the names of `vae.js`; and the codes of the images."""
    rounded = in_half_precision(model, name)
    q = rounded.encode(images, one_hot(labels, 10) if recipe == "conditional_vae" else None)
    blocks = blocks_of(rounded)
    return {"kind": recipe, "beta": getattr(model.objective, "beta", 1.0),
            "blocks": [[block, value.size] for block, value in blocks.items()],
            "weights": as_text(np.concatenate([value.ravel() for value in blocks.values()])),
            "mu": as_text(q.mu),
            "logvar": None if recipe == "autoencoder" else as_text(q.logvar)}


def in_half_precision(model, name="model"):
    """A copy of a model, in its own dtype, with its weights rounded to float16."""
    rounded = copy.deepcopy(model)
    theta = rounded.parameters.theta
    largest = np.abs(theta).max()
    if not largest <= np.finfo(np.float16).max:
        raise ValueError(f"{name} has a weight of size {largest:.6g}: at most 65504 was expected")
    theta[...] = theta.astype(np.float16)
    return rounded


def blocks_of(model):
    """The model's blocks under the names of the one page: W1, b1, Wmu, bmu, Wlogvar, ..."""
    blocks, J = model.blocks(), model.n_latent
    W, b = blocks["encoder.2.W"], blocks["encoder.2.b"]
    named = {"W1": blocks["encoder.0.W"], "b1": blocks["encoder.0.b"], "Wmu": W[:, :J], "bmu": b[:J]}
    if b.size > J:                                                 # an autoencoder has no logvar
        named |= {"Wlogvar": W[:, J:], "blogvar": b[J:]}
    return named | {"W2": blocks["decoder.0.W"], "b2": blocks["decoder.0.b"],
                    "W3": blocks["decoder.2.W"], "b3": blocks["decoder.2.b"]}


def as_text(array):
    """An array as text, base64: integers of 8 bits as they are, other numbers in half precision."""
    array = np.ascontiguousarray(array, array.dtype if array.dtype == np.uint8 else "<f2")
    return base64.b64encode(array).decode("ascii")


def page(stored):
    """The page, with its parts and with what is stored in their places."""
    parts = {path.name: path.read_text(encoding="utf-8").strip() for path in FOLDER.glob("*.*s")}
    style = fill(parts["style.css"], COLOURS)
    html = (FOLDER / "page.html").read_text(encoding="utf-8")
    return fill(html, parts | {"style.css": style, "stored": stored})


def fill(text, values):
    """The text with each {{name}} replaced by its value."""
    return re.sub(r"\{\{([\w.]+)\}\}", lambda match: values[match[1]], text)
