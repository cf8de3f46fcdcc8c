"""The rows of `test_options`: of every public option another value, and all that it changes."""

import numpy as np

import npvae
from npvae.networks import he_normal
from threads_as_ranks import alone
from trial.good import OBSERVED, C, X, detector

OTHER = np.roll(C, 1, axis=0)                          # another condition for every x
CALLS = []                                             # of a callback


def rows(name, **options):
    """Of each option another value, and all that it changes, as words."""
    return {f"{name}.{option}": (value, set(words.split(", ")) if words else set())
            for option, (value, words) in options.items()}


def only(words, **options):
    """Options that change the same."""
    return {option: (value, words) for option, value in options.items()}


def of_a_recipe(name, **more):
    """The options that the dense recipes share, and those that they have besides."""
    return rows(name, **{
        "n_data": (7, "sizes, encoder, decoder, weights"),
        "n_hidden": ((4, 3), "encoder, decoder, weights"),
        "n_latent": (3, "sizes, encoder, decoder, posterior, prior, weights"),
        "likelihood": ("tied_gaussian", "likelihood"), "variance": (0.25, "likelihood"),
        "activation": ("relu", "encoder, decoder"), "init": ("he", "encoder, decoder, weights"),
        "seed": (4, "weights"),
        **more})


BETA = (2.0, "objective")
MASK = (False, "encoder, weights")
SYMBOLS = {"n_latent": (12, "sizes, encoder, decoder, posterior, prior, weights"),
           "n_categories": (3, "posterior, prior")}
PARTS = {"posterior": ("flow_gaussian", "posterior, objective, encoder, weights"),
         "prior": ("mixture_of_normals", "prior, objective")}

BASE = {                                               # where another good call shows more
    "fit": {"patience": None, "validation_observed": 1 - OBSERVED[:4]},
    "evaluation.AnomalyDetector.score": {"self": detector(score="latent_distance")}}
