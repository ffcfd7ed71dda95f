"""What several commands share: the MODEL argument, how its options are read, and loading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from convviz.errors import ConvvizError, nearest

if TYPE_CHECKING:
    from convviz.graph import Graph

TREATMENTS = ("pointwise", "global")


class Model(click.ParamType):
    """A path, a bundled net's name or ``module:callable``; the shell completes names and paths."""

    name = "model"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from convviz.read import bundled

        names = [CompletionItem(name) for name in bundled.names() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--input``, ``--weights`` and ``--treat``, as ``convviz.read`` takes them."""
    for option in reversed(
        (
            click.option("--input", "inputs", multiple=True, metavar="[NAME=]SHAPE",
                         help="Shape, channels first: 1x28x28 or 1,28,28; several as NAME=SHAPE each."),
            click.option("--weights", metavar="FILE", help="State dict to load into a torch module."),
            click.option("--treat", multiple=True, metavar="CLASS=KIND",
                         help="What an unknown torch module does: pointwise or global."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def load(
    source: str, inputs: Sequence[str] = (), weights: str | None = None, treat: Sequence[str] = ()
) -> Graph:
    """The Graph that the options describe; raises ConvvizError."""
    from convviz.read import read

    return read(source, parse_inputs(inputs), weights=weights, treat=parse_treat(treat) or None)


def parse_inputs(values: Sequence[str]) -> str | dict[str, str] | None:
    """``--input`` as ``convviz.read`` takes it: one shape, or shapes by name."""
    named = dict(value.split("=", 1) for value in values if "=" in value)
    if not values or (len(values) == 1 and not named):
        return values[0] if values else None
    if len(named) < len(values):
        raise ConvvizError("several inputs are given as NAME=SHAPE, each name once", "--input")
    return named


def parse_treat(values: Sequence[str]) -> dict[str, str]:
    """``NAME=pointwise`` or ``NAME=global``."""
    out = {}
    for value in values:
        name, _, kind = value.partition("=")
        if not name or kind not in TREATMENTS:
            raise ConvvizError(
                f"must be CLASS=pointwise or CLASS=global, got {value!r}{nearest(kind, TREATMENTS)}",
                "--treat",
            )
        out[name] = kind
    return out


class Unit(click.ParamType):
    """One output position: an index for each axis."""

    name = "i,j"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).replace("x", ",").split(",")
        if not all(part.strip().isascii() and part.strip().isdigit() and len(part) < 30 for part in parts):
            raise ConvvizError(
                f"must be indices from 0 such as 5,7, one for each spatial axis, got {value!r}", "--unit"
            )
        return tuple(int(part) for part in parts)


class Words(click.ParamType):
    """Names separated by commas."""

    name = "a,b"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(word.strip() for word in str(value).split(",") if word.strip())


UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}


class Count(click.ParamType):
    """A whole number of at least 0; ``20_000``, ``20,000``, ``20k``, ``1.5M`` and ``2G`` are understood."""

    name = "n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from fractions import Fraction

        if isinstance(value, int):
            return value
        text = str(value).replace(",", "").replace("_", "")
        scale = UNITS.get(text[-1:].replace("K", "k").replace("m", "M").replace("g", "G"), 1)
        try:
            number = Fraction(text[:-1] if scale > 1 else text) * scale
        except (ValueError, ZeroDivisionError):
            number = Fraction(-1)
        if number < 0 or number.denominator != 1 or len(text) > 30:
            name = param.opts[0] if param else ""
            raise ConvvizError(f"must be a whole number such as 20000 or 20k, got {value!r}", name)
        return int(number)
