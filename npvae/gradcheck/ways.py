"""The check of a posterior: every way from h to the loss.

z may move with h, and log q(z|x) with h and with z; which of these a posterior knows is its own affair.
"""

import numpy as np

from npvae.distributions.roles import Posterior, check_role
from npvae.gradcheck.arguments import twins_of
from npvae.gradcheck.differences import Report, check
from npvae.inputs import as_double, check_generator


def check_posterior(posterior, h, eps, rng, complex_step=True):
    """A posterior: every way from h to the loss, and every block inside it.

    By z; by log q(z|x), whose change has two parts: the path, by which z moves, and the score, where
    z stands still. `VAE.forward` takes both at once. The path's part is that of z, times the slope
    of log q in z; the score's is the rest: where the posterior knows no `slope`, the two are not told
    apart. Where log q is known at other z than drawn ones (`at`), it is looked at there, too. Where z
    jumps, the score is the only way; where q has no density, z is.

    Parameters
    ----------
    posterior : Posterior
    h : ndarray (B, posterior.n_outputs)
        The encoder's output.
    eps : ndarray (K, B, J)
    rng : numpy.random.Generator

    Returns
    -------
    Report
    """
    check_role(posterior, "posterior", Posterior)
    check_generator(rng)
    at, posterior, blocks = twins_of(posterior)
    h = as_double(h, "h", None, posterior.n_outputs)
    eps = as_double(eps, "eps", None, len(h), posterior.n_latent)
    q = posterior.given(h)
    z, drawn = posterior.sample(q, eps)
    dz, dlog_q = rng.standard_normal(z.shape), rng.standard_normal(z.shape[:-1])
    weight, still = dlog_q[..., None], np.zeros_like(dz)
    slope = _slope(posterior, drawn)
    ways = []                  # name, function of a twin and its own q, and the gradient by hand

    def of_z(twin, q_h):
        return (dz * twin.sample(q_h, eps)[0]).sum()

    def of_log_q(twin, q_h):
        return (dlog_q * twin.log_prob(twin.sample(q_h, eps)[1])).sum()

    def of_path(twin, q_h):
        return (weight * slope * twin.sample(q_h, eps)[0]).sum()

    def by_score():
        return posterior.backward(drawn, still, score=weight)

    if posterior.has_path:
        ways.append(("h by z", of_z, lambda: posterior.backward(drawn, dz)))
    if posterior.has_path and posterior.has_density:
        ways.append(("h by log q", of_log_q,
                     lambda: posterior.backward(drawn, still, path=weight, score=weight)))
    if slope is not None:
        ways += [("h by log q, path", of_path, lambda: posterior.backward(drawn, still, path=weight)),
                 ("h by log q, score", lambda twin, q_h: of_log_q(twin, q_h) - of_path(twin, q_h),
                  by_score)]
    if posterior.has_density and not posterior.has_path:            # a small step of h moves no z
        ways.append(("h by log q, score", of_log_q, by_score))
    elsewhere = _at_another(posterior, q, z, rng)
    if elsewhere is not None:
        z_else, drawn_else = elsewhere
        ways.append(("h by log q, another z",
                     lambda twin, q_h: (dlog_q * twin.log_prob(twin.at(q_h, z_else))).sum(),
                     lambda: posterior.backward(drawn_else, still, score=weight)))

    report = Report([])
    for name, function, by_hand in ways:
        posterior.parameters.zero_grad()
        dh = by_hand()
        report += check(lambda arrays: function(at(arrays), at(arrays).given(arrays[name])),
                        {name: h, **blocks}, {name: dh, **posterior.gradients()},
                        complex_step=complex_step)
    if slope is not None:
        # As eps moves, log q at z(eps) rises by its slope times what z moves, and by nothing else. What
        # is left is 0, and errors are parts of a gradient: so slope * eps stands beside it.
        report += check(lambda arrays: of_log_q_in(posterior, q, arrays["eps"], dlog_q, weight * slope),
                        {"eps": eps}, {"eps": weight * slope}, complex_step=complex_step)
    if elsewhere is not None and slope is not None:
        report += check(lambda arrays: (dlog_q * posterior.log_prob(posterior.at(q, arrays["z"]))).sum(),
                        {"z": z_else}, {"z": weight * posterior.slope(drawn_else)},
                        complex_step=complex_step)
    return report


def of_log_q_in(posterior, q, eps, dlog_q, slope):
    """log q at the z of eps, less (z - eps) times a slope that is held."""
    z, drawn = posterior.sample(q, eps)
    return (dlog_q * posterior.log_prob(drawn)).sum() - (slope * (z - eps)).sum()


def _slope(posterior, drawn):
    """The slope of log q in z; None where z jumps, or where the posterior has none of its own."""
    known = posterior.has_path and posterior.has_density and type(posterior).slope is not Posterior.slope
    return posterior.slope(drawn) if known else None


def _at_another(posterior, q, z, rng):
    """Another z, and what is known of it; None where log q is known at drawn z only. A z that jumps
    stays where it was drawn."""
    if not posterior.has_density:
        return None
    z = z + rng.standard_normal(z.shape) if posterior.has_path else z
    try:
        return z, posterior.at(q, z)
    except TypeError:
        return None
