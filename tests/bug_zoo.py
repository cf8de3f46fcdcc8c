"""The bug zoo: mistakes that public VAE code has shipped, each as a mutant of npvae.

A bug is a line of the package and what somebody wrote in its place. For each there is a check
that passes on npvae and fails on the mutant, and mostly one that is blind to it. The gradient
check is blind to about half of them: it compares the backward pass with the forward pass,
and a wrong forward pass that is differentiated correctly pleases it.

`python tests/bug_zoo.py` writes the page BUG_ZOO.md.
"""

import inspect
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np

import npvae
import test_batch_costs as batch_costs
import test_categories as symbols
import test_columns as tables
import test_counts as counted
import test_distributions as distributions
import test_evidence as evidence
import test_extremes as extremes
import test_flows as flow_tests
import test_given as given
import test_gradients as gradients
import test_importance as importance
import test_labels as labels
import test_learning as learning
import test_missing as missing
import test_mixtures as mixtures
import test_model as model
import test_pixels as grey
import test_precision as precision
import test_transforms as transforms_tests
from edits import edited
from npvae import door
from npvae.distributions import categories, divergences, gammas, relaxed, transforms
from npvae.distributions.columns import Categorical, Columns
from npvae.distributions.counts import NegativeBinomial, Poisson
from npvae.distributions.flows import FlowGaussian, RealNVP
from npvae.distributions.given import Vamp
from npvae.distributions.likelihoods import (Bernoulli, Gaussian, HeteroscedasticGaussian,
                                             TiedGaussian)
from npvae.distributions.pixels import ContinuousBernoulli, DiscretizedLogistic, log_height
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.distributions.posteriors import DiagonalGaussian
from npvae.distributions.robust import StudentT
from npvae.evaluation import missing as imputation
from npvae.gradcheck.rows import Sizes
from npvae.gradcheck.table import TABLE
from npvae.labels import SemiSupervisedVAE
from npvae.learning import optimizers, run, training
from npvae.networks import layers, masked
from npvae.numerics import softplus
from npvae.objectives import ELBO, IWAE, KL, MMD, DecomposedKL, SampledKL


class Check:
    """A test of the suite, with the arguments it is called with."""

    def __init__(self, test, **arguments):
        self.test, self.arguments = test, arguments

    def __call__(self, tmp_path):
        fixtures = {"rng": np.random.default_rng(20140214), "tmp_path": tmp_path}
        known = inspect.signature(self.test).parameters
        if not hasattr(self.test, "hypothesis"):
            fixtures = {name: value for name, value in fixtures.items() if name in known}
            self.test(**fixtures, **self.arguments)
        else:
            self.test(**self.arguments)

    def __str__(self):
        return f"`{Path(inspect.getfile(self.test)).stem}.{self.test.__name__}`"


class GradientCheck(Check):
    """A row of the gradient table."""

    def __init__(self, name):
        self.name = name

    def __call__(self, tmp_path):
        report = TABLE[self.name](Sizes(K=3, B=4, D=6, J=2, H=(5, 7)), np.random.default_rng(7))
        report.assert_passed()

    def __str__(self):
        return f"the gradient check of `{self.name}`"


def gradients_of_a_relu_network(rng):
    network = npvae.vae(6, (5, 4), 2).astype(np.float64)
    network.parameters.theta[...] = rng.normal(0, 0.5, network.parameters.size)
    npvae.gradcheck.check_model(network, rng.random((4, 6)),
                                network.draw_noise(rng, 4, 3)).assert_passed()


class Bug(NamedTuple):
    """A mutant: edits of functions (line, line in its place), and what sees it."""

    name: str
    looks_right: str
    edits: tuple
    seen_by: Callable
    missed_by: Callable | None = None
    raises: type = AssertionError


@contextmanager
def mutated(bug):
    """The package with the bug in it."""
    codes = []
    try:
        for function, *replacements in bug.edits:
            code = edited(function, *replacements)
            codes.append((function, function.__code__))
            function.__code__ = code
        yield
    finally:
        for function, code in reversed(codes):
            function.__code__ = code


MOMENTS = Check(distributions.test_posterior_samples_have_the_stated_mean_and_standard_deviation,
                mu=1.5, std=0.2)
VAE_GRADIENT = GradientCheck("recipes.vae")
LOSS_VALUE = Check(model.test_the_loss_is_summed_over_dimensions_and_averaged_over_the_batch,
                   cost=KL(), beta=1.0)
