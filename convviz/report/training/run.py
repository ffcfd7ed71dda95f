"""The report of one run: target, result, analysis, pictures, receptive field, recipe, files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from convviz.analysis.results import ReceptiveField
from convviz.analysis.statistics.intervals import wilson
from convviz.analysis.training import tail
from convviz.errors import ConvvizError
from convviz.report.model import Cell, Column, Table
from convviz.report.tables import rf_table
from convviz.report.training import document
from convviz.report.training.analysis import sentences
from convviz.report.training.document import Part, Picture
from convviz.report.training.target import target_part
from convviz.report.training.words import arm_of, epochs, images, named, percent
from convviz.runs import run as files
from convviz.runs.recipe import ABOUT, DEFAULTS
from convviz.runs.run import Run

FORMATS = ("md", "html")
ALWAYS = ("net", "dataset", "epochs", "batch_size", "seed", "optimizer", "scheduler")
PICTURES = {
    "curves.png": "Loss and accuracy, epoch by epoch; the last five epochs are marked.",
    "misclassified.png": "Misclassified test images of the final model, the most confident mistake first.",
    "gradcam.png": "Grad-CAM of the same images, for the answer and for the truth.",
    "confusion.png": "What the test images are (rows), and what the net says (columns).",
    "calibration.png": "How often answers of a given confidence are right.",
    "learned.png": "The first kernels, and maps of layers that see more and more of the image.",
}
FILES = {
    files.CONFIG: "the recipe, and where and when it ran",
    files.METRICS: "a line of figures for each epoch",
    files.SUMMARY: "the result",
    files.MODEL: "the weights after the last epoch, a state dict of PyTorch",
    files.PREDICTIONS: "labels and probabilities of all test images",
    files.NET: "the net that was trained",
}


def run_report(
    run: Run,
    fields: ReceptiveField | None = None,
    *,
    format: str = "md",
    target: Any = None,
    pictures: Sequence[str] = tuple(PICTURES),
) -> str:
    """Target, result, analysis, pictures, receptive field, recipe and files of a finished run, as md or html.

    fields: of the net that was trained; without them the table is left out. target: see
    :func:`convviz.report.training.target.target_part`. pictures: files beside the report. Raises ConvvizError for a
    run that is not finished, and another format.
    """
    if not run.finished or not run.history:
        raise ConvvizError("is not finished; train the run to its end", str(run.folder))
    if format not in FORMATS:
        raise ConvvizError(f"no format {format!r} ({', '.join(FORMATS)})", "format")
    write = document.markdown if format == "md" else document.html
    return write(title(run), parts_of(run, fields, target, pictures))


def title(run: Run) -> str:
    return (
        f"{named(run)}: {percent(run.test_accuracy or 0.0)} after {epochs(len(run.history))} (a single run)"
    )


def parts_of(
    run: Run, fields: ReceptiveField | None, target: Any, pictures: Sequence[str]
) -> tuple[Part, ...]:
    shown = tuple(Picture(name, PICTURES.get(name, name)) for name in pictures)
    parts = [
        target_part(run, target),
        Part("Result", tables=(result_table(run),)),
        Part("Analysis", points=sentences(run)),
        Part("Pictures", pictures=shown),
    ]
    if fields is not None:
        parts.append(Part("Receptive field", tables=(rf_table(fields),)))
    parts.append(Part("Recipe", tables=(recipe_table(run),)))
    parts.append(Part("Files", tables=(files_table(run, pictures),)))
    return tuple(part for part in parts if part.pictures or part.tables or part.points or part.sentences)


# -- result -----------------------------------------------------------------------------------------------------
def result_table(run: Run) -> Table:
    """What was reached, and how long it took."""
    rows: list[tuple[Cell, ...]] = [*accuracy_rows(run), *training_rows(run)]
    notes = (
        "The result is the last epoch's: the epoch that is best on the test images is not picked, since that would "
        "flatter it.",
    )
    return Table("", (Column("what", left=True), Column("value", left=True)), tuple(rows), notes)


def accuracy_rows(run: Run) -> list[tuple[Cell, ...]]:
    found, last = run.predictions, tail(run.history)
    accuracy, count = run.test_accuracy, int(run.summary.get("test_images", len(found)))
    assert accuracy is not None and last is not None
    interval = wilson(accuracy, count)
    several = ", ".join(f"{value:.2f}" for value in last.values)
    rows: list[tuple[Cell, ...]] = [
        ("data set", run.data_set),
        ("runs", f"n = 1 (seed {run.seed}): a single run"),
        (
            "test accuracy, last epoch",
            f"{percent(accuracy)} ({int(found.right.sum()):,} of {images(len(found))})",
        ),
        ("95 % interval (Wilson, over test images)", f"{interval.low:.2f} to {interval.high:.2f} %"),
    ]
    if len(last.values) > 1:
        rows += [
            (f"last {len(last.values)} epochs", f"{several} %"),
            ("their minimum, beside the last", f"{percent(last.minimum)}, {percent(last.last)}"),
        ]
    if run.summary.get("held_accuracy") is not None:
        rows.append(("held-out training images", percent(run.summary["held_accuracy"])))
    if run.summary.get("train_accuracy_alike") is not None:
        alike = run.summary["train_accuracy_alike"]
        rows.append(("training images, evaluated alike", percent(alike)))
        rows.append(("gap, train − test", f"{alike - accuracy:+.2f} points".replace("-", "−")))
    return rows


def training_rows(run: Run) -> list[tuple[Cell, ...]]:
    summary = run.summary
    rows: list[tuple[Cell, ...]] = [("net", arm_of(run))]
    if summary.get("parameters") is not None:
        rows.append(("parameters", f"{summary['parameters']:,}"))
    rows.append(("epochs", f"{len(run.history):,}"))
    if summary.get("seconds") is not None:
        where = f"on {summary.get('device', 'cpu')}"
        threads = summary.get("threads")
        where += (
            f", {threads} thread{'s' * (threads != 1)}" if threads and summary.get("device") == "cpu" else ""
        )
        rows.append(("time", f"{summary['seconds']:,.1f} s {where}, training and testing"))
    speeds = run.column("images_per_second")
    if speeds:
        rows.append(("speed", f"{median(speeds):,.0f} training images a second (median epoch)"))
    return rows


# -- recipe and files -------------------------------------------------------------------------------------------
def recipe_table(run: Run) -> Table:
    """The settings that define the run, and those that are not the defaults."""
    plain = run.recipe.plain()
    chosen = [name for name in plain if name in ALWAYS or plain[name] != DEFAULTS[name]]
    rows = tuple((name, setting(plain[name]), ABOUT[name]) for name in chosen)
    columns = (Column("setting", left=True), Column("value", left=True), Column("about", left=True))
    left = len(plain) - len(chosen)
    return Table(
        "",
        columns,
        rows,
        (f"{left} other settings have their defaults; {files.CONFIG} has all.",) if left else (),
    )


def setting(value: Any) -> str:
    """A setting as people write it: ``SGD(lr=0.01, momentum=0.9)``, ``yes``, ``none``."""
    if isinstance(value, dict):
        arguments = ", ".join(f"{name}={_plain(v)}" for name, v in value.items() if name != "name")
        return f"{value.get('name', '')}({arguments})"
    return _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def files_table(run: Run, pictures: Sequence[str]) -> Table:
    """What lies beside the report."""
    there = [(name, told) for name, told in FILES.items() if (run.folder / name).exists()]
    rows = (*there, *((name, PICTURES.get(name, "").rstrip(".")) for name in pictures))
    return Table("", (Column("file", left=True), Column("holds", left=True)), rows)
