"""Diagnosis: what goes wrong in a training run, each thing measured and said in a sentence.

The limits are where runs on MNIST that went well and runs that did not were found to part;
each is a number with a name below.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.door import as_condition, as_data, check_vae
from npvae.evaluation.gain import STEPS, gain
from npvae.evaluation.latents import latent_moments
from npvae.inputs import check_count, check_history, check_positive
from npvae.learning.held_out import evaluate
from npvae.model import fields, join
from npvae.networks.layers import ReLU, Sigmoid, Softplus, Tanh
from npvae.objectives import ELBO
from npvae.objectives.costs import best_cost
from npvae.randomness import stream
from npvae.recipes import RECIPES

LOGVAR = (-30.0, 10.0)        # of q(z|x); the default on MNIST has -5 to 0, float32 ends at 88
PASSES = 0.01                 # a unit with a smaller derivative passes on no gradient
DEAD = 0.9                    # of a layer's units; the default on MNIST has a third
COLLAPSED = 0.01              # nats; where no KL of a dimension is known, see `latent_moments`
GAIN = 0.25                   # the default on MNIST has 0.9 at 0.001, 0.5 at 0.01 and 0.1 at 0.02
ROSE = 0.1                    # of what was learned


class Finding(NamedTuple):
    """One thing that was measured, and, where it is wrong, what that means."""

    name: str
    value: float
    shown: str                # the value, and what it is to be compared with
    wrong: bool               # beyond its limit
    meaning: str
    advice: str


class Diagnosis(NamedTuple):
    """All that was measured. `print` shows it, and says what is wrong."""

    measured: list

    @property
    def findings(self):
        """What is wrong: a list of `Finding`, empty for a healthy model."""
        return [found for found in self.measured if found.wrong]

    def __str__(self):
        lines = [f"{'!' if found.wrong else ' '} {found.name:<42}{found.shown}"
                 for found in self.measured]
        for found in self.findings:
            lines += ["", f"{found.name}: {found.shown}", f"  {found.meaning}",
                      f"  Try: {found.advice}"]
        return "\n".join(lines if self.findings else [*lines, "", "nothing wrong was found"])


def diagnose(model, x, *, condition=None, history=None, learning_rate=None, optimizer=None,
             n_samples=1, batch_size=128, seed=0):
    """Look at a model on some data for what commonly goes wrong in training.

    Parameters
    ----------
    model : VAE
        It is not changed.
    x : array (n, D)
        A thousand rows are enough. A unit is called dead if it is so for all of them.
    condition : array (n, C), optional
    history : list of dict, optional
        What `fit` returned: looked at for a loss that rises again.
    learning_rate : float, optional
        Tried for some steps on a copy of the model as it is now: see `gain`. For the rate of a
        whole run, ask before the run.
    optimizer, n_samples, batch_size, seed : optional
        As in `fit`.

    Returns
    -------
    Diagnosis
        To be printed; its `findings` are what is wrong.

    Raises
    ------
    ValueError
        Where there is an optimizer without a learning_rate to try it with, or a learning_rate is no
        positive, finite number.
    """
    check_vae(model)
    x = as_data(model, x)
    condition = as_condition(model, condition, len(x))
    if history is not None:
        check_history(history, ("epoch", "loss", "reconstruction", "kl"))
    check_count(batch_size, "batch_size")
    if learning_rate is None and optimizer is not None:
        raise ValueError(f"optimizer is {optimizer!r}, and learning_rate is None: a learning rate to "
                         "try it with was expected")
    if learning_rate is not None:
        learning_rate = check_positive(learning_rate, "learning_rate")
    broken = [name for name, values in model.blocks().items() if not np.isfinite(values).all()]
    if broken:
        return Diagnosis([Finding("blocks that are not finite", len(broken), ", ".join(broken), True,
                                  "Whatever the model gives is lost.",
                                  "the last checkpoint, with a smaller learning_rate or clip_norm.")])
    measured = list(of_training(model, x, condition, history, n_samples, seed))
    measured += of_code(model, x, condition)
    measured += of_units(model, x, condition, seed)
    if learning_rate is not None and not has_derivative(model, x[:2], condition, n_samples):
        measured.append(Finding(f"gain of {STEPS} steps at {learning_rate:g}", math.nan,
                                f"not measured: the gradient of {model.objective} is no derivative",
                                False, "", ""))
    elif learning_rate is not None:
        value = gain(model, x, learning_rate, condition=condition, optimizer=optimizer,
                     n_samples=n_samples, batch_size=batch_size, seed=seed)
        measured.append(Finding(
            f"gain of {STEPS} steps at {learning_rate:g}", value, f"{value:.2f}", not value >= GAIN,
            "The steps overshoot: little of the fall that the gradient promised came true.",
            "a third of this learning_rate, or clip_norm."))
    return Diagnosis(measured)


def of_training(model, x, condition, history, n_samples, seed):
    """Is anything learned, in every block, and does the loss fall?"""
    initial = as_initialised(model)
    if initial is not None:
        same = [name for name, values in model.blocks().items()
                if np.array_equal(values, initial[name])]
        yield Finding("blocks as they were initialised", len(same), ", ".join(same) or "none",
                      bool(same), "No update has reached them: they are not trained.",
                      "fit; in a loop of your own, see that every gradient is non-zero.")
    terms = evaluate(with_elbo(model, x[:1], None if condition is None else condition[:1]), x,
                     condition=condition, n_samples=n_samples, seed=seed)
    constant = constant_loss(model.likelihood, x)
    yield Finding("-ELBO", -terms.elbo,
                  f"{-terms.elbo:.2f} nats ({constant:.2f} with one answer to all x)",
                  not -terms.elbo < constant,
                  "A decoder that ignores z, and always gives the same output, is as good.",
                  "more epochs if it falls still; else another learning_rate, or a smaller beta.")
    if history:
        rise, epoch = largest_rise(history)
        learned = max(constant - min(row["reconstruction"] + row["kl"] for row in history), 0.0)
        yield Finding("largest rise of the training loss", rise,
                      f"{rise:.2f} nats, epoch {epoch} (learned: {learned:.2f})",
                      rise > ROSE * learned,
                      "The loss rose again by much of what it had fallen: the steps are too long.",
                      "a third of the learning_rate, a schedule that lowers it, or clip_norm.")


def as_initialised(model):
    """The blocks that its recipe began with; None where no recipe can make it again."""
    config = dict(model.config or {})
    try:
        return RECIPES[config.pop("recipe", None)](**config).blocks()
    except (KeyError, TypeError, ValueError):                # made by hand, or of parts made by hand
        return None


def with_elbo(model, x, condition):
    """A copy whose objective is the ELBO, whatever the model was trained for: with some x, to see which
    cost it can have."""
    cost = best_cost(model.posterior, model.encode(x, condition), model.prior.given(condition, model))
    twin = model.copy()
    twin.objective = ELBO(cost=cost)
    return twin


def has_derivative(model, x, condition, n_samples):
    """False where the gradient of the loss is right in the mean over the noise alone: see `gain`."""
    eps = model.draw_noise(stream(0, "evaluate"), len(x), n_samples)
    c = None if condition is None else condition[:len(x)]
    return getattr(model.loss(x, eps, condition=c), "score", None) is None


def constant_loss(likelihood, x):
    """-log p(x) under the best output that is the same for all x, in nats; and under the variance, or
    what else the likelihood learns, that is best beside it: the model's own fits the model. But in a
    column that does not vary no variance is the best, the smaller the better: there it is the model's.
    """
    x = x.astype(np.float64)
    own, output = likelihood.settled(x)
    best, models = (each.log_terms(x, output[None, None])[0] for each in (own, likelihood))
    varies = np.ptp(x, axis=0) > 0 if best.shape[-1] == x.shape[-1] else True
    return -float(np.where(varies, best, models).sum(axis=-1).mean())


def largest_rise(history):
    """The largest rise of the loss from an epoch to the next, nats, and the later's number.

    Both epochs are counted with the beta of the later one, so that a rising beta is no rise. Where
    it stands still, the rise is that of the loss, whatever that is made of.
    """
    rises = [(0.0, history[0]["epoch"])]
    for before, after in zip(history, history[1:]):
        dearer = (beta_of(after) - beta_of(before)) * priced(before)
        rises.append((after["loss"] - (before["loss"] + dearer), after["epoch"]))
    return max(rises)


def beta_of(row):
    """The mean beta of an epoch; in a history that does not have it, of loss = rec. + beta KL."""
    if "beta" in row:
        return row["beta"]
    return (row["loss"] - row["reconstruction"]) / row["kl"] if row["kl"] else 0.0


def priced(row):
    """What beta multiplies in the loss of an epoch: the KL as it is counted, in nats."""
    beta = beta_of(row)
    return (row["loss"] - row["reconstruction"]) / beta if beta else row["kl"]


def of_code(model, x, condition):
    """The log variances of q(z|x), and what each latent dimension says."""
    of_q = dict(fields(model.encode(x, condition)))
    if "logvar" in of_q:
        low, high = float(of_q["logvar"].min()), float(of_q["logvar"].max())
        yield Finding("log variance of q(z|x)", max(high, low, key=abs),
                      f"{low:.1f} to {high:.1f}", not (LOGVAR[0] <= low and high <= LOGVAR[1]),
                      "The variance explodes, or vanishes: exp(logvar) overflows float32 above 88.",
                      "a smaller learning_rate, clip_norm, or data of size 1.")
    if model.posterior.has_density:
        moments = latent_moments(model, x, condition)
        silent = moments.kl < COLLAPSED if moments.kl.ndim else ~moments.active
        count, of_all = int(silent.sum()), len(silent)
        yield Finding("collapsed dimensions of z", count, f"{count} of {of_all}",
                      2 * count >= of_all,
                      "Their KL is below 0.01 nats, or their mean the same for all x: they say nothing.",
                      "a smaller beta, a kl_schedule from 0, FreeBits, or fewer dimensions.")


def of_units(model, x, condition, seed):
    """For each layer of activations, how many units pass on no gradient, whatever x is."""
    q = model.encode(x, condition)
    eps = model.draw_noise(stream(seed, "evaluate"), len(x))
    z = model.posterior.sample(q, eps)[0][0]
    for network, y in (("encoder", model.shown(x, condition)), ("decoder", join(z, condition))):
        for i, layer in enumerate(getattr(getattr(model, network), "layers", ())):
            y, cache = layer.forward(y)
            if not isinstance(layer, (ReLU, Tanh, Sigmoid, Softplus)):
                continue
            slopes = layer.pullback(np.ones_like(y), cache)
            slopes = slopes.reshape(-1, slopes.shape[-1]).max(axis=0)
            dead, size = int((slopes < PASSES).sum()), slopes.size
            yield Finding(f"dead units, {network}.{i} ({type(layer).__name__})", dead,
                          f"{dead} of {size}", dead >= DEAD * size,
                          "They are zero or saturated for every x, so no gradient passes them.",
                          "a smaller learning_rate, init='he' for ReLU, or data of size 1.")
