"""Heads: counts against torch and by hand, receptive fields against real units, sizes by trial, examples, pictures."""

from __future__ import annotations

import json
import random
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis import unit
from convviz.analysis.heads import EQUAL, FRONT, HEADS, Heads, heads
from convviz.errors import ConvvizError
from convviz.figures.heads import brief, description, figure, plot, stops
from convviz.figures.plan import figure as plan_figure
from convviz.plan.heads import BIAS, EXAMPLES, MAP, WEIGHT, answers, example, parameters
from convviz.report.heads import heads_data, heads_table, layers_table, render_heads, takes
from convviz.report.plan import render
from tests.command import Command
from tests.pictures import check_texts, texts
from tests.sweeps import seeds

run = Command("heads")
fails = run.fails


def some(seed: int) -> tuple[tuple[int, ...], int, dict[str, Any]]:
    pick = random.Random(seed)
    space = tuple(pick.randint(1, 6) for _ in range(pick.choice([1, 2, 2, 3])))
    more = {
        "bias": pick.random() < 0.6,
        "hidden": pick.choice([None, 3]),
        "equal_parameters": pick.random() < 0.3,
    }
    return (pick.randint(1, 9), *space), pick.randint(1, 7), more


# -- numbers --------------------------------------------------------------------------------------------
def test_known_counts() -> None:
    found = heads((64, 7, 7), 10)
    assert {head.kind: (head.params, head.macs) for head in found} == {
        "linear": (31_370, 31_360),
        "map_conv": (31_370, 31_360),
        "max_pool_linear": (5_770, 5_760),
        "gap_linear": (650, 640),
        "gap_conv": (650, 640),
        "conv_gap": (650, 31_360),
        "avg_pool_conv": (650, 640),
    }


def test_vgg_s_first_linear_layer() -> None:
    found = heads((512, 7, 7), 4096, hidden=4096)["hidden"]
    assert found.graph["linear1"].params == 102_764_544  # 25,088 × 4,096 + 4,096
    assert answers(heads((512, 7, 7), 1000, hidden=4096))["hidden"].startswith(
        "The first linear layer, 25088×4096 + 4096 = 102,764,544 parameters, has 96.2%"
    )


@seeds(25)
def test_against_torch(seed: int) -> None:
    pytest.importorskip("torch")
    from convviz.probe.heads import verify

    shape, classes, more = some(seed)
    done = verify(heads(shape, classes, **more))
    assert done.passed, str(done)


def test_verify_checks_all_equal_heads_and_sees_a_wrong_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from convviz.probe import heads as probe

    found = heads((3, 2, 2), 4)
    assert probe.verify(found).pairs == tuple(EQUAL)
    monkeypatch.setitem(EQUAL, ("conv_gap", "gap_linear"), "")
    assert probe.verify(found).passed
    monkeypatch.setattr(probe, "_copy", lambda one, two: None)
    wrong = probe.verify(found)
    assert not wrong.passed and "linear and map_conv are" in str(wrong)


def test_verify_refuses_what_is_too_large() -> None:
    pytest.importorskip("torch")
    from convviz.probe.heads import verify

    with pytest.raises(ConvvizError, match="would make"):
        verify(heads((64, 3000, 3000), 10))


@seeds(25)
def test_fields_are_those_of_real_units(seed: int) -> None:
    pick = random.Random(seed)
    space = tuple(pick.randint(2, 5) for _ in range(pick.choice([1, 2])))
    rf, jump = pick.randint(1, 5), pick.randint(1, 3)
    for head in heads((2, *space), 3, rf=rf, jump=jump):
        image = next(iter(head.traced.inputs.values()))
        assert image[1:] == tuple((n - 1) * jump + rf for n in space)
        for node in head.graph:
            field = head.field(node)
            if len(node.out) > 1:
                one = unit(head.fields, (0,) * len(space), node.name)
                assert one.span == (image[1:] if field.is_global else field.size)


@pytest.mark.parametrize("seed", range(8))
def test_sizes_are_what_torch_takes(seed: int) -> None:
    torch = pytest.importorskip("torch")
    from convviz.build import build_module

    shape, classes, _ = some(seed)
    shape = shape[:3] if len(shape) > 2 else shape
    for head in heads(shape, classes):
        module, _names = build_module(head.graph)
        assert head.sizes is not None
        for axis in head.sizes.axes:
            for n in range(1, 8):
                other = [*shape]
                other[1 + axis.axis] = n
                try:
                    out = module(torch.zeros(1, *other))
                    fits = True
                except RuntimeError:
                    fits = False
                assert fits == axis.legal(n), (head.kind, shape, other)
                if fits and head.any_size and head.kind.startswith("gap"):
                    assert out.flatten(1).shape == (1, classes)


