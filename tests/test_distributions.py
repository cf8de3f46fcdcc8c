"""Chapter 2: every density, sampler and divergence is what it says.

A wrong formula, differentiated correctly, passes any gradient check. So each one is held
against something that knows nothing of it: quadrature, scipy, sampling, an identity.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import expit, log_expit

from helpers import assert_mean
from npvae.distributions.divergences import (kl_between_bernoullis, kl_between_normals,
                                             kl_between_normals_backward,
                                             kl_to_standard_normal)
from npvae.distributions.likelihoods import (Bernoulli, Gaussian, HeteroscedasticGaussian,
                                             TiedGaussian)
from npvae.networks import Module
from npvae.numerics import sigmoid, softplus
from npvae.distributions import posteriors, priors
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.distributions.pairs import kl
from npvae.distributions.priors import StandardNormal
from npvae.distributions.roles import Likelihood

means, logvars = st.floats(-3, 3), st.floats(-4, 3)


def kl_by_quadrature(mu_q, var_q, mu_p, var_p):
    q, p = stats.norm(mu_q, np.sqrt(var_q)), stats.norm(mu_p, np.sqrt(var_p))
    low, high = q.ppf([1e-16, 1 - 1e-16])
    return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high,
                          epsabs=1e-12, limit=200)[0]


# ---- divergences -----------------------------------------------------------------------

@given(mu=means, logvar=logvars)
def test_kl_to_standard_normal_is_the_integral(mu, logvar):
    expected = kl_by_quadrature(mu, np.exp(logvar), 0.0, 1.0)
    assert kl_to_standard_normal(np.float64(mu), np.float64(logvar)) == pytest.approx(
        expected, rel=1e-8, abs=1e-9)


@given(mu_q=means, logvar_q=logvars, mu_p=means, logvar_p=logvars)
def test_kl_between_normals_is_the_integral(mu_q, logvar_q, mu_p, logvar_p):
    expected = kl_by_quadrature(mu_q, np.exp(logvar_q), mu_p, np.exp(logvar_p))
    ours = kl_between_normals(*map(np.float64, (mu_q, logvar_q, mu_p, logvar_p)))
    assert ours == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_kl_is_not_symmetric():
    """KL(N(0.7, 0.4^2), N(0, 1)) and the other way round."""
    mu, logvar, zero = np.array(0.7), np.array(2 * np.log(0.4)), np.array(0.0)
    assert kl_to_standard_normal(mu, logvar) == pytest.approx(0.741291, abs=5e-7)
    assert kl_between_normals(mu, logvar, zero, zero) == pytest.approx(0.741291, abs=5e-7)
    assert kl_between_normals(zero, zero, mu, logvar) == pytest.approx(3.239959, abs=5e-7)


@given(mu=st.floats(-1e3, 1e3), logvar=st.floats(-80, 80))
def test_kl_is_never_negative_and_zero_only_at_equality(mu, logvar):
    kl = kl_to_standard_normal(np.float64(mu), np.float64(logvar))
    assert kl >= 0
    if mu == logvar == 0:
        assert kl == 0
    if max(abs(mu), abs(logvar)) > 1e-6:
        assert kl > 0


def test_kl_is_accurate_near_equality():
    """exp(l) - 1 - l loses all digits near l = 0; with expm1 a half of them remain."""
    logvar, zero = np.array([1e-5, -1e-4]), np.zeros(2)
    expected = logvar**2 / 4 + logvar**3 / 12
    np.testing.assert_allclose(kl_to_standard_normal(zero, logvar), expected, rtol=1e-6)
    np.testing.assert_allclose(kl_between_normals(zero, logvar, zero, zero), expected, rtol=1e-6)
    derivative = kl_between_normals_backward(np.ones(2), zero, logvar, zero, zero)[1]
    np.testing.assert_allclose(derivative, np.expm1(logvar) / 2, rtol=1e-14)


def test_kl_is_the_mean_of_the_log_ratio(rng):
    """The closed form against sampling, for the posterior and the prior of the model."""
    posterior, prior = DiagonalGaussian(3), StandardNormal(3)
    q = posterior.given(rng.standard_normal((2, 6)))
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 100_000, 2, np.float64))
    assert_mean(posterior.log_prob(drawn) - prior.log_prob(z)[0], kl(q, prior)[0].sum(axis=-1))


# ---- posterior and prior ---------------------------------------------------------------

def test_log_densities_of_posterior_and_prior_are_scipys(rng):
    posterior, prior = DiagonalGaussian(3), StandardNormal(3)
    h = rng.standard_normal((4, 6))
    mu, std = h[:, :3], np.sqrt(np.exp(h[:, 3:]))
    z = rng.standard_normal((5, 4, 3))
    np.testing.assert_allclose(posterior.log_prob(posterior.at(posterior.given(h), z)),
                               stats.norm.logpdf(z, mu, std).sum(axis=-1), rtol=1e-13)
    np.testing.assert_allclose(prior.log_prob(z)[0], stats.norm.logpdf(z).sum(axis=-1), rtol=1e-13)


@pytest.mark.parametrize("mu, std", [(0.0, 1.0), (1.5, 0.2), (-2.0, 3.0)])
def test_posterior_samples_have_the_stated_mean_and_standard_deviation(mu, std, rng):
    """exp(logvar / 2) is the standard deviation; exp(logvar) is not."""
    posterior, n = DiagonalGaussian(1), 20_000
    q = posterior.given(np.array([[mu, 2 * np.log(std)]]))
    assert q.std == pytest.approx(std, rel=1e-14)
    z = posterior.sample(q, posterior.draw_noise(rng, n, 1, np.float64))[0].ravel()
    assert abs(z.mean() - mu) < 5 * std / np.sqrt(n)
    assert abs(z.std() - std) < 5 * std / np.sqrt(2 * n)
    assert stats.kstest(z, stats.norm(mu, std).cdf).pvalue > 0.01


def test_noise_and_prior_samples_are_standard_normal(rng):
    eps = DiagonalGaussian(3).draw_noise(rng, 50, 40)
    assert eps.shape == (50, 40, 3) and eps.dtype == np.float32
    assert stats.kstest(eps.ravel(), stats.norm.cdf).pvalue > 0.01
    assert stats.kstest(StandardNormal(3).sample(rng, 2000).ravel(), stats.norm.cdf).pvalue > 0.01


def test_the_mean_of_the_score_is_zero(rng):
    """E_q[d log q / d phi] = 0: what lets an estimator drop the term, or add it."""
    posterior = DiagonalGaussian(2)
    q = posterior.given(np.array([[0.3, -1.0, 0.5, -0.8]]))
    eps = posterior.draw_noise(rng, 50_000, 1, np.float64)
    # one sample at a time: each row of a batch of equal q is a draw of its own
    many = type(q)(*(np.repeat(p, len(eps), axis=0) for p in q))
    _, drawn = posterior.sample(many, eps.swapaxes(0, 1))
    score = posterior.backward(drawn, np.zeros((1, len(eps), 2)), score=np.ones((1, len(eps), 1)))
    assert_mean(score, 0.0)
    # and its variance is the Fisher information: 1 / std^2 for mu, 1 / 2 for logvar
    assert_mean(score**2, [*np.exp([-0.5, 0.8]), 0.5, 0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_q_is_exact_however_narrow_q_is(dtype):
    """log q(z|x) of its own draw is -(eps^2 + logvar + log 2 pi) / 2, whatever mu: z loses
    digits when it is rounded, eps does not. Its derivative is 0 in mu, and -1/2 in logvar."""
    posterior = DiagonalGaussian(1)
    q = posterior.given(np.array([[1e3, -80.0]], dtype))
    eps = np.full((1, 1, 1), 0.75, dtype)
    (z, drawn), one = posterior.sample(q, eps), np.ones((1, 1, 1), dtype)
    expected = stats.norm.logpdf(0.75) + 40.0
    assert posterior.log_prob(drawn)[0, 0] == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(posterior.backward(drawn, 0 * z, one, one), [[0.0, -0.5]])


def test_bonnet_and_price(rng):
    """d E[f] / d mu = E[f'],  d E[f] / d var = E[f''] / 2, for f = sin, whose mean is known."""
    mu, logvar, n = 0.4, -0.6, 200_000
    posterior = DiagonalGaussian(1)
    q = posterior.given(np.repeat([[mu, logvar]], n, axis=0))
    eps = posterior.draw_noise(rng, 1, n, np.float64)
    z, drawn = posterior.sample(q, eps)
    dh = posterior.backward(drawn, np.cos(z))               # f'(z) along the path
    var = np.exp(logvar)
    mean = np.sin(mu) * np.exp(-var / 2)                      # E[sin z]
    d_mu, d_var = np.cos(mu) * np.exp(-var / 2), -mean / 2
    assert_mean(dh, [d_mu, d_var * var])                     # d var / d logvar = var
    assert_mean(np.cos(z).ravel(), d_mu)
    assert_mean(-np.sin(z).ravel() / 2, d_var)


# ---- discrete and relaxed codes ----------------------------------------------------------

@given(logit_q=st.floats(-30, 30), logit_p=st.floats(-30, 30))
def test_kl_between_bernoullis_is_the_sum_over_both_outcomes(logit_q, logit_p):
    q, p = np.array([expit(logit_q), expit(-logit_q)]), np.array([expit(logit_p), expit(-logit_p)])
    kl = kl_between_bernoullis(np.array([logit_q]), np.array([logit_p]))
    assert kl[0] == pytest.approx(stats.entropy(q, p), rel=1e-9, abs=1e-12)
    assert kl[0] > -1e-14


def test_bits_have_their_probabilities_and_log_probabilities(rng):
    posterior, prior = posteriors.Bernoulli(3), priors.Bernoulli(3, p=0.3)
    q = posterior.given(np.array([[-1.0, 0.5, 2.0]]))
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 40_000, 1, np.float64))
    assert set(np.unique(z)) == {0.0, 1.0}
    assert_mean(z, expit([[-1.0, 0.5, 2.0]]))
    np.testing.assert_allclose(q.std**2, q.mu * (1 - q.mu), rtol=1e-14)
    codes = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    at = posterior.at(q, codes)
    assert np.exp(posterior.log_prob(at)).sum() == pytest.approx(1.0, abs=1e-14)
    assert np.exp(prior.log_prob(codes)[0]).sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(prior.log_prob(codes)[0],
                               stats.bernoulli.logpmf(codes, 0.3).sum(axis=-1), rtol=1e-13)
    assert_mean(prior.sample(rng, 40_000), 0.3)
    # the closed form is the mean of the log ratio over all codes
    log_q, log_p = posterior.log_prob(at), prior.log_prob(codes)[0]
    assert kl(q, prior)[0].sum() == pytest.approx((np.exp(log_q) * (log_q - log_p)).sum(), rel=1e-13)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_relaxed_bits_are_logistic_and_become_bits(temperature, rng):
    posterior, prior = posteriors.Concrete(1, temperature), priors.Concrete(1, temperature, p=0.7)
    q = posterior.given(np.array([[0.8]]))
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 20_000, 1, np.float64))
    exact = stats.logistic(0.8 / temperature, 1 / temperature)
    assert (q.mu[0, 0], q.std[0, 0]) == pytest.approx((exact.mean(), exact.std()), rel=1e-12)
    assert stats.kstest(z.ravel(), exact.cdf).pvalue > 0.01
    for at in (drawn, posterior.at(q, z)):
        np.testing.assert_allclose(posterior.log_prob(at)[:, 0], exact.logpdf(z.ravel()), rtol=1e-9)
    # whatever the temperature, sigmoid(z) is above one half with the probability of the bit
    assert_mean(z > 0, expit(0.8))
    assert_mean(prior.sample(rng, 20_000) > 0, 0.7)
    exact = stats.logistic(np.log(0.7 / 0.3) / temperature, 1 / temperature)
    np.testing.assert_allclose(prior.log_prob(z)[0][:, 0], exact.logpdf(z.ravel()), rtol=1e-9)
    assert stats.kstest(prior.sample(rng, 20_000).ravel(), exact.cdf).pvalue > 0.01


