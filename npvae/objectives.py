"""Objectives: from log p(x given z) and the rate to one number and its gradients.

An objective sees two arrays and knows nothing of networks:

- `log_px` (K, B): log p(x given z_k) for K samples z_k of each x;
- `rate`: what the code costs, either in closed form, KL(q(z given x) || p(z)) per
  latent dimension, (B, J), or sampled, log q(z_k given x) - log p(z_k), (K, B). The
  objective's attribute `analytic` tells the model which of the two it wants.

It returns a `Loss`: the value to be minimised and its gradients in both arrays. The
model multiplies them into its own derivatives, so that an objective is only ever
differentiated here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Loss(NamedTuple):
    """A loss, its two terms, and its gradients. Nats, averaged over the batch.

    Attributes
    ----------
    value : float
        What is minimised.
    reconstruction : float
        -log p(x given z), summed over data dimensions, averaged over K and B.
    kl : float
        The rate, summed over latent dimensions, averaged over K and B.
    dlog_px : ndarray (K, B)
        The gradient of the value in log p(x given z).
    drate : ndarray, of the shape of the rate
        The gradient of the value in the rate.
    score : ndarray (K, B), or 0.0
        The weight of the gradient of log q(z given x) in phi at a z that stands still. In
        the derivative of a sampled rate it is `drate`; estimators that drop that term,
        whose mean is zero, or that live by it alone, put something else here.
    path : ndarray (K, B), or 1.0
        A factor on all that goes to the encoder by way of z.
    """

    value: float
    reconstruction: float
    kl: float
    dlog_px: np.ndarray
    drate: np.ndarray
    score: np.ndarray | float = 0.0
    path: np.ndarray | float = 1.0

    @property
    def elbo(self):
        """The evidence lower bound: -(reconstruction + kl)."""
        return -(self.reconstruction + self.kl)


@dataclass(frozen=True)
class ELBO:
    """The negative evidence lower bound: reconstruction + beta * KL.

    Parameters
    ----------
    beta : float
        The price of a nat of code. 1 is the bound itself.
    analytic : bool
        True: the KL in closed form, the lower-variance estimator where the posterior
        and the prior have one. False: fully sampled, for any pair.

    Notes
    -----
    Both average over K samples of z, and both have the same mean. With beta = 1,
    -value <= log p(x) in the mean, with equality only where q(z given x) is the true
    posterior.

    References
    ----------
    Kingma and Welling (2014), eq. 6 (sampled) and eq. 7 (analytic).
    Higgins et al. (2017), eq. 4, for beta.
    """

    beta: float = 1.0
    analytic: bool = True

    def __post_init__(self):
        if not 0.0 <= self.beta < float("inf"):
            raise ValueError(f"beta is {self.beta}: a finite number of at least 0 was expected")

    def __call__(self, log_px, rate):
        n_samples, n_batch = log_px.shape
        n_rates = n_batch if self.analytic else n_samples * n_batch
        reconstruction = -log_px.mean().item()
        kl = (rate.sum() / n_rates).item()
        dlog_px = np.full_like(log_px, -1.0 / (n_samples * n_batch))
        drate = np.full_like(rate, self.beta / n_rates)
        return Loss(value=reconstruction + self.beta * kl, reconstruction=reconstruction, kl=kl,
                    dlog_px=dlog_px, drate=drate, score=0.0 if self.analytic else drate)
