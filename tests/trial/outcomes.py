"""Calls, and what came of them: refused by name, used, obscure, or silently wrong."""

import contextlib
import inspect
import io
import itertools
import os
import re
import signal
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from npvae.networks import Module
from trial.good import GOOD, good_call
from trial.members import members
from trial.kinds import kind_of

ALIASES = {"values": ["block"], "blocks": ["block"], "layers": ["part", "parts"], "parts": ["part"]}
SECONDS = 20                           # for one call: they take milliseconds
REFUSALS = (ValueError, TypeError, FileNotFoundError, IsADirectoryError, NotADirectoryError)


def call(function, given):
    """function(**given), where *args and **options stand under their own names."""
    positional, named = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += given[name]
        elif parameter.kind is parameter.VAR_KEYWORD:
            named.update(given[name])
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = given[name]
        else:
            positional.append(given[name])
    return function(*positional, **named)


@contextlib.contextmanager
def time_limit(seconds):
    """Raise TimeoutError after so many seconds, where the system can."""
    def late(*_):
        raise TimeoutError(f"not done after {seconds} s")

    if not hasattr(signal, "setitimer"):
        yield
        return
    previous = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def outcome(function, given, names, paths=()):
    """("refused" | "obscure" | "silent", what happened, what came back)."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            with time_limit(SECONDS):
                result = call(function, given)
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        named = (any(re.search(rf"\b{re.escape(name)}\b", str(error)) for name in names)
                 or any(str(path) in str(error) for path in paths) or isinstance(error, REFUSALS[2:]))
        return ("refused" if named and isinstance(error, REFUSALS) else "obscure"), words, None
    return "silent", f"-> {type(result).__name__}", (result, given)


def fingerprint(value):
    """All numbers and texts in a result, to tell two results apart."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Module):
        own = {name: part for name, part in vars(value).items()
               if name not in ("parameters", "parts", "config", "prefix", "_written")
               and part is not value}
        return repr(value), fingerprint(own), fingerprint(value.blocks())
    if isinstance(value, Figure):
        return fingerprint([(axes.get_title(), [image.get_array().data for image in axes.images],
                             [line.get_xydata() for line in axes.lines]) for axes in value.axes])
    if isinstance(value, dict):
        return tuple((name, fingerprint(part)) for name, part in sorted(value.items(), key=repr)
                     if name != "seconds")
    if isinstance(value, (list, tuple)):
        return tuple(map(fingerprint, value))
    if isinstance(value, (Path, np.random.Generator)):
        return type(value).__name__
    if hasattr(value, "__dict__") and not callable(value):
        return type(value).__name__, fingerprint(vars(value))
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def finite(value):
    """False where a number in a result is NaN or infinite."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, Module):
        return finite(value.blocks())
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(finite, value))
    return not isinstance(value, (float, np.floating)) or bool(np.isfinite(value))


@dataclass(frozen=True)
class Trial:
    """One call: which member, what was wrong with it, and what came of it."""

    member: str
    what: str
    verdict: str
    words: str

    def __str__(self):
        return f"{self.verdict:8} {self.member}({self.what}) {self.words}"


def unknown():
    """What the tables do not know: members without a good call, parameters without a kind."""
    found = members()
    missing = [f"no good call of {name}: add one to GOOD" for name in found if name not in GOOD]
    missing += [f"GOOD has {name}, which is not public" for name in GOOD if name not in found]
    for name in found.keys() & GOOD.keys():
        parameters, good = inspect.signature(found[name]).parameters, good_call(name)
        missing += [f"the good call of {name} lacks {parameter}" for parameter in parameters
                    if parameter not in good]
        missing += [f"nothing is known of {parameter} in {name}: add its kind to KINDS"
                    for parameter in parameters
                    if parameter != "self" and kind_of(name, parameter) is None]
    return sorted(missing)


def wrong_calls(name, function, folder, labels=None):
    """A trial of each wrong value of each argument, or of those with these labels."""
    for parameter in inspect.signature(function).parameters:
        kind = kind_of(name, parameter)
        if parameter == "self" or kind is None:
            continue
        good = GOOD[name](folder)[parameter]
        for label, wrong in kind.wrong(good).items():
            if labels is not None and label not in labels:
                continue
            given = {**GOOD[name](folder), parameter: wrong}
            paths = [wrong] if isinstance(wrong, (str, Path)) and "path" in parameter else []
            # of two arrays whose rows do not fit each other, either may be named
            names = list(given) if "row" in label else [parameter, *ALIASES.get(parameter, ())]
            verdict, words, _ = outcome(function, given, names, paths)
            yield Trial(name, f"{parameter}: {label}", verdict, words)


def result_of(name, function, folder, **changed):
    for file in folder.iterdir():
        file.unlink()
    given = {**GOOD[name](folder), **changed}
    verdict, words, came = outcome(function, given, list(changed))
    if came is None:
        return verdict, words, None
    result, given = came
    written = {"fit": "model", "load_into": "model", "clip_by_norm": "grad"}.get(name)
    seen = (result, given[written]) if written else result
    if not finite(seen):
        return "silent", "-> not finite", None
    return "used", words, fingerprint(seen)


def pairs_of_options(name, function, folder):
    """A trial of each pair of arguments with other good values."""
    others = {parameter: kind_of(name, parameter).others
              for parameter in inspect.signature(function).parameters
              if parameter != "self" and kind_of(name, parameter) and kind_of(name, parameter).others}
    _, words, plain = result_of(name, function, folder)
    if plain is None:
        yield Trial(name, "the good call", "obscure", words)
        return
    alone = {(parameter, i): result_of(name, function, folder, **{parameter: value})
             for parameter, values in others.items() for i, value in enumerate(values)}
    for (parameter, i), (verdict, words, seen) in alone.items():
        if verdict != "refused":
            same = seen == plain and fingerprint(others[parameter][i]) != fingerprint(
                GOOD[name](folder)[parameter]) and (name, parameter) not in WITHOUT_EFFECT
            verdict = "silent" if same else verdict
            words = "-> as if it were not given" if same else words
        yield Trial(name, f"{parameter}={others[parameter][i]!r}"[:90], verdict, words)
    for (a, i), (b, j) in itertools.combinations(alone, 2):
        if a == b:
            continue
        verdict, words, both = result_of(name, function, folder, **{a: others[a][i], b: others[b][j]})
        if both is not None:
            for one, k, rest, m in ((a, i, b, j), (b, j, a, i)):
                matters = alone[one, k][2] not in (plain, None)
                if matters and both == alone[rest, m][2] and (name, one) not in WITHOUT_EFFECT:
                    verdict, words = "silent", f"-> {one} is ignored beside {rest}"
        yield Trial(name, f"{a}={others[a][i]!r}, {b}={others[b][j]!r}"[:120], verdict, words)


def numbers_of_numpys(name, function, folder):
    """A trial of each number as one of NumPy's: it is the same number, and the result the same.

    Integers of a byte overflow at 128 and 256; a float64 makes a float32 model one of float64.
    """
    _, _, plain = result_of(name, function, folder)
    for parameter, good in GOOD[name](folder).items():
        kinds = {bool: (np.bool_,), int: (np.int8, np.uint8, np.int64),
                 float: (np.float64,)}.get(type(good), ())
        for kind in kinds:
            verdict, words, seen = result_of(name, function, folder, **{parameter: kind(good)})
            if verdict == "used" and seen != plain:
                verdict, words = "silent", "-> not what it is of Python's number"
            yield Trial(name, f"{parameter}={kind.__name__}({good})", verdict, words)


WITHOUT_EFFECT = {                     # on what is computed; what they do is tested elsewhere
    ("fit", "callbacks"), ("fit", "checkpoint"), ("fit", "resume"), ("fit", "patience")}


def run():
    """All trials, in an empty folder."""
    trials, here = [], os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            folder = Path(folder) / "files"
            folder.mkdir()
            for name, function in members().items():
                if name in GOOD:
                    trials += wrong_calls(name, function, folder)
                    trials += pairs_of_options(name, function, folder)
                    trials += numbers_of_numpys(name, function, folder)
        finally:
            os.chdir(here)
    return trials


def table(trials):
    """How many calls ended how, for each part of the interface."""
    count = Counter((trial.member.partition(".")[0] if "." in trial.member else "npvae", trial.verdict)
                    for trial in trials)
    verdicts = ("refused", "used", "obscure", "silent")
    lines = [f"{'':14}{'calls':>8}" + "".join(f"{verdict:>9}" for verdict in verdicts)]
    for group in [*sorted({group for group, _ in count}), "all"]:
        numbers = [sum(n for (g, v), n in count.items() if v == verdict and group in (g, "all"))
                   for verdict in verdicts]
        lines.append(f"{group:14}{sum(numbers):8}" + "".join(f"{n:9}" for n in numbers))
    return "\n".join(lines)
