"""A hand-in from finished runs: gathered, and written as one folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.statistics.cautions import listed
from convviz.errors import ConvvizError
from convviz.export import export
from convviz.export_norm import export_with_norm, norm_word
from convviz.graph import Graph
from convviz.ops.norm import Norm
from convviz.read import read
from convviz.report.data import clean
from convviz.report.handin.data import handin_data
from convviz.report.handin.parts import HandIn, Part
from convviz.report.handin.readme import CURVES, MISTAKES, readme
from convviz.report.handin.worked import worked_out
from convviz.report.training_results import compared
from convviz.runs.collection import collect, same_images
from convviz.runs.experiment import Experiment, names, slug
from convviz.runs.experiment import experiment as experiment_of
from convviz.runs.results import Results, TrainedArm, flat
from convviz.runs.run import CONFIG, METRICS, MODEL, Run, find_runs
from convviz.runs.variants import WITHOUT, varied
from convviz.train.dataset import Data
from convviz.train.handin_place import MARK, check_place, put, sums

LARGEST = 2**20  # bytes of a file that is copied
MOST_IMAGES = 600  # of the picture of mistakes
REPORT = "report.md"
LISTED = 12  # commands that are written out


@dataclass(frozen=True)
class Wanted:
    """What is to be handed in: an experiment whose runs lie in ``folders``, or (None) whatever runs lie there."""

    experiment: Experiment | None
    folders: tuple[Path, ...]
    train: str = "convviz train"  # the command that trains what is missing


def gather(
    wanted: Wanted,
    *,
    seed: int | None = None,
    count: int = 10,
    author: str = "",
    partial: bool = False,
    commands: Sequence[str] = (),
) -> HandIn:
    """Everything that a hand-in tells, without images.

    seed: of the runs whose mistakes and weights are shown; by default the first that each arm has. Raises ConvvizError
    where arms are missing or unfinished, unless ``partial``, and where the runs cannot be compared.
    """
    results, missing = _results(wanted)
    if missing and not partial:
        raise ConvvizError(
            f"{listed(missing, 4)}; train: {wanted.train} (or --partial for what is there)",
            _told(wanted.folders),
        )
    shown = {arm.name: _runs(results, arm) for arm in results.arms}
    chosen = {name: _chosen(name, runs, seed) for name, runs in shown.items()}
    nets = {name: net_of(run) for name, run in chosen.items()}
    experiment = wanted.experiment or _bundled(results)
    name = experiment.name if experiment else results.name
    models, placed = _models(name, chosen, nets)
    compare = compared(results)
    folders = _folders(chosen)
    parts = tuple(
        Part(
            arm,
            next(summary for summary in compare.comparison.arms if summary.name == arm.name),
            chosen[arm.name],
            shown[arm.name],
            receptive_field(nets[arm.name]),
            *placed[arm.name],
            folder=folders[arm.name],
            weights=_weights(chosen[arm.name], folders[arm.name]),
            reported=results.reported.get(arm.name, {}),
            changed=_changed(experiment, arm),
        )
        for arm in results.arms
    )
    worked, left_out = worked_out(_words(nets))
    return HandIn(
        name, experiment.about if experiment else "", experiment.source if experiment else "",
        experiment.target if experiment else _target(chosen.values()), experiment.note if experiment else "",
        compare, parts, models, worked, (*_training(wanted, parts), *commands), count, author,
        tuple(missing), left_out,
    )  # fmt: skip


def write(
    found: HandIn,
    data: Data,
    folder: str | Path,
    *,
    grid: tuple[int, int] | None = None,
    theme: str = "light",
    force: bool = False,
) -> None:
    """Write the folder whole or not at all; raises ConvvizError where it holds something else (see
    :func:`convviz.train.handin_place.check_place`), and where ``data`` is not what the runs were tested on.
    """
    check_place(Path(folder), force)
    check_pictures(found, grid)
    for part in found.parts:
        if not np.array_equal(part.run.predictions.labels, data.test_labels):
            raise ConvvizError(
                f"was not tested on the test images of {data.name} that are here", str(part.run.folder)
            )

    told = replace(found, inputs=_inputs(found, data))

    def fill(place: Path) -> None:
        _text(place / "README.md", readme(told))
        for file, source in found.models.items():
            _text(place / file, source)
        _norms(found, place)
        _pictures(found, data, place, grid, theme)
        for part in found.parts:
            _copies(part, place / part.folder)
        _text(
            place / MARK,
            json.dumps(clean(handin_data(found, sums(place))), indent=1, ensure_ascii=False) + "\n",
        )

    put(Path(folder), fill)


def check_pictures(found: HandIn, grid: tuple[int, int] | None) -> None:
    """Raises ConvvizError for a grid that cannot be drawn, or too many images."""
    from convviz.figures.training.misclassified import across

    across(found.count, grid)
    if found.count * len(found.parts) > MOST_IMAGES:
        raise ConvvizError(
            f"of {len(found.parts)} arms are {found.count * len(found.parts):,} images, too many for one picture "
            f"(at most {MOST_IMAGES})",
            "--count",
        )


# -- runs ---------------------------------------------------------------------------------------------------
def _told(folders: Sequence[Path]) -> str:
    return ", ".join(map(str, folders))


def _results(wanted: Wanted) -> tuple[Results, list[str]]:
    """Finished runs, and what is missing, in a few words each."""
    runs = find_runs(*wanted.folders)
    experiment = wanted.experiment
    if experiment is not None:
        others = sorted({run.experiment for run in runs if run.experiment != experiment.name})
        runs = tuple(run for run in runs if run.experiment == experiment.name)
        if not runs:
            raise ConvvizError(
                f"holds no run of {experiment.name}, but of {listed(others)}", _told(wanted.folders)
            )
    finished = [run for run in runs if run.finished]
    stopped = [
        f"{run.arm} seed {run.seed} is not finished ({len(run.history)} of {run.recipe.epochs} epochs)"
        for run in runs
        if not run.finished
    ]
    absent = [] if experiment is None else _absent(experiment, runs, finished)
    missing = [*absent, *stopped]
    if not finished:
        raise ConvvizError(
            f"no run is finished: {listed(missing, 4)}; train: {wanted.train}", _told(wanted.folders)
        )
    results = collect(*(run.folder for run in finished))
    return (results if experiment is None else _known(results, experiment)), missing


def _bundled(results: Results) -> Experiment | None:
    """The bundled experiment that all runs are of, if any."""
    found = results.experiments
    return experiment_of(found[0]) if len(found) == 1 and found[0] in names() else None


def _absent(experiment: Experiment, runs: Sequence[Run], finished: Sequence[Run]) -> list[str]:
    """Arms that were never begun, and arms with fewer finished seeds than the experiment has."""
    begun = {run.arm for run in runs}
    lost = [arm for arm in experiment.arms if arm not in begun]
    told = [f"{listed(lost, 20)} {'is' if len(lost) == 1 else 'are'} missing"] if lost else []
    few: dict[int, list[str]] = {}
    for arm in experiment.arms:
        count = len({run.seed for run in finished if run.arm == arm})
        if 0 < count < len(experiment.seeds):
            few.setdefault(count, []).append(arm)
    for count, arms in few.items():
        which = (
            "every arm has"
            if arms == list(experiment.arms)
            else f"{listed(arms)} {'have' if arms[1:] else 'has'}"
        )
        told.append(f"{which} {count} of {len(experiment.seeds)} seeds")
    return told


def _training(wanted: Wanted, parts: Sequence[Part]) -> list[str]:
    """The experiment's own command where the runs are as it says, else a command for every run."""
    seeds = {run.seed for part in parts for run in part.runs}
    if wanted.experiment and not any(part.changed for part in parts) and seeds == set(range(len(seeds))):
        more = f" --seeds {len(seeds)}" if len(seeds) != len(wanted.experiment.seeds) else ""
        return [wanted.train + more]
    configs = [f"{part.folder}/seed-{run.seed}/{CONFIG}" for part in parts for run in part.runs]
    shown = [f"convviz train --config {quote(config)}" for config in configs[:LISTED]]
    return [*shown, *([f"# and so on with {len(configs) - LISTED} more"] if len(configs) > LISTED else [])]


