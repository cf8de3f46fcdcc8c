"""Invertible transforms: their Jacobians against finite differences, their inverses, what sees what."""

import numpy as np
import pytest
from scipy.special import expit

from npvae.distributions.transforms import Coupling, Flow, InverseAutoregressive, Planar
from npvae.gradcheck.differences import central_difference
from npvae.networks.masked import MaskedDense, autoregressive
from ranges import B, J, K, Row, of_layer

C = 4                                                  # of the context


def moved(module, rng, scale=1.0):
    module = module.astype(np.float64)
    module.parameters.theta[...] = rng.normal(0.0, scale, module.parameters.size)
    return module


def all_of(transform, draw, edge):
    """Forward, backward and push, with arrays of all sizes up to the edge."""
    y, log_det, cache = transform.forward(draw.upto(edge, K, B, J), draw.upto(edge, K, B, C))
    dz, dcontext = transform.backward(draw.upto(edge, K, B, J), np.ones((K, B), np.float32), cache)
    pushed = transform.push(draw.upto(edge, K, B, J), cache)
    return [y, log_det, dz, dcontext, pushed, *transform.gradients().values()]


def of_planar(draw):
    """w of a size of at least 1e-8; v on the side of the plane where w.v is not below 0."""
    flow = Planar(J, C, draw.rng)
    for values in flow.blocks().values():
        values[...] = draw.upto(1e8, *values.shape)
    flow.w[0] = 1e-8
    flow.v *= np.sign(flow.w @ flow.v) or 1.0
    return all_of(flow, draw, 1e8)


def of_network(kind, shift_first):
    """Whose network gives shifts of up to 1e8 and s of -20 to 20, whatever it is shown."""
    def compute(draw):
        transform = kind(J, C, 3, draw.rng)
        last = transform.network.layers[-1]
        n = last.b.size // 2
        halves = draw.upto(1e8, n), draw.within(-20, 20, n)
        last.W, last.b = 0.0, np.concatenate(halves if shift_first else halves[::-1])
        return all_of(transform, draw, 1e8)
    return compute


RANGES = {
    "MaskedDense": Row(
        MaskedDense, "Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.",
        of_layer(lambda rng: MaskedDense(rng.random((J, 9)) < 0.5, rng), (K, B, J), 1e15), 1e5),
    "Planar": Row(
        Planar, "Finite, in float32, for |z|, |context|, |w|, |v|, |c| and |b| up to 1e8, where |w| is "
        "at least 1e-8 and w.v at least -80.", of_planar, 1e7),
    "Coupling": Row(Coupling, "Finite, in float32, for |z| and |t| up to 1e8, and s of -20 to 20.",
                    of_network(Coupling, False), 10.0),
    "InverseAutoregressive": Row(
        InverseAutoregressive, "Finite, in float32, for |z| and |m| up to 1e8, and s of -20 to 20.",
        of_network(InverseAutoregressive, True), 10.0),
    "Flow": Row(
        Flow, "Finite, in float32, for |z| and |context| up to 1e8, as its transforms are drawn.",
        lambda draw: all_of(Flow("coupling iaf planar coupling", J, C, 6, 0), draw, 1e8))}

MAKE = {"planar": lambda n, rng: Planar(n, C, rng), "coupling": lambda n, rng: Coupling(n, C, 6, rng),
        "iaf": lambda n, rng: InverseAutoregressive(n, C, 6, rng),
        "all": lambda n, rng: Flow("coupling iaf planar coupling iaf", n, C, 6, 0)}
each = pytest.mark.parametrize("name", MAKE)


def jacobian(flow, z, context):
    """df/dz at one z (1, J), by finite differences."""
    rows = [central_difference(lambda arrays: flow.forward(arrays["z"], context)[0][0, i], {"z": z}, "z")
            for i in range(z.size)]
    return np.concatenate(rows)


@each
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_log_determinant_is_that_of_the_jacobian(name, scale, rng):
    """And f keeps the orientation, or reverses it by its reversal of J = 3 dimensions alone: it is
    nowhere singular, however large its weights are."""
    reversals = {"planar": 0, "coupling": 1, "iaf": 1, "all": 4}[name]
    scale = min(scale, 0.7) if name == "all" else scale
    for _ in range(5):
        flow, z, context = moved(MAKE[name](3, rng), rng, scale), *(rng.standard_normal((1, n))
                                                                    for n in (3, C))
        sign, log_det = np.linalg.slogdet(jacobian(flow, z, context))
        assert sign == (-1)**reversals
        assert flow.forward(z, context)[1][0] == pytest.approx(log_det, rel=1e-6, abs=1e-6)


