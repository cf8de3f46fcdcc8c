"""What each parameter is, by its name: the wrong values of it, and other good ones."""

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, likelihoods, posteriors, priors, schedules
from npvae.networks import Dense, Tanh
from trial.good import NAN, C, X, rng, vae, written
from trial.wrong import (ANYTHING, Kind, aligned_pixels, noise, of_a_vector, of_an_array, of_any_width,
                         pixels, put, read_only, rows_too)

NUMBERS = ("0.5", "10**30")
FORMULA = ("True", "an empty list", "nan", "inf", "-inf", "-1", "0.5", "1j", "an array of NaN",
           "an array of nothing", "an array of complex", "an array of 4 axes", "a number as array",
           "a masked array")


COUNT = Kind(own=lambda good: {"0": 0, "2.5": 2.5, "a count as text": "3", "a list of one": [3],
                               "2.0": 2.0, "a float of NumPy's": np.float64(3), "minus": -good,
                               "a bool of NumPy's": np.True_})
COUNT_OR_0 = Kind(own=lambda good: {"2.5": 2.5, "as text": "3", "0.0": 0.0, "-3": -3})
POSITIVE = Kind(NUMBERS, lambda good: {"0": 0, "-0.5": -0.5, "as text": "0.5", "a list of one": [0.5],
                                       "a tuple": (0.5,), "a NaN of NumPy's": np.float32(NAN)})
NOT_NEGATIVE = Kind(NUMBERS, lambda good: {"-0.5": -0.5, "as text": "0.5", "a list of one": [0.5]})
FRACTION = Kind(("0.5",), lambda good: {"1": 1, "1.5": 1.5, "-0.5": -0.5, "as text": "0.5"})
PROBABILITY = Kind(("0.5",), lambda good: {"0": 0, "1": 1, "1.5": 1.5, "-0.5": -0.5})
FLAG = Kind(("True",), lambda good: {"1": 1, "0": 0, "as text": "False", "of NumPy's": np.array([True])})
CHOICE = Kind(own=lambda good: {"in capitals": good.upper(), "as bytes": good.encode(),
                                "in a list": [good], "with a space": good + " "})
RNG = Kind(own=lambda good: {"a seed number": 0, "the old generator": np.random.RandomState(0),
                             "a bit generator": np.random.PCG64(0)})
CALLABLE = Kind(("a class", "a function"), lambda good: {"its name": "binarize", "a list": [len]})
MAYBE_CALLABLE = Kind(("None", "a class", "a function"), CALLABLE.own)
PATH_IN = Kind(own=lambda good: {
    "no such file": good.with_name("nothing" + good.suffix), "its folder": good.parent,
    "an empty file": written(good.with_name("empty" + good.suffix), b""),
    "a text file": written(good.with_name("words" + good.suffix), b"words, and no more"),
    "half of it": written(good.with_name("half" + good.suffix), good.read_bytes()[:-3])})
PATH_OUT = Kind(("a text",), lambda good: {"a folder": good.parent,
                                           "in no folder": good.parent / "no" / "file.npz"})
MODEL = Kind(own=lambda good: {"a class of models": npvae.VAE, "a recipe": npvae.vae, "data": X,
                               "a layer": Dense(6, 2, rng()), "a likelihood": likelihoods.Bernoulli(),
                               "its file": "model.npz"})
BATCH = Kind(own=pixels)                                # as many rows as one likes
ALIGNED = Kind(own=aligned_pixels)                       # a row for each of another argument
REALS = Kind(own=of_an_array)
FITTING = Kind(own=rows_too)
NOISE = Kind(own=noise)
SIZES = Kind(("an empty list", "an array of nothing"), lambda good: {"a number": 5, "0 within": (0,), "-1 within": (-1,), "2.5 within": (2.5,),
                               "a text within": ("5",), "None within": (None,), "nested": ((5,),)})
PART = Kind(own=lambda good: {"a class": type(good), "data": X, "a model": vae()})
EMPTY_OR_DICT = Kind(("None",), lambda good: {"a list of pairs": [("a", X)], "an array": X})
ELEMENTWISE = Kind(FORMULA)
SHAPE = Kind(own=lambda good: {"a number": 6, "another size": (3, 3), "0 within": (0, 6),
                               "minus": (-2, -3), "floats": (2.0, 3.0), "three": (1, 2, 3)})
