"""Runs to draw and to report on: made up in memory, or trained for a moment on made-up images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from convviz.analysis.predictions import Predictions
from convviz.runs.recipe import Recipe
from convviz.runs.run import Run

DIGITS = tuple("0123456789")
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
GAP_NET = """
name: small
input: [{channels}, 12, 12]
layers:
  - conv: {{out_channels: 6, kernel_size: 3, bias: false}}
  - relu
  - batch_norm
  - conv: {{out_channels: 8, kernel_size: 3}}
  - relu
  - global_avg_pool
  - conv: {{out_channels: 10, kernel_size: 1}}
  - flatten
  - log_softmax
"""
NO_CONV = "name: flat\ninput: [1, 12, 12]\nlayers:\n  - flatten\n  - linear: 10\n  - log_softmax\n"


def predictions(
    accuracy: float = 0.9, count: int = 400, classes: tuple[str, ...] = DIGITS, seed: int = 0
) -> Predictions:
    """Answers of which that share is right, exactly, with all kinds of confidence."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, len(classes), count)
    answers = labels.copy()
    wrong = draws.permutation(count)[: count - round(accuracy * count)]
    answers[wrong] = (labels[wrong] + draws.integers(1, len(classes), len(wrong))) % len(classes)
    chances = draws.dirichlet(np.full(len(classes), 0.3), count)
    top = chances.argmax(1)
    rows = np.arange(count)
    chances[rows, top], chances[rows, answers] = chances[rows, answers], chances[rows, top]
    return Predictions(labels, chances, classes)


def made_up(
    epochs: int = 20,
    accuracy: float = 0.9,
    *,
    arm: str = "code8",
    seed: int = 0,
    count: int = 400,
    classes: tuple[str, ...] = DIGITS,
    dataset: str = "MNIST",
    folder: Path = Path("nowhere"),
    finished: bool = True,
    l1: float = 0.0,
    **summary: Any,
) -> Run:
    """A run whose last epoch has that accuracy."""
    draws = np.random.default_rng(seed)
    rows = []
    for epoch in range(1, epochs + 1):
        left = np.exp(-4 * (epoch - 1) / max(epochs - 1, 1))
        test = 100 * accuracy - 30 * accuracy * (left - np.exp(-4)) + (epoch < epochs) * draws.normal(0, 0.05)
        test = 100 * accuracy if epoch == epochs else min(float(test), 100.0)
        rows.append(
            {
                "epoch": epoch,
                "train_loss": float(0.02 + 2 * left),
                "train_accuracy": float(min(100.0, test + 0.1)),
                "test_loss": float(0.03 + 1.5 * left),
                "test_accuracy": float(test),
                "seconds": 1.5,
                "images_per_second": 4000.0,
                "lr": 0.1 if epoch <= epochs // 2 else 0.01,
            }
        )
    found: dict[str, Any] = {
        "net": arm,
        "dataset": dataset,
        "parameters": 13_808,
        "test_accuracy": 100 * accuracy,
        "train_accuracy_alike": 100 * accuracy,
        "train_images": 1000,
        "test_images": count,
        "seconds": 1.5 * epochs,
        "device": "cpu",
        "threads": 1,
        **summary,
    }
    recipe = Recipe(net="code8", epochs=max(epochs, 1), seed=seed, l1=l1)
    run = Run(folder, recipe, {"arm": arm}, tuple(rows), found if finished else {})
    run.__dict__["predictions"] = predictions(accuracy, count, classes)
    return run


def test_images(count: int = 400, channels: int = 1, side: int = 28) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def small_data(channels: int = 1, side: int = 12, train: int = 120, test: int = 60) -> Any:
    """Bars at places that depend on the class, with noise: learned in an epoch or two."""
    from convviz.train.dataset import Data

    draws = np.random.default_rng(2)

    def some(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 10
        images = draws.integers(0, 60, (count, channels, side, side), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 1 + label % 5 * 2, :] = 230 if label < 5 else 20
            image[:, :, 1 + label % 5 * 2] = 20 if label < 5 else 230
        return images, labels

    return Data("made-up bars", *some(train), *some(test), DIGITS, "the last ones")


def small_run(
    folder: Path, net: str = GAP_NET, channels: int = 1, epochs: int = 2, **settings: Any
) -> tuple[Run, Any]:
    """A net trained on :func:`small_data`, and the data."""
    from convviz.train.run import train

    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "given.yaml"
    source.write_text(net.format(channels=channels), encoding="utf-8")
    data = small_data(channels)
    recipe = Recipe(net=str(source), dataset="digits", epochs=epochs, batch_size=20, **settings)
    return train(recipe, folder / "run", data, device="cpu", threads=1), data
