"""Fields of ops as options of a command: how values are read, and what is said of bad ones."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given as forall
from hypothesis import strategies as st

from convviz.cli.fields import field_options, given, only, parse
from convviz.errors import ConvvizError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1", -1),
        ("0.5", 0.5),
        ("3,5", [3, 5]),
        ("3, 5", [3, 5]),
        ("3x5x7", [3, 5, 7]),
        ("same", "same"),
        ("TRUE", True),
        ("false", False),
        ("none", None),
        ("[3, 5]", [3, 5]),
        ("[[1, 2], [0, 1]]", [[1, 2], [0, 1]]),
        ("nearest-exact", "nearest-exact"),
        ("3,x", "3,x"),
        ("3,,5", "3,,5"),
        ("", ""),
        ("9" * 40, "9" * 40),  # told as it was written by whoever checks the field
    ],
)
def test_values(text: str, value: Any) -> None:
    assert parse(text) == value and type(parse(text)) is type(value)


@forall(st.text(max_size=12))
def test_any_text_is_read_or_refused_in_a_line(text: str) -> None:
    try:
        parse(text)
    except ConvvizError as err:
        assert "\n" not in str(err) or "\n" in text


def test_a_broken_list_is_told() -> None:
    with pytest.raises(ConvvizError, match=r"is no list: '\[1, 2'; write for instance"):
        parse("[1, 2")


def test_fields_come_from_options_and_from_set() -> None:
    assert given({"kernel_size": 3, "stride": None}, ["groups=2", "padding-mode=circular"]) == {
        "kernel_size": 3,
        "groups": 2,
        "padding_mode": "circular",
    }


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["stride"], "--set: must be FIELD=VALUE, got 'stride'"),
        (["=3"], "--set: must be FIELD=VALUE, got '=3'"),
        (["stride="], "--set: must be FIELD=VALUE, got 'stride='"),
        (["kernel_size=5"], "--set: kernel_size is given twice"),
        (["a=1", "a=2"], "--set: a is given twice"),
    ],
)
def test_bad_settings_are_told(sets: list[str], message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        given({"kernel_size": 3}, sets)
    assert str(err.value) == message


def test_a_field_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(
        ConvvizError, match=r"--strides: conv has no field 'strides'; did you mean 'stride'\?"
    ):
        only({"strides": 2}, ["kernel_size", "stride"], "conv")
    only({"stride": 2}, ["kernel_size", "stride"], "conv")


def test_options_reach_the_command() -> None:
    @click.command()
    @field_options("kernel_size", "padding")
    def command(sets: tuple[str, ...], **fields: Any) -> None:
        click.echo(repr(given(fields, sets)))

    done = CliRunner().invoke(command, ["--kernel-size", "3,5", "--padding", "same", "--set", "groups=2"])
    assert done.output == "{'kernel_size': [3, 5], 'padding': 'same', 'groups': 2}\n"
