"""Anomaly detection in a table: fit a VAE to normal rows, flag what it finds unlikely.

The claim: thresholds from normal rows alone flag most anomalies of each kind, by the score that sees it.

The rows are made by a stated process: two hidden causes drive eight columns, on scales from 0.01 to
1000, with a little noise. Three kinds of anomaly are planted: a small *spike* in one column; a *broken
relation*, in which one column is another row's, so that each is in its usual range but they do not fit
together; and a *shifted* group, in which the causes themselves are unusual, and the columns fit.

Which score sees which kind? The reconstruction error sees columns that do not fit together, and hardly
the shifted group, whose rows are decoded almost as well as others. (`--quick` trains for less long, and
its decoder has still to learn these rows.) The distance of the code sees that group, and little else.
-ELBO is the sum of both parts, each in nats, and sees all three.

All that the detector knows comes from normal rows: the standardization (else the column with the largest
unit would be all that counts), the model, and the thresholds: a quantile of the scores of normal rows
held out, or their mean + 3 deviations.

    python examples/anomaly_table.py [--quick]
    python -m npvae.anomaly fit rows.csv                      # rows of your own
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation
from npvae.plots import BLUE, GREEN, GREY, ORANGE

SCALE = np.array([1.0, 0.01, 1000.0, 5.0, 0.1, 50.0, 1.0, 200.0])

# %% The data


def normal_rows(rng, n, causes=None):
    """Eight columns from two causes: sums, a square, a product and a sine, with noise."""
    a, b = rng.standard_normal((2, n)) if causes is None else causes
    columns = np.stack([a, b, a + b, a - b, a * a, a * b, np.sin(2 * b), 0.5 * a + np.sin(a)], axis=1)
    return (columns + 0.1 * rng.standard_normal((n, 8))) * SCALE + 3 * SCALE


def planted_rows(rng, n):
    """Three kinds of anomaly, n rows of each, by name."""
    spike, broken, others = (normal_rows(rng, n) for _ in range(3))
    row, column = np.arange(n), rng.integers(8, size=n)
    spike[row, column] += rng.choice([-1, 1], n) * SCALE[column]          # ten deviations of the noise
    broken[row, column] = others[row, column]
    shifted = normal_rows(rng, n, 2.4 + 0.2 * rng.standard_normal((2, n)))
    return {"spike": spike, "broken relation": broken, "shifted": shifted}


# %% The detector


def make_detectors(rng, n, epochs):
    """Of one model, a detector for each of three scores."""
    train, held_out = normal_rows(rng, n), normal_rows(rng, 2000)
    standardizer = datasets.standardizer_of(train)
    model = npvae.vae(8, (64, 64), 6, likelihood="tied_gaussian", variance=0.1, activation="tanh")
    npvae.fit(model, standardizer(train), epochs=epochs, batch_size=100, progress=False,
              learning_rate=npvae.schedules.Cosine(3e-3, epochs))
    return {kind: evaluation.AnomalyDetector(model, held_out, kind, standardizer=standardizer)
            for kind in ("reconstruction_error", "negative_elbo", "latent_distance")}


# %% The figure


def draw(detector, scores, labels, shares):
    figure = Figure(figsize=(9, 6.6), layout="constrained")
    (histogram, kinds), (roc, recall) = figure.subplots(2, 2)
    bins = np.linspace(*np.quantile(scores, [0, 0.97]), 60)
    for flag, style, colour, name in ((False, "-", BLUE, "normal"), (True, "--", ORANGE, "anomalies")):
        histogram.hist(scores[labels == flag], bins, density=True, histtype="step", ls=style,
                       color=colour, label=name)
    for name, threshold, style, colour in (
            ("99 % quantile", detector.threshold(quantile=0.99), ":", GREEN),
            ("mean + 3 sigma", detector.threshold(sigmas=3), "-.", GREY)):
        histogram.axvline(threshold, color=colour, ls=style, label=f"{name}: {threshold:.1f}")
    histogram.set(title="-ELBO", xlabel="nats per row (the highest 3 % not shown)", ylabel="density",
                  yscale="log")
    histogram.legend(frameon=False, fontsize=8)
    table = np.array([[*row.values()] for row in shares.values()])
    kinds.imshow(table, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for (i, j), share in np.ndenumerate(table):
        kinds.text(j, i, f"{100 * share:.1f} %", ha="center", va="center")
    kinds.set(title="flagged at the 99 % quantile", xticks=range(3),
              xticklabels=["error", "-ELBO", "distance\nof the code"],
              yticks=range(len(shares)), yticklabels=list(shares))
    roc.plot(*evaluation.roc_curve(scores, labels), color=BLUE)
    roc.plot([0, 1], [0, 1], ":", color=GREY)
    roc.set(title=f"ROC, area {evaluation.roc_auc(scores, labels):.3f}",
            xlabel="false positive rate", ylabel="true positive rate")
    precision, found = evaluation.precision_recall_curve(scores, labels)
    recall.plot(found, precision, color=BLUE)
    recall.axhline(labels.mean(), color=GREY, ls=":")
    recall.set(title=f"average precision {evaluation.average_precision(scores, labels):.3f}",
               xlabel="recall", ylabel="precision", ylim=(0, 1.03))
    return figure


# %% Fit, judge, save


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    detectors = make_detectors(rng, *((10000, 32) if asked.quick else (20000, 60)))
    detector = detectors["negative_elbo"]
    normal, planted = normal_rows(rng, 5000), planted_rows(rng, 200)
    scores = detector.score(np.concatenate([normal, *planted.values()]))
    labels = np.arange(len(scores)) >= len(normal)
    shares = {name: {kind: float(one.flag(rows, quantile=0.99).mean())
                     for kind, one in detectors.items()}
              for name, rows in {"normal": normal, **planted}.items()}
    found = {"auc": evaluation.roc_auc(scores, labels), "shares": shares,
             "false alarms": shares["normal"]["negative_elbo"],
             "counts": evaluation.confusion_matrix(scores > detector.threshold(quantile=0.99), labels)}
    print(f"area under the ROC curve {found['auc']:.3f}; the 99 % quantile flags "
          f"{100 * found['false alarms']:.1f} % of new normal rows, mean + 3 sigma "
          f"{100 * detector.flag(normal, sigmas=3).mean():.1f} %")
    (passed, false_alarms), (missed, caught) = found["counts"]
    print(f"of {len(normal)} normal rows {passed} pass, {false_alarms} are false alarms; of "
          f"{labels.sum()} anomalies {caught} are found, {missed} missed")
    for name, of_kinds in shares.items():
        print(f"{name:16} " + ", ".join(f"{100 * n:5.1f} % by {kind}" for kind, n in of_kinds.items()))
    draw(detector, scores, labels, shares).savefig(asked.out / "anomaly_table.png", dpi=110)
    path = asked.out / "anomaly_table_detector.npz"
    detector.save(path)
    print(f"the detector is in {path}")
    return found


if __name__ == "__main__":
    main()
