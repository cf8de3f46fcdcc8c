"""Priors that are made anew in every step: of the encoder (VampPrior), and of the condition."""

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from helpers import assert_mean
from npvae import evaluation
from npvae.distributions.given import ConditionalNormal, VampPrior
from npvae.numerics import log_mean_exp
from ranges import B, D, J, K, Row, medium, of_prior


def in_a_model(draw):
    """The mixture that pseudo-inputs of any size make, by an encoder that keeps to `medium`."""
    prior = VampPrior(J, D, 3)
    model = npvae.vae(D, (4,), J, prior=prior)
    prior.u = draw.upto(1e8, 3, D)
    last = model.encoder.layers[-1]
    last.W[...], last.b[...] = 0.0, medium(draw)[0]
    return prior.given(None, model)


def of_condition(draw):
    prior = ConditionalNormal(J, 3, 4)
    last = prior.network.layers[-1]
    last.W[...], last.b[...] = 0.0, medium(draw)[0]
    return prior.given(draw.normal(B, 3), None)


class Step:
    """The p(z) of a step as `of_prior` asks of one."""

    def __init__(self, p):
        self.log_prob, self.backward, self.gradients = p.log_prob, p.backward, p.prior.gradients


RANGES = {
    "VampPrior": Row(VampPrior, "Finite, in float32, where the encoder is, for |z| and |mu| up to 1e8 "
                                "and logvar of -20 to 20.",
                     of_prior(lambda draw: Step(in_a_model(draw)),
                              lambda draw: draw.upto(1e8, K, B, J))),
    "ConditionalNormal": Row(
        ConditionalNormal, "Finite, in float32, for |z| and |mu| up to 1e8 and logvar of -20 to 20.",
        of_prior(lambda draw: Step(of_condition(draw)), lambda draw: draw.upto(1e8, K, B, J)), 10.0)}


def vamp_model(n_latent=1, seed=3, **options):
    prior = VampPrior(n_latent, 6, 4, mean=0.5, std=1.0)
    model = npvae.vae(6, (5,), n_latent, prior=prior, activation="tanh", **options).astype(np.float64)
    model.parameters.theta[...] = np.random.default_rng(seed).normal(0.0, 0.5, model.parameters.size)
    return model


def encoded(model):
    """q(z|u) of the pseudo-inputs, which need not be pixels."""
    return model.posterior.given(model.encoder.forward(model.prior.u)[0])


# ---- the VampPrior --------------------------------------------------------------------------

def test_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_pseudo_inputs(rng):
    model = vamp_model(2)
    p, z = model.prior.given(None, model), rng.standard_normal((3, 7, 2))
    q = encoded(model)
    log_q = np.stack([stats.norm(q.mu[c], q.std[c]).logpdf(z).sum(axis=-1) for c in range(4)])
    np.testing.assert_allclose(p.log_prob(z)[0], log_mean_exp(log_q), rtol=1e-12)
    one = vamp_model(1)
    p = one.prior.given(None, one)
    density = lambda z: np.exp(p.log_prob(np.array([z]))[0])
    assert integrate.quad(density, -40, 40, epsabs=1e-12, limit=400)[0] == pytest.approx(1.0, abs=1e-9)
    cdf = lambda z: np.mean([stats.norm(m, s).cdf(z)
                             for m, s in zip(p.q.mu[:, 0], p.q.std[:, 0])], axis=0)
    assert stats.kstest(p.sample(rng, 20_000, np.float64).ravel(), cdf).pvalue > 0.01


def test_the_encoder_learns_from_the_pseudo_inputs_too(rng):
    """With the reconstruction and the q(z|x) of the data held, the encoder's gradient is the prior's."""
    model = vamp_model()
    x = rng.random((4, 6))
    eps = model.draw_noise(rng, 4, 3)
    loss, cache = model.forward(x, eps)
    p, of_prior = cache.of_cost
    model.parameters.zero_grad()
    p.backward(-loss.drate, of_prior)
    touched = {name for name, g in model.gradients().items() if g.any()}
    assert touched == {"prior.u", *(name for name in model.blocks() if name.startswith("encoder"))}


