"""A model changed after it was built: it is changed in truth, and in its file, or it refuses."""

import numpy as np
import pytest

import npvae
from helpers import batch, small_of, small_vae
from npvae.datasets import Masking
from npvae.distributions import likelihoods, posteriors, priors
from npvae.evaluation import AnomalyDetector, load_detector
from npvae.learning import checkpoints
from npvae.networks import Chain, Dense, Module, ReLU, Sigmoid, Tanh
from npvae.recipes import RECIPES


# ---- parts and theta ---------------------------------------------------------------------

PARTS = {"encoder": lambda: Dense(12, 6, np.random.default_rng(0)), "decoder": ReLU,
         "posterior": lambda: posteriors.DiagonalGaussian(3), "prior": lambda: priors.StandardNormal(3),
         "likelihood": lambda: likelihoods.Gaussian(0.1)}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_model_cannot_be_replaced(name, rng):
    model = small_vae()
    before = model.loss(*batch(model, rng)).value
    with pytest.raises(AttributeError, match=f"{name} of a VAE is a part of it, and cannot be replaced: "
                       "build another VAE, from the new part and a copy"):
        setattr(model, name, PARTS[name]())
    setattr(model, name, getattr(model, name))                      # itself is no other
    rng = np.random.default_rng(20140214)
    assert model.loss(*batch(model, rng)).value == before


def test_the_way_that_the_message_names_is_one(rng):
    model = small_vae()
    other = npvae.VAE(model.encoder.copy(), model.posterior.copy(), model.prior.copy(),
                      model.decoder.copy(), likelihoods.Gaussian(0.1), n_data=12)
    x, eps = batch(model, rng)
    assert other.encode(x).mu == pytest.approx(model.encode(x).mu)
    assert other.loss_and_grad(x, eps).value > model.loss_and_grad(x, eps).value


def test_nor_can_the_layers_of_a_chain_and_the_parts_of_ones_own_modules(rng):
    chain = Chain(Dense(3, 3, rng), ReLU())
    with pytest.raises(AttributeError, match="layers of a Chain is a part"):
        chain.layers = (Dense(3, 3, rng), ReLU())

    class Own(Module):
        def __init__(self):
            self.net, self.note = Dense(2, 2, rng), "first"
            super().__init__(parts={"network": self.net})

    own = Own()
    for name in ("net", "network"):
        with pytest.raises(AttributeError, match=f"{name} of a Own is a part"):
            setattr(own, name, Dense(2, 2, rng))
    own.note = "second"
    assert own.note == "second"


def test_what_was_refused_keeps_no_parts():
    """So the corrected call may be made of the same ones."""
    prior = npvae.distributions.flows.RealNVP(3)
    with pytest.raises(ValueError, match="prior has 3 latent dimensions: 2 were expected"):
        npvae.vae(6, (4,), 2, prior=prior)
    assert npvae.vae(6, (4,), 3, prior=prior).prior is prior
    likelihood, classes = likelihoods.TiedGaussian(), npvae.distributions.columns.Categorical(3)
    with pytest.raises(ValueError, match="n_data is 2: a Categorical describes one column"):
        npvae.distributions.columns.Columns([(likelihood, [0]), (classes, [1, 2])])
    npvae.distributions.columns.Columns([(likelihood, [0, 2]), (classes, [1])])


def test_assigning_theta_writes_into_it(rng):
    model = small_vae()
    theta, (x, eps) = model.parameters.theta, batch(model, rng)
    values = rng.normal(0, 0.1, theta.size)
    model.parameters.theta = values
    assert model.parameters.theta is theta is not values
    np.testing.assert_array_equal(model.encoder.layers[0].W.ravel(), values[:84])
    expected = model.loss_and_grad(x, eps).value
    model.parameters.theta -= 0.1 * model.parameters.grad
    assert model.parameters.theta is theta and model.loss(x, eps).value < expected
    for wrong in (0.0, values[:-1], values[None]):
        with pytest.raises(ValueError, match=r"theta has shape .*: \(325,\) was expected"):
            model.parameters.theta = wrong


# ---- their files -------------------------------------------------------------------------

def variance(model):
    model.likelihood.variance = 0.1


def slope(model):
    model.encoder.layers[1].forward = ReLU().forward


@pytest.mark.parametrize("change", [variance, slope])
def test_a_model_whose_parts_were_changed_is_not_saved_as_its_recipes(change, tmp_path, rng):
    path, model = tmp_path / "model.npz", small_vae(likelihood="gaussian")
    npvae.save(path, model)
    assert npvae.load(path).config == model.config
    change(model)
    npvae.save(path, model)
    with pytest.raises(ValueError, match="Build the model yourself, then load_into it"):
        npvae.load(path)
    with pytest.raises(ValueError, match="holds a model with (likelihood|encoder) = "):
        npvae.load_into(path, small_vae(likelihood="gaussian"))
    again = small_vae(likelihood="gaussian", scale=0.0)
    change(again)
    npvae.load_into(path, again)
    x, eps = batch(model, rng)
    assert again.loss(x, eps).value == model.loss(x, eps).value


