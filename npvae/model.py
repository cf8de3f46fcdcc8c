"""The heart: encoder, posterior, decoder, likelihood, forward and backward.

    x --encoder--> h --posterior--> q --eps--> z --decoder--> y --likelihood--> log p(x|z)

`forward` computes the evidence lower bound, line by line; `backward` is the same lines from the
last to the first, each under the forward line that it differentiates.
"""

from typing import Any, NamedTuple

import numpy as np

from npvae.distributions.roles import Likelihood, Posterior, Prior, check_role
from npvae.door import Model, as_condition, as_observed, check_parts
from npvae.inputs import as_batch, check_count, check_flag, check_generator
from npvae.objectives import ELBO, Loss


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    loss: Loss
    log_px: np.ndarray
    rate: np.ndarray
    q: Any
    z: np.ndarray
    drawn: Any
    cost: Any
    of_cost: Any
    encoder: Any
    decoder: Any
    likelihood: Any


class VAE(Model):
    """A variational autoencoder: one code z for each x.

    Finite, in float32, where its parts are. See their docstrings, and `fit` for gradients.

    Parameters
    ----------
    encoder : Layer
        (B, D + C) -> (B, posterior.n_outputs); (B, 2 D + C) with `shows_mask`
    posterior, prior, likelihood : Posterior, Prior, Likelihood
        q(z|x), p(z) and p(x|z); see `npvae.distributions`.
    decoder : Layer
        (K, B, J + C) -> (K, B, likelihood.n_outputs(D))
    n_data : int
        D, the size of one x.
    n_condition : int
        C, the size of the condition; 0 for none.
    objective : callable
        objective(log_px, rate) -> Loss, with a `cost`; see `npvae.objectives`.
    corrupt : callable, optional
        corrupt(x, rng) makes of x what the encoder is shown by `fit` and `evaluate`; what
        is to be reconstructed stays x. For denoising.
    shows_mask : bool
        Whether the encoder is shown (x, observed), and not x alone. For x with missing values, which
        it sees as zeros: so it can tell them from zeros that were observed.

    Notes
    -----
    x is (B, D), the noise eps (K, B, J), and so is z; the decoder's output is (K, B, N).
    Inputs are cast to the model's dtype. `astype(np.float64)` gives a copy to check with.
    """

    computed_with = ("n_data", "n_condition", "n_latent", "shows_mask")

    def __init__(self, encoder, posterior, prior, decoder, likelihood, *,
                 n_data, n_condition=0, objective=ELBO(), corrupt=None, shows_mask=False):
        check_role(posterior, "posterior", Posterior)
        check_role(prior, "prior", Prior)
        check_role(likelihood, "likelihood", Likelihood)
        self.encoder, self.posterior, self.prior = encoder, posterior, prior
        self.decoder, self.likelihood = decoder, likelihood
        self.n_data = check_count(n_data, "n_data")
        self.n_condition = check_count(n_condition, "n_condition", least=0)
        self.n_latent, self.objective, self.corrupt = posterior.n_latent, objective, corrupt
        check_flag(shows_mask, "shows_mask")
        if shows_mask:                               # else it is described as models always were
            self.shows_mask = True
        check_parts(self)                            # and then they move: what is refused keeps none
        super().__init__(parts={"encoder": encoder, "posterior": posterior, "prior": prior,
                                "decoder": decoder, "likelihood": likelihood})

    # ---- the bound, and its gradient ----------------------------------------------

    def forward(self, x, eps, *, condition=None, target=None, observed=None, objective=None):
        objective = self.objective if objective is None else objective
        target = x if target is None else target

        h, encoder_cache = self.encoder.forward(self.shown(x, condition, observed))
        q = self.posterior.given(h)                                 # q(z|x)
        p = self.prior.given(condition, self)                       # p(z)
        z, drawn = self.posterior.sample(q, eps)                    # z = mu + std * eps
        y, decoder_cache = self.decoder.forward(join(z, condition))
        log_px, likelihood_cache = self.likelihood.log_prob(target, y, observed)     # (K, B)
        rate, of_cost = objective.cost.forward(self.posterior, q, p, z, drawn)
        loss = objective(log_px, rate)

        return loss, Cache(loss, log_px, rate, q, z, drawn, objective.cost, of_cost,
                           encoder_cache, decoder_cache, likelihood_cache)

    def backward(self, cache):
        loss = cache.loss
        # rate = KL(q(z|x) || p(z)), or log q(z|x) - log p(z)
        dz_of_rate, dlog_q, dh = cache.cost.backward(loss.drate, cache.of_cost)
        # log_px = likelihood(target, y)
        dy = self.likelihood.backward(loss.dlog_px, cache.likelihood)
        # y = decoder(z, condition)
        dz = self.decoder.backward(dy, cache.decoder)[..., :self.n_latent] + dz_of_rate
        # In a true derivative path is 1 and score is dlog_q; other estimators (see `Loss`)
        # let less of the gradient through z, or weigh log q at fixed z otherwise.
        path = per_sample(loss.path)
        score = dlog_q if loss.score is None else per_sample(loss.score)
        # z = mu + std * eps
        dh = dh + self.posterior.backward(cache.drawn, path * dz, path * dlog_q, score)
        # h = encoder(what is shown of x, and the condition)
        self.encoder.accumulate(dh, cache.encoder)

    # ---- the public door --------------------------------------------------------

    def draw_noise(self, rng, n_batch, n_samples=1):
        """Noise eps (K, B, J) for K samples of z for each x of a batch."""
        check_generator(rng)
        n_batch, n_samples = check_count(n_batch, "n_batch"), check_count(n_samples, "n_samples")
        return self.posterior.draw_noise(rng, n_samples, n_batch, self.parameters.dtype)

    def encode(self, x, condition=None, *, observed=None):
        """q(z|x): its parameters, such as q.mu and q.std, each (B, J). With `observed` (B, D), or an
        x that is a masked array: q(z|x_obs)."""
        x, observed = as_observed(self, x, observed)
        condition = as_condition(self, condition, len(x))
        return self.posterior.given(self.encoder.forward(self.shown(x, condition, observed))[0])

    def decode(self, z, condition=None):
        """The mean of p(x|z), of shape (B, D)."""
        z = as_batch(z, "z", self.n_latent, self.parameters.dtype)
        condition = as_condition(self, condition, len(z))
        return self.likelihood.mean(self.decoder.forward(join(z, condition))[0])

    def reconstruct(self, x, condition=None, *, observed=None):
        """Decode the mean of q(z|x), or what stands for it, `posterior.point`: (B, D)."""
        q = self.encode(x, condition, observed=observed)
        return self.decode(self.posterior.point(q), condition)

    def sample(self, rng, n, condition=None):
        """Draw n codes from the prior; the mean of p(x|z) for each, (n, D)."""
        n = check_count(n, "n")
        check_generator(rng)
        condition = as_condition(self, condition, n)
        p = self.prior.given(condition, self)
        return self.decode(p.sample(rng, n, self.parameters.dtype), condition)

    def check_data(self, x, name):
        self.likelihood.check(x, name)

    def shown(self, x, condition=None, observed=None):
        """What the encoder is shown: x, with `shows_mask` what of it is observed, and the condition."""
        if self.shows_mask:
            x = np.concatenate([x, np.ones_like(x) if observed is None else observed], axis=-1)
        return join(x, condition)

    def stages(self, x, condition, observed, cache):
        def layers(name, y):
            network = getattr(self, name)
            for i, layer in enumerate(getattr(network, "layers", [network])):
                y = layer.forward(y)[0]
                yield f"the output of {name}.{i}", layer, y

        yield from layers("encoder", self.shown(x, condition, observed))
        for name, value in fields(cache.q):
            yield f"{name} of the posterior", self.posterior, value
        yield "z", None, cache.z
        yield from layers("decoder", join(cache.z, condition))
        yield "log p(x|z)", self.likelihood, cache.log_px
        yield "the rate, KL or sampled", None, cache.rate


def fields(q):
    """The arrays of q(z|x), by name; one q may hold another."""
    for name, value in zip(q._fields, q):
        yield from fields(value) if hasattr(value, "_fields") else [(name, value)]


def per_sample(weight):
    """Weights (K, B) as (K, B, 1), to multiply arrays (K, B, J); a number as it is."""
    return weight[..., None] if np.ndim(weight) else weight


def join(a, condition):
    """(a, condition) along the last axis; the condition (B, C) is the same for all K."""
    if condition is None:
        return a
    condition = np.broadcast_to(condition, (*a.shape[:-1], condition.shape[-1]))
    return np.concatenate([a, condition], axis=-1)
