"""Two stochastic layers: against the exact linear model, and each other's gradients."""

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from helpers import assert_mean
from npvae import IWAE, DReG, StickingTheLanding, evaluation
from npvae.distributions.hierarchy import StackedGaussian, StackedNormal
from npvae.networks import Chain, Dense


def linear_model(rng, n_data=3):
    """x - z1 - z2 with affine maps everywhere: p(x) is a Gaussian. The variances do not
    depend on what is given."""
    affine = npvae.hierarchy
    posterior = affine.StackedGaussian(1, 1, Dense(1, 2, rng))
    prior = StackedNormal(1, 1, Dense(1, 2, rng))
    decoder = Chain(npvae.networks.First(1), Dense(1, n_data, rng))
    model = npvae.VAE(Dense(n_data, 2, rng), posterior, prior, decoder,
                      npvae.likelihoods.Gaussian(0.5), n_data=n_data, objective=IWAE())
    model = model.astype(np.float64)
    model.parameters.theta[...] = rng.normal(0, 0.7, model.parameters.size)
    for layer in (model.encoder, model.posterior.network, model.prior.network):
        layer.W[:, 1] = 0.0
    return model


def pieces(model):
    """a, m and variance of p(z1|z2) = N(a z2 + m, v); W, b and s of p(x|z1)."""
    network, layer = model.prior.network, model.decoder.layers[1]
    return (network.W[0, 0], network.b[0], np.exp(network.b[1]),
            layer.W[0], layer.b, model.likelihood.variance)


def exact_log_evidence(model, x):
    a, m, v, W, b, s = pieces(model)
    covariance = (a * a + v) * np.outer(W, W) + s * np.eye(len(W))
    return stats.multivariate_normal(m * W + b, covariance).logpdf(x)


def with_the_true_posterior(model):
    """q(z1|x) and q(z2|z1) of the linear model, exactly."""
    a, m, v, W, b, s = pieces(model)
    variance = 1.0 / (1.0 / (a * a + v) + W @ W / s)
    model.encoder.W = np.column_stack([variance * W / s, 0 * W])
    model.encoder.b = [variance * (m / (a * a + v) - W @ b / s), np.log(variance)]
    second = model.posterior.network
    variance = 1.0 / (1.0 + a * a / v)
    second.W = [[variance * a / v, 0.0]]
    second.b = [-variance * a * m / v, np.log(variance)]
    return model


def test_the_mean_of_the_weights_is_the_evidence(rng):
    model = linear_model(rng)
    x = rng.standard_normal((3, 3))
    log_w = evaluation.log_weights(model, x, model.draw_noise(rng, 3, 100_000))
    assert_mean(np.exp(log_w - exact_log_evidence(model, x)), 1.0)


def test_at_the_true_posterior_every_weight_is_the_evidence(rng):
    model = with_the_true_posterior(linear_model(rng))
    x, eps = rng.standard_normal((4, 3)), model.draw_noise(rng, 4, 5)
    log_w = evaluation.log_weights(model, x, eps)
    np.testing.assert_allclose(log_w, np.tile(exact_log_evidence(model, x), (5, 1)), atol=1e-11)
    for objective in (StickingTheLanding(), DReG()):
        model.loss_and_grad(x, eps, objective=objective)
        for name, g in model.gradients().items():
            of_q = name.startswith(("encoder", "posterior"))
            assert (np.abs(g).max() < 1e-12) == of_q, (name, objective)


def test_all_gradients_of_q_agree_in_the_mean(rng):
    """To z1, the density of z2 given z1 speaks by the path, whatever is dropped elsewhere."""
    model = linear_model(rng)
    x = rng.standard_normal((2, 3))
    differences = {"STL": [], "DReG": []}
    for _ in range(2500):
        eps = model.draw_noise(rng, 2, 2)
        for name, objective, twin in (("STL", StickingTheLanding(), npvae.ELBO(cost=npvae.SampledKL())),
                                      ("DReG", DReG(), IWAE())):
            model.loss_and_grad(x, eps, objective=twin)
            expected = model.parameters.grad.copy()
            model.loss_and_grad(x, eps, objective=objective)
            differences[name].append(model.parameters.grad - expected)
    for difference in differences.values():
        assert_mean(difference, 0.0)


def test_the_densities_integrate_to_one_and_are_scipys(rng):
    model = linear_model(rng)
    a, m, v, *_ = pieces(model)

    def p(z2, z1):
        return np.exp(model.prior.log_prob(np.array([z1, z2]))[0])

    assert integrate.dblquad(p, -8, 8, -8, 8, epsabs=1e-9)[0] == pytest.approx(1.0, abs=1e-7)
    z = rng.standard_normal((5, 2))
    np.testing.assert_allclose(
        model.prior.log_prob(z)[0], stats.norm(a * z[:, 1] + m, np.sqrt(v)).logpdf(z[:, 0])
        + stats.norm.logpdf(z[:, 1]), rtol=1e-12)


def test_samples_have_their_moments(rng):
    model = linear_model(rng)
    a, m, v, *_ = pieces(model)
    z = model.prior.sample(rng, 200_000, np.float64)
    assert_mean(z, [m, 0.0])
    assert_mean((z[:, 0] - m) * z[:, 1], a)
    assert_mean((z - [m, 0.0])**2, [a * a + v, 1.0])
    q = model.encode(np.zeros((1, 3)))
    draws = model.posterior.sample(q, model.draw_noise(rng, 1, 200_000))[0][:, 0]
    point = model.posterior.point(q)[0]
    assert_mean(draws, point)                         # affine: the mean goes through
    assert_mean((draws[:, 0] - point[0])**2, q.first.std[0, 0]**2)


def test_the_recipe_trains_saves_and_loads(tmp_path, rng):
    model = npvae.two_layer_iwae(16, ((12, 8), (6,)), (4, 3))
    x = (rng.random((200, 16)) < 0.5 * (1 + np.sign(rng.standard_normal((200, 1))) * 0.8)) * 1.0
    history = npvae.fit(model, x, epochs=30, n_samples=5, learning_rate=3e-3, progress=False)
    assert history[0]["loss"] > 10.5 and history[-1]["loss"] < 8.6
    npvae.save(tmp_path / "model.npz", model)
    again = npvae.load(tmp_path / "model.npz")
    assert again.objective == IWAE() and again.reconstruct(x).shape == (200, 16)
    np.testing.assert_array_equal(again.sample(np.random.default_rng(0), 3),
                                  model.sample(np.random.default_rng(0), 3))
    with pytest.raises(TypeError, match="n_latent is 4: two sizes were expected"):
        npvae.two_layer_iwae(16, n_latent=4)
    with pytest.raises(TypeError, match=r"n_hidden is \(200, 200\): two sequences"):
        npvae.two_layer_iwae(16, (200, 200))


def test_a_prior_that_is_split_elsewhere_is_refused(rng):
    def network(n_in, n_out):
        return Chain(Dense(n_in, n_out, rng))

    def built(prior):
        posterior = StackedGaussian(3, 2, network(3, 4))
        return npvae.vae(4, (5,), 5, likelihood="gaussian", posterior=posterior, prior=prior)
    model = built(StackedNormal(3, 2, network(2, 6)))
    assert np.isfinite(model.loss(np.zeros((2, 4)), np.zeros((1, 2, 5))).value)
    message = "^prior has n_first=2, n_second=3: 3 and 2 were expected, as in the posterior$"
    with pytest.raises(ValueError, match=message):
        built(StackedNormal(2, 3, network(3, 4)))
