"""Schedules: a number as a function of time, for learning rates and for beta.

Time is counted in epochs, as a float: 2.5 is half way through the third epoch. So a
schedule means the same for any batch size. Their `repr` is how they are written, and
is noted in checkpoints.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from npvae.inputs import check_number, check_positive, check_type, pythons

ROUNDING = 1e-12           # of a quotient: 0.3 / 0.1 is a little less than 3


class Schedule:
    """What all schedules share: lengths are positive, a ramp is a part, and values at least 0."""

    def __post_init__(self):
        for name, value in list(vars(self).items()):
            if name in ("epochs", "every"):
                check_positive(value, name)
            elif name == "ramp":
                check_number(value, name, lambda v: 0 < v <= 1, "a number in (0, 1]")
            else:
                check_number(value, name, lambda v: 0 <= v < math.inf,
                             "a finite number of at least 0")
            object.__setattr__(self, name, pythons(value))


def check_schedule(value, name, expected="a schedule"):
    """Raise TypeError where value is no callable, or a class in place of one of its schedules."""
    if isinstance(value, type):
        raise TypeError(f"{name} is {value.__name__}, a class: {expected} was expected, such as "
                        f"{value.__name__}(...)")
    check_type(value, name, Callable, "a callable")


def value_at(schedule, epoch, name):
    """The value of any schedule, as a float; ValueError where it is no finite number of at least 0."""
    try:
        value = schedule(epoch)
    except OverflowError:                           # as Python raises of 10.0 ** 1000
        value = math.inf
    return check_number(value, f"{name}({epoch:g})", lambda v: 0 <= v < math.inf,
                        "a finite number of at least 0")


@dataclass(frozen=True)
class Constant(Schedule):
    """The same value at all times."""

    value: float

    def __call__(self, epoch):
        return self.value


@dataclass(frozen=True)
class StepDecay(Schedule):
    """value * factor^n after n * every epochs; `every` need not be a whole number."""

    value: float
    factor: float
    every: float

    def __call__(self, epoch):
        return self.value * self.factor ** math.floor(epoch / self.every + ROUNDING)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From value to end over so many epochs, along half a cosine; then it stays.

    References
    ----------
    Loshchilov and Hutter (2017), eq. 5, without restarts.
    """

    value: float
    epochs: float
    end: float = 0.0

    def __call__(self, epoch):
        fraction = min(epoch / self.epochs, 1.0)
        return self.end + 0.5 * (self.value - self.end) * (1.0 + math.cos(math.pi * fraction))


@dataclass(frozen=True)
class Linear(Schedule):
    """From start to end over so many epochs, the length of the ramp, along a line; then it stays.

    With beta from 0 to 1 this is KL annealing, introduced by Bowman et al. (2016): the
    reconstruction is learned first, and the code is not thrown away before the decoder
    can use it.
    """

    epochs: float
    start: float = 0.0
    end: float = 1.0

    def __call__(self, epoch):
        return self.start + (self.end - self.start) * min(epoch / self.epochs, 1.0)


@dataclass(frozen=True)
class Cyclical(Schedule):
    """From start to end in the first part of every cycle, and end for the rest of it.

    Parameters
    ----------
    epochs : float
        The length of a cycle.
    ramp : float
        The part of the cycle that the rise takes, in (0, 1].
    start, end : float
        The values at the foot and at the top of the rise; at least 0.

    References
    ----------
    Fu et al. (2019); their R is `ramp`.
    """

    epochs: float
    ramp: float = 0.5
    start: float = 0.0
    end: float = 1.0

    def __call__(self, epoch):
        cycles = epoch / self.epochs
        within = max(cycles - math.floor(cycles + ROUNDING), 0.0)
        return self.start + (self.end - self.start) * min(within / self.ramp, 1.0)
