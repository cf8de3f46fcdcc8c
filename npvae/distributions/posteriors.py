"""q(z|x): what the encoder says about the code, and how a code is drawn.

A posterior turns the encoder's output h into the parameters q of a distribution,
draws from it with noise that is handed in, and carries gradients back along the
two ways by which phi, the encoder's weights, reach the loss:

- the *path*: phi moves the sample z, and z moves the loss (and log q(z|x) in it);
- the *score*: phi moves the density log q(z|x) at a z that stands still.
"""

import math
from typing import NamedTuple

import numpy as np

from npvae.distributions.roles import Posterior, as_h
from npvae.inputs import check_positive
from npvae.numerics import LOG_2PI, sigmoid, softplus


class Gaussian(NamedTuple):
    """The parameters of a diagonal Gaussian, each (..., J)."""

    mu: np.ndarray
    logvar: np.ndarray
    std: np.ndarray


class Drawn(NamedTuple):
    """z of a distribution q, by the noise eps (K, B, J) that would draw it from q."""

    q: NamedTuple
    eps: np.ndarray


class DiagonalGaussian(Posterior):
    """q(z|x) = N(mu(x), diag(std(x)^2)); the encoder's output is (mu, logvar).

    Finite, in float32, for |mu| up to 1e15 and logvar of -80 to 80.

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.

    Notes
    -----
    h is (B, 2 J): mu in the first half, logvar in the second. The standard deviation
    is exp(logvar / 2), and exp(logvar) is the variance. In float32 the variance
    overflows above logvar = 88.

    References
    ----------
    Kingma and Welling (2014), eq. 9, and section 2.4 for the reparameterization.
    """

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ N(0, I), of shape (K, B, J)."""
        return rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        mu, logvar = h[..., :self.n_latent], h[..., self.n_latent:]
        return Gaussian(mu, logvar, std=np.exp(0.5 * logvar))

    def sample(self, q, eps):
        """z = mu + std * eps, of shape (K, B, J): a draw as a function of noise.

        (z - mu) / std would be eps again, less the digits that z lost when it was rounded next to
        a large mu: so eps is what is kept of z.
        """
        return q.mu + q.std * eps, Drawn(q, eps)

    def at(self, q, z):
        return Drawn(q, (z - q.mu) / q.std)

    def log_terms(self, drawn):
        # log q = -(u^2 + logvar + log 2 pi) / 2,   u = (z - mu) / std = eps
        q, u = drawn
        return -0.5 * (u * u + q.logvar + LOG_2PI)

    def slope(self, drawn):
        # log q = -(u^2 + ...) / 2,   u = (z - mu) / std
        return -drawn.eps / drawn.q.std

    def backward(self, drawn, dz, path=0.0, score=0.0):
        q, eps = drawn
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
        return as_h(dh, q.mu)

    def point(self, q):
        return q.mu


class Point(NamedTuple):
    """The parameters of a point mass, each (..., J): std is zero."""

    mu: np.ndarray
    std: np.ndarray


class Deterministic(Posterior):
    """z = mu(x): a point in place of a distribution. With it, a VAE is an autoencoder.

    It needs no noise, and has no density: its KL to any prior with a density is infinite. An
    autoencoder does not pay for its code, which is the cost `Free`.

    Finite, in float32, for any finite h.

    Parameters
    ----------
    n_latent : int
    """

    outputs_per_latent = 1
    has_density = False

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """Zeros, of shape (K, B, J)."""
        return np.zeros((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        return Point(mu=h, std=np.zeros_like(h))

    def sample(self, q, eps):
        """z = mu, the same for all K samples."""
        return np.broadcast_to(q.mu, eps.shape), q

    def log_prob(self, drawn):
        raise TypeError("a Deterministic posterior has no density: ELBO(cost=Free()) was expected")

    def backward(self, drawn, dz, path=0.0, score=0.0):
        # z = mu
        return as_h(dz, drawn.mu)

    def point(self, q):
        return q.mu


class Bits(NamedTuple):
    """The parameters of independent Bernoulli variables, each (..., J)."""

    logits: np.ndarray
    mu: np.ndarray
    std: np.ndarray


class DrawnBits(NamedTuple):
    """Bits z (K, B, J) of a distribution q."""

    q: Bits
    z: np.ndarray


class Bernoulli(Posterior):
    """q(z|x) = Bernoulli(sigmoid(logits)): a code of J bits.

    z is a step function of the logits, so there is no path for a gradient: only the score
    reaches the encoder. Use `ScoreFunction` for the objective.

    Finite, in float32, for |logits| up to 1e35.

    Parameters
    ----------
    n_latent : int
    """

    outputs_per_latent = 1
    has_path = False
    codes = "bits"

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ U(0, 1), of shape (K, B, J)."""
        return rng.random((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        p = sigmoid(h)
        return Bits(logits=h, mu=p, std=np.sqrt(p * (1.0 - p)))

    def sample(self, q, eps):
        """z = 1 where eps < sigmoid(logits), else 0."""
        z = (eps < q.mu.real).astype(q.mu.dtype)
        return z, DrawnBits(q, z)

    def at(self, q, z):
        return DrawnBits(q, z)

    def log_terms(self, drawn):
        q, z = drawn
        return z * q.logits - softplus(q.logits)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        """As of every posterior; dz and path lead nowhere."""
        # log q = z * logit - softplus(logit)
        q, z = drawn
        return as_h(score * (z - q.mu), q.logits)

    def point(self, q):
        """The mean of the bits."""
        return q.mu


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
        self.temperature = check_positive(temperature, "temperature")

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps ~ Logistic(0, 1), of shape (K, B, J)."""
        return rng.logistic(size=(n_samples, n_batch, self.n_latent)).astype(dtype)

    def given(self, h):
        std = np.full_like(h, math.pi / math.sqrt(3.0) / self.temperature)
        return Logistic(logits=h, mu=h / self.temperature, std=std)

    def sample(self, q, eps):
        """z = (logits + eps) / temperature, of shape (K, B, J)."""
        return (q.logits + eps) / self.temperature, Drawn(q, eps)

    def at(self, q, z):
        return Drawn(q, self.temperature * z - q.logits)

    def log_terms(self, drawn):
        # log q = log temperature + u - 2 softplus(u),   u = temperature * z - logits = eps
        u = drawn.eps
        return math.log(self.temperature) + u - 2.0 * softplus(u)

    def slope(self, drawn):
        # log q = log temperature + u - 2 softplus(u),   u = temperature * z - logits
        return -self.temperature * np.tanh(0.5 * drawn.eps)

    def backward(self, drawn, dz, path=0.0, score=0.0):
        # z = (logits + eps) / temperature
        dlogits = dz / self.temperature
        # log q = log temperature + u - 2 softplus(u),   u = temperature * z - logits = eps
        if np.ndim(path) or np.ndim(score):
            dlogits = dlogits + (score - path) * np.tanh(0.5 * drawn.eps)
        return as_h(dlogits, drawn.q.logits)

    def point(self, q):
        """The mean of z, in logit space."""
        return q.mu