def _known(results: Results, experiment: Experiment) -> Results:
    """With what the experiment's file says of its arms, in its order; of bundled ones it is known already."""
    order = list(experiment.arms)
    there = {arm.name for arm in results.arms}
    alike = {arm.name for arm in results.arms if same_images(arm, experiment)}
    whole = there == set(experiment.arms)
    return replace(
        results,
        arms=tuple(
            sorted(
                results.arms,
                key=lambda arm: order.index(arm.first.arm) if arm.first.arm in order else len(order),
            )
        ),
        reported=results.reported
        or {arm: given for arm, given in experiment.reported.items() if arm in alike},
        factors=results.factors or (experiment.factors if whole else {}),
        baseline=results.baseline or (experiment.baseline if whole else None),
    )


def _runs(results: Results, arm: TrainedArm) -> tuple[Run, ...]:
    """The run directories of an arm, by seed, called as the arm is (which may tell more than their own names)."""
    found = []
    for trained in arm.runs:
        own = replace(trained.recipe, net="-")
        run = next(
            run
            for run in results.folders
            if (run.experiment, run.arm, run.test_accuracy) == (trained.experiment, trained.arm, trained.test)
            and replace(run.recipe, net="-") == own
        )
        found.append(replace(run, about={**run.about, "arm": arm.name}))
    return tuple(sorted(found, key=lambda run: run.seed))


