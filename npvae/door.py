"""The door of a model: what its methods, and those that train and judge it, let in.

Arrays come out in the model's dtype, contiguous and finite. What is inside the door (`forward`,
`backward`, the layers, the distributions) trusts its callers and checks nothing.
"""

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

from npvae.inputs import as_array, as_batch, as_finite, as_mask, check_optional, check_real
from npvae.networks.layers import check_width
from npvae.networks.parameters import Module
from npvae.networks.summary import as_call, summary


class Model(Module):
    """What `fit`, `evaluate`, `save` and the gradient check ask of a model.

    Another model than `VAE` is a subclass that defines `forward`, `backward`, `draw_noise` and
    `check_data`, and sets the attributes.

    Attributes
    ----------
    n_data, n_condition, n_latent : int
        D, C and J.
    objective : callable with the attribute `cost`
    corrupt : callable or None
        corrupt(x, rng): what is shown of x in training.
    config : dict or None
        Set by a recipe: how to build this model again.
    shows_mask : bool
        Whether the encoder is told what of x is observed.
    computed_with : tuple of str
        Of npvae's own models: the attributes on which what they compute depends.
    """

    config = corrupt = None
    shows_mask = False

    def forward(self, x, eps, *, condition=None, target=None, observed=None, objective=None):
        """The loss on a batch, and a cache. Inputs are trusted."""
        raise NotImplementedError

    def backward(self, cache):
        """Add the gradient of the loss to every block of parameters."""
        raise NotImplementedError

    def draw_noise(self, rng, n_batch, n_samples=1):
        """Noise (K, B, J) for K samples of z for each x of a batch."""
        raise NotImplementedError

    def check_data(self, x, name):
        """Raise ValueError where x (n, D) is nothing that the model can describe."""
        raise NotImplementedError

    def check_condition(self, condition, name):
        """Raise ValueError where the condition (n, C) is nothing that the model takes."""

    def stages(self, x, condition, observed, cache):
        """Every array of a forward pass in its order, for messages: (name, its module, array)."""
        return ()

    def loss(self, x, eps, *, condition=None, target=None, observed=None, objective=None):
        """The loss on a batch, with the noise given.

        Parameters
        ----------
        x : array (B, D), or a NumPy masked array, which says what is observed
        eps : array (K, B, J)
            Noise for K samples of z for each x; see `draw_noise`.
        condition : array (B, C), optional
        target : array (B, D), optional
            What is to be reconstructed, if not x itself.
        observed : array (B, D), optional
            1 where x and the target are known, 0 where they are not: the encoder is shown a 0
            there, and the loss has no term. So whatever stands there, a NaN too, changes nothing.
        objective : callable, optional
            Used in place of the model's own.

        Returns
        -------
        Loss
            Nats, summed over data and latent dimensions, averaged over the K samples and the batch. Of
            IWAE and its kin the value has the log of the mean of K weights in place of the mean.
        """
        return self._forward(x, eps, condition, target, observed, objective)[0]

    def loss_and_grad(self, x, eps, *, condition=None, target=None, observed=None, objective=None):
        """The loss, as `loss` has it; its gradient is left in `parameters.grad`."""
        check_trainable(self, self.objective if objective is None else objective)
        loss, cache = self._forward(x, eps, condition, target, observed, objective)
        self.parameters.zero_grad()
        self.backward(cache)
        return loss

    def _forward(self, x, eps, condition, target, observed, objective):
        check_objective(self.objective if objective is None else objective)
        x, observed = as_observed(self, x, observed)
        return self.forward(x, as_noise(self, eps, len(x)), objective=objective,
                            condition=as_condition(self, condition, len(x)),
                            target=as_target(self, target, observed, len(x)), observed=observed)

    def __repr__(self):
        return as_call(self.config) if self.config else super().__repr__()

    def __str__(self):
        return summary(self)


def check_model(model):
    """Raise TypeError where model is none: arguments are easily swapped."""
    if not isinstance(model, Model):
        raise TypeError(f"model is {type(model).__name__}: a VAE was expected")


def check_parts(model):
    """Raise where the parts of a VAE do not fit together: widths, sizes, the objective's cost."""
    check_objective(model.objective)
    check_optional(model.corrupt, "corrupt", Callable, "a callable")
    if model.prior.n_latent != model.n_latent:
        raise ValueError(f"prior has {model.prior.n_latent} latent dimensions: {model.n_latent} "
                         "were expected, as in the posterior")
    if model.posterior.codes != model.prior.codes:
        raise TypeError(f"posterior beside a {type(model.prior).__name__} is {model.posterior!r}, of "
                        f"{model.posterior.codes}: one of {model.prior.codes} was expected. A density "
                        "and a probability, or densities of two volumes: their ratio is no bound")
    n_shown = model.n_data * (2 if model.shows_mask else 1)
    check_width(model.encoder, "encoder", n_shown + model.n_condition, model.posterior.n_outputs,
                " by the posterior")
    check_width(model.decoder, "decoder", model.n_latent + model.n_condition,
                model.likelihood.n_outputs(model.n_data), " by the likelihood")


def check_vae(model):
    """Raise TypeError where model has no posterior, prior, decoder and likelihood."""
    check_model(model)
    if not hasattr(model, "posterior"):
        raise TypeError(f"model is {type(model).__name__}: a VAE was expected, with one posterior")


def check_unconditional(model):
    """Raise ValueError where the model has a condition, and nothing can be given for it."""
    if model.n_condition:
        raise ValueError(f"model has n_condition={model.n_condition}: a model without condition was "
                         "expected")


