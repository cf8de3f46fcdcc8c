"""Every pair of a posterior and a prior: what is said of its KL is right, however it is known.

A pair without closed form once had a KL of zero in `latent_moments`, and so a healthy model was
called collapsed; and `kl_parts` measured every prior as if it were N(0, I).
"""

import itertools

import numpy as np
import pytest

import npvae
from helpers import assert_mean
from npvae import evaluation, gradcheck
from npvae.distributions.flows import FlowGaussian, RealNVP
from npvae.distributions.given import ConditionalNormal, VampPrior
from npvae.distributions.hierarchy import StackedGaussian, StackedNormal
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.evaluation import kl_parts, latent_moments
from npvae.networks import Chain, Dense, Tanh


def model_of(posterior, prior, seed=1, scale=0.7, **options):
    """A model of ten data dimensions with a pair of two latent dimensions, and weights that speak."""
    model = npvae.vae(10, (6,), 2, posterior=posterior, prior=prior, activation="tanh", **options)
    theta = np.random.default_rng(seed).normal(0.0, scale, model.parameters.size)
    model.parameters.theta[...] = theta
    return model


def mixture_model():
    return model_of("diagonal_gaussian", MixtureOfNormals(2, 3))


def concrete_model():
    return model_of("concrete", "concrete")


def relaxed_symbols_model():
    return model_of("gumbel_softmax", "gumbel_softmax_prior", scale=1.3)


def two_layer_model():
    model = npvae.two_layer_iwae(10, ((6,), (5,)), (2, 1))
    model.parameters.theta[...] = np.random.default_rng(1).normal(0.0, 0.4, model.parameters.size)
    return model


def flow_model():
    """Flows on both sides, that bend, but not so much that their KL has a long tail."""
    model = model_of(FlowGaussian(2, "coupling coupling", 3, 2), RealNVP(2, 2, 3))
    for part in (model.posterior, model.prior):
        for values in part.blocks().values():
            values *= 0.4
    return model


def planar_model():
    return model_of(FlowGaussian(2, "planar iaf", 3, 2), "standard_normal", scale=0.6)


MODELS = [mixture_model, concrete_model, two_layer_model, relaxed_symbols_model, flow_model]
models = pytest.mark.parametrize("make", MODELS)


def draws(model, x, n, rng):
    """z (n, B, J), log q(z|x) and log p(z) (n, B), written out from the two densities."""
    z, drawn = model.posterior.sample(model.encode(x), model.draw_noise(rng, len(x), n))
    return z, model.posterior.log_prob(drawn), model.prior.log_prob(z)[0]


@models
def test_the_kl_of_latent_moments_is_the_mean_of_the_log_ratio(make, rng):
    model, x = make(), rng.random((60, 10)).astype(np.float32)
    _, log_q, log_p = draws(model, x, 2000, rng)
    ratio = (log_q - log_p).mean(axis=1)                                   # by draw, over all x
    found = latent_moments(model, x, n_samples=500).kl
    error = ratio.std() * np.sqrt(1 / 2000 + 1 / 500)
    assert np.shape(found) == () and abs(found - ratio.mean()) < 5 * error < 0.1
    assert found > 0.2


@models
def test_the_moments_are_those_of_draws(make, rng):
    model, x = make(), rng.random((60, 10)).astype(np.float32)
    z, _, _ = draws(model, x, 4000, rng)
    moments = latent_moments(model, x, n_samples=1000)
    np.testing.assert_allclose(moments.mean, z.mean(axis=(0, 1)), atol=0.05)
    np.testing.assert_allclose(moments.variance, z.var(axis=(0, 1)), rtol=0.05)
    of_mean = z.mean(axis=0).var(axis=0) - z.var(axis=0).mean(axis=0) / 4000
    np.testing.assert_allclose(moments.variance_of_mean, of_mean, rtol=0.1, atol=0.003)


def test_the_kl_of_a_point_is_infinite(rng):
    model = npvae.autoencoder(10, (6,), 2)
    assert np.isinf(latent_moments(model, rng.random((5, 10))).kl).all()


