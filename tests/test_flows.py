"""Densities that bend: against quadrature, against what they draw, against a posterior that is known."""

import numpy as np
import pytest
from scipy import integrate, linalg, stats

import npvae
from exact import decoder_of, grid_2d, linear_vae, log_evidence, true_posterior
from helpers import assert_mean
from npvae import evaluation, gradcheck
from npvae.distributions.flows import FlowGaussian, RealNVP
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.gradcheck.differences import central_difference
from npvae.learning.optimizers import Adam
from npvae.learning.schedules import Cosine
from npvae.objectives import StickingTheLanding
from ranges import B, J, K, Row, medium, of_posterior, of_prior
from test_transforms import moved


def with_context(draw):
    return np.concatenate([medium(draw), draw.upto(1e8, B, 5)], axis=-1)


RANGES = {
    "FlowGaussian": Row(
        FlowGaussian, "Finite, in float32, for |mu| and |context| up to 1e8 and logvar of -20 to 20, as "
        "f is drawn.", of_posterior(lambda: (FlowGaussian(J, "coupling iaf planar", 6, 5), None),
                                    with_context, 1e8), 10.0),
    "RealNVP": Row(RealNVP, "Finite, in float32, for |z| up to 1e8, as f is drawn.",
                   of_prior(lambda draw: RealNVP(J, 4, 6), lambda draw: draw.upto(1e8, K, B, J)), 1e12)}

FLOWS = ("planar planar planar", "coupling coupling", "iaf iaf", "coupling planar iaf coupling")
each = pytest.mark.parametrize("flows", FLOWS)


def posterior_of(flows, n_latent, rng, scale=0.7):
    return moved(FlowGaussian(n_latent, flows, n_hidden=6, n_context=3), rng, scale)


# ---- the posterior ----------------------------------------------------------------------------

@each
def test_the_posteriors_density_integrates_to_one_dimension_by_dimension(flows, rng):
    """In one dimension f is monotonic, so the density of the drawn z can be summed along them."""
    posterior = posterior_of(flows, 1, rng)
    q = posterior.given(rng.standard_normal((1, posterior.n_outputs)))
    z, drawn = posterior.sample(q, np.linspace(-9, 9, 20_001)[:, None, None])
    assert (np.diff(z.ravel()) > 0).all()
    mass = integrate.simpson(np.exp(posterior.log_prob(drawn))[:, 0], x=z.ravel())
    assert mass == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("flows", ["coupling coupling", "iaf iaf", "coupling iaf coupling"])
def test_the_posteriors_density_integrates_to_one_in_the_plane(flows, rng):
    """On a grid of z that nobody has drawn: `at`, by the inverse."""
    posterior = posterior_of(flows, 2, rng, 0.5)
    q = posterior.given(rng.normal(0.0, 0.5, (1, posterior.n_outputs)))
    z, area = grid_2d(301, 15.0)
    mass = np.exp(posterior.log_prob(posterior.at(q, z[:, None]))).sum() * area
    assert mass == pytest.approx(1.0, abs=1e-6)


@each
def test_the_posteriors_draws_are_of_its_density(flows, rng):
    """The mean of p / q under q is 1 for a density p that is narrower; and so with z p / q."""
    posterior = posterior_of(flows, 2, rng, 0.4)
    q = posterior.given(rng.normal(0.0, 0.4, (1, posterior.n_outputs)))
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 100_000, 1, np.float64))
    center, spread = np.median(z, axis=0), 0.3 * z.std(axis=0)
    weight = np.exp(stats.norm(center, spread).logpdf(z).sum(axis=-1) - posterior.log_prob(drawn))
    assert_mean(weight, 1.0)
    assert_mean(weight[..., None] * z, center)


@each
def test_every_way_to_its_gradient(flows, rng):
    posterior = moved(FlowGaussian(2, flows, n_hidden=4, n_context=3), rng, 0.4)
    report = gradcheck.check_posterior(posterior, rng.normal(0.0, 0.5, (4, posterior.n_outputs)),
                                       posterior.draw_noise(rng, 2, 4), rng)
    report.assert_passed()
    assert report.complex_step < 1e-12
    assert any("another z" in row.block for row in report.rows) == ("planar" not in flows)


