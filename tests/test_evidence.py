"""The evidence, and how far it says that it can be trusted."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

import npvae
from exact import linear_vae, log_evidence, with_the_true_posterior
from helpers import assert_mean, likelihoods_by_name, small_vae
from npvae import evaluation
from npvae.distributions.columns import Categorical, Columns
from npvae.distributions.counts import Poisson
from npvae.distributions.robust import StudentT
from npvae.evaluation.evidence import Weights


@pytest.mark.parametrize("n_data, K, batch, chunk", [
    (12, 7, 3, 7),                          # all x and all samples at once
    (12, 6000, 1, 4096),                    # one x at a time, and 4096 of its samples
    (2**18, 5, 1, 4)])                      # the larger x is, the fewer at a time
def test_the_estimate_is_the_log_of_the_mean_of_the_weights(n_data, K, batch, chunk, rng):
    model = small_vae(n_data, (3,), 2, scale=0.5 if n_data < 100 else 1e-3)
    x = rng.random((3, n_data))
    found = evaluation.log_evidence(model, x, np.random.default_rng(8), K)
    same = np.random.default_rng(8)
    for start in range(0, 3, batch):
        rows = slice(start, start + batch)
        eps = [model.draw_noise(same, batch, min(chunk, K - k)) for k in range(0, K, chunk)]
        log_w = evaluation.log_weights(model, x[rows], np.concatenate(eps))
        w = np.exp(log_w - log_w.max(axis=0))
        np.testing.assert_allclose(found.log_px[rows],
                                   log_w.max(axis=0) + np.log(w.mean(axis=0)), rtol=1e-12)
        np.testing.assert_allclose(found.ess[rows], w.sum(axis=0)**2 / (w**2).sum(axis=0))
        np.testing.assert_allclose(found.standard_error[rows],
                                   w.std(axis=0, ddof=1) / w.mean(axis=0) / np.sqrt(K))


def test_the_standard_error_is_that_of_repeated_estimates(rng):
    model = linear_vae(5, 2, variance=3.0)
    x = np.repeat(rng.standard_normal((1, 5)), 2000, axis=0)
    found = evaluation.log_evidence(model, x, rng, 500)
    assert found.log_px.std() == pytest.approx(found.standard_error.mean(), rel=0.1)
    assert_mean(np.exp(found.log_px - log_evidence(model, x[:1])), 1.0)
    assert (found.pareto_k < 0.7).mean() > 0.95


def test_at_the_true_posterior_every_sample_counts(rng):
    model = with_the_true_posterior(rng)
    x = rng.standard_normal((4, 6))
    found = evaluation.log_evidence(model, x, rng, 300)
    np.testing.assert_allclose(found.log_px, log_evidence(model, x), atol=1e-11)
    np.testing.assert_allclose(found.ess, 300, rtol=1e-10)
    assert found.standard_error.max() < 1e-7


def test_one_sample_does_not_know_its_error(rng):
    found = evaluation.log_evidence(small_vae(), rng.random((3, 12)), rng, 1)
    assert np.isnan(found.standard_error).all() and np.isnan(found.pareto_k).all()
    assert (found.ess == 1).all()
    assert "Pareto k above 0.7, or not known, for 3 x" in str(found)


def test_a_proposal_that_is_too_narrow_is_noticed(rng):
    """q = N(0, 0.3^2) for a posterior near N(0, 1): w has no variance, and k tends to 0.91."""
    model = linear_vae(3, 1, variance=1e6)
    model.encoder.layers[0].W = np.zeros((3, 2))
    model.encoder.layers[0].b = np.array([0.0, 2 * np.log(0.3)])
    found = evaluation.log_evidence(model, rng.standard_normal((50, 3)), rng, 20_000)
    assert (found.pareto_k > 0.7).mean() > 0.9
    wide = linear_vae(3, 1, variance=1e6)
    wide.encoder.layers[0].W = np.zeros((3, 2))
    wide.encoder.layers[0].b = np.array([0.0, 2 * np.log(1.5)])
    found = evaluation.log_evidence(wide, rng.standard_normal((50, 3)), rng, 2000)
    assert (found.pareto_k < 0.3).all()


@pytest.mark.parametrize("k", [-0.2, 0.2, 0.5, 0.9])
def test_the_pareto_shape_is_that_of_its_distribution_and_near_scipys(k, rng):
    M, prior = 400, 10 * 0.5
    w = np.sort(1.0 + stats.genpareto(k).rvs((2000, 60), random_state=rng), axis=0)[-M - 1:]
    shape = (evaluation.pareto_shape(np.log(w)) * (M + 10) - prior) / M      # without the prior
    assert shape.mean() == pytest.approx(k, abs=5 * (1 + k) / np.sqrt(M * 60) + 0.01)
    likeliest = [stats.genpareto.fit(w[1:, j] - w[0, j], floc=0)[0] for j in range(5)]
    np.testing.assert_allclose(shape[:5], likeliest, atol=0.04)


def test_weights_in_pieces_are_the_weights_together(rng):
    log_w = rng.normal(-1e4, 40.0, (1000, 3))
    whole, pieces = Weights(3, 1000), Weights(3, 1000)
    whole.add(log_w)
    for start in (0, 1, 300, 307):
        pieces.add(log_w[start:{0: 1, 1: 300, 300: 307, 307: 1000}[start]])
    for ours, theirs in zip(whole.evidence(), pieces.evidence()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


MEASURES = {"bernoulli": "mass", "discretized_logistic": "mass", "poisson": "mass",
            "negative_binomial": "mass", "continuous_bernoulli": "density", "gaussian": "density",
            "tied_gaussian": "density", "heteroscedastic_gaussian": "density", "laplace": "density",
            "student_t": "density"}


def model_of(likelihood, n_data=6):
    return npvae.vae(n_data, (5,), 2, likelihood=likelihood)


@pytest.mark.parametrize("name", likelihoods_by_name())
def test_bits_of_a_mass_are_its_nats_and_to_a_density_the_unit_is_added(name):
    model = model_of(name)
    assert model.likelihood.measure == MEASURES[name]
    added = 8.0 if MEASURES[name] == "density" else 0.0
    log_px = -6 * np.log(2) * np.array([1.0, 2.5])
    np.testing.assert_allclose(evaluation.bits_per_dimension(model, log_px), [1 + added, 2.5 + added],
                               rtol=1e-14)
    assert evaluation.bits_per_dimension(model, log_px[0], 16) == pytest.approx(1 + added / 2, rel=1e-14)


def test_columns_have_bits_where_they_are_of_one_measure():
    gaussian = npvae.likelihoods.Gaussian
    masses = Columns([(Categorical(3), [0]), (Poisson(), [1])])
    assert (Categorical(3).measure, masses.measure) == ("mass", "mass")
    assert evaluation.bits_per_dimension(model_of(masses, 2), -2 * np.log(2)) == 1.0
    densities = Columns([(gaussian(), [0]), (StudentT(), [1])])
    assert evaluation.bits_per_dimension(model_of(densities, 2), -2 * np.log(2)) == 9.0
    mixed = Columns([(Categorical(3), [0]), (gaussian(), [1])])
    assert mixed.measure == "mixed"
    with pytest.raises(ValueError, match=r"the likelihood Columns\(.*\), of masses and densities"):
        evaluation.bits_per_dimension(model_of(mixed, 2), -1.0)


@pytest.mark.parametrize("likelihood, y, of_scipy, more", [
    (npvae.likelihoods.Gaussian(0.01), [0.4], stats.norm(0.4, 0.1), 0.03),
    (npvae.likelihoods.Gaussian(0.04), [0.4], stats.norm(0.4, 0.2), 0.01),
    (StudentT(4.0), [0.4, -3.0], stats.t(4.0, 0.4, 1e-3 + np.exp(-3.0)), 0.1)])
def test_the_bits_of_a_density_bound_those_of_its_integers(likelihood, y, of_scipy, more):
    """A level k has so many bits by the distribution function; x = (k + u) / 16, on the average of u,
    has as many or more, and hardly more where the density is smooth."""
    k, u = np.arange(16), (np.arange(400) + 0.5) / 400
    x = ((k[:, None] + u) / 16).reshape(-1, 1)
    log_p = likelihood.log_prob(x, np.tile(y, (1, len(x), 1)))[0][0]
    bits = evaluation.bits_per_dimension(model_of(likelihood, 1), log_p, 16)
    bits = bits.reshape(16, 400).mean(axis=1)
    mass = np.diff(of_scipy.cdf(np.arange(17) / 16))
    assert (bits + np.log2(mass) > 0).all()
    assert more / 10 < (mass * (bits + np.log2(mass))).sum() < more


def test_memory_does_not_grow_with_the_number_of_samples():
    model, x = npvae.vae(784, (200,), 10), np.full((1, 784), 0.5, np.float32)
    peaks = []
    for n_samples in (3000, 60_000):
        tracemalloc.start()
        evaluation.log_evidence(model, x, np.random.default_rng(0), n_samples)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.02 * peaks[0] < 500 * 2**20


def test_weights_of_nothing_are_no_harm_to_those_that_follow():
    """In pieces, the first of which has log w = -inf alone; and where there are no others."""
    weights = Weights(2, 4)
    for piece in ([[-np.inf, -np.inf]] * 2, [[0.0, -np.inf]] * 2):
        weights.add(np.array(piece))
    assert weights.evidence().log_px.tolist() == [np.log(0.5), -np.inf]


OVERFLOWING = {
    "log_evidence": lambda model, x, rng: evaluation.log_evidence(model, x, rng, 4),
    "inference_gap": lambda model, x, rng: evaluation.inference_gap(model, x, rng, steps=1, n_samples=4),
    "impute": lambda model, x, rng: evaluation.impute(model, x, rng, 4, observed=np.ones(x.shape))}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OVERFLOWING)
@pytest.mark.parametrize("far", [300.0, 1e30])
def test_a_row_whose_posterior_overflows_is_refused_by_its_number(name, far, rng):
    """exp of a log variance of some hundreds is more than float32 holds: no z, and no weights."""
    model = npvae.vae(4, (), 2, likelihood="gaussian")
    model.encoder.layers[-1].W[...] = np.eye(4)
    x = rng.standard_normal((5, 4)).astype(np.float32)
    assert not np.isnan(OVERFLOWING[name](model, x, rng)[0]).any()
    x[3] = far
    with pytest.raises(ValueError, match="^x is more than the model can weigh, in row 3: "):
        OVERFLOWING[name](model, x, rng)


@pytest.mark.parametrize("name", ["log_evidence", "impute"])
def test_a_model_that_is_broken_is_no_fault_of_x(name, rng):
    model = npvae.vae(4, (3,), 2, likelihood="gaussian")
    model.encoder.layers[0].W[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"^model has blocks that are not finite: encoder\.0\.W$"):
        OVERFLOWING[name](model, rng.standard_normal((5, 4)), rng)


def test_a_row_that_no_code_explains_is_not_refused(rng):
    """All weights are 0, as of a 1 where p(x|z) says never: log p(x) is -inf, which is a value."""
    model = npvae.vae(4, (), 2)
    model.likelihood.log_prob = lambda x, y, observed=None: (np.full(y.shape[:2], -np.inf), None)
    found = evaluation.log_evidence(model, np.ones((3, 4)), rng, 4)
    assert found.log_px.tolist() == [-np.inf] * 3
