"""The page in a real browser with no network: by mouse, by finger, by keyboard, in two languages."""

import json

import numpy as np
import pytest

import npvae
from browser import CHROMIUM, Browser
from npvae import ELBO
from quick_runs import ROOT
from test_explorer import stored_models

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")

PAGE = ROOT / "examples/explorer.html"
NUMBERS = """(() => {
    const f = compute().f, {q, eps, encoded, x, label} = state;
    return plain({q, eps, encoded, x, label, z: f.z, pixels: f.pixels, kl: f.kl,
                  reconstruction: f.reconstruction});
})()"""
PLAIN = "window.plain = value => JSON.stringify(value, (_, v) => ArrayBuffer.isView(v) ? [...v] : v); 1"


@pytest.fixture(scope="module")
def browser():
    with Browser() as page:
        yield page


@pytest.fixture
def page(browser):
    """The page as it opens; its console has nothing to say until the end."""
    browser.said.clear()
    browser.open(PAGE)
    browser.run(PLAIN)
    browser.settle()
    yield browser
    assert browser.said == []


def numbers(page):
    return json.loads(page.run(NUMBERS))


def seen(page, selector):
    """The pixels of a canvas, as a text."""
    return page.run(f"document.querySelector({selector!r}).toDataURL()")


def test_it_opens_in_the_browsers_language_and_draws_at_once(page):
    assert page.run("document.documentElement.lang") == "en"
    assert page.run("document.querySelector('h1').textContent") == "Draw, drag, watch"
    for canvas in ("#plane", "#x", "#decoded", "#cost", "#noise", "#gradient"):
        colours = page.run(f"""(() => {{
            const c = document.querySelector({canvas!r});
            return new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height)
                                           .data.buffer)).size;
        }})()""")
        assert colours > 8, canvas
    assert page.run("state.label") == npvae.datasets.mnist().test_labels[0]


def test_nothing_moves_unless_asked(page):
    drawn = page.run("timing.count")
    page.run("new Promise(done => setTimeout(done, 400))")
    assert page.run("timing.count") == drawn
    page.drag("#plane", (0.4, 0.4), (0.5, 0.6))
    assert page.run("timing.count") > drawn


def test_z_goes_where_it_is_dragged_and_the_digit_follows(page):
    before, picture = numbers(page), seen(page, "#decoded")
    page.drag("#plane", (0.5, 0.5), (0.3, 0.4), (0.25, 0.75))
    window, after = page.run("state.model.window"), numbers(page)
    expected = [window["x"] + 0.25 * window["size"], window["y"] + 0.25 * window["size"]]
    np.testing.assert_allclose(after["z"], expected, atol=0.01 * window["size"])
    assert seen(page, "#decoded") != picture
    assert after["q"] == before["q"] and after["eps"] != before["eps"]
    model = list(stored_models(PAGE.read_text(encoding="utf-8")))[2]
    np.testing.assert_allclose(model.decode([after["z"]])[0], after["pixels"], rtol=1e-9)
    assert f"Reconstruction {after['reconstruction']:.1f}" in page.run("byId('status').textContent")


def test_a_digit_is_encoded_as_it_is_drawn(page):
    before = numbers(page)
    t = np.linspace(0, 1, 12)
    page.drag("#pad", *zip(0.3 + 0.4 * t, 0.25 + 0 * t), *zip(0.7 - 0.3 * t, 0.25 + 0.55 * t))
    after = numbers(page)
    x = np.array(after["x"])
    assert 40 < x.sum() < 200 and x.max() == 1.0 and after["q"] != before["q"]
    model = list(stored_models(PAGE.read_text(encoding="utf-8")))[2]
    q = model.encode(x[None])
    np.testing.assert_allclose(after["q"]["mu"], q.mu[0], rtol=1e-9)
    np.testing.assert_allclose(after["q"]["logvar"], q.logvar[0], rtol=1e-9)
    page.click("#clear")
    assert sum(numbers(page)["x"]) == 0
    page.click("#thumbnails button:nth-child(4)")
    assert numbers(page)["label"] == 3 and sum(numbers(page)["x"]) > 30


