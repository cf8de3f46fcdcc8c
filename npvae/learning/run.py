"""Where a training run stands: all that a checkpoint has to remember of it."""

import math
import warnings
from numbers import Real
from pathlib import Path

import numpy as np

from npvae.learning.checkpoints import load_into, objective_of, read, save
from npvae.learning.descriptions import blas_threads, describe, parts_in_words, same
from npvae.ranks import Ranks

REMEMBERED = ("settings", "history", "best_loss", "stalled", "epoch", "step", "count", "totals",
              "seconds")
MEANS = ("loss", "reconstruction", "kl", "beta")      # over an epoch; beta is missing in older files


class Run:
    """The position, sums, history and best weights of a training run.

    Parameters
    ----------
    model : VAE
    optimizer : Optimizer
    settings : dict
        What the run was asked to do, and its data; a checkpoint made with others, or with other
        parts of the model, is refused.
    path : path-like or None
        Where checkpoints go; None for nowhere.
    patience : int or None
        See `fit`.
    ranks : Ranks
        Those who share the run. Each has moments for its stretch of theta; the checkpoint has all.
    """

    def __init__(self, model, optimizer, settings, path=None, patience=None, ranks=Ranks(None)):
        self.model, self.optimizer, self.ranks = model, optimizer, ranks
        optimizer.t, optimizer.state = 0, {}
        self.path = None if path is None else Path(path).absolute()       # wherever a callback goes
        self.patience = patience
        self.settings, self.unknown = {}, {}
        if path is not None or ranks.size > 1:
            self._describe(settings)
        self.history = []
        self.best_loss, self.best_theta, self.stalled = math.inf, None, 0
        self.notes_best = patience is not None
        self.epoch = 0
        self._begin_epoch()

    def _describe(self, settings):
        for name, value in settings.items():
            self.unknown[name] = []
            self.settings[name] = describe(value, self.unknown[name])
        self.unknown["model"] = []
        self.settings.update(self._model_in_words(self.unknown["model"]))

    def _model_in_words(self, unknown=None):
        """What of the model, beside theta, a resumed run has to have again."""
        model = self.model
        return {"objective": describe(model.objective), "corrupt": describe(model.corrupt),
                **parts_in_words(model, unknown)}

    def call(self, callbacks):
        """Call them, on rank 0. What one makes of theta all ranks get; and where one has changed the
        model, a resumed run goes on from that."""
        model, ranks = self.model, self.ranks
        before = model.parameters.theta.copy()
        for callback in callbacks if ranks.rank == 0 else ():
            callback(model, self.history)
        ranks.copy_first(model.parameters.theta)
        if not self.settings:
            return
        words = self._model_in_words()
        ranks.agree(words)
        theta = model.parameters.theta
        changed = any(self.settings[name] != words[name] for name in words)
        if np.isfinite(theta).all() and (changed or not np.array_equal(theta, before)):
            self.settings.update(words)
            self.save()

    def _begin_epoch(self):
        self.step, self.count, self.totals, self.seconds = 0, 0, [0.0] * len(MEANS), 0.0

    def add(self, loss, batch_size, beta=1.0):
        """One step is done: add its loss, and the beta in it, to the epoch's sums."""
        self.step += 1
        self.count += batch_size
        terms = (loss.value, loss.reconstruction, loss.kl, beta)
        self.totals = [total + batch_size * term for total, term in zip(self.totals, terms)]

    def end_epoch(self, validation=None):
        """One epoch is done: append its row to the history, and return the row."""
        row = {"epoch": self.epoch + 1}
        row.update((name, total / self.count) for name, total in zip(MEANS, self.totals))
        if validation is not None:
            row.update({f"val_{name}": value for name, value in validation._asdict().items()})
        row["seconds"] = self.seconds
        self.history.append(row)
        self.epoch += 1
        self._begin_epoch()
        if self.notes_best and validation is not None:
            self._note(validation.loss)
        return row

    def _note(self, loss):
        if loss < self.best_loss:
            self.best_loss, self.best_theta = loss, self.model.parameters.theta.copy()
            self.stalled = 0
        else:
            self.stalled += 1

    def has_stalled(self):
        """True once the validation loss has not fallen for `patience` epochs."""
        return self.patience is not None and self.stalled >= self.patience

    def restore_best(self):
        """Give the model its best weights, where patience asked for them."""
        if self.patience is not None and self.best_theta is not None:
            self.model.parameters.theta[...] = self.best_theta

    def save(self):
        """Write the checkpoint, if there is to be one: rank 0, with the moments of all, who wait."""
        if self.path is None:
            return
        size = self.model.parameters.size
        moments = {name: self.ranks.whole(v, size) for name, v in self.optimizer.state.items()}
        if self.ranks.rank == 0:
            self._write(moments)
        self.ranks.wait()

    def _write(self, moments):
        training = {name: getattr(self, name) for name in REMEMBERED}
        training.update({"optimizer.t": self.optimizer.t, "blas_threads": blas_threads()})
        arrays = {f"optimizer.{name}": v for name, v in moments.items()}
        if self.best_theta is not None:
            arrays["best_theta"] = self.best_theta
        save(self.path, self.model, training, arrays)

    def resume(self):
        """Go back to where the checkpoint stands; do nothing where there is none."""
        if not Path(self.path).exists():
            return
        header, arrays = read(self.path)
        numbers = header["training"]
        if not isinstance(numbers, dict) or not {"optimizer.t", *REMEMBERED} <= set(numbers):
            raise ValueError(f"{self.path} holds a model, but no training to resume")
        try:
            check_training(numbers, arrays, self.optimizer.moments)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.path} holds a damaged training: {error}") from error
        if header["version"] == 1:                  # its objectives had `analytic` for a cost
            then = objective_of(header["objective"], self.model)
            numbers["settings"]["objective"] = describe(then)
        self._compare(numbers["settings"], header["version"])
        if self.patience is not None and numbers["epoch"] > 0 and "best_theta" not in arrays:
            raise ValueError(f"patience is {self.patience}, and {self.path} was trained without: its "
                             "best weights were not kept; resume without patience, or start anew")
        if numbers.get("blas_threads", blas_threads()) != blas_threads():
            warnings.warn(f"{self.path} was trained with {numbers['blas_threads']} BLAS threads, and "
                          f"there are {blas_threads()} now: the result may differ in its last bits",
                          stacklevel=3)
        load_into(self.path, self.model)
        stretch = self.ranks.share(self.model.parameters.size)
        moments = {name.removeprefix("optimizer."): vector[stretch].copy()
                   for name, vector in arrays.items() if name.startswith("optimizer.")}
        self.optimizer.restore(numbers["optimizer.t"], moments, header["version"])
        self.best_theta = arrays.get("best_theta")
        self.notes_best = self.notes_best or self.best_theta is not None
        for name in REMEMBERED:
            if name != "settings":
                setattr(self, name, numbers[name])

    def _compare(self, settings, version):
        """Raise where the settings of a checkpoint are not those of this run."""
        for name, now in self.settings.items():
            if version == 1 and name not in settings:  # it did not note so much
                continue
            then = settings.get(name)
            if not same(then, now, by_name=version == 1):
                raise ValueError(f"{self.path} was trained with {name} = {then}, which is now "
                                 f"{now}: resume with the same settings, or start anew")
        unknown = {name: names for name, names in self.unknown.items() if names}
        for name, names in unknown.items():
            warnings.warn(f"{name} has to do with {', '.join(names)}, which cannot be compared with "
                          f"what {self.path} was trained with", stacklevel=4)


