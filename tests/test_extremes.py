"""Chapter 6: at the ends of the number line, and at size one.

The references were computed once with mpmath, to 50 digits, from the formulas as written
beside them, and rounded to the digits given.
"""

import numpy as np
import pytest

import npvae
from npvae import KL, SampledKL, divergences, likelihoods
from npvae.networks import layers

DTYPES = pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-15), (np.float32, 1e-6)])

# x, logit, x logit - log(1 + exp(logit)), x - 1 / (1 + exp(-logit))
BERNOULLI = np.array([
    [1.0, 1e4, 0.0, 0.0],
    [0.0, 1e4, -1e4, -1.0],
    [1.0, -1e4, -1e4, 1.0],
    [0.0, -1e4, 0.0, 0.0],
    [1.0, 40.0, -4.2483542552915889863e-18, 4.2483542552915889773e-18],
    [0.0, 40.0, -40.000000000000000004, -0.99999999999999999575],
    [1.0, -40.0, -40.000000000000000004, 0.99999999999999999575],
    [0.5, -800.0, -400.0, 0.5],
    [0.25, 36.5, -27.375000000000000141, -0.74999999999999985931]])


@DTYPES
def test_bernoulli_at_extreme_logits(dtype, rtol):
    """No overflow, no clipping: the value grows with the logit, and so does the gradient's
    reach. Absolute accuracy is what is promised: 4e-18 comes out as 0."""
    x, logits, value, score = BERNOULLI.T.astype(dtype)[..., None]
    log_px, cache = likelihoods.Bernoulli().log_prob(x, logits[None])
    np.testing.assert_allclose(log_px[0], value[:, 0], rtol=rtol, atol=rtol)
    np.testing.assert_allclose(likelihoods.Bernoulli().backward(np.ones_like(log_px), cache)[0],
                               score, rtol=0, atol=rtol)
    assert log_px.dtype == dtype


# mu, logvar, (mu^2 + exp(logvar) - 1 - logvar) / 2, its derivative (exp(logvar) - 1) / 2
CLOSED = np.array([
    [0.0, 80.0, 2.7703111921967550263e34, 2.7703111921967550263e34],
    [0.0, -80.0, 39.5, -0.5],
    [3.0, 80.0, 2.7703111921967550263e34, 2.7703111921967550263e34],
    [3.0, -80.0, 44.0, -0.5],
    [1e-3, 1e-6, 5.0000025000008335417e-7, 5.0000025000008331073e-7]])


@DTYPES
def test_kl_at_extreme_log_variances(dtype, rtol):
    mu, logvar, value, derivative = CLOSED.T.astype(dtype)
    # exp(80) is as sensitive to its argument as 80: a rounding error is 80 times as large
    np.testing.assert_allclose(divergences.kl_to_standard_normal(mu, logvar), value,
                               rtol=80 * rtol, atol=1e-6 * rtol)
    dmu, dlogvar = divergences.kl_to_standard_normal_backward(np.ones_like(mu), mu, logvar)
    np.testing.assert_array_equal(dmu, mu)
    np.testing.assert_allclose(dlogvar, derivative, rtol=80 * rtol)


# s, error, log N(error; 0, v), d / d mean, d / ds, with v = 1e-4 + exp(s)
HETEROSCEDASTIC = np.array([
    [80.0, 0.0, -40.918938533204672742, 0.0, -0.5],
    [80.0, 1.0, -40.918938533204672742, 1.8048513878454151723e-35, -0.5],
    [-80.0, 0.0, 3.6862316527834186263, 0.0, -9.0242569392270758616e-32],
    [-80.0, 1.0, -4996.3137683472165814, 10000.0, 9.023354513533153154e-28],
    [-80.0, 0.25, -308.81376834721658137, 2500.0, 5.6311363300776953376e-29],
    [-8.0, 1.0, -1145.2535457175297015, 2296.408315948234768, 884.14442071210441386],
    [-8.0, 0.25, -68.81214761679465403, 574.102078987058692, 54.897920434316599371]])


