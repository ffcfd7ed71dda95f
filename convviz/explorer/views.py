"""What a page shows of one setting of an op: grids with their values, relations, and how cells combine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from convviz.ops.base import Along, Array, AxisRead, Op, Shape
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AdaptiveMaxPool, AdaptivePool, AvgPool, GlobalAvgPool, MaxPool, WindowPool
from convviz.ops.relations import SAME, Window
from convviz.ops.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convviz.plan import gather, words
from convviz.plan.given import plain
from convviz.plan.reading import Map
from convviz.plan.transpose import Transpose
from convviz.plan.window import kernel_title
from convviz.report.plan_data import pairs, reads_data

Json = dict[str, Any]
Shuffle = PixelShuffle | PixelUnshuffle | ChannelShuffle
Pool = WindowPool | AdaptivePool | GlobalAvgPool
LARGE = 2**53  # whole numbers below it are exact


@dataclass
class Store:
    """What settings have in common, written once: each distinct entry has a number."""

    entries: list[Any] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)

    def add(self, entry: Any) -> int:
        key = repr(entry)
        if key not in self.known:
            self.known[key] = len(self.entries)
            self.entries.append(entry)
        return self.known[key]

    def tensor(self, values: Array) -> int:
        """An array as its shape and its numbers in one row; whole numbers have no point."""
        flat = values.ravel()
        if np.all(np.abs(flat) < LARGE) and np.all(flat == np.trunc(flat)):
            return self.add({"shape": list(values.shape), "values": flat.astype(int).tolist()})
        return self.add({"shape": list(values.shape), "values": [finite(v) for v in flat]})


def finite(value: Any) -> Any:
    """A number for JSON; None for a cell that holds nothing."""
    return plain(value) if np.isfinite(value) else None


@dataclass(frozen=True)
class Case:
    """One setting: an op on numbers."""

    op: Op
    shape: Shape
    x: Array
    weights: Mapping[str, Array]
    y: Array

    @property
    def out(self) -> Shape:
        return self.y.shape

    @property
    def reads(self) -> Along:
        (reads,) = self.op.reads(self.shape)
        assert isinstance(reads, Along)
        return reads


def views(case: Case, store: Store) -> list[Json]:
    """The ways in which a setting can be looked at, the plainest first."""
    op = case.op
    if isinstance(op, Conv):
        return [conv(case, op, store)]
    if isinstance(op, ConvTranspose):
        return transposed(case, op, store)
    if isinstance(op, Shuffle):
        return [shuffled(case, store)]
    assert isinstance(op, Pool)
    return [pooled(case, op, store)]


def view(
    case: Case, store: Store, key: str, title: str, how: str, given: Json, kernel: Json | None = None,
    plays: str = "output", **more: Any,
) -> Json:  # fmt: skip
    """A view; ``more`` is over what all of them have. Numbers stand for entries of the store."""
    if kernel is not None:
        more["kernel"] = store.add(kernel)
    if "bias" in case.weights:
        more["bias"] = store.tensor(case.weights["bias"])
    return {
        "frame": store.add({"key": key, "title": title, "how": how, "plays": plays}),
        "input": store.add(given),
        "output": store.add(output(case, store)),
        "reads": store.add(reads_data(case.reads, case.out)),
        **more,
    }


def output(case: Case, store: Store) -> Json:
    """The grid of the output."""
    return {"title": f"output {words.size(case.out)}", "tensor": store.tensor(case.y)}


def whole(case: Case, store: Store) -> Json:
    """The grid of an input with nothing around it."""
    rank = len(case.shape)
    return {
        "title": f"input {words.size(case.shape)}",
        "tensor": store.tensor(case.x),
        "pads": [[0, 0]] * rank,
        "outside": store.add([]),
        "unused": [[]] * rank,
        "stuffed": [1] * rank,
    }


def around(case: Case, found: Map, store: Store, stuffed: Sequence[int] = (), title: str = "") -> Json:
    """The grid of an input with what lies around it, and along each axis the indices that no output reads."""
    found.check_size()
    own = found.windows[0].border != "zeros" if isinstance(found.windows[0], Window) else False
    outside = found.grid("").outside if own or found.zeros is not None else {}
    space = zip(found.box, found.x.shape[1:], strict=True)
    return {
        "title": title or f"input {words.size(case.shape)}",
        "tensor": store.tensor(found.x),
        "pads": [[0, 0], *([-box.start, box.stop - n] for box, n in space)],
        "outside": store.add(pairs(outside)),
        "unused": [[], *found.unread],
        "stuffed": [1, *(stuffed or (1,) * (found.x.ndim - 1))],
    }


# -- windows --------------------------------------------------------------------------------------------
def source_of(case: Case, store: Store, zeros: Sequence[tuple[int, int]] | None = None) -> Json:
    """The input with its padding; zeros: of these, the cells that count."""
    windows = [axis.relation for axis in case.reads.axes[1:]]
    return around(case, Map("input", case.x, windows, case.out[1:], case.op.pads(), zeros), store)


def conv(case: Case, op: Conv, store: Store) -> Json:
    """A convolution: products of a window added up."""
    weight = {
        "title": kernel_title(case.weights),
        "tensor": store.tensor(case.weights["weight"]),
        "order": "filters",
        "channels": channels_of(case),
    }
    return view(case, store, "sum", "Sum", "dot", source_of(case, store), weight)


def channels_of(case: Case) -> list[list[int]]:
    """The input channels that each filter reads."""
    block = case.reads.axes[0].relation
    return [list(block.taps(f).cells) for f in range(case.out[0])]


def pooled(case: Case, op: Pool, store: Store) -> Json:
    """A pool: the largest of a window, or its mean with the number that the sum is divided by."""
    largest = isinstance(op, MaxPool | AdaptiveMaxPool)
    padded = isinstance(op, AvgPool) and op.count_include_pad
    given = source_of(case, store, op.pads() if padded else ((0, 0),) * (len(case.shape) - 1))
    more: Json = {}
    if isinstance(op, WindowPool) and not largest:
        more["divisors"] = store.tensor(op.counts(case.shape[1:], case.out[1:]))
    elif not largest:  # each part counts its own cells
        ones = op.forward(np.ones((1, 1, *case.shape[1:])))
        cells = [
            prod(len(axis.relation.taps(o).cells) for axis, o in zip(case.reads.axes[1:], at, strict=True))
            for at in np.ndindex(ones.shape[2:])
        ]
        more["divisors"] = store.tensor(np.array(cells).reshape(ones.shape[2:]))
    how = "max" if largest else "mean"
    return view(case, store, how, "Largest" if largest else "Mean", how, given, **more)


# -- transposed -----------------------------------------------------------------------------------------
def transposed(case: Case, op: ConvTranspose, store: Store) -> list[Json]:
    """A transposed convolution scattered, and gathered from the zero-stuffed input."""
    way = Transpose(op, case.shape, case.out, case.x, case.weights)
    weight = {
        "title": kernel_title(case.weights, filters=False),
        "tensor": store.tensor(case.weights["weight"]),
        "order": "inputs",
        "channels": [list(way.block.feeds(c).cells) for c in range(case.shape[0])],
    }
    reach = [[0, 0], *map(list, way.reach())]
    scattered = view(case, store, "scatter", "Scatter", "dot", whole(case, store), weight, plays="input")
    scattered["output"] = store.add({**output(case, store), "pads": reach})
    turned = gather.flipped(way).weight
    stuffed = gather.stuffed(way)
    zeros = "zero-stuffed input" if any(s > 1 for s in op.stride) else "padded input"
    given = around(case, stuffed, store, op.stride, f"{zeros} {words.size(stuffed.x.shape)}")
    flipped = {
        "title": f"flipped {kernel_title(case.weights, filters=False)}",
        "tensor": store.tensor(turned),
        "order": "filters",
        "channels": channels_of(case),
    }
    plain_reads = Along(
        tuple(
            AxisRead(relation, axis)
            for axis, relation in enumerate((case.reads.axes[0].relation, *stuffed.windows))
        )
    )
    reads = store.add(reads_data(plain_reads, case.out))
    return [scattered, view(case, store, "gather", "Gather", "dot", given, flipped, reads=reads)]


# -- copies ---------------------------------------------------------------------------------------------
def shuffled(case: Case, store: Store) -> Json:
    """Cells that change places: the op moves the cells' own numbers, which tells where each came from."""
    numbers = np.arange(prod(case.shape)).reshape(1, *case.shape)
    sources = store.tensor(case.op.forward(numbers)[0])
    same = Along(tuple(AxisRead(SAME, axis) for axis in range(len(case.shape))))
    reads = store.add(reads_data(same, case.out))
    return view(case, store, "copy", "Copy", "copy", whole(case, store), sources=sources, reads=reads)
