"""Every option of every public function: changing it changes what it should, and nothing else.

A row of `option_rows.ROWS` is one option: another value than that of the trial's good call, and all
that then differs in the result ("refused": it contradicts what else the call says). A result is taken
apart by `seen`: of a model its parts, sizes and weights, of a run its weights and what it tells, of a
loss its terms and gradients.
"""

import contextlib
import functools
import inspect
import io

import numpy as np
import pytest
from matplotlib.figure import Figure

import npvae
from npvae import plots, schedules
from option_rows import BASE, CALLS, ROWS
from trial.good import GOOD, X, vae
from trial.members import members
from trial.outcomes import call, fingerprint


# ---- what is seen of a result -----------------------------------------------------------------

def seen(name, result, given):
    """The result of a call, taken apart: a dict of fingerprints."""
    looks = {"fit": of_a_run, "save": of_a_file,
             "plots.label_rows": lambda _, given: of_axes(given["axes"]),
             "evaluation.AnomalyDetector.score": lambda scores, _: {"ranking": np.argsort(scores)}}
    if name in looks:
        aspects = looks[name](result, given)
    elif isinstance(result, npvae.VAE):
        aspects = of_a_model(result)
    elif isinstance(result, npvae.SemiSupervisedVAE):
        aspects = {**of_a_model(result.vae), "alpha": result.alpha, "weights": weights(result),
                   "classifier": repr(result.classifier)}
    elif isinstance(result, npvae.learning.optimizers.Optimizer):
        aspects = of_steps(result)
    elif isinstance(result, (npvae.Posterior, npvae.Prior, npvae.Likelihood, npvae.networks.Layer)):
        aspects = of_a_part(result)
    elif isinstance(result, npvae.Objective):
        aspects = of_a_loss(result)
    elif isinstance(result, npvae.Cost):
        aspects = of_a_cost(result)
    elif isinstance(result, schedules.Schedule):
        times = {"start": 0, "middle": 3, "end": 8.999, "beyond": 20}
        aspects = {name: round(result(time), 9) for name, time in times.items()}
    elif isinstance(result, Figure):
        aspects = of_axes(result.axes[0])
    elif isinstance(result, npvae.gradcheck.Report):
        aspects = {"blocks": [row.block for row in result.rows], "central": result.central,
                   "complex_step": result.complex_step}
    elif isinstance(result, npvae.evaluation.AnomalyDetector):
        aspects = {"scores": result.normal_scores, "codes": result.members[0].latent_mean}
    elif name == "evaluation.diagnose":
        aspects = {found.name.split(" ")[0]: found[1:3] for found in result.measured}
    elif hasattr(result, "_asdict"):
        aspects = {field: value for field, value in result._asdict().items() if field != "active"}
    elif isinstance(result, np.ndarray):
        aspects = {"shape": result.shape, "dtype": result.dtype.str, "value": result.astype(float)}
    else:
        aspects = {"value": result}
    if name.endswith(".loss_and_grad"):
        aspects["grad"] = given["self"].parameters.grad
    return {aspect: fingerprint(value) for aspect, value in aspects.items()}


def of_a_model(model):
    return {"encoder": list(map(repr, model.encoder.layers)), "posterior": repr(model.posterior),
            "decoder": repr(model.decoder), "prior": repr(model.prior),
            "likelihood": repr(model.likelihood), "objective": repr(model.objective),
            "corrupt": repr(model.corrupt), "sizes": (model.n_data, model.n_condition, model.n_latent),
            "weights": weights(model)}


def weights(model):
    return {name: block for name, block in model.blocks().items() if name.endswith("W")}


