"""What the code costs: the *rate*, and its gradient.

A cost sees q(z|x), p(z) and the z that were drawn. `forward` returns the rate, an array, and what
`backward` needs; `backward` takes the gradient of the loss in the rate, and returns that in z, in
log q(z|x) at these z, and in h. What is learned inside the prior it sees to itself.
"""

from dataclasses import dataclass

import numpy as np

from npvae.distributions.pairs import check_closed_form, has_closed_form, kl, kl_backward
from npvae.registers import register


class Cost:
    """What all costs share: a register, so that a saved objective finds its cost again.

    Attributes
    ----------
    over_batch : bool
        True where the rate of one x depends on the z of the others.
    sampled : bool
        True where the rate is of each z that was drawn, (K, B), so that its sum is divided by K B: an
        estimator without a path weighs the score of q with such a rate, too.
    """

    members = {}
    over_batch = False

    def __init_subclass__(cls):
        super().__init_subclass__()
        register(cls, cls.__name__)

    @property
    def sampled(self):
        return self.n_rates(2, 1) == 2

    def n_rates(self, n_samples, n_batch):
        """What the sum of the rate is divided by, to be nats per x."""
        raise NotImplementedError

    def per_x(self, rate):
        """The rate of each x, summed over the latent dimensions, averaged over K: (B,)."""
        raise NotImplementedError

    def check_data(self, n):
        """Raise ValueError where it is the cost of another number of x than the n to be trained on."""

    def check_batches(self, n, batch_size):
        """Raise ValueError where n x in batches have one that this cost cannot be of."""

    def forward(self, posterior, q, p, z, drawn):
        """The rate, and a cache."""
        raise NotImplementedError

    def backward(self, drate, cache):
        """dz (K, B, J), dlog_q (K, B, 1) and dh (B, n_outputs); 0.0 for none."""
        raise NotImplementedError


@dataclass(frozen=True)
class KL(Cost):
    """KL(q(z|x) || p(z)) in closed form, for each latent dimension: (B, J), in nats.

    For the pairs that have one; see `npvae.distributions.pairs`.

    References
    ----------
    Kingma and Welling (2014), eq. 7.
    """

    def n_rates(self, n_samples, n_batch):
        return n_batch

    def per_x(self, rate):
        return rate.sum(axis=-1)

    def forward(self, posterior, q, p, z, drawn):
        check_closed_form(q, p, posterior)
        rate, cache = kl(q, p)
        return rate, (p, cache)

    def backward(self, drate, cache):
        # rate = KL(q(z|x) || p(z)), which knows nothing of z
        p, cache = cache
        dh, dp = kl_backward(drate, cache)
        p.accumulate(dp)
        return 0.0, 0.0, dh


@dataclass(frozen=True)
class SampledKL(Cost):
    """log q(z|x) - log p(z) at the z that were drawn: (K, B), in nats. Its mean is the KL.

    For every pair in which q has a density.

    References
    ----------
    Kingma and Welling (2014), eq. 6.
    """

    def n_rates(self, n_samples, n_batch):
        return n_samples * n_batch

    def per_x(self, rate):
        return rate.mean(axis=0)

    def forward(self, posterior, q, p, z, drawn):
        log_pz, cache = p.log_prob(z)
        return posterior.log_prob(drawn) - log_pz, (p, cache)

    def backward(self, drate, cache):
        # rate = log q(z|x) - log p(z)
        p, cache = cache
        return p.backward(-drate, cache), drate[..., None], 0.0


@dataclass(frozen=True)
class Free(Cost):
    """The code costs nothing: zeros (B, J). What an autoencoder pays, whose KL is infinite."""

    def n_rates(self, n_samples, n_batch):
        return n_batch

    def per_x(self, rate):
        return rate.sum(axis=-1)

    def forward(self, posterior, q, p, z, drawn):
        return np.zeros_like(z[0]), None

    def backward(self, drate, cache):
        return 0.0, 0.0, 0.0


def best_cost(posterior, q, p):
    """The KL of a pair as it is best known: in closed form, else sampled; `Free` for a point."""
    if not posterior.has_density:
        return Free()
    return KL() if has_closed_form(q, p, posterior) else SampledKL()
