"""Effective fields on the page of a net: which units get one, and that the picture is the analysis's own."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import convviz
from convviz.analysis.paths import path_counts
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.explorer import effective
from convviz.explorer.choose import explored
from convviz.explorer.effective import effective_fields, fields_data
from convviz.explorer.net import net_data, source_of
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build


def pixels(field: dict[str, Any]) -> np.ndarray:
    """The picture of a field, 0 to 255."""
    content = b64decode(field["picture"].partition(",")[2])
    start = content.index(b"IDAT")
    length = int.from_bytes(content[start - 4 : start], "big")
    height, width = field["shape"]
    lines = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + length]), np.uint8)
    return np.cumsum(lines.reshape(height, width + 1)[:, 1:], axis=0, dtype=np.uint8)


def of(data: dict[str, Any], name: str, unit: tuple[int, ...]) -> dict[str, Any]:
    names = [layer["name"] for layer in data["layers"]]
    (field,) = [f for f in data["erf"] if names[f["layer"]] == name and f["unit"] == list(unit)]
    return dict(field)


def volume() -> Graph:
    builder, last = GraphBuilder("volume", {"input": (1, 9, 12, 15)}), "input"
    for i in range(2):
        builder.add(f"conv{i}", build("conv", {"out_channels": 1, "kernel_size": 3, "padding": 1}, 3), [last])
        last = f"conv{i}"
    return builder.build()


@pytest.mark.parametrize("name", ["code8", "resnet18", "unet", "wavenet", "volume"])
def test_the_picture_has_the_path_counts(name: str) -> None:
    graph = volume() if name == "volume" else convviz.read(name)
    fields = effective_fields(graph)
    data = net_data(graph, erf=fields)
    assert data["erf"]
    last = max(field.unit for field in fields[: len(fields) // 3])
    assert last > (0,)
    for field in (fields[0], fields[len(fields) // 2], fields[-1]):
        told = of(data, field.layer, field.unit)
        paths = path_counts(graph, field.layer, field.unit)
        assert paths.real is not None and paths.real_extent is not None
        cells = paths.real.cells(normalise=True)
        flat = cells.sum(tuple(range(cells.ndim - 2))) if cells.ndim > 1 else cells[None]
        top, left = (0, *paths.real.origin)[-2:]
        whole = np.zeros((top + flat.shape[0], left + flat.shape[1]))
        whole[top:, left:] = flat
        y, x = (0, *told["origin"])[-2:]
        seen = pixels(told)
        part = whole[y : y + seen.shape[0], x : x + seen.shape[1]]
        assert np.abs(part / whole.max() * 255 - seen).max() <= 0.5 + 1e-6
        assert part.sum() == pytest.approx(1)  # nothing is left out


@pytest.mark.parametrize("name", ["resnet18", "wavenet", "volume"])
def test_units_of_every_layer_in_the_middle_at_an_edge_and_in_the_corner(name: str) -> None:
    graph = volume() if name == "volume" else convviz.read(name)
    data = net_data(graph, erf=effective_fields(graph))
    by_layer: dict[int, list[dict[str, Any]]] = {}
    for field in data["erf"]:
        by_layer.setdefault(field["layer"], []).append(field)
    for layer, fields in by_layer.items():
        middle = [n // 2 for n in data["layers"][layer]["map"]]
        units = [middle, [0, *middle[1:]], [0] * len(middle)]
        assert [field["unit"] for field in fields] == [u for i, u in enumerate(units) if u not in units[:i]]
        assert [field["middle"] for field in fields] == [True] + [False] * (len(fields) - 1)
        for field in fields:
            for (lo, hi), n in zip(field["box"], data["space"], strict=True):
                assert field["middle"] or 0 <= lo <= hi < n


@pytest.mark.parametrize("name", ["resnet18", "wavenet", "volume"])
def test_the_box_holds_most_of_it(name: str) -> None:
    graph = volume() if name == "volume" else convviz.read(name)
    for field in effective_fields(graph)[::5]:
        (told,), _ = fields_data([field], graph)
        paths = path_counts(graph, field.layer, field.unit)
        assert paths.real is not None
        inside = paths.real.cells(normalise=True)
        for axis, ((lo, hi), start) in enumerate(zip(told["box"], paths.real.origin, strict=True)):
            kept = np.arange(max(lo - start, 0), hi + 1 - start)
            inside = np.take(inside, kept[kept < inside.shape[axis]], axis)
        assert inside.sum() >= 0.95 - 1e-9
        assert told["part"] == pytest.approx(
            prod(b - a + 1 for a, b in told["box"]) / prod(told["size"]), abs=1e-6
        )
        within = [
            min(lo + n, whole) - max(lo, 0)
            for lo, n, whole in zip(paths.lo, paths.size, paths.input, strict=True)
        ]
        assert told["size"] == (list(paths.size) if told["middle"] else within)


def test_a_spread_of_layers_gets_one() -> None:
    graph = convviz.read("resnet50")
    data = net_data(graph, erf=effective_fields(graph))
    assert sum(field["middle"] for field in data["erf"]) == effective.FIELDS
    rows = {layer for row in data["pictures"]["blocks"]["rows"] for layer in row["layers"][:1]}
    assert {field["layer"] for field in data["erf"]} <= rows  # where a click on a row leads
    assert len(json.dumps(data["erf"])) < 1.2 * effective.BYTES


def test_of_large_pictures_some_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effective, "BYTES", 3000)
    graph = convviz.read("code8")
    data = net_data(graph, erf=effective_fields(graph))
    assert 0 < len(data["erf"]) < len(effective_fields(graph))
    assert any("too large to be drawn here: convviz erf shows it" in note for note in data["notes"])


def test_where_room_is_short_units_at_borders_are_left_out_first(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = convviz.read("code8")
    fields = effective_fields(graph)
    whole, notes = fields_data(fields, graph)
    assert not notes
    middles = sum(len(field["picture"]) for field in whole if field["middle"])
    monkeypatch.setattr(effective, "BYTES", middles + 1200)
    some, notes = fields_data(fields, graph)
    assert not notes  # nobody asked for these
    assert [field for field in some if field["middle"]] == [field for field in whole if field["middle"]]
    assert sum(not field["middle"] for field in some) < sum(not field["middle"] for field in whole)
    names = [str(i) for i in range(20)]
    assert effective._evenly(names)[:4] == ["19", "3", "11", "15"]  # what gets room lies all over the net
    assert sorted(effective._evenly(names)) == sorted(names)


def test_a_layer_that_is_named_twice_gets_its_fields_once() -> None:
    fields = effective_fields(convviz.read("code8"), ["conv2", "conv2"])
    assert [field.unit for field in fields] == [(12, 12), (0, 12), (0, 0)]


def test_a_net_that_has_none_says_so() -> None:
    builder = GraphBuilder("mlp", {"input": (20,)})
    builder.add("fc1", build("linear", {"out_features": 8}), ["input"])
    data = explored(builder.build(), erf={})
    assert data["erf"] == []
    assert data["notes"][0].startswith("No layer of this net has units with an effective field")


def test_a_layer_that_is_named_must_have_one() -> None:
    with pytest.raises(ConvvizError, match="no layer 'nope' in code8"):
        effective_fields(convviz.read("code8"), ["nope"])


def test_gradients_are_measured_on_the_module() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.Conv2d(1, 1, 3, padding=1))
    torch.nn.init.zeros_(net[0].weight)
    with torch.no_grad():
        net[0].weight[0, 0, 1, 1] = (
            1.0  # passes its input on, so that the field of both is that of the second
        )
    data = explored(net, input=(1, 9, 9), erf={"gradient": True, "layers": ["1", "1"]})
    (field,) = data["erf"]
    assert field["measured"] and field["shape"] == [3, 3] and field["origin"] == [3, 3]
    assert "with the module's own weights" in field["about"]
    wanted = np.abs(net[1].weight.detach().numpy()[0, 0])
    assert np.abs(pixels(field) - wanted / wanted.max() * 255).max() <= 1.5


# -- on the command line --------------------------------------------------------------------------------------
def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explore", *arguments])


def data_of(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8").partition('id="data">')[2].partition("</script>")[0]
    return dict(json.loads(text))


def test_explore_with_effective_fields(tmp_path: Path) -> None:
    file = tmp_path / "net.html"
    done = run("code8", "--erf", "--erf-layer", "conv2", "--erf-layer", "conv4", "-o", str(file))
    assert done.exit_code == 0, done.output
    data = data_of(file)
    middle = [field["layer"] for field in data["erf"] if field["middle"]]
    assert [data["layers"][layer]["name"] for layer in middle] == ["conv2", "conv4"]
    assert data["source"] == "code8"


def test_explore_follows_another_input(tmp_path: Path) -> None:
    source = tmp_path / "two.yaml"
    source.write_text(
        "name: two\ninput: {left: [1, 8, 8], right: [1, 8, 8]}\nlayers:\n"
        "  - conv: {out_channels: 1, kernel_size: 3}\n    from: right\n"
    )
    file = tmp_path / "net.html"
    assert run(str(source), "--wrt", "right", "-o", str(file)).exit_code == 0
    data = data_of(file)
    assert data["wrt"] == "right" and data["layers"][0]["map"] == [6, 6]
    assert data["notes"] == ["Fields are measured on right; --wrt follows left instead."]


def test_explore_follows_what_reads_all(tmp_path: Path) -> None:
    file = tmp_path / "net.html"
    assert run("s6_ln", "--with-global", "-o", str(file)).exit_code == 0
    wide = convviz.receptive_field(convviz.read("s6_ln"), with_global=True)
    told = {layer["name"]: layer["rf"]["size"] for layer in data_of(file)["layers"]}
    assert told == {layer.node.name: list(layer.rf.size) for layer in wide if layer.rf}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("code8", "--gradient"), "--gradient: goes with --erf"),
        (("code8", "--erf-layer", "conv1"), "--erf-layer: goes with --erf"),
        (("conv", "--erf"), "--erf: goes with a net; conv is an op"),
        (("conv", "--wrt", "x"), "--wrt: goes with a net; conv is an op"),
        (("conv", "--with-global"), "--with-global: goes with a net; conv is an op"),
        (("code8", "--layer", "conv1", "--erf"), "--erf: goes with a whole net, not with one layer"),
        (("code8", "--wrt", "nope"), "code8 has no input 'nope' (inputs: input)"),
        (("code8", "--erf", "--erf-layer", "nope"), "no layer 'nope' in code8"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    file = tmp_path / "page.html"
    done = run(*arguments, "-o", str(file))
    assert done.exit_code == 2
    assert message in done.output
    assert not file.exists()


def test_the_source_on_a_command_line() -> None:
    assert source_of("resnet50") == "resnet50"
    assert source_of(Path("a b.yaml"), {"x": (1, 2), "y": "3x4"}) == "'a b.yaml' --input x=1x2 --input y=3x4"
    assert source_of("net.py:Net", None, {"Odd": "global"}) == "net.py:Net --treat Odd=global"
    assert source_of(convviz.read("code8")) is None
