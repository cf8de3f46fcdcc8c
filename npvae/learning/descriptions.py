"""What a run is made of, in words: the same in every process, so that two runs can be compared.

Numbers, objectives, optimizers and schedules are described as they are written. Arrays are
described by a fingerprint. Modules are described by their attributes and their parts, and not by
their parameters, which training changes. Functions are described by what they do: their code,
their defaults, and the numbers, arrays, functions and classes that they take from around them.
Classes are described by their methods and attributes, each class and function once, and by its name
where it comes again. Only functions and classes of npvae itself are known by their names alone. What
the methods of an installed class take from around them does not count, nor what functions of Python's
own library, NumPy and SciPy do: their code does.
"""

import contextlib
import dis
import functools
import hashlib
import os
import re
import sys
import types

import numpy as np

from npvae.networks.parameters import Module

# a `repr` of less than all: arrays are cut; or one that is another in each process: of sets
INCOMPLETE = re.compile(r" at 0x[0-9a-fA-F]+|array\(|set\(")
LIBRARIES = {"numpy", "scipy", *sys.stdlib_module_names}
NOT_COMPUTED_WITH = {"parts", "parameters", "prefix", "config", "objective", "corrupt", "_written"}


def describe(value, unknown=None):
    """A number or a text as it is, anything else in words.

    Parameters
    ----------
    value : object
    unknown : list, optional
        The names of what is inside, and cannot be compared, are appended to it.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return in_words(value, [] if unknown is None else unknown)


def in_words(value, unknown, around=(), seen=None):
    """Any object in words. `around` are those that it is described as a part of; `seen` are the ids of
    the functions and classes that have been described."""
    seen = set() if seen is None else seen

    def words(part, seen=seen):
        return in_words(part, unknown, (*around, value), seen)

    if any(value is outer for outer in around):
        return "itself"
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype} {value.shape} {fingerprint(value)}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(words, value))})"
    if isinstance(value, (set, frozenset)):            # their order is another in each process
        inside = sorted(words(part, set(seen)) for part in value)
        return f"{type(value).__name__}({', '.join(inside)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {words(part)}' for name, part in value.items())}}}"
    if isinstance(value, functools.partial):
        return f"partial({', '.join(map(words, (value.func, value.args, value.keywords)))})"
    if isinstance(value, types.FunctionType):
        return function_in_words(value, unknown, around, seen)
    if isinstance(value, types.MethodType):
        return f"{words(value.__self__)}.{value.__name__}"
    if isinstance(value, type) and root(value) not in ("npvae", "numpy", "builtins"):
        return kind_in_words(value, unknown, around, seen)
    if isinstance(value, (type, types.BuiltinFunctionType, types.ModuleType, np.ufunc)):
        return getattr(value, "__qualname__", value.__name__)
    kind = kind_in_words(type(value), unknown, around, seen)
    if isinstance(value, Module):
        parts = [f"{name}={words(part)}" for name, part in value.parts.items()]
        return f"{kind}({', '.join(own_attributes(value, words) + parts)})"
    inside = getattr(value, "__dict__", {})
    says_all = "__repr__" in vars(type(value)) or not hasattr(value, "__dict__")   # not by inheritance
    holds_sets = any(isinstance(part, (set, frozenset)) for part in inside.values())
    if says_all and not holds_sets and not INCOMPLETE.search(repr(value)):
        return repr(value) + kind[len(type(value).__name__):]
    depth = sum(hasattr(outer, "__dict__") and not isinstance(outer, (Module, type, types.FunctionType))
                for outer in around)
    if hasattr(value, "__dict__") and depth < 2:
        return f"{kind}({', '.join(f'{name}={words(part)}' for name, part in sorted(inside.items()))})"
    unknown.append(type(value).__name__)
    return kind


def own_attributes(module, words):
    """The attributes of a module that are no parts of it, as a list of texts."""
    parts = [id(part) for part in module.parts.values()]
    # of a model of npvae's own it is known which; what else was set on it (its history) is a note
    known = getattr(module, "computed_with", None) if root(type(module)) == "npvae" else None

    def is_own(name, value):
        items = value if isinstance(value, (tuple, list)) else (value,)
        # what is kept under an underscore may be a note of what was computed once, unless it is a number
        is_note = name.startswith("_") and not isinstance(value, (bool, int, float, str, np.generic))
        return (name not in NOT_COMPUTED_WITH and not is_note
                and not any(id(item) in parts for item in items)
                and (known is None or name in known))

    return [f"{name}={words(value)}" for name, value in sorted(vars(module).items())
            if is_own(name, value)]


def parts_in_words(model, unknown=None):
    """What a model computes: a dict of its own attributes and of each of its parts, in words."""
    unknown = [] if unknown is None else unknown
    own = own_attributes(model, lambda part: in_words(part, unknown, (model,)))
    kind = kind_in_words(type(model), unknown, (), set())
    return {"model": f"{kind}({', '.join(own)})",
            **{name: in_words(part, unknown) for name, part in model.parts.items()}}


# ---- functions and classes ---------------------------------------------------------------

def function_in_words(function, unknown, around, seen):
    """The name of a function, and a fingerprint of its code, which is for one Python version."""
    if root(function) == "npvae" or id(function) in seen:
        return f"<function {function.__qualname__}>"
    seen.add(id(function))
    code = function.__code__
    taken = {name: function.__globals__[name] for name in globals_of(code)
             if name in function.__globals__ and root(function) not in LIBRARIES}
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        with contextlib.suppress(ValueError):          # a variable that has no value yet
            taken[name] = cell.cell_contents
    inside = [code_in_words(code, function.__doc__)]
    for name, value in [("defaults", (function.__defaults__, function.__kwdefaults__)),
                        *taken.items()]:
        if isinstance(value, (list, dict, set)):       # it may change while the run goes on
            unknown.append(name)
        else:
            inside.append(f"{name}={in_words(value, unknown, (*around, function), seen)}")
    return f"<function {function.__qualname__}{code_mark(inside)}>"


def kind_in_words(kind, unknown, around, seen):
    """The name of a class, and a fingerprint of its methods and attributes."""
    if id(kind) in seen:
        return kind.__name__
    seen.add(id(kind))
    inside = []
    for each in kind.__mro__:
        if is_installed(each):
            inside += [code_in_words(method.__code__, method.__doc__) for method in vars(each).values()
                       if isinstance(method, types.FunctionType)]
        elif root(each) not in ("npvae", "numpy", "builtins"):
            for name, member in members_of(each):
                if isinstance(member, (list, dict, set)):          # it may change while the run goes on
                    if not is_bookkeeping(name):
                        unknown.append(name)
                else:
                    inside.append(f"{name}={in_words(member, unknown, (*around, kind), seen)}")
    return kind.__name__ + (code_mark(inside) if inside else "")


def is_installed(kind):
    """Whether a class is of Python's own library, of SciPy, or of another package beside them."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return (root(kind) not in ("npvae", "numpy", "builtins")
            and (root(kind) in LIBRARIES or "-packages" in file))


