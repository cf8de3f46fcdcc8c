"""Tables of several kinds of columns: each by its own likelihood, in its own place."""

import numpy as np
import pytest
from scipy import special, stats

import npvae
from helpers import assert_mean
from npvae.distributions.columns import Categorical, Columns
from npvae.distributions.counts import Poisson
from npvae.distributions.likelihoods import Gaussian, TiedGaussian
from ranges import B, K, Row, of_likelihood

RANGES = {
    "Categorical": Row(
        Categorical, "Finite, in float32, for |logits| up to 1e35.",
        of_likelihood(lambda: Categorical(30), lambda draw: np.floor(29.9 * draw.bits(B, 1)),
                      lambda draw: draw.upto(1e35, K, B, 30)), 1e4),
    "Columns": Row(
        Columns, "Finite, in float32, where they are.",
        of_likelihood(lambda: Columns([(Categorical(3), [1]), (Gaussian(), [0])]),
                      lambda draw: np.concatenate([draw.upto(1e15, B, 1),
                                                   np.floor(2.9 * draw.bits(B, 1))], -1),
                      lambda draw: draw.upto(1e15, K, B, 4)))}


def mixed():
    return Columns([(Categorical(3), [1]), (Poisson(), [3]), (TiedGaussian(0.5), [2, 0])])


def table(rng, n):
    return np.column_stack([rng.normal(1.0, 2.0, n), rng.integers(3, size=n), rng.normal(0.0, 1.0, n),
                            rng.poisson(3.0, n)])


def test_log_p_is_the_sum_over_the_columns_by_scipy(rng):
    x, y = table(rng, 5), rng.standard_normal((2, 5, 6))
    terms, _ = mixed().log_terms(x, y)
    log_p = special.log_softmax(y[..., :3], axis=-1)
    expected = np.stack([stats.norm(y[..., 5], 0.5**0.5).logpdf(x[:, 0]),
                         np.take_along_axis(log_p, np.tile(x[:, 1].astype(int)[:, None], (2, 1, 1)),
                                            axis=-1)[..., 0],
                         stats.norm(y[..., 4], 0.5**0.5).logpdf(x[:, 2]),
                         stats.poisson(np.exp(y[..., 3])).logpmf(x[:, 3])], axis=-1)
    np.testing.assert_allclose(terms, expected, rtol=1e-6)         # logvar is float32
    np.testing.assert_allclose(mixed().log_prob(x, y)[0], expected.sum(axis=-1), rtol=1e-6)


def test_what_is_not_observed_leaves_the_others(rng):
    """One column masked: the loss and its gradient are those of a table without it."""
    x, y = table(rng, 5), rng.standard_normal((2, 5, 6))
    observed = np.tile([1.0, 0.0, 1.0, 1.0], (5, 1))
    log_px, cache = mixed().log_prob(x, y, observed)
    rest = Columns([(Poisson(), [2]), (TiedGaussian(0.5), [1, 0])])
    expected, _ = rest.log_prob(x[:, [0, 2, 3]], y[..., 3:])
    np.testing.assert_allclose(log_px, expected, rtol=1e-13)
    dy = mixed().backward(np.ones((2, 5)), cache)
    assert not dy[..., :3].any() and dy[..., 3:].all()


def test_a_class_has_its_probability_and_its_draws(rng):
    logits = np.array([0.3, -1.0, 1.2])
    p = special.softmax(logits)
    draws = Categorical(3).sample(rng, np.tile(logits, (30_000, 1)))
    assert stats.chisquare(np.bincount(draws.astype(int).ravel()), 30_000 * p).pvalue > 0.01
    classes = np.arange(3.0)[:, None]
    log_p = Categorical(3).log_prob(classes, np.tile(logits, (1, 3, 1)))[0]
    np.testing.assert_allclose(np.exp(log_p[0]), p, rtol=1e-13)
    assert Categorical(3).mean(logits[None]) == 2.0
    x = rng.choice(3, (500, 1), p=p).astype(float)
    np.testing.assert_allclose(special.softmax(Categorical(3).constant(x)),
                               np.bincount(x.astype(int).ravel()) / 500)


