"""Numbers of every kind, wherever numbers come in: the same result, or a refusal by name."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp, softmax

import npvae
from helpers import NUMPY_1
from npvae import datasets, divergences, evaluation, numerics
from npvae.networks import Chain, Conv2d, ConvTranspose2d, Dense, First, Parameters, Reshape, Table
from npvae.networks import glorot_uniform, he_normal, uniform_fan_in
from npvae.objectives import normalized_weights

X = (np.random.default_rng(1).integers(0, 65, (8, 6)) / 64).astype(np.float32)
LABELS = np.arange(8) % 3
ONE_HOT = datasets.one_hot(LABELS, 3)
EPS = np.random.default_rng(2).standard_normal((2, 8, 2)).astype(np.float32)
WHOLE = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"]


def rng():
    return np.random.default_rng(0)


def vae(**options):
    return npvae.vae(6, (5,), 2, **options)


def cvae():
    return npvae.conditional_vae(6, 3, (5,), 2)


def fit(model=None, x=X, **options):
    return npvae.fit(model or vae(), x, **{"epochs": 1, "progress": False, **options})


# ---- whole numbers are numbers -----------------------------------------------------------

@pytest.mark.parametrize("dtype", WHOLE)
def test_elementwise_functions_of_integers_are_those_of_float64(dtype):
    x = np.array([0, 1, 2, 100], dtype)
    np.testing.assert_allclose(numerics.sigmoid(x), expit([0.0, 1, 2, 100]), rtol=1e-15)
    np.testing.assert_allclose(numerics.softplus(x), np.logaddexp(0, [0.0, 1, 2, 100]), rtol=1e-15)
    assert numerics.log_mean_exp(x) == pytest.approx(logsumexp([0.0, 1, 2, 100]) - np.log(4), rel=1e-15)
    np.testing.assert_array_equal(numerics.absolute(x), [0, 1, 2, 100])
    assert numerics.log_sum_exp(x) == pytest.approx(logsumexp([0.0, 1, 2, 100]), rel=1e-15)
    np.testing.assert_allclose(numerics.log_softmax(x), log_softmax([0.0, 1, 2, 100]), rtol=1e-15)
    weights = normalized_weights(x[:, None])[:, 0]
    np.testing.assert_allclose(weights, softmax([0.0, 1, 2, 100]), rtol=1e-14, atol=1e-30)
    for function in (numerics.sigmoid, numerics.softplus, numerics.log_mean_exp, numerics.log_sum_exp,
                     numerics.log_softmax, numerics.absolute):
        assert function(x).dtype == np.float64


def test_extreme_integers_and_bools_are_numbers_too():
    assert numerics.absolute(np.array([-128], np.int8)).tolist() == [128.0]
    assert numerics.softplus(np.array([-128, 127], np.int8))[1] == 127.0
    assert numerics.sigmoid(np.array([True, False])).tolist() == [expit(1.0), 0.5]
    assert numerics.softplus([0, 1]).tolist() == [np.log(2.0), np.log1p(np.e)]
    with pytest.raises(TypeError, match="x has dtype <U1: numbers were expected"):
        numerics.sigmoid(np.array(["a"]))
    with pytest.raises(TypeError, match="a has dtype object: numbers were expected"):
        numerics.log_mean_exp([None, 1.0])


def test_a_masked_array_stays_masked_in_elementwise_functions():
    x = np.ma.masked_array([0.0, 5.0], [False, True])
    for function in (numerics.sigmoid, numerics.softplus, numerics.absolute):
        assert function(x).mask.tolist() == [False, True]
    assert numerics.log_mean_exp(x) == 0.0                  # of what is not masked


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_log_of_a_mean_of_zeros_is_minus_infinity(dtype):
    a = np.array([[-np.inf, 0.0], [-np.inf, -np.inf]], dtype)
    mean = numerics.log_mean_exp(a)
    assert mean.dtype == dtype
    np.testing.assert_allclose(mean, [-np.inf, -np.log(2)], rtol=1e-6)
    np.testing.assert_array_equal(numerics.log_sum_exp(a), [-np.inf, 0.0])
    assert np.isnan(numerics.log_mean_exp(np.array([np.nan, 0.0])))
    with pytest.raises(ValueError, match=r"a has shape \(0, 2\): at least one number was expected"):
        numerics.log_mean_exp(a[:0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_log_of_a_softmax_is_exact_far_from_zero(dtype):
    """Of logits around 1e7, where float32 has whole numbers, the probabilities summed to 1.5."""
    a = np.array([[1e7, 1e7 + 1, 1e7 + 2], [-1.0, 0.0, 1.0]], dtype)
    log_p = numerics.log_softmax(a)
    assert log_p.dtype == dtype
    np.testing.assert_allclose(log_p, log_softmax([[-1.0, 0.0, 1.0]] * 2, axis=1), rtol=3e-7)
    q = npvae.distributions.categories.Categorical(3, 3).given(a)
    assert q.mu.sum() == pytest.approx(2.0, rel=1e-6)
    stepped = numerics.log_softmax(a + 1e-20j * np.array([1.0, 0.0, 0.0])).imag / 1e-20
    p = np.exp(log_p[1, 0])
    np.testing.assert_allclose(stepped[1], [1 - p, -p, -p], rtol=1e-6)


@pytest.mark.parametrize("dtype", [*WHOLE, "f4", "f8"])
def test_the_divergence_of_bernoullis_takes_logits_of_any_kind(dtype):
    """[1, 2, 3] and 0.5: the half is not to be cut off."""
    logits = np.array([1, 2, 3], dtype)
    q, p = expit([1.0, 2.0, 3.0]), expit(0.5)
    expected = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
    kl = divergences.kl_between_bernoullis(logits, 0.5)
    assert kl.dtype == (np.float32 if dtype == "f4" else np.float64)
    np.testing.assert_allclose(kl, expected, rtol=1e-5 if dtype == "f4" else 1e-14)
    dq, _ = divergences.kl_between_bernoullis_backward(1.0, logits, 0.5)
    np.testing.assert_allclose(dq, q * (1 - q) * (np.array([1.0, 2, 3]) - 0.5), rtol=1e-5)


@pytest.mark.parametrize("dtype", [*WHOLE, "f4", "f8"])
def test_the_divergences_of_normals_take_numbers_of_any_kind(dtype):
    """200 squared is 40,000, and 1 - 2 is -1, in any of them."""
    x = np.array([1, 2, 100], dtype)
    one, two = divergences.kl_to_standard_normal, divergences.kl_between_normals
    expected = two(np.array([1.0, 2.0, 100.0]), 0.5, 2, 0.25)
    kl = two(x, 0.5, np.float64(2), 0.25)
    assert kl.dtype == (np.float32 if dtype == "f4" else np.float64)
    np.testing.assert_allclose(kl, expected, rtol=1e-6)
    np.testing.assert_allclose(one(x, 0), two(np.array([1.0, 2.0, 100.0]), 0.0, 0.0, 0.0), rtol=1e-6)
    gradients = (*divergences.kl_to_standard_normal_backward(2, x, 0),
                 *divergences.kl_between_normals_backward(2, x, 0, np.array(2.0), 0))
    for d, at_100 in zip(gradients, (200, 0, 196, 0, -196, -98**2)):
        assert d.dtype == kl.dtype or (NUMPY_1 and np.ndim(d) == 0)
        assert np.ravel(d)[-1] == pytest.approx(at_100)


def test_the_divergence_of_bernoullis_broadcasts_either_way():
    p = np.array([[0.5], [-1.0]])
    kl = divergences.kl_between_bernoullis(np.array([1.0, 2.0, 3.0]), p)
    assert kl.shape == (2, 3)
    np.testing.assert_allclose(kl[1], divergences.kl_between_bernoullis(np.array([1.0, 2, 3]), -1.0))


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64])
def test_sizes_are_pythons_integers_whatever_they_were(kind):
    """100 + 100 is 200, and not -56."""
    def drawn(c, k):
        return Conv2d(kind(c), kind(2), kind(k), rng()).W

    np.testing.assert_array_equal(drawn(3, 10), Conv2d(3, 2, 10, rng()).W)
    up = [ConvTranspose2d(n(1), n(2), n(20), rng()).W for n in (kind, int)]
    np.testing.assert_array_equal(*up)
    dense = [Dense(n(100), n(100), rng(), glorot_uniform).W for n in (kind, int)]
    np.testing.assert_array_equal(*dense)
    x = np.ones((1, 3, 3, 1), np.float32)
    shapes = [ConvTranspose2d(1, 1, n(4), rng(), n(100), n(1)).forward(x)[0].shape for n in (kind, int)]
    assert shapes[0] == shapes[1] == (1, 202, 202, 1)


# ---- masked arrays -----------------------------------------------------------------------

def masked(x, form):
    mask = np.zeros(np.shape(x), bool)
    mask.flat[1] = form != "masked nowhere"
    array = np.ma.masked_array(x, mask)
    return list(array) if form == "rows" else array


TAKERS = {
    "eps": ("eps", EPS, lambda eps: vae().loss(X, eps)),
    "target": ("target", X, lambda x: vae().loss(X, EPS, target=x)),
    "condition": ("condition", ONE_HOT, lambda c: cvae().encode(X, c)),
    "decode": ("z", EPS[0], lambda z: vae().decode(z)),
    "validation_condition": ("validation_condition", ONE_HOT, lambda c: fit(
        cvae(), condition=ONE_HOT, validation=X, validation_condition=c)),
    "transform": ("what transform returned", X, lambda x: fit(transform=lambda *_: x)),
    "latent_moments": ("x", X, lambda x: evaluation.latent_moments(vae(), x)),
    "binarize": ("x", X, lambda x: datasets.binarize(x, rng())),
    "Masking": ("x", X, lambda x: datasets.Masking(0.5)(x, rng())),
    "one_hot": ("labels", LABELS, lambda labels: datasets.one_hot(labels, 3)),
    "scores": ("scores", X[:, 0], lambda s: evaluation.roc_auc(s, LABELS > 0)),
    "labels": ("labels", LABELS > 0, lambda labels: evaluation.roc_auc(X[:, 0], labels)),
    "flagged": ("flagged", LABELS > 0, lambda f: evaluation.confusion_matrix(f, LABELS > 0)),
    "bits_per_dimension": ("log_px", X[:, 0], lambda a: evaluation.bits_per_dimension(vae(), a)),
    "image_grid": ("images", X, lambda x: npvae.plots.image_grid(x, 4, (2, 3))),
    "reconstructions": ("x_hat", X, lambda x: npvae.plots.reconstructions(X, x, (2, 3))),
    "latent_scatter": ("mu", EPS[0], lambda mu: npvae.plots.latent_scatter(mu, LABELS)),
    "Table": ("h", X, Table),
    "init": ("what init returned", X, lambda x: Dense(8, 6, None, lambda *_: x))}


@pytest.mark.parametrize("form", ["masked", "masked nowhere", "rows"])
@pytest.mark.parametrize("name, x, call", TAKERS.values(), ids=TAKERS)
def test_masked_arrays_are_refused_wherever_arrays_come_in(name, x, call, form):
    """What lies under a mask is not data, and nothing here would leave it out."""
    call(x)
    x = masked(x, form)
    with pytest.raises(TypeError) as caught:
        call(x)
    assert str(caught.value).startswith(f"{name} is a masked array: what lies under its mask would")


# ---- what may not be drawn, masked or split -----------------------------------------------

def test_what_is_no_probability_is_not_binarized():
    for x, message in (([np.nan, 0.5], r"x is nan at index \(0,\)"), ([0.5, -0.1], r"\[-0.1, 0.5\]"),
                       ([[]], r"x has shape \(1, 0\): at least one number"),
                       (np.array([0, 2]), r"x lies in \[0, 2\]")):
        with pytest.raises(ValueError, match=message):
            datasets.binarize(x, rng())
    with pytest.raises(TypeError, match="x has dtype <U1: real numbers"):
        datasets.binarize(np.array(["a"]), rng())


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "longdouble", "bool", "u1", "i8"])
def test_images_of_any_kind_are_binarized_and_masked(dtype):
    x = np.ones((50, 40), dtype)
    x[:, :20] = 0
    drawn = datasets.binarize(x, rng())
    assert drawn.dtype == x.dtype
    np.testing.assert_array_equal(drawn, x)
    left = datasets.Masking(0.25)(x, rng())
    assert left.dtype == x.dtype and not left[:, :20].any()
    assert abs(left[:, 20:].mean(dtype=float) - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 1000)
    if x.dtype.kind == "f":
        assert 0.4 < datasets.binarize(x / 2, rng())[:, 20:].mean(dtype=float) < 0.6


def test_wrong_arguments_of_data_functions_are_refused():
    calls = ((lambda: datasets.Masking(0.5)(X, 0), TypeError, "rng is 0"),
             (lambda: datasets.Masking(0.5)(X * np.nan, rng()), ValueError, "x is nan at index"),
             (lambda: datasets.Masking(0.5)("text", rng()), TypeError, "x has dtype <U4"),
             (lambda: datasets.split(1, 5), TypeError, "arrays.0. is 5: a sequence, or an array"),
             (lambda: datasets.split(1, X, "abc"), TypeError, r"arrays\[1\] is 'abc'"),
             (lambda: datasets.split(1, {"a": 1}), TypeError, r"arrays\[0\] is {'a': 1}"),
             (lambda: datasets.split(1, np.float64(3)), TypeError, r"arrays\[0\] is "),
             (lambda: datasets.one_hot([[0], [1, 2]], 3), ValueError, "labels is no array"),
             (lambda: datasets.one_hot([0, 1], 10**30), ValueError, "n_classes is 10+: an integer of at "
                                                                    "most"),
             (lambda: datasets.one_hot([0, 1], 3, "abc"), TypeError, "dtype is 'abc': one of real"),
             (lambda: datasets.one_hot([0, 1], 3, str), TypeError, "dtype is <class 'str'>"),
             (lambda: datasets.one_hot([0, 1], 3, None), TypeError, "dtype is None"),
             (lambda: datasets.read_idx(None), TypeError, "path is None: a path was expected"),
             (lambda: datasets.load_images(5), TypeError, "path is 5: a path was expected"))
    for call, kind, message in calls:
        with pytest.raises(kind, match=message):
            call()
    assert datasets.split(1, [1, 2, 3]) == ([1, 2], [3])
    assert datasets.split(np.uint8(2), [1, 2, 3]) == ([1], [2, 3])      # -2 is 254 in a byte


def test_labels_that_int64_does_not_hold_are_refused(tmp_path):
    pixels, labels = np.zeros((2, 2, 3), np.uint8), np.array([1, 2**63], np.uint64)
    np.savez(tmp_path / "a.npz", train_images=pixels, test_images=pixels, train_labels=labels,
             test_labels=labels)
    with pytest.raises(ValueError, match=r"train_labels lies in \[1, 9.22337e\+18\]: int64 was"):
        datasets.load_images(tmp_path / "a.npz")


# ---- a row for each row ------------------------------------------------------------------

@pytest.mark.parametrize("n", [0, 1, 7, 9])
def test_a_condition_of_one_row_too_few_or_too_many_is_refused(n):
    c = np.tile(ONE_HOT, (2, 1))[:n]
    good = {"condition": ONE_HOT, "validation": X}
    calls = {"condition": [
        lambda: cvae().loss(X, EPS, condition=c), lambda: cvae().loss_and_grad(X, EPS, condition=c),
        lambda: cvae().encode(X, c), lambda: cvae().decode(EPS[0], c),
        lambda: cvae().reconstruct(X, c), lambda: cvae().sample(rng(), 8, c),
        lambda: fit(cvae(), condition=c), lambda: npvae.evaluate(cvae(), X, condition=c),
        lambda: evaluation.log_evidence(cvae(), X, rng(), 2, condition=c),
        lambda: evaluation.diagnose(cvae(), X, condition=c),
        lambda: evaluation.latent_moments(cvae(), X, c),
        lambda: evaluation.gain(cvae(), X, 1e-3, condition=c),
        lambda: evaluation.annealed_log_evidence(cvae(), X, rng(), condition=c),
        lambda: evaluation.inference_gap(cvae(), X, rng(), condition=c)],
        "validation_condition": [lambda: fit(cvae(), **good, validation_condition=c)]}
    expected = "at least one row was expected" if n == 0 else f"has {n} rows: 8 were expected"
    for name, several in calls.items():
        for call in several:
            with pytest.raises(ValueError, match=f"{name} .*{expected}"):
                call()


# ---- layers ------------------------------------------------------------------------------

def test_the_initialiser_of_a_convolution_is_told_how_many_numbers_an_output_sums():
    """k * k * c_in of a convolution; its transpose has the same kernel, the other way round."""
    asked = []

    def init(generator, n_in, n_out):
        asked.append((n_in, n_out))
        return np.zeros((n_in, n_out))

    Conv2d(3, 7, 5, rng(), init=init)
    ConvTranspose2d(7, 3, 5, rng(), init=init)
    assert asked == [(75, 7), (75, 7)]
    for init, deviation in ((uniform_fan_in, 1 / np.sqrt(3 * 1600)), (he_normal, np.sqrt(2 / 1600)),
                            (glorot_uniform, np.sqrt(2 / (1600 + 32)))):
        W = Conv2d(64, 32, 5, rng(), init=init).W
        assert W.std() == pytest.approx(deviation, rel=5 / np.sqrt(2 * W.size))


def test_an_image_too_small_for_a_convolution_is_refused():
    x = np.ones((1, 3, 3, 1), np.float32)
    with pytest.raises(ValueError, match="x has images of 3 x 3: with k=1, stride=1 and padding=2 the "
                                         "output has -1 x -1, where at least 1 x 1"):
        ConvTranspose2d(1, 1, 1, rng(), padding=2).forward(x)
    with pytest.raises(ValueError, match="the output has -1 x -1"):
        Conv2d(1, 1, 5, rng()).forward(x)
    with pytest.raises(ValueError, match="x has images of 3 x 1: .* the output has 2 x 0"):
        Conv2d(1, 1, 2, rng()).forward(x[:, :, :1])
    assert ConvTranspose2d(1, 1, 1, rng(), padding=1).forward(x)[0].shape == (1, 1, 1, 1)
    assert Conv2d(1, 1, 3, rng()).forward(x)[0].shape == (1, 1, 1, 1)


@pytest.mark.parametrize("layer, x, message", [
    (Conv2d(2, 1, 2, rng()), (3, 4, 4, 1), r"x has shape \(3, 4, 4, 1\): \(\.\.\., height, width, 2"),
    (Conv2d(2, 1, 2, rng()), (4, 2), r"x has shape \(4, 2\): \(\.\.\., height, width, 2\) was expected"),
    (ConvTranspose2d(2, 1, 2, rng()), (3, 4, 4, 1), r"x has shape \(3, 4, 4, 1\): \(\.\.\., height"),
    (Reshape((6,), (2, 3)), (4, 3), r"x has shape \(4, 3\): \(\.\.\., 6\) was expected"),
    (Reshape((2, 3), (6,)), (5, 3, 2), r"x has shape \(5, 3, 2\): \(\.\.\., 2, 3\) was expected"),
    (Table(np.zeros((5, 2))), (3, 4), r"x has shape \(3, 4\): 5 rows were expected, one for each")])
def test_a_layer_of_images_or_rows_looks_at_the_shape_of_its_input(layer, x, message):
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros(x, np.float32))


def test_an_encoder_that_ends_in_images_is_refused_when_the_model_is_built():
    """It has as many channels as the posterior wants numbers."""
    encoder = Chain(Reshape((16,), (4, 4, 1)), Conv2d(1, 4, 2, rng(), stride=2))
    decoder = Dense(2, 16, rng())
    with pytest.raises(ValueError, match=r"encoder gives \(2, 2, 2, 4\) for 2 rows: \(2, 4\) was "
                                         "expected by the posterior"):
        npvae.VAE(encoder, npvae.posteriors.DiagonalGaussian(2), npvae.priors.StandardNormal(2), decoder,
                  npvae.likelihoods.Bernoulli(), n_data=16)


class Named(Dense):
    """A layer of one's own with an attribute that a Chain has, too."""
    layers = 2


