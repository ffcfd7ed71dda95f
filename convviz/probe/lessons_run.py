"""One training run of a lesson, from its recipe and seed to the accuracies after the last epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.probe.lessons_nets import Net
from convviz.train.dataset import Data

SIDE = 28
MEAN, STD = 0.1307, 0.3081  # of MNIST's training images, from 0 to 1
NET = Net()
AT_ONCE = 500  # test images in one forward pass
TURNS = {
    "as is": (0, 0),
    "shifted 2": (2, 0),
    "shifted 4": (4, 0),
    "rotated 15": (0, 15),
    "rotated 30": (0, 30),
}


@dataclass(frozen=True)
class Recipe:
    """All that decides a run besides its seed. SGD with momentum .9, no weight decay.

    train: images, drawn from the training set by the seed. schedule: ``constant`` or ``step`` (a tenth after two
    thirds of the epochs). scale: pixels as ``standardized``, from 0 to 1 (``unit``) or from 0 to 255 (``bytes``).
    """

    net: Net = NET
    epochs: int = 4
    batch: int = 64
    rate: float = 0.05
    schedule: Literal["constant", "step"] = "constant"
    scale: Literal["standardized", "unit", "bytes"] = "standardized"
    train: int = 6000


def scaled(images: np.ndarray, scale: str) -> torch.Tensor:
    """Images in bytes as a float tensor (n, 1, 28, 28)."""
    x = torch.from_numpy(images.astype(np.float32))
    if scale == "bytes":
        return x
    x = x / 255
    return (x - MEAN) / STD if scale == "standardized" else x


def batches(count: int, size: int, order: torch.Generator) -> Iterator[torch.Tensor]:
    """The images of an epoch in random order, in batches of one size; what is left over waits for the next epoch."""
    shuffled = torch.randperm(count, generator=order)
    for start in range(0, count - size + 1, size):
        yield shuffled[start : start + size]


def trained(recipe: Recipe, seed: int, digits: Data, steps: int | None = None) -> nn.Module:
    """A net trained by ``recipe``; what the seed decides (images, first weights, order, dropout) is the same each time.

    steps: stop after so many (a smoke test). Raises ConvvizError for a batch larger than the training set.
    """
    count = min(recipe.train, len(digits.train_labels))
    if recipe.batch > count:
        raise ConvvizError(f"must be at most the {count:,} training images, got {recipe.batch:,}", "batch")
    picked = np.random.default_rng(seed).permutation(len(digits.train_labels))[:count]
    x = scaled(digits.train_images[picked], recipe.scale)
    y = torch.from_numpy(digits.train_labels[picked])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module, _ = build_module(recipe.net.graph)
        module.train()
        optimizer = torch.optim.SGD(module.parameters(), lr=recipe.rate, momentum=0.9)
        order, done = torch.Generator().manual_seed(seed), 0
        for epoch in range(recipe.epochs):
            if recipe.schedule == "step" and epoch == recipe.epochs * 2 // 3:
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate / 10
            for at in batches(count, recipe.batch, order):
                optimizer.zero_grad()
                F.nll_loss(module(x[at]), y[at]).backward()
                optimizer.step()
                done += 1
                if done == steps:
                    return module.eval()
    return module.eval()


def turned(x: torch.Tensor, name: str) -> torch.Tensor:
    """Images moved up, down, left or right by whole pixels, or rotated to either side, by turns; the rest is paper."""
    pixels, degrees = TURNS[name]
    if pixels:
        ways = ((-pixels, 0), (pixels, 0), (0, -pixels), (0, pixels))
        wide = F.pad(x, (pixels,) * 4)
        parts = [
            wide[i::4, :, pixels + a :, pixels + b :][..., :SIDE, :SIDE] for i, (a, b) in enumerate(ways)
        ]
        out = torch.empty_like(x)
        for i, part in enumerate(parts):
            out[i::4] = part
        return out
    if not degrees:
        return x
    angle = torch.deg2rad(torch.full((len(x),), float(degrees))) * torch.where(
        torch.arange(len(x)) % 2 == 0, 1, -1
    )
    zero = torch.zeros(len(x))
    rows = torch.stack(
        [torch.cos(angle), -torch.sin(angle), zero, torch.sin(angle), torch.cos(angle), zero], 1
    )
    grid = F.affine_grid(rows.reshape(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def accuracy(module: nn.Module, recipe: Recipe, digits: Data, turn: str = "as is") -> float:
    """Per cent of the test images that ``module`` names right, the images turned as told before they are scaled."""
    images = turned(torch.from_numpy(digits.test_images.astype(np.float32)), turn).numpy()
    right = 0
    with torch.no_grad():
        for start in range(0, len(images), AT_ONCE):
            answers = module(scaled(images[start : start + AT_ONCE], recipe.scale)).argmax(1)
            right += int((answers.numpy() == digits.test_labels[start : start + AT_ONCE]).sum())
    return 100 * right / len(images)