def test_each_x_bends_its_own_way(rng):
    """Two x of the same mu and logvar, and another context: the same noise is another z, in each of
    its dimensions, and what is known of it differs, too."""
    posterior = posterior_of("coupling iaf", 2, rng, 0.5)
    h = rng.standard_normal((1, posterior.n_outputs)).repeat(2, axis=0)
    h[1, 4:] += 1.0
    z, drawn = posterior.sample(posterior.given(h), posterior.draw_noise(rng, 5, 1, np.float64))
    assert (np.abs(z[:, 0] - z[:, 1]) > 1e-3).all()
    z, _ = posterior.sample(posterior.given(h[:1]), posterior.draw_noise(rng, 5, 1, np.float64))
    log_q = posterior.log_prob(posterior.at(posterior.given(h), z))
    assert (np.abs(log_q[:, 0] - log_q[:, 1]) > 1e-3).all()


def test_the_elbo_is_of_the_z_that_is_decoded(rng):
    """log p(x, z) - log q(z|x) with all three at one z: log q by the numerical Jacobian of f."""
    model = npvae.vae(6, (5,), 2, posterior=FlowGaussian(2, "iaf coupling", 6, 3), activation="tanh")
    model = moved(model, rng, 0.5)
    x, eps = rng.random((1, 6)), model.draw_noise(rng, 1)
    q = model.encode(x)
    z, _ = model.posterior.sample(q, eps)
    jacobian = [central_difference(lambda a: model.posterior.sample(q, a["eps"])[0][0, 0, i],
                                   {"eps": eps}, "eps").ravel() for i in (0, 1)]      # dz/deps
    log_q = stats.norm.logpdf(eps).sum() - np.linalg.slogdet(jacobian)[1]
    logits = model.decoder.forward(z)[0][0]
    log_px = (x * logits - np.logaddexp(0, logits)).sum()
    expected = log_px + stats.norm.logpdf(z).sum() - log_q
    assert model.loss(x, eps).elbo == pytest.approx(expected, abs=1e-6)


def test_at_knows_of_a_z_what_sample_knew(rng):
    posterior = posterior_of("coupling iaf coupling", 3, rng, 0.5)
    q = posterior.given(rng.standard_normal((4, posterior.n_outputs)))
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 5, 4, np.float64))
    again = posterior.at(q, z)
    np.testing.assert_allclose(posterior.log_prob(again), posterior.log_prob(drawn), rtol=1e-10)
    np.testing.assert_allclose(posterior.slope(again), posterior.slope(drawn), rtol=1e-8, atol=1e-10)


def test_a_posterior_with_a_planar_flow_has_no_inverse_and_says_so(rng):
    posterior = FlowGaussian(2, "coupling planar")
    q = posterior.given(np.zeros((1, posterior.n_outputs), np.float32))
    with pytest.raises(TypeError, match="a planar flow has no inverse in closed form"):
        posterior.at(q, np.zeros((1, 1, 2), np.float32))
    with pytest.raises(TypeError, match="has no inverse in closed form"):
        evaluation.kl_parts(npvae.vae(6, (5,), 2, posterior=FlowGaussian(2, "planar")),
                            np.zeros((4, 6)), rng)


def test_its_options():
    """Each changes what it should, and nothing else."""
    posterior = FlowGaussian(2)
    assert repr(posterior) == "FlowGaussian(2)" and posterior.n_outputs == 2 * 2 + 10
    assert [len(part.blocks()) for part in posterior.flow.transforms] == [4, 4]
    assert FlowGaussian(2, n_hidden=7).flow.transforms[0].network.layers[0].W.shape == (1 + 10, 7)
    assert FlowGaussian(2, n_context=3).n_outputs == 2 * 2 + 3
    assert (FlowGaussian(2, seed=1).parameters.theta != posterior.parameters.theta).any()
    assert repr(FlowGaussian(2, "iaf planar", 7)) == "FlowGaussian(2, flows='iaf planar', n_hidden=7)"
    for options, message in (((0,), "n_latent is 0"), ((2, "iaf", 0), "n_hidden is 0"),
                             ((2, "iaf", 5, 0), "n_context is 0"), ((2, "iaf", 5, 5, -1), "seed is -1"),
                             ((2, "maf"), "a name in flows is 'maf'")):
        with pytest.raises(ValueError, match=message):
            FlowGaussian(*options)


# ---- the prior ----------------------------------------------------------------------------------

def test_the_priors_density_integrates_to_one(rng):
    prior = moved(RealNVP(2, n_flows=3, n_hidden=6), rng, 0.3)
    z, area = grid_2d(401, 20.0)
    assert np.exp(prior.log_prob(z)[0]).sum() * area == pytest.approx(1.0, abs=1e-6)


