"""A mixture of normals for a prior: against scipy, and what its responsibilities mean."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from helpers import assert_mean
from npvae.distributions.given import Vamp, VampPrior
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.distributions.posteriors import DiagonalGaussian
from ranges import B, J, K, Row, of_prior


def wide(draw):
    """Five components, of all sizes."""
    prior = MixtureOfNormals(J, 5)
    prior.mu, prior.logits = draw.upto(1e8, 5, J), draw.upto(1e30, 5)
    prior.logvar = draw.within(-20, 20, 5, J)
    return prior


RANGES = {
    "MixtureOfNormals": Row(
        MixtureOfNormals, "Finite, in float32, for |z| and |mu| up to 1e8, logvar of -20 to 20, and "
        "|logits| up to 1e30.", of_prior(wide, lambda draw: draw.upto(1e8, K, B, J)), 1e9)}


def mixture(n_latent, rng):
    prior = MixtureOfNormals(n_latent, 3).astype(np.float64)
    prior.logits = [0.3, -0.8, 0.5]
    prior.mu = rng.normal(0.0, 2.0, (3, n_latent))
    prior.logvar = rng.normal(-0.5, 0.5, (3, n_latent))
    return prior


def by_scipy(prior, z):
    pi = np.exp(prior.logits) / np.exp(prior.logits).sum()
    return np.array([weight * stats.norm(mu, np.exp(0.5 * logvar)).pdf(z).prod(axis=-1)
                     for weight, mu, logvar in zip(pi, prior.mu, prior.logvar)])


def test_its_density_is_scipys_and_integrates_to_one(rng):
    prior, z = mixture(2, rng), rng.normal(0.0, 2.0, (5, 7, 2))
    np.testing.assert_allclose(prior.log_prob(z)[0], np.log(by_scipy(prior, z).sum(axis=0)), rtol=1e-12)
    one = mixture(1, rng)
    density = lambda z: np.exp(one.log_prob(np.array([z]))[0])
    assert integrate.quad(density, -20, 20, epsabs=1e-12, limit=200)[0] == pytest.approx(1.0, abs=1e-10)


def test_responsibilities_are_the_share_of_each_component(rng):
    prior, z = mixture(2, rng), rng.normal(0.0, 2.0, (6, 2))
    parts = by_scipy(prior, z)
    np.testing.assert_allclose(prior.responsibilities(z), (parts / parts.sum(axis=0)).T, rtol=1e-11)
    assert prior.weights().sum() == pytest.approx(1.0)


def test_its_draws_are_of_its_density(rng):
    prior = mixture(1, rng)
    cdf = lambda z: sum(w * stats.norm(m, np.exp(0.5 * s)).cdf(z) for w, m, s in
                        zip(prior.weights(), prior.mu[:, 0], prior.logvar[:, 0]))
    assert stats.kstest(prior.sample(rng, 20_000, np.float64).ravel(), cdf).pvalue > 0.01
    prior = mixture(3, rng)
    assert_mean(prior.sample(rng, 50_000, np.float64), prior.weights() @ prior.mu)


def test_its_options():
    """Each changes what it should: how many, and where they begin."""
    assert MixtureOfNormals(2, 5).mu.shape == (5, 2)
    assert (MixtureOfNormals(2, 5, seed=1).mu != MixtureOfNormals(2, 5).mu).all()
    assert repr(MixtureOfNormals(2, 5, seed=1)) == "MixtureOfNormals(2, n_components=5, seed=1)"
    for options, message in (((0,), "n_latent is 0"), ((2, 0), "n_components is 0"),
                             ((2, 5, -1), "seed is -1")):
        with pytest.raises(ValueError, match=message):
            MixtureOfNormals(*options)


def test_a_vae_learns_to_use_it(rng):
    """Two kinds of x, and two components, one for each, whom nobody told of the kinds."""
    kind = rng.random(400) < 0.5
    x = (rng.random((400, 12)) < np.where(kind, 0.9, 0.1)[:, None]).astype(np.float32)
    model = npvae.vae(12, (16,), 2, prior=MixtureOfNormals(2, 2))
    npvae.fit(model, x, epochs=60, batch_size=50, learning_rate=5e-3, progress=False)
    component = model.prior.responsibilities(model.posterior.point(model.encode(x))).argmax(axis=1)
    agreement = np.mean(component == kind)
    assert max(agreement, 1 - agreement) > 0.97


def test_the_gradient_of_a_narrow_vamp_prior_has_the_digits_of_float32(rng):
    """Sums of z and z^2 that nearly cancel, where components are narrow beside how far out they lie."""
    def slopes(dtype, mu, z, dlog_pz):
        q = DiagonalGaussian(2).given(np.concatenate(
            [mu, np.full_like(mu, 2 * np.log(0.01))], axis=-1).astype(dtype))
        seen = {}
        encoder = SimpleNamespace(backward=lambda dh, cache: (seen.update(dh=dh), np.zeros((4, 6)))[1])
        prior = SimpleNamespace(du=np.zeros((4, 6)))
        p = Vamp(prior, SimpleNamespace(encoder=encoder, n_data=6), q, None)
        dz = p.backward(dlog_pz.astype(dtype), p.log_prob(z.astype(dtype))[1])
        return dz, seen["dh"]
    mu = rng.uniform(-5, 5, (4, 2)).astype(np.float32)
    z = (mu[rng.integers(4, size=4000)] + 0.01 * rng.standard_normal((4000, 2))).astype(np.float32)
    dlog_pz = rng.standard_normal(4000).astype(np.float32)
    for single, double in zip(slopes(np.float32, mu, z, dlog_pz), slopes(np.float64, mu, z, dlog_pz)):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-5 * abs(double).max())


@pytest.mark.parametrize("wrong, message", [
    (dict(mean=np.nan), "mean is nan: a finite number was expected"), (dict(std=-1), "std is -1"),
    (dict(std="a"), "std is 'a'"), (dict(std=0), "std is 0")])
def test_pseudo_inputs_begin_at_a_finite_mean_and_with_a_deviation(wrong, message):
    with pytest.raises(ValueError, match=message):
        VampPrior(2, 4, **wrong)