@DTYPES
def test_learned_variances_at_extremes(dtype, rtol):
    """The floor keeps the density of a pixel that never changes from growing without bound."""
    s, x, value, dmean, ds = HETEROSCEDASTIC.T.astype(dtype)[..., None]
    y = np.concatenate([np.zeros_like(s), s], axis=-1)[None]
    likelihood = likelihoods.HeteroscedasticGaussian(floor=1e-4)
    log_px, cache = likelihood.log_prob(x, y)
    np.testing.assert_allclose(log_px[0], value[:, 0], rtol=10 * rtol)
    dy = likelihood.backward(np.ones_like(log_px), cache)[0]
    np.testing.assert_allclose(dy, np.hstack([dmean, ds]), rtol=80 * rtol)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
@pytest.mark.parametrize("logvar, size", [(80.0, 1.0), (-80.0, 1.0), (0.0, 1e4)])
def test_a_whole_model_at_extremes(logvar, size, cost, dtype, rng):
    """Log variances of +-80, logits of +-1e4, data of exactly 0 and 1."""
    model = npvae.vae(6, (5,), 2).astype(dtype)
    encoder, decoder = model.encoder.layers[-1], model.decoder.layers[-1]
    encoder.W = 0.01 * encoder.W
    encoder.b = np.array([0.0, 0.0, logvar, logvar])
    decoder.b = size * np.array([1, -1, 1, -1, 1, -1])
    x = np.array([[0, 0, 1, 1, 0, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], dtype)
    eps = model.draw_noise(rng, 3, 2)
    loss = model.loss_and_grad(x, eps, objective=npvae.ELBO(cost=cost))
    assert np.isfinite([loss.value, loss.reconstruction, loss.kl]).all()
    assert np.isfinite(model.parameters.grad).all()
    if cost == KL() and logvar:
        kl = 2 * 0.5 * (np.exp(logvar) - 1 - logvar)
        assert loss.kl == pytest.approx(kl, rel=0.2)      # the weights move logvar a little
    if size == 1e4:      # a wrong pixel costs its logit; right ones cost nothing
        wrong = ((x > 0.5) != (decoder.b > 0)).sum(axis=-1).mean()
        assert loss.reconstruction == pytest.approx(1e4 * wrong, rel=1e-3)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "tied_gaussian",
                                        "heteroscedastic_gaussian"])
def test_one_of_everything(likelihood, rng):
    """One sample, one image, one pixel, one latent dimension, one hidden unit."""
    model = npvae.vae(1, (1,), 1, likelihood=likelihood, activation="tanh").astype(np.float64)
    x, eps = rng.random((1, 1)), model.draw_noise(rng, 1)
    for cost in (KL(), SampledKL()):
        npvae.gradcheck.check_model(model, x, eps,
                                    objective=npvae.ELBO(cost=cost)).assert_passed()
    assert model.encode(x).mu.shape == model.decode([[0.0]]).shape == (1, 1)
    assert model.sample(rng, 1).shape == model.reconstruct(x).shape == (1, 1)


def test_an_empty_batch_is_an_error():
    model = npvae.vae(6, (5,), 2)
    for call in (model.encode, model.reconstruct, lambda x: model.loss(x, np.zeros((1, 0, 2))),
                 lambda x: npvae.fit(model, x), lambda x: npvae.evaluate(model, x)):
        with pytest.raises(ValueError, match=r"x has shape \(0, 6\): at least one row"):
            call(np.zeros((0, 6)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations_at_extremes_reach_their_limits(dtype):
    x = np.array([-1e30, -1e4, 0.0, 1e4, 1e30], dtype)
    expected = {layers.ReLU: ([0, 0, 0, 1e4, 1e30], [0, 0, 0, 1, 1]),
                layers.Tanh: ([-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
                layers.Sigmoid: ([0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
                layers.Softplus: ([0, 0, np.log(2), 1e4, 1e30], [0, 0, 0.5, 1, 1])}
    for layer, (values, derivatives) in expected.items():
        y, cache = layer().forward(x)
        np.testing.assert_allclose(y, np.array(values, dtype), rtol=1e-6)
        np.testing.assert_allclose(layer().pullback(np.ones_like(x), cache), derivatives, rtol=1e-6)
