"""One check for each role: layer, prior, likelihood, objective, model; that of posteriors is in `ways`.

Each draws random upstream gradients (with ones, many mistakes cancel), makes a scalar
of what the forward pass returns, and hands it to `check` with what the backward pass
returns. Everything is checked in float64, whatever the dtype of what is handed in.
"""

from collections.abc import Callable

from npvae import door
from npvae.distributions.pairs import check_closed_form, kl, kl_backward
from npvae.distributions.roles import Likelihood, Prior, check_role
from npvae.gradcheck.arguments import (as_data_and_output, as_input, as_options, as_terms,
                                       check_pair, twins_of)
from npvae.gradcheck.differences import check
from npvae.inputs import as_double, check_generator, check_type
from npvae.networks.layers import Layer


def check_function(forward, backward, *inputs, rng, complex_step=True):
    """A function without parameters: forward(*inputs), backward(d, *inputs) -> gradients.

    Parameters
    ----------
    forward, backward : callable
        backward returns one gradient for each input, as a tuple.
    *inputs : ndarray
    rng : numpy.random.Generator
        Draws the upstream gradient.
    complex_step : bool
        See `npvae.gradcheck.check`; so in all that follow.

    Returns
    -------
    Report
    """
    for value, name in ((forward, "forward"), (backward, "backward")):
        check_type(value, name, Callable, "a callable")
    check_generator(rng)
    inputs = [as_double(a, f"inputs[{i}]") for i, a in enumerate(inputs)]
    d = rng.standard_normal(forward(*inputs).shape)
    names = [f"input {i}" for i in range(len(inputs))]
    gradients = tuple(backward(d, *inputs))
    if len(gradients) != len(inputs):
        raise ValueError(f"backward returned {len(gradients)} gradients: {len(inputs)} were expected, "
                         "one for each input")
    return check(lambda arrays: (d * forward(*arrays.values())).sum(),
                 dict(zip(names, inputs)), dict(zip(names, gradients)), complex_step=complex_step)


def check_layer(layer, x, rng, complex_step=True):
    """A layer: the gradient of its input and of each of its blocks.

    Parameters
    ----------
    layer : Layer
    x : ndarray (..., n_in)
    rng : numpy.random.Generator

    Returns
    -------
    Report
    """
    check_type(layer, "layer", Layer, "a Layer")
    check_generator(rng)
    at, layer, blocks = twins_of(layer)
    x = as_input(layer, x)
    y, cache = layer.forward(x.copy())
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy, cache)

    def function(arrays):
        return (dy * at(arrays).forward(arrays["x"])[0]).sum()

    return check(function, {"x": x, **blocks}, {"x": dx, **layer.gradients()},
                 complex_step=complex_step)


def check_kl(posterior, prior, h, rng, condition=None, model=None, complex_step=True):
    """The closed-form KL of a pair: its gradient in h, and in the blocks of posterior and prior.

    Parameters
    ----------
    posterior, prior : Posterior, Prior
        A pair of which `npvae.kl` has a closed form.
    h : ndarray (B, posterior.n_outputs)
    rng : numpy.random.Generator
    condition, model : optional
        What `prior.given` is handed.

    Returns
    -------
    Report
    """
    check_pair(posterior, prior)
    check_generator(rng)
    of_q, posterior, q_blocks = twins_of(posterior)
    of_p, prior, p_blocks = twins_of(prior)
    h = as_double(h, "h", None, posterior.n_outputs)
    p = prior.given(condition, model)
    q = posterior.given(h)
    check_closed_form(q, p, posterior)
    rate, cache = kl(q, p)
    drate = rng.standard_normal(rate.shape)
    dh, dp = kl_backward(drate, cache)
    p.accumulate(dp)
    blocks = {**{f"q.{name}": value for name, value in q_blocks.items()},
              **{f"p.{name}": value for name, value in p_blocks.items()}}
    gradients = {**{f"q.{name}": value for name, value in posterior.gradients().items()},
                 **{f"p.{name}": value for name, value in prior.gradients().items()}}

    def function(arrays):
        q = of_q({"h": arrays["h"], **_of("q.", arrays)}).given(arrays["h"])
        p = of_p({"h": arrays["h"], **_of("p.", arrays)}).given(condition, model)
        return (drate * kl(q, p)[0]).sum()

    return check(function, {"h": h, **blocks}, {"h": dh, **gradients}, complex_step=complex_step)


