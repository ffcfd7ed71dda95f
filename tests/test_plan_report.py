"""Plans in words and as plain data: every panel and step is there, escaped, cut where it is long, and read back."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from convviz.errors import ConvvizError
from convviz.ops import build
from convviz.ops.relations import Blocks, Table, Window
from convviz.plan.build import explain
from convviz.plan.model import (
    Curve,
    Formula,
    Grid,
    Marked,
    Matrix,
    Plan,
    Series,
    Step,
    Term,
    Work,
    Write,
)
from convviz.plan.model import Table as Facts
from convviz.report.data import dumps
from convviz.report.plan import html, markdown, render, text
from convviz.report.plan_data import plan_data

TERM = Term("x", (0, -1), 0, (0, 0), 2, 0, padding=True)
PLAN = Plan(
    name="made_up",
    title="A <plan> of all panels",
    panels=(
        Grid("x", "input", "input", (1, 3), {(0, 0): 1, (0, 1): -2, (0, 2): 0.5}, ((1, 0),), {(0, -1): 7}),
        Grid("e", "input", "empty around", (1, 2, 2), {}, ((0, 1), (0, 0)), {(0, 2, 0): None, (0, 2, 1): None}),
        Grid("s", "input", "stuffed", (1, 3), {(0, 0): 4, (0, 2): 5}, stuffed=(2,), unused=frozenset({(0, 1)})),
        Grid("w", "kernel", "weights", (2, 2), {(0, 0): 1, (0, 1): 2, (1, 0): 3, (1, 1): 4}, channels=("p", "q")),
        Matrix("m", "matrix", ((0, 0),), ((0, 0), (0, 1)), {(0, 1): ((0, 0), 9)}),
        Facts("t", "facts", ("what", "how much"), (("a", 1), ("b", None))),
        Curve("c", "curve", "x", "y", (Series("one", "input", (0, 1), (2, 3)), Series("two", "output", (0,), (4,)))),
        Grid("output", "output", "output", (1, 1)),
    ),
    steps=(
        *(
            Step(f"Part {i // 3}", f"Step {i} is *{i}*.", (Marked("x", "read", ((0, 0),)),), work)
            for i, work in enumerate([None, Work("dot", (TERM,), 1, "0×2 + 1 = 1", 1)] * 3)
        ),
        Step("End", "The output is 5.", writes=(Write("output", (0, 0), 5),)),
    ),
    formulas=(Formula("size", "n + p", "3 + 1", "4", "one-sided"),),
    facts=(("parameters", "2"),),
    notes=("A note with a | bar.",),
)  # fmt: skip


class Reader(HTMLParser):
    """Checks that tags close in order, and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words(page: str) -> str:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return " ".join(reader.words)


def test_text_shows_panels_formulas_and_steps() -> None:
    assert (
        text(PLAN)
        == """\
A <plan> of all panels
parameters: 2

size: n + p = 3 + 1 = 4 (one-sided)

input 1×3
  [7]   1  −2 0.5

empty around 1×2×2
  channel 0
    ·   ·
    ·   ·
  [ ] [ ]

stuffed 1×3
  4 0 5

weights 2×2
  1 2   p
  3 4   q

matrix
         (0, 0) (0, 1)
  (0, 0)      ·      9

facts
  what how much
     a        1
     b

curve
  one: x 0 1
       y 2 3
  two: x 0
       y 4

output 1×1
  5

Part 0
  1. Step 0 is *0*.
  2. Step 1 is *1*.
     0×2 + 1 = 1
  3. Step 2 is *2*.

Part 1
  4. Step 3 is *3*.
     0×2 + 1 = 1
  5. Step 4 is *4*.
  6. Step 5 is *5*.
     0×2 + 1 = 1

End
  7. The output is 5.

A note with a | bar.
"""
    )


def test_markdown_escapes_what_it_would_read() -> None:
    page = markdown(PLAN)
    assert "2. Step 1 is \\*1\\*. `0×2 + 1 = 1`" in page and "- A note with a \\| bar." in page
    assert "```\n  [7]   1  −2 0.5\n```" in page and page.startswith("## A \\<plan\\> of all panels\n")
    tables = sum(isinstance(panel, Facts) for panel in PLAN.panels)
    assert (
        page.count("```") == 2 * (len(PLAN.panels) - tables)
        and "| a    |        1 |\n| b    |          |" in page
    )


def test_html_is_well_formed_and_says_the_same() -> None:
    page = html(PLAN)
    said = words(page)
    for step in PLAN.steps:
        assert step.caption in said
    assert "A <plan> of all panels" in said and "<plan>" not in page
    assert 'class="padding">[7]' in page and 'figure class="kernel"' in page
    assert "Part 1 (3 steps)" in said and "End (1 step)" in said and '<li value="4">' in page
    whole = render(PLAN, "html", standalone=True)
    assert whole.startswith("<!doctype html>") and PLAN._repr_html_() in whole


@pytest.mark.parametrize("format", ["text", "md", "html"])
def test_long_plans_are_cut_unless_all_is_asked_for(format: str) -> None:
    plan = explain(build("relu"), (200,))
    short, full = render(plan, format), render(plan, format, most=None)
    assert "… and 140 more like these" in short and "more like these" not in full
    assert len(full) > len(short) and "Output 199 is" in full and "Output 199 is" not in short


