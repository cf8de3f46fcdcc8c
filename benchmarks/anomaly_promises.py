"""Do the thresholds of `fit_detector` keep their promise, on tables that nobody made up?

What is promised holds for any model, so it is looked at with many detectors that are hardly trained (20
steps): of each table in FOLDER (see anomaly_tables.py), by some seeds, from 60 and from 300 normal rows,
of which 20 and 60 are held out for the thresholds. Other normal rows, at most 1,000, are then scored.
Without a FOLDER the detectors are those of anomaly_tables.py's results, each trained in full, and it is
also told what a mixture of models gains on one of them, in the mean log p(x) of new normal rows.

For each quantile: the share of new normal rows that a detector promises to flag and the share that it
flags, means over the detectors, and of how many the number flagged is usual for what was promised.

    python benchmarks/anomaly_promises.py [FOLDER] [--seeds 5] [--results anomaly_tables.jsonl]
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import betabinom

from anomaly_tables import KNOWN, QUANTILES, known
from npvae.evaluation import fit_detector

SIZES = (60, 300)
ROWS_AT_MOST = 1000


def quick_detectors(folder, n_seeds):
    """What each hardly trained detector flags: dicts as anomaly_tables.py's `kept` has them."""
    rows = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            normal = file["X"][file["y"] == 0].astype(np.float64)
        for size in (size for size in SIZES if len(normal) >= 1.5 * size):
            for seed in range(n_seeds):
                x = np.random.default_rng(seed).permutation(normal)
                new = x[size:size + ROWS_AT_MOST]
                made = fit_detector(x[:size], n_steps=20, n_models=2, n_samples=5, seed=seed)
                scores = made.score(new)
                rows.append({"table": path.stem, "n_held_out": made.n_normal, "n_new": len(new),
                             "flagged": {str(q): int((scores > made.threshold(q)).sum())
                                         for q in QUANTILES}})
    return rows


def promises(rows, quantile):
    """Of each detector: the share promised, the share flagged, its standard deviation if the promise is
    kept, and whether the number flagged is usual, in the central 99 %: (detectors, 4).

    Of n held-out scores and as many new ones as one likes, all from one distribution, the share above
    the k-th of the n is drawn from Beta(n + 1 - k, k); so the number among n_new is beta-binomial.
    """
    found = []
    for row in rows:
        if str(quantile) in row.get("flagged", ()):
            n, n_new, count = row["n_held_out"], row["n_new"], row["flagged"][str(quantile)]
            k = int(np.ceil(round(quantile * (n + 1), 9)))             # as in AnomalyDetector.threshold
            law = betabinom(n_new, n + 1 - k, k)
            usual = min(law.cdf(count), law.sf(count - 1)) > 0.005
            found.append([(n + 1 - k) / (n + 1), count / n_new, law.std() / n_new, usual])
    return np.array(found)


def gains(rows):
    """What the mixture has more than one model, log p(x) in nats: the mean over seeds of each table."""
    of = {}
    for row in rows:
        if "log_p" in row:
            of.setdefault(row["table"], []).append(row["log_p"] - row["log_p_of_one"])
    return {table: float(np.mean(values)) for table, values in of.items()}


def report(rows):
    print("held out  quantile  detectors  promised  flagged           usual")
    for n in sorted({row["n_held_out"] for row in rows if "flagged" in row}):
        for quantile in QUANTILES:
            found = promises([row for row in rows if row.get("n_held_out") == n], quantile)
            if len(found):
                promised, flagged, deviation, usual = found.T
                error = np.sqrt((deviation**2).sum()) / len(deviation)
                print(f"{n:8} {quantile:9} {len(usual):10} {promised.mean():9.4f} {flagged.mean():8.4f} "
                      f"± {error:.4f} {int(usual.sum()):4} of {len(usual)}")
    gain = gains(rows)
    if gain:
        least = min(gain, key=gain.get)
        print(f"\nlog p(x) of new normal rows, the mixture's less one model's, {len(gain)} tables: mean "
              f"{np.mean([*gain.values()]):.2f} nats, median {np.median([*gain.values()]):.2f}, least "
              f"{gain[least]:.3f} ({least})")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=KNOWN)
    asked = parser.parse_args(arguments)
    report(quick_detectors(asked.folder, asked.seeds) if asked.folder else known(asked.results))


if __name__ == "__main__":
    main()
