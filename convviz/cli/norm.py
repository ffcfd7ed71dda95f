"""`convviz norm`: a batch normalized, with every number that goes into it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.erf import Numbers
from convviz.cli.options import Count
from convviz.cli.output import (
    FORMATS,
    check_writable,
    choose_format,
    emit,
    output_options,
    plain_terminal,
    write_whole,
)
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.analysis.norms.normalize import Normalized, Norms
    from convviz.ops.base import Array, Shape

ALL = "all"
KEEPS = ("batch", "ghost")  # methods with running statistics
# Which settings go with which methods (besides --mode, which all take).
GOES = {
    "groups": ("group",),
    "splits": ("ghost",),
    "gamma": ("batch", "layer", "group", "instance", "rms", "ghost"),
    "beta": ("batch", "layer", "group", "instance", "ghost"),
    "momentum": KEEPS,
    "steps": KEEPS,
    "over": ("center", "standardize", "minmax"),
    "eps": ("batch", "layer", "group", "instance", "rms", "ghost", "standardize", "minmax"),
    "mode": ("batch", "layer", "group", "instance", "rms", "ghost"),
}
DEFAULT = {"batch": "A", "pixel": "A", "center": "A", "standardize": "A", "minmax": "A"}  # presets; else B


class BatchShape(click.ParamType):
    """A shape N x C x space: 4x1x2x2 or 4,1,2,2."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shape:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).lower().replace("x", ",").split(",")]
        good = all(part.isascii() and part.isdigit() and len(part) < 20 and int(part) for part in parts)
        if not good or not 2 <= len(parts) <= 5:
            raise ConvvizError(
                f"must be samples x channels x space, with up to three axes of it, such as 4x1x2x2, got "
                f"{str(value)[:60]!r}",
                "--shape",
            )
        return tuple(map(int, parts))


class Momentum(click.ParamType):
    """A number, or none for the plain average of all steps."""

    name = "m"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if isinstance(value, float) or value == "none":
            return value
        if str(value).strip().lower() == "none":
            return "none"
        try:
            return float(value)
        except ValueError:
            raise ConvvizError(f"must be a number or none, got {str(value)[:60]!r}", "--momentum") from None


