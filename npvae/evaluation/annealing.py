"""log p(x) between two bounds: annealed importance sampling, from either end.

Importance sampling goes from a start p_0(z) to the posterior in one step, and where the two
differ much, a few weights outweigh all others. Annealing takes T small steps, along

    f_beta(z) = p_0(z)^(1 - beta) (p(z) p(x|z))^beta,    0 = beta_0 < ... < beta_T = 1,

whose integral is 1 at one end and p(x) at the other. At each beta between, Hamiltonian Monte
Carlo moves z_{t-1} to z_t so that f_beta stays as it is, and the weights of all steps multiply:

    log w = sum over t of (beta_t - beta_{t-1}) (log f_1 - log f_0)(z_{t-1}).

Forward, from z_0 ~ p_0, the mean of w is p(x): the log of a mean of K is a lower bound in the
mean. In reverse, from a z of the posterior, by the same moves in the opposite order, the mean
of 1 / w is 1 / p(x): an upper bound. For data drawn from the model such a z is known, the one
that made x; so there the error of the lower bound is, in the mean, at most the gap between both.

References
----------
Neal (2001), arXiv:physics/9803008; Grosse, Ghahramani and Adams (2015), arXiv:1511.02543;
Wu, Burda, Salakhutdinov and Grosse (2017), arXiv:1611.04273.
"""

from typing import NamedTuple

import numpy as np

from npvae.door import as_condition, as_data, check_path
from npvae.evaluation.evidence import Evidence, Weights
from npvae.inputs import check_choice, check_count, check_generator
from npvae.model import join
from npvae.numerics import log_mean_exp
from npvae.randomness import generators
from npvae.threads import all_cores

ACCEPTANCE = 0.65           # 0.651 is the best in many dimensions: Beskos et al. (2013)


def sigmoid_schedule(n_temperatures, radius=4.0):
    """beta_0 = 0, ..., beta_T = 1, closer together near both ends: (T + 1,), float64.

    With g_t = sigmoid(radius (2 t / T - 1)), beta_t is (g_t - g_0) / (g_T - g_0), as in the
    code of Wu et al. (2017), github.com/tonywu95/eval_gen. T = 1 has nothing in between.
    """
    g = np.tanh(0.5 * radius * np.linspace(-1.0, 1.0, n_temperatures + 1))     # 2 sigmoid - 1
    return (g - g[0]) / (g[-1] - g[0])


class State(NamedTuple):
    """Where K chains for each x stand, and log f_beta there: log_start + beta * log_ratio."""

    z: np.ndarray               # (K, B, J)
    log_start: np.ndarray       # (K, B)
    log_ratio: np.ndarray       # (K, B)
    start_score: np.ndarray     # (K, B, J), the gradient of log_start in z
    ratio_score: np.ndarray     # (K, B, J), that of log_ratio

    def log_prob(self, beta):
        return self.log_start + beta * self.log_ratio

    def score(self, beta):
        return self.start_score + beta * self.ratio_score


class Path:
    """From p_0(z) to p(z) p(x|z), for each x of a batch: path(z) is a State.

    Parameters
    ----------
    model : VAE
    x : ndarray (B, D)
    condition : ndarray (B, C), optional
    start : {"prior", "posterior"}
        p_0(z): p(z); or q(z|x), whose density must then be known at every z.
    """

    def __init__(self, model, x, condition=None, start="prior"):
        self.model, self.x, self.condition, self.q = model, x, condition, None
        self.p, self.along = model.prior.given(condition, model), model.posterior.tangent
        if start == "posterior":
            self.q = model.posterior.given(model.encoder.forward(model.shown(x, condition))[0])

    def draw(self, rng, n_chains):
        """z ~ p_0(z): (K, B, J)."""
        B, dtype, posterior = len(self.x), self.x.dtype, self.model.posterior
        if self.q is None:
            z = [self.p.sample(rng, B, dtype) for _ in range(n_chains)]
            return np.stack(z)
        return posterior.sample(self.q, posterior.draw_noise(rng, n_chains, B, dtype))[0]

    def __call__(self, z):
        model = self.model
        y, decoder_cache = model.decoder.forward(join(z, self.condition))
        log_px, likelihood_cache = model.likelihood.log_prob(self.x, y)
        log_pz, prior_cache = self.p.log_prob(z)
        one = np.ones_like(log_px)
        # log_px = likelihood(x, y),   y = decoder(z, condition)
        dy = model.likelihood.backward(one, likelihood_cache)
        px_score = model.decoder.pullback(dy, decoder_cache)[..., :model.n_latent]
        pz_score = self.p.backward(one, prior_cache)
        if self.q is None:
            return State(z, log_pz, log_px, pz_score, px_score)
        drawn = model.posterior.at(self.q, z)
        log_q, q_score = model.posterior.log_prob(drawn), model.posterior.slope(drawn)
        return State(z, log_q, log_pz + log_px - log_q, q_score, pz_score + px_score - q_score)


