"""Everything differentiable in npvae, one row each, and the check of each row.

`python -m npvae.gradcheck` prints it. A new layer, distribution, objective or recipe adds its line
here; how the rows of each kind are checked stands in `npvae.gradcheck.rows`.
"""

from npvae import recipes
from npvae.distributions import (categories, counts, flows, given, hierarchy, likelihoods, mixtures,
                                 pixels, posteriors, priors, relaxed, robust, scales, transforms)
from npvae.gradcheck import rows
from npvae.gradcheck.checks import check_kl, check_layer
from npvae.networks import convolution, layers
from npvae.objectives import (CIWAE, ELBO, IWAE, MIWAE, MMD, PIWAE, VIMCO, Capacity, DecomposedKL, DReG,
                              Free, FreeBits, SampledKL, ScoreFunction, StickingTheLanding)

TABLE = {
    "layers.Dense": rows.of_dense,
    "layers.ReLU": rows.of_activation(layers.ReLU),
    "layers.Tanh": rows.of_activation(layers.Tanh),
    "layers.Sigmoid": rows.of_activation(layers.Sigmoid),
    "layers.Softplus": rows.of_activation(layers.Softplus),
    "layers.First": lambda s, rng: check_layer(
        layers.First(s.J), rng.standard_normal((s.K, s.B, s.J + s.D)), rng),
    "layers.Table": lambda s, rng: check_layer(
        layers.Table(rng.standard_normal((s.B, s.J))), rng.standard_normal((s.B, s.D)), rng),
    "layers.Chain": rows.of_chain,
    "masked.MaskedDense": rows.of_masked,
    "convolution.Conv2d": rows.of_convolution(convolution.Conv2d, 5),
    "convolution.ConvTranspose2d": rows.of_convolution(convolution.ConvTranspose2d, 3),
    "convolution.Reshape": lambda s, rng: check_layer(
        convolution.Reshape((s.D,), (1, s.D, 1)), rng.standard_normal((s.K, s.B, s.D)), rng),
    "divergences.kl_to_standard_normal": rows.of_divergence("kl_to_standard_normal", 2),
    "divergences.kl_between_normals": rows.of_divergence("kl_between_normals", 4),
    "divergences.kl_between_bernoullis": rows.of_divergence("kl_between_bernoullis", 2),
    "posteriors.DiagonalGaussian": rows.of_posterior(lambda s, rng: posteriors.DiagonalGaussian(s.J)),
    "posteriors.Deterministic": rows.of_posterior(lambda s, rng: posteriors.Deterministic(s.J)),
    "posteriors.Bernoulli": rows.of_posterior(lambda s, rng: posteriors.Bernoulli(s.J)),
    "posteriors.Concrete": rows.of_posterior(lambda s, rng: posteriors.Concrete(s.J)),
    "hierarchy.StackedGaussian": rows.of_posterior(lambda s, rng: hierarchy.StackedGaussian(
        s.J, s.D, rows.network(s.J, s.H[0], 2 * s.D, rng))),
    "categories.Categorical": rows.of_posterior(lambda s, rng: categories.Categorical(3 * s.J, 3)),
    "relaxed.Softmax": lambda s, rng: check_layer(
        relaxed.Softmax(3), rng.standard_normal((s.K, s.B, 3 * s.J)), rng),
    "relaxed.GumbelSoftmax": rows.of_posterior(lambda s, rng: relaxed.GumbelSoftmax(3 * s.J, 3)),
    "transforms.Planar": rows.of_transform(lambda s, rng: transforms.Planar(s.J, s.D, rng)),
    "transforms.Coupling": rows.of_transform(lambda s, rng: transforms.Coupling(s.J, s.D, s.H[0], rng)),
    "transforms.InverseAutoregressive": rows.of_transform(
        lambda s, rng: transforms.InverseAutoregressive(s.J, s.D, s.H[0], rng)),
    "transforms.Flow": rows.of_transform(
        lambda s, rng: transforms.Flow("coupling iaf planar", s.J, s.D, 3, 0)),
    "flows.FlowGaussian": rows.of_posterior(
        lambda s, rng: flows.FlowGaussian(s.J, "planar coupling", 3, 2), rows.GENTLY),
    "flows.FlowGaussian, with an inverse": rows.of_posterior(
        lambda s, rng: flows.FlowGaussian(s.J, "iaf", 2, 2), rows.GENTLY),
    "priors.StandardNormal": rows.of_prior(lambda s, rng: priors.StandardNormal(s.J)),
    "priors.Bernoulli": rows.of_prior(lambda s, rng: priors.Bernoulli(s.J, p=0.3)),
    "priors.Concrete": rows.of_prior(lambda s, rng: priors.Concrete(s.J, p=0.3)),
    "hierarchy.StackedNormal": rows.of_prior(lambda s, rng: hierarchy.StackedNormal(
        s.J, s.D, rows.network(s.D, s.H[0], 2 * s.J, rng))),
    "mixtures.MixtureOfNormals": rows.of_prior(lambda s, rng: mixtures.MixtureOfNormals(s.J, 4)),
    "categories.CategoricalPrior": rows.of_prior(lambda s, rng: categories.CategoricalPrior(3 * s.J, 3)),
    "relaxed.GumbelSoftmaxPrior": rows.of_prior(lambda s, rng: relaxed.GumbelSoftmaxPrior(3 * s.J, 3)),
    "flows.RealNVP": rows.of_prior(lambda s, rng: flows.RealNVP(s.J + 1, 2, 3), rows.GENTLY),
    "given.VampPrior": rows.of_vamp_prior,
    "given.ConditionalNormal": rows.of_conditional_normal,
    "pairs: Gaussian, NormalGiven": lambda s, rng: check_kl(
        posteriors.DiagonalGaussian(s.J), rows.moved(given.ConditionalNormal(s.J, 3, s.H[0]), rng),
        rng.standard_normal((s.B, 2 * s.J)), rng, rng.standard_normal((s.B, 3))),
    "pairs: Gaussian, StandardNormal": rows.of_pair(posteriors.DiagonalGaussian, priors.StandardNormal),
    "pairs: Bits, Bernoulli": rows.of_pair(posteriors.Bernoulli, lambda J: priors.Bernoulli(J, p=0.3)),
    "pairs: Symbols, CategoricalPrior": lambda s, rng: check_kl(
        categories.Categorical(3 * s.J, 3), rows.moved(categories.CategoricalPrior(3 * s.J, 3), rng),
        rng.standard_normal((s.B, 3 * s.J)), rng),
    "likelihoods.Bernoulli": rows.of_likelihood(likelihoods.Bernoulli()),
    "likelihoods.Gaussian": rows.of_likelihood(likelihoods.Gaussian(variance=0.3)),
    "likelihoods.TiedGaussian": rows.of_likelihood(likelihoods.TiedGaussian(variance=0.3)),
    "likelihoods.HeteroscedasticGaussian": rows.of_likelihood(likelihoods.HeteroscedasticGaussian()),
    "robust.Laplace": rows.of_likelihood(robust.Laplace(scale=0.3)),
    "robust.StudentT": rows.of_likelihood(robust.StudentT(df=3.5)),
    "scales.DiagonalGaussian": rows.of_scales(scales.DiagonalGaussian),
    "scales.DiagonalStudentT": rows.of_scales(lambda D: scales.DiagonalStudentT(D, df=3.5)),
    "pixels.ContinuousBernoulli": rows.of_likelihood(pixels.ContinuousBernoulli()),
    "pixels.DiscretizedLogistic": rows.of_likelihood(
        pixels.DiscretizedLogistic(5), lambda rng, *shape: rng.integers(5, size=shape) / 4),
    "counts.Poisson": rows.of_likelihood(counts.Poisson(), lambda rng, *shape: rng.poisson(2.0, shape)),
    "counts.NegativeBinomial": rows.of_likelihood(
        counts.NegativeBinomial(), lambda rng, *shape: rng.poisson(2.0, shape)),
    "columns.Categorical": rows.of_categorical,
    "columns.Columns": rows.of_columns,
    "objectives.ELBO": rows.of_objective(ELBO(beta=1.3)),
    "objectives.ELBO, sampled": rows.of_objective(ELBO(beta=0.7, cost=SampledKL())),
    "objectives.ELBO, free code": rows.of_objective(ELBO(beta=0.7, cost=Free())),
    "objectives.FreeBits": rows.of_objective(FreeBits(beta=1.3, free=0.1)),
    "objectives.Capacity": rows.of_objective(Capacity(beta=1.3, capacity=25.0)),
    "objectives.Capacity, sampled": rows.of_objective(
        Capacity(beta=1.3, cost=SampledKL(), capacity=0.0)),
    "objectives.StickingTheLanding": rows.of_objective(StickingTheLanding(beta=0.7)),
    "objectives.ScoreFunction": rows.of_objective(ScoreFunction(beta=1.3), least_samples=2),
    "objectives.IWAE": rows.of_objective(IWAE()),
    "objectives.DReG": rows.of_objective(DReG()),
    "objectives.VIMCO": rows.of_objective(VIMCO(), least_samples=2),
    "batch_costs.DecomposedKL": rows.of_cost(DecomposedKL(9, 0.7, 6.0, 1.3), "mixture_of_normals"),
    "batch_costs.DecomposedKL, weighted": rows.of_cost(
        DecomposedKL(9, 0.7, 6.0, 1.3, sampling="weighted")),
    "batch_costs.MMD": rows.of_cost(MMD(weight=0.7, kl=0.3, width=1.5)),
    "objectives.MIWAE": rows.of_objective(MIWAE(2), multiple=2),
    "objectives.PIWAE": rows.of_objective(PIWAE(2), multiple=2),
    "objectives.CIWAE": rows.of_objective(CIWAE(0.3)),
    "recipes.vae": rows.of_recipe(recipes.vae),
    "recipes.vae, sampled ELBO": rows.of_recipe(recipes.vae, ELBO(beta=0.7, cost=SampledKL())),
    "recipes.vae, mixture prior": rows.of_recipe(recipes.vae, prior="mixture_of_normals"),
    "recipes.vae, flows": rows.of_flows,
    "recipes.vae, Laplace": rows.of_recipe(recipes.vae, likelihood="laplace"),
    "recipes.vae, Gaussian": rows.of_recipe(recipes.vae, likelihood="gaussian", variance=0.3),
    "recipes.vae, tied Gaussian": rows.of_recipe(recipes.vae, likelihood="tied_gaussian", variance=0.3),
    "recipes.vae, heteroscedastic": rows.of_recipe(recipes.vae, likelihood="heteroscedastic_gaussian"),
    "recipes.iwae": rows.of_recipe(recipes.iwae),
    "recipes.two_layer_iwae": rows.of_two_layer_iwae,
    "recipes.conditional_vae": rows.of_conditional_vae,
    "recipes.semi_supervised_vae": rows.of_semi_supervised_vae,
    "recipes.autoencoder": rows.of_recipe(recipes.autoencoder),
    "recipes.denoising_autoencoder": rows.of_recipe(recipes.denoising_autoencoder),
    "recipes.bernoulli_vae": rows.of_bernoulli_vae,
    "recipes.concrete_vae": rows.of_recipe(recipes.concrete_vae),
    "recipes.categorical_vae": rows.of_categorical_vae,
    "recipes.gumbel_softmax_vae": rows.of_gumbel_softmax_vae,
    "recipes.convolutional_vae": rows.of_convolutional_vae,
}
