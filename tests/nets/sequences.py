"""Nets along time: TCN (Bai 2018), WaveNet (van den Oord 2016), CRNN (Shi 2017)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class Chop(nn.Module):
    """Cuts what symmetric padding added behind, so that nothing reads the future."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : -self.size].contiguous()


class Residual(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int, dilation: int, wrap: Any) -> None:
        super().__init__()
        pad = (kernel - 1) * dilation
        layers: list[nn.Module] = []
        for width in (channels, out):
            layers += [
                wrap(nn.Conv1d(width, out, kernel, padding=pad, dilation=dilation)),
                Chop(pad),
                nn.ReLU(),
                nn.Dropout(0.2),
            ]
        self.net = nn.Sequential(*layers)
        self.downsample = nn.Conv1d(channels, out, 1) if channels != out else None
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        return self.relu(self.net(x) + skip)  # type: ignore[no-any-return]


def tcn(normed: bool = False) -> nn.Sequential:
    wrap = weight_norm if normed else nn.Identity().forward
    return nn.Sequential(*(Residual(2 if i == 0 else 8, 8, 3, 2**i, wrap) for i in range(4)))


class WaveNet(nn.Module):
    """Gated causal convs; each layer adds to a residual and to a skip path."""

    def __init__(self, channels: int = 8, layers: int = 6, classes: int = 16) -> None:
        super().__init__()
        self.start = nn.Conv1d(1, channels, 1)
        self.gates = nn.ModuleList(nn.Conv1d(channels, 2 * channels, 2, dilation=2**i) for i in range(layers))
        self.mixes = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(layers))
        self.skips = nn.ModuleList(nn.Conv1d(channels, 2 * channels, 1) for _ in range(layers))
        self.end1, self.end2 = nn.Conv1d(2 * channels, 2 * channels, 1), nn.Conv1d(2 * channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.start(x)
        total: Any = 0
        for gate, mix, skip in zip(self.gates, self.mixes, self.skips):
            filtered, gated = gate(nn.functional.pad(x, (gate.dilation[0], 0))).chunk(2, dim=1)
            y = torch.tanh(filtered) * torch.sigmoid(gated)
            total = total + skip(y)
            x = x + mix(y)
        return self.end2(torch.relu(self.end1(torch.relu(total))))  # type: ignore[no-any-return]


class CRNN(nn.Module):
    """Convs read a line of text into columns; a recurrent net reads the columns."""

    def __init__(self, cell: str = "LSTM", bidirectional: bool = True, classes: int = 11) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.rnn = getattr(nn, cell)(16 * 4, 12, num_layers=2, bidirectional=bidirectional)
        self.head = nn.Linear(24 if bidirectional else 12, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convs(x)
        x = x.flatten(1, 2).permute(2, 0, 1)  # (time, batch, features)
        x, _ = self.rnn(x)
        return self.head(x).log_softmax(2)  # type: ignore[no-any-return]
