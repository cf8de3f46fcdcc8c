"""One epoch of MNIST, data handling included: seconds, and the peak memory of the process.

784-400-20, batch 128, Adam, 468 steps (60,000 images but for the last 96). Every competitor runs
in a process of its own, and the processes take turns. "start" is everything before: imports,
reading the data, building, compiling (one step). "epoch" shuffles the images, cuts them into
batches, and trains on them; all get their batches as NumPy arrays from one generator. "fit" is
`npvae.fit`, with its progress line off. "cpu" is the processors' own time in
the epoch. The peak is the largest resident set of the process.

    python benchmarks/epoch_and_memory.py [--threads 2] [--rounds 3] [--json FILE]
"""

import json
import os
import subprocess
import sys
import time

import numpy as np

import npvae
from competitors import build
from npvae.objectives import ELBO
from steps import Problem
from turns import arguments, setting, with_threads, write

EVERYBODY = ("fit", "npvae", "torch example", "torch best", "torch compiled", "jax", "autograd")
BATCH = 128


def one_epoch(name, start):
    """In a process of its own: seconds before, of the epoch, of its processors; peak MB. Or None."""
    import resource                               # POSIX only

    images = npvae.datasets.mnist().train_images
    images = images[:len(images) // BATCH * BATCH]
    model = npvae.vae()
    if name == "fit":
        train = lambda: npvae.fit(model, images, epochs=1, batch_size=BATCH, progress=False)
    else:
        competitors = build(Problem(model, images[:BATCH], 1, ELBO()), [name])
        if not competitors:
            return None
        competitors[0].run(1)
        train = lambda: competitors[0].train(batches(images))
    before = time.time() - start
    begun, worked = time.perf_counter(), time.process_time()
    train()
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return before, seconds, worked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def batches(images):
    """All images in a random order, a batch at a time."""
    order = np.random.default_rng(0).permutation(len(images))
    for rows in order.reshape(-1, BATCH):
        yield images[rows]


def main():
    parser = arguments(__doc__)
    parser.set_defaults(rounds=3)
    parser.add_argument("--competitors", nargs="+", default=EVERYBODY, metavar="NAME")
    parser.add_argument("--child", nargs=2, help="for the script's own use")
    asked = parser.parse_args()
    with_threads(asked.threads)
    if asked.child:
        return print(json.dumps(one_epoch(asked.child[0], float(asked.child[1]))))

    print(setting() + f"; {asked.rounds} rounds")
    runs = {name: [] for name in asked.competitors}
    for _ in range(asked.rounds):
        for name in runs:
            answer = subprocess.run(
                [sys.executable, os.path.abspath(__file__), "--threads", str(asked.threads),
                 "--child", name, str(time.time())], check=True, stdout=subprocess.PIPE, text=True)
            runs[name].append(json.loads(answer.stdout.splitlines()[-1]))
    runs = {name: np.array(run) for name, run in runs.items() if run[0] is not None}
    print(f"\n{'':15} {'start, s':>9} {'epoch, s':>9} {'fit / it':>9} {'cpu, s':>7} {'peak, MB':>9}")
    results = {}
    for name, run in runs.items():
        start, seconds, worked, memory = np.median(run, axis=0)
        ratio = np.median(runs["fit"][:, 1] / run[:, 1]) if "fit" in runs else np.nan
        results[name] = {"start": start, "epoch": seconds, "ratio": ratio,
                         "cpu": worked, "peak_mb": memory}
        print(f"{name:15} {start:9.2f} {seconds:9.2f} {ratio:9.2f} {worked:7.2f} {memory:9.0f}")
    write(asked.json, results)


if __name__ == "__main__":
    main()
