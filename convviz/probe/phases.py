"""The phase index of a torch module's own weights, taken where its forward uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convviz.analysis.checkerboard import Checkerboard, Stage, Weighing
from convviz.analysis.phase_index import rho, shuffled_sums, transposed_sums
from convviz.errors import ConvvizError
from convviz.ops.conv import ConvTranspose
from convviz.ops.shuffle import PixelShuffle
from convviz.read.torch_call import Step
from convviz.read.torch_module import trace_values

Pair = tuple[np.ndarray, np.ndarray | None]


def weigh(
    found: Checkerboard, module: nn.Module, *, input: Any = None, treat: Mapping[str, str] | None = None
) -> Checkerboard:
    """``found`` with the rho of every stage's real weights.

    module: that from which the net was read, with ``input`` and ``treat`` as then. Its forward runs once, so that
    weights count as they are used: tied, normalised, or passed to a function.
    Raises ConvvizError where the module cannot be run.

    >>> from convviz.analysis.checkerboard import checkerboard
    >>> from convviz.read import read
    >>> net = nn.Sequential(nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False))
    >>> _ = nn.init.ones_(net[0].weight)
    >>> weigh(checkerboard(read(net, "1x8x8")), net).stages[0].rho
    0.0
    """
    wanted = {name for stage in found.stages for name in stage.layers}
    weights: dict[str, Pair] = {}

    def watch(step: Step) -> Tensor | None:
        if step.name in wanted and step.op.kind in ("conv", "conv_transpose"):
            weight = step.kwargs.get("weight", step.args[1] if len(step.args) > 1 else None)
            bias = step.kwargs.get("bias", step.args[2] if len(step.args) > 2 else None)
            if isinstance(weight, Tensor):
                weights[step.name] = _array(weight), _array(bias) if isinstance(bias, Tensor) else None
        return None

    graph = found.graph
    number = next((p.dtype for p in module.parameters() if p.dtype.is_floating_point), torch.float32)
    inputs = {name: torch.ones(1, *shape, dtype=number) for name, shape in graph.inputs.items()}
    with torch.no_grad():
        trace_values(module, graph, inputs, watch, treat, input, keep=())
    return replace(found, stages=tuple(_weighed(stage, graph, weights) for stage in found.stages))


def _weighed(stage: Stage, graph: Any, weights: Mapping[str, Pair]) -> Stage:
    op = stage.node.op
    if stage.any_weights:
        return replace(stage, weighing=Weighing(0.0))
    conv = stage.layers[0]
    if conv not in weights:
        return stage
    weight, bias = weights[conv]
    if isinstance(op, ConvTranspose):
        return replace(stage, weighing=Weighing(_index(transposed_sums(weight, op), conv)))
    if not isinstance(op, PixelShuffle) or len(stage.layers) < 2:
        return stage
    sums = shuffled_sums(weight, op.upscale_factor)
    spread = None
    if bias is not None:
        spread = float(bias.reshape(-1, sums[0].size).std(1).mean())
    return replace(stage, weighing=Weighing(_index(sums, conv), spread))


def _index(sums: np.ndarray, name: str) -> float:
    if not np.isfinite(sums).all():
        raise ConvvizError("has weights that are not finite numbers", name)
    return rho(sums)


def _array(value: Tensor) -> np.ndarray:
    return value.detach().double().cpu().numpy()