def _chosen(arm: str, runs: Sequence[Run], seed: int | None) -> Run:
    found = runs[0] if seed is None else next((run for run in runs if run.seed == seed), None)
    if found is None:
        raise ConvvizError(
            f"{arm} has no finished run with seed {seed}, but {listed([r.seed for r in runs])}", "--seed"
        )
    return found


def net_of(run: Run) -> Graph:
    """The net that was trained."""
    return varied(read(run.net_source), run.recipe.norm, run.recipe.dropout)


def _changed(experiment: Experiment | None, arm: TrainedArm) -> dict[str, tuple[Any, Any]]:
    """Settings in which an arm is not what its experiment says."""
    if experiment is None or arm.first.arm not in experiment.arms:
        return {}
    asked, own = flat(experiment.recipe(arm.first.arm)), arm.settings
    changed = [name for name in {**asked, **own} if asked.get(name) != own.get(name) and name != "net"]
    return {name: (asked.get(name), own.get(name)) for name in changed}


def _target(runs: Any) -> str:
    """What the runs were trained for, where all say the same."""
    told = {str(run.about.get("target") or "") for run in runs}
    return told.pop() if len(told) == 1 else ""


def _folders(arms: Iterable[str]) -> dict[str, str]:
    """A folder for each arm, by names that tell them apart on any disk."""
    found: dict[str, str] = {}
    for arm in arms:
        name = place = f"arms/{slug(arm)}"
        number = 1
        while place.lower() in map(str.lower, found.values()):
            number += 1
            place = f"{name}-{number}"
        found[arm] = place
    return found


def _weights(run: Run, folder: str) -> str:
    """Where a run's weights will lie; empty where they are too large, or not there."""
    file = run.folder / MODEL
    return f"{folder}/seed-{run.seed}/{MODEL}" if file.is_file() and file.stat().st_size <= LARGEST else ""


# -- nets ---------------------------------------------------------------------------------------------------
def _models(
    name: str, runs: Mapping[str, Run], nets: Mapping[str, Graph]
) -> tuple[dict[str, str], dict[str, tuple[str, str | None]]]:
    """Source by file, and of each arm its file and the norm that is its argument; nets that differ in no more than
    the norm share a file.
    """
    default = next((norm for arm in runs if (norm := _argument(runs[arm], nets[arm]))), None)
    texts: dict[str, list[str]] = {}
    norms: dict[str, str | None] = {}
    for arm, net in nets.items():
        norms[arm] = _argument(runs[arm], net)
        text = None
        if norms[arm] is not None:
            run = runs[arm]
            whole = varied(read(run.net_source), None, run.recipe.dropout) if norms[arm] == WITHOUT else net
            try:
                text = export_with_norm(replace(whole, name=name), default, "Net")
            except ConvvizError:  # norms that cannot be an argument
                norms[arm] = None
        texts.setdefault(text or export(replace(net, name=name), "Net"), []).append(arm)
    if len(texts) == 1:
        return {"model.py": next(iter(texts))}, {arm: ("model.py", norms[arm]) for arm in nets}
    files = {
        arms[0]: f"model_{re.sub(r'[^0-9A-Za-z]+', '_', arms[0]).strip('_') or 'net'}"
        for arms in texts.values()
    }
    if len({file.lower() for file in files.values()}) < len(files):
        files = {arm: f"{file}_{i}" for i, (arm, file) in enumerate(files.items(), 1)}
    sources = {f"{files[arms[0]]}.py": text for text, arms in texts.items()}
    return sources, {arm: (f"{files[arms[0]]}.py", norms[arm]) for arms in texts.values() for arm in arms}


