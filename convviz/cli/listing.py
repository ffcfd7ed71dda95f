"""`convviz list`: the bundled nets, and the ops."""

from __future__ import annotations

import click

from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table


@click.command("list", short_help="The bundled nets, or the ops of a model.yaml.")
@click.argument("what", type=click.Choice(["nets", "ops"]), default="nets")
@output_options(*FORMATS)
def command(what: str, format: str | None, output: str | None) -> None:
    """The nets that come with convviz, or the ops that a model.yaml can use.

    \b
    convviz list
    convviz list ops --format json
    """
    from convviz.report import nets as report
    from convviz.report.data import dumps

    format = choose_format(format, output, FORMATS)
    if what == "ops":
        from convviz.ops import OPS

        ops = [OPS[kind] for kind in sorted(OPS)]
        table, data = report.ops_table(ops), report.ops_data(ops)
    else:
        from convviz.read import bundled, read

        graphs = [read(name) for name in bundled.names()]
        table, data = report.nets_table(graphs), report.nets_data(graphs)
    if format == "json":
        emit(dumps(data), output)
    else:
        write_table(table, format, output)
