"""What prior_that_learns.py claims, asserted from what its figures draw."""

import numpy as np
import pytest
from scipy import stats

import npvae
from quick_runs import load, run
from test_reading_list import figures

HOLES, KL = "in holes", "KL(q(z) || p(z))"
LEARNED = "mixture", "VampPrior", "RealNVP"


def check(found):
    normal = found["N(0, I)"]
    assert normal[HOLES] > 0.08
    assert max(found[name][HOLES] for name in ("mixture", "VampPrior")) < 0.5 * normal[HOLES]
    assert found["RealNVP"][HOLES] < normal[HOLES]
    for name in LEARNED:
        assert found[name][KL] < normal[KL] - 0.2
        assert found[name]["gain"] == pytest.approx(found[name]["log_px"] - normal["log_px"])
        assert found[name]["gain"] > found[name]["error"] > 0


def test_quick(tmp_path):
    check(run("prior_that_learns", tmp_path))
    assert figures(tmp_path) == {"prior_that_learns.png", "prior_that_learns_draws.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/prior_that_learns.py").main(["--out", str(tmp_path)])
    check(found)
    assert all(found[name]["gain"] > 3 * found[name]["error"] for name in LEARNED)


def test_the_aggregate_posterior_is_the_mean_of_scipys_normals(rng):
    example = load("examples/prior_that_learns.py")
    model = npvae.vae(6, (5,), 2).astype(np.float64)
    model.encoder.layers[-1].b[2:] = -1.0                     # logvar: narrower than N(0, I)
    x, z = rng.random((7, 6)), rng.normal(0.0, 2.0, (9, 2))
    q = model.encode(x)
    density = stats.norm(q.mu, q.std).pdf(z[:, None]).prod(axis=-1).mean(axis=1)
    for chunk in (2, 200):
        found = example.log_aggregate(model, x, z, chunk)
        np.testing.assert_allclose(found, np.log(density), rtol=1e-12)
    p = stats.norm().pdf(z).prod(axis=-1)
    np.testing.assert_array_equal(example.in_holes(model, x, z), p > 10 * density)
    assert 0 < example.in_holes(model, x, z).sum() < 9


def test_each_prior_begins_where_the_codes_are(rng):
    codes, images = rng.standard_normal((4, 2)), rng.random((4, 6)).astype(np.float32)
    priors = load("examples/prior_that_learns.py").begun(codes, images)
    np.testing.assert_allclose(priors["mixture"].mu, codes, rtol=1e-6)
    np.testing.assert_array_equal(priors["VampPrior"].u, images)
