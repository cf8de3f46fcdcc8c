"""A code of bits, and two ways to a gradient without z = mu + std * eps.

The claim: a code of bits trains by the score function and, relaxed, along the path; the colder the
relaxed bits are, the less it matters whether they are made true.

"The latent space follows a normal distribution (Gaussian, Bernoulli)": a Bernoulli distribution is no
normal one. It may be the likelihood of binary pixels; and it may be the distribution of the code:
z is J bits, each 1 with the probability sigmoid(logit(x)). A bit jumps, so no gradient gets through z.

- *Score function*: the gradient of log q(z|x), weighted by how much better z did than the
  other draws for the same x. Right in the mean, noisy, and the code is truly binary.
- *Concrete* (Maddison et al., 2017; Jang et al., 2017): a relaxed bit, sigmoid((logit + noise) /
  temperature), is smooth in the logit, and the path is open again. A low temperature is near to bits,
  and its gradient noisy; a high one is smooth, and no longer a bit. What was trained relaxed may be
  used with true bits: the loss as such is printed, too.

Bits have a closed-form KL; relaxed bits only the sampled one, in logit space (`posteriors.Concrete`).

    python examples/bernoulli_latents.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

import npvae
from npvae import datasets, plots, posteriors, priors

J = 30

# %% Models, and true bits for the relaxed ones


def models(n_hidden):
    """Name: (model, options of fit)."""
    sizes = 784, (n_hidden,), J
    return {"Gaussian": (npvae.vae(*sizes), {}),
            "bits, score function": (npvae.bernoulli_vae(*sizes), {"n_samples": 4}),
            "bits, relaxed at 2/3": (npvae.concrete_vae(*sizes), {}),
            "bits, relaxed at 0.2": (npvae.concrete_vae(*sizes, temperature=0.2,
                                                        prior_temperature=0.2), {})}


def with_true_bits(model, x, rng):
    """-ELBO of a relaxed model whose z is made of bits: sigmoid(z) is 0 or 1."""
    posterior, prior = posteriors.Bernoulli(J), priors.Bernoulli(J)
    q = posterior.given(model.encode(x).logits)
    bits, _ = posterior.sample(q, posterior.draw_noise(rng, 1, len(x)))
    y, _ = model.decoder.forward(np.where(bits == 1, np.float32(40), np.float32(-40)))
    log_px, _ = model.likelihood.log_prob(x, y)
    return float(npvae.kl(q, prior)[0].sum(axis=-1).mean() - log_px.mean())


# %% Figures


def relaxed_bit_figure(logit=1.0):
    """The density of b = sigmoid(z): that of z, over db/dz = b (1 - b)."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    b = np.linspace(0.001, 0.999, 999)
    z = np.log(b / (1 - b))
    for t, style, colour in ((0.2, "-", plots.BLUE), (2 / 3, "--", plots.GREEN),
                             (1.5, "-.", plots.ORANGE)):
        axes.plot(b, stats.logistic.pdf(z, logit / t, 1 / t) / (b * (1 - b)), style, color=colour,
                  label=f"temperature {t:.2g}")
    p = 1 / (1 + np.exp(-logit))
    axes.set(xlabel="relaxed bit, sigmoid(z)", ylabel="density", ylim=(0, 4),
             title=f"logit {logit:g}: a true bit is 1 with probability {p:.2f}")
    axes.legend(frameon=False)
    return figure


def codes_figure(model, x, labels):
    """Left: the probability of each bit, over the images of a digit. Right: images from random bits."""
    p = model.encode(x).mu
    means = np.array([p[labels == digit].mean(axis=0) for digit in range(10)])
    figure = Figure(figsize=(9.6, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.3, 1))
    image = left.imshow(means[:, np.argsort(-means.std(axis=0))], cmap="cividis", vmin=0, vmax=1,
                        aspect="auto")
    left.set(title="how often each bit is 1", xlabel="bit, those that tell digits apart first",
             ylabel="digit", yticks=range(10))
    figure.colorbar(image, ax=left, label="mean of q(bit = 1|x)")
    drawn = model.sample(np.random.default_rng(0), 36)
    right.imshow(plots.tile(drawn, (28, 28), 6), cmap="gray_r", vmin=0, vmax=1)
    right.set(title="decoded from random bits", xticks=[], yticks=[])
    return figure


# %% Train and compare


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, n_hidden, epochs, rate, n_test = ((2000, 100, 5, 1e-2, 1000) if asked.quick else
                                         (20000, 400, 12, 1e-3, 10000))
    data, found, all_models = datasets.mnist(), {}, models(n_hidden)
    x = data.test_images[:n_test]
    for name, (model, options) in all_models.items():
        npvae.fit(model, data.train_images[:n], epochs=epochs, learning_rate=rate, progress=False,
                  **options)
        terms = npvae.evaluate(model, x, n_samples=2)
        found[name] = {"-elbo": -terms.elbo, "kl": terms.kl}
        line = f"{name:22} -ELBO {-terms.elbo:6.1f}, KL {terms.kl:5.1f}"
        if "relaxed" in name:
            hard = found[name]["true bits"] = with_true_bits(model, x, np.random.default_rng(0))
            line += f"; -ELBO with true bits {hard:6.1f}"
        print(line + " nats per test image")
    relaxed_bit_figure().savefig(asked.out / "bernoulli_latents_relaxed.png", dpi=110)
    binary, _ = all_models["bits, score function"]
    codes = binary.encode(data.test_images).mu
    found["sure"] = float(np.mean(np.abs(codes - 0.5) > 0.4))
    print(f"score function: {100 * found['sure']:.0f} % of the bits are sure (probability below 0.1 or "
          f"above 0.9); all the KL they can have is {J * np.log(2):.1f} nats")
    codes_figure(binary, data.test_images, data.test_labels).savefig(
        asked.out / "bernoulli_latents_codes.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