def test_sizes_in_words() -> None:
    found = heads((64, 7, 7), 10)
    assert [takes(found[kind]) for kind in ("linear", "map_conv", "max_pool_linear", "gap_linear")] == [
        "only 7", "from 7", "only 6 or 7", "any",
    ]  # fmt: skip
    assert takes(heads((2, 3, 5), 2)["linear"]) == "only 3 x 5"
    assert heads((1, 10**6, 10), 1)["linear"].any_size is None


def by_hand(kind: str, channels: int, space: tuple[int, ...], classes: int, bias: int, hidden: int) -> int:
    """Parameters of a head, counted without a graph."""
    cells, half = prod(space), prod(n // 2 for n in space)
    if kind == "hidden":
        return channels * cells * hidden + bias * hidden + hidden * classes + bias * classes
    inputs = {"linear": cells, "map_conv": cells, "max_pool_linear": half}.get(kind, 1) * channels
    return inputs * classes + bias * classes


@seeds(25)
def test_equal_parameters_are_as_near_as_whole_channels_allow(seed: int) -> None:
    (channels, *rest), classes, more = some(seed)
    space, bias = tuple(rest), int(more["bias"])
    plain = heads((channels, *space), classes, **more | {"equal_parameters": False})
    level = heads((channels, *space), classes, **more | {"equal_parameters": True})
    assert level.equal == plain.most
    for before, after in zip(plain, level, strict=True):
        assert before.params == by_hand(before.kind, channels, space, classes, bias, 3)
        options = [before.params]
        for front in range(1, 200):
            conv = 3 ** len(space) * channels * front + bias * front
            options.append(conv + by_hand(before.kind, front, space, classes, bias, 3))
        assert abs(after.params - plain.most) == min(abs(n - plain.most) for n in options)
        assert (FRONT in after.graph.by_name) == (after.params != before.params)


def test_left_out_heads_are_told() -> None:
    found = heads((10, 1, 1), 3)
    assert "max_pool_linear" not in found and dict(found.left_out)["max_pool_linear"].startswith(
        "kernel_size 2"
    )
    assert "max_pool_linear is left out" in repr(found)
    assert "pool" not in answers(found)
    with pytest.raises(ConvvizError, match="no head 'max_pool_linear' here"):
        found["max_pool_linear"]


def test_parameters_are_worked() -> None:
    graph = heads((64, 7, 7), 10)["map_conv"].graph
    formula = parameters(graph["conv1"])
    assert formula is not None and (formula.numbers, formula.result) == ("7×7 × 64 × 10 + 10", "31,370")
    graph = heads((4, 2), 3, bias=False)["linear"].graph
    formula = parameters(graph["linear1"])
    assert formula is not None and (formula.symbols, formula.numbers, formula.result) == (
        "in×out",
        "8×3",
        "24",
    )
    assert parameters(graph["flatten1"]) is None


def test_answers() -> None:
    told = answers(heads((64, 7, 7), 10, rf=16, jump=2))
    assert told["gap"] == (
        "GAP has no parameters of its own. It makes 64×1×1 of 64×7×7, whatever the size, and every number reads the "
        "whole map. The linear layer behind it has 64×10 + 10 = 650 parameters; on the flattened map 3136×10 + 10 = "
        "31,370 parameters, 48.3 times as many."
    )
    assert "the jump goes from 2 to 4, the receptive field from 16 to 18, by (k − 1)×jump" in told["pool"]
    assert "rows and columns are halved, rounded down, channels stay" in told["pool"]
    assert "640 against 31,360" in told["order"]
    assert set(answers(heads((8, 4, 4), 3, equal_parameters=True))) == {"equal"}


@pytest.mark.parametrize(
    ("arguments", "more", "where", "message"),
    [
        (((64,),), {}, "shape", "channels and 1 to 3 spatial axes"),
        (((64, 7, 7, 7, 7),), {}, "shape", "channels and 1 to 3 spatial axes"),
        (("64x7x7",), {}, "shape", "channels and 1 to 3"),
        (((64, 0, 7),), {}, "shape", "whole number from 1"),
        (((64, 7.5, 7),), {}, "shape", "whole number from 1"),
        (((10**12, 10**12, 7),), {}, "shape", "more than 1,000,000,000,000,000 weights"),
        (((64, 7, 7), 0), {}, "classes", "whole number from 1"),
        (((64, 7, 7),), {"hidden": -1}, "hidden", "whole number from 1"),
        (((64, 7, 7),), {"rf": (1, 2, 3)}, "rf", "one number or 2"),
        (((64, 7, 7),), {"jump": 0}, "jump", "whole number from 1"),
        (((64, 7, 7),), {"only": ["gap"]}, "only", "no head 'gap'"),
        (((64, 7, 7),), {"only": ["hidden"]}, "hidden", "needs the number of hidden units"),
        (((64, 1, 7),), {"only": ["max_pool_linear"]}, "only", "does not fit 64x1x7"),
    ],
)
def test_bad_values_are_named(arguments: Any, more: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(ConvvizError, match=message) as err:
        heads(*arguments, **more)
    assert err.value.where == where


# -- worked examples -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["max_pool", "gap", "linear_is_conv"])
def test_examples_are_drawn(name: str) -> None:
    check_texts(plan_figure(example(name)))


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("format", ["text", "md", "html", "latex", "json"])
def test_every_example_is_written(name: str, format: str) -> None:
    assert render(example(name), format)


def test_examples_by_numpy() -> None:
    def shown(name: str, key: str = "output") -> list[Any]:
        return list(example(name).shown(key).values())

    windows = MAP.reshape(2, 2, 2, 2, 2)
    assert shown("max_pool") == windows.max((2, 4)).ravel().tolist()
    assert shown("avg_pool") == windows.mean((2, 4)).ravel().tolist()
    assert shown("gap") == MAP.mean((1, 2)).tolist() == [3, 2]
    conv = np.einsum("oc,chw->ohw", WEIGHT, MAP) + BIAS[:, None, None]
    assert shown("conv") == conv.ravel().tolist()
    dense = WEIGHT @ MAP.mean((1, 2)) + BIAS
    assert (
        shown("linear_is_conv", "conv_output") == shown("linear_is_conv", "linear_output") == dense.tolist()
    )
    assert (
        shown("conv_gap_order", "a2_output") == conv.mean((1, 2)).tolist() == dense.tolist()
    )  # of 2×2 means, too
    assert shown("conv_gap_order", "b2_output") == dense.tolist()
    assert all(value == int(value) for name in EXAMPLES if "_" in name for value in shown_all(name))


def shown_all(name: str) -> list[float]:
    plan = example(name)
    return [write.value for step in plan.steps for write in step.writes]


def test_examples_say_what_they_prove() -> None:
    notes = {name: " ".join(example(name).notes) for name in EXAMPLES}
    assert "2×3 + 3 = 9 parameters" in notes["gap"] and "32×3 + 3 = 99 parameters" in notes["gap"]
    for name in ("max_pool", "avg_pool"):
        assert "2×4×4 becomes 2×2×2" in notes[name] and "the 2 channels stay" in notes[name]
        assert "(2 − 1)×1 = 1, from 1 to 2 cells" in notes[name]
    assert notes["linear_is_conv"].startswith("Both give 1, 7 and 0, with the same 9 parameters.")
    assert notes["conv_gap_order"].endswith("MACs: 24 against 6.")
    facts = dict(example("conv_gap_order").facts)
    assert facts["parameters"] == "9"


def test_an_unknown_example() -> None:
    with pytest.raises(ConvvizError, match="no example 'gapp'; did you mean 'gap'"):
        example("gapp")


# -- tables, the command line ----------------------------------------------------------------------------
@pytest.mark.parametrize("format", ["text", "md", "html", "latex", "csv", "json"])
@pytest.mark.parametrize("seed", range(4))
def test_every_format(format: str, seed: int) -> None:
    shape, classes, more = some(seed)
    found = heads(shape, classes, **more)
    text = render_heads(found, format, standalone=True)
    assert text.endswith("\n")
    if format == "json":
        data = json.loads(text)
        assert [head["params"] for head in data["heads"]] == [head.params for head in found]
        layers = [layer for head in data["heads"] for layer in head["layers"]]
        assert sum(layer["params"] for layer in layers) == sum(head.params for head in found)


def test_tables() -> None:
    found = heads((64, 7, 7), 10)
    rows = {row[0]: row for row in heads_table(found).rows}
    assert rows["gap_linear"][1:4] == ("GAP, linear", 650, "0.0207")
    assert len(layers_table(found).rows) == sum(len(head.graph) for head in found)
    level = heads_table(heads((64, 7, 7), 10, equal_parameters=True))
    assert {row[0]: row[1] for row in level.rows}["gap_linear"] == "conv 3×3 to 53, ReLU, GAP, linear"
    assert heads_data(found)["equal"][0] == {
        "heads": ["linear", "map_conv"], "why": "every cell of the map has its own weight in both",
    }  # fmt: skip


def test_it_prints_well() -> None:
    found = heads((8, 4, 4), 3)
    assert isinstance(found, Heads) and "Heads on a map of 8x4x4, 3 classes" in repr(found)
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs the last map, such as 64x7x7"),
        (["0x7x7"], "SHAPE: must be whole numbers from 1"),
        (["-1x7"], "no such option"),
        (["axb"], "SHAPE: must be whole numbers from 1 such as 64x7x7, got 'axb'"),
        (["64"], "SHAPE: must be channels and 1 to 3 spatial axes"),
        (["1000000000000x1000000x7"], "SHAPE: a head would have more than"),
        (["64x7x7", "--classes", "0"], "--classes: must be a whole number from 1"),
        (["64x7x7", "--classes", "ten"], "--classes: must be a whole number"),
        (["64x7x7", "--only", "gap"], "--only: no head 'gap'"),
        (["64x7x7", "--rf", "x"], "--rf: must be whole numbers from 1 such as 16"),
        (["64x7x7", "--jump", "1,2,3"], "--jump: must be one number or 2"),
        (["64x7x7", "--example", "gap"], "--example: has its own map"),
        (["--example", "gap", "--format", "csv"], "a worked example is no table"),
        (["--example", "nope"], "--example: no example 'nope'"),
        (["64x7x7", "--plot", "x.bmp"], "a picture is written as"),
    ],
)
def test_bad_commands(arguments: list[str], message: str) -> None:
    assert message in fails(*arguments)


