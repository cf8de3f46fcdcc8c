"""The heart: encoder, posterior, decoder, likelihood, forward and backward.

    x --encoder--> h --posterior--> q --eps--> z --decoder--> y --likelihood--> log p(x given z)

`forward` is the derivation of the evidence lower bound, line by line; `backward` is the
same lines from the last to the first, each under the forward line that it
differentiates.
"""

from typing import Any, NamedTuple

import numpy as np

from npvae.door import (as_condition, as_data, as_noise, as_target, check_objective,
                        check_parts)
from npvae.inputs import as_batch, check_count, check_generator
from npvae.networks.parameters import Module
from npvae.objectives import ELBO, Loss


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    loss: Loss
    log_px: np.ndarray
    rate: np.ndarray
    analytic: bool
    eps: np.ndarray
    q: Any
    z: np.ndarray
    encoder: Any
    decoder: Any
    likelihood: Any


class VAE(Module):
    """A variational autoencoder with one stochastic layer.

    Finite, in float32, where its parts are. See their docstrings, and `fit` for gradients.

    Parameters
    ----------
    encoder : Layer
        (B, D + C) -> (B, posterior.n_outputs)
    posterior, prior, likelihood : Module
        q(z given x), p(z) and p(x given z); see `npvae.distributions`.
    decoder : Layer
        (K, B, J + C) -> (K, B, likelihood.n_outputs(D))
    n_data : int
        D, the size of one x.
    n_condition : int
        C, the size of the condition; 0 for none.
    objective : callable
        objective(log_px, rate) -> Loss; see `npvae.objectives`.
    corrupt : callable, optional
        corrupt(x, rng) makes of x what the encoder is shown by `fit` and `evaluate`; what
        is to be reconstructed stays x. For denoising.

    Notes
    -----
    x is (B, D), the noise eps (K, B, J), and so is z; the decoder's output is (K, B, N).
    Inputs are cast to the model's dtype. `astype(np.float64)` gives a copy to check with.
    """

    config = None                  # set by a recipe: how to build this model again

    def __init__(self, encoder, posterior, prior, decoder, likelihood, *,
                 n_data, n_condition=0, objective=ELBO(), corrupt=None):
        super().__init__(parts={"encoder": encoder, "posterior": posterior, "prior": prior,
                                "decoder": decoder, "likelihood": likelihood})
        self.encoder, self.posterior, self.prior = encoder, posterior, prior
        self.decoder, self.likelihood = decoder, likelihood
        self.n_data, self.n_condition, self.n_latent = n_data, n_condition, posterior.n_latent
        self.objective, self.corrupt = objective, corrupt
        check_parts(self)

    # ---- the derivation ---------------------------------------------------------

    def forward(self, x, eps, *, condition=None, target=None, objective=None):
        """The loss on a batch, and what `backward` needs. Inputs are trusted."""
        objective = objective or self.objective
        target = x if target is None else target

        h, encoder_cache = self.encoder.forward(join(x, condition))
        q = self.posterior.given(h)                                 # q(z given x)
        z = self.posterior.sample(q, eps)                           # z = mu + std * eps
        y, decoder_cache = self.decoder.forward(join(z, condition))
        log_px, likelihood_cache = self.likelihood.log_prob(target, y)
        if objective.analytic:
            rate = self.posterior.kl(q, self.prior)                 # (B, J)
        else:
            rate = self.posterior.log_prob(q, z, eps) - self.prior.log_prob(z)  # (K, B)
        loss = objective(log_px, rate)

        return loss, Cache(loss, log_px, rate, objective.analytic, eps, q, z,
                           encoder_cache, decoder_cache, likelihood_cache)

    def backward(self, cache):
        """Add the gradient of the loss to every block of parameters."""
        loss, q, z, eps = cache.loss, cache.q, cache.z, cache.eps

        # log_px = likelihood(target, y)
        dy = self.likelihood.backward(loss.dlog_px, cache.likelihood)
        # y = decoder(z, condition)
        dz = self.decoder.backward(dy, cache.decoder)[..., :self.n_latent]
        # In a true derivative path is 1 and score is drate; other estimators (see `Loss`)
        # let less of the gradient through z, or weigh log q at fixed z otherwise.
        path, score = per_sample(loss.path), per_sample(loss.score)
        if cache.analytic:
            # z = mu + std * eps
            dh = self.posterior.backward(q, eps, path * dz, score=score)
            # rate = KL(q(z given x) || p(z))
            dh += self.posterior.kl_backward(q, self.prior, loss.drate)
        else:
            # rate = log q(z given x) - log p(z)
            dz = dz + self.prior.backward(z, -loss.drate)
            dlog_q = per_sample(loss.drate)
            # z = mu + std * eps
            dh = self.posterior.backward(q, eps, path * dz, path * dlog_q, score)
        # h = encoder(x, condition)
        self.encoder.accumulate(dh, cache.encoder)

    # ---- the public door --------------------------------------------------------

    def loss(self, x, eps, *, condition=None, target=None, objective=None):
        """The loss on a batch, with the noise given.

        Parameters
        ----------
        x : array (B, D)
        eps : array (K, B, J)
            Noise for K samples of z for each x; see `draw_noise`.
        condition : array (B, C), optional
        target : array (B, D), optional
            What is to be reconstructed, if not x itself.
        objective : callable, optional
            Used in place of the model's own.

        Returns
        -------
        Loss
            Nats, summed over data and latent dimensions, averaged over the batch.
        """
        return self._forward(x, eps, condition, target, objective)[0]

    def loss_and_grad(self, x, eps, *, condition=None, target=None, objective=None):
        """The loss, as `loss` has it; its gradient is left in `parameters.grad`."""
        loss, cache = self._forward(x, eps, condition, target, objective)
        self.parameters.zero_grad()
        self.backward(cache)
        return loss

    def _forward(self, x, eps, condition, target, objective):
        check_objective(objective or self.objective)
        x = as_data(self, x)
        return self.forward(x, as_noise(self, eps, len(x)), objective=objective,
                            condition=as_condition(self, condition, len(x)),
                            target=as_target(self, target, len(x)))

    def draw_noise(self, rng, n_batch, n_samples=1):
        """Noise eps (K, B, J) for K samples of z for each x of a batch."""
        check_generator(rng)
        check_count(n_batch, "n_batch")
        check_count(n_samples, "n_samples")
        return self.posterior.draw_noise(rng, n_samples, n_batch, self.parameters.dtype)

    def encode(self, x, condition=None):
        """q(z given x): its parameters, such as q.mu and q.std, each (B, J)."""
        x = as_data(self, x)
        condition = as_condition(self, condition, len(x))
        return self.posterior.given(self.encoder.forward(join(x, condition))[0])

    def decode(self, z, condition=None):
        """The mean of p(x given z), of shape (B, D)."""
        z = as_batch(z, "z", self.n_latent, self.parameters.dtype)
        condition = as_condition(self, condition, len(z))
        return self.likelihood.mean(self.decoder.forward(join(z, condition))[0])

    def reconstruct(self, x, condition=None):
        """Decode the mean of q(z given x): (B, D)."""
        return self.decode(self.encode(x, condition).mu, condition)

    def sample(self, rng, n, condition=None):
        """Draw n codes from the prior; the mean of p(x given z) for each, (n, D)."""
        check_count(n, "n")
        check_generator(rng)
        return self.decode(self.prior.sample(rng, n, self.parameters.dtype), condition)


def per_sample(weight):
    """Weights (K, B) as (K, B, 1), to multiply arrays (K, B, J); a number as it is."""
    return weight[..., None] if np.ndim(weight) else weight


def join(a, condition):
    """(a, condition) along the last axis; the condition (B, C) is the same for all K."""
    if condition is None:
        return a
    condition = np.broadcast_to(condition, (*a.shape[:-1], condition.shape[-1]))
    return np.concatenate([a, condition], axis=-1)
