"""Priors that are made anew in every step: of the encoder, or of the condition.

`given` returns the p(z) of a step, an object with a prior's verbs, which keeps the caches of the
networks that made it, and takes its own gradient back through them.
"""

import math

import numpy as np

from npvae.distributions.divergences import kl_between_normals, kl_between_normals_backward
from npvae.distributions.pairs import closed_form, is_as_given
from npvae.distributions.posteriors import DiagonalGaussian, Gaussian
from npvae.distributions.roles import Prior
from npvae.inputs import check_count, check_number, check_positive, check_type
from npvae.networks.initializers import uniform_fan_in
from npvae.networks.layers import Chain, Dense, Tanh
from npvae.networks.parameters import block
from npvae.numerics import LOG_2PI, log_sum_exp


class VampPrior(Prior):
    """p(z) = mean over c of q(z|u_c): the posteriors of C pseudo-inputs u_c, which are learned.

    The best prior for given q is the aggregate posterior, their mean over the data. A mean over a
    few inputs is a prior that can be computed. The encoder's weights are in the loss twice: by the
    q(z|x) of the data, and by this.

    Finite, in float32, where the encoder is, for |z| and |mu| up to 1e8 and logvar of -20 to 20.

    Parameters
    ----------
    n_latent, n_data : int
        J and D.
    n_components : int
        C.
    mean, std : float
        Of the normal distribution that the first pseudo-inputs are drawn from.
    seed : int
        Of these draws.

    Notes
    -----
    Block: u (C, D). For a DiagonalGaussian posterior, and a model without condition.

    References
    ----------
    Tomczak and Welling (2018), "VAE with a VampPrior".
    """

    u, du = block("u")

    def __init__(self, n_latent, n_data=784, n_components=100, mean=0.05, std=0.01, seed=0):
        for value, name in ((n_data, "n_data"), (n_components, "n_components")):
            check_count(value, name)
        check_number(mean, "mean", np.isfinite, "a finite number")
        check_positive(std, "std")
        check_count(seed, "seed", least=0)
        rng = np.random.default_rng(seed)
        u = rng.normal(mean, std, (n_components, n_data)).astype(np.float32)
        super().__init__(n_latent, {"u": u})

    def given(self, condition, model):
        check_type(model.posterior, "posterior beside a VampPrior", DiagonalGaussian,
                   "a DiagonalGaussian")
        if not is_as_given(model.posterior):
            raise TypeError(f"posterior beside a VampPrior is {model.posterior!r}, which draws "
                            "otherwise than a DiagonalGaussian, or has another density: a "
                            "DiagonalGaussian was expected")
        if condition is not None or self.u.shape[1] != model.n_data:
            raise ValueError(f"a VampPrior of n_data={self.u.shape[1]} is in a model of n_data="
                             f"{model.n_data}, n_condition={model.n_condition}: the same n_data, and no "
                             "condition, were expected")
        h, cache = model.encoder.forward(model.shown(self.u))
        return Vamp(self, model, model.posterior.given(h), cache)


class Vamp:
    """The p(z) of one step: a mixture of the C posteriors q, all of one weight."""

    def __init__(self, prior, model, q, cache):
        self.prior, self.model, self.q, self.cache = prior, model, q, cache

    def sample(self, rng, n, dtype=np.float32):
        """q(z|u_c) of a random pseudo-input, and not of the first n."""
        c = rng.integers(len(self.q.mu), size=n)
        eps = rng.standard_normal((n, self.q.mu.shape[1]), dtype)
        return self.q.mu[c] + self.q.std[c] * eps

    def log_prob(self, z):
        # log p(z) = log sum over c of N(z; mu_c, std_c^2) - log C. The square in
        #     -2 log N(z; mu, std^2) = sum over j of (z - mu)^2 / std^2 + logvar + log 2 pi
        # is multiplied out: two matrix products in place of an array (..., C, J). Where std is small the
        # parts are large beside their sum, which takes float64.
        dtype, double = z.dtype, np.result_type(z, np.float64)
        mu, logvar = self.q.mu.astype(double), self.q.logvar.astype(double)     # (C, J)
        precision, z_double = np.exp(-logvar), z.astype(double)
        constant = (mu * mu * precision + logvar + LOG_2PI).sum(axis=-1)
        log_n = z_double @ (mu * precision).T - 0.5 * ((z_double * z_double) @ precision.T + constant)
        log_n = log_n.astype(dtype)                                             # (..., C)
        log_sum = log_sum_exp(log_n, axis=-1)
        responsibility = np.exp(log_n - log_sum[..., None])
        responsibility *= responsibility.real > 1e-30        # no subnormal numbers: they are slow
        return log_sum - math.log(len(mu)), (responsibility, z, precision)

    def backward(self, dlog_pz, cache):
        responsibility, z, precision = cache
        dtype, double = z.dtype, precision.dtype        # float64 again: what follows are differences
        z, mu = z.astype(double), self.q.mu.astype(double)
        weight = (dlog_pz[..., None] * responsibility).astype(double)           # (..., C)
        dz = weight @ (mu * precision) - z * (weight @ precision)
        # sums over all z, of 1, z and z^2, each with its weight for the component
        weight, z = weight.reshape(-1, len(mu)).T, z.reshape(-1, mu.shape[1])
        total, first, second = weight.sum(axis=1)[:, None], weight @ z, weight @ (z * z)
        dmu = precision * (first - mu * total)
        dlogvar = 0.5 * (precision * (second - 2.0 * mu * first + mu * mu * total) - total)
        # mu, logvar = encoder(u): to its weights, a second time, and to the pseudo-inputs
        dh = np.concatenate([dmu, dlogvar], axis=-1).astype(dtype)
        self.prior.du += self.model.encoder.backward(dh, self.cache)[:, :self.model.n_data]
        return dz.astype(dtype)


