"""Costs over the batch: what the codes of all its x are together.

The KL of each x asks that every q(z|x) be like the prior, and so that the code say nothing. What is
wanted is mostly something of the *aggregate posterior* q(z), the mean of q(z|x) over the data: that its
dimensions be independent, or that it be N(0, I). These costs estimate q(z) from the batch, so the
batch_size is a part of them.

The `kl` of a loss is then the rate of its cost; `npvae.evaluation.kl_parts` measures the KL itself.
"""

import math
from dataclasses import dataclass

import numpy as np

from npvae.distributions.given import NormalGiven
from npvae.distributions.pairs import check_closed_form, kl, kl_backward
from npvae.distributions.priors import StandardNormal
from npvae.distributions.roles import Posterior
from npvae.inputs import check_choice, check_count, check_number, check_positive
from npvae.objectives.costs import Cost


class OverBatch:
    """What costs over the batch share: their rate is (K, B), but no x has one by itself."""

    over_batch = True
    most = math.inf                          # x in a batch

    def n_rates(self, n_samples, n_batch):
        return n_samples * n_batch

    def per_x(self, rate):
        return rate.mean(axis=0)

    def check_batch(self, n_batch):
        """Raise ValueError where the batch is one x, or more than there are."""
        if not 2 <= n_batch <= self.most:
            expected = "2 or more" if self.most == math.inf else f"2 to {self.most}"
            hint = " that leaves no single x over" * (n_batch == 1)
            raise ValueError(f"batch has {n_batch} x: {expected} were expected by {self}; choose "
                             f"{'a' if hint else 'another'} batch_size{hint}")

    def check_batches(self, n, batch_size):
        """Raise ValueError where n x in batches have one that is too small, or too large."""
        for n_batch in {min(n, batch_size), n % batch_size or min(n, batch_size)}:
            self.check_batch(n_batch)


