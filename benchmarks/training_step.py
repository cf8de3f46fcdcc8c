"""How long is a training step here, and elsewhere? A table of ratios for each size.

A step is noise, forward, backward and Adam, on one batch. The competitors start from the same
weights, must agree on loss and gradient, and then take turns; a ratio is npvae's time over
theirs in the same turn, so below 1 npvae is the faster. "products" are the step's matrix
products alone, and "control" is the same again: where products / control strays from 1, or the
quartiles of a ratio lie far apart, the machine was too busy to measure. With one thread the
processor's own time ("cpu"), which does not count the others' work, is the steadier ratio.

    python benchmarks/training_step.py [--threads 1] [--only dense] [--json FILE]
"""

import numpy as np

from competitors import agree, build, summary
from steps import problems
from turns import arguments, setting, take_turns, with_threads, write

EVERYBODY = ("npvae", "torch example", "torch best", "torch compiled", "jax", "autograd",
             "products", "control")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=("dense", "iwae", "small", "conv"))
    parser.add_argument("--competitors", nargs="+", default=EVERYBODY, metavar="NAME")
    asked = parser.parse_args()
    with_threads(asked.threads)

    print(setting())
    results = {}
    for group, name, problem in problems():
        if asked.only not in (None, group):
            continue
        competitors = build(problem, asked.competitors)
        agree(competitors, problem)
        times = take_turns(competitors, asked.rounds)
        results[name] = rows = summary(times)
        print(f"\n{name}\n  {'':15} {'ms':>8} {'npvae / it':>11} {'quartiles':>13} "
              f"{'cpu ms':>8} {'by cpu':>7}")
        for row in rows:
            low, high = row["ratio_quartiles"]
            print(f"  {row['name']:15} {row['ms']:8.3f} {row['ratio']:11.2f} {low:6.2f} {high:6.2f}"
                  f" {row['cpu_ms']:8.3f} {row['cpu_ratio']:7.2f}", flush=True)
        if "control" in times:
            noise = times["products"][:, 0] / times["control"][:, 0]
            print("  products / control: %.2f, quartiles %.2f to %.2f"
                  % tuple(np.quantile(noise, [0.5, 0.25, 0.75])))
        write(asked.json, results)


if __name__ == "__main__":
    main()
