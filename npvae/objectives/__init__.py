"""What is minimised: from log p(x|z) and the rate to one number and its gradients."""

from npvae.objectives.batch_costs import MMD, DecomposedKL
from npvae.objectives.costs import KL, Cost, Free, SampledKL
from npvae.objectives.elbo import (ELBO, Capacity, FreeBits, Loss, Objective, ScoreFunction,
                                   StickingTheLanding)
from npvae.objectives.importance import IWAE, VIMCO, DReG, normalized_weights
from npvae.objectives.mixed import CIWAE, MIWAE, PIWAE

__all__ = ["Loss", "Objective", "ELBO", "FreeBits", "Capacity", "StickingTheLanding", "ScoreFunction",
           "IWAE", "DReG", "VIMCO", "MIWAE", "PIWAE", "CIWAE", "normalized_weights",
           "Cost", "KL", "SampledKL", "Free", "DecomposedKL", "MMD"]
