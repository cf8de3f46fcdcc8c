"""Layers: functions with parameters, and their derivatives by hand.

A layer's forward pass returns what it computed and, by value, what its backward
pass will need: `y, cache = layer.forward(x)`. Nothing about the input is kept in
the layer itself, so one layer can be used twice before either backward pass.

`backward(dy, cache)` takes the gradient of the loss with respect to y, adds the
gradient with respect to the parameters to the layer's blocks, and returns the
gradient with respect to x. Each half is a verb of its own: `accumulate` and
`pullback`.

Every layer acts on the last axis and treats all axes before it as the batch.
"""

import numpy as np

from npvae.inputs import as_array, as_finite, check_count, check_type
from npvae.networks.initializers import draw, uniform_fan_in
from npvae.networks.parameters import Module, block
from npvae.numerics import sigmoid, softplus


class Layer(Module):
    """A function y = f(x) and its derivative."""

    def forward(self, x):
        """Return y and what the backward pass needs."""
        raise NotImplementedError

    def accumulate(self, dy, cache):
        """Add the gradient of the parameters to their blocks."""

    def pullback(self, dy, cache):
        """Return the gradient of the input."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Both: add the gradient of the parameters, return that of the input."""
        self.accumulate(dy, cache)
        return self.pullback(dy, cache)


def check_width(layer, name, n_in, n_out, of=""):
    """Raise where a layer does not take rows of n_in numbers, or does not give n_out."""
    check_type(layer, name, Layer, "a Layer")
    first = layer
    while isinstance(first, Chain) and first.layers:
        first = first.layers[0]
    n_rows = len(first.h) if isinstance(first, Table) else 2
    try:
        shape = layer.forward(np.zeros((n_rows, n_in), layer.parameters.dtype))[0].shape
    except ValueError as error:
        raise ValueError(f"{name} takes no rows of {n_in} numbers, as was expected: {error}") from error
    if shape[:-1] != (n_rows,):
        raise ValueError(f"{name} gives {shape} for {n_rows} rows: {n_rows, n_out} was expected{of}")
    if shape[-1] != n_out:
        raise ValueError(f"{name} gives {shape[-1]} numbers: {n_out} were expected{of}")


class Dense(Layer):
    """The affine map y = x W + b.

    Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.

    Parameters
    ----------
    n_in, n_out : int
    rng : numpy.random.Generator
        Draws the initial weights; the biases start at zero.
    init : callable, optional
        init(rng, n_in, n_out) -> (n_in, n_out); see `npvae.networks.initializers`.

    Notes
    -----
    Blocks: W (n_in, n_out) and b (n_out,). x is (..., n_in), y is (..., n_out). With
    a loss L and dy = dL/dy, the chain rule summed over the rows of the batch gives
    dW = x^T dy, db = the column sums of dy, and dx = dy W^T.
    """

    W, dW = block("W")
    b, db = block("b")

    def __init__(self, n_in, n_out, rng, init=uniform_fan_in):
        n_in, n_out = check_count(n_in, "n_in"), check_count(n_out, "n_out")
        super().__init__({"W": draw(init, rng, n_in, n_out), "b": np.zeros(n_out, np.float32)})

    def forward(self, x):
        y = _rows(x) @ self.W
        y += self.b
        return y.reshape(*x.shape[:-1], y.shape[-1]), x

    def accumulate(self, dy, x):
        # y = x W + b
        x, dy = _rows(x), _rows(dy)
        self.add_product("W", x.T, dy)             # dW += x^T dy
        self.add_sum("b", dy)                      # db += the column sums of dy

    def pullback(self, dy, x):
        # y = x W + b
        return (_rows(dy) @ self.W.T).reshape(x.shape)


def _rows(x):
    """All leading axes as one: (..., n) -> (N, n), a view. One large product is
    faster than a stack of small ones."""
    return x.reshape(-1, x.shape[-1])


