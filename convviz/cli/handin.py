"""`convviz handin`: finished runs as one folder that a course can be handed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.errors import ConvvizError, nearest

if TYPE_CHECKING:
    from convviz.train.handin import Wanted

LONGEST = 200  # letters of an author


@click.command("handin", short_help="Finished runs as one folder that meets a course's brief.")
@click.argument("sources", nargs=-1, required=True, metavar="EXPERIMENT | DIR...")
@click.option(
    "--runs", metavar="DIR", help="Where the experiment's runs lie (default outputs/runs/EXPERIMENT)."
)
@click.option("--output", "-o", metavar="DIR", help="The folder to make (default outputs/handin/EXPERIMENT).")
@click.option("--count", metavar="N", help="Misclassified images of each arm (default 10).")
@click.option("--grid", metavar="CxR", help="How they are laid out: columns x rows, as 5x2.")
@click.option("--seed", metavar="N", help="Whose mistakes and weights are shown (default: an arm's first).")
@click.option("--author", default="", metavar="TEXT", help="Who hands it in: a line below the title.")
@click.option(
    "--data-dir", metavar="DIR", help="Holds mnist/ and cifar10/ (default $CONVVIZ_DATA, else a cache)."
)
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Of pictures."
)
@click.option("--partial", is_flag=True, help="Write it although arms or seeds are missing, and say so.")
@click.option(
    "--force", is_flag=True, help="Replace an earlier hand-in although its files were changed by hand."
)
def command(
    sources: tuple[str, ...], runs: str | None, output: str | None, data_dir: str | None, author: str, theme: str,
    force: bool, **given: Any,
) -> None:  # fmt: skip
    """From finished runs one folder: README.md (target, result, analysis, receptive fields, recipes, how to repeat it),
    model.py that takes the norm as an argument, the norms worked out as tables and spreadsheet, the curves of all arms
    in one graph, misclassified images of each arm in one grid, and each run's settings and epochs.

    EXPERIMENT is a bundled one (s6, s7, norms), a file of your own, or any net that was trained; DIR holds runs.

    \b
    convviz handin s6
    convviz handin s6 --count 10 --grid 5x2 --author "Ada Lovelace"
    convviz handin outputs/runs/code8 outputs/runs/code9 --output outputs/handin/ladder
    """
    from convviz.cli.recipes import grid_of, whole_number
    from convviz.train.handin import check_pictures, gather, write
    from convviz.train.handin_place import check_place

    count = whole_number(given["count"], "--count", 1, 100, 10)
    seed = whole_number(given["seed"], "--seed", 0, 2**31 - 1, None)
    grid = grid_of(given["grid"])
    author = _author(author)
    wanted = _wanted(sources, runs)
    if output is not None:
        check_place(Path(output), force)
    commands = _commands(sources, runs, output, wanted)
    found = gather(
        wanted, seed=seed, count=count or 10, author=author, partial=given["partial"], commands=commands
    )
    from convviz.runs.experiment import slug

    folder = Path(output) if output is not None else Path("outputs", "handin", slug(found.name))
    check_place(folder, force)
    check_pictures(found, grid)
    from convviz.train.data import load

    data = load(found.parts[0].run.recipe.dataset, data_dir)
    write(found, data, folder, grid=grid, theme=theme, force=force)
    from convviz.report.training_results import title

    click.echo(f"{folder}: {title(found.compared)}")
    for text in found.missing:
        click.echo(f"convviz: not complete: {text}", err=True)


def _author(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > LONGEST or not line.isprintable():
        raise ConvvizError(f"must be a line of at most {LONGEST} letters", "--author")
    return line


def _wanted(sources: tuple[str, ...], runs: str | None) -> Wanted:
    """The experiment and where its runs lie; raises ConvvizError for a name that nothing has."""
    from convviz.runs.experiment import experiment, names, slug
    from convviz.runs.places import ROOT
    from convviz.train.handin import Wanted

    if all(Path(source).is_dir() for source in sources) and sources[0] not in names():
        if runs is not None:
            raise ConvvizError(
                "goes with the name of an experiment; folders of runs were given already", "--runs"
            )
        return Wanted(None, tuple(map(Path, sources)))
    if len(sources) > 1:
        raise ConvvizError("give one experiment, or folders of runs", " ".join(sources)[:80])
    source = sources[0]
    train = f"convviz train {_quoted(source)}"
    if source not in names() and not (Path(source).suffix in (".yaml", ".yml") and Path(source).is_file()):
        from convviz.read import bundled

        if bundled.path(source) is None and runs is None and not (ROOT / slug(source)).is_dir():
            known = [*names(), *bundled.names()]
            raise ConvvizError(
                f"is no experiment, net or folder of runs{nearest(source, known)}", repr(source)[:80]
            )
    found = experiment(source)
    folder = Path(runs) if runs is not None else ROOT / slug(found.name)
    if not folder.is_dir():
        raise ConvvizError(f"there is no such folder; train first: {train}{_output(runs)}", str(folder))
    return Wanted(found, (folder,), train + _output(runs))


def _output(runs: str | None) -> str:
    return f" --output {_quoted(runs)}" if runs is not None else ""


def _commands(
    sources: tuple[str, ...], runs: str | None, output: str | None, wanted: Wanted
) -> tuple[str, ...]:
    """What trains the runs, compares them, and makes the folder again."""
    folders = " ".join(_quoted(str(folder)) for folder in wanted.folders)
    again = "convviz handin " + " ".join(map(_quoted, sources))
    again += f" --runs {_quoted(runs)}" if runs is not None else ""
    again += f" --output {_quoted(output)}" if output is not None else ""
    return f"convviz compare {folders} --curves curves.png", again


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
