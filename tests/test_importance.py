"""The importance weighted bound, and four ways to its gradient.

What they promise, on models whose evidence is known: K = 1 is the ELBO; more samples never
make the bound worse; their order is nothing; the estimators of the encoder's gradient agree
in the mean, all but one, which is here to be seen wrong; and how much each of them varies.
"""

import itertools

import numpy as np
import pytest
from scipy import stats

import npvae
from exact import linear_vae, log_evidence, with_the_true_posterior
from helpers import assert_mean, batch, small_vae
from npvae import ELBO, IWAE, KL, VIMCO, DReG, SampledKL, StickingTheLanding
from npvae.objectives import normalized_weights


def gradient(model, x, eps, objective):
    """The gradient of a loss, in the encoder's blocks and in all others."""
    model.loss_and_grad(x, eps, objective=objective)
    return halves(model, model.parameters.grad.copy())


def halves(model, vector):
    """The encoder's part of a flat vector, and the rest: the encoder's blocks come first."""
    n = sum(g.size for name, g in model.gradients().items() if name.startswith("encoder"))
    assert [name.startswith("encoder") for name in model.gradients()] == sorted(
        (name.startswith("encoder") for name in model.gradients()), reverse=True)
    return vector[:n], vector[n:]


def test_one_sample_is_the_sampled_elbo(rng):
    model = small_vae()
    x, eps = batch(model, rng, n_samples=1)
    sampled, elbo = ELBO(cost=SampledKL()), model.loss(x, eps, objective=ELBO(cost=SampledKL()))
    for objective, twin in ((IWAE(), sampled), (DReG(), StickingTheLanding())):
        loss = model.loss(x, eps, objective=objective)
        assert loss[:3] == pytest.approx(elbo[:3], rel=1e-13)
        for ours, theirs in zip(gradient(model, x, eps, objective), gradient(model, x, eps, twin)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


def test_the_bound_does_not_fall_with_more_samples(rng):
    """Averaged over all subsets of one set of six samples, so nothing here is left to chance."""
    model = linear_vae(5, 2, variance=0.4)
    x, eps = rng.standard_normal((3, 5)), model.draw_noise(rng, 3, 6)
    bounds = [-np.mean([model.loss(x, eps[list(subset)], objective=IWAE()).value
                        for subset in itertools.combinations(range(6), K)]) for K in range(1, 7)]
    assert (np.diff(bounds) > 0.01).all()
    assert bounds[0] == pytest.approx(model.loss(x, eps, objective=ELBO(cost=SampledKL())).elbo)


def test_the_bound_approaches_the_evidence_as_one_over_k(rng):
    """The shortfall is var(w) / (2 K), with w in units of p(x), but for terms in 1 / K^2.

    q is the prior here, and var(w) an integral over a grid. E[w] = 1, so log(mean w) less
    (mean w - 1) has the bound's mean, and next to none of its noise.
    """
    model = linear_vae(3, 1, variance=2.0)
    model.encoder.layers[0].W = np.zeros((3, 2))                             # q = N(0, 1)
    x, K, n = rng.standard_normal((1, 3)), 400, 4000
    evidence = log_evidence(model, x)

    def log_w(z):                                                            # (K, B)
        many = np.repeat(x, z.shape[1], axis=0)
        return npvae.evaluation.log_weights(model, many, z) - evidence

    z = np.linspace(-9, 9, 4001)
    density = stats.norm.pdf(z) * (z[1] - z[0])
    w = np.exp(log_w(z[:, None, None])[:, 0])
    assert density @ w == pytest.approx(1.0, abs=1e-10)                      # E[w] = p(x)
    log_w = log_w(rng.standard_normal((K, n, 1)))
    bounds = -np.array([IWAE()(log_w[:, i:i + 1], 0 * log_w[:, i:i + 1]).value for i in range(n)])
    assert_mean(np.exp(log_w).mean(axis=0) - 1 - bounds, (density @ w**2 - 1) / (2 * K))


@pytest.mark.parametrize("objective", [IWAE(), DReG(), VIMCO()])
def test_the_order_of_the_samples_is_nothing(objective, rng):
    model = small_vae()
    x, eps = batch(model, rng, n_samples=7)
    shuffled = eps[rng.permutation(7)]
    assert model.loss(x, eps, objective=objective).value == pytest.approx(
        model.loss(x, shuffled, objective=objective).value, rel=1e-13)
    for ours, theirs in zip(gradient(model, x, eps, objective),
                            gradient(model, x, shuffled, objective)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13)


def test_weights_are_positive_and_sum_to_one(rng):
    log_w = rng.normal(-5000.0, 300.0, (9, 4)).astype(np.float32)
    w = normalized_weights(log_w)
    assert w.dtype == np.float32 and (w >= 0).all()
    np.testing.assert_allclose(w.sum(axis=0), 1.0, rtol=1e-6)
    assert w[w > 0].min() > 1e-32                               # nothing subnormal
    exact = np.exp(log_w.astype(float) - npvae.numerics.log_mean_exp(log_w.astype(float))) / 9
    np.testing.assert_allclose(w, exact, atol=1e-4)


# ---- the encoder's gradient, exact in the mean ----------------------------------------------

class StickingInside(IWAE):
    """The score of q simply dropped inside the importance weighted bound: biased."""

    def __call__(self, log_px, rate):
        return super().__call__(log_px, rate)._replace(score=0.0)


def expected_gradients(model, x, objectives):
    """The exact mean of each gradient over the noise of K = 2 samples of a one-dimensional
    code: Gauss-Hermite quadrature over both."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / np.sqrt(2 * np.pi)
    means = {type(objective).__name__: 0.0 for objective in objectives}
    for (i, a), (j, b) in itertools.product(enumerate(points), repeat=2):
        eps = np.array([a, b]).reshape(2, 1, 1)
        for objective in objectives:
            model.loss_and_grad(x, eps, objective=objective)
            means[type(objective).__name__] += weights[i] * weights[j] * model.parameters.grad
    return means


def test_which_gradients_are_right_in_the_mean():
    """The derivative of the expected bound is taken by the complex step from its quadrature,
    in which 40 points for each sample are good for five digits."""
    model = npvae.vae(3, (3,), 1, activation="tanh", likelihood="gaussian",
                      variance=8.0).astype(np.float64)
    rng = np.random.default_rng(5)
    model.parameters.theta[...] = rng.normal(0, 0.5, model.parameters.size)
    x = rng.standard_normal((1, 3))
    means = expected_gradients(model, x, [IWAE(), DReG(), VIMCO(), StickingInside()])

    points, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = np.outer(weights, weights) / (2 * np.pi)
    pairs = np.stack(np.meshgrid(points, points, indexing="ij")).reshape(2, -1, 1)
    many = np.repeat(x, pairs.shape[1], axis=0)
    stepped = model.astype(np.complex128)
    exact = np.empty(model.parameters.size)
    for i in range(len(exact)):
        stepped.parameters.theta[...] = model.parameters.theta
        stepped.parameters.theta[i] += 1e-20j
        _, cache = stepped.forward(many, pairs, objective=IWAE())
        bound = npvae.numerics.log_mean_exp(cache.log_px - cache.rate)
        exact[i] = -(weights.ravel() * bound).sum().imag / 1e-20

    size = np.linalg.norm(exact)
    for name in ("IWAE", "DReG", "VIMCO"):
        assert np.linalg.norm(means[name] - exact) < 1e-5 * size, name
    bias, rest = halves(model, means["StickingInside"] - exact)
    assert np.linalg.norm(rest) < 1e-5 * size
    assert np.linalg.norm(bias) > 0.05 * np.linalg.norm(halves(model, exact)[0])


def test_vimco_is_exact_in_the_mean_for_bits(rng):
    """All sixteen outcomes of two samples of a code of two bits, by their probabilities."""
    model = npvae.bernoulli_vae(5, (4,), 2, activation="tanh").astype(np.float64)
    model.parameters.theta[...] = rng.normal(0, 0.7, model.parameters.size)
    x = rng.random((1, 5))
    outcomes = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    z = outcomes.reshape(16, 2, 2).swapaxes(0, 1)                            # (K, 16, J)

    def expected_loss(model):
        q = model.posterior.given(model.encoder.forward(np.repeat(x, 16, axis=0))[0])
        log_q = model.posterior.log_prob(model.posterior.at(q, z))
        log_px, _ = model.likelihood.log_prob(x, model.decoder.forward(z.astype(q.mu.dtype))[0])
        bound = npvae.numerics.log_mean_exp(log_px + model.prior.log_prob(z)[0] - log_q)
        return -(np.exp(log_q.sum(axis=0)) * bound).sum()

    stepped = model.astype(np.complex128)
    exact = np.empty(model.parameters.size)
    for i in range(len(exact)):
        stepped.parameters.theta[...] = model.parameters.theta
        stepped.parameters.theta[i] += 1e-20j
        exact[i] = expected_loss(stepped).imag / 1e-20

    p, mean = model.encode(x).mu, 0.0
    for k in range(16):
        probability = np.where(z[:, k], p, 1 - p).prod()
        eps = np.where(z[:, k:k + 1], 0.5 * p, 0.5 * (1 + p))       # noise that draws just this z
        model.loss_and_grad(x, eps, objective=VIMCO())
        mean += probability * model.parameters.grad
    assert np.linalg.norm(mean - exact) < 1e-12 * np.linalg.norm(exact)


# ---- how much they vary -----------------------------------------------------------------------

def test_sticking_the_landing_has_no_variance_at_the_true_posterior(rng):
    model = with_the_true_posterior(rng)
    x, eps = rng.standard_normal((5, 6)), model.draw_noise(rng, 5, 4)
    size = {type(objective).__name__: np.abs(gradient(model, x, eps, objective)[0]).max()
            for objective in (ELBO(cost=SampledKL()), StickingTheLanding(), IWAE(), DReG())}
    assert size["StickingTheLanding"] < 1e-12 and size["DReG"] < 1e-12
    assert size["ELBO"] > 0.05 and size["IWAE"] > 0.05


def test_the_encoders_signal_falls_into_noise_for_iwae_and_not_for_dreg(rng):
    """Near the optimum, from K = 4 to K = 64: as K^(-1/2) for IWAE (Rainforth et al., 2018),
    as K^(1/2) for DReG (Tucker et al., 2019).

    The two have the same mean. So the signal is taken from the one in which it can be seen.
    """
    model = with_the_true_posterior(rng)
    model.parameters.theta += 0.03 * rng.standard_normal(model.parameters.size)
    x = rng.standard_normal((1, 6))
    ratio = {}
    for K in (4, 64):
        iwae, dreg = (np.array([gradient(model, x, model.draw_noise(rng, 1, K), objective)[0]
                                for _ in range(3000)]) for objective in (IWAE(), DReG()))
        signal = np.abs(dreg.mean(axis=0))
        ratio["IWAE", K] = np.median(signal / iwae.std(axis=0))
        ratio["DReG", K] = np.median(signal / dreg.std(axis=0))
    assert ratio["IWAE", 64] / ratio["IWAE", 4] == pytest.approx(16**-0.5, rel=0.25)
    assert ratio["DReG", 64] / ratio["DReG", 4] == pytest.approx(16**0.5, rel=0.25)


def test_vimco_of_one_sample():
    with pytest.raises(ValueError, match="VIMCO has 1 sample of z: at least 2 were expected"):
        VIMCO()(np.zeros((1, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"cost is KL\(\): StickingTheLanding needs SampledKL"):
        StickingTheLanding(cost=KL())
