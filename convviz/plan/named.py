"""Plans by name: an op, a form of several ops, or a teaching name that only sets fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import Any

import numpy as np

from convviz.errors import ConvvizError, ShapeError, nearest
from convviz.ops.base import Op, Shape, build
from convviz.plan import chains, separable
from convviz.plan.build import explain
from convviz.plan.examples import WINDOWS, Kind, kinds
from convviz.plan.model import Plan
from convviz.plan.sample import weights

WINDOWED = {kind.op for kind in WINDOWS}
GROW = 64  # how much larger than in the table a default input may become, so that a larger kernel fits


def plan(
    kind: str,
    fields: Mapping[str, Any] | None = None,
    input: Sequence[int] | None = None,
    view: str | None = None,
    seed: int = 0,
) -> Plan:
    """The plan of an op or form by name, on small whole numbers.

    fields: of the op, over those of the kind's example; input: shape without a batch axis, channels first; its rank
    sets 1-D, 2-D or 3-D. Where it is not given, the example's grows until the fields fit. Raises ConvvizError.

    >>> plan("strided_conv", {"padding": 0}, input=(1, 7)).title
    'Convolution: kernel 3, stride 2 on 1×7 gives 1×3'
    """
    known = {k.name: k for k in kinds()}
    if kind not in known:
        raise ConvvizError(f"no op or form {kind!r}{nearest(kind, known)}")
    example, own = known[kind], dict(fields or {})
    merged = {**example.fields, **own}
    for a, b in (("size", "scale_factor"), ("scale_factor", "size")):  # of which upsampling takes one
        if a in own and b not in own:
            merged.pop(b, None)
    if input is not None:
        shape = checked(input)
        merged = with_channels(example, merged, own, shape)
        return named(example, merged, (shape,) * len(example.ins), view, seed)
    for ins in inputs(example, merged):
        fit = with_channels(example, merged, own, ins[0])
        try:
            return named(example, fit, ins, view, seed)
        except ShapeError as err:
            problem = err
    raise problem


def named(example: Kind, fields: dict[str, Any], ins: Sequence[Shape], view: str | None, seed: int) -> Plan:
    """The plan of a kind with all its fields."""
    shape, rank = ins[0], max(len(ins[0]) - 1, 1)
    if not example.chained:
        op = build(example.op, fields, rank)
        done = explain(op, *ins, view=view, seed=seed)
        return done if done.name == example.name else replace(done, name=example.name)
    if len(shape) < 2:
        raise ShapeError(f"{example.name} needs channels and spatial axes, as in --input 1x5x5")
    parts = chains.parts_of(example.op, fields, shape)
    if len(parts) == 1:
        return replace(explain(parts[0][1], shape, view=view, seed=seed), name=example.name)
    if view is not None:
        raise ConvvizError(f"{example.name} has one view only, got {view!r}", "view")
    chains.guard_all(parts, shape)
    given = teaching_weights(example, parts, shape, seed)
    title = example.name.replace("_", " ").replace("conv", "convolution").capitalize()
    done = chains.chain(example.name, title, parts, shape, explain, given, seed)
    if example.op in ("separable_conv", "spatially_separable_conv"):
        done = separable.against_normal(done, example.op, fields, shape)
    if example.op == "spatially_separable_conv" and rank == 2:
        done = separable.with_product(done, given)
    return done


def teaching_weights(
    example: Kind, parts: Sequence[tuple[str, Op]], shape: Shape, seed: int
) -> list[dict[str, np.ndarray]]:
    """The weights of each stage; a single 3×3 kernel in two stages is Sobel's: (1, 2, 1) times (−1, 0, 1)."""
    found = []
    for i, (_, op) in enumerate(parts):
        found.append(weights(op, shape, None, seed + i))
        shape = op.shape(shape)
    sizes = [w["weight"].shape for w in found if "weight" in w]
    if example.op == "spatially_separable_conv" and sizes == [(1, 1, 3, 1), (1, 1, 1, 3)]:
        found[0]["weight"] = np.array([1.0, 2, 1]).reshape(sizes[0])
        found[1]["weight"] = np.array([-1.0, 0, 1]).reshape(sizes[1])
    return found


def with_channels(
    example: Kind, merged: dict[str, Any], own: Mapping[str, Any], shape: Shape
) -> dict[str, Any]:
    """The fields, with output channels that groups divide where the caller named none."""
    groups = merged.get("groups")
    if "out_channels" in own or "out_channels" not in merged or not isinstance(groups, int) or groups < 1:
        return merged
    return {**merged, "out_channels": lcm(merged["out_channels"], groups)}


def inputs(example: Kind, fields: Mapping[str, Any]) -> list[tuple[Shape, ...]]:
    """The example's inputs, then larger ones: space for a larger kernel, channels that groups and shuffles divide."""
    channels, *space = example.ins[0]
    groups, rank = fields.get("groups"), len(space)
    listed = [len(v) for v in fields.values() if isinstance(v, list | tuple)]
    if rank and listed and example.op in WINDOWED and 1 <= listed[0] <= 3:
        space, rank = [space[0]] * listed[0], listed[0]  # a list for each axis says how many there are
    if isinstance(groups, int) and 1 <= groups <= GROW:
        channels = lcm(channels, groups)
    factor = fields.get("upscale_factor")
    if example.op == "pixel_shuffle" and isinstance(factor, int) and 1 <= factor <= GROW:
        channels = factor**rank
    down = fields.get("downscale_factor")
    if isinstance(down, int) and 1 <= down <= GROW:
        space = [2 * down] * rank
    first = (channels, *space)
    if example.op not in WINDOWED:
        return [example.ins]
    return [((channels, *(n + more for n in space)),) for more in range(GROW)] if rank else [(first,)]


def checked(input: Sequence[int]) -> Shape:
    """A shape as given; raises ConvvizError."""
    shape = tuple(input)
    if not shape or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape):
        raise ConvvizError(f"must be whole numbers >= 1, channels first, as in 1x5x5, got {shape!r}", "input")
    return shape
