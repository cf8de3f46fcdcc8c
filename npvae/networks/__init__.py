"""Functions with parameters; nothing here knows of probability."""

from npvae.networks.convolution import Conv2d, ConvTranspose2d, Reshape
from npvae.networks.initializers import glorot_uniform, he_normal, uniform_fan_in
from npvae.networks.layers import (Chain, Dense, First, Layer, ReLU, Sigmoid, Softplus, Table,
                                   Tanh)
from npvae.networks.parameters import Block, Module, Parameters, block

__all__ = ["Parameters", "Module", "Block", "block", "Layer", "Dense", "ReLU", "Tanh",
           "Sigmoid", "Softplus", "First", "Table", "Chain", "Conv2d", "ConvTranspose2d", "Reshape",
           "uniform_fan_in", "glorot_uniform", "he_normal"]
