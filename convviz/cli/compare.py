"""`convviz compare`: what changed from one net to another, or whether trained runs differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.options import Model, load
from convviz.cli.output import (
    FORMATS,
    check_writable,
    choose_format,
    emit,
    output_options,
    plain_terminal,
    table_format,
    write_table,
    write_whole,
)
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.report.training_results import Compared

RUNS_ONLY = ("baseline", "factors", "alpha", "worth", "metric", "curves", "save", "part", "plot")


@click.command("compare", short_help="What changed between two nets, or whether training runs differ.")
@click.argument("sources", type=Model(), nargs=-1, required=True, metavar="A B | RUNS...")
@click.option("--input", "inputs", multiple=True, metavar="[NAME=]SHAPE", help="Input shape of both nets.")
@click.option("--baseline", metavar="ARM", help="Compare every arm with this one. Default: the experiment's own, "
              "or all pairs.")  # fmt: skip
@click.option("--factor", "factors", multiple=True, metavar="NAME",
              help="What this factor does on average over all else. Default: all factors of a factorial.")  # fmt: skip
@click.option("--alpha", type=float, metavar="P", help="Of all tests together. Default: 0.05.")
@click.option("--worth", type=float, metavar="POINTS", help="A difference worth knowing, for which seeds are "
              "planned. Default: 0.1.")  # fmt: skip
@click.option(
    "--metric", type=click.Choice(["test", "held"]), help="Test images, or those held out. Default: test."
)
@click.option(
    "--curves", metavar="FILE", help="Draw the curves of all runs in one graph: .png, .svg or .pdf."
)
@click.option("--save", metavar="FILE", help="Write the results as a small .json that compare reads again.")
@click.option("--part", type=click.Choice(["arms", "runs", "pairs"]), help="What a CSV holds. Default: arms.")
@plot_options("Draw runs, means, intervals and differences")
@output_options(*FORMATS)
def command(
    sources: tuple[str, ...], inputs: tuple[str, ...], format: str | None,
    output: str | None, theme: str, **options: Any,
) -> None:  # fmt: skip
    """What changed from net A to net B, layer by layer; or whether training runs differ, and by how much.

    RUNS are folders with run directories (one run, an arm with its seeds, a whole experiment) and .json files that
    --save wrote. Runs with the same seed are paired, all tests are corrected for each other (Holm), and no difference
    is detected without proof. A bundled net's name means the net; ./code8 is a folder.

    \b
    convviz compare code7 code8
    convviz compare old.yaml new.yaml --format md
    convviz compare outputs/runs/norms --factor norm
    convviz compare outputs/runs/code8 outputs/runs/code9 --plot difference.png --curves curves.png
    """
    runs = [is_runs(source) for source in sources]
    if all(runs):
        if inputs:
            raise ConvvizError("is for nets; runs have theirs", "--input")
        compare_trained(sources, format, output, theme, **options)
        return
    if any(runs):
        net, folder = sources[runs.index(False)], sources[runs.index(True)]
        hint = f"; ./{net} is the folder" if Path(net).is_dir() else ""
        raise ConvvizError(f"{net!r} is a net and {folder!r} holds runs; give two nets or runs only{hint}")
    if len(sources) != 2:
        raise ConvvizError(
            f"compares two nets, or folders of runs; got {len(sources)} net{'s' * (len(sources) > 1)} "
            f"({', '.join(sources[:5])}{', …' if len(sources) > 5 else ''})"
        )
    for name in RUNS_ONLY:
        if options[name] not in (None, ()):
            flag = "--factor" if name == "factors" else f"--{name}"
            raise ConvvizError("is for runs, not for nets", flag)
    compare_nets(*sources, inputs, format, output)


def is_runs(source: str) -> bool:
    """Whether a word of the command line means runs: a folder or a JSON file, and no bundled net."""
    from convviz.read import bundled

    path = Path(source)
    return bundled.path(source) is None and (
        path.is_dir() or (path.suffix.lower() == ".json" and path.exists())
    )


def compare_nets(a: str, b: str, inputs: tuple[str, ...], format: str | None, output: str | None) -> None:
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


def compare_trained(
    sources: tuple[str, ...], format: str | None, output: str | None, theme: str, *, baseline: str | None,
    factors: tuple[str, ...], alpha: float | None, worth: float | None, metric: str | None, curves: str | None,
    save: str | None, part: str | None, plot: str | None,
) -> None:  # fmt: skip
    format = choose_format(format, output, FORMATS)
    for picture in (plot, curves):
        check_plot(picture)
    if save is not None:
        if Path(save).suffix.lower() != ".json":
            raise ConvvizError("must be a .json file, which compare reads again", save)
        check_writable(save)
    if part is not None and format != "csv":
        raise ConvvizError(f"chooses what a CSV holds; the format is {format}", "--part")
    from convviz.cli.progress import progress
    from convviz.report.training_results import compared
    from convviz.runs.collection import collect
    from convviz.runs.results_file import results_text

    with progress("comparing runs") as share:
        results = collect(*sources)
        if share is not None:
            share(0.1)  # reading is the smallest part
        if curves is not None and not results.folders:
            raise ConvvizError("needs folders of runs: a file of results has none", "--curves")
        numbers = {name: value for name, value in (("alpha", alpha), ("worth", worth)) if value is not None}
        found = compared(results, baseline, factors, metric=metric or "test", **numbers)
    if save is not None:
        text = results_text(results)
        write_whole(save, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))
    write(found, format, output, part or "arms")
    if curves is not None:
        write_curves(curves, results.folders, theme)
    if plot is not None:
        write_plot(plot, "training.results", found, theme=theme)


def write(found: Compared, format: str, output: str | None, part: str) -> None:
    from convviz.report.formats import WIDTH
    from convviz.report.training_results import render

    width = WIDTH
    if not plain_terminal(output):
        from convviz.report.terminal import terminal_width

        width = terminal_width()
    emit(render(found, table_format(format, output), part=part, width=width, standalone=True), output)


def write_curves(file: str, runs: Any, theme: str) -> None:
    from convviz.figures.training.overlay import plot_overlay

    write_whole(file, lambda path: plot_overlay(runs, path, theme=theme))
