"""What training puts into a run directory and takes from it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convviz import __version__
from convviz.errors import ConvvizError
from convviz.read import bundled
from convviz.runs import run as files
from convviz.runs.files import remove_parts, write_atomic
from convviz.runs.recipe import Recipe
from convviz.runs.run import Run, is_run, read_run
from convviz.train import checkpoint
from convviz.train.dataset import Data
from convviz.train.loop import Trainer
from convviz.train.penalties import zeros


def about_run(trainer: Trainer, arm: str, experiment: str, target: str) -> dict[str, Any]:
    """What a run's configuration tells beside the recipe."""
    return {
        "arm": arm or trainer.recipe.net,
        "experiment": experiment,
        "target": target,
        "parameters": trainer.parameters,
        "device": str(trainer.device),
        "threads": trainer.threads,
        "versions": {"convviz": __version__, "torch": str(torch.__version__), "numpy": np.__version__},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def take_up(trainer: Trainer, state: dict[str, Any], folder: Path) -> None:
    """Go on from the checkpoint in ``folder``."""
    try:
        trainer.load(state)
    except ConvvizError as err:
        raise err.at(str(folder / files.CHECKPOINT)) from None
    except checkpoint.FAULTS:
        raise ConvvizError(checkpoint.DAMAGED, str(folder / files.CHECKPOINT)) from None


def run_in(folder: Path, recipe: Recipe, fresh: bool) -> Run | None:
    """The run of these settings that is in the folder already, if any."""
    if folder.exists() and not folder.is_dir():
        raise ConvvizError("is a file; a run needs a folder", str(folder))
    if fresh:
        for name in files.FILES:
            (folder / name).unlink(missing_ok=True)
    if not is_run(folder):
        return None
    remove_parts(folder)
    old = read_run(folder)
    told = old.recipe.changes(recipe)
    if told:
        raise ConvvizError(f"holds a run with other settings ({told}); name another folder", str(folder))
    return old


def what_is_kept(folder: Path) -> str:
    """What is left of a run that failed."""
    place = folder / files.CHECKPOINT
    if not place.exists():
        return "no checkpoint was written yet"
    state = checkpoint.load(place)
    return f"the last good checkpoint is kept, {state['step']:,} steps into epoch {state['epoch'] + 1}"


def keep_net(folder: Path, recipe: Recipe) -> None:
    """A copy of the net's file, so that the run can be read when the original has changed."""
    source = bundled.path(recipe.net) or Path(recipe.net)
    if Path(source).suffix.lower() in (".yaml", ".yml") and Path(source).is_file():
        write_atomic(folder / files.NET, lambda place: shutil.copyfile(source, place))


def save(folder: Path, trainer: Trainer) -> None:
    """The state as it is now, and the epochs so far."""
    checkpoint.save(folder / files.CHECKPOINT, trainer.state())
    files.write_metrics(folder, trainer.history)


def finish(folder: Path, trainer: Trainer, data: Data) -> None:
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
