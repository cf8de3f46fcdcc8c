"""Many processes, one model: a step that several ranks of an MPI program share.

    mpirun -n 4 python train.py          # with fit(..., communicator=MPI.COMM_WORLD)

Every rank has the whole model and the whole data. Of each batch it works on rows of its own, which
gives it a part of the gradient. The parts are summed, and each rank is left with one stretch of the
sum (*reduce-scatter*); its optimizer updates this stretch of theta, whose moments only it keeps; then
all stretches go to all ranks (*all-gather*). Two vectors as long as theta travel in a step, however
many ranks there are.

All ranks draw the same noise, for the whole batch, and each keeps that of its rows. So a run is the
same on any number of ranks, but for the order in which the gradient's parts are added.

The communicator is one of mpi4py, or any object with these of its methods.
"""

import functools
import math
import sys
import traceback

import numpy as np

METHODS = ("Get_rank", "Get_size", "Bcast", "Allreduce", "Reduce_scatter", "Allgatherv", "allgather",
           "Abort")


class Ranks:
    """What one rank has to know of the others; of a single one, nothing.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm or None
        None: there is one rank, and nothing is sent or copied.
    """

    def __init__(self, communicator):
        self.communicator, self.rank, self.size = communicator, 0, 1
        if communicator is not None:
            if isinstance(communicator, type) or not set(METHODS) <= set(dir(communicator)):
                raise TypeError(f"communicator is {communicator!r}: one of mpi4py was expected, such as "
                                "MPI.COMM_WORLD")
            self.rank, self.size = communicator.Get_rank(), communicator.Get_size()

    def share(self, n):
        """This rank's part of n things in a row, a slice: the parts differ by one at most."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def rows(self, n):
        """This rank's rows of a batch of n, and what part of the batch they are.

        Where there are fewer rows than ranks, a rank without any works on the first, which counts
        as 0 of the batch.
        """
        mine = self.share(n)
        if mine.start == mine.stop:
            return slice(0, 1), 0.0
        return mine, (mine.stop - mine.start) / n

    # ---- a step -----------------------------------------------------------------------------

    def summed(self, grad, weight):
        """This rank's stretch of the sum of weight * grad over the ranks; grad is written into."""
        if self.size == 1:
            return grad
        grad *= weight
        stretch = grad[self.share(grad.size)]
        found = np.empty_like(stretch)
        self.communicator.Reduce_scatter(grad, found, self._sizes(grad.size))
        stretch[...] = found
        return stretch

    def root(self, squares):
        """The root of a sum of squares, of which every rank has that of its stretch."""
        return math.sqrt(self._total([squares])[0])

    def spread(self, theta):
        """Each rank's stretch of a vector (P,), written into it, on all ranks."""
        if self.size > 1:
            mine = theta[self.share(theta.size)].copy()
            self.communicator.Allgatherv(mine, (theta, self._sizes(theta.size)))

    def mean(self, loss, weight):
        """The loss of the whole batch, of which every rank has that of its rows."""
        if self.size == 1:
            return loss
        terms = {name: weight * getattr(loss, name) for name in ("value", "reconstruction", "kl")}
        total = self._total([*terms.values()])
        return loss._replace(**dict(zip(terms, total.tolist())))

    def any(self, flag):
        """Whether the flag is set on any rank."""
        return bool(self._total([flag])[0])

    def wait(self):
        """Go on when all ranks have come here."""
        self.any(False)

    def _sizes(self, n):
        return [n * (rank + 1) // self.size - n * rank // self.size for rank in range(self.size)]

    def _total(self, numbers):
        """The sum over all ranks, in float64."""
        numbers = np.array(numbers, np.float64)
        if self.size == 1:
            return numbers
        total = np.empty_like(numbers)
        self.communicator.Allreduce(numbers, total)
        return total

    # ---- before, and after ------------------------------------------------------------------

    def begin(self, theta, settings):
        """Give all ranks the parameters of rank 0. Raise, on all, where their settings differ."""
        self.agree(settings)
        self.copy_first(theta)

    def agree(self, settings):
        """Raise, on all ranks, where their settings differ."""
        if self.size == 1:
            return
        found = self.communicator.allgather(settings)
        for rank, others in enumerate(found):
            for name, value in found[0].items():
                if others.get(name) != value:
                    raise ValueError(f"{name} is {value} on rank 0 and {others.get(name)} on rank "
                                     f"{rank}: the same was expected on all ranks")

    def copy_first(self, theta):
        """Give all ranks a vector of rank 0."""
        if self.size > 1:
            self.communicator.Bcast(theta)

    def whole(self, stretch, n):
        """The vector (n,) of which every rank has a stretch."""
        if self.size == 1:
            return stretch
        whole = np.empty(n, stretch.dtype)
        self.communicator.Allgatherv(stretch, (whole, self._sizes(n)))
        return whole

    def together(self, parts):
        """The lists of all ranks, one after the other."""
        if self.size == 1:
            return parts
        return [part for of_rank in self.communicator.allgather(parts) for part in of_rank]


def check_shared(objective, ranks):
    """Raise ValueError where a loss is no mean over x, of which each rank could have its part.

    What an objective of one's own does not say, in its `over_batch`, is not known.
    """
    over_batch = getattr(objective, "over_batch", None)
    if ranks.size > 1 and over_batch is not False:
        of = "is of the batch as a whole" if over_batch else "may be of the batch as a whole"
        raise ValueError(f"the objective is {objective}, whose loss {of}: on {ranks.size} ranks, a mean "
                         "over x of the loss of each was expected (over_batch = False says so)")


def ends_all(function):
    """For functions with a communicator: where one rank raises, all end.

    The others would wait for it, for ever. So the error is printed, and MPI ends the program, on all
    ranks, with status 1. (Not for KeyboardInterrupt, which all ranks raise.)
    """
    @functools.wraps(function)
    def guarded(*arguments, communicator=None, **options):
        try:
            return function(*arguments, communicator=communicator, **options)
        except (Exception, SystemExit):
            if communicator is not None and Ranks(communicator).size > 1:
                traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
                communicator.Abort(1)
            raise
    return guarded
