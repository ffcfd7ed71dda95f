"""A data set as tensors on a device: bytes that stay there, and batches made from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from convviz.errors import ConvvizError
from convviz.runs.recipe import Recipe
from convviz.train.augment import Augment
from convviz.train.dataset import Data
from convviz.train.seeds import generator

EVALUATED = 1000  # images that are tested at a time


@dataclass(frozen=True, eq=False)
class Images:
    """Bytes (N, C, H, W) and labels (N,) on a device, and how bytes become what the net takes."""

    x: torch.Tensor
    y: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)

    def first(self, count: int) -> Images:
        """The first ``count`` of them."""
        return Images(self.x[:count], self.y[:count], self.mean, self.std)

    def prepared(self, x: torch.Tensor) -> torch.Tensor:
        """Bytes to floats, as the recipe normalizes them; channels last."""
        return (
            x.to(torch.float32).sub_(self.mean).div_(self.std).contiguous(memory_format=torch.channels_last)
        )

    def batch(
        self, at: torch.Tensor, augment: Augment, fill: float, after: bool, draws: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and labels of a step. fill: a pixel from 0 to 1, or (``after``) a normalized one."""
        x, y = self.x[at], self.y[at]
        if not augment.any:
            return self.prepared(x), y
        if after:
            turned = augment(self.prepared(x), fill, draws)
        else:
            turned = augment(x.to(torch.float32), 255 * fill, draws).sub_(self.mean).div_(self.std)
        return turned.contiguous(memory_format=torch.channels_last), y


@dataclass(frozen=True, eq=False)
class Splits:
    """What a run trains on, what it may choose by (empty without ``holdout``), and what it is tested on."""

    train: Images
    held: Images
    test: Images


def splits(data: Data, recipe: Recipe, device: torch.device) -> Splits:
    """The data set cut as the recipe says; raises ConvvizError where it has too few images."""
    count = len(data.train_labels)
    if recipe.holdout >= count:
        raise ConvvizError(
            f"must leave some of the {count:,} training images, got {recipe.holdout:,}", "holdout"
        )
    cut = count - recipe.holdout
    chosen: np.ndarray | slice = slice(0, cut)
    if recipe.train_images is not None:
        if recipe.train_images > cut:
            raise ConvvizError(f"must be at most {cut:,}, got {recipe.train_images:,}", "train_images")
        chosen = torch.randperm(cut, generator=generator(recipe.seed, "images"))[
            : recipe.train_images
        ].numpy()
    mean, std = _scaling(data, recipe.normalize)

    def images(x: np.ndarray, y: np.ndarray) -> Images:
        as_tensor = torch.from_numpy(np.ascontiguousarray(x)).to(device)
        return Images(
            as_tensor, torch.from_numpy(np.ascontiguousarray(y)).to(device), mean.to(device), std.to(device)
        )

    return Splits(
        images(data.train_images[chosen], data.train_labels[chosen]),
        images(data.train_images[cut:], data.train_labels[cut:]),
        images(data.test_images, data.test_labels),
    )


def _scaling(data: Data, normalize: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Shift and divisor of bytes, by channel."""
    channels = data.shape[0]
    if normalize == "standardize":
        mean, std = torch.tensor(data.mean) * 255, torch.tensor(data.std) * 255
    else:
        mean, std = torch.zeros(channels), torch.full((channels,), 255.0 if normalize == "unit" else 1.0)
    return mean.float()[:, None, None], std.float()[:, None, None]
