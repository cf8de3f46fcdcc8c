"""Objectives beyond the ELBO: free bits, a capacity, and the score function for codes without a path."""

import itertools

import numpy as np
import pytest

import npvae
from helpers import assert_mean, batch, small_vae
from npvae import ELBO, KL, SampledKL
from npvae.objectives import Capacity, FreeBits, ScoreFunction


def test_free_bits_count_a_dimension_as_at_least_its_due(rng):
    log_px, rate = rng.normal(-9, 1, (3, 4)), rng.random((4, 3)) * [0.1, 1.0, 3.0]
    mean = rate.mean(axis=0)
    assert mean[0] < 0.3 < mean[1] < mean[2]
    loss = FreeBits(beta=2.0, free=0.3)(log_px, rate)
    assert loss.value == pytest.approx(-log_px.mean() + 2 * (0.3 + mean[1] + mean[2]), rel=1e-13)
    assert loss.kl == pytest.approx(mean.sum(), rel=1e-13)           # the true one
    np.testing.assert_array_equal(loss.drate, np.tile([0.0, 0.5, 0.5], (4, 1)))
    plain, none = ELBO(2.0)(log_px, rate), FreeBits(beta=2.0, free=0.0)(log_px, rate)
    assert none.value == pytest.approx(plain.value, rel=1e-14)
    with pytest.raises(ValueError, match="free is -1: a finite number"):
        FreeBits(free=-1)
    with pytest.raises(ValueError, match=r"cost is SampledKL\(\): FreeBits needs"):
        FreeBits(cost=SampledKL())


class Ratio(npvae.Cost):
    """A sampled cost of one's own: what `SampledKL` is, by another name."""

    def __init__(self):
        self.n_rates, self.per_x = SampledKL().n_rates, SampledKL().per_x
        self.forward, self.backward = SampledKL().forward, SampledKL().backward


@pytest.mark.parametrize("beta", [1.0, 0.4])
@pytest.mark.parametrize("cost", [KL(), SampledKL(), Ratio()], ids=lambda cost: type(cost).__name__)
def test_the_score_function_is_exact_in_the_mean(beta, cost, rng):
    """A code of two bits, two samples: all sixteen outcomes, weighted by their probabilities.

    Their mean gradient must be the derivative of the exact expected ELBO, which the
    complex step takes from the sum over all codes.
    """
    K, B, J = 2, 2, 2
    model = npvae.bernoulli_vae(5, (4,), J, activation="tanh").astype(np.float64)
    model.parameters.theta[...] = rng.normal(0, 0.7, model.parameters.size)
    x = rng.random((B, 5))
    codes = np.array(list(itertools.product([0.0, 1.0], repeat=J)))               # (4, J)

    def exact_loss(model):
        q = model.posterior.given(model.encoder.forward(x)[0])
        z = np.repeat(codes[:, None], B, axis=1)
        log_q = model.posterior.log_prob(model.posterior.at(q, z))                # (4, B)
        log_px, _ = model.likelihood.log_prob(x, model.decoder.forward(z)[0])
        rate = log_q - model.prior.log_prob(z)[0]
        return -(np.exp(log_q) * (log_px - beta * rate)).sum(axis=0).mean()

    stepped = model.astype(np.complex128)
    exact = np.empty(model.parameters.size)
    for i in range(len(exact)):
        stepped.parameters.theta[...] = model.parameters.theta
        stepped.parameters.theta[i] += 1e-20j
        exact[i] = exact_loss(stepped).imag / 1e-20

    p = model.encode(x).mu
    mean, value = np.zeros_like(exact), 0.0
    for bits in itertools.product([0, 1], repeat=K * B * J):
        z = np.reshape(bits, (K, B, J))
        probability = np.where(z, p, 1 - p).prod()
        eps = np.where(z, 0.5 * p, 0.5 * (1 + p))                   # noise that draws just this z
        loss = model.loss_and_grad(x, eps, objective=ScoreFunction(beta, cost))
        value += probability * loss.value
        mean += probability * model.parameters.grad
    assert value == pytest.approx(exact_loss(model), rel=1e-12)
    assert np.linalg.norm(mean - exact) < 1e-12 * np.linalg.norm(exact)


