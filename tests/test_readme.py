"""What the pages say is so: their links, their code, their conventions, and the numbers they repeat."""

import functools
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import npvae

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "README.ko.md"]
GALLERIES = ["examples/README.md", "examples/README.ko.md"]
GUESTS = ["examples/guests.md", "examples/guests.ko.md"]
MEASURED, TRIED = "benchmarks/README.md", "tests/README.md"

ARTICLES = ["flatorien", "StatQuest", "jjangjjong.tistory.com/41",
            "data-scientist-brian-kim.tistory.com/91", "hugmanskj", "hugrypiggykim", "lcyking",
            "ijdykeman", "Joseph Rocca", "Rukshan Pramoditha", "David Daeschler"]
NOTES = ["실제 데이터 분포 p(x)에 가장 가까운 데이터를 생성하는 모델의 매개변수를 학습하고 싶음",
         "베이즈 정리를 사용하여 p(Θ given X)를 계산해야 함",
         "수학적 난해성 때문에 직접 계산할 수 없음",
         "따라서, 복잡한 확률 분포로 근사값을 찾음",
         "잠재 공간의 분포가 정규 분포(e.g. Gaussian, Bernoulli)를 따를 것이라고 가정하고 z를 샘플링",
         "점 추정하는 것이 아니라 공간을 샘플링, Z ≈ N(µx, σx)",
         "직접 샘플링하면 미분이 불가능 → Z = μ + σϵ",
         "ϵ ~ N(0,1)",
         "z는 디코더로 전달되어 x와 유사한 데이터를 생성",
         "ELBO를 최대화",
         "ELBO는 재구성 오차와 KL 발산의 합",
         "재구성 오차는 입력과 재구성의 차이를 최소화",
         "KL 발산은 두 확률 분포 간의 차이",
         "인코더의 분포와 N(0,1) 사이의 차이를 최소화"]


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def section(page, heading):
    """The text under a heading of the second level."""
    found, = (part for part in text_of(page).split("\n## ") if part.startswith(heading + "\n"))
    return found


def blocks(page, language="python"):
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


def prose(page):
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def local_links(page):
    """What a page links to or shows, as (path, anchor)."""
    text = prose(page)
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    parts = (target.partition("#") for target in targets if "://" not in target)
    return [((ROOT / page).parent / path if path else ROOT / page, anchor) for path, _, anchor in parts]


def local_targets(page):
    return [path for path, _ in local_links(page)]


def anchors(path):
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *GALLERIES, *GUESTS, MEASURED, TRIED])
def test_links_resolve(page):
    links = local_links(page)
    assert links
    assert [path for path, _ in links if not path.exists()] == []
    assert [anchor for path, anchor in links if anchor and anchor not in anchors(path)] == []


@pytest.mark.parametrize("page, others", [
    ("README.md", ["README.ko.md", "examples/guests.md", "examples/derivation.md",
                   "examples/README.md"]),
    ("README.ko.md", ["README.md", "examples/guests.ko.md", "examples/derivation.ko.md",
                      "examples/README.ko.md"])])
def test_the_first_screen_leads_on(page, others):
    first = text_of(page).split("\n## ")[0]
    assert [other for other in others if f"]({other})" not in first] == []


@pytest.mark.parametrize("page, other", [GALLERIES, GALLERIES[::-1], GUESTS, GUESTS[::-1]])
def test_each_language_leads_to_the_other(page, other):
    assert ROOT / other in local_targets(page)


@pytest.mark.parametrize("page", GALLERIES)
def test_the_gallery_shows_every_example_and_every_figure(page):
    shown = set(local_targets(page))
    folder = ROOT / "examples"
    assert shown == {*folder.glob("*.py"), *folder.glob("*.html"), *folder.glob("derivation*.md"),
                     *folder.glob("figures/*.png"),
                     *(ROOT / gallery for gallery in GALLERIES if gallery != page)}


def test_both_galleries_show_the_same_in_the_same_order():
    """The examples, the figures and their widths, the commands; a figure says what it shows in each
    language."""
    shown = (r'\*\*\[`(\w+\.py)`\]|<img src="(\S+)" width="(\S+)" alt="[^"]{8,}"'
             r"|^(#+) |`(python [^`]+|--quick)`")
    english, korean = (re.findall(shown, text_of(page), re.MULTILINE) for page in GALLERIES)
    assert english == korean and len(english) > 80


