"""Likelihoods to the edges of their ranges: against fifty digits, by the complex step, and in float32.

scipy.stats is no measure there: of its own log masses of counts, few digits are left.
"""

import inspect
import math
from decimal import Context, Decimal, localcontext
from typing import Callable, NamedTuple

import numpy as np
import pytest
from scipy import special

import fifty_digits
from npvae.distributions.columns import Categorical
from npvae.distributions.counts import NegativeBinomial, Poisson
from npvae.distributions.gammas import LARGE, deviance, log_peak, stirling, stirling_slope
from npvae.distributions.pixels import ContinuousBernoulli, DiscretizedLogistic
from npvae.distributions.robust import Laplace, StudentT

N = 36


class Row(NamedTuple):
    """A likelihood, x (n, 1) and y (n, N) drawn over its whole range, and its log p by decimals."""

    likelihood: object
    draw: Callable
    exact: Callable
    options: tuple = ()
    in_float32: str = "2e-6"


def within(rng, low, high, ends):
    """Uniform numbers of a range, a quarter of them at its ends, or where something changes."""
    values = rng.uniform(low, high, N)
    return np.where(rng.random(N) < 0.25, rng.choice([low, high, *ends], N), values)


def of_all_sizes(rng, edge):
    """Of either sign, over 40 decades up to the edge."""
    return 10.0 ** within(rng, math.log10(edge) - 40, math.log10(edge), []) * rng.choice([-1, 1], N)


def counts(rng, edge, low, high):
    """Counts up to the edge, and log mu: half of them within a few deviations, where most cancels."""
    x = np.floor(10.0 ** within(rng, 0, math.log10(edge), [0.0])) * (rng.random(N) > 0.1)
    x = np.where(rng.random(N) < 0.1, rng.choice([LARGE - 1, LARGE, LARGE + 1], N), x)
    near = np.log(np.maximum(x + np.sqrt(x) * rng.normal(0, 3, N), math.exp(low)))
    return x, np.where(rng.random(N) < 0.5, np.minimum(near, high), within(rng, low, high, [0.0]))


def of_poisson(rng):
    x, log_mu = counts(rng, 1e9, -20, 20)
    return x, log_mu


def of_negative_binomial(rng):
    x, log_mu = counts(rng, 1e6, -12, 12)
    return x, log_mu, within(rng, -10, 20, [math.log(LARGE), math.log(1e4), math.log(1e8)])


def of_locations(edge, low=None, high=None):
    """Near x and far from it; and r."""
    def draw(rng):
        x = of_all_sizes(rng, edge)
        near = x * (1.0 - 10.0 ** rng.uniform(-12, 0, N))
        location = np.where(rng.random(N) < 0.5, near, of_all_sizes(rng, edge))
        return (x, location) if low is None else (x, location, within(rng, low, high, [-1e9, 0.0]))
    return draw


def of_continuous_bernoulli(rng):
    x = within(rng, 0, 1, [0.5])
    logits = np.where(rng.random(N) < 0.5, rng.normal(0, 5, N), of_all_sizes(rng, 1e35))
    return x, np.where(rng.random(N) < 0.2, rng.choice([0.0, 0.599, -0.601, 1e-6, -1e-9], N), logits)


def of_discretized_logistic(rng):
    """A mean within some scales of a level, or of its edge, or anywhere."""
    x = np.round(255 * within(rng, 0, 1, [1 / 255, 254 / 255])) / 255
    log_scale = within(rng, -12, 12, [])
    near = x + rng.choice([0, 1 / 510, -1 / 510], N) + np.exp(log_scale) * rng.normal(0, 3, N)
    near = np.clip(near, -1e5, 1e5)
    return x, np.where(rng.random(N) < 0.6, near, of_all_sizes(rng, 1e5)), log_scale


ROWS = {
    "Poisson": Row(Poisson(), of_poisson, fifty_digits.poisson),
    "NegativeBinomial": Row(NegativeBinomial(), of_negative_binomial, fifty_digits.negative_binomial),
    "Laplace 1e-4": Row(Laplace(1e-4), of_locations(1e30), fifty_digits.laplace, (1e-4,)),
    "Laplace 1e4": Row(Laplace(1e4), of_locations(1e30), fifty_digits.laplace, (1e4,)),
    **{f"StudentT {df}": Row(StudentT(df), of_locations(1e12, -50, 40), fifty_digits.student_t,
                             (df, 1e-3)) for df in (1.001, 4.0, 1e8)},
    "ContinuousBernoulli": Row(ContinuousBernoulli(), of_continuous_bernoulli,
                               fifty_digits.continuous_bernoulli),
    "DiscretizedLogistic": Row(DiscretizedLogistic(), of_discretized_logistic,
                               fifty_digits.discretized_logistic, (256,), "1e-4")}
rows = pytest.mark.parametrize("name", ROWS)


def drawn(name, dtype=np.float64):
    x, *y = ROWS[name].draw(np.random.default_rng(20))
    return x[:, None].astype(dtype), np.stack(y, axis=-1)[None].astype(dtype)


