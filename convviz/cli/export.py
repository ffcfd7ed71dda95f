"""`convviz export`: a net as PyTorch source."""

from __future__ import annotations

import click

from convviz.cli.options import Model, load, model_options
from convviz.cli.output import check_writable, emit


@click.command("export", short_help="A net as PyTorch source.")
@click.argument("net", type=Model())
@model_options
@click.option(
    "--norm-argument", is_flag=True, help='The module takes its norm as an argument: S6Bn(norm="group:2").'
)
@click.option("--output", "-o", metavar="FILE", help="Write to FILE instead of printing.")
def command(
    net: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], norm_argument: bool,
    output: str | None,
) -> None:  # fmt: skip
    """Write NET as a readable PyTorch module.

    \b
    convviz export code8 --output code8.py
    convviz export s6_bn --norm-argument
    """
    if output is not None:
        check_writable(output)
    graph = load(net, inputs, weights, treat)
    if norm_argument:
        from convviz.export_norm import export_with_norm

        emit(export_with_norm(graph), output)
        return
    from convviz.export import export

    emit(export(graph), output)
