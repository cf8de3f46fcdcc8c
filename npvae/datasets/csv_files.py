"""Tables in .csv files: what can be read in two ways is refused, and the line is named.

The standard library splits the lines. What it cannot know is whether the first line names the
columns, whether a comma stands between two numbers or within one, whether the first column only
counts the rows, and whether an empty line is a missing number. A file that leaves no doubt is
read; any other asks for `header` or `delimiter`.
"""

import csv
import math
import re
from array import array

import numpy as np

DELIMITERS = (",", ";", "\t", "|")
MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "inf", "-inf", "?", "-", ".")
SEEMS_ONE = re.compile(r"\W*(0x[0-9a-f]+|\d[\d\s.,_']*(e[+-]?\d+)?)\W*", re.I)        # $1,500 or 5 %
ONE_NUMBER = re.compile(r"[+-]?(\d+,\d+|\d{1,3}(,\d{3})+(\.\d+)?)")      # 2,718 or 1,234,567.8


def read_csv(path, header, delimiter):
    """The numbers of a .csv file, float64, (n, D), and the names of its columns, or None; header and
    delimiter as for `read_table`."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter or ",", skipinitialspace=True, strict=True)
        try:
            return _read(reader, header, delimiter)
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error


def _read(reader, header, delimiter):
    values, first, empty, named = array("d"), None, None, header
    one_number, n_whole, names = delimiter is None, 0, None
    for cells in reader:
        line, cells = reader.line_num, [cell.strip() for cell in cells]
        if not cells:
            empty = empty or line
            continue
        if first is None:
            first, first_line = cells, line
            if delimiter is None:
                _check_delimiter(cells, line)
            named = _are_names(cells, line) if header is None else header
            if named:
                _check_names(cells, line)
                names = cells
                continue
        if len(cells) != len(first):
            raise ValueError(f"line {line} has {len(cells)} columns, the first {len(first)}")
        values.extend(_numbers(cells, line))
        n_whole += all(map(str.isdecimal, cells))
        one_number = one_number and ONE_NUMBER.fullmatch(",".join(cells))
    if not values:
        raise ValueError("it has no rows")
    if empty and len(first) == 1:
        raise ValueError(f"line {empty} is empty: is a number missing, or should the line be?")
    if one_number and not named:
        raise ValueError(f"line {first_line} is {','.join(first)[:40]}, and so are all: columns, or one "
                         "number with a comma? Say delimiter=',' if they are columns; decimal commas "
                         "and separators of thousands are not read")
    table = np.array(values).reshape(-1, len(first))
    if header is None and not named:
        _check_first_row(first, first_line, len(table), n_whole)
        _check_first_column(table)
    return table, names


def _check_delimiter(cells, line):
    """Raise where the first line holds what may be a delimiter in place of the comma."""
    for other in DELIMITERS[1:]:
        if any(other in cell for cell in cells):
            raise ValueError(f"line {line} holds {other!r}: say delimiter={other!r}, or "
                             "delimiter=',' where commas stand between the columns")


def _are_names(cells, line):
    """True where the first line names the columns, False where it is a row."""
    numbers = [cell for cell in cells if _is_number(cell)]
    missing = [cell for cell in cells[1:] if cell.lower() in MISSING]
    if len(numbers) == len(cells):
        return False
    if numbers or missing or cells[0].lower() in MISSING[1:] or cells == [""]:
        other = next(cell for cell in cells if not _is_number(cell))
        raise ValueError(f"line {line} holds {other[:40]!r}, which is no number and may be a missing "
                         "one: say header=True if it names the columns; a row needs all its numbers")
    if all(map(SEEMS_ONE.fullmatch, cells)):
        raise ValueError(f"line {line} holds {cells[0][:40]!r}, which is no number, and is written like "
                         "one: say header=True if it names the columns; a row needs plain numbers")
    return True


def _check_names(cells, line):
    """Raise where the first column has no name: it is the number of the row, not data."""
    if len(cells) > 1 and (not cells[0] or cells[0].startswith("Unnamed: ")):
        raise ValueError(f"line {line} has no name for the first column, which is how pandas and R "
                         "write the number of the row: leave it out (index=False, "
                         "row.names=FALSE), or name it if it is data")


def _check_first_row(cells, line, n_rows, n_whole):
    """Raise where the first row may be numbers for names: 0,1,2 or, above decimals, 400,500,600, or
    2021,2020,2019."""
    if not all(map(str.isdecimal, cells)):
        return
    steps = np.diff([float(cell) for cell in cells])
    counts = (steps == 1).all() and (len(cells) > 1 or cells == ["0"])
    alone = n_rows > 1 and n_whole == 1 and len(cells) > 1 and ((steps > 0).all() or (steps == -1).all())
    if counts or alone:
        raise ValueError(f"line {line} is {','.join(cells)[:40]}, which may be a row, or name the "
                         "columns: say header=False or header=True")


def _check_first_column(table):
    """Raise where the first column may be the number of the row."""
    first = table[:, 0]
    if len(first) > 1 and table.shape[1] > 1 and first[0] in (0, 1) and (np.diff(first) == 1).all():
        raise ValueError(f"its first column counts the rows from {first[0]:.0f}, as an index does: "
                         "leave it out, or say header=False if it is data")


def _numbers(cells, line):
    """The numbers of one row."""
    try:
        numbers = [float(cell) for cell in cells]
        good = all(map(math.isfinite, numbers)) and "_" not in "".join(cells)
    except ValueError:
        good = False
    if not good:
        cell = next(cell for cell in cells if not _is_number(cell))
        hint = " (decimal commas and separators of thousands are not read)" * ("," in cell)
        raise ValueError(f"line {line} holds {cell[:40]!r}: a finite number was expected{hint}")
    return numbers


def _is_number(cell):
    try:
        return math.isfinite(float(cell)) and "_" not in cell       # to Python, 1_000 is 1000
    except ValueError:
        return False