@each
def test_a_slope_is_pushed_by_the_inverse_jacobian(name, rng):
    """push: from d log q / dz to d log q / df, and the log-determinant's own slope."""
    flow, context = moved(MAKE[name](3, rng), rng, 0.7), rng.standard_normal((1, C))
    z, slope = rng.standard_normal((2, 1, 3))
    _, _, cache = flow.forward(z, context)
    of_log_det = central_difference(lambda arrays: flow.forward(arrays["z"], context)[1][0], {"z": z},
                                    "z")
    expected = np.linalg.solve(jacobian(flow, z, context).T, (slope - of_log_det)[0])
    np.testing.assert_allclose(flow.push(slope, cache)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("names", ["coupling", "iaf", "coupling iaf iaf coupling coupling"])
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_the_inverse_comes_back(names, n, rng):
    flow = moved(Flow(names, n, C, 6, 0), rng, 0.7)
    z, context = 3.0 * rng.standard_normal((3, 5, n)), rng.standard_normal((3, 5, C))
    y, _, _ = flow.forward(z, context)
    np.testing.assert_allclose(flow.inverse(y, context), z, atol=1e-10)
    np.testing.assert_allclose(flow.forward(flow.inverse(z, context), context)[0], z, atol=1e-10)


def test_a_coupling_by_hand(rng):
    """The second half scaled and shifted by what the first says; then both turned round."""
    flow, z, context = moved(Coupling(3, C, 6, rng), rng), *(rng.standard_normal((5, n)) for n in (3, C))
    s, t = np.split(flow.network.forward(np.hstack([z[:, :1], context]))[0], 2, axis=1)
    y, log_det, _ = flow.forward(z, context)
    np.testing.assert_allclose(y[:, ::-1], np.hstack([z[:, :1], z[:, 1:] * np.exp(s) + t]), rtol=1e-12)
    np.testing.assert_allclose(log_det, s.sum(axis=1), rtol=1e-12)


def test_a_step_of_iaf_by_hand(rng):
    """A gate between z and m; begun with the gate open at sigmoid(2)."""
    flow, z, context = moved(InverseAutoregressive(3, C, 6, rng), rng), *(rng.standard_normal((5, n))
                                                                          for n in (3, C))
    m, s = np.split(flow.network.forward(np.hstack([z, context]))[0], 2, axis=1)
    y, log_det, _ = flow.forward(z, context)
    np.testing.assert_allclose(y[:, ::-1], expit(s) * z + (1 - expit(s)) * m, rtol=1e-12)
    np.testing.assert_allclose(log_det, np.log(expit(s)).sum(axis=1), rtol=1e-12)
    fresh = InverseAutoregressive(3, C, 6, rng)
    assert (fresh.network.layers[-1].b == [0, 0, 0, 2, 2, 2]).all()


def test_where_u_stands_across_w_the_volume_is_kept(rng):
    """w.u = softplus(w.v) - 1 is zero where w.v = log(e - 1)."""
    flow, context = moved(Planar(2, C, rng), rng), rng.standard_normal((5, C))
    flow.v += (np.log(np.expm1(1.0)) - flow.w @ flow.v) / (flow.w @ flow.w) * flow.w
    z = rng.standard_normal((5, 2))
    y, log_det, _ = flow.forward(z, context)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-15)
    np.testing.assert_allclose((y - z) @ flow.w, 0.0, atol=1e-14)
    assert np.abs(y - z).max() > 0.1


# ---- what sees what ---------------------------------------------------------------------------

def seen_by_outputs(function, x):
    """dy/dx at one x (n,): [output, input], by finite differences."""
    n_out = function(x).size
    return np.array([central_difference(lambda arrays: function(arrays["x"])[i], {"x": x}, "x")
                     for i in range(n_out)])


@pytest.mark.parametrize("n, n_hidden", [(1, 1), (3, 3), (5, 5), (4, 9), (3, 50)])
def test_an_output_sees_all_inputs_before_its_own_and_the_context(n, n_hidden, rng):
    """And nothing else; the first one sees the context, which alone tells it of x."""
    network = moved(autoregressive(n, C, n_hidden, 2, rng), rng)
    sees = np.abs(seen_by_outputs(lambda x: network.forward(x)[0], rng.normal(0.0, 0.3, n + C))) > 1e-9
    before = np.tril(np.ones((n, n), bool), -1)
    np.testing.assert_array_equal(sees, np.tile(np.hstack([before, np.ones((n, C), bool)]), (2, 1)))


@pytest.mark.parametrize("n, n_context, n_hidden", [(3, C, 7), (2, C, 50), (6, 1, 6)])
def test_no_hidden_unit_is_dead(n, n_context, n_hidden, rng):
    """Each is reached by an input, and reaches an output; and so each has a gradient."""
    network = moved(autoregressive(n, n_context, n_hidden, 2, rng), rng, 0.5)
    first, _, last = network.layers
    assert first.mask.any(axis=0).all() and last.mask.any(axis=1).all()
    y, cache = network.forward(rng.standard_normal((9, n + n_context)))
    network.backward(rng.standard_normal(y.shape), cache)
    assert (np.abs(first.dW).max(axis=0) > 0).all() and (np.abs(last.dW).max(axis=1) > 0).all()