@models
def test_the_parts_of_the_kl_are_those_of_a_direct_estimate(make, rng):
    """q(z) written as the mixture of all q(z|x_i), each of them by its own density."""
    model, x = make(), rng.random((40, 10)).astype(np.float32)
    found = [kl_parts(model, x, rng) for _ in range(400)]
    model = model.astype(np.float64)
    q = model.encode(x)
    z, log_q, log_p = draws(model, x, 500, rng)
    mixture = np.empty(log_q.shape)
    for i in range(len(x)):                              # all draws of one x, under every q(z|x_j)
        under = model.posterior.log_prob(model.posterior.at(q, z[:, i, None]))
        mixture[:, i] = npvae.numerics.log_mean_exp(under, axis=1)
    for name, expected in (("kl", log_q - log_p), ("mutual_information", log_q - mixture)):
        values = [getattr(parts, name) for parts in found]
        direct = expected.mean(axis=1)
        error = np.hypot(np.std(values) / 20, direct.std() / np.sqrt(500))
        assert abs(np.mean(values) - direct.mean()) < 5 * error < 0.1, name
    parts = found[0]
    if make in (two_layer_model, flow_model):                 # dimensions that hang together
        assert np.isnan(parts.total_correlation) and np.isnan(parts.dimension_wise)
    else:
        total = parts.mutual_information + parts.total_correlation + parts.dimension_wise
        assert total == pytest.approx(parts.kl, rel=1e-12)


@models
def test_a_healthy_model_is_not_called_collapsed(make, rng):
    """Its codes differ from x to x; and one whose encoder says nothing is collapsed still."""
    model, x = make(), rng.random((60, 10)).astype(np.float32)
    found = {item.name: item for item in evaluation.diagnose(model, x).measured}
    moments = latent_moments(model, x)
    collapsed = found["collapsed dimensions of z"]
    assert collapsed.value == np.sum(~moments.active) < model.n_latent / 2 and not collapsed.wrong
    for values in model.encoder.blocks().values():
        values[...] = 0.0
    if make is two_layer_model:
        for values in model.posterior.network.blocks().values():
            values[...] = 0.0
    (collapsed,) = [item for item in evaluation.diagnose(model, x).findings
                    if item.name == "collapsed dimensions of z"]
    assert collapsed.value == model.n_latent


@models
def test_anomaly_scores_are_of_the_pairs_own_kl(make, rng):
    model, x = make(), rng.random((20, 10)).astype(np.float32)
    score = lambda kind: evaluation.AnomalyDetector(model, x, kind, n_samples=3000).score(x)
    elbo, evidence = score("negative_elbo"), score("negative_evidence")
    _, log_q, log_p = draws(model, x, 3000, rng)
    ratio = log_q - log_p
    off = elbo - score("reconstruction_probability") - ratio.mean(axis=0)
    assert (np.abs(off) < 5 * ratio.std(axis=0) * np.sqrt(2 / 3000)).all()
    assert (elbo > evidence - 0.1).all()


def test_what_has_no_meaning_for_a_pair_says_why(rng):
    bits, point = npvae.bernoulli_vae(10, (6,), 2), npvae.autoencoder(10, (6,), 2)
    x = rng.random((5, 10))
    for model, call, why in (
            (bits, lambda m: evaluation.calibration_ranks(m, rng), "a rank of z needs a z that moves"),
            (bits, lambda m: evaluation.inference_gap(m, x, rng), "the best q needs a z that moves"),
            (bits, lambda m: evaluation.annealed_log_evidence(m, x, rng), "annealing needs a z that"),
            (bits, lambda m: m.loss_and_grad(x, m.draw_noise(rng, 5, 2), objective=npvae.ELBO()),
             "whose gradient comes by way of z; that of a Bernoulli posterior jumps"),
            (point, lambda m: evaluation.log_evidence(m, x, rng), r"log p\(x\) needs log q"),
            (point, lambda m: evaluation.inference_gap(m, x, rng), "the best q needs log q"),
            (point, lambda m: kl_parts(m, x, rng), "the KL needs log q"),
            (point, lambda m: m.loss(x, m.draw_noise(rng, 5), objective=npvae.ELBO()),
             r"ELBO\(cost=SampledKL\(\)\)")):
        with pytest.raises(TypeError, match=why):
            call(model)