def test_relaxed_density_in_logit_space_is_the_concrete_density(rng):
    """With s = sigmoid(z): the density of Maddison et al. (2017) for s, times ds / dz."""
    temperature, logit = 0.6, 0.8
    posterior = posteriors.Concrete(1, temperature)
    s = rng.random(50)
    alpha = np.exp(logit)
    density = (temperature * alpha * s**(-temperature - 1) * (1 - s)**(-temperature - 1)
               / (alpha * s**-temperature + (1 - s)**-temperature)**2)
    z = np.log(s / (1 - s))[:, None, None]
    log_q = posterior.log_prob(posterior.at(posterior.given(np.array([[logit]])), z))[:, 0]
    np.testing.assert_allclose(log_q, np.log(density * s * (1 - s)), rtol=1e-10)


def test_a_point_is_its_own_sample(rng):
    posterior = posteriors.Deterministic(2)
    q = posterior.given(rng.standard_normal((3, 2)))
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 4, 3))
    np.testing.assert_array_equal(z, np.repeat(q.mu[None], 4, axis=0))
    assert (q.std == 0).all()
    with pytest.raises(TypeError, match="a Deterministic posterior has no density"):
        posterior.log_prob(drawn)


@pytest.mark.parametrize("posterior, prior, names", [
    (posteriors.Concrete(2), priors.Concrete(2), "Logistic to Concrete"),
    (posteriors.Deterministic(2), StandardNormal(2), "Point to StandardNormal"),
    (DiagonalGaussian(2), priors.Concrete(2), "Gaussian to Concrete")])
