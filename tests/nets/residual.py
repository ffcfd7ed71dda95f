"""Residual nets in 2-D and 3-D. Source: He et al. 2016, table 1; Hara et al. 2018."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv(rank: int, *args: int, **kwargs: int) -> nn.Module:
    return {2: nn.Conv2d, 3: nn.Conv3d}[rank](*args, bias=False, **kwargs)


def norm(rank: int, channels: int) -> nn.Module:
    return {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[rank](channels)


class Block(nn.Module):
    """``relu(x + f(x))``: two 3x3 convs, or 1x1, 3x3, 1x1 where ``expansion`` is 4."""

    def __init__(
        self, rank: int, channels: int, width: int, stride: int = 1, dilation: int = 1, expansion: int = 1
    ) -> None:
        super().__init__()
        out = width * expansion
        middle = dict(kernel_size=3, stride=stride, padding=dilation, dilation=dilation)
        if expansion == 1:
            self.conv1, self.bn1 = conv(rank, channels, width, **middle), norm(rank, width)
            self.conv2, self.bn2 = conv(rank, width, out, kernel_size=3, padding=1), norm(rank, out)
        else:
            self.conv1, self.bn1 = conv(rank, channels, width, kernel_size=1), norm(rank, width)
            self.conv2, self.bn2 = conv(rank, width, width, **middle), norm(rank, width)
            self.conv3, self.bn3 = conv(rank, width, out, kernel_size=1), norm(rank, out)
        self.relu = nn.ReLU(inplace=True)
        self.expansion = expansion
        fits = stride == 1 and channels == out
        self.downsample = (
            None
            if fits
            else nn.Sequential(conv(rank, channels, out, kernel_size=1, stride=stride), norm(rank, out))
        )

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.expansion > 1:
            y = self.bn3(self.conv3(self.relu(y)))
        y += skip
        return self.relu(y)


class ResNet(nn.Module):
    """``dilations`` replaces the stride of the last stages by dilation, as DeepLab's backbone does."""

    def __init__(
        self,
        depths: list[int],
        expansion: int = 1,
        rank: int = 2,
        classes: int = 1000,
        width: int = 64,
        dilations: tuple[int, ...] = (1,) * 4,
    ) -> None:
        super().__init__()
        self.conv1 = conv(rank, 3, width, kernel_size=7, stride=2, padding=3)
        self.bn1 = norm(rank, width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = {2: nn.MaxPool2d, 3: nn.MaxPool3d}[rank](3, 2, 1)
        channels = width
        for i, (depth, dilation) in enumerate(zip(depths, dilations)):
            stride = 2 if i and dilation == 1 else 1
            blocks = []
            for j in range(depth):
                blocks.append(Block(rank, channels, width << i, stride if j == 0 else 1, dilation, expansion))
                channels = (width << i) * expansion
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.avgpool = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[rank](1)
        self.fc = nn.Linear(channels, classes)

    def features(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def resnet18() -> ResNet:
    return ResNet([2, 2, 2, 2])


def resnet50() -> ResNet:
    return ResNet([3, 4, 6, 3], expansion=4)


def resnet3d() -> ResNet:
    return ResNet([1, 1, 1, 1], rank=3, classes=10, width=8)