# ---- every pair, under every objective that it allows -------------------------------------

def network(n_in, n_out):
    rng = np.random.default_rng(n_in)
    return Chain(Dense(n_in, 4, rng), Tanh(), Dense(4, n_out, rng))


def every_posterior():
    """Two latent dimensions each."""
    for name, kind in npvae.Posterior.members.items():
        if kind.__module__.startswith("npvae."):
            yield name, (StackedGaussian(1, 1, network(1, 2)) if kind is StackedGaussian else kind(2))


def every_prior():
    """All but p(z|c), which asks for a condition."""
    for name, kind in npvae.Prior.members.items():
        if kind.__module__.startswith("npvae.") and kind is not ConditionalNormal:
            yield name, (StackedNormal(1, 1, network(1, 2)) if kind is StackedNormal else
                         VampPrior(2, 10, 3) if kind is VampPrior else kind(2))


def every_model():
    objectives = [npvae.ELBO(0.7), npvae.ELBO(0.7, npvae.SampledKL()), npvae.ELBO(0.7, npvae.Free()),
                  npvae.FreeBits(beta=0.7), npvae.Capacity(beta=0.7), npvae.IWAE(), npvae.MIWAE(3),
                  npvae.CIWAE(0.4)]
    for (q, _), (p, _), objective in itertools.product(every_posterior(), every_prior(), objectives):
        yield pytest.param(q, p, objective, id=f"{q}-{p}-{objective}")


def stand_beside(q, p):
    """Codes of one kind; and a VampPrior is a mixture of Gaussian q."""
    return q.codes == p.codes and (not isinstance(p, VampPrior)
                                   or isinstance(q, npvae.posteriors.DiagonalGaussian))


@pytest.mark.slow
@pytest.mark.parametrize("q, p, objective", list(every_model()))
def test_the_gradient_of_every_pair_under_every_objective(q, p, objective, rng):
    """Those of the others (STL, DReG, the score function) are no derivatives of their value."""
    posterior, prior = dict(every_posterior())[q], dict(every_prior())[p]
    if not stand_beside(posterior, prior):
        with pytest.raises(TypeError, match=f"posterior beside a {type(prior).__name__} is"):
            model_of(posterior, prior)
        return
    # exp(s) after exp(s) bends so much that differences are too coarse: flows have smaller weights
    scale = 0.25 if {q, p} & {"flow_gaussian", "real_nvp"} else 0.7
    model = model_of(posterior, prior, scale=scale).astype(np.float64)
    x = rng.random((4, 10))
    eps = model.draw_noise(rng, 4, 3)
    try:
        model.loss(x, eps, objective=objective)
    except TypeError as error:
        needs = type(objective.cost).__name__
        assert needs == "KL" or (needs, model.posterior.has_density) == ("SampledKL", False)
        assert "has no" in str(error)
        return
    report = gradcheck.check_model(model, x, eps, objective=objective)
    if not model.posterior.has_path and needs_z(objective):
        # with eps held no bit moves: the decoder's and the prior's gradient are derivatives
        report = type(report)([row for row in report.rows if not row.block.startswith("encoder")])
    report.assert_passed()
    assert report.complex_step is None or report.complex_step < 1e-11


def needs_z(objective):
    return not isinstance(objective.cost, npvae.KL)


@pytest.mark.parametrize("objective", [npvae.StickingTheLanding(), npvae.DReG()])
@pytest.mark.parametrize("make", [*MODELS, planar_model])
def test_estimators_without_the_score_agree_in_the_mean(objective, make, rng):
    model = make().astype(np.float64)
    twin = npvae.IWAE() if isinstance(objective, npvae.DReG) else npvae.ELBO(cost=npvae.SampledKL())
    x, differences = rng.random((3, 10)), []
    for _ in range(400):
        eps = model.draw_noise(rng, 3, 2)
        model.loss_and_grad(x, eps, objective=twin)
        expected = model.parameters.grad.copy()
        model.loss_and_grad(x, eps, objective=objective)
        differences.append(model.parameters.grad - expected)
    assert np.abs(differences).max() > 1e-3
    assert_mean(differences, 0.0)


