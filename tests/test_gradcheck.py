"""The checker is checked: gradients that are wrong by 0.1 % do not pass."""

import numpy as np
import pytest

from helpers import batch, small_vae
from npvae import IWAE, DReG, gradcheck, posteriors
from npvae.distributions.roles import Posterior
from npvae.gradcheck import __main__ as command
from npvae.gradcheck.differences import central_difference, complex_step_derivative
from npvae.gradcheck.rows import Sizes
from npvae.gradcheck.table import TABLE
from npvae.networks import Dense, Tanh


def cubic(arrays):
    return (arrays["a"]**3).sum() + (arrays["a"] * arrays["b"]).sum()


def cubic_case(rng):
    a, b = rng.standard_normal((2, 3, 4))
    return {"a": a, "b": b}, {"a": 3 * a**2 + b, "b": a}


def test_right_gradients_pass(rng):
    report = gradcheck.check(cubic, *cubic_case(rng))
    assert report.passed
    assert report.central < 1e-9 and report.complex_step < 1e-15
    report.assert_passed()


@pytest.mark.parametrize("complex_step", [True, False])
@pytest.mark.parametrize("block", ["a", "b"])
def test_a_block_that_is_wrong_by_a_thousandth_fails(block, complex_step, rng):
    arrays, gradients = cubic_case(rng)
    gradients[block] = 1.001 * gradients[block]
    report = gradcheck.check(cubic, arrays, gradients, complex_step=complex_step)
    assert [row.block for row in report.rows if not row.passed] == [block]
    assert report.central == pytest.approx(0.001, rel=0.01)
    with pytest.raises(AssertionError, match=f"{block} .* WRONG"):
        report.assert_passed()


def test_one_wrong_entry_is_named(rng):
    arrays, gradients = cubic_case(rng)
    gradients["a"][1, 2] *= 1.001
    report = gradcheck.check(cubic, arrays, gradients)
    assert not report.passed
    row = report.rows[0]
    assert row.worst.startswith(f"[1, 2]: by hand {gradients['a'][1, 2]:.9g}, numerically")


@pytest.mark.parametrize("name, factor", [("encoder.2.W", 1.001), ("decoder.4.b", 0.999)])
def test_a_model_with_one_wrong_block_fails(name, factor, rng):
    """A thousandth in one of a dozen blocks of a model."""
    model = small_vae()

    class Wrong(type(model)):
        def backward(self, cache):
            super().backward(cache)
            self.gradients()[name][...] *= factor

    model.__class__ = Wrong
    report = gradcheck.check_model(model, *batch(model, rng))
    assert [row.block for row in report.rows if not row.passed] == [name]


def test_a_layer_with_the_wrong_derivative_fails(rng):
    class WrongTanh(Tanh):
        def pullback(self, dy, y):
            return dy * (1.0 - y)

    class WrongDense(Dense):
        def accumulate(self, dy, x):
            super().accumulate(dy, x)
            self.db += 0.001 * dy.sum(axis=(0, 1))

    x = rng.standard_normal((3, 4, 6))
    assert not gradcheck.check_layer(WrongTanh(), x, rng).passed
    report = gradcheck.check_layer(WrongDense(6, 2, rng), x, rng)
    assert [row.block for row in report.rows if not row.passed] == ["b"]


def test_the_derivatives_themselves_have_the_stated_accuracy(rng):
    a = {"a": rng.standard_normal((3, 4))}
    exact = np.cos(a["a"]) * np.exp(np.sin(a["a"]))

    def function(arrays):
        return np.exp(np.sin(arrays["a"])).sum()

    assert np.abs(central_difference(function, a, "a") - exact).max() < 1e-9
    np.testing.assert_allclose(complex_step_derivative(function, a, "a"), exact, rtol=4e-15)


def test_a_zero_gradient_of_a_constant_passes_and_a_small_one_does_not(rng):
    arrays = {"a": rng.standard_normal(5)}
    assert gradcheck.check(lambda arrays: 3.0 + 0 * arrays["a"].sum(), arrays,
                           {"a": np.zeros(5)}).passed
    assert not gradcheck.check(lambda arrays: 3.0 + 0 * arrays["a"].sum(), arrays,
                               {"a": np.full(5, 1e-6)}).passed


def test_functions_that_take_an_absolute_value_are_for_central_differences(rng):
    """|x + ih| has no imaginary part: the complex step says 0, and the check says so."""
    arrays = {"a": rng.standard_normal(5)}
    gradients = {"a": np.sign(arrays["a"])}

    def function(arrays):
        return np.abs(arrays["a"]).sum()

    assert not gradcheck.check(function, arrays, gradients).passed
    assert gradcheck.check(function, arrays, gradients, complex_step=False).passed


def test_the_tolerances_are_the_documented_ones(rng):
    """1e-7 for central differences, 1e-11 for the complex step: just above, they fail."""
    arrays, gradients = cubic_case(rng)
    for factor, passes in ((1 + 5e-8, True), (1 + 3e-7, False)):
        scaled = {name: factor * g for name, g in gradients.items()}
        assert gradcheck.check(cubic, arrays, scaled, complex_step=False).passed == passes
    for factor, passes in ((1 + 5e-12, True), (1 + 1e-9, False)):
        scaled = {name: factor * g for name, g in gradients.items()}
        assert gradcheck.check(cubic, arrays, scaled).passed == passes


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(ValueError, match="gradients is empty"):
        gradcheck.check(lambda arrays: 1.0, {"a": np.ones(2)}, {})
    arrays = {"a": np.ones(2)}
    with pytest.raises(ValueError, match="the function is nan"):
        gradcheck.check(lambda arrays: np.nan * arrays["a"].sum(), arrays, {"a": np.ones(2)})
    with pytest.raises(ValueError, match=r"a of arrays is nan at index \(1,\)"):
        gradcheck.check(lambda arrays: 1.0, {"a": np.array([1.0, np.nan])}, {"a": np.ones(2)})
    with pytest.raises(ValueError, match=r"gradient of a has shape \(3,\): \(2,\) was expected"):
        gradcheck.check(lambda arrays: arrays["a"].sum(), {"a": np.ones(2)}, {"a": np.ones(3)})


