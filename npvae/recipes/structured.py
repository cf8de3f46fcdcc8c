"""Models with more structure: convolutions, a code of the code, and labels that few x have."""

import functools

from npvae.distributions import posteriors, priors
from npvae.distributions.hierarchy import StackedGaussian, StackedNormal
from npvae.distributions.likelihoods import Bernoulli
from npvae.inputs import check_choice, check_count
from npvae.labels import SemiSupervisedVAE
from npvae.model import VAE
from npvae.networks.convolution import Conv2d, ConvTranspose2d, Reshape
from npvae.networks.layers import Chain, Dense, First
from npvae.objectives import ELBO, IWAE
from npvae.randomness import stream
from npvae.recipes.building import ACTIVATIONS, INITIALIZERS, mlp, recipe
from npvae.recipes.dense import conditional_vae


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
    for size in channels:
        check_count(size, "a size in channels")
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


@recipe
def two_layer_iwae(n_data=784, n_hidden=((200, 200), (100, 100)), n_latent=(100, 50), *,
                   activation="tanh", init="glorot", seed=0):
    """An importance weighted autoencoder with two stochastic layers: x - z1 - z2.

    Parameters
    ----------
    n_hidden : (sequence of int, sequence of int)
        The hidden sizes between x and z1, and between z1 and z2, upwards; downwards they are
        the same, in reverse.
    n_latent : (int, int)
        J1 and J2. The code z is both, side by side.

    The others are those of `vae`; x is binary or grey. Train it with `fit(..., n_samples=K)`.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016).
    """
    check_count(n_data, "n_data")
    if not (isinstance(n_latent, tuple) and len(n_latent) == 2):
        raise TypeError(f"n_latent is {n_latent!r}: two sizes were expected, such as (100, 50)")
    if not (isinstance(n_hidden, tuple) and len(n_hidden) == 2
            and all(isinstance(sizes, tuple) for sizes in n_hidden)):
        raise TypeError(f"n_hidden is {n_hidden!r}: two sequences of sizes were expected, such as "
                        "((200, 200), (100, 100))")
    for size in (*n_hidden[0], *n_hidden[1]):
        check_count(size, "a size in n_hidden")
    for size in n_latent:
        check_count(size, "a size in n_latent")
    check_choice(activation, "activation", ACTIVATIONS)
    check_choice(init, "init", INITIALIZERS)
    network = functools.partial(mlp, activation=ACTIVATIONS[activation],
                                rng=stream(seed, "weights"), init=INITIALIZERS[init])
    (lower, upper), (J1, J2) = n_hidden, n_latent
    encoder = network([n_data, *lower, 2 * J1])                             # q(z1|x)
    posterior = StackedGaussian(J1, J2, network([J1, *upper, 2 * J2]))      # q(z2|z1)
    prior = StackedNormal(J1, J2, network([J2, *reversed(upper), 2 * J1]))  # p(z1|z2)
    decoder = network([J1, *reversed(lower), n_data], first=(First(J1),))   # p(x|z1)
    return VAE(encoder, posterior, prior, decoder, Bernoulli(), n_data=n_data, objective=IWAE())


@recipe
def semi_supervised_vae(n_data=784, n_classes=10, n_hidden=(500,), n_latent=50, *, alpha=1.0,
                        posterior="diagonal_gaussian", prior="standard_normal",
                        likelihood="bernoulli", variance=1.0, beta=1.0, activation="softplus",
                        init="uniform", seed=0):
    """A conditional VAE and a classifier, for x of which few have a label (M2).

    Train it with `fit(model, x, condition=c)`, where c has a row with a single one for a label that
    is known, and a row of zeros for one that is not; `model.classify(x)` is q(y|x). With the codes
    of a `vae` for x, and a Gaussian likelihood, this is M1+M2.

    Parameters
    ----------
    n_classes : int
        C.
    n_hidden : sequence of int
        Also the hidden sizes of the classifier.
    alpha : float
        The weight of the classifier's loss on each x with a label: see `npvae.labels`.

    The others are those of `conditional_vae`.

    References
    ----------
    Kingma, Mohamed, Rezende and Welling (2014).
    """
    check_count(n_classes, "n_classes", least=2)
    given = conditional_vae(n_data, n_classes, n_hidden, n_latent, posterior=posterior, prior=prior,
                            likelihood=likelihood, variance=variance, beta=beta,
                            activation=activation, init=init, seed=seed)
    classifier = mlp([n_data, *n_hidden, n_classes], ACTIVATIONS[activation],
                     stream(seed, "weights", 1), INITIALIZERS[init])
    return SemiSupervisedVAE(given, classifier, alpha=alpha)
