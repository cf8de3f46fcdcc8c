"""How the files beside this one were written, by npvae 0.1.0 (format 1). Kept to be read, not run:
a later npvae has to read these very bytes."""

import os
import signal
from pathlib import Path

import numpy as np

import npvae

HERE = Path(__file__).parent


def settings(x, **changes):
    """Of the run: what a checkpoint has to remember is all in use. The held-out data are unlike
    the others, so that its best weights are those of the first epoch."""
    return {**dict(validation=1 - x[:8], epochs=4, batch_size=8, n_samples=2, patience=3, clip_norm=5.0,
                   learning_rate=npvae.schedules.Cosine(0.02, epochs=4, end=0.001),
                   kl_schedule=npvae.schedules.Linear(2), transform=npvae.datasets.binarize,
                   optimizer=npvae.Adam(beta1=0.8), seed=5, progress=False), **changes}


def model():
    return npvae.vae(10, (6,), 2, activation="tanh", likelihood="bernoulli", beta=0.5, seed=4)


def write():
    rng = np.random.default_rng(0)
    x = rng.beta(0.5, [0.1, 0.3, 0.5, 0.9, 2.0] * 2, (40, 10)).astype(np.float32)
    eps = rng.standard_normal((3, 40, 2)).astype(np.float32)
    path = HERE / "training.npz"
    path.unlink(missing_ok=True)
    whole = model()
    history = npvae.fit(whole, x, **settings(x))
    calls = []

    def binarize(x, rng):
        calls.append(1)
        if len(calls) == 2 * 6 + 3:              # 5 steps and a validation each; so in the third epoch
            os.kill(os.getpid(), signal.SIGINT)
        return npvae.datasets.binarize(x, rng)

    binarize.__qualname__ = "binarize"
    try:
        npvae.fit(model(), x, checkpoint=path, **settings(x, transform=binarize))
    except KeyboardInterrupt:
        pass
    trained = npvae.fit(first := model(), x, epochs=2, progress=False) and first
    npvae.save(HERE / "model.npz", trained)
    np.savez(HERE / "expected.npz", x=x, eps=eps, loss=trained.loss(x, eps)[:3],
             mu=trained.encode(x).mu, theta=whole.parameters.theta,
             history=[[row["loss"], row["kl"], row["val_loss"]] for row in history])


if __name__ == "__main__":
    write()