def test_eps_is_held_while_mu_and_sigma_move(page):
    page.click("#rain")
    page.wait("state.noise.length >= 20")
    page.click("#rain")
    noise = page.run("plain(state.noise)")
    before = numbers(page)
    page.click("input[name=move][value=mu]")
    page.drag("#plane", (0.5, 0.5), (0.6, 0.3))
    moved = numbers(page)
    page.click("input[name=move][value=sigma]")
    page.drag("#plane", (0.7, 0.2), (0.75, 0.15))
    wider = numbers(page)
    page.wait("state.draws.length === state.noise.length")
    assert page.run("plain(state.noise)") == noise
    assert before["eps"] == moved["eps"] == wider["eps"]
    assert moved["q"]["mu"] != before["q"]["mu"] and moved["q"]["logvar"] == before["q"]["logvar"]
    assert wider["q"]["mu"] == moved["q"]["mu"] and wider["q"]["logvar"] != moved["q"]["logvar"]
    eps, std = np.array(json.loads(noise)), np.exp(np.array(wider["q"]["logvar"]) / 2)
    z = json.loads(page.run("plain(state.draws.map(d => d.z))"))
    np.testing.assert_allclose(z, np.array(wider["q"]["mu"]) + std * eps, rtol=1e-12)
    page.click("#back")
    assert numbers(page)["q"] == before["q"]
    page.drag("#noise", (0.5, 0.5), (0.8, 0.2))
    assert numbers(page)["eps"] == pytest.approx([0.3 * 6.6, 0.3 * 6.6], abs=0.1)


def test_the_means_of_many_draws_are_npvaes_with_the_same_noise(page):
    page.click("#try li:nth-child(4) button")
    page.wait("state.draws.length === 200")
    found = json.loads(page.run("plain(compute().means)"))
    eps = np.array(json.loads(page.run("plain(state.noise)")))
    model = list(stored_models(PAGE.read_text(encoding="utf-8")))[2]
    x = np.array(numbers(page)["x"])[None]
    loss = model.loss_and_grad(x, eps[:, None], objective=ELBO(beta=0.0))
    dmu = model.gradients()["encoder.2.b"][:2]
    assert found["reconstruction"] == pytest.approx(loss.reconstruction, rel=1e-9)
    np.testing.assert_allclose(found["path"]["dmu"], dmu, rtol=1e-7)
    shown = page.run("document.querySelector('#numbers tbody tr').children[2].textContent")
    assert float(shown.replace("−", "-")) == pytest.approx(-dmu[0], abs=6e-4 * max(1, abs(dmu[0])))
    spreads = page.run("byId('ratio').textContent")
    page.click("#baseline")
    assert page.run("byId('ratio').textContent") != spreads


def test_the_models_are_switched(page):
    page.click("input[value=autoencoder]")
    assert page.run("state.model.kind") == "autoencoder" and numbers(page)["kl"] is None     # infinite
    assert not page.run("byId('noise').offsetParent")
    page.drag("#plane", (0.5, 0.5), (0.9, 0.9))
    after = numbers(page)
    assert after["z"] == after["q"]["mu"] != after["encoded"]["mu"]
    page.click("input[value=conditional_vae]")
    z = numbers(page)["z"]
    one = numbers(page)["pixels"]
    page.click("#label-row label:nth-of-type(1) input")
    assert numbers(page)["label"] == 0 and numbers(page)["pixels"] != one and len(z) == 2
    assert page.run("byId('labels').offsetParent !== null")
    page.click("input[value=vae]")
    rates = []
    for i in range(5):
        page.run(f"byId('beta').value = {i}; byId('beta').dispatchEvent(new Event('input')); 1")
        page.settle()
        rates.append(numbers(page)["kl"])
    assert rates == sorted(rates, reverse=True) and rates[0] > 10 and rates[-1] < 0.05


