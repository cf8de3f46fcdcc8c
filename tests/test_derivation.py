"""The derivation's equations hold: each as it is printed, index by index, against the code.

`examples/derivation.md` derives the page `vae_on_one_page.py`, from Bayes' rule to the last gradient,
and what K samples and the score add to it. Here is proven what no other chapter proves; that the text
and the code go together is in `test_derivation_pages.py`.
"""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

import npvae
from exact import decoder_of, linear_vae, log_evidence
from npvae import gradcheck
from npvae.distributions.divergences import kl_to_standard_normal, kl_to_standard_normal_backward
from npvae.objectives import normalized_weights
from quick_runs import load

# ---- 1 to 5: evidence, KL, path and score --------------------------------------------------


def test_draws_from_the_prior_vary_by_the_chi_squared_divergence():
    """Of p(x given z) / p(x), z from the prior, the variance is E_posterior[posterior / prior] - 1,
    and at least exp(KL) - 1: on a linear VAE of one latent dimension, by quadrature."""
    model = linear_vae(3, 1, variance=0.2, seed=4)
    W, b, s = decoder_of(model)
    x = np.array([[0.6, -0.2, 0.4]])
    evidence = np.exp(log_evidence(model, x))
    z = np.linspace(-9, 9, 20_001)
    area = z[1] - z[0]
    likelihood = np.exp(stats.norm.logpdf(x, z[:, None] @ W + b, np.sqrt(s)).sum(axis=1))
    prior = stats.norm.pdf(z)
    posterior = likelihood * prior / evidence
    assert posterior.sum() * area == pytest.approx(1.0, abs=1e-9)
    variance = (prior * (likelihood / evidence - 1)**2).sum() * area
    assert variance == pytest.approx((posterior**2 / prior).sum() * area - 1, rel=1e-9)
    kl = (posterior * np.log(posterior / prior)).sum() * area
    assert variance > np.exp(kl) - 1 > 0.05


@pytest.mark.parametrize("mu, std", [(0.7, 0.4), (-1.3, 1.8)])
def test_the_integrals_of_the_kl(mu, std):
    """The two halves of the closed form, each by quadrature."""
    q, p = stats.norm(mu, std), stats.norm(0, 1)

    def mean(f):
        return integrate.quad(lambda z: q.pdf(z) * f(z), mu - 12 * std, mu + 12 * std, epsabs=1e-12)[0]

    log_2pi = np.log(2 * np.pi)
    assert mean(lambda z: (z - mu)**2) == pytest.approx(std**2, rel=1e-10)
    assert mean(q.logpdf) == pytest.approx(-(log_2pi + np.log(std**2) + 1) / 2, rel=1e-10)
    assert mean(p.logpdf) == pytest.approx(-(log_2pi + mu**2 + std**2) / 2, rel=1e-10)
    kl = kl_to_standard_normal(np.float64(mu), np.log(std**2))
    assert mean(q.logpdf) - mean(p.logpdf) == pytest.approx(kl, rel=1e-10)


@pytest.mark.parametrize("mu, std", [(0.7, 0.4), (-1.3, 1.8)])
def test_the_sampled_rate_has_the_stated_mean_and_variance(mu, std):
    """(z^2 - eps^2 - logvar) / 2: its mean is the closed form, its variance a polynomial."""
    eps, weights = np.polynomial.hermite_e.hermegauss(10)
    weights = weights / weights.sum()
    z = mu + std * eps
    rate = stats.norm.logpdf(z, mu, std) - stats.norm.logpdf(z)
    np.testing.assert_allclose(rate, (z**2 - eps**2 - np.log(std**2)) / 2, rtol=1e-12, atol=1e-12)
    kl = kl_to_standard_normal(np.float64(mu), np.log(std**2))
    assert weights @ rate == pytest.approx(kl, rel=1e-12)
    variance = mu**2 * std**2 + (std**2 - 1)**2 / 2
    assert weights @ (rate - kl)**2 == pytest.approx(variance, rel=1e-11)


def test_path_and_score_are_one_integral_by_parts():
    """E[f'(z)] = E[f(z) eps] / std, and E[f'(z) std eps] = E[f(z) (eps^2 - 1)], for f = exp(z / 2)."""
    mu, std = 0.4, 0.8
    eps, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    f = np.exp((mu + std * eps) / 2)
    exact = np.exp(mu / 2 + std**2 / 8) / 2                     # of E[f] in mu
    assert weights @ (f / 2) == pytest.approx(exact, rel=1e-12)
    assert weights @ (f * eps / std) == pytest.approx(exact, rel=1e-12)
    assert weights @ (f / 2 * std * eps) == pytest.approx(weights @ (f * (eps**2 - 1)), rel=1e-12)
    assert weights @ (f / 2 * std * eps) / 2 == pytest.approx(exact * std**2 / 4, rel=1e-12)


