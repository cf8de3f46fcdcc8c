"""Objects from the text of their `repr`: "Gaussian(variance=0.1)", and nothing that runs code.

A text is a call of a known class, with numbers, texts, sequences, and such calls for arguments.
"""

import ast


def from_text(text, classes):
    """The object that a text describes.

    Parameters
    ----------
    text : str
    classes : dict of str to class
        What may be called, by name.

    Raises
    ------
    ValueError
        Where the text is something else.
    KeyError
        Where it calls a class that is not known: its name.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text[:80]!r} is no call of a class") from error
    if not isinstance(tree, ast.Call):
        raise ValueError(f"{text[:80]!r} is no call of a class")
    return _value(tree, classes)


def _value(tree, classes):
    if isinstance(tree, ast.List):
        return [_value(item, classes) for item in tree.elts]
    if isinstance(tree, ast.Tuple):
        return tuple(_value(item, classes) for item in tree.elts)
    if not isinstance(tree, ast.Call):
        return ast.literal_eval(tree)
    if not isinstance(tree.func, ast.Name):
        raise ValueError(f"{ast.unparse(tree.func)[:80]!r} is no name of a class")
    kind = classes[tree.func.id]
    return kind(*(_value(argument, classes) for argument in tree.args),
                **{argument.arg: _value(argument.value, classes) for argument in tree.keywords})
