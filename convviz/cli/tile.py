"""`convviz tile`: tiles on which a net gives exactly what it gives on the whole image."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.options import Model, load, model_options, parse_inputs, parse_treat
from convviz.cli.output import (
    FORMATS,
    choose_format,
    emit,
    output_options,
    write_table,
)
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.cli.progress import progress
from convviz.cli.sizes import Space, rereading, spread
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.analysis.resized import Reread
    from convviz.analysis.tiles import Tiling

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
UNITS |= {f"{unit}i": 1 << 10 * i for i, unit in enumerate("kmgt", 1)}


class Bytes(click.ParamType):
    """An amount of memory: 8G, 8GB (powers of ten), 8GiB (powers of two), 500M, or bytes."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip().lower().removesuffix("b")
        number = text.rstrip("kmgti ")
        unit = text[len(number) :].strip()
        amount = Fraction(-1)
        if unit in UNITS and number.replace(".", "", 1).isascii() and number.replace(".", "", 1).isdigit():
            amount = Fraction(number) * UNITS[unit] if len(number) < 20 else amount
        if amount < 1:
            name = param.opts[0] if param else ""
            raise ConvvizError(f"must be an amount of memory such as 8G, 500M or 6GiB, got {value!r}", name)
        return int(amount)


@click.command("tile", short_help="Tiles whose result is exactly that of the whole image.")
@click.argument("model", type=Model())
@model_options
@click.option("--tile", type=Space(), metavar="SIZE", help="Cells of a tile: 512, or 512x256.")
@click.option("--memory", type=Bytes(), metavar="BYTES", help="The largest tile that fits: 8G, 500M, 6GiB.")
@click.option("--size", type=Space(), metavar="SIZE", help="The whole image: the plan of its tiles.")
@click.option("--layer", metavar="NAME", help="The layer whose map is wanted. Default: the net's output.")
@click.option(
    "--freeze",
    is_flag=True,
    help="Statistics and gates are computed over the whole image first, then held.",
)
@click.option("--boxes", is_flag=True, help="List the tiles of --size, one a row.")
@click.option(
    "--verify",
    is_flag=True,
    help="Run the net whole and in tiles (needs torch) and compare; exit 1 if they differ.",
)
@plot_options("Draw the tiles")
@output_options(*FORMATS, "yaml")
def command(
    model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...],
    tile: tuple[int, ...] | None, memory: int | None, size: tuple[int, ...] | None, layer: str | None,
    freeze: bool, boxes: bool, verify: bool, plot: str | None, theme: str, format: str | None, output: str | None,
) -> None:  # fmt: skip
    """Halo, overlap and allowed starts of tiles, so that MODEL on tiles gives what it gives on the whole image.

    The halo is exact: padding inside the net, strides, dilation and upsampling are followed on the real tile. Where
    a layer forbids it (a norm over space, a gate) it is named. --format yaml writes the axes as bioimage.io asks
    for them. Without --tile or --memory the smallest useful tile is taken.

    \b
    convviz tile unet --tile 572 --size 2204x2972
    convviz tile unet --memory 8G --verify
    convviz tile net.py:UNet --input 1x256x256 --tile 256 --format yaml
    """
    if format is None and output is not None and output.lower().endswith((".yaml", ".yml")):
        format = "yaml"
    format = choose_format(format, output, (*FORMATS, "yaml"))
    if tile is not None and memory is not None:
        raise ConvvizError("--tile and --memory both choose the tile; give one of them")
    if boxes and size is None:
        raise ConvvizError("a list of tiles needs the size of the image: --size 2048x3000", "--boxes")
    if verify and find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--verify")
    check_plot(plot)
    if plot is not None and size is None:
        raise ConvvizError("a picture needs the size of the image: --size 2048x3000", "--plot")

    from convviz.analysis.tiling import tiling

    graph = load(model, inputs, weights, treat)
    rank = len(next(iter(graph.inputs.values()))) - 1
    module, reread = rereading(model, inputs, weights, treat, graph.name)
    found = tiling(
        graph,
        None if tile is None or not rank else spread(tile, rank, "--tile"),
        memory=memory,
        size=None if size is None or not rank else spread(size, rank, "--size"),
        layer=layer,
        freeze=freeze,
        reread=reread,
    )
    impossible = verify and found.axes is None
    check = _verified(found, module, reread, inputs, treat, weights) if verify and not impossible else None
    _write(found, check, boxes, format, output)
    write_plot(plot, "tiling", found, theme=theme)
    if impossible:
        click.echo("NOT verified: there is no exact tiling to try", err=True)
        raise click.exceptions.Exit(1)
    if check is not None:
        if format != "json" or output is not None:
            click.echo(str(check), err=format != "table" or output is not None)
        if not check.passed:
            raise click.exceptions.Exit(1)


def _verified(
    found: Tiling, module: Any, reread: Reread | None, inputs: tuple[str, ...], treat: tuple[str, ...],
    weights: str | None,
) -> Any:  # fmt: skip
    """What both runs gave; the user's module where there is one, with the weights that were given, or random ones."""
    from convviz.probe.tiles import verify
    from convviz.read import parse_input

    shape = parse_inputs(inputs)
    given = None if shape is None else parse_input(shape)
    with progress("running whole and in tiles") as share:
        return verify(
            found, module=module, reread=reread, input=given, treat=parse_treat(treat) or None,
            fresh=weights is None, progress=share,
        )  # fmt: skip


def _write(found: Tiling, check: Any, boxes: bool, format: str, output: str | None) -> None:
    from convviz.report import tiling as report
    from convviz.report.data import dumps

    if format == "json":
        data = report.tiling_data(found)
        if check is not None:
            data["verify"] = report.check_data(check)
        emit(dumps(data), output)
    elif format == "yaml":
        emit(report.bioimage_yaml(found), output)
    else:
        write_table(report.boxes_table(found) if boxes else report.tiling_table(found), format, output)
