"""The page that moves: its functions are npvae's, to the digits that a weight keeps, in a JavaScript
engine; and what `explorer.write` writes is one page, whole, in two languages."""

import base64
import functools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import special, stats

import npvae
from npvae import ELBO, ScoreFunction, explorer
from npvae.datasets import one_hot
from page_engine import Engine, scripts, stored
from quick_runs import ROOT, run

COMMITTED = ROOT / "examples/explorer.html"
BETAS = (0.3, 1.0, 4.0)
JS = sorted(path.name for path in explorer.FOLDER.glob("*.js"))


@functools.cache
def engine_of(html, *edits):
    pytest.importorskip("py_mini_racer", reason="no JavaScript engine: pip install -e '.[page]'")
    return Engine(html, edits)


def small_models(rng, side=5, H=7):
    """All that a page holds, with random weights of such size that each unit matters."""
    sizes = dict(n_data=side * side, n_hidden=(H,), n_latent=2)
    models = [npvae.vae(**sizes, beta=beta) for beta in BETAS]
    models += [npvae.autoencoder(**sizes), npvae.conditional_vae(n_condition=10, **sizes)]
    for model in models:
        model.parameters.theta[...] = rng.normal(0, 0.5, model.parameters.size)
    return models


def write(path, models, x, labels, **options):
    explorer.write(path, models[:3], models[3], models[4], x, labels, **options)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    rng = np.random.default_rng(5)
    models, x, labels = small_models(rng), rng.random((30, 25)), rng.integers(0, 10, 30)
    x[x < 0.4] = 0.0                                       # white paper, which the page passes over
    html = write(tmp_path_factory.mktemp("page") / "page.html", models, x, labels)
    return models, html


@pytest.fixture(scope="module")
def committed():
    return COMMITTED.read_text(encoding="utf-8")


def stored_models(html):
    """The models of a page, in npvae, from its text: by way of no function of `npvae.explorer`."""
    data = json.loads(stored(html))
    for entry in data["models"]:
        weights = np.frombuffer(base64.b64decode(entry["weights"]), "<f2").astype(np.float64)
        sizes = [size for _, size in entry["blocks"]]
        names = [name for name, _ in entry["blocks"]]
        parts = dict(zip(names, np.split(weights, np.cumsum(sizes)[:-1])))
        D, H, J = data["side"]**2, parts["b1"].size, parts["bmu"].size
        recipe = {"n_data": D, "n_hidden": (H,), "n_latent": J}
        if entry["kind"] != "autoencoder":
            recipe["beta"] = entry["beta"]
        model = getattr(npvae, entry["kind"])(**recipe).astype(np.float64)
        heads = [name for name in ("mu", "logvar") if "W" + name in parts]
        blocks = model.blocks()
        blocks["encoder.0.W"][...] = parts["W1"].reshape(-1, H)
        blocks["encoder.0.b"][...] = parts["b1"]
        blocks["encoder.2.W"][...] = np.hstack([parts["W" + head].reshape(H, J) for head in heads])
        blocks["encoder.2.b"][...] = np.hstack([parts["b" + head] for head in heads])
        blocks["decoder.0.W"][...] = parts["W2"].reshape(-1, H)
        blocks["decoder.0.b"][...] = parts["b2"]
        blocks["decoder.2.W"][...] = parts["W3"].reshape(H, D)
        blocks["decoder.2.b"][...] = parts["b3"]
        yield model


