"""Where a training run stands: all that a checkpoint has to remember of it."""

import math
import re
from pathlib import Path

from npvae.files import remove_parts
from npvae.learning.checkpoints import load_into, objective_of, read, save

REMEMBERED = ("settings", "history", "best_loss", "stalled", "epoch", "step", "count", "totals",
              "seconds")


class Run:
    """The position, sums, history and best weights of a training run.

    Parameters
    ----------
    model : VAE
    optimizer : Optimizer
    settings : dict
        What the run was asked to do; a checkpoint made with other settings is refused.
    path : path-like or None
        Where checkpoints go; None for nowhere.
    patience : int or None
        See `fit`.
    """

    def __init__(self, model, optimizer, settings, path=None, patience=None):
        self.model, self.optimizer = model, optimizer
        self.settings = {name: describe(value) for name, value in settings.items()}
        self.path, self.patience = path, patience
        self.history = []
        self.best_loss, self.best_theta, self.stalled = math.inf, None, 0
        self.epoch = 0
        self._begin_epoch()
        optimizer.t, optimizer.state = 0, {}
        if path is not None:
            remove_parts(path)

    def _begin_epoch(self):
        self.step, self.count, self.totals, self.seconds = 0, 0, [0.0, 0.0, 0.0], 0.0

    def add(self, loss, batch_size):
        """One step is done: add its loss to the epoch's sums."""
        self.step += 1
        self.count += batch_size
        terms = (loss.value, loss.reconstruction, loss.kl)
        self.totals = [total + batch_size * term for total, term in zip(self.totals, terms)]

    def end_epoch(self, validation=None):
        """One epoch is done: append its row to the history, and return the row."""
        loss, reconstruction, kl = (total / self.count for total in self.totals)
        row = {"epoch": self.epoch + 1, "loss": loss, "reconstruction": reconstruction, "kl": kl}
        if validation is not None:
            row.update({f"val_{name}": value for name, value in validation._asdict().items()})
        row["seconds"] = self.seconds
        self.history.append(row)
        self.epoch += 1
        self._begin_epoch()
        if self.patience is not None:
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
        """Give the model its best weights, where they were noted."""
        if self.best_theta is not None:
            self.model.parameters.theta[...] = self.best_theta

    def save(self):
        """Write the checkpoint, if there is to be one."""
        if self.path is None:
            return
        numbers = {name: getattr(self, name) for name in REMEMBERED}
        arrays = {f"optimizer.{name}": v for name, v in self.optimizer.state.items()}
        if self.best_theta is not None:
            arrays["best_theta"] = self.best_theta
        save(self.path, self.model, {**numbers, "optimizer.t": self.optimizer.t}, arrays)

    def resume(self):
        """Go back to where the checkpoint stands; do nothing where there is none."""
        if not Path(self.path).exists():
            return
        header, arrays = read(self.path)
        numbers = header["training"]
        if not isinstance(numbers, dict) or not {"optimizer.t", *REMEMBERED} <= set(numbers):
            raise ValueError(f"{self.path} holds a model, but no training to resume")
        if header["version"] == 1:                  # its objectives had `analytic` for a cost
            numbers["settings"]["objective"] = describe(objective_of(header["objective"], self.model))
        for name, now in self.settings.items():
            then = numbers["settings"].get(name)
            if then != now:
                raise ValueError(f"{self.path} was trained with {name} = {then}, which is now "
                                 f"{now}: resume with the same settings, or start anew")
        load_into(self.path, self.model)
        moments = {name.removeprefix("optimizer."): vector
                   for name, vector in arrays.items() if name.startswith("optimizer.")}
        self.optimizer.restore(numbers["optimizer.t"], moments, header["version"])
        self.best_theta = arrays.get("best_theta")
        for name in REMEMBERED:
            setattr(self, name, numbers[name])


def describe(setting):
    """A setting as text or number, the same in every process (functions have addresses)."""
    if setting is None or isinstance(setting, (int, float, str)):
        return setting
    return re.sub(" at 0x[0-9a-f]+", "", repr(setting))
