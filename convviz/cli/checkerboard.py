"""`convviz checkerboard`: where outputs are covered unevenly, and what helps."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.fields import FieldValue, field_options, given, option_of
from convviz.cli.options import Model, load, model_options, parse_inputs, parse_treat
from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.cli.progress import progress
from convviz.errors import ConvvizError, FieldError

if TYPE_CHECKING:
    from convviz.analysis.checkerboard import Checkerboard

FIELDS = ("kernel_size", "stride", "padding", "dilation", "output_padding")


@click.command("checkerboard", short_help="Checkerboards: overlap of transposed convs, and what helps.")
@click.argument("model", type=Model(), required=False)
@field_options(*FIELDS)
@click.option(
    "--rank", type=click.IntRange(1, 3), metavar="N", help="Spatial axes of a layer: 1, 2 (default) or 3."
)
@click.option(
    "--op",
    type=click.Choice(["conv_transpose", "conv", "max_pool", "avg_pool"]),
    help="The layer; conv and pooling are looked at by their gradient. Default: conv_transpose.",
)
@click.option(
    "--gradient", is_flag=True, help="Look at the gradient on the input: strided convs and pooling."
)
@click.option(
    "--channels",
    type=FieldValue(),
    metavar="IN,OUT",
    help="Of a layer, for the costs of its remedies: 64,32.",
)
@click.option(
    "--size",
    type=FieldValue(),
    metavar="N",
    help="Input size of a layer (28); with --experiment of the images (64).",
)
@click.option(
    "--layer", metavar="NAME", help="Look at the output of this layer of MODEL. Default: the net's output."
)
@click.option(
    "--wrt", metavar="NAME", help="With --gradient: the input that is looked at. Default: the first."
)
@model_options
@click.option(
    "--experiment", is_flag=True, help="Run random generators of each kind and measure (needs torch)."
)
@click.option("--seeds", type=click.IntRange(1, 10_000), metavar="N", help="Of --experiment. Default: 8.")
@plot_options("Draw it")
@output_options(*FORMATS)
def command(
    model: str | None, rank: int | None, op: str | None, gradient: bool, channels: Any, size: Any,
    layer: str | None, wrt: str | None, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...],
    experiment: bool, seeds: int | None, plot: str | None, theme: str, format: str | None, output: str | None,
    sets: tuple[str, ...], **fields: Any,
) -> None:  # fmt: skip
    """How evenly a layer, or a whole net, covers its output, and what would make it even.

    MODEL is a model.yaml, a bundled net (convviz list), or module:callable of a torch module, whose weights are
    measured, too. Without MODEL the options describe one layer.

    \b
    convviz checkerboard --kernel-size 3 --stride 2 --plot overlap.svg
    convviz checkerboard --kernel-size 3,4 --stride 2,3 --channels 64,32 --size 28
    convviz checkerboard dcgan
    convviz checkerboard net.py:Generator --weights best.pt
    convviz checkerboard --op conv --kernel-size 3 --stride 2 --padding 1
    convviz checkerboard resnet18 --gradient
    convviz checkerboard --experiment --seeds 8
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    values = given(fields, sets)
    bare = [option_of(name) for name in values] + [
        f"--{name}"
        for name, value in {"rank": rank, "op": op, "channels": channels}.items()
        if value is not None
    ]
    of_net = {"layer": layer, "wrt": wrt, "input": inputs, "weights": weights, "treat": treat}
    if seeds is not None and not experiment:
        raise ConvvizError("goes with --experiment", "--seeds")
    if experiment:
        extra = [*bare, *(f"--{name}" for name, value in of_net.items() if value), *["--gradient"] * gradient]
        if model is not None or extra:
            raise ConvvizError(
                f"runs generators of its own and takes no {extra[0] if extra else 'MODEL'}", "--experiment"
            )
        return _experiment(size, seeds or 8, format, output, plot, theme)
    if model is None:
        name = next((name for name, value in of_net.items() if value), None)
        if name is not None:
            raise ConvvizError("goes with a MODEL", f"--{name}")
        if "kernel_size" not in values:
            raise ConvvizError(
                "name a net, or describe a layer: convviz checkerboard --kernel-size 3 --stride 2 "
                "(see convviz checkerboard -h)"
            )
        return _layer(values, rank, op, gradient, channels, size, format, output, plot, theme)
    if bare or size is not None:
        raise ConvvizError("describes a layer, and a MODEL is given: name one of them", [*bare, "--size"][0])
    if wrt is not None and not gradient:
        raise ConvvizError("goes with --gradient", "--wrt")
    _net(model, inputs, weights, treat, gradient, layer, wrt, format, output, plot, theme)