def test_a_layer_of_ones_own_may_have_layers():
    model = npvae.VAE(Named(6, 4, rng()), npvae.posteriors.DiagonalGaussian(2),
                      npvae.priors.StandardNormal(2), Dense(2, 6, rng()), npvae.likelihoods.Bernoulli(),
                      n_data=6)
    assert np.isfinite(model.loss(np.zeros((5, 6)), model.draw_noise(rng(), 5)).value)


@pytest.mark.parametrize("of", [lambda table: table, lambda table: Chain(table, Dense(4, 4, rng())),
                                lambda table: Chain(Chain(table), Dense(4, 4, rng()))])
def test_a_table_for_an_encoder_is_of_the_rows_of_one_batch(of):
    model = npvae.VAE(of(Table(np.zeros((5, 4), np.float32))), npvae.posteriors.DiagonalGaussian(2),
                      npvae.priors.StandardNormal(2), Dense(2, 6, rng()), npvae.likelihoods.Bernoulli(),
                      n_data=6)
    assert np.isfinite(model.loss(np.zeros((5, 6)), model.draw_noise(rng(), 5)).value)
    for n in (1, 3):
        with pytest.raises(ValueError, match="5 rows were expected"):
            model.loss(np.zeros((n, 6)), model.draw_noise(rng(), n))


