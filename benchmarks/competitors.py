"""One training step in several hands: npvae's, the frameworks', and its matrix products alone.

Every builder takes a `Problem` and returns a `Competitor` with two functions:

    check(eps)       the loss and its gradients at the model's weights, for the noise eps
    train(batches)   a step on each batch: noise, forward, backward, Adam; back when all are done

All start from copies of npvae's weights, and `agree` asserts one loss and one gradient before
anything is timed. A framework that is not installed is left out (pip install torch jax autograd).
"""

from importlib.util import find_spec

import numpy as np

from steps import control_step, npvae_step, products_step


def build(problem, names):
    """Those of the named competitors that can be built here."""
    builders = {"npvae": npvae_step, "products": products_step, "control": control_step}
    if find_spec("torch") and any(name.startswith("torch") for name in names):
        import with_torch
        builders |= with_torch.BUILDERS
    if {"jax", "autograd"} & set(names):
        import with_jax
        builders |= with_jax.BUILDERS
    built = [builders[name](problem) for name in names if name in builders]
    return [competitor for competitor in built if competitor is not None]


def agree(competitors, problem, rtol=2e-4):
    """Assert that all compute one loss and one gradient, in float32, from the same noise."""
    eps = problem.model.draw_noise(np.random.default_rng(1), len(problem.x), problem.n_samples)
    (loss, gradients), *others = [c.check(eps) for c in competitors if c.check]
    largest = max(np.abs(g).max() for g in gradients.values())
    for other_loss, other_gradients in others:
        assert abs(other_loss - loss) <= rtol * abs(loss), (other_loss, loss)
        for name, g in gradients.items():
            assert np.abs(other_gradients[name] - g).max() <= rtol * largest, name


def summary(times):
    """For each competitor: medians in ms, and npvae's time as a multiple of it, turn by turn."""
    rows = []
    for name, t in times.items():
        ratio = times["npvae"] / t
        low, middle, high = np.quantile(ratio[:, 0], [0.25, 0.5, 0.75])
        rows.append({"name": name, "ms": np.median(t[:, 0]) * 1e3, "cpu_ms": np.median(t[:, 1]) * 1e3,
                     "ratio": middle, "ratio_quartiles": [low, high],
                     "cpu_ratio": np.median(ratio[:, 1])})
    return rows