def test_wide_and_many_panels_are_cut() -> None:
    page = text(explain(build("identity"), (10, 3, 40)), most=0)
    assert "… 2 more" in page and max(map(len, page.splitlines())) < 140
    tall = text(explain(build("linear", {"out_features": 300}), (30,)), most=1)
    assert len(tall.splitlines()) < 60
    named = text(explain(build("batch_norm"), (100,)), most=1)
    assert "channel 23" in named and "channel 24" not in named.split("Standard deviation")[0]


def test_every_format_is_known() -> None:
    with pytest.raises(
        ConvvizError, match="no format 'xml' for a plan; there are text, md, html, json, latex"
    ):
        render(PLAN, "xml")
    assert render(PLAN, "table") == text(PLAN)
    assert render(PLAN, "json") == dumps(plan_data(PLAN))


# -- plain data -------------------------------------------------------------------------------------------
def test_data_has_everything() -> None:
    data = json.loads(dumps(plan_data(PLAN)))
    assert data["sections"] == ["Part 0", "Part 1", "End"]
    x, e, s, w, m, t, c, out = data["panels"]
    assert [panel["type"] for panel in data["panels"]] == [*["grid"] * 4, "matrix", "table", "curve", "grid"]
    assert (x["values"], x["pads"], x["outside"]) == ([1, -2, 0.5], [[1, 0]], [[[0, -1], 7]])
    assert e["values"] == [None] * 4 and e["outside"] == [[[0, 2, 0], None], [[0, 2, 1], None]]
    assert s["stuffed"] == [2] and s["unused"] == [[0, 1]] and w["channels"] == ["p", "q"]
    assert m["entries"] == [{"row": 0, "column": 1, "weight": [0, 0], "value": 9}]
    assert t["rows"] == [["a", 1], ["b", None]] and c["series"][1]["y"] == [4]
    assert out["values"] is None and out["shape"] == [1, 1]
    step = data["steps"][1]
    assert step["work"]["bias"] == 1 and step["work"]["terms"][0] == {
        "panel": "x", "cell": [0, -1], "value": 0, "weight": [0, 0], "factor": 2, "product": 0,
        "padding": True, "to": None,
    }  # fmt: skip
    assert step["marks"] == [{"panel": "x", "mark": "read", "cells": [[0, 0]]}]
    assert data["steps"][-1]["writes"] == [{"panel": "output", "cell": [0, 0], "value": 5}]


def relation(record: dict) -> Window | Blocks | Table:
    """A relation from its record, as a page would build it."""
    kind = record.pop("kind")
    if kind == "window":
        return Window(**record)
    if kind == "blocks":
        return Blocks(**record)
    assert kind == "table" and record.pop("period") >= len(record["rows"])
    rows = [range(*row) for row in record["rows"]]
    return Table(rows, record["advance"], border=record["border"])


@pytest.mark.parametrize(
    ("kind", "fields", "shape"),
    [
        ("conv", {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2}, (4, 7, 8)),
        ("conv_transpose", {"out_channels": 2, "kernel_size": 3, "stride": 2, "dilation": 2}, (2, 4)),
        ("adaptive_avg_pool", {"output_size": 3}, (1, 7)),
        ("upsample", {"scale_factor": 1.7, "mode": "linear"}, (1, 9)),
        ("linear", {"out_features": 3}, (2, 4)),
        ("pad", {"padding": 2, "mode": "reflect"}, (1, 5)),
    ],
)
def test_relations_read_the_same_after_json(kind: str, fields: dict, shape: tuple) -> None:
    op = build(kind, fields, len(shape) - 1)
    (stage,) = json.loads(dumps(plan_data(explain(op, shape))))["stages"]
    assert (stage["op"], stage["in"], stage["out"]) == (kind, [list(shape)], list(op.shape(shape)))
    (told,), (reads,) = stage["relations"], op.reads(shape)
    assert told["kind"] == "along"
    for record, (want, to) in zip(told["axes"], reads.axes, strict=True):
        found = relation(record["relation"])
        assert record["to"] == to
        for o in range(stage["out"][to]):
            assert found.taps(o).cells == want.taps(o).cells


def test_regrouping_reads_are_told_too() -> None:
    (flat,) = plan_data(explain(build("flatten"), (2, 3)))["stages"]
    assert flat["relations"] == [{"kind": "regroup", "out": [6]}]
    (stack,) = plan_data(explain(build("stack"), (2,), (2,)))["stages"]
    first, second = stack["relations"]
    assert [step["reads"]["kind"] for step in second["steps"]] == ["regroup", "along"]
    assert first["steps"][-1]["out"] == [2, 2]


def test_a_table_of_a_huge_period_lists_only_the_outputs_there_are() -> None:
    (stage,) = plan_data(explain(build("upsample", {"scale_factor": 1.234567891}, 1), (1, 9)))["stages"]
    table = stage["relations"][0]["axes"][1]["relation"]
    assert table["period"] > 10**6 and len(table["rows"]) == stage["out"][1]