def by_npvae(model, x, label, eps):
    """What `Engine.step` computes, by npvae's own forward and backward pass, by its public door.

    Of a single x, the gradient of a bias is that of what it is added to.
    """
    c = one_hot(np.array([label]), 10) if model.n_condition else None
    point, x, eps = model.config["recipe"] == "autoencoder", x[None], eps[None, None]
    q = model.encode(x, c)
    found = {"q.mu": q.mu[0], "f.z": (q.mu + q.std * eps)[0, 0]}
    found["f.pixels"] = model.decode(found["f.z"][None], c)[0]

    def gradient(objective):
        model.loss_and_grad(x, eps, condition=c, objective=objective)
        return {name: value.copy() for name, value in model.gradients().items()}

    loss, objective = model.loss(x, eps, condition=c), model.objective
    path = gradient(objective if point else ELBO(beta=0.0))
    found |= {"f.reconstruction": loss.reconstruction, "g.dlogits": path["decoder.2.b"],
              "g.dh2": path["decoder.0.b"], "g.dz": path["encoder.2.b"][:2],
              "g.path.dmu": path["encoder.2.b"][:2]}
    if point:
        return found
    kl = gradient(objective)["encoder.2.b"] - path["encoder.2.b"]
    std = q.std[0]
    for way, dh in (("path", path["encoder.2.b"]), ("kl", kl)):
        # std = exp(logvar / 2): so d/dstd is d/dlogvar over std / 2
        found |= {f"g.{way}.dmu": dh[:2], f"g.{way}.dlogvar": dh[2:],
                  f"g.{way}.dstd": dh[2:] / (std / 2)}
    return found | {"q.logvar": q.logvar[0], "f.std": std, "f.kl": loss.kl,
                    "f.kls": npvae.kl(q, model.prior)[0][0]}


def errors(found, expected):
    """Of each quantity, the distance to npvae's, relative to its size."""
    for name, value in expected.items():
        ours = found
        for key in name.split("."):
            ours = ours[key]
        yield name, np.linalg.norm(np.subtract(ours, value)) / np.linalg.norm(value)


def check_steps(engine, models, x, labels, rng, rtol=1e-10):
    for i, model in enumerate(models):
        for image, label in zip(x, labels):
            eps = rng.standard_normal(2)
            found = engine.step(i, image, label, eps)
            for name, error in errors(found, by_npvae(model, image, label, eps)):
                assert error <= rtol, (i, name, error)


# ---- the numbers --------------------------------------------------------------------------------

def test_every_number_and_gradient_is_npvaes(small, rng):
    models, html = small
    models = [explorer.in_half_precision(model).astype(np.float64) for model in models]
    x = rng.random((6, 25)) * (rng.random((6, 25)) < 0.7)
    check_steps(engine_of(html), models, x, rng.integers(0, 10, 6), rng)


def test_the_committed_pages_numbers_are_npvaes_with_its_weights(committed, rng):
    x = npvae.datasets.mnist().test_images[rng.integers(0, 10000, 2)].astype(np.float64)
    x = np.concatenate([x, rng.random((1, 784))])
    models = list(stored_models(committed))
    kinds = ["vae"] * 5 + ["autoencoder", "conditional_vae"]
    assert [model.config["recipe"] for model in models] == kinds
    check_steps(engine_of(committed), models, x, rng.integers(0, 10, 3), rng, rtol=1e-8)


def test_a_q_moved_by_hand_and_a_z_anywhere(small, rng):
    """What the encoder would not say: the decoder, the terms and the gradients hold there, too."""
    models, html = small
    engine = engine_of(html)
    for i in (0, 1, 2):
        model = explorer.in_half_precision(models[i]).astype(np.float64)
        x, eps = rng.random(25), rng.standard_normal(2)
        mu, logvar = rng.normal(0, 2, 2), rng.normal(0, 1, 2)
        found = engine.step(i, x, 0, eps, q={"mu": mu.tolist(), "logvar": logvar.tolist()})
        # a model whose encoder says that of every x
        model.blocks()["encoder.2.W"][...] = 0
        model.blocks()["encoder.2.b"][...] = [*mu, *logvar]
        assert max(error for _, error in errors(found, by_npvae(model, x, 0, eps))) < 1e-10


