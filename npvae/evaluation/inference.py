"""How good is q(z|x)? What it costs in nats, and whether its widths can be believed."""

from typing import NamedTuple

import numpy as np

from npvae.door import as_condition, as_data, check_path, check_unconditional
from npvae.evaluation.evidence import Evidence, Weights, check_weighed, weigh
from npvae.inputs import check_count, check_generator
from npvae.learning.optimizers import Adam
from npvae.learning.schedules import Cosine
from npvae.model import VAE
from npvae.networks.layers import Table
from npvae.objectives import StickingTheLanding
from npvae.randomness import generators
from npvae.threads import all_cores


class InferenceGap(NamedTuple):
    """log p(x) - ELBO for each x, in two parts; arrays (n,), nats.

    Attributes
    ----------
    log_px : by importance sampling, with the best q for the proposal.
    best_elbo : of the best q of the family, found for each x by itself.
    elbo : of the q that the encoder gives.
    standard_error, ess, pareto_k : of log_px, as of an `Evidence`: how far to trust it.

    `print` shows the means of the two parts, and what an `Evidence` shows.
    """

    log_px: np.ndarray
    best_elbo: np.ndarray
    elbo: np.ndarray
    standard_error: np.ndarray
    ess: np.ndarray
    pareto_k: np.ndarray

    @property
    def approximation(self):
        """What the family cannot express: log p(x) - best_elbo."""
        return self.log_px - self.best_elbo

    @property
    def amortization(self):
        """What one encoder for all x gives away: best_elbo - elbo."""
        return self.best_elbo - self.elbo

    def __str__(self):
        evidence = Evidence(self.log_px, self.standard_error, self.ess, self.pareto_k)
        return (f"approximation gap {self.approximation.mean():.3f}, amortization gap "
                f"{self.amortization.mean():.3f} nats; {evidence}")


def inference_gap(model, x, rng, *, condition=None, steps=500, n_samples=1000, batch_size=500):
    """The inference gap of each x, split into its approximation and its amortization part.

    The best q is found by `steps` steps of Adam on the ELBO, beginning at the encoder's q,
    with 10 samples of z in each.

    Parameters
    ----------
    model : VAE
        With a posterior that has a density, and a path.
    x : array (n, D)
    rng : numpy.random.Generator
    condition : array (n, C), optional
    steps : int
    n_samples : int
        K, for the two ELBOs and for log p(x).
    batch_size : int
        How many x are worked on at a time, by each core; memory grows with it. The noise of the
        first is rng's, that of others from generators that it seeds.

    Returns
    -------
    InferenceGap

    Raises
    ------
    TypeError
        Where the posterior has no density, or no path from eps to z.
    ValueError
        Where x is so large that the weights are NaN.

    References
    ----------
    Cremer, Li and Duvenaud (2018), "Inference suboptimality in variational autoencoders".
    """
    check_path(model, "the best q")
    x = as_data(model, x)
    condition = as_condition(model, condition, len(x))
    check_generator(rng)
    steps, n_samples = check_count(steps, "steps"), check_count(n_samples, "n_samples")
    starts = range(0, len(x), check_count(batch_size, "batch_size"))

    def of_batch(start, rng):
        rows = slice(start, start + batch_size)
        return _gap(model, x[rows], None if condition is None else condition[rows], rng, steps,
                    n_samples)

    with all_cores() as run:
        parts = run(of_batch, zip(starts, generators(rng, len(starts))))
        found = InferenceGap(*map(np.concatenate, zip(*parts)))
    check_weighed(model, found.elbo + found.best_elbo + found.log_px)
    return found


def _gap(model, x, condition, rng, steps, n_samples):
    """`inference_gap` of some x."""
    own = with_table(model, x, condition)
    amortized, _ = elbo_and_evidence(own, x, condition, rng, n_samples)
    h = own.encoder.h
    theta, grad = own.parameters.theta[:h.size], own.parameters.grad[:h.size]     # h comes first
    adam, rate = Adam(), Cosine(0.03, steps)
    for step in range(steps):
        own.loss_and_grad(x, own.draw_noise(rng, len(x), 10), condition=condition)
        adam.step(theta, grad, rate(step))
    best, evidence = elbo_and_evidence(own, x, condition, rng, n_samples)
    return InferenceGap(best_elbo=best, elbo=amortized, **evidence._asdict())


def with_table(model, x, condition):
    """A copy of the model whose encoder is a table of what the encoder says of these x. Its p(z) is that
    of the model, which the encoder may be a part of, and stays as it is."""
    held = model.copy()
    h, _ = held.encoder.forward(held.shown(x, condition))
    parts = {name: getattr(model, name).copy()
             for name in ("posterior", "prior", "decoder", "likelihood")}
    parts["prior"].given = lambda condition, model: held.prior.given(condition, held)
    return VAE(Table(h), **parts, n_data=model.n_data, n_condition=model.n_condition,
               objective=StickingTheLanding())


def elbo_and_evidence(model, x, condition, rng, n_samples):
    """The ELBO and the `Evidence` of each x, from the same weights: the mean of their logs, and the
    log of their mean. (Near the true posterior the sampled KL is the less noisy one.)"""
    log_w = np.array([weigh(model, x, model.draw_noise(rng, len(x)), condition)[0]
                      for _ in range(n_samples)])
    weights = Weights(len(x), n_samples)
    weights.add(log_w)
    return log_w.mean(axis=0, dtype=np.float64), weights.evidence()


def calibration_ranks(model, rng, n=1000, n_samples=99):
    """Simulation-based calibration of q: is z where q(z|x) says, as often as it says?

    Draw z from the prior, x from p(x|z), and K codes from q(z|x). If q is the true
    posterior, the rank of z_j among its K draws is uniform on 0 .. K. Ranks that pile up at both
    ends belong to a q that is too narrow, in the middle to one that is too wide.

    Parameters
    ----------
    model : VAE
        Without condition, and with a z whose values can be ranked: no bits.
    rng : numpy.random.Generator
    n : int
        How many pairs (z, x) are simulated.
    n_samples : int
        K.

    Returns
    -------
    ndarray of int (n, J), from 0 to K.

    Raises
    ------
    TypeError
        Where the posterior has no density, or no path from eps to z.
    ValueError
        Where the model has a condition.

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), "Validating Bayesian inference
    algorithms with simulation-based calibration".
    """
    check_path(model, "a rank of z")
    check_generator(rng)
    n, n_samples = check_count(n, "n"), check_count(n_samples, "n_samples")
    check_unconditional(model)
    z = model.prior.given(None, model).sample(rng, n, model.parameters.dtype)
    x = model.likelihood.sample(rng, model.decoder.forward(z)[0])
    draws, _ = model.posterior.sample(model.encode(x), model.draw_noise(rng, n, n_samples))
    return (draws < z).sum(axis=0)
