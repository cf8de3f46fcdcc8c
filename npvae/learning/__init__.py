"""Training: optimizers, schedules, the loop, and checkpoints."""

from npvae.learning import schedules
from npvae.learning.checkpoints import load, load_into, save
from npvae.learning.held_out import Terms, evaluate
from npvae.learning.optimizers import SGD, Adagrad, Adam, clip_by_norm
from npvae.learning.training import fit

__all__ = ["fit", "evaluate", "Terms", "SGD", "Adagrad", "Adam", "clip_by_norm", "schedules",
           "save", "load", "load_into"]