@pytest.mark.parametrize("n_samples", [2, 5])
def test_the_score_with_a_baseline_is_the_score_functions(small, rng, n_samples):
    """Averaged over the draws, each less the mean of the others: `ScoreFunction` of K samples."""
    models, html = small
    engine, x, eps = engine_of(html), rng.random(25), rng.standard_normal((n_samples, 2))
    for i in (0, 2):
        model = explorer.in_half_precision(models[i]).astype(np.float64)
        costs = [engine.step(i, x, 0, e)["f"]["reconstruction"] for e in eps]
        others = engine("baselines(costs)", costs=costs)
        draws = [engine.step(i, x, 0, e, baseline=b)["score"] for e, b in zip(eps, others)]
        found = np.mean([[*d["dmu"], *d["dlogvar"]] for d in draws], axis=0)
        model.loss_and_grad(x[None], eps[:, None], objective=ScoreFunction(beta=0.0))
        np.testing.assert_allclose(found, model.gradients()["encoder.2.b"], rtol=1e-9)
        std = np.array(engine.step(i, x, 0, eps[0])["f"]["std"])
        for d in draws:
            np.testing.assert_allclose(d["dlogvar"], np.array(d["dstd"]) * std / 2, rtol=1e-12)


def test_the_mean_of_the_score_is_that_of_the_path(small, rng):
    """Two ways to one gradient: over many draws their means agree, within their standard errors."""
    _, html = small
    engine, x = engine_of(html), rng.random(25)
    code = """(() => {
        const m = unpacked[1], random = generator(3), q = encode(m, x, []), out = [];
        const f0 = forward(m, x, [], q, [0, 0]).reconstruction;
        for (let i = 0; i < n; i++) {
            const eps = drawNoise(random, 2), f = forward(m, x, [], q, eps);
            const p = backward(m, x, q, eps, f, 1).path, s = score(eps, f, f0);
            out.push([0, 1].flatMap(j => [p.dmu[j] - s.dmu[j], p.dstd[j] - s.dstd[j]]));
        }
        return out;
    })()"""
    differences = np.array(engine(code, x=x, n=4000))
    error = differences.std(axis=0) / np.sqrt(len(differences))
    assert (np.abs(differences.mean(axis=0)) < 4.5 * error).all()


WRONG = {
    "the likelihood": ("p - x[i])", "x[i] - p)"),
    "the hidden layer's derivative": ("f.h2[k] > 0 ? d : 0", "f.h2[k] > 0 ? -d : 0"),
    "no derivative of the hidden layer": ("f.h2[k] > 0 ? d : 0", "d"),
    "the product": ("dx[i] += dy[j] * W[k]", "dx[i] -= dy[j] * W[k]"),
    "the path to mu": ("{dmu: dz, ", "{dmu: dz.map(d => -d), "),
    "the path to std": ("dz.map((d, j) => d * eps[j])", "dz.map((d, j) => -d * eps[j])"),
    "the KL in mu": ("beta * mu)", "-beta * mu)"),
    "the KL in std": ("beta * (s - 1 / s)", "beta * (s + 1 / s)"),
    "beta left out": ("beta * (s - 1 / s)", "(s - 1 / s)"),
    "std of logvar": ("d * 0.5 * std[j]", "-d * 0.5 * std[j]"),
}


@pytest.mark.parametrize("edit", WRONG.values(), ids=WRONG)
def test_a_wrong_sign_in_the_pages_backward_pass_is_seen(small, edit):
    models, html = small
    models = [explorer.in_half_precision(model).astype(np.float64) for model in models]
    rng = np.random.default_rng(1)
    x = rng.random((2, 25))
    check_steps(engine_of(html), models, x, [3, 4], rng)
    with pytest.raises(AssertionError):
        check_steps(engine_of(html, edit), models, x, [3, 4], rng, rtol=1e-5)


@pytest.mark.parametrize("edit", [("advantage * eps[j] / s", "-advantage * eps[j] / s"),
                                  ("eps[j] ** 2 - 1) / s", "eps[j] ** 2 + 1) / s"),
                                  ("f.reconstruction - baseline", "f.reconstruction + baseline")])
def test_a_wrong_sign_in_the_score_is_seen(small, rng, edit):
    _, html = small
    x, eps = rng.random(25), rng.standard_normal(2)
    right, wrong = (engine_of(html, *edits).step(1, x, 0, eps, baseline=3.0)["score"]
                    for edits in ((), (edit,)))
    assert right != wrong


