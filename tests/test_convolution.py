"""Convolutions: equal to naive loops and to scipy, and each the other's adjoint."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate2d

from npvae.networks import Chain, Conv2d, ConvTranspose2d, Dense, Reshape
from npvae.networks.convolution import gather, scatter


def naive(x, W, stride, padding):
    """A convolution as it is defined, loop by loop."""
    n, height, width, _ = x.shape
    k, _, _, c_out = W.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    out = [(size + 2 * padding - k) // stride + 1 for size in (height, width)]
    y = np.zeros((n, *out, c_out))
    for b in range(n):
        for i in range(out[0]):
            for j in range(out[1]):
                window = x[b, i * stride:i * stride + k, j * stride:j * stride + k]
                for c in range(c_out):
                    y[b, i, j, c] = (window * W[..., c]).sum()
    return y


def naive_transpose(y, W, stride, padding, shape):
    """Its transpose as it is defined: every output adds itself, times the kernel, to a window."""
    n, *out, _ = y.shape
    k, _, c_in, _ = W.shape
    x = np.zeros((n, shape[0] + 2 * padding, shape[1] + 2 * padding, c_in))
    for i in range(out[0]):
        for j in range(out[1]):
            window = x[:, i * stride:i * stride + k, j * stride:j * stride + k]
            window += np.einsum("nc,klmc->nklm", y[:, i, j], W)
    return x[:, padding:padding + shape[0], padding:padding + shape[1]]


cases = given(k=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2),
              height=st.integers(4, 7), width=st.integers(4, 7), channels=st.integers(1, 3),
              seed=st.integers(0, 10**6))


@cases
def test_a_convolution_is_its_loops(k, stride, padding, height, width, channels, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, height, width, channels))
    W = rng.standard_normal((k, k, channels, 2))
    np.testing.assert_allclose(gather(x, W, stride, padding)[0], naive(x, W, stride, padding),
                               rtol=1e-10, atol=1e-12)


@cases
def test_gather_and_scatter_are_adjoint(k, stride, padding, height, width, channels, seed):
    """<A x, y> = <x, A^T y> for every x and y: that is what "transposed" means."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, height, width, channels))
    W = rng.standard_normal((k, k, channels, 2))
    Ax, _ = gather(x, W, stride, padding)
    y = rng.standard_normal(Ax.shape)
    ATy = scatter(y, W, stride, padding, x.shape[1:3])
    assert (Ax * y).sum() == pytest.approx((x * ATy).sum(), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(ATy, naive_transpose(y, W, stride, padding, x.shape[1:3]),
                               rtol=1e-10, atol=1e-12)


def test_a_convolution_with_stride_one_is_scipys_correlation(rng):
    x, W = rng.standard_normal((6, 5)), rng.standard_normal((3, 3))
    ours = gather(x[None, :, :, None], W[:, :, None, None], 1, 1)[0][0, :, :, 0]
    np.testing.assert_allclose(ours, correlate2d(x, W, mode="same"), rtol=1e-12, atol=1e-14)


def test_each_layer_is_the_others_transpose(rng):
    """With one kernel and no bias: Conv2d's pullback is ConvTranspose2d's forward pass, and
    the other way round."""
    down = Conv2d(3, 5, 4, rng, stride=2, padding=1).astype(np.float64)
    up = ConvTranspose2d(5, 3, 4, rng, stride=2, padding=1).astype(np.float64)
    up.W = down.W
    x, y = rng.standard_normal((2, 8, 6, 3)), rng.standard_normal((2, 4, 3, 5))
    assert down.forward(x)[0].shape == y.shape and up.forward(y)[0].shape == x.shape
    (down_x, cache), (up_y, up_cache) = down.forward(x), up.forward(y)
    np.testing.assert_allclose(down.pullback(y, cache), up_y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(up.pullback(x, up_cache), down_x, rtol=1e-12, atol=1e-14)


def test_a_kernel_as_large_as_the_image_is_a_dense_layer(rng):
    conv = Conv2d(2, 5, 3, rng).astype(np.float64)
    dense = Dense(18, 5, rng).astype(np.float64)
    dense.W, dense.b = conv.W.reshape(18, 5), rng.standard_normal(5)
    conv.b = dense.b
    x = rng.standard_normal((4, 3, 3, 2))
    np.testing.assert_allclose(conv.forward(x)[0][:, 0, 0], dense.forward(x.reshape(4, 18))[0],
                               rtol=1e-12)


def test_layers_take_any_leading_axes(rng):
    network = Chain(Reshape((32,), (4, 4, 2)), Conv2d(2, 3, 2, rng, stride=2),
                    ConvTranspose2d(3, 1, 2, rng, stride=2), Reshape((4, 4, 1), (16,)))
    x = rng.standard_normal((3, 5, 32)).astype(np.float32)
    y, cache = network.forward(x)
    assert y.shape == (3, 5, 16) and network.pullback(y, cache).shape == x.shape
    np.testing.assert_array_equal(y[1], network.forward(x[1])[0])


def test_wrong_arguments_are_refused(rng):
    with pytest.raises(ValueError, match="stride is 0: an integer of at least 1"):
        Conv2d(1, 1, 3, rng, stride=0)
    with pytest.raises(ValueError, match="padding is -1: an integer of at least 0"):
        ConvTranspose2d(1, 1, 3, rng, padding=-1)
    with pytest.raises(ValueError, match="shapes of equal size were expected"):
        Reshape((4, 4), (15,))
