"""Runs that go wrong: where the first number appeared that is no longer finite."""

import math

import numpy as np


def advice(data):
    """What may help, by the look of the training data: an unscaled column, or the learning rate.

    Standardized columns have a root mean square of 1, and grey levels at most that.
    """
    for name, x in data.items():
        with np.errstate(over="ignore"):
            size = np.sqrt(np.einsum("ij,ij->j", x, x, dtype=np.float64) / len(x))
        largest = int(np.argmax(size))
        if size[largest] > 10:
            return (f"column {largest} of {name} is of size {size[largest]:.3g} (root mean square), "
                    f"where about 1 was expected: standardize {name}, see datasets.standardizer_of")
    return "try a smaller learning_rate, or clip_norm"


def check_loss(loss, model, data, batch, condition, observed, cache, run):
    """Stop a run whose loss is no longer a finite number, before the update."""
    if not math.isfinite(loss.value):
        raise FloatingPointError(
            f"the loss is {loss.value} at epoch {run.epoch + 1}, step {run.step + 1} "
            f"(reconstruction {loss.reconstruction}, KL {loss.kl}); the first that is not finite "
            f"is {origin(model, batch, condition, observed, cache)}: {advice(data)}")


def check_held_out(terms, validation, run):
    """Stop a run whose loss on held-out data is no finite number: nothing could be told by it."""
    if not math.isfinite(terms.loss):
        raise FloatingPointError(
            f"the loss on validation is {terms.loss} after epoch {run.epoch + 1} (reconstruction "
            f"{terms.reconstruction}, KL {terms.kl}): {advice({'validation': validation})}")


def check_gradient(model, grad, data, run):
    """Stop a run whose gradient is no longer finite, or its squares are not, before the update.

    grad is the model's, or the stretch of it that is to be looked at.

    Sums of squares are what Adam and Adagrad divide by: where one is infinite, a parameter would
    never move again. Adam's weighs as much as 10,000 squares, for a beta2 of 0.9999.
    """
    weight = grad.dtype.type(1e4)         # beside a Python number NumPy 1 would count in float64
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(weight * (grad @ grad)):
            return
        for name, gradient in reversed(model.gradients().items()):       # as backward comes by
            worst = gradient.flat[np.argmax(np.abs(gradient))]           # a NaN, if there is one
            if not np.isfinite(weight * worst * worst):
                raise FloatingPointError(
                    f"the gradient of {name} ({owner(model, name)}) is {worst} at epoch "
                    f"{run.epoch + 1}, step {run.step + 1}, where a number was expected of which 10,000 "
                    f"squares have a finite sum: {advice(data)}")


def check_parameters(model, data, run):
    """Stop a run whose last update left parameters that are not finite, before it is saved."""
    for name, values in model.blocks().items():
        if not np.isfinite(values).all():
            raise FloatingPointError(f"{name} ({owner(model, name)}) is no longer finite after epoch "
                                     f"{run.epoch + 1}, step {run.step}: {advice(data)}")


def owner(module, name):
    """The kind of the module that a block belongs to: Dense, for "encoder.0.W"."""
    for part in name.split(".")[:-1]:
        module = module.parts[part]
    return type(module).__name__


def origin(model, x, condition, observed, cache):
    """What in the forward pass is the first that is not finite, in words."""
    with np.errstate(all="ignore"):
        for name, module, value in model.stages(x, condition, observed, cache):
            if not np.isfinite(value).all():
                kind = "" if module is None else f" ({type(module).__name__}){largest(module)}"
                return name + kind
    return "their sum over the batch"


def largest(module):
    """The block of a module with the largest number, for a message."""
    sizes = {name: float(np.abs(values).max()) for name, values in module.blocks().items()}
    if not sizes:
        return ""
    name = max(sizes, key=sizes.get)
    return f", whose block {module.prefix}{name} reaches {sizes[name]:.3g}"
