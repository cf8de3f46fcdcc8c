"""One check for each role: layer, posterior, prior, likelihood, objective, model.

Each draws random upstream gradients (with ones, many mistakes cancel), makes a scalar
of what the forward pass returns, and hands it to `check` with what the backward pass
returns. Everything is checked in float64, whatever the dtype of what is handed in.
"""

import numpy as np

from npvae.gradcheck.differences import Report, check


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
    inputs = [np.asarray(a, np.float64) for a in inputs]
    d = rng.standard_normal(forward(*inputs).shape)
    names = [f"input {i}" for i in range(len(inputs))]
    return check(lambda arrays: (d * forward(*arrays.values())).sum(),
                 dict(zip(names, inputs)), dict(zip(names, backward(d, *inputs))),
                 complex_step=complex_step)


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
    at, layer, blocks = _twins(layer)
    x = np.asarray(x, np.float64)
    y, cache = layer.forward(x.copy())
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy, cache)

    def function(arrays):
        return (dy * at(arrays).forward(arrays["x"])[0]).sum()

    return check(function, {"x": x, **blocks}, {"x": dx, **layer.gradients()},
                 complex_step=complex_step)


WAYS = ("z", "log q, path", "log q, score", "log q, both")


def check_posterior(posterior, h, eps, rng, prior=None, ways=WAYS, complex_step=True):
    """A posterior: by z, by log q along the path and at fixed z, and by the closed-form KL.

    Parameters
    ----------
    posterior : Module
    h : ndarray (B, posterior.n_outputs)
        The encoder's output.
    eps : ndarray (K, B, J)
    rng : numpy.random.Generator
    prior : Module, optional
        Checks the KL to it; None for a pair without a closed form.
    ways : sequence of str
        The ways from h to the loss that are checked. A discrete z is a step function of h:
        only the score is a way, and z is held.

    Returns
    -------
    Report
    """
    at, posterior, blocks = _twins(posterior)
    h, eps = np.asarray(h, np.float64), np.asarray(eps, np.float64)
    q = posterior.given(h)
    z = posterior.sample(q, eps)
    dz, dlog_q = rng.standard_normal(z.shape), rng.standard_normal(z.shape[:-1])
    weight = dlog_q[..., None]
    gradients = {"z": dict(dz=dz), "log q, path": dict(dz=0 * dz, path=weight),
                 "log q, score": dict(dz=0 * dz, score=weight),
                 "log q, both": dict(dz=0 * dz, path=weight, score=weight)}
    functions = {                          # of a twin, of its own q, and of its own z
        "z": lambda twin, q_h, z_h: (dz * z_h).sum(),
        "log q, path": lambda twin, q_h, z_h: (dlog_q * posterior.log_prob(q, z_h)).sum(),
        "log q, score": lambda twin, q_h, z_h: (dlog_q * twin.log_prob(q_h, z)).sum(),
        "log q, both": lambda twin, q_h, z_h: (dlog_q * twin.log_prob(q_h, z_h)).sum()}

    def function_of(way, name):
        def function(arrays):
            twin = at(arrays)
            q_h = twin.given(arrays[name])
            return functions[way](twin, q_h, twin.sample(q_h, eps))
        return function

    report = Report([])
    for way in ways:
        name = f"h by {way}"
        posterior.parameters.zero_grad()
        dh = posterior.backward(q, eps, **gradients[way])
        report += check(function_of(way, name), {name: h, **blocks},
                        {name: dh, **posterior.gradients()}, complex_step=complex_step)
    if prior is None:
        return report
    kl = posterior.kl(q, prior)
    dkl = rng.standard_normal(kl.shape)

    def through_kl(arrays):
        twin = at(arrays)
        return (dkl * twin.kl(twin.given(arrays["h by the KL"]), prior)).sum()

    return report + check(through_kl, {"h by the KL": h, **blocks},
                          {"h by the KL": posterior.kl_backward(q, prior, dkl)},
                          complex_step=complex_step)


def check_prior(prior, z, rng, complex_step=True):
    """A prior: the gradient of log p(z) in z (K, B, J)."""
    at, prior, blocks = _twins(prior)
    z = np.asarray(z, np.float64)
    dlog_pz = rng.standard_normal(z.shape[:-1])
    dz = prior.backward(z, dlog_pz)

    def function(arrays):
        return (dlog_pz * at(arrays).log_prob(arrays["z"])).sum()

    return check(function, {"z": z, **blocks}, {"z": dz, **prior.gradients()},
                 complex_step=complex_step)


def check_likelihood(likelihood, x, y, rng, complex_step=True):
    """A likelihood: the gradient of log p(x given z) in y (K, B, N), and in its blocks."""
    at, likelihood, blocks = _twins(likelihood)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    log_px, cache = likelihood.log_prob(x, y)
    dlog_px = rng.standard_normal(log_px.shape)
    dy = likelihood.backward(dlog_px, cache)

    def function(arrays):
        return (dlog_px * at(arrays).log_prob(x, arrays["y"])[0]).sum()

    return check(function, {"y": y, **blocks}, {"y": dy, **likelihood.gradients()},
                 complex_step=complex_step)


def check_objective(objective, log_px, rate, complex_step=True):
    """An objective: the gradient of its value in log_px (K, B) and in the rate."""
    log_px, rate = np.asarray(log_px, np.float64), np.asarray(rate, np.float64)
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
        condition, target, objective: as `VAE.loss` has them.

    Returns
    -------
    Report
    """
    at, model, blocks = _twins(model)
    x, eps = np.asarray(x, np.float64), np.asarray(eps, np.float64)
    model.loss_and_grad(x, eps, **options)

    def function(arrays):
        return at(arrays).forward(x, eps, **options)[0].value

    return check(function, blocks, model.gradients(), complex_step=complex_step)


def _twins(module):
    """What a check needs of a module, in float64: a function that gives the module with
    other blocks, a copy to run backward, and the blocks as they were before that."""
    double = module.astype(np.float64)
    double.parameters.zero_grad()
    blocks = {name: view.copy() for name, view in double.blocks().items()}
    twins = {"f": module.astype(np.float64), "c": module.astype(np.complex128)}

    def at(arrays):
        twin = twins[np.result_type(*arrays.values()).kind]
        for name, view in twin.blocks().items():
            view[...] = arrays[name]
        return twin

    return at, double, blocks
