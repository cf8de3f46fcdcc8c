"""bits_and_symbols.py: what the temperature trades; and Jang et al.'s table, on a few images."""

import functools
import json

import numpy as np
import pytest

import npvae
from quick_runs import load, run
from test_reading_list import figures


def test_quick(tmp_path):
    found = run("bits_and_symbols", tmp_path)
    bias, spread = np.transpose(list(found["gradient"].values()))
    # the lower the temperature, the more the gradient spreads: more than the score function's, or less
    assert spread[0] > 1.5 * found["score"][1] > 1.5 * spread[1] > 5 * spread[2]
    # a high one is biased, a low one is not, as far as 60 draws can tell; nor is the score function
    noise = spread / np.sqrt(60)
    assert bias[2] > 0.4 > bias[1] + 0.1 and bias[0] < noise[0] and found["score"][0] < 0.2
    # exact symbols are learned best at a middle one
    (at_low, _), (at_middle, _), (at_high, loss) = found["learned"].values()
    assert at_middle < at_low - 0.1 and at_middle < at_high - 3.0
    # where the loss was the lowest of all: it is no bound
    assert loss < at_middle - 0.2 and loss < at_high - 4.0
    assert at_middle < found["by the score"][0]
    assert figures(tmp_path) == {"bits_and_symbols.png"}


@pytest.mark.slow
def test_full(tmp_path):
    found = load("examples/bits_and_symbols.py").main(["--out", str(tmp_path)])
    bias, spread = np.transpose(list(found["gradient"].values()))
    chance = spread / np.sqrt(found["draws"])
    # cold: no bias that can be seen; from 0.1 on it is seen, and the warmer the larger; the spread falls
    assert (bias[:2] < chance[:2]).all() and (bias[2:] > 1.3 * chance[2:]).all()
    assert (np.diff(bias[2:]) > 0).all() and (np.diff(spread) < 0).all() and bias[-1] > 1.5
    assert spread[0] > 5 * found["score"][1] and spread[-1] < 0.6 * found["score"][1]
    exact, loss = np.transpose(list(found["learned"].values()))
    assert exact.argmin() == 4 and (np.diff(loss) < 0).all()                 # at 0.5; and it is no bound


def test_its_true_gradient_is_that_of_the_sum_over_all_codes(rng):
    """By the complex step in each logit, and the score function has it for its mean."""
    example = load("examples/bits_and_symbols.py")
    model = npvae.categorical_vae(5, (), 20, n_categories=10).astype(np.float64)
    model.parameters.theta[...] = rng.normal(0.0, 0.7, model.parameters.size)
    x = rng.random((2, 5))
    exact = example.exact_gradient(model, x)
    codes = np.hstack([np.repeat(np.eye(10), 10, axis=0), np.tile(np.eye(10), (10, 1))])
    codes = np.repeat(codes[:, None], 2, axis=1)
    log_px, _ = model.likelihood.log_prob(x, model.decoder.forward(codes)[0])
    h = model.encoder.forward(x)[0].astype(complex)
    for j in (0, 7, 13):
        stepped = h.copy()
        stepped[:, j] += 1e-20j
        q = model.posterior.given(stepped)
        mass = np.exp(model.posterior.log_prob(model.posterior.at(q, codes)))
        np.testing.assert_allclose((mass * log_px).sum(axis=0).imag / 1e-20, exact[:, j], rtol=1e-12)
    draws = np.array([example.estimate(model, x, rng) for _ in range(2000)])
    error = draws.std(axis=0) / np.sqrt(2000)
    assert (np.abs(draws.mean(axis=0) - exact) < 5 * error).all()


@pytest.mark.parametrize("estimator", ["gumbel", "density", "score"])
def test_the_papers_script_keeps_its_parts_and_goes_on(estimator, tmp_path, monkeypatch):
    """On 300 images: training, then log p(x) of exact codes in parts; a second call does neither."""
    script = load("benchmarks/papers/discrete_codes.py")
    data = npvae.datasets.mnist()
    small = data._replace(train_images=data.train_images[:10_300], test_images=data.test_images[:60])
    monkeypatch.setattr(script.npvae.datasets, "mnist", lambda: small)
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
    parts = functools.partial(script.evidence_by_parts, n_samples=50, part=25)
    monkeypatch.setattr(script, "evidence_by_parts", parts)
    monkeypatch.setattr(script, "keep_curve", functools.partial(script.keep_curve, n_samples=5))
    arguments = ["--code", "symbols", "--estimator", estimator, "--epochs", "2", "--out", str(tmp_path)]
    script.main(arguments)
    result = json.loads((tmp_path / "results" / f"discrete_symbols_{estimator}.json").read_text())
    (folder,) = tmp_path.glob("discrete_*")
    saved = [np.load(folder / f"evidence_{start}.npz")["log_px"] for start in (0, 25, 50)]
    assert [len(part) for part in saved] == [25, 25, 10]
    assert result["nll"] == pytest.approx(-np.concatenate(saved).mean(), abs=1e-3)
    assert [row["epoch"] for row in result["curve"]] == [1, 2]
    assert result["curve"][1]["nll"] < result["curve"][0]["nll"]
    assert result["published"] == {"gumbel": 101.5, "density": None, "score": 110.6}[estimator]
    monkeypatch.setattr(npvae.evaluation, "log_evidence", None)               # not asked again
    script.main(arguments)
    again = json.loads((tmp_path / "results" / f"discrete_symbols_{estimator}.json").read_text())
    assert again["nll"] == result["nll"] and again["curve"] == result["curve"]
