"""What may be wrong with an argument, whatever it is, and with an array of numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trial.good import INF, NAN, X

ANYTHING = {
    "None": None, "True": True, "a text": "text", "no text": "", "bytes": b"12", "an object": object(),
    "a class": dict, "a function": len, "a module": np, "an empty list": [], "a list of texts": ["a"],
    "a list of a list": [[1], [2, 3]], "a dict": {"a": 1}, "a set": {1}, "nan": NAN, "inf": INF,
    "-inf": -INF, "-1": -1, "0.5": 0.5, "10**30": 10**30, "1j": 1j, "a seed": np.random.SeedSequence(1),
    "a date": np.datetime64("2020-01-01"), "an array of NaN": np.full(3, NAN),
    "an array of nothing": np.zeros((0, 6)), "an array of objects": np.array([None, {}]),
    "an array of texts": np.array(["a", "b"]), "an array of complex": np.ones(3, complex),
    "an array of dates": np.zeros(3, "M8[s]"), "an array of 4 axes": np.ones((2, 2, 2, 2)),
    "a number as array": np.array(0.5), "a masked array": np.ma.masked_array(X, X > 0.5),
}


@dataclass(frozen=True)
class Kind:
    """What a parameter is: those of ANYTHING that are good for it, and wrong values of its own.

    `own` is a function of the good value; `others` are good values that differ from it.
    """

    good: tuple = ()
    own: Callable = lambda good: {}
    others: tuple = ()

    def wrong(self, value):
        return {**{name: other for name, other in ANYTHING.items() if name not in self.good},
                **self.own(value)}


def also(**values):
    """Wrong values by their labels, the same for every good one."""
    return lambda good: values


def put(x, value, dtype=None):
    x = np.array(x, dtype or np.float64)
    x.flat[-1] = value
    return x


def of_an_array(x):
    """What may be wrong with an array of floats of a known shape."""
    x = np.asarray(x)
    masked = np.ma.masked_array(x, np.zeros(x.shape, bool))
    return {"a NaN within": put(x, NAN), "an infinity within": put(x, INF), "-inf within": put(x, -INF),
            "masked nowhere": masked, "rows masked": list(masked), "of objects": x.astype(object),
            "as texts": x.astype(str), "complex": x + 1j, "one axis more": x[None],
            "one axis less": x[0], "a column too many": np.concatenate([x, x], axis=-1),
            "a column too few": x[..., :-1], "no rows": x[:0], "no columns": x[..., :0],
            "as a set": set(x.flat), "rows of unequal lengths": [list(x[0]), list(x[0][:-1])]}


def rows_too(x):
    return {**of_an_array(x), "a row too few": x[:-1], "a row too many": np.concatenate([x, x[:1]]),
            "one row": x[:1]}


def of_any_width(x):
    return {name: wrong for name, wrong in of_an_array(x).items() if "column" not in name}


def of_a_vector(x):
    x = np.asarray(x, np.float64)
    return {"a NaN within": put(x, NAN), "an infinity within": put(x, INF), "one axis more": x[None],
            "a row too few": x[:-1], "no rows": x[:0], "as texts": x.astype(str), "complex": x + 1j,
            "masked nowhere": np.ma.masked_array(x, np.zeros(x.shape, bool))}


def pixels(x):
    return {**of_an_array(x), "0 to 255": (255 * x).astype(np.uint8), "below 0": x - 1}


def aligned_pixels(x):
    return {**rows_too(x), **pixels(x)}


def noise(eps):
    """Noise (K, B, J): its rows lie along its second axis."""
    return {**of_an_array(eps), "a row too few": eps[:, :-1], "one row": eps[:, :1],
            "a row too many": np.concatenate([eps, eps[:, :1]], axis=1)}


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x
