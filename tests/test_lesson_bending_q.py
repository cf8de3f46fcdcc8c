"""What bending_q.py claims: with every flow that z goes through, log p(x) - ELBO falls."""

import numpy as np
import pytest
from scipy import integrate, stats

from quick_runs import load, run


def test_every_flow_makes_the_gap_smaller(tmp_path):
    """And couplings and iaf close most of it, in four steps."""
    gaps = run("bending_q", tmp_path)
    assert gaps.keys() == {"planar", "coupling", "iaf"}
    for kind, gap in gaps.items():
        assert list(gap) == [0, 2, 4] and gap[0] == gaps["planar"][0]
        assert 0.0 < gap[4] < gap[2] - 0.05 < gap[0] - 0.05, kind
    assert gaps["planar"][4] < 0.75 * gaps["planar"][0]
    assert max(gaps["coupling"][4], gaps["iaf"][4]) < 0.3 * gaps["iaf"][0]
    assert {path.name for path in tmp_path.iterdir()} == {"bending_q.png"}


@pytest.mark.parametrize("x", [0.4, 1.5, 3.0])
def test_log_px_on_the_grid_is_that_of_a_distance_by_scipy(x):
    """The distance of N(0, I) from a point is Rice's; x is that, and a normal error."""
    example = load("examples/bending_q.py")
    log_px, _, _ = example.on_a_grid(np.array([[x]]))
    density = lambda r: stats.rice.pdf(r, 1.5) * stats.norm.pdf(x, r, example.ERROR)
    exact = np.log(integrate.quad(density, 0, 10, points=[x], epsabs=1e-12)[0])
    assert log_px[0] == pytest.approx(exact, abs=1e-4)


def test_the_decoder_differentiates_the_distance(rng):
    example = load("examples/bending_q.py")
    z, dy = rng.standard_normal((3, 4, 2)), rng.standard_normal((3, 4, 1))
    layer, h = example.Distance(), 1e-6
    found = layer.pullback(dy, layer.forward(z)[1])
    for j, step in enumerate(h * np.eye(2)):
        rise = layer.forward(z + step)[0] - layer.forward(z - step)[0]
        np.testing.assert_allclose(found[..., j], (dy * rise)[..., 0] / (2 * h), atol=1e-8)