def _layer(
    values: dict[str, Any], rank: int | None, op: str | None, gradient: bool, channels: Any, size: Any,
    format: str, output: str | None, plot: str | None, theme: str,
) -> None:  # fmt: skip
    from convviz.analysis.checkerboard import overlap
    from convviz.report.checkerboard import layer_data, stage_table
    from convviz.report.data import dumps

    listed = channels if channels is None or isinstance(channels, list) else [channels]
    kind = op or ("conv" if gradient else "conv_transpose")
    try:
        found = overlap(op=kind, rank=rank, channels=listed, size=size, gradient=gradient, **values)
    except ConvvizError as err:
        known = {"op", "rank", "channels", "size", *values, *FIELDS}
        if err.where in known or isinstance(err, FieldError):
            raise ConvvizError(err.message, option_of(err.where)) from None
        raise
    if format == "json":
        emit(dumps(layer_data(found)), output)
    else:
        write_table(stage_table(found), format, output)
    write_plot(plot, "checkerboard", found, theme=theme)


def _net(
    model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], gradient: bool,
    layer: str | None, wrt: str | None, format: str, output: str | None, plot: str | None, theme: str,
) -> None:  # fmt: skip
    from convviz.analysis.checkerboard import checkerboard
    from convviz.report.checkerboard import net_data, net_table
    from convviz.report.data import dumps

    graph = load(model, inputs, weights, treat)
    found = checkerboard(graph, gradient=gradient, layer=layer, wrt=wrt)
    if not gradient:
        found = _weighed(found, model, inputs, weights, treat)
    if format == "json":
        emit(dumps(net_data(found)), output)
    else:
        write_table(net_table(found), format, output)
    write_plot(plot, "checkerboard", found, theme=theme)


def _weighed(
    found: Checkerboard, model: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...]
) -> Checkerboard:
    """With the phase index of the module's own weights, where the source is a torch module."""
    from convviz.read import bundled, parse_input

    if bundled.path(model) is not None or Path(model).exists() or not found.stages:
        return found
    from convviz.probe.phases import weigh
    from convviz.read.torch_module import load_module

    shape = parse_inputs(inputs)
    given_input = None if shape is None else parse_input(shape)
    found = weigh(found, load_module(model, weights), input=given_input, treat=parse_treat(treat) or None)
    if weights is None:
        told = "rho is of the weights with which MODEL is made; --weights FILE loads trained ones."
        found = replace(found, warnings=(*found.warnings, told))
    return found


def _experiment(size: Any, seeds: int, format: str, output: str | None, plot: str | None, theme: str) -> None:
    if find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--experiment")
    from convviz.probe.generators import experiment
    from convviz.report.data import dumps
    from convviz.report.generators import experiment_data, experiment_table

    with progress("running random generators") as share:
        try:
            found = experiment(seeds=seeds, size=64 if size is None else size, progress=share)
        except ConvvizError as err:
            raise ConvvizError(err.message, option_of(err.where)) from None
    if format == "json":
        emit(dumps(experiment_data(found)), output)
    else:
        write_table(experiment_table(found), format, output)
    write_plot(plot, "generators", found, theme=theme)
