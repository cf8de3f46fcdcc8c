"""CSV files: what leaves no doubt is read; what can be read in two ways is refused, by its line."""

import numpy as np
import pytest

from npvae import datasets


def read(folder, text, **options):
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return datasets.read_table(path, **options).tolist()


@pytest.mark.parametrize("text", [
    "2,3.5\n4,-1e-3\n", "a,b\n2,3.5\n4,-1e-3\n", '"a","b, in cm"\n"2","3.5"\n"4","-1e-3"\n',
    "\ufeffa,b\r\n2, 3.5\r\n\r\n4, -1e-3\r\n", "a,a\n2,3.5\n4,-.001", "2,3.5\r4,-0.001\r",
    '"a\nb",c\n2,3.5\n4,-0.001\n'])
def test_a_file_that_leaves_no_doubt_is_read(tmp_path, text):
    assert read(tmp_path, text) == [[2, 3.5], [4, -1e-3]]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_read_when_it_is_named(tmp_path, delimiter):
    text = "a,b\n2,3.5\n4,5\n".replace(",", delimiter)
    assert read(tmp_path, text, delimiter=delimiter) == [[2, 3.5], [4, 5]]
    with pytest.raises(ValueError, match="line 1 holds .* say delimiter=") as caught:
        read(tmp_path, text)
    assert f"delimiter={delimiter!r}" in str(caught.value)
    assert read(tmp_path, "a;b,c|d\n2,3.5\n4,5\n", delimiter=",") == [[2, 3.5], [4, 5]]


@pytest.mark.parametrize("first", ["0,1,2", "1,2,3", "2019,2020,2021"])
def test_a_first_line_that_counts_is_asked_for(tmp_path, first):
    """As pandas writes the names of columns that have none."""
    text = f"{first}\n5,7,7\n6,8,7\n"
    with pytest.raises(ValueError, match=f"line 1 is {first}, .*: say header=False or header=True"):
        read(tmp_path, text)
    assert read(tmp_path, text, header=True) == [[5, 7, 7], [6, 8, 7]]
    assert read(tmp_path, text, header=False) == [[float(n) for n in first.split(",")],
                                                  [5, 7, 7], [6, 8, 7]]


def test_whole_numbers_above_decimals_are_asked_for(tmp_path):
    """Wavelengths above a spectrum, for instance; a file of whole numbers has no such line."""
    with pytest.raises(ValueError, match="line 1 is 400,500,650, which may be a row, or name"):
        read(tmp_path, "400,500,650\n0.5,0.25,1.5\n0.5,1,2.5\n")
    assert len(read(tmp_path, "400,500,650\n0.5,0.25,1.5\n1,1,2\n")) == 3
    assert len(read(tmp_path, "400,500,300\n0.5,0.25,1.5\n")) == 2
    with pytest.raises(ValueError, match="line 1 is 0, which may be a row"):
        read(tmp_path, "0\n5\n6\n")
    assert read(tmp_path, "7\n5\n6\n") == [[7], [5], [6]]


@pytest.mark.parametrize("first", ["NA,NA", "nan,nan", "?,?", "a,NA", "a,1", "1,a", "1,", "a,", "1,null",
                                   "inf,1", "1e999,1", "1_000,2"])
def test_a_first_line_with_what_may_be_a_gap_is_asked_for(tmp_path, first):
    text = f"{first}\n3,4.5\n5,6\n"
    with pytest.raises(ValueError, match="line 1 holds .* no number and may be a missing one: say "
                                         "header=True"):
        read(tmp_path, text)
    assert read(tmp_path, text, header=True) == [[3, 4.5], [5, 6]]
    with pytest.raises(ValueError, match="line 1 holds .*: a finite number was expected"):
        read(tmp_path, text, header=False)


@pytest.mark.parametrize("text, line", [("a\n1.5\n\n3.5\n", 3), ("2.5\n\n", 2), ("\n2.5\n1\n", 1)])
def test_an_empty_line_in_a_table_of_one_column_may_be_a_missing_number(tmp_path, text, line):
    with pytest.raises(ValueError, match=f"line {line} is empty: is a number missing"):
        read(tmp_path, text)


@pytest.mark.parametrize("first", [",a,b", '"","a","b"', "Unnamed: 0,a,b"])
def test_the_number_of_the_row_is_no_data(tmp_path, first):
    rows = "0,.5,.6\n1,.7,.8\n"
    for options in ({}, {"header": True}):
        with pytest.raises(ValueError, match="line 1 has no name for the first column"):
            read(tmp_path, f"{first}\n{rows}", **options)
    with pytest.raises(ValueError, match="line 2 has 3 columns, the first 2"):   # R's write.table
        read(tmp_path, f"a,b\n{rows}")
    for start in (0, 1):
        with pytest.raises(ValueError, match=f"its first column counts the rows from {start}"):
            read(tmp_path, "".join(f"{start + i},{2.5 - i}\n" for i in range(3)))
    assert read(tmp_path, rows, header=False) == [[0, .5, .6], [1, .7, .8]]
    assert read(tmp_path, "time,y,z\n" + rows) == [[0, .5, .6], [1, .7, .8]]


