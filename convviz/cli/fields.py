"""Options for the fields of ops: ``--kernel-size 3 --stride 2,1``, and ``--set key=value`` for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from convviz.errors import ConvvizError, nearest

HELP = {
    "out_channels": "Channels of the output.",
    "kernel_size": "Size of the kernel: 3, or 3,5 for each axis.",
    "stride": "Step of the window.",
    "padding": "Cells around the input: 1, or 1,2 for each axis, or same.",
    "output_padding": "Cells added at the far end (transposed).",
    "dilation": "Distance of the kernel's cells.",
    "groups": "Groups of channels.",
    "bias": "true or false.",
    "padding_mode": "zeros, reflect, replicate or circular.",
    "ceil_mode": "true or false (pooling).",
    "output_size": "Of adaptive pooling.",
    "scale_factor": "Of upsampling.",
    "upscale_factor": "Of a pixel shuffle.",
    "mode": "nearest, linear ... (upsampling).",
    "multiplier": "Filters for each channel (depthwise).",
    "mid_channels": "Channels between the two stages (spatially separable).",
    "num_groups": "Groups of a group norm.",
}


def option_of(field: str) -> str:
    """The option that sets a field.

    >>> option_of("kernel_size")
    '--kernel-size'
    """
    return f"--{field.replace('_', '-')}"


class FieldValue(click.ParamType):
    """A field as written: a number, ``3,5`` or ``3x5`` for each axis, true, false, a word, or a list in YAML."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return parse(value) if isinstance(value, str) else value


def parse(text: str) -> Any:
    """
    >>> parse("3"), parse("3,5"), parse("3x5"), parse("same"), parse("[[1, 2], [0, 1]]"), parse("false")
    (3, [3, 5], [3, 5], 'same', [[1, 2], [0, 1]], False)
    """
    word = text.strip()
    if word.lower() in ("true", "false", "none", "null"):
        return {"true": True, "false": False}.get(word.lower())
    if word.startswith("["):
        import yaml

        try:
            return yaml.safe_load(word)
        except yaml.YAMLError:
            raise ConvvizError(f"is no list: {text!r}; write for instance [[1, 2], [0, 1]]") from None
    for mark in (",", "x"):
        parts = word.split(mark)
        if len(parts) > 1 and all(part.strip() for part in parts):
            numbers = [_number(part.strip()) for part in parts]
            if all(isinstance(n, int | float) for n in numbers):
                return numbers
    return _number(word)


def _number(word: str) -> Any:
    if word.isascii() and len(word) < 30:
        for kind in (int, float):
            try:
                return kind(word)
            except ValueError:
                continue
    return word


def field_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option for each of these fields, and ``--set``; the command gets them as keywords, None where not given."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option(
            "--set", "sets", multiple=True, metavar="FIELD=VALUE", help="Any other field of the op."
        )(command)
        for name in reversed(names):
            command = click.option(
                option_of(name), name, type=FieldValue(), metavar="N", help=HELP.get(name, "")
            )(command)
        return command

    return add


def given(options: dict[str, Any], sets: Sequence[str] = ()) -> dict[str, Any]:
    """The fields that were given, ``--set`` included; raises ConvvizError for one given twice or without a value.

    >>> given({"kernel_size": 3, "stride": None}, ["groups=2"])
    {'kernel_size': 3, 'groups': 2}
    """
    fields = {name: value for name, value in options.items() if value is not None}
    for item in sets:
        name, mark, value = item.partition("=")
        key = name.strip().replace("-", "_")
        if not mark or not key or not value:
            raise ConvvizError(f"must be FIELD=VALUE, got {item!r}", "--set")
        if key in fields:
            raise ConvvizError(f"{key} is given twice", "--set")
        fields[key] = parse(value)
    return fields


def only(fields: dict[str, Any], known: Sequence[str], what: str) -> None:
    """Raises ConvvizError for a field that ``what`` does not have."""
    for name in fields:
        if name not in known:
            raise ConvvizError(
                f"{what} has no field {name!r}{nearest(name, known)} (fields: {', '.join(known)})",
                option_of(name),
            )