def test_what_goes_further_stands_at_the_end_of_the_gallery():
    order = re.findall(r"\*\*\[`(\w+)\.py`\]", text_of(GALLERIES[0]))
    assert order.index("autoencoder_or_vae") < order.index("maximum_likelihood")
    listed = ["maximum_likelihood", "elbo_term_by_term", "conditional_vae", "variational_inference",
              "anomaly_digits", "estimator_laboratory", "how_good_is_q"]
    assert listed == sorted(listed, key=order.index)
    assert order[-3:] == ["estimator_laboratory", "how_good_is_q", "bending_q"]


@pytest.mark.parametrize("page", PAGES)
def test_the_concept_map_has_a_row_for_every_article_and_every_note(page):
    lines = text_of(page).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    articles = [row for row in rows if len(row) == 3]
    for article in ARTICLES:
        found = [row for row in articles if article in row[0]]
        assert len(found) == (3 if article == "flatorien" else 1), article
        assert all("](examples/" in row[2] for row in found), article
    for note in NOTES:
        (row,) = (row for row in rows if row[0] == note)
        _, said_right, equation, code, test, example = row
        assert said_right and equation and "](" in code
        assert "](tests/test_" in test and "](examples/" in example


def test_both_maps_lead_to_the_same_examples_row_by_row():
    english, korean = ([re.findall(r"\]\(examples/(\w+\.py)\)", line)
                        for line in text_of(page).splitlines()
                        if line.startswith("| ") and "](examples/" in line] for page in PAGES)
    assert english == korean and len(english) >= 9 + len(NOTES)
    named = {name for row in english for name in row}
    assert {"intractability.py", "conditional_probe.py", "how_good_is_q.py"} <= named


