"""Annealing: leapfrog, Metropolis, and two bounds of log p(x), where the answer is known."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logsumexp

import npvae
from exact import decoder_of, grid_2d, linear_vae, log_evidence, true_posterior
from helpers import assert_mean, small_vae
from npvae import evaluation
from npvae.distributions.likelihoods import Gaussian
from npvae.distributions.relaxed import GumbelSoftmax, GumbelSoftmaxPrior
from npvae.evaluation.annealing import Path, anneal, hmc, leapfrog, sigmoid_schedule, tuned_steps
from npvae.networks import Chain, Dense, First
from npvae.numerics import log_mean_exp


def random_linear_vae(rng, n_data=5, n_latent=2):
    """A linear VAE, the same up to rotations; its encoder has the true posterior's means and
    twice its variances."""
    model = linear_vae(n_data, n_latent, variance=0.5)
    W, b, s = decoder_of(model)
    left, right = stats.ortho_group(n_latent, rng).rvs(), stats.ortho_group(n_data, rng).rvs()
    W[...] = left * np.linspace(0.7, 1.7, n_latent) @ right[:n_latent]
    b[...] = rng.standard_normal(n_data)
    means, covariance = true_posterior(model, b + np.eye(n_data))
    encoder = model.encoder.layers[0]
    encoder.W = np.hstack([means, np.zeros_like(means)])
    encoder.b = np.concatenate([-b @ means, np.log(2.0 * np.diag(covariance))])
    return model


def two_layer_vae(rng):
    """A prior and a likelihood that both have parameters: z = (z1, z2), of which x sees z1."""
    posterior = npvae.hierarchy.StackedGaussian(1, 1, Dense(1, 2, rng))
    prior = npvae.hierarchy.StackedNormal(1, 1, Dense(1, 2, rng))
    return npvae.VAE(Dense(6, 2, rng), posterior, prior, Chain(First(1), Dense(1, 6, rng)),
                     npvae.likelihoods.TiedGaussian(), n_data=6).astype(np.float64)


def data_of(model, rng, n):
    """x (n, D) from a model."""
    z = rng.standard_normal((n, model.n_latent))
    return model.likelihood.sample(rng, model.decoder.forward(z)[0])


def posterior_at(model, x, beta):
    """Mean and covariance of p(z) p(x|z)^beta, for a linear VAE: its variance is s / beta."""
    tempered = model.copy()
    tempered.likelihood.variance = model.likelihood.variance / beta
    return true_posterior(tempered, x)


def draw_posterior(model, x, rng, n_chains, beta=1.0):
    """Exact draws (K, B, J) of the posterior of a linear VAE."""
    mean, covariance = posterior_at(model, x, beta)
    noise = rng.standard_normal((n_chains, *mean.shape))
    return mean + noise @ np.linalg.cholesky(covariance).T


def grid_log_evidence(model, x, condition=None):
    """log p(x) by quadrature, for two latent dimensions and a Bernoulli likelihood."""
    z, area = grid_2d(161, 8.0)
    inputs = np.repeat(z[:, None], len(x), axis=1)
    if condition is not None:
        inputs = np.concatenate([inputs, np.broadcast_to(condition, (len(z), *condition.shape))], -1)
    logits = model.decoder.forward(inputs)[0]
    log_px = (x * logits - np.logaddexp(0, logits)).sum(axis=-1)                # (grid, B)
    log_pz = stats.norm.logpdf(z).sum(axis=-1)
    return logsumexp(log_px + log_pz[:, None], axis=0) + np.log(area)


# ---- the schedule and the path -------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_the_schedule_is_the_sigmoid_from_0_to_1(n):
    betas = sigmoid_schedule(n)
    assert len(betas) == n + 1 and betas[0] == 0.0 and betas[-1] == 1.0
    g = expit(4.0 * (2.0 * np.arange(n + 1) / n - 1.0))
    np.testing.assert_allclose(betas, (g - g[0]) / (g[-1] - g[0]), atol=1e-14)
    assert (np.diff(betas) > 0).all()


MODELS = {
    "bernoulli": dict(),
    "gaussian": dict(likelihood="gaussian", variance=0.2),
    "tied": dict(likelihood="tied_gaussian", variance=0.2),
    "heteroscedastic": dict(likelihood="heteroscedastic_gaussian"),
}


@pytest.mark.parametrize("start", ["prior", "posterior"])
@pytest.mark.parametrize("name", MODELS)
def test_the_path_goes_from_the_start_to_the_joint_with_its_gradient(name, start, rng):
    model = small_vae(6, (5,), 2, scale=0.8, **MODELS[name])
    x, z = rng.random((3, 6)), rng.standard_normal((4, 3, 2))
    path = Path(model, x, start=start)
    state = path(z)
    q = model.encode(x)
    ends = {"prior": stats.norm.logpdf(z).sum(axis=-1),
            "posterior": stats.norm.logpdf(z, q.mu, q.std).sum(axis=-1)}
    log_px = model.likelihood.log_prob(x, model.decoder.forward(z)[0])[0]
    np.testing.assert_allclose(state.log_prob(0.0), ends[start], atol=1e-12)
    np.testing.assert_allclose(state.log_prob(1.0), ends["prior"] + log_px, atol=1e-11)
    twin = Path(model.astype(np.complex128), x, start=start)
    for beta in (0.0, 0.3, 1.0):
        for j in range(2):
            slope = twin(z + 1e-30j * np.eye(2)[j]).log_prob(beta).imag / 1e-30
            np.testing.assert_allclose(state.score(beta)[..., j], slope, rtol=1e-11, atol=1e-12)


def test_the_path_of_other_priors_and_with_a_condition(rng):
    x, z = rng.random((3, 6)), rng.standard_normal((4, 3, 2))
    condition = npvae.datasets.one_hot(np.array([0, 2, 1]), 3).astype(np.float64)
    conditional = npvae.conditional_vae(6, 3, (5,), 2).astype(np.complex128)
    concrete = npvae.concrete_vae(6, (5,), 2).astype(np.complex128)
    stacked = two_layer_vae(rng).astype(np.complex128)
    paths = [Path(conditional, x, condition, start) for start in ("prior", "posterior")]
    paths += [Path(model, x, None, start) for model in (concrete, stacked)
              for start in ("prior", "posterior")]
    for path in paths:
        for j in range(2):
            slope = path(z + 1e-30j * np.eye(2)[j]).log_prob(0.5).imag / 1e-30
            np.testing.assert_allclose(path(z).score(0.5)[..., j], slope, rtol=1e-11, atol=1e-12)


# ---- leapfrog ------------------------------------------------------------------------------

def nonlinear_path(rng, n_batch=2, **options):
    model = small_vae(6, (8,), 2, scale=1.2, **{"likelihood": Gaussian(0.1), **options})
    return Path(model, rng.standard_normal((n_batch, 6)))


def test_leapfrog_runs_back_the_way_it_came(rng):
    path = nonlinear_path(rng)
    z, v = rng.standard_normal((2, 3, 2, 2))
    step = np.array([0.02, 0.05])
    end, v_end = leapfrog(path, path(z), v, 0.7, step, 25)
    assert np.abs(end.z - z).max() > 0.5
    back, v_back = leapfrog(path, end, -v_end, 0.7, step, 25)
    np.testing.assert_allclose(back.z, z, atol=1e-10)
    np.testing.assert_allclose(-v_back, v, atol=1e-10)


def test_leapfrog_keeps_the_volume(rng):
    """The determinant of d(z', v') / d(z, v) is 1: four complex steps, as four chains."""
    path = nonlinear_path(rng)
    z, v = rng.standard_normal((2, 1, 2, 2)) + 0j
    dz, dv = np.split(1e-30j * np.eye(4)[:, None], 2, axis=-1)
    end, v_end = leapfrog(path, path(z + dz), v + dv, 1.0, np.array([0.05, 0.1]), 5)
    jacobian = np.concatenate([end.z, v_end], axis=-1).imag.swapaxes(0, 1) / 1e-30
    assert (np.abs(jacobian - np.eye(4)).max(axis=(1, 2)) > 0.5).all()
    np.testing.assert_allclose(np.linalg.det(jacobian), 1.0, atol=1e-9)


def test_the_energy_error_falls_with_the_square_of_the_step(rng):
    path = nonlinear_path(rng)
    z, v = rng.standard_normal((2, 50, 2, 2))
    state = path(z)

    def error(step, n_leapfrog):
        end, v_end = leapfrog(path, state, v, 1.0, np.full(2, step), n_leapfrog)
        before = 0.5 * (v**2).sum(axis=-1) - state.log_prob(1.0)
        return 0.5 * (v_end**2).sum(axis=-1) - end.log_prob(1.0) - before

    coarse, fine = error(0.01, 20), error(0.005, 40)               # for the same time
    assert np.median(coarse / fine) == pytest.approx(4.0, abs=0.1)
    assert np.sqrt(np.mean(coarse**2) / np.mean(fine**2)) == pytest.approx(4.0, abs=0.4)


# ---- Hamiltonian Monte Carlo ---------------------------------------------------------------

def assert_gaussian(z, mean, covariance):
    """z (N, J) has these moments, within standard errors, and these marginals."""
    u = (z - mean) @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    assert_mean(u, 0.0)
    assert_mean(u[:, :, None] * u[:, None, :], np.eye(len(mean)))
    for j in range(len(mean)):
        assert stats.kstest(u[:, j], "norm").pvalue > 1e-4


@pytest.mark.parametrize("beta", [1.0, 0.2])
def test_hmc_leaves_the_posterior_as_it_is(beta, rng):
    """With steps so coarse that a third is refused: what is not refused would be wrong."""
    model = random_linear_vae(rng)
    x = rng.standard_normal((2, 5))
    path, n = Path(model, x), 20_000
    mean, covariance = posterior_at(model, x, beta)
    state = path(draw_posterior(model, x, rng, n, beta))
    step = np.full(2, 1.8 * np.sqrt(np.linalg.eigvalsh(covariance)[0]))
    for _ in range(3):
        state, acceptance = hmc(path, state, beta, step, 3, rng)
        assert 0.4 < acceptance.mean() < 0.85
    for b in range(2):
        assert_gaussian(state.z[:, b], mean[b], covariance)
    for new, old in zip(state, path(state.z)):              # what is carried along belongs to z
        np.testing.assert_allclose(new, old, atol=1e-9)


def test_hmc_finds_the_posterior_from_far_away(rng):
    model = random_linear_vae(rng)
    x = rng.standard_normal((1, 5))
    path = Path(model, x)
    mean, covariance = posterior_at(model, x, 1.0)
    state = path(5.0 + rng.standard_normal((5_000, 1, 2)))
    step = 0.8 * np.sqrt(np.linalg.eigvalsh(covariance)[:1])
    for _ in range(30):                          # each less than half a turn: no resonance
        state, _ = hmc(path, state, 1.0, step, 3, rng)
    assert_gaussian(state.z[:, 0], mean[0], covariance)


@pytest.mark.parametrize("far", [1e3, 1e100, 1e200])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_chain_that_diverges_is_refused(layers, far, rng):
    path = nonlinear_path(rng, likelihood="heteroscedastic_gaussian")
    if layers == 2:
        path = Path(two_layer_vae(rng), path.x)
    state = path(rng.standard_normal((3, 2, 2)))
    after, acceptance = hmc(path, state, 1.0, np.array([far, 0.01]), 5, rng)
    np.testing.assert_array_equal(after.z[:, 0], state.z[:, 0])
    assert (acceptance[:, 0] < 1e-9).all() and (after.z[:, 1] != state.z[:, 1]).any()
    assert all(np.isfinite(part).all() for part in after)


def test_tuned_steps_are_accepted_as_often_as_they_should(rng):
    model = random_linear_vae(rng, 8, 4)
    path, betas = Path(model, data_of(model, rng, 20)), sigmoid_schedule(100)
    steps = tuned_steps(path, betas, rng, 16, 5)
    assert steps.shape == (101, 20)
    state, rates = path(path.draw(rng, 16)), []
    for t in range(1, 100):
        state, acceptance = hmc(path, state, betas[t], steps[t], 5, rng)
        rates.append(acceptance.mean())
    assert np.mean(rates[30:]) == pytest.approx(0.65, abs=0.04)


# ---- annealing -----------------------------------------------------------------------------

@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_the_weights_are_exact_in_both_directions(start, rng):
    """Few temperatures and coarse steps: no chain is near equilibrium, and yet the mean of w is
    p(x). And the way back is the reversal of the way there: the two distributions of log w are
    tied by E_forth[w g(w)] = p(x) E_back[g(w)] for every g. With g = 1 / (p(x) + w) both sides
    are means of numbers between 0 and 1 (Bennett, 1976)."""
    model = random_linear_vae(rng)
    x = data_of(model, rng, 2)
    exact = log_evidence(model, x)
    path, betas, n = Path(model, x, start=start), sigmoid_schedule(5), 40_000
    steps = np.array([0.0, 1.5, 1.3, 1.0, 0.8, 0.0])[:, None] * [1.0, 1.1]
    forth = anneal(path, path.draw(rng, n), betas, steps, 2, rng) - exact
    back = anneal(path, draw_posterior(model, x, rng, n), betas[::-1], steps[::-1], 2, rng) + exact
    assert_mean(np.exp(forth), 1.0)
    assert (np.exp(forth).std(axis=0) > 0.2).all()
    there, return_ = expit(forth), expit(back)
    error = np.sqrt((there.var(axis=0) + return_.var(axis=0)) / n)
    assert (np.abs(there.mean(axis=0) - return_.mean(axis=0)) < 5 * error).all()
    assert (error < 0.003).all()
    # of one chain, a lower bound in the mean, and an upper bound
    for log_w in (forth, back):
        assert (log_w.mean(axis=0) < -10 * log_w.std(axis=0) / np.sqrt(n)).all()


def test_without_temperatures_in_between_it_is_importance_sampling(rng):
    model = small_vae(6, (5,), 2)
    x = (rng.random((4, 6)) < 0.5).astype(float)
    z = model.prior.sample(np.random.default_rng(5), 7 * 4, np.float64).reshape(7, 4, 2)
    log_px = model.likelihood.log_prob(x, model.decoder.forward(z)[0])[0]
    estimate = evaluation.annealed_log_evidence(model, x, np.random.default_rng(5), 7, 1)
    np.testing.assert_allclose(estimate.log_px, log_mean_exp(log_px), rtol=1e-13)
    estimate = evaluation.annealed_log_evidence(model, x, np.random.default_rng(5), 7, 1,
                                                start="posterior")
    expected = evaluation.log_evidence(model, x, np.random.default_rng(5), 7).log_px
    np.testing.assert_allclose(estimate.log_px, expected, rtol=1e-12)


@pytest.mark.parametrize("start, n_temperatures", [("prior", 150), ("posterior", 80)])
def test_the_sandwich_closes_on_the_exact_evidence(start, n_temperatures, rng):
    model = random_linear_vae(rng, 6, 3)
    data, lower, upper = evaluation.sandwich(model, rng, 60, 16, n_temperatures, n_leapfrog=5,
                                             start=start, batch_size=40)
    exact = log_evidence(model, data)
    assert data.shape == (60, 6) and lower.shape == upper.shape == (60,)
    assert stats.kstest(2 * (log_evidence(model, model.decoder.layers[0].b[None]) - exact),
                        stats.chi2(6).cdf).pvalue > 1e-3            # x ~ N(b, C)
    for bound in (lower, upper):
        error = bound - exact
        assert abs(error.mean()) < 0.05 and error.std() < 0.5
    assert abs((upper - lower).mean()) < 0.1
    if start == "prior":                          # with few temperatures it is wide open
        coarse = evaluation.sandwich(model, rng, 200, 4, 5, n_leapfrog=2)
        exact = log_evidence(model, coarse.x)
        assert (coarse.lower - exact).mean() < -0.3 and (coarse.upper - exact).mean() > 0.3


def test_a_nonlinear_decoder_against_the_grid(rng):
    model = small_vae(6, (8,), 2, scale=1.5)
    x = (rng.random((3, 6)) < 0.5).astype(float)
    exact = grid_log_evidence(model, x)
    path, betas = Path(model, x), sigmoid_schedule(60)
    steps = tuned_steps(path, betas, rng, 16, 5)
    log_w = anneal(path, path.draw(rng, 500), betas, steps, 5, rng)
    w = np.exp(log_w - exact)
    assert_mean(w, 1.0)
    plain = np.exp(path(path.draw(rng, 5000)).log_ratio - exact)
    assert (w.std(axis=0) < 0.6 * plain.std(axis=0)).all()
    estimate = evaluation.annealed_log_evidence(model, x, rng, 100, 60, n_leapfrog=5)
    np.testing.assert_allclose(estimate.log_px, exact, atol=0.15)


def test_each_x_has_its_own_condition(rng):
    model = npvae.conditional_vae(6, 4, (5,), 2).astype(np.float64)
    model.parameters.theta[...] = rng.normal(0.0, 0.8, model.parameters.size)
    model.decoder.layers[0].W[2:] *= 3.0                     # so that the condition matters
    x, condition = np.repeat(rng.random((1, 6)) < 0.5, 4, axis=0), np.eye(4)
    exact = grid_log_evidence(model, x, condition)
    assert np.ptp(exact) > 0.5
    estimate = evaluation.annealed_log_evidence(model, x, rng, 200, 30, n_leapfrog=3,
                                                condition=condition, batch_size=3)
    np.testing.assert_allclose(estimate.log_px, exact, atol=0.2)
    # in one step back, the upper bound is log p(x|z) itself: in the mean, -entropy
    codes = np.eye(4)[np.arange(20_000) % 4]
    drawn = evaluation.sandwich(model, rng, 20_000, 1, 1, condition=codes, batch_size=20_000)
    p = model.sample(rng, 20_000, codes)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=-1)
    assert_mean(drawn.upper + entropy, 0.0)
    with pytest.raises(ValueError, match="condition is missing"):
        evaluation.sandwich(model, rng, 4)


def test_parameters_and_their_gradient_are_left_alone(rng):
    model = two_layer_vae(rng)
    model.parameters.grad[...] = 7.0
    theta = model.parameters.theta.copy()
    evaluation.sandwich(model, rng, 3, 2, 4, n_leapfrog=2)
    assert (model.parameters.grad == 7.0).all()
    np.testing.assert_array_equal(model.parameters.theta, theta)


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_float32_stays_float32(start, rng):
    double = random_linear_vae(rng)
    model = double.astype(np.float32)
    x = rng.standard_normal((4, 5)).astype(np.float32)
    path, betas = Path(model, x, start=start), sigmoid_schedule(30)
    steps = tuned_steps(path, betas, rng, 8, 3)
    state, acceptance = hmc(path, path(path.draw(rng, 8)), float(betas[3]), steps[3], 3, rng)
    assert {part.dtype for part in (*state, steps, acceptance)} == {np.dtype(np.float32)}
    bounds = evaluation.sandwich(model, rng, 40, 16, 100, n_leapfrog=3, start=start)
    assert bounds.x.dtype == np.float32 and bounds.lower.dtype == bounds.upper.dtype == np.float64
    error = bounds.lower - log_evidence(double, bounds.x)          # and it is as good as double
    assert abs(error.mean()) < 0.15 and error.std() < 0.5


def test_what_cannot_be_annealed_is_refused(rng):
    model, x = small_vae(), rng.random((2, 12))
    with pytest.raises(ValueError, match="start is 'encoder': one of 'prior', 'posterior'"):
        evaluation.annealed_log_evidence(model, x, rng, start="encoder")
    for name in ("n_chains", "n_temperatures", "n_leapfrog", "batch_size"):
        with pytest.raises(ValueError, match=f"{name} is 0: an integer of at least 1"):
            evaluation.annealed_log_evidence(model, x, rng, **{name: 0})
    with pytest.raises(TypeError, match="rng is 3"):
        evaluation.sandwich(model, 3, 10)
    with pytest.raises(ValueError, match="n is 0"):
        evaluation.sandwich(model, rng, 0)
    with pytest.raises(TypeError, match="a Bernoulli posterior, whose z jumps: annealing needs"):
        evaluation.sandwich(npvae.bernoulli_vae(12, (7,), 3), rng, 2)
    with pytest.raises(TypeError, match="a planar flow has no inverse in closed form"):
        evaluation.sandwich(npvae.vae(12, (7,), 3, posterior="FlowGaussian(3, 'planar')"), rng, 2,
                            start="posterior")


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_chains_of_relaxed_symbols_stay_among_them(start, rng):
    """A decoder that does not begin with a Softmax tells codes apart that p(z) does not: those whose
    numbers have another sum, and no code has one. Both bounds, and importance sampling, agree."""
    model = npvae.vae(5, (), 4, posterior=GumbelSoftmax(4, 2), prior=GumbelSoftmaxPrior(4, 2), seed=2)
    model = model.astype(np.float64)
    model.decoder.layers[0].W *= 3.0
    bounds = evaluation.sandwich(model, rng, 30, 8, 60, start=start)
    gap = bounds.upper - bounds.lower
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(30) + 0.02 and abs(gap.mean()) < 0.1
    sampled = evaluation.log_evidence(model, bounds.x, rng, 5000)
    assert abs((sampled.log_px - bounds.lower).mean()) < 0.05