@each
def test_the_context_reaches_every_dimension(name, rng):
    flow, z = moved(MAKE[name](3, rng), rng, 0.5), rng.standard_normal(3)
    held = {"coupling": 1}.get(name, 0)                # the first half, which is the last of y
    by_context = seen_by_outputs(lambda context: flow.forward(z[None], context[None])[0][0],
                                 rng.normal(0.0, 0.5, C))
    assert (np.abs(by_context[:3 - held]) > 1e-9).all() and not np.abs(by_context[3 - held:]).any()


def test_what_a_mask_hides_is_never_used(rng):
    mask = rng.random((5, 4)) < 0.5
    layer, x = MaskedDense(mask, rng).astype(np.float64), rng.standard_normal((3, 5))
    before, cache = layer.forward(x)
    layer.W += 7.0 * ~mask
    np.testing.assert_array_equal(layer.forward(x)[0], before)
    np.testing.assert_allclose(before, x @ (layer.W * mask) + layer.b)
    layer.accumulate(rng.standard_normal((3, 4)), cache)
    assert not layer.dW[~mask].any() and layer.dW[mask].all()


def test_two_couplings_move_every_dimension(rng):
    """Each dimension with regard to others: that the order is reversed does it."""
    for n in (2, 3, 5):
        flow = moved(Flow("coupling coupling", n, C, 6, 0), rng, 0.5)
        J = jacobian(flow, rng.standard_normal((1, n)), np.zeros((1, C)))
        moved_by_others = np.abs(J - np.diag(np.diag(J))).max(axis=1) > 1e-6
        assert moved_by_others.all()


# ---- how it is made ---------------------------------------------------------------------------

def test_a_flow_is_of_what_its_names_say():
    flow = Flow("iaf coupling planar planar", 3, C, 7, 0)
    assert [type(part) for part in flow.transforms] == [InverseAutoregressive, Coupling, Planar, Planar]
    assert flow.transforms[0].network.layers[0].W.shape == (3 + C, 7)
    assert flow.transforms[1].network.layers[0].W.shape == (1 + C, 7)
    other = Flow("iaf coupling planar planar", 3, C, 7, 1)
    assert all((flow.blocks()[name] != other.blocks()[name]).any()
               for name in flow.blocks() if not name.endswith("b"))
    assert (flow.transforms[2].w != flow.transforms[3].w).all()
    for names, error, message in (("", ValueError, "flows is ''"), (3, TypeError, "flows is 3: names"),
                                  ("iaf radial", ValueError, "a name in flows is 'radial': one of 'pl")):
        with pytest.raises(error, match=message):
            Flow(names, 3, C, 7, 0)
    for options, message in (((0, 0), "n_hidden is 0"), ((7, -1), "seed is -1")):
        with pytest.raises(ValueError, match=message):
            Flow("iaf", 3, C, *options)


@each
def test_it_begins_near_the_identity(name, rng):
    """Less the reversals, and the gate of 0.88."""
    flow, z = MAKE[name](4, rng), rng.standard_normal((50, 4)).astype(np.float32)
    y, log_det, _ = flow.forward(z, np.zeros((50, C), np.float32))
    y = y[:, ::-1] if name in ("coupling", "iaf") else y
    gates = {"iaf": 1, "all": 2}.get(name, 0)
    np.testing.assert_allclose(y.std(axis=0), 0.88**gates * z.std(axis=0), rtol=0.25)
    assert np.corrcoef(y.ravel(), z.ravel())[0, 1] > 0.97
    np.testing.assert_allclose(log_det, 4 * gates * np.log(0.88), atol=0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_volume_that_all_but_vanishes_has_its_logarithm(dtype, rng):
    """At the plane det = softplus(w.v), e^-18 or e^-80: 1 + (1 - t^2) (softplus(w.v) - 1) would be 0."""
    flow = Planar(2, C, rng).astype(np.float64)
    flow.w[...], flow.c[...] = [4.0, 0.0], 0.0
    for wv in (-18.0, -80.0):
        flow.v[...] = [wv / 4.0, 1.0]
        one = flow.copy()
        one.parameters.cast(dtype)
        z = np.array([[[0.0, 0.3], [1.0, 0.3]]], dtype)
        _, log_det, cache = one.forward(z, np.zeros((1, 2, C), dtype))
        t = np.tanh(4.0)
        expected = [wv, np.log(t * t + (1.0 - t * t) * np.exp(wv))]
        np.testing.assert_allclose(log_det[0], expected, rtol=1e-6, atol=1e-6)
        dz, _ = one.backward(np.ones_like(z), np.ones((1, 2), dtype), cache)
        assert np.isfinite(dz).all() and np.isfinite(one.parameters.grad).all()
