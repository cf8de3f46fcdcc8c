"""Models whose evidence and posterior are known: the linear Gaussian one, and a grid.

The linear Gaussian VAE is probabilistic PCA (Tipping and Bishop, 1999):

    z ~ N(0, I),   x given z ~ N(z W + b, s I),   so   x ~ N(b, C),   C = W^T W + s I,

and z given x is Gaussian with covariance s M^-1, M = W W^T + s I, and mean
(x - b) W^T M^-1. Nothing here uses the package's own formulas for densities.
"""

import numpy as np
from scipy import linalg, stats

import npvae


def linear_vae(n_data, n_latent, likelihood="gaussian", variance=0.5, seed=0):
    """A VAE without hidden layers, in float64: encoder and decoder are affine maps."""
    return npvae.vae(n_data, (), n_latent, likelihood=likelihood, variance=variance,
                     seed=seed).astype(np.float64)


def decoder_of(model):
    """W (J, D), b (D,) and the variance s of a linear VAE."""
    layer = model.decoder.layers[0]
    likelihood = model.likelihood
    s = np.exp(likelihood.logvar[0]) if hasattr(likelihood, "logvar") else likelihood.variance
    return layer.W, layer.b, s


def log_evidence(model, x):
    """log p(x) of a linear VAE, for each row of x."""
    W, b, s = decoder_of(model)
    return stats.multivariate_normal(b, W.T @ W + s * np.eye(len(b))).logpdf(x)


def true_posterior(model, x):
    """The means (B, J) and the common covariance (J, J) of p(z|x)."""
    W, b, s = decoder_of(model)
    M_inverse = linalg.inv(W @ W.T + s * np.eye(len(W)))
    return (x - b) @ W.T @ M_inverse, s * M_inverse


def with_the_true_posterior(rng):
    """A linear VAE whose encoder is exact: W has orthogonal rows, so the posterior is diagonal."""
    model = linear_vae(6, 3)
    W, b, s = decoder_of(model)
    W[...] = np.diag([2.0, 1.0, 0.5]) @ linalg.orth(rng.standard_normal((6, 3))).T
    b[...] = rng.standard_normal(6)
    M_inverse = linalg.inv(W @ W.T + s * np.eye(3))
    encoder = model.encoder.layers[0]
    encoder.W = np.hstack([W.T @ M_inverse, np.zeros((6, 3))])
    encoder.b = np.concatenate([-b @ W.T @ M_inverse, np.log(s * np.diag(M_inverse))])
    return model


def kl_to_full_gaussian(q, mean, covariance):
    """KL(N(q.mu, diag(q.std^2)) || N(mean, covariance)) for each row, by linear algebra."""
    precision = linalg.inv(covariance)
    distance = q.mu - mean
    return 0.5 * (np.sum(np.diag(precision) * q.std**2, axis=-1)
                  + np.sum(distance @ precision * distance, axis=-1) - len(covariance)
                  + np.linalg.slogdet(covariance)[1] - 2 * np.log(q.std).sum(axis=-1))


def sigma_points(n_latent, n_batch):
    """Noise (2 J, B, J) whose mean is exact for any quadratic: +-sqrt(J) e_j."""
    points = np.sqrt(n_latent) * np.concatenate([np.eye(n_latent), -np.eye(n_latent)])
    return np.repeat(points[:, None, :], n_batch, axis=1)


def data_with_eigenvalues(eigenvalues, n, rng):
    """Centred data (n, D) whose sample covariance (1 / n) has just these eigenvalues."""
    D = len(eigenvalues)
    x = rng.standard_normal((n, D))
    x -= x.mean(axis=0)
    white = x @ linalg.inv(linalg.sqrtm(x.T @ x / n).real)
    rotation = stats.ortho_group(D, seed=rng).rvs()
    return white * np.sqrt(eigenvalues) @ rotation + rng.standard_normal(D)


def ppca_optimum(x, n_latent):
    """The maximum-likelihood PPCA solution: mean log-likelihood, variance, subspace.

    Tipping and Bishop (1999), eq. 7 and eq. 8: the leading eigenvectors, and the mean of
    the eigenvalues that are left out.
    """
    n, D = x.shape
    values, vectors = linalg.eigh(np.cov(x.T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    s = values[n_latent:].mean()
    log_det = np.log(values[:n_latent]).sum() + (D - n_latent) * np.log(s)
    return -0.5 * (D * np.log(2 * np.pi) + log_det + D), s, vectors[:, :n_latent]


def grid_2d(n=301, limit=10.0):
    """A square grid of codes (n * n, 2) and the area that each stands for."""
    axis = np.linspace(-limit, limit, n)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return z, (axis[1] - axis[0])**2


def gauss_hermite(n, n_batch):
    """Noise (n * n, B, 2) and weights (n * n,): the mean of smooth functions of N(0, I)."""
    points, weights = np.polynomial.hermite_e.hermegauss(n)
    eps = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    weights = np.outer(weights, weights).ravel() / (2 * np.pi)
    return np.repeat(eps, n_batch, axis=1), weights
