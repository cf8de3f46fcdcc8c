"""Missing cells: imputed by what hangs together, and as unsure as it should be."""

import numpy as np

from quick_runs import run


def test_hidden_cells_are_missed_by_less(tmp_path):
    found = run("missing_cells", tmp_path)
    error, constant = np.array(found["error"]), np.array(found["constant"])
    assert (error[:4] < 0.55 * constant[:4]).all()                # bill, flipper, mass
    species, island, sex = (error / constant)[4:]
    assert species < 0.25 and sex < 0.25 and island < 1.0
    # of about 290 hidden numbers nine in ten, within three standard errors
    assert abs(found["covered"] - 0.9) < 3 * np.sqrt(0.09 / 290)
    true, mean, low, high = found["kilograms"]
    assert ((low < mean) & (mean < high)).all() and 2.5 < true.min() < true.max() < 6.5
    assert np.sqrt(np.mean((mean - true)**2)) < 0.4
    assert (tmp_path / "missing_cells.png").exists()
