"""What the README says is so: links, line counts, and its code."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "README.ko.md"]
GALLERY = "examples/README.md"

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


def local_targets(page):
    """The files that a page links to or shows, as paths."""
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    folder = (ROOT / page).parent
    return [folder / target for target in targets if "://" not in target]


@pytest.mark.parametrize("page", [*PAGES, GALLERY])
def test_links_resolve(page):
    targets = local_targets(page)
    assert len(targets) > 20
    assert [path for path in targets if not path.exists()] == []


def test_the_gallery_shows_every_example_and_every_figure():
    shown = set(local_targets(GALLERY))
    folder = ROOT / "examples"
    assert shown == {*folder.glob("*.py"), *folder.glob("derivation*.md"), *folder.glob("figures/*.png")}


@pytest.mark.parametrize("page", PAGES)
def test_the_concept_map_has_a_row_for_every_article_and_every_note(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    articles = [row for row in rows if len(row) == 3]
    for article in ARTICLES:
        found = [row for row in articles if article in row[0]]
        assert found and all("](examples/" in row[2] for row in found), article
    for note in NOTES:
        (row,) = (row for row in rows if row[0] == note)
        _, said_right, equation, code, test, example = row
        assert said_right and equation and "](" in code
        assert "](tests/test_" in test and "](examples/" in example


@pytest.mark.parametrize("page", PAGES)
def test_commands_name_files_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:examples|benchmarks)/\w+\.py", text))
    assert named and [name for name in named if not (ROOT / name).exists()] == []


def test_the_results_of_the_papers_are_those_in_their_files():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files = list((ROOT / "benchmarks/papers/results").glob("*_k*.json"))
    assert len(files) >= 3
    for path in files:
        result = json.loads(path.read_text())
        row, = (line for line in text.splitlines()
                if f"| {result['nll']:.3f} after {result['epochs']:,} epochs" in line)
        asked = [f"--samples {result['samples']} ", f"--epochs {result['epochs']}"]
        asked += ["--layers 2"] * (result["layers"] == 2)
        asked += [f"--batch-size {result['batch_size']}"] * (result["batch_size"] != 100)
        asked += [f"--learning-rate {result['learning_rate']}"] * (result["learning_rate"] != 1e-3)
        asked += [f"--after out/papers/{result['after']}"] * (result["after"] is not None)
        assert [option for option in asked if option not in row] == [], path
        assert f"{result['active_units']} active" in row
        assert f"{result['training_hours']:.2f} hours" in row


def test_the_readers_layer_is_checked(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code, = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
             if "class Scale" in block)
    scope = {}
    exec(code, scope)
    assert scope["report"].passed
    assert "ok" in capsys.readouterr().out
