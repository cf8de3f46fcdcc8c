"""A posterior that bends: its density against quadrature, its Jacobian against finite differences."""

import numpy as np
import pytest
from scipy import integrate

import npvae
from npvae.distributions.flows import Planar, PlanarGaussian
from npvae.gradcheck.differences import central_difference
from ranges import B, J, K, Row, medium, of_posterior


def of_planar(draw):
    """w of a size of at least 1e-8."""
    flow = Planar(J)
    for values in flow.blocks().values():
        values[...] = draw.upto(1e8, *values.shape)
    flow.w[0] = 1e-8
    y, log_det, cache = flow.forward(draw.upto(1e8, K, B, J))
    dz = flow.backward(draw.upto(1e8, K, B, J), np.ones((K, B), np.float32), cache)
    return [y, log_det, dz, flow.push(draw.upto(1e8, K, B, J), cache), *flow.gradients().values()]


RANGES = {
    "PlanarGaussian": Row(
        PlanarGaussian, "Finite, in float32, for |mu| up to 1e8 and logvar of -20 to 20, as f is drawn.",
        of_posterior(lambda: (PlanarGaussian(J), None), medium, 1e8), 10.0),
    "Planar": Row(
        Planar, "Finite, in float32, for |z|, |w|, |v| and |b| up to 1e8, where |w| is at least 1e-8.",
        of_planar, 1e4)}


def moved(module, rng, scale=1.0):
    module = module.astype(np.float64)
    module.parameters.theta[...] = rng.normal(0.0, scale, module.parameters.size)
    return module


def jacobian(flow, z):
    """df/dz at one z (1, J), by finite differences."""
    rows = [central_difference(lambda arrays: flow.forward(arrays["z"])[0][0, i], {"z": z}, "z")[0]
            for i in range(z.size)]
    return np.array(rows)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_the_log_determinant_is_that_of_the_jacobian(scale, rng):
    """And the determinant is positive, however large w and v are: f is invertible."""
    for _ in range(10):
        flow, z = moved(Planar(3), rng, scale), rng.standard_normal((1, 3))
        sign, log_det = np.linalg.slogdet(jacobian(flow, z))
        assert sign == 1 and flow.forward(z)[1][0] == pytest.approx(log_det, abs=1e-6)


def test_a_slope_is_pushed_by_the_inverse_jacobian(rng):
    """push: from d log q / dz to d log q / df, and the log-determinant's own slope."""
    flow, z, slope = moved(Planar(3), rng), *rng.standard_normal((2, 1, 3))
    _, _, cache = flow.forward(z)
    of_log_det = central_difference(lambda arrays: flow.forward(arrays["z"])[1][0], {"z": z}, "z")
    expected = np.linalg.solve(jacobian(flow, z).T, (slope - of_log_det)[0])
    np.testing.assert_allclose(flow.push(slope, cache)[0], expected, rtol=1e-6)


def test_the_density_integrates_to_one(rng):
    """In one dimension f rises, so the density of the drawn z can be summed along them."""
    posterior = moved(PlanarGaussian(1, n_flows=3), rng)
    q = posterior.given(np.array([[0.3, -0.4]]))
    eps = np.linspace(-9, 9, 20_001)[:, None, None]
    z, drawn = posterior.sample(q, eps)
    assert (np.diff(z.ravel()) > 0).all()
    mass = integrate.simpson(np.exp(posterior.log_prob(drawn))[:, 0], x=z.ravel())
    assert mass == pytest.approx(1.0, abs=1e-8)


def test_where_u_stands_across_w_the_volume_is_kept(rng):
    """w.u = softplus(w.v) - 1 is zero where w.v = log(e - 1)."""
    flow = moved(Planar(2), rng)
    flow.v += (np.log(np.expm1(1.0)) - flow.w @ flow.v) / (flow.w @ flow.w) * flow.w
    z = rng.standard_normal((5, 2))
    y, log_det, _ = flow.forward(z)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-15)
    np.testing.assert_allclose((y - z) @ flow.w, 0.0, atol=1e-14)
    assert np.abs(y - z).max() > 0.1


def test_it_has_no_inverse_and_says_so(rng):
    posterior = PlanarGaussian(2)
    q = posterior.given(np.zeros((1, 4), np.float32))
    with pytest.raises(TypeError, match="PlanarGaussian has no inverse in closed form"):
        posterior.at(q, np.zeros((1, 1, 2), np.float32))
    with pytest.raises(TypeError, match="has no inverse in closed form"):
        npvae.evaluation.kl_parts(npvae.vae(6, (5,), 2, posterior="planar_gaussian"),
                                  np.zeros((4, 6)), rng)
    assert len(PlanarGaussian(2, n_flows=7).flows) == 7
    assert (PlanarGaussian(2, seed=1).flows[0].w == PlanarGaussian(2).flows[1].w).all()
