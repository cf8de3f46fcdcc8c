"""The elementwise functions, against scipy, against limits, and along the imaginary axis."""

import platform
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit, log_expit

from npvae.numerics import absolute, multiply_halves, sigmoid, softplus

X = np.concatenate([[-1e4, -700.0, -100.0, -37.0, -1e-9, -0.0, 0.0, 1e-9, 17.0, 37.0, 700.0, 1e4],
                    np.linspace(-30, 30, 101)])


def test_sigmoid_and_softplus_are_scipys_to_relative_accuracy():
    np.testing.assert_allclose(sigmoid(X), expit(X), rtol=4e-16)
    np.testing.assert_allclose(softplus(X), -log_expit(-X), rtol=4e-16)


def test_float32_is_accurate_too_and_stays_float32():
    x = np.array([-80.0, -17.0, -1.0, 0.0, 1.0, 17.0, 80.0], np.float32)
    for ours, theirs in ((sigmoid(x), expit(x.astype(float))),
                         (softplus(x), -log_expit(-x.astype(float)))):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=3e-7)


@given(st.floats(-700, 700))
@example(-0.0)
def test_complex_step_gives_the_derivatives(x):
    step = np.array([complex(x, 1e-20)])           # x + 1e-20j would lose the sign of -0.0
    np.testing.assert_allclose(softplus(step).imag / 1e-20, expit([x]), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(sigmoid(step).imag / 1e-20, expit([x]) * expit([-x]),
                               rtol=1e-13, atol=1e-300)
    np.testing.assert_array_equal(absolute(step).imag / 1e-20, -1.0 if np.signbit(x) else 1.0)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_branch_point_has_one_derivative(zero):
    """Two masks that disagree at 0 would give a derivative of 0, or of 1, in place of 1/2."""
    step = np.array([complex(zero, 1e-20)])
    assert softplus(step).imag[0] / 1e-20 == 0.5
    assert sigmoid(step).imag[0] / 1e-20 == 0.25


@pytest.mark.parametrize("n", [1, 127, 128, 255, 784, 4095, 4096, 20_000])
@pytest.mark.parametrize("dtype, rounding", [(np.float32, 6e-8), (np.float64, 1.2e-16)])
def test_the_product_of_halves_has_the_same_sum_of_logs(n, dtype, rounding, rng):
    """The smallest p, whose products are the first to underflow; all ones; and others."""
    p = np.array([np.full(n, 0.5), np.ones(n), rng.uniform(0.5, 1, n)]).astype(dtype)
    p.flags.writeable = False
    ours, exact = multiply_halves(p), np.log(p.astype(np.longdouble)).sum(axis=-1)
    assert ours.dtype == dtype and (ours[1] == 1).all()
    assert ours.shape[-1] == n if n < 128 else ours.shape[-1] <= max(127, n / 32)
    np.testing.assert_allclose(np.log(ours).sum(axis=-1), exact.astype(float), rtol=20 * rounding,
                               atol=n * rounding)
    imag = np.log(multiply_halves(p[:, None] + 1e-20j)).sum(axis=-1).imag[:, 0]
    np.testing.assert_allclose(imag / 1e-20, (1 / p.astype(float)).sum(axis=-1), rtol=1e-6)


FAULTS = """
import resource, sys
import numpy as np
import npvae

model, rng = npvae.vae(), np.random.default_rng(0)
x = rng.random((512, 784), np.float32)
detector = npvae.evaluation.AnomalyDetector(model, x[:9]) if sys.argv[1] == "a score" else None
if sys.argv[1] == "keep":
    npvae.numerics.keep_freed_memory()

def step():
    if detector:
        detector.score(x)
    else:
        model.loss_and_grad(x, model.draw_noise(rng, 512))

def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / n

faults(5)
print(faults(10))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc's allocator")
def test_freed_memory_is_kept_for_the_next_step():
    """Page faults of a step at batch 512, in processes of their own; and of as many scores."""
    faults = {name: float(subprocess.run([sys.executable, "-c", FAULTS, name], check=True,
                                         stdout=subprocess.PIPE).stdout)
              for name in ("keep", "as it is", "a score")}
    assert faults["keep"] < 50 < faults["as it is"] / 5
    assert faults["a score"] < faults["as it is"] / 5
