"""What is left out of a call: it is as if stated, number by number."""

import inspect

import numpy as np
import pytest

import npvae
from npvae import conditional_vae, semi_supervised_vae, vae
from npvae.distributions.flows import FlowGaussian
from npvae.distributions.given import ConditionalNormal, VampPrior
from npvae.distributions.posteriors import Concrete
from npvae.distributions.priors import Concrete as ConcretePrior
from npvae.distributions.relaxed import GumbelSoftmax, GumbelSoftmaxPrior
from npvae.evaluation import annealed_log_evidence, calibration_ranks, log_evidence, sandwich
from npvae.labels import SemiSupervisedVAE
from npvae.networks import Dense

FOR_DIGITS = {
    "vae": ((784, (400,), 20), {}),
    "autoencoder": ((784, (400,), 20), {}),
    "denoising_autoencoder": ((784, (400,), 20), {"masked": 0.5}),
    "iwae": ((784, (200, 200), 50), {}),
    "two_layer_iwae": ((784, ((200, 200), (100, 100)), (100, 50)), {}),
    "conditional_vae": ((784, 10, (400,), 20), {}),
    "semi_supervised_vae": ((784, 10, (500,), 50), {"alpha": 1.0}),
    "bernoulli_vae": ((784, (400,), 20), {}),
    "concrete_vae": ((784, (400,), 20), {"temperature": 2 / 3, "prior_temperature": 0.5}),
    "categorical_vae": ((784, (400,), 200), {"n_categories": 10}),
    "gumbel_softmax_vae": ((784, (400,), 200), {"n_categories": 10, "temperature": 2 / 3,
                                                "prior_temperature": 0.5}),
}


@pytest.mark.parametrize("recipe", FOR_DIGITS)
def test_a_recipe_is_for_digits_unless_told_otherwise(recipe):
    """784 pixels, the sizes of the paper or the house's own, and the seed 0."""
    sizes, options = FOR_DIGITS[recipe]
    default, stated = getattr(npvae, recipe)(), getattr(npvae, recipe)(*sizes, **options, seed=0)
    assert default.config == stated.config
    assert default.blocks().keys() == stated.blocks().keys()
    for name, block in default.blocks().items():
        np.testing.assert_array_equal(block, stated.blocks()[name])


def test_a_posterior_of_flows_has_two_couplings_and_a_context_of_ten_numbers():
    default, stated = FlowGaussian(2), FlowGaussian(2, "coupling coupling", 50, 10, 0)
    assert default.n_outputs == stated.n_outputs
    assert (default.parameters.theta == stated.parameters.theta).all()
    assert str(default) == str(stated)


X = np.random.default_rng(3).random((5, 12)).astype(np.float32)
MODEL, LABELLED = vae(12, (4,), 2, seed=5), semi_supervised_vae(12, 10, (4,), 2)


def rng_of_8():
    return np.random.default_rng(8)


LEFT_OUT = {
    "one z": (lambda **stated: LABELLED.draw_noise(rng_of_8(), 5, **stated), {"n_samples": 1}),
    "weights for log p(x)": (lambda **stated: log_evidence(MODEL, X, rng_of_8(), **stated).log_px,
                             {"n_samples": 100}),
    "pairs to rank": (lambda **stated: calibration_ranks(MODEL, rng_of_8(), **stated),
                      {"n": 1000, "n_samples": 99}),
    "classes": (lambda **stated: ConditionalNormal(2, **stated).parameters.theta,
                {"n_condition": 10, "n_hidden": 50, "seed": 0}),
    "pseudo-inputs": (lambda **stated: VampPrior(2, **stated).u,
                      {"n_data": 784, "n_components": 100, "mean": 0.05, "std": 0.01, "seed": 0}),
    "alpha": (lambda **stated: SemiSupervisedVAE(conditional_vae(12, 10, (4,), 2),
                                                 Dense(12, 10, rng_of_8()), **stated).alpha,
              {"alpha": 1.0}),
}


@pytest.mark.parametrize("function, stated", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_left_out_is_as_if_stated(function, stated):
    np.testing.assert_array_equal(function(), function(**stated))


@pytest.mark.parametrize("kind, temperature", [
    (Concrete, 2 / 3), (GumbelSoftmax, 2 / 3), (ConcretePrior, 0.5), (GumbelSoftmaxPrior, 0.5)])
def test_temperatures_are_two_thirds_and_for_the_prior_a_half(kind, temperature):
    assert kind(4).temperature == temperature


def test_a_sandwich_is_annealed_as_one_estimate_is():
    ours, theirs = (inspect.signature(each).parameters for each in (sandwich, annealed_log_evidence))
    for name in ("n_chains", "n_temperatures", "n_leapfrog", "start", "batch_size"):
        assert ours[name].default == theirs[name].default
