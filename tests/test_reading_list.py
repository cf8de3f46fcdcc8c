"""The examples of the reading list, in their quick mode: what they print is what they teach."""

import numpy as np
import pytest
from scipy import integrate, stats

import npvae
from quick_runs import load, run


def figures(tmp_path):
    return {path.name for path in tmp_path.iterdir()}


# ---- likelihood --------------------------------------------------------------------------

def test_maximum_likelihood(tmp_path):
    found = run("maximum_likelihood", tmp_path)
    assert (found["area"], found["height"], found["moved"]) == pytest.approx(
        (0.2881446, 0.1158766, 0.1595769), abs=1e-7)
    assert found["error of mu"] < 1e-6 and found["error of sigma"] < 1e-6
    # the exact test is Student's t with 19 degrees of freedom: what the 5 % test really rejects
    limit = np.sqrt(19 * np.expm1(stats.chi2.isf(0.05, 1) / 20))
    assert found["rejected"] == pytest.approx(2 * stats.t.sf(limit, 19), abs=4 * 0.0078)
    assert found["squared error"] < 1e-11 and found["cross entropy"] < 1e-11
    assert figures(tmp_path) == {"maximum_likelihood_curves.png", "maximum_likelihood_losses.png"}


# ---- variational inference ---------------------------------------------------------------

def test_variational_inference(tmp_path, capsys):
    found = run("variational_inference", tmp_path)

    # log p(x), by another quadrature and by scipy's own densities
    def joint(z):
        return stats.norm.pdf(2.25, (z + 1.5)**2, 0.5**0.5) * stats.norm.pdf(z)

    log_px = np.log(integrate.quad(joint, -9, 9, points=[-3, 0], epsabs=1e-13)[0])
    assert found["log_px"] == pytest.approx(log_px, abs=1e-10)
    steps = (0, 5, 10, 20, 30, 50, 100, 600)
    gaps = [found[f"gap {step}"] for step in steps]
    assert [found[f"sum {step}"] for step in steps] == pytest.approx([log_px] * 8, abs=1e-10)
    assert all(b < a for a, b in zip(gaps, gaps[1:]))
    assert gaps[-1] == pytest.approx(0.04206, abs=1e-4)                    # and not zero
    # the KL is not symmetric: by quadrature

    def kl(p, q):
        return integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), -12, 12,
                              points=[0.7], epsabs=1e-12)[0]

    q, prior = stats.norm(0.7, 0.4), stats.norm(0, 1)
    assert (found["there"], found["back"]) == pytest.approx((kl(q, prior), kl(prior, q)), abs=1e-9)
    assert "N(0, 1)) = 0.741, the other way round 3.240 nats" in capsys.readouterr().out
    # one hump of two, so a little more than log 2; and, the other way round, both of them
    for side in ("left", "right"):
        assert found[f"q of least KL(q, p), {side}: KL(q, p)"] == pytest.approx(0.70987, abs=1e-4)
        assert found[f"q of least KL(q, p), {side}: KL(p, q)"] == pytest.approx(53.50, abs=0.01)
    assert found["q of least KL(p, q): KL(q, p)"] == pytest.approx(12.199, abs=0.001)
    assert found["q of least KL(p, q): KL(p, q)"] == pytest.approx(1.2716, abs=1e-4)
    assert figures(tmp_path) == {f"variational_inference_{name}.png"
                                 for name in ("steps", "bars", "humps")}


def test_the_elbo_of_the_beacon_has_no_error():
    """Six numbers for noise: E_q[((z - c)^2 - x)^2] in closed form, from the moments of N(0, 1)."""
    example = load("examples/variational_inference.py")
    model, x, mu, std = example.beacon_at(-1.5), 2.25, 0.3, 0.7
    model.encoder.b = [mu, 2 * np.log(std)]
    m = mu + 1.5                                                 # z - c = m + std * eps
    second, fourth = m**2 + std**2, m**4 + 6 * m**2 * std**2 + 3 * std**4
    log_px_given_z = -(fourth - 2 * x * second + x**2) - 0.5 * np.log(np.pi)
    kl = 0.5 * (mu**2 + std**2 - 1) - np.log(std)
    loss = model.loss(np.array([[x]]), example.EPS)
    assert loss.elbo == pytest.approx(log_px_given_z - kl, abs=1e-12)


