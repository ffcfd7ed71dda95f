"""Pages of plans: every op and form has one; what its steps join is what the op reads, its values are forward's."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import convviz
from convviz.errors import ConvvizError
from convviz.explorer.choose import explored
from convviz.explorer.knobs import Knob
from convviz.explorer.op import EXPLORED
from convviz.explorer.page import page, script_json
from convviz.explorer.plan_cells import split, step_json
from convviz.explorer.plan_ops import DROPOUTS, op_plans, relationship_plans
from convviz.explorer.plans import plans_data
from convviz.ops.base import OPS
from convviz.ops.relations import inside
from convviz.plan import kinds, plan, relationships, words
from convviz.plan.model import Grid, Plan, Stage
from convviz.plan.reach import cells_read

Json = dict[str, Any]
Spot = tuple[str, str]

NAMES = [kind.name for kind in kinds()]
OF = {kind.name: kind.op for kind in kinds()}
PLANNED = [kind.name for kind in kinds() if kind.op not in EXPLORED]  # the others have a page of their own
RELATIONSHIPS = [one.name for one in relationships()]
ASKED = 2  # settings of a page that are looked into, beside the first
BYTES = 1_500_000
LAYERS = [("resnet50", "layer1_0.add1"), ("lenet5", "f6"), ("lenet5", "flatten1"), ("resnet50", "relu1")]


@cache
def both(name: str) -> tuple[Json, list[Plan]]:
    """What the page gets, through JSON, and the plan of every state."""
    with patch("convviz.explorer.plan_ops.plans_data", wraps=plans_data) as seen:
        made = relationship_plans(name) if name in RELATIONSHIPS else op_plans(name)
    (call,) = seen.call_args_list
    return json.loads(script_json(made)), list(call.args[4].values())


def settings(made: Json, seed: int, most: int = ASKED) -> list[int]:
    """The first state and a few others."""
    others = [i for i in range(len(made["states"])) if i != made["settings"][str(made["start"])]]
    return [made["settings"][str(made["start"])], *Random(seed).sample(others, min(most, len(others)))]


def entries(made: Json, state: int, what: str) -> list[Json]:
    return [made["store"][at] for at in made["states"][state][what]]


# -- a second reading of the steps, as the page does it -------------------------------------------------------
def feeds(steps: list[Json]) -> dict[Spot, set[Spot]]:
    """For every cell that a step reads those that it goes into, over all steps."""
    found: dict[Spot, set[Spot]] = {}
    for step in steps:
        writes = [(panel, cell) for panel, cell, _ in step["writes"]]
        told = set()
        for panel, cell, _, *rest in step["joins"]:
            kernel, weight = (rest[0], rest[1]) if len(rest) > 1 and rest[0] else (None, None)
            alone = rest[4] if len(rest) > 4 else None
            told |= {(panel, cell), (kernel, weight)}
            ends = {end for end in writes if alone is None or end[1] == alone}
            found.setdefault((panel, cell), set()).update(ends)
            if kernel:
                found.setdefault((kernel, weight), set()).update(ends)
        for panel, mark, cells in step["marks"]:
            for cell in cells.split(" ") if mark in ("read", "weight", "winner") else ():
                if (panel, cell) not in told:
                    found.setdefault((panel, cell), set()).update(writes)
    return found


def reached(joined: dict[Spot, set[Spot]], start: Spot, panel: str) -> set[str]:
    """The cells of a panel that a cell reaches through others; those that it is written over by itself are no way."""
    seen, left = set(), [start]
    while left:
        for end in joined.get(left.pop(), ()):
            if end not in seen:
                seen.add(end)
                left.append(end)
    return {cell for key, cell in seen if key == panel}


def key(cell: tuple[int, ...]) -> str:
    return ",".join(map(str, cell))


# Ops whose relations along the axes are more than they read cell by cell, or leave out their statistics: what they
# read is found by changing the input of forward.
MEASURED = {
    "pixel_shuffle", "pixel_unshuffle", "unfold", "lstm", "gru", "softmax", "log_softmax", "softmin", "normalize",
    "batch_norm", "ghost_batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm",
}  # fmt: skip


def measured(made: Stage) -> dict[tuple[int, ...], set[str]]:
    """For each output the input cells whose change changes it, with weights and inputs that leave none out."""
    rng = np.random.default_rng(0)
    (ins,) = made.ins
    shapes = {**made.op.weights(ins), **made.op.buffers(ins)}
    given = {
        name: rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape) for name, shape in shapes.items()
    }
    given = {name: np.abs(value) if name.endswith("var") else value for name, value in given.items()}
    x = rng.uniform(0.2, 1.0, ins)
    before = made.op.forward(x[None], weights=given)[0]
    found: dict[tuple[int, ...], set[str]] = {cell: set() for cell in np.ndindex(*made.out)}
    for cell in np.ndindex(*ins):
        other = x.copy()
        other[cell] = -other[cell] - 0.3
        after = made.op.forward(other[None], weights=given)[0]
        for out in zip(*np.nonzero(np.abs(after - before) > 1e-12), strict=True):
            found[tuple(map(int, out))].add(key(cell))
    return found


def read_of(made: Stage, cell: tuple[int, ...]) -> list[set[str]]:
    """For each input of a stage its cells that an output reads, by the op's own relations."""
    reads = made.op.reads(*made.ins)
    return [
        {key(c) for c in cells_read(r, ins, made.out, cell)} for r, ins in zip(reads, made.ins, strict=True)
    ]


