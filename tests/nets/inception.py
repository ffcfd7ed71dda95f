"""Inception v3 without its auxiliary head: factorised kernels in branches. Source: Szegedy et al. 2016."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Unit(nn.Module):
    """conv, batch norm, relu."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


def chain(channels: int, *units: tuple[int, int | tuple[int, int]], stride: int = 1) -> nn.Sequential:
    """Units of (channels, kernel), all ``same`` but the last where it strides."""
    out = []
    for i, (width, kernel) in enumerate(units):
        k = (kernel, kernel) if isinstance(kernel, int) else kernel
        last = stride > 1 and i == len(units) - 1
        out.append(
            Unit(channels, width, k, stride if last else 1, (0, 0) if last else (k[0] // 2, k[1] // 2))
        )
        channels = width
    return nn.Sequential(*out)


class Average(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.unit = Unit(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(F.avg_pool2d(x, 3, stride=1, padding=1))  # type: ignore[no-any-return]


class Fork(nn.Module):
    """A chain whose end splits in 1x3 and 3x1."""

    def __init__(self, stem: nn.Sequential, channels: int) -> None:
        super().__init__()
        self.stem = stem
        self.wide, self.tall = (
            Unit(channels, 384, (1, 3), padding=(0, 1)),
            Unit(channels, 384, (3, 1), padding=(1, 0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return torch.cat([self.wide(x), self.tall(x)], 1)


class Branches(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def block_a(c: int, pool: int) -> Branches:
    return Branches(
        chain(c, (64, 1)), chain(c, (48, 1), (64, 5)), chain(c, (64, 1), (96, 3), (96, 3)), Average(c, pool)
    )


def block_c(c: int, m: int) -> Branches:
    wide, tall = (1, 7), (7, 1)
    deep = chain(c, (m, 1), (m, tall), (m, wide), (m, tall), (192, wide))
    return Branches(chain(c, (192, 1)), chain(c, (m, 1), (m, wide), (192, tall)), deep, Average(c, 192))


def block_e(c: int) -> Branches:
    return Branches(
        chain(c, (320, 1)),
        Fork(chain(c, (384, 1)), 384),
        Fork(chain(c, (448, 1), (384, 3)), 384),
        Average(c, 192),
    )


def inception_v3() -> nn.Sequential:
    return nn.Sequential(
        Unit(3, 32, 3, 2),
        Unit(32, 32, 3),
        Unit(32, 64, 3, padding=1),
        nn.MaxPool2d(3, 2),
        Unit(64, 80),
        Unit(80, 192, 3),
        nn.MaxPool2d(3, 2),
        block_a(192, 32),
        block_a(256, 64),
        block_a(288, 64),
        Branches(
            chain(288, (384, 3), stride=2),
            chain(288, (64, 1), (96, 3), (96, 3), stride=2),
            nn.MaxPool2d(3, 2),
        ),
        block_c(768, 128),
        block_c(768, 160),
        block_c(768, 160),
        block_c(768, 192),
        Branches(
            chain(768, (192, 1), (320, 3), stride=2),
            chain(768, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), stride=2),
            nn.MaxPool2d(3, 2),
        ),
        block_e(1280),
        block_e(2048),
        nn.AdaptiveAvgPool2d(1),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(2048, 1000),
    )
