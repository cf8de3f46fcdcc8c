"""Each example states its claim in one sentence, and what its figures draw bears it out.

The claims of the other examples are asserted in `test_lesson_*.py` of their names, and in
`test_reading_list.py`.
"""

import ast
import re

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import npvae
from quick_runs import EXAMPLES, ROOT, load, run
from test_reading_list import figures


def claim_of(name):
    """The paragraph of the docstring that begins with "The claim:"."""
    text = ast.get_docstring(ast.parse((ROOT / f"examples/{name}.py").read_text()))
    found, = (part for part in text.split("\n\n") if part.startswith("The claim: "))
    return " ".join(found.split())


def test_the_claim_is_one_sentence():
    for name in EXAMPLES:
        claim = claim_of(name)
        assert claim.endswith(".") and len(claim.split()) > 10, name
        assert re.findall(r"\.\s+[A-Z]", claim) == [], name


def losses(printed):
    """The three columns of each epoch that is printed: training's, then the held-out images'."""
    lines = [line for line in printed.splitlines() if line.startswith("epoch ")]
    numbers = [re.findall(r"(\S+) \+ KL (\S+) = -ELBO (\S+)", line) for line in lines]
    return np.array(numbers, dtype=float)                                   # (epochs, parts, 3)


# ---- the claims ----------------------------------------------------------------------------


def vae_on_one_page(found, printed):
    """The gradient is compared with the library's in test_examples.py."""
    epochs = losses(printed)[:, 0, 2]
    assert (np.diff(epochs) < 0).all() and epochs[-1] == pytest.approx(found, abs=0.01)


def train_vae(found, printed):
    train, held_out = np.swapaxes(losses(printed), 0, 1)
    for curve in (train, held_out):
        assert len(curve) > 1 and (np.diff(curve[:, [0, 2]], axis=0) < 0).all()
        assert (np.diff(curve[:, 1]) > 0).all()
    assert held_out[-1, 2] == pytest.approx(-found.elbo, abs=0.5)


def conditional_vae(found, printed):
    for n in (2, 10):
        (slant, of_two), (ink, _) = found[f"slant {n}"], found[f"ink {n}"]
        assert slant > 0.9 and of_two > 0.8 and ink > 0.5
    # what the grid of two dimensions draws: the digit that was asked for, by its nearest real images
    data, drawn = npvae.datasets.mnist(), found["styles 2"]
    near = np.argsort(cdist(drawn, data.train_images[:5000]), axis=1)[:, :5]
    votes = [np.bincount(data.train_labels[five], minlength=10).argmax() for five in near]
    assert np.mean(votes == np.tile(np.arange(10), 10)) > 0.85
    # and one slant a row: less of its variance is in a row than between rows
    slants = load("examples/conditional_vae.py").slant(drawn).reshape(10, 10)
    slants = slants - slants.mean(axis=0)
    assert slants.mean(axis=1).var() > slants.var(axis=1).mean()


def conditional_probe(found, printed):
    assert found["conditional 2"] < found["plain 2"] - 0.08
    assert found["nats conditional 2"] < found["nats plain 2"] - 0.2


def image_completion(found, printed):
    assert found["-log p"] < found["-elbo"] < found["plain"] - 0.5 and found["plain kl"] < 1e-3
    assert found["-log p"] < found["-elbo of these"] - 0.5                 # of the same images
    assert found["mean of draws"] < found["one draw"] - 1


def intractability(found, printed):
    assert max(found["narrower_1"], found["narrower_2"]) < 0.9 and found["gap"] > 0.1
    assert found["years"] > 1.4e10                                         # the age of the universe


def maximum_likelihood(found, printed):
    assert max(found["error of mu"], found["error of sigma"]) < 1e-6
    assert max(found["squared error"], found["cross entropy"]) < 1e-10


def reparameterization(found, printed):
    assert found["tape"] < 1e-9                          # against differences, eps held
    for name in ("path", "score"):
        mean, variance = found[name]
        assert mean == pytest.approx(2, abs=5 * np.sqrt(variance / 400_000))
    assert found["score"][1] > 10 * found["path"][1]
    assert found["vae"]["score"] > 100 * found["vae"]["path"]


def memorising_autoencoder(found, printed):
    sizes = sorted(key[1] for key in found if key[0] == "AE")
    gap = {(name, n): found[name, n]["new images"] - found[name, n]["training images"]
           for name in ("AE", "VAE") for n in (sizes[0], sizes[-1])}
    assert gap["AE", sizes[0]] > gap["VAE", sizes[0]] > 0
    assert gap["AE", sizes[-1]] < 0.3 * gap["AE", sizes[0]]
    few = found["AE", sizes[0]]
    assert few["training images"] < 0.6 * few["new images"]


def denoising_autoencoder(found, printed):
    lost, whole = found["half the pixels lost"], found["nothing lost"]
    assert lost["denoising"] < 0.95 * lost["autoencoder"]
    assert whole["autoencoder"] < 0.8 * whole["denoising"]


