"""What each parameter is, by its name: wrong values of it, and other good ones."""

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, likelihoods, posteriors, priors, schedules
from npvae.networks import Dense, Tanh, he_normal
from threads_as_ranks import Communicator
from trial.good import NAN, C, X, rng, vae, written
from trial.wrong import (ANYTHING, Kind, aligned_pixels, also, noise, of_a_vector, of_an_array,
                         of_any_width, pixels, put, read_only, rows_too)

ALL = tuple(ANYTHING)                    # for what has wrong values of its own only
NUMBERS = ("0.5", "10**30")
FORMULA = ("True", "an empty list", "nan", "inf", "-inf", "-1", "0.5", "1j", "an array of NaN",
           "an array of nothing", "an array of complex", "an array of 4 axes", "a number as array",
           "a masked array")


def count(*others, least=1, good=()):
    wrong = dict(half=2.5, text="3", a_list=[3], a_float=2.0, numpys_float=np.float64(3), true=np.True_)
    return Kind(good, also(**wrong, less=least - 1), others)


def number(*others, low=None, good=()):
    """A positive number, or one from `low` on."""
    wrong = dict(less=-0.5, text="0.5", a_list=[0.5], a_tuple=(0.5,), nan32=np.float32(NAN))
    return Kind(NUMBERS + tuple(good), also(**wrong, **({"zero": 0} if low is None else {})), others)


def fraction(*others, zero=False, one=False, good=()):
    wrong = dict(less=-0.5, more=1.5, text="0.5", **({} if zero else {"zero": 0}),
                 **({} if one else {"one": 1}))
    return Kind(("0.5", *good), also(**wrong), others)


def flag(*others, good=()):
    return Kind(("True", *good), also(one=1, zero=0, text="False", array=np.array([True])), others)


def choice(*others):
    return Kind(own=lambda good: {"in capitals": good.upper(), "as bytes": good.encode(),
                                  "in a list": [good], "with a space": good + " "}, others=others)


def part_of_a_recipe(another_role, wrong_text, *others):
    """By its name, as one writes it, or as it is."""
    return Kind(own=lambda good: {**choice().own(good), "another role's": another_role,
                                  "its class": type(another_role), "no number": "Gaussian(variance=)",
                                  "an unknown one": "Guess(2)", "not of such": wrong_text,
                                  "code": "print('no')"}, others=others)


def function(*others, good=()):
    return Kind(("a class", "a function", *good), also(name="binarize", a_list=[len]), others)


def sizes(*others, good=()):
    wrong = dict(number=5, zero=(0,), minus=(-1,), half=(2.5,), text=("5",), none=(None,),
                 nested=((5,),))
    return Kind(good, also(**wrong), others)


def may_be_masked(wrong):
    """What may be wrong with an array that may be a masked one."""
    return lambda x: {name: value for name, value in wrong(x).items() if name != "masked nowhere"}


def array(wrong, *others, good=(), **more):
    return Kind(good, lambda x: {**wrong(x), **more}, others)


def damaged(path):
    """Paths of what is no such file."""
    def beside(name, data):
        return written(path.with_name(name + path.suffix), data)

    return {"no such file": path.with_name("nothing" + path.suffix), "its folder": path.parent,
            "an empty file": beside("empty", b""), "a text": beside("words", b"words, and no more"),
            "half of it": beside("half", path.read_bytes()[:-3])}


def labels(good):
    return {"floats": good + 0.0, "4 within": good + 2, "-1 within": good - 1, "bools": good > 0,
            "as texts": good.astype(str), "one-hot": np.eye(3, dtype=int), "none": good[:0],
            "masked nowhere": np.ma.masked_array(good, good > 9)}


def epochs_of_a_run(good):
    return {"one row": good[0], "no rows": [], "rows without kl": [{"epoch": 1}],
            "a list of lists": [[1, 2]], "a NaN": [{**good[0], "kl": NAN}],
            "a text for kl": [{**good[0], "kl": "1"}]}


PATH_IN = Kind(own=damaged)
PATH_OUT = Kind(("a text",), lambda good: {"a folder": good.parent,
                                           "in no folder": good.parent / "no" / "a"})
MODEL = Kind(own=lambda good: {"a class of models": npvae.VAE, "a recipe": npvae.vae, "data": X,
                               "a layer": Dense(6, 2, rng()), "a likelihood": likelihoods.Bernoulli()})
