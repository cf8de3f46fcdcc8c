"""`fit_detector`: from a table of normal rows to a detector, whatever the table is like."""

import numpy as np
import pytest

import npvae
from npvae import evaluation
from npvae.evaluation import detectors
from npvae.evaluation.detectors import fit_detector, without_extremes

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
    assert len(seen) == 3 and {len(rows) for rows in seen} == {80} and detector.n_normal == 20
    back = detector.standardizer.shift + detector.standardizer.scale * seen[0]
    known = np.isclose(x[:, None], back[None], rtol=1e-9).all(axis=2).any(axis=1)
    assert known.sum() == 80
    np.testing.assert_allclose(np.sort(detector.score(x[~known])), detector.normal_scores)
    np.testing.assert_allclose(detector.standardizer.shift, x[known].mean(axis=0))


@pytest.mark.parametrize("n, held_out", [(6, 2), (30, 10), (60, 20), (90, 20), (100, 20), (500, 100)])
def test_how_many_rows_are_held_out(n, held_out, rng):
    assert fit_detector(table(rng, n), n_steps=1, n_samples=2).n_normal == held_out


def test_the_share_of_new_rows_that_it_flags_is_what_it_promises(rng):
    """The whole of it, on 30 small tables: of new rows of the same table a tenth, at most."""
    flagged = [fit_detector(table(rng, 60), n_steps=6, n_samples=2, seed=seed).flag(
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
    assert fit_detector(table(rng, 100), n_steps=1, n_samples=2).model.n_latent == best
    assert asked == [16, 16]                               # a fifth of the 80 that are not held out


def test_it_trains_for_as_long_as_held_out_rows_gain(rng):
    """Of 30 rows in 12 columns a model learns by heart what is no use for others."""
    x = rng.standard_normal((40, 12))
    _, n_epochs = detectors.trained(x[:30], 8, 1000, 0, validation=x[30:])
    assert n_epochs < 500
    model, again = detectors.trained(x, 8, 1000, 0, n_epochs=2)
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


def test_extremes_are_moved_to_the_end_of_the_usual_range(rng):
    x = rng.standard_normal((1000, 3))
    x[:, 2] = 0.0
    x[0] = [1e19, -50.0, 5.0]
    low, high = np.quantile(x, [0.05, 0.95], axis=0)
    found = without_extremes(x)
    assert found[0, 0] == pytest.approx(high[0] + 20 * (high[0] - low[0]))
    np.testing.assert_array_equal(found[1:], x[1:])
    assert found[0, 1:].tolist() == [-50.0, 5.0]


def test_the_detector_is_kept_in_a_file(fitted, rng, tmp_path):
    fitted.save(tmp_path / "detector.npz")
    again, new = evaluation.load_detector(tmp_path / "detector.npz"), table(rng, 20)
    np.testing.assert_array_equal(again.score(new), fitted.score(new))
    np.testing.assert_array_equal(again.contributions(new).columns, fitted.contributions(new).columns)
    assert again.threshold(0.95) == fitted.threshold(0.95)
    assert again.model.parameters.dtype == np.float64


@pytest.mark.parametrize("normal, message", [
    (np.zeros((5, 3)), "normal has 5 rows: at least 6 were expected"),
    (np.zeros(9), r"normal has shape \(9,\): \(any, any\) was expected"),
    (np.full((9, 2), np.nan), r"normal is nan at index \(0, 0\)")])
def test_what_is_no_table_is_refused(normal, message):
    with pytest.raises(ValueError, match=message):
        fit_detector(normal)
