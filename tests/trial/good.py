"""One good call of each member: its arguments, made afresh, in a folder for its files.

The values are those that matter: other than the defaults, and such that another one is seen.
"""

import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import npvae
from npvae import datasets, evaluation, likelihoods, posteriors, priors, schedules
from npvae.networks import Chain, Dense, Tanh, uniform_fan_in

NAN, INF = float("nan"), float("inf")
X = (np.arange(48).reshape(8, 6) * 7 % 48 / 47).astype(np.float32)
C = np.eye(3, dtype=np.float32)[np.arange(8) % 3]
LABELS = np.arange(8) % 3
SOME = C * (np.arange(8) < 5)[:, None]                 # three x have no label
EPS = np.random.default_rng(0).standard_normal((3, 8, 2)).astype(np.float32)
IMAGES = {"train_images": np.zeros((4, 2, 3), np.uint8), "train_labels": np.zeros(4, int),
          "test_images": np.zeros((2, 2, 3), np.uint8), "test_labels": np.zeros(2, int)}
HISTORY = [{"epoch": i + 1, "loss": 5.0 - i, "reconstruction": 4.0 - i, "kl": 1.0, "seconds": 0.1}
           for i in range(3)]


def rng():
    return np.random.default_rng(0)


def vae(**options):
    return npvae.vae(6, (5,), 2, **options)


def cvae(**options):
    return npvae.conditional_vae(6, 3, (5,), 2, **options)


def semi_supervised():
    return npvae.semi_supervised_vae(6, 3, (5,), 2)


def detector(**options):
    return evaluation.AnomalyDetector(vae(), X, **options)


DENSE = dict(n_data=6, n_hidden=(5,), n_latent=2, likelihood="gaussian", variance=0.5,
             activation="tanh", init="glorot", seed=3)
RUN = dict(n_samples=2, batch_size=4, seed=3)
CONV = dict(c_in=2, c_out=3, k=3, stride=2, padding=1, init=uniform_fan_in)
EMPTY = dict(blocks=None, parts=None)
ROLES = dict(posterior="diagonal_gaussian", prior="standard_normal")
OBSERVED = (np.arange(48).reshape(8, 6) % 3 > 0).astype(np.float32)


class KindOfQ:
    """Of a pair that nobody else registers."""


class KindOfP:
    """The other half of it."""


def curves():
    return dict(scores=np.arange(8.0), labels=LABELS > 0)


