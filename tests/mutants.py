"""The mutants that a syntax tree offers: each a small change of one node, as text in its place.

The rest of the file stays as it was, so that a mutant differs from its source by one spot.
What is only worded otherwise is no mutant: docstrings, messages, annotations.
"""

import ast
import copy
import hashlib
from typing import NamedTuple

import numpy as np

COMPARED = {ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
            ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
            ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
              ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
              ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


class Site(NamedTuple):
    """A mutant: the text between two offsets of a file, and the text in its place."""

    path: str
    line: int
    function: int | None                       # the first line of the function it stands in
    kind: str
    start: int
    end: int
    before: str
    after: str
    id: str

    def compiles(self, source):
        try:
            compile(self.mutate(source), self.path, "exec")
        except SyntaxError:
            return False
        return True

    def mutate(self, source):
        data = source.encode()
        assert data[self.start:self.end].decode() == self.before
        return (data[:self.start] + self.after.encode() + data[self.end:]).decode()


def changed(node, **fields):
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def constants(value):
    """Other values of a constant; of a text there is none."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        halved = [value / 2] if isinstance(value, float) and value else []
        return [value + 1, 0 if value else -1, *halved]
    return []


def without(items, i):
    return items[:i] + items[i + 1:]


def of_operators(node):
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in COMPARED[type(op)]:
                yield "comparison", node, changed(node, ops=[*node.ops[:i], other(), *node.ops[i + 1:]])
    text = isinstance(getattr(node, "left", None), (ast.Constant, ast.JoinedStr))
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        if not (text and isinstance(node.op, ast.Mod)):
            yield "arithmetic", node, changed(node, op=ARITHMETIC[type(node.op)]())
    if isinstance(node, ast.UnaryOp):
        yield "arithmetic", node, node.operand


def of_constants(node, parent):
    if isinstance(node, ast.Constant):
        for value in constants(node.value):
            kind = "default" if isinstance(parent, ast.arguments) else "constant"
            yield kind, node, ast.Constant(value)


def of_branches(node):
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "condition", node, changed(node, op=other)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield "condition", node.test, ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield "condition", test, ast.Constant(True)
    if isinstance(node, ast.IfExp):
        yield "other branch", node, node.orelse
        yield "other branch", node, node.body
    if isinstance(node, ast.FunctionDef):
        values = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value]
        for one, other in zip(values, values[1:]):
            if ast.dump(one) != ast.dump(other):
                yield "other return", one, other
                yield "other return", other, one


def of_calls(node):
    if isinstance(node, ast.Call):
        for i in range(len(node.keywords)):
            yield "dropped keyword", node, changed(node, keywords=without(node.keywords, i))
        for i, (one, other) in enumerate(zip(node.args, node.args[1:])):
            starred = isinstance(one, ast.Starred) or isinstance(other, ast.Starred)
            if not starred and ast.dump(one) != ast.dump(other):
                args = [*node.args[:i], other, one, *node.args[i + 2:]]
                yield "swapped arguments", node, changed(node, args=args)


def of_statements(node, parent):
    if isinstance(node, ast.Expr):
        dropped = not isinstance(node.value, (ast.Constant, ast.Yield))
    elif isinstance(node, ast.Assign):                 # a name that is missing is seen at once
        dropped = not isinstance(node.targets[0], (ast.Name, ast.Tuple))
    elif isinstance(node, ast.Raise):
        dropped = not isinstance(parent, ast.ExceptHandler)
    else:
        dropped = isinstance(node, (ast.AugAssign, ast.Continue, ast.Break))
    if dropped:
        yield "dropped statement", node, ast.Pass()


def mutants_of(node, parent):
    """(kind, the node to replace, the node in its place) of all mutants at this node."""
    yield from of_operators(node)
    yield from of_constants(node, parent)
    yield from of_branches(node)
    yield from of_calls(node)
    yield from of_statements(node, parent)


def worded(node, parent):
    """Whether the node only says something: a message, an annotation."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        name = parent.func.id
        if name.endswith(("Error", "Warning")) or name == "print":
            return node is not parent.func
    return (isinstance(parent, (ast.arg, ast.AnnAssign)) and node is parent.annotation
            or isinstance(parent, ast.FunctionDef) and node is parent.returns)


def first_line(function):
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def in_order(node, parent=None, function=None):
    """(node, its parent, the first line of the function it stands in) of a tree, without words.

    Decorators and defaults count as inside: it is by calling the function that they are seen."""
    if isinstance(node, ast.FunctionDef):
        function = first_line(node)
    yield node, parent, function
    for child in ast.iter_child_nodes(node):
        if not worded(child, node):
            yield from in_order(child, node, function)


def sites_of(source, path):
    """All mutants of one file, in the order of its text. A few do not compile."""
    data, lengths = source.encode(), [0]
    for line in data.splitlines(keepends=True):
        lengths.append(lengths[-1] + len(line))
    sites, seen = [], set()
    for node, parent, function in in_order(ast.parse(source)):
        for kind, old, new in mutants_of(node, parent):
            start = lengths[old.lineno - 1] + old.col_offset
            end = lengths[old.end_lineno - 1] + old.end_col_offset
            before = data[start:end].decode()
            after = ast.unparse(ast.fix_missing_locations(new))
            if isinstance(new, ast.expr) and not isinstance(new, (ast.Constant, ast.Name, ast.Call)):
                after = f"({after})"
            if after in (before, f"({before})") or (start, end, after) in seen:
                continue
            seen.add((start, end, after))
            earlier = data[:start].decode().count(before)
            name = hashlib.sha256(f"{path}:{earlier}:{before}:{after}".encode()).hexdigest()[:10]
            sites.append(Site(path, old.lineno, function, kind, start, end, before, after, name))
    return sites


def draw(root, seed):
    """All mutants of the package in the order in which they are drawn: a kind, then a place."""
    rng, by_kind = np.random.default_rng(seed), {}
    for path in sorted((root / "npvae").rglob("*.py")):
        for site in sites_of(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()):
            by_kind.setdefault(site.kind, []).append(site)
    shuffled = {kind: [sites[i] for i in rng.permutation(len(sites))]
                for kind, sites in by_kind.items()}
    while shuffled:
        kind = rng.choice(sorted(shuffled))
        site = shuffled[kind].pop()
        if site.compiles((root / site.path).read_text(encoding="utf-8")):
            yield site
        if not shuffled[kind]:
            del shuffled[kind]
