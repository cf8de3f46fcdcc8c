"""Is a gradient right? A tool to check your own layers with, and every one of ours.

    report = npvae.gradcheck.check_layer(layer, x, rng)
    print(report)

`python -m npvae.gradcheck` checks everything in the package.
"""

from npvae.gradcheck.checks import (check_function, check_kl, check_layer, check_likelihood,
                                    check_model, check_objective, check_prior)
from npvae.gradcheck.differences import Report, check
from npvae.gradcheck.ways import check_posterior

__all__ = ["check", "Report", "check_function", "check_layer", "check_posterior", "check_prior",
           "check_kl", "check_likelihood", "check_objective", "check_model"]
