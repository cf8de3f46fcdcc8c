"""What a module is made of, as a table to look at."""


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
