"""The examples run, in their quick mode, and print what they are meant to show."""

import re

import numpy as np
import pytest

import npvae
from quick_runs import ROOT, load, run


def test_train_vae(tmp_path, capsys):
    terms = run("train_vae", tmp_path)
    printed = capsys.readouterr().out
    assert "652,824 parameters, 10,000 images" in printed
    assert -terms.elbo == pytest.approx(158.4, abs=2.0)     # other BLAS, other rounding
    assert f"= -ELBO {-terms.elbo:.2f} nats per image" in printed
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.npz", "model.npz", "training.png", "reconstructions.png", "samples.png",
        "latent.png"}
    model = npvae.load(tmp_path / "model.npz")
    x = npvae.datasets.mnist().test_images[:1000]
    assert npvae.evaluate(model, x, seed=0) == terms


def test_train_vae_with_two_latent_dimensions_and_resumed(tmp_path, capsys, monkeypatch):
    data = npvae.datasets.mnist()
    few = data._replace(train_images=data.train_images[:1000])
    monkeypatch.setattr(npvae.datasets, "mnist", lambda: few)
    train = load("examples/train_vae.py").main
    options = ["--quick", "--latent", "2", "--hidden", "20", "--likelihood", "gaussian"]
    first = train([*options, "--out", str(tmp_path)])
    assert (tmp_path / "manifold.png").exists()
    again = train([*options, "--out", str(tmp_path), "--resume"])           # nothing left to do
    assert again == first


def test_one_page(tmp_path, capsys):
    loss = run("vae_on_one_page", tmp_path)
    assert loss == pytest.approx(177.1, abs=2.0)
    printed = capsys.readouterr().out
    numbers = re.search(r"epoch 2: reconstruction (\S+) \+ KL (\S+) = -ELBO (\S+) nats", printed)
    reconstruction, kl, total = map(float, numbers.groups())
    assert reconstruction + kl == pytest.approx(total, abs=0.011)
    assert (tmp_path / "one_page_samples.png").exists()


def test_the_gradient_of_the_one_page_is_the_librarys(rng):
    """The same parameters, the same noise: the same loss and gradient, to 1e-12."""
    page = load("examples/vae_on_one_page.py")
    D, H, J, B = 30, 11, 4, 7
    p = {name: rng.normal(0, 0.4, value.shape)
         for name, value in page.initial_parameters(rng, D, H, J).items()}
    x, eps = rng.random((B, D)), rng.standard_normal((B, J))
    reconstruction, kl, g = page.loss_and_grad(p, x, eps)

    model = npvae.vae(D, (H,), J).astype(np.float64)

    def in_the_librarys_order(a):
        return {"encoder.0.W": a["W1"], "encoder.0.b": a["b1"],
                "encoder.2.W": np.hstack([a["Wmu"], a["Wlogvar"]]),
                "encoder.2.b": np.hstack([a["bmu"], a["blogvar"]]),
                "decoder.0.W": a["W2"], "decoder.0.b": a["b2"],
                "decoder.2.W": a["W3"], "decoder.2.b": a["b3"]}

    for name, value in in_the_librarys_order(p).items():
        model.blocks()[name][...] = value
    loss = model.loss_and_grad(x, eps[None])
    assert (loss.reconstruction, loss.kl) == pytest.approx((reconstruction, kl), rel=1e-13)
    for name, expected in in_the_librarys_order(g).items():
        ours = model.gradients()[name]
        assert np.linalg.norm(ours - expected) <= 1e-12 * np.linalg.norm(expected), name


def test_the_steps_of_the_one_pages_adam_are_the_librarys(rng):
    page = load("examples/vae_on_one_page.py")
    p = {"a": rng.standard_normal(20)}
    theta, adam = p["a"].copy(), npvae.Adam()
    m, v = dict.fromkeys(p, 0.0), dict.fromkeys(p, 0.0)
    for t in range(1, 10):
        g = rng.standard_normal(20)
        page.adam_step(p, {"a": g}, m, v, t)
        adam.step(theta, g, 1e-3)
    np.testing.assert_allclose(p["a"], theta, rtol=1e-12)


@pytest.mark.slow
def test_the_test_loss_on_mnist(capsys, monkeypatch):
    """The mean of three seeds, where PyTorch's own example with this network ends: 107.3 nats per
    image at epoch 7, and 106.0 at epoch 10."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    load("benchmarks/mnist_test_loss.py").main()
    means = re.findall(r"epoch +\d+: mean (\S+),", capsys.readouterr().out)
    at_7, at_10 = map(float, means)
    assert at_7 <= 107.3 and at_10 <= 106.0
