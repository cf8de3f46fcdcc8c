"""What is public: all that a user calls, found from `npvae.__all__` and those of its modules."""

import inspect
import types

import npvae
from npvae import datasets, evaluation

METHODS = {"VAE": npvae.VAE, "SemiSupervisedVAE": npvae.SemiSupervisedVAE,
           "evaluation.AnomalyDetector": evaluation.AnomalyDetector,
           "datasets.Masking": datasets.Masking, "datasets.Standardizer": datasets.Standardizer}
INSIDE = {                             # it trusts its callers, or is there to be derived from
    "Model": "a base class", "Posterior": "a base class", "Prior": "a base class",
    "Likelihood": "a base class", "kl_backward": "its cache comes from kl",
    "networks.Block": "inside the modules", "networks.block": "declares one",
    "networks.Layer": "a base class", "networks.Module": "a base class",
    "schedules.Schedule": "a base class", "schedules.value_at": "inside the loop",
    "schedules.check_schedule": "inside the door",
    "numerics.floating": "inside the formulas", "numerics.floats": "inside the formulas",
    "numerics.log_sum_exp": "inside the formulas", "numerics.log_softmax": "inside the formulas",
    "numerics.multiply_halves": "inside the formulas",
    "gradcheck.Report": "a result", "VAE.forward": "inside the door", "VAE.backward": "inside the door",
    "VAE.check_data": "inside the door", "VAE.shown": "inside the door",
    "VAE.check_condition": "inside the door",
    "VAE.stages": "inside the messages",
    "VAE.add_product": "inside the layers", "VAE.add_sum": "inside the layers",
    **{f"SemiSupervisedVAE.{method}": "as of the VAE" for method in (
        "forward", "backward", "stages", "check_data", "check_condition", "add_product", "add_sum",
        "astype", "copy", "blocks", "gradients")},
    "evaluation.AnomalyDetector.forward": "inside the door",
    "evaluation.AnomalyDetector.codes": "inside the door"}


def public(module):
    """The names that a module offers: those of its __all__, or those that it defines itself."""
    return getattr(module, "__all__", None) or [
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__]


def members():
    """All that a user calls, by name; the results that a user only reads are left out."""
    found = {}
    for name in npvae.__all__:
        value = getattr(npvae, name)
        if isinstance(value, types.ModuleType):
            found.update({f"{name}.{inner}": getattr(value, inner) for inner in public(value)})
        else:
            found[name] = value
    for name, owner in METHODS.items():
        found.update({f"{name}.{method}": function
                      for method, function in inspect.getmembers(owner, inspect.isfunction)
                      if not method.startswith("_") or method == "__call__"})
    return {name: value for name, value in found.items()
            if callable(value) and name not in INSIDE and inspect.signature(value).parameters
            and not (isinstance(value, type) and issubclass(value, tuple))}