@pytest.mark.parametrize("then, now, name", [
    (dict(likelihood="gaussian"), dict(likelihood="bernoulli"), "likelihood"),
    (dict(likelihood="gaussian"), dict(likelihood="gaussian", variance=0.1), "likelihood"),
    (dict(activation="tanh"), dict(activation="relu"), "encoder")])
@pytest.mark.parametrize("version", [1, 2])
def test_load_into_compares_what_the_model_computes(then, now, name, version, tmp_path, monkeypatch):
    """A file of version 1 has the arguments of the recipe to be compared."""
    path = tmp_path / "model.npz"
    monkeypatch.setattr(checkpoints, "VERSION", version)
    npvae.save(path, small_vae(**then))
    model = small_vae(**now)
    before = model.parameters.theta.copy()
    with pytest.raises(ValueError, match="holds a model with .* = .*, and this one has"):
        npvae.load_into(path, model)
    np.testing.assert_array_equal(model.parameters.theta, before)
    npvae.load_into(path, small_vae(**then))


@pytest.mark.parametrize("change", [dict(beta=4.0), dict(seed=5), dict(init="he")])
def test_one_may_go_on_with_another_objective(change, tmp_path):
    path, model = tmp_path / "model.npz", small_vae(scale=0.3)
    npvae.save(path, model)
    other = small_vae(**change)
    npvae.load_into(path, other)
    np.testing.assert_array_equal(other.parameters.theta, model.parameters.theta)
    other = npvae.iwae(12, (7, 5), 3).astype(float)                 # the networks of another recipe
    other.objective = npvae.DReG()
    npvae.load_into(path, other)
    np.testing.assert_array_equal(other.parameters.theta, model.parameters.theta)


def test_posteriors_of_the_same_shape_are_told_apart(tmp_path):
    npvae.save(tmp_path / "bits.npz", small_of("bernoulli_vae"))
    with pytest.raises(ValueError, match="holds a model with posterior = Bernoulli.*Deterministic"):
        npvae.load_into(tmp_path / "bits.npz", small_of("autoencoder"))


def test_every_recipes_model_is_its_own_description():
    """Whatever a recipe builds twice is the same in words, and no two recipes build the same."""
    words = {}
    for name in RECIPES:
        first, second = (checkpoints.parts_in_words(small_of(name, seed=seed)) for seed in (1, 2))
        assert first == second
        words[name] = tuple(first.values())
    alike = {frozenset(names) for names in
             ([other for other in words if words[other] == words[name]] for name in words)
             if len(names) > 1}
    assert alike == {frozenset({"autoencoder", "denoising_autoencoder"})}   # but for what it is shown


def test_what_a_file_does_not_keep_is_named_in_a_warning(tmp_path):
    path, model = tmp_path / "model.npz", small_vae()

    class Own(npvae.ELBO):
        pass

    model.objective = Own()
    npvae.save(path, model)
    with pytest.warns(UserWarning, match="its model had an objective that is not kept, and has ELBO"):
        npvae.load(path)
    model.objective, model.corrupt = npvae.ELBO(), Masking(0.3)
    npvae.save(path, model)
    with pytest.warns(UserWarning, match=r"had corrupt = Masking\(p=0.3\), which is not kept: set"):
        npvae.load(path)
    npvae.save(path, small_of("denoising_autoencoder", masked=0.3))             # this recipe has one
    assert npvae.load(path).corrupt == Masking(0.3)


# ---- detectors ---------------------------------------------------------------------------

def by_hand(activation=Tanh):
    rng = np.random.default_rng(0)
    return npvae.VAE(Chain(Dense(6, 5, rng), activation(), Dense(5, 4, rng)),
                     posteriors.DiagonalGaussian(2), priors.StandardNormal(2), Dense(2, 6, rng),
                     likelihoods.Gaussian(0.5), n_data=6)


def test_a_detector_of_a_model_built_by_hand_is_loaded_into_one(tmp_path, rng):
    path, model, normal = tmp_path / "detector.npz", by_hand(), rng.normal(size=(30, 6))
    npvae.fit(model, normal, epochs=2, progress=False)
    detector = AnomalyDetector(model, normal)
    detector.save(path)
    again = load_detector(path, by_hand())
    np.testing.assert_array_equal(again.score(normal), detector.score(normal))
    assert again.threshold(quantile=0.9) == detector.threshold(quantile=0.9)
    with pytest.raises(ValueError, match="with encoder = .*Tanh.*, and this one .*Sigmoid"):
        load_detector(path, by_hand(Sigmoid))
    with pytest.raises(ValueError, match="Build the model yourself"):
        load_detector(path)
