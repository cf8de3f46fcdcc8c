"""The examples on estimators and evidence, in their quick mode."""

import functools
import json

import numpy as np
import pytest

import npvae
from quick_runs import load, run
from test_reading_list import figures


def test_estimator_laboratory(tmp_path):
    found = run("estimator_laboratory", tmp_path)
    for one, other in (*found["K = 1"].values(), *found["order"].values()):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    bounds, evidence = found["bound"]
    assert (np.diff(bounds) > 0).all() and bounds[-1] < evidence
    offs, landing = found["landing"]
    assert offs[0] == 0 and landing["STL"][0] < 1e-12
    # at the posterior the gradient is eps / std and (eps^2 - 1) / 2 alone
    spread = 0.5 / (np.array([4.0, 1.0]) + 0.5)
    assert landing["ELBO"][0] == pytest.approx(np.sqrt((1 / spread + 0.5).sum()), rel=0.05)
    slope = {name: np.polyfit(np.log(found["Ks"][2:]), np.log(values[2:]), 1)[0]
             for name, values in found["snr"].items()}
    assert slope["IWAE"] == pytest.approx(-0.5, abs=0.1)
    assert slope["DReG"] == pytest.approx(0.5, abs=0.1)
    for (right, right_error), (wrong, wrong_error), K in zip(
            found["bias"]["DReG"], found["bias"]["STL in IWAE"], found["Ks"]):
        assert right < 4 * right_error
        assert wrong > 20 * wrong_error or K == 1
    assert figures(tmp_path) == {"estimator_laboratory.png"}


def test_how_good_is_q(tmp_path):
    found = run("how_good_is_q", tmp_path)
    for gap in found["gaps"].values():
        assert 1.0 < gap.approximation.mean() < 3.0
        assert 0.4 < gap.amortization.mean() < 2.0
    assert 0.45 < found["ends"] < 0.65
    evidence = found["evidence"]
    assert -200 < evidence.log_px.mean() < -180
    assert 5 < np.median(evidence.ess) < 60 and (evidence.pareto_k > 0.7).mean() > 0.4
    assert figures(tmp_path) == {"how_good_is_q.png"}


def test_the_papers_script_keeps_its_parts_and_goes_on(tmp_path, monkeypatch, capsys):
    """On 300 images: training, then log p(x) in parts; a second call does neither again."""
    script = load("benchmarks/papers/importance_weighted.py")
    data = npvae.datasets.mnist()
    small = data._replace(train_images=data.train_images[:300], test_images=data.test_images[:60])
    monkeypatch.setattr(script.npvae.datasets, "mnist", lambda: small)
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
    arguments = ["--samples", "2", "--epochs", "2", "--out", str(tmp_path)]
    monkeypatch.setattr(script, "N_SAMPLES", 50)
    parts = functools.partial(script.evidence_by_parts, part=25)
    monkeypatch.setattr(script, "evidence_by_parts", parts)
    script.main(arguments)
    result = json.loads((tmp_path / "results" / "iwae_k2_2.json").read_text())
    folder = tmp_path / "iwae_k2_2"
    saved = [np.load(folder / f"evidence_{start}.npz")["log_px"] for start in (0, 25, 50)]
    assert [len(part) for part in saved] == [25, 25, 10]
    assert result["nll"] == pytest.approx(-np.concatenate(saved).mean(), abs=1e-3)
    assert [row["epoch"] for row in result["curve"]] == [1, 2]
    model = npvae.load(folder / "checkpoint.npz")
    assert model.objective == npvae.IWAE()
    found = npvae.evaluation.log_evidence(
        model, npvae.datasets.binarize(small.test_images, np.random.default_rng(1))[25:50],
        np.random.default_rng([3, 25]), 50)
    np.testing.assert_allclose(saved[1], found.log_px, rtol=1e-6)
    begins = []
    fit = npvae.fit
    monkeypatch.setattr(npvae, "fit", lambda model, *args, **kwargs: (
        begins.append(model.parameters.theta.copy()), fit(model, *args, **kwargs))[1])
    script.main(["--samples", "3", "--epochs", "1", "--after", str(folder), "--out", str(tmp_path)])
    np.testing.assert_array_equal(begins[0], model.parameters.theta)
    later = json.loads((tmp_path / "results" / "iwae_k3_after_iwae_k2_2_1.json").read_text())
    assert (later["after"], later["samples"], later["layers"]) == ("iwae_k2_2", 3, 1)
    monkeypatch.setattr(npvae.evaluation, "log_evidence", None)               # not asked again
    script.main(arguments)
    again = json.loads((tmp_path / "results" / "iwae_k2_2.json").read_text())
    assert again["nll"] == result["nll"] and again["curve"] == result["curve"]
