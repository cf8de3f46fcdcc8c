"""q(z given x): what the encoder says about the code, and how a code is drawn.

A posterior turns the encoder's output h into the parameters q of a distribution,
draws from it with noise that is handed in, and carries gradients back along the
two ways by which phi, the encoder's weights, reach the loss:

- the *path*: phi moves the sample z, and z moves the loss (and log q(z given x) in it);
- the *score*: phi moves the density log q(z given x) at a z that stands still.

The closed-form divergence to the prior, where there is one, is a third function of
q alone.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.distributions import priors
from npvae.distributions.divergences import (kl_between_bernoullis,
                                             kl_between_bernoullis_backward,
                                             kl_to_standard_normal,
                                             kl_to_standard_normal_backward)
from npvae.inputs import check_count, check_positive
from npvae.networks.parameters import Module
from npvae.numerics import sigmoid, softplus

LOG_2PI = math.log(2.0 * math.pi)


class Posterior(Module):
    """What all posteriors share.

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.

    Attributes
    ----------
    n_outputs : int
        The width of the encoder's output h.
    """

    outputs_per_latent: int

    def __init__(self, n_latent):
        check_count(n_latent, "n_latent")
        super().__init__()
        self.n_latent = n_latent
        self.n_outputs = self.outputs_per_latent * n_latent

    def kl(self, q, prior):
        """KL(q(z given x) || p(z)) for each latent dimension, in nats: (B, J)."""
        raise TypeError(f"a {type(self).__name__} posterior has no closed-form KL: use the fully "
                        "sampled objective, ELBO(analytic=False)")


def require(prior, kind, posterior):
    """Raise TypeError where the closed-form KL is for another kind of prior."""
    if not isinstance(prior, kind):
        raise TypeError(f"prior is {type(prior).__name__}: a {type(posterior).__name__} posterior "
                        f"has a closed-form KL to priors.{kind.__name__} only; use the fully "
                        "sampled objective, ELBO(analytic=False)")


class Gaussian(NamedTuple):
    """The parameters of a diagonal Gaussian, each (..., J)."""

    mu: np.ndarray
    logvar: np.ndarray
    std: np.ndarray


class DiagonalGaussian(Posterior):
    """q(z given x) = N(mu(x), diag(std(x)^2)); the encoder's output is (mu, logvar).

    Finite, in float32, for |mu| up to 1e15 and logvar of -80 to 80.

    Notes
    -----
    h is (B, 2 J): mu in the first half, logvar in the second. The standard deviation
    is exp(logvar / 2), and exp(logvar) is the variance. In float32 the variance
    overflows above logvar = 88.

    References
    ----------
    Kingma and Welling (2014), eq. 9, and section 2.4 for the reparameterization.
    """

    outputs_per_latent = 2

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ N(0, I), of shape (K, B, J)."""
        return rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        """The parameters of q(z given x), from the encoder's output."""
        mu, logvar = h[..., :self.n_latent], h[..., self.n_latent:]
        return Gaussian(mu, logvar, std=np.exp(0.5 * logvar))

    def sample(self, q, eps):
        """z = mu + std * eps, of shape (K, B, J): a draw as a function of noise."""
        return q.mu + q.std * eps

    def log_prob(self, q, z, eps=None):
        """log q(z given x) in nats, summed over the latent dimensions: (K, B).

        Where z was drawn with the noise eps, hand it in: (z - mu) / std is eps, without the
        digits that z lost when it was rounded next to a large mu.
        """
        u = (z - q.mu) / q.std if eps is None else eps
        return -0.5 * (u * u + q.logvar + LOG_2PI).sum(axis=-1)

    def backward(self, q, eps, dz, path=0.0, score=0.0):
        """The gradient of the encoder's output, by way of z and of log q(z given x).

        Parameters
        ----------
        q : Gaussian
        eps : ndarray (K, B, J)
            The noise that z was drawn with.
        dz : ndarray (K, B, J)
            The gradient of the loss in z, less what log q(z given x) adds to it.
        path : ndarray (K, B, 1), optional
            The weight of the gradient of log q(z given x) by way of z.
        score : ndarray (K, B, 1), optional
            The weight of the gradient of log q(z given x) at a z that stands still. In the
            derivative of log q along the path, both weights are equal.

        Returns
        -------
        dh : ndarray (B, 2 J), summed over the K samples; (K, B, 2 J) where each sample has a q
            of its own.
        """
        # z = mu + std * eps,   std = exp(logvar / 2)
        dmu = dz
        dlogvar = dz * (0.5 * q.std * eps)
        # log q = -(u^2 + logvar + log 2 pi) / 2,   u = (z - mu) / std = eps
        # By the score mu and std move u; by the path z moves it back. The two weights are
        # subtracted before anything is divided by a std that may be tiny.
        if np.ndim(path) or np.ndim(score):
            dmu = dmu + (score - path) * (eps / q.std)
            dlogvar += (score - path) * (0.5 * eps * eps) - 0.5 * score
        dh = np.concatenate([dmu, dlogvar], axis=-1)
        return dh if q.mu.ndim == dh.ndim else dh.sum(axis=0)

    def kl(self, q, prior):
        """KL(q(z given x) || p(z)) for each latent dimension, in nats: (B, J)."""
        require(prior, priors.StandardNormal, self)
        return kl_to_standard_normal(q.mu, q.logvar)

    def kl_backward(self, q, prior, dkl):
        """The gradient of the encoder's output through `kl`: (B, 2 J)."""
        return np.concatenate(kl_to_standard_normal_backward(dkl, q.mu, q.logvar), axis=-1)


