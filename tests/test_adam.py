"""Adam: the textbook's steps over a long run, moments never subnormal, files of the first version."""

import numpy as np
import pytest

import npvae
from npvae.learning import optimizers
from npvae.learning.optimizers import FLUSH_EVERY, SGD, Adagrad, Adam, steps_to_shrink

TINY = float(np.finfo(np.float32).tiny)


def textbook(theta, g, m, v, t, rate, beta1, beta2, eps):
    """One step of algorithm 1 of Kingma and Ba, line by line; m and v are written into."""
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - rate * m_hat / (np.sqrt(v_hat) + eps)


def subnormal(vector):
    return (vector != 0) & (np.abs(vector) < np.finfo(vector.dtype).tiny)


@pytest.mark.parametrize("beta1, beta2, eps", [(0.9, 0.999, 1e-8), (0.9, 0.999, 1e-30),
                                               (0.5, 0.9, 1e-3), (0.0, 0.99, 1e-8)])
def test_ten_thousand_steps_are_the_textbooks(beta1, beta2, eps, rng):
    """Gradients of 1e-12 to 1e12; some stop half-way, some are rare. Distances are in units of
    the longest way that theta can go."""
    steps, rate, scale = 10_000, 1e-3, np.repeat(10.0 ** np.arange(-12, 13), 4)
    adams = {dtype: Adam(beta1=beta1, beta2=beta2, eps=eps) for dtype in (np.float32, np.float64)}
    thetas = {dtype: np.zeros(scale.size, dtype) for dtype in adams}
    expected, m, v = np.zeros((3, scale.size))
    for t in range(1, steps + 1):
        g = scale * (0.1 + rng.standard_normal(scale.size))
        g[1::4] *= t < steps // 2
        g[2::4] *= t % 100 == 0
        g = g.astype(np.float32)
        for dtype, adam in adams.items():
            adam.step(thetas[dtype], g.astype(dtype), rate)
        expected = textbook(expected, g.astype(float), m, v, t, rate, beta1, beta2, eps)
    assert np.abs(expected).max() > 0.05 * rate * steps
    for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-15)):
        assert thetas[dtype].dtype == dtype
        np.testing.assert_allclose(thetas[dtype], expected, rtol=0, atol=tolerance * rate * steps)


@pytest.mark.parametrize("make", [
    Adam, lambda: Adam(eps=1e-30), lambda: Adam(beta2=0.95), lambda: Adam(beta1=0.5, beta2=0.5),
    lambda: Adam(beta1=0.0, beta2=0.8), lambda: SGD(momentum=0.9), lambda: SGD(momentum=0.3), Adagrad])
def test_moments_are_never_subnormal(make):
    """Gradients that stop, and others too small to be squared in float32."""
    optimizer, theta = make(), np.ones(60, np.float32)
    g = np.geomspace(1e-30, 1e3, 60).astype(np.float32)
    for t in range(2500):
        optimizer.step(theta, g if t < 2 else 0 * g if t < 1500 else g, 1e-3)
        for vector in optimizer.state.values():
            assert not subnormal(vector).any()
        if t == 1499 and optimizer.sums:
            assert (optimizer.state[optimizer.sums[0]] == 0).all()
    assert np.isfinite(theta).all()


def test_no_eps_is_too_small_for_the_squares_to_be_kept(rng):
    """Gradients of 1e-16, whose squares the flush must leave: in the mean, steps of one rate each."""
    adam, theta = Adam(eps=1e-30), np.zeros(8, np.float32)
    for _ in range(10 * FLUSH_EVERY):
        before = theta.copy()
        adam.step(theta, np.full(8, 1e-16, np.float32), 1e-3)
        np.testing.assert_allclose(before - theta, 1e-3, rtol=2e-3)


def test_a_gradient_that_vanishes_in_float32_moves_nothing_far():
    """1e-25 squared is zero there: a step is divided by the root of the smallest v, not by eps."""
    adam, theta = Adam(eps=1e-30), np.zeros(3, np.float32)
    for _ in range(200):
        adam.step(theta, np.full(3, 1e-25, np.float32), 1e-3)
    assert (np.abs(theta) < 1e-6).all()


def test_steps_to_shrink():
    assert steps_to_shrink(0.5, 1000) == 9                    # 2^9 = 512, 2^10 = 1024
    assert steps_to_shrink(0.9, 1000) == 65
    assert steps_to_shrink(0.0, 1000) == steps_to_shrink(1e-9, 1000) == 1
    assert Adam().flush_every == FLUSH_EVERY and Adam(beta1=0.5).flush_every == 9


@pytest.mark.parametrize("adam", [Adam(), Adam(beta1=0.8, beta2=0.95, eps=1e-4)], ids=repr)
def test_means_of_the_first_version_become_sums(adam, rng):
    """Ten steps of the textbook, whose m and v a file of version 1 holds; then ten steps more."""
    options = 1e-2, adam.beta1, adam.beta2, adam.eps
    gradients, (theta, m, v) = rng.standard_normal((20, 50)), np.zeros((3, 50))
    for t, g in enumerate(gradients[:10], start=1):
        theta = textbook(theta, g, m, v, t, *options)
    ours = theta.copy()
    adam.restore(10, {"m": m.copy(), "v": v.copy()}, version=1)
    for t, g in enumerate(gradients[10:], start=11):
        theta = textbook(theta, g, m, v, t, *options)
        adam.step(ours, g, 1e-2)
    np.testing.assert_allclose(ours, theta, rtol=1e-12)
    m, v = adam.state["m"], adam.state["v"]
    adam.restore(20, {"m": m, "v": v}, version=2)
    assert adam.t == 20 and adam.state["m"] is m and adam.state["v"] is v


def test_no_stretch_is_left_out(rng):
    """The same bits, however the vector is cut."""
    n = optimizers.STRETCH + 77
    g, thetas = rng.standard_normal(n).astype(np.float32), []
    for part in (slice(None), slice(optimizers.STRETCH, None)):
        adam, theta = npvae.Adam(), np.ones(n, np.float32)[part]
        for _ in range(3):
            adam.step(theta, g[part], 1e-2)
        thetas.append(theta)
    np.testing.assert_array_equal(thetas[0][optimizers.STRETCH:], thetas[1])
