"""Models of dense layers."""

from npvae.datasets.images import Masking
from npvae.distributions import posteriors, priors
from npvae.inputs import check_count, check_number, check_positive
from npvae.networks.layers import Sigmoid
from npvae.objectives import ELBO, IWAE, Free, SampledKL, ScoreFunction
from npvae.recipes.building import dense_model, of_names, recipe, with_elbo


@recipe
def vae(n_data=784, n_hidden=(400,), n_latent=20, *, posterior="diagonal_gaussian",
        prior="standard_normal", likelihood="bernoulli", variance=1.0, beta=1.0, activation="relu",
        init="uniform", shows_mask=False, seed=0):
    """The variational autoencoder of Kingma and Welling (2014), with dense layers.

    Finite, in float32, as its weights are drawn, for |x| up to 10, or x of 0 to 1 where the
    likelihood is Bernoulli. So standardize data of other sizes.

    Parameters
    ----------
    n_data : int
        D, the size of one x: 784 for MNIST.
    n_hidden : sequence of int
        The hidden sizes of the encoder; the decoder's are the same, in reverse.
    n_latent : int
        J, the size of the code z.
    posterior, prior, likelihood : str, or a Posterior, Prior, Likelihood
        q(z|x), p(z) and p(x|z), by name or as they are: see `npvae.distributions`. The names are
        the classes': "heteroscedastic_gaussian" for HeteroscedasticGaussian.
    variance : float
        Of the "gaussian" likelihood; of the "tied_gaussian" and the "diagonal_gaussian" one, where
        its learning starts.
    beta : float
        The weight of the KL in the loss. The KL is the closed form, where the pair of posterior and
        prior has one, else the sampled one.
    activation : {"relu", "tanh", "sigmoid", "softplus"}
    init : {"uniform", "glorot", "he"}
        See `npvae.networks.initializers`.
    shows_mask : bool
        Whether the encoder is told which values of x are observed: see `VAE`.
    seed : int
        Of the initial weights.

    Returns
    -------
    VAE
        In float32; `astype(np.float64)` gives a copy in double precision.
    """
    posterior, prior = of_names(posterior, prior, n_latent=n_latent, n_data=n_data, seed=seed)
    return with_elbo(dense_model(posterior, prior, n_data, n_hidden, likelihood, variance, activation,
                                 init, seed, shows_mask=shows_mask), beta)


@recipe
def iwae(n_data=784, n_hidden=(200, 200), n_latent=50, *, posterior="diagonal_gaussian",
         prior="standard_normal", likelihood="bernoulli", variance=1.0, activation="tanh",
         init="glorot", shows_mask=False, seed=0):
    """The importance weighted autoencoder: a VAE with a bound of K samples.

    Train it with `fit(..., n_samples=K)`; K = 1 is the VAE. The sizes are those of the paper,
    and the parameters those of `vae`, without beta.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016).
    """
    posterior, prior = of_names(posterior, prior, n_latent=n_latent, n_data=n_data, seed=seed)
    return dense_model(posterior, prior, n_data, n_hidden, likelihood, variance, activation, init,
                       seed, shows_mask=shows_mask, objective=IWAE())


@recipe
def conditional_vae(n_data=784, n_condition=10, n_hidden=(400,), n_latent=20, *,
                    posterior="diagonal_gaussian", prior="standard_normal", likelihood="bernoulli",
                    variance=1.0, beta=1.0, activation="relu", init="uniform", shows_mask=False,
                    seed=0):
    """A VAE of x given a condition c: the encoder sees (x, c), the decoder (z, c).

    With labels for c, as `datasets.one_hot` makes them, z need not say which digit it is,
    and is left to the style. With a part of an image for c, the rest is x.

    Parameters
    ----------
    n_condition : int
        C, the size of the condition.

    The others are those of `vae`.

    References
    ----------
    Kingma, Mohamed, Rezende and Welling (2014); Sohn, Lee and Yan (2015), whose prior depends on c,
    too: prior="conditional_normal".
    """
    check_count(n_condition, "n_condition")
    posterior, prior = of_names(posterior, prior, n_latent=n_latent, n_condition=n_condition,
                                seed=seed)
    return with_elbo(dense_model(posterior, prior, n_data, n_hidden, likelihood, variance, activation,
                                 init, seed, n_condition=n_condition, shows_mask=shows_mask), beta)


@recipe
def autoencoder(n_data=784, n_hidden=(400,), n_latent=20, *, likelihood="bernoulli",
                variance=1.0, activation="relu", init="uniform", seed=0):
    """An autoencoder: the networks of `vae`, with a point for a posterior and no KL.

    The parameters are those of `vae`. Without hidden layers, and with a Gaussian likelihood,
    it finds the subspace of the principal components.
    """
    return dense_model(posteriors.Deterministic(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       objective=ELBO(cost=Free()))


@recipe
def denoising_autoencoder(n_data=784, n_hidden=(400,), n_latent=20, *, masked=0.5,
                          likelihood="bernoulli", variance=1.0, activation="relu",
                          init="uniform", seed=0):
    """An autoencoder that is shown a corrupted x, and is to give back the clean one.

    Parameters
    ----------
    masked : float in [0, 1)
        The probability with which a pixel is set to zero, at every presentation.

    The others are those of `vae`.

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol (2008).
    """
    check_number(masked, "masked", lambda v: 0 <= v < 1, "a probability in [0, 1)")
    return dense_model(posteriors.Deterministic(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       objective=ELBO(cost=Free()), corrupt=Masking(masked))


@recipe
def bernoulli_vae(n_data=784, n_hidden=(400,), n_latent=20, *, likelihood="bernoulli",
                  variance=1.0, beta=1.0, activation="relu", init="uniform", seed=0):
    """A VAE whose code is J bits. Its encoder learns by the score function.

    Train it with `fit(..., n_samples=K)` for K of at least 2. The parameters are those of
    `vae`.
    """
    return dense_model(posteriors.Bernoulli(n_latent), priors.Bernoulli(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       objective=ScoreFunction(beta))


@recipe
def concrete_vae(n_data=784, n_hidden=(400,), n_latent=20, *, temperature=2 / 3,
                 prior_temperature=0.5, likelihood="bernoulli", variance=1.0, beta=1.0,
                 activation="relu", init="uniform", seed=0):
    """A VAE whose code is J relaxed bits, sigmoid(z): its encoder learns by the path.

    Parameters
    ----------
    temperature, prior_temperature : float
        Of the posterior and of the prior: see `posteriors.Concrete`.

    The others are those of `vae`.
    """
    check_positive(prior_temperature, "prior_temperature")
    return dense_model(posteriors.Concrete(n_latent, temperature),
                       priors.Concrete(n_latent, prior_temperature),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       squash=(Sigmoid(),), objective=ELBO(beta, SampledKL()))
