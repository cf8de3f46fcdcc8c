"""Models whose code is N symbols of C categories each: exact, or relaxed."""

from npvae.distributions.categories import Categorical, CategoricalPrior
from npvae.distributions.relaxed import GumbelSoftmax, GumbelSoftmaxPrior, Softmax
from npvae.inputs import check_positive, check_type
from npvae.model import VAE
from npvae.networks.layers import Chain
from npvae.objectives import ELBO, SampledKL, ScoreFunction
from npvae.recipes.building import dense_model, recipe


@recipe
def categorical_vae(n_data=784, n_hidden=(400,), n_latent=200, *, n_categories=10,
                    likelihood="bernoulli", variance=1.0, beta=1.0, activation="relu",
                    init="uniform", seed=0):
    """A VAE whose code is J / C symbols of C categories. Its encoder learns by the score function.

    Train it with `fit(..., n_samples=K)` for K of at least 2. The probabilities of the prior are
    learned, too.

    Parameters
    ----------
    n_latent : int
        J, the size of the code: C for each symbol.
    n_categories : int
        C.

    The others are those of `vae`.
    """
    return dense_model(Categorical(n_latent, n_categories), CategoricalPrior(n_latent, n_categories),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       objective=ScoreFunction(beta))


@recipe
def gumbel_softmax_vae(n_data=784, n_hidden=(400,), n_latent=200, *, n_categories=10,
                       temperature=2 / 3, prior_temperature=0.5, likelihood="bernoulli", variance=1.0,
                       beta=1.0, activation="relu", init="uniform", seed=0):
    """A VAE whose code is J / C relaxed symbols: its encoder learns by the path.

    Parameters
    ----------
    temperature, prior_temperature : float
        Of the posterior and of the prior: see `npvae.distributions.relaxed`.

    The others are those of `categorical_vae`.

    References
    ----------
    Jang, Gu and Poole (2017); Maddison, Mnih and Teh (2017). The KL is that of the relaxed densities,
    as in the second: so -loss is a bound, of the model with a relaxed code.
    """
    check_positive(prior_temperature, "prior_temperature")
    return dense_model(GumbelSoftmax(n_latent, n_categories, temperature),
                       GumbelSoftmaxPrior(n_latent, n_categories, prior_temperature),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       squash=(Softmax(n_categories),), objective=ELBO(beta, SampledKL()))


def with_exact_symbols(model):
    """The model of relaxed symbols with exact ones in their place: what it is worth as a discrete one.

    Parameters
    ----------
    model : VAE
        With a GumbelSoftmax posterior, its prior, and a decoder that begins with a `Softmax`.

    Returns
    -------
    VAE
        With copies of its networks, the logits of its prior, and the beta of its objective.
    """
    check_type(model, "model", VAE, "a VAE")
    check_type(model.posterior, "posterior", GumbelSoftmax, "a GumbelSoftmax")
    layers = getattr(model.decoder, "layers", ())
    check_type(layers[0] if layers else model.decoder, "the first layer of the decoder", Softmax,
               "a Softmax")
    sizes = model.n_latent, model.posterior.n_categories
    prior = CategoricalPrior(*sizes).astype(model.parameters.dtype)
    prior.logits = model.prior.logits
    objective = ScoreFunction(beta=getattr(model.objective, "beta", 1.0))
    return VAE(model.encoder.copy(), Categorical(*sizes), prior,
               Chain(*(layer.copy() for layer in layers[1:])), model.likelihood.copy(),
               n_data=model.n_data, n_condition=model.n_condition, objective=objective,
               corrupt=model.corrupt, shows_mask=model.shows_mask)
