"""log p(x), estimated: importance sampling with q(z given x) for the proposal."""

import numpy as np

from npvae.door import as_condition, as_data
from npvae.inputs import check_count
from npvae.numerics import log_mean_exp
from npvae.objectives import ELBO


def log_weights(model, x, eps, condition=None):
    """log w = log p(x given z) + log p(z) - log q(z given x): the mean of w is p(x).

    Parameters
    ----------
    model : VAE
        With a posterior that has a density.
    x : ndarray (B, D)
    eps : ndarray (K, B, J)
    condition : ndarray (B, C), optional

    Returns
    -------
    ndarray (K, B), in nats.
    """
    _, cache = model.forward(x, eps, condition=condition, objective=ELBO(analytic=False))
    return cache.log_px - cache.rate


def log_evidence(model, x, rng, n_samples=100, *, condition=None, batch_size=100):
    """log p(x) for each x by importance sampling: the log of the mean of K weights.

    Parameters
    ----------
    model : VAE
    x : array (n, D)
    rng : numpy.random.Generator
    n_samples : int
        K. In the mean the estimate is a lower bound of log p(x), closer for larger K;
        K = 1 is the sampled ELBO.
    condition : array (n, C), optional
    batch_size : int
        How many x are worked on at a time; memory grows with it times K.

    Returns
    -------
    ndarray (n,), in nats.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), eq. 8.
    """
    x = as_data(model, x)
    condition = as_condition(model, condition, len(x))
    check_count(n_samples, "n_samples")
    check_count(batch_size, "batch_size")
    estimates = []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        eps = model.draw_noise(rng, len(x[rows]), n_samples)
        log_w = log_weights(model, x[rows], eps, None if condition is None else condition[rows])
        estimates.append(log_mean_exp(log_w))
    return np.concatenate(estimates)
