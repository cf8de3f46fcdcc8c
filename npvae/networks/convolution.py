"""Convolutions, and their transposes: each is the other's adjoint.

A convolution without its bias is a linear map A from images to images, y = A x. Its
transpose A^T maps back, x = A^T y, and is what carries gradients to x. Used forward, A^T
is what is called a transposed convolution (it makes images larger where a stride makes
them smaller), and the gradient then goes through A. So two functions serve both layers:

    gather   y = A x     every output looks at a window of the input
    scatter  x = A^T y   every input adds itself, times the kernel, to a window

Each is one matrix product over windows. The gradient of the kernel needs those of `gather`
once more, so that it returns them, too.

Images are (..., height, width, channels). Kernels W are (k, k, channels in, channels out)
of the convolution, and the "in" of the convolution is the "out" of its transpose.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from npvae.inputs import check_count, check_type
from npvae.networks.initializers import draw, uniform_fan_in
from npvae.networks.layers import Layer
from npvae.networks.parameters import block


def windows(x, k, stride, before, after):
    """The k x k windows of images (n, H, W, C), each as a row: (n H' W', k k C), and (n, H', W').

    The images get `before` zeros above and at the left, `after` = (below, at the right).
    """
    n, height, width, channels = x.shape
    framed = np.zeros((n, before + height + after[0], before + width + after[1], channels), x.dtype)
    framed[:, before:before + height, before:before + width] = x
    view = sliding_window_view(framed, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    sizes = view.shape[:3]
    # What is copied in one go is a row of a window, k C numbers. Where it is shorter than a row of
    # outputs, that is better gone along: the same numbers, with the axes in memory exchanged.
    if k * channels < sizes[2]:
        return view.transpose(4, 5, 3, 0, 1, 2).reshape(k * k * channels, -1).T, sizes
    return view.transpose(0, 1, 2, 4, 5, 3).reshape(-1, k * k * channels), sizes


def gather(x, W, stride, padding):
    """y = A x: (n, H, W, C_in) -> (n, H', W', C_out); and the windows of x, each as a row."""
    rows, sizes = windows(x, len(W), stride, padding, (padding, padding))
    return (rows @ W.reshape(rows.shape[1], -1)).reshape(*sizes, -1), rows


def scatter(y, W, stride, padding, shape):
    """x = A^T y: (n, H', W', C_out) -> (n, H, W, C_in) of the given shape (H, W).

    Cut x, with its padding, into blocks of stride x stride pixels. All pixels of a block hear
    from the same m x m outputs, m = k / stride rounded up, each through its own entries of the
    kernel. So A^T is a convolution too: of y, with windows of m x m, and the pixels of a block
    as channels.
    """
    k, _, c_in, c_out = W.shape
    m = -(-k // stride)
    more = (0, m * stride - k)
    W = np.pad(W, (more, more, (0, 0), (0, 0))).reshape(m, stride, m, stride, c_in, c_out)
    W = W[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)         # the first entries hear the last y
    after = [max(0, -(-(size + padding) // stride) - n) for size, n in zip(shape, y.shape[1:3])]
    rows, (n, height, width) = windows(y, m, 1, m - 1, after)
    blocks = rows @ W.reshape(m * m * c_out, -1)
    x = blocks.reshape(n, height, width, stride, stride, c_in).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(n, height * stride, width * stride, c_in)
    return x[:, padding:padding + shape[0], padding:padding + shape[1]].copy()


def add_to_pixels(y, b):
    """y += b for each pixel of (n, H, W, C); by rows of pixels, as loops over C alone are slow."""
    rows = y.reshape(len(y), y.shape[1], -1)
    rows += np.tile(b, y.shape[2])


def sum_of_images(dy):
    """The sum of images dy (..., H, W, C): (H W, C). A bias hears the sum over these rows; first over
    images, then over pixels, since loops over C alone are slow."""
    channels = dy.shape[-1]
    return dy.reshape(-1, math.prod(dy.shape[-3:])).sum(axis=0).reshape(-1, channels)


class _Convolution(Layer):
    """What both layers share: a kernel, a bias, a stride and a padding."""

    W, dW = block("W")
    b, db = block("b")

    def __init__(self, c_in, c_out, k, rng, stride, padding, init, bias_size):
        k, self.stride = check_count(k, "k"), check_count(stride, "stride")
        self.k, self.padding = k, check_count(padding, "padding", least=0)
        W = draw(init, rng, k * k * c_in, c_out).reshape(k, k, c_in, c_out)
        super().__init__({"W": W, "b": np.zeros(bias_size, np.float32)})

    def _check_images(self, x, channels):
        """Raise ValueError where x is no images of so many channels."""
        if x.ndim < 3 or x.shape[-1] != channels:
            raise ValueError(f"x has shape {x.shape}: (..., height, width, {channels}) was expected")

    def _check_size(self, x, sizes):
        """Raise ValueError where an image of such a size leaves nothing of the output."""
        if min(sizes) < 1:
            height, width = x.shape[-3:-1]
            raise ValueError(f"x has images of {height} x {width}: with k={self.k}, "
                             f"stride={self.stride} and padding={self.padding} the output has "
                             f"{' x '.join(map(str, sizes))}, where at least 1 x 1 was expected")

    def _gather(self, x):
        return gather(x.reshape(-1, *x.shape[-3:]), self.W, self.stride, self.padding)

    def _scatter(self, y, shape):
        return scatter(y.reshape(-1, *y.shape[-3:]), self.W, self.stride, self.padding, shape)


class Conv2d(_Convolution):
    """y = A x + b: each output is a product of the kernel with a window of the input.

    Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.

    Parameters
    ----------
    c_in, c_out : int
        Channels of the input and of the output.
    k : int
        The kernel is k x k.
    rng : numpy.random.Generator
    stride, padding : int
        Steps between windows; zeros around the input.
    init : callable, optional
        See `npvae.networks.initializers`; the fan-in is k * k * c_in.

    Notes
    -----
    Blocks: W (k, k, c_in, c_out) and b (c_out,). (..., H, W, c_in) becomes
    (..., H', W', c_out), with H' = (H + 2 padding - k) // stride + 1.
    """

    def __init__(self, c_in, c_out, k, rng, stride=1, padding=0, init=uniform_fan_in):
        c_in, c_out = check_count(c_in, "c_in"), check_count(c_out, "c_out")
        super().__init__(c_in, c_out, k, rng, stride, padding, init, c_out)

    def forward(self, x):
        self._check_images(x, self.W.shape[2])
        self._check_size(x, [(n + 2 * self.padding - self.k) // self.stride + 1
                             for n in x.shape[-3:-1]])
        y, rows = self._gather(x)
        add_to_pixels(y, self.b)
        return y.reshape(*x.shape[:-3], *y.shape[1:]), (x.shape, rows)

    def accumulate(self, dy, cache):
        # y = A x + b
        _, rows = cache
        self.dW += (rows.T @ dy.reshape(len(rows), -1)).reshape(self.W.shape)
        self.add_sum("b", sum_of_images(dy))

    def pullback(self, dy, cache):
        # y = A x + b
        shape, _ = cache
        return self._scatter(dy, shape[-3:-1]).reshape(shape)


class ConvTranspose2d(_Convolution):
    """y = A^T x + b: each input adds the kernel, times itself, to a window of the output.

    Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.

    Parameters
    ----------
    c_in, c_out : int
        Channels of the input and of the output.
    k, rng, stride, padding, init
        As for the `Conv2d` whose transpose it is.

    Notes
    -----
    Blocks: W (k, k, c_out, c_in), which is the kernel of the convolution A from the output
    to the input, and b (c_out,). (..., H, W, c_in) becomes (..., H', W', c_out), with
    H' = (H - 1) * stride - 2 padding + k.
    """

    def __init__(self, c_in, c_out, k, rng, stride=1, padding=0, init=uniform_fan_in):
        c_in, c_out = check_count(c_in, "c_in"), check_count(c_out, "c_out")
        super().__init__(c_out, c_in, k, rng, stride, padding, init, c_out)

    def forward(self, x):
        self._check_images(x, self.W.shape[3])
        shape = [(n - 1) * self.stride - 2 * self.padding + self.k for n in x.shape[-3:-1]]
        self._check_size(x, shape)
        y = self._scatter(x, shape)
        add_to_pixels(y, self.b)
        return y.reshape(*x.shape[:-3], *y.shape[1:]), x

    def backward(self, dy, x):
        # y = A^T x + b, so <dy, A^T x> = <A dy, x>: the roles of x and dy are exchanged
        dx, rows = self._gather(dy)
        self.dW += (rows.T @ x.reshape(len(rows), -1)).reshape(self.W.shape)
        self.add_sum("b", sum_of_images(dy))
        return dx.reshape(x.shape)

    def accumulate(self, dy, x):
        self.backward(dy, x)                       # the windows are most of the work

    def pullback(self, dy, x):
        # y = A^T x + b
        return self._gather(dy)[0].reshape(x.shape)


class Reshape(Layer):
    """The same numbers in another shape: (..., *before) -> (..., *after).

    It joins dense layers, which act on vectors, to convolutions, which act on images.
    """

    def __init__(self, before, after):
        for shape, name in ((before, "before"), (after, "after")):
            check_type(shape, name, (tuple, list), "a tuple of sizes")
            for size in shape:
                check_count(size, f"a size in {name}")
        if math.prod(before) != math.prod(after):
            raise ValueError(f"before is {before} and after is {after}: "
                             "shapes of equal size were expected")
        super().__init__()
        self.before, self.after = tuple(before), tuple(after)

    def forward(self, x):
        if x.shape[-len(self.before):] != self.before:
            raise ValueError(f"x has shape {x.shape}: (..., {', '.join(map(str, self.before))}) was "
                             "expected")
        leading = x.shape[:x.ndim - len(self.before)]
        return x.reshape(*leading, *self.after), leading

    def pullback(self, dy, leading):
        return dy.reshape(*leading, *self.before)
