"""Chapter 7: a check must be able to fail. Every mutant of the zoo is seen by its check."""

import re
from pathlib import Path

import numpy as np
import pytest

from bug_zoo import ZOO, mutated, page
from npvae.gradcheck import checks, ways
from npvae.gradcheck.rows import Sizes
from npvae.gradcheck.table import TABLE
from zoo_sources import SOURCES, source

BUGS = pytest.mark.parametrize("bug", ZOO, ids=lambda bug: bug.name)


@BUGS
def test_the_check_fails_on_the_mutant_and_passes_on_npvae(bug, tmp_path):
    elsewhere = tmp_path / "mutant"
    elsewhere.mkdir()
    bug.seen_by(tmp_path)
    with mutated(bug), np.errstate(all="ignore"), pytest.raises(bug.raises):
        bug.seen_by(elsewhere)


@pytest.mark.parametrize("bug", [bug for bug in ZOO if bug.missed_by], ids=lambda bug: bug.name)
def test_the_other_check_does_not_notice(bug, tmp_path):
    with mutated(bug):
        bug.missed_by(tmp_path)


def test_the_zoo_is_large_and_its_page_is_the_zoo():
    assert len(ZOO) >= 20
    written = Path(__file__).with_name("BUG_ZOO.md").read_text(encoding="utf-8")
    assert written == page(), "run python tests/bug_zoo.py"


def test_the_sources_are_of_bugs_of_the_zoo():
    names = [bug.name for bug in ZOO]
    assert set(SOURCES) < set(names) and len(SOURCES) > 50
    assert [bug.name for bug in ZOO if bug.name in SOURCES] == list(SOURCES)         # in its order
    link = re.compile(r"\[([\w.-]+/[\w.-]+), (?:issue |pull request )?([\w.]+)\]"
                      r"\(https://github\.com/\1/(?:issues/|pull/|blob/[0-9a-f]{40}/(?:\w+/)*)\2\)")
    assert [name for name in SOURCES if not link.fullmatch(source(name))] == []
    assert source("A gradient wrong by a tenth of a percent") is None


WHOLE_MODELS = [name for name in TABLE
                if name.startswith(("recipes.", "given.")) and name != "recipes.vae"]


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow if name in WHOLE_MODELS else ()) for name in TABLE])
def test_a_thousandth_in_any_gradient_is_noticed(name, monkeypatch):
    """Every block of every row of the gradient table, scaled by 1.001, turns it red (and one
    that is zero, shifted by 0.001)."""
    check, wrong = checks.check, []

    def check_scaled(function, arrays, gradients, **options):
        for block, g in gradients.items():
            scaled = 1.001 * g if g.any() else g + 0.001
            report = check(lambda moved: function({**arrays, **moved}), {block: arrays[block]},
                           {block: scaled}, **options)
            assert not report.passed
            wrong.append(block)
        return check(function, arrays, gradients, **options)

    for module in (checks, ways):
        monkeypatch.setattr(module, "check", check_scaled)
    TABLE[name](Sizes(), np.random.default_rng(0)).assert_passed()
    assert wrong
