"""The evidence lower bound, and what is made of it: beta, free bits, other gradients.

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

from npvae.inputs import check_number


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
        whose mean is zero, or that use nothing else, put another weight here.
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

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    beta : float
        The price of a nat of code. 1 is the bound itself.
    analytic : bool
        True: the KL in closed form, where the posterior and the prior have one. It has
        usually the lower variance (not near the true posterior, where the fully sampled
        one has none). False: fully sampled, for any pair.

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
        check_number(self.beta, "beta", lambda v: 0 <= v < float("inf"),
                     "a finite number of at least 0")

    def __call__(self, log_px, rate):
        n_samples, n_batch = log_px.shape
        n_rates = n_batch if self.analytic else n_samples * n_batch
        reconstruction = -log_px.mean().item()
        kl = (rate.sum() / n_rates).item()
        dlog_px = np.full_like(log_px, -1.0 / (n_samples * n_batch))
        drate = np.full_like(rate, self.beta / n_rates)
        return Loss(value=reconstruction + self.beta * kl, reconstruction=reconstruction, kl=kl,
                    dlog_px=dlog_px, drate=drate, score=0.0 if self.analytic else drate)


@dataclass(frozen=True)
class FreeBits(ELBO):
    """The ELBO in which each latent dimension has some nats for nothing.

    The KL of dimension j, averaged over the batch, is counted as at least `free` nats. So
    there is no gain in pressing a dimension below that, and it does not collapse.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    free : float
        Nats for each latent dimension.

    Notes
    -----
    `kl` is the true KL; only the value counts the larger one. So, for beta = 1, -value is at
    most the ELBO, and a bound still.

    References
    ----------
    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow".
    """

    free: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if not (self.analytic and 0.0 <= self.free < float("inf")):
            raise ValueError(f"free is {self.free} and analytic is {self.analytic}: a finite number "
                             "of at least 0, and the KL in closed form, were expected")

    def __call__(self, log_px, rate):
        loss = super().__call__(log_px, rate)
        mean = rate.mean(axis=0)                                    # (J,), over the batch
        paid = mean.real > self.free
        counted = (mean * paid + self.free * ~paid).sum().item()
        return loss._replace(value=loss.reconstruction + self.beta * counted,
                             drate=loss.drate * paid)


@dataclass(frozen=True)
class StickingTheLanding(ELBO):
    """The sampled ELBO, whose encoder hears of log q(z given x) by the path alone.

    The score of q has mean zero, so the gradient is right in the mean without it. And where
    q(z given x) is the true posterior, log p(x, z) - log q(z given x) does not depend on z:
    what is left of the gradient is then exactly zero, for every draw.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    References
    ----------
    Roeder, Wu and Duvenaud (2017), "Sticking the landing".
    """

    analytic: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.analytic:
            raise ValueError("analytic is True: StickingTheLanding needs the fully sampled rate")

    def __call__(self, log_px, rate):
        return super().__call__(log_px, rate)._replace(score=0.0)


@dataclass(frozen=True)
class ScoreFunction(ELBO):
    """The ELBO, with the score-function gradient for the encoder: no path is needed.

    d/dphi E_q[f(z)] = E_q[(f(z) - b) d log q(z given x) / d phi], for any b that does not
    depend on z. Here f is log p(x given z), less beta times the rate where that is sampled;
    and b, for each sample, is the mean of f over the K - 1 others. For a discrete z, which
    has no path, it is the way; for a continuous one it has more variance than the path.

    The value is the negative ELBO. K must be at least 2.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    References
    ----------
    Williams (1992) for the score-function gradient; Kool, van Hoof and Welling (2019) for
    the mean of the other samples as a baseline.
    """

    def __call__(self, log_px, rate):
        n_samples = len(log_px)
        if n_samples < 2:
            raise ValueError(f"ScoreFunction has {n_samples} sample of z: at least 2 were expected "
                             "(n_samples)")
        loss = super().__call__(log_px, rate)
        f = log_px if self.analytic else log_px - self.beta * rate
        advantage = (f - f.mean(axis=0)) * (n_samples / (n_samples - 1))   # f - mean of the others
        return loss._replace(path=np.zeros_like(log_px), score=loss.dlog_px * advantage)