@click.command("norm", short_help="A batch normalized, worked out number by number.")
@click.argument("method", metavar="METHOD")
@click.option("--shape", type=BatchShape(), metavar="SHAPE", help="Of random integers, or of a CSV: 4x1x2x2.")
@click.option(
    "--values", multiple=True, metavar="FILE",
    help="The batch: .json, .npy or .csv (an image a row, with --shape). Given again: earlier training batches first.",
)  # fmt: skip
@click.option(
    "--preset", metavar="A|B|picture", help="A batch with whole statistics: 4x1x2x2, 4x4x2x2, 4x4x6x6."
)
@click.option("--seed", type=Count(), metavar="N", help="Of random integers. Default: 0.")
@click.option("--nice", is_flag=True, help="Search integers whose means and deviations come out whole.")
@click.option(
    "--groups", type=int, metavar="G", help="Of group norm. Default: 2, or 1 where that does not divide."
)
@click.option(
    "--splits", type=int, metavar="S", help="Parts of the batch in ghost batch norm. Default: likewise."
)
@click.option("--eps", type=float, metavar="X", help="Default: torch's, 1e-5; of pixel scalings 0.")
@click.option("--gamma", type=Numbers(), metavar="X,..", help="Scale: one number, or one for each weight.")
@click.option("--beta", type=Numbers(), metavar="X,..", help="Shift, likewise.")
@click.option(
    "--mode",
    type=click.Choice(["train", "eval"]),
    help="eval: with the running statistics after --steps of training.",
)
@click.option(
    "--momentum", type=Momentum(), metavar="M", help="Share of the new, or none: the average. Default: 0.1."
)
@click.option("--steps", type=int, metavar="N", help="Training steps on the (last) batch. Default: 1.")
@click.option(
    "--over", type=click.Choice(["image", "channel", "dataset"]), help="Of pixel scalings. Default: image."
)
@click.option(
    "--decimals", type=click.IntRange(0, 15), default=4, show_default=True, help="Digits behind the point."
)
@click.option("--full", is_flag=True, help="Write out everything, however long.")
@click.option("--verify", is_flag=True, help="Compare every number with torch; exit 1 if it disagrees.")
@click.option(
    "--mistake", metavar="NAME", help="A common mistake beside the right answer: pixelwise, unbiased, ..."
)
@plot_options("Draw the sets and the numbers")
@output_options(*FORMATS, "xlsx")
def command(
    method: str, shape: Shape | None, values: tuple[str, ...], preset: str | None, seed: int | None, nice: bool,
    decimals: int, full: bool, verify: bool, mistake: str | None, plot: str | None, theme: str, format: str | None,
    output: str | None, **settings: Any,
) -> None:  # fmt: skip
    """A batch normalized, with every number that goes into it: who shares statistics, mean, variance, result, and the
    running statistics.

    METHOD is batch, layer, group, instance, rms or ghost (bn, ln, gn, in, gbn), all of them on one batch (all), or a
    scaling of pixels: pixel (to 0..1), center, standardize, minmax. Without a batch, one of the presets is taken.

    \b
    convviz norm batch
    convviz norm batch --mode eval --steps 3
    convviz norm group --shape 2x6x3x3 --groups 3 --seed 1 --nice --format md
    convviz norm all --preset B -o norms.xlsx
    convviz norm layer --values batch.json --verify
    convviz norm standardize --values images.csv --shape 10x1x28x28 --over dataset
    convviz norm batch --mistake unbiased
    """
    format = _format(format, output)
    check_plot(plot)
    from convviz.analysis.norms.settings import method_of
    from convviz.plan.words import decimals as digits

    name = ALL if method.strip().lower() == ALL else method_of(method)
    if mistake is not None:
        name, elsewhere = _made_in(mistake, name)
    given = {key: value for key, value in settings.items() if value is not None}
    _check(name, given, shape, values, preset, seed, nice)
    if verify and mistake is not None:
        raise ConvvizError("does not go with --mistake, which is wrong on purpose", "--verify")
    if verify and find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--verify")
    try:
        batches, told = _batches(name, shape, values, preset, seed, nice, given)
        given["before"] = batches[:-1]
        if given.get("momentum") == "none":
            given["momentum"] = None
        if mistake is not None:
            with digits(decimals):
                _mistake(batches[-1], mistake, name, given, format, output, plot, theme)
            if elsewhere:
                click.echo(f"convviz: {elsewhere}", err=True)
            return
        found = _normalized(batches[-1], name, given)
    except ConvvizError as err:
        known = [*GOES, "values", "shape", "preset", "seed", "nice", "mistake"]
        if err.where in known:
            raise ConvvizError(err.message, f"--{err.where}") from None
        raise
    with digits(decimals):
        _write(found, format, output, full, told)
        write_plot(plot, "norms.norm", found, theme=theme)
    if verify:
        _verify(found, batches[:-1], settings.get("steps"), apart=format != "table" or output is not None)


def _format(format: str | None, output: str | None) -> str:
    """The format asked for, or that of the file's extension; a workbook needs a file."""
    if format is None and output is not None and Path(output).suffix.lower() == ".xlsx":
        format = "xlsx"
    if format == "xlsx":
        if output is None:
            raise ConvvizError("a workbook needs a file: --output norm.xlsx", "--format")
        check_writable(output)
        return format
    return choose_format(format, output, FORMATS)


def _check(
    name: str, given: dict[str, Any], shape: Shape | None, values: tuple[str, ...], preset: str | None,
    seed: int | None, nice: bool,
) -> None:  # fmt: skip
    """Raise ConvvizError for options that contradict each other."""
    for key in given:
        goes = GOES[key]
        if key == "over" if name == ALL else name not in goes:
            raise ConvvizError(f"does not go with {name}, but with {', '.join(goes)}", f"--{key}")
    for clash, options in (
        (values, {"preset": preset, "seed": seed, "nice": nice}),
        (preset, {"shape": shape, "seed": seed, "nice": nice}),
    ):
        source = "--values" if clash is values else "--preset"
        for option, value in options.items():
            if clash and value not in (None, False):
                raise ConvvizError(f"does not go with {source}: the numbers are given", f"--{option}")
    if seed is not None and shape is None and not nice:
        raise ConvvizError("is of random numbers: give their --shape, or --nice", "--seed")
    if len(values) > 1 and name not in (*KEEPS, ALL):
        raise ConvvizError(
            f"several are training batches, of which {name} keeps nothing; give one", "--values"
        )


