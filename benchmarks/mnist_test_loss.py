"""Where does the default VAE end on MNIST? The mean of three seeds, at epochs 7 and 10.

    python benchmarks/mnist_test_loss.py

The loss is that of PyTorch's own example with the same network (784-400-20, batch 128,
Adam 1e-3, grey pixels): nats per image on the 10,000 test images, one sample of z each.
"""

import numpy as np

import npvae
from turns import setting


def main(seeds=(0, 1, 2), epochs=10):
    data = npvae.datasets.mnist()
    losses = []
    for seed in seeds:
        history = npvae.fit(npvae.vae(seed=seed), data.train_images, validation=data.test_images,
                            epochs=epochs, seed=seed, progress=False)
        losses.append([row["val_loss"] for row in history])
        print(f"seed {seed}: " + " ".join(f"{loss:.2f}" for loss in losses[-1]), flush=True)
    print(setting())
    for epoch in (7, 10):
        at_epoch = [row[epoch - 1] for row in losses]
        print(f"epoch {epoch:2}: mean {np.mean(at_epoch):.2f}, "
              f"from {min(at_epoch):.2f} to {max(at_epoch):.2f} nats per image")


if __name__ == "__main__":
    main()