class ConditionalNormal(Prior):
    """p(z|c) = N(mu(c), diag(exp(logvar(c)))), by a network of the condition.

    With it a conditional VAE need not say by z what c says already, and z ~ p(z|c) is a code for c.

    Finite, in float32, for |z| and |mu| up to 1e8 and logvar of -20 to 20.

    Parameters
    ----------
    n_latent, n_condition : int
        J and C.
    n_hidden : int
        Units of the hidden layer, with tanh.
    seed : int
        Of its weights.

    References
    ----------
    Sohn, Lee and Yan (2015), "Learning structured output representation using deep conditional
    generative models".
    """

    def __init__(self, n_latent, n_condition=10, n_hidden=50, seed=0):
        for value, name in ((n_latent, "n_latent"), (n_condition, "n_condition"),
                            (n_hidden, "n_hidden")):
            check_count(value, name)
        check_count(seed, "seed", least=0)
        rng = np.random.default_rng(seed)
        self.network = Chain(Dense(n_condition, n_hidden, rng, uniform_fan_in), Tanh(),
                             Dense(n_hidden, 2 * n_latent, rng, uniform_fan_in))
        super().__init__(n_latent, parts={"network": self.network})

    def given(self, condition, model):
        n_condition = self.network.layers[0].W.shape[0]
        if condition is None or condition.shape[1] != n_condition:
            raise ValueError(f"a ConditionalNormal of n_condition={n_condition} is in a model of "
                             f"n_condition={model.n_condition}: the same was expected")
        h, cache = self.network.forward(condition)
        return NormalGiven(self, DiagonalGaussian(self.n_latent), h, cache)


class NormalGiven:
    """The p(z|c) of one step, each row of the batch with its own mu and logvar."""

    def __init__(self, prior, family, h, cache):
        self.prior, self.family, self.cache = prior, family, cache
        self.mu, self.logvar, self.std = self.parameters = family.given(h)

    def sample(self, rng, n, dtype=np.float32):
        """A code for each of the n conditions."""
        return self.mu + self.std * rng.standard_normal((n, self.family.n_latent), dtype)

    def log_prob(self, z):
        drawn = self.family.at(self.parameters, z)
        return self.family.log_prob(drawn), drawn

    def backward(self, dlog_pz, drawn):
        weight = dlog_pz[..., None]
        dz = weight * self.family.slope(drawn)
        self.prior.network.accumulate(self.family.backward(drawn, 0.0 * dz, score=weight), self.cache)
        return dz

    def accumulate(self, dp):
        """The gradient of the closed-form KL in h = (mu, logvar)."""
        self.prior.network.accumulate(dp, self.cache)


def _kl(q, p):
    return kl_between_normals(q.mu, q.logvar, p.mu, p.logvar)


def _kl_backward(drate, q, p):
    dmu_q, dlogvar_q, dmu_p, dlogvar_p = kl_between_normals_backward(drate, q.mu, q.logvar, p.mu,
                                                                     p.logvar)
    return (np.concatenate([dmu_q, dlogvar_q], axis=-1), np.concatenate([dmu_p, dlogvar_p], axis=-1))


closed_form(Gaussian, NormalGiven, _kl, _kl_backward)
