"""p(x|z) for tables: a column of classes, and columns of several kinds side by side."""

import numpy as np

from npvae.distributions.roles import Likelihood
from npvae.inputs import check_count, check_range, check_rows, check_type
from npvae.numerics import floating, log_softmax


class Categorical(Likelihood):
    """One column of classes 0, ..., C - 1; y are C logits, and the probabilities their softmax.

    Finite, in float32, for |logits| up to 1e35.

    Parameters
    ----------
    n_classes : int
        C, at least 2.
    """

    measure = "mass"

    def __init__(self, n_classes):
        super().__init__()
        self.n_classes = check_count(n_classes, "n_classes", least=2)

    def n_outputs(self, n_data):
        if n_data != 1:
            raise ValueError(f"n_data is {n_data}: a Categorical describes one column; put several side "
                             "by side with Columns")
        return self.n_classes

    def check(self, x, name):
        """Raise ValueError where x is no class."""
        check_range(x, name, 0, self.n_classes - 1, f"classes 0 to {self.n_classes - 1} were expected")
        if (x != np.floor(x)).any():
            raise ValueError(f"{name} holds {x[x != np.floor(x)][0]:g}: whole numbers were expected")

    def log_terms(self, x, logits):
        log_p = log_softmax(logits)
        one_hot = x == np.arange(self.n_classes, dtype=x.real.dtype)           # (B, C)
        return (log_p * one_hot).sum(axis=-1, keepdims=True), (log_p, one_hot)

    def backward_terms(self, dterms, cache):
        # d log p_c / d logits = one_hot - softmax
        log_p, one_hot = cache
        return dterms * (one_hot - np.exp(log_p))

    def mean(self, logits):
        """The most probable class. (The numbers of classes have no mean.)"""
        return logits.argmax(axis=-1)[..., None].astype(logits.dtype)

    def mixture_mean(self, logits, w):
        """The most probable class, by the mean of the probabilities."""
        p = np.exp(log_softmax(logits))
        return np.einsum("kb,kbc->bc", w, p).argmax(axis=-1)[..., None].astype(logits.dtype)

    def sample(self, rng, logits):
        gumbel = rng.gumbel(size=logits.shape)                 # the largest of logit + Gumbel noise
        return (logits + gumbel).argmax(axis=-1)[..., None].astype(logits.dtype)

    def constant(self, x):
        x = floating(x, "x")
        counts = (x == np.arange(self.n_classes)).sum(axis=0)
        return np.log(np.maximum(counts, 1e-9) / len(x)).astype(x.dtype)


class Columns(Likelihood):
    """Several likelihoods side by side, each of columns of its own: log p(x|z) is their sum.

    Finite, in float32, where they are.

    Parameters
    ----------
    kinds : sequence of (Likelihood, sequence of int)
        Each with the columns that it describes; every column once.

    References
    ----------
    Nazabal, Olmos, Ghahramani and Valera (2020), "Handling incomplete heterogeneous data using VAEs".
    """

    def __init__(self, kinds):
        check_type(kinds, "kinds", (list, tuple), "a sequence of (likelihood, columns)")
        for kind in kinds:
            if not (isinstance(kind, (list, tuple)) and len(kind) == 2
                    and isinstance(kind[0], Likelihood)):
                raise TypeError(f"kinds holds {kind!r}: a pair (likelihood, columns) was expected")
            check_rows(kind[1], "the columns of a pair in kinds")
        self.likelihoods = [likelihood for likelihood, _ in kinds]
        self.columns = [[check_count(c, "a column in kinds", least=0) for c in columns]
                        for _, columns in kinds]
        taken = sorted(sum(self.columns, []))
        if not taken or taken != list(range(len(taken))) or not all(map(len, self.columns)):
            raise ValueError(f"kinds describe the columns {taken}: each of 0 to D - 1 once was expected")
        self.widths = [part.n_outputs(len(columns))
                       for part, columns in zip(self.likelihoods, self.columns)]
        super().__init__(parts={str(i): part for i, part in enumerate(self.likelihoods)})
        measures = {part.measure for part in self.likelihoods}
        self.measure = measures.pop() if len(measures) == 1 else "mixed"

    def n_outputs(self, n_data):
        n_columns = sum(map(len, self.columns))
        if n_data != n_columns:
            raise ValueError(f"n_data is {n_data}: {n_columns} was expected, as kinds have columns")
        return sum(self.widths)

    def check(self, x, name):
        for likelihood, columns in zip(self.likelihoods, self.columns):
            likelihood.check(x[:, columns], f"{name}[:, {columns}]")

    def log_terms(self, x, y):
        found = [likelihood.log_terms(x[..., columns], part) for likelihood, columns, part in
                 zip(self.likelihoods, self.columns, self._split(y))]
        terms, caches = zip(*found)
        return self._joined(terms), (caches, x.shape[-1])

    def backward_terms(self, dterms, cache):
        caches, n_data = cache
        dterms = np.broadcast_to(dterms, (*dterms.shape[:-1], n_data))
        return np.concatenate([likelihood.backward_terms(dterms[..., columns], part) for
                               likelihood, columns, part in
                               zip(self.likelihoods, self.columns, caches)], axis=-1)

    def mean(self, y):
        return self._joined([likelihood.mean(part)
                             for likelihood, part in zip(self.likelihoods, self._split(y))])

    def sample(self, rng, y):
        return self._joined([likelihood.sample(rng, part)
                             for likelihood, part in zip(self.likelihoods, self._split(y))])

    def mixture_mean(self, y, w):
        return self._joined([likelihood.mixture_mean(part, w)
                             for likelihood, part in zip(self.likelihoods, self._split(y))])

    def constant(self, x):
        return np.concatenate([likelihood.constant(x[:, columns]) for likelihood, columns in
                               zip(self.likelihoods, self.columns)])

    def _split(self, y):
        """What of the output belongs to each."""
        return np.split(y, np.cumsum(self.widths)[:-1], axis=-1)

    def _joined(self, parts):
        """Columns side by side, in their places."""
        order = np.argsort(sum(self.columns, []))
        return np.concatenate(parts, axis=-1)[..., order]


def any_number(likelihood, n_columns):
    """Which columns may hold any number: (D,) of bool. Classes, counts and bits may not."""
    def may(part, n):
        try:
            part.check(np.full((1, n), -0.5), "x")                 # no class, no count, no grey value
        except ValueError:
            return False
        return True
    return by_column(may, likelihood, n_columns)


def of_classes(likelihood, n_columns):
    """Which columns hold classes, whose numbers are names: (D,) of bool."""
    return by_column(lambda part, n: isinstance(part, Categorical), likelihood, n_columns)


def by_column(holds, likelihood, n_columns):
    """holds(part, its number of columns) of the likelihood of each column: (D,) of bool."""
    if not isinstance(likelihood, Columns):
        return np.full(n_columns, holds(likelihood, n_columns))
    found = np.empty(n_columns, bool)
    for part, columns in zip(likelihood.likelihoods, likelihood.columns):
        found[columns] = by_column(holds, part, len(columns))
    return found