def check_density(model, what):
    """Raise TypeError where q(z|x) has no density, or none of a path, and `what` needs it."""
    check_vae(model)
    if not model.posterior.has_density:
        raise TypeError(f"model has a {type(model.posterior).__name__} posterior, which has no density: "
                        f"{what} needs log q(z|x)")


def check_path(model, what):
    """Raise TypeError where z does not move with q(z|x), or q has no density."""
    check_density(model, what)
    if not model.posterior.has_path:
        raise TypeError(f"model has a {type(model.posterior).__name__} posterior, whose z jumps: "
                        f"{what} needs a z that moves with q(z|x)")


def check_trainable(model, objective):
    """Raise TypeError where an objective's gradient comes by way of z, and z jumps."""
    check_objective(objective)
    posterior = getattr(model, "posterior", None)
    if getattr(objective, "needs_path", True) and not getattr(posterior, "has_path", True):
        raise TypeError(f"objective is {objective!r}, whose gradient comes by way of z; that of a "
                        f"{type(posterior).__name__} posterior jumps: ScoreFunction() or VIMCO() was "
                        "expected")
    if not getattr(objective, "needs_path", True) and not getattr(posterior, "has_density", True):
        raise TypeError(f"objective is {objective!r}, whose gradient comes by the density of q(z|x); a "
                        f"{type(posterior).__name__} posterior has none: ELBO(cost=Free()) was expected")


def check_objective(objective):
    """Raise TypeError where objective is no callable with the attribute `cost`."""
    if isinstance(objective, type) or not hasattr(objective, "cost"):
        raise TypeError(f"objective is {objective!r}: an objective was expected, such as ELBO()")


def as_data(model, x, name="x"):
    """x as a batch (B, D) that the model can describe."""
    x = as_batch(x, name, model.n_data, model.parameters.dtype)
    model.check_data(x, name)
    return x


def as_observed(model, x, observed, name="x"):
    """x as a batch (B, D) with zeros where it is not observed; and what is, as zeros and ones (B, D).

    Without a mask, and where x is no masked array, the second is None.
    """
    x, observed = parted(x, observed, name, model.n_data, model.parameters.dtype)
    with naming_the_mask(name):
        return as_data(model, x, name), observed


@contextmanager
def naming_the_mask(name):
    """The error of a NaN in an argument says which other one tells what is missing."""
    try:
        yield
    except ValueError as error:
        hint = f"; for values that are missing, see {mask_of(name)}" * (" is nan at " in str(error))
        raise ValueError(f"{error}{hint}") from None


def parted(x, observed, name, n_columns, dtype):
    """`as_observed` of an x that is not yet what a model describes: as it was, but for the zeros."""
    if isinstance(x, np.ma.MaskedArray):
        if observed is not None:
            raise ValueError(f"{mask_of(name)} is given, and {name} is a masked array, which says what "
                             "is observed: one of the two was expected")
        x, observed = np.ma.getdata(x), ~np.ma.getmaskarray(x)
    if observed is None:
        return x, None
    x = as_array(x, name)
    observed = as_mask(observed, mask_of(name), n_columns, dtype)
    if x.ndim == 2 and len(observed) != len(x):
        raise ValueError(f"{mask_of(name)} has {len(observed)} rows: {len(x)} were expected, as in "
                         f"{name}")
    return filled(x, observed), observed


def mask_of(name):
    """The argument that says what of another one is observed."""
    return "validation_observed" if name == "validation" else "observed"


def filled(x, observed):
    """x with zeros where it is not observed; x itself without a mask, or where the two do not fit."""
    if observed is None or x.shape != observed.shape or x.dtype.kind not in "fiub":
        return x
    return np.where(observed != 0, x, x.dtype.type(0))


def as_target(model, target, observed, n_batch):
    """The target as a batch (n_batch, D), with zeros where it is not observed; or None."""
    if target is None:
        return None
    target = as_data(model, filled(as_array(target, "target"), observed), "target")
    if len(target) != n_batch:
        raise ValueError(f"target has {len(target)} rows: {n_batch} were expected, as in x")
    return target


def as_noise(model, eps, n_batch):
    """Noise as a finite array (K, n_batch, J)."""
    eps = as_array(eps, "eps")
    if eps.ndim != 3 or eps.shape[1:] != (n_batch, model.n_latent) or len(eps) == 0:
        raise ValueError(f"eps has shape {eps.shape}: (samples, {n_batch}, {model.n_latent}) "
                         "was expected; see draw_noise")
    check_real(eps, "eps")
    return as_finite(eps, "eps", model.parameters.dtype)


def as_condition(model, condition, n_batch, name="condition"):
    """The condition as an array (n_batch, C), or None for a model that has none."""
    if (condition is None) != (model.n_condition == 0):
        raise ValueError(f"{name} is {'missing' if condition is None else 'given'}: "
                         f"this model has n_condition={model.n_condition}")
    if condition is None:
        return None
    condition = as_array(condition, name)
    if condition.shape in ((n_batch,), (n_batch, 1)) and model.n_condition > 1:
        raise ValueError(f"{name} has shape {condition.shape}: (batch, {model.n_condition}) "
                         "was expected; for labels see datasets.one_hot")
    condition = as_batch(condition, name, model.n_condition, model.parameters.dtype)
    if len(condition) != n_batch:
        raise ValueError(f"{name} has {len(condition)} rows: {n_batch} were expected")
    model.check_condition(condition, name)
    return condition
