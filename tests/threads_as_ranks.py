"""Ranks that are threads of one process: what `npvae.ranks` asks of MPI, for tests without it.

    together(3, work)      # [work(rank 0's communicator), work(rank 1's), work(rank 2's)]
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Aborted(Exception):
    """What all ranks get when one has called Abort."""


class Room:
    """Where the ranks meet: each leaves what it has, waits for all, and looks at what they left."""

    def __init__(self, size):
        self.size, self.barrier, self.table = size, threading.Barrier(size), [None] * size

    def exchange(self, rank, what):
        try:
            self.table[rank] = what
            self.barrier.wait(60)
            found = list(self.table)
            self.barrier.wait(60)
            return found
        except threading.BrokenBarrierError:
            raise Aborted("another rank has ended all") from None


class Communicator:
    """One rank's, with the methods of mpi4py that npvae uses, in mpi4py's order of arguments."""

    def __init__(self, rank, room):
        self.rank, self.room, self.traffic = rank, room, []

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.room.size

    def _exchange(self, method, what):
        self.traffic.append(method)
        return self.room.exchange(self.rank, what)

    def allgather(self, what):
        return self._exchange("allgather", what)

    def Bcast(self, buffer):
        buffer[...] = self._exchange("Bcast", buffer.copy())[0]

    def Allreduce(self, mine, out):
        out[...] = sum(self._exchange("Allreduce", mine.copy()))

    def Reduce_scatter(self, mine, out, counts):
        assert sum(counts) == mine.size and counts[self.rank] == out.size
        total = sum(self._exchange("Reduce_scatter", mine.copy()))
        start = sum(counts[:self.rank])
        out[...] = total[start:start + out.size]

    def Allgatherv(self, mine, out):
        out, counts = out
        parts = self._exchange("Allgatherv", mine.copy())
        assert [part.size for part in parts] == list(counts)
        out[...] = np.concatenate(parts)

    def Abort(self, status):
        assert status == 1
        self.traffic.append("Abort")
        self.room.barrier.abort()


def alone():
    """The communicator of a single rank."""
    return Communicator(0, Room(1))


def together(size, work):
    """work(communicator) on so many ranks; what each returns, or what the first of them raised."""
    room = Room(size)
    communicators = [Communicator(rank, room) for rank in range(size)]
    with ThreadPoolExecutor(size) as pool:
        running = [pool.submit(work, communicator) for communicator in communicators]
        errors = [task.exception() for task in running]
    own = [error for error in errors if error is not None and not isinstance(error, Aborted)]
    for error in own or filter(None, errors):
        raise error
    return [task.result() for task in running]