def test_the_priors_draws_are_of_its_density(rng):
    """f takes a draw to N(0, I); and the moments are those of the density on a grid."""
    prior = moved(RealNVP(2, n_flows=3, n_hidden=6), rng, 0.4)
    z = prior.sample(rng, 50_000, np.float64)
    u, _, _ = prior.flow.forward(z, z[:, :0])
    assert min(stats.kstest(u[:, j], "norm").pvalue for j in (0, 1)) > 0.01
    grid, area = grid_2d(401, 20.0)
    p = np.exp(prior.log_prob(grid)[0]) * area
    assert_mean(z, p @ grid)
    assert_mean(z[:, 0] * z[:, 1], p @ (grid[:, 0] * grid[:, 1]))
    assert_mean(z**2, p @ grid**2)


def test_the_priors_options():
    assert len(RealNVP(2).flow.transforms) == 4 and len(RealNVP(2, 3).flow.transforms) == 3
    assert RealNVP(5, n_hidden=7).flow.transforms[0].network.layers[0].W.shape == (2, 7)
    assert (RealNVP(2, seed=1).parameters.theta != RealNVP(2).parameters.theta).any()
    for options, message in (((1,), "n_latent is 1"), ((2, 0), "n_flows is 0"),
                             ((2, 3, 0), "n_hidden is 0"), ((2, 3, 5, -1), "seed is -1")):
        with pytest.raises(ValueError, match=message):
            RealNVP(*options)


def test_a_prior_learns_what_is_no_normal(rng):
    """A crescent, z2 = z1^2 + 0.3 e, whose entropy is that of N(0, I) and log 0.3."""
    prior, adam, rate = RealNVP(2, n_hidden=20), Adam(), Cosine(0.01, 400)
    for step in range(400):
        z = rng.standard_normal((200, 2), np.float32)
        z[:, 1] = 0.3 * z[:, 1] + z[:, 0]**2
        log_pz, cache = prior.log_prob(z)
        prior.parameters.zero_grad()
        prior.backward(np.full(200, -1 / 200, np.float32), cache)
        adam.step(prior.parameters.theta, prior.parameters.grad, rate(step))
    z = rng.standard_normal((20_000, 2), np.float32)
    z[:, 1] = 0.3 * z[:, 1] + z[:, 0]**2
    entropy = np.log(2 * np.pi * np.e) + np.log(0.3)
    short = -entropy - prior.log_prob(z)[0].mean()              # KL(crescent, p), a normal's is 0.92
    assert -0.02 < short < 0.1


# ---- in models ----------------------------------------------------------------------------------

@pytest.mark.parametrize("flows", ["coupling iaf", "planar planar"])
def test_a_model_with_flows_is_trained_saved_and_judged(flows, tmp_path, rng):
    """log p(x) by importance sampling against the grid of z, with p(z) and p(x|z) of the model."""
    kind = rng.integers(4, size=60)
    patterns = np.random.default_rng(1).choice([0.05, 0.95], (4, 10))
    x = (rng.random((60, 10)) < patterns[kind]).astype(np.float32)
    model = npvae.vae(10, (6,), 2, posterior=FlowGaussian(2, flows, 6, 3), prior=RealNVP(2, 2, 6))
    assert model.objective == npvae.ELBO(cost=npvae.SampledKL())
    history = npvae.fit(model, x, epochs=150, batch_size=20, learning_rate=1e-2, progress=False)
    assert history[-1]["loss"] < history[0]["loss"] - 1.0
    z, area = grid_2d(301, 15.0)
    twin = model.astype(np.float64)
    logits, log_pz = twin.decoder.forward(z)[0], twin.prior.log_prob(z)[0]
    log_px = [np.log(np.exp((row * logits - np.logaddexp(0, logits)).sum(axis=1) + log_pz).sum() * area)
              for row in x[:3]]
    found = evaluation.log_evidence(model, x[:3], rng, 5000)
    assert (np.abs(found.log_px - log_px) < 4 * found.standard_error + 1e-3).all()
    assert found.standard_error.max() < 0.1
    npvae.save(tmp_path / "bent.npz", model)
    again = npvae.load(tmp_path / "bent.npz")
    assert repr(again.posterior) == repr(model.posterior) and repr(again.prior) == repr(model.prior)
    assert npvae.evaluate(again, x) == npvae.evaluate(model, x)
    assert not [item for item in evaluation.diagnose(model, x).findings if "collapsed" in item.name]
    gap = evaluation.inference_gap(model, x[:3], rng, steps=50, n_samples=200)
    np.testing.assert_allclose(gap.log_px, log_px, atol=0.2)
    assert gap.amortization.min() > -0.1


