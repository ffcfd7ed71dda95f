"""Nets with a map as output: U-Net, same and valid (Ronneberger 2015); DeepLab v3 (Chen 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .residual import ResNet


def double(channels: int, out: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, padding=padding),
        nn.ReLU(True),
        nn.Conv2d(out, out, 3, padding=padding),
        nn.ReLU(True),
    )


class UNet(nn.Module):
    """``valid``: no padding, skips are cropped. ``up``: ``transposed`` or ``bilinear``."""

    def __init__(
        self, width: int = 8, depth: int = 4, classes: int = 2, valid: bool = False, up: str = "transposed"
    ) -> None:
        super().__init__()
        self.transposed = up == "transposed"
        padding, widths = 0 if valid else 1, [width << i for i in range(depth + 1)]
        self.down = nn.ModuleList(double(a, b, padding) for a, b in zip([1, *widths], widths))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w, 2, 2) if self.transposed else nn.Conv2d(2 * w, w, 1)
            for w in reversed(widths[:-1])
        )
        self.merge = nn.ModuleList(double(2 * w, w, padding) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for i, block in enumerate(self.down):
            x = block(self.pool(x) if i else x)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge):
            skip = skips.pop()
            if self.transposed:
                x = up(x)
                top, left = (skip.shape[2] - x.shape[2]) // 2, (skip.shape[3] - x.shape[3]) // 2
                skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
            else:
                x = up(F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False))
            x = merge(torch.cat([skip, x], dim=1))
        return self.head(x)  # type: ignore[no-any-return]


def unit(channels: int, out: int, kernel: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: four dilations beside the mean of the whole map."""

    def __init__(self, channels: int, out: int, rates: tuple[int, ...] = (12, 24, 36)) -> None:
        super().__init__()
        self.convs = nn.ModuleList([unit(channels, out), *(unit(channels, out, 3, rate) for rate in rates)])
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *unit(channels, out))
        self.project = nn.Sequential(*unit(5 * out, out), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        parts = [conv(x) for conv in self.convs]
        parts.append(F.interpolate(self.pool(x), size=x.shape[-2:], mode="bilinear", align_corners=False))
        return self.project(torch.cat(parts, dim=1))  # type: ignore[no-any-return]


class DeepLab(nn.Module):
    """A dilated backbone (output stride 8), ASPP, a head; the result is a dict."""

    def __init__(self, width: int = 8, classes: int = 21) -> None:
        super().__init__()
        self.backbone = ResNet([1, 1, 1, 1], expansion=4, width=width, dilations=(1, 1, 2, 4))
        self.classifier = nn.Sequential(ASPP(32 * width, 16), *unit(16, 16, 3), nn.Conv2d(16, classes, 1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.classifier(self.backbone.features(x))
        return {"out": F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)}