def test_no_gaussian_is_closer_to_the_two_humps():
    """Over a net of mu and log std^2: the best KL(q, p) is that of the climb, at either hump."""
    example = load("examples/variational_inference.py")
    model, x = example.beacon_at(0.0), np.array([[3.0]])
    best = list(example.climb(model, x, mu=1.0))[-1][0]
    for mu in np.linspace(-3, 3, 61):
        for logvar in np.linspace(-5, 2, 29):
            model.encoder.b = [mu, logvar]
            assert model.loss(x, example.EPS).elbo <= best + 1e-9


def test_the_layer_of_the_beacon(rng):
    layer = load("examples/variational_inference.py").Beacon(-1.5)
    assert npvae.gradcheck.check_layer(layer, rng.standard_normal((4, 1)), rng).passed


def test_intractability(tmp_path, capsys):
    found = run("intractability", tmp_path)

    # the banana: |z - c|^2 of a standard normal z is noncentral chi-squared, a sum over J gone
    def joint(y):
        return stats.ncx2.pdf(y, 2, 1.5**2) * stats.norm.pdf(2.25, y, 0.5**0.5)

    log_px = np.log(integrate.quad(joint, 0, 12, points=[2.25], epsabs=1e-12)[0])
    assert found["log_px"] == pytest.approx(log_px, abs=1e-9)
    assert found["gap"] == pytest.approx(0.44903, abs=1e-4)
    assert found["narrower_1"] == pytest.approx(0.670, abs=0.002)          # std of q / posterior's
    assert found["narrower_2"] == pytest.approx(0.430, abs=0.002)
    assert found["error"] < 1e-7                              # the grid against the closed form
    assert found["years"] > 1e14                              # machines differ
    assert "J =  4:  2,560,000 codes" in capsys.readouterr().out
    assert figures(tmp_path) == {"intractability_banana.png", "intractability_cost.png"}


# ---- the trick ---------------------------------------------------------------------------

def test_reparameterization(tmp_path, capsys):
    found = run("reparameterization", tmp_path)
    assert found["tape"] < 1e-9
    n = 400_000
    b = (3 * 0.25 + 1)                     # E[z^2 s^2] / E[s^2] = mu^2 + 3 sigma^2, s the score
    moments = {"path": (2.0, 1.0), "score": (2.0, 21.75),
               "score, baseline": (2.0, 25.75 - 2 * b * b / 0.25 + b * b / 0.25 - 4.0)}
    for name, (mean, variance) in moments.items():
        assert found[name][0] == pytest.approx(mean, abs=5 * np.sqrt(variance / n))
        assert found[name][1] == pytest.approx(variance, rel=0.1)
    ratios = {name: v / found["vae"]["path"] for name, v in found["vae"].items()}
    assert 5 < ratios["score, baseline"] < 200 < ratios["score"]
    printed = capsys.readouterr().out
    assert "z = mu + std * eps                     1.062865" in printed
    assert figures(tmp_path) == {"reparameterization.png"}


# ---- conditions --------------------------------------------------------------------------

def test_conditional_vae(tmp_path):
    found = run("conditional_vae", tmp_path)
    for n in (2, 10):
        assert found[f"ink {n}"][0] > 0.6 and found[f"slant {n}"][0] > 0.5  # the style is in z
    assert found["-elbo 10"] < found["-elbo 2"]
    assert found["Sigma^(1/2)"] == pytest.approx(1.0, abs=0.02)
    assert found["Sigma"] < 0.7


def test_conditional_probe(tmp_path):
    found = run("conditional_probe", tmp_path)
    assert found["guess"] == 0.1135
    assert found["conditional 2"] < found["plain 2"] - 0.08
    assert found["nats conditional 2"] < found["nats plain 2"] - 0.2
    assert figures(tmp_path) == {"conditional_probe.png"}


