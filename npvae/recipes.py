"""Recipes: a well-known model, built from the parts in one short function each.

Every recipe notes on the model how it was called (`model.config`), so that a saved
model can be built again from its file.
"""

import functools
import inspect

import numpy as np

from npvae.datasets.images import Masking
from npvae.distributions import posteriors, priors
from npvae.distributions.likelihoods import (Bernoulli, Gaussian, HeteroscedasticGaussian,
                                             TiedGaussian)
from npvae.inputs import check_choice, check_count, check_positive
from npvae.model import VAE
from npvae.networks.convolution import Conv2d, ConvTranspose2d, Reshape
from npvae.networks.initializers import glorot_uniform, he_normal, uniform_fan_in
from npvae.networks.layers import Chain, Dense, ReLU, Sigmoid, Softplus, Tanh
from npvae.objectives import ELBO, IWAE, ScoreFunction
from npvae.randomness import stream

RECIPES = {}
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "softplus": Softplus}
INITIALIZERS = {"uniform": uniform_fan_in, "glorot": glorot_uniform, "he": he_normal}
LIKELIHOODS = {"bernoulli": lambda variance: Bernoulli(),
               "gaussian": Gaussian,
               "tied_gaussian": TiedGaussian,
               "heteroscedastic_gaussian": lambda variance: HeteroscedasticGaussian()}


