"""What two runs are compared by: fingerprints of arrays, functions and objects in words."""

import functools
import hashlib
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

import npvae
from npvae.learning.descriptions import blas_threads, describe, fingerprint, parts_in_words, same

BASE = np.random.default_rng(0).random((7, 300)).astype(np.float32)


# ---- arrays ------------------------------------------------------------------------------

def test_a_fingerprint_is_that_of_the_bytes():
    """Of any layout; and the same on every machine: these digits are written down."""
    assert fingerprint(BASE) == fingerprint(np.asfortranarray(BASE)) == fingerprint(BASE[::-1][::-1])
    assert fingerprint(np.arange(5000, dtype=np.int64)) == "a7fa1c05044aba1f"
    assert fingerprint(np.arange(50000, dtype=np.int64)) == "81dff4074a539cad"      # some at a time
    assert describe(BASE) != describe(BASE.reshape(300, 7)) != describe(BASE.view(np.int32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
@pytest.mark.parametrize("size", [1, 7, 4095, 4096, 4097, 300_000])
def test_any_change_of_any_element_changes_the_fingerprint(dtype, size, rng):
    """Data of zeros and ones have few bits to tell them apart by."""
    a = (rng.random(size) < 0.5).astype(dtype)
    places = {0, size - 1, size // 2, *rng.integers(0, size, 20).tolist()}
    seen = {fingerprint(a)}
    for i in places:
        b = a.copy()
        b[i] = 1 - b[i]
        seen.add(fingerprint(b))
    assert len(seen) == 1 + len(places)


def test_every_part_of_many_numbers_counts():
    """130 rows of 512 numbers, which are hashed some at a time: a change of each is seen."""
    x = np.zeros((130, 512))
    seen = {fingerprint(x)}
    for row in x:
        row[7] = 1.0
        seen.add(fingerprint(x))
    assert len(seen) == 131


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_two_elements_or_rows_exchanged_change_the_fingerprint(dtype, rng):
    x = (rng.random((60, 784)) < 0.2).astype(dtype)
    original, alike = fingerprint(x), 0
    for _ in range(300):
        i, j = rng.integers(0, x.size, 2)
        y = x.copy().ravel()
        y[[i, j]] = y[[j, i]]
        alike += fingerprint(y) == original and y[i] != y[j]
        order = rng.permutation(60)
        alike += fingerprint(x[order]) == original
    assert alike == 0


def test_ones_moved_about_change_the_fingerprint(rng):
    """Two by one place each, in opposite directions; and all, in any way: few bits tell floats of
    zeros and ones apart."""
    x = np.zeros((400, 600))
    x[:, [100, 200]] = 1
    for i in range(400):
        original = fingerprint(x[i])
        x[i, [100, 200]] = 0
        x[i, [100 + i // 5, 200 - i // 5]] += 1
        assert (fingerprint(x[i]) == original) == (i < 5)
    rows = np.unique(rng.integers(0, 2, (3000, 512)), axis=0).astype(float)
    assert len({fingerprint(row) for row in rows}) == len(rows)


def test_a_fingerprint_takes_a_fraction_of_a_hash(rng):
    """Which takes 0.5 s for 60,000 images; here of 5,000."""
    x = rng.random((5000, 784), dtype=np.float32)

    def fastest(work):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest(lambda: fingerprint(x)) < 0.7 * fastest(lambda: hashlib.blake2b(x).digest())


# ---- functions and objects ---------------------------------------------------------------

def outer(scale):
    def inner(x):
        return scale * x
    return inner


def documented(x):
    """A docstring."""
    return x + 1


def reworded(x):
    """Another docstring."""
    return x + 1


reworded.__qualname__ = "documented"


def recursive(x):
    return x and recursive(x - 1)


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return self.scale * x

    def method(self, x):
        return x


def test_what_does_the_same_is_the_same_in_words():
    assert describe(outer(2)) == describe(outer(2)) != describe(outer(3))
    assert describe(outer(np.ones(3))) != describe(outer(np.zeros(3)))
    assert describe(documented) == describe(reworded)
    assert describe(Scaled(2)) == describe(Scaled(2)) != describe(Scaled(3))
    assert describe(Scaled(2).method) != describe(Scaled(3).method)
    assert describe(functools.partial(documented, 1)) != describe(functools.partial(documented, 2))
    assert describe(recursive) == describe(recursive)
    assert describe(npvae.datasets.binarize) == "<function binarize>"


@dataclass
class Shift:
    by: np.ndarray


def test_arrays_inside_are_compared_to_the_last_bit():
    """Which a printed array is not."""
    a, b = np.zeros((2, 2000))
    b[1000] = 1e-12
    assert repr(Shift(a)) == repr(Shift(b)) and describe(Shift(a)) != describe(Shift(b))
    first, second = (npvae.datasets.standardizer_of(np.c_[BASE, BASE + shift])
                     for shift in (1, 1 + 1e-7))
    assert describe(lambda x: first(x)) != describe(lambda x: second(x))
    assert describe(outer(first)) != describe(outer(second))


def test_a_number_outside_of_a_function_counts(monkeypatch):
    def uses_global(x):
        return FACTOR * x

    before = describe(uses_global)
    monkeypatch.setitem(globals(), "FACTOR", 3)
    assert describe(uses_global) != before


FACTOR = 2


def test_classes_are_told_apart_by_their_methods():
    def made(factor):
        class Transform:
            def __call__(self, x):
                return factor_of(x)

            def factor_of(self, x):
                return x * 2 if factor == 2 else x

        if factor == 3:
            Transform.__call__ = lambda self, x: x * 3
        return Transform()

    factor_of = len
    assert describe(made(2)) != describe(made(3))


MEMBERS = {
    "class attribute": """class It:
    top = VALUE
    def __call__(self, x): return self.top""",
    "number outside of a method": """TOP = VALUE
class It:
    def __call__(self, x): return TOP""",
    "default of a method": """class It:
    def __call__(self, x, top=VALUE): return top""",
    "static method": """class It:
    @staticmethod
    def of(x): return VALUE
    def __call__(self, x): return self.of(x)""",
    "class method": """class It:
    @classmethod
    def of(kind, x): return VALUE
    def __call__(self, x): return self.of(x)""",
    "property": """class It:
    @property
    def top(self): return VALUE
    def __call__(self, x): return self.top""",
    "cached property": """from functools import cached_property
class It:
    @cached_property
    def top(self): return VALUE
    def __call__(self, x): return self.top""",
    "function called by a method": """def helper(x): return x * VALUE
class It:
    def __call__(self, x): return helper(x)""",
    "attribute of the class above": """class Above:
    top = VALUE
    def __call__(self, x): return self.top
class It(Above):
    def other(self): return super().__call__(0)""",
    "class used in a function": """class Used:
    def __call__(self, x): return x * VALUE
def it(x): return Used()(x)
It = lambda: it""",
    "class that names another, which names it": """class Used:
    def __call__(self, x): return It().top * VALUE
class It:
    top = 2
    def __call__(self, x): return Used()(x)""",
    "dataclass": """from dataclasses import dataclass
@dataclass(frozen=True)
class It:
    top = VALUE
    by: float = 2.0
    def __call__(self, x): return self.top""",
    "named tuple": """from typing import NamedTuple
class Pair(NamedTuple):
    first: float
    second: float = VALUE
class It:
    def __call__(self, x): return Pair(x)""",
    "enumeration": """import enum
class Kind(enum.Enum):
    ONE = VALUE
class It:
    def __call__(self, x): return Kind.ONE.value""",
    "abstract class": """import abc
class Above(abc.ABC):
    @abc.abstractmethod
    def of(self, x): return VALUE
class It(Above):
    def of(self, x): return super().of(x)""",
}


def made_of(source, value):
    """It(), of a program in which VALUE is a value."""
    program = {"__name__": "program"}
    exec(source.replace("VALUE", repr(value)), program)
    sys.modules.setdefault("program", sys.modules[__name__])       # dataclasses look their module up
    return program["It"]()


@pytest.mark.parametrize("member", MEMBERS)
def test_all_that_a_class_does_is_in_its_description(member):
    unknown = []
    first, again, other = (describe(made_of(MEMBERS[member], value), unknown)
                           for value in (0.5, 0.5, 1.5))
    assert first == again != other and unknown == []


def test_classes_that_use_each_other_are_described_once_each():
    """Each of eight classes has eight methods, which take all eight: 8^8 ways lead through them."""
    names = [f"C{i}" for i in range(8)]
    source = "\n".join(f"class {name}:\n" + "\n".join(
        f"    def f{i}(self): return {', '.join(names)}, VALUE" for i in range(8)) for name in names)
    start = time.perf_counter()
    first, other = (describe(made_of(f"{source}\nIt = C0", value)) for value in (1.5, 2.5))
    assert first != other and time.perf_counter() - start < 2


def test_what_a_method_takes_and_may_change_is_named():
    unknown = []
    source = "COUNTS = []\nclass It:\n    def __call__(self, x): COUNTS.append(x)"
    describe(made_of(source, 1), unknown)
    assert unknown == ["COUNTS"]


class Own(npvae.SGD):
    """It inherits its `repr`, which knows nothing of `other`."""

    def __init__(self, other):
        super().__init__()
        self.other = other


def test_what_a_subclass_adds_is_not_overlooked():
    assert repr(Own(1)) == repr(Own(2)) and describe(Own(1)) == describe(Own(1)) != describe(Own(2))


def test_what_is_unknown_is_named():
    unknown, counts = [], []
    describe(lambda x: counts.append(x), unknown)
    describe(np.random.default_rng(0), unknown)
    assert unknown == ["counts", "Generator"]


def test_an_object_of_many_objects_is_not_followed_for_ever():
    node = root = Scaled(1)
    for _ in range(50):
        node.left = node.right = node = Scaled(1)
    unknown = []
    assert len(describe(root, unknown)) < 1000 and "Scaled" in unknown


def test_descriptions_are_the_same_in_every_process():
    """Addresses, the order of sets and where a file lies have no part in them."""
    code = ("import numpy as np\n"
            "from npvae.learning.descriptions import describe\n"
            "from dataclasses import dataclass\n"
            "def f(x, y={}): return x in {'a', 'b', 'c', 'd'} or np.abs(x)\n"
            "class Drop:\n"
            "    few = frozenset('abcd')\n"
            "    def __init__(self): self.some, self.more = set('abcd'), [frozenset('efgh')]\n"
            "    def __call__(self, x): return self.few\n"
            "@dataclass\n"
            "class Keep: some: object; more: object\n"
            "print(describe(f), describe(Drop()), describe({1, 'a'}))\n"
            "print(describe(Keep(set('abcd'), [frozenset('efgh')])))")
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed}).stdout
               for seed in "12"}
    assert len(outputs) == 1 and "<function f, Python 3." in outputs.pop()


def test_sets_are_told_apart():
    assert describe({1, 2}) == describe({2, 1}) != describe({1, 3}) != describe(frozenset({1, 3}))


def test_code_of_another_python_is_not_compared():
    now = describe(outer(2))
    other = now.replace(f"Python 3.{sys.version_info.minor}", "Python 3.9")
    assert same(now, now) and same(other, now) and not same(describe(outer(3)), now)
    assert same("<function outer.<locals>.inner>", now, by_name=True)
    assert not same("<function outer.<locals>.inner>", now) and not same(None, now)
    assert not same(other.replace("inner", "other"), now)


# ---- threads -----------------------------------------------------------------------------

@pytest.mark.parametrize("environment, expected", [
    ({"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3), ({"MKL_NUM_THREADS": "4"}, 4),
    ({"OMP_NUM_THREADS": "5"}, 5), ({"OMP_NUM_THREADS": "many"}, 11), ({"OMP_NUM_THREADS": "0"}, 11),
    ({}, 11)])
def test_the_number_of_threads_is_that_of_the_environment_or_of_the_processors(
        environment, expected, monkeypatch):
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(11)), raising=False)
    assert blas_threads() == expected
    monkeypatch.delattr("os.sched_getaffinity")                # not every system tells a process's own
    monkeypatch.setattr("os.cpu_count", lambda: 11)
    assert blas_threads() == expected


def test_what_a_model_computes_with_and_may_change_is_named():
    class Counting(npvae.VAE):
        """A model of one's own: what is set on it may be computed with."""

    calls = []
    model = npvae.vae(6, (5,), 2)
    model.__class__ = Counting
    model.count = lambda: calls.append(1)
    unknown = []
    words = parts_in_words(model, unknown)
    assert unknown == ["calls"] and "<lambda>" in words["model"]
    assert parts_in_words(model) == words                      # a detector does not ask for names
    assert describe(model.count) == describe(model.count, unknown)


def test_an_array_of_objects_cannot_be_compared():
    unknown = []
    describe(np.array([{}, 1], dtype=object), unknown)
    assert unknown == ["ndarray"]
