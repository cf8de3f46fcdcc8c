"""What the weights say of themselves: ties and weights that do not vary, and the gap's own signs."""

import math

import numpy as np
import pytest

import npvae
from exact import linear_vae, with_the_true_posterior
from npvae import evaluation
from npvae.evaluation.evidence import Evidence, Weights


def k_of(*columns):
    """Pareto k of some columns of log weights, the largest of which is the tail."""
    return evaluation.pareto_shape(np.sort(np.array(columns, float).T, axis=0))


# ---- ties ----------------------------------------------------------------------------------

@pytest.mark.parametrize("level", [0.0, -1235.3, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_weights_have_no_tail(level, dtype, rng):
    """Nor have those that are equal but for rounding: up to 1e-12, or some last digits."""
    equal = np.full((16, 3), level, dtype)
    assert (evaluation.pareto_shape(equal) == -np.inf).all()
    digits = rng.integers(-3, 4, (16, 3)) * np.spacing(dtype(level))
    assert (evaluation.pareto_shape(np.sort(equal + digits.astype(dtype), axis=0)) == -np.inf).all()
    if dtype is np.float64:
        near = np.sort(level + 1e-12 * rng.random((16, 3)), axis=0)
        assert (evaluation.pareto_shape(near) == -np.inf).all()


def test_ties_with_the_beginning_of_the_tail_are_not_in_it(rng):
    """As if they were not there: the tail is what lies above where it begins."""
    tail = 0.1 + np.sort(rng.exponential(2.0, 20))
    alone = k_of([0.0, *tail])
    for n_ties in (1, 5, 100):
        tied = k_of([0.0] * (1 + n_ties) + [*tail])
        # the prior's grid is that of more weights, so not to the last digit
        assert tied == pytest.approx(alone, abs=0.01)
    # nor are those that are ties but for rounding
    near = k_of([0.0] + [1e-9] * 10 + [*tail])
    np.testing.assert_array_equal(near, k_of([0.0] * 11 + [*tail]))
    short = np.float32(0.01) * tail.astype(np.float32)
    exact, rounded = (np.float32([[0.0] + [jitter] * 10 + [*short]]).T for jitter in (0.0, 1e-4))
    np.testing.assert_array_equal(*map(evaluation.pareto_shape, (exact, rounded)))
    # two values, and the larger one more than a few times: bounded, and seen to be so
    assert (k_of([0.0] * 8 + [1.0] * 8, [0.0] * 11 + [50.0] * 5) < 0.0).all()
    # one weight above equal ones may be of any size: of so short a tail nothing is known
    assert np.isnan(k_of([0.0] * 15 + [700.0], [0.0] * 12 + [1.0, 2.0, 3.0, 4.0])).all()


def test_each_x_has_a_tail_of_its_own(rng):
    """Columns with ties, without any, and without a tail do not touch each other."""
    columns = [rng.normal(size=31), np.zeros(31), rng.integers(0, 4, 31), [0.0] * 30 + [9.0]]
    together = k_of(*columns)
    alone = np.concatenate([k_of(column) for column in columns])
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert np.isfinite(together[0]) and together[1] == -np.inf and np.isnan(together[3])


def test_nan_weights_do_not_pass_for_equal_ones():
    """At the door they are refused; inside, of a model whose weights are NaN, k is NaN, too."""
    with pytest.raises(ValueError, match="log_w does not rise from each row to the next"):
        evaluation.pareto_shape(np.full((16, 2), np.nan))
    weights = Weights(2, 100)
    weights.add(np.full((100, 2), np.nan))
    assert np.isnan(weights.evidence().pareto_k).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_x_is_doubtful_where_q_is_the_posterior(dtype, rng):
    model = with_the_true_posterior(rng).astype(dtype)
    for n_samples in (25, 100, 1000):
        found = evaluation.log_evidence(model, rng.standard_normal((50, 6)), rng, n_samples)
        assert (found.pareto_k == -np.inf).all()
        assert "Pareto k above 0.7, or not known, for 0 x" in str(found)


def test_codes_of_few_bits_have_few_weights_and_are_not_doubtful(rng):
    """Four codes: the largest weight of them is in the tail many times."""
    model = npvae.bernoulli_vae(8, (6,), 2)
    found = evaluation.log_evidence(model, rng.random((20, 8)), rng, 1000)
    assert (found.pareto_k < 0.7).all()


def test_a_few_heavy_weights_among_equal_ones_are_doubtful():
    weights = Weights(1, 1000)
    weights.add(np.concatenate([np.zeros((998, 1)), np.full((2, 1), 100.0)]))
    assert "Pareto k above 0.7, or not known, for 1 x" in str(weights.evidence())


# ---- the estimate ----------------------------------------------------------------------------

def shape_by_hand(w):
    """Zhang and Stephens (2009), number by number: the excesses over the least of the weights."""
    y = sorted(value - min(w) for value in w)[1:]
    n = len(y)
    m = 30 + math.floor(math.sqrt(n))
    quartile = y[math.floor(n / 4 + 0.5) - 1]                       # the first, counted from 1
    theta = [1 / y[-1] + (1 - math.sqrt(m / (j - 0.5))) / (3 * quartile) for j in range(1, m + 1)]

    def k(t):
        return sum(math.log1p(-t * value) for value in y) / n
    profile = [n * (math.log(-t / k(t)) - k(t) - 1) for t in theta]
    likelihood = [math.exp(p - max(profile)) for p in profile]
    mean = sum(L * t for L, t in zip(likelihood, theta)) / sum(likelihood)
    return (n * k(mean) + 10 * 0.5) / (n + 10)


@pytest.mark.parametrize("n", [5, 6, 7, 8, 9, 10, 40, 41, 42, 43])
def test_the_shape_is_that_of_zhang_and_stephens(n, rng):
    """For numbers of weights whose quarter is rounded up, and down."""
    log_w = np.sort(rng.normal(-3.0, 2.0, (n + 1, 4)), axis=0)
    expected = [shape_by_hand(np.exp(column)) for column in log_w.T]
    np.testing.assert_allclose(evaluation.pareto_shape(log_w), expected, rtol=1e-9)
    np.testing.assert_allclose(evaluation.pareto_shape(log_w - 500.0), expected, rtol=1e-9)


@pytest.mark.parametrize("n_samples, known", [(2, False), (24, False), (25, True), (26, True)])
def test_the_shape_is_known_from_25_samples_on(n_samples, known, rng):
    """A fifth of them is the tail, and fewer than 5 tell nothing."""
    model = linear_vae(5, 2)
    found = evaluation.log_evidence(model, rng.standard_normal((6, 5)), rng, n_samples)
    assert (np.isfinite(found.pareto_k) == known).all() and np.isfinite(found.standard_error).all()
    exact = with_the_true_posterior(rng)
    found = evaluation.log_evidence(exact, rng.standard_normal((6, 6)), rng, n_samples)
    assert (np.isnan(found.pareto_k) != known).all()


# ---- the inference gap -----------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gap_has_the_signs_of_trust_of_its_evidence(dtype, rng):
    """Those of `log_evidence` with the same q: here q is exact from the start."""
    model = with_the_true_posterior(rng).astype(dtype)
    x = rng.standard_normal((3, 6))
    gap = evaluation.inference_gap(model, x, rng, steps=1, n_samples=30)
    assert gap.log_px.shape == gap.ess.shape == gap.standard_error.shape == gap.pareto_k.shape == (3,)
    np.testing.assert_allclose(gap.ess, 30, rtol=0.05)              # the one step of Adam moves q
    assert gap.standard_error.max() < 0.05
    assert all(array.dtype == np.float64 for array in gap)


def test_the_gaps_standard_error_is_that_of_repeated_estimates(rng):
    """A Gaussian with a diagonal covariance for a posterior with another: the weights vary."""
    model = linear_vae(5, 2, variance=0.6)
    x = np.repeat(rng.standard_normal((1, 5)), 300, axis=0)
    gap = evaluation.inference_gap(model, x, rng, steps=100, n_samples=300)
    assert gap.log_px.std() == pytest.approx(gap.standard_error.mean(), rel=0.2)
    assert ((1 < gap.ess) & (gap.ess < 300)).all() and (gap.pareto_k < 0.7).mean() > 0.9
    few = evaluation.inference_gap(model, x[:2], rng, steps=1, n_samples=24)
    assert np.isnan(few.pareto_k).all()


def test_the_gap_prints_itself_in_a_line():
    gap = evaluation.InferenceGap(
        log_px=np.array([-10.0, -12.0]), best_elbo=np.array([-10.5, -12.5]),
        elbo=np.array([-12.0, -13.0]), standard_error=np.array([0.3, 0.4]), ess=np.array([50.0, 70.0]),
        pareto_k=np.array([0.8, -np.inf]))
    evidence = Evidence(gap.log_px, gap.standard_error, gap.ess, gap.pareto_k)
    assert str(gap) == ("approximation gap 0.500, amortization gap 1.000 nats; " + str(evidence))
    assert "\n" not in str(gap) and "Monte Carlo error 0.250" in str(gap)
    assert "effective samples 60.0 (median); Pareto k above 0.7, or not known, for 1 x" in str(gap)
