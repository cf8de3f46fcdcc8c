"""What the README says is so: links, line counts, and its code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [page for page in ("README.md",) if (ROOT / page).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [target for target in targets if "://" not in target]
    assert len(local) > 20
    assert [target for target in local if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_name_files_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:examples|benchmarks)/\w+\.py", text))
    assert named and [name for name in named if not (ROOT / name).exists()] == []


def test_the_reading_path_counts_its_lines():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`[^`]+`\]\((npvae/[^)]+)\) \|.*\| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) >= 12
    for path, lines in rows:
        assert len((ROOT / path).read_text().splitlines()) == int(lines), path


def test_the_readers_layer_is_checked(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code, = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
             if "class Scale" in block)
    scope = {}
    exec(code, scope)
    assert scope["report"].passed
    assert "ok" in capsys.readouterr().out
