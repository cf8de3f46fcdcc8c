"""The mutants that the mutation run draws from: each one small change, and none of mere words."""

import ast
from collections import Counter

import pytest

from mutants import sites_of
from quick_runs import ROOT

SOURCE = '''
"""Half of it."""
LIMIT = 3


def half(x, floor=0.5, *, loud: bool = False) -> "a number, or 1":
    """x / 2, at least 1 of it."""
    if x < LIMIT and not loud:
        raise ValueError(f"x is {x}: at least {LIMIT + 1} was expected")
    x -= floor
    print("half of 7", x)
    return max(x, floor, key=abs) if loud else x / 2
'''
EXPECTED = {
    ("constant", "3", "4"), ("constant", "3", "0"),
    ("default", "0.5", "1.5"), ("default", "0.5", "0"), ("default", "0.5", "0.25"),
    ("default", "False", "True"),
    ("comparison", "x < LIMIT", "(x <= LIMIT)"), ("comparison", "x < LIMIT", "(x >= LIMIT)"),
    ("condition", "x < LIMIT and not loud", "(x < LIMIT or not loud)"),
    ("condition", "x < LIMIT and not loud", "(not (x < LIMIT and (not loud)))"),
    ("condition", "loud", "(not loud)"),
    ("arithmetic", "not loud", "loud"), ("arithmetic", "x -= floor", "x += floor"),
    ("arithmetic", "x / 2", "(x * 2)"), ("constant", "2", "3"), ("constant", "2", "0"),
    ("dropped statement", "x -= floor", "pass"), ("dropped statement", 'print("half of 7", x)', "pass"),
    ("dropped statement", 'raise ValueError(f"x is {x}: at least {LIMIT + 1} was expected")', "pass"),
    ("swapped arguments", "max(x, floor, key=abs)", "max(floor, x, key=abs)"),
    ("swapped arguments", 'print("half of 7", x)', "print(x, 'half of 7')"),
    ("dropped keyword", "max(x, floor, key=abs)", "max(x, floor)"),
    ("other branch", "max(x, floor, key=abs) if loud else x / 2", "(x / 2)"),
    ("other branch", "max(x, floor, key=abs) if loud else x / 2", "max(x, floor, key=abs)")}


def test_the_mutants_of_a_function_are_these():
    sites = sites_of(SOURCE, "half.py")
    assert {(site.kind, site.before, site.after) for site in sites} == EXPECTED
    assert len(sites) == len(EXPECTED)
    first = SOURCE.splitlines().index("LIMIT = 3") + 4                # the line of `def half`
    assert {site.function for site in sites} == {None, first}
    for site in sites:
        mutant = site.mutate(SOURCE)
        assert ast.dump(ast.parse(mutant)) != ast.dump(ast.parse(SOURCE))
        same = [line == other for line, other in zip(mutant.splitlines(), SOURCE.splitlines())]
        assert same.count(False) == 1


@pytest.mark.parametrize("path", ["npvae/model.py", "npvae/learning/training.py"])
def test_every_mutant_of_a_chapter_has_a_name_of_its_own_and_compiles(path):
    source = (ROOT / path).read_text(encoding="utf-8")
    sites = sites_of(source, path)
    kinds = Counter(site.kind for site in sites)
    assert len(sites) > 100 and len(kinds) >= 8
    assert len({site.id for site in sites}) == len(sites)
    assert sum(site.compiles(source) for site in sites[::10]) >= 0.98 * len(sites[::10])