def _batches(
    name: str, shape: Shape | None, values: tuple[str, ...], preset: str | None, seed: int | None, nice: bool,
    given: dict[str, Any],
) -> tuple[list[Array], str]:  # fmt: skip
    """The batches, the last one to be normalized, and where the numbers come from."""
    from convviz.analysis.norms import batches

    own = DEFAULT.get(name, "B")
    if values:
        from convviz.read.values import read_values

        found = [read_values(file, shape) for file in values]
        for batch in found:
            if batch.size > batches.MOST:
                batches.check_shape(batch.shape)
        return found, ""
    if nice:
        from convviz.analysis.norms.settings import METHODS

        methods = tuple(METHODS) if name == ALL else (name,)
        parts = {key: given.get(key) for key in ("groups", "splits")}
        wanted = batches.preset(own).shape if shape is None else shape
        search = batches.nice_batch(wanted, seed or 0, methods, **parts, over=given.get("over", "image"))
        return [search.x], search.told
    if shape is not None:
        return [batches.random_batch(shape, seed or 0)], f"Random integers from 0 to 9, seed {seed or 0}."
    known = {"a": "A", "b": "B", "picture": "picture"}
    return [batches.preset(own if preset is None else known.get(preset.lower(), preset))], ""


def _normalized(batch: Array, name: str, given: dict[str, Any]) -> Normalized | Norms:
    from convviz.analysis.norms.normalize import normalize, normalize_all

    return normalize_all(batch, **given) if name == ALL else normalize(batch, name, **given)


def _made_in(mistake: str, name: str) -> tuple[str, str]:
    """The method itself; where the mistake cannot be made in it, one in which it is made, and a line that says so."""
    from convviz.analysis.mistakes.mistake import methods_of
    from convviz.analysis.norms.settings import METHODS

    try:
        possible = methods_of(mistake)
    except ConvvizError as err:
        raise ConvvizError(err.message, "--mistake") from None
    if name not in METHODS or name in possible:
        return name, ""
    told = f"{mistake} is a mistake of {' or '.join(possible)} norm, not of {name} norm; shown for {possible[0]} norm"
    return possible[0], told


def _mistake(
    batch: Array, mistake: str, name: str, given: dict[str, Any], format: str, output: str | None,
    plot: str | None, theme: str,
) -> None:  # fmt: skip
    """A mistake beside the right answer."""
    from convviz.analysis.mistakes import mistake as norm_mistakes
    from convviz.report.norms.mistakes import render

    if format == "xlsx":
        raise ConvvizError("a mistake is not written as a workbook; take md, latex or html", "--format")
    given = {key: value for key, value in given.items() if key != "before" or value}
    found = norm_mistakes.mistake(batch, mistake, None if name == ALL else name, **given)
    text = "text" if format == "table" and plain_terminal(output) else format
    emit(render(found, text, standalone=True), output)
    write_plot(plot, "norms.mistake", found, theme=theme)


def _write(found: Normalized | Norms, format: str, output: str | None, full: bool, told: str) -> None:
    if format == "xlsx":
        from convviz.report.spreadsheet.workbook import write

        assert output is not None
        write_whole(output, lambda path: write(found, path))
        return
    from convviz.report.formats import WIDTH
    from convviz.report.norms.norm import render

    width = WIDTH
    if format == "table" and plain_terminal(output):
        format = "text"
    elif format == "table":
        from convviz.report.terminal import terminal_width

        width = terminal_width()
    emit(render(found, format, width=width, full=full, standalone=True, told=told), output)


def _verify(found: Normalized | Norms, before: list[Array], steps: int | None, apart: bool) -> None:
    """Compare with torch, tell in a line, and leave with 1 where it disagrees."""
    from convviz.probe.normalize import verify

    report = verify(found, before, 1 if steps is None else steps)
    click.echo(report.told, err=apart)
    if not report.agrees:
        raise click.exceptions.Exit(1)