@pytest.mark.parametrize("text", ["3,5\n2,718\n", "3,141592\n", "+3,25\n-4,5\n",
                                  "1,234,567\n12,345,678\n", "1,234.5\n2,345.6\n"])
def test_one_number_with_a_comma_is_not_two_columns(tmp_path, text):
    with pytest.raises(ValueError, match="line 1 is .*and so are all: columns, or one number with a "
                                         "comma"):
        read(tmp_path, text)
    rows = [[float(cell) for cell in line.split(",")] for line in text.splitlines()]
    assert read(tmp_path, text, delimiter=",", header=False) == rows
    names = ",".join("abcdef"[:len(rows[0])])
    assert read(tmp_path, f"{names}\n{text}") == rows
    below = ",".join(["-1"] * len(rows[0]))                         # no number with a comma
    assert read(tmp_path, text + below, header=False)[:-1] == rows


@pytest.mark.parametrize("text, options, message", [
    ("a;b\n1,5;2\n", {"delimiter": ";"}, "line 2 holds '1,5': .*decimal commas and"),
    ('a,b\n"1,234",5\n', {}, "line 2 holds '1,234': .*separators of thousands are not read"),
    ("a,b\n1.5,2\n\n1.5,1_000\n", {}, "line 4 holds '1_000'"),
    ("a,b\n1.5,2\n1.5,nan\n", {}, "line 3 holds 'nan'"),
    ("a,b\n1.5,2\n1.5,1e400\n", {}, "line 3 holds '1e400'"),
    ("a,b\n1.5,2\n,3\n", {}, "line 3 holds ''"),
    ("a,b\n1.5,2\n5\n", {}, "line 3 has 1 columns, the first 2"),
    ('a,b\n1.5,"2\n3,4\n', {}, "line 3: unexpected end of data"),
    ('a,b\n"1"5,2\n', {}, "line 2: ',' expected after '\"'"),
    ("a\n" + 200_000 * "1", {}, "line 2: field larger than field limit")])
def test_what_is_no_number_is_named_with_its_line(tmp_path, text, options, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, **options)


def test_wrong_options_are_refused(tmp_path):
    for options, kind, message in (
            ({"header": "yes"}, TypeError, "header is 'yes': True, False or None was expected"),
            ({"header": 1}, TypeError, "header is 1"),
            ({"delimiter": ":"}, ValueError, "delimiter is ':': one of ',', ';'"),
            ({"delimiter": ""}, ValueError, "delimiter is ''"),
            ({"delimiter": 3}, ValueError, "delimiter is 3")):
        with pytest.raises(kind, match=message):
            read(tmp_path, "1.5,2\n", **options)
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    for options in ({"header": False}, {"delimiter": ","}):
        with pytest.raises(ValueError, match="is no .csv file: only those have them"):
            datasets.read_table(tmp_path / "a.npy", **options)
    with pytest.raises(TypeError, match="path is 3: a path was expected"):
        datasets.read_table(3)


@pytest.mark.parametrize("first", ['"1,500","2,300"', "\u22125.5,\u22122", "$1,$2", "5%,6 %",
                                   "1_000,2_000", "(5),(6)", "0x1,0x2", "1e400,1e400"])
def test_a_first_line_of_what_is_written_like_numbers_is_asked_for(tmp_path, first):
    """It would be lost: a later line of them is refused, and so is the first."""
    text = f"{first}\n3,4.5\n5,6\n"
    with pytest.raises(ValueError, match="line 1 holds .* no number, and is written like one: say"):
        read(tmp_path, text)
    assert read(tmp_path, text, header=True) == [[3, 4.5], [5, 6]]


@pytest.mark.parametrize("first", ["x1,x2", "1st,2nd", "2019-01,2019-02", "25%,count"])
def test_names_with_digits_are_names(tmp_path, first):
    assert read(tmp_path, f"{first}\n3,4.5\n5,6\n") == [[3, 4.5], [5, 6]]


def test_a_first_line_that_counts_down_may_name_the_columns(tmp_path):
    path = tmp_path / "years.csv"
    path.write_text("2021,2020,2019\n1.5,2.5,3.5\n2.5,1.5,0.5\n")
    with pytest.raises(ValueError, match="line 1 is 2021,2020,2019, which may be a row, or name"):
        datasets.read_table(path)
    assert datasets.read_table(path, header=True).shape == (2, 3)
    path.write_text("7,3\n6.5,3.5\n5.5,2.5\n")
    assert datasets.read_table(path).shape == (3, 2)
