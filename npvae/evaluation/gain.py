"""The gain of a learning rate: how much of what the gradient promises comes true."""

import copy

import numpy as np

from npvae.door import as_condition, as_data, check_model
from npvae.inputs import check_count, check_optional, check_positive
from npvae.learning.optimizers import Adam, Optimizer
from npvae.learning.held_out import presented
from npvae.randomness import stream

STEPS = 20


def gain(model, x, learning_rate, *, condition=None, optimizer=None, n_samples=1, batch_size=128,
         n_steps=STEPS, seed=0):
    """How far the first steps at a learning rate lower the loss, by what the gradient promised.

    After each step the loss is computed once more, on the same batch and with the same noise.
    Were it as straight as its gradient says, it would have fallen by grad . (before - after).
    The gain is the sum of the falls over the sum of these promises: near 1 where the steps are
    short, 1/2 where they end at the bottom of a parabola, 0 where they end as high on the other
    side, negative beyond.

    Parameters
    ----------
    model : VAE
        The steps are taken by a copy, from the parameters that it has now.
    x : array (n, D)
    learning_rate : float
    condition : array (n, C), optional
    optimizer : Optimizer, optional
        Adam() if left out. Its own moments are left alone, and not used.
    n_samples, batch_size, seed : int
        As in `fit`.
    n_steps : int

    Returns
    -------
    float
        NaN where the loss did not stay finite.

    Raises
    ------
    TypeError
        Where the objective's gradient is right in the mean over the noise alone, as of DReG or VIMCO:
        what it promises for one noise is not the fall of the loss with that noise.

    References
    ----------
    Trust-region methods choose the length of their steps by this ratio: Nocedal and Wright (2006),
    chapter 4, with a parabola in place of the line.
    """
    check_model(model)
    model = model.astype(np.float64)          # a short step changes what float32 has no digits for
    x = as_data(model, x)
    condition = as_condition(model, condition, len(x))
    learning_rate = check_positive(learning_rate, "learning_rate")
    n_samples, batch_size = check_count(n_samples, "n_samples"), check_count(batch_size, "batch_size")
    n_steps = check_count(n_steps, "n_steps")
    check_optional(optimizer, "optimizer", Optimizer, "an optimizer")
    optimizer = Adam() if optimizer is None else copy.deepcopy(optimizer)
    optimizer.t, optimizer.state = 0, {}
    parameters, promised, fell = model.parameters, 0.0, 0.0
    with np.errstate(all="ignore"):
        for step in range(n_steps):
            rng = stream(seed, "step", 0, step)
            rows = rng.permutation(len(x))[:batch_size]
            batch, target = presented(model, x[rows], None, rng)
            eps = model.draw_noise(rng, len(rows), n_samples)
            given = {"condition": None if condition is None else condition[rows], "target": target}

            loss, cache = model.forward(batch, eps, **given)
            if getattr(loss, "score", None) is not None:
                raise TypeError(f"model has the objective {model.objective}, whose gradient is no "
                                "derivative of its loss: ELBO() or IWAE() was expected")
            parameters.zero_grad()
            model.backward(cache)
            before = parameters.theta.copy()
            optimizer.step(parameters.theta, parameters.grad, learning_rate)
            promised += parameters.grad @ (before - parameters.theta)
            fell += loss.value - model.forward(batch, eps, **given)[0].value
        return float(np.float64(fell) / promised)
