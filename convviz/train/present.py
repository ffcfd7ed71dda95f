"""What a finished run leaves to look at: its pictures and its report, made from the files of the run directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from convviz.analysis.receptive_field import receptive_field
from convviz.errors import ConvvizError
from convviz.figures.training import calibration, confusion, curves, gradcam, learned, misclassified
from convviz.report.training.run import run_report
from convviz.runs.files import write_atomic, write_text
from convviz.runs.run import Run
from convviz.train.dataset import Data
from convviz.train.looks import check_data, look
from convviz.train.net import graph_of

CURVES = "curves.png"
REPORT, PAGE = "report.md", "report.html"


def present(
    run: Run,
    data: Data,
    *,
    count: int = misclassified.COUNT,
    grid: tuple[int, int] | None = None,
    theme: str = "light",
    target: Any = None,
    told: Callable[[str], None] = lambda text: None,
) -> tuple[Path, ...]:
    """Draw a finished run's pictures and write its report, each whole or not at all, in its directory; their paths.

    count: misclassified images that are shown; grid: (columns, rows) of them. told: hears the name of each file
    before it is made. Raises ConvvizError, before anything is written, for a run that is not finished, a data set
    that it was not tested on, a count or grid that cannot be drawn, and a model that does not fit.
    """
    if not run.finished:
        raise ConvvizError("is not finished; train the run to its end", str(run.folder))
    check_data(run, data)
    misclassified.across(count, grid)
    images = data.test_images
    looks = look(run, data, [one.index for one in run.predictions.worst(count)])
    draw: dict[str, Callable[[Path], None]] = {
        CURVES: lambda path: curves.plot(run, path, theme=theme),
        "misclassified.png": lambda path: misclassified.plot(
            run, images, path, count=count, grid=grid, theme=theme
        ),
        "gradcam.png": lambda path: gradcam.plot(run, images, looks, path, theme=theme),
        "confusion.png": lambda path: confusion.plot(run, path, theme=theme),
        "calibration.png": lambda path: calibration.plot(run, path, theme=theme),
        "learned.png": lambda path: learned.plot(run, images, looks, path, theme=theme),
    }
    fields = receptive_field(graph_of(run.recipe, data, run.net_source))
    paths = []
    for name, plot in draw.items():
        told(name)
        write_atomic(run.folder / name, plot)
        paths.append(run.folder / name)
    for name, format in ((REPORT, "md"), (PAGE, "html")):
        told(name)
        text = run_report(run, fields, format=format, target=target, pictures=tuple(draw))
        write_text(run.folder / name, text)
        paths.append(run.folder / name)
    return tuple(paths)


def curves_only(run: Run, *, theme: str = "light") -> Path:
    """Draw the curves of a run, finished or not, in its directory; raises ConvvizError before its first epoch."""
    path = run.folder / CURVES
    write_atomic(path, lambda place: curves.plot(run, place, theme=theme))
    return path
