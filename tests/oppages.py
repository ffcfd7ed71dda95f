"""The data of an op's page, and a second reading of its JSON: what the page's script must do with it."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np

from convviz.explorer import knobs
from convviz.explorer.op import op_data

Json = dict[str, Any]
Cell = tuple[int, ...]

# Each op at three settings other than its default: one axis, groups or dilation, a border.
CASES: list[tuple[str, Json, Cell | None]] = [
    ("conv", {}, None),
    ("conv", {"kernel_size": 3, "padding": 2}, (1, 9)),
    ("conv", {"kernel_size": [1, 3], "padding": [[0, 1], [2, 0]], "stride": [1, 2]}, (2, 5, 6)),
    ("conv", {"padding": "same", "kernel_size": 2}, (1, 6, 6)),
    ("strided_conv", {}, None),
    ("dilated", {}, None),
    ("grouped", {}, None),
    ("depthwise", {"multiplier": 2}, None),
    ("depthwise", {"padding": 1}, (2, 7)),
    ("pointwise", {}, None),
    ("conv_transpose", {}, None),
    ("conv_transpose", {"kernel_size": 4, "stride": 3, "output_padding": 1}, (1, 4)),
    ("conv_transpose", {"groups": 2, "out_channels": 4, "dilation": 2}, (2, 3, 3)),
    ("max_pool", {}, None),
    ("max_pool", {"kernel_size": 3, "padding": 1, "dilation": 2}, (2, 9)),
    ("avg_pool", {}, None),
    ("avg_pool", {"kernel_size": 3, "padding": 1, "count_include_pad": False, "ceil_mode": True}, (1, 6)),
    ("adaptive_avg_pool", {}, None),
    ("adaptive_avg_pool", {"output_size": 3}, (2, 7)),
    ("adaptive_max_pool", {}, (1, 7, 5)),
    ("global_avg_pool", {}, None),
    ("pixel_shuffle", {}, None),
    ("pixel_shuffle", {"upscale_factor": 3}, (3, 4)),
    ("pixel_unshuffle", {}, None),
    ("channel_shuffle", {}, None),
]
NORMS: list[tuple[str, Json, Cell | None]] = [
    ("batch_norm", {}, None),
    ("layer_norm", {"eps": 0.001}, (2, 3)),
    ("group_norm", {"num_groups": 4}, None),
    ("group_norm", {"num_groups": 3}, (6, 2)),
    ("instance_norm", {}, (3, 2, 2)),
    ("rms_norm", {}, None),
    ("ghost_batch_norm", {"num_splits": 4}, None),
]


def named(case: tuple[str, Json, Cell | None]) -> str:
    kind, fields, shape = case
    return " ".join([kind, *(f"{k}={v}" for k, v in fields.items()), "x".join(map(str, shape or ()))]).strip()


def opened(data: Json, index: int | None = None) -> Json:
    """A state (by default the first that is shown) with the entries of the store in place, as the page opens it."""
    store = data["store"]
    state = dict(data["states"][data["settings"][str(data["start"])] if index is None else index])
    bare = dict.fromkeys(("kernel", "bias", "sources", "divisors"))
    views = [{**bare, **store[at], **store[store[at]["frame"]]} for at in state["views"]]
    for view in views:
        view |= {name: store[view[name]] for name in ("input", "kernel", "output") if view[name] is not None}
    texts = {name: store[state[name]] for name in ("title", "facts", "yaml")}
    torch = "\n".join(store[line] for line in state["torch"])
    overlap = None if state["overlap"] is None else store[state["overlap"]]
    return {**state, **texts, "views": views, "torch": torch, "overlap": overlap}


@cache
def data_of(index: int, norm: bool = False) -> Json:
    kind, fields, shape = (NORMS if norm else CASES)[index]
    with patch.object(knobs, "MOST", (90, 30)):  # a part of the sliders' settings will do
        return as_read(op_data(kind, fields, shape))


def as_read(data: Json) -> Json:
    """The data as the page gets it."""
    made: Json = json.loads(json.dumps(data, allow_nan=False))
    return made


def taps(relation: Json, o: int) -> list[tuple[int, int]]:
    if relation["kind"] == "window":
        at = [
            o * relation["stride"] - relation["padding"] + relation["dilation"] * t
            for t in range(relation["kernel"])
        ]
        return [(cell // relation["up"], t) for t, cell in enumerate(at) if cell % relation["up"] == 0]
    if relation["kind"] == "blocks":
        start = o // relation["out"] * relation["size"]
        return [(start + t, t) for t in range(relation["size"])]
    turns, phase = divmod(o, relation["period"])
    return [(cell + turns * relation["advance"], t) for t, cell in enumerate(range(*relation["rows"][phase]))]


def reads(along: Json, out: Cell) -> list[tuple[Cell, Cell]]:
    """The cells that an output reads, padding included, and the kernel index of each."""
    axes = [taps(a["relation"], 0 if a["to"] is None else out[a["to"]]) for a in along["axes"]]
    return [(tuple(c for c, _ in hit), tuple(t for _, t in hit)) for hit in product(*axes)]


class Shown:
    """A view with the entries of the store in place."""

    def __init__(self, data: Json, view: Json) -> None:
        store, self.view = data["store"], view
        self.x, self.y = (
            self.array(store, view["input"]["tensor"]),
            self.array(store, view["output"]["tensor"]),
        )
        self.along = store[view["reads"]]
        self.outside = {tuple(cell): value for cell, value in store[view["input"]["outside"]]}
        self.kernel = None if view["kernel"] is None else self.array(store, view["kernel"]["tensor"])
        self.bias = None if view["bias"] is None else self.array(store, view["bias"])
        self.divisors = None if view["divisors"] is None else self.array(store, view["divisors"])
        self.sources = None if view["sources"] is None else self.array(store, view["sources"])

    @staticmethod
    def array(store: list[Any], at: int) -> np.ndarray:
        values = [-np.inf if v is None else v for v in store[at]["values"]]
        return np.array(values, dtype=float).reshape(store[at]["shape"])

    def value(self, cell: Cell) -> float | None:
        if all(0 <= i < n for i, n in zip(cell, self.x.shape, strict=True)):
            return float(self.x[cell])
        if cell in self.outside:
            return self.outside[cell]
        axes = zip(cell, self.x.shape, self.view["input"]["pads"], strict=True)
        return 0.0 if all(-before <= i < n + after for i, n, (before, after) in axes) else None

    def weight(self, cell: Cell, index: Cell, out: Cell) -> float:
        assert self.kernel is not None
        if self.view["kernel"]["order"] == "filters":
            return float(self.kernel[(out[0], *index)])
        return float(
            self.kernel[(cell[0], self.view["kernel"]["channels"][cell[0]].index(out[0]), *index[1:])]
        )

    def result(self, out: Cell) -> float:
        """What the page's arithmetic says of an output."""
        how = self.view["how"]
        if how == "copy":
            assert self.sources is not None
            return float(self.x.ravel()[int(self.sources[out])])
        found = [(cell, index, self.value(cell)) for cell, index in reads(self.along, out)]
        terms = [(cell, index, value) for cell, index, value in found if value is not None]
        if how == "max":
            return max((value for *_, value in terms), default=-np.inf)
        if how == "mean":
            assert self.divisors is not None and len(terms) == self.divisors[out[1:]]
            return sum(value for *_, value in terms) / float(self.divisors[out[1:]])
        total = sum(value * self.weight(cell, index, out) for cell, index, value in terms)
        return total + (0.0 if self.bias is None else float(self.bias[out[0]]))
