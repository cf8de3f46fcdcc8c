"""What the latent space is used for: moments, active units, and the KL taken apart.

The *aggregate posterior* q(z) is the mean of q(z|x) over the data. A VAE asks that
it be near p(z); that is not the same as a small KL for each x, which would mean that the
code says nothing.
"""

from typing import NamedTuple

import numpy as np

from npvae.distributions.pairs import has_closed_form, is_as_given, kl
from npvae.distributions.roles import Posterior
from npvae.door import as_condition, as_data, check_density, check_unconditional, check_vae
from npvae.inputs import check_count, check_generator
from npvae.numerics import log_mean_exp
from npvae.randomness import stream
from npvae.threads import all_cores

DOUBLE = {"dtype": np.float64}        # of means: a million rows, one by one, cost float32 three digits


class LatentMoments(NamedTuple):
    """Of the aggregate posterior, for each latent dimension: arrays (J,).

    Attributes
    ----------
    mean, variance : of z ~ q(z). For a perfect fit to N(0, I), 0 and 1.
    variance_of_mean : the variance over the data of the posterior mean. The rest of the
        variance is the mean of the posteriors' own.
    kl : mean KL(q(z|x) || p(z)), in nats. Of each dimension, (J,), or of each symbol, (N,), where
        the pair has a closed form; else that of all together, a single number, sampled. Infinite
        for a point.
    active : bool; variance_of_mean above 0.01 (Burda et al., 2016, section 5.2).
    """

    mean: np.ndarray
    variance: np.ndarray
    variance_of_mean: np.ndarray
    kl: np.ndarray
    active: np.ndarray


def latent_moments(model, x, condition=None, *, n_samples=20, seed=0):
    """The moments of q(z) = mean of q(z|x) over x (n, D): LatentMoments.

    Parameters
    ----------
    model : VAE
    x : array (n, D)
    condition : array (n, C), optional
    n_samples : int
        Draws of z for each x, at least 2: made for what q(z|x) does not know of itself, and for a
        KL without closed form, and not otherwise.
    seed : int
        Of the draws.
    """
    check_vae(model)
    x = as_data(model, x)
    condition = as_condition(model, condition, len(x))
    n_samples = check_count(n_samples, "n_samples", least=2)
    q, p = model.encode(x, condition), model.prior.given(condition, model)
    sampled = model.posterior.has_density and not has_closed_form(q, p, model.posterior)
    known = hasattr(q, "mu") and is_as_given(model.posterior)
    if sampled or not known:
        eps = model.draw_noise(stream(seed, "evaluate"), len(x), n_samples)
        z, drawn = model.posterior.sample(q, eps)
    if known:
        mean, variance_of_mean = q.mu.mean(axis=0, **DOUBLE), q.mu.var(axis=0, **DOUBLE)
        own = np.square(q.std).mean(axis=0, **DOUBLE)
    else:
        mean, own = z.mean(axis=(0, 1), **DOUBLE), z.var(axis=0, ddof=1).mean(axis=0, **DOUBLE)
        # less what L draws of n x add
        noise = own / n_samples * (1.0 - 1.0 / len(x))
        variance_of_mean = z.mean(axis=0).var(axis=0, **DOUBLE) - noise
    if not model.posterior.has_density:
        rate = np.full(model.n_latent, np.inf)
    elif sampled:
        rate = (model.posterior.log_prob(drawn) - p.log_prob(z)[0]).mean(**DOUBLE)
    else:
        rate = kl(q, p)[0].mean(axis=0, **DOUBLE)
    moments = (np.asarray(each, x.dtype)[()] for each in
               (mean, variance_of_mean + own, variance_of_mean, rate))
    return LatentMoments(*moments, active=variance_of_mean > 0.01)


class KLParts(NamedTuple):
    """The mean KL over a data set, and its three parts; nats.

    Attributes
    ----------
    kl : mean of log q(z|x) - log p(z)
    mutual_information : of x and z under q: how much the code tells of which x it was
    total_correlation : KL(q(z) || product of q(z_j)): what the dimensions share
    dimension_wise : mean of log product of q(z_j) - log p(z): where p(z) is a product, too, the
        sum over j of KL(q(z_j) || p(z_j))

    The last two are NaN where the dimensions of q(z|x) depend on each other: its q(z_j|x) are then
    not known. Their sum, KL(q(z) || p(z)), is kl - mutual_information for every pair.
    """

    kl: float
    mutual_information: float
    total_correlation: float
    dimension_wise: float


def kl_parts(model, x, rng, chunk=100):
    """The KL over a data set as mutual information + total correlation + dimension-wise KL.

    One z is drawn for each x, and q(z) is the mixture of all n posteriors; so the three parts add
    up to the sampled KL exactly. A mutual information near log n is cut off by n: take more data.

    Parameters
    ----------
    model : VAE
        With a posterior whose density is known at every z, and any prior.
    x : array (n, D)
        The time grows with n^2.
    rng : numpy.random.Generator
    chunk : int
        How many z are worked on at a time, by each core; memory grows with chunk * n * J.

    Returns
    -------
    KLParts

    Raises
    ------
    TypeError
        Where the posterior has no density.
    ValueError
        Where the model has a condition.

    References
    ----------
    Hoffman and Johnson (2016); Chen, Li, Grosse and Duvenaud (2018).
    """
    check_density(model, "the KL")
    check_unconditional(model)
    check_generator(rng)
    chunk = check_count(chunk, "chunk")
    model = model.astype(np.float64)
    x = as_data(model, x)
    posterior, q = model.posterior, model.encode(x)
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 1, len(x), np.float64))
    log_q_given_x = posterior.log_prob(drawn)[0]
    log_p = model.prior.given(None, model).log_prob(z)[0][0]
    knows_dims = type(posterior).log_terms is not Posterior.log_terms

    def of_chunk(start):
        """log q(z), and log q(z_j) summed over j, at some of the z."""
        at = posterior.at(q, z[0, start:start + chunk, None])           # each z under each x: (chunk, n)
        log_q = log_mean_exp(posterior.log_prob(at), axis=1)
        if not knows_dims:
            return log_q, np.full(len(log_q), np.nan)
        return log_q, log_mean_exp(posterior.log_terms(at), axis=1).sum(axis=-1)

    with all_cores() as run:
        parts = run(of_chunk, zip(range(0, len(x), chunk)))
        log_q, log_q_dims = map(np.concatenate, zip(*parts))
    return KLParts(kl=float((log_q_given_x - log_p).mean()),
                   mutual_information=float((log_q_given_x - log_q).mean()),
                   total_correlation=float((log_q - log_q_dims).mean()),
                   dimension_wise=float((log_q_dims - log_p).mean()))
