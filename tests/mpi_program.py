"""A training on the ranks of an MPI program, for `test_mpi`: its options are its argument, in JSON."""

import json
import sys
import time

import numpy as np
from mpi4py import MPI

import npvae

RANK = MPI.COMM_WORLD.Get_rank()
X = np.random.default_rng(0).random((230, 20))


class Slowly:
    """A transform that takes its time, so that there is some to be interrupted in; and that may fail
    in the second epoch, by name. It is described alike on all ranks."""

    def __init__(self, seconds, fails):
        self.seconds, self.fails, self.calls = seconds, fails, 0

    def __repr__(self):
        return "Slowly()"

    def __call__(self, x, rng):
        time.sleep(self.seconds)
        self.calls += 1
        if self.calls > 7 and self.fails:
            raise OSError(f"the disk of {self.fails} is gone")
        return x


def main(out, checkpoint=None, resume=False, epochs=3, seconds=0.0, fails_on=None):
    fails = f"rank {RANK}" if RANK == fails_on else None
    model = npvae.vae(20, (16, 12), 3, seed=1).astype(np.float64)
    history = npvae.fit(model, X, epochs=epochs, batch_size=50, n_samples=2, clip_norm=5.0, seed=4,
                        validation=X[:80], transform=Slowly(seconds, fails), checkpoint=checkpoint,
                        resume=resume, communicator=MPI.COMM_WORLD)
    evidence = npvae.evaluation.log_evidence(model, X[:40], np.random.default_rng(2), 500,
                                             communicator=MPI.COMM_WORLD)
    if RANK == 0:
        np.savez(out, theta=model.parameters.theta, log_px=evidence.log_px,
                 loss=[row["val_loss"] for row in history])


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
