"""`convviz sweep`: every run of an experiment, several at a time."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.output import emit, write_table
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.runs.experiment import Experiment
    from convviz.train.sweep import Failure, Swept

FORMATS = ("table", "json", "csv", "md")
BACKENDS = ("local", "dask", "ray")
INTERRUPTED = 130


@click.command("sweep", short_help="Train every arm of an experiment with every seed, several at a time.")
@click.argument("experiment", metavar="EXPERIMENT")
@click.option("--output", "-o", metavar="DIR", help="Where the runs go (default outputs/runs/NAME).")
@click.option(
    "--jobs", metavar="N", help="Runs at a time, each a process with one thread (default: one a core)."
)
@click.option("--seeds", metavar="N|A,B", help="How many seeds, or which: 10 or 0,3,7.")
@click.option(
    "--arms", multiple=True, metavar="A,B", help="Only these arms, or those with this value of a factor."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the recipe, in every arm."
)
@click.option("--epochs", metavar="N", help="In every arm.")
@click.option("--data", "dataset", metavar="NAME", help="mnist, cifar10 or digits (needs no download).")
@click.option(
    "--data-dir", metavar="DIR", help="Holds mnist/ and cifar10/ (default $CONVVIZ_DATA, else a cache)."
)
@click.option(
    "--device", default="cpu", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps."
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="local",
    show_default=True,
    help="Processes here, or a cluster that is there already.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Of the cluster: tcp://host:8786 (dask), or ray's address."
)
@click.option(
    "--dry-run", is_flag=True, help="Show every run, what is done and what is missing; train nothing."
)
@click.option("--format", "format", type=click.Choice(FORMATS), default="table", show_default=True)
def command(
    experiment: str, output: str | None, jobs: str | None, seeds: str | None, dry_run: bool, format: str,
    backend: str, scheduler: str | None, data_dir: str | None, device: str, **given: Any,
) -> None:  # fmt: skip
    """Train EXPERIMENT: a bundled one (`convviz list experiments`), a file of one, or any net that has a recipe.

    \b
    convviz sweep norms
    convviz sweep norms --seeds 3 --arms BN,LN --jobs 2
    convviz sweep experiment.yaml --dry-run
    convviz sweep batch_size --data digits --epochs 2        needs no download
    convviz sweep norms --backend dask --scheduler tcp://node:8786

    All arms of a seed come before the next seed, with the same images, order and augmentation. What is finished in
    DIR is kept, what was stopped goes on where it was: give the same command again. Runs that fail do not stop the
    others; they are told at the end (exit 1).
    """
    from convviz.cli.recipes import whole_number
    from convviz.runs.experiment import slug
    from convviz.runs.status import all_of, check_folder

    wanted = _asked(experiment, seeds, given)
    folder = Path(output or Path("outputs", "runs", slug(wanted.name)))
    if (scheduler is None) != (backend == "local"):
        raise ConvvizError("goes with --backend dask or --backend ray, and they need it", "--scheduler")
    at_once = whole_number(jobs, "--jobs", 1, 10_000, None)
    if dry_run:
        _plan(wanted, folder, format)
        return
    check_folder(folder, all_of(wanted, folder))
    swept = _swept(wanted, folder, at_once, data_dir, device, backend, scheduler)
    if swept.runs or format == "json":
        _results(swept, folder, format)
    _failures(swept.failures)
    if swept.stopped:
        print(
            f"convviz: stopped with {len(swept.runs):,} of {len(wanted.jobs):,} runs finished; "
            "the same command goes on from here",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)
    if swept.failures:
        sys.exit(1)


def _asked(name: str, seeds: str | None, given: dict[str, Any]) -> Experiment:
    """The experiment with the settings, seeds and arms that options name."""
    from convviz.cli.recipes import pairs, seeds_of
    from convviz.runs.experiment import check_arms, named

    found = named(name)
    settings = pairs(given["settings"], "--set")
    settings |= {key: given[key] for key in ("epochs", "dataset") if given[key] is not None}
    if settings:
        found = found.changed(**settings)
        check_arms(found, found.name)
    chosen = seeds_of(None, seeds)
    if chosen:
        found = found.with_seeds(*chosen)
    if given["arms"]:
        found = found.only(*found.arms_like(given["arms"]))
    return found


def _plan(wanted: Experiment, folder: Path, format: str) -> None:
    from convviz.report.data import dumps
    from convviz.report.sweeps import plan_data, plan_table
    from convviz.runs.status import all_of

    found = all_of(wanted, folder)
    if format == "json":
        emit(dumps(plan_data(wanted, found, str(folder))), None)
    else:
        write_table(plan_table(wanted, found, str(folder)), format, None)


def _swept(
    wanted: Experiment, folder: Path, jobs: int | None, data_dir: str | None, device: str, backend: str,
    scheduler: str | None,
) -> Swept:  # fmt: skip
    from convviz.cli.sweeping import watching
    from convviz.cli.watching import stoppable
    from convviz.train.sweep import sweep

    elsewhere = None
    if scheduler is not None:
        from convviz.train.cluster import cluster

        elsewhere = cluster(backend, scheduler, jobs)
    with stoppable() as stop, watching(wanted) as watch:
        return sweep(
            wanted,
            folder,
            jobs=jobs,
            data_dir=data_dir,
            device=device,
            backend=elsewhere,
            watch=watch,
            stop=stop,
        )


def _results(swept: Swept, folder: Path, format: str) -> None:
    from convviz.report.data import dumps
    from convviz.report.sweeps import arms_data, arms_table

    if format == "json":
        emit(dumps(arms_data(swept.experiment, swept.runs, str(folder))), None)
    else:
        write_table(arms_table(swept.experiment, swept.runs, shlex.quote(str(folder))), format, None)


def _failures(failures: tuple[Failure, ...]) -> None:
    """A line for each arm and reason."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for failure in failures:
        seeds.setdefault((failure.job.arm, failure.message), []).append(failure.job.recipe.seed)
    for (arm, message), some in seeds.items():
        told = f"seed {some[0]}" if len(some) == 1 else f"seeds {', '.join(map(str, some))}"
        print(f"convviz: failed: {arm}, {told}: {message}", file=sys.stderr)