@pytest.mark.parametrize("view", ["map", "codes", "density"])
def test_the_plane_is_shown_in_three_ways(page, view):
    page.click(f"input[value={view}]")
    shown = {view: seen(page, "#plane")}
    for other in {"map", "codes", "density"} - {view}:
        page.click(f"input[value={other}]")
        shown[other] = seen(page, "#plane")
    assert len(set(shown.values())) == 3


def test_the_keyboard_does_what_the_mouse_does(page):
    page.run("byId('plane').focus()")
    z = numbers(page)["z"]
    page.press("ArrowRight")
    page.press("ArrowUp", shift=True)
    step = page.run("state.model.window.size / 120")
    np.testing.assert_allclose(np.subtract(numbers(page)["z"], z), [step, 5 * step], rtol=1e-9)
    eps = numbers(page)["eps"]
    page.run("byId('noise').focus()")
    page.press("ArrowDown")
    np.testing.assert_allclose(np.subtract(numbers(page)["eps"], eps), [0, -0.05], atol=1e-12)
    page.run("byId('x').focus()")
    page.press("ArrowLeft")
    assert "row 15, column 14" in page.run("byId('pixel').textContent")
    page.run("byId('beta').focus()")
    page.press("ArrowRight")
    assert page.run("state.model.beta") == 5
    # every control is reached by Tab, and says what it is
    page.run("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.press("Tab")
        reached.add(page.run("document.activeElement.id || document.activeElement.name"))
    assert {"en", "ko", "model", "beta", "view", "plane", "move", "x", "noise", "draw", "rain", "of",
            "baseline"} <= reached
    assert page.run("[...document.querySelectorAll('canvas[tabindex], canvas[role]')]"
                    ".every(e => e.getAttribute('aria-label').length > 8)")


def test_every_thing_to_try_is_shown(page):
    for i in range(1, 8):
        page.click(f"#try li:nth-child({i}) button")
        page.wait("!timing.waiting")
    assert page.run("[state.model.beta, state.view]") == [40, "density"]


def test_the_language_is_switched(page):
    page.click("#ko")
    assert page.run("document.documentElement.lang") == "ko"
    assert page.run("document.querySelector('h1').textContent") == "그리기, 끌기, 지켜보기"
    assert "재구성 오차" in page.run("document.body.innerText")
    left = page.run("""[...document.querySelectorAll("h2, p, legend, label span, th, button")].map(
        e => e.textContent.trim()).filter(t => /[a-zA-Z]{4,} [a-z]{3,}/.test(t))""")
    assert left == []
    page.click("#en")
    assert page.run("document.documentElement.lang") == "en"


def test_a_phone_by_finger_in_korean():
    with Browser(width=375, height=667, language="ko", touch=True) as page:
        page.open(PAGE)
        page.run(PLAIN)
        page.settle()
        assert page.run("document.documentElement.lang") == "ko"
        z = numbers(page)["z"]
        page.drag("#plane", (0.5, 0.5), (0.4, 0.6))
        assert numbers(page)["z"] != z
        for kind in ("conditional_vae", "autoencoder", "vae"):
            page.click(f"input[value={kind}]")
            assert page.run("state.model.kind") == kind
            outside = page.run("""[...document.querySelectorAll("body *")].filter(e =>
                e.offsetParent && e.getBoundingClientRect().right > 376).map(e => e.outerHTML)""")
            assert outside == [] and page.run("document.documentElement.scrollWidth") <= 375
        # what is decoded is seen while z is dragged
        top, bottom = page.run("""[byId("plane").getBoundingClientRect().top,
                                   byId("decoded").getBoundingClientRect().bottom]""")
        assert bottom - top < 667
        page.drag("#pad", (0.5, 0.2), (0.5, 0.5), (0.5, 0.8))
        assert 10 < sum(numbers(page)["x"]) < 120
        page.click("#rain")
        page.wait("state.draws.length >= 5")
        page.click("#rain")
        page.wait("!state.raining")
        assert page.said == []