SAMPLED_VALUE = Check(model.test_the_loss_is_summed_over_dimensions_and_averaged_over_the_batch,
                      cost=SampledKL(), beta=1.0)
SPLIT = Check(model.test_a_batch_may_be_permuted_duplicated_or_split, cost=KL())
SCIPY_GAUSSIANS = Check(distributions.test_gaussians_are_scipys)
PRECISION = lambda name: Check(
    precision.test_value_and_gradient_have_twelve_digits_over_the_whole_range, name=name)
TWINS = learning.test_optimizers_are_their_textbook_twins
VAMP = Check(given.test_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_pseudo_inputs)
VAMP_GRADIENT = GradientCheck("given.VampPrior")

ZOO = [
    # ---- the posterior and its sampler ------------------------------------------------
    Bug("The variance in place of the standard deviation",
        "exp(logvar) is a natural thing to write, trains, and draws plausible digits. Its "
        "derivative is right, too.",
        ((DiagonalGaussian.given, ("std=np.exp(0.5 * logvar)", "std=np.exp(logvar)")),
         (DiagonalGaussian.backward, ("dz * (0.5 * q.std * eps)", "dz * (q.std * eps)"),
          ("(score - path) * (0.5 * eps * eps)", "(score - path) * (eps * eps)"))),
        MOMENTS, GradientCheck("posteriors.DiagonalGaussian")),
    Bug("mu + eps * logvar",
        "The encoder's second output, multiplied with the noise: the network can adapt to any "
        "meaning of its output, but the KL cannot.",
        ((DiagonalGaussian.sample, ("q.std * eps", "q.logvar * eps")),
         (DiagonalGaussian.backward, ("dz * (0.5 * q.std * eps)", "dz * eps"))),
        MOMENTS, VAE_GRADIENT),
    Bug("Noise drawn again in the backward pass",
        "eps is random anyway. But the path of a sample goes through the eps that made it.",
        ((DiagonalGaussian.backward,
          ("q, eps = drawn", "q, eps = drawn.q, np.random.default_rng().standard_normal(dz.shape)")),),
        VAE_GRADIENT, MOMENTS),
    Bug("Uniform noise",
        "`random` for `standard_normal`: z still spreads around mu.",
        ((DiagonalGaussian.draw_noise,
          ("rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)",
           "rng.random((n_samples, n_batch, self.n_latent), dtype)")),),
        Check(distributions.test_noise_and_prior_samples_are_standard_normal), VAE_GRADIENT),
    Bug("One noise for the whole batch",
        "Broadcasting hides it: every shape is right.",
        ((DiagonalGaussian.draw_noise,
          ("rng.standard_normal((n_samples, n_batch, self.n_latent), dtype)",
           "np.repeat(rng.standard_normal((n_samples, 1, self.n_latent), dtype), n_batch, axis=1)")),),
        Check(distributions.test_noise_and_prior_samples_are_standard_normal), VAE_GRADIENT),
    Bug("The score of q added where it is to be subtracted",
        "(z - mu) / std^2 is the gradient of log q in mu; in z it is the negative.",
        ((DiagonalGaussian.backward, ("(score - path) * (eps / q.std)",
                                      "(score + path) * (eps / q.std)")),),
        GradientCheck("posteriors.DiagonalGaussian"), VAE_GRADIENT),
    # ---- flows ------------------------------------------------------------------------
    Bug("p(z0) in place of p(zK)",
        "The flow is the posterior's, so the prior was left where it was, at the z that goes in. "
        "The bound then pays for a code that the decoder never sees.",
        ((SampledKL.forward, ("log_pz, cache = p.log_prob(z)",
                              "log_pz, cache = p.log_prob(drawn.base.q.mu + drawn.base.q.std "
                              "* drawn.base.eps)")),),
        Check(flow_tests.test_the_elbo_is_of_the_z_that_is_decoded),
        GradientCheck("flows.FlowGaussian")),
    Bug("The density at z in place of f(z)",
        "log N(z) + log det: both terms are there, and the flow learns, to make log det as large as it "
        "can.",
        ((RealNVP.log_prob, ("log_pu, of_base = self.base.log_prob(u)",
                             "log_pu, of_base = self.base.log_prob(z)")),
         (RealNVP.backward, ("return self.flow.backward(du, dlog_pz, of_flow)[0]",
                             "return self.flow.backward(0.0 * du, dlog_pz, of_flow)[0] + du"))),
        Check(flow_tests.test_the_priors_density_integrates_to_one),
        GradientCheck("flows.RealNVP")),
    Bug("The sign of the log-determinant",
        "Is it that of f or of its inverse? Both are written log det, and without a flow that moves "
        "volume nothing shows.",
        ((transforms.Coupling.forward, ("s.sum(axis=-1)", "-s.sum(axis=-1)")),
         (transforms.Coupling.backward, ("dlog_det[..., None]", "-dlog_det[..., None]"))),
        Check(transforms_tests.test_the_log_determinant_is_that_of_the_jacobian,
              name="coupling", scale=1.0),
        GradientCheck("transforms.Coupling")),
    Bug("The norm of w for its square",
        "u is corrected along w / |w|^2. With w / |w| it is not what keeps the planar flow invertible, "
        "and its determinant is another.",
        ((transforms.Planar.forward, ("self.w @ self.v, self.w @ self.w",
                                      "self.w @ self.v, np.sqrt(self.w @ self.w)")),
         (transforms.Planar.backward, ("self.w @ self.v, self.w @ self.w",
                                       "self.w @ self.v, np.sqrt(self.w @ self.w)"),
          ("2.0 * s * ds / ww * self.w", "s * ds / ww**2 * self.w"))),
        Check(transforms_tests.test_the_log_determinant_is_that_of_the_jacobian,
              name="planar", scale=1.0),
        GradientCheck("transforms.Planar")),
    Bug("A first output that is constant",
        "Hidden units have the degrees 1 to n - 1, as without a context; then no unit that the first "
        "output may look at has seen the context, and q(z1|x) is bent for all x alike.",
        ((masked.autoregressive, ("np.arange(n_hidden) * n // n_hidden",
                                  "1 + np.arange(n_hidden) * (n - 1) // n_hidden")),),
        Check(transforms_tests.test_the_context_reaches_every_dimension, name="iaf"),
        GradientCheck("transforms.InverseAutoregressive")),
    Bug("Hidden units that reach no output",
        "Degrees of 1 to n: a unit of degree n sees all inputs, and no output is allowed to look at it. "
        "Its weights have no gradient, and nothing else tells.",
        ((masked.autoregressive, ("np.arange(n_hidden) * n // n_hidden",
                                  "np.arange(n_hidden) * (n + 1) // n_hidden")),),
        Check(transforms_tests.test_no_hidden_unit_is_dead, n=3, n_context=4, n_hidden=7),
        GradientCheck("transforms.InverseAutoregressive")),
    Bug("An output that sees its own input",
        "One sign in a mask, <= for <. The Jacobian's diagonal is then not sigma alone, and the "
        "log-determinant is another number.",
        ((masked.autoregressive, ("hidden[:, None] < outputs", "hidden[:, None] <= outputs")),),
        Check(transforms_tests.test_the_log_determinant_is_that_of_the_jacobian, name="iaf", scale=1.0),
        GradientCheck("transforms.InverseAutoregressive")),
    Bug("The context missing from the flow",
        "The flow bends without it, too, and the bound gets better; but every q(z|x) is bent in one and "
        "the same way.",
        ((FlowGaussian.sample, ("self.flow.forward(*with_context(z0, q.context))",
                                "self.flow.forward(*with_context(z0, 0.0 * q.context))")),
         (FlowGaussian.at, ("z, context = with_context(z, q.context)",
                            "z, context = with_context(z, 0.0 * q.context)")),
         (FlowGaussian.backward, ("dcontext if dcontext.ndim == dh.ndim else dcontext.sum(axis=0)",
                                  "0.0 * dcontext.sum(axis=0)"))),
        Check(flow_tests.test_each_x_bends_its_own_way),
        GradientCheck("flows.FlowGaussian, with an inverse")),
    # ---- divergences ------------------------------------------------------------------
    Bug("The KL without its -1",
        "A constant has no gradient, so training is the same; but the ELBO reported is not.",
        ((divergences.kl_to_standard_normal, ("np.expm1(logvar)", "np.exp(logvar)")),),
        Check(distributions.test_kl_is_the_mean_of_the_log_ratio),
        GradientCheck("divergences.kl_to_standard_normal")),
    Bug("The KL the wrong way round",
        "Both ways are divergences, both are zero at equality.",
        ((divergences.kl_between_normals,
          ("r = logvar_q - logvar_p",
           "mu_q, logvar_q, mu_p, logvar_p = mu_p, logvar_p, mu_q, logvar_q\n"
           "    r = logvar_q - logvar_p")),
         (divergences.kl_between_normals_backward,
          ("distance = mu_q - mu_p",
           "mu_q, logvar_q, mu_p, logvar_p = mu_p, logvar_p, mu_q, logvar_q\n"
           "    distance = mu_q - mu_p"),
          ("return dmu_q, dlogvar_q, -dmu_q, dlogvar_p", "return -dmu_q, dlogvar_p, dmu_q, dlogvar_q"))),
        Check(distributions.test_kl_is_not_symmetric),
        GradientCheck("divergences.kl_between_normals")),
    # ---- symbols ------------------------------------------------------------------------
    Bug("A relaxed sample with the KL of categories",
        "The decoder sees the Gumbel-softmax, the KL is that of softmax(logits) to the categories: a "
        "loss that is widely copied. It falls, and it draws digits. But it is no bound: at a high "
        "temperature the decoder is shown half of each of two categories, and nobody pays for that.",
        ((relaxed.GumbelSoftmax.given, (
            "return Relaxed(logits=h, mu=mu, std=np.full_like(h, std))",
            "from npvae.distributions.categories import Categorical\n"
            "return Categorical(self.n_latent, self.n_categories).given(h)")),
         (categories.check_beside, ("not isinstance(posterior, kind)", "False")),
         (npvae.gumbel_softmax_vae.__wrapped__,
          ("GumbelSoftmaxPrior(n_latent, n_categories, prior_temperature)",
           "CategoricalPrior(n_latent, n_categories)"),
          ("ELBO(beta, SampledKL())", "ELBO(beta)"))),
        Check(symbols.test_the_loss_of_relaxed_symbols_is_a_bound),
        GradientCheck("recipes.gumbel_softmax_vae")),
    Bug("The KL of a symbol times the number of its categories",
        "A mean over C in the entropy, a sum in the rest: the code is pressed C times as much.",
        ((categories._kl, ("symbols(q.mu * (q.logits - flat(p.log_p())), p.n_categories)",
                           "p.n_categories * symbols(q.mu * (q.logits - flat(p.log_p())), "
                           "p.n_categories)")),
         (categories._kl_backward, ("drate = drate[..., None]",
                                    "drate = p.n_categories * drate[..., None]"))),
        Check(symbols.test_the_kl_of_symbols_is_the_mean_of_the_log_ratio_over_all_codes),
        GradientCheck("pairs: Symbols, CategoricalPrior")),
    Bug("The KL of a symbol with the sign of an entropy",
        "Minimised, it drives q away from p: a code is rewarded for what it should cost.",
        ((categories._kl, ("q.logits - flat(p.log_p())", "flat(p.log_p()) - q.logits")),
         (categories._kl_backward, ("drate = drate[..., None]", "drate = -drate[..., None]"))),
        Check(symbols.test_the_kl_of_symbols_is_the_mean_of_the_log_ratio_over_all_codes),
        GradientCheck("pairs: Symbols, CategoricalPrior")),
    Bug("A small number inside the logarithm of a probability",
        "log(p + 1e-7) is never infinite. But no category then costs more than 16 nats.",
        ((categories.Categorical.given, ("log_softmax(symbols(h, self.n_categories))",
                                         "np.log(softmax(symbols(h, self.n_categories)) + 1e-7)")),),
        Check(symbols.test_an_improbable_category_costs_what_it_costs)),
    Bug("The relaxed density without its power of the temperature",
        "A constant has no gradient. But posterior and prior have two temperatures, and the bound is "
        "off by (C - 1) log of their ratio for each symbol.",
        ((relaxed.log_density, ("math.lgamma(C) + (C - 1) * math.log(temperature)", "math.lgamma(C)")),),
        Check(symbols.test_the_relaxed_density_is_maddisons_and_integrates_to_one, n_categories=3,
              temperature=0.5),
        GradientCheck("relaxed.GumbelSoftmax")),
    # ---- the objective ----------------------------------------------------------------
    Bug("The KL averaged over the latent dimensions",
        "`.mean()` where `.sum(-1).mean()` was meant: the KL is J times too cheap, beta = 1 is "
        "beta = 1 / J, and samples from the prior are poor.",
        ((ELBO.__call__, ("n_rates = self.cost.n_rates(n_samples, n_batch)",
                          "n_rates = rate.size")),),
        LOSS_VALUE, VAE_GRADIENT),
    Bug("A loss summed over the batch",
        "Adam hides the scale; the learning rate of SGD and any clipping now depend on the "
        "batch size.",
        ((ELBO.__call__, ("-log_px.mean().item()", "-(log_px.sum() / n_samples).item()"),
          ("n_rates = self.cost.n_rates(n_samples, n_batch)",
           "n_rates = self.cost.n_rates(n_samples, n_batch) / n_batch"),
          ("-1.0 / (n_samples * n_batch)", "-1.0 / n_samples")),),
        SPLIT, VAE_GRADIENT),
    Bug("The sample axis taken for the batch axis",
        "With K = B, or with one of them 1 in a test, nothing shows.",
        ((SampledKL.n_rates, ("n_samples * n_batch", "n_batch * n_batch")),),
        SAMPLED_VALUE, GradientCheck("recipes.vae, sampled ELBO")),
    Bug("beta accepted and ignored",
        "The argument is there, the documentation names it, the loss goes down.",
        ((ELBO.__call__, ("reconstruction + self.beta * kl", "reconstruction + kl"),
          ("self.beta / n_rates", "1.0 / n_rates")),),
        Check(model.test_beta_enters_the_value_and_the_gradient), VAE_GRADIENT),
    Bug("beta in the loss but not in its gradient",
        "The printed loss reacts to beta; the training does not.",
        ((ELBO.__call__, ("self.beta / n_rates", "1.0 / n_rates")),),
        GradientCheck("objectives.ELBO"),
        Check(model.test_the_loss_is_summed_over_dimensions_and_averaged_over_the_batch,
              cost=KL(), beta=4.0)),
    # ---- priors that learn ------------------------------------------------------------
    Bug("A misplaced parenthesis in the density of a VampPrior",
        "`(logvar + (z - mu)**2) / exp(logvar)`: log variance is divided, too. With variances near 1 "
        "it is hardly seen, and automatic differentiation finds nothing to object to.",
        ((Vamp.log_prob,
          ("mu * mu * precision + self.q.logvar + LOG_2PI",
           "mu * mu * precision + self.q.logvar * precision + LOG_2PI")),
         (Vamp.backward,
          ("precision * (second - 2.0 * mu * first + mu * mu * total) - total",
           "precision * (second - 2.0 * mu * first + mu * mu * total)"
           " - (1.0 - self.q.logvar) * precision * total"))),
        VAMP, VAMP_GRADIENT),
    Bug("New images from N(0, I), with a prior that was learned",
        "`sample` was inherited from the plain VAE. The codes lie elsewhere now.",
        ((Vamp.sample, ("self.q.mu[c] + self.q.std[c] * eps", "eps")),),
        VAMP, VAMP_GRADIENT),
    Bug("The first pseudo-inputs, not random ones",
        "n images are made from the posteriors of the first n pseudo-inputs: the same few kinds every "
        "time, and the others never.",
        ((Vamp.sample, ("rng.integers(len(self.q.mu), size=n)",
                        "np.minimum(np.arange(n), len(self.q.mu) - 1)")),),
        VAMP, VAMP_GRADIENT),
    Bug("Always the first component of a mixture",
        "One component is drawn for the whole sample, and n codes from it: each is a good one.",
        ((MixtureOfNormals.sample, ("rng.choice(len(weights), n, p=weights / weights.sum())",
                                    "np.zeros(n, int)")),),
        Check(mixtures.test_its_draws_are_of_its_density), GradientCheck("mixtures.MixtureOfNormals")),
    Bug("The encoder's second gradient dropped",
        "The pseudo-inputs are learned. But they have gone through the encoder, whose weights are in "
        "the loss twice: by q(z|x), and by p(z).",
        ((Vamp.backward, ("self.model.encoder.backward(dh, self.cache)",
                          "self.model.encoder.pullback(dh, self.cache)")),),
        VAMP_GRADIENT, VAMP),
    # ---- likelihoods ------------------------------------------------------------------
    Bug("The squared error averaged over pixels, the KL summed",
        "`mse_loss` averages by default. Reconstruction becomes D times too cheap, and the "
        "posterior collapses onto the prior.",
        ((Gaussian.log_terms, ("(error * error)", "(error * error) / error.shape[-1]")),
         (Gaussian.backward_terms,
          ("error / self.variance", "error / self.variance / error.shape[-1]"))),
        SCIPY_GAUSSIANS, GradientCheck("likelihoods.Gaussian")),
    Bug("A learned variance without its normalizer",
        "The squared error over the variance: the loss is lowest where the variance is infinite.",
        ((TiedGaussian.log_terms, ("(self.logvar + LOG_2PI)", "LOG_2PI")),
         (TiedGaussian.backward_terms, ("(square - 1.0)", "square"))),
        SCIPY_GAUSSIANS, GradientCheck("likelihoods.TiedGaussian")),
    Bug("log q without its normalizer",
        "log 2 pi is a constant, so it was dropped; from log p(z) it was not, and the "
        "sampled KL is off by J log(2 pi) / 2.",
        ((DiagonalGaussian.log_terms, ("u * u + q.logvar + LOG_2PI", "u * u + q.logvar")),),
        Check(distributions.test_log_densities_of_posterior_and_prior_are_scipys),
        GradientCheck("posteriors.DiagonalGaussian")),
    Bug("The variance head ignored",
        "The mean learns, reconstructions look right; the variance keeps its first value.",
        ((HeteroscedasticGaussian.backward_terms, ("dvariance * exp_s", "0.0 * dvariance")),),
        GradientCheck("likelihoods.HeteroscedasticGaussian"), SCIPY_GAUSSIANS),
    Bug("The variance head with the derivative of another formula",
        "d variance / d s is the variance only where there is no floor: wrong by 0.01 %.",
        ((HeteroscedasticGaussian.backward_terms,
          ("error, exp_s, variance = cache", "error, exp_s, variance = cache\n    exp_s = variance")),),
        GradientCheck("likelihoods.HeteroscedasticGaussian"), SCIPY_GAUSSIANS),
    Bug("The sigmoid differentiated twice",
        "(x - p) is the gradient in the logit already; p (1 - p) belongs to the gradient in p.",
        ((Bernoulli.backward_terms, ("dlogits = c - t", "dlogits = (c - t) * (0.25 * (1.0 - t * t))")),),
        GradientCheck("likelihoods.Bernoulli"), LOSS_VALUE),
    Bug("Probabilities clipped before the logarithm",
        "It cures the NaN. But a confident mistake costs 16 nats at most, and its gradient is "
        "zero: the pixel is never learned.",
        ((Bernoulli._parts, ("c, u = 2.0 * x - 1.0, 0.5 * logits",
                             "c, u = 2.0 * x - 1.0, 0.5 * np.clip(logits, -16.1, 16.1)")),),
        Check(extremes.test_bernoulli_at_extreme_logits, dtype=np.float64, rtol=1e-15),
        GradientCheck("likelihoods.Bernoulli")),
    Bug("log(1 + exp(x)) as it is written",
        "Exact on paper; infinite above x = 710, above 88 in float32.",
        ((softplus, ("0.5 * (x + a) + np.log1p(np.exp(-a))", "np.log(1.0 + np.exp(x))")),),
        Check(extremes.test_activations_at_extremes_reach_their_limits, dtype=np.float64),
        GradientCheck("layers.Softplus")),
    Bug("Logits shown as if they were probabilities",
        "The figure's colour scale adapts, and digits are still digits.",
        ((Bernoulli.mean, ("return sigmoid(logits)", "return logits")),),
        Check(model.test_public_methods_fit_together), VAE_GRADIENT),
    Bug("A sampler that draws the complement",
        "One wrong comparison; at p = 0.5 the moments are right.",
        ((Bernoulli.sample, ("uniform < sigmoid(logits)", "uniform > sigmoid(logits)")),),
        Check(distributions.test_samples_of_likelihoods_have_the_stated_moments,
              likelihood=Bernoulli(), y=[1.2], std=np.sqrt(0.17789444064680573)),
        GradientCheck("likelihoods.Bernoulli")),
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
        ((Categorical.log_terms, ("log_sum_exp(log_p, axis=-1)[..., None]",
                                  "log_sum_exp(log_p, axis=1)[:, None]")),),
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
    # ---- layers and the model ----------------------------------------------------------
    Bug("The derivative of another activation",
        "y (1 - y) is the sigmoid's. Of the right size, and of the right sign half the time.",
        ((layers.Tanh.pullback, ("1.0 - y * y", "y * (1.0 - y)")),),
        GradientCheck("layers.Tanh"), LOSS_VALUE),
    Bug("An activation's derivative at its output",
        "The cache holds y, the formula wants x: tanh applied twice.",
        ((layers.Tanh.pullback, ("1.0 - y * y", "1.0 - np.tanh(y)**2")),),
        GradientCheck("layers.Tanh"), LOSS_VALUE),
    Bug("The gradient of the bias averaged over the rows",
        "The loss is a mean, so this one looks like one, too; but dy is divided by B already.",
        ((layers.Dense.accumulate, ('self.add_sum("b", dy)', 'self.add_sum("b", dy / len(dy))')),),
        GradientCheck("layers.Dense"), LOSS_VALUE),
    Bug("A gradient wrong by a tenth of a percent",
        "Training cannot tell. A check with a tolerance of 1 % cannot, either.",
        ((layers.Dense.pullback, ("_rows(dy) @ self.W.T", "_rows(1.001 * dy) @ self.W.T")),),
        GradientCheck("layers.Dense"), LOSS_VALUE),
    Bug("Gradients overwritten, not added",
        "The same, as long as each layer is used once in a step.",
        ((layers.Dense.accumulate, ('self.add_product("W", x.T, dy)', "self.dW = x.T @ dy")),),
        Check(gradients.test_gradients_of_a_layer_used_twice_add_up), GradientCheck("layers.Dense")),
    Bug("Parameters updated before all gradients exist",
        "Update while going back saves a loop. The layers below then see weights that the "
        "forward pass did not use.",
        ((layers.Dense.accumulate, ('self.add_product("W", x.T, dy)',
                                    "self.dW += x.T @ dy; self.W -= 0.01 * self.dW")),),
        GradientCheck("layers.Dense"), LOSS_VALUE),
    Bug("An activation written over its input",
        "It saves memory, and is harmless after a Dense layer, which keeps its input only.",
        ((layers.ReLU.forward, ("return x * positive, positive",
                                "x *= positive\n    return x, positive")),),
        Check(gradients.test_gradients_of_layers_keep_dtype_and_leave_their_inputs_alone,
              dtype=np.float64),
        Check(gradients_of_a_relu_network), raises=ValueError),
    Bug("The decoder's delta used for the encoder",
        "The variable has the right name and a shape that fits: the decoder's own pullback "
        "is left out.",
        ((npvae.VAE.backward,
          ("dz = self.decoder.backward(dy, cache.decoder)[..., :self.n_latent] + dz_of_rate",
           "self.decoder.backward(dy, cache.decoder)\n"
           "    dz = dy[..., :self.n_latent] + dz_of_rate")),),
        VAE_GRADIENT, LOSS_VALUE),
    Bug("The target ignored",
        "A denoising autoencoder that is asked for the noise: it trains better than ever.",
        ((npvae.VAE.forward, ("target = x if target is None else target", "target = x")),),
        Check(model.test_the_target_is_described_and_the_condition_is_seen),
        Check(gradients.test_gradients_with_a_condition_and_a_target, cost=KL())),
    # ---- learning ---------------------------------------------------------------------
    Bug("Adam without bias correction",
        "Only the first steps differ: with beta2 = 0.999 the first thousand, by up to a factor 3.",
        ((optimizers.Adam._update, ("(1.0 - self.beta1 ** self.t)", "1.0"),
          ("(1.0 - self.beta2 ** self.t)", "1.0")),),
        Check(TWINS, optimizer=npvae.Adam(), twin=learning.adam_twin, dtype=np.float64, rtol=1e-12)),
    Bug("Adam's epsilon under the root",
        "With 1e-8 nobody notices; with the 1e-4 of some papers it is another algorithm.",
        ((optimizers.Adam._update, ("np.sqrt(v, out=s)", "np.sqrt(v + root_d**2 * self.eps**2, out=s)"),
          ("s += root_d * self.eps", "")),),
        Check(TWINS, optimizer=npvae.Adam(beta1=0.8, beta2=0.9, eps=1e-3), dtype=np.float64, rtol=1e-12,
              twin=lambda *a: learning.adam_twin(*a, 0.8, 0.9, 1e-3))),
    Bug("The mean of batch means",
        "The last batch is smaller than the others, and counts as much.",
        ((training.evaluate, ("np.multiply(loss[:3], len(batch))", "np.multiply(loss[:3], batch_size)"),
          ("totals / len(x)", "totals / batch_size / -(-len(x) // batch_size)")),),
        Check(learning.test_evaluate_is_the_mean_over_all_rows_whatever_the_batches), LOSS_VALUE),
    Bug("The same binarization in every epoch",
        "The generator is made from the seed and the step alone: dynamic binarization becomes fixed.",
        ((training.fit, ('rng = stream(seed, "step", run.epoch, run.step)',
                         'rng = stream(seed, "step", run.step)')),),
        Check(learning.test_every_step_follows_from_the_seed_the_epoch_and_the_step)),
    Bug("Resumed without the optimizer's count of steps",
        "The moments are restored, the curve goes on; the first steps are far too long.",
        ((run.Run.resume, ('self.optimizer.restore(numbers["optimizer.t"], moments, header["version"])',
                           'self.optimizer.restore(0, moments, header["version"])')),),
        Check(learning.test_a_resumed_run_ends_in_the_same_bits, at_call=5, optimizer=npvae.Adam)),
    # ---- K samples --------------------------------------------------------------------
    Bug("The softmax of the losses",
        "The weights are a softmax of log w. Where each sample's loss is at hand, -log w, it is "
        "soon taken of that: the worst sample counts the most.",
        ((IWAE.__call__, ("normalized_weights(log_w)", "normalized_weights(-log_w)")),),
        GradientCheck("objectives.IWAE"),
        Check(importance.test_the_order_of_the_samples_is_nothing, objective=IWAE())),
    Bug("The score dropped inside the importance weighted bound",
        "Its mean is zero in the ELBO, so it was dropped here, too. But here it stands beside "
        "weights that depend on z: what is dropped is not zero in the mean.",
        ((IWAE.__call__, ("drate=weight", "drate=weight, score=0.0")),),
        Check(importance.test_which_gradients_are_right_in_the_mean),
        GradientCheck("objectives.IWAE")),
    # ---- costs over the batch ---------------------------------------------------------
    Bug("The stratified weights down a column",
        "With M = B - 1, a stride of M + 1 in the flat matrix looks like the diagonal's, and is a "
        "column's: the x from which z was drawn counts B times too much.",
        ((DecomposedKL.weights, ("w.flat[::n_batch + 1] = 1.0 / self.n",
                                 "w.flat[::n_batch] = 1.0 / self.n")),),
        Check(batch_costs.test_the_stratified_estimate_of_q_of_z_is_unbiased),
        GradientCheck("batch_costs.DecomposedKL")),
    Bug("The log weight added before the sum over the dimensions",
        "One matrix of log q(z_j|x) + log w serves both q(z) and q(z_j). In q(z) the weight is then in "
        "there J times, and the total correlation of 10 dimensions is 40 nats too low.",
        ((DecomposedKL.forward, ("joint = log_w + log_terms.sum(axis=-1)",
                                 "joint = (log_w[..., None] + log_terms).sum(axis=-1)")),),
        Check(batch_costs.test_the_parts_are_sums_written_out, sampling="stratified"),
        GradientCheck("batch_costs.DecomposedKL")),
    Bug("A z in a pair with itself",
        "The sum of the kernel over all B^2 pairs has B ones in it, and is divided by B (B - 1): the "
        "discrepancy is 1 / (B - 1) too large. Its gradient is right.",
        ((MMD.forward, ("k *= ~np.eye(n_batch, dtype=bool)", "k *= 1.0")),),
        Check(batch_costs.test_the_closed_form_is_the_mean_of_the_sampled_discrepancy, width=2.0),
        GradientCheck("batch_costs.MMD")),
    # ---- labels that few x have -------------------------------------------------------
    Bug("log p(y) left out",
        "It is the same for every label, and has no gradient. But the loss is then no bound: it is "
        "log C nats too low.",
        ((SemiSupervisedVAE.forward, ("kl += ~given * log_q + math.log(n_classes)",
                                      "kl += ~given * log_q")),),
        Check(labels.test_the_loss_is_a_sum_over_labels_written_out, cost=KL(), beta=1.0),
        GradientCheck("recipes.semi_supervised_vae")),
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


# ---- the page ------------------------------------------------------------------------------

HEAD = """# The bug zoo

Mistakes that public VAE code has shipped, each as a mutant of npvae, with the check that sees
it. `{command}` puts each mutant into the package, and asserts that the check
named passes on npvae and fails on the mutant, and that the other one does not notice.

{blind} of these {n} mutants pass a gradient check: it compares the backward pass with the forward
pass, and most of these are wrong in both. So a gradient check is not enough; every formula also
needs a check of what it means.
"""


def page():
    """The page, as Markdown."""
    blind = sum(isinstance(bug.missed_by, GradientCheck) for bug in ZOO)
    lines = [HEAD.format(command="pytest tests/test_bug_zoo.py", blind=blind, n=len(ZOO))]
    for number, bug in enumerate(ZOO, start=1):
        lines += [f"## {number}. {bug.name}", "", "```diff"]
        for function, *replacements in bug.edits:
            lines.append(f"# {function.__module__}.{function.__qualname__}")
            for before, after in replacements:
                lines += [f"- {line.strip()}" for line in before.splitlines()]
                lines += [f"+ {line.strip()}" for line in after.splitlines()]
        lines += ["```", "", bug.looks_right, "", f"Seen by {bug.seen_by}."]
        if bug.missed_by:
            lines[-1] += f" Not seen by {bug.missed_by}."
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("BUG_ZOO.md").write_text(page(), encoding="utf-8")
