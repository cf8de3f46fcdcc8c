"""A checkpoint is one run's file: no other file, run or process loses by it."""

import os
import stat
import threading

import numpy as np
import pytest

import npvae
from helpers import small_vae
from npvae import files
from npvae.learning import checkpoints
from test_killed import end_of, start
from test_learning import toy

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
fork = pytest.mark.skipif(files.fcntl is None, reason="there are no such locks here")


def fit(path, model=None, **options):
    return npvae.fit(model or small_vae(dtype=np.float32), toy(),
                     **{"epochs": 1, "progress": False, "checkpoint": path, **options})


# ---- what is there already ---------------------------------------------------------------

@pytest.mark.parametrize("content", ["a table", "a run", "a model"])
def test_a_file_that_is_there_is_not_overwritten_by_a_new_run(content, tmp_path):
    """Somebody's data, or a run whose `resume=True` was forgotten: refused before any training."""
    path = tmp_path / "data.npz"
    if content == "a table":
        np.savez(path, x=toy())
    elif content == "a run":
        fit(path, epochs=3)
    else:
        npvae.save(path, small_vae(dtype=np.float32))
    before, model = path.read_bytes(), small_vae(dtype=np.float32)
    theta = model.parameters.theta.copy()
    with pytest.raises(FileExistsError, match="data.npz, which exists: resume=True goes on from it"):
        fit(path, model)
    if content != "a run":
        with pytest.raises(ValueError, match="is no npvae checkpoint|but no training to resume"):
            fit(path, model, resume=True)
    np.testing.assert_array_equal(model.parameters.theta, theta)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_run_that_is_done_is_not_shortened_by_resuming_with_fewer_epochs(tmp_path):
    path = tmp_path / "run.npz"
    fit(path, epochs=3)
    before = path.read_bytes()
    assert len(fit(path, epochs=2, resume=True)) == 3
    assert path.read_bytes() == before


# ---- links and permissions ---------------------------------------------------------------

@pytest.mark.parametrize("dangling", [False, True])
def test_a_symbolic_link_is_written_through(dangling, tmp_path):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "target.npz", tmp_path / "link.npz"
    if not dangling:
        fit(target)
    link.symlink_to(target)
    fit(link, epochs=2, resume=True)
    assert link.is_symlink() and not target.is_symlink()
    assert checkpoints.read(target)[0]["training"]["epoch"] == 2
    assert sorted(tmp_path.rglob("*")) == [target.parent, target, link]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / "run.npz"
    fit(path)
    path.chmod(mode)
    fit(path, epochs=2, resume=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    npvae.save(path, small_vae())
    assert stat.S_IMODE(path.stat().st_mode) == mode


# ---- two at a time -----------------------------------------------------------------------

@fork
@pytest.mark.parametrize("resume", [False, True])
def test_a_second_process_is_refused_while_the_first_one_trains(resume, tmp_path):
    """And the first one ends as if it had been alone."""
    path, errors = tmp_path / "run.npz", []

    def second():
        try:
            fit(path, resume=True)
        except BlockingIOError as error:
            assert "run.npz is another run's, which still goes on" in str(error)
            os._exit(7)

    model, alone = small_vae(dtype=np.float32), small_vae(dtype=np.float32)
    fit(path, model, epochs=3, resume=resume,
        callbacks=[lambda model, history: errors.append(end_of(start(second)))])
    fit(None, alone, epochs=3)
    assert errors == [7, 7, 7]
    np.testing.assert_array_equal(model.parameters.theta, alone.parameters.theta)
    assert list(tmp_path.iterdir()) == [path]
    fit(path, epochs=4, resume=True)                              # it is free again


@fork
def test_a_second_thread_is_refused_and_another_file_is_not(tmp_path):
    seen = []

    def second(path):
        try:
            fit(path)
        except OSError as error:
            seen.append(type(error))

    def from_a_thread(model, history):
        for name in ("run.npz", "other.npz"):
            thread = threading.Thread(target=second, args=[tmp_path / name])
            thread.start()
            thread.join()

    path = tmp_path / "run.npz"
    fit(path, callbacks=[from_a_thread])
    assert seen == [FileExistsError]
    with files.sole_writer(path), pytest.raises(BlockingIOError):
        fit(path, resume=True)
    assert (tmp_path / "other.npz").exists()


@fork
def test_what_a_dead_run_has_left_keeps_nobody_out(tmp_path):
    path = tmp_path / "run.npz"

    def die(model, history):
        os._exit(9)

    assert end_of(start(lambda: fit(path, callbacks=[die]))) == 9
    assert (tmp_path / "run.npz.lock").exists()
    fit(path, epochs=2, resume=True)
    assert list(tmp_path.iterdir()) == [path]


@fork
def test_an_unfinished_file_is_deleted_only_where_nobody_writes_it(tmp_path, monkeypatch):
    """`save` writes to the same name while a run begins: its unfinished file stays."""
    path, savez = tmp_path / "run.npz", np.savez
    dead = tmp_path / "run.npz.0123abcd.part"

    def slow(file, **arrays):
        monkeypatch.setattr(np, "savez", savez)
        dead.write_bytes(b"half of it")
        with files.sole_writer(path):
            assert not dead.exists() and len(list(tmp_path.glob("*.part"))) == 1
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", slow)
    npvae.save(path, small_vae())
    npvae.load(path)
    assert list(tmp_path.iterdir()) == [path]


@fork
def test_a_lock_that_was_deleted_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """Opened by one run while another one ended, and took it away: two could have it at once."""
    path, lock = tmp_path / "run.npz", files.lock

    def too_late(file):
        os.unlink(tmp_path / "run.npz.lock")
        return lock(file)

    monkeypatch.setattr(files, "lock", too_late)
    with pytest.raises(BlockingIOError):
        fit(path)