def value_and_gradient(likelihood, x, y):
    log_px, cache = likelihood.log_prob(x, y)
    return log_px, likelihood.backward(np.ones_like(log_px), cache)


@rows
def test_value_and_gradient_have_twelve_digits_over_the_whole_range(name):
    row, (x, y) = ROWS[name], drawn(name)
    found = value_and_gradient(row.likelihood, x, y)
    exact = zip(*(fifty_digits.value_and_slopes(row.exact, x[i, 0], y[0, i], *row.options)
                  for i in range(N)))
    for ours, theirs in zip(found, exact):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-12, atol=1e-12)


@rows
def test_the_gradient_is_the_complex_steps_over_the_whole_range(name):
    """For each x by itself: a large gradient does not hide the others. (Of the negative binomial, the
    step's own quotient of x + theta and theta + mu loses 1e-16 for each of x.)"""
    likelihood, (x, y) = ROWS[name].likelihood, drawn(name)
    dy = value_and_gradient(likelihood, x, y)[1]
    own = 1e-15 * x[:, 0] if name == "NegativeBinomial" else 0.0
    for i in range(y.shape[-1]):
        step = np.where(np.arange(y.shape[-1]) == i, 1e-20j, 0.0)
        slope = likelihood.log_prob(x, y + step)[0].imag / 1e-20
        assert (np.abs(dy[..., i] - slope) <= 1e-12 * (1.0 + np.abs(slope)) + own).all()


@rows
def test_in_float32_they_are_those_of_float64(name):
    """At the same x and y, those that float32 holds; and so says the docstring."""
    row, (x, y) = ROWS[name], drawn(name, np.float32)
    single = value_and_gradient(row.likelihood, x, y)
    double = value_and_gradient(row.likelihood, x.astype(np.float64), y.astype(np.float64))
    for ours, theirs in zip(single, double):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=float(row.in_float32), atol=float(row.in_float32))
    assert (f"There value and gradient are off by {row.in_float32} of their size at most, or of 1 where "
            "that is more") in " ".join(inspect.getdoc(row.likelihood).split())


# ---- a column of classes ---------------------------------------------------------------------

def test_the_log_probability_of_a_class_has_twelve_digits(rng):
    """Of logits that are large, but for their differences, too."""
    for size in (1.0, 1e3, 1e6, 1e12):
        logits = size + rng.normal(0.0, 3.0, (1, 4, 5))
        classes = np.arange(4.0)[:, None]
        found, dy = value_and_gradient(Categorical(5), classes, logits)
        exact = [fifty_digits.value_and_slopes(fifty_digits.categorical, k, logits[0, k])
                 for k in range(4)]
        for i, (value, slopes) in enumerate(exact):
            np.testing.assert_allclose(found[0, i], value, rtol=1e-12)
            np.testing.assert_allclose(dy[0, i], slopes, rtol=1e-12, atol=1e-12)


# ---- what they are made of -------------------------------------------------------------------

def test_the_log_gamma_of_fifty_digits_is_right():
    """Gamma(1/2)^2 = pi; factorials; and Legendre's duplication. Against 50 digits of pi."""
    log_gamma, pi = fifty_digits.log_gamma, fifty_digits.PI
    assert abs(pi - Decimal("3.14159265358979323846264338327950288419716939937510")) < Decimal("1e-49")
    close = lambda a, b: abs(a - b) < Decimal("1e-50")
    with localcontext(Context(prec=80)):
        assert close(2 * log_gamma(0.5), pi.ln())
        assert close(log_gamma(31), Decimal(math.factorial(30)).ln())
        for z in (2.0**-15, 0.75, 14.875, 2.0**27 + 0.25):
            both = log_gamma(z) + log_gamma(z + 0.5)
            assert close(both, log_gamma(2 * z) + (1 - 2 * Decimal(z)) * Decimal(2).ln() + pi.ln() / 2)


def test_the_parts_of_log_gamma_are_scipys(rng):
    z = np.concatenate([10.0 ** rng.uniform(-5, 6, 200), [LARGE, np.nextafter(LARGE, 20)]])
    formula = (z - 0.5) * np.log(z) - z + 0.5 * math.log(2 * math.pi)
    np.testing.assert_allclose(stirling(z) + formula, special.gammaln(z), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(stirling_slope(z), special.psi(z) - np.log(z) + 0.5 / z,
                               rtol=1e-9, atol=1e-14)
    x = np.arange(40.0)
    np.testing.assert_allclose(log_peak(x), special.xlogy(x, x) - x - special.gammaln(x + 1), atol=1e-13)
    a, m = 10.0 ** rng.uniform(-3, 3, (2, 200))
    np.testing.assert_allclose(deviance(a, m, a - m), a * np.log(a / m) - (a - m), rtol=1e-9)
    assert deviance(np.zeros(1), np.ones(1), -np.ones(1)) == 1.0
    assert deviance(np.ones(1), np.ones(1), np.zeros(1)) == 0.0
