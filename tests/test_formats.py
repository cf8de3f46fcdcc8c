"""IDX files as the format has it, written by hand; and the memory that a reader takes."""

import gzip
import tracemalloc

import numpy as np
import pytest

from npvae import datasets

# The type's byte, two numbers as they lie in the file, and the numbers.
NUMBERS = [(0x08, "ff 01", np.uint8, [255, 1]), (0x09, "ff 7f", np.int8, [-1, 127]),
           (0x0B, "ff fe 01 00", np.int16, [-2, 256]),
           (0x0C, "80 00 00 00 00 01 00 00", np.int32, [-2**31, 65536]),
           (0x0D, "3f 80 00 00 c0 20 00 00", np.float32, [1.0, -2.5]),
           (0x0E, "3f f0 00 00 00 00 00 00 c0 04 00 00 00 00 00 00", np.float64, [1.0, -2.5])]


@pytest.mark.parametrize("code, data, dtype, numbers", NUMBERS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_each_type_of_number_is_read_as_the_format_has_it(tmp_path, pack, code, data, dtype, numbers):
    header = bytes([0, 0, code, 2, 0, 0, 0, 1, 0, 0, 0, 2])                # one row of two
    (tmp_path / "a").write_bytes(pack(header + bytes.fromhex(data)))
    array = datasets.read_idx(tmp_path / "a")
    assert array.dtype == dtype and array.dtype.isnative and array.flags.writeable
    assert array.tolist() == [numbers]


@pytest.mark.parametrize("code", [0x00, 0x07, 0x0A, 0x0F])
def test_other_types_are_refused(tmp_path, code):
    (tmp_path / "a").write_bytes(bytes([0, 0, code, 1, 0, 0, 0, 1, 0, 0]))
    with pytest.raises(ValueError, match="is no IDX file: it starts with 0000"):
        datasets.read_idx(tmp_path / "a")


def peak(path):
    """What came of reading, and the most MB that NumPy and Python had at once for it."""
    tracemalloc.start()
    try:
        words = str(datasets.read_idx(path).nbytes)
    except ValueError as error:
        words = str(error)
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return words, most


def zeros(n_promised, n=40_000_000):
    return gzip.compress(bytes([0, 0, 8, 1]) + n_promised.to_bytes(4, "big") + bytes(n), 1)


def test_a_gzipped_file_takes_the_memory_of_its_array(tmp_path):
    (tmp_path / "a").write_bytes(zeros(40_000_000))
    words, most = peak(tmp_path / "a")
    assert words == "40000000" and 40 < most < 45


def test_a_gzipped_file_that_promises_more_than_it_can_hold_takes_none(tmp_path):
    (tmp_path / "a").write_bytes(zeros(2**32 - 1))
    words, most = peak(tmp_path / "a")
    assert "truncated or damaged" in words and "4294967303 bytes in all" in words and most < 5


def test_a_gzipped_file_that_holds_more_than_it_promises_is_read_no_further(tmp_path):
    (tmp_path / "a").write_bytes(zeros(1000))
    words, most = peak(tmp_path / "a")
    assert "more than 1008 bytes" in words and most < 5
