"""What a plan shows, held against torch: inputs and weights are read off its panels, nothing else of it is believed."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import numpy as np
import torch

from convviz.build import build_module
from convviz.graph import GraphBuilder
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AdaptivePool, WindowPool
from convviz.ops.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convviz.plan.model import Grid, Plan, Stage, Work

FREE = (WindowPool, AdaptivePool, PixelShuffle, PixelUnshuffle, ChannelShuffle)  # ops without weights


def values(plan: Plan, key: str, until: int | None = None) -> np.ndarray | None:
    """The numbers of a grid as an array; None where not all of its cells have one."""
    grid = plan.by_key.get(key)
    if not isinstance(grid, Grid):
        return None
    found = plan.shown(key, until)
    cells = list(np.ndindex(*grid.shape))
    if any(cell not in found for cell in cells):
        return None
    return np.array([found[cell] for cell in cells], dtype=float).reshape(grid.shape)


def module(stage: Stage, state: dict[str, np.ndarray]) -> Any:
    """The op as torch's own module with the weights that the plan shows."""
    builder = GraphBuilder("shown", {"input": stage.ins[0]})
    builder.add("it", stage.op, ["input"])
    made, names = build_module(builder.build())
    own = made.double().state_dict()
    for name, value in state.items():
        own[f"{names['it']}.{name}"].copy_(torch.from_numpy(value))
    return made


def torch_of(plan: Plan, stage: Stage) -> np.ndarray | None:
    """What torch makes of a stage's input as it is shown; None where the plan does not show all that this needs."""
    source = values(plan, stage.reads[0])
    if source is None or source.shape != tuple(stage.ins[0]):
        return None
    state: dict[str, np.ndarray] = {}
    if isinstance(stage.op, Conv | ConvTranspose):
        shapes = stage.op.weights(*stage.ins)
        kernel = values(plan, stage.weight or "")
        if kernel is None or kernel.size != prod(shapes["weight"]):
            return None
        state["weight"] = kernel.reshape(shapes["weight"])
        if "bias" in shapes:
            biases = {
                write.cell[0]: step.work.bias
                for step in plan.steps
                if step.work is not None and step.work.how == "dot"
                for write in step.writes
                if write.panel == stage.writes
            }
            if set(biases) != set(range(shapes["bias"][0])):
                return None
            state["bias"] = np.array([biases[c] or 0.0 for c in range(shapes["bias"][0])])
    elif not isinstance(stage.op, FREE):
        return None
    with torch.no_grad():
        return module(stage, state)(torch.from_numpy(source[None])).numpy()[0]


def check_stages(plan: Plan) -> int:
    """Assert that what each stage's output shows is torch's; how many stages could be held against it."""
    checked = 0
    for stage in plan.stages:
        want, shown = torch_of(plan, stage), values(plan, stage.writes)
        if want is None or shown is None or shown.shape != want.shape:
            continue
        np.testing.assert_allclose(shown, want, rtol=1e-6, atol=1e-9, err_msg=f"{plan.name}: {stage.writes}")
        checked += 1
    return checked


def again(work: Work) -> float | None:
    """The result of a step's terms, added up anew; None where a function is named in place of a sum."""
    products = [term.product for term in work.terms]
    if work.how in ("dot", "sum"):
        return math.fsum(products) + (work.bias or 0)
    if work.how == "mean":
        assert work.divisor is not None
        return math.fsum(products) / work.divisor
    if work.how == "product":
        return prod(products)
    return max(products) if work.how == "max" else products[0] if work.how == "copy" else None


def check_sums(plan: Plan) -> int:
    """Assert that every sum of a plan adds up, its factors are products, and what it writes is its result; how many."""
    count = 0
    for step in plan.steps:
        work = step.work
        if work is None or not work.terms:
            continue
        for term in work.terms:
            if term.factor is not None:
                assert math.isclose(term.product, term.value * term.factor, rel_tol=1e-9, abs_tol=1e-9), (
                    step.caption
                )
        found = again(work)
        if found is not None and work.result is not None:
            assert math.isclose(found, work.result, rel_tol=1e-6, abs_tol=1e-6), step.caption
            count += 1
    return count
