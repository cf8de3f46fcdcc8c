"""One flat theta, one flat grad: the views stay views, whatever is done to the model."""

import copy
import pickle

import numpy as np
import pytest

import npvae
from helpers import batch, is_view_of, small_vae
from npvae.networks import Chain, Dense, Module, ReLU, block


def one_step(model):
    x, eps = batch(model, np.random.default_rng(3))
    model.loss_and_grad(x, eps)
    npvae.Adam().step(model.parameters.theta, model.parameters.grad, 1e-2)
    return model.loss(x, eps).value


@pytest.mark.parametrize("copied", [
    copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), copy.copy,
    lambda model: model.astype(np.float64)], ids=["deepcopy", "pickle", "copy", "astype"])
def test_a_copied_model_trains_as_the_original(copied):
    expected = one_step(small_vae())
    model = copied(small_vae())
    assert one_step(model) == expected
    for views, vector in ((model.blocks(), model.parameters.theta),
                          (model.gradients(), model.parameters.grad)):
        assert all(is_view_of(view, vector) for view in views.values())
    assert is_view_of(model.encoder.layers[0].W, model.parameters.theta)


def test_a_deep_copy_is_another_model():
    model = small_vae()
    before = model.parameters.theta.copy()
    one_step(copy.deepcopy(model))
    np.testing.assert_array_equal(model.parameters.theta, before)


def test_blocks_cover_theta_once_and_are_named_by_their_place():
    model = npvae.vae(12, (7, 5), 3, likelihood="tied_gaussian")
    assert list(model.blocks()) == [
        "encoder.0.W", "encoder.0.b", "encoder.2.W", "encoder.2.b", "encoder.4.W", "encoder.4.b",
        "decoder.0.W", "decoder.0.b", "decoder.2.W", "decoder.2.b", "decoder.4.W", "decoder.4.b",
        "likelihood.logvar"]
    model.parameters.theta[...] = np.arange(model.parameters.size)
    laid_out = np.concatenate([view.ravel() for view in model.blocks().values()])
    np.testing.assert_array_equal(laid_out, model.parameters.theta)
    np.testing.assert_array_equal(model.decoder.layers[2].b, model.blocks()["decoder.2.b"])


def test_writing_to_a_block_writes_into_theta(rng):
    layer = Dense(3, 2, rng)
    chain = Chain(layer, ReLU())
    layer.W = np.ones((3, 2))
    layer.db += 5.0
    np.testing.assert_array_equal(chain.parameters.theta, [1, 1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(chain.parameters.grad, [0, 0, 0, 0, 0, 0, 5, 5])
    with pytest.raises(ValueError, match="could not broadcast"):
        layer.W = np.ones((2, 3))


def test_a_zeroed_gradient_is_zero_for_all_who_look_and_costs_the_others_nothing(rng):
    """zero_grad writes no zeros: each block gets its own when it is read or added to."""
    model = Chain(Dense(3, 4, rng), Dense(4, 2, rng))
    model.parameters.grad[...] = np.nan
    model.parameters.zero_grad()
    model.layers[1].db += 5.0
    model.layers[1].add_product("W", np.ones((4, 1), np.float32), np.ones((1, 2), np.float32))
    untouched = model.parameters._gradients["0.W"]
    assert np.isnan(untouched).all()                         # no pass over a block nobody named
    model.layers[0].add_product("W", np.ones((3, 1), np.float32), np.ones((1, 4), np.float32))
    np.testing.assert_array_equal(untouched, np.ones((3, 4)))
    np.testing.assert_array_equal(model.layers[1].db, [5, 5])
    np.testing.assert_array_equal(model.layers[0].db, np.zeros(4))
    np.testing.assert_array_equal(model.parameters.grad, [1] * 12 + [0] * 4 + [1] * 8 + [5] * 2)


def test_a_gradient_can_be_scaled_and_set_in_place(rng):
    model = Chain(Dense(3, 4, rng), Dense(4, 2, rng))
    model.parameters.grad = np.arange(26.0)
    grad = model.parameters.grad
    model.parameters.grad *= 2
    assert model.parameters.grad is grad
    np.testing.assert_array_equal(model.layers[1].db, [48, 50])
    model.parameters.zero_grad()
    model.parameters.grad = np.ones(26)
    np.testing.assert_array_equal(model.layers[0].dW, np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"grad has shape \(2,\): \(26,\) was expected"):
        model.parameters.grad = np.ones(2)


def test_products_and_sums_are_written_over_what_is_stale_and_added_to_the_rest(rng):
    layer, x, dy = Dense(3, 4, rng), rng.random((5, 3), np.float32), rng.random((5, 4), np.float32)
    layer.parameters.grad[...] = np.nan
    layer.parameters.zero_grad()
    for times in (1, 2):
        layer.add_product("W", x.T, dy)
        layer.add_sum("b", dy)
        np.testing.assert_allclose(layer.dW, times * (x.T @ dy), rtol=1e-6)
        np.testing.assert_allclose(layer.db, times * dy.sum(axis=0), rtol=1e-6)


def test_a_reader_can_write_a_layer(rng):
    """The README's example: a block, a forward pass, and its two halves backward."""
    class Scale(npvae.networks.Layer):
        s, ds = block("s")

        def __init__(self, n):
            super().__init__({"s": np.ones(n)})

        def forward(self, x):
            return x * self.s, x

        def accumulate(self, dy, x):
            self.ds += (dy * x).reshape(-1, x.shape[-1]).sum(axis=0)

        def pullback(self, dy, x):
            return dy * self.s

    npvae.gradcheck.check_layer(Scale(3), rng.standard_normal((4, 3)), rng).assert_passed()


def test_one_module_cannot_stand_in_two_places(rng):
    layer = Dense(3, 3, rng)
    with pytest.raises(ValueError, match="same module stands in two places"):
        Chain(layer, layer)
    inner = Chain(layer, ReLU())
    with pytest.raises(ValueError, match=r"part '0' \(Dense\) belongs to another module already"):
        Chain(layer)
    with pytest.raises(ValueError, match="hand in its copy()"):
        Chain(inner, Chain(ReLU(), layer))
    before = layer.W.copy()
    other = Chain(layer.copy())
    other.layers[0].W[...] = 0.0
    np.testing.assert_array_equal(inner.layers[0].W, before)
    assert list(other.blocks()) == ["0.W", "0.b"]


def test_modules_without_parameters():
    assert Module().parameters.size == 0
    assert ReLU().blocks() == {}


@pytest.mark.parametrize("init, variance", [
    (npvae.networks.uniform_fan_in, 1 / (3 * 300)),
    (npvae.networks.glorot_uniform, 2 / (300 + 200)),
    (npvae.networks.he_normal, 2 / 300)])
def test_initial_weights_have_the_stated_variance(init, variance, rng):
    W = init(rng, 300, 200)
    n = W.size
    # the variance of the sample variance is (kurtosis - 1) variance^2 / n, at most 2 / n
    assert abs(W.var() / variance - 1) < 5 * np.sqrt(2 / n)
    assert abs(W.mean()) < 5 * np.sqrt(variance / n)