def folded(panel: Json, cells: set[str], stage: Stage) -> set[str]:
    """Cells of an input, those of a padding that repeats others as the cells that they repeat."""
    found = set()
    border = getattr(stage.op, "padding_mode", getattr(stage.op, "mode", "zeros"))
    mode = border if border in ("reflect", "replicate", "circular") else "zeros"
    for text in cells:
        cell = [int(i) for i in text.split(",")]
        real = [[*inside(range(i, i + 1), n, mode)] for i, n in zip(cell, panel["shape"], strict=True)]
        ends = [next((j for piece in pieces for j in piece), None) for pieces in real]
        if None not in ends:
            found.add(key(tuple(i for i in ends if i is not None)))
    return found


# -- every op, form and relationship --------------------------------------------------------------------------
LARGE = [name for name in (*NAMES, *RELATIONSHIPS) if name not in PLANNED]


ALIKE = [name for name in PLANNED if getattr(OPS.get(OF[name]), "elementwise", False)]  # one relation for all


@pytest.mark.parametrize(
    "name",
    [
        name if name not in (*LARGE, *ALIKE) else pytest.param(name, marks=pytest.mark.slow)
        for name in PLANNED + LARGE
    ],
)
def test_every_op_has_a_page_and_its_steps_join_what_the_op_reads(name: str) -> None:
    made, plans = both(name)
    assert len(script_json(made).encode()) < BYTES
    assert len(made["states"]) == len(plans)
    for state in settings(made, 1):
        shown = plans[state]
        assert made["states"][state]["title"] == shown.title
        steps, panels = entries(made, state, "steps"), entries(made, state, "panels")
        check_values(shown, steps, panels)
        joined = feeds(steps)
        by_key = {panel["key"]: panel for panel in panels}
        for stage in shown.stages:
            if name in DROPOUTS:  # over a batch: each cell is its own
                assert all((stage.writes, c) in ends for (p, c), ends in joined.items() if p == "input")
                continue
            outputs = list(np.ndindex(*stage.out))
            changed = measured(stage) if stage.op.kind in MEASURED else None
            for source, number in zip(stage.reads, range(len(stage.reads)), strict=True):
                back: dict[str, set[str]] = {}
                for start in {spot for spot in joined if spot[0] == source}:
                    for cell in reached(joined, start, stage.writes):
                        back.setdefault(cell, set()).add(start[1])
                for out in outputs:
                    expected = changed[out] if changed is not None else read_of(stage, out)[number]
                    got = folded(by_key[source], back.get(key(out), set()), stage)
                    assert got == expected, (shown.title, source, out)


