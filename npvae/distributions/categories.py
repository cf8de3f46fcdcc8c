"""A code of symbols: J = N x C numbers, N variables of C categories each.

A symbol is C numbers, one of them 1 and the others 0. It jumps, so there is no path, and the encoder
learns by the score function. What makes it move is in `relaxed`.

A relaxed code has a density, an exact one a probability. Their ratio is no bound of anything: so each
says by its `codes` what it is of, and a model has a posterior and a prior of the same.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions.pairs import closed_form
from npvae.distributions.roles import Posterior, Prior, as_h
from npvae.inputs import check_count
from npvae.networks.parameters import block
from npvae.numerics import log_softmax


# ---- C numbers at a time ------------------------------------------------------------------

def check_categories(n_categories, n_latent):
    """C as an integer; ValueError where it does not divide J."""
    n_categories = check_count(n_categories, "n_categories", least=2)
    if n_latent % n_categories:
        raise ValueError(f"n_latent is {n_latent}: a multiple of n_categories={n_categories} was "
                         "expected, that many for each symbol")
    return n_categories


def symbols(a, n_categories):
    """(..., N C) as (..., N, C): a row for each symbol."""
    return a.reshape(*a.shape[:-1], a.shape[-1] // n_categories, n_categories)


def flat(a):
    """(..., N, C) as (..., N C)."""
    return a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])


def softmax(a):
    """exp(a) in parts of its sum, over the last axis; below 1e-30 of the largest it is 0."""
    e = np.exp(a - a.real.max(axis=-1, keepdims=True))
    e *= e.real > 1e-30                                  # no subnormal numbers: they are slow
    return e / e.sum(axis=-1, keepdims=True)


def check_sizes(prior, model):
    """Raise ValueError where the posterior of a model has symbols of another number of categories."""
    posterior = getattr(model, "posterior", None)          # of a pair by itself there is no model
    if posterior is not None and posterior.n_categories != prior.n_categories:
        raise ValueError(f"prior has n_categories={prior.n_categories}: {posterior.n_categories} were "
                         "expected, as in the posterior")


# ---- exact symbols ------------------------------------------------------------------------

class Symbols(NamedTuple):
    """The parameters of N independent symbols, each (..., J). The logits are logs of probabilities."""

    logits: np.ndarray
    mu: np.ndarray
    std: np.ndarray


class DrawnSymbols(NamedTuple):
    """Symbols z (K, B, J), rows of zeros with a single one, of a distribution q."""

    q: Symbols
    z: np.ndarray


class Categorical(Posterior):
    """q(z|x): N independent symbols, category c with probability softmax(logits)_c.

    z is a step function of the logits, so there is no path for a gradient: only the score reaches
    the encoder. Use `ScoreFunction` or `VIMCO` for the objective.

    Finite, in float32, for |logits| up to 1e35.

    Parameters
    ----------
    n_latent : int
        J = N C.
    n_categories : int
        C, of each symbol. It divides n_latent.
    """

    outputs_per_latent = 1
    has_path = False
    codes = "symbols"

    def __init__(self, n_latent, n_categories=2):
        super().__init__(n_latent)
        self.n_categories = check_categories(n_categories, self.n_latent)

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ Gumbel(0, 1), of shape (K, B, J)."""
        return rng.gumbel(size=(n_samples, n_batch, self.n_latent)).astype(dtype)

    def given(self, h):
        log_p = log_softmax(symbols(h, self.n_categories))
        p = np.exp(log_p)
        return Symbols(logits=flat(log_p), mu=flat(p), std=flat(np.sqrt(p * (1.0 - p))))

    def sample(self, q, eps):
        """1 for the category whose logits + eps is the largest, 0 for the others: (K, B, J)."""
        z = one_hot(symbols(q.logits + eps, self.n_categories)).astype(q.mu.dtype)
        return z, DrawnSymbols(q, z)

    def at(self, q, z):
        return DrawnSymbols(q, z)

    def log_terms(self, drawn):
        """log q of each symbol: (K, B, N)."""
        return symbols(drawn.z * drawn.q.logits, self.n_categories).sum(axis=-1)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        """As of every posterior; dz and path lead nowhere."""
        # log q = sum of z * log softmax(logits)
        q, z = drawn
        return as_h(score * (z - q.mu), q.logits)

    def point(self, q):
        """The mean of the symbols: their probabilities."""
        return q.mu


def one_hot(a):
    """(..., N, C) -> (..., N C): 1 for the largest of C numbers, 0 for the others."""
    return flat(np.eye(a.shape[-1])[a.real.argmax(axis=-1)])


class CategoricalPrior(Prior):
    """p(z): N independent symbols, category c with probability softmax(logits)_c, which is learned.

    They begin with the same probability for each category. Beside a `Categorical` posterior.

    Finite, in float32, for z of 0 to 1 and |logits| up to 1e35.

    Parameters
    ----------
    n_latent : int
        J = N C.
    n_categories : int
        C, of each symbol. It divides n_latent.

    Notes
    -----
    Block: logits (J,).
    """

    codes = "symbols"
    logits, dlogits = block("logits")

    def __init__(self, n_latent, n_categories=2):
        super().__init__(n_latent, {"logits": np.zeros(check_count(n_latent, "n_latent"), np.float32)})
        self.n_categories = check_categories(n_categories, self.n_latent)

    def given(self, condition, model):
        check_sizes(self, model)
        return self

    def log_p(self):
        """Logs of the probabilities: (N, C)."""
        return log_softmax(symbols(self.logits, self.n_categories))

    def sample(self, rng, n, dtype=np.float32):
        """Draw n codes of zeros and ones: (n, J)."""
        eps = rng.gumbel(size=(n, self.n_latent))
        return one_hot(symbols(self.logits + eps, self.n_categories)).astype(dtype)

    def log_prob(self, z):
        return (z * flat(self.log_p())).sum(axis=-1), z

    def backward(self, dlog_pz, z):
        """The gradient of the formula in z. (No symbol moves by an infinitesimal step.)"""
        # log p = sum of z * log_p,   log_p = logits - log sum exp(logits)
        log_p, weight = self.log_p(), dlog_pz[..., None]
        dlog_p = symbols((weight * z).reshape(-1, self.n_latent).sum(axis=0), self.n_categories)
        self.dlogits += flat(dlog_p - np.exp(log_p) * dlog_p.sum(axis=-1, keepdims=True))
        return weight * flat(log_p)

    def accumulate(self, dp):
        """The gradient of the closed-form KL in the logits."""
        self.dlogits += dp


def _kl(q, p):
    """Of each symbol, sum over c of q (log q - log p): (B, N)."""
    return symbols(q.mu * (q.logits - flat(p.log_p())), p.n_categories).sum(axis=-1)


def _kl_backward(drate, q, p):
    drate = drate[..., None]
    probability, log_q = symbols(q.mu, p.n_categories), symbols(q.logits, p.n_categories)
    # kl = sum of q (log q - log p),   q = softmax(logits_q):   dq = q (d - sum of q d)
    ratio = log_q - p.log_p()
    dh = drate * probability * (ratio - (probability * ratio).sum(axis=-1, keepdims=True))
    # log p = logits_p - log sum exp(logits_p)
    dp = drate * (np.exp(p.log_p()) - probability)
    return flat(dh), flat(dp).reshape(-1, p.n_latent).sum(axis=0)


closed_form(Symbols, CategoricalPrior, _kl, _kl_backward)
