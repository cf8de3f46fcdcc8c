"""Anomaly detection on tables with labels: npvae beside what is in use.

FOLDER holds .npz files, each with X (n, D) and y (n,), which is 1 for an anomaly. For each seed, half
of the normal rows, drawn at random, are trained on; the other half and all anomalies are scored.
Columns are put on one scale by the training rows. Nobody sees a label but the areas: choices (of the
detector's model, of the mixture's components) are made by held-out normal rows. The others have the
settings that their library gives them, but that PCA keeps nine tenths of the variance, and that 1e-3 is
added to the mixture's covariances. Of either part no more than 20,000 rows are taken.

Of `fit_detector` it is also noted how many new normal rows its thresholds flag, and their mean log p(x)
under its mixture and under one of its models: see anomaly_promises.py.

scikit-learn and PyOD (with PyTorch) are optional: what is not installed stays out. Each result is a
line of --results as soon as it is known, and is not computed again. Of all that are known, in
results/anomaly_tables.jsonl, the report and the figure are made without a FOLDER.

    python benchmarks/anomaly_tables.py [FOLDER] [--results anomaly_tables.jsonl] [--only npvae kNN]
"""

import argparse
import itertools
import json
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import rankdata

import npvae
from npvae import datasets, evaluation
from npvae.plots import BLUE, GREY, ORANGE
from turns import setting

KNOWN = Path(__file__).parent / "results" / "anomaly_tables.jsonl"
QUANTILES = (0.5, 0.8, 0.9, 0.95)
ROWS_AT_MOST = 20_000                    # of either part: a kernel's and a neighbour's cost grows fast


# ---- the competitors: of training rows and a seed, a function of rows: higher is odder ---------

def detector(x, seed):
    """`fit_detector` as it comes."""
    return evaluation.fit_detector(x, seed=seed).score


def one_model(x, seed):
    """The same without the mixture: its first member."""
    return evaluation.fit_detector(x, n_models=1, seed=seed).score


def plain_vae(x, seed):
    """One VAE of one variance for all columns, and -ELBO: trained on all rows, nothing chosen."""
    model = npvae.vae(x.shape[1], (64, 64), 8, likelihood="tied_gaussian", variance=0.1,
                      activation="tanh", seed=seed)
    epochs = max(1, round(2000 / np.ceil(len(x) / 100)))
    npvae.fit(model, x, epochs=epochs, batch_size=100, seed=seed, progress=False,
              learning_rate=npvae.schedules.Cosine(3e-3, epochs))
    return evaluation.AnomalyDetector(model, x).score


def neighbours(x, seed):
    """The distance to the fifth nearest neighbour."""
    from sklearn.neighbors import NearestNeighbors
    tree = NearestNeighbors(n_neighbors=5).fit(x)
    return lambda rows: tree.kneighbors(rows)[0][:, -1]


def local_outlier_factor(x, seed):
    from sklearn.neighbors import LocalOutlierFactor
    n_neighbors = min(20, len(x) - 1)
    model = LocalOutlierFactor(n_neighbors=n_neighbors, novelty=True).fit(x)
    return lambda rows: -model.score_samples(rows)


def isolation_forest(x, seed):
    from sklearn.ensemble import IsolationForest
    model = IsolationForest(random_state=seed).fit(x)
    return lambda rows: -model.score_samples(rows)


def one_class_svm(x, seed):
    from sklearn.svm import OneClassSVM
    model = OneClassSVM().fit(x)
    return lambda rows: -model.score_samples(rows)