# ---- noise, means, the density ------------------------------------------------------------------

def test_half_precision_is_read_as_it_was_written(small):
    """All 63,488 finite numbers of 16 bits."""
    bits = np.arange(2**16, dtype=np.uint16)
    values = bits.view(np.float16).astype(np.float64)
    bits, values = bits[np.isfinite(values)], values[np.isfinite(values)]
    np.testing.assert_array_equal(engine_of(small[1])("bits.map(half)", bits=bits), values)


def test_the_noise_is_normal(small):
    engine = engine_of(small[1])
    code = """(() => {
        const random = generator(seed);
        return Array.from({length: 2000}, () => drawNoise(random, 2));
    })()"""
    eps = np.array(engine(code, seed=1))
    assert stats.kstest(eps.ravel(), "norm").pvalue > 0.01
    assert stats.kstest((eps**2).sum(axis=1), "chi2", (2,)).pvalue > 0.01      # and independent
    assert abs(np.corrcoef(eps.T)[0, 1]) < 4 / np.sqrt(2000)
    np.testing.assert_array_equal(engine(code, seed=1), eps)
    assert not np.array_equal(engine(code, seed=2), eps)


def test_means_spreads_and_the_normal_distribution(small, rng):
    engine, values = engine_of(small[1]), rng.standard_normal(50)
    assert engine("mean(v)", v=values) == pytest.approx(values.mean())
    assert engine("spread(v)", v=values) == pytest.approx(values.std(ddof=1))
    u = np.linspace(-7, 7, 201)
    np.testing.assert_allclose(engine("u.map(normalCdf)", u=u), special.ndtr(u), atol=8e-8)


def test_the_density_is_the_mean_of_all_q(small, rng):
    """Cell by cell, against scipy; and a single q that is N(0, I) is nowhere else."""
    engine, n, window = engine_of(small[1]), 12, {"x": -3.0, "y": -2.0, "size": 6.0}
    mu, std = rng.normal(0, 1, (9, 2)), np.exp(rng.normal(-1, 1, (9, 2)))
    std[0] = 0.0                                                    # an autoencoder's point
    found = engine("aggregate(mu, std, w, n)", mu=mu.ravel(), std=std.ravel(), w=window, n=n)
    found = np.reshape(found, (n, n))
    shares = []
    for axis, low in enumerate((-3.0, -2.0)):
        edges = low + np.linspace(0, 6, n + 1)
        with np.errstate(divide="ignore"):
            shares.append(np.diff(special.ndtr((edges - mu[:, axis, None]) / std[:, axis, None])))
    np.testing.assert_allclose(found, np.einsum("ik,ir->rk", *shares) / 9, atol=1e-6)


@pytest.mark.parametrize("mu, std, elsewhere", [
    (0.0, 1.0, 0.0),                                          # the aggregate posterior is the prior
    (3.0, 1.0, 2 * stats.norm.cdf(1.5) - 1),                  # two normals, 3 apart
    (40.0, 0.1, 1.0)])                                        # and far apart
def test_how_much_of_the_probability_is_elsewhere(small, mu, std, elsewhere):
    """Half the integral of the absolute difference of the two densities."""
    engine = engine_of(small[1])
    code = """(() => {
        const model = {means: new Float64Array(80), deviations: new Float64Array(80).fill(std)};
        model.means.forEach((_, i) => { model.means[i] = i % 2 ? 0 : mu; });
        return lessNormal(model, windowOf(model)).share;
    })()"""
    assert engine(code, mu=mu, std=std) == pytest.approx(elsewhere, abs=2e-3)


def test_the_density_is_drawn_where_it_is(small):
    """Cell by cell over the window, from above: orange where codes are, blue where N(0, I) alone is."""
    engine, window = engine_of(small[1]), {"x": -4.0, "y": -3.0, "size": 10.0}
    code = "lessNormal({means: [4, -2], deviations: [0.3, 0.3]}, w).shown"
    shown = np.reshape(engine(code, w=window), (84, 84))
    centres = 10 * (np.arange(84) + 0.5) / 84
    x, y = np.meshgrid(centres - 4.0, (centres - 3.0)[::-1])
    density = stats.norm.pdf(x, 4, 0.3) * stats.norm.pdf(y, -2, 0.3)
    expected = 0.5 + 0.5 * 2 * np.pi * (density - stats.norm.pdf(x) * stats.norm.pdf(y))
    np.testing.assert_allclose(shown, expected, atol=0.02 * expected.max())


