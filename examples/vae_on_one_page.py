"""The variational autoencoder on one page, in plain NumPy.

The claim: the lines below are a whole VAE; their gradient is the library's to 1e-12, and training by it
brings -ELBO down.

    x --> hidden --> mu, logvar --> z = mu + std * eps --> hidden --> logits --> loss

The loss is the negative evidence lower bound: what the image costs once z is known
(cross entropy), plus what z costs (KL). The backward pass is the forward pass read from
the last line to the first. That is all; the rest is Adam. The package npvae serves for one thing
here: it loads the images. Shapes: B images a batch,
D pixels, H hidden units, J latent dimensions. A gradient `dv` has the shape of `v`.

    python examples/vae_on_one_page.py [--quick]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from npvae import datasets

# %% Parameters


def initial_parameters(rng, D=784, H=400, J=20):
    sizes = {"1": (D, H), "mu": (H, J), "logvar": (H, J), "2": (J, H), "3": (H, D)}
    p = {}
    for name, (n_in, n_out) in sizes.items():
        a = 1 / np.sqrt(n_in)
        p["W" + name] = rng.uniform(-a, a, (n_in, n_out)).astype(np.float32)
        p["b" + name] = np.zeros(n_out, np.float32)
    return p


# %% The loss, forward and backward


def loss_and_grad(p, x, eps):
    # encoder: q(z|x) = N(mu, std^2)
    h1 = np.maximum(x @ p["W1"] + p["b1"], 0)                        # (B, H)
    mu = h1 @ p["Wmu"] + p["bmu"]                                    # (B, J)
    logvar = h1 @ p["Wlogvar"] + p["blogvar"]                        # (B, J)
    std = np.exp(0.5 * logvar)
    # the reparameterization: a random z as a smooth function of mu and std
    z = mu + std * eps                                               # (B, J)
    # decoder: p(x|z) = Bernoulli(sigmoid(logits))
    h2 = np.maximum(z @ p["W2"] + p["b2"], 0)                        # (B, H)
    logits = h2 @ p["W3"] + p["b3"]                                  # (B, D)
    # -log p(x|z), and KL(q(z|x) || N(0, I)); summed over pixels and latents
    e = np.exp(-np.abs(logits))
    cross_entropy = np.maximum(logits, 0) - x * logits + np.log1p(e)
    reconstruction = cross_entropy.sum() / len(x)
    kl = 0.5 * (mu**2 + std**2 - 1 - logvar).sum() / len(x)

    # and back
    sigmoid = np.where(logits >= 0, 1, e) / (1 + e)
    dlogits = (sigmoid - x) / len(x)                                 # of the cross entropy
    g = {"W3": h2.T @ dlogits, "b3": dlogits.sum(0)}
    dh2 = dlogits @ p["W3"].T * (h2 > 0)
    g |= {"W2": z.T @ dh2, "b2": dh2.sum(0)}
    dz = dh2 @ p["W2"].T
    dmu = dz + mu / len(x)                                           # the path, and the KL
    dlogvar = dz * eps * 0.5 * std + 0.5 * (std**2 - 1) / len(x)     # the path, and the KL
    g |= {"Wmu": h1.T @ dmu, "bmu": dmu.sum(0)}
    g |= {"Wlogvar": h1.T @ dlogvar, "blogvar": dlogvar.sum(0)}
    dh1 = (dmu @ p["Wmu"].T + dlogvar @ p["Wlogvar"].T) * (h1 > 0)
    g |= {"W1": x.T @ dh1, "b1": dh1.sum(0)}
    return reconstruction, kl, g


# %% Adam


def adam_step(p, g, m, v, t, rate=1e-3, beta1=0.9, beta2=0.999):
    for name in p:
        m[name] = beta1 * m[name] + (1 - beta1) * g[name]
        v[name] = beta2 * v[name] + (1 - beta2) * g[name]**2
        m_hat, v_hat = m[name] / (1 - beta1**t), v[name] / (1 - beta2**t)
        p[name] -= rate * m_hat / (np.sqrt(v_hat) + 1e-8)


# %% Training


def train(x, epochs, batch=128, J=20, seed=0):
    rng = np.random.default_rng(seed)
    p = initial_parameters(rng, D=x.shape[1], J=J)
    m, v, t = dict.fromkeys(p, 0.0), dict.fromkeys(p, 0.0), 0
    for epoch in range(epochs):
        totals = np.zeros(2)
        for rows in np.array_split(rng.permutation(len(x)), -(-len(x) // batch)):
            eps = rng.standard_normal((len(rows), J), dtype=np.float32)
            reconstruction, kl, g = loss_and_grad(p, x[rows], eps)
            t += 1
            adam_step(p, g, m, v, t)
            totals += np.multiply([reconstruction, kl], len(rows) / len(x))
        print(f"epoch {epoch + 1}: reconstruction {totals[0]:.2f} + KL {totals[1]:.2f} "
              f"= -ELBO {totals.sum():.2f} nats per image", flush=True)
    return p, totals.sum()


def draw_samples(p, rng, n=10):
    z = rng.standard_normal((n * n, p["W2"].shape[0]))
    h2 = np.maximum(z @ p["W2"] + p["b2"], 0)
    pixels = 1 / (1 + np.exp(-(h2 @ p["W3"] + p["b3"])))
    figure = Figure(figsize=(5, 5.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(pixels.reshape(n, n, 28, 28).swapaxes(1, 2).reshape(n * 28, n * 28), cmap="gray_r")
    axes.set_title("decoded from z ~ N(0, I)", fontsize=10)
    axes.set_axis_off()
    return figure


def main(quick=False, out=Path("out")):
    x = datasets.mnist().train_images
    p, loss = train(x[:10000] if quick else x, epochs=2 if quick else 5)
    out.mkdir(parents=True, exist_ok=True)
    draw_samples(p, np.random.default_rng(1)).savefig(out / "one_page_samples.png", dpi=110)
    return loss


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
