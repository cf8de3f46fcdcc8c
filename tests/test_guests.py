"""Guests: a member of a role that is written outside of the package, by the guide, word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.networks import Layer, Module, block

GUIDE = Path(__file__).parent.parent / "examples/guests.md"
KOREAN = GUIDE.with_name("guests.ko.md")


def chapters(page=GUIDE):
    """{name: (the module's text, the program's text)}, for each section with code."""
    found = {}
    for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
        blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
        if blocks:
            name = re.match(r"# (\w+\.py)\n", blocks[0]).group(1)
            found[name] = blocks[0], "\n".join(blocks[1:])
    return found


@pytest.mark.parametrize("name", chapters())
def test_the_guide_runs_as_it_is_printed(name, tmp_path):
    """Built, checked, trained, saved, loaded, judged; and a healthy model is called one."""
    module, program = chapters()[name]
    (tmp_path / name).write_text(module, encoding="utf-8")
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    run = subprocess.run([sys.executable, "-W", "error", "program.py"], cwd=tmp_path, text=True,
                         capture_output=True, env={**os.environ, "PYTHONPATH": path_to_npvae()})
    assert run.returncode == 0, run.stderr
    assert "WRONG" not in run.stdout and "LOST" not in run.stdout
    assert run.stdout.rstrip().endswith("nothing wrong was found")
    # without the guest's module, the file says what to import
    (saved,) = tmp_path.glob("*.npz")
    with pytest.raises(ValueError, match=f"import {name.removesuffix('.py')} first, which has "):
        npvae.load(saved)


def test_both_languages_have_the_same_code_and_the_same_contract():
    """Word for word; and in the table the same verbs, in the same order, of the same shapes."""
    english, korean = (page.read_text(encoding="utf-8") for page in (GUIDE, KOREAN))
    for pattern in (r"```python\n.*?```", r"^(#+) "):
        ours, theirs = (re.findall(pattern, text, re.DOTALL | re.MULTILINE)
                        for text in (english, korean))
        assert ours == theirs and len(ours) > 5
    ours, theirs = ([re.findall(r"`[^`]+`|\([KBDJNCn.][^)]*\)", " | ".join(line.split(" | ")[1:4]))
                     for line in text.splitlines() if line.startswith("| ")]
                    for text in (english, korean))
    assert ours == theirs and len(ours) > 18


def path_to_npvae():
    return str(Path(npvae.__file__).parent.parent)


# ---- what a guest gets wrong is named when the model is built --------------------------------

class Half(npvae.Likelihood):
    """A likelihood that lacks some verbs."""

    def log_terms(self, x, y):
        return -(x - y)**2, x - y


class Mute(npvae.Posterior):
    """A posterior without density that does not say so."""

    def draw_noise(self, rng, n_samples, n_batch, dtype=np.float32):
        return np.zeros((n_samples, n_batch, self.n_latent), dtype)

    def given(self, h):
        return h

    def sample(self, q, eps):
        return q + eps, q

    def backward(self, drawn, dz, path=0.0, score=0.0):
        return dz.sum(axis=0)

    def point(self, q):
        return q


class Forgetful(Layer):
    """A layer that declares a block and does not set it."""

    s, ds = block("s")

    def __init__(self):
        super().__init__({"t": np.ones(3)})


@pytest.mark.parametrize("build, message", [
    (lambda: npvae.vae(6, (5,), 2, likelihood=Half()),
     r"likelihood is Half\(\), which does not define backward_terms\(...\)"),
    (lambda: npvae.vae(6, (5,), 2, posterior=Mute(2)),
     r"posterior is Mute\(2\), which defines neither log_terms\(...\) nor log_prob\(...\)"),
    (lambda: npvae.vae(6, (5,), 2, prior=npvae.likelihoods.Gaussian()),
     r"prior is Gaussian\(\): one of 'standard_normal', .* or a Prior, was expected")])
def test_a_role_without_one_of_its_verbs_is_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


def test_a_block_that_is_declared_and_not_set_is_named():
    with pytest.raises(ValueError, match=r"Forgetful declares block 's' and sets \['t'\]"):
        Forgetful()


def test_a_guest_may_not_take_a_name_of_npvaes_own():
    with pytest.raises(TypeError, match="would take the name 'gaussian' of one of npvae's own"):
        type("Gaussian", (npvae.Likelihood,), {"__module__": "elsewhere"})
    assert npvae.Likelihood.members["gaussian"] is npvae.likelihoods.Gaussian


# ---- parts as they are written ---------------------------------------------------------------

@pytest.mark.parametrize("text", [
    "Gaussian()", "Gaussian(variance=0.1)", "HeteroscedasticGaussian(floor=0.01)", "Laplace(scale=2.0)",
    "TiedGaussian(variance=3.0)"])
def test_a_likelihood_is_written_as_it_is_typed_and_kept_in_files(text, tmp_path):
    from npvae.typed import from_text
    kinds = {kind.__name__: kind for kind in npvae.Likelihood.members.values()}
    likelihood = from_text(text, kinds)
    assert repr(likelihood) == text
    model = npvae.vae(6, (5,), 2, likelihood=likelihood, prior="mixture_of_normals")
    npvae.save(tmp_path / "model.npz", model)
    again = npvae.load(tmp_path / "model.npz")
    assert repr(again) == repr(model) and repr(again.likelihood) == text
    np.testing.assert_array_equal(again.parameters.theta, model.parameters.theta)


@pytest.mark.parametrize("text, error", [
    ("Gaussian", ValueError), ("__import__('os').system('true')", (ValueError, KeyError)),
    ("Gaussian(variance=open('x'))", KeyError), ("Gaussian(1.0).mean(2)", ValueError),
    ("[Gaussian(1.0)]", ValueError), ("Gaussian(1.0" + ")" * 3, ValueError), ("(" * 500, ValueError)])
def test_a_text_that_is_no_call_of_a_known_class_is_refused(text, error):
    from npvae.typed import from_text
    with pytest.raises(error):
        from_text(text, {"Gaussian": npvae.likelihoods.Gaussian})


def test_modules_are_written_as_they_were_typed(rng):
    layer = npvae.networks.Dense(3, 2, rng)
    chain = npvae.networks.Chain(layer, npvae.networks.Tanh())
    assert repr(chain) == "Chain(Dense(3, 2, rng), Tanh())"
    assert repr(chain.copy().astype(np.float64)) == repr(chain)
    assert repr(npvae.priors.Concrete(2, 0.5, p=0.3)) == "Concrete(2, p=0.3)"
    scope = {"Chain": npvae.networks.Chain, "Dense": npvae.networks.Dense, "rng": rng,
             "Tanh": npvae.networks.Tanh}
    assert repr(eval(repr(chain), scope)) == repr(chain)


def test_a_model_prints_its_parts_with_their_parameters(rng):
    model = npvae.vae(6, (5, 4), 2, prior="mixture_of_normals")
    lines = str(model).splitlines()
    assert any(re.match(r"encoder\.0 +Dense\(6, 5, rng\) +W 6 x 5, b 5 +35$", line) for line in lines)
    assert any(line.startswith("prior ") and "mu 10 x 2" in line for line in lines)
    assert re.match(rf"parameters +{model.parameters.size}$", lines[-1])
    by_part = [int(line.split()[-1].replace(",", "")) for line in lines[1:-1]
               if re.search(r" \d[\d,]*$", line) and not line.endswith(")")]
    assert sum(by_part) == model.parameters.size
    loss = model.loss(rng.random((4, 6)), model.draw_noise(rng, 4))
    assert str(loss) == (f"loss {loss.value:.2f} per x: reconstruction {loss.reconstruction:.2f}, "
                         f"rate {loss.kl:.2f}")
    assert isinstance(model, Module)


def test_no_objective_and_no_cost_of_ones_own_takes_the_name_of_one_of_npvaes():
    for name, kind in (("ELBO", npvae.ELBO), ("KL", npvae.objectives.costs.KL)):
        with pytest.raises(TypeError, match=f"would take the name '{name}' of one of npvae's own"):
            type(name, (kind,), {"__module__": "elsewhere"})
        assert kind.members[name] is kind
