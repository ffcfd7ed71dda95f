"""`convviz gridding`: which inputs a stack of dilated convolutions reads, and which it leaves out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convviz.cli.fields import option_of
from convviz.cli.options import Model, load, model_options
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

if TYPE_CHECKING:
    from convviz.analysis.gridding import Gridding
    from convviz.analysis.gridding_net import NetGridding

RATES = re.compile(r"\s*([-+]?[\d.]*\d[\d.]*|[^/\\:()]*,[^/\\:()]*)\s*")  # a number, or anything with a comma


@click.command("gridding", short_help="Holes that dilated convolutions leave, and rates that leave none.")
@click.argument("source", metavar="RATES|MODEL", type=Model())
@click.option("--kernel-size", metavar="K|K,K,..", help="Of all layers, or of each. Default: 3. With RATES.")
@click.option("--stride", metavar="S|S,S,..", help="Of all layers, or of each. Default: 1. With RATES.")
@click.option("--layer", metavar="NAME", help="Of a MODEL. Default: the last with space that is not global.")
@click.option("--wrt", metavar="NAME", help="The input on which cells are counted. Default: the first.")
@model_options
@plot_options("Draw the cells, layer by layer")
@output_options(*FORMATS)
def command(
    source: str, kernel_size: str | None, stride: str | None, layer: str | None, wrt: str | None,
    inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], plot: str | None, theme: str,
    format: str | None, output: str | None,
) -> None:  # fmt: skip
    """Which input cells one output of a stack of dilated convolutions reads: span against hits, the exact criterion,
    what the rule in print says, and the nearest rates that leave no hole.

    RATES are dilations, first layer first: 1,2,5. MODEL is a model.yaml, a bundled net (convviz list) or
    module:callable; there, every run of dilated convs on the way to --layer is judged.

    \b
    convviz gridding 2,2,2
    convviz gridding 2,3,5 --plot gridding.svg
    convviz gridding 1,2,4 --kernel-size 5,3,3 --stride 2,1,1
    convviz gridding model.yaml --layer conv4
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    found: Gridding | NetGridding
    if _are_rates(source):
        for option, given in (
            ("--layer", layer), ("--wrt", wrt), ("--input", inputs), ("--weights", weights), ("--treat", treat),
        ):  # fmt: skip
            if given:
                raise ConvvizError("goes with a MODEL, not with rates", option)
        found = _stack(source, kernel_size, stride)
    else:
        for option, value in (("--kernel-size", kernel_size), ("--stride", stride)):
            if value is not None:
                raise ConvvizError("goes with RATES such as 1,2,5; a MODEL has its own", option)
        from convviz.analysis.gridding_net import net_gridding
        from convviz.analysis.receptive_field import receptive_field

        found = net_gridding(receptive_field(load(source, inputs, weights, treat), wrt), layer)
    if plot is not None:
        from convviz.figures.gridding import check_drawable

        check_drawable(found)
    _write(found, format, output)
    write_plot(plot, "gridding", found, theme=theme)


def _are_rates(source: str) -> bool:
    """Whether SOURCE is a number or has commas and is no file."""
    return bool(RATES.fullmatch(source)) and not (len(source) < 200 and Path(source).is_file())


def _stack(rates: str, kernel_size: str | None, stride: str | None) -> Gridding:
    from convviz.analysis.gridding import gridding

    values = [_numbers(rates, "rates")]
    for name, text in (("--kernel-size", kernel_size or "3"), ("--stride", stride or "1")):
        numbers = _numbers(text, name)
        values.append(numbers if len(numbers) > 1 else numbers[0])  # type: ignore[arg-type]
    try:
        return gridding(*values)
    except FieldError as err:
        where = "rates" if err.where == "rates" else option_of(err.where)
        raise ConvvizError(err.message, where) from None


def _numbers(text: str, where: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 100 and int(part) for part in parts):
        raise ConvvizError(f"must be whole numbers >= 1 such as 1,2,5, got {text[:60]!r}", where)
    return [int(part) for part in parts]


def _write(found: Gridding | NetGridding, format: str, output: str | None) -> None:
    from convviz.analysis.gridding import Gridding
    from convviz.report.formats import WIDTH
    from convviz.report.gridding import render_gridding
    from convviz.report.gridding_net import render_net

    width = WIDTH
    if format == "table":
        format = table_format(format, output)
        if not plain_terminal(output):
            from convviz.report.terminal import terminal_width

            width = terminal_width()
    if isinstance(found, Gridding):
        emit(render_gridding(found, format, width=width, standalone=True), output)
    else:
        emit(render_net(found, format, width=width, standalone=True), output)
