"""The three roles of a distribution in a VAE, and what each has to be able to do.

A *posterior* q(z|x), a *prior* p(z) and a *likelihood* p(x|z) are modules with the verbs below. As
with the layers, a forward verb returns its value and what the backward verb needs. Whatever is a
subclass, in this package or in a program of your own, is known by its name from then on: recipes
build it by that name, files hold it, and the tests that go over all members find it.
"""

import re
from typing import Any

import numpy as np

from npvae.inputs import check_count
from npvae.networks.parameters import Module
from npvae.numerics import floating
from npvae.registers import register


class Role(Module):
    """What the three roles share: a register of their members, by name.

    Attributes
    ----------
    members : dict of str to class
        "heteroscedastic_gaussian" for HeteroscedasticGaussian.
    verbs : tuple of str
        What a member has to define.
    """

    members: dict
    verbs: tuple = ()

    def __init_subclass__(cls):
        super().__init_subclass__()
        if Role in cls.__bases__:
            cls.members = {}                           # a new role, with a register of its own
            return
        register(cls, snake_case(cls.__name__))


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Posterior(Role):
    """q(z|x): a distribution of z for each x, drawn from by a function of noise.

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.
    blocks, parts : dict, optional
        What a member has inside: see `Module`.

    Attributes
    ----------
    n_outputs : int
        The width of h, the encoder's output.
    has_path : bool
        True where z moves with h. (A bit jumps.)
    has_density : bool
        True where log q(z|x) is a number. (That of a point is infinite.)
    codes : str
        What z is: "numbers", any J of them; "bits", "symbols", "relaxed symbols". The prior's are the
        same, or log q(z|x) - log p(z) is of a density and a probability, and bounds nothing.

    Notes
    -----
    A member whose dimensions are independent defines `log_terms`, any other one `log_prob`.
    """

    verbs = ("given", "draw_noise", "sample", "backward", "point")
    outputs_per_latent = 2
    has_path = has_density = True
    codes = "numbers"

    def __init__(self, n_latent, blocks=None, parts=None):
        super().__init__(blocks, parts)
        self.n_latent = check_count(n_latent, "n_latent")
        self.n_outputs = self.outputs_per_latent * self.n_latent

    def given(self, h):
        """q, the parameters of q(z|x), from the encoder's output h (B, n_outputs).

        Where the mean and the standard deviation of z are known, q has them as `mu` and `std`.
        """

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        """eps (K, B, J), whose distribution does not depend on x."""

    def sample(self, q, eps):
        """z (K, B, J) as a function of the noise; and `drawn`, what is known of these z."""

    def at(self, q, z):
        """`drawn`, as `sample` gives it, for a z (K, B, J) that came from elsewhere."""
        raise TypeError(f"{type(self).__name__} has no inverse in closed form: log q(z|x) is known at "
                        "the z that it has drawn itself, only")

    def log_terms(self, drawn):
        """log q(z_j|x) of each latent dimension in nats, where they are independent: (K, B, J)."""
        raise TypeError(f"{type(self).__name__} has no density of each latent dimension by itself")

    def log_prob(self, drawn):
        """log q(z|x) in nats, summed over the latent dimensions: (K, B)."""
        return self.log_terms(drawn).sum(axis=-1)

    def slope(self, drawn):
        """The gradient of log q(z|x) in z: (K, B, J)."""
        raise TypeError(f"{type(self).__name__} has no slope of log q(z|x) in z")

    def tangent(self, v):
        """What of a direction v (K, B, J) leads from codes to codes: all of it, but where the J numbers
        of a z are not free, as those of a relaxed symbol, whose sum is 0."""
        return v

    def backward(self, drawn, dz, path=0.0, score=0.0):
        """The gradient of the encoder's output, by way of z and of log q(z|x).

        Parameters
        ----------
        drawn
            What `sample` or `at` returned.
        dz : ndarray (K, B, J)
            The gradient of the loss in z, less what log q(z|x) adds to it.
        path : ndarray (K, B, 1), optional
            The weight of the gradient of log q(z|x) by way of z.
        score : ndarray (K, B, 1), optional
            The weight of the gradient of log q(z|x) at a z that stands still. In the derivative
            of log q along the path, both weights are equal. Of a member with `log_terms` each
            latent dimension may have a weight of its own: (K, B, J).

        Returns
        -------
        dh : ndarray (B, n_outputs), summed over the K samples; of h's own shape, where each sample
            has a q of its own. What is learned inside the posterior is added to its blocks.
        """

    def point(self, q):
        """The z (B, J) that a reconstruction decodes."""


def as_h(dh, h):
    """dh (K, B, n), of each sample, as of h: summed over K, where the samples share a row of h."""
    return dh if h.ndim == dh.ndim else dh.sum(axis=0)


class Prior(Role):
    """p(z): where the codes are expected to lie before any x was seen.

    Parameters
    ----------
    n_latent : int
        J, the number of latent dimensions.
    blocks, parts : dict, optional
        What a member has inside: see `Module`.

    Attributes
    ----------
    codes : str
        What z is, as for a `Posterior`.
    """

    verbs = ("sample", "log_prob", "backward")
    codes = "numbers"

    def __init__(self, n_latent, blocks=None, parts=None):
        super().__init__(blocks, parts)
        self.n_latent = check_count(n_latent, "n_latent")

    def given(self, condition, model):
        """p, the prior of this step: itself; another object, with these verbs, where it depends on
        the condition (B, C), or is made of other parts of the model."""
        return self

    def sample(self, rng, n, dtype=np.float32):
        """Draw n codes: (n, J)."""

    def log_prob(self, z):
        """log p(z) in nats, summed over the latent dimensions: (..., J) -> (...); and a cache."""

    def backward(self, dlog_pz, cache):
        """The gradient of the loss in z, given that in log p(z): (..., J). What is learned inside
        the prior is added to its blocks."""

    def accumulate(self, dp):
        """Add the gradient of a closed-form KL in p's parameters, as `kl_backward` returns it."""


