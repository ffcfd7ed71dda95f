"""`convviz draw`: publication-quality stills of an op, of a layer, of a relationship, or of a whole net."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.fields import field_options, given, option_of
from convviz.cli.options import load, model_options
from convviz.cli.output import FOLDER, check_writable, default_path, emit, make_folder, write_whole
from convviz.errors import ConvvizError, nearest

if TYPE_CHECKING:
    from convviz.plan.model import Plan

FIELDS = (
    "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation", "groups", "bias", "padding_mode",
    "ceil_mode", "output_size", "scale_factor", "upscale_factor", "mode", "mid_channels", "num_groups",
)  # fmt: skip
VIEWS = ("sum", "scatter", "gather", "matrix", "both")


@click.command("draw", short_help="A picture of an op, a layer, a relationship, or a whole net.")
@click.argument("what", required=False)
@field_options(*FIELDS)
@model_options
@click.option("--step", type=int, metavar="N", help="The step to draw, from 1. Default: a telling one.")
@click.option("--all", "--sheet", "sheet", is_flag=True, help="All steps, on contact sheets.")
@click.option(
    "--view",
    type=click.Choice(VIEWS),
    help="conv: sum or matrix; transposed: scatter, gather, matrix or both.",
)
@click.option(
    "--relationship", type=int, metavar="N", help="One of the 15 relationships of Dumoulin and Visin's guide."
)
@click.option("--layer", metavar="NAME", help="Draw this layer of a net, cut down to a small example.")
@click.option("--stages", is_flag=True, help="Of a net: one block for each stage of equal resolution.")
@click.option("--list", "listing", is_flag=True, help="List what can be drawn.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the numbers."
)
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@click.option("--output", "-o", metavar="FILE", help=f".svg, .pdf or .png. Default: {FOLDER}/draw_WHAT.png.")
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json"]),
    help="Print the explanation in place of a picture.",
)
def command(
    what: str | None, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], step: int | None,
    sheet: bool, view: str | None, relationship: int | None, layer: str | None, stages: bool, listing: bool,
    seed: int, theme: str, output: str | None, format: str | None, sets: tuple[str, ...], **fields: Any,
) -> None:  # fmt: skip
    """Draw WHAT, with its numbers: what is read, the weights, the sum, the result.

    WHAT is an op or a form (conv, depthwise_conv, max_pool ...), the name of one of conv_arithmetic's animations, or a
    net: a model.yaml, a bundled net or module:callable. Fields of the op are options; convviz draw --list names all.

    \b
    convviz draw conv --kernel-size 3 --stride 2 --input 1x7x7 -o conv.svg
    convviz draw conv_transpose --stride 2 --view both
    convviz draw dilated_conv --all
    convviz draw no_padding_strides_transposed
    convviz draw --relationship 12 --theme dark
    convviz draw resnet50 --layer conv1
    convviz draw unet -o unet.pdf
    """
    own = given(fields, sets)
    if listing:
        _list()
        return
    if relationship is not None and what is not None:
        raise ConvvizError("is drawn by itself; leave out the name", "--relationship")
    if relationship is None and what is None:
        raise ConvvizError("name an op, a form, an animation or a net (convviz draw --list shows all)")
    if step is not None and sheet:
        raise ConvvizError("draws one step, --all draws all of them; ask for one", "--step")
    if step is not None and step < 1:
        raise ConvvizError(f"counts from 1, got {step}", "--step")
    target = _target(what or f"relationship_{relationship}", layer, output) if format is None else None
    if format is not None and output is not None:
        check_writable(output)

    if layer is None and relationship is None and what is not None and not _planned(what):
        options = {
            "--view": view,
            "--step": step,
            "--all": sheet or None,
            "--format": format,
            **{option_of(name): value for name, value in own.items()},
        }
        _net(
            what,
            inputs,
            weights,
            treat,
            target,
            theme,
            stages,
            [name for name, value in options.items() if value is not None],
        )
        return
    if stages:
        raise ConvvizError("goes with a whole net", "--stages")
    plan = _plan(what, own, inputs, weights, treat, view, relationship, layer, seed)
    if target is None:
        _print(plan, format or "text", output)
    elif sheet:
        _sheet(plan, target, theme)
    else:
        from convviz.figures.plan import plot

        at = None if step is None else step - 1
        write_whole(target, lambda path: plot(plan, path, step=at, theme=theme))
        click.echo(target)


def _target(what: str, layer: str | None, output: str | None) -> str:
    """The file to write, checked before any work; the folder for pictures is made if need be."""
    from convviz.figures import check_picture

    if output is None:
        make_folder()
        output = str(default_path("draw", what, layer, ".png"))
    check_picture(output)
    check_writable(output)
    return output


def _planned(what: str) -> bool:
    """Whether a name is that of an op, a form or an animation; raises ConvvizError for one that is nothing at all."""
    from convviz.plan import kinds, relationships
    from convviz.read import bundled

    known = [*(kind.name for kind in kinds()), *(r.name for r in relationships())]
    if what in known:
        return True
    if bundled.path(what) is None and not Path(what).exists() and not any(c in what for c in ":./"):
        hint = nearest(what, [*known, *bundled.names()])
        raise ConvvizError(f"no op, form, animation or net {what!r}{hint} (convviz draw --list shows all)")
    return False


def _plan(
    what: str | None, own: dict[str, Any], inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...],
    view: str | None, relationship: int | None, layer: str | None, seed: int,
) -> Plan:  # fmt: skip
    from convviz import plan as plans

    if layer is not None:
        if what is None or _planned(what):
            raise ConvvizError(f"is of a net; {what} is none", "--layer")
        if own:
            raise ConvvizError("a layer has its own fields; they cannot be set", option_of(next(iter(own))))
        return plans.of_layer(load(what, inputs, weights, treat), layer, view=view, seed=seed)
    named = {r.name for r in plans.relationships()}
    if relationship is not None or what in named:
        if own or inputs:
            name = "--input" if inputs else option_of(next(iter(own)))
            raise ConvvizError(
                "a relationship has its own sizes; draw conv or conv_transpose for others", name
            )
        return plans.relationship(what if relationship is None else relationship).plan(view=view, seed=seed)  # type: ignore[arg-type]
    from convviz.read import parse_input

    if len(inputs) > 1 or any("=" in text for text in inputs):
        raise ConvvizError("an op is drawn on one shape, such as 1x7x7", "--input")
    shape = parse_input(inputs[0]) if inputs else None
    assert not isinstance(shape, dict)
    return plans.plan(what or "", own, shape, view=view, seed=seed)


def _net(
    what: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], target: str | None, theme: str,
    stages: bool, refused: list[str],
) -> None:  # fmt: skip
    """The picture of a whole net."""
    if refused:
        raise ConvvizError("goes with an op or with --layer, not with a whole net", refused[0])
    from convviz.analysis import receptive_field
    from convviz.figures.model import plot

    result = receptive_field(load(what, inputs, weights, treat))
    assert target is not None
    write_whole(target, lambda path: plot(result, path, theme=theme, stages=stages or None))
    click.echo(target)


def _sheet(plan: Plan, target: str, theme: str) -> None:
    """All pages, in one PDF or in numbered files."""
    from convviz.figures import sheet

    made = sheet.contact(plan, theme=theme)
    files = sheet.files(target, len(made.figures))
    for file in files:
        check_writable(str(file))
    if len(files) == 1:
        write_whole(files[0], lambda path: sheet.save(made.figures, [path], plan))
    else:
        for figure, file in zip(made.figures, files, strict=True):
            write_whole(file, lambda path, figure=figure: sheet.save([figure], [path], plan))  # type: ignore[misc]
    for file in files:
        click.echo(file)
    if made.left_out:
        click.echo(
            f"{made.left_out:,} of {len(plan.steps):,} steps are left out; --step draws any of them", err=True
        )


def _print(plan: Plan, format: str, output: str | None) -> None:
    from convviz.report import plan as written
    from convviz.report.data import dumps
    from convviz.report.plan_data import plan_data

    emit(dumps(plan_data(plan)) if format == "json" else written.text(plan), output)


def _list() -> None:
    """Everything that can be drawn by name."""
    from convviz.plan import kinds, relationships

    names = [(kind.name, kind.about.replace("``", "")) for kind in kinds()]
    rules = [(r.name, f"relationship {r.number}: {r.title}") for r in relationships()]
    wide = max(len(name) for name, _ in names + rules)
    for head, rows in (("ops and forms", names), ("animations of conv_arithmetic", rules)):
        click.echo(f"{head}:")
        for name, about in rows:
            click.echo(f"  {name:<{wide}}  {about}")