def square(arrays):
    return (arrays["a"]**2).sum()


@pytest.mark.parametrize("function, gradient, message", [
    (lambda arrays: None, np.ones(2), "what function returned is None: a number was expected"),
    (lambda arrays: "1", np.ones(2), "what function returned is '1': a number was expected"),
    (lambda arrays: np.array([square(arrays)]), np.ones(2),
     r"what function returned is array\(\[2.\]\): a number was expected"),
    (lambda arrays: arrays["a"], np.ones(2), r"is array\(\[1., 1.\]\): a number was expected"),
    (square, ["2", "2"], "the gradient of a has dtype <U1: real numbers were expected"),
    (square, [2.0, None], "the gradient of a has dtype object: real numbers were expected"),
    (square, np.ma.masked_array([2.0, 9.0], [False, True]),
     "the gradient of a is a masked array: .* without a mask was expected")])
def test_what_is_no_number_or_no_gradient_is_named(function, gradient, message):
    with pytest.raises(TypeError, match=message):
        gradcheck.check(function, {"a": np.ones(2)}, {"a": gradient})


@pytest.mark.parametrize("kind", [float, np.float32, np.array, lambda value: value])
def test_a_number_is_one_of_any_kind(kind):
    assert gradcheck.check(lambda arrays: kind(square(arrays)), {"a": np.full(2, 0.25)},
                           {"a": [0.5, 0.5]}, complex_step=False).rows[0].size == 2


def test_a_gradient_of_nothing_is_compared_with_what_it_is_the_rest_of():
    """That of log q in eps less that by way of z is 0. Central differences leave a part of the two."""
    sizes = Sizes(K=4, B=2, D=3, J=1, H=(5,))
    report = TABLE["hierarchy.StackedGaussian"](sizes, np.random.default_rng(3))
    assert report.passed and next(row for row in report.rows if row.block == "eps").central < 1e-8


def test_an_estimator_that_is_right_in_the_mean_is_told_from_a_mistake(rng):
    """Its gradient is no derivative for any noise: the report says so, where it says WRONG."""
    model = small_vae()
    x, eps = batch(model, rng, 3)
    report = gradcheck.check_model(model, x, eps, objective=DReG())
    assert not report.passed and "NOTE: DReG() weighs the score by itself" in str(report)
    for objective in (None, IWAE()):
        report = gradcheck.check_model(model, x, eps, objective=objective)
        assert report.passed and "NOTE" not in str(report)


def test_arrays_and_gradients_may_be_lists():
    report = gradcheck.check(lambda d: (d["x"]**2).sum(), {"x": [1.0, 2.0]}, {"x": [2.0, 4.0]})
    assert report.rows[0].passed


def test_a_step_that_is_too_long_makes_no_right_gradient_wrong():
    """1 / x at 0.001, of which a step of 1e-5 is a hundredth; what is off by 1e-6 is still found."""
    x = np.array([1e-3, 1.0])

    def function(arrays):
        return (1 / arrays["x"]).sum()
    assert relative(central_difference(function, {"x": x}, "x"), -x**-2) > 1e-5
    report = gradcheck.check(function, {"x": x}, {"x": -x**-2})
    assert report.passed and report.central < 1e-7
    assert not gradcheck.check(function, {"x": x}, {"x": -x**-2 * (1 + 1e-6)}, complex_step=False).passed


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["posteriors.DiagonalGaussian"], 2)])
def test_the_command_takes_no_arguments_and_says_so(arguments, status, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    told = capsys.readouterr()
    assert ended.value.code == status and "python -m npvae.gradcheck" in told.out + told.err


class Coins(posteriors.Bernoulli):
    """A guest that knows log q at the z that it has drawn, only."""

    at, factor = Posterior.at, 1.0

    def backward(self, drawn, dz, path=0.0, score=0.0):
        return self.factor * super().backward(drawn, dz, path, score)


class Flat(posteriors.DiagonalGaussian):
    """A guest without the slope of log q in z."""

    slope, factor = Posterior.slope, 1.0

    def backward(self, drawn, dz, path=0.0, score=0.0):
        return self.factor * super().backward(drawn, dz, path, score)


@pytest.mark.parametrize("guest, h, ways", [
    (Coins, (4, 3), ["h by log q, score"]),
    (Flat, (4, 6), ["h by z", "h by log q", "h by log q, another z"])])
def test_a_posterior_that_knows_less_is_checked_by_what_it_knows(guest, h, ways, rng):
    posterior = guest(3)
    arguments = rng.standard_normal(h), posterior.draw_noise(rng, 2, 4), rng
    report = gradcheck.check_posterior(posterior, *arguments)
    assert [row.block for row in report.rows] == ways
    report.assert_passed()
    guest.factor = 1.001
    try:
        wrong = gradcheck.check_posterior(posterior, *arguments)
    finally:
        guest.factor = 1.0
    assert [row.verdict for row in wrong.rows] == ["WRONG"] * len(ways)


def test_a_check_of_nothing_does_not_pass():
    report = gradcheck.Report([])
    assert not report.passed and str(report).startswith("block")
    with pytest.raises(AssertionError, match="the gradient cannot be checked"):
        report.assert_passed()
