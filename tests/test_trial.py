"""Thousands of wrong calls, generated from the signatures: see `trial`."""

import inspect
import itertools
import warnings

import numpy as np
import pytest

import npvae
from helpers import NUMPY_1
from npvae import networks
from trial import outcomes
from trial.good import GOOD
from trial.members import members
from trial.outcomes import (numbers_of_numpys, outcome, pairs_of_options, run, table, unknown,
                            wrong_calls)


def test_the_trial_knows_every_member_and_every_parameter():
    assert not unknown(), "\n".join(["", *unknown()])


def test_what_is_new_is_missed(monkeypatch):
    def guess(model, colour):
        """A member of which the trial knows nothing."""

    guess.__module__ = npvae.numerics.__name__
    monkeypatch.setattr(npvae.numerics, "guess", guess, raising=False)
    assert unknown() == ["no good call of numerics.guess: add one to GOOD"]
    monkeypatch.setitem(GOOD, "numerics.guess", lambda folder: {"model": 1})
    assert unknown() == ["nothing is known of colour in numerics.guess: add its kind to KINDS",
                         "the good call of numerics.guess lacks colour"]


def refuses(n):
    raise ValueError(f"n is {n}: an integer of at least 1 was expected")


def refuses_something(n):
    raise ValueError("invalid value")


def names_it_in_another_word(n):
    raise ValueError("an n_other is wrong")


def breaks(n):
    return n.n


def warns(n):
    warnings.warn("n is odd", RuntimeWarning)


@pytest.mark.parametrize("function, verdict", [
    (refuses, "refused"), (refuses_something, "obscure"), (names_it_in_another_word, "obscure"),
    (breaks, "obscure"), (warns, "obscure"), (lambda n: n, "silent")])
def test_outcomes_are_told_apart(function, verdict):
    assert outcome(function, {"n": 2.5}, ["n"])[0] == verdict


def test_a_call_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(outcomes, "SECONDS", 0.05)
    verdict, words, _ = outcome(lambda n: all(i >= 0 for i in itertools.count()), {"n": 1}, ["n"])
    assert verdict == "obscure" and words == "TimeoutError: not done after 0.05 s"


def test_a_wrong_value_that_is_used_is_silent(monkeypatch, tmp_path):
    monkeypatch.setitem(GOOD, "networks.First", lambda folder: {"n": 2})
    verdicts = {trial.what: trial.verdict for trial in wrong_calls("networks.First", networks.First,
                                                                   tmp_path)}
    assert set(verdicts.values()) == {"refused"} and len(verdicts) > 30
    verdicts = {trial.what: trial.verdict for trial in wrong_calls("networks.First", lambda n: n,
                                                                   tmp_path)}
    assert set(verdicts.values()) == {"silent"}


@pytest.mark.parametrize("function, silent", [
    (lambda beta, free: (beta, free), 0),
    (lambda beta, free: beta, 1),                               # free is not used at all
    (lambda beta, free: (beta, free) if beta < 1 else beta, 1),     # nor where beta is another
    (lambda beta, free: np.full(2, np.nan), 3)])
def test_an_option_that_is_ignored_is_silent(monkeypatch, tmp_path, function, silent):
    monkeypatch.setitem(GOOD, "f", lambda folder: {"beta": 0.5, "free": 0.1})
    trials = list(pairs_of_options("f", function, tmp_path))
    assert sum(trial.verdict in ("silent", "obscure") for trial in trials) == min(silent, len(trials))


@pytest.mark.parametrize("function, wrong", [
    (lambda n, p: int(n) * float(p), set()),
    pytest.param(lambda n, p: (2 * n, float(p)), {"n=int8(100)", "n=uint8(100)", "n=int64(100)"},
                 marks=pytest.mark.skipif(NUMPY_1, reason="NumPy 1 widens a number beside Python's")),
    pytest.param(lambda n, p: (int(n), np.float32(1) * p), {"p=float64(0.5)"},
                 marks=pytest.mark.skipif(NUMPY_1, reason="NumPy 1 widens any number"))])
def test_a_number_that_is_another_as_numpys_is_silent(monkeypatch, tmp_path, function, wrong):
    monkeypatch.setitem(GOOD, "f", lambda folder: {"n": 100, "p": 0.5})
    trials = list(numbers_of_numpys("f", function, tmp_path))
    assert len(trials) == 4 and {trial.what for trial in trials if trial.verdict != "used"} == wrong


@pytest.mark.parametrize("name", members())
def test_an_object_and_a_nan_are_refused_by_name_wherever_they_come_in(name, tmp_path):
    labels = ("an object", "nan", "a NaN within", "a_list")
    trials = list(wrong_calls(name, members()[name], tmp_path, labels))
    bad = [str(trial) for trial in trials if trial.verdict != "refused"]
    assert not bad, "\n".join(bad)


@pytest.mark.slow
def test_every_wrong_call_is_refused_by_name_and_no_option_is_ignored():
    trials = run()
    print(table(trials))
    taking = {name for name, value in members().items()
              if {*inspect.signature(value).parameters} - {"self"}}
    assert len(trials) > 2000 and {trial.member for trial in trials} == taking
    bad = [str(trial) for trial in trials if trial.verdict in ("obscure", "silent")]
    assert not bad, "\n".join([f"{len(bad)} of {len(trials)}", *bad, table(trials)])