def recipe(build):
    """Register a recipe by its name, and note its arguments on what it builds."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def noted(*args, **kwargs):
        arguments = signature.bind(*args, **kwargs)
        arguments.apply_defaults()
        arguments = {name: plain(value) for name, value in arguments.arguments.items()}
        model = build(**arguments)
        model.config = {"recipe": build.__name__, **arguments}
        return model

    RECIPES[build.__name__] = noted
    return noted


def mlp(sizes, activation, rng, init, first=()):
    """Dense layers of the given sizes, with an activation between each two; before them,
    the layers `first`."""
    layers = [*first]
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [Dense(n_in, n_out, rng, init), activation()]
    return Chain(*layers[:-1])


def plain(argument):
    """An argument as JSON would keep it: sequences as tuples, NumPy's numbers as Python's."""
    if isinstance(argument, np.generic):
        return argument.item()
    if hasattr(argument, "__iter__") and not isinstance(argument, str):
        return tuple(plain(item) for item in argument)
    return argument


def dense_model(posterior, prior, n_data, n_hidden, likelihood, variance, activation, init, seed, *,
                n_condition=0, squash=(), **options):
    """A model of dense layers: hidden sizes in order for the encoder, reversed for the decoder,
    which begins with the layers `squash`."""
    check_count(n_data, "n_data")
    if not isinstance(n_hidden, tuple):
        raise TypeError(f"n_hidden is {n_hidden!r}: a sequence of sizes was expected, "
                        f"such as ({n_hidden!r},)")
    for size in n_hidden:
        check_count(size, "a size in n_hidden")
    check_positive(variance, "variance")
    check_choice(likelihood, "likelihood", LIKELIHOODS)
    check_choice(activation, "activation", ACTIVATIONS)
    check_choice(init, "init", INITIALIZERS)
    p_x = LIKELIHOODS[likelihood](variance)
    network = functools.partial(mlp, activation=ACTIVATIONS[activation],
                                rng=stream(seed, "weights"), init=INITIALIZERS[init])
    encoder = network([n_data + n_condition, *n_hidden, posterior.n_outputs])
    decoder = network([posterior.n_latent + n_condition, *reversed(n_hidden),
                       p_x.n_outputs(n_data)], first=squash)
    return VAE(encoder, posterior, prior, decoder, p_x, n_data=n_data, n_condition=n_condition,
               **options)


@recipe
def vae(n_data=784, n_hidden=(400,), n_latent=20, *, likelihood="bernoulli", variance=1.0,
        beta=1.0, activation="relu", init="uniform", seed=0):
    """The variational autoencoder of Kingma and Welling (2014), with dense layers.

    Parameters
    ----------
    n_data : int
        D, the size of one x: 784 for MNIST.
    n_hidden : sequence of int
        The hidden sizes of the encoder; the decoder's are the same, in reverse.
    n_latent : int
        J, the size of the code z.
    likelihood : {"bernoulli", "gaussian", "tied_gaussian", "heteroscedastic_gaussian"}
        p(x given z): see `npvae.likelihoods`.
    variance : float
        Of the Gaussian likelihood; of the tied one, where its learning starts.
    beta : float
        The weight of the KL in the loss.
    activation : {"relu", "tanh", "sigmoid", "softplus"}
    init : {"uniform", "glorot", "he"}
        See `npvae.networks.initializers`.
    seed : int
        Of the initial weights.

    Returns
    -------
    VAE
        In float32; `astype(np.float64)` gives a copy in double precision.
    """
    return dense_model(posteriors.DiagonalGaussian(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       objective=ELBO(beta))


@recipe
def iwae(n_data=784, n_hidden=(200, 200), n_latent=50, *, likelihood="bernoulli", variance=1.0,
         activation="tanh", init="glorot", seed=0):
    """The importance weighted autoencoder: a VAE with a bound of K samples.

    Train it with `fit(..., n_samples=K)`; K = 1 is the VAE. The sizes are those of the paper,
    and the parameters those of `vae`.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016).
    """
    return dense_model(posteriors.DiagonalGaussian(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       objective=IWAE())


@recipe
def conditional_vae(n_data=784, n_condition=10, n_hidden=(400,), n_latent=20, *,
                    likelihood="bernoulli", variance=1.0, beta=1.0, activation="relu",
                    init="uniform", seed=0):
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
    Sohn, Lee and Yan (2015); Kingma, Mohamed, Rezende and Welling (2014). The prior p(z)
    does not depend on c here.
    """
    check_count(n_condition, "n_condition")
    return dense_model(posteriors.DiagonalGaussian(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       n_condition=n_condition, objective=ELBO(beta))


@recipe
def autoencoder(n_data=784, n_hidden=(400,), n_latent=20, *, likelihood="bernoulli",
                variance=1.0, activation="relu", init="uniform", seed=0):
    """An autoencoder: the networks of `vae`, with a point for a posterior and no KL.

    The parameters are those of `vae`. Without hidden layers, and with a Gaussian likelihood,
    it finds the subspace of the principal components.
    """
    return dense_model(posteriors.Deterministic(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed)


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
    return dense_model(posteriors.Deterministic(n_latent), priors.StandardNormal(n_latent),
                       n_data, n_hidden, likelihood, variance, activation, init, seed,
                       corrupt=Masking(masked))


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
                       squash=(Sigmoid(),), objective=ELBO(beta, analytic=False))


@recipe
def convolutional_vae(side=28, channels=(16, 32), n_latent=20, *, beta=1.0, activation="relu",
                      init="uniform", seed=0):
    """A VAE of square binary or grey images, with two convolutions down and two up.

    Each convolution has a kernel of 4, a stride of 2 and a padding of 1, so that it halves
    the side of the image; each transposed one doubles it. Two dense layers join them to z.

    Parameters
    ----------
    side : int
        Height and width of an image, a multiple of 4; x is (B, side * side).
    channels : (int, int)
        After the first and after the second convolution.

    The others are those of `vae`.
    """
    for size, name in ((side, "side"), (n_latent, "n_latent")):
        check_count(size, name)
    if side % 4:
        raise ValueError(f"side is {side}: a multiple of 4 was expected")
    check_choice(activation, "activation", ACTIVATIONS)
    check_choice(init, "init", INITIALIZERS)
    f, init, rng = ACTIVATIONS[activation], INITIALIZERS[init], stream(seed, "weights")
    posterior = posteriors.DiagonalGaussian(n_latent)
    if not isinstance(channels, tuple) or len(channels) != 2:
        raise TypeError(f"channels is {channels!r}: two sizes were expected, such as (16, 32)")
    c1, c2 = channels
    image, small = (side, side, 1), (side // 4, side // 4, c2)
    n_data, n_small = side * side, small[0] * small[1] * c2
    halve = dict(k=4, rng=rng, stride=2, padding=1, init=init)
    encoder = Chain(Reshape((n_data,), image), Conv2d(1, c1, **halve), f(),
                    Conv2d(c1, c2, **halve), f(), Reshape(small, (n_small,)),
                    Dense(n_small, posterior.n_outputs, rng, init))
    decoder = Chain(Dense(n_latent, n_small, rng, init), f(), Reshape((n_small,), small),
                    ConvTranspose2d(c2, c1, **halve), f(), ConvTranspose2d(c1, 1, **halve),
                    Reshape(image, (n_data,)))
    return VAE(encoder, posterior, priors.StandardNormal(n_latent), decoder, Bernoulli(),
               n_data=n_data, objective=ELBO(beta))