@dataclass(frozen=True)
class DecomposedKL(OverBatch, Cost):
    """The KL in three parts, each with its price: (K, B), in nats.

    log q(z|x) - log p(z) is the sum of log q(z|x) - log q(z), whose mean is the mutual information of
    x and z; log q(z) - log prod q(z_j), the total correlation: what the dimensions of z share; and
    log prod q(z_j) - log p(z), the KL of each dimension for itself. With three weights of 1 this is
    `SampledKL`; with a larger one on the total correlation, beta-TCVAE.

    Finite, in float32, with a diagonal Gaussian, for |mu| and |z| up to 1e8 and logvar of -40 to 40.

    Parameters
    ----------
    n : int
        The number of x in the training data, of which a batch is drawn. Held-out data are counted as
        if they were as many.
    mutual_information, total_correlation, dimension_wise : float
        The price of a nat of each part: the alpha, beta and gamma of Chen et al.
    sampling : {"stratified", "weighted"}
        How q(z) = mean of q(z|x) over n x is estimated from the B of a batch, at a z that was drawn
        from one of them, x_i. Stratified: q(z|x_i), which is known, counts 1 / n, and the others
        share the rest. Its mean is q(z); where the batch is all the data it is q(z) itself. (Not so
        its log.) Weighted: the sum over the batch, divided by n B: too small by up to a factor of n,
        a lower bound of log q(z) in the mean.

    Notes
    -----
    For posteriors whose latent dimensions are independent, given x, with densities that are known at
    every z, and a prior that does not depend on the condition. Time and memory grow with K B^2 J.

    Chen et al. give one of the others the weight (n - M) / (n M), and each of the rest 1 / M, for
    M = B - 1. Which one is arbitrary; the mean over this choice is (n - 1) / (n M) for all. It has the
    same mean, no more variance, and does not depend on the order of the batch.

    References
    ----------
    Chen, Li, Grosse and Duvenaud (2018), "Isolating sources of disentanglement in VAEs": the three
    parts, and both ways to sample.
    """

    n: int
    mutual_information: float = 1.0
    total_correlation: float = 1.0
    dimension_wise: float = 1.0
    sampling: str = "stratified"

    def __post_init__(self):
        object.__setattr__(self, "n", check_count(self.n, "n", least=2))
        for name in ("mutual_information", "total_correlation", "dimension_wise"):
            set_price(self, name)
        check_choice(self.sampling, "sampling", ("stratified", "weighted"))

    @property
    def most(self):
        return self.n

    def check_data(self, n):
        if n != self.n:
            raise ValueError(f"n is {self.n}, and x has {n} rows: the number of x in the training data "
                             f"was expected by {self}")

    def weights(self, n_batch):
        """What q(z|x_j) counts for in q(z), at a z that was drawn from q(z|x_i): (B, B), at [i, j]."""
        if self.sampling == "weighted":
            return np.full((n_batch, n_batch), 1.0 / (self.n * n_batch))
        w = np.full((n_batch, n_batch), (self.n - 1) / (self.n * (n_batch - 1)))
        w.flat[::n_batch + 1] = 1.0 / self.n                                   # the diagonal
        return w

    def forward(self, posterior, q, p, z, drawn):
        n_samples, n_batch, n_latent = z.shape
        self.check_batch(n_batch)
        check_independent(posterior)
        check_one_prior(p, self)
        # Each of the S = K B drawn z under the q(z|x) of each x: log q(z_j|x), (S, B, J)
        pairs = posterior.at(q, z.reshape(-1, 1, n_latent))
        log_terms = posterior.log_terms(pairs)
        log_w = np.log(self.weights(n_batch)).astype(log_terms.real.dtype)
        log_w = np.tile(log_w, (n_samples, 1))                                 # (S, B)
        joint = log_w + log_terms.sum(axis=-1)                                 # (S, B)
        single = log_w[..., None] + log_terms                                  # (S, B, J)

        log_q_given_x = posterior.log_prob(drawn)                              # (K, B)
        log_q, of_joint = log_sum(joint)                                       # (S,)
        log_q_dims, of_single = log_sum(single)                                # (S, J)
        log_q = log_q.reshape(n_samples, n_batch)
        log_q_dims = log_q_dims.sum(axis=-1).reshape(n_samples, n_batch)
        log_pz, of_p = p.log_prob(z)
        rate = (self.mutual_information * (log_q_given_x - log_q)
                + self.total_correlation * (log_q - log_q_dims)
                + self.dimension_wise * (log_q_dims - log_pz))
        return rate, (posterior, p, pairs, of_joint, of_single, of_p)

    def backward(self, drate, cache):
        posterior, p, pairs, of_joint, of_single, of_p = cache
        # rate = mutual_information * (log q(z|x) - log q(z)) + ... as above
        dlog_q = (self.total_correlation - self.mutual_information) * drate.reshape(-1, 1)
        dlog_q_dims = (self.dimension_wise - self.total_correlation) * drate.reshape(-1, 1, 1)
        # log q(z) = log_sum(joint), log prod q(z_j) = sum over j of log_sum(single)
        dlog_terms = (dlog_q * of_joint)[..., None] + dlog_q_dims * of_single
        # log_terms = log q(z_j|x), by z, and by the h of every x
        dz = (dlog_terms * posterior.slope(pairs)).sum(axis=1).reshape(*drate.shape, -1)
        dh = posterior.backward(pairs, np.zeros_like(dlog_terms), score=dlog_terms)
        dz = dz + p.backward(-self.dimension_wise * drate, of_p)
        return dz, self.mutual_information * drate[..., None], dh


