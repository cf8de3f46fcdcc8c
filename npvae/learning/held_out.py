"""The loss on held-out data; and what is presented of data, here and in training."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from npvae.door import as_condition, as_data, as_observed, check_model, filled
from npvae.inputs import as_array, as_batch, check_count, check_optional
from npvae.randomness import stream
from npvae.ranks import Ranks, ends_all
from npvae.threads import all_cores


class Terms(NamedTuple):
    """Means over a data set, in nats per x."""

    loss: float
    reconstruction: float
    kl: float

    @property
    def elbo(self):
        """-(reconstruction + kl): the evidence lower bound, where the cost is the KL."""
        return -(self.reconstruction + self.kl)


def presented(model, x, transform, rng, observed=None):
    """What the encoder is shown of a batch, and what is to be reconstructed of it: both with zeros
    where x is not observed."""
    n_batch = len(x)
    x = read_only(x)                          # it may be a view of the caller's own data
    if transform is not None:
        name = "what transform returned"
        x = as_data(model, filled(as_array(transform(x, rng), name), observed), name)
        check_rows_of(x, name, n_batch)
    if model.corrupt is None:
        return x, x
    x, name = read_only(x), "what corrupt returned"          # which need not be such data as x is
    shown = filled(as_array(model.corrupt(x, rng), name), observed)
    shown = as_batch(shown, name, model.n_data, model.parameters.dtype)
    check_rows_of(shown, name, n_batch)
    return shown, x


def check_rows_of(made, name, n_batch):
    if len(made) != n_batch:
        raise ValueError(f"{name} has {len(made)} rows: {n_batch} were expected")


def read_only(x):
    """A view of x that cannot be written to; x itself still can, by those who own it."""
    x = x.view()
    x.flags.writeable = False
    return x


@ends_all
def evaluate(model, x, *, condition=None, observed=None, transform=None, n_samples=1, seed=0,
             batch_size=500, communicator=None):
    """The loss and its two terms on a data set, with noise that follows from the seed.

    Parameters
    ----------
    model : VAE
    x : array (n, D)
    condition : array (n, C), optional
    observed : array (n, D), optional
        As in `fit`. The terms are those of what is observed.
    transform : callable, optional
        As in `fit`; it is given the same random numbers at every call.
    n_samples : int
        K, the samples of z for each x.
    seed : int
    batch_size : int
        How many x are worked on at a time, by each core. Memory grows with it. A loss of the batch as a
        whole (of `Capacity`, `FreeBits`, `MMD`, `DecomposedKL`) depends on it, in the mean; others do by
        their noise, where K > 1, or where a transform or the model's corruption draws, too.
    communicator : mpi4py.MPI.Comm, optional
        Share the work between the ranks of an MPI program, all of which call `evaluate` alike.

    Returns
    -------
    Terms
        loss, reconstruction and kl, in nats per x, averaged over x.
    """
    ranks = Ranks(communicator)
    check_model(model)
    x, observed = as_observed(model, x, observed)
    condition = as_condition(model, condition, len(x))
    check_optional(transform, "transform", Callable, "a callable")
    n_samples, batch_size = check_count(n_samples, "n_samples"), check_count(batch_size, "batch_size")
    starts = range(0, len(x), batch_size)
    mine = starts[ranks.share(len(starts))]

    def parts():
        """Of each part of x that is this rank's; the noise is drawn for all, in one order."""
        rng = stream(seed, "evaluate")
        for start in starts:
            rows = slice(start, start + batch_size)
            c, seen = (None if part is None else part[rows] for part in (condition, observed))
            batch, target = presented(model, x[rows], transform, rng, seen)
            eps = model.draw_noise(rng, len(batch), n_samples)
            if start in mine:             # a copy: either may be a buffer, which the next part is put in
                yield batch.copy(), target.copy(), eps, c, seen

    def terms(batch, target, eps, c, seen):
        loss, _ = model.forward(batch, eps, target=target, observed=seen, condition=c)
        return np.multiply(loss[:3], len(batch))

    with all_cores() as run:
        totals = ranks.together(list(run(terms, parts())))
    return Terms(*(sum(totals, np.zeros(3)) / len(x)).tolist())
