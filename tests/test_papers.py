"""The papers' scripts, on a few images: what they compute, where they go on, what they write."""

import functools
import json
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.special import logsumexp

import npvae
from quick_runs import load


@pytest.fixture(scope="module")
def small():
    data = npvae.datasets.mnist()
    return data._replace(train_images=data.train_images[:300], test_images=data.test_images[:60])


@pytest.fixture
def few(small, tmp_path, monkeypatch):
    """load(script), whose MNIST has 300 + 60 images, and whose results go to tmp_path."""
    def loaded(name):
        script = load(f"benchmarks/papers/{name}.py")
        monkeypatch.setattr(script.npvae.datasets, "mnist", lambda: small)
        monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
        return script
    return loaded


def ends(folder, name):
    """The parameters, and the result without its times."""
    with np.load(folder / "out" / name / "checkpoint.npz") as saved:
        theta = saved["theta"]
    result = json.loads((folder / "results" / f"{name}.json").read_text())
    assert result.pop("ms_a_step") > 0 and result.pop("hours") >= 0 and "numpy" in result["machine"]
    return theta, result


def undrawn(script, monkeypatch):
    """The results that a script would draw, call by call, in place of figures."""
    results = []
    monkeypatch.setattr(script, "draw", lambda found: (results.append(found), Figure())[1])
    return results


# ---- wake-sleep ----------------------------------------------------------------------------------

@pytest.fixture
def sleeper(rng):
    wake_sleep = load("benchmarks/papers/wake_sleep.py")
    vae = npvae.vae(12, (7,), 3, activation="tanh")
    parts = vae.encoder, vae.posterior, vae.prior, vae.decoder, vae.likelihood
    model = wake_sleep.WakeSleep(*(part.copy() for part in parts), n_data=12).astype(np.float64)
    model.parameters.theta[...] = rng.normal(0, 0.4, model.parameters.theta.shape)
    return model, rng.random((5, 12))


def test_each_network_has_the_gradient_of_its_own_loss(sleeper, rng):
    """The decoder's is that of -log p(x|z) with the z that were drawn, the encoder's that of -log q(z|x)
    of the dreams, which stay as they are."""
    model, x = sleeper
    night = model.draw_noise(rng, len(x), 2)
    loss, cache = model.forward(x, night)
    model.parameters.zero_grad()
    model.backward(cache)

    def awake(m):
        y = m.decoder.forward(cache.z)[0]
        return -m.likelihood.log_prob(x, y)[0].mean()

    def asleep(m):
        q = m.posterior.given(m.encoder.forward(night.x)[0])
        return -m.posterior.log_prob(m.posterior.at(q, night.z)).mean()

    assert loss.reconstruction == pytest.approx(awake(model), rel=1e-12)
    other = model.astype(np.complex128)
    for i in range(len(model.parameters.theta)):
        other.parameters.theta[i] += 1e-20j
        expected = (awake(other) + asleep(other)).imag / 1e-20
        other.parameters.theta[i] -= 1e-20j
        assert model.parameters.grad[i] == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_dreams_are_of_the_model(sleeper, rng):
    """z is the prior's, and x the decoder's for that very z: regressed on its mean, the slope is 1."""
    model, x = sleeper
    night = model.draw_noise(rng, 40_000)
    assert night.z.mean(axis=0) == pytest.approx(0, abs=0.03)
    assert night.z.var(axis=0) == pytest.approx(1, abs=0.04)
    assert set(np.unique(night.x)) == {0.0, 1.0}
    mean = model.decode(night.z)
    spread = mean - mean.mean(axis=0)
    slope = (spread * night.x).sum() / (spread * spread).sum()
    error = np.sqrt((spread**2 * mean * (1 - mean)).sum()) / (spread * spread).sum()
    assert abs(slope - 1) < 4 * error < 0.1


def test_wake_sleep_raises_the_bound_and_is_judged_as_a_vae(few):
    """Its ELBO and its log p(x) are those of a VAE with the same parameters."""
    script = few("auto_encoding")
    x = npvae.datasets.mnist().train_images
    model, plain = script.build("wake-sleep", 50, 3), script.build("AEVB", 50, 3)
    np.testing.assert_array_equal(model.parameters.theta, plain.parameters.theta)
    before = npvae.evaluate(model, x).elbo
    npvae.fit(model, x, epochs=4, batch_size=20, learning_rate=0.02, optimizer=script.MAP(300),
              progress=False)
    plain.parameters.theta = model.parameters.theta
    assert npvae.evaluate(model, x).elbo > before + 200
    q = plain.encode(x[:50])
    assert q.mu.std(axis=0).max() > 0.05                       # the encoder has learned, too
    found = [npvae.evaluation.log_evidence(m, x[:50], np.random.default_rng(1), 200)
             for m in (model, plain)]
    error = np.hypot(found[0].standard_error, found[1].standard_error)
    z = (found[0].log_px - found[1].log_px) / error
    assert abs(z.mean()) < 4 / np.sqrt(50) * z.std()


