"""Bugs of what stands beside the VAE: flows, symbols, other priors, costs over the batch, and labels."""

import npvae
import test_batch_costs as batch_costs
import test_categories as symbols
import test_flows as flow_tests
import test_given as given
import test_labels as labels
import test_mixtures as mixtures
import test_transforms as transforms_tests
from npvae import door
from npvae.distributions import categories, relaxed, transforms
from npvae.distributions.flows import FlowGaussian, RealNVP
from npvae.distributions.given import Vamp
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.labels import SemiSupervisedVAE
from npvae.networks import masked
from npvae.objectives import KL, MMD, DecomposedKL, SampledKL
from zoo_checks import Bug, Check, GradientCheck

VAMP = Check(given.test_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_pseudo_inputs)
VAMP_GRADIENT = GradientCheck("given.VampPrior")

BUGS = [
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
         (FlowGaussian.backward, ("as_h(dcontext, dh)", "0.0 * as_h(dcontext, dh)"))),
        Check(flow_tests.test_each_x_bends_its_own_way),
        GradientCheck("flows.FlowGaussian, with an inverse")),
    # ---- symbols ------------------------------------------------------------------------
    Bug("A relaxed sample with the KL of categories",
        "The decoder sees the Gumbel-softmax, the KL is that of softmax(logits) to the categories: a "
        "loss that is widely copied. It falls, and it draws digits. But it is no bound: at a high "
        "temperature the decoder is shown half of each of two categories, and nobody pays for that.",
        ((relaxed.GumbelSoftmax.given, (
            "return Relaxed(logits=h, mu=mu, std=np.full_like(h, std))",
            "from npvae.distributions.categories import Categorical\n"
            "return Categorical(self.n_latent, self.n_categories).given(h)")),
         (door.check_parts, ("model.posterior.codes != model.prior.codes", "False")),
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
    # ---- priors that learn ------------------------------------------------------------
    Bug("A misplaced parenthesis in the density of a VampPrior",
        "`(logvar + (z - mu)**2) / exp(logvar)`: log variance is divided, too. With variances near 1 "
        "it is hardly seen, and automatic differentiation finds nothing to object to.",
        ((Vamp.log_prob,
          ("mu * mu * precision + logvar + LOG_2PI",
           "mu * mu * precision + logvar * precision + LOG_2PI")),
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
]
