"""The bug zoo's edits are of what the code means: other names and comments are nothing to them."""

import ast
import inspect
import textwrap

import numpy as np
import pytest

from bug_zoo import ZOO, Bug, mutated
from edits import edited_tree, local_names
from npvae.objectives import ELBO, FreeBits


class Renamed(ast.NodeTransformer):
    """A tree with other names for some variables."""

    def __init__(self, names):
        self.names = names

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def reworded(function):
    """The function's source with all local variables renamed, another docstring, and comments."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    names = {name: f"another_{name}" for name in local_names(tree)}
    tree = Renamed(names).visit(tree)
    if ast.get_docstring(tree) is not None:
        tree.body[0] = ast.Expr(ast.Constant("In other words."))
    lines = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    return "\n".join(f"{line}  # why" for line in lines), names


@pytest.mark.parametrize("bug", ZOO, ids=lambda bug: bug.name)
def test_an_edit_finds_its_place_under_other_names_and_comments(bug):
    for function, *replacements in bug.edits:
        source, names = reworded(function)
        mutant = edited_tree(function, *replacements)
        elsewhere = edited_tree(function, *replacements, source=source)
        assert ast.dump(Renamed(names).visit(mutant)) == ast.dump(elsewhere)


def area(width, height):
    """The area of a frame one wide."""
    inner = (width - 2) * (height - 2)
    outer = width * height
    return outer - inner


def larger(one, other):
    return max(float(one), float(other), key=abs)


def value_of(function, *replacements):
    with mutated(Bug("a mutant", "", ((function, *replacements),), None)):
        return function(5, 4)


def test_what_an_edit_may_be():
    assert area(5, 4) == 14
    assert value_of(area, ("outer - inner", "inner - outer")) == -14                # an expression
    assert value_of(area, ("a - b", "b - a")) == -14                                # by other names
    assert value_of(area, ("outer = width * height", "outer = width\nouter = 2 * outer")) == 4
    assert value_of(area, ("outer=(width*height)", "outer = height")) == -2         # a statement
    assert value_of(area, ("a = width * height", "a = a_ = 7"), ("a - b", "b")) == 6
    assert value_of(area, ("outer = width * height", "outer = 3\nouter = 2 * outer"),
                    ("return outer - inner", "return outer")) == 6
    assert value_of(larger, ("key=abs", "key=float.__neg__")) == 4                  # an argument
    assert area(5, 4) == 14


@pytest.mark.parametrize("replacements, message", [
    ([("width + height", "width")], "has no 'width . height'"),
    ([("2", "3")], "2 times: once was expected"),
    ([("a * b", "a")], "has no"),                                   # arguments keep their names
    ([("a = width * height", "a = width"), ("b - a", "b")], "0 times"),             # a is outer
    ([("width * height", "width * depth")], "has no {'depth'}"),
], ids=["not there", "twice", "argument", "two names", "unknown"])
def test_an_edit_that_is_not_clear_is_refused(replacements, message):
    with pytest.raises(AssertionError, match=message):
        value_of(area, *replacements)
    assert area(5, 4) == 14


def test_a_function_with_a_bare_super_can_be_edited(rng):
    log_px, rate = -rng.random((2, 3)), rng.random((3, 4))
    objective = FreeBits(free=0.6)
    before = objective(log_px, rate)
    never = Bug("free bits that are never free", "", (
        (FreeBits.__call__, ("mean.real > self.free", "mean.real > -1.0")),), None)
    with mutated(never):
        assert objective(log_px, rate).value == pytest.approx(ELBO()(log_px, rate).value, rel=1e-12)
    assert objective(log_px, rate).value == before.value > ELBO()(log_px, rate).value
    np.testing.assert_array_equal(objective(log_px, rate).drate, before.drate)
