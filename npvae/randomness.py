"""Random streams: one for each purpose and place, and no two alike.

A generator is made from the seed, a purpose, and a position such as (epoch, step). So a
step's randomness does not depend on what was drawn before it, and a run that is resumed
draws what an uninterrupted one would have drawn.
"""

import numpy as np

from npvae.inputs import check_seed

PURPOSES = ("weights", "shuffle", "step", "evaluate", "score", "held out", "members", "posterior")


def stream(seed, purpose, *position):
    """A generator for a purpose, at a position of integers.

    (`default_rng([seed, epoch, step])` would do, but for its zeros: [7], [7, 0] and [7, 0, 0]
    give the same numbers. A spawn key tells them apart.)
    """
    check_seed(seed)
    key = (PURPOSES.index(purpose), *position)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def generators(rng, n):
    """n independent generators, the first of which is rng: for work that is done side by side.

    The others begin with draws of rng, so its state decides about all. (`rng.spawn` would not do: what
    it gives follows from how often rng has spawned, whatever its state.)
    """
    seeds = rng.integers(2**63, size=(n - 1, 4)).tolist()
    return [rng, *map(np.random.default_rng, seeds)]
