"""Run directories as training leaves them, made up in milliseconds: any arm, seed, accuracy and history."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convviz.runs import run as files
from convviz.runs.recipe import recipe_of
from convviz.runs.run import Run, read_run

CLASSES = tuple("0123456789")


def make_run(
    folder: Path,
    arm: str = "code8",
    seed: int = 0,
    accuracy: float = 99.3,
    *,
    experiment: str = "",
    settings: Mapping[str, Any] | None = None,
    epochs: int = 5,
    finished: int | None = None,
    data_set: str = "MNIST",
    test_images: int = 10_000,
    train_images: int = 60_000,
    parameters: int = 13_808,
    held: float | None = None,
    history: tuple[float, ...] | None = None,
    wrong: tuple[int, ...] | None = None,
    predictions: bool = True,
    seconds: float = 60.0,
    device: str = "cpu",
    threads: int = 1,
    classes: tuple[str, ...] = CLASSES,
    net: str | Path | None = None,
) -> Run:
    """Write the run into ``folder`` and read it back.

    accuracy: per cent of the test images after the last epoch, rounded to whole images. finished: the epochs that are
    done; fewer than ``epochs`` leave a run that is not finished. settings: of the recipe, besides epochs and seed.
    history: test accuracy of every epoch, which ends in ``accuracy`` unless told. wrong: which test images are
    mistaken, drawn by arm and seed unless told. net: a file that is kept as ``net.yaml``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {"mnist": "mnist", "cifar-10": "cifar10"}
    dataset = next((value for name, value in known.items() if data_set.lower().startswith(name)), "digits")
    recipe = recipe_of({"dataset": dataset, **(settings or {}), "epochs": epochs, "seed": seed})
    rng = np.random.default_rng([zlib.crc32(arm.encode()), seed])
    if wrong is None:
        mistakes = round(test_images * (1 - accuracy / 100))
        wrong = tuple(rng.choice(test_images, mistakes, replace=False).tolist())
    accuracy = 100 * (test_images - len(wrong)) / test_images
    done = epochs if finished is None else finished
    if history is None:
        history = (*(accuracy - 2.0 * 0.4**e for e in range(epochs - 1)), accuracy)
    rows = [row(i + 1, history[i], seconds / epochs, train_images, held) for i in range(done)]
    about = {
        "arm": arm,
        "experiment": experiment,
        "parameters": parameters,
        "device": device,
        "threads": threads,
    }
    files.write_config(folder, recipe, about)
    files.write_metrics(folder, rows)
    if net is not None:
        (folder / files.NET).write_bytes(Path(net).read_bytes())
    if done < epochs:
        return read_run(folder)
    if predictions:
        labels, found = probabilities(test_images, wrong, len(classes), rng)
        np.savez(folder / files.PREDICTIONS, labels=labels, probabilities=found, classes=np.array(classes))
    summary = {
        "net": recipe.net, "dataset": data_set, "parameters": parameters, "epochs": epochs, "seed": seed,
        "test_accuracy": accuracy, "test_loss": rows[-1]["test_loss"], "train_accuracy": rows[-1]["train_accuracy"],
        "train_accuracy_alike": min(accuracy + 0.2, 100.0), "train_images": train_images,
        "test_images": test_images, "seconds": seconds, "cpu_seconds": 0.9 * seconds * threads, "device": device,
        "threads": threads, "output": str(folder),
    }  # fmt: skip
    if held is not None:
        summary["held_accuracy"] = held
    files.write_summary(folder, summary)
    return read_run(folder)


def row(epoch: int, accuracy: float, seconds: float, train_images: int, held: float | None) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    out = {
        "epoch": epoch, "train_loss": 0.5 / epoch, "train_accuracy": max(accuracy - 0.5, 0.0),
        "test_loss": 0.4 / epoch, "test_accuracy": accuracy,
    }  # fmt: skip
    if held is not None:
        out |= {"held_loss": 0.4 / epoch, "held_accuracy": held}
    return out | {"seconds": seconds, "images_per_second": train_images / seconds, "lr": 0.01}


def probabilities(
    count: int, wrong: tuple[int, ...], classes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and softmax outputs whose answer is the label, except for the ``wrong`` images."""
    labels = rng.integers(0, classes, count)
    answers = labels.copy()
    at = list(wrong)
    answers[at] = (labels[at] + rng.integers(1, classes, len(at))) % classes
    sure = rng.uniform(0.6, 0.999, count)
    found = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    found[np.arange(count), answers] = sure
    return labels.astype(np.int16), found.astype(np.float32)


def make_arms(
    folder: Path, arms: Mapping[str, Mapping[int, float]], *, experiment: str = "made_up", **options: Any
) -> Path:
    """An experiment's folder: ``arms`` are accuracies by seed; ``options`` as :func:`make_run` takes them."""
    from convviz.runs.experiment import slug

    for arm, accuracies in arms.items():
        for seed, accuracy in accuracies.items():
            place = folder / slug(arm) / f"seed-{seed}"
            make_run(place, arm, seed, accuracy, experiment=experiment, **options)
    return folder
