"""Invertible functions y = f(z) whose log-determinant, log |det df/dz|, is known.

Each has four verbs. `forward(z, context)` returns y, the log-determinant and a cache, `backward` the
gradients in z and in the context, as a layer does. `push` takes the slope of a log density from z to
y. `inverse` takes y to z, where that has a closed form.

z and y are (..., J). The context is (..., C), an input that says what f is to be, such as what an
encoder says of x.
"""

import numpy as np

from npvae.inputs import check_choice, check_count, check_type
from npvae.networks.initializers import uniform_fan_in
from npvae.networks.layers import Chain, Dense, Tanh
from npvae.networks.masked import autoregressive
from npvae.networks.parameters import Module, block
from npvae.numerics import sigmoid, softplus


def small(rng, n_in, n_out):
    """A tenth of `uniform_fan_in`, for the last layer: f begins near the identity."""
    return 0.1 * uniform_fan_in(rng, n_in, n_out)


class Planar(Module):
    """f(z) = z + u tanh(w.z + c.context + b): space is pushed along u, most where a plane is.

    The plane is w.z + c.context + b = 0. det df/dz = 1 + (1 - tanh^2) w.u, which is positive for
    all z if w.u > -1. So u is not learned itself, but v with
    u = v + (softplus(w.v) - 1 - w.v) w / |w|^2, whose w.u is softplus(w.v) - 1.

    Finite, in float32, for |z|, |context|, |w|, |v|, |c| and |b| up to 1e8, where |w| is at least
    1e-8 and w.v at least -80.

    Parameters
    ----------
    n_latent, n_context : int
        J and C.
    rng : numpy.random.Generator
        Of the first w, v and c; all are small, so f begins near the identity.

    References
    ----------
    Rezende and Mohamed (2015), eq. 10 to 12, and appendix A.1 for u. Theirs has another w, u and b
    for each x; here x moves the plane.
    """

    w, dw = block("w")
    v, dv = block("v")
    c, dc = block("c")
    b, db = block("b")

    def __init__(self, n_latent, n_context, rng):
        w, v = rng.normal(0.0, 0.1, (2, n_latent)).astype(np.float32)
        c = rng.normal(0.0, 0.1, n_context).astype(np.float32)
        super().__init__({"w": w, "v": v, "c": c, "b": np.zeros(1, np.float32)})

    def forward(self, z, context):
        wv, ww = self.w @ self.v, self.w @ self.w
        u = self.v + (softplus(wv) - 1.0 - wv) / ww * self.w
        t = np.tanh(z @ self.w + context @ self.c + self.b)
        slope = 1.0 - t * t                                     # of tanh
        # det = 1 + slope (softplus(wv) - 1); where wv is far below 0, the 1 would leave nothing of it
        det = t * t + slope * softplus(wv)
        return z + t[..., None] * u, np.log(det), (z, context, u, t, slope, det)

    def backward(self, dy, dlog_det, cache):
        z, context, u, t, slope, det = cache
        wv, ww = self.w @ self.v, self.w @ self.w
        # log det = log(1 + (1 - t^2) wu),   wu = softplus(w.v) - 1
        wu, ddet = softplus(wv) - 1.0, dlog_det / det
        dwu = (ddet * slope).sum()
        # y = z + t u,   t = tanh(a),   a = w.z + c.context + b
        da = slope * (dy @ u - 2.0 * t * wu * ddet)
        du = (dy * t[..., None]).reshape(-1, u.size).sum(axis=0)
        self.db += da.sum()
        self.dc += (da[..., None] * context).reshape(-1, self.c.size).sum(axis=0)
        # u = v + s w,   s = (softplus(w.v) - 1 - w.v) / w.w
        s, ds = (wu - wv) / ww, du @ self.w
        dwv = dwu * sigmoid(wv) + ds / ww * (sigmoid(wv) - 1.0)
        self.dv += du + dwv * self.w
        self.dw += ((da[..., None] * z).reshape(-1, u.size).sum(axis=0)
                    + s * du + dwv * self.v - 2.0 * s * ds / ww * self.w)
        return dy + da[..., None] * self.w, da[..., None] * self.c

    def push(self, slope_z, cache):
        """J^-T (slope - d log det / dz), with J = df/dz."""
        z, context, u, t, slope, det = cache
        wu = softplus(self.w @ self.v) - 1.0
        g = slope_z + (2.0 * t * slope * wu / det)[..., None] * self.w
        # J^T = 1 + (1 - t^2) w u^T, whose inverse takes away what it adds
        return g - (slope * (g @ u) / det)[..., None] * self.w

    def inverse(self, y, context):
        raise TypeError("a planar flow has no inverse in closed form: log q(z|x) is known at the z "
                        "that it has drawn itself, only")