def test_image_completion(tmp_path):
    found = run("image_completion", tmp_path)
    assert found["plain kl"] < 1e-3
    # a code is worth its price; more samples tighten the bound; and no code beats the mean image
    assert found["-log p"] < found["-elbo"] < found["plain"] < found["mean"]
    assert found["mean"] == pytest.approx(108.5, abs=1.0)
    # pixel by pixel, a sharp guess is a worse one than the mean of many
    assert found["mean of draws"] < found["one draw"]
    assert figures(tmp_path) == {"image_completion.png"}


# ---- the latent space, and convolutions --------------------------------------------------

def test_convolutional_vae(tmp_path):
    found = run("convolutional_vae", tmp_path)
    conv, dense = found["convolutional"], found["dense"]
    assert conv["parameters"] == pytest.approx(dense["parameters"], rel=0.01)
    assert conv["loss"] < dense["loss"]
    assert figures(tmp_path) == {"convolutional_vae.png"}


# ---- what an autoencoder is and is not ---------------------------------------------------

def test_memorising_autoencoder(tmp_path):
    found = run("memorising_autoencoder", tmp_path)
    few, many = found["AE", 100], found["AE", 1000]
    assert few["training images"] < 0.6 * few["new images"]
    assert many["new images"] - many["training images"] < 5
    # a code with noise in it keeps the training images less exactly, and loses the new ones less
    assert few["training images"] < found["VAE", 100]["training images"]
    assert found["VAE", 100]["new images"] < few["new images"]
    assert figures(tmp_path) == {f"memorising_autoencoder_{name}.png"
                                 for name in ("errors", "pictures")}


def test_denoising_autoencoder(tmp_path):
    found = run("denoising_autoencoder", tmp_path)
    lost, nothing = found["half the pixels lost"], found["nothing lost"]
    assert lost["denoising"] < lost["autoencoder"] < lost["as shown"]
    assert nothing["autoencoder"] < nothing["denoising"]
    assert figures(tmp_path) == {"denoising_autoencoder.png"}


# ---- the terms of the ELBO ---------------------------------------------------------------

def test_elbo_term_by_term(tmp_path):
    found = run("elbo_term_by_term", tmp_path)
    off, both, only = (found[name] for name in ("KL off", "both", "KL only"))
    # the encoder cheats: narrow, and far apart
    assert off["std"] < 0.2 * both["std"] and off["spread"] > 2 * both["spread"]
    # the cheapest code says nothing
    assert only["std"] == pytest.approx(1.0, abs=0.01) and only["spread"] < 0.01
    assert only["kl"] < 0.01
    assert figures(tmp_path) == {f"elbo_term_by_term_{name}.png" for name in ("codes", "pictures")}


def test_beta_sweep(tmp_path):
    found = run("beta_sweep", tmp_path)
    beta, rate, distortion = np.array(found["points"]).T
    assert (np.diff(rate) < 0).all() and (np.diff(distortion) > 0).all()
    assert beta[np.argmin(rate + distortion)] == 1.0
    assert found["same gradient"] < 1e-13
    for mistake in ("mean over pixels, mean over z", "mean over pixels, sum over z"):
        assert found[mistake][1] < 0.01 and found[mistake][2] == 0
    error, kl, active = found["sum over pixels (c = 1/2)"]
    assert kl > 7 and active == 10 and error < 0.5 * found["mean over pixels, sum over z"][0]
    assert figures(tmp_path) == {"beta_sweep.png", "beta_sweep_ends.png"}


def test_kl_taken_apart(tmp_path):
    found = run("kl_taken_apart", tmp_path)
    for parts in found.values():
        kl, *three = parts.values()
        assert sum(three) == pytest.approx(kl, abs=1e-9)
        assert 0 < parts["mutual_information"] < np.log(2000)
    assert all(found[10.0][name] < found[1.0][name] for name in found[1.0])
    assert found[10.0]["mutual_information"] > 0.75 * found[10.0]["kl"]
    assert figures(tmp_path) == {"kl_taken_apart.png"}


def test_latent_size(tmp_path):
    found = run("latent_size", tmp_path)
    assert found[2]["in use"] == 2 and found[80]["in use"] < 60
    assert found[80]["autoencoder"] < found[20]["autoencoder"] < found[2]["autoencoder"]
    assert found[20]["-elbo"] < min(found[2]["-elbo"], found[80]["-elbo"])
    assert figures(tmp_path) == {"latent_size.png", "latent_size_samples.png"}