# ---- the pen ------------------------------------------------------------------------------------

SEVEN = np.array([[6.0, 6.0], [16.0, 6.5], [10.0, 20.0]])


def drawn(engine, points, side=28):
    strokes = [[{"x": x, "y": y} for x, y in stroke] for stroke in points]
    return np.reshape(engine("ink(centred(s, side), side)", s=strokes, side=side), (side, side))


def test_what_is_drawn_is_centred_and_as_large_as_mnists_digits(small):
    engine = engine_of(small[1])
    x = drawn(engine, [SEVEN])
    assert x.min() == 0.0 and x.max() == 1.0
    rows, columns = np.nonzero(x > 0.5)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(20, abs=1)
    i = np.arange(28) + 0.5
    assert (x.sum(axis=1) @ i / x.sum(), x.sum(axis=0) @ i / x.sum()) == pytest.approx((14, 14), abs=0.5)
    # elsewhere and of another size, it is the same digit
    np.testing.assert_allclose(drawn(engine, [0.9 * SEVEN + 5]), x, atol=1e-9)
    # the strokes' thickness is about that of the test images
    images = npvae.datasets.mnist().test_images[:200].reshape(-1, 28, 28)
    assert 0.5 * images.sum(axis=(1, 2)).mean() < x.sum() < 1.5 * images.sum(axis=(1, 2)).mean()


def test_a_dot_stays_a_dot(small):
    x = drawn(engine_of(small[1]), [[(3.0, 9.0)]])
    assert 1 < x.sum() < 12 and x[14, 14] == 1.0


# ---- the words ----------------------------------------------------------------------------------

def test_all_is_said_in_both_languages(small):
    words = engine_of(small[1])("WORDS")
    english, korean = words["en"], words["ko"]
    assert english.keys() == korean.keys()
    for name, text in english.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", korean[name])), name
    same = {name for name in english if english[name] == korean[name]}
    assert same == {"vae", "x", "moveZ", "kl", "klWay", "ofMu", "ofSigma"}
    assert all(re.search("[가-힣]", korean[name]) for name in english.keys() - same)
    assert not any(other in " ".join(korean.values()) for other in (
        "복원", "담금질", "표본 추출", "파라미터", "재파라미터화", "인공신경망", "그래디언트", "가능도"))


def test_every_word_is_said_and_every_name_is_known(small):
    """What the page and its scripts ask for is there; nothing is there that nobody asks for."""
    words = engine_of(small[1])("Object.keys(WORDS.en)")
    asked = set(re.findall(r'data-(?:text|label)="(\w+)"', small[1]))
    asked |= set(re.findall(r'say\("(\w+)"', small[1])) | {"path", "score", "klWay"}
    asked |= {"aboutAutoencoder", "aboutVae", "aboutConditional", "mapKey", "codesKey", "densityKey"}
    asked |= {"encoders", "byHand", "pointKey", "ellipseKey", "pointNote", "noiseNote", "stop", "rain"}
    asked |= {f"try{i}" for i in range(1, 8)} | {"tryIt"}
    assert asked == set(words)


# ---- the page -----------------------------------------------------------------------------------

