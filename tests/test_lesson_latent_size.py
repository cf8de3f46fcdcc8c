"""The panels of latent_size.py: nats beside nats, and dimensions beside dimensions."""

import numpy as np

from test_examples import load


def test_a_count_and_nats_are_in_panels_of_their_own():
    example = load("examples/latent_size.py")
    sizes = (2, 20, 80)
    found = {J: {"-elbo": 100.0 + J, "reconstruction": 90.0, "autoencoder": 80.0, "in use": J // 2,
                 "kl": 10.0 + J} for J in sizes}
    left, middle, right = example.sizes_figure(sizes, found).axes
    assert [axes.get_ylabel() for axes in (left, middle, right)] == [
        "nats per image", "dimensions", "KL, nats per image"]
    np.testing.assert_array_equal(middle.lines[1].get_ydata(), [1, 10, 40])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [12, 30, 90])
    assert len(middle.lines) == 2 and len(right.lines) == 1
