"""What two examples claim: one image is many codes, and log p(x) rises in training, above the ELBO."""

import numpy as np
import pytest

from quick_runs import run


def test_one_image_is_many_codes(tmp_path):
    """The draws' deviation is sigma; of a Gaussian in two dimensions 1 - exp(-2) lies within two."""
    found = run("one_image_many_codes", tmp_path)
    n = 3 * 2000
    assert found["deviation over sigma"] == pytest.approx(1.0, abs=5 / np.sqrt(4 * n))
    p = 1 - np.exp(-2)
    assert found["within two sigma"] == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / n))
    assert found["deviation over sigma^2"] > 2.0                     # what it would be by a variance
    assert found["within"] < 0.5 * found["between"]
    assert (tmp_path / "one_image_many_codes.png").exists()


def test_held_out_evidence_rises_in_training(tmp_path):
    """Each epoch above the last by more than the errors; the ELBO below it at every one."""
    found = run("evidence_in_training", tmp_path)
    elbo, log_px, error = (np.array(found[name]) for name in ("elbo", "log_px", "error"))
    assert len(elbo) == 5
    assert (np.diff(log_px) > 3 * (error[1:] + error[:-1])).all() and (np.diff(elbo) > 0).all()
    assert (log_px - elbo > 3 * error).all()
    assert (tmp_path / "evidence_in_training.png").exists()
