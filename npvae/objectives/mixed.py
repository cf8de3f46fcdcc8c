"""Bounds of few samples and of many, mixed: MIWAE, PIWAE and CIWAE.

A closer bound is not the better one for the encoder: its gradient is lost in its noise as K grows. Here
are three ways to have both, which stand beside the bound of `importance`.
"""

from dataclasses import dataclass

import numpy as np

from npvae.inputs import check_count, check_number
from npvae.numerics import log_mean_exp
from npvae.objectives.elbo import ELBO, Loss
from npvae.objectives.importance import IWAE, normalized_weights


@dataclass(frozen=True)
class MIWAE(IWAE):
    """The mean of M importance weighted bounds, of K samples each: M K samples of z in all.

    K says how close the bound is, M how little its gradient varies: that of the encoder has a ratio
    of signal to noise that grows as sqrt(M / K). M = 1 is the IWAE, K = 1 the sampled ELBO.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    n_bounds : int
        M. The number of samples (n_samples) is a multiple of it.

    References
    ----------
    Rainforth, Kosiorek, Le, Maddison, Igl, Wood and Teh (2018), "Tighter variational bounds are not
    necessarily better". (Another MIWAE, of Mattei and Frellsen, is for missing data.)
    """

    n_bounds: int

    def __post_init__(self):
        object.__setattr__(self, "n_bounds", check_count(self.n_bounds, "n_bounds"))

    def __call__(self, log_px, rate):
        n_samples, n_batch = log_px.shape
        if n_samples % self.n_bounds:
            raise ValueError(f"{self} has {n_samples} samples of z: a multiple of {self.n_bounds} was "
                             "expected (n_samples)")
        log_w = (log_px - rate).reshape(-1, self.n_bounds, n_batch)      # (K, M, B)
        weight = normalized_weights(log_w).reshape(log_px.shape) / (self.n_bounds * n_batch)
        return Loss(value=-log_mean_exp(log_w).mean().item(),
                    reconstruction=-log_px.mean().item(), kl=rate.mean().item(),
                    dlog_px=-weight, drate=weight)


@dataclass(frozen=True)
class PIWAE(MIWAE):
    """The IWAE of all M K samples for decoder and prior, the MIWAE's gradient for the encoder.

    Each half gets what is better for it: a close bound, or a gradient that is not lost in noise. So
    the gradient is not the derivative of any one number; the value is the IWAE's.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    n_bounds : int
        M. The number of samples (n_samples) is a multiple of it.

    Notes
    -----
    What goes to the encoder passes the decoder with the weights of the IWAE, and is then multiplied
    by what the MIWAE's are to them. One of the M bounds whose samples all weigh less than 1e-30 of the
    best sample, 69 nats, has no part in it.

    References
    ----------
    Rainforth et al. (2018), as for `MIWAE`.
    """

    def __call__(self, log_px, rate):
        loss, weight = IWAE.__call__(self, log_px, rate), super().__call__(log_px, rate).drate
        path = np.divide(weight, loss.drate, out=np.zeros_like(weight), where=loss.drate.real > 0)
        return loss._replace(path=path, score=path * loss.drate)


@dataclass(frozen=True)
class CIWAE(IWAE):
    """A mixture of two bounds of the same K samples: share * ELBO + (1 - share) * IWAE.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    share : float in [0, 1]
        Of the sampled ELBO; beta in the paper.

    References
    ----------
    Rainforth et al. (2018), as for `MIWAE`.
    """

    share: float

    def __post_init__(self):
        share = check_number(self.share, "share", lambda v: 0 <= v <= 1, "a number in [0, 1]")
        object.__setattr__(self, "share", share)

    def __call__(self, log_px, rate):
        loss, elbo = super().__call__(log_px, rate), ELBO(cost=self.cost)(log_px, rate)

        def mixed(of_elbo, of_iwae):
            return self.share * of_elbo + (1.0 - self.share) * of_iwae

        return loss._replace(value=mixed(elbo.value, loss.value),
                             dlog_px=mixed(elbo.dlog_px, loss.dlog_px),
                             drate=mixed(elbo.drate, loss.drate))
