"""What is not observed has no term in the loss, nor in its gradient."""

import numpy as np
import pytest

import npvae
from helpers import described_by, likelihoods_by_name

LIKELIHOODS = pytest.mark.parametrize("likelihood", likelihoods_by_name())


def model_of(likelihood, rng):
    model = npvae.vae(6, (5,), 2, likelihood=likelihood, activation="tanh")
    model.parameters.theta[...] = rng.normal(0.0, 0.4, model.parameters.size)
    x = described_by(model.likelihood, rng.random((4, 6)).astype(np.float32))
    return model, x, model.draw_noise(rng, 4, 3)


@LIKELIHOODS
def test_with_all_observed_every_bit_is_as_without_a_mask(likelihood, rng):
    model, x, eps = model_of(likelihood, rng)
    loss, gradient = model.loss_and_grad(x, eps), model.parameters.grad.copy()
    again = model.loss_and_grad(x, eps, observed=np.ones((4, 6)))
    assert again.value == loss.value and again.reconstruction == loss.reconstruction
    np.testing.assert_array_equal(model.parameters.grad, gradient)


@LIKELIHOODS
def test_what_stands_where_nothing_was_observed_changes_no_bit(likelihood, rng):
    """The target's value there; the encoder's input is another matter."""
    model, x, eps = model_of(likelihood, rng)
    observed = rng.random((4, 6)) < 0.6
    results = []
    for filler in (x[0, 0], x[1, 2]):
        target = np.where(observed, x, filler)
        loss = model.loss_and_grad(x, eps, target=target, observed=observed)
        results.append((loss.value, model.parameters.grad.copy()))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][0] != model.loss(x, eps).value


@LIKELIHOODS
def test_log_p_of_what_is_observed_is_the_sum_of_its_terms(likelihood, rng):
    model, x, _ = model_of(likelihood, rng)
    y = rng.standard_normal((3, 4, model.likelihood.n_outputs(6))).astype(np.float32)
    observed = (rng.random((4, 6)) < 0.6).astype(np.float32)
    terms, _ = model.likelihood.log_terms(x, y)
    found, _ = model.likelihood.log_prob(x, y, observed)
    np.testing.assert_allclose(found, (terms * observed).sum(axis=-1), rtol=2e-5, atol=2e-5)


def test_the_terms_of_a_bernoulli_are_its_sum_over_many_pixels(rng):
    """Its sum takes the log of products; the terms are the plain twin."""
    x, logits = rng.random((5, 785)), rng.normal(0.0, 3.0, (2, 5, 785))
    likelihood = npvae.likelihoods.Bernoulli()
    np.testing.assert_allclose(likelihood.log_prob(x, logits)[0],
                               likelihood.log_terms(x, logits)[0].sum(axis=-1), rtol=1e-13)


@pytest.mark.parametrize("observed, message", [
    (np.full((4, 6), 0.5), "observed holds 0.5: only 0 and 1, or bools, were expected"),
    (np.ones((3, 6)), "observed has 3 rows: 4 were expected, as in x"),
    (np.ones((4, 5)), r"observed has shape \(4, 5\): \(batch, 6\) was expected")])
def test_what_is_no_mask_is_refused(observed, message, rng):
    model, x, eps = model_of("bernoulli", rng)
    with pytest.raises(ValueError, match=message):
        model.loss(x, eps, observed=observed)