# ---- bits --------------------------------------------------------------------------------

def test_bernoulli_latents(tmp_path):
    found = run("bernoulli_latents", tmp_path)
    assert all(0 < found[name]["kl"] < 30 * np.log(2) for name in found if "score" in name)
    # the lower the temperature, the less it matters whether the bits are relaxed or true
    gaps = [abs(found[f"bits, relaxed at {t}"]["-elbo"] - found[f"bits, relaxed at {t}"]["true bits"])
            for t in ("0.2", "2/3")]
    assert gaps[0] < gaps[1] < 5
    assert found["Gaussian"]["-elbo"] < found["bits, score function"]["-elbo"]
    assert figures(tmp_path) == {f"bernoulli_latents_{name}.png" for name in ("relaxed", "codes")}


# ---- anomalies ---------------------------------------------------------------------------

def test_anomaly_table(tmp_path):
    found = run("anomaly_table", tmp_path)
    assert 0.85 < found["auc"] < 0.99
    assert found["false alarms"] == pytest.approx(0.01, abs=4 * np.sqrt(0.0099 / 2000))
    # the error sees what does not fit, the distance of the code what is far out, and -ELBO both
    shares = {kind: found["shares"][kind] for kind in ("spike", "broken relation", "shifted")}
    assert all(shares[kind]["reconstruction_error"] > 0.5 > 0.1 > shares[kind]["latent_distance"]
               for kind in ("spike", "broken relation"))
    assert shares["shifted"]["latent_distance"] > 0.6
    assert shares["shifted"]["reconstruction_error"] < shares["shifted"]["negative_elbo"]
    assert min(shares[kind]["negative_elbo"] for kind in shares) > 0.4
    assert figures(tmp_path) == {"anomaly_table.png", "anomaly_table_detector.npz"}

    # the confusion matrix is of the same shares
    (passed, false_alarms), (missed, caught) = found["counts"]
    assert (passed + false_alarms, missed + caught) == (5000, 600)
    assert false_alarms / 5000 == pytest.approx(found["false alarms"])
    assert caught / 600 == pytest.approx(np.mean([shares[kind]["negative_elbo"] for kind in shares]))

    # the saved detector judges as the one of the example did
    detector = npvae.evaluation.load_detector(tmp_path / "anomaly_table_detector.npz")
    example, rng = load("examples/anomaly_table.py"), np.random.default_rng(5)
    for name, rows in example.planted_rows(rng, 200).items():
        again, share = detector.flag(rows, quantile=0.99).mean(), shares[name]["negative_elbo"]
        assert again == pytest.approx(share, abs=4 * np.sqrt(max(share * (1 - share), 0.01) / 100)), name


def distances_of_codes(found):
    mu, drawn, mahalanobis = (found[name] for name in ("|mu|²", "|z|², z drawn", "Mahalanobis, of mu"))
    # the posterior mean is not chi-squared: too rarely in the tail; a drawn z is
    assert mu["below 0.05"] < 0.035
    assert drawn["below 0.05"] == pytest.approx(0.05, abs=0.015) and drawn["off"] < 0.07
    assert min(mu["off"], mahalanobis["off"]) > 0.2
    # why: where a dimension is not in use, the mean hardly varies, and z does
    of_mu, of_z = found["variances"]["mu"], found["variances"]["z drawn"]
    assert of_mu[0] > 0.8 and of_mu[-2:].max() < 0.1
    assert 0.85 < of_z.min() and of_z.max() < 1.15


def test_distance_of_codes(tmp_path):
    distances_of_codes(run("distance_of_codes", tmp_path))
    assert figures(tmp_path) == {"distance_of_codes.png"}


@pytest.mark.slow
def test_distance_of_codes_in_full(tmp_path):
    found = load("examples/distance_of_codes.py").main(["--out", str(tmp_path)])
    distances_of_codes(found)
    # and where one looks, at 0.05, the Mahalanobis distance is right by chance
    assert found["Mahalanobis, of mu"]["below 0.05"] == pytest.approx(0.05, abs=0.015)
