"""Bad questions to evaluation, detectors, figures and the gradient check."""

import npvae
from bad_inputs import A, EPS, IMAGES, LABELS, NAN, T, V, X, cvae, detector, put, rng, vae
from npvae import evaluation
from npvae.distributions.given import VampPrior

CASES = [
    # ---- evaluation
    ("log_evidence of no samples", lambda d: evaluation.log_evidence(vae(), X, rng(), 0), V,
     "n_samples is 0: an integer of at least 1"),
    ("log_evidence of a NaN", lambda d: evaluation.log_evidence(vae(), put(NAN), rng()), V,
     "x is nan"),
    ("imputation of nothing missing", lambda d: evaluation.impute(vae(), X, rng()), V,
     "observed is None: what is observed of x was expected, or a masked array"),
    ("imputation by a point", lambda d: evaluation.impute(
        npvae.autoencoder(6, (5,), 2), X, rng(), observed=X > 0.5), T, "which has no density"),
    ("imputation of -1 draws", lambda d: evaluation.impute(vae(), X, rng(), 5, -1, observed=X > 0.5), V,
     "n_draws is -1: an integer of at least 0"),
    ("log_evidence without condition", lambda d: evaluation.log_evidence(cvae(), X, rng()), V,
     "condition is missing"),
    ("log_evidence of a point", lambda d: evaluation.log_evidence(
        npvae.autoencoder(6, (5,), 2), X, rng()), T,
     "a Deterministic posterior, which has no density: log p(x) needs log q(z|x)"),
    ("bits without a model", lambda d: evaluation.bits_per_dimension(X[:, 0], 6), T,
     "model is ndarray: a VAE was expected"),
    ("bits of one level", lambda d: evaluation.bits_per_dimension(vae(), X[:, 0], 1), V,
     "n_levels is 1: an integer of at least 2"),
    ("latent_moments 0 to 255", lambda d: evaluation.latent_moments(vae(), IMAGES), V, "x lies in"),
    ("latent_moments of nothing", lambda d: evaluation.latent_moments(vae(), X[:0]), V,
     "x has shape (0, 6): at least one row was expected"),
    ("kl_parts of another width", lambda d: evaluation.kl_parts(vae(), X[:, 1:], rng()), V,
     "x has shape (8, 5): (batch, 6) was expected"),
    ("roc_curve of unequal lengths", lambda d: evaluation.roc_curve([1.0, 2.0], [True]), V,
     "scores have shape (2,) and labels (1,): one of each for every row was expected"),
    ("roc_auc of a NaN", lambda d: evaluation.roc_auc([NAN, 1.0], [True, False]), V,
     "scores hold a NaN or an infinity"),
    ("average_precision of one kind", lambda d: evaluation.average_precision([1.0, 2.0], [1, 1]), V,
     "labels are all alike: normal rows and anomalies were expected"),
    ("roc_curve of columns", lambda d: evaluation.roc_curve([[1.0], [2.0]], [[True], [False]]), V,
     "scores have shape (2, 1)"),
    ("a detector's score unknown", lambda d: detector(score="mse"), V,
     "score is 'mse': one of 'reconstruction_error', 'negative_elbo'"),
    ("a detector's n_samples zero", lambda d: detector(n_samples=0), V,
     "n_samples is 0: an integer"),
    ("a detector of 0 to 255", lambda d: detector(IMAGES), V, "lies in [0, 235]: a Bernoulli"),
    ("a detector's evidence of a point", lambda d: detector(
        model=npvae.autoencoder(6, (5,), 2), score="negative_evidence"), T, "has no density"),
    ("a detector of a conditional model", lambda d: detector(model=cvae()), V,
     "model has n_condition=3: a model without condition was expected"),
    ("a detector asked another width", lambda d: detector().score(X[:, :4]), V,
     "x has shape (8, 4): (batch, 6) was expected"),
    ("a detector asked a NaN", lambda d: detector().flag(put(NAN), quantile=0.9), V, "x is nan at"),
    ("no threshold", lambda d: detector().flag(X), V,
     "quantile is None and sigmas is None: one of the two was expected"),
    ("two thresholds", lambda d: detector().threshold(0.9, 3), V,
     "quantile is 0.9 and sigmas is 3"),
    ("quantile by percent", lambda d: detector().threshold(quantile=99), V,
     "quantile is 99: a number between 0 and 1 was expected"),
    ("quantile of all", lambda d: detector().threshold(quantile=1.0), V,
     "quantile is 1.0: a number between 0 and 1 was expected"),
    ("quantile NaN", lambda d: detector().threshold(quantile=NAN), V, "quantile is nan"),

    # ---- how good is q; annealing; diagnosis
    ("a gap in no steps", lambda d: evaluation.inference_gap(vae(), X, rng(), steps=0), V,
     "steps is 0: an integer of at least 1"),
    ("a gap with a seed for rng", lambda d: evaluation.inference_gap(vae(), X, 7), T, "rng is 7"),
    ("a gap without condition", lambda d: evaluation.inference_gap(cvae(), X, rng()), V,
     "condition is missing"),
    ("a gap, arguments swapped", lambda d: evaluation.inference_gap(X, vae(), rng()), T,
     "model is ndarray: a VAE was expected"),
    ("ranks of no pairs", lambda d: evaluation.calibration_ranks(vae(), rng(), 0), V, "n is 0"),
    ("ranks among no draws", lambda d: evaluation.calibration_ranks(vae(), rng(), 5, 0), V,
     "n_samples is 0"),
    ("ranks under a condition", lambda d: evaluation.calibration_ranks(cvae(), rng()), V,
     "model has n_condition=3: a model without condition was expected"),
    ("annealing without chains", lambda d: evaluation.annealed_log_evidence(
        vae(), X, rng(), 0), V, "n_chains is 0: an integer of at least 1"),
    ("annealing from nowhere", lambda d: evaluation.annealed_log_evidence(
        vae(), X, rng(), start="encoder"), V, "start is 'encoder': one of 'prior', 'posterior'"),
    ("annealing of a NaN", lambda d: evaluation.annealed_log_evidence(vae(), put(NAN), rng()), V,
     "x is nan"),
    ("annealing of bits", lambda d: evaluation.sandwich(
        npvae.bernoulli_vae(6, (5,), 2), rng(), 3), T,
     "a Bernoulli posterior, whose z jumps: annealing needs a z that moves"),
    ("a sandwich of none", lambda d: evaluation.sandwich(vae(), rng(), 0), V, "n is 0"),
    ("a sandwich with a seed for rng", lambda d: evaluation.sandwich(vae(), 3, 10), T, "rng is 3"),
    ("a diagnosis, arguments swapped", lambda d: evaluation.diagnose(X, vae()), T,
     "model is ndarray: a VAE was expected"),
    ("a diagnosis of a history without a loss", lambda d: evaluation.diagnose(
        vae(), X, history=[{"epoch": 1, "reconstruction": 1.0, "kl": 1.0}]), V,
     "a row of history holds epoch, reconstruction, kl: loss was expected, too"),
    ("bits of an Evidence", lambda d: evaluation.bits_per_dimension(
        vae(), evaluation.log_evidence(vae(), X, rng(), 30)), T,
     "log_px is an Evidence: its .log_px was expected"),
    ("a detector of a NaN", lambda d: detector().score(put(NAN)), V,
     "finite numbers were expected; for values that are missing, see observed"),
    ("a detector fitted to a NaN", lambda d: evaluation.fit_detector(put(NAN)), V,
     "finite numbers were expected; for values that are missing, see observed"),
    ("a diagnosis of another width", lambda d: evaluation.diagnose(vae(), X[:, :4]), V,
     "x has shape (8, 4): (batch, 6) was expected"),
    ("the gain of no rate", lambda d: evaluation.gain(vae(), X, 0.0), V, "learning_rate is 0.0"),
    ("the gain of no steps", lambda d: evaluation.gain(vae(), X, 0.1, n_steps=0), V,
     "n_steps is 0"),
    ("the gain of a class", lambda d: evaluation.gain(vae(), X, 0.1, optimizer=npvae.Adam), T,
     "optimizer is"),

    # ---- figures and the gradient check
    ("manifold of another latent size", lambda d: npvae.plots.latent_manifold(
        npvae.vae(6, (5,), 3)), V,
     "model has 3 latent dimensions: 2 were expected"),
    ("manifold of none", lambda d: npvae.plots.latent_manifold(vae(), 0, (2, 3)), V, "n is 0"),
    ("scatter of unequal lengths", lambda d: npvae.plots.latent_scatter(EPS[0], LABELS[:5]), V,
     "labels have shape (5,): (8,) was expected, one for each code"),
    ("an unknown attribute", lambda d: npvae.plot, A, "module 'npvae' has no attribute 'plot'"),
    ("gradcheck without gradients", lambda d: npvae.gradcheck.check(
        lambda arrays: 0.0, {"a": X}, {}), V, "gradients is empty"),
    ("gradcheck of another shape", lambda d: npvae.gradcheck.check(
        lambda arrays: 0.0, {"a": X}, {"a": X[0]}), V,
     "the gradient of a has shape (6,): (8, 6) was expected"),
    ("a backward that forgets an input", lambda d: npvae.gradcheck.check_function(
        lambda a, b: a * b, lambda d, a, b: (d * b,), X, X, rng=rng()), V,
     "backward returned 1 gradients: 2 were expected, one for each input"),
    ("the rate of another batch", lambda d: npvae.gradcheck.check_objective(
        npvae.ELBO(), X[:3, :4], X[:5, :2]), V,
     "rate has shape (5, 2): (4, J) was expected, for log_px of shape (3, 4)"),
    ("a sampled rate of another batch", lambda d: npvae.gradcheck.check_objective(
        npvae.ELBO(cost=npvae.SampledKL()), X[:3, :4], X[:4, :3]), V,
     "rate has shape (4, 3): (3, 4) was expected, as log_px has"),
    ("kl_parts of a conditional model", lambda d: evaluation.kl_parts(cvae(), X, rng()), V,
     "model has n_condition=3: a model without condition was expected"),
    ("bits of a model with labels", lambda d: evaluation.bits_per_dimension(
        npvae.semi_supervised_vae(6, 3, (5,), 2), -3.0), T, "model is SemiSupervisedVAE: a VAE was"),
    ("a gradient check of a prior of the encoder", lambda d: npvae.gradcheck.check_prior(
        VampPrior(2, 6), EPS, rng()), T, "`check_model` checks it in a model"),
]
