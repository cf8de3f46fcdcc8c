"""What a module is made of: as a table to look at, and as it was typed."""

import inspect

import numpy as np

from npvae.inputs import pythons


def summary(module):
    """A table of the parts, layers and shapes of a module, with the number of its parameters."""
    rows = [row for name, part in module.parts.items() for row in _rows(name, part)]
    size = sum(block.size for block in module.blocks().values())
    rows.append(("parameters", "", "", f"{size:,}"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [f"{name:{widths[0]}}  {kind:{widths[1]}}  {shapes:{widths[2]}}  {n:>{widths[3]}}".rstrip()
             for name, kind, shapes, n in rows]
    return "\n".join([repr(module) if len(repr(module)) <= 100 else type(module).__name__, *lines])


def _rows(name, part):
    """One row for a part that has no parts; a row for each of them, else."""
    inside = {f"{name}.{inner}": module for inner, module in part.parts.items()}
    own = {key: value for key, value in part.blocks().items()
           if not any(key.startswith(f"{inner}.") for inner in part.parts)}
    shapes = ", ".join(f"{key} {' x '.join(map(str, value.shape))}" for key, value in own.items())
    size = sum(value.size for value in own.values())
    if own or not inside:
        kind = type(part).__name__ if inside else repr(part)
        yield name, kind, shapes, f"{size:,}" if own else ""
    for inner, module in inside.items():
        yield from _rows(inner, module)


def as_call(config):
    """A recipe's name and arguments as one would write the call."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.items() if name != "recipe")
    return f"{config['recipe']}({arguments})"


def as_typed(thing, args, kwargs):
    """The call of its class that made a thing, with what was given beyond the defaults."""
    signature = inspect.signature(type(thing))
    given = signature.bind_partial(*args, **kwargs).arguments
    words = []
    for name, parameter in signature.parameters.items():
        value = given.get(name, parameter.default)
        if parameter.kind is parameter.VAR_POSITIONAL:
            words += map(_argument, given.get(name, ()))
        elif parameter.kind is parameter.VAR_KEYWORD:
            words += [f"{key}={_argument(v)}" for key, v in given.get(name, {}).items()]
        elif parameter.default is parameter.empty:
            words.append(_argument(value))
        elif _argument(value) != _argument(parameter.default) and not equal(value, parameter.default):
            words.append(f"{name}={_argument(value)}")
    return f"{type(thing).__name__}({', '.join(words)})"


def _argument(value):
    """An argument as one writes it; a random generator is called rng."""
    if isinstance(value, np.random.Generator):
        return "rng"
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    return repr(in_python(value))                 # 0.5, and not np.float64(0.5)


def equal(value, default):
    """Whether they are equal; no array is equal to a default."""
    return not isinstance(value, np.ndarray) and value == default


def in_python(value):
    """NumPy's numbers as Python's, alone and in sequences; short arrays, and ranges, as lists."""
    if isinstance(value, range) or (isinstance(value, np.ndarray) and 1 <= value.ndim
                                    and value.size <= 100 and value.dtype.kind in "biuf"):
        value = list(value) if isinstance(value, range) else value.tolist()
    if type(value) in (list, tuple):
        return type(value)(map(in_python, value))
    return pythons(value)