def check_training(training, arrays, moments):
    """Raise where the state of a training is none: it may come from a forged file."""
    def check(good, name):
        if not good:
            raise ValueError(f"its {name} is {str(training.get(name, 'of another shape'))[:80]}")

    def is_number(value):
        return isinstance(value, Real) and not isinstance(value, bool)

    for name in ("stalled", "epoch", "step", "count", "optimizer.t"):
        check(type(training[name]) is int and 0 <= training[name] < 2**63, name)
    check(isinstance(training["settings"], dict), "settings")
    check(is_number(training["best_loss"]) and not math.isnan(training["best_loss"]), "best_loss")
    check(is_number(training["seconds"]) and 0 <= training["seconds"] < math.inf, "seconds")
    totals = training["totals"]
    check(isinstance(totals, list) and len(totals) in (3, 4) and all(map(is_number, totals))
          and all(map(math.isfinite, totals)), "totals")
    history = training["history"]
    check(isinstance(history, list) and len(history) == training["epoch"], "history")
    for row in history:
        check(isinstance(row, dict) and {"epoch", "loss", "reconstruction", "kl", "seconds"} <= set(row)
              and all(is_number(value) for name, value in row.items()
                      if name.removeprefix("val_") in ("epoch", "seconds", *MEANS)), "history")
    check((training["step"] == 0) == (training["count"] == 0), "count")
    found = {name for name in arrays if name.startswith("optimizer.")}
    for name in moments if training["optimizer.t"] > 0 else ():
        if f"optimizer.{name}" not in found:
            raise ValueError(f"it lacks optimizer.{name}")
    theta = arrays["theta"]
    for name in {*found, "best_theta"} & set(arrays):
        array = arrays[name]
        if array.shape != theta.shape or array.dtype != theta.dtype or not np.isfinite(array).all():
            raise ValueError(f"its {name} is {array.dtype} of shape {array.shape}: as many finite "
                             f"{theta.dtype} as there are parameters, {theta.shape}, were expected")
