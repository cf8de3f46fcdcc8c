"""All cores of one machine: Python threads, each of which works on rows of its own.

NumPy lets go of Python's lock while it computes, so threads with some hundred rows each share the
cores: in all that an evaluation does, where the threads of a matrix product share the product alone.
Meanwhile a product has one thread, or both kinds would stand in each other's way. That is asked of
the library of products by `threadpoolctl`, an optional extra; there are as many Python threads as it
had before. Without the extra there is one, and products have theirs.

What is worked on at a time does not depend on how many threads there are, and noise is drawn by the
caller alone, in one order. So the result is the same for any number of them, to the last bit.
"""

import contextlib
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from npvae.numerics import keep_freed_memory

try:
    from threadpoolctl import ThreadpoolController
except ImportError:
    ThreadpoolController = None

AHEAD = 2              # tasks for each thread that wait or are worked on: no more need memory
IN_USE = threading.Lock()                  # the number of threads of a product is one for all


@contextlib.contextmanager
def all_cores():
    """In its `with`, a function as `map`: run(function, inputs), on all cores.

    It yields function(*arguments) for each tuple of inputs, in their order. Inputs are read by the
    calling thread, a few ahead: what draws them may be a generator.
    """
    keep_freed_memory()
    if ThreadpoolController is None or not IN_USE.acquire(blocking=False):
        yield one_by_one
        return
    try:
        blas = ThreadpoolController().select(user_api="blas")
        n_threads = max((library["num_threads"] for library in blas.info()), default=1)
        with blas.limit(limits=1), ThreadPoolExecutor(n_threads) as pool:
            yield lambda function, inputs: side_by_side(pool, AHEAD * n_threads, function, inputs)
    finally:
        IN_USE.release()


def one_by_one(function, inputs):
    """function(*arguments) for each of inputs."""
    return (function(*arguments) for arguments in inputs)


def side_by_side(pool, n_ahead, function, inputs):
    """As `one_by_one`, by the threads of a pool, each under the caller's `np.errstate`."""
    def under(handling, call, arguments):
        with np.errstate(call=call, **handling):
            return function(*arguments)

    waiting = deque()
    try:
        for arguments in inputs:
            waiting.append(pool.submit(under, np.geterr(), np.geterrcall(), arguments))
            if len(waiting) == n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for task in waiting:               # one has failed, or nobody wants the others
            task.cancel()