# ---- Hamiltonian Monte Carlo -------------------------------------------------------------

def leapfrog(path, state, v, beta, step, n_leapfrog):
    """Follow dz/dt = v, dv/dt = score(z): half a step of v, a step of z, half a step of v.

    Each is a shear of (z, v), so the volume is kept; and from the end, with -v, the same steps
    lead back. v is (K, B, J), step (B,); returned are the last State and its v.
    """
    step = step[:, None]
    v = v + 0.5 * step * path.along(state.score(beta))
    for left in reversed(range(n_leapfrog)):
        state = path(state.z + step * v)
        v = v + (1.0 if left else 0.5) * step * path.along(state.score(beta))      # two halves in one
    return state, v


def hmc(path, state, beta, step, n_leapfrog, rng):
    """Move each chain so that f_beta stays as it is: State, and the acceptance (K, B).

    A velocity v ~ N(0, I) is drawn and followed; the end is accepted with the probability
    min(1, exp(-dH)), where H = v^2 / 2 - log f_beta(z). Under f_beta, z to z' is as frequent
    as z' to z: the move is its own reversal. (Duane et al., 1987; Neal, 2011.)
    """
    v = path.along(rng.standard_normal(state.z.shape, state.z.dtype))
    log_u = -rng.standard_exponential(state.log_ratio.shape, state.z.dtype)    # u ~ U(0, 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):    # what flies off is refused
        end, v_end = leapfrog(path, state, v, beta, step, n_leapfrog)
        gain = (end.log_prob(beta) - state.log_prob(beta)
                - 0.5 * ((v_end * v_end).sum(axis=-1) - (v * v).sum(axis=-1)))         # -dH
    gain = np.nan_to_num(gain, nan=-np.inf, neginf=-np.inf)
    accepted = log_u < gain
    state = State(*(np.where(accepted if new.ndim == 2 else accepted[..., None], new, old)
                    for new, old in zip(end, state)))
    return state, np.exp(np.minimum(gain, 0.0))


def tuned_steps(path, betas, rng, n_chains, n_leapfrog):
    """A step size for each beta and x, from K chains that are thrown away: (T + 1, B).

    Each move raises the log of the step by half of what their mean acceptance is above 0.65.
    (A step that listened to the very chains that are weighted would distort f_beta, and would
    not be the same on the way back.)
    """
    state = path(path.draw(rng, n_chains))
    steps = np.full((len(betas), len(path.x)), 0.5, state.z.dtype)
    for t in range(1, len(betas) - 1):
        state, acceptance = hmc(path, state, float(betas[t]), steps[t - 1], n_leapfrog, rng)
        steps[t] = steps[t - 1] * np.exp(0.5 * (acceptance.mean(axis=0) - ACCEPTANCE))
    return steps


def anneal(path, z, betas, steps, n_leapfrog, rng):
    """Take chains z (K, B, J) along betas; their log weights (K, B), summed in float64.

    With betas from 0 to 1 and z ~ p_0, the mean of the weights is p(x). With betas and steps
    (T + 1, B) reversed and z ~ p(z|x), it is 1 / p(x). Moves are made at the betas
    in between only, steps[t] at betas[t]: z is exact at the start, and not used at the end.
    """
    state, log_w = path(z), np.zeros(z.shape[:2])
    for t in range(1, len(betas)):
        if t > 1:
            state, _ = hmc(path, state, float(betas[t - 1]), steps[t - 1], n_leapfrog, rng)
        log_w += (betas[t] - betas[t - 1]) * state.log_ratio
    return log_w


# ---- the public door ---------------------------------------------------------------------