def is_bookkeeping(name):
    """Whether a table in a class is Python's own, of a named tuple or of an Enum: both have its members
    as attributes, too."""
    return name == "_field_defaults" or re.fullmatch("_[^_].*_", name) is not None


def members_of(kind):
    """What the body of a class says that it does: (name, what is called, or the value)."""
    for name, member in sorted(vars(kind).items()):
        if isinstance(member, property):
            member = (member.fget, member.fset, member.fdel)
        elif isinstance(member, functools.cached_property):
            member = member.func
        else:
            member = getattr(member, "__func__", member)           # of a static or class method
        is_note = name.startswith("__") and not callable(member) and not isinstance(member, tuple)
        # how it is written is not what it does; `abc` notes addresses
        if not is_note and name not in ("__repr__", "__annotate__", "__annotate_func__", "_abc_impl"):
            yield name, member


def root(thing):
    """The package that a function or a class belongs to."""
    return (thing.__module__ or "").partition(".")[0]


def code_mark(texts):
    digest = hashlib.blake2b("; ".join(texts).encode(), digest_size=8).hexdigest()
    return f", Python {sys.version_info.major}.{sys.version_info.minor} code {digest}"


def code_in_words(code, doc=None):
    """What a code object does: not where it stands, nor how its variables are called."""
    constants = [code_in_words(constant) if isinstance(constant, types.CodeType)
                 else repr(sorted(map(repr, constant))) if isinstance(constant, frozenset)
                 else repr(constant) for constant in code.co_consts
                 if doc is None or constant != doc]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_argcount}"


def globals_of(code):
    """The names that a code object, or one inside it, looks up outside."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    inner = (globals_of(part) for part in code.co_consts if isinstance(part, types.CodeType))
    return sorted(names.union(*inner))


def same(then, now, by_name=False):
    """Whether two descriptions are of the same.

    Code of two Python versions cannot be compared, and is left out; so is all code with `by_name`.
    """
    if then == now or not (isinstance(then, str) and isinstance(now, str)):
        return then == now
    code = re.compile(", Python ([0-9.]+) code [0-9a-f]+")
    versions, versions_now = code.findall(then), code.findall(now)
    if not by_name and (versions == versions_now or len(versions) != len(versions_now)):
        return False
    return code.sub("", then) == code.sub("", now)


# ---- numbers -----------------------------------------------------------------------------

def fingerprint(array):
    """16 hexadecimal digits that differ where the bytes of two arrays do.

    Each 64-bit word of the array, its upper half mixed into its lower one (floats such as 0 and 1
    have all their bits there), is multiplied by an odd number of its own; 512 of them are summed
    (modulo 2^64), and the sums are hashed. No single change, and no other one but by an unlikely
    chance, leaves the sums as they were. A hash of all bytes takes eight times as long: 0.5 s for
    60,000 images.
    """
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    width = 512
    odd = np.arange(1, width + 1, dtype=np.uint64)
    for factor in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93):
        odd *= np.uint64(factor)                       # an integer hash of each position
        odd ^= odd >> np.uint64(32)
    odd |= np.uint64(1)
    n_words = data.size // (8 * width) * width
    words = data[:8 * n_words].view(np.uint64).reshape(-1, width)
    hashed = hashlib.blake2b(digest_size=8)
    for start in range(0, len(words), 64):             # 256 kB at a time stay in the cache
        part = words[start:start + 64]
        hashed.update((((part >> np.uint64(32)) ^ part) * odd).sum(axis=1))
    hashed.update(data[8 * n_words:])
    return hashed.hexdigest()


def blas_threads():
    """How many threads the matrix products have, as far as the environment says.

    OPENBLAS_NUM_THREADS, MKL_NUM_THREADS or OMP_NUM_THREADS, else one for each processor that the
    process may use. What a program sets by other means is not seen.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit() and int(os.environ[name]) > 0:
            return int(os.environ[name])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
