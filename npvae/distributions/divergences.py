"""Closed-form Kullback-Leibler divergences, and their gradients.

KL(q || p) = E_q[log q(z) - log p(z)]: how many nats are lost when p is used to
describe what q produces. It is never negative, zero only where q = p, and not
symmetric. All functions are elementwise: one divergence for each pair of
one-dimensional distributions; that of independent dimensions is their sum. Each
keeps the dtype of the arrays; integers count as float64, and a single number takes
the dtype of the arrays beside it.
"""

import numpy as np

from npvae.numerics import floats, sigmoid, softplus


def kl_to_standard_normal(mu, logvar):
    """KL(N(mu, exp(logvar)) || N(0, 1)), elementwise, in nats.

    Half of: squared mean, plus variance, minus one, minus log variance.

    Finite, in float32, for |mu| up to 1e19 and logvar up to 88.

    Parameters
    ----------
    mu, logvar : ndarray
        Mean and log variance of q. In float32, exp(logvar) overflows above 88.

    Returns
    -------
    ndarray of the common shape and dtype, non-negative.

    References
    ----------
    Kingma and Welling (2014), appendix B.
    """
    mu, logvar = floats(mu=mu, logvar=logvar)
    return 0.5 * (mu * mu + np.expm1(logvar) - logvar)


def kl_to_standard_normal_backward(dkl, mu, logvar):
    """Gradients of `kl_to_standard_normal`: dmu, dlogvar."""
    # kl = (mu^2 + exp(logvar) - 1 - logvar) / 2
    dkl, mu, logvar = floats(dkl=dkl, mu=mu, logvar=logvar)
    dmu = dkl * mu
    dlogvar = dkl * (0.5 * np.expm1(logvar))
    return dmu, dlogvar


def kl_between_normals(mu_q, logvar_q, mu_p, logvar_p):
    """KL(N(mu_q, exp(logvar_q)) || N(mu_p, exp(logvar_p))), elementwise, in nats.

    Half of: exp(r) - 1 - r, where r is the difference of the log variances, plus the
    squared distance of the means divided by the variance of p.

    Finite, in float32, for means up to 1e10 and log variances of -40 to 40.

    Parameters
    ----------
    mu_q, logvar_q, mu_p, logvar_p : ndarray
        Means and log variances, of shapes that broadcast.

    Returns
    -------
    ndarray of the common shape and dtype, non-negative.
    """
    mu_q, logvar_q, mu_p, logvar_p = floats(mu_q=mu_q, logvar_q=logvar_q, mu_p=mu_p,
                                            logvar_p=logvar_p)
    r = logvar_q - logvar_p
    distance = mu_q - mu_p
    return 0.5 * (np.expm1(r) - r + distance * distance * np.exp(-logvar_p))


def kl_between_normals_backward(dkl, mu_q, logvar_q, mu_p, logvar_p):
    """Gradients of `kl_between_normals`: dmu_q, dlogvar_q, dmu_p, dlogvar_p.

    The four arguments, and dkl, have one shape.
    """
    # kl = (exp(r) - 1 - r + distance^2 exp(-logvar_p)) / 2
    dkl, mu_q, logvar_q, mu_p, logvar_p = floats(dkl=dkl, mu_q=mu_q, logvar_q=logvar_q, mu_p=mu_p,
                                                 logvar_p=logvar_p)
    distance = mu_q - mu_p
    precision = np.exp(-logvar_p)
    dmu_q = dkl * (distance * precision)
    dlogvar_q = dkl * (0.5 * np.expm1(logvar_q - logvar_p))
    dlogvar_p = -dlogvar_q - dkl * (0.5 * distance * distance * precision)
    return dmu_q, dlogvar_q, -dmu_q, dlogvar_p


def kl_between_bernoullis(logits_q, logits_p):
    """KL(Bernoulli(sigmoid(logits_q)) || Bernoulli(sigmoid(logits_p))), elementwise, in nats.

    With p_q the probability under q: p_q times the difference of the logits, minus the
    difference of their softplus.

    Finite, in float32, for |logits| up to 1e38.

    Parameters
    ----------
    logits_q, logits_p : ndarray, or a number for p
        Of shapes that broadcast.

    Returns
    -------
    ndarray of the common shape and dtype, non-negative up to rounding.
    """
    logits_q, logits_p = floats(logits_q=logits_q, logits_p=logits_p)
    return (sigmoid(logits_q) * (logits_q - logits_p)
            - softplus(logits_q) + softplus(logits_p))


def kl_between_bernoullis_backward(dkl, logits_q, logits_p):
    """Gradients of `kl_between_bernoullis`: dlogits_q, dlogits_p."""
    # kl = p_q (logits_q - logits_p) - softplus(logits_q) + softplus(logits_p)
    dkl, logits_q, logits_p = floats(dkl=dkl, logits_q=logits_q, logits_p=logits_p)
    p_q = sigmoid(logits_q)
    dlogits_q = dkl * (p_q * (1.0 - p_q) * (logits_q - logits_p))
    dlogits_p = dkl * (sigmoid(logits_p) - p_q)
    return dlogits_q, dlogits_p