class Point(NamedTuple):
    """The parameters of a point mass, each (..., J): std is zero."""

    mu: np.ndarray
    std: np.ndarray


class Deterministic(Posterior):
    """z = mu(x): a point in place of a distribution. With it, a VAE is an autoencoder.

    It needs no noise, and has no density. Its KL to any prior with a density is
    infinite; an autoencoder does not pay for its code, so `kl` counts nothing here, and
    the ELBO's loss is the reconstruction alone.

    Finite, in float32, for any finite h.
    """

    outputs_per_latent = 1

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """Zeros, of shape (K, B, J)."""
        return np.zeros((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        return Point(mu=h, std=np.zeros_like(h))

    def sample(self, q, eps):
        """z = mu, the same for all K samples."""
        return np.broadcast_to(q.mu, eps.shape)

    def log_prob(self, q, z, eps=None):
        raise TypeError("a Deterministic posterior has no density: use ELBO(analytic=True)")

    def backward(self, q, eps, dz, path=0.0, score=0.0):
        # z = mu
        return dz.sum(axis=0)

    def kl(self, q, prior):
        """Zeros (B, J)."""
        return np.zeros_like(q.mu)

    def kl_backward(self, q, prior, dkl):
        return np.zeros_like(q.mu)


class Bits(NamedTuple):
    """The parameters of independent Bernoulli variables, each (..., J)."""

    logits: np.ndarray
    mu: np.ndarray
    std: np.ndarray


class Bernoulli(Posterior):
    """q(z given x) = Bernoulli(sigmoid(logits)): a code of J bits.

    z is a step function of the logits, so there is no path for a gradient: only the score
    reaches the encoder. Use `ScoreFunction` for the objective.

    Finite, in float32, for |logits| up to 1e35.
    """

    outputs_per_latent = 1

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ U(0, 1), of shape (K, B, J)."""
        return rng.random((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        p = sigmoid(h)
        return Bits(logits=h, mu=p, std=np.sqrt(p * (1.0 - p)))

    def sample(self, q, eps):
        """z = 1 where eps < sigmoid(logits), else 0."""
        return (eps < q.mu.real).astype(q.mu.dtype)

    def log_prob(self, q, z, eps=None):
        """log q(z given x) in nats, summed over the latent dimensions: (K, B)."""
        return (z * q.logits - softplus(q.logits)).sum(axis=-1)

    def backward(self, q, eps, dz, path=0.0, score=0.0):
        """As `DiagonalGaussian.backward`; dz and path lead nowhere."""
        # log q = z * logit - softplus(logit)
        return (score * (self.sample(q, eps) - q.mu)).sum(axis=0)

    def kl(self, q, prior):
        """KL(q(z given x) || p(z)) for each latent dimension, in nats: (B, J)."""
        require(prior, priors.Bernoulli, self)
        return kl_between_bernoullis(q.logits, prior.logits)

    def kl_backward(self, q, prior, dkl):
        return kl_between_bernoullis_backward(dkl, q.logits, prior.logits)[0]


class Logistic(NamedTuple):
    """The parameters of a logistic distribution, each (..., J)."""

    logits: np.ndarray
    mu: np.ndarray
    std: np.ndarray


class Concrete(Posterior):
    """Relaxed bits: sigmoid(z) with z = (logits + eps) / temperature, eps logistic noise.

    As the temperature goes to zero, sigmoid(z) goes to a Bernoulli bit; at any other, z is
    a smooth function of the logits, and the path is open. z is left in logit space, where
    its density is a logistic one and nothing saturates; the decoder begins with a Sigmoid.

    Finite, in float32, for |logits| up to 1e35, at temperatures from 0.01.

    Parameters
    ----------
    n_latent : int
    temperature : float
        Positive.

    References
    ----------
    Maddison, Mnih and Teh (2017), appendix on the binary case; Jang, Gu and Poole (2017).
    """

    outputs_per_latent = 1

    def __init__(self, n_latent, temperature=2 / 3):
        super().__init__(n_latent)
        check_positive(temperature, "temperature")
        self.temperature = temperature

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ Logistic(0, 1), of shape (K, B, J)."""
        return rng.logistic(size=(n_samples, n_batch, self.n_latent)).astype(dtype)

    def given(self, h):
        std = np.full_like(h, math.pi / math.sqrt(3.0) / self.temperature)
        return Logistic(logits=h, mu=h / self.temperature, std=std)

    def sample(self, q, eps):
        """z = (logits + eps) / temperature, of shape (K, B, J)."""
        return (q.logits + eps) / self.temperature

    def log_prob(self, q, z, eps=None):
        """log q(z given x) in nats, summed over the latent dimensions: (K, B)."""
        u = self.temperature * z - q.logits if eps is None else eps
        return (math.log(self.temperature) + u - 2.0 * softplus(u)).sum(axis=-1)

    def backward(self, q, eps, dz, path=0.0, score=0.0):
        """As `DiagonalGaussian.backward`: (B, J)."""
        # z = (logits + eps) / temperature
        dlogits = dz / self.temperature
        # log q = log temperature + u - 2 softplus(u),   u = temperature * z - logits = eps
        if np.ndim(path) or np.ndim(score):
            dlogits = dlogits + (score - path) * np.tanh(0.5 * eps)
        return dlogits.sum(axis=0)
