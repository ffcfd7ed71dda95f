"""`convviz train`: a net on real images, in a run directory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.options import Model
from convviz.cli.output import emit, write_table
from convviz.cli.recipes import recipe_options
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.runs.experiment import Experiment
    from convviz.runs.places import Place
    from convviz.runs.run import Run

FORMATS = ("table", "json", "csv", "md")


@click.command("train", short_help="Train a net on MNIST, CIFAR-10 or digits, and say what came out.")
@click.argument("net", type=Model(), required=False)
@click.option("--config", metavar="FILE", help="An INI file (config.cfg), or the config.yaml of a run.")
@click.option(
    "--arm", "arms", multiple=True, metavar="NAME", help="Only this arm of a recipe that has several."
)
@click.option("--seed", metavar="N", help="Of all that is drawn at random (default 0).")
@click.option("--seeds", metavar="N", help="Train with the seeds 0 to N-1, one after the other.")
@click.option(
    "--together", is_flag=True, help="Train the seeds of an arm in one net, with recorded steps on a GPU."
)
@recipe_options
@click.option(
    "--data-dir", metavar="DIR", help="Holds mnist/ and cifar10/ (default $CONVVIZ_DATA, else a cache)."
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps."
)
@click.option("--threads", metavar="N", help="Of the CPU (default: as torch has it).")
@click.option("--compile", is_flag=True, help="Let torch.compile work on the net first.")
@click.option("--output", "-o", metavar="DIR", help="Run directory (default outputs/runs/NET/seed-N).")
@click.option("--fresh", is_flag=True, help="Start again, over what is in the run directory.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped; training does so by itself.")
@click.option(
    "--pictures/--no-pictures", default=True, help="Draw curves, mistakes, maps, and write the report."
)
@click.option("--count", metavar="N", help="Misclassified images to show (default 10).")
@click.option("--grid", metavar="CxR", help="How they are laid out: columns x rows, as 5x5.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Of pictures."
)
@click.option("--format", "format", type=click.Choice(FORMATS), default="table", show_default=True)
def command(net: str | None, config: str | None, output: str | None, format: str, **given: Any) -> None:
    """Train NET: a bundled recipe (code1 to code10, s4, s6, s7, tiny, fast, cifar_s7_wide ...), any net that
    `convviz rf` reads, or the directory of a run. s6 trains the three arms of its course, s7 five.

    \b
    convviz train code8 --epochs 5
    convviz train s6
    convviz train model.yaml --optimizer AdamW --lr 1e-3 --scheduler OneCycleLR --rotation 7
    convviz train code8 --data digits --epochs 3        needs no download
    convviz train code8 --seeds 10 --together            ten seeds in one net: for GPUs
    convviz train --config config.cfg

    The run directory holds config.yaml, metrics.jsonl, model.pt, pictures and report.md. A run that was stopped goes
    on where it was when the same command is given again.
    """
    from convviz.cli.recipes import grid_of, whole_number
    from convviz.report.data import dumps
    from convviz.report.runs import runs_data, runs_table
    from convviz.runs.places import places

    show = {"count": whole_number(given["count"], "--count", 1, 1000, 10), "grid": grid_of(given["grid"])}
    show["theme"] = given["theme"]
    found, where = _asked(net, config, given)
    chosen = places(found, output or where, given["fresh"])
    runs, failed = _all(found, chosen, given, show)
    if runs:
        if format == "json":
            emit(dumps(runs_data(runs)), None)
        else:
            write_table(runs_table(runs), format, None)
    if failed:
        raise failed[0]


def _asked(net: str | None, config: str | None, given: dict[str, Any]) -> tuple[Experiment, str | None]:
    """The experiment that the command line describes, and the run directory if it names one."""
    from pathlib import Path

    from convviz.cli.recipes import chosen, seeds_of
    from convviz.runs.experiment import Experiment, experiment
    from convviz.runs.recipe import DEFAULTS, merged
    from convviz.runs.run import is_run, read_run

    where = None
    if config is not None:
        from convviz.runs.cfg import read_config_file

        read = read_config_file(config)
        for warning in read.warnings:
            print(f"convviz: {config}: {warning}", file=sys.stderr)
        arms = {arm: {**recipe.plain(), **({"net": net} if net else {})} for arm, recipe in read.arms}
        found = Experiment(Path(config).stem, arms, (read.arms[0][1].seed,))
    elif net is None:
        raise ConvvizError("name a NET (code8, s6, model.yaml), or --config FILE", "convviz train")
    elif is_run(Path(net)):
        run, where = read_run(net), net
        found = Experiment(run.experiment, {run.arm: run.recipe.plain()}, (run.seed,))
    else:
        found = experiment(net)
    if given["arms"]:
        found = found.only(*given["arms"])
    full = {arm: {**DEFAULTS, **settings} for arm, settings in found.arms.items()}
    changed = {
        arm: merged(settings, chosen(given, settings["optimizer"], settings["scheduler"]))
        for arm, settings in full.items()
    }
    seeds = seeds_of(given["seed"], given["seeds"]) or found.seeds
    found = Experiment(found.name, changed, seeds, target=found.target)
    for arm in changed:
        found.recipe(arm)
    return found, where


def _all(
    found: Experiment, chosen: tuple[Place, ...], given: dict[str, Any], show: dict[str, Any]
) -> tuple[list[Run], list[ConvvizError]]:
    """Train every run; one that fails does not stop the others."""
    from convviz.cli.recipes import whole_number
    from convviz.cli.watching import stoppable, watching
    from convviz.train.data import load
    from convviz.train.loop import Interrupted
    from convviz.train.net import graph_of
    from convviz.train.present import present
    from convviz.train.run import train
    from convviz.train.together import train_together

    threads = whole_number(given["threads"], "--threads", 1, 1024, None)
    recipes = [place.job.recipe for place in chosen]
    data = load(recipes[0].dataset, given["data_dir"])
    for recipe in {recipe.replace(seed=0).key: recipe for recipe in recipes}.values():
        graph_of(recipe, data)  # a net that does not fit is told before the first run
    runs: list[Run] = []
    failed: list[ConvvizError] = []
    how = {"experiment": found.name, "target": found.target, "threads": threads, "device": given["device"],
           "compile": given["compile"], "fresh": given["fresh"]}  # fmt: skip
    with stoppable() as stop, watching() as watch:
        for group in _groups(chosen, given["together"]):
            job = group[0].job
            seeds = ", ".join(str(place.job.recipe.seed) for place in group)
            name = job.arm if len(chosen) == 1 else f"{job.arm}, seed{'s' * (len(group) > 1)} {seeds}"
            seen = watch(name, job.recipe.epochs)
            try:
                lost: list[ConvvizError] = []
                if given["together"]:
                    folders = {place.job.recipe.seed: place.folder for place in group}
                    done = train_together(
                        job.recipe, folders, data, arm=job.arm, watch=seen, stop=stop, **how
                    )
                    made = list(done.runs)
                    lost += done.failed
                else:
                    made = [
                        train(job.recipe, group[0].folder, data, arm=job.arm, watch=seen, stop=stop, **how)
                    ]
                if given["pictures"]:
                    for run in made:
                        present(run, data, **show)
            except Interrupted:
                print(
                    f"convviz: interrupted; the same command goes on from {group[0].folder}", file=sys.stderr
                )
                sys.exit(130)
            except ConvvizError as err:
                made, lost = [], [err]
            runs += made
            failed += lost
            if len(chosen) > 1:
                for fault in lost:
                    print(f"convviz: {fault}", file=sys.stderr)
    return runs, failed


def _groups(chosen: tuple[Place, ...], together: bool) -> list[list[Place]]:
    """What is trained at once: a run, or all seeds of an arm."""
    if not together:
        return [[place] for place in chosen]
    by_arm: dict[str, list[Place]] = {}
    for place in chosen:
        by_arm.setdefault(place.job.arm, []).append(place)
    return list(by_arm.values())
