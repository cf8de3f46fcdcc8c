"""Codes of symbols, exact and relaxed: masses sum to one, densities integrate to one on the simplex."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, gamma, log_softmax, logsumexp, softmax

import npvae
from helpers import assert_mean
from npvae import KL, VIMCO, SampledKL, ScoreFunction, kl
from npvae.distributions.categories import Categorical, CategoricalPrior
from npvae.distributions.posteriors import Concrete
from npvae.distributions.relaxed import GumbelSoftmax, GumbelSoftmaxPrior, Softmax
from ranges import B, J, K, Row, of_layer, of_posterior, of_prior

C = 10


def of_prior_with_logits(make, draw_z):
    def built(draw):
        prior = make()
        prior.logits = draw.upto(1e35, J)
        return prior
    return of_prior(built, draw_z)


RANGES = {
    "Softmax": Row(Softmax, "Finite, in float32, for |x| up to 1e38.",
                   of_layer(lambda rng: Softmax(C), (3, 4, J), 1e38), 3.0),
    "categories.Categorical": Row(
        Categorical, "Finite, in float32, for |logits| up to 1e35.",
        of_posterior(lambda: (Categorical(J, C), CategoricalPrior(J, C)),
                     lambda draw: draw.upto(1e35, B, J), 1e15), 1e4),
    "CategoricalPrior": Row(
        CategoricalPrior, "Finite, in float32, for z of 0 to 1 and |logits| up to 1e35.",
        of_prior_with_logits(lambda: CategoricalPrior(J, C), lambda draw: draw.bits(K, B, J)), 1e4),
    "GumbelSoftmax": Row(
        GumbelSoftmax, "Finite, in float32, for |logits| up to 1e35, at temperatures from 0.01.",
        of_posterior(lambda: (GumbelSoftmax(J, C, 0.01), None),
                     lambda draw: draw.upto(1e35, B, J), 1e15), 1e4),
    "GumbelSoftmaxPrior": Row(
        GumbelSoftmaxPrior, "Finite, in float32, for |z| up to 1e34 and |logits| up to 1e35, at "
        "temperatures up to 10.",
        of_prior_with_logits(lambda: GumbelSoftmaxPrior(J, C, 10.0),
                             lambda draw: draw.upto(1e34, K, B, J)), 1e4)}


def codes_of(n_symbols, n_categories):
    """Every code, as rows of zeros and ones: (C^N, N C)."""
    chosen = itertools.product(range(n_categories), repeat=n_symbols)
    return np.array([np.eye(n_categories)[list(one)].ravel() for one in chosen])


# ---- exact symbols ------------------------------------------------------------------------

def test_the_masses_of_all_codes_are_scipys_and_sum_to_one(rng):
    posterior, prior = Categorical(6, 3), CategoricalPrior(6, 3).astype(np.float64)
    h, prior.logits = rng.normal(0.0, 2.0, (1, 6)), rng.normal(0.0, 2.0, 6)
    q, codes = posterior.given(h), codes_of(2, 3)[:, None]
    for log_mass, logits in ((posterior.log_prob(posterior.at(q, codes))[:, 0], h[0]),
                             (prior.log_prob(codes)[0][:, 0], prior.logits)):
        log_p = log_softmax(logits.reshape(2, 3), axis=-1).ravel()
        np.testing.assert_allclose(log_mass, codes[:, 0] @ log_p, rtol=1e-13)
        assert np.exp(log_mass).sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(q.mu, softmax(h.reshape(2, 3), axis=-1).reshape(1, 6), rtol=1e-13)
    np.testing.assert_allclose(q.std**2, q.mu * (1 - q.mu), rtol=1e-13)


def test_draws_have_these_masses(rng):
    """And each has one 1 among the numbers of a symbol."""
    posterior, prior = Categorical(6, 3), CategoricalPrior(6, 3)
    q = posterior.given(rng.normal(0.0, 1.0, (1, 6)))
    prior.logits = rng.normal(0.0, 1.0, 6)
    z, _ = posterior.sample(q, posterior.draw_noise(rng, 40_000, 1, np.float64))
    for drawn, p in ((z[:, 0], q.mu[0]), (prior.sample(rng, 40_000), np.exp(prior.log_p()).ravel())):
        assert (drawn.reshape(-1, 2, 3).sum(axis=-1) == 1).all() and set(np.unique(drawn)) == {0, 1}
        assert_mean(drawn, p)
        assert_mean(drawn[:, 0] * drawn[:, 4], p[0] * p[4])         # symbols are independent


def test_an_improbable_category_costs_what_it_costs():
    """No floor under the probabilities: 80 nats are 80 nats."""
    q = Categorical(2, 2).given(np.array([[0.0, -80.0]]))
    assert Categorical(2, 2).log_prob(Categorical(2, 2).at(q, np.array([[[0.0, 1.0]]]))) == -80.0


def test_the_kl_of_symbols_is_the_mean_of_the_log_ratio_over_all_codes(rng):
    posterior, prior = Categorical(6, 3), CategoricalPrior(6, 3).astype(np.float64)
    h, prior.logits = rng.normal(0.0, 2.0, (4, 6)), rng.normal(0.0, 2.0, 6)
    q, codes = posterior.given(h), np.repeat(codes_of(2, 3)[:, None], 4, axis=1)
    at = posterior.at(q, codes)
    log_q, log_p = posterior.log_prob(at), prior.log_prob(codes)[0]
    rate = kl(q, prior)[0]
    assert rate.shape == (4, 2) and (rate > 0).all()                # one for each symbol
    np.testing.assert_allclose(rate.sum(axis=-1), (np.exp(log_q) * (log_q - log_p)).sum(axis=0),
                               rtol=1e-12)
    by_symbol = posterior.log_terms(at)
    np.testing.assert_allclose(by_symbol.sum(axis=-1), log_q, rtol=1e-13)
    prior.logits = h[0]
    assert kl(posterior.given(h), prior)[0][0] == pytest.approx(0.0, abs=1e-15)


# ---- the gradient in the mean, by enumeration -----------------------------------------------

def expected(model, x, codes, value):
    """value(log_px, rate, log_q) of each outcome, summed by its probability."""
    q = model.posterior.given(model.encoder.forward(np.repeat(x, codes.shape[1], axis=0))[0])
    log_q = model.posterior.log_prob(model.posterior.at(q, codes))
    y = model.decoder.forward(codes.astype(log_q.dtype))[0]
    log_px = model.likelihood.log_prob(x, y)[0]
    return value(log_px, log_q - model.prior.log_prob(codes)[0], log_q)


@pytest.mark.parametrize("objective", [
    ScoreFunction(0.6), ScoreFunction(0.6, SampledKL()), VIMCO()], ids=repr)
def test_the_gradient_for_symbols_is_exact_in_the_mean(objective, rng):
    """Two draws of a code of two symbols of three categories: 81 outcomes, by their probabilities."""
    model = npvae.categorical_vae(4, (3,), 6, n_categories=3, activation="tanh").astype(np.float64)
    model.parameters.theta[...] = rng.normal(0.0, 0.7, model.parameters.size)
    x, codes = rng.random((1, 4)), codes_of(2, 3)
    pairs = np.array(list(itertools.product(codes, repeat=2))).swapaxes(0, 1)          # (K, 81, J)

    def exact_loss(model):
        if isinstance(objective, VIMCO):
            return expected(model, x, pairs, lambda log_px, rate, log_q: -(
                np.exp(log_q.sum(axis=0)) * npvae.numerics.log_sum_exp(log_px - rate - np.log(2))).sum())
        return expected(model, x, codes[None], lambda log_px, rate, log_q: -(
            np.exp(log_q) * (log_px - 0.6 * rate)).sum())

    stepped, exact = model.astype(np.complex128), np.empty(model.parameters.size)
    for i in range(len(exact)):
        stepped.parameters.theta[...] = model.parameters.theta
        stepped.parameters.theta[i] += 1e-20j
        exact[i] = exact_loss(stepped).imag / 1e-20

    p, mean, value = model.encode(x).mu, np.zeros_like(exact), 0.0
    for one in range(pairs.shape[1]):
        z = pairs[:, one:one + 1]
        probability = (p**z).prod()
        loss = model.loss_and_grad(x, 1e3 * z, objective=objective)         # noise that draws just z
        mean += probability * model.parameters.grad
        value += probability * loss.value
    assert value == pytest.approx(exact_loss(model), rel=1e-12)
    assert np.linalg.norm(mean - exact) < 1e-12 * np.linalg.norm(exact)


def test_a_gradient_by_way_of_z_is_refused():
    model = npvae.categorical_vae(4, (3,), 6, n_categories=3)
    with pytest.raises(TypeError, match="that of a Categorical posterior jumps: ScoreFunction"):
        model.loss_and_grad(np.full((2, 4), 0.5), np.zeros((2, 2, 6)), objective=npvae.ELBO())


# ---- relaxed symbols ----------------------------------------------------------------------

LOGITS = {2: [0.8, -0.3], 3: [0.8, -0.3, 0.1]}


def density_on_the_simplex(posterior, q, y):
    """q(y|x), from log q(z|x): the volume of the differences of z = log y is dy over all of y."""
    log_q = posterior.log_prob(posterior.at(q, np.log(y)))
    return np.exp(log_q - np.log(y).sum(axis=-1))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("n_categories", [2, 3])
def test_the_relaxed_density_is_maddisons_and_integrates_to_one(n_categories, temperature, rng):
    """On the simplex, (n - 1)! tau^(n - 1) prod of (a_k y_k^(-tau - 1)) / (sum of a_k y_k^-tau)^n."""
    posterior = GumbelSoftmax(n_categories, n_categories, temperature)
    a = np.exp(LOGITS[n_categories])
    q = posterior.given(np.log(a)[None])
    y = rng.dirichlet(np.ones(n_categories), 50)[:, None]
    expected = (gamma(n_categories) * temperature**(n_categories - 1)
                * (a * y**(-temperature - 1)).prod(axis=-1)
                / (a * y**-temperature).sum(axis=-1)**n_categories)
    np.testing.assert_allclose(density_on_the_simplex(posterior, q, y), expected, rtol=1e-11)

    y, area = points_of_the_simplex(n_categories)
    assert area.sum() == pytest.approx(1.0 / gamma(n_categories), abs=1e-12)
    assert (density_on_the_simplex(posterior, q, y)[:, 0] @ area) == pytest.approx(1.0, abs=1e-6)


def points_of_the_simplex(n_categories):
    """y (n, 1, C), and the area of y_1 .. y_{C - 1} that each stands for: by stick breaking, each
    part of what is left from a grid of logits, which is dense where the parts are near 0 and 1."""
    v, dv = np.linspace(-50, 50, 501, retstep=True)
    part, rest = expit(v), expit(-v)
    if n_categories == 2:
        return np.stack([part, rest], axis=-1)[:, None], part * rest * dv
    y = np.stack([np.outer(part, np.ones_like(v)), np.outer(rest, part), np.outer(rest, rest)], axis=-1)
    return y.reshape(-1, 1, 3), np.outer(part * rest * dv * rest, part * rest * dv).ravel()


@pytest.mark.parametrize("temperature", [0.6, 1.2])
def test_draws_are_of_the_density(temperature, rng):
    posterior, prior = GumbelSoftmax(3, 3, temperature), GumbelSoftmaxPrior(3, 3, temperature)
    q, prior.logits = posterior.given(np.array([LOGITS[3]])), LOGITS[3]
    on_simplex, area = points_of_the_simplex(3)
    mass = density_on_the_simplex(posterior, q, on_simplex)[:, 0] * area
    z, drawn = posterior.sample(q, posterior.draw_noise(rng, 40_000, 1, np.float64))
    np.testing.assert_allclose(z.sum(axis=-1), 0.0, atol=1e-13)
    assert_mean(z[:, 0], q.mu[0])
    assert_mean((z[:, 0] - q.mu[0])**2, q.std[0]**2)
    np.testing.assert_allclose(posterior.log_prob(drawn), posterior.log_prob(posterior.at(q, z)),
                               rtol=1e-9)
    np.testing.assert_allclose(posterior.log_prob(drawn), prior.log_prob(z)[0], rtol=1e-6)
    for z in (z[:, 0], prior.sample(rng, 40_000, np.float64)):
        difference = stats.logistic((LOGITS[3][0] - LOGITS[3][1]) / temperature, 1 / temperature)
        assert stats.kstest(z[:, 0] - z[:, 1], difference.cdf).pvalue > 0.01
        y = softmax(z, axis=-1)
        for function in (lambda y: y[..., 0], lambda y: y[..., 1] * y[..., 2], lambda y: y[..., 2]**3):
            assert_mean(function(y), mass @ function(on_simplex)[:, 0])
        # whatever the temperature, the largest is that of c with the probability of c
        assert_mean(np.eye(3)[y.argmax(axis=-1)], softmax(LOGITS[3]))


def test_with_two_categories_it_is_a_concrete_bit(rng):
    relaxed, bit = GumbelSoftmax(4, 2, 0.7), Concrete(2, 0.7)
    h, z = rng.standard_normal((5, 4)), rng.standard_normal((3, 5, 4))
    log_q = relaxed.log_prob(relaxed.at(relaxed.given(h), z))
    of_bit = bit.log_prob(bit.at(bit.given(h[:, ::2] - h[:, 1::2]), z[..., ::2] - z[..., 1::2]))
    np.testing.assert_allclose(log_q, of_bit, rtol=1e-12)


def test_a_relaxed_symbol_becomes_the_exact_one_on_the_same_noise(rng):
    h, eps = rng.standard_normal((5, 6)), rng.gumbel(size=(4, 5, 6))
    exact, _ = Categorical(6, 3).sample(Categorical(6, 3).given(h), eps)
    for temperature in (1.5, 1e-3):
        z, _ = GumbelSoftmax(6, 3, temperature).sample(GumbelSoftmax(6, 3).given(h), eps)
        y = Softmax(3).forward(z)[0]
        np.testing.assert_array_equal(y.reshape(4, 5, 2, 3).argmax(axis=-1),
                                      exact.reshape(4, 5, 2, 3).argmax(axis=-1))
    np.testing.assert_allclose(y, exact, atol=1e-3)


def test_a_constant_added_to_a_symbol_changes_nothing(rng):
    """Neither in z, nor in the logits: C - 1 differences are all that there is."""
    posterior, prior = GumbelSoftmax(6, 3), GumbelSoftmaxPrior(6, 3)
    h, z = rng.standard_normal((2, 5, 6))
    moved = np.repeat(rng.normal(0.0, 3.0, 2), 3)
    log_q, log_p = posterior.log_prob(posterior.at(posterior.given(h), z)), prior.log_prob(z)[0]
    for h_then, z_then in ((h + moved, z), (h, z + moved)):
        again = posterior.log_prob(posterior.at(posterior.given(h_then), z_then))
        np.testing.assert_allclose(again, log_q, rtol=1e-11)
    np.testing.assert_allclose(prior.log_prob(z + moved)[0], log_p, rtol=1e-11)
    np.testing.assert_allclose(posterior.given(h + moved).mu, posterior.given(h).mu, atol=1e-12)


# ---- a bound, and what is none --------------------------------------------------------------

def test_the_loss_of_relaxed_symbols_is_a_bound(rng):
    """Two pixels that no category explains, and half of each would: log p(x) by quadrature.

    With the KL of the categories in place of that of the densities, the q of a high temperature gets
    the half for nothing: its loss would be 2.0 nats, where -log p(x) is 4.3.
    """
    model = npvae.gumbel_softmax_vae(2, (), 2, n_categories=2, temperature=4.0, prior_temperature=0.2)
    model = model.astype(np.float64)
    for values in model.blocks().values():
        values[...] = 0.0
    decoder = model.decoder.layers[-1]
    decoder.W = [[8.0, -8.0], [-8.0, 8.0]]                       # both pixels on: at y = (1/2, 1/2)
    x = np.ones((1, 2))

    def joint(d):
        f = 8.0 * (2.0 * expit(d) - 1.0)                         # d: the difference of z
        return stats.logistic.pdf(d, 0.0, 1 / 0.2) * expit(f) * expit(-f)

    log_px = np.log(integrate.quad(joint, -60, 60, limit=200)[0])
    losses = [model.loss(x, model.draw_noise(rng, 1, 1000)).value for _ in range(20)]
    assert log_px == pytest.approx(-4.303, abs=1e-3) and np.std(losses) < 0.2
    assert -np.mean(losses) < log_px
    bounds = [-model.loss(x, model.draw_noise(rng, 1, 4000), objective=npvae.IWAE()).value
              for _ in range(20)]
    assert np.mean(bounds) == pytest.approx(log_px, abs=0.05)    # and a tight one with many samples


@pytest.mark.parametrize("posterior, prior", [
    (GumbelSoftmax(6, 3), CategoricalPrior(6, 3)), (Categorical(6, 3), GumbelSoftmaxPrior(6, 3)),
    (Concrete(6), GumbelSoftmaxPrior(6, 3)), (GumbelSoftmax(6, 3), npvae.priors.StandardNormal(6)),
    (Categorical(6, 3), npvae.priors.StandardNormal(6)), (Concrete(6), npvae.priors.Bernoulli(6)),
    (npvae.posteriors.Bernoulli(6), npvae.priors.StandardNormal(6)),
    (npvae.posteriors.Bernoulli(6), CategoricalPrior(6, 3)),
    (npvae.posteriors.DiagonalGaussian(6), npvae.priors.Bernoulli(6))],
    ids=lambda part: type(part).__name__)
def test_a_density_beside_a_probability_is_refused_by_name(posterior, prior):
    message = (f"posterior beside a {type(prior).__name__} is {type(posterior).__name__}.*, of "
               f"{posterior.codes}: one of {prior.codes} was expected.* their ratio is no bound")
    with pytest.raises(TypeError, match=message):
        npvae.vae(6, (5,), 6, posterior=posterior.copy(), prior=prior.copy())
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match=message):
        npvae.VAE(npvae.networks.Dense(4, posterior.n_outputs, rng), posterior.copy(), prior.copy(),
                  npvae.networks.Dense(6, 4, rng), npvae.likelihoods.Bernoulli(), n_data=4)


def test_the_sizes_of_symbols_are_checked():
    for kind in (Categorical, CategoricalPrior, GumbelSoftmax, GumbelSoftmaxPrior):
        with pytest.raises(ValueError, match="n_latent is 5: a multiple of n_categories=3 was expected"):
            kind(5, 3)
        with pytest.raises(ValueError, match="n_categories is 1: an integer of at least 2"):
            kind(5, 1)
        assert repr(kind(6, 3)) == f"{kind.__name__}(6, n_categories=3)"
    for kind in (GumbelSoftmax, GumbelSoftmaxPrior):
        with pytest.raises(ValueError, match="temperature is 0: a positive, finite number"):
            kind(6, 3, 0)
        assert kind(6, 3, 0.9).temperature == 0.9
    with pytest.raises(ValueError, match="prior has n_categories=2: 3 were expected"):
        npvae.vae(4, (), 6, posterior=Categorical(6, 3), prior=CategoricalPrior(6, 2))
    with pytest.raises(ValueError, match="x has shape .*: a multiple of 3 was expected"):
        Softmax(3).forward(np.zeros((2, 4)))


# ---- whole models -------------------------------------------------------------------------

def kinds_of_two_symbols(rng, n=400):
    """x of two groups of pixels, each of which is one of three patterns."""
    pattern = np.where(np.eye(3).repeat(2, axis=1), 0.95, 0.05)
    p = np.concatenate([pattern[rng.integers(3, size=n)], pattern[rng.integers(3, size=n)]], axis=1)
    return (rng.random((n, 12)) < p).astype(np.float32)


@pytest.mark.parametrize("recipe, options", [
    (npvae.categorical_vae, {"n_samples": 8}), (npvae.gumbel_softmax_vae, {})])
def test_symbols_are_learned_saved_and_judged(recipe, options, rng, tmp_path):
    x = kinds_of_two_symbols(rng)
    model = recipe(12, (24,), 6, n_categories=3, activation="tanh")
    before = npvae.evaluate(model, x, n_samples=4)
    npvae.fit(model, x, epochs=30, batch_size=50, learning_rate=1e-2, progress=False, **options)
    after = npvae.evaluate(model, x, n_samples=4)
    assert after.elbo > before.elbo + 2.0 and after.kl > 1.0
    npvae.save(tmp_path / "symbols.npz", model)
    again = npvae.load(tmp_path / "symbols.npz")
    assert npvae.evaluate(again, x, n_samples=4) == after
    found = {item.name: item for item in npvae.evaluation.diagnose(model, x[:200], n_samples=4).measured}
    assert found["collapsed dimensions of z"].shown.endswith(
        "of 2" if recipe is npvae.categorical_vae else "of 6")
    if recipe is npvae.categorical_vae:
        assert npvae.evaluation.latent_moments(model, x).kl.shape == (2,)
        exact = model
    else:
        exact = npvae.with_exact_symbols(model)
        assert exact.posterior.n_categories == 3 and isinstance(exact.objective, ScoreFunction)
        np.testing.assert_array_equal(exact.prior.logits, model.prior.logits)
        assert -npvae.evaluate(exact, x, n_samples=4).elbo < -before.elbo - 2.0
        with pytest.raises(TypeError, match="posterior is Categorical.*: a GumbelSoftmax was expected"):
            npvae.with_exact_symbols(exact)
    # log p(x) by a sum over all nine codes
    exact = exact.astype(np.float64)
    codes = np.repeat(codes_of(2, 3)[:, None], 20, axis=1)
    log_px = exact.likelihood.log_prob(x[:20].astype(float), exact.decoder.forward(codes)[0])[0]
    log_px = logsumexp(log_px + exact.prior.log_prob(codes)[0], axis=0)
    estimate = npvae.evaluation.log_evidence(exact, x[:20], rng, 4000)
    # (a code that was never drawn is not in the standard error)
    assert (np.abs(estimate.log_px - log_px) < 5 * estimate.standard_error + 2e-3).all()
    assert np.median(estimate.standard_error) < 0.01


def test_the_logits_of_the_prior_learn_how_frequent_the_kinds_are(rng):
    """Nine of ten x are of one kind: the prior of their symbol says so."""
    rare = rng.random(600) < 0.1
    x = (rng.random((600, 8)) < np.where(rare, 0.95, 0.05)[:, None]).astype(np.float32)
    model = npvae.categorical_vae(8, (), 2, n_categories=2)
    npvae.fit(model, x, epochs=30, batch_size=50, n_samples=4, learning_rate=2e-2, progress=False)
    assert np.exp(model.prior.log_p()).max() == pytest.approx(1 - rare.mean(), abs=0.05)


def test_free_bits_are_free_for_a_symbol(rng):
    model = npvae.categorical_vae(4, (3,), 6, n_categories=3).astype(np.float64)
    model.parameters.theta[...] = rng.normal(0.0, 0.7, model.parameters.size)
    x = rng.random((5, 4))
    loss = model.loss(x, model.draw_noise(rng, 5, 2), objective=npvae.FreeBits(free=50.0, cost=KL()))
    assert loss.value - loss.reconstruction == pytest.approx(100.0)            # two symbols


def test_exact_symbols_of_a_model_that_is_shown_the_mask_are_shown_it_too(rng):
    model = npvae.gumbel_softmax_vae(6, (5,), 6, n_categories=3)
    shown = npvae.VAE(npvae.networks.Dense(12, 6, rng), model.posterior.copy(), model.prior.copy(),
                      model.decoder.copy(), model.likelihood.copy(), n_data=6, shows_mask=True)
    exact = npvae.with_exact_symbols(shown)
    q = exact.encode(rng.random((4, 6)), observed=np.ones((4, 6)))
    assert exact.shows_mask and q.mu.shape == (4, 6)


def test_exact_symbols_have_the_logits_in_all_their_digits(rng):
    model = npvae.gumbel_softmax_vae(5, (8,), 4, n_categories=2).astype(np.float64)
    model.prior.logits = rng.standard_normal(4)
    np.testing.assert_array_equal(npvae.with_exact_symbols(model).prior.logits, model.prior.logits)


def test_exact_symbols_cost_what_the_relaxed_ones_did():
    model = npvae.gumbel_softmax_vae(6, (5,), 6, n_categories=3, beta=4.0)
    assert npvae.with_exact_symbols(model).objective == npvae.ScoreFunction(beta=4.0)