# ---- Kingma and Welling --------------------------------------------------------------------------

def test_the_prior_of_the_parameters_is_in_the_gradient(few, rng):
    """A step of MAP is Adagrad's with the gradient of -log N(theta; 0, I) / n, by differences."""
    script = few("auto_encoding")
    theta, grad = rng.standard_normal((2, 40))
    h = 1e-6
    prior = [(np.sum((theta + h * e)**2) - np.sum((theta - h * e)**2)) / (4 * h) for e in np.eye(40)]
    expected, found = theta.copy(), theta.copy()
    npvae.Adagrad().step(expected, grad + np.array(prior) / 7, 0.02)
    script.MAP(7).step(found, grad.copy(), 0.02)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert repr(script.MAP(7)) == "MAP(n=7)"


@pytest.mark.parametrize("method", ["AEVB", "wake-sleep"])
def test_the_bounds_go_on_to_the_same_bits(few, tmp_path, monkeypatch, method):
    """Two epochs at once, and one, then one more: the same parameters and the same curve."""
    script, name = few("auto_encoding"), f"auto_encoding_{method.lower().replace('-', '_')}_3"
    drawn = undrawn(script, monkeypatch)
    at_once, in_parts = tmp_path / "at_once", tmp_path / "in_parts"
    for folder, numbers in ((at_once, ["600"]), (in_parts, ["300", "600"])):
        script.RESULTS = folder / "results"
        for n in numbers:
            script.main(["--images", n, "--sizes", "3", "--method", method,
                         "--out", str(folder / "out")])
    theta, result = ends(at_once, name)
    other, other_result = ends(in_parts, name)
    np.testing.assert_array_equal(theta, other)
    assert result == other_result and (result["size"], result["method"]) == (3, method)
    assert result["stepsize"] == {"AEVB": 0.02, "wake-sleep": 0.01}[method]
    assert [row["images"] for row in result["curve"]] == [300, 600]
    model = script.build(method, 500, 3)
    model.parameters.theta = theta
    data = npvae.datasets.mnist()
    bound = npvae.evaluate(model, data.test_images).elbo
    assert result["curve"][-1]["test"] == pytest.approx(bound, abs=0.01)
    (curve,) = drawn[-1]
    assert curve == result | {key: curve[key] for key in ("hours", "ms_a_step")}


@pytest.mark.parametrize("method", ["AEVB", "wake-sleep"])
def test_the_marginal_likelihood_goes_on_to_the_same_bits(few, tmp_path, monkeypatch, method):
    """Few images are presented as often as many; log p(x) is that of 300 + 60 of them."""
    script = few("marginal_likelihood")
    name = f"marginal_likelihood_{method.lower().replace('-', '_')}_100"
    monkeypatch.setattr(script, "AXES", {100: (-600, -100), 200: (-600, -100)})
    small = functools.partial(script.measure, n_samples=20, n_prior=500)
    monkeypatch.setattr(script, "measure", small)
    undrawn(script, monkeypatch)
    at_once, in_parts = tmp_path / "at_once", tmp_path / "in_parts"
    for folder, numbers in ((at_once, ["400"]), (in_parts, ["200", "400"])):
        monkeypatch.setattr(script, "RESULTS", folder / "results")
        monkeypatch.setattr(sys.modules["auto_encoding"], "RESULTS", folder / "results")
        for n in numbers:
            script.main(["--n-train", "100", "--images", n, "--method", method,
                         "--out", str(folder / "out")])
    theta, result = ends(at_once, name)
    other, other_result = ends(in_parts, name)
    np.testing.assert_array_equal(theta, other)
    assert result == other_result
    assert [row["images"] for row in result["curve"]] == [200, 400]
    assert result["curve"][1]["train"] > result["curve"][0]["train"]
    end, test = result["curve"][-1], npvae.datasets.mnist().test_images
    model = script.build(method, 100, 3)
    model.parameters.theta = theta
    assert small(model, {"test": test}) == {key: end[key] for key in ("test", "test_by_q")}
    of_q, of_prior = small(model, {"test": test}, n_samples=5), small(model, {"test": test}, n_prior=5)
    assert of_q["test_by_q"] != end["test_by_q"] == of_prior["test_by_q"]
    assert of_prior["test"] != end["test"]
    plain = npvae.evaluation.log_evidence(model, test, np.random.default_rng(2), 20).log_px.mean()
    assert end["test_by_q"] == pytest.approx(plain, abs=1)
    assert end["test"] > end["test_by_q"] - 0.5              # more where q misses, as wake-sleep's does


