"""Thousands of random nets, every unit of them against autograd.

``pytest tests/test_random_nets.py --nets 20000`` runs as many as one likes; 2,000 by default.
"""

from __future__ import annotations

import os
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convviz.analysis import backward, receptive_field, unit
from convviz.analysis.cells import Cells
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from tests.oracle import all_units

NETS = int(os.environ.get("CONVVIZ_NETS", "2000"))
BATCHES = 8  # so that two processes share the work


def random_layer(rng: Random, rank: int, channels: int) -> tuple[str, dict]:
    def axes(low: int, high: int) -> list[int]:
        return [rng.randint(low, high) for _ in range(rank)]

    kind = rng.choice(
        ["conv"] * 6
        + ["conv_transpose"] * 3
        + ["max_pool", "avg_pool", "upsample", "upsample", "adaptive_avg_pool"]
        + [
            "pixel_shuffle",
            "pixel_unshuffle",
            "pad",
            "crop",
            "slice",
            "relu",
            "batch_norm",
            "channel_shuffle",
        ]
    )
    kernel = axes(1, 4)
    if kind == "conv":
        padding = [[rng.randint(0, 3), rng.randint(0, 3)] for _ in range(rank)]
        mode = rng.choice(["zeros"] * 4 + ["reflect", "replicate", "circular"])
        return kind, {
            "out_channels": 4,
            "kernel_size": kernel,
            "stride": axes(1, 3),
            "dilation": axes(1, 3),
            "padding": padding,
            "padding_mode": mode,
            "groups": rng.choice([1, 1, 2]),
        }
    if kind == "conv_transpose":
        stride, dilation = axes(1, 3), axes(1, 2)
        extra = [rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True)]
        return kind, {
            "out_channels": 4,
            "kernel_size": kernel,
            "stride": stride,
            "dilation": dilation,
            "padding": axes(0, 2),
            "output_padding": extra,
        }
    if kind in ("max_pool", "avg_pool"):
        fields = {
            "kernel_size": kernel,
            "stride": axes(1, 3),
            "padding": [rng.randint(0, k // 2) for k in kernel],
            "ceil_mode": rng.random() < 0.5,
        }
        if kind == "max_pool":
            fields |= {"dilation": axes(1, 2)}
        return kind, fields
    if kind == "upsample":
        mode = rng.choice(["nearest", "linear" if rank != 2 else "bilinear"])
        mode = "trilinear" if rank == 3 and mode == "linear" else mode
        align = {"align_corners": rng.random() < 0.5} if mode != "nearest" else {}
        if rng.random() < 0.6:
            return kind, {"scale_factor": rng.choice([2, 3, 1.5, 0.5]), "mode": mode} | align
        return kind, {"size": axes(2, 9), "mode": mode} | align
    if kind == "adaptive_avg_pool":
        return kind, {"output_size": axes(1, 6)}
    if kind in ("pixel_shuffle", "pixel_unshuffle"):
        return kind, {"upscale_factor" if kind == "pixel_shuffle" else "downscale_factor": 2}
    if kind == "pad":
        mode = rng.choice(["constant", "constant", "reflect", "replicate", "circular"])
        low = -1 if mode == "constant" else 0
        return kind, {
            "padding": [[rng.randint(low, 2), rng.randint(low, 2)] for _ in range(rank)],
            "mode": mode,
        }
    if kind == "crop":
        return kind, {"padding": [[rng.randint(0, 1), rng.randint(0, 2)] for _ in range(rank)]}
    if kind == "slice":
        return kind, {
            "dim": rng.randint(2, 1 + rank),
            "start": rng.randint(0, 2),
            "end": rng.choice([None, -1]),
            "step": rng.randint(1, 2),
        }
    return kind, {"groups": 2} if kind == "channel_shuffle" else {}


def random_net(rng: Random) -> Graph:
    rank = rng.choice([1, 1, 1, 2, 2, 3])
    limit = {1: 24, 2: 9, 3: 4}[rank]
    sizes = [rng.randint(3, {1: 16, 2: 7, 3: 4}[rank]) for _ in range(rank)]
    builder = GraphBuilder("random", {"input": (4, *sizes)})
    names = ["input"]
    for i in range(rng.randint(3, 12)):
        name = f"n{i}"
        source = names[-1] if rng.random() < 0.7 else rng.choice(names)
        shape = builder.shapes[source]
        try:
            if rng.random() < 0.3 and len(names) > 2:
                join(builder, rng, name, names, rank)
            else:
                kind, fields = random_layer(rng, rank, shape[0])
                op = build(kind, fields, rank)
                if kind == "avg_pool" and any(
                    k > n for k, n in zip(fields["kernel_size"], shape[1:], strict=True)
                ):
                    continue  # torch refuses some of these in 3-D
                if max(op.shape(shape)[1:]) > limit or op.shape(shape)[0] > 16 or 0 in op.shape(shape):
                    continue
                if (
                    kind == "pixel_shuffle"
                ):  # its channels become space: mix them, so that a unit has all of them
                    builder.add(
                        f"{name}mix",
                        build("conv", {"out_channels": shape[0], "kernel_size": 1}, rank),
                        [source],
                    )
                    source = f"{name}mix"
                builder.add(name, op, [source])
        except ConvvizError:
            continue
        names.append(name)
    if len(names) == 1:
        builder.add("n", build("relu", {}, rank), ["input"])
    return builder.build()


def join(builder: GraphBuilder, rng: Random, name: str, names: list[str], rank: int) -> None:
    """Two tensors that fit, made to fit by a crop of the larger; or a gate."""
    a, b = rng.sample(names, 2)
    if rng.random() < 0.2:
        shape = builder.shapes[a]
        builder.add(f"{name}pool", build("global_avg_pool", {}, rank), [a])
        builder.add(
            f"{name}gate", build("conv", {"out_channels": shape[0], "kernel_size": 1}, rank), [f"{name}pool"]
        )
        builder.add(name, build("mul", {}, rank), [a, f"{name}gate"])
        return
    sizes = [min(x, y) for x, y in zip(builder.shapes[a][1:], builder.shapes[b][1:], strict=True)]
    ends = []
    for j, source in enumerate((a, b)):
        shape = builder.shapes[source]
        off = [[(n - m) // 2, n - m - (n - m) // 2] for n, m in zip(shape[1:], sizes, strict=True)]
        if any(before or after for before, after in off):
            builder.add(f"{name}crop{j}", build("crop", {"padding": off}, rank), [source])
            source = f"{name}crop{j}"
        ends.append(source)
    if rng.random() < 0.15:
        builder.add(name, build("concat", {"dim": 2}, rank), ends)
    elif rng.random() < 0.5:
        builder.add(name, build("concat", {}, rank), ends)
    else:
        builder.add(
            f"{name}fit",
            build("conv", {"out_channels": builder.shapes[ends[0]][0], "kernel_size": 1}, rank),
            [ends[1]],
        )
        builder.add(name, build("add", {}, rank), [ends[0], f"{name}fit"])


def check(graph: Graph, rng: Random) -> None:
    result = receptive_field(graph)
    lowered = result.engine.lowered
    followed = {
        name: tuple(e.source for e in node.edges) for name, node in lowered.nodes.items() if node.state
    }
    names = [node.name for node in graph]
    for name in {names[-1], rng.choice(names)}:
        truth = all_units(graph, name, followed)
        for i, index in enumerate(np.ndindex(*graph[name].out[1:])):
            found = unit(result, index, name)
            cells = np.argwhere(truth[i])
            want = (
                (None, None, 0) if not len(cells) else (tuple(cells.min(0)), tuple(cells.max(0)), len(cells))
            )
            assert (found.lo, found.hi, found.count) == want, (name, index, found, want)
        forward_agrees(result, name, graph[name].out[1:])


def forward_agrees(result: ReceptiveField, name: str, sizes: tuple[int, ...]) -> None:
    """The tables of the forward pass against going back from each unit."""
    engine, field = result.engine, result[name]
    assert field is not None
    free, real = engine.free[name], engine.real.get(name)
    torn = [a for a, table in enumerate(free.axes) if table is None]
    shown = real if torn else free
    most = 0
    for index in product(*(range(n) for n in sizes)):
        boxes = backward.reach(
            engine.lowered, name, [Cells(u, 1) for u in index], clip=bool(torn), wrap=False
        )
        sides = backward.hull(boxes) if boxes else (Cells(),) * len(sizes)
        constant = any(t.constant for t in shown.axes)
        if not constant and not (torn and len(torn) < len(sizes)):
            assert shown.known
            maps = shown.at(index)
            assert maps == (sides if boxes else None), (name, index, maps, sides)
            if boxes:
                count = shown.joint.at(index).count if shown.joint else np.prod([m.count or 0 for m in maps])
                assert count == backward.count(boxes), (name, index)
                most = max(most, count)
        for a, side in enumerate(sides):
            if not constant and not torn:
                assert side.span <= field.size[a]
    if most:
        assert most <= (field.pixels or 0)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_unit_agrees_with_autograd(batch: int) -> None:
    @settings(
        max_examples=NETS // BATCHES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def sweep(seed: int) -> None:
        rng = Random(f"{batch} {seed}")
        check(random_net(rng), rng)

    sweep()
