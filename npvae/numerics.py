"""Elementwise functions that stay exact for large arguments, of either sign.

Every function keeps the dtype it is given (float32 stays float32; integers and bools
count as float64) and accepts complex numbers, because the complex-step check (see
`npvae.gradcheck`) sends x + ih through each formula. Where a formula branches, it
branches on the sign of the real part, and all its terms share that one branch.
"""

import math

import numpy as np

LOG_2PI = math.log(2.0 * math.pi)


def floating(x, name="x"):
    """x as an array of floats, real or complex: integers and bools become float64.

    NumPy's own arithmetic on them wraps (0 - 1 is 255 in uint8), and its exp is a float16.
    """
    try:
        x = np.asanyarray(x)                       # a masked array stays masked
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error
    if x.dtype.kind in "biu":
        return x.astype(np.float64)
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name} has dtype {x.dtype}: numbers were expected")
    return x


def floats(**arguments):
    """Each argument as `floating` has it; a single number takes the dtype of the arrays.

    So that float32 stays float32 beside a float64 of NumPy's.
    """
    for a in arguments.values():
        if type(a) is not np.ndarray or a.dtype.kind not in "fc" or not a.ndim:
            break
    else:
        return arguments.values()                  # as in training: this costs a microsecond
    arrays = [floating(value, name) for name, value in arguments.items()]
    kinds = [a.dtype for a in arrays if a.ndim or a.dtype.kind == "c"]
    return [a if a.ndim or not kinds else a.astype(np.result_type(*kinds)) for a in arrays]


def absolute(x):
    """|x| that carries a derivative: x or -x, by the sign of the real part.

    Parameters
    ----------
    x : ndarray, real or complex

    Returns
    -------
    ndarray of the shape and dtype of x. (NumPy's own `abs` of a complex number is
    its modulus, whose imaginary part, and with it the derivative, is lost.)
    """
    x = floating(x)
    if x.dtype.kind == "c":
        return x * np.copysign(1.0, x.real)
    return np.abs(x)


def sigmoid(x):
    """The logistic function 1 / (1 + exp(-x)), to full relative accuracy.

    Finite, in float32, for any finite x.

    Parameters
    ----------
    x : ndarray, real or complex

    Returns
    -------
    ndarray of the shape and dtype of x, in [0, 1].
    """
    x = floating(x)
    e = np.exp(-absolute(x))                       # in [0, 1]: cannot overflow
    positive = ~np.signbit(x.real)
    return (e + positive * (1.0 - e)) / (1.0 + e)  # 1 / (1 + e), or e / (1 + e)


def softplus(x):
    """log(1 + exp(x)), to full relative accuracy; its derivative is the sigmoid.

    Finite, in float32, for |x| up to 1e38.

    Parameters
    ----------
    x : ndarray, real or complex

    Returns
    -------
    ndarray of the shape and dtype of x, non-negative.
    """
    x = floating(x)
    a = absolute(x)
    return 0.5 * (x + a) + np.log1p(np.exp(-a))    # max(x, 0) + log(1 + exp(-|x|))


def log_sum_exp(a, axis=0):
    """log of the sum of exp(a) along an axis, without overflow.

    Finite, in float32, for |a| up to 1e38.

    Parameters
    ----------
    a : ndarray, real or complex
        -inf may be among them.
    axis : int

    Returns
    -------
    ndarray of the dtype of a, less that axis.
    """
    return _log_of(np.sum, floating(a, "a"), axis)


def _log_of(total, a, axis):
    """log of the sum, or of the mean, of exp(a)."""
    # Not below the least float, so that a column of -inf alone does not become -inf - -inf, NaN.
    top = np.maximum(a.real.max(axis=axis, keepdims=True), np.finfo(a.dtype).min)
    with np.errstate(divide="ignore"):             # log(0) is the -inf that is meant
        return np.squeeze(top, axis) + np.log(total(np.exp(a - top), axis=axis))


def log_softmax(a):
    """log of what exp(a) is in parts of its sum along the last axis.

    Finite, in float32, for |a| up to 1e38.

    Parameters
    ----------
    a : ndarray (..., C), real or complex

    Returns
    -------
    ndarray of the shape and dtype of a: logs of probabilities.
    """
    a = floating(a, "a")
    a = a - a.real.max(axis=-1, keepdims=True)     # first, so that few digits cancel
    return a - log_sum_exp(a, axis=-1)[..., None]


def multiply_halves(p):
    """Fewer numbers with the same product, and so with the same sum of logs, for p of 1/2 to 1.

    Many logs are slower than many products. Both halves of a long last axis are multiplied with
    each other, at most five times: a product of fewer than 64 factors is larger than 2^-64, which
    float32 holds.

    Parameters
    ----------
    p : ndarray (..., n), real, or complex with a real part of 1/2 to 1

    Returns
    -------
    ndarray (..., m) of the dtype of p, m at most n; p itself where n is below 128.
    """
    for _ in range(5):
        n = p.shape[-1]
        if n < 128:                                # few calls are worth more than few logs
            break
        half = n // 2
        products = p[..., :half] * p[..., half:2 * half]
        products[..., :n - 2 * half] *= p[..., 2 * half:]      # the last, where n is odd
        p = products
    return p


def log_mean_exp(a, axis=0):
    """log of the mean of exp(a) along an axis, without overflow.

    Finite, in float32, for |a| up to 1e38.

    Parameters
    ----------
    a : ndarray, real or complex
        -inf, the log of a weight of 0, may be among them.
    axis : int

    Returns
    -------
    ndarray of the dtype of a, less that axis.
    """
    a = floating(a, "a")
    if not isinstance(axis, (int, np.integer)) or not -a.ndim <= axis < a.ndim:
        raise ValueError(f"axis is {axis!r} and a has shape {a.shape}: one of its axes was expected")
    if 0 in a.shape:
        raise ValueError(f"a has shape {a.shape}: at least one number was expected")
    return _log_of(np.mean, a, axis)


def keep_freed_memory():
    """Have the C library keep the memory of freed arrays, for those of the next step or batch.

    glibc gives large blocks back to the system when they are freed, and every large array of
    the next step then costs page faults: a quarter of the time at a batch of 512. But it learns
    from what is freed: after one block of almost 32 MB, which nobody has touched and which
    therefore costs nothing, it keeps up to 64 MB. Elsewhere this does nothing.
    """
    np.empty(2**25 - 2**16, np.uint8)
