"""Wake-sleep, for the networks of a VAE: what Kingma and Welling (2014) compared their method with.

Two steps at a time, each of one network. Awake, z is drawn from q(z|x), and the decoder learns to give
x: that is the ELBO's own gradient in theta. Asleep, z is drawn from the prior and an x from the
decoder, a dream of which the code is known, and the encoder learns to tell it:

    d/dphi E_p(x, z)[-log q(z|x)],

the gradient of the KL from p(z|x) to q(z|x), not of the one from q(z|x) to p(z|x) that is in the bound;
and over dreams, not over data. So nothing that both networks have in common is minimised.

Hinton, Dayan, Frey and Neal (1995), "The wake-sleep algorithm for unsupervised neural networks".
"""

from typing import NamedTuple

import numpy as np

import npvae


class Night(NamedTuple):
    """The noise of a step, and a dream for each x of its batch."""

    eps: np.ndarray             # (K, B, J)
    z: np.ndarray               # (B, J)
    x: np.ndarray               # (B, D)


class WakeSleep(npvae.VAE):
    """A VAE that learns by wake-sleep. Its loss is still the negative ELBO: a number to compare."""

    def draw_noise(self, rng, n_batch, n_samples=1):
        eps = super().draw_noise(rng, n_batch, n_samples)
        z = self.prior.sample(rng, n_batch, eps.dtype)
        return Night(eps, z, self.likelihood.sample(rng, self.decoder.forward(z)[0]))

    def forward(self, x, night, **given):
        loss, awake = super().forward(x, night.eps, **given)
        h, encoder_cache = self.encoder.forward(night.x)
        drawn = self.posterior.at(self.posterior.given(h), night.z)
        return loss, awake._replace(drawn=drawn, encoder=encoder_cache)     # the dream's, for `backward`

    def backward(self, cache):
        # awake: -log_px = -likelihood(x, y),   y = decoder(z), in the mean over the batch
        dy = self.likelihood.backward(cache.loss.dlog_px, cache.likelihood)
        self.decoder.accumulate(dy, cache.decoder)
        # asleep: -log q(z|x) of the dream,   q = posterior(encoder(x)), in the mean over the batch
        z = cache.drawn.eps
        dlog_q = np.full((len(z), 1), -1.0 / len(z), z.dtype)
        dh = self.posterior.backward(cache.drawn, np.zeros_like(z), score=dlog_q)
        self.encoder.accumulate(dh, cache.encoder)
