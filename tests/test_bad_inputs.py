"""Every bad input of the tables in `bad_inputs` is refused, by name and in plain words."""

import pytest

from bad_inputs import building, data, files, judging, oversights, training

TABLES = (building, data, training, files, judging, oversights)
CASES = [case for table in TABLES for case in table.CASES]


@pytest.mark.parametrize("call, error, phrase", [
    pytest.param(*case, id=name.replace(" ", "_")) for name, *case in CASES])
def test_bad_inputs_are_refused_by_name(call, error, phrase, tmp_path):
    with pytest.raises(Exception) as caught:
        call(tmp_path)
    assert type(caught.value) is error, repr(caught.value)
    assert phrase in str(caught.value)


def test_the_names_in_the_tables_are_distinct():
    assert len({name for name, *_ in CASES}) == len(CASES)