def test_a_pair_without_closed_form_says_so_and_names_the_sampled_one(posterior, prior, names):
    q = posterior.given(np.zeros((1, posterior.n_outputs)))
    with pytest.raises(TypeError, match=f"the KL of {names} has no closed form: the sampled one was "
                                        r"expected, ELBO\(cost=SampledKL\(\)\)"):
        kl(q, prior)


def test_what_is_derived_from_a_prior_may_have_another_kl():
    """A subclass is another kind: the closed form of its parent may be wrong for it."""
    class Shifted(StandardNormal):
        def log_prob(self, z):
            return super().log_prob(z - 1.0)

    q = DiagonalGaussian(2).given(np.zeros((1, 4)))
    assert kl(q, StandardNormal(2))[0].sum() == 0.0
    with pytest.raises(TypeError, match="the KL of Gaussian to Shifted has no closed form"):
        kl(q, Shifted(2))


# ---- likelihoods -----------------------------------------------------------------------

@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 30))
def test_bernoulli_sums_to_one(seed, scale):
    logits = np.random.default_rng(seed).normal(0, scale, (1, 1, 4))
    x = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    log_px, _ = Bernoulli().log_prob(x, np.repeat(logits, 16, axis=1))
    assert np.exp(log_px).sum() == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_bernoulli_is_scipys_and_its_plain_twins(scale, rng):
    """The fast kernel (one tanh) against scipy and against x * logit - softplus(logit)."""
    logits = scale * rng.standard_normal((3, 4, 6))
    x = (rng.random((4, 6)) < 0.5).astype(float)
    log_px, cache = Bernoulli().log_prob(x, logits)
    reference = (x * log_expit(logits) + (1 - x) * log_expit(-logits)).sum(axis=-1)
    np.testing.assert_allclose(log_px, reference, rtol=1e-14)
    if scale < 10:                      # scipy.stats works from p, and loses digits near 1
        np.testing.assert_allclose(log_px, stats.bernoulli.logpmf(x, expit(logits)).sum(axis=-1),
                                   rtol=1e-11)
    np.testing.assert_allclose(log_px, (x * logits - softplus(logits)).sum(axis=-1), rtol=1e-14)
    np.testing.assert_allclose(Bernoulli().backward(np.ones((3, 4)), cache), x - sigmoid(logits),
                               rtol=0, atol=3e-16)


