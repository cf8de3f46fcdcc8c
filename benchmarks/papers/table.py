"""The tables of README.md in this folder's parent, from the results: Markdown on the screen.

    python benchmarks/papers/table.py

One row for what was trained in one way, whatever its seeds. A row that was chosen with an eye on test
images has a dagger; one that is at or below the paper's number is bold.
"""

import json

import numpy as np

from importance_weighted import PUBLISHED, REPRODUCED, known
from records import RESULTS

ORDER = ("ELBO", "IWAE", "DReG")
NAMES = {"ELBO": "VAE", "IWAE": "IWAE", "DReG": "IWAE by DReG"}


def read(pattern):
    """The results of this pattern of names, by name."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob(pattern))]


def row_of(result):
    """What the rows of the first table are sorted and told apart by."""
    return (result["layers"], ORDER.index(result["objective"]), result["samples"],
            result["after"] is None, result["after"] or "", result["epochs"], result["batch_size"])


def hours_before(result, results):
    """The hours of the runs that this one went on from."""
    for other in results:
        if result["after"] == other["run"]:
            return other["training_hours"] + hours_before(other, results)
    return 0.0


def options(result):
    """The options of importance_weighted.py that are not left out."""
    asked = f"--samples {result['samples']} --epochs {result['epochs']}"
    asked += f" --layers {result['layers']}" * (result["layers"] != 1)
    asked += f" --objective {result['objective']}" * (result["objective"] != "IWAE")
    asked += f" --batch-size {result['batch_size']}" * (result["batch_size"] != 100)
    asked += f" --learning-rate {result['learning_rate']}" * (result["learning_rate"] != 1e-3)
    return asked + (f" --after out/papers/{result['after']}" if result["after"] else "")


def number(value, form=".2f"):
    return "-" if value is None else format(value, form)


def last_fifth(result):
    """By how much the curve fell in the last fifth of the epochs, in nats; None where it ends before."""
    epochs, nll = ([row[name] for row in result["curve"]] for name in ("epoch", "nll"))
    if epochs[-1] < result["epochs"]:
        return None
    return float(np.interp(0.8 * result["epochs"], epochs, nll)) - nll[-1]


def importance_weighted(results):
    """Burda et al. (2016), Table 1: the lines of the table."""
    yield ("| layers | trained as | K | the paper | reproduced by others | ours | less the paper "
           "| active units | epochs | hours | fell in the last fifth | options |")
    yield "|" + " --- |" * 12
    rows = {}
    for result in sorted(results, key=row_of):
        rows.setdefault(row_of(result), []).append(result)
    for (layers, order, samples, *_), runs in rows.items():
        runs.sort(key=lambda run: run["seed"])
        first, row = runs[0], (ORDER[order], layers, samples)
        paper, others = (known(table, *row) for table in (PUBLISHED, REPRODUCED))
        nll = sum(run["nll"] for run in runs) / len(runs)
        ours = ", ".join(f"{run['nll']:.3f}" for run in runs)
        if paper is not None and nll <= paper:
            ours = f"**{ours}**"
        if any(run["settings_chosen_by"] != "held-out images" for run in runs):
            ours += " †"
        before = hours_before(first, results)
        cells = (layers, NAMES[ORDER[order]], samples, number(paper), number(others), ours,
                 number(None if paper is None else nll - paper, "+.2f"),
                 ", ".join(str(run["active_units"]) for run in runs), f"{first['epochs']:,}",
                 f"{before:.2f} + " * (before > 0) + f"{first['training_hours']:.2f}",
                 number(last_fifth(first)), f"`{options(first)}`")
        yield f"| {' | '.join(map(str, cells))} |"


def bounds(results):
    """Kingma and Welling (2014), Figure 2: where our curves end."""
    yield "| latent dimensions | method | images seen | bound, training | bound, test | hours |"
    yield "|" + " --- |" * 6
    for result in sorted(results, key=lambda result: (result["size"], result["method"])):
        end = result["curve"][-1]
        yield (f"| {result['size']} | {result['method']} | {end['images'] / 1e6:.1f} million "
               f"| {end['train']:.2f} | {end['test']:.2f} | {result['hours']:.2f} |")


def marginal_likelihoods(results):
    """Kingma and Welling (2014), Figure 3: where our curves end."""
    yield ("| training images | method | images seen | log p(x), training | log p(x), test "
           "| by draws of q alone: training, test | hours |")
    yield "|" + " --- |" * 7
    for result in sorted(results, key=lambda result: (result["n_train"], result["method"])):
        end = result["curve"][-1]
        yield (f"| {result['n_train']:,} | {result['method']} | {end['images'] / 1e6:.1f} million "
               f"| {end['train']:.2f} | {end['test']:.2f} "
               f"| {end['train_by_q']:.2f}, {end['test_by_q']:.2f} | {result['hours']:.2f} |")


TABLES = {"*_k*.json": importance_weighted, "auto_encoding_*.json": bounds,
          "marginal_likelihood_*.json": marginal_likelihoods}


def main():
    for pattern, table in TABLES.items():
        if read(pattern):
            print("\n".join([*table(read(pattern)), ""]))


if __name__ == "__main__":
    main()