def _argument(run: Run, net: Graph) -> str | None:
    """The norm of a net as its class takes it; None where that is no argument."""
    if run.recipe.norm == WITHOUT:
        return WITHOUT
    try:
        return norm_word(net)
    except ConvvizError:
        return None


def _words(nets: Mapping[str, Graph]) -> list[str]:
    """All norms of all nets, in words."""
    from convviz.analysis.norms.settings import METHODS

    kinds = {op: word for word, op in METHODS.items()}
    found = []
    for net in nets.values():
        for node in net:
            if isinstance(node.op, Norm):
                fields = node.op.fields()
                count = fields.get("num_groups") or fields.get("num_splits")
                found.append(f"{kinds[node.op.kind]}:{count}" if count else kinds[node.op.kind])
    return list(dict.fromkeys(found))


# -- files --------------------------------------------------------------------------------------------------
def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _inputs(found: HandIn, data: Data) -> str:
    """What the nets take: how the pixels were normalized."""
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (data.mean, data.std))
    rules = {
        "standardize": f"(pixel / 255 − {mean}) / {std}" + ", by channel" * (len(data.mean) > 1),
        "unit": "pixel / 255",
        "bytes": "the pixel, 0 to 255",
    }
    by_rule: dict[str, list[str]] = {}
    for part in found.parts:
        by_rule.setdefault(rules[part.run.recipe.normalize], []).append(part.name)
    if len(by_rule) == 1:
        return f"Pixels go in as {next(iter(by_rule))}."
    return " ".join(f"{listed(names, 20)}: pixels go in as {rule}." for rule, names in by_rule.items())


def _norms(found: HandIn, place: Path) -> None:
    from convviz.report.norms.norm import render
    from convviz.report.spreadsheet.workbook import write as write_book

    for book in found.worked:
        (place / book.book).parent.mkdir(exist_ok=True)
        for result in book.norms:
            _text(place / book.files[result.method], render(result, "md", full=True))
        write_book(book.norms, place / book.book)


def _pictures(found: HandIn, data: Data, place: Path, grid: tuple[int, int] | None, theme: str) -> None:
    from convviz.figures.training.misclassified import plot_of_arms
    from convviz.figures.training.overlay import plot_overlay

    plot_overlay(found.runs, place / CURVES, theme=theme)
    shown = [part.run for part in found.parts]
    plot_of_arms(shown, data.test_images, place / MISTAKES, count=found.count, grid=grid, theme=theme)


def _copies(part: Part, place: Path) -> None:
    """The small files of an arm's runs; of the one that is shown its weights and its report with its pictures."""
    for run in part.runs:
        names = [CONFIG, METRICS]
        if run is part.run or run.folder == part.run.folder:
            names += [MODEL, REPORT, *_embedded(run.folder / REPORT)]
        to = place / f"seed-{run.seed}"
        to.mkdir(parents=True)
        for name in names:
            file = run.folder / name
            if file.is_file() and file.stat().st_size <= LARGEST:
                shutil.copyfile(file, to / name)


def _embedded(report: Path) -> list[str]:
    """Pictures of a report that lie beside it."""
    if not report.is_file():
        return []
    names = re.findall(
        r"!\[[^\]]*\]\(([\w.-]+\.(?:png|svg))\)", report.read_text(encoding="utf-8", errors="replace")
    )
    return list(dict.fromkeys(names))
