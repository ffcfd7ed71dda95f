"""The net's data for the page: what any unit reads follows from it, as the analysis says, and it stays small.

The page's rule is written once more in Python, on plain sets; the page's own script runs where there is Node.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import time
import zlib
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import convviz
from convviz.analysis import backward, receptive_field, unit
from convviz.analysis.cells import Cells
from convviz.analysis.paths import path_counts
from convviz.analysis.pyramid import cone
from convviz.errors import ConvvizError
from convviz.explorer import net as explorer_net
from convviz.explorer.net import net_data
from convviz.explorer.png import png
from convviz.graph import Graph
from convviz.ops.relations import Blocks, Relation, Table, Window, inside
from convviz.read import bundled
from tests.test_random_nets import random_net

PAGE = Path(explorer_net.__file__).parent / "page"
ESBUILD = PAGE / "node_modules" / ".bin" / "esbuild"
NETS = [name for name in bundled.names() if "/" not in name]
Box = tuple[frozenset[int], ...]
INPUT = -1


# -- the page's rule on plain sets ---------------------------------------------------------------------------
def rebuilt(relation: dict[str, Any]) -> Relation:
    """A record of ops/relations.py from what the page gets."""
    fields = dict(relation)
    kind = fields.pop("kind")
    if kind == "table":
        assert len(fields["rows"]) == fields.pop("period")
        return Table([range(*row) for row in fields["rows"]], fields["advance"], border=fields["border"])
    return Window(**fields) if kind == "window" else Blocks(**fields)


class Rule:
    """What units read, by the data that the page gets and nothing else."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.relations = [s["relation"] and rebuilt(s["relation"]) for s in data["steps"]]
        self.image = cache(self._image)

    def _image(self, step: int, cells: frozenset[int], clip: bool) -> frozenset[int]:
        relation, n = self.relations[step], self.data["steps"][step]["n"]
        if relation is None:
            return frozenset(range(n))
        border = getattr(relation, "border", "zeros")
        taps = [relation.taps(o).cells for o in cells]
        if clip:
            taps = [part for t in taps for part in inside(t, n, border)]
        return frozenset(c for t in taps for c in t if not clip or 0 <= c < n)

    def reach(self, layer: int, at: tuple[int, ...], clip: bool) -> dict[int, list[Box]]:
        found: dict[int, list[Box]] = {layer: [tuple(frozenset([u]) for u in at)]}
        for i in range(layer, -1, -1):
            for read, box in product(self.data["layers"][i]["reads"], found.get(i, [])):
                moved = []
                for cells, steps in zip(box, read["steps"], strict=True):
                    for step in reversed(steps):
                        cells = self.image(step, cells, clip)
                    moved.append(cells)
                into = found.setdefault(read["from"], [])
                if all(moved) and not any(all(a <= b for a, b in zip(moved, x, strict=True)) for x in into):
                    into[:] = [x for x in into if not all(a <= b for a, b in zip(x, moved, strict=True))]
                    into.append(tuple(moved))
        return found


def told(boxes: list[Box]) -> tuple[Any, Any, int]:
    """First and last cell along each axis, and how many cells."""
    if not boxes:
        return None, None, 0
    sides = [frozenset().union(*column) for column in zip(*boxes, strict=True)]
    lo, hi = tuple(map(min, sides)), tuple(map(max, sides))
    if len(boxes) == 1:
        return lo, hi, prod(map(len, boxes[0]))
    mask = np.zeros([b - a + 1 for a, b in zip(lo, hi, strict=True)], bool)
    for box in boxes:
        mask[np.ix_(*([c - a for c in cells] for a, cells in zip(lo, box, strict=True)))] = True
    return lo, hi, int(mask.sum())


def expected(graph: Graph, layer: str, at: tuple[int, ...]) -> tuple[Any, Any, int]:
    found = unit(graph, at, layer)
    assert found.count is not None
    return found.lo, found.hi, found.count


def free(result: Any, layer: str, at: tuple[int, ...]) -> tuple[Any, Any, int]:
    """The same as if no map had an end."""
    boxes = backward.reach(result.engine.lowered, layer, [Cells(u, 1) for u in at], clip=False)
    if not boxes:
        return None, None, 0
    sides, n = backward.hull(boxes), backward.count(boxes)
    assert n is not None
    return tuple(s.lo for s in sides), tuple(s.hi for s in sides), n