@dataclass(frozen=True)
class MMD(OverBatch, Cost):
    """The maximum mean discrepancy of the codes of a batch and N(0, I), and some of the KL: (K, B).

    E k(z, z') - 2 E k(z, p) + E k(p, p') for two z of the batch, and two p of the prior, with the
    kernel k(a, b) = exp(-|a - b|^2 / (2 width^2)). It is zero only where q(z) is N(0, I), and asks
    nothing of each q(z|x) by itself. What has to do with the prior is known in closed form, so
    nothing is drawn from it. The mean over pairs of the batch leaves out a z with itself; so it is
    right in the mean, and may be below zero.

    Finite, in float32, for |z| up to 1e16, at widths of 0.01 to 1e6.

    Parameters
    ----------
    weight : float
        The price of the discrepancy.
    kl : float
        The price of a nat of the KL of each x, in closed form. 0 is the Wasserstein autoencoder;
        InfoVAE has kl = 1 - alpha and weight = alpha + lambda - 1.
    width : float, optional
        Of the kernel; sqrt(J) if left out: two draws from the prior are sqrt(2) widths apart.

    Notes
    -----
    For the prior N(0, I). Time and memory grow with K B^2 J.

    References
    ----------
    Zhao, Song and Ermon (2017), "InfoVAE"; Tolstikhin, Bousquet, Gelly and Schoelkopf (2018),
    "Wasserstein auto-encoders", for the mean without a z itself; Rustamov (2019), "Closed-form
    expressions for maximum mean discrepancy with applications to Wasserstein auto-encoders".
    """

    weight: float = 1.0
    kl: float = 0.0
    width: float | None = None

    def __post_init__(self):
        set_price(self, "weight")
        set_price(self, "kl")
        if self.width is not None:
            object.__setattr__(self, "width", check_positive(self.width, "width"))

    def forward(self, posterior, q, p, z, drawn):
        n_batch, n_latent = z.shape[1:]
        self.check_batch(n_batch)
        check_standard_normal(p, self)
        variance = n_latent if self.width is None else self.width**2
        apart = z[:, :, None] - z[:, None]                                     # (K, B, B, J)
        k = np.exp((apart * apart).sum(axis=-1) / (-2.0 * variance))           # (K, B, B)
        k *= ~np.eye(n_batch, dtype=bool)
        # E k(z, p) = E k(p, z): a Gaussian of variance width^2, smoothed by one of variance 1
        k_p = ((variance / (1.0 + variance)) ** (n_latent / 2)
               * np.exp((z * z).sum(axis=-1) / (-2.0 * (1.0 + variance))))     # (K, B)
        k_pp = (variance / (2.0 + variance)) ** (n_latent / 2)
        of_pairs = k.sum(axis=(1, 2)) / (n_batch * (n_batch - 1))
        mmd = of_pairs - 2.0 * k_p.mean(axis=1) + k_pp                         # (K,)
        rate, of_kl = self.weight * mmd[:, None] + np.zeros_like(k_p), None
        if self.kl:
            check_closed_form(q, p, posterior)
            of_x, of_kl = kl(q, p)                                             # (B, J)
            rate = rate + self.kl * of_x.sum(axis=-1)
        return rate, (z, apart, variance, k, k_p, of_kl, p)

    def backward(self, drate, cache):
        z, apart, variance, k, k_p, of_kl, p = cache
        n_batch, n_latent = z.shape[1:]
        # rate = weight * mmd + kl * KL(q(z|x) || p(z))
        dmmd = self.weight * drate.sum(axis=1)[:, None, None]                  # (K, 1, 1)
        # mmd = sum of k / (B (B - 1)) - 2 mean of k_p + k_pp, and each z is in two k of a pair
        dk = dmmd / (n_batch * (n_batch - 1))
        dz = (-2.0 / variance * dk) * (k[..., None] * apart).sum(axis=2)
        dz += (dmmd * (2.0 / (n_batch * (1.0 + variance)))) * (k_p[..., None] * z)
        if of_kl is None:
            return dz, 0.0, 0.0
        dkl = self.kl * drate.sum(axis=0)
        dh, dp = kl_backward(np.repeat(dkl[:, None], n_latent, axis=1), of_kl)
        p.accumulate(dp)
        return dz, 0.0, dh


def log_sum(a):
    """log of the sum of exp(a) along axis 1; and its gradient, what each term is of the sum.

    What is below 1e-30 of the largest is 0: subnormal numbers would slow all that they enter.
    """
    top = a.real.max(axis=1, keepdims=True)
    terms = np.exp(a - top)
    terms *= terms.real > 1e-30
    total = terms.sum(axis=1, keepdims=True)
    return np.squeeze(top + np.log(total), axis=1), terms / total


def set_price(cost, name):
    """Check a price, and keep it as a float."""
    price = check_number(getattr(cost, name), name, lambda v: 0 <= v < math.inf,
                         "a finite number of at least 0")
    object.__setattr__(cost, name, price)


def check_independent(posterior):
    """Raise TypeError where the latent dimensions of q(z|x) have no density each."""
    if type(posterior).log_terms is Posterior.log_terms or posterior.codes.endswith("symbols"):
        raise TypeError(f"posterior is {posterior!r}: the total correlation needs the density of each "
                        "latent dimension by itself, as a DiagonalGaussian has it")


def check_one_prior(p, cost):
    """Raise TypeError where the prior is another one for each condition, and q(z) is of all."""
    if isinstance(p, NormalGiven):
        raise TypeError(f"prior is {p.prior!r}: {cost} compares p(z) with the mean of q(z|x) over all "
                        "conditions, and needs a prior that is the same for all")


def check_standard_normal(p, cost):
    """Raise TypeError where the prior is another one."""
    if type(p) is not StandardNormal:
        prior = getattr(p, "prior", p)                       # of a step: the one that made it
        raise TypeError(f"prior is {prior!r}: {cost} is the discrepancy from a StandardNormal")
