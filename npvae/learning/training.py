"""The training loop, in one piece."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from npvae.door import as_condition, as_observed, check_model, check_trainable
from npvae.files import sole_writer
from npvae.inputs import (check_count, check_flag, check_optional, check_positive, check_seed,
                          check_type)
from npvae.learning.finite import check_gradient, check_held_out, check_loss, check_parameters
from npvae.learning.held_out import evaluate, presented
from npvae.learning.optimizers import Adam, Optimizer, clip
from npvae.learning.progress import Interrupt, Progress
from npvae.learning.run import Run
from npvae.learning.schedules import Constant, check_schedule, value_at
from npvae.numerics import keep_freed_memory
from npvae.objectives.costs import KL, SampledKL
from npvae.randomness import stream
from npvae.ranks import Ranks, check_shared, ends_all


@ends_all
def fit(model, x, *, condition=None, observed=None, validation=None, validation_condition=None,
        validation_observed=None, epochs=10, batch_size=128, n_samples=1, optimizer=None,
        learning_rate=1e-3, kl_schedule=None, clip_norm=None, transform=None, patience=None,
        callbacks=(), checkpoint=None, resume=False, seed=0, progress=True, communicator=None):
    """Train a model by stochastic gradient descent on its objective.

    Parameters
    ----------
    model : VAE
        Trained in place.
    x : array (n, D), or a NumPy masked array, which says what is observed
    condition : array (n, C), optional
    observed : array (n, D), optional
        1 where x is known, 0 where it is missing: see `Model.loss`. With `IWAE()` and K samples,
        what is trained is the bound of Mattei and Frellsen (2019).
    validation, validation_condition, validation_observed : array, optional
        Held-out data, evaluated after every epoch.
    epochs, batch_size : int
        The last batch of an epoch may be smaller.
    n_samples : int
        K, the samples of z for each x (L in Kingma and Welling, 2014).
    optimizer : Optimizer, optional
        Adam() if left out. Its moments are reset, unless a run is resumed.
    learning_rate : float or callable
        A number, or a schedule: learning_rate(epoch).
    kl_schedule : callable, optional
        kl_schedule(epoch) multiplies the objective's beta in training, or the capacity of `Capacity`.
    clip_norm : float, optional
        The largest Euclidean norm of the gradient; a longer one is scaled down.
    transform : callable, optional
        transform(x, rng) makes of a batch, which it must not write into, what is presented:
        `datasets.binarize` for dynamic binarization.
    patience : int, optional
        Stop after so many epochs in which the validation loss did not fall, and leave
        the model with its best weights. (The checkpoint holds the last ones, to go on from.)
        A resumed run may have another patience, or none, and then ends with its last weights; but
        not one where it had none before: the best weights of those epochs were not kept.
    callbacks : sequence of callable
        Each is called as callback(model, history) after every epoch, and its checkpoint, which is
        written again where one has changed the model.
    checkpoint : path-like, optional
        Written after every epoch, when Ctrl-C is pressed, and when SIGTERM asks the process to
        end, which it then does. A run that goes wrong leaves the last one as it is. A file that
        is there already is overwritten only by the run that it holds, with `resume`.
    resume : bool
        Go on from the checkpoint, if it is there. The result is, bit for bit, that of a
        run that was never interrupted: shuffling, noise and transform follow from
        (seed, epoch, step) alone. (As far as matrix products are the same: on one machine, with
        the same number of BLAS threads. A warning tells of another number.) A run of other data,
        settings or parts is refused, or named in a warning where it cannot be compared. `epochs`,
        `callbacks` and `progress` may be others.
    seed : int
    progress : bool
        Print how it goes: a bar on a terminal, else a line after every epoch, of reconstruction + KL;
        where the cost is no KL, of reconstruction, code and loss.
    communicator : mpi4py.MPI.Comm, optional
        Share every step between the ranks of an MPI program, all of which call `fit` alike; see
        `npvae.ranks`. Rank 0 alone prints, writes the checkpoint, from which any number of ranks
        can go on, and calls the callbacks. An error on one rank ends all.

    Returns
    -------
    list of dict
        The history, one row for each epoch: epoch, loss, reconstruction, kl (means over
        the epoch's batches, in nats per x), beta (as scheduled, in the mean; 1 where the objective
        has none), loss, reconstruction and kl of held-out data with val_ before them, seconds.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, once the step is done and the checkpoint written.
    FileExistsError
        Where there is something at `checkpoint`, and `resume` was not asked for.
    BlockingIOError
        Where another run that still goes on has this checkpoint.
    TypeError, ValueError
        Where an argument is of another type, or has a wrong value, or the run to be resumed was another;
        before any training.
    FileNotFoundError, IsADirectoryError
        Where the folder of the checkpoint does not exist, or the checkpoint is a folder.
    FloatingPointError
        Where the loss, or the square of a gradient, is no longer finite: names the epoch, the
        step, the layer and the block. The update is not made, and nothing is saved. Gradients of
        up to 1e17 are let through, in float32; the loss has the range of the model's parts. And where
        that of the held-out data is not finite: then the epoch is not saved.
    """
    ranks = Ranks(communicator)
    check_model(model)
    check_trainable(model, model.objective)
    check_shared(model.objective, ranks)
    x, observed = as_observed(model, x, observed)
    condition = as_condition(model, condition, len(x))
    epochs, batch_size = check_count(epochs, "epochs"), check_count(batch_size, "batch_size")
    n_samples, seed = check_count(n_samples, "n_samples"), check_seed(seed)
    if validation is not None:
        validation, validation_observed = as_observed(model, validation, validation_observed,
                                                      "validation")
        validation_condition = as_condition(model, validation_condition, len(validation),
                                            "validation_condition")
    elif not (patience is validation_condition is validation_observed is None):
        raise ValueError("patience, validation_condition or validation_observed is given without "
                         "validation: held-out data were expected")
    if patience is not None:
        patience = check_count(patience, "patience")
    if clip_norm is not None:
        clip_norm = check_positive(clip_norm, "clip_norm")
    for value, name in ((resume, "resume"), (progress, "progress")):
        check_flag(value, name)
    check_optional(checkpoint, "checkpoint", (str, os.PathLike), "a path")
    if checkpoint is not None and not Path(checkpoint).parent.is_dir():
        raise FileNotFoundError(f"checkpoint is {checkpoint}: its folder does not exist")
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise IsADirectoryError(f"checkpoint is {checkpoint}, which is a folder: a file was expected")
    if checkpoint is not None and model.prefix:
        raise ValueError("checkpoint is given, and model is a part of another one, whose parameters it "
                         "shares: the whole, or a copy() of the part, was expected")
    if checkpoint is not None and Path(checkpoint).exists() and not resume:
        raise FileExistsError(f"checkpoint is {checkpoint}, which exists: resume=True goes on from it; "
                              "to begin anew, give another name, or delete it")
    if resume and checkpoint is None:
        raise ValueError("resume is given without checkpoint: the path of a file was expected")
    optimizer = Adam() if optimizer is None else optimizer
    check_type(optimizer, "optimizer", Optimizer, "an optimizer")
    check_optional(transform, "transform", Callable, "a callable")
    if kl_schedule is not None:
        check_schedule(kl_schedule, "kl_schedule")
        if not hasattr(model.objective, "beta"):
            raise ValueError(f"kl_schedule is given, and the objective {model.objective} has no beta: "
                             "an objective with one was expected, such as ELBO()")
        try:
            model.objective.scheduled(1.0)
        except (AttributeError, TypeError) as error:
            raise TypeError(f"kl_schedule is given, and the objective {model.objective} cannot be "
                            f"scheduled ({error}): a frozen dataclass with a field beta was expected, "
                            "or a method scheduled(factor) of its own") from error
    check_type(callbacks, "callbacks", (list, tuple), "a sequence of callables")
    for callback in callbacks:
        check_type(callback, "one of callbacks", Callable, "a callable")
    rate = learning_rate
    if not callable(rate):
        rate = Constant(check_positive(rate, "learning_rate"))
    check_schedule(rate, "learning_rate", "a number or a schedule")
    data = {"x": x} if condition is None else {"x": x, "condition": condition}
    settings = {"n": len(x), "batch_size": batch_size, "n_samples": n_samples, "seed": seed,
                "objective": model.objective, "optimizer": optimizer, "learning_rate": rate,
                "kl_schedule": kl_schedule, "clip_norm": clip_norm, "transform": transform,
                "x": x, "condition": condition, "validation": validation,
                "validation_condition": validation_condition, "corrupt": model.corrupt,
                "observed": observed, "validation_observed": validation_observed}
    of_batches = getattr(model.objective, "over_batch", False)            # their size is a part of it
    if getattr(model.objective.cost, "over_batch", False):
        model.objective.cost.check_data(len(x))
        for data_set in (x, validation) if validation is not None else (x,):
            model.objective.cost.check_batches(len(data_set), batch_size)
    parameters = model.parameters
    keep_freed_memory()
    n_steps = math.ceil(len(x) / batch_size)

    with Interrupt() as interrupt, sole_writer(checkpoint if ranks.rank == 0 else None):
        run = Run(model, optimizer, settings, checkpoint, patience, ranks)
        if resume:
            run.resume()
        ranks.begin(parameters.theta, {**run.settings, "epochs": epochs, "patience": patience,
                                       "checkpoint": str(checkpoint), "its epoch": run.epoch,
                                       "its step": run.step})
        stretch = ranks.share(parameters.size)          # of theta: all of it, on a single rank
        show = Progress(epochs, n_steps, run.epoch * n_steps + run.step, progress and ranks.rank == 0,
                        terminal=ranks.size == 1,
                        of_kl=isinstance(model.objective.cost, (KL, SampledKL)))
        while run.epoch < epochs and not run.has_stalled():
            order = stream(seed, "shuffle", run.epoch).permutation(len(x))
            start = time.perf_counter() - run.seconds
            while run.step < n_steps:
                # Everything random in a step follows from (seed, epoch, step).
                rng = stream(seed, "step", run.epoch, run.step)
                now = run.epoch + run.step / n_steps
                rows = order[run.step * batch_size:(run.step + 1) * batch_size]
                n_rows = len(rows)
                seen = None if observed is None else observed[rows]
                batch, target = presented(model, x[rows], transform, rng, seen)
                eps = model.draw_noise(rng, n_rows, n_samples)
                objective = model.objective
                if kl_schedule is not None:
                    factor = value_at(kl_schedule, now, "kl_schedule")
                    objective = objective.scheduled(factor)

                mine, weight = ranks.rows(n_rows)
                if ranks.size > 1:                      # each works on rows of its own
                    batch, target, eps, rows = batch[mine], target[mine], eps[:, mine], rows[mine]
                c, seen = (None if part is None else part[rows] for part in (condition, observed))
                loss, cache = model.forward(batch, eps, condition=c, target=target, observed=seen,
                                            objective=objective)
                check_loss(loss, model, data, batch, c, seen, cache, run)
                parameters.zero_grad()
                model.backward(cache)
                gradient = ranks.summed(parameters.grad, weight)
                if clip_norm is not None:
                    clip(gradient, clip_norm, ranks.root)
                check_gradient(model, gradient, data, run)
                optimizer.step(parameters.theta[stretch], gradient,
                               value_at(rate, now, "learning_rate"))
                ranks.spread(parameters.theta)

                loss = ranks.mean(loss, weight)
                run.add(loss, n_rows, beta=float(getattr(objective, "beta", 1.0)))
                show.step(run.epoch, run.step, batch_size, loss.value)
                run.seconds = time.perf_counter() - start
                if ranks.any(interrupt.requested):
                    check_parameters(model, data, run)
                    run.save()
                    raise KeyboardInterrupt

            held_out = None
            if validation is not None:
                held_out = evaluate(model, validation, condition=validation_condition,
                                    observed=validation_observed, transform=transform,
                                    n_samples=n_samples, seed=seed, communicator=communicator,
                                    **({"batch_size": batch_size} if of_batches else {}))
            check_parameters(model, data, run)
            if held_out is not None:
                check_held_out(held_out, validation, run)
            row = run.end_epoch(held_out)
            run.save()
            show.epoch(row)
            if callbacks:
                run.call(callbacks)
            if ranks.any(interrupt.requested):
                raise KeyboardInterrupt
        run.restore_best()

    return run.history
