"""Runs that go wrong: where the first number appeared that is no longer finite."""

import math

import numpy as np

ADVICE = "try a smaller learning_rate, or clip_norm"


def check_loss(loss, model, x, condition, cache, run):
    """Stop a run whose loss is no longer a finite number, before the update."""
    if not math.isfinite(loss.value):
        raise FloatingPointError(
            f"the loss is {loss.value} at epoch {run.epoch + 1}, step {run.step + 1} "
            f"(reconstruction {loss.reconstruction}, KL {loss.kl}); the first that is not finite "
            f"is {origin(model, x, condition, cache)}: {ADVICE}")


def check_gradient(model, run):
    """Stop a run whose gradient is no longer finite, or its square is not, before the update.

    The square is what Adam and Adagrad divide by: where it is infinite, a parameter would never
    move again.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(model.parameters.grad @ model.parameters.grad):
            return
        for name, gradient in reversed(model.gradients().items()):       # as backward comes by
            worst = gradient.flat[np.argmax(np.abs(gradient))]           # a NaN, if there is one
            if not np.isfinite(worst * worst):
                raise FloatingPointError(
                    f"the gradient of {name} ({owner(model, name)}) is {worst} at epoch "
                    f"{run.epoch + 1}, step {run.step + 1}, where a number with a finite square was "
                    f"expected: {ADVICE}")


def check_parameters(model, run):
    """Stop a run whose last update left parameters that are not finite, before it is saved."""
    for name, values in model.blocks().items():
        if not np.isfinite(values).all():
            raise FloatingPointError(f"{name} ({owner(model, name)}) is no longer finite after epoch "
                                     f"{run.epoch + 1}, step {run.step}: {ADVICE}")


def owner(module, name):
    """The kind of the module that a block belongs to: Dense, for "encoder.0.W"."""
    for part in name.split(".")[:-1]:
        module = module.parts[part]
    return type(module).__name__


def origin(model, x, condition, cache):
    """What in the forward pass is the first that is not finite, in words."""
    with np.errstate(all="ignore"):
        for name, module, value in model.stages(x, condition, cache):
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