def test_draws_of_the_prior_find_what_q_misses(few, rng):
    """log p(x) in three dimensions against quadrature: where q is good, and where it is far off."""
    script = few("marginal_likelihood")
    model = script.build("AEVB", 7, 3).astype(np.float64)
    model.parameters.theta[...] = 0.05 * rng.standard_normal(len(model.parameters.theta))
    x = npvae.datasets.mnist().test_images[:4].astype(np.float64)
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    z = np.stack(np.meshgrid(nodes, nodes, nodes), axis=-1).reshape(-1, 1, 3)
    log_w = np.log(np.einsum("i,j,k->jik", *3 * [weights / weights.sum()])).reshape(-1, 1)
    log_px = model.likelihood.log_prob(x, model.decoder.forward(z)[0])[0]
    expected = logsumexp(log_w + log_px, axis=0)
    for shift, n_samples in ((0.0, 4000), (4.0, 500)):
        model.encoder.layers[-1].b[:3] = shift                   # mu
        model.encoder.layers[-1].b[3:] = -shift                  # log variance
        found = script.log_evidence(model, x, rng, n_samples, 20_000)
        np.testing.assert_allclose(found.by_both, expected, atol=0.05)
        assert (np.abs(found.by_q - expected) < 0.05).all() == (shift == 0)
    for n_samples, n_prior in ((1, 20_000), (4000, 1)):         # one kind of draws is enough
        model.encoder.layers[-1].b[...] = 0.0
        found = script.log_evidence(model, x, rng, n_samples, n_prior)
        np.testing.assert_allclose(found.by_both, expected, atol=0.05)


def test_q_alone_misses_new_images_after_few():
    """The figure's lesson: far off on new images after 1,000, less after 50,000, hardly on old ones."""
    script = load("benchmarks/papers/marginal_likelihood.py")
    results = [result for result in script.kept("marginal_likelihood") if result["method"] == "AEVB"]
    results.sort(key=lambda result: result["n_train"])
    missed = []
    for axes in script.draw(results).axes:
        train, train_by_q, test, test_by_q = (line.get_ydata()[-1] for line in axes.lines)
        missed.append([train - train_by_q, test - test_by_q])
    (old_1000, new_1000), (old_50000, new_50000) = missed
    assert new_1000 > 20 > 4 > new_50000 > 2 > max(old_1000, old_50000) > 0


# ---- Burda et al. --------------------------------------------------------------------------------

def test_settings_are_chosen_without_the_test_images(few, tmp_path, monkeypatch):
    """What is trained on, and judged by, are parts of the training images; seeds are other runs."""
    script = few("importance_weighted")
    data = npvae.datasets.mnist()
    blind = data._replace(test_images=None)
    monkeypatch.setattr(script.npvae.datasets, "mnist", lambda: blind)
    monkeypatch.setattr(script, "N_HELD_OUT", 60)
    seen = []
    fit = npvae.fit
    monkeypatch.setattr(npvae, "fit", lambda model, x, **given: (
        seen.append((x, given["seed"])), fit(model, x, **given))[1])
    parts = []
    monkeypatch.setattr(script, "evidence_by_parts", lambda model, x, folder, n_samples: (
        parts.append((x, n_samples)), script_parts(model, x[:20], folder, 10))[1])
    script_parts = load("benchmarks/papers/importance_weighted.py").evidence_by_parts
    arguments = ["--choose", "--epochs", "1", "--objective", "ELBO", "--samples", "2", "--layers", "2",
                 "--out", str(tmp_path / "out")]
    script.main(arguments)
    script.main([*arguments, "--seed", "1"])
    np.testing.assert_array_equal(seen[0][0], data.train_images[:240])
    assert [seed for _, seed in seen] == [0, 1]
    np.testing.assert_array_equal(parts[0][0], data.train_images[240:])
    assert parts[0][1] == 100
    choices = tmp_path / "results" / "choices"
    found = [json.loads((choices / f"elbo_2_k2{seed}_1_100_0.001.json").read_text())
             for seed in ("", "_seed1")]
    assert [result["seed"] for result in found] == [0, 1] and found[0]["nll"] != found[1]["nll"]
    assert found[0]["judged_by"] == "the last 10,000 training images"
    assert (found[0]["published"], found[0]["reproduced"]) == (None, None)
    assert "commit" in found[0] and "numpy" in found[0]["machine"]          # None outside of git


