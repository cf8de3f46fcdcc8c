"""p(z): where the codes are expected to lie before any x was seen."""

import math

import numpy as np

from npvae.networks.parameters import Module

LOG_2PI = math.log(2.0 * math.pi)


class StandardNormal(Module):
    """p(z) = N(0, I).

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.
    """

    def __init__(self, n_latent):
        super().__init__()
        self.n_latent = n_latent

    def sample(self, rng, n, dtype=np.float32):
        """Draw n codes: (n, J)."""
        return rng.standard_normal((n, self.n_latent), dtype)

    def log_prob(self, z):
        """log p(z) in nats, summed over the latent dimensions: (..., J) -> (...)."""
        return -0.5 * (z * z + LOG_2PI).sum(axis=-1)

    def backward(self, z, dlog_pz):
        """The gradient of the loss in z, given that in log p(z): (..., J)."""
        # log p = -(z^2 + log 2 pi) / 2
        return -dlog_pz[..., None] * z
