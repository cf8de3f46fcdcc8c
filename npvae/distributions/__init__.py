"""Everything random; nothing here knows what a network looks like inside.

    roles         what a posterior, a prior and a likelihood have to be able to do
    priors        p(z)
    posteriors    q(z|x): sampling, and the reparameterization gradient path
    likelihoods   p(x|z)
    divergences   closed-form KL divergences, and their gradients
    pairs         which pair of a posterior and a prior has which of them
    hierarchy     both for a code of the code: two stochastic layers

What else is in this folder stands beside the core, one idea a file: members of a role, each known
by its name as soon as its file is imported, which is done here.
"""

import importlib
import pkgutil

from npvae.distributions import (divergences, hierarchy, likelihoods, pairs, posteriors, priors,
                                 roles)

__all__ = ["roles", "priors", "posteriors", "likelihoods", "divergences", "pairs", "hierarchy"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
