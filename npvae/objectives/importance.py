"""The importance weighted bound: K samples, and the log of the mean of their weights.

With w_k = p(x, z_k) / q(z_k|x), the mean of w is p(x). The log of a mean of K of
them is therefore a lower bound of log p(x) in the mean, the ELBO for K = 1 and closer for
every larger K. The three objectives here share that bound. Their gradients in the decoder
are equal; those in the encoder are equal in the mean only, and differ in how they vary.

An objective here sees the two arrays log p(x|z), (K, B), and the sampled rate
log q(z|x) - log p(z), (K, B): log w is their difference.
"""

from dataclasses import dataclass

import numpy as np

from npvae.numerics import floating, log_mean_exp
from npvae.objectives.costs import SampledKL
from npvae.objectives.elbo import Loss, Objective


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
    log_w = floating(log_w, "log_w")
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