class Coupling(Module):
    """f(z1, z2) = (z1, z2 exp(s) + t), its dimensions then reversed; (s, t) = network(z1, context).

    z1 is the first half of z, and stays. So (s, t) is known to the inverse, too, and the network
    need not be invertible itself. df/dz is triangular, and log det = sum of s. Reversed, because the
    next transform is to move what this one lets stay.

    Finite, in float32, for |z| and |t| up to 1e8, and s of -20 to 20.

    Parameters
    ----------
    n_latent, n_context : int
        J and C.
    n_hidden : int
        Units of the network's hidden layer, with tanh.
    rng : numpy.random.Generator
        Of its weights.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP".
    """

    def __init__(self, n_latent, n_context, n_hidden, rng):
        self.n_first = n_latent // 2
        self.network = Chain(Dense(self.n_first + n_context, n_hidden, rng), Tanh(),
                             Dense(n_hidden, 2 * (n_latent - self.n_first), rng, small))
        super().__init__(parts={"network": self.network})

    def split(self, z):
        return z[..., :self.n_first], z[..., self.n_first:]

    def scale_and_shift(self, z1, context):
        st, cache = self.network.forward(np.concatenate([z1, context], axis=-1))
        s, t = np.split(st, 2, axis=-1)
        return s, t, cache

    def forward(self, z, context):
        z1, z2 = self.split(z)
        s, t, of_network = self.scale_and_shift(z1, context)
        y = np.concatenate([z1, z2 * np.exp(s) + t], axis=-1)[..., ::-1]
        return y, s.sum(axis=-1), (z2, np.exp(s), of_network)

    def backward(self, dy, dlog_det, cache):
        z2, scale, of_network = cache
        dy1, dy2 = self.split(dy[..., ::-1])
        # y2 = z2 exp(s) + t,   log det = sum of s
        ds = dy2 * z2 * scale + dlog_det[..., None]
        dinput = self.network.backward(np.concatenate([ds, dy2], axis=-1), of_network)
        dz1, dcontext = self.split(dinput)
        return np.concatenate([dy1 + dz1, dy2 * scale], axis=-1), dcontext

    def push(self, slope, cache):
        """J^-T (slope - d log det / dz): the slope in y2 first, then what y2 and log det say of z1."""
        z2, scale, of_network = cache
        slope1, slope2 = self.split(slope)
        ds = slope2 * z2 + 1.0                                  # slope2 / scale * (z2 * scale)
        dinput = self.network.pullback(np.concatenate([ds, slope2 / scale], axis=-1), of_network)
        return np.concatenate([slope1 - self.split(dinput)[0], slope2 / scale], axis=-1)[..., ::-1]

    def inverse(self, y, context):
        z1, y2 = self.split(y[..., ::-1])
        s, t, _ = self.scale_and_shift(z1, context)
        return np.concatenate([z1, (y2 - t) * np.exp(-s)], axis=-1)


