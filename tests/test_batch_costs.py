"""Costs over the batch: the three parts of the KL, and the distance of the codes from N(0, I)."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from helpers import assert_mean, batch, freeze, small_vae
from npvae import ELBO, MMD, DecomposedKL, SampledKL, gradcheck
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.distributions.priors import StandardNormal
from ranges import SIZES, Row

PARTS = ("mutual_information", "total_correlation", "dimension_wise")
SAMPLINGS = pytest.mark.parametrize("sampling", ["stratified", "weighted"])


def only(part, n, **options):
    """The cost of one of the three parts alone."""
    return DecomposedKL(n, **{name: float(name == part) for name in PARTS}, **options)


def rate_of(cost, q, z):
    """The rate (K, B) of given z under a Gaussian q."""
    posterior = DiagonalGaussian(z.shape[-1])
    drawn = posterior.at(q, z)
    return cost.forward(posterior, q, StandardNormal(z.shape[-1]), z, drawn)[0]


def gaussians(rng, n, n_latent=2, logvar=-1.0):
    """q(z|x) of n x: (n, J) means of all sizes, and variances about exp(logvar)."""
    posterior = DiagonalGaussian(n_latent)
    return posterior.given(np.concatenate([1.5 * rng.standard_normal((n, n_latent)),
                                           logvar + 0.5 * rng.standard_normal((n, n_latent))], axis=1))


def rows_of(q, rows):
    return type(q)(*(values[list(rows)] for values in q))


def density(q, z):
    """q(z_j|x) of every z under every x: (z, x, J)."""
    u = (z[:, None] - q.mu) / q.std
    return np.exp(-0.5 * u * u) / (math.sqrt(2 * math.pi) * q.std)


def of_cost(make):
    def compute(draw):
        posterior, (K, B, _, J, _) = DiagonalGaussian(SIZES.J), SIZES
        mu, logvar = draw.upto(1e8, B, J), draw.within(-40, 40, B, J)
        q, z = posterior.given(np.concatenate([mu, logvar], axis=1)), draw.upto(1e8, K, B, J)
        rate, cache = make().forward(posterior, q, StandardNormal(J), z, posterior.at(q, z))
        return [rate, *make().backward(np.ones_like(rate), cache)]
    return compute


def of_mmd(draw):
    posterior, (K, B, _, J, _) = DiagonalGaussian(SIZES.J), SIZES
    z, width = draw.upto(1e16, K, B, J), draw.rng.choice([0.01, 1.0, 1e6])
    cost = MMD(width=float(width))
    rate, cache = cost.forward(posterior, None, StandardNormal(J), z, None)
    return [rate, *cost.backward(np.ones_like(rate), cache)]


RANGES = {
    "DecomposedKL": Row(
        DecomposedKL, "Finite, in float32, with a diagonal Gaussian, for |mu| and |z| up to 1e8 and "
        "logvar of -40 to 40.", of_cost(lambda: DecomposedKL(100, total_correlation=6.0)), 2.0),
    "MMD": Row(MMD, "Finite, in float32, for |z| up to 1e16, at widths of 0.01 to 1e6.", of_mmd, 1e3)}


# ---- the estimate of q(z) -----------------------------------------------------------------

def of_the_paper(self, n_batch):
    """1 / n on the diagonal, (n - M) / (n M) on the one beside it, 1 / M elsewhere."""
    M = n_batch - 1
    w = np.full((n_batch, n_batch), 1.0 / M)
    for i in range(n_batch):
        w[i, i], w[i, (i + 1) % n_batch] = 1.0 / self.n, (self.n - M) / (self.n * M)
    return w


def of_the_repositories(self, n_batch):
    """The same three numbers, in strides of M + 1 = B: down the columns 0 and 1."""
    M = n_batch - 1
    w = np.full((n_batch, n_batch), 1.0 / M)
    w.reshape(-1)[::M + 1] = 1.0 / self.n
    w.reshape(-1)[1::M + 1] = (self.n - M) / (self.n * M)
    return w


def off_q_of_z(rng, n=6, n_batch=3):
    """The mean over all batches in all their orders of the estimates of q(z), less q(z): (n,)."""
    q = gaussians(rng, n)
    z = q.mu + q.std * rng.standard_normal(q.mu.shape)                       # one of each x
    exact = density(q, z).prod(axis=-1).mean(axis=1)
    log_q_given_x = np.log(np.diagonal(density(q, z).prod(axis=-1)))
    cost, found = only("mutual_information", n), np.zeros(n)
    orders = list(itertools.permutations(range(n), n_batch))
    for order in orders:
        i = list(order)
        log_q = log_q_given_x[i] - rate_of(cost, rows_of(q, order), z[None, i])[0]
        found[i] += np.exp(log_q)
    return found / (len(orders) * n_batch / n) / exact - 1.0


def test_the_stratified_estimate_of_q_of_z_is_unbiased(rng):
    """Over every batch of 3 of 6 x, in every order: to the last digits."""
    assert np.abs(off_q_of_z(rng)).max() < 1e-12


def test_the_weights_of_the_paper_are_unbiased_and_these_are_their_mean(rng, monkeypatch):
    """Over which of the others has the weight of its own. Those that went round are biased."""
    cost = DecomposedKL(50)
    w = of_the_paper(cost, 5)
    np.testing.assert_allclose(w.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(cost.weights(5).sum(axis=1), 1.0, rtol=1e-14)
    assert len(set(np.round(w[0, 1:], 12))) == 2                             # the mean over the choice:
    np.testing.assert_allclose(w[0, 1:].mean(), cost.weights(5)[0, 1:], rtol=1e-14)
    monkeypatch.setattr(DecomposedKL, "weights", of_the_paper)
    assert np.abs(off_q_of_z(rng)).max() < 1e-12
    monkeypatch.setattr(DecomposedKL, "weights", of_the_repositories)
    assert np.abs(off_q_of_z(rng)).max() > 0.1


def test_the_popular_weights_are_off_by_more_than_twice(rng, monkeypatch):
    """As large as batches are: 8 of 200. Every batch here is a random one."""
    n, n_batch = 200, 8
    q = gaussians(rng, n, logvar=0.0)
    cost = only("mutual_information", n)

    def ratios(n_batches=800):
        """estimate / q(z), the mean of each batch."""
        found = []
        for _ in range(n_batches):
            i = rng.choice(n, n_batch, replace=False)
            z = q.mu[i] + q.std[i] * rng.standard_normal((n_batch, 2))
            rate = rate_of(cost, rows_of(q, i), z[None])[0]
            under = density(q, z).prod(axis=-1)                              # (n_batch, n)
            found.append(np.mean(under[range(n_batch), i] / np.exp(rate) / under.mean(axis=1)))
        return np.array(found)

    assert_mean(ratios(), 1.0)
    monkeypatch.setattr(DecomposedKL, "weights", of_the_repositories)
    assert ratios(100).mean() > 1.5
    cost = only("mutual_information", n, sampling="weighted")
    monkeypatch.undo()
    assert ratios(100).mean() < 0.1


def test_with_all_the_data_for_a_batch_it_is_q_of_z(rng):
    """And the three parts are those that `kl_parts` measures, on the same z."""
    model = small_vae(10, (6,), 3)
    x = rng.random((20, 10))
    for part in PARTS:
        measured = npvae.evaluation.kl_parts(model, x, np.random.default_rng(5))
        eps = model.draw_noise(np.random.default_rng(5), 20)
        found = model.loss(x, eps, objective=ELBO(cost=only(part, 20))).kl
        assert found == pytest.approx(getattr(measured, part), rel=1e-11)


@SAMPLINGS
def test_the_parts_are_sums_written_out(sampling, rng):
    """By scipy, with a loop over z, x and dimensions; K, B and J differ."""
    K, B, J, n = 2, 4, 3, 11
    q, z = gaussians(rng, B, J), rng.standard_normal((K, B, J))
    expected = {part: np.empty((K, B)) for part in PARTS}
    for k, i in itertools.product(range(K), range(B)):
        joint, single = 0.0, np.zeros(J)
        for m in range(B):
            weight = (1 / (n * B) if sampling == "weighted" else 1 / n if m == i else
                      (n - 1) / n / (B - 1))
            of_m = stats.norm(q.mu[m], q.std[m]).pdf(z[k, i])
            joint, single = joint + weight * of_m.prod(), single + weight * of_m
        given_x = stats.norm(q.mu[i], q.std[i]).logpdf(z[k, i]).sum()
        log_p = stats.norm.logpdf(z[k, i]).sum()
        expected["mutual_information"][k, i] = given_x - math.log(joint)
        expected["total_correlation"][k, i] = math.log(joint) - np.log(single).sum()
        expected["dimension_wise"][k, i] = np.log(single).sum() - log_p
    for part in PARTS:
        np.testing.assert_allclose(rate_of(only(part, n, sampling=sampling), q, z), expected[part],
                                   rtol=1e-11, atol=1e-12)
    cost = DecomposedKL(n, 0.3, 5.0, 2.0, sampling)
    np.testing.assert_allclose(rate_of(cost, q, z), 0.3 * expected[PARTS[0]] + 5.0 * expected[PARTS[1]]
                               + 2.0 * expected[PARTS[2]], rtol=1e-11, atol=1e-12)


@SAMPLINGS
@pytest.mark.parametrize("prior", ["standard_normal", "mixture_of_normals"])
def test_three_prices_of_one_are_the_sampled_kl(sampling, prior, rng):
    """In the value, and in the gradient of every block."""
    model = small_vae(10, (6,), 3, prior=prior)
    x, eps = batch(model, rng, 5)
    whole = model.loss_and_grad(x, eps, objective=ELBO(0.7, SampledKL()))
    gradient = model.parameters.grad.copy()
    parts = model.loss_and_grad(x, eps, objective=ELBO(0.7, DecomposedKL(30, sampling=sampling)))
    np.testing.assert_allclose(parts[:3], whole[:3], rtol=1e-12)
    np.testing.assert_allclose(model.parameters.grad, gradient, rtol=1e-9, atol=1e-12)


# ---- what the parts mean ------------------------------------------------------------------

def lattice(correlation):
    """q(z|x) of 64 x, whose means lie on a lattice of 8 x 8, turned so far that they correlate."""
    points = np.array(list(itertools.product(np.linspace(-1.5, 1.5, 8), repeat=2)))
    points[:, 1] = correlation * points[:, 0] + math.sqrt(1 - correlation**2) * points[:, 1]
    return DiagonalGaussian(2).given(np.concatenate([points, np.full((64, 2), -1.5)], axis=1))


def test_independent_codes_have_no_total_correlation(rng):
    """Of all x at once it is zero at every z. In batches it is zero within the error of the estimate:
    the mean of its log is off, by less the larger the batch."""
    q, cost = lattice(0.0), only("total_correlation", 64)
    z = q.mu + q.std * rng.standard_normal((50, 64, 2))
    assert np.abs(rate_of(cost, q, z)).max() < 1e-12
    off = []
    for n_batch in (8, 32):
        found = []
        for draw in z:
            i = rng.permutation(64)[:n_batch]
            found.append(rate_of(cost, rows_of(q, i), draw[None, i]).mean())
        off.append(np.mean(found))
    assert abs(off[1]) < 0.5 * abs(off[0]) < 0.1


def test_the_total_correlation_of_dependent_codes_is_that_of_quadrature(rng):
    q = lattice(0.8)
    axis = np.linspace(-5, 5, 101)                              # smooth, and zero at the ends
    of_dims = density(q, np.array(list(itertools.product(axis, axis))))      # (101^2, 64, 2)
    joint, single = of_dims.prod(axis=-1).mean(axis=1), of_dims.mean(axis=1).prod(axis=-1)
    integrand = (joint * np.log(joint / single)).reshape(101, 101)
    exact = integrate.trapezoid(integrate.trapezoid(integrand, axis), axis)
    z = q.mu + q.std * rng.standard_normal((300, 64, 2))
    assert exact > 0.25
    assert_mean(rate_of(only("total_correlation", 64), q, z).mean(axis=1), exact)


def test_codes_that_say_nothing_have_no_mutual_information(rng):
    q = DiagonalGaussian(2).given(np.tile([0.3, -0.2, 0.5, -0.5], (6, 1)))
    z = rng.standard_normal((4, 6, 2))
    for part in PARTS[:2]:
        assert np.abs(rate_of(only(part, 40), q, z)).max() < 1e-13


@pytest.mark.parametrize("cost", [DecomposedKL(9, 0.5, 4.0, 2.0), MMD(kl=0.2)], ids=repr)
def test_the_order_of_a_batch_is_nothing(cost, rng):
    q, z, order = gaussians(rng, 6), rng.standard_normal((3, 6, 2)), rng.permutation(6)
    np.testing.assert_allclose(rate_of(cost, rows_of(q, order), z[:, order]),
                               rate_of(cost, q, z)[:, order], rtol=1e-12)


# ---- the maximum mean discrepancy ---------------------------------------------------------

@pytest.mark.parametrize("width", [0.7, 2.0])
def test_the_closed_form_is_the_mean_of_the_sampled_discrepancy(width, rng):
    """With draws from the prior for its two terms."""
    B, J, n = 5, 3, 4000
    z = rng.normal(0.5, 1.3, (B, J))
    kernel = lambda a, b: np.exp(-((a - b)**2).sum(axis=-1) / (2 * width**2))
    within = np.mean([kernel(z[i], z[j]) for i, j in itertools.permutations(range(B), 2)])
    p, p_too = rng.standard_normal((2, n, J))
    across = kernel(z[:, None], p).mean(axis=0)
    sampled = within - 2.0 * across + kernel(p, p_too)                       # (n,)
    assert_mean(sampled, rate_of(MMD(width=width), gaussians(rng, B, J), z[None])[0, 0])


def test_draws_from_the_prior_are_at_no_distance_in_the_mean_and_others_are(rng):
    q = gaussians(rng, 8, 3)
    distances = lambda shift, std: rate_of(MMD(), q, rng.normal(shift, std, (1000, 8, 3)))[:, 0]
    assert_mean(distances(0.0, 1.0), 0.0)
    assert distances(0.0, 1.0).min() < 0.0
    for shift, std in ((1.0, 1.0), (0.0, 0.3), (0.0, 2.5)):
        found = distances(shift, std)
        assert found.mean() > 10 * found.std() / math.sqrt(1000)


def test_the_width_is_a_number_of_the_latent_size(rng):
    q, z = gaussians(rng, 6, 4), rng.standard_normal((2, 6, 4))
    np.testing.assert_array_equal(rate_of(MMD(), q, z), rate_of(MMD(width=2.0), q, z))


def test_infovae_without_a_discrepancy_is_the_vae(rng):
    """alpha = 0 and lambda = 1: in the value, and in every gradient."""
    model = small_vae(10, (6,), 3)
    x, eps = batch(model, rng, 5)
    vae = model.loss_and_grad(x, eps, objective=ELBO())
    gradient = model.parameters.grad.copy()
    info = model.loss_and_grad(x, eps, objective=ELBO(cost=MMD(weight=0.0, kl=1.0)))
    np.testing.assert_allclose(info[:3], vae[:3], rtol=1e-13)
    np.testing.assert_allclose(model.parameters.grad, gradient, rtol=1e-10, atol=1e-14)


# ---- in a model ---------------------------------------------------------------------------

def models():
    """The pairs that a cost allows, and the cost."""
    tc = DecomposedKL(9, 0.5, 4.0, 2.0)
    for cost in (tc, replace(tc, sampling="weighted")):
        for posterior, prior in itertools.product(("diagonal_gaussian", "concrete"),
                                                  ("standard_normal", "mixture_of_normals", "concrete")):
            yield posterior, prior, cost
    for posterior in ("diagonal_gaussian", "concrete", "flow_gaussian", "deterministic"):
        yield posterior, "standard_normal", MMD(weight=3.0)
    yield "diagonal_gaussian", "standard_normal", MMD(kl=0.4, width=1.5)


@pytest.mark.parametrize("posterior, prior, cost", list(models()), ids=str)
def test_the_gradient_of_whole_models(posterior, prior, cost, rng):
    scale = 0.3 if posterior == "flow_gaussian" else 0.5            # a flow bends by exp(s) after exp(s)
    model = small_vae(5, (4,), 2, posterior=posterior, prior=prior, scale=scale)
    x, eps = batch(model, rng)
    report = gradcheck.check_model(model, x, eps, objective=ELBO(0.7, cost))
    report.assert_passed()
    assert report.complex_step < 1e-12


def test_a_vamp_prior_hears_of_it_too(rng):
    prior = npvae.distributions.given.VampPrior(2, 5, 3)
    model = npvae.vae(5, (4,), 2, prior=prior, activation="tanh").astype(np.float64)
    x, eps = batch(model, rng)
    report = gradcheck.check_model(model, x, eps, objective=ELBO(0.7, DecomposedKL(9, 0.5, 4.0, 2.0)))
    report.assert_passed()
    assert report.complex_step < 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cost", [DecomposedKL(9, 0.5, 4.0), MMD(kl=0.3)], ids=repr)
def test_dtypes_stay_and_nothing_is_written_to(cost, dtype, rng):
    posterior = DiagonalGaussian(3)
    h = freeze(rng.standard_normal((4, 6)).astype(dtype))
    q = freeze(posterior.given(h))
    z, drawn = freeze(posterior.sample(q, freeze(posterior.draw_noise(rng, 2, 4, dtype))))
    rate, cache = freeze(cost.forward(posterior, q, StandardNormal(3), z, drawn))
    assert rate.shape == (2, 4) and rate.dtype == dtype
    drate = freeze(rng.standard_normal((2, 4)).astype(dtype))
    for d in cost.backward(drate, cache):
        assert np.isscalar(d) or d.dtype == dtype


@pytest.mark.parametrize("cost", [DecomposedKL(200, total_correlation=6.0), MMD(10.0)],
                         ids=repr)
def test_a_model_is_trained_judged_and_kept_with_it(cost, tmp_path, rng):
    bits = rng.random((200, 6)) < rng.choice([0.05, 0.95], (200, 2)).repeat(3, axis=1)
    x, model = bits.astype(np.float32), npvae.vae(6, (16,), 2)
    model.objective = ELBO(cost=cost)
    history = npvae.fit(model, x, epochs=40, batch_size=20, learning_rate=1e-2, progress=False)
    assert history[-1]["loss"] < history[0]["loss"] - 1.0
    npvae.save(tmp_path / "a.npz", model)
    again = npvae.load(tmp_path / "a.npz")
    assert again.objective == model.objective
    assert npvae.evaluate(again, x) == npvae.evaluate(model, x)
    assert {found.name for found in npvae.evaluation.diagnose(model, x).measured} >= {
        "-ELBO", "collapsed dimensions of z"}


def test_what_cannot_be_combined_is_refused_by_name(rng):
    tc, mmd = DecomposedKL(9), MMD()
    for objective in (npvae.FreeBits, npvae.StickingTheLanding, npvae.ScoreFunction):
        for cost in (tc, mmd):
            why = rf"cost is {type(cost).__name__}\(.*{objective.__name__} needs"
            with pytest.raises(ValueError, match=why):
                objective(cost=cost)
    for objective in (npvae.IWAE, npvae.DReG, npvae.VIMCO):             # bounds of each x by itself
        with pytest.raises(TypeError, match=rf"{objective.__name__}\..* argument 'cost'"):
            objective(cost=tc)
    x = rng.random((4, 5))
    bits = npvae.bernoulli_vae(5, (4,), 2)
    two = npvae.two_layer_iwae(5, ((4,), (3,)), (2, 1))
    planar = npvae.vae(5, (4,), 2, posterior="flow_gaussian")
    mixture = npvae.vae(5, (4,), 2, prior="mixture_of_normals")
    given = npvae.conditional_vae(5, 3, (4,), 2, prior="conditional_normal")
    for model, cost, why in (
            (bits, tc, "gradient comes by way of z; that of a Bernoulli posterior jumps"),
            (two, tc, "posterior is StackedGaussian.*the total correlation needs the density of each"),
            (planar, tc, "posterior is FlowGaussian.*the total correlation needs the density of each"),
            (npvae.autoencoder(5, (4,), 2), tc, "posterior is Deterministic.*needs the density of each"),
            (npvae.autoencoder(5, (4,), 2), MMD(kl=0.1), "Point to StandardNormal has no closed form"),
            (two, mmd, "prior is StackedNormal.*discrepancy from a StandardNormal"),
            (mixture, mmd, "prior is MixtureOfNormals.*discrepancy from a StandardNormal"),
            (given, mmd, r"prior is ConditionalNormal\(2, .*discrepancy from a StandardNormal"),
            (given, tc, r"prior is ConditionalNormal\(2, .*the mean of q\(z\|x\) over all conditions")):
        condition = np.eye(3)[[0, 1, 2, 0]] if model.n_condition else None
        with pytest.raises(TypeError, match=f"(?s){why}"):
            model.loss_and_grad(x, model.draw_noise(rng, 4, 2), condition=condition,
                                objective=ELBO(cost=cost))


@pytest.mark.parametrize("cost", [DecomposedKL(9), MMD()], ids=repr)
def test_a_batch_is_more_than_one_x(cost, rng):
    model = npvae.vae(5, (4,), 2)
    x = rng.random((10, 5))
    with pytest.raises(ValueError, match="batch has 1 x: 2 .* were expected by"):
        model.loss(x[:1], model.draw_noise(rng, 1), objective=ELBO(cost=cost))
    if isinstance(cost, DecomposedKL):
        with pytest.raises(ValueError, match="batch has 10 x: 2 to 9 were expected"):
            model.loss(x, model.draw_noise(rng, 10), objective=ELBO(cost=cost))


@pytest.mark.parametrize("options, why", [
    (dict(batch_size=7), "batch has 1 x: 2 or more were expected by MMD"),
    (dict(batch_size=4, validation=np.ones((5, 6))), "batch has 1 x: 2 or more were expected by MMD"),
    (dict(batch_size=4, cost=DecomposedKL(9)), "n is 9, and x has 8 rows"),
    (dict(batch_size=4, cost=DecomposedKL(7)), "n is 7, and x has 8 rows")])
def test_what_does_not_fit_the_data_is_refused_before_any_training(options, why, rng):
    """The last batch would be the first to tell of it, or none at all."""
    model, x = npvae.vae(6, (5,), 2, likelihood="gaussian"), rng.random((8, 6))
    model.objective = ELBO(cost=options.get("cost", MMD()))
    before = model.parameters.theta.copy()
    with pytest.raises(ValueError, match=why):
        npvae.fit(model, x, epochs=1, progress=False, seed=0,
                  **{name: value for name, value in options.items() if name != "cost"})
    np.testing.assert_array_equal(model.parameters.theta, before)
