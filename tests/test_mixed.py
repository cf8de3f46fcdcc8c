"""MIWAE, PIWAE and CIWAE: few samples and many in one objective, and what they are at their ends."""

import numpy as np
import pytest

import npvae
from helpers import batch, small_vae
from npvae import CIWAE, ELBO, IWAE, MIWAE, PIWAE, SampledKL
from test_importance import gradient

SAMPLED = ELBO(cost=SampledKL())


def assert_same(model, x, eps, one, other):
    """The value, its terms, and the gradient in all blocks."""
    ours, theirs = (model.loss(x, eps, objective=objective) for objective in (one, other))
    assert ours[:3] == pytest.approx(theirs[:3], rel=1e-13)
    for a, b in zip(gradient(model, x, eps, one), gradient(model, x, eps, other)):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


def test_their_ends_are_the_elbo_and_the_iwae(rng):
    model = small_vae()
    x, eps = batch(model, rng, n_samples=6)
    for one, other in ((MIWAE(1), IWAE()), (MIWAE(6), SAMPLED), (PIWAE(1), IWAE()),
                       (CIWAE(0.0), IWAE()), (CIWAE(1.0), SAMPLED)):
        assert_same(model, x, eps, one, other)


def test_miwae_is_the_mean_of_its_bounds(rng):
    """Each bound has every third sample: value and gradient are means of the IWAE's."""
    model = small_vae()
    x, eps = batch(model, rng, n_samples=12)
    loss, grad = model.loss(x, eps, objective=MIWAE(3)), gradient(model, x, eps, MIWAE(3))
    parts = [eps[m::3] for m in range(3)]
    assert loss.value == pytest.approx(
        np.mean([model.loss(x, part, objective=IWAE()).value for part in parts]), rel=1e-13)
    of_parts = [gradient(model, x, part, IWAE()) for part in parts]
    for ours, theirs in zip(grad, map(np.array, zip(*of_parts))):
        np.testing.assert_allclose(ours, theirs.mean(axis=0), rtol=1e-11, atol=1e-14)
    assert loss.value > model.loss(x, eps, objective=IWAE()).value + 1e-3       # Jensen
    assert loss.value < model.loss(x, eps, objective=SAMPLED).value - 1e-3


def test_piwae_has_the_encoders_gradient_of_one_and_the_decoders_of_another(rng):
    """And that of a prior that is learned is the decoder's: both are of the model p(x, z)."""
    model = npvae.vae(12, (7, 5), 3, prior="mixture_of_normals", activation="tanh")
    model.parameters.theta[...] = np.random.default_rng(1).normal(0.0, 0.5, model.parameters.size)
    model = model.astype(np.float64)
    x, eps = batch(model, rng, n_samples=12)
    ours, miwae, iwae = (gradient(model, x, eps, objective)
                         for objective in (PIWAE(3), MIWAE(3), IWAE()))
    np.testing.assert_allclose(ours[0], miwae[0], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(ours[1], iwae[1], rtol=1e-12, atol=1e-15)
    assert np.abs(miwae[0] - iwae[0]).max() > 1e-3 and np.abs(miwae[1] - iwae[1]).max() > 1e-3
    assert model.loss(x, eps, objective=PIWAE(3)).value == model.loss(x, eps, objective=IWAE()).value


def test_a_bound_far_below_the_best_has_no_part_in_the_encoders_gradient_of_piwae():
    """100 nats apart, in float32: no infinity, and nothing but finite numbers."""
    log_px = np.array([[0.0], [-100.0], [-1.0], [-101.0]], np.float32)       # bounds of (0, 2), (1, 3)
    loss = PIWAE(2)(log_px, np.zeros_like(log_px))
    weight = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(loss.path[:, 0], [0.5, 0.0, 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(loss.score[:, 0], [weight / 2, 0.0, (1 - weight) / 2, 0.0], rtol=1e-6)
    assert all(np.asarray(part).dtype == np.float32 for part in (loss.path, loss.score, loss.drate))


def test_ciwae_is_the_weighted_mean_of_both(rng):
    model = small_vae()
    x, eps = batch(model, rng, n_samples=5)
    elbo, iwae, mixed = (model.loss(x, eps, objective=objective)
                         for objective in (SAMPLED, IWAE(), CIWAE(0.3)))
    assert mixed.value == pytest.approx(0.3 * elbo.value + 0.7 * iwae.value, rel=1e-13)
    expected = [0.3 * a + 0.7 * b for a, b in zip(gradient(model, x, eps, SAMPLED),
                                                  gradient(model, x, eps, IWAE()))]
    for ours, theirs in zip(gradient(model, x, eps, CIWAE(0.3)), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("objective", [MIWAE(4), CIWAE(0.05)], ids=repr)
def test_they_are_derivatives_of_their_value_in_a_whole_model(objective, rng):
    model = small_vae()
    report = npvae.gradcheck.check_model(model, *batch(model, rng, n_samples=8), objective=objective)
    report.assert_passed()
    assert report.complex_step < 1e-12


def test_more_bounds_of_the_encoders_gradient_vary_less(rng):
    """64 samples: the more bounds, the more signal for the encoder; what MIWAE is for."""
    model = small_vae(6, (5,), 2, likelihood="gaussian", scale=0.3)
    x, ratio = rng.standard_normal((1, 6)), {}
    for n_bounds in (1, 16):
        draws = np.array([gradient(model, x, model.draw_noise(rng, 1, 64), MIWAE(n_bounds))[0]
                          for _ in range(200)])
        ratio[n_bounds] = np.median(np.abs(draws.mean(axis=0)) / draws.std(axis=0))
    assert ratio[16] > 2.0 * ratio[1]


@pytest.mark.parametrize("objective", [MIWAE(4), PIWAE(2), CIWAE(0.05),
                                       npvae.Capacity(beta=2.0, capacity=3.0)], ids=repr)
def test_they_train_and_are_kept_in_files(objective, rng, tmp_path):
    model = npvae.vae(12, (7,), 3)
    model.objective = objective
    x = (rng.random((200, 12)) < rng.choice([0.1, 0.9], (200, 3)).repeat(4, axis=1)).astype(np.float32)
    history = npvae.fit(model, x, epochs=16, batch_size=50, n_samples=8, learning_rate=2e-2,
                        progress=False)
    assert history[-1]["loss"] < history[0]["loss"] - 0.3
    npvae.save(tmp_path / "model.npz", model)
    assert npvae.load(tmp_path / "model.npz").objective == objective


def test_samples_that_do_not_divide_are_refused_by_name():
    for kind in (MIWAE, PIWAE):
        with pytest.raises(ValueError, match=rf"{kind.__name__}\(n_bounds=4\) has 6 samples of z: a "
                                             r"multiple of 4 was expected \(n_samples\)"):
            kind(4)(np.zeros((6, 3)), np.zeros((6, 3)))
        with pytest.raises(ValueError, match="n_bounds is 0: an integer of at least 1"):
            kind(0)
    with pytest.raises(ValueError, match=r"share is 1.5: a number in \[0, 1\] was expected"):
        CIWAE(1.5)
