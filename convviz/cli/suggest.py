"""`convviz suggest`: the smallest changes of a net that reach a receptive field."""

from __future__ import annotations

from typing import Any

import click

from convviz.cli.options import Count, Model, load, model_options
from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table
from convviz.errors import ConvvizError


class Field(click.ParamType):
    """A receptive field: 101, or 101x51 for each axis."""

    name = "n"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).replace(",", "x").split("x")
        if not all(part.isascii() and part.isdigit() and len(part) < 30 and int(part) for part in parts):
            raise ConvvizError(
                f"must be a number of cells such as 101, or 101x51 for each axis, got {value!r}", "--rf"
            )
        return tuple(int(part) for part in parts)


@click.command("suggest", short_help="The smallest changes that reach a receptive field.")
@click.argument("model", type=Model())
@model_options
@click.option(
    "--rf", "target", type=Field(), required=True, metavar="N", help="What to reach: 101, or 101x51."
)
@click.option("--layer", metavar="NAME", help="Whose field. Default: the last that does not read everything.")
@click.option("--wrt", metavar="NAME", help="The input on which fields are measured. Default: the first.")
@click.option("--max-macs", type=Count(), metavar="N", help="At most N MACs in the changed net.")
@click.option("--max-params", type=Count(), metavar="N", help="At most N parameters in the changed net.")
@click.option("--any-output", is_flag=True, help="Keep changes that give the net's output another shape.")
@click.option(
    "--top", type=Count(), default=10, show_default=True, metavar="N", help="At most N suggestions."
)
@output_options(*FORMATS)
def command(
    model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], target: tuple[int, ...],
    layer: str | None, wrt: str | None, max_macs: int | None, max_params: int | None, any_output: bool, top: int,
    format: str | None, output: str | None,
) -> None:  # fmt: skip
    """The smallest changes that give MODEL a receptive field, by MACs.

    Tried are a larger dilation or kernel, stride 2, one more 3x3 conv or 2x2 max pool, the dilation of a whole
    stage, and pairs of these where none alone is enough. Each changed net is built and measured; what would
    misalign branches is left out.

    \b
    convviz suggest code8 --rf 36
    convviz suggest resnet50 --rf 600 --max-params 30M
    convviz suggest model.yaml --rf 101x51 --layer conv4 --format json
    """
    format = choose_format(format, output, FORMATS)
    if top < 1:
        raise ConvvizError("must be at least 1, got 0", "--top")

    from convviz.analysis.suggest import suggest
    from convviz.cli.progress import progress
    from convviz.report.suggest import render_suggestions, suggestions_table

    graph = load(model, inputs, weights, treat)
    with progress("measuring") as share:
        sizes: int | tuple[int, ...] = target[0] if len(target) == 1 else target
        found = suggest(
            graph, sizes, layer=layer, wrt=wrt, max_macs=max_macs, max_params=max_params, top=top,
            keep_output=not any_output, progress=share,
        )  # fmt: skip
    if format == "json":
        emit(render_suggestions(found, "json"), output)
    else:
        write_table(suggestions_table(found), format, output)