@pytest.mark.parametrize("page", [*PAGES, MEASURED, TRIED])
def test_commands_name_files_that_are_there(page):
    text = text_of(page)
    named = set(re.findall(r"\b(?:examples|benchmarks|tests)/[\w/]*\w\.py", text))
    assert named and [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("heading, page", [("What was measured", MEASURED),
                                           ("What was tried against it", TRIED)])
def test_the_readmes_lines_repeat_numbers_of_the_page_they_lead_to(heading, page):
    lines = [line for line in re.sub(r"\n  +", " ", section("README.md", heading)).splitlines()
             if line.startswith("- ")]
    numbers = set(re.findall(r"\d[\d.,]*\d", " ".join(lines)))
    assert len(lines) >= 5 and len(numbers) >= 4
    there = set(re.findall(r"\d[\d.,]*\d", text_of(page)))
    assert numbers - there == set()


# ---- the README's code, word for word -----------------------------------------------------------

@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What the README's code leaves behind, one block after the other, where `mnist` has fewer images
    and the folder a table of one's own."""
    data = npvae.datasets.mnist()
    few = npvae.datasets.ImageData(*(a[:300] for a in data))
    rng = np.random.default_rng(0)
    table = rng.standard_normal((800, 3)) @ rng.standard_normal((3, 5)) * [1, 10, 100, 1, 1] + 7
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        patch.setattr(npvae.datasets, "mnist", lambda: few)
        patch.setattr(npvae.evaluation, "fit_detector",
                      functools.partial(npvae.evaluation.fit_detector, n_steps=400))
        for name, rows in (("rows.csv", table[:600]), ("new.csv", table[600:])):
            np.savetxt(name, rows, delimiter=",", header="a,b,c,d,e", comments="")
        scopes = []
        for code in blocks("README.md"):
            scopes.append(dict(scopes[-1]) if scopes else {})
            exec(code, scopes[-1])
        yield scopes


def test_the_images_are_trained_on_and_the_model_comes_back(ran):
    scope = ran[0]
    assert scope["history"][-1]["loss"] < scope["history"][0]["loss"] - 100
    assert scope["q"].mu.shape == scope["q"].std.shape == (300, 20)
    assert scope["x_hat"].shape == (300, 784) and scope["x_new"].shape == (100, 784)
    again = scope["model"].reconstruct(scope["data"].test_images)
    np.testing.assert_array_equal(again, scope["x_hat"])


def test_the_table_is_judged(ran):
    scope = ran[1]
    assert scope["rows"].shape == (600, 5) and scope["detector"].n_normal == 120
    assert scope["scores"].shape == (200,) and scope["flagged"].mean() < 0.05
    columns, code = scope["why"]
    np.testing.assert_allclose(columns.sum(axis=1) + code, scope["scores"], atol=1e-9)
    odd = scope["new"] * [1, -1, 1, 1, 1]                        # the columns no longer go together
    assert scope["detector"].flag(odd, quantile=0.99).mean() > 0.1
    found = npvae.evaluation.load_detector("detector.npz")
    np.testing.assert_array_equal(found.score(scope["new"]), scope["scores"])


def test_the_table_with_holes_is_filled_in(ran):
    x, filled = ran[2]["x"], ran[2]["filled"]
    assert x.shape == filled.mean.shape == (344, 4) and x.mask[3].all() and x.mask.sum() == 8
    np.testing.assert_array_equal(filled.mean[~x.mask], x.data[~x.mask].astype(np.float32))
    assert np.isfinite(filled.mean).all() and (filled.draws[:, 3].std(axis=0) > 0.1).all()


def test_the_conventions_are_those_of_the_arrays(ran):
    """K, B, D, J, and what is summed and what averaged; and the defaults of the letters."""
    stated = dict(re.findall(r"^\| ([KBDJ]) \| .* \| (\d+) \|$", text_of("README.md"), re.MULTILINE))
    fit, vae = (inspect.signature(f).parameters for f in (npvae.fit, npvae.vae))
    defaults = {"K": fit["n_samples"], "B": fit["batch_size"], "D": vae["n_data"], "J": vae["n_latent"]}
    assert stated == {letter: str(default.default) for letter, default in defaults.items()}

    scope = ran[3]
    K, B, D, J = 3, 100, 784, 5
    model, x, eps = scope["model"], scope["x"], scope["eps"]
    loss, cache = model.forward(x, eps)
    assert x.shape == (B, D) and eps.shape == cache.z.shape == (K, B, J)
    assert cache.q.mu.shape == cache.q.logvar.shape == cache.q.std.shape == (B, J)
    np.testing.assert_allclose(cache.z, cache.q.mu + cache.q.std * eps, rtol=1e-6)
    y = model.decoder.forward(cache.z)[0]
    assert y.shape == (K, B, D)
    terms = x * y - np.logaddexp(0.0, y)                                         # of each pixel
    np.testing.assert_allclose(cache.log_px, terms.sum(axis=-1), rtol=1e-4)      # summed: (K, B)
    assert loss.reconstruction == pytest.approx(-cache.log_px.mean(), rel=1e-5)  # averaged
    kl = npvae.divergences.kl_to_standard_normal(cache.q.mu, cache.q.logvar)
    assert loss.kl == pytest.approx(kl.sum(axis=-1).mean(), rel=1e-5)
    assert scope["loss"].elbo == -(scope["loss"].reconstruction + scope["loss"].kl)
    assert set(scope["gradients"]) == set(model.blocks())


def test_the_lines_of_the_gradient_are_the_codes():
    text = section("README.md", "The gradient through a sample")
    code = text_of("npvae/distributions/posteriors.py")
    quoted = re.findall(r"^\| `(.*?)` \|.*\| `(.*?)` \|$", text, re.MULTILINE)
    assert len(quoted) == 2
    assert all(f"{line}\n" in code for _, line in quoted)
    assert "# " + ",   ".join(forward for forward, _ in quoted) + "\n" in code


def test_the_numbers_of_the_kl_are_printed_and_told(ran, capsys):
    exec(blocks("README.md")[4], dict(ran[3]))
    numbers = [f"{float(number):.3f}" for number in capsys.readouterr().out.split()]
    for page in PAGES:
        line, = (line for line in text_of(page).splitlines() if line.startswith("| KL 발산은"))
        told = line + section(page, "메모 한 줄씩, 바르게") if page == "README.ko.md" else line
        assert len(numbers) == 2 and all(number in told for number in numbers)


def test_the_readers_layer_is_checked(ran):
    assert ran[-1]["report"].passed
    assert "ok" in str(ran[-1]["report"])
