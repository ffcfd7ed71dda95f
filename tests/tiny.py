"""A data set and nets that train in a blink: 8x8 images of four classes, each a bright quarter under noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from convviz.graph import Graph
from convviz.runs.recipe import Recipe
from convviz.train.dataset import Data
from convviz.train.loop import Interrupted, Trainer
from convviz.train.net import graph_of

CLASSES = ("north-west", "north-east", "south-west", "south-east")
NET = """
name: tiny
input: [1, 8, 8]
layers:
  - conv: {out_channels: 4, kernel_size: 3, bias: false}
  - batch_norm
  - relu
  - dropout: 0.2
  - conv: {out_channels: 4, kernel_size: 3}
  - batch_norm
  - relu
  - dropout2d: 0.1
  - conv: {out_channels: 4, kernel_size: 1}
  - global_avg_pool
  - flatten
"""


def data(train: int = 44, test: int = 30, seed: int = 0, side: int = 8) -> Data:
    """44 images: in batches of 8 the last has 4."""
    rng = np.random.default_rng(seed)

    def some(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 4
        images = rng.integers(0, 120, (count, 1, side, side))
        half = side // 2
        for image, label in zip(images, labels):
            row, column = half * (label // 2), half * (label % 2)
            image[:, row : row + half, column : column + half] += 100
        return images.astype(np.uint8), labels.astype(np.int64)

    return Data("quarters", *some(train), *some(test), CLASSES, "other noise")


DATA = data()
GRAPHS: dict[tuple[str | None, ...], Graph] = {}


def net(folder: Path, text: str = NET, name: str = "tiny.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def recipe(source: str, **settings: Any) -> Recipe:
    return Recipe(**{"net": source, "epochs": 2, "batch_size": 8, **settings})


def trainer(recipe: Recipe, data: Data = DATA, graph: Graph | None = None) -> Trainer:
    """graph: read once for every net, norm and dropout."""
    if graph is None:
        key = (recipe.net, recipe.norm, recipe.dropout)
        graph = GRAPHS[key] = GRAPHS.get(key) or graph_of(recipe)
    return Trainer(recipe, data, graph, device="cpu", threads=1)


def trained(recipe: Recipe, data: Data = DATA) -> Trainer:
    made = trainer(recipe, data)
    made.run()
    return made


def steps(trainer: Trainer, count: int = 1) -> Trainer:
    """So many steps further."""
    for _ in range(count):
        try:
            trainer.run(stop=lambda: True)
        except Interrupted:
            continue
    return trainer


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