def asks(data: dict[str, Any], rng: Random, n: int) -> list[tuple[int, tuple[int, ...]]]:
    """Layers and units drawn at random; half of the units at the border."""
    layers = [i for i, layer in enumerate(data["layers"]) if layer["map"]]
    drawn = []
    for layer in rng.choices(layers, k=n) if layers else []:
        sizes = data["layers"][layer]["map"]
        drawn.append((layer, tuple(rng.choice([0, m - 1, *rng.choices(range(m), k=2)]) for m in sizes)))
    return drawn


def random_nets(n: int, seed: int) -> list[Graph]:
    rng = Random(seed)
    return [random_net(rng) for _ in range(n)]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_units_of_bundled_nets(name: str) -> None:
    graph = convviz.read(name)
    data = net_data(graph)
    result, rule = receptive_field(graph), Rule(data)
    for layer, at in asks(data, Random(name), 10):
        title = data["layers"][layer]["name"]
        assert told(rule.reach(layer, at, True).get(INPUT, [])) == expected(graph, title, at)
        assert told(rule.reach(layer, at, False).get(INPUT, [])) == free(result, title, at)


def test_every_layer_between() -> None:
    for graph in [convviz.read("inception_v3"), *random_nets(60, 1)]:
        data, result = net_data(graph), receptive_field(graph)
        rule = Rule(data)
        for layer, at in asks(data, Random(2), 4):
            between = rule.reach(layer, at, True)
            for axis in range(len(at)):
                levels = cone(result, data["layers"][layer]["name"], at, axis).levels
                names = {INPUT: data["wrt"], **{i: x["name"] for i, x in enumerate(data["layers"])}}
                found = {
                    names[i]: frozenset().union(*(b[axis] for b in boxes))
                    for i, boxes in between.items()
                    if boxes
                }
                assert found == {
                    source: frozenset(level.cells) for source, level in levels.items() if level.cells
                }


# -- the page's own script -----------------------------------------------------------------------------------
DRIVER = """
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { reach, fed, bounds, count, holds } = net;
function told(boxes = []) {
  const ends = bounds(boxes);
  return ends ? [ends.map((b) => b[0]), ends.map((b) => b[1]), count(boxes)] : [null, null, 0];
}
function answer({ data, asks, cell }) {
  return asks.map(([layer, unit, units]) => ({
    real: told(reach(data, layer, unit, true).get(-1)),
    free: told(reach(data, layer, unit, false).get(-1)),
    fed: cell && units.map((u) => holds(fed(data, -1, cell, layer), u)),
    fedCount: cell && count(fed(data, -1, cell, layer)),
  }));
}
console.log(JSON.stringify(asked.map(answer)));
"""