class ReLU(Layer):
    """y = max(x, 0); the derivative at 0 is taken to be 0.

    Finite, in float32, for any finite x.
    """

    def forward(self, x):
        positive = (x.real > 0).astype(x.real.dtype)       # 0.0 and 1.0: faster to multiply by
        return x * positive, positive

    def pullback(self, dy, positive):
        return dy * positive


class Tanh(Layer):
    """y = tanh(x), with derivative 1 - y^2.

    Finite, in float32, for any finite x.
    """

    def forward(self, x):
        y = np.tanh(x)
        return y, y

    def pullback(self, dy, y):
        return dy * (1.0 - y * y)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), with derivative y (1 - y).

    Finite, in float32, for any finite x.
    """

    def forward(self, x):
        y = sigmoid(x)
        return y, y

    def pullback(self, dy, y):
        return dy * y * (1.0 - y)


class Softplus(Layer):
    """y = log(1 + exp(x)), with derivative sigmoid(x).

    Finite, in float32, for |x| up to 1e38.
    """

    def forward(self, x):
        return softplus(x), x

    def pullback(self, dy, x):
        return dy * sigmoid(x)


class First(Layer):
    """y = the first n features of x; the others have no part in what follows.

    Finite, in float32, for any finite x.

    Parameters
    ----------
    n : int
    """

    def __init__(self, n):
        super().__init__()
        self.n = check_count(n, "n")

    def forward(self, x):
        return x[..., :self.n], x.shape

    def pullback(self, dy, shape):
        dx = np.zeros(shape, dy.dtype)
        dx[..., :self.n] = dy
        return dx


class Table(Layer):
    """y is a table of numbers, whatever x is: a row for each x of one batch, to be learned.

    In the place of an encoder it gives each x a q(z|x) of its own. Finite, in float32, for
    any finite h.

    Parameters
    ----------
    h : array (B, n)
        Its initial value, float32 or float64.
    """

    h, dh = block("h")

    def __init__(self, h):
        h = as_array(h, "h")
        if h.dtype not in (np.float32, np.float64) or h.ndim != 2 or h.size == 0:
            raise TypeError(f"h has dtype {h.dtype} and shape {h.shape}: float32 or float64 of shape "
                            "(batch, n) was expected")
        super().__init__({"h": as_finite(h, "h", h.dtype)})

    def forward(self, x):
        if len(x) != len(self.h):
            raise ValueError(f"x has shape {x.shape}: {len(self.h)} rows were expected, one for each of "
                             "the table")
        return self.h.copy(), x

    def accumulate(self, dy, x):
        self.dh += dy

    def pullback(self, dy, x):
        return np.zeros_like(x)


class Chain(Layer):
    """Layers one after the other: y = f_n(... f_2(f_1(x))).

    Parameters
    ----------
    *layers : Layer
        Their blocks are named by position: "0.W", "0.b", "2.W", ...

    Notes
    -----
    The backward pass is the same list read from the end; that is all that
    "backpropagation" means.
    """

    def __init__(self, *layers):
        if not layers:
            raise ValueError("layers is (): at least one layer was expected")
        for i, layer in enumerate(layers):
            if isinstance(layer, Module) and not hasattr(layer, "forward"):
                raise TypeError(f"part '{i}' is {layer!r}: a layer was expected")
        self.layers = layers
        super().__init__(parts={str(i): layer for i, layer in enumerate(layers)})

    def forward(self, x):
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x)
            caches.append(cache)
        return x, caches

    def backward(self, dy, caches):
        for layer, cache in zip(reversed(self.layers), reversed(caches)):
            dy = layer.backward(dy, cache)
        return dy

    def accumulate(self, dy, caches):
        for layer, cache in zip(self.layers[:0:-1], caches[:0:-1]):
            dy = layer.backward(dy, cache)
        self.layers[0].accumulate(dy, caches[0])    # nobody reads the gradient of x

    def pullback(self, dy, caches):
        for layer, cache in zip(reversed(self.layers), reversed(caches)):
            dy = layer.pullback(dy, cache)
        return dy