MODULES = Kind(("None",), also(pairs=[("a", X)], array=X))
OBJECTIVE = also(name="elbo", a_class=npvae.ELBO, likelihood=likelihoods.Bernoulli())
FORMULAS = Kind(FORMULA)
OWN_INIT = function(he_normal)

# ---- by the parameter's name --------------------------------------------------------------

KINDS = {
    # sizes, and other numbers
    "n_data": count(7), "n_latent": count(3), "n_condition": count(2), "side": count(8),
    "n_hidden": sizes((4, 3), (4,), good=["an empty list", "an array of nothing"]),
    "channels": sizes((3, 2)), "before": sizes(), "after": sizes(), "n_first": count(),
    "n_second": count(), "n_in": count(5), "n_out": count(5), "c_in": count(4), "c_out": count(4),
    "k": count(4), "stride": count(1), "padding": count(0, least=0), "n": count(), "columns": count(),
    "n_batch": count(4), "n_samples": count(40), "n_chains": count(27), "n_temperatures": count(4),
    "n_draws": count(1, least=0),
    "n_models": count(3), "n_last": count(3), "chunk": count(), "n_leapfrog": count(3),
    "steps": count(4), "n_steps": count(3),
    "n_classes": count(5), "n_levels": count(256, least=2), "epochs": count(3), "batch_size": count(3),
    "patience": count(5, None, good=["None"]), "seed": count(4, least=0, good=["10**30"]),
    "variance": number(0.25), "temperature": number(0.9), "prior_temperature": number(0.9),
    "floor": number(0.1), "max_norm": number(1e-3),
    "clip_norm": number(1e-3, None, good=["None"]), "every": number(2),
    "beta": number(2.0, low=0), "alpha": number(2.0, low=0),
    **dict.fromkeys(("mutual_information", "total_correlation", "dimension_wise", "weight", "kl"),
                    number(0.7, low=0)), "width": number(2.5, None, good=["None"]),
    "free": number(0.7, low=0), "capacity": number(3.0, low=0), "n_bounds": count(2),
    "share": fraction(0.7, zero=True, one=True), "n_categories": count(3, least=2),
    "value": number(0.8, low=0), "factor": number(0.8, low=0),
    "start": number(0.3, low=0), "end": number(0.4, low=0), "ramp": fraction(0.7, one=True),
    "masked": fraction(0.75, zero=True), "momentum": fraction(0.5, zero=True),
    "beta1": fraction(0.7, zero=True), "beta2": fraction(0.8, zero=True), "p": fraction(0.6),
    "quantile": fraction(0.5, None, good=["None"]),
    "sigmas": Kind(("-1", "0.5", "10**30", "None"), also(text="3", a_list=[3]), (2.0,)),
    "learning_rate": number(0.02, schedules.StepDecay(0.01, 0.5, 1), good=["a function", "a class"]),
    # choices, flags and functions
    "likelihood": choice("bernoulli", "tied_gaussian", "heteroscedastic_gaussian"),
    "activation": choice("sigmoid", "softplus"), "init": choice("uniform"),
    "sampling": choice("weighted"),
    "score": choice("reconstruction_error", "negative_elbo", "latent_distance"),
    "communicator": Kind(("None",), also(name="COMM_WORLD", its_class=Communicator)),
    "resume": flag(True), "progress": flag(), "shows_mask": flag(),
    "header": flag(True, good=["None"]), "complex_step": flag(False),
    "corrupt": function(good=["None"]), "function": function(),
    "forward": function(), "backward": function(), "kl_schedule": function(
        schedules.Linear(3), None, good=["None"]),
    "transform": function(datasets.Masking(0.5), None, good=["None"]),
    "callbacks": Kind(("an empty list",), also(none=[None], a_function=len), ([lambda *_: 0],)),
    "delimiter": Kind(("None",), also(two=";;", digit="1", colon=":")),
    "axis": Kind(("True", "-1"), also(beyond=7, text="0")),
    "dtype": Kind(own=also(integers=int, float16=np.float16, objects=object, value=1.0)),
    # arrays
    "x": array(aligned_pixels), "eps": array(noise), "z": array(rows_too), "condition": array(rows_too),
    "target": array(aligned_pixels, good=["None"]),
    "observed": array(rows_too, np.ones_like(X), None, good=["None"], half=np.full_like(X, 0.5)),
    "validation_observed": array(rows_too, np.ones((4, 6), np.float32), None, good=["None"],
                                 half=np.full((4, 6), 0.5)),
    "validation": array(aligned_pixels, X[2:6]),
    "validation_condition": array(rows_too, C[2:6]), "normal": array(pixels), "h": array(of_any_width),
    "log_w": array(of_any_width), "log_px": array(of_an_array), "rate": array(rows_too),
    "y": array(of_an_array),
    "grad": Kind(("an array of nothing", "a number as array", "an array of 4 axes"), lambda good: {
        "a NaN within": put(good, NAN), "integers": np.arange(9), "a list": [1.0],
        "read-only": read_only(good)}),
    "scores": array(of_a_vector), "labels": array(of_a_vector), "flagged": array(of_a_vector),
    "shift": array(of_a_vector), "scale": array(of_a_vector, zeros=np.zeros(6)),
    "x_hat": array(rows_too), "images": array(of_an_array, bytes=np.full((4, 6), 255)),
    **dict.fromkeys(("a", "mu", "logvar", "dkl", "mu_q", "mu_p", "logvar_q", "logvar_p", "logits_q",
                     "logits_p"), FORMULAS),
    # parts, and what they are made of
    "model": MODEL,
    "rng": Kind(own=also(seed=0, old=np.random.RandomState(0), bits=np.random.PCG64(0))),
    "network": Kind(own=also(a_class=Dense, data=X, model=vae())),
    "layer": Kind(own=also(a_class=Dense, data=X)),
    "encoder": Kind(own=lambda good: {
        "too wide": Dense(9, 5, rng()), "of another input": Dense(6, 4, rng()), "its class": Dense,
        "a likelihood": likelihoods.Bernoulli()}),
    "classifier": Kind(own=lambda good: {"too wide": Dense(6, 5, rng()), "its class": Dense,
                                         "of another input": Dense(9, 3, rng())}),
    "vae": Kind(own=lambda good: {"without labels": vae(), "its class": npvae.VAE, "data": X,
                                  "of points": npvae.autoencoder(6, (5,), 2)}),
    "decoder": Kind(own=lambda good: {
        "of one output": Dense(5, 1, rng()), "too wide": Dense(5, 7, rng()), "its class": Dense,
        "of another input": Dense(2, 6, rng()), "a likelihood": likelihoods.Bernoulli()}),
    "posterior": Kind(own=lambda good: {"a prior": priors.StandardNormal(2), "a layer": Tanh(),
                                        "its class": posteriors.DiagonalGaussian}),
    "prior": Kind(own=lambda good: {
        "a posterior": posteriors.DiagonalGaussian(2), "a layer": Tanh(), "its class": priors.Bernoulli,
        "of another size": priors.StandardNormal(5)}),
    "objective": Kind(("None",), OBJECTIVE, (npvae.ELBO(2.0), npvae.IWAE())),
    "cost": Kind(own=also(name="KL()", its_class=npvae.KL, objective=npvae.ELBO()),
                 others=(npvae.SampledKL(), npvae.Free(), npvae.KL())),
    "q": Kind(own=lambda good: {"its array": good.mu, "its class": type(good), "a tuple": tuple(good)}),
    "kind_of_q": Kind(("a class",), also(name="Gaussian")),
    "kind_of_p": Kind(("a class",), also(name="StandardNormal")),
    "optimizer": Kind(("None",), also(name="adam", a_class=npvae.Adam, schedule=schedules.Constant(0.1)),
                      (npvae.Adam(), npvae.Adagrad())),
    "standardizer": Kind(("None",), also(
        a_function=len, narrow=datasets.Standardizer(np.zeros(5), np.ones(5)),
        a_class=datasets.Standardizer), (datasets.Standardizer(np.zeros(6), np.full(6, 3.0)), None)),
    "blocks": MODULES, "parts": MODULES, "values": Kind(("a dict",), also(
        texts={"W": np.array(["a"])}, integers={"W": np.arange(3)}, none={"W": None},
        masked={"W": np.ma.masked_array(X)})),
    # files and figures
    "path": PATH_IN, "training": Kind(("None", "a dict"), also(arrays={"a": X})),
    "arrays": Kind(("None", "a dict"), also(objects={"a": [None]})),
    "checkpoint": Kind(("None", "a text"), PATH_OUT.own, (None,)),
    "history": Kind(("None",), epochs_of_a_run),
    "shape": Kind(own=also(number=6, other=(3, 3), zero=(0, 6), minus=(-2, -3), floats=(2.0, 3.0),
                           three=(1, 2, 3))),
    "title": Kind(("None", "a text", "no text"), others=("other",)),
    "dimensions": Kind(own=also(one=(0,), three=(0, 1, 0), beyond=(0, 2), floats=(0.0, 1.0),
                                minus=(0, -1))),
    "axes": Kind(own=also(figure=Figure())), "rows": Kind(own=also(unequal=[X, X[:3]], one=[X])),
    "names": Kind(("an array of texts",), also(one=["x"], three=["x", "y", "z"], numbers=[1, 2])),
    "lines": Kind(("an empty list", "an array of nothing"), also(beyond=[2], number=1, floats=[0.5])),
    # of the gradient checks
    "gradients": Kind(own=also(other_name={"y": X}, other_shape={"x": X[:, 1:]}, a_list=[X])),
    "inputs": Kind(ALL, also(text=("a",), none=(None,))),
    "options": Kind(ALL, also(unknown={"colour": 1})),
}

