"""Optimizers: one step of theta against its gradient, on the flat vectors.

An optimizer keeps its moments, vectors as long as theta, and is told the learning
rate, which is `fit`'s, at every step: `optimizer.step(theta, grad, learning_rate)`
writes into theta.

All arithmetic is in place, in stretches of the vectors that stay in the processor's
cache. Its time is that of its passes, one for each line of NumPy: so it is written
in as few lines as can be.
"""

import math

import numpy as np

from npvae.inputs import check_finite, check_number, check_positive, check_type, is_masked, pythons

STRETCH = 65536                       # elements: shorter ones cost calls, longer ones memory
FLUSH_EVERY = 64                      # steps between two flushes, at most
MARGIN = 1000.0                       # by which a moment shrinks between them, at most


class Optimizer:
    """What all optimizers share: named moment vectors, a count of steps, and the flush.

    The moments of a unit that has died shrink by a factor at every step, until they are
    subnormal numbers; arithmetic on those is many times slower, without a warning. So,
    every few steps, sums of gradients below MARGIN times the smallest normal number
    (1e-35 in float32) are set to zero, and sums of their squares are raised to it: a step
    is divided by the root of those, 3e-18, which must not become zero, however small eps is.

    Parameters
    ----------
    *decays : float in [0, 1)
        The factors by which its moments shrink.
    """

    sums = ()                         # the names of its sums of gradients
    squares = ()                      # the names of its sums of squared gradients

    def __init__(self, *decays):
        self.t = 0                    # steps taken
        self.state = {}               # name -> vector as long as theta
        self.flush_every = min([FLUSH_EVERY] + [steps_to_shrink(decay, MARGIN) for decay in decays])

    @property
    def moments(self):
        """The names of all of them."""
        return self.sums + self.squares

    def step(self, theta, grad, learning_rate):
        """Write one update into theta."""
        if not self.state:
            self.state = {name: np.zeros_like(theta) for name in self.moments}
        if self.t % self.flush_every == 0:
            self._flush(MARGIN * float(np.finfo(theta.dtype).tiny))
        self.t += 1
        scratch = np.empty(min(STRETCH, theta.size), theta.dtype)
        for start in range(0, theta.size, STRETCH):
            part = slice(start, start + STRETCH)
            self._update(theta[part], grad[part], *(self.state[name][part] for name in self.moments),
                         learning_rate, scratch[:theta[part].size])

    def _flush(self, least):
        for name in self.sums:
            self.state[name] *= np.abs(self.state[name]) >= least
        for name in self.squares:
            np.maximum(self.state[name], least, out=self.state[name])

    def restore(self, t, state, version):
        """Go on from the moments of a checkpoint of this, or an earlier, version of its format."""
        self.t, self.state = t, state