@pytest.fixture(scope="module")
def script() -> str:
    """The page's script of what units read, as one file that Node runs."""
    if not shutil.which("node") or not ESBUILD.exists():
        pytest.skip("no Node, or no `npm ci` in convviz/explorer/page: the same rule is checked in Python")
    both = 'export * from "./src/net_reach"; export * from "./src/net_boxes"'
    command = [ESBUILD, "--bundle", "--format=iife", "--global-name=net"]
    return subprocess.run(
        command, input=both, cwd=PAGE, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def ask_page(script: str, questions: list[dict[str, Any]]) -> Any:
    """The script's answers."""
    command = ["node", "-e", script + DRIVER]
    done = subprocess.run(
        command, input=json.dumps(questions), capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


def test_the_page_on_bundled_nets(script: str) -> None:
    graphs = [convviz.read(name) for name in NETS]
    questions = []
    for graph in graphs:
        data = net_data(graph)
        questions.append({"data": data, "asks": asks(data, Random(graph.name), 40)})
    checked = 0
    for graph, question, answers in zip(graphs, questions, ask_page(script, questions), strict=True):
        result = receptive_field(graph)
        for (layer, at), answer in zip(question["asks"], answers, strict=True):
            title = question["data"]["layers"][layer]["name"]
            assert answer["real"] == listed(expected(graph, title, at)), (
                graph.name,
                title,
                at,
            )
            assert answer["free"] == listed(free(result, title, at)), (graph.name, title, at)
            checked += 1
    assert checked > 1000


def test_the_page_on_random_nets(script: str) -> None:
    graphs, rng = random_nets(250, 3), Random(4)
    questions: list[dict[str, Any]] = []
    for graph in graphs:
        data = net_data(graph)
        drawn = [(i, at, [*product(*map(range, data["layers"][i]["map"]))]) for i, at in asks(data, rng, 6)]
        questions.append({"data": data, "asks": drawn, "cell": [rng.randrange(n) for n in data["space"]]})
    for graph, question, answers in zip(graphs, questions, ask_page(script, questions), strict=True):
        result = receptive_field(graph)
        for (layer, at, units), answer in zip(question["asks"], answers, strict=True):
            title = question["data"]["layers"][layer]["name"]
            assert answer["real"] == listed(expected(graph, title, at))
            assert answer["free"] == listed(free(result, title, at))
            reads = [backward.reach(result.engine.lowered, title, [Cells(x, 1) for x in u]) for u in units]
            fed = [any(holds(box, question["cell"]) for box in boxes) for boxes in reads]
            assert answer["fed"] == fed, (title, question["cell"])
            assert answer["fedCount"] == sum(fed)


@pytest.mark.parametrize("name", ["swin_small_test", "coordinate_attention", "deeplab"])
def test_the_page_on_torch_modules(script: str, name: str) -> None:
    """Windows that are shifted and attended to, which are tables of many rows; and sets of many boxes."""
    pytest.importorskip("torch")
    from tests.nets import NETS as MODULES

    make, shape = MODULES[name]
    graph = convviz.read(make(), shape)
    data, result = net_data(graph), receptive_field(graph)
    question = {"data": data, "asks": asks(data, Random(name), 30)}
    (answers,) = ask_page(script, [question])
    for (layer, at), answer in zip(question["asks"], answers, strict=True):
        title = data["layers"][layer]["name"]
        assert answer["real"] == listed(expected(graph, title, at)), (title, at)
        assert answer["free"] == listed(free(result, title, at)), (title, at)


def test_steps_that_are_equal_are_stated_once() -> None:
    pytest.importorskip("torch")
    from tests.nets import NETS as MODULES

    make, shape = MODULES["swin_small_test"]
    data = net_data(convviz.read(make(), shape))
    texts = [json.dumps(step) for step in data["steps"]]
    assert any('"table"' in text for text in texts)
    assert len(set(texts)) == len(texts)


def test_steps_of_one_read_follow_each_other(script: str) -> None:
    """The last step lies on the layer's side; few ops have two that do not commute."""
    windows = [Window(kernel=3, stride=2, padding=1), Window(stride=2)]
    steps = [
        {"relation": {"kind": "window", **dataclasses.asdict(w)}, "n": n, "m": m}
        for w, n, m in zip(windows, (9, 5), (5, 3), strict=True)
    ]
    data = {"steps": steps, "layers": [{"reads": [{"from": INPUT, "steps": [[0, 1]]}]}]}
    assert told(Rule(data).reach(0, (1,), True)[INPUT]) == ((3,), (5,), 3)
    ((answer,),) = ask_page(script, [{"data": data, "asks": [(0, [1], [[0], [1], [2]])], "cell": [4]}])
    assert (answer["real"], answer["fed"]) == ([[3], [5], 3], [False, True, False])


def test_rows_of_a_table_that_do_not_meet_leave_holes(script: str) -> None:
    """A run of units is carried by its ends only where no row leaves a gap to the next, over the period's end, too."""
    pair = {"kind": "window", **dataclasses.asdict(Window(kernel=2))}
    for rows, advance, read in (
        ([[0, 1, 1]], 3, [[6], [9], 2]),
        ([[0, 1, 1], [1, 2, 1]], 5, [[5], [6], 2]),
        ([[1, 2, 1], [0, 1, 1]], 2, [[2], [3], 2]),
    ):
        table = {"kind": "table", "rows": rows, "period": len(rows), "advance": advance, "border": "zeros"}
        steps = [{"relation": table, "n": 20, "m": 8}, {"relation": pair, "n": 8, "m": 7}]
        data = {"steps": steps, "layers": [{"reads": [{"from": INPUT, "steps": [[0, 1]]}]}]}
        ((answer,),) = ask_page(script, [{"data": data, "asks": [(0, [2], [])]}])
        assert answer["real"] == read, rows


def holds(box: backward.Box, cell: list[int]) -> bool:
    return all(c in list(cells) for c, cells in zip(cell, box, strict=True))


def listed(answer: tuple[Any, Any, int]) -> list[Any]:
    """As JSON has it."""
    lo, hi, n = answer
    return [lo and list(lo), hi and list(hi), n]


# -- what the page gets ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["resnet50", "densenet121", "inception_v3"])
def test_small_and_quick(name: str) -> None:
    graph = convviz.read(name)
    start = time.perf_counter()
    text = json.dumps(net_data(graph), separators=(",", ":"))
    assert len(text) < 400_000
    assert time.perf_counter() - start < 2


def test_layers_are_those_of_the_rf_command() -> None:
    from convviz.report.data import rf_data

    graph = convviz.read("code8")
    data, told_by_rf = net_data(graph), rf_data(receptive_field(graph))
    for mine, theirs in zip(data["layers"], told_by_rf["layers"], strict=True):
        assert {key: mine[key] for key in theirs} == theirs
    assert data["totals"] == told_by_rf["totals"] | {"layers": len(graph.nodes)}


@pytest.mark.parametrize("rows", ["blocks", "layers"])
@pytest.mark.parametrize("name", ["resnet18", "inception_v3", "wavenet"])
def test_every_layer_is_in_one_row(name: str, rows: str) -> None:
    data = net_data(convviz.read(name))
    picture = data["pictures"][rows]
    assert sorted(i for row in picture["rows"] for i in row["layers"]) == list(range(len(data["layers"])))
    assert sum(row.get("params", 0) for row in picture["rows"]) == data["totals"]["params"]
    assert all(source < target for source, target, _, _ in picture["wires"])


def test_phases_are_listed() -> None:
    data = net_data(convviz.read("dcgan"))
    layer = data["layers"][-1]
    period = layer["rf"]["period"][0]
    rows = data["phases"][layer["phases"][0]]
    assert len(rows) == period > 1
    assert max(span for span, _ in rows) == layer["rf"]["size"][0]


def test_a_huge_net_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer_net, "LAYERS", 5)
    graph = convviz.read("code8")
    data = net_data(graph)
    assert len(data["layers"]) == 5
    assert data["totals"]["params"] == graph.params
    assert data["notes"] == [
        "code8 has 30 layers. The first 5 are shown; the other 25 count in the totals only."
    ]


def test_rows_too_many_to_write_down(tmp_path: Path) -> None:
    """A layer whose units all read by rows of their own is listed, and so is what reads it; nothing is guessed."""
    file = tmp_path / "long.yaml"
    file.write_text(
        "name: long\ninput: [1, 100003]\nlayers:\n  - conv: {out_channels: 1, kernel_size: 3}\n"
        "  - adaptive_avg_pool: 9000\n  - relu\n"
    )
    data = net_data(convviz.read(str(file)))
    (note,) = data["notes"]
    assert note.startswith("The units of adaptive_avg_pool1 read cells by 9,000 different rows")
    assert [layer["map"] for layer in data["layers"]] == [[100001], None, None]
    assert [layer["why"] for layer in data["layers"]] == [None, note, note]
    assert len(json.dumps(data)) < 10_000


def test_image_and_effective_field() -> None:
    graph = convviz.read("code8")
    paths = path_counts(graph, "conv2")
    data = net_data(graph, np.linspace(0, 1, 784).reshape(1, 28, 28), [paths])
    assert data["image"].startswith("data:image/png;base64,")
    (field,) = data["erf"]
    assert data["layers"][field["layer"]]["name"] == "conv2"
    assert (field["unit"], field["shape"], field["measured"]) == (list(paths.unit), [5, 5], False)
    with pytest.raises(
        ConvvizError, match=r"image: the image is 3x8x8; the page draws 1 or 3 channels of 28x28"
    ):
        net_data(graph, np.zeros((3, 8, 8)))


def test_png_keeps_every_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    content = png(pixels)
    start = content.index(b"IDAT")
    length = int.from_bytes(content[start - 4 : start], "big")
    lines = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + length]), np.uint8).reshape(5, 22)
    assert (lines[:, 0] == 2).all()
    assert (np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8).reshape(5, 7, 3) == pixels).all()
