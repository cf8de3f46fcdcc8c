"""`python -m npvae.anomaly`: a detector from a terminal, and a clear word for every bad file."""

import subprocess
import sys

import numpy as np
import pytest

import npvae
from npvae.anomaly import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Normal rows, and a detector of them."""
    folder, rng = tmp_path_factory.mktemp("rows"), np.random.default_rng(0)
    rows = rng.standard_normal((500, 2)) @ rng.standard_normal((2, 4))
    rows += 0.1 * rng.standard_normal((500, 4))
    np.savetxt(folder / "rows.csv", rows, delimiter=",", header="a,b,c,d", comments="")
    assert main(["fit", str(folder / "rows.csv"), "--out", str(folder / "detector.npz"),
                 "--steps", "300"]) == 0
    new = rows[:50].copy()
    new[[3, 20], [2, 1]] += 9.0
    np.savetxt(folder / "new.csv", new, delimiter=",", header="a,b,c,d", comments="")
    npvae.save(folder / "model.npz", npvae.vae(4, (3,), 2))
    np.save(folder / "narrow.npy", rows[:, :3])
    np.save(folder / "few.npy", rows[:5])
    (folder / "words.csv").write_text("a,b,c,d\n1,2,3,four\n")
    (folder / "nothing.csv").write_text("")
    (folder / "damaged.npz").write_bytes((folder / "detector.npz").read_bytes()[:-30])
    return folder


def test_new_rows_are_scored_and_explained(folder, capsys):
    assert main(["score", str(folder / "new.csv"), "--detector", str(folder / "detector.npz"),
                 "--quantile", "0.98"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "row,score,flagged,column" and len(lines) == 51
    table = np.array([line.split(",") for line in lines[1:]], float)
    detector = npvae.evaluation.load_detector(folder / "detector.npz")
    rows = npvae.datasets.read_table(folder / "new.csv")
    np.testing.assert_allclose(table[:, 1], detector.score(rows), rtol=1e-5)
    np.testing.assert_array_equal(table[:, 2] == 1, detector.flag(rows, quantile=0.98))
    assert table[3].tolist()[2:] == [1, 3] and table[20].tolist()[2:] == [1, 2]


def test_what_a_terminal_sees(folder):
    def run(*arguments):
        return subprocess.run([sys.executable, "-m", "npvae.anomaly", *arguments], cwd=folder,
                              capture_output=True, text=True)
    found = run("score", "new.csv", "--quantile", "0.9")
    assert found.returncode == 0 and found.stderr == "" and found.stdout.count("\n") == 51
    found = run("score", "no.csv")
    assert found.returncode == 2 and found.stdout == ""
    assert found.stderr == "python -m npvae.anomaly: [Errno 2] No such file or directory: 'no.csv'\n"


@pytest.mark.parametrize("arguments, message", [
    ("fit words.csv", r"words.csv is no table of numbers: line 2 holds 'four'"),
    ("fit nothing.csv", "nothing.csv is no table of numbers: it has no rows"),
    ("fit few.npy", "normal has 5 rows: at least 6 were expected"),
    ("fit rows.txt", "rows.txt is no table of numbers: its name ends neither in .npy nor in .csv"),
    ("fit rows.csv --steps 0", "n_steps is 0: an integer of at least 1"),
    ("fit no.csv --out no/detector.npz", "--out is no/detector.npz: its folder does not exist"),
    ("fit no.csv --out .", "--out is ., which is a folder: a file was expected"),
    ("fit rows.csv --out rows.csv", "--out is rows.csv, which exists and is no detector's file ("),
    ("fit rows.csv --out model.npz", "model.npz holds a model, but no detector): another name was "),
    ("fit no.csv --out words.csv", "--out is words.csv, which exists and is no detector's file ("),
    ("score narrow.npy", "narrow.npy has 3 columns: 4 were expected, as in the rows that "),
    ("score new.csv --detector model.npz", "model.npz holds a model, but no detector"),
    ("score new.csv --detector damaged.npz", "damaged.npz"),
    ("score new.csv --detector rows.csv", "rows.csv"),
    ("score new.csv --quantile 0.999", "quantile is 0.999 and normal has 100 rows: at most 0.990099"),
    ("score new.csv --header --delimiter ;", "new.csv")])
def test_a_clear_word_for_every_bad_file(folder, capsys, monkeypatch, arguments, message):
    """And no file is written."""
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(arguments.split()) == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and said.out == ""


def test_a_detectors_file_is_written_again(folder, tmp_path, capsys):
    rows, out = str(folder / "rows.csv"), tmp_path / "detector.npz"
    out.write_bytes((folder / "detector.npz").read_bytes())
    assert main(["fit", rows, "--out", str(out), "--steps", "3", "--seed", "2"]) == 0
    known, found = (npvae.evaluation.load_detector(path) for path in (folder / "detector.npz", out))
    assert not np.array_equal(found.normal_scores, known.normal_scores)


def test_a_delimiter_that_is_none_is_refused_before_a_file_is_read(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "nowhere.csv", "--delimiter", ":"])
    assert "argument --delimiter: invalid choice: ':'" in capsys.readouterr().err


def test_columns_in_another_order_are_refused_where_both_files_name_them(folder, capsys):
    table = npvae.datasets.read_table(folder / "new.csv")
    np.savetxt(folder / "turned.csv", table[:, ::-1], delimiter=",", header="d,c,b,a", comments="")
    detector = str(folder / "detector.npz")
    assert npvae.evaluation.load_detector(detector).names == ["a", "b", "c", "d"]
    assert main(["score", str(folder / "turned.csv"), "--detector", detector]) == 2
    told = capsys.readouterr()
    assert told.out == "" and "names its column 1 'd': 'a' was expected" in told.err
    np.savetxt(folder / "unnamed.csv", table, delimiter=",")
    assert main(["score", str(folder / "unnamed.csv"), "--detector", detector]) == 0
