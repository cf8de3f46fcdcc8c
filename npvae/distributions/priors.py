"""p(z): where the codes are expected to lie before any x was seen."""

import math

import numpy as np

from npvae.distributions.roles import Prior
from npvae.inputs import check_number, check_positive
from npvae.numerics import LOG_2PI, sigmoid, softplus


class StandardNormal(Prior):
    """p(z) = N(0, I).

    Finite, in float32, for |z| up to 1e18.

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.
    """

    def sample(self, rng, n, dtype=np.float32):
        return rng.standard_normal((n, self.n_latent), dtype)

    def log_prob(self, z):
        return -0.5 * (z * z + LOG_2PI).sum(axis=-1), z

    def backward(self, dlog_pz, z):
        # log p = -(z^2 + log 2 pi) / 2
        return -dlog_pz[..., None] * z


class Bernoulli(Prior):
    """p(z): J independent bits, each 1 with probability p.

    Finite, in float32, for z of 0 to 1.

    Parameters
    ----------
    n_latent : int
    p : float in (0, 1)
    """

    codes = "bits"

    def __init__(self, n_latent, p=0.5):
        super().__init__(n_latent)
        self.logits = logit(p)

    def sample(self, rng, n, dtype=np.float32):
        """Draw n codes of zeros and ones: (n, J)."""
        return (rng.random((n, self.n_latent)) < sigmoid(self.logits)).astype(dtype)

    def log_prob(self, z):
        return (z * self.logits - math.log1p(math.exp(self.logits))).sum(axis=-1), z

    def backward(self, dlog_pz, z):
        """The gradient of the formula in z. (No bit moves by an infinitesimal step.)"""
        # log p = z * logit - softplus(logit)
        return dlog_pz[..., None] * np.full_like(z, self.logits)


class Concrete(Prior):
    """p(z): relaxed bits in logit space, the prior of the Concrete posterior.

    sigmoid(z) is near 0 or 1 where the temperature is low, and nearer 1 with probability p.

    Finite, in float32, for |z| up to 1e34, at temperatures up to 100.

    Parameters
    ----------
    n_latent : int
    temperature : float
        Positive; it need not be the posterior's.
    p : float in (0, 1)
    """

    def __init__(self, n_latent, temperature=0.5, p=0.5):
        super().__init__(n_latent)
        self.temperature = check_positive(temperature, "temperature")
        self.logits = logit(p)

    def sample(self, rng, n, dtype=np.float32):
        z = (self.logits + rng.logistic(size=(n, self.n_latent))) / self.temperature
        return z.astype(dtype)

    def log_prob(self, z):
        u = self.temperature * z - self.logits
        return (math.log(self.temperature) + u - 2.0 * softplus(u)).sum(axis=-1), u

    def backward(self, dlog_pz, u):
        # log p = log temperature + u - 2 softplus(u),   u = temperature * z - logit
        return dlog_pz[..., None] * (-self.temperature * np.tanh(0.5 * u))


def logit(p):
    """log(p / (1 - p)) of a probability strictly between 0 and 1."""
    p = check_number(p, "p", lambda v: 0 < v < 1, "a probability strictly between 0 and 1")
    return math.log(p / (1.0 - p))
