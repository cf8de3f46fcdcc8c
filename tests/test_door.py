"""The public door: every method that takes data checks them, and casts them to the model's dtype.

(What else is refused, and in which words, is in the tables of `bad_inputs`.)
"""

import numpy as np
import pytest

import npvae
from helpers import small_vae

X = np.full((4, 12), 0.5)
EPS = np.zeros((2, 4, 3))


def with_nan():
    x = X.copy()
    x[2, 5] = np.nan
    return x


@pytest.mark.parametrize("x, error, message", [
    (X[:, :11], ValueError, r"x has shape \(4, 11\): \(batch, 12\) was expected"),
    (X[0], ValueError, r"x has shape \(12,\): \(batch, 12\) was expected"),
    (X.reshape(4, 3, 4), ValueError, r"flatten it with x.reshape\(len\(x\), -1\)"),
    (X[:0], ValueError, "at least one row was expected"),
    (with_nan(), ValueError, r"x is nan at index \(2, 5\): finite numbers were expected"),
    (np.full((4, 12), np.inf), ValueError, r"x is inf at index \(0, 0\)"),
    (255 * X, ValueError, r"x lies in \[127.5, 127.5\]: .* divide images of integers 0 to 255 by 255"),
    (-X, ValueError, r"needs pixels in \[0, 1\]"),
    (X.astype(str), TypeError, "x has dtype <U32: real numbers were expected"),
    (X.astype(complex), TypeError, "x has dtype complex128"),
    (X.astype(object), TypeError, "x has dtype object"),
])
def test_wrong_data(x, error, message):
    model = small_vae()
    for call in (lambda: model.loss(x, EPS), lambda: model.loss_and_grad(x, EPS),
                 lambda: model.encode(x), lambda: model.reconstruct(x),
                 lambda: npvae.fit(model, x, progress=False), lambda: npvae.evaluate(model, x)):
        with pytest.raises(error, match=message):
            call()


def test_a_gaussian_likelihood_takes_any_finite_data(rng):
    model = small_vae(likelihood="gaussian")
    assert np.isfinite(model.loss(100 * X - 30, EPS).value)
    with pytest.raises(ValueError, match="x is nan"):
        model.loss(with_nan(), EPS)


@pytest.mark.parametrize("call, message", [
    (lambda m: m.loss(X, EPS[:0]), "eps has shape"),
    (lambda m: npvae.fit(m, X, validation_condition=X),
     "validation_condition or validation_observed is given without"),
    (lambda m: npvae.fit(m, X, transform=lambda x, rng: np.multiply(x, 0, out=x), progress=False),
     "read-only"),
    (lambda m: npvae.datasets.split(1, X, X[:3]), "arrays have 4, 3 rows: the same number"),
    (lambda m: npvae.priors.Concrete(2, temperature=0.0), "temperature is 0.0"),
])
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_vae())


def test_wrong_types():
    with pytest.raises(TypeError, match=r"n_hidden is 400: a sequence of sizes .* such as \(400,\)"):
        npvae.vae(n_hidden=400)
    parts = {name: getattr(small_vae(), name).copy() for name in ("encoder", "posterior", "decoder")}
    with pytest.raises(TypeError, match=r"prior is Bernoulli\(\): a Prior was expected"):
        npvae.VAE(prior=npvae.likelihoods.Bernoulli(), likelihood=npvae.likelihoods.Bernoulli(),
                  n_data=12, **parts)


def test_conditions_are_asked_for_by_name(rng):
    model = small_vae()
    model.n_condition = 2
    with pytest.raises(ValueError, match="condition is missing: this model has n_condition=2"):
        model.encode(X)
    with pytest.raises(ValueError, match="condition has 3 rows: 4 were expected"):
        model.encode(X, np.zeros((3, 2)))


def test_float32_and_float64_inputs_are_cast_to_the_models_dtype():
    model = small_vae(dtype=np.float32)
    assert model.loss(X, EPS) .value == model.loss(X.astype(np.float32), EPS.astype(np.float32)).value
    assert model.encode(X > 0.4).mu.dtype == np.float32


def test_what_has_no_mask_sends_nobody_to_one(rng):
    model, x = npvae.vae(4, (5,), 2, likelihood="gaussian"), rng.standard_normal((50, 4))
    x[0, 0] = np.nan
    for call in (lambda: npvae.evaluation.diagnose(model, x),
                 lambda: npvae.evaluation.kl_parts(model, x, rng)):
        with pytest.raises(ValueError, match=r"^x is nan at index \(0, 0\): [^;]*$"):
            call()
    with pytest.raises(ValueError, match="for values that are missing, see observed$"):
        npvae.evaluate(model, x)
