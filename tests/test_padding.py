"""Which units read padding: against zeros replaced by NaN, which spread to every unit that reads them."""

from __future__ import annotations

from random import Random

import numpy as np

from convviz.analysis import receptive_field
from convviz.analysis.padding import padding_reach
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from tests.sweeps import seeds


def random_net(rng: Random) -> Graph:
    builder = GraphBuilder("net", {"input": (1, 14, 11)})
    last = "input"
    for i in range(rng.randint(1, 5)):
        shape = builder.shapes[last]
        kind = rng.choice(["conv", "conv", "max_pool", "upsample", "residual"])
        if kind == "conv":
            fields = {
                "out_channels": 1,
                "kernel_size": rng.randint(1, 3),
                "stride": rng.randint(1, 2),
                "dilation": rng.randint(1, 2),
                "padding": [[rng.randint(0, 2), rng.randint(0, 2)] for _ in range(2)],
            }
            kind_op = build("conv", fields)
        elif kind == "max_pool":
            kind_op = build("max_pool", {"kernel_size": 3, "stride": 2, "padding": rng.randint(0, 1)})
        elif kind == "upsample":
            kind_op = build("upsample", {"scale_factor": 2, "mode": rng.choice(["nearest", "bilinear"])})
        else:
            pad = rng.randint(1, 2)
            name = builder.add(
                f"n{i}conv",
                build("conv", {"out_channels": 1, "kernel_size": 2 * pad + 1, "padding": pad}),
                [last],
            ).name
            last = builder.add(f"n{i}", build("add"), [name, last]).name
            continue
        try:
            if min(kind_op.shape(shape)[1:]) < 2 or max(kind_op.shape(shape)[1:]) > 60:
                continue
        except ConvvizError:
            continue
        last = builder.add(f"n{i}", kind_op, [last]).name
    if last == "input":
        builder.add("n", build("relu"), ["input"])
    return builder.build()


def spread(graph: Graph) -> np.ndarray:
    """The net with ones for weights, averages for maxima and NaN for padding; True where the output is a number."""
    values = {"input": np.ones((1, *graph.inputs["input"]))}
    for node in graph:
        x, op = values[node.inputs[0]], node.op
        if op.kind in ("conv", "max_pool"):
            pads = (
                op.pads()
                if op.kind == "conv"
                else tuple((p, p) if isinstance(p, int) else p for p in op.padding)
            )
            x = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=np.nan)
            plain = build(
                "conv",
                {
                    "out_channels": 1,
                    "kernel_size": list(op.kernel_size),
                    "stride": list(op.stride),
                    "dilation": list(op.dilation),
                    "bias": False,
                },
            )
            values[node.name] = plain.forward(x, weights={"weight": np.ones((1, 1, *op.kernel_size))})
        elif (
            op.kind == "upsample"
        ):  # NaN times a weight of zero must not spread: look at the marks one at a time
            values[node.name] = np.where(op.forward(np.isnan(x).astype(float)) > 0, np.nan, 1.0)
        elif op.kind == "add":
            values[node.name] = values[node.inputs[0]] + values[node.inputs[1]]
        else:
            values[node.name] = x
    return ~np.isnan(values[graph.nodes[-1].name][0, 0])


@seeds(150)
def test_against_nan(seed: int) -> None:
    graph = random_net(Random(seed))
    found = padding_reach(receptive_field(graph), graph.nodes[-1].name)
    valid = np.zeros(found.size, bool)
    for rows in found.valid[0]:
        for columns in found.valid[1]:
            valid[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    assert np.array_equal(valid, spread(graph))
    assert found.count == valid.sum()


def test_a_net_without_padding_is_valid_everywhere() -> None:
    builder = GraphBuilder("net", {"input": (1, 9, 9)})
    builder.add("c", build("conv", {"out_channels": 1, "kernel_size": 3}), ["input"])
    found = padding_reach(receptive_field(builder.build()))
    assert (found.count, found.total) == (49, 49)