class Likelihood(Role):
    """p(x|z): what the decoder's output y (K, B, N) says about the data x (B, D).

    Attributes
    ----------
    measure : str
        "density", whose integral over x is one, or "mass", whose sum is: of bits, counts, classes. Only
        a mass is a probability; the value of a density depends on the unit of x. ("mixed" for a table
        with columns of both.)

    Notes
    -----
    A member gives the density term by term; what is observed, and the sum, are seen to here.
    """

    verbs = ("log_terms", "backward_terms", "mean", "sample")
    measure = "density"

    def n_outputs(self, n_data):
        """N: how many numbers the decoder returns for D data dimensions."""
        return n_data

    def check(self, x, name):
        """Raise ValueError where x (n, D) is nothing that the likelihood can describe."""

    def log_prob(self, x, y, observed=None):
        """log p(x|z) in nats, summed over the data dimensions: (K, B); and a cache.

        Parameters
        ----------
        x : ndarray (B, D)
        y : ndarray (K, B, N)
        observed : ndarray (B, D), optional
            1 where x counts, 0 where it is left out of the sum.
        """
        terms, cache = self.log_terms(x, y)
        if observed is not None:
            terms = terms * observed
        return terms.sum(axis=-1), (cache, observed)

    def backward(self, dlog_px, cache):
        """The gradient of the loss in y, given that in log p(x|z): (K, B, N)."""
        cache, observed = cache
        # log p(x|z) = sum over d of observed_d * term_d
        dterms = dlog_px[..., None]
        return self.backward_terms(dterms if observed is None else dterms * observed, cache)

    def log_terms(self, x, y):
        """log p(x_d|z) of each data dimension in nats: (K, B, D); and a cache."""

    def backward_terms(self, dterms, cache):
        """The gradient in y, given that in the terms: (K, B, D), or (K, B, 1) where it is the same
        for all. What is learned inside the likelihood is added to its blocks."""

    def mean(self, y):
        """The expected x: (..., D)."""

    def sample(self, rng, y):
        """A random x: (..., D)."""

    def mixture_mean(self, y, w):
        """The expected x (B, D) under a mixture over K outputs y (K, B, N), of weights w (K, B)."""
        return np.einsum("kb,kbd->bd", w, self.mean(y))

    def constant(self, x):
        """The output y (N,) that is best for all of x (n, D) at once, where z says nothing."""
        x = floating(x, "x")
        return self.climb(x, np.zeros(self.n_outputs(x.shape[-1]), x.dtype))

    def climb(self, x, y):
        """From y (N,) up to the best constant output, for a member that does not know it."""
        own = self.copy()                      # `backward` adds to the gradient of blocks
        return ascent(own, floating(x, "x"), y, own.parameters.theta[:0])

    def settled(self, x):
        """A copy, whose own blocks are the best where z says nothing; and its best y (N,)."""
        own = self.astype(x.dtype)
        y, theta = own.constant(x), own.parameters.theta
        return own, ascent(own, x, y, theta) if theta.size else y


def ascent(own, x, y, theta):
    """The best constant output, from y (N,) on; and in place the best theta, the likelihood's, or none.

    Each number follows the sign of its slope, by steps that grow to 0.2, and halve where it turns.
    """
    at = np.concatenate([y, theta]).astype(x.dtype)
    step, before = np.full_like(at, 0.1), np.zeros_like(at)
    for _ in range(200):
        own.parameters.zero_grad()
        log_px, cache = own.log_prob(x, at[None, None, :y.size])
        dy = own.backward(np.ones_like(log_px), cache).sum(axis=(0, 1))
        slope = np.sign(np.concatenate([dy, own.parameters.grad[:theta.size]]))
        turned, went_on = slope * before < 0, slope * before > 0
        step = np.minimum(step - 0.5 * step * turned + 0.2 * step * went_on, 0.2).astype(x.dtype)
        at, before = at + step * slope, slope
        theta[...] = at[y.size:]
        if theta.size and np.abs(step * slope).max() < 1e-6:
            break                              # a y that is known stands still, theta has settled
    return at[:y.size]


def check_role(part: Any, name: str, role: type):
    """Raise TypeError where a part of a model does not fill its role, naming the verb it lacks."""
    if not isinstance(part, role):
        raise TypeError(f"{name} is {part!r}: a {role.__name__} was expected")
    another = role is Prior and type(part).given is not Prior.given      # has the verbs in its place
    for verb in () if another else role.verbs:
        if getattr(type(part), verb) is getattr(role, verb):
            raise TypeError(f"{name} is {part!r}, which does not define {verb}(...): "
                            f"a {role.__name__} defines {', '.join(role.verbs)}")
    if role is Posterior and part.has_density and (
            type(part).log_terms is role.log_terms and type(part).log_prob is role.log_prob):
        raise TypeError(f"{name} is {part!r}, which defines neither log_terms(...) nor log_prob(...): "
                        "one of them was expected, or has_density = False")