def test_gaussians_are_scipys(rng):
    x, mean, s = rng.standard_normal((3, 4, 6))
    expected = stats.norm.logpdf(x, mean, np.sqrt(0.3)).sum(axis=-1)
    for likelihood in (Gaussian(0.3), TiedGaussian(0.3).astype(np.float64)):
        log_px, _ = likelihood.log_prob(x, mean[None])
        np.testing.assert_allclose(log_px[0], expected, rtol=1e-6)        # 0.3 is kept in float32
    log_px, _ = HeteroscedasticGaussian(floor=0.01).log_prob(x, np.concatenate([mean, s], -1)[None])
    std = np.sqrt(0.01 + np.exp(s))
    np.testing.assert_allclose(log_px[0], stats.norm.logpdf(x, mean, std).sum(axis=-1), rtol=1e-13)


@pytest.mark.parametrize("likelihood, y", [
    (Gaussian(0.3), [0.7]), (TiedGaussian(0.3).astype(np.float64), [0.7]),
    (HeteroscedasticGaussian(), [0.7, -1.5])], ids=lambda p: type(p).__name__)
def test_gaussians_integrate_to_one(likelihood, y):
    def density(x):
        return np.exp(likelihood.log_prob(np.array([[x]]), np.array([[y]]))[0].item())
    assert integrate.quad(density, -5, 6, epsabs=1e-11)[0] == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("likelihood, y, std", [
    (Bernoulli(), [1.2], np.sqrt(sigmoid(np.array(1.2)) * sigmoid(np.array(-1.2)))),
    (Gaussian(0.3), [0.7], np.sqrt(0.3)),
    (TiedGaussian(0.3).astype(np.float64), [0.7], np.sqrt(0.3)),
    (HeteroscedasticGaussian(0.1), [0.7, -1.5], np.sqrt(0.1 + np.exp(-1.5)))],
    ids=lambda p: type(p).__name__ if isinstance(p, Module) else "")