def test_the_page_is_whole_and_alone(small):
    """No address, no other file; the forward and the backward pass are in it as they are here."""
    html = small[1]
    code, data = scripts(html)
    rest = html.replace(data, "")
    assert "{{" not in rest
    assert not re.search(r"https?://|\bsrc=|\bhref=|url\(|import |fetch|XMLHttp|localStorage", rest)
    assert "default-src 'none'" in rest
    assert [part + "\n" for part in code] == [
        (explorer.FOLDER / name).read_text(encoding="utf-8") for name in re.findall(
            r"\{\{(\w+\.js)\}\}", (explorer.FOLDER / "page.html").read_text(encoding="utf-8"))]
    assert len(code) == len(JS)
    assert rest.index("function forward") < rest.index("function backward") < rest.index('id="stored"')
    for colour in (npvae.plots.BLUE, npvae.plots.ORANGE, npvae.plots.GREEN):
        assert colour in rest
    assert json.loads(data)["classes"] == list(npvae.plots.CLASSES)


@pytest.mark.parametrize("path", sorted(explorer.FOLDER.iterdir()), ids=lambda path: path.name)
def test_its_source_is_chapters(path):
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) < 300 and max(map(len, lines)) <= 105


def test_the_committed_page_is_of_this_source(committed):
    assert explorer.page(stored(committed)) == committed
    assert COMMITTED.stat().st_size < 5e6
    data = json.loads(stored(committed))
    assert [m["beta"] for m in data["models"] if m["kind"] == "vae"] == [0.02, 0.2, 1.0, 5.0, 40.0]


def test_the_pages_images_and_codes_are_the_models(small):
    models, html = small
    engine = engine_of(html)
    rng = np.random.default_rng(5)
    small_models(rng)
    x, labels = rng.random((30, 25)), rng.integers(0, 10, 30)
    x[x < 0.4] = 0.0
    for i in (0, 29):
        found = engine("image({...stored, pixels: bytes(stored.pixels)}, i)", i=i)
        np.testing.assert_array_equal(found, np.round(255 * x[i]) / 255)
    for i, model in enumerate(models):
        model = explorer.in_half_precision(model)
        q = model.encode(x, one_hot(labels, 10) if model.n_condition else None)
        np.testing.assert_allclose(engine(f"unpacked[{i}].means"), q.mu.ravel(), rtol=6e-4, atol=1e-6)
        np.testing.assert_allclose(engine(f"unpacked[{i}].deviations"), q.std.ravel(), rtol=3e-3)