# ---- 6: every gradient of the page -----------------------------------------------------------

def page_at_random(B=5, D=9, H=7, J=3, seed=11):
    """The page, parameters, a batch and noise, in float64; all sizes differ."""
    page, rng = load("examples/vae_on_one_page.py"), np.random.default_rng(seed)
    p = {name: rng.normal(0, 0.5, value.shape)
         for name, value in page.initial_parameters(rng, D, H, J).items()}
    return page, p, rng.random((B, D)), rng.standard_normal((B, J))


def test_every_gradient_of_the_page_is_its_numerical_derivative():
    page, p, x, eps = page_at_random()
    gradients = page.loss_and_grad(p, x, eps)[2]
    report = gradcheck.check(lambda arrays: sum(page.loss_and_grad(arrays, x, eps)[:2]), p, gradients,
                             complex_step=False)
    wrong = [row.block for row in report.rows if not row.passed]
    assert not wrong, "wrong: " + ", ".join(wrong)
    assert set(gradients) == set(p)


def test_the_sums_of_the_derivation_are_the_products_of_the_page():
    """Section 6 of the derivation as it stands there: one index at a time, without a matrix."""
    page, p, x, eps = page_at_random()
    (B, D), J, H = x.shape, eps.shape[1], len(p["b1"])
    s1, mu, logvar, z = np.zeros((B, H)), np.zeros((B, J)), np.zeros((B, J)), np.zeros((B, J))
    s2, a = np.zeros((B, H)), np.zeros((B, D))
    R = KL = 0.0
    for b in range(B):
        for h in range(H):
            s1[b, h] = p["b1"][h] + sum(x[b, d] * p["W1"][d, h] for d in range(D))
        for j in range(J):
            mu[b, j], logvar[b, j] = (p["b" + name][j] + sum(
                max(s1[b, h], 0) * p["W" + name][h, j] for h in range(H)) for name in ("mu", "logvar"))
            z[b, j] = mu[b, j] + np.exp(logvar[b, j] / 2) * eps[b, j]
            KL += (mu[b, j]**2 + np.exp(logvar[b, j]) - 1 - logvar[b, j]) / 2 / B
        for h in range(H):
            s2[b, h] = p["b2"][h] + sum(z[b, j] * p["W2"][j, h] for j in range(J))
        for d in range(D):
            a[b, d] = p["b3"][d] + sum(max(s2[b, h], 0) * p["W3"][h, d] for h in range(H))
            R += (np.log(1 + np.exp(a[b, d])) - x[b, d] * a[b, d]) / B
    h1, h2, std = np.maximum(s1, 0), np.maximum(s2, 0), np.exp(logvar / 2)

    da = (expit(a) - x) / B
    ds2, dz, ds1 = np.zeros((B, H)), np.zeros((B, J)), np.zeros((B, H))
    for b in range(B):
        for h in range(H):
            ds2[b, h] = (s2[b, h] > 0) * sum(da[b, d] * p["W3"][h, d] for d in range(D))
        for j in range(J):
            dz[b, j] = sum(ds2[b, h] * p["W2"][j, h] for h in range(H))
    dmu = dz + mu / B
    dlogvar = dz * std * eps / 2 + (std**2 - 1) / (2 * B)
    for b in range(B):
        for h in range(H):
            ds1[b, h] = (s1[b, h] > 0) * sum(
                dmu[b, j] * p["Wmu"][h, j] + dlogvar[b, j] * p["Wlogvar"][h, j] for j in range(J))
    expected = {}
    for name, below, above in (("3", h2, da), ("2", z, ds2), ("mu", h1, dmu),
                               ("logvar", h1, dlogvar), ("1", x, ds1)):
        expected["W" + name] = sum(np.outer(below[b], above[b]) for b in range(B))
        expected["b" + name] = sum(above[b] for b in range(B))

    reconstruction, kl, gradients = page.loss_and_grad(p, x, eps)
    assert (reconstruction, kl) == pytest.approx((R, KL), rel=1e-12)
    for name, g in gradients.items():
        np.testing.assert_allclose(g, expected[name], rtol=1e-9, atol=1e-14, err_msg=name)


