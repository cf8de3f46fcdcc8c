"""`fit_detector`: from a table of normal rows to a detector, whatever the table is like."""

import numpy as np
import pytest
from scipy import special

import npvae
from npvae import evaluation
from npvae.datasets import page_blocks
from npvae.distributions.columns import Categorical, Columns
from npvae.distributions.counts import Poisson
from npvae.distributions.relaxed import GumbelSoftmax, GumbelSoftmaxPrior
from npvae.distributions.scales import DiagonalGaussian
from npvae.evaluation import AnomalyDetector, detectors
from npvae.evaluation.detectors import fit_detector, without_extremes
from npvae.evaluation.scores import SCORES

QUICK = dict(n_steps=200, n_samples=10)


def table(rng, n, D=4):
    """Two causes, in columns of different units."""
    mixing = np.random.default_rng(3).standard_normal((2, D))
    x = rng.standard_normal((n, 2)) @ mixing + 0.2 * rng.standard_normal((n, D))
    return x * 10.0 ** np.arange(-D // 2, -D // 2 + D) + 5.0


@pytest.fixture(scope="module")
def fitted():
    return fit_detector(table(np.random.default_rng(0), 600), **QUICK)


def test_what_the_thresholds_come_from_the_training_has_not_seen(monkeypatch, rng):
    """By what is handed to `fit`: of all rows a fifth is not there, nor are its moments."""
    x, seen = table(rng, 100), []

    def noted(model, rows, **options):
        seen.append(np.concatenate([rows, *filter(lambda v: v is not None, [options["validation"]])]))
        return npvae.fit(model, rows, **options)
    monkeypatch.setattr(detectors, "fit", noted)
    detector = fit_detector(x, **QUICK)
    assert len(seen) == 2 + 5 and {len(rows) for rows in seen} == {80} and detector.n_normal == 20
    back = detector.standardizer.shift + detector.standardizer.scale * seen[0]
    known = np.isclose(x[:, None], back[None], rtol=1e-9).all(axis=2).any(axis=1)
    assert known.sum() == 80
    np.testing.assert_allclose(np.sort(detector.score(x[~known])), detector.normal_scores)
    np.testing.assert_allclose(detector.standardizer.shift, x[known].mean(axis=0))


@pytest.mark.parametrize("n, held_out", [(6, 2), (30, 10), (60, 20), (90, 20), (100, 20), (500, 100)])
def test_how_many_rows_are_held_out(n, held_out, rng):
    assert fit_detector(table(rng, n), n_steps=1, n_samples=2, n_models=1).n_normal == held_out


def test_the_share_of_new_rows_that_it_flags_is_what_it_promises(rng):
    """The whole of it, on 30 small tables: of new rows of the same table a tenth, at most."""
    flagged = [fit_detector(table(rng, 60), n_steps=6, n_samples=2, n_models=2, seed=seed).flag(
        table(rng, 50), quantile=0.9).mean() for seed in range(30)]
    assert abs(np.mean(flagged) - 2 / 21) < 4 * np.std(flagged) / np.sqrt(30)


@pytest.mark.parametrize("best", detectors.N_LATENT)
def test_the_latent_size_is_that_of_the_larger_evidence_of_held_out_rows(best, rng, monkeypatch):
    asked = []

    def evidence(model, rows, generator, n_samples):
        asked.append(len(rows))
        return evaluation.log_evidence(model, rows, generator, n_samples)._replace(
            log_px=np.full(len(rows), float(model.n_latent == best)))
    monkeypatch.setattr(detectors, "log_evidence", evidence)
    detector = fit_detector(table(rng, 100), n_steps=1, n_samples=2)
    assert [model.n_latent for model in detector.models] == [best] * 5
    assert asked == [16, 16]                               # a fifth of the 80 that are not held out


def test_it_trains_for_as_long_as_held_out_rows_gain(rng):
    """Of 30 rows in 12 columns a model learns by heart what is no use for others."""
    x = rng.standard_normal((40, 12))
    likelihood = DiagonalGaussian(12, 0.1)
    _, n_epochs = detectors.trained(x[:30], likelihood, 8, 1000, 0, validation=x[30:])
    assert n_epochs < 500
    model, again = detectors.trained(x, likelihood, 8, 1000, 0, n_epochs=2)
    assert again == 2


def test_a_row_at_1e19_among_many_is_flagged_and_does_no_harm(rng, fitted):
    """Neither in the training rows nor among those that are scored."""
    x = table(np.random.default_rng(0), 600)
    x[17, 1] = x[230, 3] = 1e19
    detector = fit_detector(x, **QUICK)
    new, wild = table(rng, 300), table(rng, 2)
    wild[0, 2], wild[1, 0] = -1e19, 1e300
    scores = detector.score(np.concatenate([new, wild]))
    assert np.isfinite(scores).all() and scores[-2:].min() > 1e6 > scores[:-2].max()
    assert detector.contributions(wild).columns.argmax(axis=1).tolist() == [2, 0]
    # what it makes of the others is near what it would make of them without the two
    off = new + [0, 0, 3, 0] * fitted.standardizer.scale
    assert evaluation.roc_auc(np.concatenate([detector.score(new), detector.score(off)]),
                              np.arange(600) >= 300) > 0.9


def test_constant_and_nearly_constant_columns(rng):
    """In their own units, as they are shifted only. One that never changes; one that changes by its last
    digits; one in which one row differs."""
    x = np.concatenate([table(rng, 300), np.full((300, 1), 7.0),
                        1.0 + 1e-15 * rng.standard_normal((300, 1)), np.zeros((300, 1))], axis=1)
    x[11, 6] = 1.0
    detector = fit_detector(x, **QUICK)
    new = x[:100].copy()
    assert detector.flag(new, quantile=0.95).mean() < 0.2
    for column in (4, 5):
        odd = new.copy()
        odd[:, column] += 3.0
        assert detector.flag(odd, quantile=0.95).all()
        usual = detector.contributions(new).columns.mean(axis=0)
        assert ((detector.contributions(odd).columns - usual).argmax(axis=1) == column).all()


def test_a_wild_row_in_a_column_of_rare_values_hides_nothing(rng):
    """1 in 2 % of the rows, else 0, and 1e6 in one of those that are trained on."""
    x, new = rng.standard_normal((300, 3)), rng.standard_normal((200, 3))
    x[:, 2], new[:, 2] = rng.random(300) < 0.02, 0.0
    odd = new + [0, 0, 30.0]
    x[200, 2] = 1e6
    detector = fit_detector(x, n_steps=300, n_models=1, n_samples=10)
    assert detector.standardizer.scale[2] < 2.0
    assert detector.flag(odd, quantile=0.95).all()


def test_extremes_are_moved_to_the_end_of_the_usual_range(rng):
    x = rng.standard_normal((1000, 3))
    x[:, 2] = 0.0
    x[0] = [1e19, -50.0, 5.0]
    low, high = np.quantile(x, [0.05, 0.95], axis=0)
    found = without_extremes(x, np.ones(3, bool))
    assert found[0, 0] == pytest.approx(high[0] + 20 * (high[0] - low[0]))
    np.testing.assert_array_equal(found[1:], x[1:])
    assert found[0, 1:].tolist() == [-50.0, 5.0]
    np.testing.assert_array_equal(without_extremes(x, np.array([False, True, True])), x)
    rare = np.where(rng.random((1000, 3)) < 0.02, rng.uniform(1, 3, (1000, 3)), 0.0)
    rare[:2] = [[1e19, 7.0, 0.0], [-1e6, 0.0, 0.0]]
    usual = [np.median(column[column != 0]) for column in abs(rare.T)]
    found = without_extremes(rare, np.array([True, True, False]))
    np.testing.assert_allclose(found[:2, 0], [20 * usual[0], -20 * usual[0]])
    np.testing.assert_array_equal(found[2:], rare[2:])
    np.testing.assert_array_equal(found[:, 1:], rare[:, 1:])
    holes = np.ma.masked_array(x, rng.random(x.shape) < 0.3)       # 1e19 counts where it is observed
    holes.mask[0] = False
    found = without_extremes(holes, np.ones(3, bool))
    low, high = np.quantile(holes[:, 0].compressed(), [0.05, 0.95])
    assert found[0, 0] == pytest.approx(high + 20 * (high - low))
    np.testing.assert_array_equal(found.mask, holes.mask)


def test_the_detector_is_kept_in_a_file(fitted, rng, tmp_path):
    fitted.save(tmp_path / "detector.npz")
    again, new = evaluation.load_detector(tmp_path / "detector.npz"), table(rng, 20)
    np.testing.assert_array_equal(again.score(new), fitted.score(new))
    np.testing.assert_array_equal(again.contributions(new).columns, fitted.contributions(new).columns)
    assert again.threshold(0.95) == fitted.threshold(0.95)
    assert {model.parameters.dtype for model in again.models} == {np.dtype(np.float64)}
    assert len(again.models) == 5


@pytest.mark.parametrize("normal, message", [
    (np.zeros((5, 3)), "normal has 5 rows: at least 6 were expected"),
    (np.zeros(9), r"normal has shape \(9,\): \(any, any\) was expected"),
    ([[1.0], [1.0, 2.0]], "normal is no array"),
    (np.full((9, 2), np.nan), r"normal is nan at index \(0, 0\)")])
def test_what_is_no_table_is_refused(normal, message):
    with pytest.raises(ValueError, match=message):
        fit_detector(normal)


# ---- a mixture of several models ------------------------------------------------------------------

def test_the_mixture_is_better_than_each_of_its_members_on_rows_that_none_has_seen():
    """Of blocks of text, 300 to learn from and 4,000 new ones. Of every row the log of a mean is at
    least the mean of the logs (Jensen); over the new rows it gains 0.7 nats on the mean member."""
    blocks = page_blocks()
    rows = np.random.default_rng(0).permutation(blocks.rows[~blocks.is_anomaly])
    detector, new = fit_detector(rows[:300], n_steps=300, n_samples=5), rows[300:4300]
    log_p = -detector.score(new)
    alone = [AnomalyDetector(model, new[:2], detector.kind, 5, detector.standardizer)
             for model in detector.models]
    alone = np.array([-one.score(new) for one in alone])                       # log p_m(x): (5, n)
    np.testing.assert_allclose(log_p, special.logsumexp(alone, axis=0) - np.log(5), rtol=1e-12)
    assert (log_p >= alone.mean(axis=0)).all()
    assert (log_p - alone).mean() > 0.3 and (log_p - alone).mean(axis=1).min() > 0.1


@pytest.mark.parametrize("kind", SCORES)
def test_other_scores_are_means_over_the_members_and_contributions_add_up(kind, fitted, rng):
    x, n = table(rng, 30), fitted.n_samples
    detector = AnomalyDetector(fitted.models, x, kind, n, fitted.standardizer)
    if kind != "negative_evidence":
        alone = [AnomalyDetector(model, x, kind, n, fitted.standardizer) for model in fitted.models]
        np.testing.assert_allclose(detector.score(x), np.mean([one.score(x) for one in alone], axis=0))
        if kind != "latent_distance":
            np.testing.assert_allclose(detector.contributions(x).columns, np.mean(
                [one.contributions(x).columns for one in alone], axis=0))
    if kind != "latent_distance":
        columns, code = detector.contributions(x)
        np.testing.assert_allclose(columns.sum(axis=1) + code, detector.score(x), atol=1e-9, rtol=0)


def test_a_member_contributes_by_its_share(rng):
    """Of two members of which one finds the rows impossible, the other says alone what is odd: and the
    code costs log 2 more, the price of telling which of the two it was."""
    x, off = rng.standard_normal((40, 3)), npvae.vae(3, (6,), 2, likelihood="gaussian")
    one = off.copy()
    off.decoder.layers[-1].b[...] = 100.0
    alone, both = (AnomalyDetector(models, x, "negative_evidence", 8) for models in (one, [off, one]))
    found, expected = both.contributions(x), alone.contributions(x)
    np.testing.assert_allclose(found.columns, expected.columns, rtol=1e-6)
    np.testing.assert_allclose(found.code, expected.code + np.log(2), rtol=1e-6)
    np.testing.assert_allclose(both.score(x), alone.score(x) + np.log(2), rtol=1e-6)


def test_each_member_has_weights_and_an_order_of_its_own(fitted):
    assert len({model.parameters.theta.tobytes() for model in fitted.models}) == 5
    one = fit_detector(table(np.random.default_rng(0), 600), n_models=1, **QUICK)
    np.testing.assert_array_equal(one.models[0].parameters.theta, fitted.models[0].parameters.theta)


def test_the_tail_of_a_distance_is_that_of_one_model(fitted, rng):
    with pytest.raises(ValueError, match="the detector has 5 models: one was expected"):
        fitted.tail(table(rng, 5))


@pytest.mark.parametrize("models, error, message", [
    ([], ValueError, "model is an empty list: at least one VAE was expected"),
    ([npvae.vae(4, (3,), 2), None], TypeError, "model is NoneType: a VAE was expected"),
    ([npvae.vae(4, (3,), 2), npvae.vae(4, (5,), 2)], ValueError,
     r"model holds models of two kinds, vae\(n_data=4, n_hidden=\(3,\).* at 0 and vae\(.*\(5,\).* at 1"),
    ([npvae.vae(4, (3,), 2), npvae.vae(4, (3,), 2, activation="tanh")], ValueError, "of two kinds"),
    ([npvae.vae(4, (3,), 2), npvae.vae(4, (3,), 2).astype(np.float64)], ValueError, "of two kinds")])
def test_models_that_differ_in_more_than_their_parameters_are_refused(models, error, message, rng):
    with pytest.raises(error, match=message):
        AnomalyDetector(models, rng.random((9, 4)))


# ---- holes, classes and counts -----------------------------------------------------------------

KINDS = Columns([(Categorical(3), [1]), (Poisson(), [2]), (DiagonalGaussian(2, 0.1), [0, 3])])


def of_kinds(rng, n):
    """One cause of four columns: a number in thousands, a class, a count, a number in thousandths."""
    z = rng.standard_normal(n)
    return np.column_stack([3000 + 500 * (z + 0.3 * rng.standard_normal(n)), np.digitize(z, [-0.5, 0.5]),
                            rng.poisson(np.exp(1.5 + 0.7 * z)), 0.001 * (z + rng.standard_normal(n))])


@pytest.fixture(scope="module")
def of_holes():
    """A detector of 300 rows of which a fifth of the cells is missing; and the masked rows."""
    rng = np.random.default_rng(1)
    x = of_kinds(rng, 300)
    rows = np.ma.masked_array(x, rng.random(x.shape) < 0.2)
    return fit_detector(rows, likelihood=KINDS, n_steps=400, n_samples=10, n_models=2), rows


def test_classes_and_counts_stay_what_they_are_and_numbers_are_standardized(of_holes):
    detector, rows = of_holes
    standardizer = detector.standardizer
    assert standardizer.shift[[1, 2]].tolist() == [0, 0]
    assert standardizer.scale[[1, 2]].tolist() == [1, 1]
    assert standardizer.scale[0] == pytest.approx(rows[:, 0].std(), rel=0.1)
    assert all(model.shows_mask for model in detector.models)
    assert repr(detector.models[0].likelihood) == repr(KINDS)


def test_a_relation_that_is_broken_between_a_number_a_class_and_a_count_is_found(of_holes, rng):
    detector, _ = of_holes
    new, broken = of_kinds(rng, 200), of_kinds(rng, 200)
    broken[:, 1:3] = broken[rng.permutation(200), 1:3]
    broken = broken[np.abs(broken[:, 0] - 3000) > 500]
    scores, odd = detector.score(new), detector.score(broken)
    area = evaluation.roc_auc(np.concatenate([scores, odd]), np.arange(200 + len(odd)) >= 200)
    assert area > 0.75
    columns, code = detector.contributions(broken)
    np.testing.assert_allclose(columns.sum(axis=1) + code, odd, atol=1e-9, rtol=0)


def test_what_is_missing_changes_nothing_whatever_stands_there(rng):
    x, hidden = of_kinds(rng, 60), rng.random((60, 4)) < 0.2
    quick = dict(likelihood=KINDS, n_steps=20, n_samples=2, n_models=1)
    expected = fit_detector(np.ma.masked_array(x, hidden), **quick).normal_scores
    for filler in (np.nan, -7.0, 1e300):
        again = fit_detector(np.where(hidden, filler, x), observed=~hidden, **quick)
        np.testing.assert_array_equal(again.normal_scores, expected)
    whole, same = fit_detector(x, **quick), fit_detector(np.ma.masked_array(x, False), **quick)
    np.testing.assert_array_equal(whole.normal_scores, same.normal_scores)
    assert not whole.models[0].shows_mask


def test_a_detector_of_holes_and_kinds_is_kept_in_a_file(of_holes, tmp_path):
    detector, rows = of_holes
    detector.save(tmp_path / "detector.npz")
    again = evaluation.load_detector(tmp_path / "detector.npz")
    np.testing.assert_array_equal(again.score(rows), detector.score(rows))


@pytest.mark.parametrize("change, error, message", [
    (dict(likelihood="columns"), TypeError, "likelihood is 'columns': a Likelihood was expected"),
    (dict(likelihood=Columns([(Poisson(), [0, 1])])), ValueError, "n_data is 4: 2 was expected"),
    (dict(likelihood=Columns([(Poisson(), range(4))])), ValueError, r"normal\[:, \[0, 1, 2, 3\]\]"),
    (dict(observed=np.ones((300, 3))), ValueError, r"observed has shape \(300, 3\): \(batch, 4\)"),
    (dict(observed=np.ones((299, 4))), ValueError, "observed has 299 rows: 300 were expected"),
    (dict(observed=np.arange(4) + np.zeros((300, 1)) != 2), ValueError,
     "normal has nothing observed in column 2 of the 240 rows that are trained on"),
    (dict(n_models=0), ValueError, "n_models is 0")])
def test_kinds_and_holes_that_do_not_fit_are_refused_by_name(change, error, message, rng):
    with pytest.raises(error, match=message):
        fit_detector(of_kinds(rng, 300), **{"n_steps": 1, **change})


def test_counts_are_what_they_are_however_large(rng):
    """Only columns that may hold any number are cut off far outside: a count has no deviations."""
    x = np.column_stack([rng.normal(size=200), rng.poisson(20_000, size=200)])
    likelihood = Columns([(DiagonalGaussian(1, variance=0.1), [0]), (Poisson(), [1])])
    detector = fit_detector(x, likelihood=likelihood, n_models=1, **QUICK)
    usual, far, further = detector.score([[0.0, 20_000], [0.0, 60_000], [0.0, 1_000_000]])
    assert usual < detector.threshold(0.95) < far < further
    assert np.isfinite(detector.score([[1e19, 20_000]])).all()


@pytest.mark.parametrize("posterior, prior", [
    ("diagonal_gaussian", "standard_normal"), (GumbelSoftmax(6, 3), GumbelSoftmaxPrior(6, 3)),
    (GumbelSoftmax(4, 2), GumbelSoftmaxPrior(4, 2))], ids=["numbers", "threes", "pairs"])
def test_the_tail_is_uniform_where_the_numbers_of_a_symbol_have_one_sum(posterior, prior):
    """A linear encoder of Gaussian rows: Gaussian codes, in one dimension less for each symbol."""
    rng, J = np.random.default_rng(1), getattr(posterior, "n_latent", 4)
    model = npvae.vae(8, (), J, posterior=posterior, prior=prior, likelihood="gaussian")
    model = model.astype(np.float64)
    model.encoder.layers[0].W[...] = rng.standard_normal(model.encoder.layers[0].W.shape)
    tails = []
    for _ in range(60):                                    # the promise is one over the normal rows, too
        detector = AnomalyDetector(model, rng.standard_normal((60, 8)), "latent_distance")
        tails.append(detector.tail(rng.standard_normal((20, 8))))
    tails = np.array(tails)
    for level in (0.1, 0.5):
        shares = (tails < level).mean(axis=1)
        assert abs(shares.mean() - level) < 4 * shares.std() / np.sqrt(len(shares))


def test_the_least_quantile_is_the_least_normal_score(rng):
    detector = AnomalyDetector(npvae.vae(6, (5,), 2), rng.random((30, 6)), n_samples=2)
    assert detector.threshold(1e-12) == detector.normal_scores[0]


def test_it_trains_for_no_more_steps_than_it_is_asked_for(monkeypatch):
    """Also where so many epochs are fewer steps of the rows that decide than of all."""
    steps = []
    train = detectors.fit

    def fit(model, x, *, epochs, batch_size, **options):
        steps.append(epochs * -(-len(x) // batch_size))
        return train(model, x, epochs=epochs, batch_size=batch_size, **options)
    monkeypatch.setattr(detectors, "fit", fit)
    x = table(np.random.default_rng(2), 126)                 # 101 are not held out: batches of 51
    monkeypatch.setattr(detectors.np, "argmin", lambda losses: len(losses) - 1)
    fit_detector(x, n_steps=60, n_samples=2, n_models=1)
    assert steps == [60, 60, 60]


def test_a_distance_that_asks_for_more_rows_says_so_before_the_training(rng, monkeypatch):
    monkeypatch.setattr(detectors, "fit", None)
    message = ("^normal has 27 rows, of which 9 are held out: at least 10 were expected of these, "
               "for the covariance of 8 latent dimensions$")
    with pytest.raises(ValueError, match=message):
        fit_detector(table(rng, 27), score="latent_distance", n_steps=3)


def test_a_detector_is_not_changed_by_what_becomes_of_the_model(rng, tmp_path):
    x = rng.random((30, 5))
    first, second, template = (npvae.vae(5, (8,), 2, likelihood="gaussian", seed=seed)
                               for seed in (1, 2, 3))
    detector = evaluation.AnomalyDetector(first, x)
    detector.save(tmp_path / "first.npz")
    evaluation.AnomalyDetector(second, x).save(tmp_path / "second.npz")
    scores = detector.score(x)
    loaded = evaluation.load_detector(tmp_path / "first.npz", template)
    evaluation.load_detector(tmp_path / "second.npz", template)
    first.parameters.theta *= 0.5
    np.testing.assert_array_equal(detector.score(x), scores)
    np.testing.assert_array_equal(loaded.score(x), scores)


def test_what_is_far_beyond_all_counts_as_far_in_a_narrow_column_too(rng):
    x = rng.standard_normal((60, 3)) * [1, 1, 1e-12]
    detector = fit_detector(x, n_steps=20, n_models=1, n_samples=3)
    far = np.tile(x[:1], (3, 1))
    far[:, 2] = 1e-6, 1e280, 1e300
    scores = detector.score(far)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, scores[0], rtol=1e-9)


@pytest.mark.parametrize("names", [["a"], "ab", [1, 2], {"a": 1}])
def test_forged_names_of_columns_are_refused(names):
    with pytest.raises(ValueError, match="its names are"):
        detectors.as_names(names, 2)
    assert detectors.as_names(["a", "b"], 2) == ["a", "b"] and detectors.as_names(None, 2) is None
