"""What the latent space is used for: moments, active units, and the KL taken apart.

The *aggregate posterior* q(z) is the mean of q(z given x) over the data. A VAE asks that
it be near p(z); that is not the same as a small KL for each x, which would mean that the
code says nothing.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions.posteriors import DiagonalGaussian
from npvae.inputs import check_count, check_generator
from npvae.numerics import log_mean_exp


class LatentMoments(NamedTuple):
    """Of the aggregate posterior, for each latent dimension: arrays (J,).

    Attributes
    ----------
    mean, variance : of z ~ q(z). For a perfect fit to N(0, I), 0 and 1.
    variance_of_mean : the variance over the data of the posterior mean. The rest of the
        variance is the mean of the posteriors' own.
    kl : mean KL(q(z given x) || p(z)), in nats; zeros where there is no closed form.
    active : bool; variance_of_mean above 0.01 (Burda et al., 2016, section 5.2).
    """

    mean: np.ndarray
    variance: np.ndarray
    variance_of_mean: np.ndarray
    kl: np.ndarray
    active: np.ndarray


def latent_moments(model, x, condition=None):
    """The moments of q(z) = mean of q(z given x) over x (n, D): LatentMoments."""
    q = model.encode(x, condition)
    variance_of_mean = q.mu.var(axis=0)
    try:
        kl = model.posterior.kl(q, model.prior).mean(axis=0)
    except TypeError:
        kl = np.zeros_like(variance_of_mean)
    return LatentMoments(mean=q.mu.mean(axis=0),
                         variance=variance_of_mean + np.square(q.std).mean(axis=0),
                         variance_of_mean=variance_of_mean, kl=kl,
                         active=variance_of_mean > 0.01)


class KLParts(NamedTuple):
    """The mean KL over a data set, and its three parts; nats.

    Attributes
    ----------
    kl : mean of log q(z given x) - log p(z)
    mutual_information : of x and z under q: how much the code tells of which x it was
    total_correlation : KL(q(z) || product of q(z_j)): what the dimensions share
    dimension_wise : sum over j of KL(q(z_j) || p(z_j))
    """

    kl: float
    mutual_information: float
    total_correlation: float
    dimension_wise: float


def kl_parts(model, x, rng, chunk=100):
    """The KL over a data set as mutual information + total correlation + dimension-wise KL.

    For a Gaussian posterior and a standard normal prior. One z is drawn for each x, and
    q(z) is the mixture of all n posteriors; so the three parts add up to the sampled KL
    exactly. A mutual information near log n is cut off by n: take more data.

    Parameters
    ----------
    model : VAE
    x : array (n, D)
        The time grows with n^2.
    rng : numpy.random.Generator
    chunk : int
        How many z are worked on at a time; memory grows with chunk * n * J.

    Returns
    -------
    KLParts

    References
    ----------
    Hoffman and Johnson (2016); Chen, Li, Grosse and Duvenaud (2018).
    """
    if not isinstance(model.posterior, DiagonalGaussian):
        raise TypeError(f"model has a {type(model.posterior).__name__} posterior: a "
                        "DiagonalGaussian posterior was expected")
    check_generator(rng)
    check_count(chunk, "chunk")
    q = model.encode(x)
    mu, std, log_std = (np.asarray(a, np.float64) for a in (q.mu, q.std, np.log(q.std)))
    eps = rng.standard_normal(mu.shape)
    z = mu + std * eps
    log_2pi = np.log(2 * np.pi)
    log_q_given_x = -0.5 * (eps**2 + 2 * log_std + log_2pi).sum(axis=-1)
    log_p = -0.5 * (z**2 + log_2pi).sum(axis=-1)
    log_q, log_q_dims = np.empty(len(z)), np.empty(len(z))
    for start in range(0, len(z), chunk):
        rows = slice(start, start + chunk)
        u = (z[rows, None] - mu) / std                                   # (chunk, n, J)
        log_density = -0.5 * (u * u + 2 * log_std + log_2pi)
        log_q[rows] = log_mean_exp(log_density.sum(axis=-1), axis=1)     # of q(z)
        log_q_dims[rows] = log_mean_exp(log_density, axis=1).sum(axis=-1)    # of prod q(z_j)
    return KLParts(kl=float((log_q_given_x - log_p).mean()),
                   mutual_information=float((log_q_given_x - log_q).mean()),
                   total_correlation=float((log_q - log_q_dims).mean()),
                   dimension_wise=float((log_q_dims - log_p).mean()))
