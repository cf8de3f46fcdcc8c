"""Files of arrays: .npz archives, read without pickle, and written whole or not at all."""

import contextlib
import glob
import math
import os
import secrets
import stat
import zipfile
from pathlib import Path

import numpy as np

from npvae.inputs import check_path

try:
    import fcntl
except ImportError:                        # where there are no such locks, as on Windows
    fcntl = None

DEFLATE = 1032                             # the most bytes that one byte can be expanded to


def read_npz(path, expansion=DEFLATE):
    """All arrays of a .npz file, by name.

    Parameters
    ----------
    path : path-like
    expansion : int
        How many bytes may be read for each byte of the file; 1 for archives that are not compressed.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is no .npz file, is damaged, or holds Python objects.
    """
    check_path(path)
    with open(path, "rb") as handle:
        try:
            with zipfile.ZipFile(handle) as archive:
                members = archive.infolist()
                claimed = sum(member.file_size for member in members)
                size = os.fstat(handle.fileno()).st_size
                if claimed > expansion * size:         # members may overlap, too
                    raise ValueError(f"its members claim {claimed} bytes, and it has {size}")
                return {member.filename.removesuffix(".npy"): _read_member(archive, member)
                        for member in members}
        except Exception as error:         # there is no list of what zipfile and NumPy raise
            raise ValueError(f"{path} is no .npz file, or is damaged: {error}") from error


def _read_member(archive, member):
    with archive.open(member) as file:
        return read_npy(file, member.file_size)


def read_npy(file, size):
    """The array of an open .npy file of so many bytes: no fewer than it promises, and no more.

    Raises
    ------
    ValueError
        Where it is no .npy file, is damaged, or holds Python objects.
    """
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                       (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read_header(file)
        promised = file.tell() + math.prod(shape) * dtype.itemsize
        if promised != size:
            raise ValueError(f"{size} bytes, where its header promises an array of shape {shape}, "
                             f"{promised} bytes in all")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:             # a damaged header leads NumPy's parser anywhere
        raise ValueError(str(error)) from error


def write_npz(path, **arrays):
    """Write a .npz file beside its place, then move it there: all of it, or none.

    A symbolic link stays one, and the file keeps its permissions.
    """
    check_path(path)
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"{name} has dtype object, which can only be pickled: an array of "
                            "numbers was expected")
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"path is {path}: its folder does not exist")
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    file = open(temporary, "xb")
    try:
        with file:
            lock(file)
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


# ---- one writer at a time ----------------------------------------------------------------

@contextlib.contextmanager
def sole_writer(path):
    """Keep other processes from writing to a file that this one writes to again and again.

    An empty file with .lock after its name is locked meanwhile, by the operating system, so that
    it is free again when the process has died. Unfinished files of processes that were killed
    while they wrote are deleted.

    Parameters
    ----------
    path : path-like or None
        None: there is nothing to keep.

    Raises
    ------
    BlockingIOError
        Where another has it.
    """
    if path is None:
        yield
        return
    path = Path(os.path.realpath(path))
    lock_path = path.with_name(f"{path.name}.lock")
    with contextlib.ExitStack() as stack:
        if fcntl:
            file = stack.enter_context(open(lock_path, "ab"))
            if not lock(file) or not is_at(file, lock_path):
                raise BlockingIOError(f"{path} is another run's, which still goes on: another name, "
                                      "or the end of that run, was expected")
            stack.callback(lock_path.unlink, missing_ok=True)
        _remove_parts(path)
        yield


def lock(file):
    """Lock an open file until it is closed; False where another has done so."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:                        # a file system without locks
        pass
    return True


def is_at(file, path):
    """Whether an open file is still the one at a path: it may have been deleted since."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _remove_parts(path):
    for part in path.parent.glob(f"{glob.escape(path.name)}.{'[0-9a-f]' * 8}.part"):
        with contextlib.suppress(OSError):             # its writer has moved it, or has it open
            with open(part, "r+b") as file:
                abandoned = lock(file)
            if abandoned:
                part.unlink()
