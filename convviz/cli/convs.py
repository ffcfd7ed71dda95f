"""`convviz convs`: every kind of convolution side by side."""

from __future__ import annotations

from typing import Any

import click

from convviz.cli.fields import field_options, given, option_of
from convviz.cli.fields import only as only_known
from convviz.cli.options import Count, Words
from convviz.cli.output import (
    FORMATS,
    choose_format,
    emit,
    output_options,
    plain_terminal,
    table_format,
)
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.errors import ConvvizError, FieldError

FIELDS = ("kernel_size", "stride", "dilation", "groups", "multiplier", "mid_channels", "scale")


@click.command("convs", short_help="Every kind of convolution side by side: cost, shape, receptive field.")
@click.argument("in_channels", metavar="IN", type=Count())
@click.argument("out_channels", metavar="OUT", type=Count())
@click.option(
    "--size",
    default="56",
    show_default=True,
    metavar="N|HxW",
    help="Spatial size of the input: 56 on every axis, or 56x48.",
)
@click.option(
    "--rank",
    type=click.IntRange(1, 3),
    metavar="1|2|3",
    help="Spatial axes. Default: as many as --size names, else 2.",
)
@click.option("--scale", metavar="N", help="Of resize-conv and pixel shuffle. Default: the stride.")
@click.option("--bias/--no-bias", help="Whether formulas and ratios count biases. Default: they do not.")
@click.option(
    "--only", type=Words(), metavar="A,B", help="Some kinds: normal, pointwise, grouped, depthwise, ..."
)
@field_options("kernel_size", "stride", "dilation", "groups", "multiplier", "mid_channels")
@plot_options("Draw parameters and MACs as bars")
@output_options(*FORMATS)
def command(
    in_channels: int, out_channels: int, size: str, rank: int | None, scale: str | None, bias: bool,
    only: tuple[str, ...] | None, sets: tuple[str, ...], plot: str | None, theme: str,
    format: str | None, output: str | None, **fields: Any,
) -> None:  # fmt: skip
    """Every kind of convolution from IN to OUT channels, side by side: formulas with the numbers put in, output
    shape, parameters, MACs, their ratio to a normal conv's, receptive field and jump.

    --stride is that of strided and transposed convs. --groups, --multiplier and --mid-channels take several
    values, 4,32, with a row for each.

    \b
    convviz convs 64 128 --size 56
    convviz convs 64 128 --groups 4,32 --mid-channels 64 --format md
    convviz convs 16 32 --size 1000 --rank 1 --kernel-size 9
    convviz convs 64 128 --only normal,separable --plot convs.svg
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    from convviz.analysis.kinds import kinds
    from convviz.cli.fields import parse
    from convviz.report.formats import WIDTH
    from convviz.report.kinds import render_kinds

    values = given(fields | {"scale": None if scale is None else parse(scale)}, sets)
    only_known(values, FIELDS, "convs")
    try:
        found = kinds(in_channels, out_channels, _space(size, rank), only=only or (), **values)
    except FieldError as err:
        raise err if err.where in ("in_channels", "out_channels") else _as_option(err) from None
    if format == "table":
        width = WIDTH
        if not plain_terminal(output):
            from convviz.report.terminal import terminal_width

            width = terminal_width()
        emit(render_kinds(found, table_format(format, output), bias=bias, width=width), output)
    else:
        emit(render_kinds(found, format, bias=bias, standalone=True), output)
    write_plot(plot, "kinds", found, bias=bias, theme=theme)


def _as_option(err: FieldError) -> ConvvizError:
    return ConvvizError(err.message, option_of(err.where))


def _space(text: str, rank: int | None) -> tuple[int, ...]:
    """``56`` on every axis (two, or ``rank``), ``56x48`` as it stands."""
    parts = [part.strip() for part in text.replace(",", "x").split("x")]
    if not all(part.isascii() and part.isdigit() and len(part) < 30 and int(part) for part in parts):
        raise ConvvizError(f"must be a size such as 56 or 56x48, each at least 1, got {text!r}", "--size")
    sizes = tuple(int(part) for part in parts)
    if len(sizes) == 1:
        return sizes * (rank or 2)
    if rank is not None and len(sizes) != rank:
        raise ConvvizError(f"names {len(sizes)} axes, and --rank {rank}", "--size")
    return sizes
