"""Missing pixels: what is scattered is known, and known how well; of what is a half gone, too little."""

from quick_runs import run


def test_scattered_pixels_are_known_and_halves_are_guessed(tmp_path):
    found = run("missing_pixels", tmp_path)
    scattered, halves = found["scattered"], found["halves"]
    assert scattered["error"] < 0.82 * scattered["constant"]
    assert scattered["error"] < halves["error"] < 0.95 * halves["constant"]
    assert 0.9 < scattered["spread"] / scattered["error"] < 1.12         # as unsure as it should be
    assert halves["spread"] / halves["error"] < 0.9                      # too sure
    assert (tmp_path / "missing_pixels.png").exists()
