"""A label that is given for some x, and summed over for the others: semi-supervised learning.

    p(x, y, z) = p(y) p(z) p(x|y, z),    q(y, z|x) = q(y|x) q(z|x, y)

The label y is a part of the code, which for some x is known. Given y, this is the conditional VAE.
The classifier q(y|x) is what says the rest of the code; a sum over C labels is exact, so nothing is
drawn.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from npvae.door import Model, as_observed
from npvae.inputs import check_number, check_type
from npvae.model import VAE, Cache
from npvae.networks.layers import Layer, check_width
from npvae.numerics import log_softmax
from npvae.objectives import ELBO, KL, Loss, SampledKL


class LabelCache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    rows: np.ndarray
    one_hot: np.ndarray
    dlogits: np.ndarray
    vae: Cache
    classifier: Any


class SemiSupervisedVAE(Model):
    """A conditional VAE and a classifier, for x of which few have a label (M2).

    The condition (B, C) has a row with a single one where the label is known, and a row of zeros
    where it is not. The loss is the mean over x, in nats, of

    - given y:  rec(x, y) + beta (KL(x, y) - log p(y)) - alpha log q(y|x),
    - else:     sum over y of q(y|x) (rec(x, y) + beta (KL(x, y) + log q(y|x) - log p(y))),

    with p(y) = 1 / C, and the two terms of the conditional VAE. With beta = 1 and alpha = 0 it is
    a bound of -log p(x, y), or of -log p(x).

    Finite, in float32, where its parts are.

    Parameters
    ----------
    vae : VAE
        Of x given y: n_condition is C, the number of classes. It is here for all that has to do with
        a known label: `model.vae.encode(x, condition)`, `decode`, `sample`,
        `diagnose(model.vae, x, condition=c)`.
    classifier : Layer
        (B, D) -> (B, C): the logits of q(y|x).
    alpha : float
        The weight of the classifier's own loss on each x with a label. Kingma et al. weigh its mean
        by 0.1 N, where the others are sums over N x, of which N_l have a label: alpha = 0.1 N / N_l.

    Notes
    -----
    All labels of an x share its noise. Without a label an x costs C times as much as with one.

    References
    ----------
    Kingma, Mohamed, Rezende and Welling (2014), "Semi-supervised learning with deep generative
    models", eq. 6 to 9.
    """

    computed_with = ("n_data", "n_condition", "n_latent", "alpha")

    def __init__(self, vae, classifier, *, alpha=1.0):
        check_type(vae, "vae", VAE, "a VAE")
        if not (vae.posterior.has_density and vae.posterior.has_path):
            raise TypeError(f"vae has a {type(vae.posterior).__name__} posterior: one with a density, "
                            "and a z that moves with it, was expected for a sum over labels")
        check_type(classifier, "classifier", Layer, "a Layer")
        self.alpha = check_number(alpha, "alpha", lambda v: 0 <= v < math.inf,
                                  "a finite number of at least 0")
        if vae.n_condition < 2:
            raise ValueError(f"vae has n_condition={vae.n_condition}: one for each of at least 2 "
                             "classes was expected")
        check_width(classifier, "classifier", vae.n_data, vae.n_condition, " by the labels")
        check_each_x(vae.objective)
        super().__init__(parts={"vae": vae, "classifier": classifier})
        self.vae, self.classifier = vae, classifier
        self.n_data, self.n_condition, self.n_latent = vae.n_data, vae.n_condition, vae.n_latent

    @property
    def objective(self):
        """ELBO(beta, cost), with the cost KL() or SampledKL(): the VAE's own."""
        return self.vae.objective

    @objective.setter
    def objective(self, objective):
        self.vae.objective = objective

    @property
    def corrupt(self):
        """What is shown of x in training: the VAE's own."""
        return self.vae.corrupt

    @corrupt.setter
    def corrupt(self, corrupt):
        self.vae.corrupt = corrupt

    def forward(self, x, eps, *, condition, target=None, observed=None, objective=None):
        objective = self.objective if objective is None else objective
        check_each_x(objective)
        n_batch, n_classes = condition.shape
        beta, given = objective.beta, condition.any(axis=-1, keepdims=True)    # (B, 1)

        logits, of_classifier = self.classifier.forward(x)
        log_q = log_softmax(logits)                                            # log q(y|x), (B, C)
        q = np.exp(log_q)
        # One row for each label that may be: the given one, or all of them
        rows, labels = np.nonzero(~given | (condition != 0))
        one_hot = np.eye(n_classes, dtype=condition.dtype)[labels]
        loss, of_vae = self.vae.forward(
            x[rows], eps[:, rows], condition=one_hot, objective=objective,
            target=None if target is None else target[rows],
            observed=None if observed is None else observed[rows])
        rec, kl = np.zeros((2, *q.shape), q.dtype)                             # of each label
        rec[rows, labels] = -of_vae.log_px.mean(axis=0)
        kl[rows, labels] = objective.cost.per_x(of_vae.rate)
        kl += ~given * log_q + math.log(n_classes)                             # log q(y|x) - log p(y)

        share = condition + ~given * q                                         # of a label in its x
        reconstruction, total_kl = (share * rec).sum() / n_batch, (share * kl).sum() / n_batch
        unsure = -(condition * log_q).sum() / n_batch
        value = reconstruction + beta * total_kl + self.alpha * unsure

        # value = sum over rows of share / B * (rec + beta kl), where the VAE has their mean
        weight = share[rows, labels] * (len(rows) / n_batch)
        of_rate = weight[:, None] if isinstance(objective.cost, KL) else weight
        loss = Loss(value.item(), reconstruction.item(), total_kl.item(),
                    dlog_px=loss.dlog_px * weight, drate=loss.drate * of_rate)
        # value = mean over x of sum over y of q * price, for the x without a label
        price = rec + beta * kl
        dlogits = ~given * q * (price - (q * price).sum(axis=-1, keepdims=True))
        # value = mean over x of -alpha log q of the given y, for the others
        dlogits = (dlogits + given * (self.alpha * (q - condition))) / n_batch
        return loss, LabelCache(rows, one_hot, dlogits, of_vae._replace(loss=loss), of_classifier)

    def backward(self, cache):
        self.vae.backward(cache.vae)
        # logits = classifier(x)
        self.classifier.accumulate(cache.dlogits, cache.classifier)

    # ---- the public door --------------------------------------------------------

    def classify(self, x, *, observed=None):
        """q(y|x): the probability of each class, (B, C). With `observed` (B, D), or an x that is a
        masked array: of what is observed, with zeros elsewhere, as in training."""
        logits = self.classifier.forward(as_observed(self, x, observed)[0])[0]
        return np.exp(log_softmax(logits))

    def draw_noise(self, rng, n_batch, n_samples=1):
        """Noise eps (K, B, J) for K samples of z for each x, whatever its label."""
        return self.vae.draw_noise(rng, n_batch, n_samples)

    def check_data(self, x, name):
        self.vae.check_data(x, name)

    def check_condition(self, condition, name):
        ones = (condition == 1).sum(axis=-1)
        wrong = (ones > 1) | (ones != (condition != 0).sum(axis=-1))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ValueError(f"{name} is {condition[i]} in row {i}: a single one, for the label, or "
                             "only zeros, for none, were expected")

    def stages(self, x, condition, observed, cache):
        y = x
        for i, layer in enumerate(getattr(self.classifier, "layers", [self.classifier])):
            y = layer.forward(y)[0]
            yield f"the output of classifier.{i}", layer, y
        seen = None if observed is None else observed[cache.rows]
        for name, part, value in self.vae.stages(x[cache.rows], cache.one_hot, seen, cache.vae):
            yield f"vae: {name}", part, value


def check_each_x(objective):
    """Raise TypeError where an objective is no mean over x of two terms of each."""
    if type(objective) is not ELBO or not isinstance(objective.cost, (KL, SampledKL)):
        raise TypeError(f"objective is {objective!r}: ELBO(beta, KL()) or ELBO(beta, SampledKL()) was "
                        "expected, which is a mean over the x with every label")