def check_values(shown: Plan, steps: list[Json], panels: list[Json]) -> None:
    """What the page shows after its last step is what the plan shows, and the output is what forward gives."""
    for panel in panels:
        if panel["type"] != "grid":
            continue
        grid = shown[panel["key"]]
        assert isinstance(grid, Grid)
        seen = {
            cell: value
            for cell, value in zip(np.ndindex(*grid.shape), panel["values"] or (), strict=False)
            if value is not None
        }
        for step in steps:
            for key_, cell, value in step["writes"]:
                if key_ == grid.key:
                    seen[tuple(map(int, cell.split(",")))] = value
        wanted = shown.shown(grid.key)
        assert set(seen) == set(wanted)
        for cell, value in seen.items():
            if isinstance(value, str):
                assert not np.isfinite(wanted[cell])
            else:
                assert value == pytest.approx(wanted[cell], rel=1e-9)


@pytest.mark.parametrize("name", [*PLANNED, "no_padding_strides_transposed", "padding_strides"])
def test_the_code_of_every_setting_runs_and_makes_the_shape_that_is_shown(name: str, tmp_path: Path) -> None:
    made, plans = both(name)
    for at in settings(made, 2, 4):
        state, stages = made["states"][at], plans[at].stages
        out = stages[-1].out
        own: Json = {}
        exec(state["torch"], own)
        assert own["y"].shape == (1, *out)
        assert state["torch"].endswith(f"# {(1, *out)}")
        inputs = [list(shape) for shape in stages[0].ins]
        names = ["x"] if len(inputs) == 1 else list("abc"[: len(inputs)])
        file = tmp_path / "model.yaml"
        text = "\n".join(f"  {line}" for line in state["yaml"].splitlines())
        file.write_text(f"name: it\ninput: {json.dumps(dict(zip(names, inputs)))}\nlayers:\n{text}\n")
        graph = convviz.read(file)
        assert [node.op for node in graph.nodes] == [stage.op for stage in stages]
        assert graph.nodes[-1].out == out


@pytest.mark.parametrize("name", PLANNED)
def test_what_is_said_of_a_sum_is_its_terms(name: str) -> None:
    made, plans = both(name)
    for at in settings(made, 3, 1):
        for step, shown in zip(entries(made, at, "steps"), plans[at].steps, strict=True):
            text, spans = step["sum"], step["spans"]
            assert all(spans[i] + spans[i + 1] <= spans[i + 3] for i in range(0, len(spans) - 3, 3))
            if shown.work is None or shown.work.how != "dot" or "in all" in text:
                continue
            pieces = [(text[s : s + n], role) for s, n, role in zip(*[iter(spans)] * 3, strict=True)]
            factors = [piece for piece, role in pieces if role == 1]
            assert len(factors) == len(shown.work.terms) + (shown.work.bias is not None)
            assert pieces[-1] == (words.number(shown.work.result or 0), 4)


FIELDS = [name for name in PLANNED if OF[name] not in OPS or fields(OPS[OF[name]])]


@pytest.mark.parametrize("name", FIELDS)
def test_an_op_with_fields_can_be_turned(name: str) -> None:
    made, _ = both(name)
    assert made["knobs"] and len(made["states"]) > 1
    for knob in made["knobs"]:
        assert len(set(knob["labels"])) == len(knob["labels"]) > 1
    sizes = [len(knob["labels"]) for knob in made["knobs"]]
    seen: list[set[int]] = [set() for _ in sizes]
    for number in map(int, made["settings"]):
        for i in reversed(range(len(sizes))):
            number, at = divmod(number, sizes[i])
            seen[i].add(at)
    assert [len(some) for some in seen] == sizes  # every value of every knob has a page somewhere


