"""Training that goes wrong stops at once: it names the step, the layer and the block, and the last
good checkpoint is intact."""

import os
import signal

import numpy as np
import pytest

import npvae
from helpers import small_vae
from npvae.learning import checkpoints
from test_learning import toy

SETTINGS = dict(batch_size=16, seed=3, progress=False)      # 50 rows: 4 steps an epoch


def model_at(**blocks):
    """A small model in float32, some of whose blocks are set to a number."""
    model = small_vae(dtype=np.float32, scale=0.3)
    for name, value in blocks.items():
        model.blocks()[name.replace("_", ".")][...] = value
    return model


def stopped(model, x=None, **options):
    """The message with which a run stops."""
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        npvae.fit(model, toy() if x is None else x, **{**SETTINGS, **options})
    return str(caught.value)


@pytest.mark.parametrize("blocks, first", [
    ({"encoder_4_W": 3e38}, "the output of encoder.4 (Dense), whose block encoder.4.W reaches 3e+38"),
    ({"encoder_4_b": 200.0}, "std of the posterior (DiagonalGaussian)"),
    ({"decoder_2_b": 9.0, "decoder_4_W": 3e38},
     "the output of decoder.4 (Dense), whose block decoder.4.W reaches 3e+38"),
    ({"encoder_4_b": 100.0}, "the rate, KL or sampled")])
def test_a_loss_that_is_not_finite_is_traced_to_its_layer_and_block(blocks, first):
    model = model_at(**blocks)
    before = model.parameters.theta.copy()
    message = stopped(model)
    assert "at epoch 1, step 1 (reconstruction " in message
    assert f"the first that is not finite is {first}" in message
    np.testing.assert_array_equal(model.parameters.theta, before)


def test_the_likelihoods_own_block_is_named():
    model = small_vae(dtype=np.float32, likelihood="tied_gaussian")
    model.likelihood.logvar = -120.0
    message = stopped(model)
    assert ("log p(x|z) (TiedGaussian), whose block likelihood.logvar reaches 120"
            in message)


def test_a_network_that_is_no_chain_is_named_too():
    from npvae.distributions import likelihoods, posteriors, priors
    rng = np.random.default_rng(0)
    model = npvae.VAE(npvae.networks.Dense(12, 4, rng), posteriors.DiagonalGaussian(2),
                      priors.StandardNormal(2), npvae.networks.Dense(2, 12, rng),
                      likelihoods.Bernoulli(), n_data=12)
    model.decoder.W = 3e38
    assert "decoder.0 (Dense), whose block decoder.W reaches 3e+38" in stopped(model)


@pytest.fixture
def poison(monkeypatch):
    """poison(layer, name, value, at_call): at this call, accumulate leaves a number in the gradient
    of one block. (The class is changed: to resume a run, the layer must look as it did.)"""
    def poison(layer, name, value, at_call):
        accumulate, calls = type(layer).accumulate, []

        def poisoned(self, dy, cache):
            accumulate(self, dy, cache)
            if self is layer:
                calls.append(1)
                if len(calls) == at_call:
                    layer.gradients()[name].flat[-1] = value

        monkeypatch.setattr(type(layer), "accumulate", poisoned)

    return poison


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e18, 1e20, -1e20])
@pytest.mark.parametrize("network, i, name", [("encoder", 0, "W"), ("encoder", 4, "b"),
                                              ("decoder", 2, "W")])
def test_a_gradient_that_is_not_finite_stops_the_run_before_the_update(
        network, i, name, value, poison, tmp_path):
    """In the second step of the third epoch; the checkpoint is that of the second."""
    path, x = tmp_path / "run.npz", toy()
    model = model_at()
    poison(getattr(model, network).layers[i], name, value, at_call=10)
    message = stopped(model, epochs=5, checkpoint=path, validation=x[:10], patience=9)
    assert message.startswith(f"the gradient of {network}.{i}.{name} (Dense) is {np.float32(value)} "
                              "at epoch 3, step 2")
    twin, kept = model_at(), []
    npvae.fit(twin, x, epochs=2, validation=x[:10], patience=9, **SETTINGS,
              callbacks=[lambda model, history: kept.append(model.parameters.theta.copy())])
    _, arrays = checkpoints.read(path)
    np.testing.assert_array_equal(arrays["theta"], kept[1])
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert list(tmp_path.iterdir()) == [path]
    # nor is the model harmed: one step beyond the checkpoint, and finite
    assert np.isfinite(model.parameters.theta).all()
    # and the run goes on from there to where it would have been
    again, whole = model_at(), model_at()
    options = dict(epochs=5, validation=x[:10], patience=9, **SETTINGS)
    npvae.fit(again, x, checkpoint=path, resume=True, **options)
    npvae.fit(whole, x, **options)
    np.testing.assert_array_equal(again.parameters.theta, whole.parameters.theta)


