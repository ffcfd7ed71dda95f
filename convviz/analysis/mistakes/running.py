"""Mistakes about evaluation mode and the running statistics."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convviz.analysis.mistakes.code import batches, module, trained
from convviz.analysis.mistakes.made import Made, Settings, all_space, remade
from convviz.analysis.mistakes.told import figure
from convviz.analysis.norms.normalize import normalize
from convviz.errors import ConvvizError
from convviz.ops.base import Array, show
from convviz.ops.relations import SAME


def eval_without_stats(x: Array, method: str, settings: Settings) -> Made:
    right = normalize(x, method, **settings)
    wrong = normalize(x, method, **(settings | {"mode": "eval", "steps": 0, "before": ()}))
    told = (
        f"The running mean is 0 and the running variance 1 before the first step, so the output is the input over "
        f"sqrt(1 + eps) = {figure(float(np.sqrt(1 + right.eps)))}, then gamma and beta: nothing is normalized. "
        "norm.num_batches_tracked is still 0.",
    )
    return Made(right, wrong, module(wrong), module(right, trained(settings)), told)


def forgot_eval(x: Array, method: str, settings: Settings) -> Made:
    right = normalize(x, method, **(settings | {"mode": "eval"}))
    if prod(x.shape[2:]) < 2:
        raise ConvvizError(
            f"forgot-eval needs more than one value for each channel of a sample, and {show(x.shape)} has one: "
            "torch raises"
        )
    wrong = remade(right, (SAME, SAME, *all_space(x.shape)))
    setup = module(right, trained(settings)).rsplit("\n", 1)[0]
    code = f"{setup}\ny = torch.cat([norm(image[None]) for image in x])  # still in training mode"
    told = (
        "Each sample comes alone, as in deployment, and is normalized by itself: the answer is instance norm's. "
        "In training mode the answer for a sample changes with whatever else is in its batch, and so do the running "
        "statistics at each call.",
    )
    return Made(right, wrong, code, module(right, trained(settings)), told)


def momentum_swapped(x: Array, method: str, settings: Settings) -> Made:
    momentum = settings.get("momentum", 0.1)
    if momentum is None:
        raise ConvvizError(
            "momentum-swapped needs a momentum; without one the plain average is kept", "momentum"
        )
    settings |= {"mode": "eval"}
    right = normalize(x, method, **settings)
    share = round(1 - momentum, 12)
    wrong = normalize(x, method, **(settings | {"momentum": share}))
    assert right.running_mean is not None and wrong.running_mean is not None
    told = (
        f"The momentum is the share of the new batch in torch: {momentum:g} keeps {share:g} of the old. Taken for "
        f"the share of the old, as in Keras and in optimizers, the running mean of channel 0 is "
        f"{figure(wrong.running_mean[0])} in place of {figure(right.running_mean[0])}.",
    )
    steps = trained(settings)
    return Made(right, wrong, module(wrong, steps), module(right, steps), told)


def biased_running(x: Array, method: str, settings: Settings) -> Made:
    settings |= {"mode": "eval"}
    right = normalize(x, method, **settings)
    var = np.ones(x.shape[1])
    for update in right.updates:
        var = (1 - update.momentum) * var + update.momentum * update.var
    wrong = remade(right, moments=(np.array(right.shift), var))
    assert right.running_var is not None
    told = (
        f"The running variance of channel 0 is {figure(var[0])} in place of {figure(right.running_var[0])}: the "
        "forward pass divides by m, but the running variance is fed with the variance over m - 1.",
    )
    dim = (0, *range(2, x.ndim))
    momentum = settings.get("momentum", 0.1)
    code = [
        f"mean, var = torch.zeros({len(var)}), torch.ones({len(var)})",
        f"for step, batch in enumerate({batches(settings)}, 1):",
        f"    share = {'1 / step' if momentum is None else repr(momentum)}",
        f"    mean = (1 - share) * mean + share * batch.mean({dim})",
        f"    var = (1 - share) * var + share * batch.var({dim}, unbiased=False)",
        module(right).replace("y = ", "norm.running_mean, norm.running_var = mean, var\ny = "),
    ]
    wrong = replace(wrong, weights=right.weights | {"running_var": var})
    return Made(right, wrong, "\n".join(code), module(right, trained(settings)), told)
