"""Recipes: a well-known model, built from the parts in one short function each.

Every recipe notes on the model how it was called (`model.config`), so that a saved
model can be built again from its file.
"""

from npvae.recipes.building import RECIPES
from npvae.recipes.dense import (autoencoder, bernoulli_vae, concrete_vae, conditional_vae,
                                 denoising_autoencoder, iwae, vae)
from npvae.recipes.structured import convolutional_vae, semi_supervised_vae, two_layer_iwae
from npvae.recipes.symbols import categorical_vae, gumbel_softmax_vae, with_exact_symbols

__all__ = ["vae", "iwae", "conditional_vae", "autoencoder", "denoising_autoencoder",
           "bernoulli_vae", "concrete_vae", "categorical_vae", "gumbel_softmax_vae",
           "with_exact_symbols", "convolutional_vae", "two_layer_iwae",
           "semi_supervised_vae", "RECIPES"]