class Sandwich(NamedTuple):
    """Data drawn from a model, and bounds of their log p(x), in the mean; nats."""

    x: np.ndarray               # (n, D)
    lower: np.ndarray           # (n,)
    upper: np.ndarray           # (n,)


def annealed_log_evidence(model, x, rng, n_chains=16, n_temperatures=500, *, n_leapfrog=10,
                          start="prior", condition=None, batch_size=100):
    """log p(x) for each x by annealed importance sampling: the log of the mean of K weights.

    Parameters
    ----------
    model : VAE
    x : array (n, D)
    rng : numpy.random.Generator
    n_chains, n_temperatures, n_leapfrog : int
        K chains, T steps of beta, leapfrog steps of each move: 2 T n_leapfrog gradients on K z
        for each x, and a lower bound in the mean. T = 1 is importance sampling from p_0.
    start : {"prior", "posterior"}
        p_0(z): p(z); or q(z|x), nearer for x like those that the encoder was trained on.
    condition : array (n, C), optional
    batch_size : int
        How many x are worked on at a time, by each core; memory grows with it times K. The noise
        of the first is rng's, that of others from generators that it seeds.

    Returns
    -------
    Evidence
        Its parts as of `log_evidence`, from the weights of the chains.

    Raises
    ------
    TypeError
        Where the posterior has no density, or no path from eps to z.
    """
    check_path(model, "annealing")
    x = as_data(model, x)
    condition = as_condition(model, condition, len(x))
    return _bounds(model, x, None, condition, rng, n_chains, n_temperatures, n_leapfrog, start,
                   batch_size)[0]


def sandwich(model, rng, n, n_chains=16, n_temperatures=500, *, n_leapfrog=10, start="prior",
             condition=None, batch_size=100):
    """Draw n x from the model; bound log p(x) of each from below and from above: a Sandwich.

    `lower` is what `annealed_log_evidence` gives, with the same parameters. A small mean gap
    shows that it is right on these x, and on others as far as they are like these. It raises what that
    one raises.
    """
    check_path(model, "annealing")
    check_generator(rng)
    n = check_count(n, "n")
    condition = as_condition(model, condition, n)
    z = model.prior.given(condition, model).sample(rng, n, model.parameters.dtype)
    x = model.likelihood.sample(rng, model.decoder.forward(join(z, condition))[0])
    lower, upper = _bounds(model, x, z, condition, rng, n_chains, n_temperatures, n_leapfrog, start,
                           batch_size)
    return Sandwich(x, lower.log_px, upper)


def _bounds(model, x, z, condition, rng, n_chains, n_temperatures, n_leapfrog, start_at, batch_size):
    """Evidence; and upper bounds (n,), where z (n, J), which made x, is known."""
    check_generator(rng)
    check_choice(start_at, "start", ("prior", "posterior"))
    n_chains, n_temperatures, n_leapfrog, batch_size = (
        check_count(value, name) for value, name in (
            (n_chains, "n_chains"), (n_temperatures, "n_temperatures"), (n_leapfrog, "n_leapfrog"),
            (batch_size, "batch_size")))
    betas, starts = sigmoid_schedule(n_temperatures), range(0, len(x), batch_size)

    def of_batch(start, rng):
        """Evidence, and upper bounds (B,) or nothing, of some x."""
        rows = slice(start, start + batch_size)
        # `pullback` may write into gradients: into those of a copy
        path = Path(model.copy(), x[rows], None if condition is None else condition[rows], start_at)
        z_0 = path.draw(rng, n_chains)
        steps = tuned_steps(path, betas, rng, n_chains, n_leapfrog)
        weights = Weights(len(z_0[0]), n_chains)
        weights.add(anneal(path, z_0, betas, steps, n_leapfrog, rng))
        if z is None:
            return weights.evidence(), np.empty(0)
        z_T = np.broadcast_to(z[rows], z_0.shape)              # all K from the one that is exact
        back = anneal(path, z_T, betas[::-1], steps[::-1], n_leapfrog, rng)
        return weights.evidence(), -log_mean_exp(back)

    with all_cores() as run:
        lower, upper = zip(*run(of_batch, zip(starts, generators(rng, len(starts)))))
    return Evidence(*map(np.concatenate, zip(*lower))), np.concatenate(upper)