def test_the_vae_column_is_the_sampled_bound_of_k_samples(few):
    """Its loss is the mean, over K, of what IWAE takes the log of the mean of."""
    script = few("importance_weighted")
    x = npvae.datasets.mnist().train_images[:8]
    models = {name: script.build(x, name, 1) for name in script.OBJECTIVES}
    eps = models["ELBO"].draw_noise(np.random.default_rng(0), 8, 5)
    log_w = npvae.evaluation.log_weights(models["ELBO"], x, eps)
    losses = {name: model.loss(x, eps).value for name, model in models.items()}
    assert losses["ELBO"] == pytest.approx(-log_w.mean(), rel=1e-5)
    assert losses["IWAE"] == losses["DReG"] < losses["ELBO"]
    assert script.build(x, "IWAE", 1, seed=1).encoder.layers[0].W[0, 0] != (
        models["IWAE"].encoder.layers[0].W[0, 0])
    assert script.known(script.PUBLISHED, "ELBO", 2, 50) == 84.78
    assert script.known(script.PUBLISHED, "DReG", 1, 5) is None


@pytest.mark.parametrize("name, field, values", [("auto_encoding", "size", (3, 5, 10, 20, 200)),
                                                 ("marginal_likelihood", "n_train", (1000, 50000))])
def test_each_curve_is_in_its_own_panel(name, field, values):
    """Where all of it is seen, with the images of both sets, by method and by estimate."""
    script = load(f"benchmarks/papers/{name}.py")
    results = [{field: value, "method": method, "curve": [
                    {"images": (1 + k) * 1e6, "train": start - i - j, "test": start - 5 - i - j,
                     "train_by_q": start - 1 - i - j, "test_by_q": start - 8 - i - j}
                    for k, start in enumerate((-140.0, -130.0))]}
               for i, value in enumerate(values[:2]) for j, method in enumerate(script.METHODS)]
    panels = script.draw(results).axes
    assert len(panels) == len(values)
    unit, estimates = 1, {"": "{method} ({which})"}
    if name == "marginal_likelihood":
        unit = 1e6
        estimates["_by_q"] = "the same, by draws of q alone ({which})"
    for axes, value in zip(panels, values):
        there = [result for result in results if result[field] == value]
        curves = [(line.get_label(), list(line.get_xdata()), list(line.get_ydata()))
                  for line in axes.lines]
        assert curves == [(label.format(method=result["method"], which=which),
                           [row["images"] / unit for row in result["curve"]],
                           [row[which + key] for row in result["curve"]])
                          for result in there for which in ("train", "test")
                          for key, label in estimates.items()]
        assert axes.get_ylim()[1] in (-95, -100, -125)


def test_the_tables_of_kingma_and_welling_end_where_their_curves_do():
    table = load("benchmarks/papers/table.py")
    end = {"images": 1.002e7, "train": -101.234, "test": -102.345, "train_by_q": -102.0,
           "test_by_q": -125.254}
    result = {"size": 20, "n_train": 1000, "method": "AEVB", "seed": 0, "hours": 1.5,
              "curve": [{"images": 6e4, "train": -150.0, "test": -151.0}, end]}
    assert list(table.bounds([result]))[2:] == [
        "| 20 | AEVB | 10.0 million | -101.23 | -102.34 | 1.50 |"]
    assert list(table.marginal_likelihoods([result]))[2:] == [
        "| 1,000 | AEVB | 10.0 million | -101.23 | -102.34 | -102.00, -125.25 | 1.50 |"]


# ---- Tomczak and Welling -------------------------------------------------------------------------

def test_a_learned_prior_goes_on_from_an_earlier_run(few, tmp_path, monkeypatch):
    """From its parameters, the KL in full from the first step: at a rate of nothing, they stay."""
    script, options = few("learned_priors"), ["--prior", "standard_normal", "--epochs", "1"]
    monkeypatch.setattr(script, "evidence_by_parts", functools.partial(script.evidence_by_parts,
                                                                       n_samples=3))
    asked = []
    fit = script.npvae.fit
    monkeypatch.setattr(script.npvae, "fit", lambda *arguments, **options: (
        asked.append(options["kl_schedule"]), fit(*arguments, **options))[1])
    script.main([*options, "--out", str(tmp_path)])
    script.main([*options, "--out", str(tmp_path), "--learning-rate", "1e-12",
                 "--after", str(tmp_path / "standard_normal_1")])
    found = [np.load(tmp_path / name / "checkpoint.npz")["theta"]
             for name in ("standard_normal_1", "standard_normal_after_standard_normal_1_1")]
    np.testing.assert_allclose(*found, atol=1e-7)
    assert [schedule(0) for schedule in asked] == [0.0, 1.0]
    first, then = (json.loads((tmp_path / "results" / f"{name}.json").read_text())
                   for name in ("standard_normal", "standard_normal_after_standard_normal_1"))
    assert (first["after"], then["after"]) == (None, "standard_normal_1")
    assert then["nll"] == pytest.approx(first["nll"], abs=0.01)