def steps_to_shrink(decay, factor):
    """In how many steps, at least one, what is multiplied by decay at each shrinks by a factor."""
    return max(1, int(-math.log(factor) / math.log(decay))) if decay > 0 else 1


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    v = momentum * v + g;  theta = theta - learning_rate * v

    Parameters
    ----------
    momentum : float in [0, 1)
        0 is plain gradient descent.
    """

    sums = ("v",)

    def __init__(self, *, momentum=0.0):
        self.momentum = _check_fraction(momentum, "momentum")
        super().__init__(self.momentum)

    def __repr__(self):
        return f"SGD(momentum={self.momentum})"

    def _update(self, theta, g, v, learning_rate, s):
        v *= self.momentum
        v += g
        np.multiply(v, learning_rate, out=s)
        theta -= s


class Adagrad(Optimizer):
    """Steps scaled by all past gradients: the optimizer of the paper's experiments.

    v = v + g^2;  theta = theta - learning_rate * g / (sqrt(v) + eps)

    Finite, in float32, for gradients up to 1e18.

    Parameters
    ----------
    eps : float
        Keeps the first steps of a small gradient finite; positive.

    References
    ----------
    Duchi, Hazan and Singer (2011); used by Kingma and Welling (2014), section 5.
    """

    squares = ("v",)

    def __init__(self, *, eps=1e-8):
        super().__init__()
        check_positive(eps, "eps")
        self.eps = pythons(eps)

    def __repr__(self):
        return f"Adagrad(eps={self.eps})"

    def _update(self, theta, g, v, learning_rate, s):
        np.multiply(g, g, out=s)
        v += s
        np.sqrt(v, out=s)
        s += self.eps
        np.divide(g, s, out=s)
        s *= learning_rate
        theta -= s


class Adam(Optimizer):
    """Steps scaled by weighted means of the gradient and of its square, the last ones counting most.

    m = beta1 m + g;  m_hat = m / (1 + beta1 + ... + beta1^(t-1));
    v = beta2 v + g^2;  v_hat = v / (1 + beta2 + ... + beta2^(t-1));
    theta = theta - learning_rate * m_hat / (sqrt(v_hat) + eps)

    Finite, in float32, for gradients up to 1e17 and beta2 up to 0.9999.

    Parameters
    ----------
    beta1, beta2 : float
        What a step leaves of the weight of the gradients before it, and of their squares; in [0, 1).
    eps : float
        Where sqrt(v_hat) is smaller, steps are no longer of one size; positive.

    Notes
    -----
    In the paper m and v are means from the beginning: m = beta1 m + (1 - beta1) g, and
    m_hat = m / (1 - beta1^t), which is the same m_hat, by the sum of the geometric series. Sums
    take two passes over the vectors less.

    References
    ----------
    Kingma and Ba (2015), algorithm 1.
    """

    sums, squares = ("m",), ("v",)

    def __init__(self, *, beta1=0.9, beta2=0.999, eps=1e-8):
        self.beta1, self.beta2 = _check_fraction(beta1, "beta1"), _check_fraction(beta2, "beta2")
        check_positive(eps, "eps")
        self.eps = pythons(eps)
        super().__init__(self.beta1, self.beta2)

    def __repr__(self):
        return f"Adam(beta1={self.beta1}, beta2={self.beta2}, eps={self.eps})"

    def _update(self, theta, g, m, v, learning_rate, s):
        m *= self.beta1                       # m = beta1 m + g
        m += g
        np.multiply(g, g, out=s)              # v = beta2 v + g^2
        v *= self.beta2
        v += s
        # With c and d, the sums of the weights in m and in v:
        #   m_hat / (sqrt(v_hat) + eps) = (m / c) / (sqrt(v / d) + eps)
        #                               = sqrt(d) / c * m / (sqrt(v) + sqrt(d) eps)
        c = (1.0 - self.beta1 ** self.t) / (1.0 - self.beta1)
        root_d = math.sqrt((1.0 - self.beta2 ** self.t) / (1.0 - self.beta2))
        np.sqrt(v, out=s)
        s += root_d * self.eps
        np.divide(m, s, out=s)
        s *= learning_rate * root_d / c
        theta -= s

    def restore(self, t, state, version):
        """As `Optimizer.restore`; in version 1, m and v were the paper's means."""
        if version == 1:
            weights = {"m": 1.0 - self.beta1, "v": 1.0 - self.beta2}
            state = {name: mean / weights[name] for name, mean in state.items()}
        super().restore(t, state, version)


def clip_by_norm(grad, max_norm):
    """Scale grad, in place, so that its Euclidean norm is at most max_norm.

    Parameters
    ----------
    grad : ndarray of floats
    max_norm : float
        Positive.

    Returns
    -------
    float
        The norm before clipping, accumulated in float64: in float32 the square of
        1.8e19 is infinite.

    Raises
    ------
    TypeError
        Where grad is no array of floats, or is not to be written into.
    ValueError
        Where grad is not finite, or max_norm not positive.
    """
    max_norm = check_positive(max_norm, "max_norm")
    check_type(grad, "grad", np.ndarray, "an array")
    if grad.dtype.kind != "f" or not grad.flags.writeable or is_masked(grad):
        raise TypeError(f"grad is {grad!r}: an array of floats that can be written into was expected")
    check_finite(grad, "grad")
    return clip(grad, max_norm)


def clip(grad, max_norm, root=math.sqrt):
    """As `clip_by_norm`, which trusts nobody. root(sum of squares) is the norm: of a stretch of a
    longer vector, that of the whole."""
    norm = root(np.square(grad, dtype=np.float64).sum())
    if norm > max_norm:
        grad *= max_norm / norm
    return norm


def _check_fraction(value, name):
    check_number(value, name, lambda v: 0 <= v < 1, "a number in [0, 1)")
    return pythons(value)
