"""The evidence lower bound, and what is made of it: beta, free bits, a capacity, other gradients.

An objective sees two arrays and knows nothing of networks:

- `log_px` (K, B): log p(x|z_k) for K samples z_k of each x;
- `rate`: what the code costs, as the objective's `cost` has it: in closed form, KL(q(z|x) || p(z))
  per latent dimension, (B, J), or sampled, log q(z_k|x) - log p(z_k), (K, B).

It returns a `Loss`: the value to be minimised and its gradients in both arrays. The
model multiplies them into its own derivatives, so that an objective is only ever
differentiated here.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from npvae.inputs import check_number, check_type, pythons
from npvae.objectives.costs import KL, Cost, SampledKL
from npvae.registers import register


class Objective:
    """What all objectives share: a register, by which files know them, and a cost.

    A member is a frozen dataclass, so that its `repr` is how it was written.

    Attributes
    ----------
    cost : Cost
    needs_path : bool
        True where the encoder's gradient comes by way of z. (A z that jumps has no such way.)
    """

    members = {}
    needs_path = True

    def __init_subclass__(cls):
        super().__init_subclass__()
        register(cls, cls.__name__)

    @property
    def over_batch(self):
        """True where the loss is no mean over x of a loss of each: it depends on the batch."""
        return self.cost.over_batch

    def scheduled(self, factor):
        """Itself, with beta times the factor of a schedule."""
        return replace(self, beta=self.beta * factor)


class Loss(NamedTuple):
    """A loss, its two terms, and its gradients. Nats (but for an `MMD`), averaged over the batch.

    Attributes
    ----------
    value : float
        What is minimised.
    reconstruction : float
        -log p(x|z), summed over data dimensions, averaged over K and B.
    kl : float
        The rate, summed over latent dimensions, averaged over K and B.
    dlog_px : ndarray (K, B)
        The gradient of the value in log p(x|z).
    drate : ndarray, of the shape of the rate
        The gradient of the value in the rate.
    score : ndarray (K, B), or 0.0, or None
        The weight of the gradient of log q(z|x) in phi at a z that stands still. None: what the
        cost gives to log q, as in the derivative. Estimators that drop that term, whose mean is
        zero, or that use nothing else, put another weight here.
    path : ndarray (K, B), or 1.0
        A factor on all that goes to the encoder by way of z.
    """

    value: float
    reconstruction: float
    kl: float
    dlog_px: np.ndarray
    drate: np.ndarray
    score: np.ndarray | float | None = None
    path: np.ndarray | float = 1.0

    @property
    def elbo(self):
        """-(reconstruction + kl): the evidence lower bound, where the cost is the KL."""
        return -(self.reconstruction + self.kl)

    def __str__(self):
        return (f"loss {self.value:.2f} per x: reconstruction {self.reconstruction:.2f}, "
                f"rate {self.kl:.2f}")


@dataclass(frozen=True)
class ELBO(Objective):
    """The negative evidence lower bound: reconstruction + beta * KL.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    beta : float
        The price of a nat of code. 1 is the bound itself.
    cost : Cost
        KL(): in closed form, where the posterior and the prior have one. It has usually the
        lower variance (not near the true posterior, where the fully sampled one has none).
        SampledKL(): for any pair. See `npvae.objectives.costs`.

    Notes
    -----
    Both average over K samples of z, and both have the same mean. With beta = 1,
    -value <= log p(x) in the mean, with equality only where q(z|x) is the true
    posterior.

    References
    ----------
    Kingma and Welling (2014), eq. 6 (sampled) and eq. 7 (analytic).
    Higgins et al. (2017), eq. 4, for beta.
    """

    beta: float = 1.0
    cost: Cost = KL()

    def __post_init__(self):
        check_number(self.beta, "beta", lambda v: 0 <= v < float("inf"),
                     "a finite number of at least 0")
        object.__setattr__(self, "beta", pythons(self.beta))
        check_type(self.cost, "cost", Cost, "a cost, such as KL() or SampledKL(),")

    def __call__(self, log_px, rate):
        n_samples, n_batch = log_px.shape
        n_rates = self.cost.n_rates(n_samples, n_batch)
        reconstruction = -log_px.mean().item()
        kl = (rate.sum() / n_rates).item()
        dlog_px = np.full_like(log_px, -1.0 / (n_samples * n_batch))
        drate = np.full_like(rate, self.beta / n_rates)
        return Loss(value=reconstruction + self.beta * kl, reconstruction=reconstruction, kl=kl,
                    dlog_px=dlog_px, drate=drate)


@dataclass(frozen=True, kw_only=True)
class FreeBits(ELBO):
    """The ELBO in which each latent dimension has some nats for nothing.

    The KL of dimension j, averaged over the batch, is counted as at least `free` nats. So
    there is no gain in pressing a dimension below that, and it does not collapse.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    free : float
        Nats for each latent dimension.

    Notes
    -----
    `kl` is the true KL; only the value counts the larger one. So, for beta = 1, -value is at
    most the ELBO, and a bound still.

    References
    ----------
    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow".
    """

    beta: float = 1.0                        # by name, all three: FreeBits(0.3) would be a beta
    cost: Cost = KL()
    free: float = 0.1
    over_batch = True

    def __post_init__(self):
        super().__post_init__()
        check_number(self.free, "free", lambda v: 0 <= v < float("inf"),
                     "a finite number of at least 0")
        object.__setattr__(self, "free", pythons(self.free))
        if not isinstance(self.cost, KL):
            raise ValueError(f"cost is {self.cost}: FreeBits needs the KL of each latent dimension, "
                             "KL()")

    def __call__(self, log_px, rate):
        loss = super().__call__(log_px, rate)
        mean = rate.mean(axis=0)                                    # (J,), over the batch
        paid = mean.real > self.free
        counted = (mean * paid + self.free * ~paid).sum().item()
        return loss._replace(value=loss.reconstruction + self.beta * counted,
                             drate=loss.drate * paid)


@dataclass(frozen=True, kw_only=True)
class Capacity(ELBO):
    """The KL is held at a number of nats: reconstruction + beta * |KL - capacity|.

    A `kl_schedule` of `fit` multiplies the capacity, and not beta: with `schedules.Linear` the code
    may say little at first, and then more and more, but no more than it may.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    Parameters
    ----------
    beta : float
        What a nat away from the capacity costs; gamma in the paper.
    capacity : float
        Nats for each x, in the mean over the batch.

    Notes
    -----
    The KL in it is the mean over the batch, so the value depends on how the data are divided into
    batches. It is no bound; `elbo` of the loss is one still.

    References
    ----------
    Burgess et al. (2018), "Understanding disentangling in beta-VAE".
    """

    beta: float = 1.0                        # by name, as those of FreeBits
    cost: Cost = KL()
    capacity: float = 25.0
    over_batch = True

    def __post_init__(self):
        super().__post_init__()
        check_number(self.capacity, "capacity", lambda v: 0 <= v < float("inf"),
                     "a finite number of at least 0")
        object.__setattr__(self, "capacity", pythons(self.capacity))

    def scheduled(self, factor):
        return replace(self, capacity=self.capacity * factor)

    def __call__(self, log_px, rate):
        loss = super().__call__(log_px, rate)
        excess = loss.kl - self.capacity
        sign = math.copysign(1.0, excess.real)
        return loss._replace(value=loss.reconstruction + self.beta * sign * excess,
                             drate=sign * loss.drate)


@dataclass(frozen=True)
class StickingTheLanding(ELBO):
    """The sampled ELBO, whose encoder hears of log q(z|x) by the path alone.

    The score of q has mean zero, so the gradient is right in the mean without it. And where
    q(z|x) is the true posterior, log p(x, z) - log q(z|x) does not depend on z:
    what is left of the gradient is then exactly zero, for every draw.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    References
    ----------
    Roeder, Wu and Duvenaud (2017), "Sticking the landing".
    """

    cost: Cost = SampledKL()

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.cost, SampledKL):
            raise ValueError(f"cost is {self.cost}: StickingTheLanding needs SampledKL()")

    def __call__(self, log_px, rate):
        return super().__call__(log_px, rate)._replace(score=0.0)


@dataclass(frozen=True)
class ScoreFunction(ELBO):
    """The ELBO, with the score-function gradient for the encoder: no path is needed.

    d/dphi E_q[f(z)] = E_q[(f(z) - b) d log q(z|x) / d phi], for any b that does not
    depend on z. Here f is log p(x|z), less beta times the rate where that is sampled;
    and b, for each sample, is the mean of f over the K - 1 others. For a discrete z, which
    has no path, it is the way; for a continuous one it has more variance than the path.

    The value is the negative ELBO. K must be at least 2.

    Finite, in float32, for |log_px| and |rate| up to 1e30.

    References
    ----------
    Williams (1992) for the score-function gradient; Kool, van Hoof and Welling (2019) for
    the mean of the other samples as a baseline.
    """

    needs_path = False

    def __post_init__(self):
        super().__post_init__()
        if self.cost.over_batch:
            raise ValueError(f"cost is {self.cost}: ScoreFunction needs the cost of each x by itself, "
                             "such as KL() or SampledKL()")

    def __call__(self, log_px, rate):
        n_samples = len(log_px)
        if n_samples < 2:
            raise ValueError(f"ScoreFunction has {n_samples} sample of z: at least 2 were expected "
                             "(n_samples)")
        loss = super().__call__(log_px, rate)
        f = log_px - self.beta * rate if self.cost.sampled else log_px
        advantage = (f - f.mean(axis=0)) * (n_samples / (n_samples - 1))   # f - mean of the others
        return loss._replace(path=np.zeros_like(log_px), score=loss.dlog_px * advantage)
