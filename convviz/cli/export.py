"""`convviz export`: a net as PyTorch source."""

from __future__ import annotations

import click

from convviz.cli.options import Model, load, model_options
from convviz.cli.output import check_writable, emit


@click.command("export", short_help="A net as PyTorch source.")
@click.argument("net", type=Model())
@model_options
@click.option("--output", "-o", metavar="FILE", help="Write to FILE instead of printing.")
def command(
    net: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], output: str | None
) -> None:
    """Write NET as a readable PyTorch module.

    \b
    convviz export code8 --output code8.py
    """
    if output is not None:
        check_writable(output)
    from convviz.export import export

    emit(export(load(net, inputs, weights, treat)), output)
