"""An independent oracle: what each unit of each node reads, by autograd, all units at once.

The net is run in torch with ones for weights, averages for maxima and identities for everything elementwise; every
sample of the batch asks for another unit, and after each step the gradient is replaced by its indicator.
Nothing of ``convviz.analysis`` is used here, and of the ops only their fields.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from convviz.graph import Graph, Node

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
MODE = {"zeros": "constant"}


def indicator(gradient: torch.Tensor) -> torch.Tensor:
    return (gradient.abs() > 1e-12).to(gradient)


def flat(pads: tuple[tuple[int, int], ...]) -> list[int]:
    return [v for pair in reversed(pads) for v in pair]


def apply(node: Node, xs: list[torch.Tensor], wrap: bool) -> torch.Tensor:
    """One node in torch; ``wrap`` False takes zeros where the padding mode copies cells."""
    op, x = node.op, xs[0]
    if node.op.kind in ("conv", "conv_transpose", "max_pool") and x.dtype == torch.float64:
        # Sums of ones are exact in float32, where torch's convolutions are several times as fast.
        return apply(node, [x.float()], wrap).double()
    rank = len(node.ins[0]) - 1
    kind = op.kind
    if kind == "conv":
        mode = MODE.get(op.padding_mode, op.padding_mode) if wrap else "constant"
        x = F.pad(x, flat(op.pads()), mode=mode)
        w = torch.ones(op.out_channels, x.shape[1] // op.groups, *op.kernel_size, dtype=x.dtype)
        return CONV[rank](x, w, stride=op.stride, dilation=op.dilation, groups=op.groups)
    if kind == "conv_transpose":
        w = torch.ones(x.shape[1], op.out_channels // op.groups, *op.kernel_size, dtype=x.dtype)
        return TRANSPOSED[rank](
            x,
            w,
            stride=op.stride,
            padding=op.padding,
            output_padding=op.output_padding,
            dilation=op.dilation,
            groups=op.groups,
        )
    if kind == "max_pool":
        # the sum over the dilated window: a depthwise conv of ones, cut to the pool's own output size
        grow = [
            (p, p + s + d * k)
            for p, s, d, k in zip(paired(op.padding), op.stride, op.dilation, op.kernel_size, strict=True)
        ]
        w = torch.ones(x.shape[1], 1, *op.kernel_size, dtype=x.dtype)
        y = CONV[rank](
            F.pad(x, flat(tuple(grow))), w, stride=op.stride, dilation=op.dilation, groups=x.shape[1]
        )
        return y[(slice(None), slice(None), *(slice(0, n) for n in node.out[1:]))]
    if kind == "avg_pool":
        return AVERAGE[rank](x, op.kernel_size, op.stride, paired(op.padding), ceil_mode=op.ceil_mode)
    if kind in ("adaptive_avg_pool", "adaptive_max_pool"):
        return ADAPTIVE[rank](x, node.out[1:])
    if kind == "global_avg_pool":
        return x.mean(tuple(range(2, 2 + rank)), keepdim=True)
    if kind == "upsample":
        modes = {"linear": {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]}
        mode = modes.get(op.mode, op.mode)
        extra = {} if mode in ("nearest", "nearest-exact") else {"align_corners": op.align_corners}
        if op.size is not None:
            return F.interpolate(x, size=node.out[1:], mode=mode, **extra)
        return F.interpolate(x, scale_factor=op.scale_factor, mode=mode, **extra)
    if kind in ("pad", "crop"):
        pads = op.padding if kind == "pad" else tuple((-a, -b) for a, b in op.padding)
        return F.pad(x, flat(pads), mode=op.mode if kind == "pad" and wrap else "constant")
    if kind == "pixel_shuffle":
        return shuffle(x, op.upscale_factor, rank)
    if kind == "pixel_unshuffle":
        return unshuffle(x, op.downscale_factor, rank)
    if kind == "concat":
        return torch.cat(xs, op.dim)
    if kind in ("add", "mul"):
        total = xs[0]
        for other in xs[1:]:
            total = total + other
        return total
    if kind == "slice":
        return x[(slice(None),) * op.dim + (slice(op.start, op.end, op.step),)]
    if kind in (
        "relu",
        "batch_norm",
        "identity",
        "dropout",
        "instance_norm",
        "group_norm",
        "sigmoid",
        "channel_shuffle",
    ):
        return x * 1
    raise AssertionError(f"the oracle does not know {kind}")


def paired(padding: tuple) -> tuple[int, ...]:
    return tuple(p[0] if isinstance(p, tuple) else p for p in padding)


def shuffle(x: torch.Tensor, r: int, rank: int) -> torch.Tensor:
    n, c, *space = x.shape
    x = x.reshape(n, c // r**rank, *(r,) * rank, *space)
    order = [0, 1] + [a for i in range(rank) for a in (2 + rank + i, 2 + i)]
    return x.permute(order).reshape(n, c // r**rank, *(s * r for s in space))


def unshuffle(x: torch.Tensor, r: int, rank: int) -> torch.Tensor:
    n, c, *space = x.shape
    x = x.reshape(n, c, *(v for s in space for v in (s // r, r)))
    order = [0, 1, *(3 + 2 * i for i in range(rank)), *(2 + 2 * i for i in range(rank))]
    return x.permute(order).reshape(n, c * r**rank, *(s // r for s in space))


def all_units(
    graph: Graph, name: str, followed: Mapping[str, tuple[str, ...]], wrap: bool = True
) -> np.ndarray:
    """Bool array (units, *input space): which input cells each unit of node ``name`` reads on the followed inputs."""
    ((source, shape),) = graph.inputs.items()
    space = graph[name].out[1:]
    count = int(np.prod(space))
    x = torch.zeros(count, *shape, dtype=torch.float64, requires_grad=True)
    values = {source: x}
    for node in graph:
        xs = [
            values[i] if i in followed.get(node.name, node.inputs) else values[i].detach()
            for i in node.inputs
        ]
        y = apply(node, xs, wrap)
        assert tuple(y.shape[1:]) == node.out, (node.name, y.shape, node.out)
        if y.requires_grad:
            y.register_hook(indicator)
        values[node.name] = y
        if node.name == name:
            break
    flat_units = values[name].reshape(count, graph[name].out[0], count)
    total = flat_units[torch.arange(count), :, torch.arange(count)].sum()
    if not total.requires_grad:
        return np.zeros((count, *shape[1:]), bool)
    (gradient,) = torch.autograd.grad(total, x, allow_unused=True)
    if gradient is None:
        return np.zeros((count, *shape[1:]), bool)
    return (gradient.abs().sum(1) > 1e-12).numpy()
