"""The training step by PyTorch, in three styles.

    example    as its own VAE example: cross entropy of sigmoid probabilities, Adam as it comes
    best       cross entropy of logits, fused Adam
    compiled   the same, with the loss compiled (where there is a C++ compiler)
"""

import math
import os
import shutil
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from npvae.objectives import KL
from steps import LEARNING_RATE
from turns import THREADS, Competitor

TURNED = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}      # npvae's axes, as PyTorch's: (out, in, k, k)
BACK = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}


class Images(nn.Module):
    """Rows (H, W, C), as npvae has them, to images (C, H, W)."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape).permute(0, 3, 1, 2)


class Rows(nn.Module):
    """Images (C, H, W) to rows (H, W, C)."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).reshape(len(x), -1)


def torch_layer(layer):
    kind = type(layer).__name__
    if kind == "Dense":
        return nn.Linear(*layer.W.shape)
    if kind == "Conv2d":
        return nn.Conv2d(*layer.W.shape[2:], layer.k, layer.stride, layer.padding)
    if kind == "ConvTranspose2d":
        return nn.ConvTranspose2d(*layer.W.shape[:1:-1], layer.k, layer.stride, layer.padding)
    if kind == "Reshape":
        return Images(layer.after) if len(layer.after) == 3 else Rows()
    return {"ReLU": nn.ReLU, "Tanh": nn.Tanh}[kind]()


def networks(model):
    """The model's encoder and decoder, with its weights; and its parameters, by npvae's names."""
    torch.set_num_threads(int(os.environ[THREADS[0]]))
    net = nn.ModuleDict({name: nn.Sequential(*map(torch_layer, chain.layers)) for name, chain in
                         (("encoder", model.encoder), ("decoder", model.decoder))})
    net = net.to(memory_format=torch.channels_last)
    ours = {name.replace("weight", "W").replace("bias", "b"): p for name, p in net.named_parameters()}
    with torch.no_grad():
        for name, W in model.blocks().items():
            ours[name].copy_(torch.from_numpy(W.transpose(TURNED[W.ndim]).copy()))
    return net, ours


def torch_step(problem, style):
    if style == "compiled" and not shutil.which("g++"):
        return None
    model, x, n_samples, objective = problem
    n_latent, iwae = model.n_latent, type(objective).__name__ == "IWAE"
    net, ours = networks(model)
    x = torch.from_numpy(x.copy())

    def loss(x, eps):
        mu, logvar = net["encoder"](x).chunk(2, dim=-1)
        z = mu + torch.exp(0.5 * logvar) * eps
        y = net["decoder"](z.reshape(-1, n_latent)).reshape(len(eps), *x.shape)
        if style == "example":
            cross_entropy = F.binary_cross_entropy(torch.sigmoid(y), x.expand_as(y), reduction="none")
        else:
            cross_entropy = F.binary_cross_entropy_with_logits(y, x.expand_as(y), reduction="none")
        if isinstance(objective.cost, KL):
            kl = -0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())
            return cross_entropy.sum() / (len(eps) * len(x)) + kl / len(x)
        log_w = -cross_entropy.sum(-1) - 0.5 * (z * z - eps * eps - logvar).sum(-1)
        if not iwae:
            return -log_w.mean()
        return math.log(len(eps)) - torch.logsumexp(log_w, 0).mean()

    torch.compiler.reset()                           # graphs of other problems
    loss = torch.compile(loss, dynamic=False) if style == "compiled" else loss
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=style != "example")

    def check(eps):
        optimizer.zero_grad()
        value = loss(x, torch.from_numpy(eps))
        value.backward()
        return value.item(), {name: np.transpose(p.grad.numpy(), BACK[p.ndim]).copy()
                              for name, p in ours.items()}

    def train(batches):
        for x in batches:
            x = torch.as_tensor(x)
            optimizer.zero_grad()
            loss(x, torch.randn(n_samples, len(x), n_latent)).backward()
            optimizer.step()

    return Competitor(f"torch {style}", x, check, train)


BUILDERS = {f"torch {style}": partial(torch_step, style=style)
            for style in ("example", "best", "compiled")}
