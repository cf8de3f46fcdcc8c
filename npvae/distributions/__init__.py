"""Everything random; nothing here knows what a network looks like inside.

    divergences   closed-form KL divergences and their gradients
    priors        p(z)
    posteriors    q(z given x): sampling, and the reparameterization gradient path
    hierarchy     both for a code of the code: two stochastic layers
    likelihoods   p(x given z)
"""

from npvae.distributions import divergences, hierarchy, likelihoods, posteriors, priors

__all__ = ["divergences", "priors", "posteriors", "hierarchy", "likelihoods"]
