"""The importance weighted bound: K samples, and the log of the mean of their weights.

With w_k = p(x, z_k) / q(z_k|x), the mean of w is p(x). The log of a mean of K of
them is therefore a lower bound of log p(x) in the mean, the ELBO for K = 1 and closer for
every larger K. IWAE, DReG and VIMCO share that bound. Their gradients in the decoder
are equal; those in the encoder are equal in the mean only, and differ in how they vary.

A closer bound is not the better one for the encoder, whose gradient is lost in its noise as K grows.
MIWAE, CIWAE and PIWAE are three mixtures of few samples and many.

An objective here sees the two arrays log p(x|z), (K, B), and the sampled rate
log q(z|x) - log p(z), (K, B): log w is their difference.
"""

from dataclasses import dataclass

import numpy as np

from npvae.inputs import check_count, check_number
from npvae.numerics import log_mean_exp
from npvae.objectives.costs import SampledKL
from npvae.objectives.elbo import ELBO, Loss, Objective


def normalized_weights(log_w):
    """w_k / (w_1 + ... + w_K), for each x: what the K samples count for.

    Parameters
    ----------
    log_w : ndarray (K, B)

    Returns
    -------
    ndarray (K, B), of the dtype of log_w. Each column sums to 1; what is below 1e-30 of the
    largest is 0 (subnormal numbers would slow every product that they enter).
    """
    w = np.exp(log_w - log_w.real.max(axis=0))
    w *= w.real > 1e-30
    return w / w.sum(axis=0)


@dataclass(frozen=True)
class IWAE(Objective):
    """The negative importance weighted bound: -log of the mean of K weights.

    Its derivative in log w_k is the normalized weight of sample k: samples that explain x
    well have more of a say. `reconstruction` and `kl` of the loss are those of the sampled
    ELBO on the same samples.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Notes
    -----
    The larger K, the better the bound, and the worse its gradient for the encoder: its
    ratio of signal to noise falls as 1 / sqrt(K) (Rainforth et al., 2018). `DReG` repairs it.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), eq. 8 for the bound.
    """

    cost = SampledKL()

    def __call__(self, log_px, rate):
        log_w = log_px - rate
        weight = normalized_weights(log_w) / log_w.shape[1]              # averaged over B
        return Loss(value=-log_mean_exp(log_w).mean().item(),
                    reconstruction=-log_px.mean().item(), kl=rate.mean().item(),
                    dlog_px=-weight, drate=weight)


@dataclass(frozen=True)
class DReG(IWAE):
    """The same bound; for the encoder, the doubly reparameterized gradient.

    The score of q in the IWAE's gradient is not zero in the mean, because it is weighted by
    weights that depend on z. But it can be reparameterized a second time, and what comes
    out is the path again: the gradient in z, times the normalized weight once more.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    References
    ----------
    Tucker, Lawson, Gu and Maddison (2019), "Doubly reparameterized gradient estimators for
    Monte Carlo objectives".
    """

    def __call__(self, log_px, rate):
        loss = super().__call__(log_px, rate)
        return loss._replace(path=normalized_weights(log_px - rate), score=0.0)


@dataclass(frozen=True)
class VIMCO(IWAE):
    """The same bound; for the encoder, the score function, with the other samples for a baseline.

    Sample k is credited with what it adds to the bound: the bound itself, less the bound in
    which w_k is replaced by the geometric mean of the other weights. No path is needed, so
    this is the bound's gradient for a code of bits. K must be at least 2.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    References
    ----------
    Mnih and Rezende (2016), "Variational inference for Monte Carlo objectives".
    """

    needs_path = False

    def __call__(self, log_px, rate):
        log_w = log_px - rate
        n_samples, n_batch = log_w.shape
        if n_samples < 2:
            raise ValueError(f"VIMCO has {n_samples} sample of z: at least 2 were expected "
                             "(n_samples)")
        loss = super().__call__(log_px, rate)
        geometric = (log_w.sum(axis=0) - log_w) / (n_samples - 1)       # of the others, in logs
        replaced = np.repeat(log_w[:, None], n_samples, axis=1)         # (K, K, B): one copy for
        for k in range(n_samples):                                      # each sample left out
            replaced[k, k] = geometric[k]
        credit = log_mean_exp(log_w) - log_mean_exp(replaced)           # (K, B)
        return loss._replace(path=np.zeros_like(log_w), score=loss.drate - credit / n_batch)


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
