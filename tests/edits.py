"""Edits of a function by what its code means: on the syntax tree, whatever its names and comments.

`edited(function, (before, after), ...)` finds each `before` in the function's tree and puts `after`
in its place. Both are Python: statements, arguments of a call (`name=value`), or an expression. A
local variable may have another name in the function than in `before`: one and the same in all edits
of the function, and `after` is renamed with it. Comments, docstrings, parentheses and line breaks
are not in the tree, so they are nothing here.
"""

import ast
import builtins
import dis
import inspect
import itertools
import textwrap

READ = {"statements": lambda text: ast.parse(text).body,
        "arguments": lambda text: ast.parse(f"f({text})").body[0].value.keywords,
        "expression": lambda text: ast.parse(text, mode="eval").body}


def read(snippet, kind):
    """The snippet as trees of this kind; None where it is not of it."""
    try:
        return READ[kind](inspect.cleandoc(snippet))
    except SyntaxError:
        return None


def local_names(function):
    """What is assigned to, but for the arguments: their names are known outside."""
    arguments = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    return {node.id for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} - arguments


def match(pattern, node, local, names):
    """Whether the node is the pattern. `names` (the pattern's: the node's) grows with each that fits."""
    if isinstance(pattern, ast.Name) and isinstance(node, ast.Name):
        if node.id not in local:
            return pattern.id == node.id
        return names.setdefault(pattern.id, node.id) == node.id
    if isinstance(pattern, list):
        return isinstance(node, list) and len(pattern) == len(node) and all(
            match(p, n, local, names) for p, n in zip(pattern, node))
    if isinstance(pattern, ast.AST):
        return type(pattern) is type(node) and all(
            match(getattr(pattern, field), getattr(node, field), local, names)
            for field in pattern._fields if field != "ctx")
    return pattern == node


def places(function, pattern):
    """(the holder, where in it, names) for each place of the tree where the pattern stands."""
    local = local_names(function)
    for holder in ast.walk(function):
        for field, value in ast.iter_fields(holder):
            if isinstance(pattern, list) and isinstance(value, list):
                n = max(len(pattern), 1)
                parts = [(value, slice(i, i + n), value[i:i + n]) for i in range(len(value))]
            elif isinstance(value, list):
                parts = [(value, i, part) for i, part in enumerate(value)]
            else:
                parts = [(holder, field, value)]
            for place, where, part in parts:
                names = {}
                if match(pattern, part, local, names):
                    yield place, where, names


def find(function, before):
    """The kind of snippet that `before` is, and its places."""
    for kind in READ:
        pattern = read(before, kind)
        found = list(places(function, pattern)) if pattern else []
        if found:
            return kind, found
    raise AssertionError(f"{function.name} has no {before!r}")


def joined(choice):
    """The names of several places as one renaming, one to one; None where they contradict."""
    names = {}
    for _, _, more in choice:
        for old, new in more.items():
            if names.setdefault(old, new) != new:
                return None
    return names if len(set(names.values())) == len(names) else None


def edited_tree(function, *replacements, source=None):
    """The function's tree with the edits made (or that of this source, of the same meaning)."""
    function = ast.parse(textwrap.dedent(source or inspect.getsource(function))).body[0]
    function.decorator_list = []
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:] or [ast.Pass()]
    kinds, found = zip(*(find(function, before) for before, _ in replacements))
    fits = [(names, choice) for choice in itertools.product(*found)
            if (names := joined(choice)) is not None]
    # of all fits the one that renames least: the snippet in its own words, if it is there
    renamed = [sum(old != new for old, new in names.items()) for names, _ in fits]
    assert renamed and renamed.count(min(renamed)) == 1, (
        f"{function.name} has {[before for before, _ in replacements]} {len(fits)} times: "
        "once was expected")
    names, choice = fits[renamed.index(min(renamed))]
    # from the last statement to the first: one that is put in moves those behind it
    last_first = sorted(zip(kinds, replacements, choice), reverse=True,
                        key=lambda one: one[2][1].start if isinstance(one[2][1], slice) else 0)
    for kind, (_, after), (holder, where, _) in last_first:
        new = read(after, kind) if after else [ast.Pass()]
        for tree in new if isinstance(new, list) else [new]:
            for node in ast.walk(tree):
                if isinstance(node, ast.Name):
                    node.id = names.get(node.id, node.id)
        if isinstance(holder, list):
            holder[where] = new
        else:
            setattr(holder, where, new)
    return function


def edited(function, *replacements, source=None):
    """The code of the function with the edits made; of a decorated one, of what is within."""
    function = inspect.unwrap(function)
    tree = edited_tree(function, *replacements, source=source)
    # A bare super() takes __class__ from the class around it: here from a function around it.
    free = function.__code__.co_freevars
    around = ast.parse(f"def around({', '.join(free)}):\n    pass\n    return {tree.name}")
    around.body[0].body[0] = tree
    scope = {}
    exec(compile(ast.fix_missing_locations(around), f"<{function.__qualname__}>", "exec"),
         function.__globals__, scope)
    code = scope["around"](*free).__code__
    from_outside = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    unknown = from_outside - {*function.__globals__, *dir(builtins)}
    assert not unknown, f"{tree.name} has no {unknown}: `before` must show what they are named there"
    return code
