"""Do the thresholds of `fit_detector` keep their promise, on tables that nobody made up?

By the results of anomaly_tables.py: for each quantile the share of new normal rows that a detector
promises to flag and the share that it flags, means over all tables and seeds; and of how many detectors
the number flagged is usual for what was promised. Also what a mixture of models gains on one of them, in
the mean log p(x) of new normal rows.

    python benchmarks/anomaly_promises.py [--results anomaly_tables.jsonl]
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import betabinom

from anomaly_tables import KNOWN, QUANTILES, known


def is_usual(count, n_new, n, k):
    """Whether `count` of n_new rows lies in the central 99 % of its distribution.

    Of n held-out scores and as many new ones as one likes, all from one distribution, the share above
    the k-th of the n is drawn from Beta(n + 1 - k, k); so the number among n_new is beta-binomial.
    """
    law = betabinom(n_new, n + 1 - k, k)
    return min(law.cdf(count), law.sf(count - 1)) > 0.005


def promises(rows, quantile):
    """Of each detector: the share promised, the share flagged, its standard error, and whether it is
    usual: (detectors, 4)."""
    found = []
    for row in rows:
        if str(quantile) in row.get("flagged", ()):
            n, n_new, count = row["n_held_out"], row["n_new"], row["flagged"][str(quantile)]
            k = int(np.ceil(round(quantile * (n + 1), 9)))             # as in AnomalyDetector.threshold
            deviation = betabinom(n_new, n + 1 - k, k).std() / n_new
            found.append([(n + 1 - k) / (n + 1), count / n_new, deviation, is_usual(count, n_new, n, k)])
    return np.array(found)


def gains(rows):
    """What the mixture has more than one model, log p(x) in nats: the mean over seeds of each table."""
    of = {}
    for row in rows:
        if "log_p" in row:
            of.setdefault(row["table"], []).append(row["log_p"] - row["log_p_of_one"])
    return {table: float(np.mean(values)) for table, values in of.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=KNOWN)
    rows = known(parser.parse_args(arguments).results)
    print("quantile  detectors  promised  flagged           usual")
    for quantile in QUANTILES:
        promised, flagged, deviation, usual = promises(rows, quantile).T
        error = np.sqrt((deviation**2).sum()) / len(deviation)
        print(f"{quantile:8} {len(usual):10} {promised.mean():9.4f} {flagged.mean():8.4f} ± {error:.4f} "
              f"{int(usual.sum()):4} of {len(usual)}")
    gain = gains(rows)
    least = min(gain, key=gain.get)
    print(f"\nlog p(x) of new normal rows, the mixture's less one model's, {len(gain)} tables: mean "
          f"{np.mean([*gain.values()]):.2f} nats, median {np.median([*gain.values()]):.2f}, least "
          f"{gain[least]:.3f} ({least})")


if __name__ == "__main__":
    main()
