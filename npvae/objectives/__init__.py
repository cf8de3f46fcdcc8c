"""What is minimised: from log p(x given z) and the rate to one number and its gradients."""

from npvae.objectives.elbo import ELBO, FreeBits, Loss, ScoreFunction, StickingTheLanding
from npvae.objectives.importance import IWAE, VIMCO, DReG, normalized_weights

__all__ = ["Loss", "ELBO", "FreeBits", "StickingTheLanding", "ScoreFunction",
           "IWAE", "DReG", "VIMCO", "normalized_weights"]
