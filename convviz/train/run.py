"""One run in its directory: started, continued where it stopped, finished."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convviz import __version__
from convviz.errors import ConvvizError
from convviz.ops.base import shorten
from convviz.read import bundled
from convviz.runs import run as files
from convviz.runs.files import write_atomic
from convviz.runs.recipe import Recipe
from convviz.runs.run import Run, is_run, read_run
from convviz.train import checkpoint
from convviz.train.data import load
from convviz.train.dataset import Data
from convviz.train.loop import Diverged, Trainer, Watch
from convviz.train.net import graph_of
from convviz.train.penalties import zeros

SAVE_EVERY = 60.0  # seconds between two checkpoints within an epoch


def train(
    recipe: Recipe,
    folder: str | Path,
    data: Data | None = None,
    *,
    arm: str = "",
    experiment: str = "",
    target: str = "",
    device: str = "auto",
    threads: int | None = None,
    compile: bool = False,
    fresh: bool = False,
    watch: Watch | None = None,
    save_every: float = SAVE_EVERY,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train ``recipe`` in ``folder`` and return the finished :class:`convviz.runs.run.Run`.

    A run of the same settings that was stopped, by whatever, goes on where its last checkpoint is, and ends with the
    same weights as one that was not, bit for bit on a CPU; one that is finished is read. ``fresh`` starts again.
    Raises ConvvizError for a folder with a run of other settings, for what the net, the data set or torch refuse,
    and Diverged where the loss is not finite: the last good checkpoint stays.
    """
    folder = Path(folder)
    old = _old(folder, recipe, fresh)
    if old is not None and old.finished:
        return old
    state = None
    if old is not None and (folder / files.CHECKPOINT).exists():
        state = checkpoint.load(folder / files.CHECKPOINT)
        threads = state["threads"] if threads is None else threads
    data = data if data is not None else load(recipe.dataset)
    graph = graph_of(recipe, data, old.net_source if old is not None else None)
    trainer = Trainer(recipe, data, graph, device=device, threads=threads, compile=compile)
    if old is None:
        _keep_net(folder, recipe)
        about = {
            "arm": arm or recipe.net,
            "experiment": experiment,
            "target": target,
            "parameters": trainer.parameters,
            "device": str(trainer.device),
            "threads": trainer.threads,
            "versions": {"convviz": __version__, "torch": str(torch.__version__), "numpy": np.__version__},
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        files.write_config(folder, recipe, about)
    if state is not None:
        try:
            trainer.load(state)
        except ConvvizError as err:
            raise err.at(str(folder / files.CHECKPOINT)) from None

    def save() -> None:
        checkpoint.save(folder / files.CHECKPOINT, trainer.state())
        files.write_metrics(folder, trainer.history)

    try:
        trainer.run(watch, save, every=save_every, stop=stop)
    except Diverged as err:
        raise Diverged(f"{err.message}; {_kept(folder)}", str(folder)) from None
    _finish(folder, trainer, data)
    return read_run(folder)


def _old(folder: Path, recipe: Recipe, fresh: bool) -> Run | None:
    """The run of these settings that is in the folder already, if any."""
    if folder.exists() and not folder.is_dir():
        raise ConvvizError("is a file; a run needs a folder", str(folder))
    if fresh:
        for name in (files.CONFIG, files.SUMMARY, files.CHECKPOINT, files.METRICS, files.NET):
            (folder / name).unlink(missing_ok=True)
    if not is_run(folder):
        return None
    old = read_run(folder)
    changed = old.recipe.differences(recipe)
    if changed:
        told = ", ".join(f"{name} {shorten(a)} there, {shorten(b)} now" for name, (a, b) in changed.items())
        raise ConvvizError(f"holds a run with other settings ({told}); name another folder", str(folder))
    return old


def _kept(folder: Path) -> str:
    """What is left of a run that failed."""
    place = folder / files.CHECKPOINT
    if not place.exists():
        return "no checkpoint was written yet"
    state = checkpoint.load(place)
    return f"the last good checkpoint is kept, {state['step']:,} steps into epoch {state['epoch'] + 1}"


def _keep_net(folder: Path, recipe: Recipe) -> None:
    """A copy of the net's file, so that the run can be read when the original has changed."""
    source = bundled.path(recipe.net) or Path(recipe.net)
    if Path(source).suffix.lower() in (".yaml", ".yml") and Path(source).is_file():
        write_atomic(folder / files.NET, lambda place: shutil.copyfile(source, place))


def _finish(folder: Path, trainer: Trainer, data: Data) -> None:
    """What is there when a run is finished; the summary comes last, and says that it is."""
    checkpoint.save_weights(folder / files.MODEL, trainer.weights_now())
    test = trainer.test()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        labels=trainer.splits.test.y.cpu().numpy().astype(np.int16),
        probabilities=test.probabilities.numpy().astype(np.float32),
        classes=np.array(data.classes),
    )
    write_atomic(folder / files.PREDICTIONS, lambda place: place.write_bytes(buffer.getbuffer()))
    files.write_metrics(folder, trainer.history)
    files.write_summary(folder, _summary(folder, trainer, data))
    (folder / files.CHECKPOINT).unlink(missing_ok=True)


def _summary(folder: Path, trainer: Trainer, data: Data) -> Mapping[str, Any]:
    recipe, last = trainer.recipe, trainer.history[-1]
    # Evaluated as the test images are: without augmentation and dropout, by the same weights.
    alike = trainer.test(trainer.splits.train.first(len(trainer.splits.test)))
    found: dict[str, Any] = {
        "net": recipe.net,
        "dataset": data.name,
        "parameters": trainer.parameters,
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "test_accuracy": last["test_accuracy"],
        "test_loss": last["test_loss"],
        "train_accuracy": last["train_accuracy"],
        "train_accuracy_alike": alike.accuracy,
        "train_images": len(trainer.splits.train),
        "test_images": len(trainer.splits.test),
        "seconds": trainer.seconds,
        "cpu_seconds": trainer.cpu_seconds,
        "device": str(trainer.device),
        "threads": trainer.threads,
        "output": str(folder),
    }
    if "held_accuracy" in last:
        found["held_accuracy"] = last["held_accuracy"]
    if trainer.weights:
        found["zero_weights"], found["penalized_weights"] = zeros(trainer.weights)
    return found
