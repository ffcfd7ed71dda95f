"""An op's page: what is refused, and what its knobs reach."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from convviz.errors import ConvvizError
from convviz.explorer.op import op_data
from tests.oppages import Cell, Json, Shown, as_read, opened


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


# -- what can be turned -----------------------------------------------------------------------------------
@cache
def whole(kind: str) -> Json:
    return as_read(op_data(kind))


@pytest.mark.parametrize("kind", ["conv", "conv_transpose", "max_pool", "pixel_shuffle", "group_norm"])
def test_every_value_of_every_knob_can_be_reached_and_the_page_stays_small(kind: str) -> None:
    data = whole(kind)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    assert len(text.encode()) < 1_400_000
    lengths = [len(knob["labels"]) for knob in data["knobs"]]
    reached: list[set[int]] = [set() for _ in lengths]
    for place in data["settings"]:
        for axis, at in enumerate(np.unravel_index(int(place), lengths)):
            reached[axis].add(int(at))
    assert [len(values) for values in reached] == lengths
    assert not set(data["settings"]) & set(data["refused"])
    assert sorted(data["settings"].values()) == list(range(len(data["states"])))


def test_the_four_classic_knobs_turn_freely_with_the_size() -> None:
    data = whole("conv")
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
    data = whole("conv")
    reasons = {data["store"][at] for at in data["refused"].values()}
    assert any("is larger than the padded input" in reason for reason in reasons)
    assert not any("divisible" in reason for reason in reasons)


def test_a_larger_input_keeps_the_numbers_of_a_smaller_one() -> None:
    data = whole("conv")
    inputs = [Shown(data, opened(data, at)["views"][0]).x for at in range(0, len(data["states"]), 50)]
    for x, other in pairwise(inputs):
        both = tuple(slice(min(n, m)) for n, m in zip(x.shape, other.shape, strict=True))
        assert np.array_equal(x[both], other[both])


def test_settings_that_would_make_too_many_cells_are_left_out() -> None:
    data = as_read(op_data("conv_transpose", {"kernel_size": 3, "stride": 2}, (1, 20, 20)))
    assert data["refused"] and str(data["start"]) in data["settings"]
    for at in range(len(data["states"])):
        assert len(data["store"][opened(data, at)["views"][0]["output"]["tensor"]]["values"]) <= 2000