def gaussian_mixture(x, seed):
    """Its components are chosen by the likelihood of a fifth of the rows; then all are fitted."""
    from sklearn.mixture import GaussianMixture
    n_held_out = max(1, len(x) // 5)

    def mixture(n):
        return GaussianMixture(n, reg_covar=1e-3, random_state=seed)
    best = max((n for n in (1, 2, 4, 8, 16) if n < len(x) // 5),
               key=lambda n: mixture(n).fit(x[n_held_out:]).score(x[:n_held_out]))
    model = mixture(best).fit(x)
    return lambda rows: -model.score_samples(rows)


def principal_components(x, seed):
    """The squared error of a reconstruction that keeps nine tenths of the variance."""
    from sklearn.decomposition import PCA
    model = PCA(0.9, svd_solver="full").fit(x)
    return lambda rows: ((rows - model.inverse_transform(model.transform(rows)))**2).sum(axis=1)


def of_pyod(name, module):
    def fitted(x, seed):
        import importlib

        import torch
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        kind = getattr(importlib.import_module(f"pyod.models.{module}"), name)
        more = {"n_features": x.shape[1]} if name == "DeepSVDD" else {}
        model = kind(random_state=seed, verbose=0, **more).fit(x)
        return model.decision_function
    return fitted


METHODS = {"npvae": (detector, "npvae"), "npvae, one model": (one_model, "npvae"),
           "npvae, one plain VAE": (plain_vae, "npvae"),
           "kNN": (neighbours, "sklearn"), "LOF": (local_outlier_factor, "sklearn"),
           "isolation forest": (isolation_forest, "sklearn"),
           "one-class SVM": (one_class_svm, "sklearn"),
           "Gaussian mixture": (gaussian_mixture, "sklearn"), "PCA": (principal_components, "sklearn"),
           **{f"PyOD, {name}": (of_pyod(name, module), "pyod") for name, module in
              (("AutoEncoder", "auto_encoder"), ("VAE", "vae"), ("DeepSVDD", "deep_svdd"))}}


# ---- the protocol -----------------------------------------------------------------------------

def split(X, y, seed):
    """Training rows, rows to be scored, and their labels: by the seed alone."""
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(y == 0))
    train, rest = np.split(normal, [len(normal) // 2])
    test = np.concatenate([rest, np.flatnonzero(y)])
    if len(test) > ROWS_AT_MOST:
        test = rng.permutation(test)[:ROWS_AT_MOST]
    x = X[train[:ROWS_AT_MOST]].astype(np.float64)
    standardize = datasets.standardizer_of(x)
    return standardize(x), standardize(X[test]), y[test] == 1


def measure(fit, x, rows, labels, seed):
    """Area, average precision, and the seconds of fitting and of scoring."""
    start = time.perf_counter()
    score = fit(x, seed)
    fitted = time.perf_counter()
    scores = np.asarray(score(rows), np.float64)
    done = time.perf_counter()
    found = {"area": evaluation.roc_auc(scores, labels), "seconds_to_fit": fitted - start,
             "average_precision": evaluation.average_precision(scores, labels),
             "seconds_to_score": done - fitted}
    if fit is detector:
        found.update(kept(score.__self__, rows[~labels], scores[~labels]))
    return found


def kept(made, rows, scores):
    """What a detector does with new normal rows: how many it flags at each quantile that it can promise,
    and log p(x) of at most 2,000 of them, under the mixture and in the mean over its models."""
    n, few = made.n_normal, rows[:2000]
    flagged = {str(q): int((scores > made.threshold(q)).sum()) for q in QUANTILES if q <= n / (n + 1)}
    by_each = [evaluation.AnomalyDetector(model, few[:2], made.kind, made.n_samples, made.standardizer,
                                          made.seed).score(few).mean() for model in made.models]
    return {"n_held_out": n, "n_new": len(scores), "flagged": flagged,
            "log_p": -scores[:2000].mean(), "log_p_of_one": -np.mean(by_each)}


def known(results):
    """The lines of a file of results."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def run(folder, results, n_seeds, only):
    """Every table, seed and method that `results` has not yet, one line each; all lines."""
    rows = known(results)
    done = {(row["table"], row["seed"], row["method"]) for row in rows}
    for seed, path in itertools.product(range(n_seeds), sorted(folder.glob("*.npz"))):
        with np.load(path) as file:
            x, test, labels = split(file["X"], file["y"], seed)
        for name, (fit, package) in METHODS.items():
            key = (path.stem, seed, name)
            if key in done or only and name not in only or not find_spec(package):
                continue
            row = dict(zip(("table", "seed", "method"), key), **measure(fit, x, test, labels, seed))
            rows.append(row)
            with open(results, "a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{path.stem:24} seed {seed}  {name:22} area {row['area']:.3f}", flush=True)
    return rows


# ---- what came out ----------------------------------------------------------------------------

NUMBERS = ("area", "average_precision", "seconds_to_fit", "seconds_to_score")


def summary(rows):
    """Of the tables that all methods have: their names, and for each method an array (tables, seeds, 4):
    area, average precision, seconds to fit and to score. NaN where a method has not been run."""
    methods = [name for name in METHODS if any(row["method"] == name for row in rows)]
    n_seeds = max(row["seed"] for row in rows) + 1
    of = {(row["table"], row["method"], row["seed"]): [row.get(name, np.nan) for name in NUMBERS]
          for row in rows}
    known = {(table, method) for table, method, _ in of}
    tables = [t for t in sorted({row["table"] for row in rows}) if all((t, m) in known for m in methods)]
    return tables, {m: np.array([[of.get((t, m, seed), [np.nan] * 4) for seed in range(n_seeds)]
                                 for t in tables]) for m in methods}


def ranks(areas):
    """The mean over tables of each method's rank, 1 for the largest area."""
    return dict(zip(areas, rankdata(-np.array([*areas.values()]), axis=0).mean(axis=1)))


def paired(a, b):
    """The mean over tables of a - b, and its standard error. a, b (tables, seeds): of each table the
    seeds that both have."""
    difference = np.nanmean(a - b, axis=1)
    return difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))


def report(tables, found):
    """A line for each method, the largest mean area first."""
    areas = {name: np.nanmean(values[..., 0], axis=1) for name, values in found.items()}
    rank, first = ranks(areas), next(iter(areas))
    print(f"{setting()}\n\n{len(tables)} tables, the mean over seeds of each\n\n"
          f"{'':22} {'seeds':>5} {'area':>6} {'rank':>5} {'precision':>9} {f'{first} - it':>16} "
          f"{'fit, s':>7} {'score, s':>8}")
    for name in sorted(areas, key=lambda name: -areas[name].mean()):
        difference, error = paired(found[first][..., 0], found[name][..., 0])
        n_seeds = (~np.isnan(found[name][..., 0])).sum() / len(tables)
        precision = np.nanmean(found[name][..., 1], axis=1).mean()
        fit, score = found[name][..., 2:].mean(axis=(0, 1))
        print(f"{name:22} {n_seeds:5.2g} {areas[name].mean():6.3f} {rank[name]:5.2f} {precision:9.3f} "
              f"{difference:+8.3f} ± {error:.3f} {fit:7.2f} {score:8.2f}")
    halves = {"first": slice(0, None, 2), "other": slice(1, None, 2)} if len(tables) > 3 else {}
    for half, of_half in halves.items():
        print(f"\nthe {half} half of the tables, the first split: area, and how far one model is ahead")
        areas = {name: values[of_half, :1, 0] for name, values in found.items()}
        for name, area in areas.items():
            difference, error = paired(areas.get("npvae, one model", area), area)
            print(f"{name:22} {area.mean():6.3f} {difference:+8.3f} ± {error:.3f}")


def areas_figure(tables, found):
    """Each table's area by each method, the first method's in colour."""
    figure = Figure(figsize=(8, 0.32 * len(tables) + 1.4), layout="constrained")
    axes = figure.subplots()
    first, *others = found
    area = {name: np.nanmean(values[..., 0], axis=1) for name, values in found.items()}
    order = np.argsort(area[first])
    y = np.arange(len(tables))
    for i, name in enumerate(others):
        known = {"kNN": ("s", ORANGE)}.get(name, ("|", GREY))
        axes.plot(area[name][order], y, known[0], color=known[1], ms=6, mfc="none",
                  label=name if name == "kNN" else "the others" if i == len(others) - 1 else None)
    axes.plot(area[first][order], y, "o", color=BLUE, ms=7, label=first)
    axes.set(yticks=y, yticklabels=[tables[i] for i in order], xlabel="area under the ROC curve",
             xlim=(min(0.3, min(map(np.min, area.values()))), 1.01))
    axes.axvline(0.5, color=GREY, ls=":")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, fontsize=9, loc="center left")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="if left out, nothing is computed")
    parser.add_argument("--results", type=Path, default=KNOWN, help="read, and added to [%(default)s]")
    parser.add_argument("--figure", type=Path, default=Path("anomaly_tables.png"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=METHODS, metavar="METHOD", help=", ".join(METHODS))
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", module="sklearn|pyod")
    if asked.folder:
        run(asked.folder, asked.results, asked.seeds, asked.only)
    rows = known(asked.results)
    tables, found = summary(rows)
    report(tables, found)
    areas_figure(tables, found).savefig(asked.figure, dpi=110)


if __name__ == "__main__":
    main()