def test_a_model_with_a_vamp_prior_is_judged_by_it(tmp_path, rng):
    """log p(x) by importance sampling against quadrature over z, with p(z) written by scipy."""
    model = vamp_model()
    x = (rng.random((3, 6)) < 0.5).astype(float)
    q = encoded(model)
    z = np.linspace(-25, 25, 40_001)
    p = np.mean([stats.norm(m, s).pdf(z) for m, s in zip(q.mu[:, 0], q.std[:, 0])], axis=0)
    logits = model.decoder.forward(z[:, None])[0]
    log_px = np.array([(row * logits - np.logaddexp(0, logits)).sum(axis=-1) for row in x])
    exact = np.log(integrate.simpson(np.exp(log_px) * p, x=z))
    found = evaluation.log_evidence(model, x, rng, 20_000)
    np.testing.assert_allclose(found.log_px, exact, atol=0.03)
    npvae.save(tmp_path / "vamp.npz", model)
    again = npvae.load(tmp_path / "vamp.npz")
    np.testing.assert_array_equal(again.prior.u, model.prior.u)
    assert repr(again.prior) == repr(model.prior) and isinstance(again.objective.cost, npvae.SampledKL)
    assert not [item for item in evaluation.diagnose(model, x).findings if "collapsed" in item.name]


def test_a_vamp_prior_is_trained(rng):
    """Its pseudo-inputs move, and the loss ends below that of N(0, I)."""
    kind = rng.integers(4, size=400)
    patterns = np.random.default_rng(1).choice([0.05, 0.95], (4, 12))
    x = (rng.random((400, 12)) < patterns[kind]).astype(np.float32)
    losses = {}
    for prior in ("standard_normal", VampPrior(2, 12, 8, mean=0.5, std=0.5)):
        model = npvae.vae(12, (24,), 2, prior=prior, activation="tanh")
        history = npvae.fit(model, x, epochs=80, batch_size=50, learning_rate=5e-3, progress=False)
        losses[type(model.prior).__name__] = np.mean([row["loss"] for row in history[-10:]])
    assert losses["VampPrior"] < losses["StandardNormal"] - 0.05
    assert np.abs(model.prior.u - VampPrior(2, 12, 8, mean=0.5, std=0.5).u).max() > 0.1


# ---- p(z|c) ---------------------------------------------------------------------------------

def conditional_model(rng):
    prior = ConditionalNormal(2, 3, 4)
    model = npvae.conditional_vae(6, 3, (5,), 2, prior=prior, activation="tanh").astype(np.float64)
    model.parameters.theta[...] = rng.normal(0.0, 0.7, model.parameters.size)
    return model


def test_its_closed_form_is_the_mean_of_the_log_ratio(rng):
    """Of a conditional VAE whose recipe has chosen the closed form by itself."""
    model = conditional_model(rng)
    assert model.objective == npvae.ELBO()
    x, c = rng.random((4, 6)), np.eye(3)[[0, 1, 2, 0]]
    q, p = model.encode(x, c), model.prior.given(c, model)
    z, drawn = model.posterior.sample(q, model.draw_noise(rng, 4, 50_000))
    log_pz, _ = p.log_prob(z)
    np.testing.assert_allclose(log_pz, stats.norm(p.mu, p.std).logpdf(z).sum(axis=-1), rtol=1e-10)
    assert_mean(model.posterior.log_prob(drawn) - log_pz, npvae.kl(q, p)[0].sum(axis=-1))
    assert np.ptp(p.mu[[0, 3]], axis=0).max() == 0 and np.ptp(p.mu, axis=0).min() > 0.01


def test_codes_are_drawn_for_their_conditions(rng):
    model = conditional_model(rng)
    c = np.repeat(np.eye(3), 20_000, axis=0)
    draws = model.prior.given(c, model).sample(rng, len(c), np.float64).reshape(3, 20_000, 2)
    p = model.prior.given(np.eye(3), model)
    for k in range(3):
        assert_mean(draws[k], p.mu[k])
        assert_mean((draws[k] - p.mu[k])**2, p.std[k]**2)
    assert model.sample(rng, 3, np.eye(3)).shape == (3, 6)


def test_a_condition_of_another_size_is_named():
    with pytest.raises(ValueError, match="a ConditionalNormal of n_condition=3 is in a model of n_c"):
        npvae.conditional_vae(6, 4, (5,), 2, prior=ConditionalNormal(2, 3))
    with pytest.raises(ValueError, match="VampPrior of n_data=5 is in a model of n_data=6"):
        npvae.vae(6, (5,), 2, prior=VampPrior(2, 5, 3))
    with pytest.raises(TypeError, match="posterior beside a VampPrior is Concrete"):
        npvae.vae(6, (5,), 2, posterior="concrete", prior="vamp_prior")


