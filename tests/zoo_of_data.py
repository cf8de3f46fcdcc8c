"""Bugs of likelihoods for grey pixels, counts and tables, and of values that are missing."""

import npvae
import test_columns as tables
import test_counts as counted
import test_evidence as evidence
import test_missing as missing
import test_pixels as grey
import test_precision as precision
from npvae import door
from npvae.distributions import gammas
from npvae.distributions.columns import Columns
from npvae.distributions.counts import NegativeBinomial, Poisson
from npvae.distributions.pixels import ContinuousBernoulli, DiscretizedLogistic, log_height
from npvae.distributions.robust import StudentT
from npvae.evaluation import missing as imputation
from npvae.numerics import log_softmax
from zoo_checks import Bug, Check, GradientCheck

PRECISION = lambda name: Check(
    precision.test_value_and_gradient_have_twelve_digits_over_the_whole_range, name=name)

BUGS = [
    # ---- likelihoods of grey pixels, counts and tables ----------------------------------
    Bug("A Bernoulli of grey pixels taken for a density",
        "The cross entropy is a good loss. As log p(x) it is too small by the normalizer, hundreds of "
        "nats an image, and not by the same for every decoder: the best by it is not the best.",
        ((ContinuousBernoulli.log_terms,
          ("log_height(size) - t * size", "-np.log1p(np.exp(-size)) - t * size")),
         (ContinuousBernoulli.backward_terms,
          ("mean_distance(size) - t", "1.0 / (1.0 + np.exp(size)) - t"))),
        Check(grey.test_the_continuous_bernoulli_integrates_to_one_with_the_stated_mean, logit=2.0),
        GradientCheck("pixels.ContinuousBernoulli")),
    Bug("The sigmoid for the continuous Bernoulli's mean",
        "sigmoid(logit) is the name of its parameter in the paper, lambda, and the Bernoulli's mean. "
        "Pictures get more contrast than the model has.",
        ((ContinuousBernoulli.mean, ("t = mean_distance(np.abs(logits))",
                                     "t = 1.0 / (1.0 + np.exp(np.abs(logits)))")),),
        Check(grey.test_the_continuous_bernoulli_integrates_to_one_with_the_stated_mean, logit=2.0),
        GradientCheck("pixels.ContinuousBernoulli")),
    Bug("A normalizer without its series near 0",
        "0/0 is only at a logit of exactly 0, and that never happens. But before it all digits cancel, "
        "and a network begins near 0.",
        ((log_height, ("u.real < NEAR", "u.real < 1e-12")),),
        PRECISION("ContinuousBernoulli"), GradientCheck("pixels.ContinuousBernoulli")),
    Bug("lambda clipped to [0.0001, 0.9999]",
        "The published formula is one of lambda = sigmoid(logit), which is infinite at both ends. So "
        "black stays at a density of 9, and the gradient is not that of the loss.",
        ((ContinuousBernoulli.log_terms,
          ("return log_height(size) - t * size, (t, size, positive)",
           "size = size * np.minimum(1.0, 9.21 / (size.real + 1e-9))\n"
           "return log_height(size) - t * size, (t, size, positive)")),),
        PRECISION("ContinuousBernoulli"), GradientCheck("pixels.ContinuousBernoulli")),
    Bug("No open end bins",
        "Every level has a bin of the same width: in the middle of the range the masses are right. "
        "What the logistic has below 0 and above 1 is lost, and they do not sum to one.",
        ((DiscretizedLogistic.log_terms, ("below, above = x > self.half, x < 1.0 - self.half",
                                          "below, above = x > -1.0, x < 2.0")),),
        Check(grey.test_the_masses_of_all_levels_sum_to_one_and_are_scipys, n_levels=5),
        GradientCheck("pixels.DiscretizedLogistic")),
    Bug("An eps inside the logarithm of a difference",
        "log(sigmoid(a) - sigmoid(b) + 1e-7) is never infinite. But no level costs more than 16 nats, "
        "and the masses sum to more than one.",
        ((DiscretizedLogistic.log_terms,
          ("terms = -softplus(-a) * above - softplus(b) * below + np.log(-np.expm1(-width)) * inside",
           "terms = -softplus(-a) * above - softplus(b) * below + np.log(-np.expm1(-width)) * inside\n"
           "    terms = np.log(np.exp(terms) + 1e-7)")),),
        Check(grey.test_a_level_in_the_far_tail_keeps_its_mass_in_float32)),
    Bug("The difference of two sigmoids as it is written",
        "Exact on paper. In a tail both sigmoids are 1, and the difference is what rounding leaves.",
        ((DiscretizedLogistic.log_terms,
          ("-softplus(-a) * above - softplus(b) * below + np.log(-np.expm1(-width)) * inside",
           "np.log((1.0 / (1.0 + np.exp(-a)))**above - (1.0 / (1.0 + np.exp(-b))) * below)")),),
        Check(grey.test_a_level_in_the_far_tail_keeps_its_mass_in_float32),
        GradientCheck("pixels.DiscretizedLogistic")),
    Bug("An eps inside the logarithms of the counts",
        "log(mu + 1e-8), as if mu = exp(y) could be zero. Where a mean is small, so that a count of 1 "
        "is a surprise, the surprise is too small.",
        ((Poisson.log_terms, ("mu = exp_of(y)", "mu = exp_of(y) + 1e-8")),),
        PRECISION("Poisson")),
    Bug("log x! left out",
        "It has no gradient, so that training is the same. But what is called log p(x) is none, and a "
        "Poisson and a Gaussian cannot be compared.",
        ((Poisson.log_terms, ("log_peak(x) - deviance(x, mu, excess)", "x * y - mu")),),
        Check(counted.test_both_are_scipys_and_sum_to_one), GradientCheck("counts.Poisson")),
    Bug("theta and mu swapped in the sampler",
        "Gamma(theta, mu / theta) has the mean mu; so has Gamma(mu, 1), and Gamma(mu, theta / mu) has "
        "theta. One of three that look alike is right.",
        ((NegativeBinomial.sample, ("rng.gamma(theta, mu / theta)", "rng.gamma(mu, theta / mu)")),),
        Check(counted.test_draws_have_the_stated_mean_and_variance),
        GradientCheck("counts.NegativeBinomial")),
    Bug("A rate for a scale in the sampler",
        "Half of the libraries have a Gamma of shape and rate, the other half one of shape and scale.",
        ((NegativeBinomial.sample, ("rng.gamma(theta, mu / theta)", "rng.gamma(theta, theta / mu)")),),
        Check(counted.test_draws_have_the_stated_mean_and_variance),
        GradientCheck("counts.NegativeBinomial")),
    Bug("A difference of two log Gammas",
        "log Gamma(x + theta) - log Gamma(theta), as in the books. At a theta of 1e8 both are 1.7e9: "
        "nothing is left, in float32 from 1e4 on.",
        ((gammas.stirling, ("large = z.real > LARGE", "large = z.real > 1e300")),),
        PRECISION("NegativeBinomial"), GradientCheck("counts.NegativeBinomial")),
    Bug("Degrees of freedom for degrees of freedom and one",
        "The exponent of Student's t is (df + 1) / 2; with df / 2 the curve looks the same.",
        ((StudentT.log_terms, ("0.5 * (self.df + 1.0) * np.log1p(u * u / self.df)",
                               "0.5 * self.df * np.log1p(u * u / self.df)")),
         (StudentT.backward_terms, ("(self.df + 1.0) * u / (self.df + u * u)",
                                    "self.df * u / (self.df + u * u)"))),
        PRECISION("StudentT 4.0"), GradientCheck("robust.StudentT")),
    Bug("log_softmax over the batch",
        "axis=0 and axis=-1 give the same shape.",
        ((log_softmax, ("log_sum_exp(a, axis=-1)[..., None]", "log_sum_exp(a, axis=1)[:, None]")),),
        Check(tables.test_a_class_has_its_probability_and_its_draws)),
    Bug("Columns put together in the order of their kinds",
        "The terms are summed anyway, and log p(x) is right; draws and means stand in other columns, "
        "and a mask hides others.",
        ((Columns._joined, ("np.concatenate(parts, axis=-1)[..., order]",
                            "np.concatenate(parts, axis=-1)")),),
        Check(tables.test_draws_and_means_stand_in_their_columns)),
    Bug("Bits of a density without its unit",
        "-log2 p, divided by D. For a density of x in [0, 1] that is 8 bits a pixel too few, and less "
        "than none: a record.",
        ((npvae.evaluation.bits_per_dimension, ("math.log2(n_levels)", "0.0")),),
        Check(evidence.test_bits_of_a_mass_are_its_nats_and_to_a_density_the_unit_is_added,
              name="gaussian"),
        Check(evidence.test_bits_of_a_mass_are_its_nats_and_to_a_density_the_unit_is_added,
              name="poisson")),
    # ---- values that are missing ------------------------------------------------------
    Bug("The encoder shown what is to be imputed",
        "What is missing has no term in the loss, so it may stand where it stands. But the encoder "
        "reads it: the errors look splendid until the values are really missing.",
        ((door.parted, ("return filled(x, observed), observed", "return x, observed")),),
        Check(missing.test_what_stands_where_nothing_was_observed_changes_no_bit,
              call=missing.CALLS["encode"], shows_mask=False),
        Check(missing.test_gradients_with_a_mask, shows_mask=True), raises=ValueError),
    Bug("Imputed by the plain mean over codes",
        "The mean of what some codes of q(z|x) decode to: without their weights it is right only where "
        "q(z|x) is the true posterior.",
        ((imputation._impute, ("normalized_weights((log_px - rate).astype(np.float64))",
                               "np.full(log_px.shape, 1 / len(log_px))")),),
        Check(missing.test_imputations_have_the_exact_conditional_mean_and_covariance),
        Check(missing.test_a_missing_class_is_the_most_probable_one)),
    Bug("The zeros weighed as if they had been observed",
        "The mask is in the loss; in the weights of the codes it was forgotten.",
        ((imputation._impute, ("model.likelihood.log_prob(x, y, observed)",
                               "model.likelihood.log_prob(x, y)")),),
        Check(missing.test_imputations_have_the_exact_conditional_mean_and_covariance),
        Check(missing.test_a_missing_class_is_the_most_probable_one)),
]