def test_a_refused_verify_writes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert "--verify: would make" in fails("64x3000x3000", "--verify", "--output", str(tmp_path / "x.csv"))
    assert not list(tmp_path.iterdir())


def test_commands(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out, picture = tmp_path / "h.json", tmp_path / "h.svg"
    done = run("4x3x3", "--classes", "2", "--verify", "--output", str(out), "--plot", str(picture))
    assert done.exit_code == 0, done.output
    assert "verified with torch" in done.stderr and "linear = map_conv" in done.stderr
    assert json.loads(out.read_text(encoding="utf-8"))["classes"] == 2
    assert "<desc" in picture.read_text(encoding="utf-8")
    drawn = tmp_path / "e.svg"
    assert "Both give 1, 7 and 0" in run("--example", "linear_is_conv", "--plot", str(drawn)).stdout
    assert "is a linear layer" in drawn.read_text(encoding="utf-8")


def test_huge_maps_are_answered_at_once() -> None:
    found = heads((10, 10**6, 10**6), 10, equal_parameters=True)
    assert found["linear"].params == 10**14 + 10
    assert found.equal is not None and abs(found["gap_linear"].params - found.equal) < 200
    assert "not tried" in repr(found)


# -- the picture -----------------------------------------------------------------------------------------
PICTURES = {
    "course": heads((64, 7, 7), 10),
    "equal": heads((64, 7, 7), 10, equal_parameters=True),
    "vgg": heads((512, 7, 7), 1000, hidden=4096, rf=196, jump=32),
    "line": heads((8, 20), 3),
    "space": heads((16, 3, 4, 5), 2),
    "point": heads((10, 1, 1), 10),
    "huge": heads((10**3, 10**5, 10**5), 10, equal_parameters=True),
    "one": heads((32, 56, 28), 5, only=["linear"]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture(name: str) -> None:
    check_texts(figure(PICTURES[name], theme="dark" if name == "equal" else "light"))


def test_the_picture_has_the_numbers() -> None:
    shown = [text.get_text() for text in texts(figure(PICTURES["course"]))]
    assert shown.count("31,370") == 4 and shown.count("650") == 8  # at the arrows and at the bars
    for word in ("64×7×7", "64×3×3", "3136", "parameters (logarithmic)", "MACs (logarithmic)"):
        assert word in shown, word
    shown = [text.get_text() for text in texts(figure(PICTURES["equal"]))]
    assert "parameters" in shown and "MACs (logarithmic)" in shown


def test_stops_have_all_shapes_and_weights() -> None:
    for found in PICTURES.values():
        for head in found:
            path = stops(head)
            assert sum(stop.params for stop in path) == head.params
            assert path[0].shape == found.setting.shape and path[-1].shape == head.out
            assert prod(path[-1].shape) == found.setting.classes


def test_description_and_short_numbers(tmp_path: Path) -> None:
    assert "GAP, linear: 64×7×7 to 64×1×1 to 64 to 10, 650 parameters" in description(PICTURES["course"])
    assert [brief(n) for n in (7, 3136, 25_088, 10**6, 10**13)] == ["7", "3136", "25.1k", "1M", "10T"]
    with pytest.raises(ConvvizError, match=r"\.png, \.svg or \.pdf"):
        plot(PICTURES["point"], tmp_path / "x.gif")


def test_all_kinds_have_a_name() -> None:
    assert {kind for pair in EQUAL for kind in pair} <= set(HEADS)
