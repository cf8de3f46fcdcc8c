"""A prior that learns: a mixture of normals in place of one."""

import numpy as np

from npvae.distributions.roles import Prior
from npvae.inputs import check_count
from npvae.networks.parameters import block
from npvae.numerics import LOG_2PI, log_sum_exp


class MixtureOfNormals(Prior):
    """p(z) = sum over c of pi_c N(z; mu_c, diag(exp(logvar_c))), all of it learned.

    The responsibilities p(c|z) are clusters for nothing: no label was needed.

    Finite, in float32, for |z| and |mu| up to 1e8, logvar of -20 to 20, and |logits| up to 1e30.

    Parameters
    ----------
    n_latent : int
        J.
    n_components : int
        C.
    seed : int
        Of the first means, drawn from N(0, I). The variances begin at 1 / e: components that begin
        on top of each other stay there.

    Notes
    -----
    Blocks: logits (C,), with pi their softmax; mu and logvar (C, J).
    """

    logits, dlogits = block("logits")
    mu, dmu = block("mu")
    logvar, dlogvar = block("logvar")

    def __init__(self, n_latent, n_components=10, seed=0):
        n_latent = check_count(n_latent, "n_latent")
        n_components = check_count(n_components, "n_components")
        seed = check_count(seed, "seed", least=0)
        mu = np.random.default_rng(seed).standard_normal((n_components, n_latent), np.float32)
        super().__init__(n_latent, {"logits": np.zeros(n_components, np.float32), "mu": mu,
                                    "logvar": np.full_like(mu, -1.0)})

    def sample(self, rng, n, dtype=np.float32):
        weights = self.weights().astype(np.float64)
        component = rng.choice(len(weights), n, p=weights / weights.sum())
        eps = rng.standard_normal((n, self.n_latent), dtype)
        return self.mu[component] + np.exp(0.5 * self.logvar[component]) * eps

    def weights(self):
        """pi (C,), which sum to 1."""
        pi = np.exp(self.logits - self.logits.real.max())
        return pi / pi.sum()

    def responsibilities(self, z):
        """p(c|z) for each component: (..., J) -> (..., C)."""
        return self.log_prob(z)[1][0]

    def log_prob(self, z):
        # log p(z, c) = log pi_c + log N(z; mu_c, s_c^2),   u = (z - mu_c) / s_c
        u = (z[..., None, :] - self.mu) * np.exp(-0.5 * self.logvar)            # (..., C, J)
        log_pzc = (self.logits - log_sum_exp(self.logits)
                   - 0.5 * (u * u + self.logvar + LOG_2PI).sum(axis=-1))        # (..., C)
        log_pz = log_sum_exp(log_pzc, axis=-1)
        responsibility = np.exp(log_pzc - log_pz[..., None])                    # p(c|z)
        responsibility *= responsibility.real > 1e-30        # no subnormal numbers: they are slow
        return log_pz, (responsibility, u)

    def backward(self, dlog_pz, cache):
        responsibility, u = cache
        n_components = len(self.logits)
        # d log p(z) = sum over c of p(c|z) d log p(z, c)
        dlog_pzc = dlog_pz[..., None] * responsibility                          # (..., C)
        by_component = dlog_pzc.reshape(-1, n_components).sum(axis=0)
        # log pi_c = logit_c - log sum exp(logits)
        self.dlogits += by_component - self.weights() * by_component.sum()
        # log N = -(u^2 + logvar + log 2 pi) / 2,   u = (z - mu) exp(-logvar / 2)
        dmu = dlog_pzc[..., None] * u * np.exp(-0.5 * self.logvar)              # (..., C, J)
        self.dmu += dmu.reshape(-1, *self.mu.shape).sum(axis=0)
        dlogvar = dlog_pzc[..., None] * (0.5 * (u * u - 1.0))
        self.dlogvar += dlogvar.reshape(-1, *self.mu.shape).sum(axis=0)
        return -dmu.sum(axis=-2)