def test_samples_of_likelihoods_have_the_stated_moments(likelihood, y, std, rng):
    y = np.tile(np.array(y), (20_000, 1))
    x = likelihood.sample(rng, y)
    assert_mean(x, likelihood.mean(y[0]))
    assert_mean((x - likelihood.mean(y[0]))**2, std**2)
    assert x.shape == (20_000, 1)
    twice = likelihood.sample(rng, np.stack([y, y]))             # each draw has noise of its own
    assert abs(np.corrcoef(twice[..., 0])[0, 1]) < 5 / np.sqrt(20_000)
    if isinstance(likelihood, Bernoulli):
        assert set(np.unique(x)) == {0.0, 1.0}
    else:
        assert stats.kstest(x.ravel(), stats.norm(0.7, std).cdf).pvalue > 0.01


def test_the_mean_of_every_likelihoods_score_is_zero(rng):
    """E_p(x)[d log p(x) / d y] = 0, at the sampler's own x."""
    for likelihood in (Bernoulli(), Gaussian(0.3), HeteroscedasticGaussian(0.1)):
        y = np.tile(rng.standard_normal((1, 1, likelihood.n_outputs(2))), (1, 50_000, 1))
        x = likelihood.sample(rng, y)[0]
        _, cache = likelihood.log_prob(x, y)
        assert_mean(likelihood.backward(np.ones((1, 50_000)), cache)[0], 0.0)


def test_the_learned_variance_has_the_documented_floor():
    assert HeteroscedasticGaussian().floor == 1e-4


def test_the_best_tied_variance_is_the_mean_squared_error(rng):
    x, mean = rng.standard_normal((40, 6)), rng.standard_normal((1, 40, 6))
    likelihood = TiedGaussian(np.mean((x - mean)**2)).astype(np.float64)
    _, cache = likelihood.log_prob(x, mean)
    likelihood.backward(np.full((1, 40), 1.0), cache)
    assert abs(likelihood.dlogvar[0]) < 1e-5         # the variance is kept in float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_constant_of_bits_that_are_all_alike_is_finite(dtype):
    logits = Bernoulli().constant(np.array([[0.0, 1.0]] * 5, dtype))
    assert logits.dtype == dtype
    np.testing.assert_allclose(logits, [-20.7233, 20.7233], rtol=1e-4)


@pytest.mark.parametrize("name", [name for name, kind in posteriors.Posterior.members.items()
                                  if kind.__module__.startswith("npvae.")
                                  and name != "stacked_gaussian"])
def test_the_gradient_of_a_q_for_each_sample_has_its_shape(name, rng):
    """h (K, B, n) in place of (B, n): dh is of that shape, and its rows are those of each q alone."""
    q = posteriors.Posterior.members[name](4)
    h, eps = rng.standard_normal((3, 5, q.n_outputs)), q.draw_noise(rng, 3, 5, np.float64)
    dz, weight = rng.standard_normal((3, 5, 4)), rng.standard_normal((2, 3, 5, 1))
    weight = weight * q.has_density
    q = q.astype(np.float64)
    dh = q.backward(q.sample(q.given(h), eps)[1], dz, *weight)
    assert dh.shape == h.shape
    for k in range(3):
        drawn = q.sample(q.given(h[k]), eps[k:k + 1])[1]
        alone = q.backward(drawn, dz[k:k + 1], *weight[:, k:k + 1])
        np.testing.assert_allclose(dh[k], alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["bernoulli", "categorical", "discretized_logistic", "student_t",
                                  "poisson", "negative_binomial", "continuous_bernoulli"])
def test_the_best_constant_of_integers_is_that_of_floats(name):
    kind = Likelihood.members[name]
    likelihood = kind(2) if name == "categorical" else kind()
    x = np.array([[0], [1], [0]] if name == "categorical" else [[0, 1], [1, 1], [0, 1]])
    found, expected = likelihood.constant(x), likelihood.constant(x.astype(float))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
