"""The data of an op's page: a second reading of its JSON must give the library's reads, and every sum must come out."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise, product
from math import sqrt
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import convviz
from convviz.errors import ConvvizError
from convviz.explorer import knobs
from convviz.explorer.norms import NORMS as NORMS_BY_KIND
from convviz.explorer.op import EXPLORED, example_of, layer_data, op_data
from convviz.explorer.relations import reads_json, relation_json
from convviz.ops import build
from convviz.ops.base import Along
from convviz.ops.relations import Blocks, Relation, Window, adaptive
from convviz.plan.reach import cells_read

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


# -- a second reading of the JSON: what the page's script must do -----------------------------------------
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


# -- reads ----------------------------------------------------------------------------------------------
def test_relations_in_json_say_what_the_records_say() -> None:
    records: list[Relation] = [
        Window(3, 2, 2, 1),
        Window(4, 1, -1, -1, up=3),
        Blocks(4, 2),
        adaptive(7, 3),
        adaptive(5, 4),
    ]
    for record in records:
        data = json.loads(json.dumps(relation_json(record)))
        for o in range(12):
            found = record.taps(o)
            assert taps(data, o) == list(zip(found.cells, found.index, strict=True)), (record, o)


@pytest.mark.parametrize(
    "kind, fields, shape",
    [
        ("conv", {"out_channels": 4, "kernel_size": 3, "groups": 2, "dilation": 2, "padding": 1}, (2, 6, 5)),
        ("conv_transpose", {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}, (1, 4)),
        ("adaptive_avg_pool", {"output_size": 3}, (2, 7)),
        ("upsample", {"scale_factor": 2.5}, (1, 6)),
    ],
)
def test_reads_in_json_are_the_op_s(kind: str, fields: Json, shape: Cell) -> None:
    op = build(kind, fields, len(shape) - 1)
    out, (own,) = op.shape(shape), op.reads(shape)
    (found,) = json.loads(json.dumps(reads_json(op, shape)))
    assert isinstance(own, Along)
    for cell in np.ndindex(*out):
        inside = [c for c, _ in reads(found, cell) if all(0 <= i < n for i, n in zip(c, shape, strict=True))]
        assert sorted(inside) == sorted(cells_read(own, shape, out, cell)), cell


# -- every number of every setting ------------------------------------------------------------------------
@pytest.mark.parametrize("index", range(len(CASES)), ids=map(named, CASES))
def test_every_sum_comes_out(index: int) -> None:
    data = data_of(index)
    some = range(0, len(data["states"]), max(1, len(data["states"]) // 7))
    for at in {*some, data["settings"][str(data["start"])]}:
        state = opened(data, at)
        for view in state["views"]:
            shown = Shown(data, view)
            for cell in np.ndindex(*shown.y.shape):
                assert shown.result(cell) == pytest.approx(shown.y[cell]), (state["title"], view["key"], cell)


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(named, CASES))
def test_the_first_setting_is_torch_s(index: int) -> None:
    torch = pytest.importorskip("torch")
    data = data_of(index)
    state = opened(data)
    shown = Shown(data, state["views"][0])
    names: Json = {}
    code = state["torch"].replace("torch.randn", "given")
    names["given"] = lambda *shape: torch.tensor(shown.x[None])
    if "layer =" in code:
        code = code.replace("\n\nx =", "\nfill(layer)\n\nx =")
    names["fill"] = lambda layer: fill(torch, layer, shown)
    exec(code, names)
    assert list(names["y"].shape[1:]) == list(shown.y.shape)
    np.testing.assert_allclose(names["y"][0].detach().numpy(), shown.y, atol=1e-9)


def fill(torch: Any, layer: Any, shown: Shown) -> None:
    """The layer with the weights that are shown."""
    layer.double()
    with torch.no_grad():
        if shown.kernel is not None:
            layer.weight.copy_(torch.tensor(shown.kernel))
        if shown.bias is not None:
            layer.bias.copy_(torch.tensor(shown.bias))


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(named, CASES))
def test_scattered_and_gathered_agree_and_cells_that_nothing_reads_are_told(index: int) -> None:
    data = data_of(index)
    for index in range(0, len(data["states"]), 40):
        state = opened(data, index)
        views = [Shown(data, view) for view in state["views"]]
        assert all(np.array_equal(view.y, views[0].y) for view in views)
        lost = state["views"][0]["input"]["unused"]
        unused = {
            cell
            for cell in np.ndindex(*views[0].x.shape)
            if any(i in n for i, n in zip(cell, lost, strict=True))
        }
        if views[0].sources is not None or len(views) > 1:
            continue
        read = {cell for out in np.ndindex(*views[0].y.shape) for cell, _ in reads(views[0].along, out)}
        assert unused == set(np.ndindex(*views[0].x.shape)) - read


def test_overlap_counts_the_products_of_each_output() -> None:
    data = as_read(op_data("conv_transpose", {"kernel_size": 3, "stride": 2, "padding": 0}, (1, 4, 4)))
    state = opened(data)
    counts = Shown.array(data["store"], state["overlap"]["counts"])
    assert counts[:3, :3].tolist() == [[1, 1, 2], [1, 1, 2], [2, 2, 4]]
    assert state["overlap"]["phases"] == [["2", "1"], ["2", "1"]]
    assert {tuple(at): value for at, value in state["overlap"]["joint"]}[(0, 0)] == "4"
    assert "checkerboard" in state["overlap"]["about"]


# -- norms ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("index", range(len(NORMS)), ids=map(named, NORMS))
def test_cells_that_are_lit_share_their_statistics(index: int) -> None:
    data = data_of(index, norm=True)
    for index in range(0, len(data["states"]), 3):
        (view,) = opened(data, index)["views"]
        shown, labels = Shown(data, view), Shown.array(data["store"], view["labels"])
        for cell in np.ndindex(*shown.x.shape):
            lit = [c for c, _ in reads(shown.along, cell)]
            found = data["store"][view["sets"][int(labels[cell])]]
            if not found["live"]:
                assert lit == [cell]
                continue
            assert set(lit) == {c for c in np.ndindex(*labels.shape) if labels[c] == labels[cell]}
            values = np.array([shown.x[c] for c in lit])
            mean = 0.0 if found["mean"] is None else values.mean()
            var = ((values - mean) ** 2).mean()
            assert found["size"] == len(lit)
            assert told(found["var"]) == pytest.approx(var, abs=1e-4)
            if found["mean"] is not None:
                assert told(found["mean"]) == pytest.approx(mean, abs=1e-4)
            eps = number(view["eps"])
            gamma, beta = number(view["gamma"] or "1"), number(view["beta"] or "0")
            assert shown.y[cell] == pytest.approx(
                (shown.x[cell] - mean) / sqrt(var + eps) * gamma + beta, abs=1e-5
            )


def told(text: str) -> float:
    """The last number of ``64 / 16 = 4``."""
    return number(text.split("= ")[-1])


def number(text: str) -> float:
    return float(text.replace("−", "-"))


@pytest.mark.parametrize("index", range(len(NORMS)), ids=map(named, NORMS))
def test_a_norm_s_page_opens_at_the_norm_asked_for(index: int) -> None:
    kind, fields, _ = NORMS[index]
    data = data_of(index, norm=True)
    state = opened(data)
    assert state["kind"] == kind
    for name in ("num_groups", "num_splits"):
        assert name not in fields or state["fields"][name] == fields[name]


@pytest.mark.parametrize("index", range(len(NORMS)), ids=map(named, NORMS))
def test_a_norm_is_torch_s(index: int) -> None:
    torch = pytest.importorskip("torch")
    data = data_of(index, norm=True)
    for at in range(len(data["states"])):
        state = opened(data, at)
        if "evaluation" in state["title"]:
            continue
        shown = Shown(data, state["views"][0])
        names: Json = {
            "given": lambda *shape, x=shown.x: torch.tensor(x),
            "eps": number(state["views"][0]["eps"]),
        }
        code = state["torch"].replace("torch.randn", "given").replace("\n\nx =", "\nlayer.double()\n\nx =")
        exec(code, names)
        np.testing.assert_allclose(names["y"].detach().numpy(), shown.y, atol=1e-6)


# -- layers of nets ---------------------------------------------------------------------------------------
NETS = ["lenet5", "alexnet", "resnet18", "mobilenet_v2", "unet", "wavenet", "densenet121", "cifar_s7_small"]


@pytest.mark.parametrize("net", NETS)
def test_every_kind_of_layer_of_a_net_comes_out_and_says_what_was_cut(net: str) -> None:
    graph = convviz.read(net)
    kinds: dict[tuple[str, str], str] = {}
    for node in graph.nodes:
        if node.op.kind in EXPLORED:
            own = {name: v for name, v in node.op.fields().items() if name not in ("out_channels", "groups")}
            kinds.setdefault((node.op.kind, str(own)), node.name)
    assert kinds
    for (kind, _), name in kinds.items():
        with patch.object(knobs, "MOST", (4, 1)):
            data = as_read(layer_data(graph, name))
        assert data["cut"].startswith(f"{name} takes "), name
        state = opened(data)
        if kind in NORMS_BY_KIND:
            assert state["kind"] == kind
            continue
        for view in state["views"]:
            shown = Shown(data, view)
            for cell in np.ndindex(*shown.y.shape):
                assert shown.result(cell) == pytest.approx(shown.y[cell]), (net, name, cell)


# -- what is refused --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "kind, fields, shape, text",
    [
        ("convolve", {}, None, "no page for 'convolve'"),
        ("separable_conv", {}, None, "no page for 'separable_conv'"),
        ("conv", {"kernel_size": 9}, (1, 5, 5), "kernel"),
        ("conv", {"stride": 0}, None, "stride"),
        ("conv", {}, (1, 500, 500), "most"),
        ("conv", {}, (0, 5), "input"),
        ("conv", {}, (5,), "spatial"),
        ("group_norm", {"num_groups": 3}, (4, 2, 2), "3"),
        ("ghost_batch_norm", {"num_splits": 3}, None, "num_splits"),
        ("batch_norm", {}, (4,), "maps"),
        ("batch_norm", {}, (64, 32, 32), "most"),
        ("batch_norm", {"momentums": 1}, None, "momentums"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    kind: str, fields: Json, shape: Cell | None, text: str
) -> None:
    with pytest.raises(ConvvizError) as caught:
        op_data(kind, fields, shape)
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_every_op_that_is_listed_is_among_the_cases() -> None:
    assert {example_of(kind).op for kind, *_ in (*CASES, *NORMS)} == EXPLORED


# -- what can be turned -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["conv", "conv_transpose", "max_pool", "pixel_shuffle", "group_norm"])
def test_every_value_of_every_knob_can_be_reached_and_the_page_stays_small(kind: str) -> None:
    data = as_read(op_data(kind))
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    assert len(text.encode()) < 1_300_000
    lengths = [len(knob["labels"]) for knob in data["knobs"]]
    reached: list[set[int]] = [set() for _ in lengths]
    for place in data["settings"]:
        for axis, at in enumerate(np.unravel_index(int(place), lengths)):
            reached[axis].add(int(at))
    assert [len(values) for values in reached] == lengths
    assert not set(data["settings"]) & set(data["refused"])
    assert sorted(data["settings"].values()) == list(range(len(data["states"])))


def test_the_four_classic_knobs_turn_freely_with_the_size() -> None:
    data = as_read(op_data("conv"))
    known = {*data["settings"], *data["refused"]}
    fields = [knob["field"] for knob in data["knobs"]]
    free = {"kernel_size", "stride", "padding", "dilation", "input_size"}
    start = np.unravel_index(data["start"], [len(knob["labels"]) for knob in data["knobs"]])
    ranges: list[Any] = [
        range(len(knob["labels"])) if knob["field"] in free else [at]
        for knob, at in zip(data["knobs"], start, strict=True)
    ]
    lengths = [len(knob["labels"]) for knob in data["knobs"]]
    asked = {str(np.ravel_multi_index(tuple(int(i) for i in at), lengths)) for at in product(*ranges)}
    assert len(asked) == 5 * 3 * 3 * 3 * 8 and asked <= known
    assert {"groups", "in_channels", "out_channels", "padding_mode", "bias"} <= set(fields)


def test_what_cannot_be_is_refused_with_a_reason_and_channels_that_do_not_divide_are_just_not_there() -> None:
    data = as_read(op_data("conv"))
    reasons = {data["store"][at] for at in data["refused"].values()}
    assert any("is larger than the padded input" in reason for reason in reasons)
    assert not any("divisible" in reason for reason in reasons)


def test_a_larger_input_keeps_the_numbers_of_a_smaller_one() -> None:
    data = as_read(op_data("conv"))
    inputs = [Shown(data, opened(data, at)["views"][0]).x for at in range(0, len(data["states"]), 50)]
    for x, other in pairwise(inputs):
        both = tuple(slice(min(n, m)) for n, m in zip(x.shape, other.shape, strict=True))
        assert np.array_equal(x[both], other[both])


def test_settings_that_would_make_too_many_cells_are_left_out() -> None:
    data = as_read(op_data("conv_transpose", {"kernel_size": 3, "stride": 2}, (1, 20, 20)))
    assert data["refused"] and str(data["start"]) in data["settings"]
    for at in range(len(data["states"])):
        assert len(data["store"][opened(data, at)["views"][0]["output"]["tensor"]]["values"]) <= 2000