@pytest.mark.parametrize(
    ("name", "own", "input", "told"),
    [
        ("dropout", {"p": 0.35}, None, {"p": "0.35"}),
        ("leaky_relu", {"negative_slope": -2.5}, (1, 4), {"negative_slope": "−2.5"}),
        ("linear", {"out_features": 9, "bias": False}, (2,), {"out_features": "9", "bias": "no"}),
        ("upsample", {"size": [5, 4]}, None, {"size": "5×4"}),
        ("upsample", {"scale_factor": 1.25, "mode": "bilinear"}, None, {"scale_factor": "1.25", "mode": "bilinear"}),
        ("lstm", {"hidden_size": 1, "bidirectional": True}, (2, 3), {"hidden_size": "1", "bidirectional": "yes"}),
        ("separable_conv", {"kernel_size": 2, "out_channels": 1}, (2, 5), {"kernel_size": "2", "out_channels": "1"}),
        ("resize_conv", {"scale_factor": 4}, (1, 2, 2), {"scale_factor": "4"}),
        ("permute", {"dims": [0, 3, 2, 1]}, (1, 2, 4), {"dims": "(0, 3, 2, 1)"}),
        ("pad", {"padding": [[3, 0], [0, 1]], "mode": "replicate"}, (1, 4, 4), {"mode": "replicate"}),
        ("softmax", {"dim": 2}, (2, 3), {"dim": "2"}),
    ],
)  # fmt: skip
def test_what_the_caller_chose_is_where_the_knobs_stand(
    name: str, own: Json, input: tuple[int, ...] | None, told: dict[str, str]
) -> None:
    made = op_plans(name, own, input)
    place, stands = made["start"], {}
    for knob in reversed(made["knobs"]):
        place, at = divmod(place, len(knob["labels"]))
        stands[knob["field"]] = knob["labels"][at]
    assert {field: stands[field] for field in told} == told
    start = made["states"][made["settings"][made["start"]]]
    if name != "dropout":
        assert start["title"] == plan(name, own, input).title


@pytest.mark.parametrize(
    ("what", "own", "told"),
    [
        ("softmax", {"fields": {"dim": 9}}, "dim: must be an axis from 1 to 2 (1 is the first after the batch), got 9"),
        ("relu", {"fields": {"kernel_size": 3}}, "kernel_size: unknown field of relu (fields: none)"),
        ("lstm", {"input": (3,)}, "lstm needs one axis of steps beside the features, got 3"),
        ("linear", {"fields": {"out_features": 0}}, "out_features: must be a whole number >= 1, got 0"),
        ("dropout", {"fields": {"p": 2}}, "p: must be a number >= 0 and <= 1, got 2"),
        ("dropout2d", {"input": (4,)}, "shape: needs the axes (N, C) and at least one axis of space, got 2x4"),
        (
            "no_padding_strides", {"fields": {"stride": 3}},
            "stride: a relationship has its own sizes; its page changes them",
        ),
        (
            "dilation", {"input": (1, 9, 9)}, "input: a relationship has its own sizes; its page changes them",
        ),
        (
            "flatten", {"input": (90, 90, 90)},
            "flatten: an explanation would have 729,000 steps, and 10,000 is the most; use smaller sizes",
        ),
        (
            "linear", {"fields": {"out_features": 100}, "input": (400,)},
            "linear would have 40,500 numbers to follow, and 12,000 is the most of a page; use a smaller input",
        ),
        (
            "sofmax", {},
            "no op, form or net 'sofmax'; did you mean 'softmax'? (convviz draw --list, convviz list nets)",
        ),
        ("lenet5", {"layer": "fc9"}, None),
    ],
)  # fmt: skip
def test_refusals_say_what_would_be_right(what: str, own: Json, told: str | None) -> None:
    with pytest.raises(ConvvizError) as caught:
        explored(what, **own)
    assert "\n" not in str(caught.value)
    if told is not None:
        assert str(caught.value) == told