def test_the_first_in_the_backward_pass_is_named(poison):
    """What is wrong behind it follows from it."""
    model = model_at()
    poison(model.decoder.layers[2], "W", np.inf, 1)
    poison(model.encoder.layers[0], "W", np.nan, 1)
    assert stopped(model).startswith("the gradient of decoder.2.W")


def test_a_large_gradient_with_a_finite_square_is_no_reason_to_stop(poison):
    model = model_at()
    poison(model.encoder.layers[0], "W", 1e17, 3)
    npvae.fit(model, toy(), epochs=1, **SETTINGS)
    assert np.isfinite(model.parameters.theta).all()


@pytest.mark.parametrize("patience", [None, 3])
def test_a_held_out_loss_that_is_no_number_is_told(patience, tmp_path):
    """One wild row among the held-out ones: the training itself is sound."""
    model, x = small_vae(dtype=np.float32, scale=0.3, likelihood="gaussian"), toy()
    held_out = x[:10].copy()
    held_out[3, 2] = 2e30
    message = stopped(model, x, validation=held_out, patience=patience, epochs=5,
                      checkpoint=tmp_path / "run.npz")
    assert message.startswith("the loss on validation is ")
    assert "after epoch 1 (reconstruction" in message
    assert "column 2 of validation is of size" in message
    assert np.isfinite(model.parameters.theta).all() and not (tmp_path / "run.npz").exists()


def test_clipping_saves_a_run_whose_gradient_is_too_long_but_finite(poison):
    model = model_at()
    poison(model.encoder.layers[0], "W", 1e25, 3)
    npvae.fit(model, toy(), epochs=1, clip_norm=5.0, **SETTINGS)
    assert np.isfinite(model.parameters.theta).all()
    model = model_at()
    poison(model.encoder.layers[0], "W", np.inf, 3)
    assert "the gradient of encoder.0.W (Dense) is nan" in stopped(model, clip_norm=5.0)


def test_a_real_run_whose_rate_explodes_leaves_its_last_good_checkpoint(tmp_path):
    """Nothing is poisoned here: in the third epoch the learning rate is a million."""
    path, x = tmp_path / "run.npz", toy()
    model = small_vae(dtype=np.float32, scale=0.3, activation="relu")
    message = stopped(model, x, epochs=9, checkpoint=path, optimizer=npvae.SGD(),
                      learning_rate=lambda epoch: 0.01 if epoch < 2 else 1e12)
    assert "at epoch 3, step " in message and "Dense" in message
    twin = small_vae(dtype=np.float32, scale=0.3, activation="relu")
    npvae.fit(twin, x, epochs=2, optimizer=npvae.SGD(), learning_rate=0.01, **SETTINGS)
    np.testing.assert_array_equal(npvae.load(path).parameters.theta, twin.parameters.theta)


class Exploding(npvae.SGD):
    """An optimizer of one's own, one of whose updates is infinite."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def step(self, theta, grad, learning_rate):
        super().step(theta, grad, learning_rate)
        if self.t == self.at:
            theta[-1] = np.inf


@pytest.mark.parametrize("at, pressed", [(6, False), (6, True), (8, False), (8, True)])
def test_parameters_that_are_not_finite_are_never_saved(at, pressed, tmp_path):
    """Not at the end of an epoch, and not by the Ctrl-C that comes in the same step."""
    path, x, calls = tmp_path / "run.npz", toy(), []

    def press(x, rng):
        calls.append(1)
        if pressed and len(calls) == at:
            os.kill(os.getpid(), signal.SIGINT)
        return x

    options = dict(epochs=3, checkpoint=path, optimizer=Exploding(at), transform=press)
    with np.errstate(all="ignore"), pytest.raises(BaseException) as caught:
        npvae.fit(model_at(), x, **SETTINGS, **options)
    assert caught.type is FloatingPointError
    assert "epoch 2, step" in str(caught.value) and "decoder.4" in str(caught.value)
    if at == 8 or pressed:
        assert str(caught.value).startswith("decoder.4.b (Dense) is no longer finite after epoch 2, "
                                            f"step {at - 4}: try")
    assert checkpoints.read(path)[0]["training"]["epoch"] == 1
    assert np.isfinite(npvae.load(path).parameters.theta).all()