def test_both_are_built_by_name_and_trained(rng):
    kind = rng.integers(4, size=300)
    patterns = np.random.default_rng(1).choice([0.05, 0.95], (4, 12))
    x = (rng.random((300, 12)) < patterns[kind]).astype(np.float32)
    model = npvae.vae(12, (16,), 2, posterior="flow_gaussian", prior="real_nvp")
    before = model.copy()
    history = npvae.fit(model, x, epochs=30, batch_size=50, learning_rate=5e-3, progress=False)
    assert history[-1]["loss"] < history[0]["loss"] - 1.0
    for name, block in model.blocks().items():
        assert (block != before.blocks()[name]).any(), name


# ---- against a posterior that is known --------------------------------------------------------

def tilted(n_latent):
    """A linear VAE whose z_j are strongly correlated in p(z|x), and 200 x of its own: in what they
    do to x the dimensions are much alike."""
    rng = np.random.default_rng(5)
    model = linear_vae(2 * n_latent, n_latent, variance=0.3)
    W, b, _ = decoder_of(model)
    common = rng.standard_normal((n_latent, n_latent // 2))
    W[...] = common @ rng.standard_normal((n_latent // 2, len(b))) + 0.35 * rng.standard_normal(W.shape)
    z = rng.standard_normal((200, n_latent))
    return model, z @ W + np.sqrt(0.3) * rng.standard_normal((200, len(b)))


def best_gap(posterior, steps, objective=StickingTheLanding()):
    """The mean of log p(x) - ELBO with its standard error, of a flow that is learned on top of the
    best encoder of a diagonal Gaussian; and what that one's is."""
    J = posterior.n_latent
    exact, x = tilted(J)
    W, b, s = decoder_of(exact)
    mean, covariance = true_posterior(exact, x)
    precision = linalg.inv(covariance)
    model = npvae.vae(2 * J, (), J, posterior=posterior, likelihood="gaussian", variance=0.3, seed=1)
    model.decoder.layers[0].W, model.decoder.layers[0].b = W, b
    encoder = model.encoder.layers[0]
    encoder.W[:, :2 * J], encoder.b[J:2 * J] = 0.0, -np.log(np.diag(precision))
    encoder.W[:, :J] = W.T @ covariance / s
    encoder.b[:J] = -b @ W.T @ covariance / s
    n = encoder.parameters.size - W.size - b.size               # the decoder's come last, and stay
    theta, grad, rng = model.parameters.theta[:n], model.parameters.grad[:n], np.random.default_rng(0)
    adam, rate = Adam(), Cosine(0.02, max(steps, 1))
    for step in range(steps):
        model.loss_and_grad(x, model.draw_noise(rng, 200), objective=objective)
        adam.step(theta, grad, rate(step))
    assert (model.decoder.layers[0].W == W.astype(np.float32)).all()
    model = model.astype(np.float64)
    log_w = evaluation.log_weights(model, x, model.draw_noise(rng, 200, 200))
    means = (log_evidence(exact, x) - log_w).mean(axis=1)
    diagonal = 0.5 * (np.log(np.diag(precision)).sum() + np.linalg.slogdet(covariance)[1])
    return means.mean(), means.std(ddof=1) / np.sqrt(200), diagonal


@pytest.mark.parametrize("posterior, steps, most", [
    (DiagonalGaussian(2), 0, None), (FlowGaussian(2, "coupling", 10, 2), 400, 0.01),
    (FlowGaussian(2, "iaf", 10, 2), 400, 0.01)], ids=repr)
def test_what_a_flow_gains_where_dimensions_are_correlated(posterior, steps, most):
    """A diagonal Gaussian misses log p(x) by (sum of log precision_jj - log |precision|) / 2; a
    coupling, and a step of iaf, can be the posterior itself."""
    gap, error, diagonal = best_gap(posterior, steps)
    assert diagonal > 0.3
    if most is None:
        assert gap == pytest.approx(diagonal, abs=4 * error)
    else:
        assert -4 * error < gap < most


@pytest.mark.slow
@pytest.mark.parametrize("flows, steps, most", [
    ("planar", 2000, 0.70), ("planar planar", 2000, 0.01), ("planar planar planar planar", 2000, 0.005),
    ("coupling coupling coupling", 3000, 0.01), ("iaf iaf", 3000, 0.01)])
def test_what_flows_gain_in_four_dimensions(flows, steps, most):
    """A diagonal Gaussian misses log p(x) by 1.48 nats. A planar flow, which moves z along one line,
    narrows that to 0.66, two of them to 0.007, four to 0.001; three couplings have 0.002 left, two
    steps of iaf 0.001."""
    gap, error, diagonal = best_gap(FlowGaussian(4, flows, 10, 2), steps)
    assert diagonal == pytest.approx(1.480, abs=1e-3)
    assert -4 * error < gap < most
    if flows == "planar":
        assert gap > 0.3                               # of one rank, and not enough
