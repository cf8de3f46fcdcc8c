"""KL(q(z|x) || p(z)) in closed form: it belongs to a pair, and is looked up by the two kinds.

Where a pair has none, log q(z|x) - log p(z) at a z that was drawn from q has it for its mean.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from npvae.distributions import posteriors, priors
from npvae.distributions.divergences import (kl_between_bernoullis,
                                             kl_between_bernoullis_backward,
                                             kl_to_standard_normal,
                                             kl_to_standard_normal_backward)
from npvae.inputs import check_type


class ClosedForm(NamedTuple):
    """A divergence of a pair, and its gradient.

    Attributes
    ----------
    forward : forward(q, p) -> (B, J), in nats for each latent dimension; (B, N) where the J dimensions
        are those of N variables.
    backward : backward(drate, q, p) -> dh, dp. The gradient of the encoder's output (B, n_outputs),
        and what `p.accumulate` takes.
    """

    forward: Callable
    backward: Callable


CLOSED_FORMS = {}              # (type of q, type of p): ClosedForm


def closed_form(kind_of_q, kind_of_p, forward, backward):
    """Register the closed form of a pair. The kinds are taken as they are: what is derived from
    them may have another density."""
    for value, name in ((kind_of_q, "kind_of_q"), (kind_of_p, "kind_of_p")):
        check_type(value, name, type, "a class")
    for value, name in ((forward, "forward"), (backward, "backward")):
        check_type(value, name, Callable, "a callable")
    CLOSED_FORMS[kind_of_q, kind_of_p] = ClosedForm(forward, backward)


def has_closed_form(q, p, posterior=None):
    """True where `kl(q, p)` is known, and is that of what the posterior draws, where it is given."""
    return ((type(q), type(p)) in CLOSED_FORMS
            and (posterior is None or is_as_given(posterior)))


def is_as_given(posterior):
    """True where q(z|x) is what the kind of q says: the class that gives q may draw from it in its own
    way, and with a density of its own, but none that is derived from that one does."""
    kinds = type(posterior).__mro__
    derived = kinds[:["given" in vars(kind) for kind in kinds].index(True)]
    return not any(verb in vars(kind) for kind in derived
                   for verb in ("draw_noise", "sample", "log_terms", "log_prob"))


def check_closed_form(q, p, posterior=None):
    """Raise TypeError where the pair has no closed form."""
    if not has_closed_form(q, p, posterior):
        of_q = q if posterior is None or is_as_given(posterior) else posterior
        kinds = type(of_q).__name__, type(p).__name__
        raise TypeError(f"q is {kinds[0]} and p is {kinds[1]}: the KL of {' to '.join(kinds)} has no "
                        "closed form: the sampled one was expected, ELBO(cost=SampledKL()); or, for a "
                        "posterior without density, ELBO(cost=Free())")


def kl(q, p):
    """KL(q(z|x) || p(z)) for each latent dimension, in nats: (B, J); and a cache.

    Parameters
    ----------
    q : the parameters of q(z|x), as `posterior.given` returns them
    p : Prior
        As `prior.given` returns it.

    Raises
    ------
    TypeError
        Where the pair has no closed form.
    """
    check_closed_form(q, p)
    form = CLOSED_FORMS[type(q), type(p)]
    return form.forward(q, p), (form, q, p)


def kl_backward(drate, cache):
    """The gradients of `kl`: dh, and dp for `p.accumulate`."""
    form, q, p = cache
    return form.backward(drate, q, p)


def _gaussian_backward(drate, q, p):
    return np.concatenate(kl_to_standard_normal_backward(drate, q.mu, q.logvar), axis=-1), None


def _bits_backward(drate, q, p):
    return kl_between_bernoullis_backward(drate, q.logits, p.logits)[0], None


closed_form(posteriors.Gaussian, priors.StandardNormal,
            lambda q, p: kl_to_standard_normal(q.mu, q.logvar), _gaussian_backward)
closed_form(posteriors.Bits, priors.Bernoulli,
            lambda q, p: kl_between_bernoullis(q.logits, p.logits), _bits_backward)