def test_options_of_both_change_what_they_should():
    assert VampPrior(2, 6, 5).u.shape == (5, 6)
    many = VampPrior(2, 600, 50, mean=0.3, std=0.2).u
    assert many.mean() == pytest.approx(0.3, abs=0.01) and many.std() == pytest.approx(0.2, abs=0.01)
    assert (VampPrior(2, 6, 5, seed=1).u != VampPrior(2, 6, 5).u).all()
    layers = ConditionalNormal(2, 3, 7).network.layers
    assert layers[0].W.shape == (3, 7) and layers[2].W.shape == (7, 4)
    first, other = (ConditionalNormal(2, 3, seed=seed).network.layers[0].W for seed in (0, 1))
    assert (first != other).all()
    model = npvae.conditional_vae(6, 3, (5,), 2, prior="conditional_normal")
    assert model.prior.network.layers[0].W.shape[0] == 3         # as many as the model has


# ---- by name, in recipes and files ----------------------------------------------------------

@pytest.mark.parametrize("recipe, prior", [
    ("vae", "mixture_of_normals"), ("vae", "vamp_prior"), ("conditional_vae", "conditional_normal"),
    ("iwae", "MixtureOfNormals(2, n_components=5, seed=1)"),
    ("vae", "VampPrior(2, n_data=6, n_components=7, mean=0.5, std=0.3, seed=2)"),
    ("conditional_vae", "ConditionalNormal(2, n_condition=3, n_hidden=7, seed=1)"),
    ("vae", "RealNVP(2, n_flows=2, n_hidden=5, seed=1)")])
def test_a_prior_is_built_by_its_name_and_comes_back_from_a_file(recipe, prior, tmp_path, rng):
    """Trained, saved, loaded: the same numbers to the last bit, by all that judges a model."""
    sizes = {"n_condition": 3} if recipe == "conditional_vae" else {}
    model = getattr(npvae, recipe)(6, n_hidden=(5,), n_latent=2, prior=prior, **sizes)
    if prior.endswith(")"):
        assert repr(model.prior) == prior
    x, c = rng.random((40, 6)), np.eye(3)[rng.integers(3, size=40)] if sizes else None
    before = {name: block.copy() for name, block in model.blocks().items() if name.startswith("prior")}
    npvae.fit(model, x, condition=c, epochs=2, batch_size=20, progress=False)
    assert before and all((model.blocks()[name] != block).any() for name, block in before.items())
    npvae.save(tmp_path / "model.npz", model)
    again = npvae.load(tmp_path / "model.npz")
    assert repr(again) == repr(model) and type(again.prior) is type(model.prior)
    seeded = np.random.default_rng
    for judge in (lambda m: npvae.evaluate(m, x, condition=c), lambda m: m.sample(seeded(0), 40, c),
                  lambda m: evaluation.log_evidence(m, x, seeded(0), 30, condition=c).log_px,
                  lambda m: str(evaluation.diagnose(m, x, condition=c))):
        np.testing.assert_array_equal(judge(again), judge(model))


@pytest.mark.parametrize("std", [0.01, 0.001])
@pytest.mark.parametrize("size", [1.0, 3.0])
def test_a_vamp_prior_of_narrow_posteriors_keeps_its_digits_in_float32(std, size, rng):
    """The square (z - mu)^2 / std^2 is multiplied out, and its parts are a million times their sum."""
    model = npvae.vae(6, (8,), 2, prior=VampPrior(2, 6, 4))
    last = model.encoder.layers[-1]
    last.W[...] = 0.0
    last.b[...] = [size, -size, 2 * np.log(std), 2 * np.log(std)]
    p = model.prior.given(None, model)
    z = (p.q.mu[:1] + std * rng.standard_normal((50, 2))).astype(np.float32)
    expected = stats.norm.logpdf(z.astype(np.float64), p.q.mu[0].astype(np.float64),
                                 np.exp(0.5 * p.q.logvar[0].astype(np.float64))).sum(axis=1)
    found = p.log_prob(z)[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
