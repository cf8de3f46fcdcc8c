"""What a detector promises: how many new normal rows a threshold flags, whatever the model."""

import re

import numpy as np
import pytest
from scipy import stats

import npvae
from npvae import evaluation
from npvae.evaluation.scores import left_out
from npvae.networks import Chain, Dense

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


def any_model(J=2, D=3, seed=0):
    """Its weights are as they were drawn: what is promised holds for a bad model, too."""
    return npvae.vae(D, (6,), J, likelihood="gaussian", activation="tanh", seed=seed)


def linear_codes(J, D):
    """A model whose posterior means are linear in x: Gaussian, where x is."""
    rng = np.random.default_rng(0)
    encoder, decoder = Chain(Dense(D, 2 * J, rng)), Chain(Dense(J, D, rng))
    return npvae.VAE(encoder, npvae.posteriors.DiagonalGaussian(J), npvae.priors.StandardNormal(J),
                     decoder, npvae.likelihoods.Gaussian(), n_data=D)


def within(rate, n_flagged, n_rows):
    """n_flagged of n_rows is what a probability `rate` gives, but for one time in 10,000."""
    return stats.binomtest(int(n_flagged), n_rows, rate).pvalue > 1e-4


def test_what_is_said_to_be_promised_is_accepted():
    """The largest quantile, as the message of a larger one names it; and no other of its digits."""
    for n in [*range(2, 500), 999_999]:
        detector = object.__new__(evaluation.AnomalyDetector)
        detector.n_normal, detector.normal_scores = n, np.arange(n)
        with pytest.raises(ValueError, match="at most") as caught:
            detector.threshold(quantile=1 - 1e-9)
        named = float(re.search(r"at most (\S+) was", str(caught.value))[1])
        assert 0 <= n / (n + 1) - named < 1e-6
        assert detector.threshold(quantile=named) == n - 1


@pytest.mark.parametrize("n", [1, 2, 9, 10, 19, 20, 25, 40, 99, 100, 250, 1000])
def test_the_rank_of_a_threshold_is_the_promise_at_every_size(n, rng):
    """Scores of any distribution: one new one beside n, 10,000 times. The probability to be above
    the k-th of n is (n + 1 - k) / (n + 1), which lies within 1 / (n + 1) below the promise."""
    detector = object.__new__(evaluation.AnomalyDetector)
    detector.n_normal, repeats = n, 10_000
    draws = np.sort(rng.exponential(size=(repeats, n)), axis=1)
    new = rng.exponential(size=repeats)
    for level in LEVELS:
        detector.normal_scores = np.arange(n, dtype=float)             # the threshold is its own rank
        if level > n / (n + 1):
            with pytest.raises(ValueError, match=rf"is {level} and normal has {n} rows: at most"):
                detector.threshold(level)
            continue
        k = int(detector.threshold(level)) + 1
        exact = (n + 1 - k) / (n + 1)
        assert 1 - level - 1 / (n + 1) < exact <= 1 - level + 1e-12
        assert within(exact, (new > draws[:, k - 1]).sum(), repeats)


@pytest.mark.parametrize("score", ["negative_evidence", "latent_distance"])
def test_a_detector_flags_as_many_new_normal_rows_as_it_promises(score, rng):
    """200 sets of 20 held-out rows, and one new row beside each."""
    model, n, repeats = any_model(), 20, 200
    flagged = []
    for x in rng.standard_t(3.0, (repeats, n + 1, 3)):
        detector = evaluation.AnomalyDetector(model, x[:n], score, n_samples=2)
        flagged.append(detector.flag(x[n:], quantile=0.9)[0])
    assert within(2 / 21, sum(flagged), repeats)


