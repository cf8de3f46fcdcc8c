"""Bad settings of training, optimizers and objectives."""

import numpy as np

import npvae
from bad_inputs import (EPS, IMAGES, INF, NAN, T, V, X, cvae, diverge, fit, put, saved, vae,
                        written)


def with_cost(cost, **options):
    model = vae(**options)
    model.objective = npvae.ELBO(cost=cost)
    return model


class Own(npvae.Objective):
    """An objective with a beta that is no dataclass."""

    beta, cost = 1.0, npvae.KL()

    def __call__(self, log_px, rate):
        return npvae.ELBO()(log_px, rate)


def with_objective(objective):
    model = vae()
    model.objective = objective
    return model


def corrupted(function):
    model = vae()
    model.corrupt = function
    return model


CASES = [
    ("epochs zero", lambda d: fit(epochs=0), V, "epochs is 0: an integer of at least 1"),
    ("epochs float", lambda d: fit(epochs=10.0), V, "epochs is 10.0: an integer"),
    ("epochs text", lambda d: fit(epochs="10"), V, "epochs is '10': an integer"),
    ("batch_size zero", lambda d: fit(batch_size=0), V,
     "batch_size is 0: an integer of at least 1"),
    ("batch_size float", lambda d: fit(batch_size=2.5), V, "batch_size is 2.5: an integer"),
    ("batch_size None", lambda d: fit(batch_size=None), V, "batch_size is None: an integer"),
    ("n_samples bool", lambda d: fit(n_samples=True), V, "n_samples is True: an integer"),
    ("learning_rate zero", lambda d: fit(learning_rate=0), V,
     "learning_rate is 0: a positive, finite number was expected"),
    ("learning_rate negative", lambda d: fit(learning_rate=-1e-3), V, "learning_rate is -0.001"),
    ("learning_rate NaN", lambda d: fit(learning_rate=NAN), V, "learning_rate is nan: a positive"),
    ("learning_rate infinite", lambda d: fit(learning_rate=INF), V, "learning_rate is inf"),
    ("learning_rate by another name", lambda d: fit(lr=1e-3), T,
     "unexpected keyword argument 'lr'"),
    ("a schedule of NaN", lambda d: fit(learning_rate=lambda epoch: NAN), V,
     "learning_rate(0) is nan: a finite number of at least 0 was expected"),
    ("a schedule of negative rates", lambda d: fit(
        epochs=2, learning_rate=lambda epoch: 0.01 - epoch), V,
     "learning_rate(1) is -0.99: a finite number of at least 0 was expected"),
    ("a schedule of nothing", lambda d: fit(learning_rate=lambda epoch: None), V,
     "learning_rate(0) is None: a finite number"),
    ("a class of schedules as the rate", lambda d: fit(learning_rate=npvae.schedules.Cosine), T,
     "learning_rate is Cosine, a class: a number or a schedule was expected, such as Cosine(...)"),
    ("a class of schedules of beta", lambda d: fit(kl_schedule=npvae.schedules.Linear), T,
     "kl_schedule is Linear, a class: a schedule was expected, such as Linear(...)"),
    ("a schedule for an objective that cannot have one", lambda d: fit(
        model=with_objective(Own()), kl_schedule=npvae.schedules.Linear(2)), T,
     "cannot be scheduled (replace() should be called on dataclass instances): a frozen dataclass"),
    ("a rate that is too large", lambda d: diverge(), FloatingPointError,
     "try a smaller learning_rate, or clip_norm"),
    ("a schedule of negative beta", lambda d: fit(kl_schedule=lambda epoch: -1.0), V,
     "kl_schedule(0) is -1.0: a finite number of at least 0 was expected"),
    ("clip_norm zero", lambda d: fit(clip_norm=0), V, "clip_norm is 0: a positive, finite number"),
    ("clip_norm NaN", lambda d: fit(clip_norm=NAN), V, "clip_norm is nan"),
    ("patience zero", lambda d: fit(validation=X, patience=0), V, "patience is 0: an integer"),
    ("patience float", lambda d: fit(validation=X, patience=2.5), V, "patience is 2.5: an integer"),
    ("patience alone", lambda d: fit(patience=3), V, "given without validation: held-out data"),
    ("validation of another width", lambda d: fit(validation=X[:, :5]), V,
     "validation has shape (8, 5): (batch, 6) was expected"),
    ("validation a fraction", lambda d: fit(validation=0.1), V,
     "validation has shape (): (batch, 6)"),
    ("validation empty", lambda d: fit(validation=X[:0]), V,
     "validation has shape (0, 6): at least"),
    ("validation 0 to 255", lambda d: fit(validation=IMAGES), V, "validation lies in [0, 235]"),
    ("validation with a NaN", lambda d: fit(validation=put(NAN)), V, "validation is nan at index"),
    ("transform out of range", lambda d: fit(transform=lambda x, rng: 255 * x), V,
     "what transform returned lies in [0, 255]"),
    ("checkpoint in no folder", lambda d: fit(checkpoint=d / "no" / "a.npz"), FileNotFoundError,
     "its folder does not exist"),
    ("resume from nowhere", lambda d: fit(resume=True), V, "resume is given without checkpoint"),
    ("resume from a model", lambda d: fit(resume=True, checkpoint=saved(d)), V,
     "holds a model, but no training to resume"),
    ("resume from a text", lambda d: fit(resume=True, checkpoint=written(d / "a.npz", "hello")), V,
     "is no .npz file, or is damaged"),
    ("bits, importance weighted, with one sample", lambda d: npvae.bernoulli_vae(6, (5,), 2).loss(
        X, EPS[:1], objective=npvae.VIMCO()), V, "VIMCO has 1 sample of z: at least 2"),
    ("a beta for a bound without one", lambda d: fit(
        model=npvae.iwae(6, (5,), 2), kl_schedule=lambda epoch: 1.0), V,
     "kl_schedule is given, and the objective IWAE() has no beta"),
    ("sticking the landing with a KL in closed form", lambda d: npvae.StickingTheLanding(
        cost=npvae.KL()), V, "cost is KL(): StickingTheLanding needs SampledKL()"),
    ("bits with one sample", lambda d: fit(model=npvae.bernoulli_vae(6, (5,), 2)), V,
     "ScoreFunction has 1 sample of z: at least 2 were expected (n_samples)"),
    ("a sampled KL of a point", lambda d: npvae.autoencoder(6, (5,), 2).loss(
        X, EPS, objective=npvae.ELBO(cost=npvae.SampledKL())), T,
     "a Deterministic posterior has no density"),
    ("an ELBO of exact symbols", lambda d: npvae.categorical_vae(
        6, (5,), 6, n_categories=3).loss_and_grad(X, X[None], objective=npvae.ELBO()), T,
     "that of a Categorical posterior jumps: ScoreFunction() or VIMCO() was expected"),
    ("relaxed symbols with the KL of categories", lambda d: npvae.vae(
        6, (5,), 6, posterior="gumbel_softmax", prior="categorical_prior"), T,
     "posterior beside a CategoricalPrior is GumbelSoftmax(6), of relaxed symbols: one of symbols"),
    ("exact symbols of relaxed bits", lambda d: npvae.with_exact_symbols(
        npvae.concrete_vae(6, (5,), 2)), T, "posterior is Concrete(2"),
    ("a closed-form KL of relaxed bits", lambda d: npvae.concrete_vae(6, (5,), 2).loss(
        X, EPS, objective=npvae.ELBO()), T,
     "the KL of Logistic to Concrete has no closed form: the sampled one was expected"),
    ("evaluate in batches of none", lambda d: npvae.evaluate(vae(), X, batch_size=0), V,
     "batch_size is 0: an integer of at least 1"),
    ("evaluate with half a sample", lambda d: npvae.evaluate(vae(), X, n_samples=0.5), V,
     "n_samples is 0.5: an integer"),
    ("evaluate without condition", lambda d: npvae.evaluate(cvae(), X), V, "condition is missing"),
    ("Adam beta1 one", lambda d: npvae.Adam(beta1=1.0), V, "beta1 is 1.0: a number in [0, 1)"),
    ("Adam beta2 NaN", lambda d: npvae.Adam(beta2=NAN), V, "beta2 is nan: a number in [0, 1)"),
    ("Adam eps zero", lambda d: npvae.Adam(eps=0), V, "eps is 0: a positive, finite number"),
    ("Adam with a rate by name", lambda d: npvae.Adam(lr=1e-3), T, "keyword argument 'lr'"),
    ("SGD momentum negative", lambda d: npvae.SGD(momentum=-0.1), V,
     "momentum is -0.1: a number in"),
    ("Adagrad eps infinite", lambda d: npvae.Adagrad(eps=INF), V, "eps is inf: a positive"),
    ("ELBO beta negative", lambda d: npvae.ELBO(-1.0), V, "beta is -1.0: a finite number"),
    ("Capacity negative", lambda d: npvae.Capacity(capacity=-1.0), V, "capacity is -1.0: a finite"),
    ("Capacity a text", lambda d: npvae.Capacity(capacity="25"), V, "capacity is '25': a finite number"),
    ("MIWAE of no bound", lambda d: npvae.MIWAE(0), V, "n_bounds is 0: an integer of at least 1"),
    ("MIWAE of samples that do not divide", lambda d: vae().loss(
        X, EPS, objective=npvae.MIWAE(4)), V, "MIWAE(n_bounds=4) has 2 samples of z: a multiple of 4"),
    ("PIWAE of samples that do not divide", lambda d: vae().loss(
        X, EPS, objective=npvae.PIWAE(4)), V, "PIWAE(n_bounds=4) has 2 samples of z: a multiple of 4"),
    ("CIWAE above one", lambda d: npvae.CIWAE(1.5), V, "share is 1.5: a number in [0, 1]"),
    ("FreeBits free negative", lambda d: npvae.FreeBits(free=-0.1), V, "free is -0.1"),
    ("FreeBits free NaN", lambda d: npvae.FreeBits(free=NAN), V, "free is nan"),
    ("observed of another shape", lambda d: fit(observed=X[:, :5] > 0.5), V,
     "observed has shape (8, 5): (batch, 6) was expected"),
    ("observed of fewer rows", lambda d: fit(observed=X[:5] > 0.5), V,
     "observed has 5 rows: 8 were expected, as in x"),
    ("observed beside a masked array", lambda d: fit(np.ma.masked_array(X, X > 0.5), observed=X > 0.5),
     V, "observed is given, and x is a masked array"),
    ("observed of a column vector", lambda d: fit(X[:, :1], observed=X > 0.5), V,
     "x has shape (8, 1): (batch, 6) was expected"),
    ("validation_observed alone", lambda d: fit(validation_observed=X > 0.5), V,
     "validation_observed is given without validation: held-out data were expected"),
    ("validation_observed of fewer rows", lambda d: fit(
        validation=X, validation_observed=X[:5] > 0.5), V,
     "validation_observed has 5 rows: 8 were expected, as in validation"),
    ("missing without a mask", lambda d: fit(put(NAN)), V,
     "finite numbers were expected; for values that are missing, see observed"),
    ("FreeBits sampled", lambda d: npvae.FreeBits(cost=npvae.SampledKL()), V, "cost is SampledKL()"),
    ("the KL's parts of one x", lambda d: npvae.DecomposedKL(1), V, "n is 1: an integer of at least 2"),
    ("the KL's parts of data", lambda d: npvae.DecomposedKL(X), V, "n is "),
    ("a price below nothing", lambda d: npvae.DecomposedKL(9, total_correlation=-1), V,
     "total_correlation is -1: a finite number of at least 0"),
    ("a price of NaN", lambda d: npvae.MMD(weight=NAN), V, "weight is nan: a finite number"),
    ("a sampling of another name", lambda d: npvae.DecomposedKL(9, sampling="mws"), V,
     "sampling is 'mws': one of 'stratified', 'weighted'"),
    ("a kernel of no width", lambda d: npvae.MMD(width=0), V, "width is 0: a positive, finite number"),
    ("a data set that is larger than it was said", lambda d: fit(
        model=with_cost(npvae.DecomposedKL(7))), V,
     "n is 7, and x has 8 rows: the number of x in the training data was expected by DecomposedKL(n=7"),
    ("one x left over", lambda d: fit(model=with_cost(npvae.MMD()), batch_size=7), V,
     "batch has 1 x: 2 or more were expected by MMD("),
    ("a discrepancy from a mixture", lambda d: fit(
        model=with_cost(npvae.MMD(), prior="mixture_of_normals")), T,
     "prior is MixtureOfNormals(2): MMD("),
    ("a total correlation of one density", lambda d: fit(
        model=with_cost(npvae.DecomposedKL(8), posterior="flow_gaussian")), T,
     "posterior is FlowGaussian("),
    ("a score function of a batch", lambda d: npvae.ScoreFunction(cost=npvae.MMD()), V,
     "cost is MMD(weight=1.0, kl=0.0, width=None): ScoreFunction needs the cost of each x"),
    ("one x left over in the validation", lambda d: fit(
        model=with_cost(npvae.MMD()), batch_size=4, validation=X[:5]), V,
     "batch has 1 x: 2 or more were expected by MMD("),
    ("corrupt that loses rows", lambda d: npvae.evaluate(corrupted(lambda x, rng: x[:1]), X), V,
     "what corrupt returned has 1 rows: 8 were expected"),
    ("corrupt that loses columns", lambda d: fit(model=corrupted(lambda x, rng: x[:, :3])), V,
     "what corrupt returned has shape (8, 3): (batch, 6) was expected"),
    ("corrupt that returns nothing", lambda d: fit(model=corrupted(lambda x, rng: None)), T,
     "what corrupt returned"),
    ("corrupt that makes NaN", lambda d: fit(model=corrupted(lambda x, rng: x * NAN)), V,
     "what corrupt returned is nan at"),
    ("a checkpoint of a part", lambda d: fit(
        model=npvae.semi_supervised_vae(6, 3, (5,), 2).vae, condition=np.eye(3)[[0] * 8],
        checkpoint=d / "run.npz"), V, "model is a part of another one"),
    ("the score function of a point", lambda d: npvae.autoencoder(6, (5,), 2).loss_and_grad(
        X, EPS, objective=npvae.ScoreFunction(cost=npvae.Free())), T,
     "a Deterministic posterior has none: ELBO(cost=Free()) was expected"),
    ("the total correlation of symbols", lambda d: fit(model=with_cost(
        npvae.DecomposedKL(8), posterior="gumbel_softmax", prior="gumbel_softmax_prior")), T,
     "the total correlation needs the density of each latent dimension by itself"),
    ("bits beside numbers", lambda d: vae(posterior="bernoulli"), T,
     "posterior beside a StandardNormal is Bernoulli(2), of bits: one of numbers was expected"),
]
