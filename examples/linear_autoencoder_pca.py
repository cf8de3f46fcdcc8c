"""A linear autoencoder finds the subspace of the principal components, and no more.

The claim: descent leads a linear autoencoder to PCA's reconstructions and subspace, but not to its axes.

Encoder z = x W + b, decoder x_hat = z V + c, squared error: no *linear* code of J numbers does better
than the coordinates along the J leading principal components (Baldi and Hornik, 1989). PCA gets those by
a singular value decomposition, the autoencoder by descent. Two things to see:

- *The same subspace, not the same axes.* For any invertible matrix A, the code z A with the decoder
  A^-1 V gives the same x_hat. So the rows of V span what the components span, but they are neither
  orthogonal nor in any order.
- *Equal error is not yet the same subspace.* With minibatches at a fixed learning rate the error agrees
  with PCA's to two or three digits, and there it stays, with the subspace off by a degree: the noise of
  the batches outweighs the little that is left to gain. Full-batch L-BFGS, which has no noise, gets
  there; so do minibatches whose learning rate falls to zero, if they have the time, which `--quick` has
  not: it leaves them out.

How far apart two subspaces are is told by the largest angle between them. The images are thumbnails of
14 x 14 pixels, so that the descent takes seconds.

    python examples/linear_autoencoder_pca.py [--quick]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import subspace_angles
from scipy.optimize import minimize

import npvae
from npvae import datasets, plots

J, SIDE = 6, 14

# %% The autoencoder, by descent


def linear_autoencoder(n_data):
    """No hidden layer; with a variance of 1/2, -log p is the squared error plus a constant."""
    return npvae.autoencoder(n_data, (), J, likelihood="gaussian", variance=0.5)


def decoder_rows(model):
    return model.decoder.layers[0].W.astype(np.float64)


def by_lbfgs(x, passes, compare):
    """Full batch, in float64, on the one vector theta: a model, rows of (passes, excess, angle)."""
    model = linear_autoencoder(x.shape[1]).astype(np.float64)
    eps = np.zeros((1, len(x), J))                         # a point needs no noise
    theta, grad, rows = model.parameters.theta, model.parameters.grad, []

    def loss_and_grad(candidate):
        theta[...] = candidate
        return model.loss_and_grad(x, eps).value, grad.copy()

    def note(candidate):
        theta[...] = candidate
        rows.append((len(rows) + 1, *compare(model)))

    theta[...] = minimize(loss_and_grad, theta.copy(), jac=True, method="L-BFGS-B", callback=note,
                          options={"maxiter": passes, "maxcor": 30, "ftol": 0, "gtol": 1e-9}).x
    return model, np.array(rows)


def by_minibatches(x, passes, compare, learning_rate):
    """Adam on batches of 100: rows as above."""
    rows = []
    npvae.fit(linear_autoencoder(x.shape[1]), x, epochs=passes, batch_size=100,
              learning_rate=learning_rate, progress=False,
              callbacks=[lambda model, history: rows.append((len(history), *compare(model)))])
    return np.array(rows)


# %% Figures


def descent_figure(curves):
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    looks = {"Adam, fixed rate": (plots.ORANGE, ":"), "Adam, falling rate": (plots.GREEN, "--"),
             "L-BFGS, full batch": (plots.BLUE, "-")}
    for name, rows in curves.items():
        colour, style = looks[name]
        passes, excess, angle = rows.T
        left.loglog(passes, excess, style, color=colour, label=name)
        right.loglog(passes, angle, style, color=colour, label=name)
    left.set(title="squared error, in excess of PCA's", ylabel="error / least error - 1")
    right.set(title="between the two subspaces", ylabel="largest angle, degrees")
    for axes in (left, right):
        axes.set_xlabel("passes over the data")
    right.legend(frameon=False, fontsize=9)
    return figure


def cosines(axes_of):
    """Of the angles between each two of the axes (J, D), without their sign."""
    unit = axes_of / np.linalg.norm(axes_of, axis=1, keepdims=True)
    return abs(unit @ unit.T)


def axes_figure(bases):
    """The J axes of each: as images, and the cosines between them."""
    figure = Figure(figsize=(10.4, 3.9), layout="constrained")
    grid = figure.subplots(2, J + 1, width_ratios=J * [1] + [1.25])
    for row, (name, axes_of) in zip(grid, bases.items()):
        for j, axes in enumerate(row[:J]):
            most = abs(axes_of[j]).max()
            axes.imshow(axes_of[j].reshape(SIDE, SIDE), cmap="PuOr", vmin=-most, vmax=most)
            axes.set(title=f"{j + 1}", xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=11)
        row[J].imshow(cosines(axes_of), cmap="gray_r", vmin=0, vmax=1)
        for (i, j), cosine in np.ndenumerate(cosines(axes_of)):
            row[J].text(j, i, f"{cosine:.1f}", ha="center", va="center", fontsize=8,
                        color="w" if cosine > 0.5 else "k")
        row[J].set(title="|cosine| of each two", xticks=[], yticks=[])
    return figure


# %% PCA, by the singular value decomposition, and the descents, compared with it


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out"))
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    n, passes, epochs = (500, 350, 50) if asked.quick else (5000, 2000, 200)
    images = datasets.mnist().train_images[:n].astype(np.float64)
    x = images.reshape(n, SIDE, 2, SIDE, 2).mean(axis=(2, 4)).reshape(n, SIDE**2)
    mean = x.mean(axis=0)
    x -= mean
    _, singular, components = np.linalg.svd(x, full_matrices=False)
    components, least = components[:J], np.sum(singular[J:]**2) / n
    print(f"PCA: squared error {least:.6f} per image")

    def compare(model):
        """The squared error in excess of PCA's, relative; the angle between the subspaces, degrees."""
        error = np.square(x - model.reconstruct(x), dtype=np.float64).sum() / n
        return error / least - 1.0, np.degrees(subspace_angles(decoder_rows(model).T, components.T)[0])

    curves, found = {"Adam, fixed rate": by_minibatches(x, epochs, compare, 5e-3)}, {}
    if not asked.quick:
        falling = npvae.schedules.Cosine(5e-3, epochs)
        curves["Adam, falling rate"] = by_minibatches(x, epochs, compare, falling)
    model, curves["L-BFGS, full batch"] = by_lbfgs(x, passes, compare)
    for name, rows in curves.items():
        passes, excess, angle = rows[-1]
        found[name] = {"excess": excess, "angle": angle}
        print(f"{name:18}  {passes:5.0f} passes: error {excess:7.1e} above PCA's (relative), "
              f"subspace off by {angle:.4f} degrees")
    by_pca, by_autoencoder = x @ components.T @ components, model.reconstruct(x)
    found["apart"] = float(abs(by_pca - by_autoencoder).max())
    bases = {"components": components, "rows of the decoder": decoder_rows(model)}
    found["cosines"] = {name: cosines(axes_of) for name, axes_of in bases.items()}
    of_pca, of_decoder = (each[~np.eye(J, dtype=bool)].max() for each in found["cosines"].values())
    print(f"no pixel of the two reconstructions differs by more than {found['apart']:.1e}; of each two "
          f"components |cosine| <= {of_pca:.2f}, of the decoder's rows <= {of_decoder:.2f}")
    pictures = Figure(figsize=(9, 2.4), layout="constrained")
    plots.label_rows(pictures.subplots(), [rows[:12] + mean for rows in (x, by_pca, by_autoencoder)],
                     ["image", f"PCA, {J} numbers", f"autoencoder, {J} numbers"], shape=(SIDE, SIDE))
    for name, figure in (("descent", descent_figure(curves)), ("axes", axes_figure(bases)),
                         ("reconstructions", pictures)):
        figure.savefig(asked.out / f"linear_autoencoder_pca_{name}.png", dpi=110)
    return found


if __name__ == "__main__":
    main()
