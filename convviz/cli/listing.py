"""`convviz list`: the bundled nets, the ops, the experiments, and the scenes."""

from __future__ import annotations

import click

from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table


@click.command(
    "list", short_help="The bundled nets, the ops of a model.yaml, the experiments, or the scenes."
)
@click.argument("what", type=click.Choice(["nets", "ops", "experiments", "scenes"]), default="nets")
@output_options(*FORMATS)
def command(what: str, format: str | None, output: str | None) -> None:
    """The nets that come with convviz, the ops that a model.yaml can use, the experiments and recipes that `convviz
    sweep` and `convviz train` know, or the scenes that `convviz render` animates.

    \b
    convviz list
    convviz list ops --format json
    convviz list experiments
    convviz list scenes
    """
    from convviz.report import nets as report
    from convviz.report.data import dumps

    format = choose_format(format, output, FORMATS)
    if what == "ops":
        from convviz.ops import OPS

        ops = [OPS[kind] for kind in sorted(OPS)]
        table, data = report.ops_table(ops), report.ops_data(ops)
    elif what == "experiments":
        from convviz.report.sweeps import experiments_data, experiments_table
        from convviz.runs.experiment import iter_bundled

        found = list(iter_bundled())
        table, data = experiments_table(found), experiments_data(found)
    elif what == "scenes":
        from convviz.report.scenes import scenes_data, scenes_table
        from convviz.scenes.catalogue import SCENES

        table, data = scenes_table(SCENES), scenes_data(SCENES)
    else:
        from convviz.read import bundled, read

        graphs = [read(name) for name in bundled.names()]
        table, data = report.nets_table(graphs), report.nets_data(graphs)
    if format == "json":
        emit(dumps(data), output)
    else:
        write_table(table, format, output)
