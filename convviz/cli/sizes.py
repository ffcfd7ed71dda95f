"""`convviz sizes`: which input sizes a net takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.options import Model, load, model_options, parse_inputs, parse_treat
from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table
from convviz.cli.progress import progress
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.graph import Graph

LIMIT = 10**6  # the largest --max


class Space(click.ParamType):
    """Sizes of an image, without channels: 512, 512x512 or 512,512."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).lower().replace("x", ",").split(",")
        good = all(p.strip().isascii() and p.strip().isdigit() and len(p) < 20 for p in parts)
        if not good or min(map(int, parts)) < 1:
            name = param.opts[0] if param else ""
            raise ConvvizError(f"must be sizes of at least 1 such as 512 or 480x640, got {value!r}", name)
        return tuple(map(int, parts))


def spread(value: tuple[int, ...], rank: int, option: str) -> tuple[int, ...]:
    """One size for each axis; a single one stands for all. Raises ConvvizError for another number of them."""
    value = value * rank if len(value) == 1 else value
    if len(value) != rank:
        raise ConvvizError(
            f"the net's input has {rank} spatial ax{'is' if rank == 1 else 'es'}, got {len(value)} sizes "
            f"(channels are not written)",
            option,
        )
    return value


def rereading(
    model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], name: str
) -> tuple[Any, Callable[[Mapping[str, Any]], Graph] | None]:
    """The user's module and a function that reads it at given shapes; (None, None) where the net is no module."""
    from dataclasses import replace
    from pathlib import Path

    from convviz.read import bundled, read

    if bundled.path(model) is not None or Path(model).exists():
        return None, None
    from convviz.read.torch_module import load_module

    module = load_module(model, weights)
    one = not isinstance(parse_inputs(inputs), dict)

    def reread(shapes: Mapping[str, Any]) -> Graph:
        given = next(iter(shapes.values())) if one else dict(shapes)
        return replace(read(module, given, treat=parse_treat(treat) or None), name=name)

    return module, reread


@click.command("sizes", short_help="Input sizes that a net takes, and the output of each.")
@click.argument("model", type=Model())
@model_options
@click.option(
    "--layer", metavar="NAME", help="Sizes that the net takes up to this layer. Default: all of it."
)
@click.option(
    "--max", "limit", type=click.IntRange(1, LIMIT), metavar="N", help="List every legal size up to N."
)
@click.option("--like", type=Space(), metavar="SIZE", help="Is this size legal, why not, and what is near?")
@output_options(*FORMATS)
def command(
    model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], layer: str | None,
    limit: int | None, like: tuple[int, ...] | None, format: str | None, output: str | None,
) -> None:  # fmt: skip
    """Which input sizes MODEL takes with the weights it has: the smallest, the step, and the output of each.

    Found exactly, from the shape rule of every layer. Nets whose layers follow from their input (a torch forward) are
    read anew at every size.

    \b
    convviz sizes unet
    convviz sizes unet --like 500
    convviz sizes net.py:UNet --input 1x256x256 --max 512 --format csv
    """
    format = choose_format(format, output, FORMATS)
    from convviz.analysis.sizes import sizes
    from convviz.report.data import dumps
    from convviz.report.sizes import like_text, sizes_data, sizes_table

    graph = load(model, inputs, weights, treat)
    _, reread = rereading(model, inputs, weights, treat, graph.name)
    rank = len(next(iter(graph.inputs.values()))) - 1
    wanted = None if like is None else spread(like, rank, "--like")
    with progress("trying sizes") as share:
        found = sizes(graph, layer, reread=reread, progress=share)
    if format == "json":
        emit(dumps(sizes_data(found, limit, wanted)), output)
    elif wanted is not None and format == "table":
        emit(like_text(found, wanted), output)
    else:
        write_table(sizes_table(found, limit), format, output)
