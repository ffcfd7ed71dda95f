"""`convviz heads`: what can stand between the last feature map and the classes."""

from __future__ import annotations

from importlib.util import find_spec

import click

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
from convviz.errors import ConvvizError

PLACES = {"shape": "SHAPE", "classes": "--classes", "hidden": "--hidden", "rf": "--rf", "jump": "--jump",
          "only": "--only", "example": "--example"}  # fmt: skip


@click.command("heads", short_help="Pooling, GAP, 1x1 conv and linear between the last map and the classes.")
@click.argument("shape", required=False, metavar="CxHxW")
@click.option("--classes", type=Count(), default=10, show_default=True, metavar="K", help="How many.")
@click.option("--hidden", type=Count(), metavar="N", help="Adds the head with a hidden layer of N units.")
@click.option("--bias/--no-bias", default=True, help="Whether layers have biases. Default: they do.")
@click.option("--only", type=Words(), metavar="A,B", help="Some heads: linear, gap_linear, map_conv, ...")
@click.option(
    "--equal-parameters", is_flag=True, help="Spend what a head spares on a 3x3 conv in front of it."
)
@click.option(
    "--rf", metavar="R", default="1", show_default=True, help="Receptive field of a cell of the map."
)
@click.option(
    "--jump", metavar="J", default="1", show_default=True, help="Jump of the map's cells on the image."
)
@click.option("--example", metavar="NAME", help="Worked with numbers: max_pool, avg_pool, gap, conv, linear, "
              "linear_is_conv, conv_gap_order.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Run the heads in torch as well; exit 1 where it differs.")
@plot_options("Draw the heads side by side")
@output_options(*FORMATS)
def command(
    shape: str | None, classes: int, hidden: int | None, bias: bool, only: tuple[str, ...] | None,
    equal_parameters: bool, rf: str, jump: str, example: str | None, verify: bool, plot: str | None, theme: str,
    format: str | None, output: str | None,
) -> None:  # fmt: skip
    """What can stand between the last map, CxHxW, and the classes: shapes, parameters with the numbers put in, MACs,
    what an answer reads, and whether other sizes of map fit. With --equal-parameters heads are compared fairly.

    \b
    convviz heads 64x7x7 --classes 10
    convviz heads 512x7x7 --classes 1000 --hidden 4096 --rf 196 --jump 32
    convviz heads 64x7x7 --equal-parameters --plot heads.svg
    convviz heads --example gap --plot gap.svg
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    if verify and find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--verify")
    if example is not None:
        if shape is not None or verify:
            raise ConvvizError("has its own map; give it alone, or with --format and --plot", "--example")
        _example(example, format, output, plot, theme)
        return
    if shape is None:
        raise ConvvizError("needs the last map, such as 64x7x7, or --example gap", "heads")
    from convviz.analysis.heads import heads

    try:
        found = heads(
            _numbers(shape, "SHAPE"),
            classes,
            hidden=hidden,
            bias=bias,
            only=only or (),
            equal_parameters=equal_parameters,
            rf=_numbers(rf, "--rf"),
            jump=_numbers(jump, "--jump"),
        )
    except ConvvizError as err:
        raise ConvvizError(err.message, PLACES.get(err.where, err.where)) from None
    if plot is not None:
        from convviz.figures.heads import check_drawable

        check_drawable(found)
    checked = None
    if verify:
        from convviz.probe.heads import verify as against_torch

        checked = against_torch(found)
    from convviz.report.formats import WIDTH
    from convviz.report.heads import render_heads

    width = WIDTH
    if not plain_terminal(output):
        from convviz.report.terminal import terminal_width

        width = terminal_width()
    emit(render_heads(found, table_format(format, output), width=width, standalone=True), output)
    write_plot(plot, "heads", found, theme=theme)
    if checked is not None:
        click.echo(str(checked), err=format != "table" or output is not None)
        if not checked.passed:
            raise click.exceptions.Exit(1)


def _example(name: str, format: str, output: str | None, plot: str | None, theme: str) -> None:
    from convviz.plan.heads import example
    from convviz.report.plan import render

    if format == "csv":
        raise ConvvizError("a worked example is no table; choose another format", "--format")
    try:
        plan = example(name)
    except ConvvizError as err:
        raise ConvvizError(err.message, PLACES.get(err.where, err.where)) from None
    emit(render(plan, table_format(format, output), standalone=True), output)
    write_plot(plot, "plan", plan, theme=theme)


def _numbers(text: str, where: str) -> list[int]:
    """``64x7x7`` and ``64,7,7``; raises ConvvizError."""
    parts = [part.strip() for part in text.lower().replace("×", "x").replace(",", "x").split("x")]
    if not all(part.isascii() and part.isdigit() and len(part) < 30 and int(part) for part in parts):
        example = "64x7x7" if where == "SHAPE" else "16 or 16,20"
        raise ConvvizError(f"must be whole numbers from 1 such as {example}, got {text[:60]!r}", where)
    return [int(part) for part in parts]
