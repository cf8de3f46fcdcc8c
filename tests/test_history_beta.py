"""The history notes beta, so that a rise of the loss is told from a rise of its price."""

import importlib.util
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.evaluation.diagnosis import diagnose, largest_rise
from npvae.learning import schedules

FOLDER = Path(__file__).parent / "first_version"


def row(epoch, reconstruction, kl, beta=1.0, paid=None, noted=True):
    """A row of a history; `paid` is the KL as the loss counts it."""
    paid = kl if paid is None else paid
    found = {"epoch": epoch, "loss": reconstruction + beta * paid, "reconstruction": reconstruction,
             "kl": kl, "seconds": 0.0}
    return {**found, "beta": beta} if noted else found


def data(n=120):
    return np.random.default_rng(0).beta(0.3, 0.5, (n, 10)).astype(np.float32)


def train(model, **options):
    options = {"epochs": 4, "batch_size": 50, "progress": False, **options}
    return npvae.fit(model, data(), **options)


# ---- what the history holds ------------------------------------------------------------------

@pytest.mark.parametrize("objective, beta", [
    (npvae.ELBO(), 1.0), (npvae.ELBO(beta=2.5), 2.5), (npvae.FreeBits(free=0.3, beta=0.5), 0.5),
    (npvae.IWAE(), 1.0)], ids=repr)
def test_the_beta_of_an_epoch_is_the_objectives(objective, beta):
    model = npvae.vae(10, (6,), 2)
    model.objective = objective
    assert [row["beta"] for row in train(model, epochs=2)] == [beta, beta]


def test_under_a_schedule_it_is_the_mean_over_the_rows_of_the_epoch():
    """120 rows in batches of 50, 50 and 20: the last step counts less."""
    model = npvae.vae(10, (6,), 2, beta=3.0)
    history = train(model, kl_schedule=schedules.Linear(2))
    at = [np.dot([50, 50, 20], [min((epoch + step / 3) / 2, 1.0) for step in range(3)]) / 120
          for epoch in range(4)]
    np.testing.assert_allclose([row["beta"] for row in history], 3.0 * np.array(at), rtol=1e-12)


def test_a_run_that_was_interrupted_in_an_epoch_has_the_same_beta(tmp_path, monkeypatch):
    options = {"kl_schedule": schedules.Linear(3), "epochs": 2}
    expected = train(npvae.vae(10, (6,), 2), **options)
    calls = []
    forward = npvae.VAE.forward

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 5:                               # the second step of the second epoch
            signal.raise_signal(signal.SIGINT)
        return forward(*args, **kwargs)
    monkeypatch.setattr(npvae.VAE, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(npvae.vae(10, (6,), 2), checkpoint=tmp_path / "run.npz", **options)
    monkeypatch.undo()
    found = train(npvae.vae(10, (6,), 2), checkpoint=tmp_path / "run.npz", resume=True, **options)
    assert [row["beta"] for row in found] == [row["beta"] for row in expected]


def test_a_checkpoint_without_beta_is_gone_on_from(tmp_path):
    """Of the first version, interrupted in its third epoch: what it did not note stays unknown."""
    spec = importlib.util.spec_from_file_location("write", FOLDER / "write.py")
    write = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(write)
    with np.load(FOLDER / "expected.npz") as file:
        x = file["x"]
    shutil.copy(FOLDER / "training.npz", tmp_path)
    model = write.model()
    history = npvae.fit(model, x, checkpoint=tmp_path / "training.npz", resume=True,
                        **{**write.settings(x), "patience": 4})
    assert ["beta" in row for row in history] == [False, False, False, True]
    assert history[3]["beta"] == 0.5                               # of the model; its schedule is over
    assert np.isfinite(largest_rise(history)[0])


# ---- what is a rise --------------------------------------------------------------------------

def test_free_bits_whose_loss_falls_do_not_rise():
    """The KL of a dimension rises below its free nats: nothing is paid for that."""
    history = [row(1, 180.0, 1.0, paid=10.0), row(2, 175.0, 8.0, paid=10.0),
               row(3, 170.0, 9.0, paid=10.1)]
    assert largest_rise(history) == (0.0, 1)


def test_a_run_with_free_bits_whose_loss_fell_in_every_epoch_is_healthy():
    """In it the KL rises from 0 towards the nats that are free, which are paid for all along."""
    x = npvae.datasets.mnist().train_images[:500]
    model = npvae.vae(n_hidden=(50,))
    model.objective = npvae.FreeBits(free=2.0)
    history = npvae.fit(model, x, epochs=4, batch_size=100, progress=False)
    assert (np.diff([row["loss"] for row in history]) < 0).all()
    assert (np.diff([row["kl"] for row in history]) > 0).all()
    found, = [item for item in diagnose(model, x[:100], history=history).measured
              if item.name.startswith("largest rise")]
    assert found.value == 0.0 and not found.wrong


@pytest.mark.parametrize("noted", [True, False])
def test_both_epochs_are_counted_with_the_later_beta(noted):
    """While beta and the KL both rise: 100 + 10 became 110 + 20. At the loss's own prices it would
    be 25, at the earlier beta 15."""
    history = [row(1, 100.0, 10.0, 0.5, noted=noted), row(2, 110.0, 20.0, 1.0, noted=noted)]
    assert largest_rise(history) == (pytest.approx(20.0), 2)
    # a beta that begins with 0 is no rise, and none that falls hides one
    history = [row(1, 150.0, 60.0, 0.0, noted=noted), row(2, 130.0, 40.0, 0.5, noted=noted)]
    assert largest_rise(history) == (0.0, 1)
    history = [row(1, 100.0, 30.0, 1.0, noted=noted), row(2, 110.0, 30.0, 0.5, noted=noted)]
    assert largest_rise(history) == (pytest.approx(10.0), 2)


def test_free_bits_under_a_rising_beta():
    """What was paid for is the counted KL, here 10 nats in both epochs."""
    history = [row(1, 100.0, 2.0, 0.5, paid=10.0), row(2, 101.0, 9.0, 1.0, paid=10.0)]
    assert largest_rise(history) == (pytest.approx(1.0), 2)


def test_where_beta_stands_still_the_rise_is_that_of_the_loss():
    """Whatever the loss is made of: that of IWAE is no sum of its terms."""
    history = [{"epoch": i, "loss": loss, "reconstruction": 90.0 - i, "kl": 20.0 + 3 * i, "beta": 1.0,
                "seconds": 0.0} for i, loss in enumerate((100.0, 98.0, 101.5, 97.0), start=1)]
    assert largest_rise(history) == (3.5, 3)


def test_histories_without_beta_and_with_are_read_together():
    history = [row(1, 100.0, 10.0, 0.5, noted=False), row(2, 105.0, 20.0, 1.0),
               row(3, 104.0, 19.0, 1.0, noted=False)]
    assert largest_rise(history) == (pytest.approx(15.0), 2)