def test_a_planar_posterior_in_a_model_is_judged_by_what_it_draws(rng):
    """log p(x) and the moments need no inverse."""
    model = model_of(FlowGaussian(2, "planar planar planar"), "standard_normal", scale=0.4)
    x = rng.random((30, 10)).astype(np.float32)
    _, log_q, log_p = draws(model, x, 3000, rng)
    moments = latent_moments(model, x, n_samples=1000)
    assert abs(moments.kl - (log_q - log_p).mean()) < 0.05
    evidence = evaluation.log_evidence(model, x, rng, 500)
    gap = evaluation.inference_gap(model, x, rng, steps=200, n_samples=500)
    assert gap.amortization.min() > 0                  # and so a better proposal for log p(x)
    assert -0.02 < (gap.log_px - evidence.log_px).mean() < 0.2


# ---- what is derived from a posterior, and is another distribution --------------------------

class UniformAboutMu(npvae.posteriors.DiagonalGaussian):
    """z = mu + std * eps for eps ~ U(-1, 1): given as the Gaussian is, and no Gaussian."""

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        return 2.0 * rng.random((n_samples, n_batch, self.n_latent), dtype) - 1.0

    def log_terms(self, drawn):
        return -np.log(2.0 * drawn.q.std) + 0.0 * drawn.eps


class OfItsOwnKind(UniformAboutMu):
    """It says itself of what kind its q is, and so that the closed form is right."""

    def given(self, h):
        return super().given(h)


@pytest.mark.parametrize("verb", ["draw_noise", "sample", "log_terms", "log_prob"])
def test_what_draws_otherwise_or_has_another_density_has_no_closed_form(verb, rng):
    inherited = getattr(npvae.posteriors.DiagonalGaussian, verb)
    gaussian = npvae.posteriors.DiagonalGaussian
    kind = type(f"Own_{verb}", (gaussian,), {verb: lambda *args: inherited(*args)})
    for posterior, cost in ((gaussian(2), npvae.KL()),
                            (kind(2), npvae.SampledKL()), (OfItsOwnKind(2), npvae.KL())):
        model = npvae.vae(10, (6,), 2, posterior=posterior)
        assert model.objective.cost == cost
        x, eps = rng.random((3, 10)), model.draw_noise(rng, 3)
        if cost == npvae.KL():
            model.loss(x, eps, objective=npvae.ELBO())
            continue
        for refused in (npvae.KL(), npvae.MMD(kl=0.5)):
            with pytest.raises(TypeError, match=f"q is {kind.__name__} and p is StandardNormal: the KL "
                                                f"of {kind.__name__} to StandardNormal has no closed"):
                model.loss(x, eps, objective=npvae.ELBO(cost=refused))
        with pytest.raises(TypeError, match=f"q is {kind.__name__} and p is StandardNormal"):
            gradcheck.check_kl(posterior, npvae.priors.StandardNormal(2), rng.random((3, 4)), rng)
        with pytest.raises(TypeError, match=f"posterior beside a VampPrior is {kind.__name__}"):
            npvae.vae(10, (6,), 2, posterior=kind(2), prior=VampPrior(2, 10, 3))


def test_the_kl_of_what_draws_otherwise_is_the_mean_of_its_log_ratio(rng):
    """log q - log p of U(mu - std, mu + std): -log(2 std) + (mu^2 + std^2 / 3 + log 2 pi) / 2."""
    model = npvae.vae(10, (6,), 2, posterior=UniformAboutMu(2)).astype(np.float64)
    x = rng.random((3, 10))
    q = model.encode(x)
    terms = -np.log(2.0 * q.std) + 0.5 * (q.mu**2 + q.std**2 / 3 + np.log(2 * np.pi))
    exact = terms.sum(axis=-1).mean()
    assert abs(model.loss(x, model.draw_noise(rng, 3, 4000)).kl - exact) < 0.02
    moments = latent_moments(model, x, n_samples=4000)
    assert abs(moments.kl.sum() - exact) < 0.02
    variance = q.mu.var(axis=0) + (q.std**2).mean(axis=0) / 3                 # U's is a third of std^2
    np.testing.assert_allclose(moments.variance, variance, rtol=0.05)