ROWS = {
    **rows("VAE", n_condition=(2, "refused"), objective=(npvae.IWAE(), "objective"),
           corrupt=(None, "corrupt"), shows_mask=(True, "refused")),
    **of_a_recipe("vae", beta=BETA, **PARTS, shows_mask=MASK),
    **of_a_recipe("iwae", **{part: (value, words.replace(", objective", ""))
                             for part, (value, words) in PARTS.items()}, shows_mask=MASK),
    **of_a_recipe("conditional_vae", beta=BETA, **PARTS, shows_mask=MASK,
                  n_condition=(2, "sizes, encoder, decoder, weights")),
    **of_a_recipe("semi_supervised_vae", beta=BETA, **PARTS, alpha=(2.0, "alpha"),
                  n_data=(7, "sizes, encoder, decoder, classifier, weights"),
                  n_classes=(2, "sizes, encoder, decoder, classifier, weights"),
                  n_hidden=((4, 3), "encoder, decoder, classifier, weights"),
                  activation=("relu", "encoder, decoder, classifier"),
                  init=("he", "encoder, decoder, classifier, weights")),
    **rows("SemiSupervisedVAE", alpha=(2.0, "alpha")),
    **of_a_recipe("autoencoder"),
    **of_a_recipe("denoising_autoencoder", masked=(0.75, "corrupt")),
    **of_a_recipe("bernoulli_vae", beta=BETA),
    **of_a_recipe("concrete_vae", beta=BETA, temperature=(0.9, "posterior"),
                  prior_temperature=(0.9, "prior")),
    **of_a_recipe("categorical_vae", beta=BETA, **SYMBOLS),
    **of_a_recipe("gumbel_softmax_vae", beta=BETA, temperature=(0.9, "posterior"),
                  prior_temperature=(0.9, "prior"),
                  **{**SYMBOLS, "n_categories": (3, "posterior, prior, decoder")}),
    **rows("convolutional_vae", side=(8, "sizes, encoder, decoder, weights"),
           channels=((3, 2), "encoder, decoder, weights"),
           n_latent=(3, "sizes, encoder, decoder, posterior, prior, weights"), beta=BETA,
           activation=("relu", "encoder, decoder"), init=("glorot", "encoder, decoder, weights"),
           seed=(4, "weights")),
    **rows("two_layer_iwae", n_data=(7, "sizes, encoder, decoder, weights"),
           n_hidden=(((7,), (4,)), "encoder, decoder, weights"),
           n_latent=((3, 4), "sizes, posterior, prior, weights"),
           activation=("tanh", "encoder, decoder, posterior, prior"),
           init=("uniform", "encoder, decoder, posterior, prior, weights"), seed=(4, "weights")),
    **rows("ELBO", beta=(2.0, "value, drate"), cost=(npvae.SampledKL(), "cost, value, kl, drate")),
    **rows("FreeBits", beta=(2.0, "value, drate"), cost=(npvae.SampledKL(), "refused"),
           free=(0.9, "value, drate")),
    **rows("Capacity", beta=(2.0, "value, drate"), cost=(npvae.SampledKL(), "cost, value, kl, drate"),
           capacity=(0.4, "value, drate")),
    **rows("StickingTheLanding", beta=(2.0, "value, drate"), cost=(npvae.KL(), "refused")),
    **rows("ScoreFunction", beta=(2.0, "value, drate"),
           cost=(npvae.SampledKL(), "cost, value, kl, drate, score")),
    **rows("DecomposedKL", mutual_information=(2.0, "rate, dz, dlog_q, dh"),
           total_correlation=(6.0, "rate, dz, dh"), dimension_wise=(1.0, "rate, dz, dh"),
           sampling=("weighted", "rate, dz, dh")),
    **rows("MMD", weight=(2.0, "rate, dz"), kl=(1.0, "rate, dh"), width=(None, "rate, dz")),
    **rows("posteriors.Concrete", temperature=(0.9, "mu, std, z, log_q")),
    **rows("priors.Bernoulli", p=(0.6, "z, log_p")),
    **rows("priors.Concrete", p=(0.6, "z, log_p"), temperature=(0.9, "z, log_p")),
    **rows("likelihoods.Gaussian", variance=(0.25, "log_p, x")),
    **rows("likelihoods.TiedGaussian", variance=(0.25, "blocks, log_p, x")),
    **rows("likelihoods.HeteroscedasticGaussian", floor=(0.1, "log_p, x")),
    **rows("networks.Dense", init=(he_normal, "blocks, y")),
    **rows("networks.Conv2d", stride=(1, "size, y"), padding=(0, "size, y"),
           init=(he_normal, "blocks, y")),
    **rows("networks.ConvTranspose2d", stride=(1, "size, y"), padding=(0, "size, y"),
           init=(he_normal, "blocks, y")),
    **rows("numerics.log_mean_exp", axis=(0, "shape, value")),
    **rows("fit", condition=(OTHER, "theta, training, held out"),
           observed=(None, "theta, training, held out"), validation=(X[2:6], "held out"),
           validation_condition=(C[2:6], "held out"), validation_observed=(None, "held out"),
           epochs=(3, "epochs, theta"), batch_size=(3, "theta, training, held out"),
           n_samples=(3, "theta, training, held out"),
           optimizer=(npvae.Adam(), "theta, training, held out"),
           learning_rate=(0.02, "theta, training, held out"),
           kl_schedule=(None, "theta, training, held out"),
           clip_norm=(1e-3, "theta, training, held out"), transform=(None, "theta, training, held out"),
           patience=(1, "theta"),
           callbacks=([lambda model, history: CALLS.append(len(history))], "calls"),
           checkpoint=(None, "file"), resume=(True, ""), seed=(4, "theta, training, held out"),
           progress=(True, "said"), communicator=(alone(), "")),
    **rows("evaluate", condition=(OTHER, "loss, reconstruction, kl"),
           observed=(None, "loss, reconstruction, kl"),
           transform=(None, "loss, reconstruction, kl"), n_samples=(3, "loss, reconstruction, kl"),
           seed=(4, "loss, reconstruction, kl"), batch_size=(3, "loss, reconstruction, kl"),
           communicator=(alone(), "")),
    **rows("SGD", momentum=(0.5, "two steps")),
    **rows("Adagrad", eps=(1e-3, "one step, two steps")),
    **rows("Adam", beta1=(0.7, "two steps"), beta2=(0.8, "two steps"),
           eps=(1e-3, "one step, two steps")),
    **rows("schedules.Cosine", end=(0.4, "middle, end, beyond")),
    **rows("schedules.Linear", start=(0.3, "start, middle, end"), end=(0.4, "middle, end, beyond")),
    **rows("schedules.Cyclical", ramp=(0.7, "middle, beyond"), start=(0.3, "start, middle, beyond"),
           end=(0.4, "middle, end, beyond")),
    **rows("save", training=({"epoch": 2}, "training"), arrays=({"m": -X}, "arrays")),
    **rows("evaluation.log_evidence", communicator=(alone(), ""), **only(
        "log_px, standard_error, ess, pareto_k", n_samples=27, condition=OTHER, observed=None)),
    **rows("evaluation.bits_per_dimension", n_levels=(256, "value")),
    **rows("evaluation.log_weights", condition=(OTHER, "value"), observed=(None, "value")),
    **rows("evaluation.impute", n_samples=(27, "mean, draws, ess"), n_draws=(1, "draws"),
           condition=(OTHER, "mean, draws, ess"), observed=(1 - OBSERVED, "mean, draws, ess")),
    **rows("evaluation.annealed_log_evidence", **only(
        "log_px, standard_error, ess, pareto_k", n_chains=27, n_temperatures=4, n_leapfrog=3,
        start="prior", condition=OTHER, batch_size=3)),
    **rows("evaluation.sandwich", **only("lower, upper", n_chains=27, n_temperatures=4, n_leapfrog=3,
                                         start="prior", batch_size=3),
           condition=(OTHER, "x, lower, upper")),
    **rows("evaluation.inference_gap",
           condition=(OTHER, "log_px, best_elbo, elbo, standard_error, ess, pareto_k"),
           steps=(4, "log_px, best_elbo, standard_error, ess, pareto_k"),
           n_samples=(27, "log_px, best_elbo, elbo, standard_error, ess, pareto_k"),
           batch_size=(3, "log_px, best_elbo, elbo, standard_error, ess, pareto_k")),
    **rows("evaluation.calibration_ranks", n=(4, "shape, value"), n_samples=(8, "value")),
    **rows("evaluation.diagnose", condition=(OTHER, "-ELBO, log, gain"), history=(None, "largest"),
           learning_rate=(0.02, "gain"), optimizer=(npvae.Adam(), "gain"),
           n_samples=(3, "-ELBO, gain"), batch_size=(3, "gain"), seed=(4, "-ELBO, gain")),
    **rows("evaluation.gain", **only("value", condition=OTHER, optimizer=npvae.Adam(), n_samples=3,
                                     batch_size=3, n_steps=3, seed=4)),
    **rows("evaluation.latent_moments", condition=(OTHER, "mean, variance, variance_of_mean, kl"),
           n_samples=(27, "mean, variance, variance_of_mean, kl"),
           seed=(4, "mean, variance, variance_of_mean, kl")),
    **rows("evaluation.kl_parts", chunk=(8, "")),
    **rows("evaluation.AnomalyDetector", score=("latent_distance", "scores"), n_samples=(27, "scores"),
           standardizer=(None, "scores, codes"), seed=(4, "scores"),
           observed=(None, "scores, codes")),
    **rows("evaluation.fit_detector", score=("negative_elbo", "scores"),
           n_samples=(27, "scores"), n_steps=(60, "scores, codes"), n_models=(3, "scores"),
           likelihood=(None, "scores, codes"), seed=(4, "scores, codes"),
           observed=(None, "scores, codes")),
    **rows("evaluation.load_detector", model=(None, "")),
    **{f"gradcheck.{name}.complex_step": (False, {"complex_step"})
       for name in ("check", "check_function", "check_layer", "check_posterior", "check_prior",
                    "check_kl", "check_likelihood", "check_objective", "check_model")},
    **rows("gradcheck.check_kl", condition=(None, ""), model=(None, "")),
    **rows("gradcheck.check_likelihood", observed=(None, "central, complex_step")),
    **rows("datasets.one_hot", dtype=(np.float32, "dtype")),
    **rows("datasets.read_table", header=(True, "shape, value"), delimiter=(",", "refused")),
    **rows("plots.reconstructions", shape=((3, 2), "image")),
    **rows("plots.image_grid", shape=((3, 2), "image"), title=("other", "title")),
    **rows("plots.latent_manifold", n=(4, "image"), shape=((3, 2), "image")),
    **rows("plots.latent_scatter", dimensions=((0, 1), "points, axis labels, title")),
    **rows("plots.label_rows", shape=((3, 2), "image, lines"), lines=([], "lines")),
    **rows("VAE.decode", condition=(OTHER, "value")),
    **rows("VAE.draw_noise", n_samples=(3, "shape, value")),
    **rows("VAE.encode", condition=(OTHER, "mu, logvar, std"), observed=(None, "mu, logvar, std")),
    **rows("VAE.loss", condition=(OTHER, "value, reconstruction, kl"),
           target=(X[::-1], "value, reconstruction"),
           observed=(None, "value, reconstruction, kl"),
           objective=(npvae.ELBO(2.0), "value, drate")),
    **rows("VAE.loss_and_grad", condition=(OTHER, "value, reconstruction, kl, grad"),
           target=(X[::-1], "value, reconstruction, grad"),
           observed=(None, "value, reconstruction, kl, grad"),
           objective=(npvae.ELBO(2.0), "value, drate, grad")),
    **rows("VAE.reconstruct", condition=(OTHER, "value"), observed=(None, "value")),
    **rows("SemiSupervisedVAE.classify", observed=(None, "value")),
    **rows("SemiSupervisedVAE.draw_noise", n_samples=(3, "shape, value")),
    **rows("SemiSupervisedVAE.loss", condition=(OTHER, "value, reconstruction, kl, dlog_px, drate"),
           target=(X[::-1], "value, reconstruction"),
           observed=(None, "value, reconstruction, kl, dlog_px, drate"),
           objective=(npvae.ELBO(2.0), "value, drate")),
    **rows("SemiSupervisedVAE.loss_and_grad",
           condition=(OTHER, "value, reconstruction, kl, dlog_px, drate, grad"),
           target=(X[::-1], "value, reconstruction, grad"),
           observed=(None, "value, reconstruction, kl, dlog_px, drate, grad"),
           objective=(npvae.ELBO(2.0), "value, drate, grad")),
    **rows("VAE.sample", condition=(OTHER, "value")),
    **rows("evaluation.AnomalyDetector.flag", quantile=(0.5, "value"), sigmas=(2.0, "refused"),
           observed=(None, "value")),
    **rows("evaluation.AnomalyDetector.score", batch_size=(8, ""), observed=(None, "ranking"),
           communicator=(alone(), "")),
    **rows("evaluation.AnomalyDetector.contributions", batch_size=(8, ""),
           observed=(None, "columns, code")),
    **rows("evaluation.AnomalyDetector.tail", observed=(None, "value")),
    **rows("evaluation.AnomalyDetector.threshold", quantile=(0.5, "value"), sigmas=(2.0, "refused")),
}
