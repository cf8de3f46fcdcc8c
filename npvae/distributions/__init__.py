"""Everything random; nothing here knows what a network looks like inside.

    divergences   closed-form KL divergences and their gradients
    priors        p(z)
    posteriors    q(z given x): sampling, and the reparameterization gradient path
    likelihoods   p(x given z)
"""

from npvae.distributions import divergences, likelihoods, posteriors, priors

__all__ = ["divergences", "priors", "posteriors", "likelihoods"]
