"""Gates, poolings and heads as their authors write them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CoordinateAttention(nn.Module):
    """Hou et al. 2021: means of rows and of columns, laid end to end, share a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3)
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv, self.conv_h, self.conv_w = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), nn.Conv2d(4, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        identity = x = self.stem(x)
        _, _, h, w = x.size()
        y = torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)
        x_h, x_w = torch.split(F.hardswish(self.conv(y)), [h, w], dim=2)
        a_w = self.conv_w(x_w.permute(0, 1, 3, 2)).sigmoid()
        return self.last(identity * a_w * self.conv_h(x_h).sigmoid())


class SelectiveKernel(nn.Module):
    """Li et al. 2019: branches are stacked by ``unsqueeze_`` and weighted by a softmax over them."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3 + 2 * i, padding=1 + i) for i in range(2)])
        self.fc, self.fcs = nn.Linear(4, 2), nn.ModuleList([nn.Linear(2, 4) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        feas = torch.cat([conv(x).unsqueeze_(dim=1) for conv in self.convs], dim=1)
        z = self.fc(torch.sum(feas, dim=1).mean(-1).mean(-1))
        weights = torch.cat([fc(z).unsqueeze_(dim=1) for fc in self.fcs], dim=1).softmax(1)
        return (feas * weights.unsqueeze(-1).unsqueeze(-1)).sum(dim=1)


class ResponseNorm(nn.Module):
    """Woo et al. 2023 (ConvNeXt V2): channels compete by their norms over the image."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.gamma, self.beta = nn.Parameter(torch.ones(1, 1, 1, 8)), nn.Parameter(torch.zeros(1, 1, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        g = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        return self.gamma * (x * (g / (g.mean(dim=-1, keepdim=True) + 1e-6))) + self.beta + x


class SplitShuffle(nn.Module):
    """Ma et al. 2018 (ShuffleNet V2), as its authors write the shuffle: even and odd channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.branches = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for branch in self.branches:
            n, c, h, w = x.data.size()
            x = x.reshape(n * c // 2, 2, h * w).permute(1, 0, 2)
            kept, x = x.reshape(2, -1, c // 2, h, w)
            x = torch.cat((kept, branch(x)), 1)
        return x


class GeneralizedMean(nn.Module):
    """Radenovic et al. 2018: pooling with a trained exponent, and coordinates as channels (Liu et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.p = nn.Conv2d(4, 8, 3), nn.Parameter(torch.ones(1) * 3)

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.arange(x.size(2)).repeat(1, x.size(3), 1).transpose(1, 2)[:, None]
        x = self.conv(torch.cat([x, rows.type_as(x)], 1))
        x = F.avg_pool2d(x.clamp(min=1e-6).pow(self.p), (x.size(-2), x.size(-1))).pow(1.0 / self.p)
        return F.normalize(x.flatten(1))


class CausalAttention(nn.Module):
    """Attention with the mask in a buffer, as in minimal GPTs."""

    def __init__(self) -> None:
        super().__init__()
        self.attn, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.register_buffer("mask", torch.tril(torch.ones(20, 20)).view(1, 1, 20, 20))

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.size()
        q, k, v = (y.view(b, t, 2, c // 2).transpose(1, 2) for y in self.attn(x).split(c, dim=2))
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(k.size(-1))
        scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        return x + self.proj((F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(b, t, c))


class TextCNN(nn.Module):
    """Kim 2014: windows over the words, as wide as an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1, 6, (k, 8)) for k in (3, 4)])
        self.fc = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        maps = [F.relu(conv(x.unsqueeze(1))).squeeze(3) for conv in self.convs]
        return self.fc(torch.cat([F.max_pool1d(m, m.size(2)).squeeze(2) for m in maps], 1))


class Bidirectional(nn.Module):
    """The last states of both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(4, 6, batch_first=True, bidirectional=True), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        h0 = torch.zeros(2, x.size(0), 6).to(x)
        _, (h, _) = self.lstm(x, (h0, h0))
        return self.fc(torch.cat((h[-2], h[-1]), dim=1))