@pytest.mark.parametrize("n, J", [(20, 8), (25, 8), (200, 3)])
def test_distances_of_codes_flag_as_many_as_they_promise(n, J, rng):
    """The covariance of few rows fits these rows. By it, without a correction, of 25 new rows in 8
    dimensions more than half would be flagged in place of a tenth."""
    repeats, level = 2000, 0.8
    detector = object.__new__(evaluation.AnomalyDetector)
    detector.n_normal, flagged, naive = n, 0, 0
    for codes in rng.standard_normal((repeats, n + 1, J)):
        known, new = codes[:n], codes[n]
        precision = np.linalg.inv(np.cov(known.T))
        distance = lambda x: np.einsum("ij,jk,ik->i", x - known.mean(axis=0), precision,
                                       x - known.mean(axis=0))
        detector.normal_scores = np.sort(left_out(distance(known), n))
        flagged += distance(new[None])[0] > detector.threshold(level)
        naive += distance(new[None])[0] > np.quantile(distance(known), level)
    k = np.ceil(round(level * (n + 1), 9))
    exact = (n + 1 - k) / (n + 1)
    # others' moments are of one row less, so a little wider: never above, below by that little
    assert flagged / repeats <= exact + 4 * np.sqrt(exact * (1 - exact) / repeats)
    assert flagged / repeats > exact * (1 - 2 * J / n**1.5) - 4 * np.sqrt(exact / repeats)
    assert (naive / repeats > 2 * exact) == (n < 60)


def test_left_out_distances_are_those_by_the_other_rows(rng):
    x = rng.standard_normal((12, 4)) @ rng.standard_normal((4, 4))
    precision, mean = np.linalg.inv(np.cov(x.T)), x.mean(axis=0)
    found = left_out(np.einsum("ij,jk,ik->i", x - mean, precision, x - mean), 12)
    np.testing.assert_allclose(found, by_the_others(x), rtol=1e-10)


def by_the_others(x):
    """The squared distance of each row by the mean and covariance of the others, written out."""
    found = []
    for i, row in enumerate(x):
        others = np.delete(x, i, axis=0)
        d = row - others.mean(axis=0)
        found.append(d @ np.linalg.solve(np.cov(others.T), d))
    return np.array(found)


@pytest.mark.parametrize("far", [1e2, 1e4, 1e6, 1e8, 1e10, 1e12])
def test_the_oddest_normal_row_stays_the_oddest_however_far_it_is(far, rng):
    """Of one that is millions of deviations off, nearly all of the covariance is its own."""
    model, x = linear_codes(2, 4).astype(np.float64), rng.standard_normal((50, 4))
    x[0, 0] = far
    scores = evaluation.AnomalyDetector(model, x, "latent_distance").normal_scores
    assert scores[-1] > 100 and 0 <= scores[0] and scores[-2] < 20
    if far < 1e7:                       # beyond, this plain way of leaving rows out has no digits
        expected = by_the_others(model.encode(x).mu)
        assert expected[0] == max(expected)
        np.testing.assert_allclose(scores, np.sort(expected), rtol=1e-3)


def test_a_detector_of_distances_has_left_each_row_out(rng):
    model, x = linear_codes(3, 5), rng.standard_normal((30, 5))
    detector = evaluation.AnomalyDetector(model, x, "latent_distance")
    np.testing.assert_allclose(detector.normal_scores, np.sort(left_out(detector.score(x), 30)))


@pytest.mark.parametrize("n", [6, 12, 500])
def test_the_tail_of_a_distance_is_uniform_from_few_rows_on(n, rng):
    """Where codes are Gaussian: by Hotelling's distribution, which for n = 6 is far from chi-squared."""
    model, tails, naive = linear_codes(3, 5), [], []
    for _ in range(300 if n < 500 else 3):
        x = rng.standard_normal((n + (1 if n < 500 else 100), 5))
        detector = evaluation.AnomalyDetector(model, x[:n])
        tails += [*detector.tail(x[n:])]
        naive += [*stats.chi2.sf(evaluation.scores.latent_distance(
            detector._in_float64().members[0], *detector._prepared(x[n:], None), None), 3)]
    assert stats.kstest(tails, "uniform").pvalue > 1e-3
    assert (stats.kstest(naive, "uniform").pvalue < 1e-3) == (n < 500)


def test_too_few_rows_for_a_covariance_are_refused_by_number(rng):
    x = rng.random((4, 3))
    evaluation.AnomalyDetector(any_model(J=2), x, "latent_distance")
    for call in (lambda: evaluation.AnomalyDetector(any_model(J=3), x, "latent_distance"),
                 lambda: evaluation.AnomalyDetector(any_model(J=3), x).tail(x)):
        with pytest.raises(ValueError, match="normal has 4 rows: at least 5 were expected"):
            call()
