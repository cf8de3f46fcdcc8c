"""What does a prior that learns, or a posterior that bends, cost a training step?

784-400-20, batch 128, on MNIST: the step of the plain VAE, and the same with another prior or another
posterior in its place. All take turns, and a ratio is the median over the rounds of the times of one
round. The KL in closed form is the plain VAE's; beside it stands its sampled one, which all others have
but the network of the condition.

    python benchmarks/step_of_members.py [--threads 1] [--rounds 15] [--json FILE]
"""

import os

import numpy as np

import npvae
from npvae.distributions.flows import FlowGaussian, RealNVP
from npvae.distributions.given import VampPrior
from npvae.distributions.mixtures import MixtureOfNormals
from npvae.numerics import keep_freed_memory
from steps import LEARNING_RATE
from turns import THREADS, Competitor, arguments, setting, take_turns, with_threads, write

BATCH, J = 128, 20


def members():
    """{name: model}; the first is what the others are measured against."""
    sampled = npvae.vae()
    sampled.objective = npvae.ELBO(cost=npvae.SampledKL())
    of = lambda flows: npvae.vae(posterior=FlowGaussian(J, flows))
    return {
        "plain": npvae.vae(),
        "plain, sampled KL": sampled,
        "mixture of 10 normals": npvae.vae(prior=MixtureOfNormals(J, 10)),
        "VampPrior of 100": npvae.vae(prior=VampPrior(J, n_components=100)),
        "RealNVP of 4 couplings": npvae.vae(prior=RealNVP(J, 4)),
        "4 planar flows": of("planar planar planar planar"),
        "4 couplings": of("coupling coupling coupling coupling"),
        "2 steps of IAF": of("iaf iaf"),
        "2 steps of IAF, sticking the landing": of("iaf iaf"),
        "conditional, N(0, I)": npvae.conditional_vae(),
        "conditional, p(z|c) by a network": npvae.conditional_vae(prior="conditional_normal")}


def step(name, model, x, condition):
    """A step as `npvae.fit` takes it, with its check of the gradient left out."""
    rng, adam, parameters = np.random.default_rng(0), npvae.Adam(), model.parameters
    objective = npvae.StickingTheLanding() if "landing" in name else model.objective
    condition = condition if model.n_condition else None

    def train(batches):
        for x in batches:
            eps = model.draw_noise(rng, len(x))
            loss, cache = model.forward(x, eps, condition=condition, objective=objective)
            parameters.zero_grad()
            model.backward(cache)
            adam.step(parameters.theta, parameters.grad, LEARNING_RATE)

    return Competitor(name, x, None, train)


def competitors():
    digits = npvae.datasets.mnist()
    condition = npvae.datasets.one_hot(digits.train_labels[:BATCH], 10)
    return [step(name, model, digits.train_images[:BATCH], condition)
            for name, model in members().items()]


def summary(times):
    """{name: (milliseconds, ratio to the first)}, medians."""
    # one thread: the processor's own time, which leaves out what other programs did meanwhile
    column = 1 if os.environ.get(THREADS[0]) == "1" else 0
    first = next(iter(times.values()))[:, column]
    return {name: (1e3 * float(np.median(t[:, column])), float(np.median(t[:, column] / first)))
            for name, t in times.items()}


def main():
    asked = arguments(__doc__).parse_args()
    with_threads(asked.threads)
    keep_freed_memory()                                # as fit does
    print(setting())
    found = summary(take_turns(competitors(), asked.rounds))
    print(f"{'a step of':38} {'ms':>7} {'ratio':>6}")
    for name, (ms, ratio) in found.items():
        print(f"{name:38} {ms:7.2f} {ratio:6.2f}")
    write(asked.json, {name: {"ms": ms, "ratio": ratio} for name, (ms, ratio) in found.items()})


if __name__ == "__main__":
    main()
