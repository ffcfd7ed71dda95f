"""`convviz rf`: receptive field, parameters and MACs of every layer."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.fields import option_of
from convviz.cli.options import Model, Unit, load, model_options, parse_inputs, parse_treat
from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.cli.progress import progress
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.analysis.results import ReceptiveField


@click.command("rf", short_help="Receptive field, parameters and MACs of every layer.")
@click.argument("model", type=Model())
@model_options
@click.option("--wrt", metavar="NAME", help="The input on which fields are measured. Default: the first.")
@click.option(
    "--mode",
    type=click.Choice(["eval", "train"]),
    default="eval",
    show_default=True,
    help="In train mode batch norm reads the whole batch.",
)
@click.option(
    "--with-global",
    is_flag=True,
    help="Follow paths that read the whole image, too: norms over space, gates.",
)
@click.option(
    "--unit", type=Unit(), metavar="I,J", help="Answer for one output unit, clipped to the real input."
)
@click.option(
    "--layer", metavar="NAME", help="The layer of --unit or --padding-reach. Default: the last with space."
)
@click.option("--stages", is_flag=True, help="Group the layers by resolution.")
@click.option("--channels", is_flag=True, help="Which channels each channel depends on.")
@click.option("--padding-reach", is_flag=True, help="Which outputs of a layer read padding.")
@click.option(
    "--rate", type=float, metavar="HZ", help="1-D nets: add past and future context in samples and ms."
)
@click.option(
    "--verify",
    is_flag=True,
    help="Prove the answer on this net by autograd (needs torch); exit 1 if it fails.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Time that --verify may take.",
)
@plot_options("Draw the receptive field, layer by layer")
@output_options(*FORMATS)
def command(
    model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], wrt: str | None,
    mode: str, with_global: bool, unit: tuple[int, ...] | None, layer: str | None, stages: bool,
    channels: bool, padding_reach: bool, rate: float | None, verify: bool, budget: float, plot: str | None,
    theme: str, format: str | None, output: str | None,
) -> None:  # fmt: skip
    """Receptive field, parameters and MACs of every layer of MODEL.

    MODEL is a model.yaml, a bundled net (convviz list), or module:callable of a torch module.

    \b
    convviz rf code8
    convviz rf resnet50 --stages
    convviz rf model.yaml --unit 5,7 --layer conv4
    convviz rf net.py:Net --input 3x224x224 --verify
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    views = {"stages": stages, "channels": channels, "padding_reach": padding_reach}
    view = next((name for name, asked in views.items() if asked), None)
    if layer is not None and unit is None and view != "padding_reach":
        raise ConvvizError("goes with --unit or --padding-reach", "--layer")
    asked = [option_of(name) for name, on in {"unit": unit, **views}.items() if on]
    if len(asked) > 1:
        raise ConvvizError(f"{' and '.join(asked)} answer different questions; ask for one of them")

    from convviz.analysis import receptive_field

    graph = load(model, inputs, weights, treat)
    result = receptive_field(graph, wrt=wrt, mode=mode, with_global=with_global)
    if rate is not None:
        from convviz.report.tables import check_rate

        check_rate(result, rate)
    if unit is not None:
        _unit(result, unit, layer, format, output)
    elif view is not None:
        _view(result, view, layer, format, output)
    else:
        _layers(result, rate, format, output)
    write_plot(plot, "receptive_field", result, theme=theme)
    if verify:
        from convviz.read import parse_input

        shape = parse_inputs(inputs)
        options = dict(input=None if shape is None else parse_input(shape), treat=parse_treat(treat) or None)
        _verify(model, result, weights, budget, options, apart=format != "table" or output is not None)


def _layers(result: ReceptiveField, rate: float | None, format: str, output: str | None) -> None:
    from convviz.report.tables import render_rf, rf_table

    if format == "table":
        write_table(rf_table(result, rate=rate), format, output)
    else:
        emit(render_rf(result, format, rate=rate, standalone=True), output)


def _unit(
    result: ReceptiveField, unit: tuple[int, ...], layer: str | None, format: str, output: str | None
) -> None:
    from convviz.analysis import unit as unit_of
    from convviz.report.data import dumps, unit_data
    from convviz.report.views import unit_table, unit_text

    found = unit_of(result, unit, layer, with_global=result.with_global)
    if format == "json":
        emit(dumps(unit_data(found)), output)
    elif format == "table":
        emit(unit_text(found), output)
    else:
        write_table(unit_table(result.graph, found), format, output)


def _view(result: ReceptiveField, view: str, layer: str | None, format: str, output: str | None) -> None:
    from convviz.report import data, views

    found: Any
    if view == "stages":
        from convviz.analysis.stages import stages

        found = stages(result)
    elif view == "channels":
        from convviz.analysis.channels import channels

        found = channels(result.graph, result.wrt)
    else:
        from convviz.analysis.padding import padding_reach

        found = padding_reach(result, layer)
    if format == "json":
        emit(data.dumps({"name": result.graph.name, view: views.DATA[view](found)}), output)
    else:
        write_table(views.TABLES[view](result.graph, found), format, output)


def _verify(
    model: str,
    result: ReceptiveField,
    weights: str | None,
    budget: float,
    options: dict[str, Any],
    apart: bool,
) -> None:
    """Print what autograd says (on stderr where stdout or a file holds data); exit 1 where it disagrees."""
    if find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--verify")
    from convviz.read import bundled
    from convviz.verify import verify

    module = None
    if bundled.path(model) is None and not Path(model).exists():  # neither is a file: module:callable
        from convviz.read.torch_module import load_module

        module = load_module(model, weights)  # the user's own, never one rebuilt from the graph
    with progress("verifying") as share:
        report = verify(result.graph, result, module=module, budget=budget, progress=share, **options)
    click.echo(str(report), err=apart)
    if not report.passed:
        raise click.exceptions.Exit(1)
