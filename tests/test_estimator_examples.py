"""The examples on estimators and evidence, in their quick mode."""

import numpy as np
import pytest

from test_reading_list import figures, run


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
