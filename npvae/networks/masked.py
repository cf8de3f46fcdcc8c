"""Networks that may not see everything: which output depends on which input is a mask on the weights.

In an autoregressive network output j sees the inputs before j only. One forward pass then gives
what all n outputs say of the inputs before them.
"""

import numpy as np

from npvae.networks.initializers import uniform_fan_in
from npvae.networks.layers import Chain, Dense, Tanh


class MaskedDense(Dense):
    """The affine map y = x (W * mask) + b: input i reaches output o where mask[i, o] is True.

    Finite, in float32, for |x|, |W|, |b| and |dy| up to 1e15.

    Parameters
    ----------
    mask : ndarray of bool (n_in, n_out)
    rng : numpy.random.Generator
    init : callable, optional
        As of `Dense`; what the mask hides is drawn, too, and never used.
    """

    def __init__(self, mask, rng, init=uniform_fan_in):
        super().__init__(*mask.shape, rng, init)
        self.mask = mask

    def forward(self, x):
        return x @ (self.W * self.mask) + self.b, x

    def accumulate(self, dy, x):
        # y = x (W * mask) + b
        x, dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        self.dW += (x.T @ dy) * self.mask
        self.add_sum("b", dy)

    def pullback(self, dy, x):
        # y = x (W * mask) + b
        return dy @ (self.W * self.mask).T


def autoregressive(n, n_context, n_hidden, n_heads, rng, init_last=uniform_fan_in):
    """A network with one hidden layer: (..., n + n_context) -> (..., n_heads * n).

    Output j of each head sees the inputs before j, and all of the context.

    Notes
    -----
    Input j has the degree j, for j = 1 ... n, the context has 0. A hidden unit of degree d sees
    what has a degree of at most d, and is seen by the outputs j > d. The degrees of the hidden units
    are spread evenly over 0 ... n - 1. One of degree 0 sees the context alone: by it the context
    reaches the first output, which would be the same for all x else. One of degree n would reach
    no output.

    References
    ----------
    Germain, Gregor, Murray and Larochelle (2015), "MADE: masked autoencoder for distribution
    estimation".
    """
    inputs = np.concatenate([np.arange(1, n + 1), np.zeros(n_context, int)])
    hidden = np.arange(n_hidden) * n // n_hidden
    outputs = np.tile(np.arange(1, n + 1), n_heads)
    return Chain(MaskedDense(inputs[:, None] <= hidden, rng), Tanh(),
                 MaskedDense(hidden[:, None] < outputs, rng, init_last))