def _of(prefix, arrays):
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def check_prior(prior, z, rng, complex_step=True):
    """A prior: the gradient of log p(z) in z (K, B, J) and its blocks; rng draws the upstream one."""
    check_role(prior, "prior", Prior)
    if type(prior).log_prob is Prior.log_prob:                     # `given` returns what has one
        raise TypeError(f"prior is {prior!r}, which the encoder, or the condition, makes anew in every "
                        "step: `check_model` checks it in a model")
    check_generator(rng)
    at, prior, blocks = twins_of(prior)
    z = as_double(z, "z, for this prior,", None, None, prior.n_latent)
    log_pz, cache = prior.log_prob(z)
    dlog_pz = rng.standard_normal(log_pz.shape)
    dz = prior.backward(dlog_pz, cache)

    def function(arrays):
        return (dlog_pz * at(arrays).log_prob(arrays["z"])[0]).sum()

    return check(function, {"z": z, **blocks}, {"z": dz, **prior.gradients()},
                 complex_step=complex_step)


def check_likelihood(likelihood, x, y, rng, observed=None, complex_step=True):
    """A likelihood: the gradient of log p(x|z), of x (B, D), of which observed (B, D) may be a part, in
    the decoder's output y (K, B, N), and in its blocks; rng draws the upstream gradient."""
    check_role(likelihood, "likelihood", Likelihood)
    check_generator(rng)
    at, likelihood, blocks = twins_of(likelihood)
    x, y, observed = as_data_and_output(likelihood, x, y, observed)
    log_px, cache = likelihood.log_prob(x, y, observed)
    dlog_px = rng.standard_normal(log_px.shape)
    dy = likelihood.backward(dlog_px, cache)

    def function(arrays):
        return (dlog_px * at(arrays).log_prob(x, arrays["y"], observed)[0]).sum()

    return check(function, {"y": y, **blocks}, {"y": dy, **likelihood.gradients()},
                 complex_step=complex_step)


def check_objective(objective, log_px, rate, complex_step=True):
    """An objective: the gradient of its value in log_px (K, B) and in the rate, (B, J) of
    a closed form, (K, B) of a sampled cost."""
    log_px, rate = as_terms(objective, log_px, rate)
    loss = objective(log_px, rate)

    def function(arrays):
        return objective(arrays["log_px"], arrays["rate"]).value

    return check(function, {"log_px": log_px, "rate": rate},
                 {"log_px": loss.dlog_px, "rate": loss.drate}, complex_step=complex_step)


def check_model(model, x, eps, complex_step=True, **options):
    """A whole model: the gradient of its loss in every block, the noise held.

    Parameters
    ----------
    model : VAE
    x : ndarray (B, D)
    eps : ndarray (K, B, J)
    **options
        condition, target, observed, objective: as `VAE.loss` has them, of float64.

    Returns
    -------
    Report
        With a note where the objective's gradient is no derivative of its value, as of STL, DReG or the
        score function: those are right in the mean over the noise.
    """
    door.check_model(model)
    at, model, blocks = twins_of(model)
    x, options = as_options(model, x, options)
    eps = door.as_noise(model, eps, len(x))
    loss, cache = model.forward(x, eps, **options)
    model.backward(cache)

    def function(arrays):
        return at(arrays).forward(x, eps, **options)[0].value

    report = check(function, blocks, model.gradients(), complex_step=complex_step)
    if getattr(loss, "score", None) is not None:
        objective = options.get("objective") or model.objective
        report.note = (f"NOTE: {objective} weighs the score by itself, as estimators do that are "
                       "right in the mean over the noise, and for no noise the derivative of the loss: "
                       "a check of the model takes objective=ELBO(...)")
    return report
