"""Nets for small devices: MobileNet v2 (Sandler 2018), EfficientNet (Tan 2019), ShuffleNet v2 (Ma 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def unit(
    channels: int,
    out: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] | None = nn.ReLU6,
) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    ]
    return layers + ([act()] if act else [])


class Excite(nn.Module):
    """Squeeze-and-excitation: a gate for each channel, computed from the whole map."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(nn.functional.silu(self.fc1(self.pool(x)))))


class Inverted(nn.Module):
    """Expand, depthwise, project; a skip where nothing changes size."""

    def __init__(
        self,
        channels: int,
        out: int,
        expand: int,
        kernel: int,
        stride: int,
        act: type[nn.Module],
        squeeze: bool = False,
    ) -> None:
        super().__init__()
        hidden = channels * expand
        layers = unit(channels, hidden, act=act) if expand > 1 else []
        layers += unit(hidden, hidden, kernel, stride, hidden, act)
        if squeeze:
            layers.append(Excite(hidden, channels // 4))
        self.body = nn.Sequential(*layers, *unit(hidden, out, act=None))
        self.skip = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.skip else self.body(x)  # type: ignore[no-any-return]


def stack(
    settings: list[tuple[int, int, int, int, int]], act: type[nn.Module], squeeze: bool
) -> nn.Sequential:
    """``settings``: (expansion, kernel, stride, channels, repeats) by stage."""
    layers, channels = unit(3, 32, 3, 2, act=act), 32
    for expand, kernel, stride, out, repeats in settings:
        for i in range(repeats):
            layers.append(Inverted(channels, out, expand, kernel, stride if i == 0 else 1, act, squeeze))
            channels = out
    layers += unit(channels, 1280, act=act)
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000)
    )


def mobilenet_v2() -> nn.Sequential:
    table = [
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 3, 2, 32, 3),
        (6, 3, 2, 64, 4),
        (6, 3, 1, 96, 3),
        (6, 3, 2, 160, 3),
        (6, 3, 1, 320, 1),
    ]
    return stack(table, nn.ReLU6, squeeze=False)


def efficientnet_b0() -> nn.Sequential:
    table = [
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    ]
    return stack(table, nn.SiLU, squeeze=True)


class Shuffle(nn.Module):
    """Half of the channels passes by; then the halves are interleaved."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half = out // 2
        self.left = (
            nn.Sequential(*unit(channels, channels, 3, 2, channels, None), *unit(channels, half, act=nn.ReLU))
            if stride == 2
            else None
        )
        first = channels if stride == 2 else half
        self.right = nn.Sequential(
            *unit(first, half, act=nn.ReLU),
            *unit(half, half, 3, stride, half, None),
            *unit(half, half, act=nn.ReLU),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.left is None:
            a, b = x.chunk(2, dim=1)
            y = torch.cat((a, self.right(b)), dim=1)
        else:
            y = torch.cat((self.left(x), self.right(x)), dim=1)
        n, c, h, w = y.size()
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


class ShuffleNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [*unit(3, 24, 3, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1)]
        channels = 24
        for out, repeats in ((116, 4), (232, 8), (464, 4)):
            for i in range(repeats):
                layers.append(Shuffle(channels, out, 2 if i == 0 else 1))
                channels = out
        self.features = nn.Sequential(*layers, *unit(channels, 1024, act=nn.ReLU))
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean([2, 3]))  # type: ignore[no-any-return]
