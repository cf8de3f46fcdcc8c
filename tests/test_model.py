"""Chapter 3: the model and its loss.

The value against scipy, term by term; what the loss may depend on, and what not; the two
estimators of Kingma and Welling; and what the public methods promise.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import npvae
from helpers import assert_mean, batch, small_vae
from npvae import ELBO, KL, SampledKL


def loss_by_scipy(model, x, eps, cost, beta=1.0):
    """The negative ELBO, written with none of the package's formulas for densities."""
    h = model.encoder.forward(x)[0]
    mu, std = h[:, :3], np.exp(h[:, 3:] / 2)
    z = mu + std * eps
    y = model.decoder.forward(z)[0]
    reconstruction = -stats.bernoulli.logpmf(1, 1 / (1 + np.exp(-y))) * x
    reconstruction -= stats.bernoulli.logpmf(0, 1 / (1 + np.exp(-y))) * (1 - x)
    q, p = stats.norm(mu, std), stats.norm(0, 1)
    if cost == KL():
        kl = (-q.entropy() + 0.5 * (np.log(2 * np.pi) + mu**2 + std**2)).sum(axis=-1)
    else:
        kl = (q.logpdf(z) - p.logpdf(z)).sum(axis=-1)
    return reconstruction.sum(axis=-1).mean() + beta * kl.mean()


@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_loss_is_summed_over_dimensions_and_averaged_over_the_batch(cost, beta, rng):
    model = small_vae()
    x, eps = batch(model, rng)
    loss = model.loss(x, eps, objective=ELBO(beta, cost))
    assert loss.value == pytest.approx(loss_by_scipy(model, x, eps, cost, beta), rel=1e-12)


@given(seed=st.integers(0, 1000), beta=st.floats(0, 10), cost=st.sampled_from([KL(), SampledKL()]),
       dtype=st.sampled_from([np.float32, np.float64]))
def test_the_terms_add_up_to_the_last_digit(seed, beta, cost, dtype):
    model = small_vae(dtype=dtype)
    x, eps = batch(model, np.random.default_rng(seed))
    loss = model.loss(x, eps, objective=ELBO(beta, cost))
    assert loss.value == loss.reconstruction + beta * loss.kl
    assert loss.elbo == -(loss.reconstruction + loss.kl)
    assert loss == model.loss_and_grad(x, eps, objective=ELBO(beta, cost))[:3] + loss[3:]


def test_beta_enters_the_value_and_the_gradient(rng):
    model = small_vae()
    x, eps = batch(model, rng)
    losses, gradients = [], []
    for beta in (0.0, 1.0, 3.0):
        losses.append(model.loss_and_grad(x, eps, objective=ELBO(beta)).value)
        gradients.append(model.parameters.grad.copy())
    # both are linear in beta
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-12)
    np.testing.assert_allclose(gradients[2] - gradients[0], 3 * (gradients[1] - gradients[0]),
                               rtol=1e-9, atol=1e-13)
    assert np.linalg.norm(gradients[1] - gradients[0]) > 0.1


def test_both_estimators_have_one_mean(rng):
    """Kingma and Welling's L^A (sampled) and L^B (analytic KL) agree in expectation, in
    value and in gradient, and here the analytic one varies less."""
    model = small_vae(6, (4,), 2)
    x = rng.random((2, 6))
    closed, sampled = KL(), SampledKL()
    losses, gradients = {closed: [], sampled: []}, {closed: [], sampled: []}
    for _ in range(3000):
        eps = model.draw_noise(rng, 2, 1)
        for cost in (closed, sampled):
            loss = model.loss_and_grad(x, eps, objective=ELBO(cost=cost))
            losses[cost].append(loss.value)
            gradients[cost].append(model.parameters.grad.copy())
    assert_mean(np.subtract(losses[closed], losses[sampled]), 0.0)
    assert_mean(np.subtract(gradients[closed], gradients[sampled]), 0.0)
    assert np.var(losses[closed]) < 0.7 * np.var(losses[sampled])


def test_more_samples_are_the_mean_of_single_ones(rng):
    model = small_vae()
    x, eps = batch(model, rng, n_samples=5)
    for objective in (ELBO(), ELBO(cost=SampledKL())):
        together = model.loss_and_grad(x, eps, objective=objective).value
        gradient = model.parameters.grad.copy()
        losses, gradients = [], []
        for k in range(5):
            losses.append(model.loss_and_grad(x, eps[k:k + 1], objective=objective).value)
            gradients.append(model.parameters.grad.copy())
        assert together == pytest.approx(np.mean(losses), rel=1e-13)
        np.testing.assert_allclose(gradient, np.mean(gradients, axis=0), rtol=1e-9, atol=1e-13)


def test_the_target_is_described_and_the_condition_is_seen(rng):
    """p(target|z, c) with z from q(z|x, c): each input has its own place."""
    model = small_vae()
    x, eps = batch(model, rng)
    target = rng.random(x.shape)
    loss = model.loss(x, eps, target=target)
    y = model.decoder.forward(model.posterior.sample(model.encode(x), eps)[0])[0]
    assert loss.reconstruction == pytest.approx(
        -(target * y - np.logaddexp(0, y)).sum(axis=-1).mean(), rel=1e-13)
    assert loss.kl == model.loss(x, eps).kl
    # a model of 9 data dimensions and a condition of 3 sees what one of 12 sees
    parts = dict(posterior=model.posterior.copy(), prior=model.prior.copy(),
                 likelihood=model.likelihood.copy())
    decoder = small_vae(9, (7, 5), 6).decoder.copy()               # takes (z, c)
    conditional = npvae.VAE(model.encoder.copy(), decoder=decoder, n_data=9, n_condition=3, **parts)
    x, condition = x[:, :9], x[:, 9:]
    q = conditional.encode(x, condition)
    np.testing.assert_array_equal(q.mu, model.encode(np.hstack([x, condition])).mu)
    z = rng.standard_normal((4, 3))
    np.testing.assert_array_equal(conditional.reconstruct(x, condition),
                                  conditional.decode(q.mu, condition))
    np.testing.assert_array_equal(conditional.decode(z, condition),
                                  model.likelihood.mean(decoder.forward(np.hstack([z, condition]))[0]))


