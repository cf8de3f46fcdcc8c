"""The public door: an error names the argument, what it was, and what was expected."""

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
    (lambda m: m.loss(X, EPS[:, :3]), r"eps has shape \(2, 3, 3\): \(samples, 4, 3\) was expected"),
    (lambda m: m.loss(X, EPS[0]), "eps has shape"),
    (lambda m: m.loss(X, EPS[:0]), "eps has shape"),
    (lambda m: m.loss(X, EPS + np.nan), "eps is nan at index"),
    (lambda m: m.loss(X, EPS, target=X[:3]), "target has 3 rows: 4 were expected, as in x"),
    (lambda m: m.loss(X, EPS, target=7 * X), r"target lies in \[3.5, 3.5\]"),
    (lambda m: m.loss(X, EPS, condition=X), "condition is given: this model has n_condition=0"),
    (lambda m: m.draw_noise(np.random.default_rng(0), 4, 0), "n_samples is 0: an integer of at least 1"),
    (lambda m: m.decode(X), r"z has shape \(4, 12\): \(batch, 3\) was expected"),
    (lambda m: m.sample(np.random.default_rng(0), 2.5), "n is 2.5: an integer of at least 1"),
    (lambda m: npvae.fit(m, X, epochs=0), "epochs is 0: an integer of at least 1"),
    (lambda m: npvae.fit(m, X, batch_size=-1), "batch_size is -1"),
    (lambda m: npvae.fit(m, X, n_samples=True), "n_samples is True"),
    (lambda m: npvae.fit(m, X, patience=3), "patience or validation_condition is given without"),
    (lambda m: npvae.fit(m, X, validation_condition=X), "validation_condition is given without"),
    (lambda m: npvae.fit(m, X, validation=X, patience=0), "patience is 0: an integer of at least 1"),
    (lambda m: npvae.fit(m, X, validation=X[:, :5]), r"validation has shape \(4, 5\)"),
    (lambda m: npvae.fit(m, X, clip_norm=-1.0), "clip_norm is -1.0: a positive, finite number"),
    (lambda m: npvae.fit(m, X, learning_rate=float("nan")), "learning_rate is nan: a positive"),
    (lambda m: npvae.fit(m, X, resume=True), "resume is given without checkpoint"),
    (lambda m: npvae.fit(m, X, transform=lambda x, rng: 2 * x + 1, progress=False),
     r"what transform returned lies in \[2, 2\]: a Bernoulli likelihood needs pixels"),
    (lambda m: npvae.fit(m, X, transform=lambda x, rng: np.multiply(x, 0, out=x), progress=False),
     "read-only"),
    (lambda m: npvae.evaluate(m, X, batch_size=-3), "batch_size is -3: an integer of at least 1"),
    (lambda m: npvae.Adam(eps=0.0), "eps is 0.0: a positive, finite number"),
    (lambda m: npvae.Adagrad(eps=-1.0), "eps is -1.0"),
    (lambda m: npvae.vae(12, (7,), 2, variance=-3.0), "variance is -3.0"),
    (lambda m: npvae.datasets.split(1, X, X[:3]), "arrays have 4, 3 rows: the same number"),
    (lambda m: npvae.datasets.Masking(1.0), r"p is 1.0: a probability in \[0, 1\)"),
    (lambda m: npvae.priors.Bernoulli(2, p=0.0), "p is 0.0: a probability strictly between 0 and 1"),
    (lambda m: npvae.priors.Concrete(2, temperature=0.0), "temperature is 0.0"),
    (lambda m: npvae.posteriors.Concrete(2, temperature=-1.0), "temperature is -1.0"),
    (lambda m: npvae.conditional_vae(12, 0), "n_condition is 0"),
    (lambda m: npvae.convolutional_vae(side=30), "side is 30: a multiple of 4"),
    (lambda m: npvae.ELBO(beta=-1.0), "beta is -1.0: a finite number of at least 0"),
    (lambda m: npvae.ELBO(beta=float("nan")), "beta is nan"),
    (lambda m: npvae.likelihoods.Gaussian(0.0), "variance is 0.0: a positive, finite number"),
    (lambda m: npvae.likelihoods.TiedGaussian(-1.0), "variance is -1.0"),
    (lambda m: npvae.likelihoods.HeteroscedasticGaussian(float("inf")), "floor is inf"),
    (lambda m: npvae.Adam(beta1=1.0), r"beta1 is 1.0: a number in \[0, 1\) was expected"),
    (lambda m: npvae.SGD(momentum=-0.1), "momentum is -0.1"),
    (lambda m: npvae.vae(0), "n_data is 0: an integer of at least 1"),
    (lambda m: npvae.vae(12, (7, 0)), "a size in n_hidden is 0"),
    (lambda m: npvae.vae(12, (7,), 2.0), "n_latent is 2.0"),
    (lambda m: npvae.vae(likelihood="poisson"), "likelihood is 'poisson': one of 'bernoulli', "),
    (lambda m: npvae.vae(activation="gelu"), "activation is 'gelu': one of 'relu', "),
    (lambda m: npvae.vae(init="zeros"), "init is 'zeros': one of 'uniform', "),
    (lambda m: npvae.networks.Dense(0, 3, None), r"Dense\(0, 3\): both sizes must be at least 1"),
])
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_vae())


def test_wrong_types():
    with pytest.raises(TypeError, match=r"n_hidden is 400: a sequence of sizes .* such as \(400,\)"):
        npvae.vae(n_hidden=400)
    posterior = npvae.posteriors.DiagonalGaussian(3)
    with pytest.raises(TypeError, match="prior is Module: a DiagonalGaussian posterior has a "
                                        "closed-form KL to priors.StandardNormal only"):
        posterior.kl(posterior.given(np.zeros((1, 6))), npvae.networks.Module())


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
