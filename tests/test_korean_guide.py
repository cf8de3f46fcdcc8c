"""The Korean guide stands alone: its code runs, its commands are right, one term for one thing."""

import re
from pathlib import Path

import numpy as np
import pytest

import npvae
from quick_runs import EXAMPLES, run

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "README.ko.md").read_text(encoding="utf-8")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8")
         for name in ("README.ko.md", "examples/README.ko.md", "examples/derivation.ko.md",
                      "examples/guests.ko.md")}


def blocks(language, text=GUIDE):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_its_code_runs(tmp_path, monkeypatch):
    """One block after the other, on fewer images and for one epoch: what the comments say of shapes
    holds, and a table of one's own is judged."""
    data = npvae.datasets.mnist()
    few = data._replace(train_images=data.train_images[:500], train_labels=data.train_labels[:500])
    monkeypatch.setattr(npvae.datasets, "mnist", lambda: few)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = rng.standard_normal((800, 3)) @ rng.standard_normal((3, 5))
    for name, rows in (("rows.csv", table[:600]), ("new.csv", table[600:])):
        np.savetxt(name, rows, delimiter=",", header="a,b,c,d,e", comments="")
    code = blocks("python")
    assert len(code) == 6
    scope = {}
    for block in code:
        block = block.replace("fit_detector(rows)", "fit_detector(rows, n_steps=100)")
        exec(re.sub(r"epochs=\d+", "epochs=1, progress=False", block), scope)
    assert scope["q"].mu.shape == scope["q"].std.shape == (10000, 20)
    assert scope["x_hat"].shape == (10000, 784) and scope["x_new"].shape == (100, 784)
    assert scope["scores"].shape == scope["flagged"].shape == (200,)
    assert scope["sevens"].shape == (12, 784)
    assert scope["filled"].mean.shape == (344, 4) and np.isfinite(scope["filled"].mean).all()
    assert scope["eps"].shape == (3, 100, 5)
    assert scope["loss"].elbo == -(scope["loss"].reconstruction + scope["loss"].kl)
    npvae.save("parts.npz", scope["model"])
    npvae.load_into("parts.npz", scope["model"])                # as the text says
    found = npvae.evaluation.load_detector("detector.npz")
    np.testing.assert_array_equal(found.flag(scope["new"], quantile=0.99), scope["flagged"])


def test_its_commands_are_the_readmes():
    readme = blocks("sh", (ROOT / "README.md").read_text(encoding="utf-8"))
    commands = blocks("sh")
    assert len(commands) >= 3
    assert [command for command in commands if command not in readme] == []


def test_its_options_are_there():
    source = (ROOT / "examples/train_vae.py").read_text()
    options = set(re.findall(r"train_vae\.py[^`\n]* (--\w+)", GUIDE)) - {"--help"}
    assert len(options) >= 4
    assert [option for option in options if f'"{option}"' not in source] == []


@pytest.mark.parametrize("page", PAGES)
def test_one_term_for_one_thing(page):
    text = PAGES[page]
    for other in ("복원", "담금질", "표본 추출", "파라미터를", "재파라미터화를", "인공신경망", "그래디언트를"):
        assert other not in text, other
    # the other usual word stands once, in brackets beside the one that is used
    assert set(re.findall(r".?가능도", text)) <= {"(가능도"}
    assert set(re.findall(r".?재파라미터화", text)) <= {"(재파라미터화"}
    # a code z is 잠재 코드; 코드 alone is source code
    assert re.findall(r"(?<!잠재 )코드(?:를|로|가|는)? (?:디코딩|뽑)", text) == []
    # p(z|x) is what everybody reads; one note of the list is quoted as it stands
    assert set(re.findall(r"\S+ given ", text)) <= {"p(Θ given "}


def test_what_it_shows_in_code_is_the_readmes():
    """The rows of the gradient's path and the two numbers of the KL, word for word but for comments."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [re.findall(r"^\| `.*` \| dz/d.* \| `.*` \|$", text, re.MULTILINE)
            for text in (readme, GUIDE)]
    assert rows[0] == rows[1] and len(rows[0]) == 2
    plain = [re.sub(r" +#.*", "", code) for code in blocks("python", readme)]
    last = re.sub(r" +#.*", "", blocks("python")[-1])
    assert "kl_between_normals" in last and last in plain


def test_it_has_the_readmes_sections_in_their_order():
    """What a section of the README answers, one of the guide does; the path is the same files."""
    order = {"Conventions": "약속과 용어", "The gradient through a sample": "표본을 지나는 기울기",
             "Your own likelihood": "나만의 우도", "The concept map": "읽은 글에서 코드로",
             "A reading path": "읽는 순서", "Is it right?": "맞는지 어떻게 아는가"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text, names in ((readme, order), (GUIDE, order.values())):
        places = [text.index(f"\n## {name}\n") for name in names]
        assert places == sorted(places)
    theirs, ours = (re.findall(r"\]\((npvae/[^)]+)\)",
                               text.split(f"\n## {name}\n")[1].split("\n## ")[0])
                    for text, name in ((readme, "A reading path"), (GUIDE, "읽는 순서")))
    assert theirs == ours and len(ours) > 15


def test_every_example_is_named():
    for path in (ROOT / "examples").glob("*.py"):
        assert f"](examples/{path.name})" in GUIDE, path.name


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_gallery_says_in_korean_what_an_example_prints(name, tmp_path, capsys):
    """Each line of a quick run but rows of numbers; "…" stands for what changes from run to run."""
    gallery = PAGES["examples/README.ko.md"]
    entry, = (part for part in re.split(r"^(?=\*\*\[`|## )", gallery, flags=re.MULTILINE)
              if part.startswith(f"**[`{name}.py`]"))
    told = [".+".join(map(re.escape, words.split("…")))
            for words in re.findall(r"^- `(.+)`: .*[가-힣]", entry, re.MULTILINE)]
    run(name, tmp_path)
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    lines = [line for line in printed if re.search("[A-Za-z]{2}", re.sub(r"\S*\d\S*", "", line))]
    assert lines
    assert [line for line in lines if not any(re.fullmatch(words, line) for words in told)] == []