def test_wrong_parts_of_layers_are_refused():
    calls = ((lambda: Dense(2, 3, rng(), "he"), TypeError, "init is 'he': a callable was expected"),
             (lambda: Dense(2, 3, rng(), lambda r, a, b: np.zeros((b, a))), ValueError,
              r"what init returned has shape \(3, 2\): \(2, 3\) was expected"),
             (lambda: Dense(2, 3, rng(), lambda r, a, b: np.full((a, b), np.nan)), ValueError,
              "what init returned is nan at index"),
             (lambda: Conv2d(1, 2, 3, None), TypeError, "rng"),
             (lambda: Conv2d(1, 2, 3, rng(), init=None), TypeError, "init is None"),
             (lambda: Reshape((2, 3.0), (6,)), ValueError, "a size in before is 3.0: an integer"),
             (lambda: Reshape((-2, -3), (6,)), ValueError, "a size in before is -2"),
             (lambda: Reshape((2**32, 2**32), (0,)), ValueError, "a size in after is 0"),
             (lambda: First(None), ValueError, "n is None: an integer"),
             (lambda: Chain(Dense(2, 2, rng()), npvae.likelihoods.Bernoulli()), TypeError,
              "part '1' is .*Bernoulli.*: a layer was expected"),
             (lambda: Table(np.zeros((2, 3), int)), TypeError, "h has dtype int64 and shape"),
             (lambda: Table(np.zeros(3)), TypeError, r"h has dtype float64 and shape \(3,\)"),
             (lambda: Table(np.full((2, 3), np.inf)), ValueError, "h is inf at index"),
             (lambda: Parameters({"W": np.arange(3)}), TypeError, "block 'W' has dtype int64: floats"),
             (lambda: Parameters([np.ones(3)]), TypeError, "values is "),
             (lambda: vae().astype(np.ones(3)), TypeError, "dtype is .*: float32, float64"),
             (lambda: vae().astype(None), TypeError, "dtype is None: float32, float64"),
             (lambda: vae().astype("abc"), TypeError, "dtype is abc: float32, float64"))
    for call, kind, message in calls:
        with pytest.raises(kind, match=message):
            call()
