"""`convviz compare`: what changed from one net to another."""

from __future__ import annotations

import click

from convviz.cli.options import Model, load
from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table


@click.command("compare", short_help="What changed from one net to another.")
@click.argument("a", type=Model())
@click.argument("b", type=Model())
@click.option("--input", "inputs", multiple=True, metavar="[NAME=]SHAPE", help="Input shape of both nets.")
@output_options(*FORMATS)
def command(a: str, b: str, inputs: tuple[str, ...], format: str | None, output: str | None) -> None:
    """What changed from net A to net B, layer by layer, with the parameters and receptive field that it
    moved.

    \b
    convviz compare code7 code8
    convviz compare old.yaml new.yaml --format md
    """
    from convviz.analysis import receptive_field
    from convviz.analysis.compare import compare
    from convviz.report.data import compare_data, dumps
    from convviz.report.nets import compare_table

    format = choose_format(format, output, FORMATS)
    found = compare(receptive_field(load(a, inputs)), receptive_field(load(b, inputs)))
    if format == "json":
        emit(dumps(compare_data(found)), output)
    else:
        write_table(compare_table(found), format, output)
