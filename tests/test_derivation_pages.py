"""The derivation's two pages: quotes that are in the code, the same equations in both languages, and
exercises that are carried out and say what the answers show. (That the equations hold is in
`test_derivation.py`.)
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npvae.gradcheck.table import TABLE

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples"
PAGES = ["derivation.md", "derivation.ko.md"]

# ---- what it quotes, and how it is written -----------------------------------------------------

LINK = re.compile(r"\[(`+)(.+?)\1\]\(([^)#]+)\)", re.DOTALL)
QUOTES = {"derivation.md": re.compile(r"\[`([^`]+)`\]\(([^)]+\.py)\) in `([\w.]+)`"),
          "derivation.ko.md": re.compile(r"`([\w.]+)`의 \[`([^`]+)`\]\(([^)]+\.py)\)")}


def text_of(page):
    return (FOLDER / page).read_text(encoding="utf-8")


def quotes(page):
    """(quoted code, path, function) for every quote of a page, in order."""
    found = QUOTES[page].findall(text_of(page))
    return found if page == "derivation.md" else [(code, path, name) for name, code, path in found]


def source_of(path, name):
    """The source of a function or class of a file, by its name, such as `ELBO.__call__`."""
    source = path.read_text(encoding="utf-8")
    node = ast.parse(source)
    for part in name.split("."):
        node, = (inner for inner in node.body if getattr(inner, "name", None) == part)
    return ast.get_source_segment(source, node)


def plain(code):
    """Code without line breaks and without the width of its spaces."""
    return " ".join(code.split())


@pytest.mark.parametrize("page", PAGES)
def test_each_quote_is_in_the_function_it_names(page):
    found = quotes(page)
    assert len(found) > 40
    for code, path, name in found:
        assert plain(code) in plain(source_of(FOLDER / path, name)), (code, path, name)


@pytest.mark.parametrize("page", PAGES)
def test_each_link_is_a_quote_a_test_or_a_row_of_the_gradient_table(page):
    quoted = {(plain(code), path) for code, path, _ in quotes(page)}
    for _, label, path in LINK.findall(text_of(page)):
        assert (FOLDER / path).exists(), path
        if path.endswith("gradcheck/table.py"):
            assert label in TABLE
        elif label.startswith("test_") and not label.endswith(".py"):
            assert source_of(FOLDER / path, label)
        elif path.endswith(".py") and not path.endswith(label):
            assert (plain(label), path) in quoted, (label, path)


@pytest.mark.parametrize("page", PAGES)
def test_each_equation_names_its_code_and_its_proof(page):
    """Between an equation with a number and the next one: a line of code, and a test or a check."""
    parts = re.split(r"```math\n(.*?)```", text_of(page), flags=re.DOTALL)
    numbers, code, proof = [], True, True
    for text, equation in zip(parts[0::2], [*parts[1::2], r"\tag{end}"]):
        code |= QUOTES[page].search(text) is not None
        proof |= "[`test_" in text or "gradcheck/table.py" in text
        number = re.search(r"\\tag\{(\w+)\}", equation)
        if number:
            assert code and proof, f"({numbers[-1]})"
            numbers.append(number[1])
            code = proof = False
    assert numbers == [*map(str, range(1, len(numbers))), "end"] and len(numbers) > 25
    prose = re.sub(r"```.*?```|`[^`]+`", "", text_of(page), flags=re.DOTALL)
    for number in re.findall(r"\((\d+)\)", prose):
        assert number in numbers, number


@pytest.mark.parametrize("page", PAGES)
def test_the_mathematics_is_written_as_github_shows_it(page):
    """Inline between $` and `$, preceded by no letter; no bare dollar, which Markdown may spoil."""
    text = text_of(page)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    inline = re.findall(r"(.)\$`([^`]+)`\$", prose)
    assert len(inline) > 60
    assert [math for before, math in inline if before.isalnum()] == []
    assert "$" not in re.sub(r"\$`[^`]+`\$", "", prose)
    for line in prose.splitlines():
        if line.startswith("|"):
            assert all("|" not in math for math in re.findall(r"\$`([^`]+)`\$", line)), line
    equations = re.findall(r"```math\n(.*?)```", text, flags=re.DOTALL)
    for math in (*equations, *(math for _, math in inline)):
        assert math.count("{") == math.count("}"), math
        assert math.count(r"\left") == math.count(r"\right"), math
        assert math.count(r"\begin{") == math.count(r"\end{"), math


def test_both_languages_have_the_same_equations_quotes_and_exercises():
    texts = [text_of(page) for page in PAGES]
    for pattern in (r"```(?:math|diff|sh|text)\n.*?```", r"\(\.\./tests/BUG_ZOO\.md#[^)]+\)",
                    r"\[`test_\w+`\]\([^)]+\)", r"^(##+) ", r"^<details>"):
        english, korean = (re.findall(pattern, text, re.DOTALL | re.MULTILINE) for text in texts)
        assert english == korean
        assert english
    assert quotes(PAGES[0]) == quotes(PAGES[1])
    assert all(len(text.splitlines()) < 450 for text in texts)


@pytest.mark.parametrize("page", PAGES)
def test_the_links_to_the_zoo_lead_to_its_entries(page):
    headings = re.findall(r"^## (.*)$", (ROOT / "tests/BUG_ZOO.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = re.findall(r"BUG_ZOO\.md#([^)]+)\)", text_of(page))
    assert len(linked) >= 8
    assert [anchor for anchor in linked if anchor not in anchors] == []


# ---- the exercises ---------------------------------------------------------------------------

def exercises():
    """(edits, commands, printed) of each exercise: what to break, what to run, what it says. Breaks
    marked (a), (b) ... are made one at a time, and so are exercises of their own."""
    found = []
    for diff, rest in re.findall(r"```diff\n(.*?)```\n(.*?)</details>", text_of(PAGES[0]), re.DOTALL):
        commands = re.search(r"```sh\n(.*?)```", rest, re.DOTALL)[1].splitlines()
        printed = re.search(r"```text\n(.*?)```", rest, re.DOTALL)[1].splitlines()
        edits = re.findall(r"^# (\S+), (\S+?)(?:, (\(\w\)))?\n- (.*)\n\+ (.*)$", diff, re.MULTILINE)
        for mark in sorted({edit[2] for edit in edits}):
            changes = [(path, name, before, after) for path, name, its, before, after in edits
                       if its == mark]
            lines = [line.removeprefix(mark).strip() for line in printed if line.startswith(mark)]
            found.append((changes, commands, lines))
    return found


def test_the_exercises_break_lines_that_are_there():
    found = exercises()
    assert len(found) >= 10
    for edits, commands, printed in found:
        assert edits and commands and printed
        for path, name, before, after in edits:
            assert source_of(ROOT / path, name).count(before) == 1, before
            assert before != after


def same(expected, line):
    """Equal words, and numbers within a tenth; what is below 1e-6 is rounding."""
    ours, theirs = (re.sub(r"np\.float64\(([^)]*)\)", r"\1", s).split() for s in (expected, line))
    return len(ours) == len(theirs) and all(a == b or close(a, b) for a, b in zip(ours, theirs))


def close(a, b):
    try:
        a, b = (float(s.strip("(),±[]")) for s in (a, b))
    except ValueError:
        return False
    return abs(a - b) < 1e-6 or abs(a - b) < 0.1 * abs(b)


@pytest.mark.slow
@pytest.mark.parametrize("edits, commands, printed", exercises())
def test_the_exercises_say_what_they_print(edits, commands, printed, tmp_path):
    """In a copy of the code, broken as the exercise says: its commands print what the answer shows."""
    for folder in ("npvae", "examples", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder,
                        ignore=shutil.ignore_patterns("__pycache__", "figures"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for path, name, before, after in edits:
        whole = (tmp_path / path).read_text(encoding="utf-8")
        function = source_of(tmp_path / path, name)
        broken = whole.replace(function, function.replace(before, after))
        assert broken != whole
        (tmp_path / path).write_text(broken, encoding="utf-8")
    output = []
    for command in commands:
        command = command.replace("python ", f"{sys.executable} ", 1)
        done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)})
        output += (done.stdout + done.stderr).splitlines()
    for line in printed:
        assert any(same(line, other) for other in output), (line, output)
