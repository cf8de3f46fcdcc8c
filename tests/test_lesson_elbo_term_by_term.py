"""The histograms of elbo_term_by_term.py leave nothing out, and what its axes mix has one unit."""

import numpy as np

import npvae
from test_examples import load


def test_no_deviation_is_left_out_of_the_histogram(rng):
    example = load("examples/elbo_term_by_term.py")
    mu = rng.normal(0, 10, (50, 4))
    narrow = npvae.posteriors.Gaussian(mu, None, np.full((50, 4), 1e-9))
    wide = npvae.posteriors.Gaussian(mu, None, np.full((50, 4), 1.0))
    left, right = example.histograms_figure({"narrow": narrow, "wide": wide}).axes
    for axes in (left, right):
        for outline in axes.patches:
            assert outline.get_xy()[1:-1:2, 1].sum() == 200