def test_layers_that_are_no_convolution_are_shown_cut_down() -> None:
    for net, layer in LAYERS:
        made = explored(net, layer=layer)
        start = made["states"][made["settings"][made["start"]]]
        assert made["page"] == "plan" and made["name"] == f"{net}: {layer}"
        assert start["title"].startswith(f"{layer}: ")
        notes = [made["store"][at] for at in start["notes"]]
        assert any(note.startswith(f"{layer} takes ") for note in notes)
        assert len(script_json(made).encode()) < BYTES


# -- any plans ------------------------------------------------------------------------------------------------
def test_any_plans_make_a_page() -> None:
    p = Knob("exponent", (1, 2, 3), 1)
    plans = [plan("pow", {"exponent": n}) for n in p.values]
    made = plans_data("powers", "Powers", "What they are.", [p], [plans[0], plans[1], None])
    assert (made["settings"], made["start"]) == ({0: 0, 1: 1}, 1)
    assert made["states"][0]["panels"][0] == made["states"][1]["panels"][0]  # the same input, written once
    assert "<title>powers · convviz</title>" in page(made)
    bare = plans_data("one", "One", "", [], [plans[0]])
    assert bare["settings"] == {0: 0} and bare["about"].startswith("Point at a cell")


def test_plans_that_do_not_fit_the_knobs_are_refused() -> None:
    p, one = Knob("p", (1, 2), 0), plan("relu")
    with pytest.raises(ConvvizError, match=r"^x: the knobs have 2 settings, got 1 plans$"):
        plans_data("x", "X", "", [p], [one])
    with pytest.raises(ConvvizError, match=r"^x: the setting that the knobs stand at first has no plan$"):
        plans_data("x", "X", "", [p], [None, one])


def test_a_sum_that_the_caption_has_is_told_once() -> None:
    assert split("Output 0 is 1 + 2 = 3.", "1 + 2 = 3") == ("Output 0 is", "1 + 2 = 3", "")
    assert split("Output 0 is x = 2 (2 > 0 holds).", "x = 2") == ("Output 0 is", "x = 2", "(2 > 0 holds).")
    assert split("It is 1; the rest is 2.", "1") == ("It is", "1", "The rest is 2.")
    assert split("A sum.", "1 + 2 = 3") == ("A sum.", "1 + 2 = 3", "")


def test_each_weight_is_found_in_its_own_panel() -> None:
    shown = plan("lstm")
    step = next(
        s for s in reversed(shown.steps) if s.work and s.work.how == "function" and s.work.bias is not None
    )
    joins = step_json(shown, step, 0)["joins"]
    assert {(join[0], join[3]) for join in joins} == {("input", "weight_ih_l0"), ("output", "weight_hh_l0")}


def test_the_copy_of_an_input_cell_is_that_cell() -> None:
    made, _ = both("no_padding_strides_transposed")
    steps = entries(made, made["settings"][str(made["start"])], "steps")
    read = [dict.fromkeys(c for p, m, c in step["marks"] if p == "input" and m == "read") for step in steps]
    assert list(read[0]) == ["0,0,0"] and set(" ".join(read[12]).split()) == {
        "0,0,0",
        "0,0,1",
        "0,1,0",
        "0,1,1",
    }


@pytest.mark.parametrize(
    ("name", "spot", "ends"),
    [
        ("softmax", ("input", "1,2"), {("largest", "0,2"), ("exponential", "1,2")}),
        ("softmax", ("total", "0,2"), {("output", "0,2"), ("output", "1,2"), ("output", "2,2")}),
        ("layer_norm", ("deviation", "1,0,2"), {("square", "1,0,2"), ("normalized", "1,0,2")}),
        ("linear", ("bias", "1"), {("output", "1")}),
        ("lstm", ("weight_hh_l0", "2,0"), {("forget_gate_l0", "0,1")}),
    ],
)
def test_a_step_that_writes_several_cells_joins_each_with_its_own(
    name: str, spot: Spot, ends: set[Spot]
) -> None:
    made, _ = both(name)
    assert feeds(entries(made, made["settings"][str(made["start"])], "steps"))[spot] == ends