def test_the_masses_of_all_rows_sum_to_one_and_draws_have_them(rng):
    """Two classes and a count, side by side; the rare counts are joined."""
    likelihood, y = Columns([(Poisson(), [1]), (Categorical(2), [0])]), np.log([2.0, 0.3, 0.7])
    x = np.stack(np.meshgrid([0.0, 1.0], np.arange(60.0), indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(likelihood.log_prob(x, np.tile(y, (1, len(x), 1)))[0][0])
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    draws = likelihood.sample(rng, np.tile(y, (20_000, 1)))
    cell = lambda x: (6 * x[:, 0] + np.minimum(x[:, 1], 5)).astype(int)
    assert stats.chisquare(np.bincount(cell(draws), minlength=12),
                           20_000 * np.bincount(cell(x), p)).pvalue > 0.01


def test_draws_and_means_stand_in_their_columns(rng):
    y = np.tile(np.concatenate([[0.0, 0.0, 3.0], [np.log(4.0)], [7.0, -2.0]]), (20_000, 1))
    assert_mean(mixed().sample(rng, y), [-2.0, (np.arange(3) * special.softmax([0, 0, 3.0])).sum(), 7.0,
                                         4.0])
    np.testing.assert_allclose(mixed().mean(y)[0], [-2.0, 2.0, 7.0, 4.0])


def test_a_vae_of_a_mixed_table_is_trained_saved_and_loaded(tmp_path, rng):
    """Two kinds of rows; a sample of the model is a table of the same kinds."""
    kind = rng.random(500) < 0.5
    x = np.column_stack([np.where(kind, 2.0, -2.0) + rng.normal(0, 0.5, 500), np.where(kind, 2, 0),
                         rng.normal(0, 1, 500), rng.poisson(np.where(kind, 1.0, 8.0))])
    model = npvae.vae(4, (16,), 2, likelihood=mixed())
    history = npvae.fit(model, x, epochs=40, batch_size=50, learning_rate=5e-3, progress=False)
    assert history[-1]["loss"] < history[0]["loss"] - 2.0
    npvae.save(tmp_path / "table.npz", model)
    again = npvae.load(tmp_path / "table.npz")
    assert repr(again.likelihood) == repr(mixed())
    assert npvae.evaluate(again, x) == npvae.evaluate(model, x)
    mean = again.reconstruct(x)
    assert (mean[:, 1] == x[:, 1]).mean() > 0.9


@pytest.mark.parametrize("kinds, message", [
    ([(Gaussian(), [0]), (Gaussian(), [0, 1])], r"kinds describe the columns \[0, 0, 1\]: each of 0"),
    ([(Gaussian(), [0, 2])], r"kinds describe the columns \[0, 2\]"),
    ([Gaussian()], r"kinds holds Gaussian\(\): a pair \(likelihood, columns\) was expected"),
    ([(Gaussian(), 1)], r"the columns of a pair in kinds is 1: a sequence, or an array with rows, was"),
    ([], r"kinds describe the columns \[\]: each of 0 to D - 1 once was expected"),
    (3, "kinds is 3: a sequence of"), ([(Gaussian(), [-1])], "a column in kinds is -1"),
    ([(Categorical(3), [0, 1])], "n_data is 2: a Categorical describes one column")])
def test_columns_that_do_not_make_a_table_are_refused(kinds, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Columns(kinds)


def test_each_kind_looks_at_its_own_columns(rng):
    x = table(rng, 4)
    mixed().check(x, "x")
    x[2, 1] = 3.0
    with pytest.raises(ValueError, match=r"x\[:, \[1\]\] lies in .*: classes 0 to 2 were expected"):
        mixed().check(x, "x")