def test_the_numbers_of_images_and_of_codes(tmp_path, rng):
    models, x, labels = small_models(rng), rng.random((30, 25)), rng.integers(0, 10, 30)

    def sizes(**options):
        data = json.loads(stored(write(tmp_path / "page.html", models, x, labels, **options)))
        return [len(data[name]) * 3 // 4 for name in ("pixels", "labels")], len(data["models"][0]["mu"])

    assert sizes() == ([750, 30], 160)
    assert sizes(n_images=3) == ([75, 30], 160)
    assert sizes(n_codes=12) == ([300, 12], 64)


def test_the_core_does_not_import_it():
    code = "import sys, npvae; assert 'npvae.explorer' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


BAD = {
    "a model of another recipe": (dict(autoencoder="vae"), ValueError, "autoencoder has recipe='vae': "
                                  "'autoencoder' was expected"),
    "no model": (dict(autoencoder=None), TypeError, "autoencoder is NoneType: a VAE was expected"),
    "three latent dimensions": (dict(vaes=dict(n_latent=3)), ValueError, "vaes[0] has n_latent=3: 2"),
    "two hidden layers": (dict(vaes=dict(n_hidden=(5, 4))), ValueError, "one hidden layer was expected"),
    "another activation": (dict(vaes=dict(activation="tanh")), ValueError, "activation='tanh': 'relu'"),
    "another likelihood": (dict(vaes=dict(likelihood="gaussian")), ValueError, "likelihood='gaussian'"),
    "a model that is shown a mask": (dict(vaes=dict(shows_mask=True)), ValueError,
                                     "vaes[0] has shows_mask=True: False was expected"),
    "no beta of 1": (dict(vaes=dict(beta=2.0)), ValueError, "vaes have beta [2.0]: rising ones"),
    "importance weights": (dict(objectives=dict(vaes=npvae.IWAE())), ValueError,
                           "vaes[0] has the objective IWAE(): ELBO(beta=..., cost=KL()) was expected"),
    "free bits": (dict(objectives=dict(vaes=npvae.FreeBits(free=0.3))), ValueError,
                  "vaes[0] has the objective FreeBits("),
    "a KL in three parts": (dict(objectives=dict(conditional_vae=npvae.ELBO(
        cost=npvae.DecomposedKL(10)))), ValueError, "conditional_vae has the objective ELBO("),
    "a sampled KL": (dict(objectives=dict(vaes=npvae.ELBO(cost=npvae.SampledKL()))), ValueError,
                     "vaes[0] has the objective ELBO("),
    "an autoencoder that pays": (dict(objectives=dict(autoencoder=npvae.ELBO(cost=npvae.MMD()))),
                                 ValueError, "ELBO(beta=..., cost=Free()) was expected"),
    "vaes alone": (dict(vaes=None), TypeError, "vaes"),
    "images of other sizes": (dict(images=np.zeros((4, 24))), ValueError, "images has shape (4, 24)"),
    "images of integers": (dict(images=np.full((4, 25), 255)), ValueError, "pixels in [0, 1] were"),
    "images of other models": (dict(images=np.zeros((4, 16))), ValueError, "has n_data=25: 16 was"),
    "too few labels": (dict(labels=np.zeros(3, int)), ValueError, "labels has shape (3,)"),
    "labels of 10": (dict(labels=np.full(4, 10)), ValueError, "labels from 0 to 9 were expected"),
    "no images": (dict(n_images=0), ValueError, "n_images is 0: an integer of at least 1 was expected"),
    "half a code": (dict(n_codes=2.5), ValueError, "n_codes is 2.5"),
    "a weight too large": (dict(weight=1e5), ValueError, "conditional_vae has a weight of size 100000"),
    "no path": (dict(path=3), TypeError, "path is"),
}


@pytest.mark.parametrize("changes, error, phrase", BAD.values(), ids=BAD)
def test_what_the_page_cannot_hold_is_refused(tmp_path, changes, error, phrase):
    sizes = dict(n_data=25, n_hidden=(5,), n_latent=2)
    vaes = changes.get("vaes", {})
    vaes = [npvae.vae(**{**sizes, **vaes})] if vaes is not None else None
    good = dict(path=tmp_path / "page.html", vaes=vaes, autoencoder=npvae.autoencoder(**sizes),
                conditional_vae=npvae.conditional_vae(n_condition=10, **sizes),
                images=np.zeros((4, 25)), labels=np.arange(4), n_images=4, n_codes=4)
    if changes.get("autoencoder") == "vae":
        changes = {"autoencoder": npvae.vae(**sizes)}
    for name, objective in changes.get("objectives", {}).items():
        model = vaes[0] if name == "vaes" else good[name]
        model.objective, changes = objective, {}
    if "weight" in changes:
        good["conditional_vae"].parameters.theta[0] = changes["weight"]
        changes = {}
    arguments = {**good, **changes, **({"vaes": good["vaes"]} if "vaes" in changes else {})}
    with pytest.raises(error) as caught:
        explorer.write(**arguments)
    assert phrase in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# ---- the example --------------------------------------------------------------------------------

def test_what_the_slider_shows_and_what_rounding_costs(tmp_path):
    found = run("explorer", tmp_path)
    vaes = [found[name] for name in found if name.startswith("beta = ")]
    kl, std = ([terms[name] for terms in vaes] for name in ("kl", "std"))
    assert len(vaes) == 5 and kl == sorted(kl, reverse=True) and std == sorted(std)
    assert kl[0] > 15 and kl[-1] < 0.5 and std[0] < 0.2 and std[-1] == pytest.approx(1, abs=0.3)
    assert found["autoencoder"]["std"] == 0.0
    for name, terms in found.items():
        if name not in ("autoencoder", "megabytes"):
            assert abs(terms["rounding"]) < 0.01 * terms["another draw"], name
    assert {path.name for path in tmp_path.iterdir()} == {"explorer.html", "explorer_models.png"}
    assert found["megabytes"] == (tmp_path / "explorer.html").stat().st_size / 1e6
