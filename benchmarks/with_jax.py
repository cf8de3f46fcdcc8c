"""The training step by JAX and by HIPS autograd: one loss, written once in NumPy's words."""

from importlib.util import find_spec

import numpy as np

from npvae.objectives import KL
from steps import LEARNING_RATE
from turns import Competitor


def network(xp, convolve, layers, prefix, p, x):
    """A chain of npvae's layers, in the functions of xp."""
    for i, layer in enumerate(layers):
        kind = type(layer).__name__
        if kind == "ReLU":
            x = x * (x > 0)                          # the derivative at 0 is 0, as in npvae
        elif kind == "Tanh":
            x = xp.tanh(x)
        elif kind == "Reshape":
            x = x.reshape(*x.shape[:x.ndim - len(layer.before)], *layer.after)
        elif kind == "Dense":
            x = x @ p[f"{prefix}.{i}.W"] + p[f"{prefix}.{i}.b"]
        else:
            x = convolve(layer, x, p[f"{prefix}.{i}.W"]) + p[f"{prefix}.{i}.b"]
    return x


def make_loss(xp, problem, convolve=None):
    """The problem's loss, as a function of the parameters p (a dict), x and eps."""
    model, objective = problem.model, problem.objective
    iwae = type(objective).__name__ == "IWAE"

    def loss(p, x, eps):
        h = network(xp, convolve, model.encoder.layers, "encoder", p, x)
        mu, logvar = h[:, :model.n_latent], h[:, model.n_latent:]
        z = mu + xp.exp(0.5 * logvar) * eps
        y = network(xp, convolve, model.decoder.layers, "decoder", p, z)
        log_px = xp.sum(x * y - xp.logaddexp(0.0, y), axis=-1)
        if isinstance(objective.cost, KL):
            kl = 0.5 * xp.sum(mu * mu + xp.exp(logvar) - 1.0 - logvar)
            return kl / len(x) - xp.mean(log_px)
        log_w = log_px - 0.5 * xp.sum(z * z - eps * eps - logvar, axis=-1)
        if not iwae:
            return -xp.mean(log_w)
        top = xp.max(log_w, axis=0)
        return -xp.mean(top + xp.log(xp.mean(xp.exp(log_w - top), axis=0)))

    return loss


def adam(xp, theta, m, v, g, t):
    """One array's update."""
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    m_hat, v_hat = m / (1.0 - 0.9**t), v / (1.0 - 0.999**t)
    return theta - LEARNING_RATE * m_hat / (xp.sqrt(v_hat) + 1e-8), m, v


def jax_step(problem):
    """JAX at its best: the whole step, noise and Adam too, is one compiled function that reuses
    the memory of what it is given."""
    import jax
    import jax.numpy as jnp

    def convolve(layer, x, W):
        images, sizes = x.reshape(-1, *x.shape[-3:]), ("NHWC", "HWIO", "NHWC")
        strides = [layer.stride] * 2
        if type(layer).__name__ == "Conv2d":
            y = jax.lax.conv_general_dilated(images, W, strides, [(layer.padding,) * 2] * 2,
                                             dimension_numbers=sizes)
        else:
            padding = [(layer.k - 1 - layer.padding,) * 2] * 2
            y = jax.lax.conv_transpose(images, W, strides, padding, dimension_numbers=sizes,
                                       transpose_kernel=True)
        return y.reshape(*x.shape[:-3], *y.shape[1:])

    value_and_grad = jax.value_and_grad(make_loss(jnp, problem, convolve))
    x = jnp.asarray(problem.x)
    shape = (problem.n_samples, len(x), problem.model.n_latent)
    initial = {name: jnp.array(W) for name, W in problem.model.blocks().items()}

    def check(eps):
        loss, gradients = jax.jit(value_and_grad)(initial, x, jnp.asarray(eps))
        return float(loss), {name: np.asarray(g) for name, g in gradients.items()}

    def step(state, x):
        p, m, v, t, key = state
        key, now = jax.random.split(key)
        loss, g = value_and_grad(p, x, jax.random.normal(now, shape))
        new = {name: adam(jnp, p[name], m[name], v[name], g[name], t + 1.0) for name in p}
        p, m, v = ({name: new[name][i] for name in p} for i in range(3))
        return (p, m, v, t + 1.0, key), loss

    step = jax.jit(step, donate_argnums=0)
    p, m, v = (jax.tree.map(f, initial) for f in (jnp.copy, jnp.zeros_like, jnp.zeros_like))
    state = (p, m, v, jnp.zeros(()), jax.random.key(0))

    def train(batches):
        nonlocal state
        for x in batches:
            state, loss = step(state, x)
        jax.block_until_ready(state)

    return Competitor("jax", x, check, train)


def autograd_step(problem):
    """HIPS autograd: NumPy, whose derivatives are traced anew at every step. Dense layers only."""
    model, x, n_samples, _ = problem
    if any(len(W.shape) > 2 for W in model.blocks().values()):
        return None
    import autograd
    import autograd.numpy as anp

    value_and_grad = autograd.value_and_grad(make_loss(anp, problem))
    initial = {name: W.copy() for name, W in model.blocks().items()}
    p, t, rng = initial, 0, np.random.default_rng(0)
    m, v = ({name: np.zeros_like(W) for name, W in p.items()} for _ in range(2))

    def check(eps):
        loss, gradients = value_and_grad(initial, x, eps)
        return loss.item(), gradients

    def train(batches):
        nonlocal p, m, v, t
        for x in batches:
            eps = rng.standard_normal((n_samples, len(x), model.n_latent), np.float32)
            loss, g = value_and_grad(p, x, eps)
            t += 1
            new = {name: adam(np, p[name], m[name], v[name], g[name], t) for name in p}
            p, m, v = ({name: new[name][i] for name in p} for i in range(3))

    return Competitor("autograd", x, check, train)


BUILDERS = {name: step for name, step in (("jax", jax_step), ("autograd", autograd_step))
            if find_spec(name)}
