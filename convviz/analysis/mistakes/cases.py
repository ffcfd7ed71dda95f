"""The common mistakes by name: what each is, the methods in which it can be made, and its recipe."""

from __future__ import annotations

from convviz.analysis.mistakes.formula import eps_outside, layer_as_group, no_root, unbiased
from convviz.analysis.mistakes.made import Case
from convviz.analysis.mistakes.running import (
    biased_running,
    eval_without_stats,
    forgot_eval,
    momentum_swapped,
)
from convviz.analysis.mistakes.sets import (
    channels_last,
    ghost_view,
    layernorm_rows,
    pixelwise,
    wrong_axis,
)

HAND = ("batch", "layer", "group", "instance")  # methods that people write out by hand

CASES = {
    "pixelwise": Case(
        "Every pixel is normalized over the batch alone; batch norm takes a channel over the batch and space.",
        ("batch",),
        pixelwise,
        needs="with one pixel a channel the two are the same",
    ),
    "unbiased": Case(
        "The forward pass divides the squares by m - 1; that is for the running variance only.",
        HAND,
        unbiased,
        needs="all values of each set are equal",
    ),
    "wrong-axis": Case(
        "The statistics are taken over the wrong axes: layer norm's sets in batch or instance norm, batch norm's "
        "in layer norm, and in group norm every G-th channel in place of neighbours.",
        HAND,
        wrong_axis,
        needs="both ways have the same sets, or the same statistics",
    ),
    "channels-last": Case(
        "Images with their channels last, (N, H, W, C), go into a module that takes axis 1 for the channels.",
        ("batch",),
        channels_last,
        needs="both ways have the same sets, or the same statistics",
    ),
    "layernorm-rows": Case(
        "LayerNorm(W) on a map normalizes every row by itself; on square images it also fits where [C, H, W] is meant.",
        ("layer",),
        layernorm_rows,
        needs="a sample is a single row",
    ),
    "layer-as-group": Case(
        "LayerNorm([C, H, W]) is replaced by GroupNorm(1, C): equal at the start, but gamma and beta have other "
        "shapes, and training parts them.",
        ("layer",),
        layer_as_group,
    ),
    "ghost-view": Case(
        "Ghost batches by view(-1, C*splits, ...) are made of every splits-th sample, not of neighbours.",
        ("ghost",),
        ghost_view,
        needs="take fewer splits than samples, and more than one",
    ),
    "eval-without-stats": Case(
        "Evaluation mode before any training step: with running mean 0 and running variance 1 nothing is normalized.",
        ("batch",),
        eval_without_stats,
        evaluates=True,
        needs="its mean is 0 and its variance 1 already, or no step was taken",
    ),
    "forgot-eval": Case(
        "The net is used in training mode: a sample is normalized by itself, or by whatever else is in its batch.",
        ("batch",),
        forgot_eval,
        evaluates=True,
    ),
    "momentum-swapped": Case(
        "The momentum is taken for the share of the old running statistics; in torch it is the share of the new ones.",
        ("batch",),
        momentum_swapped,
        evaluates=True,
        needs="the momentum is 0.5, or no step was taken",
    ),
    "biased-running": Case(
        "The running variance is fed with the variance over m; torch feeds it with the one over m - 1.",
        ("batch",),
        biased_running,
        evaluates=True,
        needs="all values of each channel are equal, or no step was taken",
    ),
    "no-root": Case(
        "The deviations are divided by the variance, not by its root.",
        HAND,
        no_root,
        needs="every variance is 0 or 1",
    ),
    "eps-outside": Case(
        "eps is added to the root, not to the variance under it.",
        HAND,
        eps_outside,
        needs="eps is too small beside these variances",
    ),
}
