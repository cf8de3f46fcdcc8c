"""Optimizers: one step of theta against its gradient, on the flat vectors.

An optimizer keeps its moments, vectors as long as theta, and is told the learning
rate at every step: `optimizer.step(theta, grad, learning_rate)` writes into theta.

All arithmetic is in place, in stretches short enough to stay in the processor's
cache: for Adam on 650,000 parameters that is six times faster than one array
expression for each line of the algorithm.
"""

import math

import numpy as np

from npvae.inputs import check_number, check_positive

STRETCH = 32768                       # elements; five float32 vectors fit a 1 MB cache
FLUSH_EVERY = 64                      # steps between two flushes of subnormal moments


class Optimizer:
    """What all optimizers share: named moment vectors and a count of steps."""

    moments = ()                      # the names of the moment vectors

    def __init__(self):
        self.t = 0                    # steps taken
        self.state = {}               # name -> vector as long as theta

    def step(self, theta, grad, learning_rate):
        """Write one update into theta."""
        if not self.state:
            self.state = {name: np.zeros_like(theta) for name in self.moments}
        self.t += 1
        scratch = np.empty(min(STRETCH, theta.size), theta.dtype)
        for start in range(0, theta.size, STRETCH):
            part = slice(start, start + STRETCH)
            vectors = [self.state[name][part] for name in self.moments]
            self._update(theta[part], grad[part], *vectors, learning_rate,
                         scratch[:theta[part].size])
            if self.t % FLUSH_EVERY == 0:
                for vector in vectors:
                    flush_subnormals(vector)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    v = momentum * v + g;  theta = theta - learning_rate * v

    Parameters
    ----------
    momentum : float in [0, 1)
        0 is plain gradient descent.
    """

    moments = ("v",)

    def __init__(self, momentum=0.0):
        super().__init__()
        _check_fraction(momentum, "momentum")
        self.momentum = momentum

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

    References
    ----------
    Duchi, Hazan and Singer (2011); used by Kingma and Welling (2014), section 5.
    """

    moments = ("v",)

    def __init__(self, eps=1e-8):
        super().__init__()
        check_positive(eps, "eps")
        self.eps = eps

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
    """Steps scaled by running means of the gradient and of its square.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    m_hat = m / (1 - beta1^t);  v_hat = v / (1 - beta2^t);
    theta = theta - learning_rate * m_hat / (sqrt(v_hat) + eps)

    Finite, in float32, for gradients up to 1e18.

    References
    ----------
    Kingma and Ba (2015), algorithm 1.
    """

    moments = ("m", "v")

    def __init__(self, *, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__()
        _check_fraction(beta1, "beta1")
        _check_fraction(beta2, "beta2")
        check_positive(eps, "eps")
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def __repr__(self):
        return f"Adam(beta1={self.beta1}, beta2={self.beta2}, eps={self.eps})"

    def _update(self, theta, g, m, v, learning_rate, s):
        np.subtract(g, m, out=s)              # m = m + (1 - beta1) (g - m)
        s *= 1.0 - self.beta1
        m += s
        np.multiply(g, g, out=s)              # v = v + (1 - beta2) (g^2 - v)
        s -= v
        s *= 1.0 - self.beta2
        v += s
        # With c = sqrt(1 - beta2^t):  m_hat / (sqrt(v_hat) + eps)
        #                            = c / (1 - beta1^t) * m / (sqrt(v) + c eps)
        c = math.sqrt(1.0 - self.beta2 ** self.t)
        np.sqrt(v, out=s)
        s += c * self.eps
        np.divide(m, s, out=s)
        s *= learning_rate * c / (1.0 - self.beta1 ** self.t)
        theta -= s


def flush_subnormals(vector):
    """Set to zero, in place, what has all but decayed.

    The moments of a unit that has died shrink by a factor at every step, until they
    are subnormal numbers; arithmetic on those is many times slower, without a warning.
    The threshold, 1e8 times the smallest normal number (1e-30 in float32), is far
    below anything that moves theta.
    """
    vector *= np.abs(vector) > 1e8 * float(np.finfo(vector.dtype).tiny)


def clip_by_norm(grad, max_norm):
    """Scale grad, in place, so that its Euclidean norm is at most max_norm.

    Returns
    -------
    float
        The norm before clipping, accumulated in float64: in float32 the square of
        1.8e19 is infinite.
    """
    check_positive(max_norm, "max_norm")
    norm = math.sqrt(np.square(grad, dtype=np.float64).sum())
    if norm > max_norm:
        grad *= max_norm / norm
    return norm


def _check_fraction(value, name):
    check_number(value, name, lambda v: 0 <= v < 1, "a number in [0, 1)")