def of_a_part(part):
    """What a part computes of fixed numbers, in its own dtype."""
    rng, aspects = np.random.default_rng(1), {"blocks": part.blocks()}
    if isinstance(part, npvae.Posterior):
        q = part.given(X[:, :part.n_outputs])
        z, drawn = part.sample(q, part.draw_noise(rng, 3, 8))
        aspects.update(mu=q.mu, std=q.std, z=z, log_q=part.log_prob(drawn) if part.has_density else 0)
    elif isinstance(part, npvae.Prior):
        aspects.update(z=part.sample(rng, 50), log_p=part.log_prob(X[:, :2])[0])
    elif isinstance(part, npvae.Likelihood):
        y = np.tile(X, (1, part.n_outputs(6) // 6))[None]
        aspects.update(log_p=part.log_prob(X[::-1], y)[0], mean=part.mean(y), x=part.sample(rng, y))
    else:
        x = X[:, :3] if hasattr(part, "W") and part.W.ndim == 2 else X.reshape(1, 4, 6, 2)
        y = part.forward(x)[0]
        aspects.update(size=y.shape, y=y)
    return aspects


def of_a_loss(objective):
    rng = np.random.default_rng(1)
    log_px, sampled = rng.standard_normal((2, 3, 4))
    closed = np.abs(rng.standard_normal((4, 5)))
    rate = sampled if isinstance(objective.cost, npvae.SampledKL) else closed
    return {"cost": repr(objective.cost), **objective(log_px, rate)._asdict()}


def of_a_cost(cost):
    rng, posterior = np.random.default_rng(1), npvae.posteriors.DiagonalGaussian(2)
    q = posterior.given(rng.standard_normal((4, 4)))
    z, drawn = posterior.sample(q, rng.standard_normal((3, 4, 2)))
    rate, cache = cost.forward(posterior, q, npvae.priors.StandardNormal(2), z, drawn)
    dz, dlog_q, dh = cost.backward(rng.standard_normal(rate.shape), cache)
    return {"rate": rate, "dz": dz, "dlog_q": dlog_q, "dh": dh}


def of_steps(optimizer):
    """theta after one step, and after the second."""
    theta, steps = np.ones(3), []
    for g in ([1e-3, 1.0, -2.0], [0.5, 0.0, 1.0]):
        optimizer.step(theta, np.array(g), 0.1)
        steps.append(theta.copy())
    return {"one step": steps[0], "two steps": steps[1]}


def of_a_run(history, given):
    file = given["checkpoint"]
    return {"theta": given["model"].parameters.theta, "epochs": len(history),
            "training": [row["loss"] for row in history[:2]],
            "held out": [row.get("val_loss") for row in history[:2]],
            "file": file is not None and file.exists(), "calls": list(CALLS)}


def of_a_file(_, given):
    training, arrays = npvae.load_into(given["path"], vae())
    return {"training": training, "arrays": arrays}


def of_axes(axes):
    return {"title": axes.get_title(), "image": [image.get_array().data for image in axes.images],
            "lines": [line.get_ydata() for line in axes.lines],
            "points": [points.get_offsets().data for points in axes.collections],
            "axis labels": (axes.get_xlabel(), axes.get_ylabel())}


def result_of(name, folder, **changed):
    for file in folder.iterdir():
        file.unlink()
    CALLS.clear()
    given = {**GOOD[name](folder), **BASE.get(name, {}), **changed}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        result = call(members()[name], given)
    return {**seen(name, result, given), "said": said.getvalue() != ""}


# ---- the tests --------------------------------------------------------------------------------

def options():
    return [f"{name}.{parameter.name}" for name, function in members().items()
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is not parameter.empty and parameter.name not in ("blocks", "parts")]


def test_every_option_has_a_row():
    assert sorted(options()) == sorted(ROWS)


@pytest.mark.parametrize("option", ROWS)
def test_an_option_changes_what_it_should_and_nothing_else(option, tmp_path):
    name, _, parameter = option.rpartition(".")
    value, expected = ROWS[option]
    before = result_of(name, tmp_path)
    if expected == {"refused"}:
        with pytest.raises(ValueError):
            result_of(name, tmp_path, **{parameter: value})
        return
    after = result_of(name, tmp_path, **{parameter: value})
    differs = {aspect for aspect in before.keys() | after.keys()
               if before.get(aspect) != after.get(aspect)}
    assert differs == expected


# ---- what a difference does not say -----------------------------------------------------------

@pytest.mark.parametrize("recipe", ["vae", "conditional_vae", "bernoulli_vae", "concrete_vae",
                                    "categorical_vae", "gumbel_softmax_vae", "convolutional_vae",
                                    "semi_supervised_vae"])
def test_beta_is_that_of_the_objective(recipe, tmp_path):
    assert call(getattr(npvae, recipe), {**GOOD[recipe](tmp_path), "beta": 0.3}).objective.beta == 0.3


@pytest.mark.parametrize("recipe", [npvae.concrete_vae,
                                    functools.partial(npvae.gumbel_softmax_vae, n_categories=2)])
def test_each_temperature_is_its_own_parts(recipe):
    model = recipe(6, (5,), 2, temperature=0.7, prior_temperature=0.3)
    assert model.posterior.temperature == 0.7 and model.prior.temperature == 0.3


def test_two_layers_read_their_hidden_sizes_from_x_to_z():
    model = npvae.two_layer_iwae(6, ((7, 8), (9, 10)), (3, 2))
    shapes = {name: block.shape for name, block in model.blocks().items() if name.endswith("W")}
    assert list(shapes.values()) == [
        (6, 7), (7, 8), (8, 6),                        # encoder: mu and logvar of z1
        (3, 9), (9, 10), (10, 4),                      # q(z2|z1)
        (2, 10), (10, 9), (9, 6),                      # p(z1|z2)
        (3, 8), (8, 7), (7, 6)]                        # decoder


DENSE = dict(n_data=784, n_hidden=(400,), n_latent=20, likelihood="bernoulli", variance=1.0,
             activation="relu", init="uniform", seed=0)
PARTS_BY_NAME = dict(posterior="diagonal_gaussian", prior="standard_normal")
MASK = {"shows_mask": False}


@pytest.mark.parametrize("recipe, defaults", [
    ("vae", {**DENSE, **PARTS_BY_NAME, **MASK, "beta": 1.0}),
    ("iwae", {**DENSE, **PARTS_BY_NAME, **MASK, "n_hidden": (200, 200), "n_latent": 50,
              "activation": "tanh", "init": "glorot"}),
    ("conditional_vae", {**DENSE, **PARTS_BY_NAME, **MASK, "beta": 1.0, "n_condition": 10}),
    ("semi_supervised_vae", {**DENSE, **PARTS_BY_NAME, "beta": 1.0, "n_classes": 10, "alpha": 1.0,
                             "n_hidden": (500,), "n_latent": 50, "activation": "softplus"}),
    ("autoencoder", DENSE), ("denoising_autoencoder", {**DENSE, "masked": 0.5}),
    ("bernoulli_vae", {**DENSE, "beta": 1.0}),
    ("concrete_vae", {**DENSE, "beta": 1.0, "temperature": 2 / 3, "prior_temperature": 0.5}),
    ("categorical_vae", {**DENSE, "n_latent": 200, "n_categories": 10, "beta": 1.0}),
    ("gumbel_softmax_vae", {**DENSE, "n_latent": 200, "n_categories": 10, "beta": 1.0,
                            "temperature": 2 / 3, "prior_temperature": 0.5}),
    ("convolutional_vae", dict(side=28, channels=(16, 32), n_latent=20, beta=1.0, activation="relu",
                               init="uniform", seed=0)),
    ("two_layer_iwae", dict(n_data=784, n_hidden=((200, 200), (100, 100)), n_latent=(100, 50),
                            activation="tanh", init="glorot", seed=0))])
def test_a_recipes_defaults_are_those_of_its_documentation(recipe, defaults):
    parameters = inspect.signature(getattr(npvae, recipe)).parameters.values()
    assert {parameter.name: parameter.default for parameter in parameters} == defaults


def test_curves_of_training_say_which_is_which():
    history = [{"epoch": i, "reconstruction": 4.0 - i, "kl": 1.0 + i, "val_reconstruction": 5.0 - i,
                "val_kl": 2.0 + 2 * i} for i in (1, 2)]
    axes = plots.training_curves(history).axes
    assert [panel.get_title() for panel in axes] == ["-ELBO", "reconstruction, $-\\log p(x|z)$", "KL"]
    expected = [([5, 5], [8, 9]), ([3, 2], [4, 3]), ([2, 3], [4, 6])]
    for panel, (train, held_out) in zip(axes, expected):
        dashed, solid = panel.get_lines()
        assert (dashed.get_linestyle(), solid.get_linestyle()) == ("--", "-")
        assert dashed.get_ydata().tolist() == train and solid.get_ydata().tolist() == held_out
        assert [text.get_text() for text in panel.get_legend().get_texts()] == [
            "train, mean over the epoch", "held out, after the epoch"]


@pytest.mark.parametrize("part, name", [("posterior", "flow_gaussian"), ("prior", "real_nvp"),
                                        ("prior", "vamp_prior"), ("prior", "mixture_of_normals")])
def test_the_seed_of_a_recipe_is_that_of_the_members_it_names(part, name):
    for recipe in (npvae.vae, npvae.iwae):
        drawn = [np.concatenate([value.ravel() for value in getattr(recipe(
            6, (4,), 2, seed=seed, **{part: name}), part).blocks().values()]) for seed in (1, 1, 2)]
        assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()
    built = [npvae.conditional_vae(6, 3, (4,), 2, seed=seed, prior="conditional_normal")
             for seed in (1, 2)]
    assert (built[0].prior.blocks()["network.0.W"] != built[1].prior.blocks()["network.0.W"]).any()
