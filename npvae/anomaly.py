"""Anomalies in a table of your own, from a terminal.

    python -m npvae.anomaly fit rows.csv --out detector.npz
    python -m npvae.anomaly score new.csv --detector detector.npz

`fit` takes rows that are normal (.csv or .npy); it writes over an earlier detector, and over no other
file. `score` prints a line for each new row, as CSV: its number, its score (-log p of the standardized
row in nats, higher is odder), 1 where it is flagged, and the column that adds most to the score. Columns
count from 1; where both files name them, the names are compared. Its --quantile of 0.99 asks for 495
normal rows.
"""

import argparse
import os
import sys
from pathlib import Path

from npvae.datasets.csv_files import DELIMITERS
from npvae.datasets.tables import read_named_table
from npvae.evaluation import fit_detector, load_detector
from npvae.evaluation.anomaly import largest_quantile


def parser():
    asked = argparse.ArgumentParser(prog="python -m npvae.anomaly", description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = asked.add_subparsers(required=True, metavar="fit|score")
    fit = commands.add_parser("fit", help="make a detector of normal rows")
    fit.add_argument("--out", default="detector.npz", help="the file to write [%(default)s]")
    fit.add_argument("--steps", type=int, default=3000, help="of training, at most [%(default)s]")
    fit.add_argument("--seed", type=int, default=0)
    fit.set_defaults(run=run_fit)
    score = commands.add_parser("score", help="score new rows")
    score.add_argument("--detector", default="detector.npz", help="the file of `fit` [%(default)s]")
    score.add_argument("--quantile", type=float, default=0.99,
                       help="the share of normal rows to be passed [%(default)s]")
    score.set_defaults(run=run_score)
    for command in (fit, score):
        command.add_argument("rows", help="a .csv or .npy file, one row a line")
        command.add_argument("--header", action=argparse.BooleanOptionalAction, default=None,
                             help="whether the first line of a .csv file names the columns")
        command.add_argument("--delimiter", choices=DELIMITERS, help="between columns of a .csv file")
    return asked


def run_fit(asked):
    if not Path(asked.out).parent.is_dir():
        raise FileNotFoundError(f"--out is {asked.out}: its folder does not exist")
    if Path(asked.out).is_dir():
        raise IsADirectoryError(f"--out is {asked.out}, which is a folder: a file was expected")
    if Path(asked.out).exists():
        check_detectors(asked.out)
    rows, names = read_named_table(asked.rows, asked.header, asked.delimiter)
    detector = fit_detector(rows, n_steps=asked.steps, seed=asked.seed)
    detector.names = names
    detector.save(asked.out)
    n, held_out = len(rows), detector.n_normal
    print(f"{asked.out}: {n - held_out} rows of {rows.shape[1]} columns trained on, {held_out} held out "
          f"for thresholds, which can promise a quantile of up to {largest_quantile(held_out)}")


def check_detectors(path):
    """Raise FileExistsError where a file that is none of `fit` would be written over."""
    try:
        load_detector(path)
    except (OSError, TypeError, ValueError) as error:
        raise FileExistsError(f"--out is {path}, which exists and is no detector's file ({error}): "
                              "another name was expected") from error


def run_score(asked):
    detector = load_detector(asked.detector)
    rows, names = read_named_table(asked.rows, asked.header, asked.delimiter)
    n_columns = detector.models[0].n_data
    if rows.shape[1] != n_columns:
        raise ValueError(f"{asked.rows} has {rows.shape[1]} columns: {n_columns} were expected, as in "
                         f"the rows that {asked.detector} was made of")
    for i, (name, known) in enumerate(zip(names or (), detector.names or ()), start=1):
        if name != known:
            raise ValueError(f"{asked.rows} names its column {i} {name!r}: {known!r} was expected, "
                             f"as in the rows that {asked.detector} was made of")
    threshold = detector.threshold(asked.quantile)
    columns = detector.contributions(rows).columns.argmax(axis=1) + 1
    print("row,score,flagged,column")
    for number, (score, column) in enumerate(zip(detector.score(rows), columns), start=1):
        print(f"{number},{score:.6g},{int(score > threshold)},{column}")


def main(arguments=None):
    """Exit with 0, or with 2 and what was wrong with a file or an argument."""
    asked = parser().parse_args(arguments)
    try:
        asked.run(asked)
    except BrokenPipeError:                      # whoever read this has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, TypeError, ValueError) as error:
        print(f"{parser().prog}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