def elbo_term_by_term(found, printed):
    off, both, only = (found[name] for name in ("KL off", "both", "KL only"))
    assert off["std"] < 0.2 * both["std"] and off["spread"] > 2 * both["spread"]
    assert only["std"] == pytest.approx(1.0, abs=0.01) and only["spread"] < 0.01
    price = {name: each["reconstruction"] + each["kl"] for name, each in found.items()}
    assert price["both"] < min(price["KL off"], price["KL only"]) - 20
    assert 1 < both["kl"] < off["kl"]


def beta_sweep(found, printed):
    beta, rate, distortion = np.array(found["points"]).T
    assert (np.diff(rate) < 0).all() and (np.diff(distortion) > 0).all()
    assert beta[np.argmin(rate + distortion)] == 1.0
    assert found["same gradient"] < 1e-13
    for mean in ("mean over pixels, mean over z", "mean over pixels, sum over z"):
        assert found[mean][1] < 0.01 and found[mean][2] == 0
    assert found["sum over pixels (c = 1/2)"][1] > 5


def kl_taken_apart(found, printed):
    for kl, *parts in (each.values() for each in found.values()):
        assert sum(parts) == pytest.approx(kl, abs=1e-9)
    betas = sorted(found)
    for less, more in zip(betas, betas[1:]):
        assert all(found[more][part] < found[less][part] for part in found[less])
    assert found[10.0]["mutual_information"] > 0.5 * found[10.0]["kl"]


def latent_size(found, printed):
    small, middle, large = (found[J] for J in (2, 20, 80))
    assert middle["kl"] > small["kl"] + 5 and large["kl"] == pytest.approx(middle["kl"], rel=0.15)
    assert large["in use"] - middle["in use"] < 30                            # of 60 more
    assert large["autoencoder"] < middle["autoencoder"] - 2


def bernoulli_latents(found, printed):
    gaps = [abs(found[f"bits, relaxed at {t}"]["-elbo"] - found[f"bits, relaxed at {t}"]["true bits"])
            for t in ("0.2", "2/3")]
    assert gaps[0] < gaps[1]
    # each tells something by its bits: it is better than without a code
    assert all(0.5 < each["kl"] < 30 * np.log(2) for name, each in found.items() if "score" in name)
    without = 206.0                       # nats: the mean image of the training set, for all
    assert all(each["-elbo"] < without - 5 for name, each in found.items() if "bits" in name)


def convolutional_vae(found, printed):
    conv, dense = found["convolutional"], found["dense"]
    assert conv["parameters"] == pytest.approx(dense["parameters"], rel=0.01)
    assert conv["loss"] < dense["loss"] - 0.5 and conv["seconds"] > 2 * dense["seconds"]


def anomaly_table(found, printed):
    assert found["false alarms"] < 0.02
    assert min(max(found["shares"][kind].values())                 # by the score that sees it best
               for kind in ("spike", "broken relation", "shifted")) > 0.65


def estimator_laboratory(found, printed):
    landing = found["landing"][1]
    assert landing["STL"][0] < 1e-12 < 0.1 < landing["ELBO"][0]
    for (right, error), (wrong, wrong_error), K in zip(
            found["bias"]["DReG"], found["bias"]["STL in IWAE"], found["Ks"]):
        assert right < 4 * error and (K == 1 or wrong > 20 * wrong_error)
    slopes = {name: np.polyfit(np.log(found["Ks"][2:]), np.log(snr[2:]), 1)[0]
              for name, snr in found["snr"].items()}
    assert slopes["IWAE"] < -0.3 and slopes["DReG"] > 0.3


def how_good_is_q(found, printed):
    for gap in found["gaps"].values():
        assert gap.approximation.mean() > 0.3 and gap.amortization.mean() > 0.3
    assert found["ends"] > 0.3
    assert (found["evidence"].pareto_k > 0.7).mean() > 0.5          # few effective samples, a heavy tail


CLAIMS = {check.__name__: check for check in (
    vae_on_one_page, train_vae, conditional_vae, conditional_probe, image_completion, intractability,
    maximum_likelihood, reparameterization, memorising_autoencoder, denoising_autoencoder,
    elbo_term_by_term, beta_sweep, kl_taken_apart, latent_size, bernoulli_latents, convolutional_vae,
    anomaly_table, estimator_laboratory, how_good_is_q)}


@pytest.mark.parametrize("name", CLAIMS)
def test_quick(name, tmp_path, capsys):
    found = run(name, tmp_path)
    CLAIMS[name](found, capsys.readouterr().out)
    assert any(each.endswith(".png") for each in figures(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae_on_one_page", "intractability", "maximum_likelihood",
                                  "reparameterization", "anomaly_table"])
def test_full(name, tmp_path, capsys):
    """Those whose full run takes less than a minute."""
    main = load(f"examples/{name}.py").main
    found = main(out=tmp_path) if name == "vae_on_one_page" else main(["--out", str(tmp_path)])
    CLAIMS[name](found, capsys.readouterr().out)