# ---- what the loss must not depend on -----------------------------------------------------

@pytest.mark.parametrize("cost", [KL(), SampledKL()], ids=repr)
def test_a_batch_may_be_permuted_duplicated_or_split(cost, rng):
    model = small_vae()
    x, eps = batch(model, rng, n_batch=6)

    def loss_and_gradient(x, eps):
        value = model.loss_and_grad(x, eps, objective=ELBO(1.3, cost)).value
        return value, model.parameters.grad.copy()

    value, gradient = loss_and_gradient(x, eps)
    order = rng.permutation(6)
    doubled = (np.concatenate([x, x]), np.concatenate([eps, eps], axis=1))
    for other in ((x[order], eps[:, order]), (x, eps[::-1]), doubled):
        v, g = loss_and_gradient(*other)
        assert v == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(g, gradient, rtol=1e-9, atol=1e-13)
    halves = [loss_and_gradient(x[i:i + 3], eps[:, i:i + 3]) for i in (0, 3)]
    assert np.mean([v for v, _ in halves]) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(np.mean([g for _, g in halves], axis=0), gradient,
                               rtol=1e-9, atol=1e-13)


def test_noise_decides_the_loss():
    """The same noise, the same loss to the bit; other noise, another loss."""
    model = small_vae()
    x, eps = batch(model, np.random.default_rng(0))
    assert model.loss(x, eps).value == model.loss(x, eps).value
    assert model.loss(x, eps + 0.1).value != model.loss(x, eps).value


# ---- encode, decode, reconstruct, sample --------------------------------------------------

def test_public_methods_fit_together(rng):
    model = small_vae()
    x, eps = batch(model, rng)
    q = model.encode(x)
    assert q.mu.shape == q.std.shape == (4, 3)
    np.testing.assert_allclose(q.std**2, np.exp(q.logvar), rtol=1e-14)
    np.testing.assert_array_equal(model.reconstruct(x), model.decode(q.mu))
    assert ((model.decode(q.mu) > 0) & (model.decode(q.mu) < 1)).all()     # not the logits
    z = model.prior.sample(np.random.default_rng(5), 7, np.float64)
    np.testing.assert_array_equal(model.sample(np.random.default_rng(5), 7), model.decode(z))
    # the decoder's mean is the one that the loss is about
    np.testing.assert_allclose(model.decode(eps[0]), 1 / (1 + np.exp(-model.decoder.forward(eps)[0][0])))


def test_recipes_note_how_they_were_called():
    model = npvae.vae(12, [7, 5], 3, beta=2.0)
    assert model.config == {"recipe": "vae", "n_data": 12, "n_hidden": (7, 5), "n_latent": 3,
                            "posterior": "diagonal_gaussian", "prior": "standard_normal",
                            "likelihood": "bernoulli", "variance": 1.0, "beta": 2.0,
                            "activation": "relu", "init": "uniform", "shows_mask": False, "seed": 0}
    assert model.objective == ELBO(beta=2.0)


def test_a_recipe_follows_its_seed_and_its_initializer():
    one, again, other = (npvae.vae(50, (40,), 3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.parameters.theta, again.parameters.theta)
    assert (one.encoder.layers[0].W != other.encoder.layers[0].W).all()
    deviations = {init: npvae.vae(500, (400,), 3, init=init).encoder.layers[0].W.std()
                  for init in ("uniform", "glorot", "he")}
    assert deviations == pytest.approx({"uniform": (1 / 1500)**0.5, "glorot": (2 / 900)**0.5,
                                        "he": (2 / 500)**0.5}, rel=0.01)


def test_a_posterior_and_a_prior_by_name_are_drawn_apart():
    """They once began with the same draws; the prior's are still those of the seed."""
    model = npvae.vae(6, (5,), 4, posterior="flow_gaussian", prior="real_nvp", seed=3)
    ours, theirs = (list(part.blocks().values()) for part in (model.posterior, model.prior))
    own = npvae.distributions.flows.RealNVP(4, seed=3).blocks().values()
    assert all((a == b).all() for a, b in zip(theirs, own))
    common = min(ours[0].size, theirs[0].size)
    alike = np.corrcoef(ours[0].ravel()[:common], theirs[0].ravel()[:common])[0, 1]
    assert abs(alike) < 4 / np.sqrt(common)
    again, other = (npvae.vae(6, (5,), 4, posterior="flow_gaussian", seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(list(again.posterior.blocks().values())[0], ours[0])
    assert (list(other.posterior.blocks().values())[0] != ours[0]).any()


def test_default_model_has_the_stated_size():
    model = npvae.vae()
    assert model.parameters.size == (784 + 1) * 400 + 401 * 40 + 21 * 400 + 401 * 784 == 652_824
    assert model.parameters.dtype == np.float32