# ---- 7 and 8: K samples, and the score -------------------------------------------------------

def linear_problem(seed, K=4):
    """A linear VAE, one x, K draws; z, and the gradient of -log p(x given z_k) in z_k, (K, J)."""
    model, rng = linear_vae(5, 2, variance=0.7, seed=seed), np.random.default_rng(seed)
    x, eps = rng.standard_normal((1, 5)), model.draw_noise(rng, 1, K)
    q = model.encode(x)
    W, b, s = decoder_of(model)
    z = (q.mu + q.std * eps)[:, 0]
    slope = -(x - z @ W - b) @ W.T / s
    return model, x, eps, q.mu[0], q.logvar[0], z, slope


def encoders_bias(model, x, eps, objective):
    """The gradient in (mu, logvar): of one x, it is that of the last bias of the encoder."""
    model.loss_and_grad(x, eps, objective=objective)
    return np.split(model.gradients()["encoder.0.b"], 2)


def test_k_samples_add_up_before_the_encoder():
    model, x, eps, mu, logvar, z, slope = linear_problem(seed=1)
    K, std = len(z), np.exp(logvar / 2)
    dz = slope / K
    dmu, dlogvar = encoders_bias(model, x, eps, npvae.ELBO())
    kl_mu, kl_logvar = kl_to_standard_normal_backward(np.ones(2), mu, logvar)
    np.testing.assert_allclose(dmu, dz.sum(axis=0) + kl_mu, rtol=1e-12)
    np.testing.assert_allclose(dlogvar, (dz * std * eps[:, 0] / 2).sum(axis=0) + kl_logvar, rtol=1e-12)


def test_the_sampled_rate_leaves_z_and_a_half():
    """Path and score of log q cancel in mu, and leave -1/2 in logvar."""
    model, x, eps, mu, logvar, z, slope = linear_problem(seed=2)
    K, std, eps_k = len(z), np.exp(logvar / 2), eps[:, 0]
    total = (slope + z) / K
    dmu, dlogvar = encoders_bias(model, x, eps, npvae.ELBO(cost=npvae.SampledKL()))
    np.testing.assert_allclose(dmu, total.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dlogvar, (total * std * eps_k / 2).sum(axis=0) - 0.5, rtol=1e-12)
    # and without the score, its two sums less
    dmu, dlogvar = encoders_bias(model, x, eps, npvae.StickingTheLanding())
    path = total - eps_k / std / K
    np.testing.assert_allclose(dmu, path.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dlogvar, (path * std * eps_k / 2).sum(axis=0), rtol=1e-12)


def test_iwae_weighs_each_sample_and_dreg_its_square():
    model, x, eps, mu, logvar, z, slope = linear_problem(seed=3)
    std, eps_k = np.exp(logvar / 2), eps[:, 0]
    W, b, s = decoder_of(model)
    log_w = (stats.norm.logpdf(x, z @ W + b, np.sqrt(s)).sum(axis=1) + stats.norm.logpdf(z).sum(axis=1)
             - stats.norm.logpdf(z, mu, std).sum(axis=1))
    w = np.exp(log_w)[:, None] / np.exp(log_w).sum()
    log_w_slope = -slope - z + eps_k / std                          # d log w / dz at fixed q
    score_mu, score_logvar = eps_k / std, (eps_k**2 - 1) / 2
    dmu, dlogvar = encoders_bias(model, x, eps, npvae.IWAE())
    np.testing.assert_allclose(dmu, -(w * (log_w_slope - score_mu)).sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(
        dlogvar, -(w * (log_w_slope * std * eps_k / 2 - score_logvar)).sum(axis=0), rtol=1e-11)
    dmu, dlogvar = encoders_bias(model, x, eps, npvae.DReG())
    np.testing.assert_allclose(dmu, -(w**2 * log_w_slope).sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(dlogvar, -(w**2 * log_w_slope * std * eps_k / 2).sum(axis=0), rtol=1e-11)


def test_the_slope_of_a_normalized_weight():
    """d w_k / d log w_k = w_k (1 - w_k), by the complex step."""
    log_w = np.random.default_rng(0).standard_normal((5, 1))
    w = normalized_weights(log_w)[:, 0]
    for k in range(5):
        stepped = log_w.astype(complex)
        stepped[k] += 1e-20j
        assert normalized_weights(stepped)[k, 0].imag / 1e-20 == pytest.approx(w[k] * (1 - w[k]),
                                                                               rel=1e-13)
