"""Augmentation of a whole batch at once: each image turned, moved, sized, slanted, cropped, mirrored by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi

import torch
import torch.nn.functional as F

from convviz.runs.recipe import Recipe


@dataclass(frozen=True)
class Augment:
    """What is drawn for each image; see :class:`convviz.runs.recipe.Recipe` for the settings' units."""

    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    crop: int = 0
    flip: bool = False
    erase: int = 0

    @classmethod
    def of(cls, recipe: Recipe) -> Augment:
        return cls(
            recipe.rotation, recipe.shift, recipe.scale, recipe.shear, recipe.crop, recipe.flip, recipe.erase
        )

    @property
    def warps(self) -> bool:
        return bool(self.rotation or self.shift or self.scale or self.shear)

    @property
    def any(self) -> bool:
        return self.warps or bool(self.crop or self.flip or self.erase)

    def __call__(self, x: torch.Tensor, fill: float, draws: torch.Generator) -> torch.Tensor:
        """Images (N, C, H, W) of floats as seen in training; ``fill`` comes in at the edges.

        Bilinear; between pixels as torch's grid_sample with ``align_corners=False``.
        """
        if self.warps:
            x = warped(x, self.matrices(x.shape, draws).to(x.device), fill)
        if self.crop:
            x = cropped(x, self.crop, fill, draws)
        if self.flip:
            mirrored = torch.rand(len(x), generator=draws).lt(0.5).to(x.device)
            x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        if self.erase:
            x = erased(x, self.erase, fill, draws)
        return x

    def matrices(self, shape: Sequence[int], draws: torch.Generator) -> torch.Tensor:
        """(N, 2, 3): where each image looks in the original, in units of half a side from the middle."""
        count, _, h, w = shape
        drawn = 2 * torch.rand(count, 5, generator=draws) - 1
        angle, slant = drawn[:, 0] * (self.rotation * pi / 180), drawn[:, 1] * (self.shear * pi / 180)
        size = 1 + drawn[:, 2] * self.scale
        cos, sin, tan = angle.cos() * size, angle.sin() * size, slant.tan()
        rows = torch.empty(count, 2, 3)
        # The units differ where an image is not square: angles are those of the pixels.
        rows[:, 0, 0], rows[:, 0, 1] = cos, (cos * tan - sin) * (h / w)
        rows[:, 1, 0], rows[:, 1, 1] = sin * (w / h), sin * tan + cos
        rows[:, :, 2] = drawn[:, 3:] * (2 * self.shift)
        return rows


def warped(x: torch.Tensor, matrices: torch.Tensor, fill: float) -> torch.Tensor:
    """Images looked at through their matrices; outside there is ``fill``."""
    n, _, h, w = x.shape
    # affine_grid's own grid by one product of matrices, which is several times quicker.
    grid = (matrices.reshape(2 * n, 3) @ _centres(h, w).to(x.device)).view(n, 2, h, w).permute(0, 2, 3, 1)
    if not fill:
        return F.grid_sample(x, grid, align_corners=False)
    return F.grid_sample(x - fill, grid, align_corners=False).add_(fill)


@lru_cache(maxsize=8)
def _centres(h: int, w: int) -> torch.Tensor:
    """(3, h * w): across, down and 1 for each pixel, its centre in units of half a side from the middle."""
    down, across = (torch.arange(n).add(0.5).mul(2 / n).sub(1) for n in (h, w))
    rows, columns = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten(), torch.ones(h * w)])


def cropped(x: torch.Tensor, pad: int, fill: float, draws: torch.Generator) -> torch.Tensor:
    """``pad`` pixels put around each image, then a window of the old size somewhere in it."""
    n, _, h, w = x.shape
    wide = F.pad(x, (pad,) * 4, value=fill)
    places = torch.randint(0, 2 * pad + 1, (2, n), generator=draws).to(x.device)
    rows = places[0, :, None] + torch.arange(h, device=x.device)
    columns = places[1, :, None] + torch.arange(w, device=x.device)
    images = torch.arange(n, device=x.device)[:, None, None]
    return wide.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def erased(x: torch.Tensor, side: int, fill: float, draws: torch.Generator) -> torch.Tensor:
    """A square of ``side`` pixels blanked in each image; its middle is anywhere in it."""
    n, _, h, w = x.shape
    middle = (torch.rand(2, n, generator=draws) * torch.tensor([[h], [w]])).long().to(x.device)

    def inside(at: torch.Tensor, length: int) -> torch.Tensor:
        start = at[:, None] - side // 2
        places = torch.arange(length, device=x.device)
        return (places >= start) & (places < start + side)

    hole = inside(middle[0], h)[:, :, None] & inside(middle[1], w)[:, None, :]
    return torch.where(hole[:, None], torch.tensor(fill, dtype=x.dtype, device=x.device), x)