OBJECTIVE = Kind(("None",), lambda good: {"its name": "elbo", "its class": npvae.ELBO,
                                          "a likelihood": likelihoods.Bernoulli()})
OPTIMIZER = Kind(("None",), lambda good: {"its name": "adam", "its class": npvae.Adam,
                                          "a schedule": schedules.Constant(0.1)})
RATE = Kind(NUMBERS + ("a function", "a class"), POSITIVE.own)
HISTORY_KIND = Kind(own=lambda good: {"one row": good[0], "no rows": [], "rows without kl": [{"epoch": 1}],
                                      "a NaN": [{**good[0], "kl": NAN}], "a text for kl": [
                                          {**good[0], "kl": "1"}], "a list of lists": [[1, 2]]})
BLANK = ("None", "an empty list")
INDEX = Kind(("-1",), lambda good: {"beyond": 9, "as text": "0", "a tuple": (0, "1")})


def other(kind, *others, good=()):
    return Kind(kind.good + tuple(good), kind.own, others)


# By the parameter's name; where that is not enough, by the member's and the parameter's.
KINDS = {
    "n_data": other(COUNT, 7), "n_latent": other(COUNT, 3), "n_hidden": other(SIZES, (4, 3), (4,)),
    "n_condition": other(COUNT, 2), "side": other(COUNT, 8), "channels": Kind(own=SIZES.own, others=((3, 2),)),
    "likelihood": other(CHOICE, "bernoulli", "tied_gaussian", "heteroscedastic_gaussian"),
    "variance": other(POSITIVE, 0.25), "beta": other(NOT_NEGATIVE, 2.0), "seed": Kind(
        ("10**30",), lambda good: {"2.5": 2.5, "as text": "3", "-3": -3, "in a list": [1]}, (4,)),
    "activation": other(CHOICE, "sigmoid", "softplus"), "init": other(CHOICE, "uniform"),
    "masked": other(FRACTION, 0.75), "temperature": other(POSITIVE, 0.9),
    "prior_temperature": other(POSITIVE, 0.9), "analytic": other(FLAG, True, False),
    "free": other(NOT_NEGATIVE, 0.7), "p": other(PROBABILITY, 0.6), "floor": other(POSITIVE, 0.1),
    "n_first": COUNT, "n_second": COUNT, "network": PART, "blocks": EMPTY_OR_DICT,
    "parts": EMPTY_OR_DICT, "values": Kind(("a dict",), lambda good: {
        "of texts": {"W": np.array(["a"])}, "of integers": {"W": np.arange(3)}, "of None": {"W": None},
        "masked": {"W": np.ma.masked_array(X)}}),
    "n_in": other(COUNT, 5), "n_out": other(COUNT, 5), "c_in": other(COUNT, 4), "c_out": other(COUNT, 4),
    "k": other(COUNT, 4), "stride": other(COUNT, 1), "padding": other(COUNT_OR_0, 0), "n": COUNT,
    "h": Kind(own=of_any_width), "before": Kind(own=SIZES.own), "after": Kind(own=SIZES.own), "a": ELEMENTWISE,
    "axis": Kind(("True", "-1"), lambda good: {"beyond": 7, "as text": "0"}),
    "mu": ELEMENTWISE, "logvar": ELEMENTWISE, "dkl": ELEMENTWISE, "mu_q": ELEMENTWISE,
    "mu_p": ELEMENTWISE, "logvar_q": ELEMENTWISE, "logvar_p": ELEMENTWISE, "logits_q": ELEMENTWISE,
    "logits_p": ELEMENTWISE,
    "model": MODEL, "x": ALIGNED, "eps": NOISE, "z": FITTING, "rng": RNG, "n_batch": other(COUNT, 4),
    "n_samples": other(COUNT, 27), "condition": FITTING, "target": other(ALIGNED, good=["None"]),
    "objective": other(OBJECTIVE, npvae.ELBO(2.0), npvae.IWAE()), "dtype": Kind(
        own=lambda good: {"of integers": int, "float16": np.float16, "of objects": object,
                          "its value": 1.0}),
    "validation": other(ALIGNED, X[2:6]), "validation_condition": other(FITTING, C[2:6]),
    "epochs": other(COUNT, 3), "batch_size": other(COUNT, 3), "optimizer": other(
        OPTIMIZER, npvae.Adam(), npvae.Adagrad()),
    "learning_rate": other(RATE, 0.02, schedules.StepDecay(0.01, 0.5, 1)),
    "kl_schedule": other(MAYBE_CALLABLE, schedules.Linear(3), None),
    "clip_norm": other(POSITIVE, 1e-3, None, good=["None"]),
    "transform": other(MAYBE_CALLABLE, datasets.Masking(0.5), None),
    "patience": other(COUNT, 5, None, good=["None"]), "callbacks": Kind(
        ("an empty list",), lambda good: {"None within": [None], "a function": len}, ([lambda *_: 0],)),
    "resume": other(FLAG, True), "progress": FLAG, "momentum": other(FRACTION, 0.5),
    "beta1": other(FRACTION, 0.7), "beta2": other(FRACTION, 0.8), "max_norm": other(POSITIVE, 1e-3),
    "grad": Kind(own=lambda good: {"a NaN within": put(good, NAN), "of integers": np.arange(9),
                                   "a list": [1.0, 2.0], "read-only": read_only(good)}),
    "value": other(NOT_NEGATIVE, 0.8), "factor": other(NOT_NEGATIVE, 0.8), "every": other(POSITIVE, 2),
    "end": other(NOT_NEGATIVE, 0.4), "start": other(NOT_NEGATIVE, 0.3), "ramp": Kind(
        ("0.5",), lambda good: {"0": 0, "1.5": 1.5, "-0.5": -0.5}, (0.7,)),
    "training": Kind(("None", "a dict"), lambda good: {"arrays within": {"a": X}}),
    "arrays": Kind(("None", "an empty list"), lambda good: {"objects within": {"a": [None]}}),
    "log_w": Kind(own=of_any_width), "log_px": Kind(
        ("True", "-1", "0.5", "an array of 4 axes", "a number as array"),
        lambda good: {"a NaN within": put(good, NAN), "as texts": good.astype(str),
                      "masked nowhere": np.ma.masked_array(good)}), "rate": FITTING,
    "n_chains": other(COUNT, 27), "n_temperatures": other(COUNT, 4), "n_leapfrog": other(COUNT, 3),
    "steps": other(COUNT, 4), "n_steps": other(COUNT, 3), "chunk": COUNT,
    "history": other(HISTORY_KIND, good=["None"]), "normal": BATCH,
    "score": other(CHOICE, "reconstruction_error", "negative_elbo", "latent_distance"),
    "standardizer": Kind(("None",), lambda good: {
        "a function": len, "of another width": datasets.Standardizer(np.zeros(5), np.ones(5)),
        "its class": datasets.Standardizer},
        (datasets.Standardizer(np.zeros(6), np.full(6, 3.0)), None)),
    "quantile": other(PROBABILITY, 0.5, None, good=["None"]), "sigmas": Kind(
        ("-1", "10**30"), lambda good: {"as text": "3", "a list of one": [3]}, (2.0, 2.5)),
    "scores": Kind(own=of_a_vector), "labels": Kind(own=of_a_vector), "flagged": Kind(own=of_a_vector),
    "n_last": other(COUNT, 3), "n_classes": other(COUNT, 5), "shift": Kind(own=of_a_vector),
    "scale": Kind(own=lambda good: {**of_a_vector(good), "0 within": put(good, 0)}),
    "header": other(FLAG, True, good=["None"]), "delimiter": Kind(
        ("None",), lambda good: {"two": ";;", "a digit": "1", "a colon": ":"}, (",", None)),
    "x_hat": Kind(own=rows_too), "images": Kind(own=lambda good: {
        **of_an_array(good), "0 to 255": (255 * good).astype(np.uint8)}),
    "columns": COUNT, "shape": SHAPE, "title": other(Kind(("None", "a text", "no text")), "other"),
    "dimensions": Kind(own=lambda good: {"one": (0,), "three": (0, 1, 0), "beyond": (0, 2),
                                         "floats": (0.0, 1.0), "minus": (0, -1)}),
    "axes": Kind(own=lambda good: {"a figure": Figure()}), "rows": Kind(own=lambda good: {
        "of unequal lengths": [X, X[:3]], "one": [X], "an array of one": X}),
    "lines": Kind(("an empty list", "an array of nothing"), lambda good: {"beyond": [2], "a number": 1, "floats": [0.5]}),
    "encoder": Kind(own=lambda good: {"too wide": Dense(9, 5, rng()), "its class": Dense,
                                      "of another input": Dense(6, 4, rng()), "a likelihood": likelihoods.Bernoulli()}),
    "decoder": Kind(own=lambda good: {"of one output": Dense(5, 1, rng()), "too wide": Dense(5, 7, rng()),
                                      "of another input": Dense(2, 6, rng()), "its class": Dense,
                                      "a likelihood": likelihoods.Bernoulli()}),
    "posterior": Kind(own=lambda good: {"a prior": priors.StandardNormal(2), "a layer": Tanh(),
                                        "its class": posteriors.DiagonalGaussian}),
    "prior": Kind(own=lambda good: {"a posterior": posteriors.DiagonalGaussian(2), "a layer": Tanh(),
                                    "of another size": priors.StandardNormal(5),
                                    "its class": priors.StandardNormal}),
    "corrupt": MAYBE_CALLABLE, "function": CALLABLE, "gradients": Kind(own=lambda good: {
        "of another name": {"y": X}, "of another shape": {"x": X[:, 1:]}, "a list": [X]}),
    "forward": CALLABLE, "backward": CALLABLE, "complex_step": other(FLAG, False),
    "layer": PART, "y": Kind(own=of_an_array), "ways": Kind(own=lambda good: {"a way": ("w",)}),
    # ---- the same name, another thing
    "networks.Dense.init": other(CALLABLE, npvae.networks.he_normal),
    "networks.Conv2d.init": other(CALLABLE, npvae.networks.he_normal),
    "networks.ConvTranspose2d.init": other(CALLABLE, npvae.networks.he_normal),
    "two_layer_iwae.n_hidden": Kind(("a list of a list",), lambda good: {
        "a number": 5, "one layer": ((5,),), "flat": (5, 4), "0 within": ((0,), (4,))}, others=(
            ((4,), (3,)),)),
    "two_layer_iwae.n_latent": Kind(own=lambda good: {"a number": 5, "one": (5,), "0 within": (0, 2)},
                                    others=((2, 3),)),
    "VAE.likelihood": Kind(own=lambda good: {
        "its name": "bernoulli", "its class": likelihoods.Bernoulli, "a layer": Tanh(),
        "of two heads": likelihoods.HeteroscedasticGaussian()}),
    "Adam.eps": other(POSITIVE, 1e-3), "Adagrad.eps": other(POSITIVE, 1e-3),
    "VAE.n_data": COUNT, "VAE.n_condition": COUNT_OR_0, "VAE.objective": Kind(own=OBJECTIVE.own),
    "FreeBits.analytic": Kind(("True",), lambda good: {"False": False}),
    "StickingTheLanding.analytic": Kind(own=lambda good: {"True": True, "0": 0}),
    "datasets.Masking.p": FRACTION, "datasets.Masking.__call__.x": Kind(own=lambda good: {
        "a NaN within": put(good, NAN), "of objects": good.astype(object)}, good=(
            "True", "an empty list", "-1", "0.5", "an array of nothing", "an array of 4 axes",
            "a number as array")),
    "datasets.binarize.x": Kind(own=lambda good: {
        "a NaN within": put(good, NAN), "0 to 255": 255 * good, "below 0": good - 1}, good=(
            "True", "0.5", "an array of 4 axes", "a number as array")),
    "datasets.split.arrays": Kind(own=lambda good: {
        "none": (), "of unequal lengths": (X, X[:3]), "a number": (5,), "a text": ("abc",)},
        good=tuple(ANYTHING)),
    "datasets.one_hot.labels": Kind(own=lambda good: {
        "floats": good + 0.0, "4 within": good + 2, "-1 within": good - 1, "bools": good > 0,
        "as texts": good.astype(str), "one-hot": np.eye(3, dtype=int), "none": good[:0],
        "masked nowhere": np.ma.masked_array(good, good > 9)}),
    "datasets.one_hot.dtype": Kind(own=lambda good: {"complex": complex, "of objects": object}),
    "datasets.standardizer_of.x": Kind(own=of_any_width),
    "datasets.Standardizer.__call__.x": Kind(own=of_an_array),
    "evaluation.kl_parts.x": BATCH, "evaluation.AnomalyDetector.tail.x": BATCH, "networks.Chain.layers": Kind(own=lambda good: {
        "none": (), "a class": (Tanh,), "a function": (len,), "a likelihood": (
            likelihoods.Bernoulli(),), "the same twice": (good[1], good[1])}, good=tuple(ANYTHING)),
    "networks.Table.h": Kind(own=lambda good: {**of_any_width(good), "of integers": good.astype(int)}),
    "numerics.absolute.x": ELEMENTWISE, "numerics.sigmoid.x": ELEMENTWISE,
    "numerics.softplus.x": ELEMENTWISE, "numerics.log_mean_exp.a": Kind(tuple(
        name for name in FORMULA if name not in ("an empty list", "an array of nothing", "True", "nan",
                                                 "inf", "-inf", "-1", "0.5", "1j", "a number as array",
                                                 "an array of complex", "an array of NaN"))),
    "schedules.Cosine.epochs": other(POSITIVE, 5), "schedules.Linear.epochs": other(POSITIVE, 5),
    "schedules.Cyclical.epochs": other(POSITIVE, 5),
    "evaluation.annealed_log_evidence.start": other(CHOICE, "prior"),
    "evaluation.sandwich.start": other(CHOICE, "prior"), "evaluation.sandwich.n": COUNT,
    "evaluation.AnomalyDetector.score.x": BATCH, "evaluation.AnomalyDetector.flag.x": BATCH,
    "evaluation.diagnose.learning_rate": other(POSITIVE, 0.02, None, good=["None"]),
    "evaluation.gain.learning_rate": other(POSITIVE, 0.02),
    "evaluation.AnomalyDetector.threshold.sigmas": Kind(
        ("None", "-1", "10**30", "0.5"), others=(2.0,)),
    "evaluation.AnomalyDetector.flag.sigmas": Kind(("None", "-1", "10**30", "0.5"), others=(2.0,)),
    "evaluation.confusion_matrix.labels": Kind(own=of_a_vector),
    "plots.reconstructions.x": Kind(own=rows_too), "plots.latent_scatter.mu": Kind(own=of_any_width),
    "plots.latent_scatter.labels": Kind(own=lambda good: {
        "a NaN": put(good, NAN), "a row too few": good[:-1], "one axis more": good[None]}),
    "plots.label_rows.names": Kind(("an array of texts",), lambda good: {
        "one": ["x"], "three": ["x", "y", "z"], "numbers": [1, 2]}, (["v", "w"],)),
    "plots.training_curves.history": HISTORY_KIND, "load.path": PATH_IN, "load_into.path": PATH_IN,
    "evaluation.load_detector.path": PATH_IN, "datasets.load_images.path": PATH_IN,
    "datasets.read_idx.path": PATH_IN, "datasets.read_table.path": PATH_IN, "save.path": PATH_OUT,
    "evaluation.AnomalyDetector.save.path": PATH_OUT,
    "fit.checkpoint": Kind(("None", "a text"), PATH_OUT.own, (None,)),
    "gradcheck.check.arrays": Kind(own=lambda good: {"a list": [X], "of texts": {"x": np.array(["a"])}}),
    "gradcheck.check_function.inputs": Kind(own=lambda good: {"a text": ("a",), "None": (None,)},
                                            good=tuple(ANYTHING)),
    "gradcheck.check_layer.x": Kind(own=of_an_array), "gradcheck.check_posterior.h": Kind(own=of_an_array),
    "gradcheck.check_posterior.prior": Kind(("None",), lambda good: {"another": priors.Bernoulli(3)}),
    "gradcheck.check_likelihood.likelihood": PART, "gradcheck.check_likelihood.x": Kind(own=of_an_array),
    "gradcheck.check_objective.log_px": Kind(own=of_an_array),
    "gradcheck.check_objective.rate": Kind(own=of_an_array),
    "gradcheck.check_objective.objective": Kind(own=OBJECTIVE.own),
    "gradcheck.check_model.options": Kind(own=lambda good: {"unknown": {"colour": 1}},
                                          good=tuple(ANYTHING)),
}


def kind_of(member, parameter):
    """The kind of a parameter, or None where nobody has said it."""
    return KINDS.get(f"{member}.{parameter}", KINDS.get(parameter))