# ---- where the same name is another thing ---------------------------------------------------

KINDS.update({
    "Adam.eps": number(1e-3), "Adagrad.eps": number(1e-3), "VAE.n_data": count(),
    "VAE.n_condition": count(least=0), "VAE.objective": Kind(own=OBJECTIVE),
    "VAE.likelihood": Kind(own=lambda good: {
        "its name": "bernoulli", "its class": likelihoods.Bernoulli, "a layer": Tanh(),
        "of two heads": likelihoods.HeteroscedasticGaussian()}),
    "two_layer_iwae.n_hidden": Kind(("a list of a list",), also(
        number=5, one=((5,),), flat=(5, 4), zero=((0,), (4,))), (((4,), (3,)),)),
    "two_layer_iwae.n_latent": Kind(own=also(number=5, one=(5,), zero=(0, 2)), others=((2, 3),)),
    **{f"{recipe}.{part}": kind for recipe in ("vae", "iwae", "conditional_vae") for part, kind in {
        "posterior": part_of_a_recipe(priors.StandardNormal(2), "FlowGaussian(2, 'radial')",
                                      "deterministic", "flow_gaussian"),
        "prior": part_of_a_recipe(posteriors.DiagonalGaussian(2), "Bernoulli(2, p=2.0)",
                                  "mixture_of_normals", priors.Concrete(2)),
        "likelihood": part_of_a_recipe(Tanh(), "Gaussian(variance=-1)", "bernoulli", "tied_gaussian",
                                       "heteroscedastic_gaussian")}.items()},
    "semi_supervised_vae.posterior": part_of_a_recipe(
        priors.StandardNormal(2), "PlanarGaussian(2, 0)", "planar_gaussian"),
    "semi_supervised_vae.prior": part_of_a_recipe(
        posteriors.DiagonalGaussian(2), "Bernoulli(2, p=2.0)", "mixture_of_normals"),
    "semi_supervised_vae.likelihood": part_of_a_recipe(Tanh(), "Gaussian(variance=-1)", "bernoulli"),
    **{f"SemiSupervisedVAE.{loss}.objective": Kind(("None",), lambda good: {
        **OBJECTIVE(good), "importance weighted": npvae.IWAE()}, (npvae.ELBO(2.0),))
       for loss in ("loss", "loss_and_grad")},
    "semi_supervised_vae.n_classes": count(4, least=2),
    "kl.p": Kind(own=also(without_one=priors.Concrete(2), its_class=priors.StandardNormal,
                          likelihood=likelihoods.Bernoulli())),
    "networks.Dense.init": OWN_INIT, "networks.Conv2d.init": OWN_INIT,
    "networks.ConvTranspose2d.init": OWN_INIT, "networks.Table.h": array(
        of_any_width, integers=np.ones((2, 2), int)),
    "networks.Chain.layers": Kind(ALL, lambda good: {
        "none": (), "a class": (Tanh,), "a function": (len,), "a likelihood": (likelihoods.Bernoulli(),),
        "the same twice": (good[1], good[1])}),
    "numerics.absolute.x": FORMULAS, "numerics.sigmoid.x": FORMULAS, "numerics.softplus.x": FORMULAS,
    "numerics.log_mean_exp.a": Kind(("an array of 4 axes", "a masked array")),
    "schedules.Cosine.epochs": number(5), "schedules.Linear.epochs": number(5),
    "schedules.Cyclical.epochs": number(5), "save.path": PATH_OUT,
    "evaluation.AnomalyDetector.save.path": PATH_OUT,
    "evaluation.annealed_log_evidence.start": choice("prior"),
    "evaluation.sandwich.start": choice("prior"), "evaluation.kl_parts.x": array(pixels),
    "SemiSupervisedVAE.classify.x": array(pixels),
    "gradcheck.check_model.x": array(may_be_masked(aligned_pixels), good=["a masked array"]),
    "evaluation.bits_per_dimension.log_px": array(
        lambda good: {"a NaN within": put(good, NAN), "as texts": good.astype(str)},
        good=["True", "-1", "0.5", "an empty list", "an array of nothing", "an array of 4 axes",
              "a number as array"]),
    "evaluation.diagnose.learning_rate": number(0.02, good=["None"]),
    "evaluation.load_detector.model": Kind(("None",), MODEL.own),
    "evaluation.gain.learning_rate": number(0.02),
    "evaluation.AnomalyDetector.score.x": array(pixels),
    "evaluation.AnomalyDetector.flag.x": array(pixels),
    "evaluation.AnomalyDetector.contributions.x": array(pixels),
    "evaluation.fit_detector.normal": array(of_any_width),
    "evaluation.fit_detector.score": choice("negative_elbo"),
    "evaluation.fit_detector.likelihood": Kind(("None",), also(
        its_name="gaussian", its_class=likelihoods.Gaussian, a_prior=priors.StandardNormal(2)),
        (likelihoods.Gaussian(0.5), None)),
    "evaluation.AnomalyDetector.tail.x": array(pixels),
    "datasets.Masking.p": fraction(0.5, zero=True),
    "datasets.Masking.__call__.x": array(
        lambda good: {"a NaN within": put(good, NAN), "objects": good.astype(object)},
        good=["True", "an empty list", "-1", "0.5", "an array of nothing", "an array of 4 axes",
              "a number as array"]),
    "datasets.binarize.x": array(
        lambda good: {"a NaN within": put(good, NAN), "0 to 255": 255 * good, "below 0": good - 1},
        good=["True", "0.5", "an array of 4 axes", "a number as array"]),
    "datasets.split.arrays": Kind(ALL, also(none=(), unequal=(X, X[:3]), number=(5,), text=("abc",))),
    "datasets.one_hot.labels": Kind(own=labels),
    "datasets.one_hot.dtype": Kind(own=also(complex=complex, objects=object)),
    "datasets.standardizer_of.x": array(may_be_masked(of_any_width), good=["a masked array"]),
    "datasets.Standardizer.__call__.x": array(may_be_masked(of_an_array), good=["a masked array"]),
    "plots.reconstructions.x": array(rows_too), "plots.latent_scatter.mu": array(of_any_width),
    "plots.latent_scatter.labels": Kind(own=lambda good: {
        "a NaN": put(good, NAN), "a row too few": good[:-1], "one axis more": good[None]}),
    "plots.training_curves.history": Kind(own=epochs_of_a_run),
    "gradcheck.check.arrays": Kind(own=also(a_list=[X], texts={"x": np.array(["a"])})),
    "gradcheck.check_kl.condition": Kind(ALL), "gradcheck.check_kl.model": Kind(ALL),
    "gradcheck.check_layer.x": array(lambda x: {
        name: wrong for name, wrong in of_an_array(x).items() if "axis" not in name}),
    "gradcheck.check_prior.z": array(of_an_array),
    "gradcheck.check_posterior.h": array(of_any_width),
    "gradcheck.check_likelihood.x": array(of_an_array), "gradcheck.check_objective.objective": Kind(
        own=OBJECTIVE),
    "gradcheck.check_likelihood.likelihood": Kind(own=also(a_class=likelihoods.Bernoulli, data=X)),
})


def kind_of(member, parameter):
    """The kind of a parameter, or None where nobody has said it."""
    return KINDS.get(f"{member}.{parameter}", KINDS.get(parameter))
