"""The data of an op's page: a second reading of its JSON must give the library's reads, and every sum must come out."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import convviz
from convviz.explorer import knobs
from convviz.explorer.norms import NORMS as NORMS_BY_KIND
from convviz.explorer.op import EXPLORED, example_of, layer_data, op_data
from convviz.explorer.relations import reads_json, relation_json
from convviz.ops import build
from convviz.ops.base import Along
from convviz.ops.relations import Blocks, Relation, Window, adaptive
from convviz.plan.reach import cells_read
from tests.oppages import CASES, NORMS, Cell, Json, Shown, as_read, data_of, named, opened, reads, taps


def test_every_op_that_is_listed_is_among_the_cases() -> None:
    assert {example_of(kind).op for kind, *_ in (*CASES, *NORMS)} == EXPLORED


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
