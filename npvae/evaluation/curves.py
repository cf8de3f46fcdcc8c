"""How well a score tells anomalies from normal data: curves, areas, tables.

A score is high for what looks anomalous; labels are True for anomalies. Each curve runs
over all thresholds, one point for each distinct score. All take scores (n,) and labels (n,), and raise
what `counts` raises.
"""

import numpy as np

from npvae.inputs import as_array, check_real


def counts(scores, labels):
    """True and false positives at each distinct threshold, from the highest score down.

    Parameters
    ----------
    scores : array (n,)
    labels : array (n,) of bool
        True for anomalies; both kinds must occur.

    Returns
    -------
    thresholds, true_positives, false_positives : ndarray
        What is flagged is what scores at least the threshold.

    Raises
    ------
    ValueError
        Where there is not one label for each score, a score is not finite, or all labels are alike.
    """
    scores, labels = as_array(scores, "scores"), as_flags(labels, "labels")
    check_real(scores, "scores")
    scores = scores.astype(np.float64)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"scores have shape {scores.shape} and labels {labels.shape}: "
                         "one of each for every row was expected")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold a NaN or an infinity: finite numbers were expected")
    if labels.all() or not labels.any():
        raise ValueError("labels are all alike: normal rows and anomalies were expected")
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order]
    last = np.append(scores[1:] != scores[:-1], True)           # of a run of equal scores
    return scores[last], np.cumsum(labels)[last], np.cumsum(~labels)[last]


def as_flags(values, name):
    """Bools, or zeros and ones, as bools."""
    values = as_array(values, name)
    other = ~np.isin(values, [0, 1])
    if other.any():
        raise ValueError(f"{name} hold {values[other].tolist()[0]!r}: only 0 and 1, or bools, were "
                         "expected")
    return values.astype(bool)


def roc_curve(scores, labels):
    """The false and the true positive rate at every threshold, each an array from 0 to 1."""
    _, true, false = counts(scores, labels)
    return (np.concatenate([[0.0], false / false[-1]]), np.concatenate([[0.0], true / true[-1]]))


def roc_auc(scores, labels):
    """The area under the ROC curve: the probability that an anomaly scores above a normal
    row (ties count one half). 0.5 is chance; 0 is perfect, upside down."""
    false, true = roc_curve(scores, labels)
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1])) / 2)


def precision_recall_curve(scores, labels):
    """Precision (how much of what is flagged is an anomaly) and recall (how many of the
    anomalies are flagged) at every threshold, from the highest down."""
    _, true, false = counts(scores, labels)
    return true / (true + false), true / true[-1]


def average_precision(scores, labels):
    """The area under the precision-recall curve as a sum of steps. Chance is the share of
    anomalies."""
    precision, recall = precision_recall_curve(scores, labels)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def confusion_matrix(flagged, labels):
    """[[normal passed, normal flagged], [anomalies passed, anomalies flagged]], counts: (2, 2).

    flagged (n,) and labels (n,) are bools, or zeros and ones; a ValueError tells of others.
    """
    flagged, labels = as_flags(flagged, "flagged"), as_flags(labels, "labels")
    if flagged.ndim != 1 or flagged.shape != labels.shape:
        raise ValueError(f"flagged have shape {flagged.shape} and labels {labels.shape}: "
                         "one of each for every row was expected")
    return np.array([[np.sum(~labels & ~flagged), np.sum(~labels & flagged)],
                     [np.sum(labels & ~flagged), np.sum(labels & flagged)]])