def test_path_and_score_agree_in_the_mean_for_a_continuous_code(rng):
    model = small_vae(5, (4,), 2)
    x, _ = batch(model, rng, 2)
    difference = []
    for _ in range(4000):
        eps = model.draw_noise(rng, 2, 3)
        model.loss_and_grad(x, eps)
        path = model.parameters.grad.copy()
        model.loss_and_grad(x, eps, objective=ScoreFunction())
        difference.append(model.parameters.grad - path)
    assert_mean(difference, 0.0)


def test_a_cost_is_sampled_where_it_has_a_rate_of_each_z():
    costs = (KL(), npvae.Free(), SampledKL(), Ratio(), npvae.MMD(), npvae.DecomposedKL(9))
    assert [cost.sampled for cost in costs] == [False, False, True, True, True, True]


def test_one_sample_has_no_others():
    model = npvae.bernoulli_vae(5, (4,), 2)
    with pytest.raises(ValueError, match="ScoreFunction has 1 sample of z: at least 2"):
        npvae.fit(model, np.full((4, 5), 0.5), progress=False)


@pytest.mark.parametrize("kind", [FreeBits, Capacity])
def test_a_number_of_nats_is_not_taken_for_beta(kind):
    """FreeBits(0.3) was a beta of 0.3, and 0.1 nats for nothing."""
    with pytest.raises(TypeError, match="positional argument"):
        kind(0.3)


# ---- a capacity -----------------------------------------------------------------------------

@pytest.mark.parametrize("capacity, sign", [(1.0, 1.0), (9.0, -1.0)])
def test_a_capacity_holds_the_kl_from_both_sides(capacity, sign, rng):
    """|KL - capacity| of the mean over the batch, whatever the KL of a single x is."""
    log_px, rate = rng.normal(-9, 1, (3, 4)), rng.random((4, 3)) * [0.1, 1.0, 3.0]
    kl = rate.sum() / 4
    loss, plain = Capacity(beta=2.5, capacity=capacity)(log_px, rate), ELBO(2.5)(log_px, rate)
    assert loss.value == pytest.approx(-log_px.mean() + 2.5 * abs(kl - capacity), rel=1e-13)
    assert loss.kl == pytest.approx(kl, rel=1e-13)
    np.testing.assert_array_equal(loss.drate, sign * plain.drate)
    np.testing.assert_array_equal(loss.dlog_px, plain.dlog_px)
    none = Capacity(beta=2.5, capacity=0.0)(log_px, rate)
    assert none.value == pytest.approx(plain.value, rel=1e-13)
    with pytest.raises(ValueError, match="capacity is -1: a finite number of at least 0"):
        Capacity(capacity=-1)


def test_a_schedule_opens_the_capacity_and_leaves_its_price(rng):
    x = (rng.random((400, 12)) < rng.choice([0.1, 0.9], (400, 3)).repeat(4, axis=1)).astype(np.float32)
    model = npvae.vae(12, (16,), 3, seed=1)
    model.objective = Capacity(beta=20.0, capacity=1.5)
    assert model.objective.scheduled(0.5) == Capacity(beta=20.0, capacity=0.75)
    assert ELBO(2.0).scheduled(0.5) == ELBO(1.0)
    history = npvae.fit(model, x, epochs=30, batch_size=50, learning_rate=5e-3, progress=False,
                        kl_schedule=npvae.schedules.Linear(20))
    assert all(row["beta"] == 20.0 for row in history)
    opened = 1.5 * np.minimum((np.arange(30) + 0.5) / 20, 1.0)
    np.testing.assert_allclose([row["kl"] for row in history[4:]], opened[4:], atol=0.3)