GOOD = {
    "VAE": lambda d: dict(
        encoder=Chain(Dense(9, 5, rng()), Tanh(), Dense(5, 4, rng())), decoder=Dense(5, 6, rng()),
        posterior=posteriors.DiagonalGaussian(2), prior=priors.StandardNormal(2),
        likelihood=likelihoods.Bernoulli(), n_data=6, n_condition=3, objective=npvae.ELBO(),
        corrupt=datasets.Masking(0.5), shows_mask=False),
    "VAE.loss": lambda d: dict(self=cvae(), x=X, eps=EPS, condition=C, target=X, observed=OBSERVED,
                               objective=None),
    "VAE.loss_and_grad": lambda d: dict(self=cvae(), x=X, eps=EPS, condition=C, target=X,
                                        observed=OBSERVED, objective=None),
    "VAE.draw_noise": lambda d: dict(self=vae(), rng=rng(), n_batch=3, n_samples=2),
    "VAE.encode": lambda d: dict(self=cvae(), x=X, condition=C, observed=OBSERVED),
    "VAE.decode": lambda d: dict(self=cvae(), z=EPS[0], condition=C),
    "VAE.reconstruct": lambda d: dict(self=cvae(), x=X, condition=C, observed=OBSERVED),
    "VAE.sample": lambda d: dict(self=cvae(), rng=rng(), n=8, condition=C),
    "VAE.astype": lambda d: dict(self=vae(), dtype=np.float64),
    "VAE.copy": lambda d: dict(self=vae()),
    "VAE.blocks": lambda d: dict(self=vae()),
    "VAE.gradients": lambda d: dict(self=vae()),
    "vae": lambda d: dict(DENSE, **ROLES, beta=0.5, shows_mask=True),
    "iwae": lambda d: dict(DENSE, **ROLES, shows_mask=True),
    "conditional_vae": lambda d: dict(DENSE, **ROLES, n_condition=3, beta=0.5, shows_mask=True),
    "semi_supervised_vae": lambda d: dict(DENSE, **ROLES, n_classes=3, alpha=0.5, beta=0.5),
    "SemiSupervisedVAE": lambda d: dict(vae=cvae(), classifier=Dense(6, 3, rng()), alpha=0.5),
    "SemiSupervisedVAE.loss": lambda d: dict(self=semi_supervised(), x=X, eps=EPS, condition=SOME,
                                             target=X, observed=OBSERVED, objective=None),
    "SemiSupervisedVAE.loss_and_grad": lambda d: dict(
        self=semi_supervised(), x=X, eps=EPS, condition=SOME, target=X, observed=OBSERVED,
        objective=None),
    "SemiSupervisedVAE.draw_noise": lambda d: dict(self=semi_supervised(), rng=rng(), n_batch=3,
                                                   n_samples=2),
    "SemiSupervisedVAE.classify": lambda d: dict(self=semi_supervised(), x=X, observed=OBSERVED),
    "autoencoder": lambda d: dict(DENSE),
    "denoising_autoencoder": lambda d: dict(DENSE, masked=0.25),
    "bernoulli_vae": lambda d: dict(DENSE, beta=0.5),
    "concrete_vae": lambda d: dict(DENSE, beta=0.5, temperature=0.7, prior_temperature=0.3),
    "categorical_vae": lambda d: dict(DENSE, n_latent=6, n_categories=2, beta=0.5),
    "gumbel_softmax_vae": lambda d: dict(DENSE, n_latent=6, n_categories=2, beta=0.5, temperature=0.7,
                                         prior_temperature=0.3),
    "with_exact_symbols": lambda d: dict(model=npvae.gumbel_softmax_vae(6, (5,), 6, n_categories=3)),
    "convolutional_vae": lambda d: dict(side=4, channels=(2, 3), n_latent=2, beta=0.5, init="he",
                                        activation="tanh", seed=3),
    "two_layer_iwae": lambda d: dict(n_data=6, n_hidden=((5,), (4,)), n_latent=(3, 2), init="he",
                                     activation="relu", seed=3),
    "ELBO": lambda d: dict(beta=0.5, cost=npvae.KL()),
    "FreeBits": lambda d: dict(beta=0.5, cost=npvae.KL(), free=0.2),
    "Capacity": lambda d: dict(beta=0.5, cost=npvae.KL(), capacity=5.0),
    "MIWAE": lambda d: dict(n_bounds=3),
    "PIWAE": lambda d: dict(n_bounds=3),
    "CIWAE": lambda d: dict(share=0.4),
    "StickingTheLanding": lambda d: dict(beta=0.5, cost=npvae.SampledKL()),
    "ScoreFunction": lambda d: dict(beta=0.5, cost=npvae.KL()),
    "DecomposedKL": lambda d: dict(n=9, mutual_information=0.5, total_correlation=4.0,
                                   dimension_wise=2.0, sampling="stratified"),
    "MMD": lambda d: dict(weight=10.0, kl=0.5, width=1.5),
    "kl": lambda d: dict(q=posteriors.DiagonalGaussian(2).given(X[:, :4]), p=priors.StandardNormal(2)),
    "closed_form": lambda d: dict(kind_of_q=KindOfQ, kind_of_p=KindOfP, forward=len, backward=len),
    "posteriors.DiagonalGaussian": lambda d: dict(EMPTY, n_latent=2),
    "posteriors.Deterministic": lambda d: dict(EMPTY, n_latent=2),
    "posteriors.Bernoulli": lambda d: dict(EMPTY, n_latent=2),
    "posteriors.Concrete": lambda d: dict(n_latent=2, temperature=0.5),
    "priors.StandardNormal": lambda d: dict(EMPTY, n_latent=2),
    "priors.Bernoulli": lambda d: dict(n_latent=2, p=0.3),
    "priors.Concrete": lambda d: dict(n_latent=2, temperature=0.4, p=0.3),
    "priors.logit": lambda d: dict(p=0.3),
    "hierarchy.StackedGaussian": lambda d: dict(n_first=3, n_second=2, network=Dense(3, 4, rng())),
    "hierarchy.StackedNormal": lambda d: dict(n_first=3, n_second=2, network=Dense(2, 6, rng())),
    "likelihoods.Bernoulli": lambda d: dict(EMPTY),
    "likelihoods.Gaussian": lambda d: dict(variance=0.5),
    "likelihoods.TiedGaussian": lambda d: dict(variance=0.5),
    "likelihoods.HeteroscedasticGaussian": lambda d: dict(floor=1e-3),
    "divergences.kl_to_standard_normal": lambda d: dict(mu=X, logvar=-X),
    "divergences.kl_to_standard_normal_backward": lambda d: dict(dkl=X, mu=X, logvar=-X),
    "divergences.kl_between_normals": lambda d: dict(mu_q=X, logvar_q=-X, mu_p=-X, logvar_p=X),
    "divergences.kl_between_normals_backward": lambda d: dict(dkl=X, mu_q=X, logvar_q=-X, mu_p=-X,
                                                              logvar_p=X),
    "divergences.kl_between_bernoullis": lambda d: dict(logits_q=X, logits_p=-X),
    "divergences.kl_between_bernoullis_backward": lambda d: dict(dkl=X, logits_q=X, logits_p=-X),
    "networks.Parameters": lambda d: dict(values={"W": X, "b": X[0]}),
    "networks.Dense": lambda d: dict(n_in=3, n_out=4, rng=rng(), init=uniform_fan_in),
    "networks.ReLU": lambda d: dict(EMPTY),
    "networks.Tanh": lambda d: dict(EMPTY),
    "networks.Sigmoid": lambda d: dict(EMPTY),
    "networks.Softplus": lambda d: dict(EMPTY),
    "networks.First": lambda d: dict(n=2),
    "networks.Table": lambda d: dict(h=X),
    "networks.Chain": lambda d: dict(layers=(Dense(3, 4, rng()), Tanh())),
    "networks.Conv2d": lambda d: dict(CONV, rng=rng()),
    "networks.ConvTranspose2d": lambda d: dict(CONV, rng=rng()),
    "networks.Reshape": lambda d: dict(before=(2, 3), after=(6,)),
    "networks.uniform_fan_in": lambda d: dict(rng=rng(), n_in=3, n_out=4),
    "networks.glorot_uniform": lambda d: dict(rng=rng(), n_in=3, n_out=4),
    "networks.he_normal": lambda d: dict(rng=rng(), n_in=3, n_out=4),
    "numerics.absolute": lambda d: dict(x=X),
    "numerics.sigmoid": lambda d: dict(x=X),
    "numerics.softplus": lambda d: dict(x=X),
    "numerics.log_mean_exp": lambda d: dict(a=X, axis=1),
    "fit": lambda d: dict(
        RUN, model=cvae(), x=X, condition=C, observed=OBSERVED, validation=X[:4],
        validation_condition=C[:4], validation_observed=OBSERVED[:4], epochs=2,
        optimizer=npvae.SGD(), learning_rate=0.01, kl_schedule=schedules.Linear(2), clip_norm=0.05,
        transform=datasets.binarize, patience=2, callbacks=(), checkpoint=d / "run.npz", resume=False,
        progress=False, communicator=None),
    "evaluate": lambda d: dict(RUN, model=cvae(), x=X, condition=C, observed=OBSERVED,
                               transform=datasets.binarize, communicator=None),
    "SGD": lambda d: dict(momentum=0.9),
    "Adagrad": lambda d: dict(eps=1e-6),
    "Adam": lambda d: dict(beta1=0.5, beta2=0.9, eps=1e-6),
    "clip_by_norm": lambda d: dict(grad=X.flatten(), max_norm=0.5),
    "schedules.Constant": lambda d: dict(value=0.5),
    "schedules.StepDecay": lambda d: dict(value=0.5, factor=0.1, every=3.0),
    "schedules.Cosine": lambda d: dict(value=0.5, epochs=9, end=0.1),
    "schedules.Linear": lambda d: dict(epochs=9, start=0.1, end=0.9),
    "schedules.Cyclical": lambda d: dict(epochs=9, ramp=0.4, start=0.1, end=0.9),
    "save": lambda d: dict(path=d / "new.npz", model=vae(), training={"epoch": 1}, arrays={"m": X}),
    "load": lambda d: dict(path=model_file(d)),
    "load_into": lambda d: dict(path=model_file(d), model=vae()),
    "evaluation.log_evidence": lambda d: dict(model=cvae(), x=X, rng=rng(), n_samples=30, condition=C,
                                              observed=OBSERVED, communicator=None),
    "evaluation.log_weights": lambda d: dict(model=cvae(), x=X, eps=EPS, condition=C,
                                             observed=OBSERVED),
    "evaluation.impute": lambda d: dict(model=cvae(), x=X, rng=rng(), n_samples=30, n_draws=2,
                                        condition=C, observed=OBSERVED),
    "evaluation.pareto_shape": lambda d: dict(log_w=np.sort(EPS.reshape(24, 2), axis=0)),
    "evaluation.bits_per_dimension": lambda d: dict(
        model=vae(likelihood="gaussian"), log_px=-X[:, 0], n_levels=16),
    "evaluation.annealed_log_evidence": lambda d: dict(
        model=cvae(), x=X, rng=rng(), n_chains=26, n_temperatures=3, n_leapfrog=2, condition=C,
        start="posterior", batch_size=5),
    "evaluation.sandwich": lambda d: dict(
        model=cvae(), rng=rng(), n=8, n_chains=26, n_temperatures=3, n_leapfrog=2, condition=C,
        start="posterior", batch_size=5),
    "evaluation.inference_gap": lambda d: dict(model=cvae(), x=X, rng=rng(), condition=C, steps=3,
                                               n_samples=30, batch_size=5),
    "evaluation.calibration_ranks": lambda d: dict(model=vae(), rng=rng(), n=5, n_samples=9),
    "evaluation.diagnose": lambda d: dict(RUN, model=cvae(), x=X, condition=C, history=HISTORY,
                                          learning_rate=0.01, optimizer=npvae.SGD()),
    "evaluation.gain": lambda d: dict(RUN, model=cvae(), x=X, learning_rate=0.01, condition=C,
                                      optimizer=npvae.SGD(), n_steps=2),
    "evaluation.latent_moments": lambda d: dict(model=cvae(posterior="flow_gaussian"), x=X,
                                                condition=C, n_samples=5, seed=3),
    "evaluation.kl_parts": lambda d: dict(model=vae(), x=X, rng=rng(), chunk=3),
    "evaluation.AnomalyDetector": lambda d: dict(
        model=vae(), normal=X, score="negative_evidence", n_samples=4, seed=3, observed=OBSERVED,
        standardizer=datasets.Standardizer(np.zeros(6), np.full(6, 2.0))),
    "evaluation.AnomalyDetector.score": lambda d: dict(self=detector(), x=X, batch_size=3,
                                                       observed=OBSERVED, communicator=None),
    "evaluation.AnomalyDetector.threshold": lambda d: dict(self=detector(), quantile=0.8, sigmas=None),
    "evaluation.AnomalyDetector.flag": lambda d: dict(
        self=detector(observed=OBSERVED, score="latent_distance"), x=X, quantile=0.1, sigmas=None,
        observed=OBSERVED),
    "evaluation.AnomalyDetector.contributions": lambda d: dict(self=detector(), x=X, batch_size=3,
                                                               observed=OBSERVED),
    "evaluation.AnomalyDetector.tail": lambda d: dict(self=detector(), x=X, observed=OBSERVED),
    "evaluation.AnomalyDetector.save": lambda d: dict(self=detector(), path=d / "new.npz"),
    "evaluation.fit_detector": lambda d: dict(
        normal=X, score="negative_evidence", n_samples=4, n_steps=100, n_models=2, seed=3,
        likelihood=likelihoods.TiedGaussian(0.3), observed=np.arange(48).reshape(8, 6) % 5 > 0),
    "evaluation.load_detector": lambda d: dict(path=detector_file(d), model=vae()),
    "evaluation.roc_curve": lambda d: curves(),
    "evaluation.roc_auc": lambda d: curves(),
    "evaluation.precision_recall_curve": lambda d: curves(),
    "evaluation.average_precision": lambda d: curves(),
    "evaluation.confusion_matrix": lambda d: dict(flagged=LABELS == 1, labels=LABELS > 0),
    "datasets.load_images": lambda d: dict(path=npz(d / "images.npz", **IMAGES)),
    "datasets.read_idx": lambda d: dict(path=written(d / "idx", bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))),
    "datasets.split": lambda d: dict(n_last=2, arrays=(X, LABELS)),
    "datasets.binarize": lambda d: dict(x=X, rng=rng()),
    "datasets.one_hot": lambda d: dict(labels=LABELS, n_classes=4, dtype=np.float64),
    "datasets.Masking": lambda d: dict(p=0.25),
    "datasets.Masking.__call__": lambda d: dict(self=datasets.Masking(0.25), x=X, rng=rng()),
    "datasets.read_table": lambda d: dict(path=written(d / "a.csv", b"4;6.5\n9;-2\n"), header=False,
                                          delimiter=";"),
    "datasets.Standardizer": lambda d: dict(shift=np.zeros(6), scale=np.ones(6)),
    "datasets.Standardizer.__call__": lambda d: dict(
        self=datasets.Standardizer(np.zeros(6), np.ones(6)), x=X),
    "datasets.standardizer_of": lambda d: dict(x=X),
    "plots.training_curves": lambda d: dict(history=HISTORY),
    "plots.reconstructions": lambda d: dict(x=X, x_hat=X, shape=(2, 3)),
    "plots.image_grid": lambda d: dict(images=X, columns=4, shape=(2, 3), title="images"),
    "plots.latent_manifold": lambda d: dict(model=vae(), n=3, shape=(2, 3)),
    "plots.latent_scatter": lambda d: dict(mu=EPS[0], labels=LABELS, dimensions=(1, 0)),
    "plots.label_rows": lambda d: dict(axes=Figure().subplots(), rows=[X, X], names=["x", "y"],
                                       shape=(2, 3), lines=[1]),
    "plots.tile": lambda d: dict(images=X, shape=(2, 3), columns=4),
    "gradcheck.check": lambda d: dict(function=squares, arrays={"x": X}, gradients={"x": 2.0 * X},
                                      complex_step=True),
    "gradcheck.check_function": lambda d: dict(
        forward=np.sin, backward=lambda dy, x: (dy * np.cos(x),), inputs=(X,), rng=rng(),
        complex_step=True),
    "gradcheck.check_layer": lambda d: dict(layer=Dense(6, 2, rng()), x=X, rng=rng(),
                                            complex_step=True),
    "gradcheck.check_posterior": lambda d: dict(
        posterior=posteriors.DiagonalGaussian(3), h=X, eps=np.ones((2, 8, 3)), rng=rng(),
        complex_step=True),
    "gradcheck.check_kl": lambda d: dict(
        posterior=posteriors.DiagonalGaussian(3), prior=priors.StandardNormal(3), h=X, rng=rng(),
        condition=C, model=vae(), complex_step=True),
    "gradcheck.check_prior": lambda d: dict(prior=priors.StandardNormal(2), z=EPS, rng=rng(),
                                            complex_step=True),
    "gradcheck.check_likelihood": lambda d: dict(likelihood=likelihoods.Bernoulli(), x=X, y=X[None],
                                                 rng=rng(), observed=OBSERVED, complex_step=True),
    "gradcheck.check_objective": lambda d: dict(objective=npvae.StickingTheLanding(), log_px=X, rate=X,
                                                complex_step=True),
    "gradcheck.check_model": lambda d: dict(model=vae(), x=X, eps=EPS, complex_step=True, options={}),
}


def squares(arrays):
    return (arrays["x"]**2).sum()


def model_file(folder):
    npvae.save(folder / "model.npz", vae())
    return folder / "model.npz"


def detector_file(folder):
    detector().save(folder / "detector.npz")
    return folder / "detector.npz"


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def written(path, data):
    path.write_bytes(data)
    return path


def good_call(name):
    with tempfile.TemporaryDirectory() as folder:
        return GOOD[name](Path(folder))