class InverseAutoregressive(Module):
    """f(z) = sigma z + (1 - sigma) m, reversed; sigma = sigmoid(s), (m, s) = network(z, context).

    m_j and s_j see the z before z_j, and the context. So df/dz is triangular, and log det = sum of
    log sigma. The inverse takes J steps, as each z_j asks for those before it: from noise to z, which
    is what a posterior needs, it is one step. Reversed, so that the next one sees the others first.

    Finite, in float32, for |z| and |m| up to 1e8, and s of -20 to 20.

    Parameters
    ----------
    n_latent, n_context : int
        J and C.
    n_hidden : int
        Units of the network's hidden layer, with tanh.
    rng : numpy.random.Generator
        Of its weights. The biases of s begin at 2, where sigma is 0.88: near the identity.

    References
    ----------
    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow",
    Algorithm 1.
    """

    def __init__(self, n_latent, n_context, n_hidden, rng):
        self.n_latent = n_latent
        self.network = autoregressive(n_latent, n_context, n_hidden, 2, rng, small)
        self.network.layers[-1].b[n_latent:] = 2.0
        super().__init__(parts={"network": self.network})

    def mean_and_gate(self, z, context):
        ms, cache = self.network.forward(np.concatenate([z, context], axis=-1))
        m, s = np.split(ms, 2, axis=-1)
        return m, s, cache

    def forward(self, z, context):
        m, s, of_network = self.mean_and_gate(z, context)
        y = sigmoid(s) * z + sigmoid(-s) * m                    # 1 - sigma = sigmoid(-s)
        return y[..., ::-1], -softplus(-s).sum(axis=-1), (z, m, s, of_network)

    def backward(self, dy, dlog_det, cache):
        z, m, s, of_network = cache
        sigma, rest, dy = sigmoid(s), sigmoid(-s), dy[..., ::-1]
        # y = sigma z + (1 - sigma) m,   log det = sum of log sigma,   sigma = sigmoid(s)
        ds = rest * (sigma * dy * (z - m) + dlog_det[..., None])
        dinput = self.network.backward(np.concatenate([rest * dy, ds], axis=-1), of_network)
        return sigma * dy + dinput[..., :self.n_latent], dinput[..., self.n_latent:]

    def push(self, slope, cache):
        """J^-T (slope - d log det / dz), from the last dimension to the first.

        z_j is in y_j, in the y after it, and in their log sigma. What is pushed to those is known by
        then.
        """
        z, m, s, of_network = cache
        sigma, rest = sigmoid(s), sigmoid(-s)
        dy = np.zeros_like(slope)
        for j in reversed(range(self.n_latent)):
            ds = rest * (sigma * dy * (z - m) + 1.0)
            by_others = self.network.pullback(np.concatenate([rest * dy, ds], axis=-1), of_network)
            dy = np.where(np.arange(self.n_latent) == j,
                          (slope - by_others[..., :self.n_latent]) / sigma, dy)
        return dy[..., ::-1]

    def inverse(self, y, context):
        """From the first dimension to the last: m_j and s_j are known when their turn comes."""
        y = y[..., ::-1]
        z = np.zeros_like(y)
        for j in range(self.n_latent):
            m, s, _ = self.mean_and_gate(z, context)
            z = np.where(np.arange(self.n_latent) == j, (y - sigmoid(-s) * m) / sigmoid(s), z)
        return z


class Flow(Module):
    """Transforms one after the other: f = f_n(... f_2(f_1(z))), with the verbs of each.

    Finite, in float32, for |z| and |context| up to 1e8, as its transforms are drawn.

    Parameters
    ----------
    names : str
        Of the transforms, in order: "coupling coupling iaf planar".
    n_latent, n_context : int
        J and C.
    n_hidden : int
        Of the network in each coupling and iaf.
    seed : int
        Of all that is drawn.
    """

    def __init__(self, names, n_latent, n_context, n_hidden, seed):
        check_type(names, "flows", str, "names of transforms, such as 'coupling iaf planar',")
        if not names.split():
            raise ValueError(f"flows is {names!r}: the name of at least one transform was expected")
        n_hidden, seed = check_count(n_hidden, "n_hidden"), check_count(seed, "seed", least=0)
        rng = np.random.default_rng(seed)
        make = {"planar": lambda: Planar(n_latent, n_context, rng),
                "coupling": lambda: Coupling(n_latent, n_context, n_hidden, rng),
                "iaf": lambda: InverseAutoregressive(n_latent, n_context, n_hidden, rng)}
        for name in names.split():
            check_choice(name, "a name in flows", make)
        self.transforms = [make[name]() for name in names.split()]
        super().__init__(parts={str(i): part for i, part in enumerate(self.transforms)})

    def forward(self, z, context):
        log_det, caches = 0.0, []
        for transform in self.transforms:
            z, more, cache = transform.forward(z, context)
            log_det = log_det + more
            caches.append(cache)
        return z, log_det, caches

    def backward(self, dy, dlog_det, caches):
        # log det of the chain = sum of those of its transforms; each sees the context
        dcontext = 0.0
        for transform, cache in zip(reversed(self.transforms), reversed(caches)):
            dy, more = transform.backward(dy, dlog_det, cache)
            dcontext = dcontext + more
        return dy, dcontext

    def push(self, slope, caches):
        for transform, cache in zip(self.transforms, caches):
            slope = transform.push(slope, cache)
        return slope

    def inverse(self, y, context):
        for transform in reversed(self.transforms):
            y = transform.inverse(y, context)
        return y
