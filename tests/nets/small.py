"""One small net for each way of writing a forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Functional(nn.Module):
    """Raw parameters and ``F`` only; the blur kernel is a buffer, so it is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.bias = nn.Parameter(torch.zeros(4))
        self.scale = nn.Parameter(torch.ones(1, 4, 1, 1))
        self.matrix = nn.Parameter(torch.randn(5, 4 * 4 * 4))
        self.register_buffer("blur", torch.ones(4, 1, 3, 3) / 9)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, stride=2, padding=1)
        x = F.conv2d(x, self.blur, groups=4, padding=1)
        x = F.max_pool2d(F.leaky_relu(x * self.scale + 1, 0.2), 2)
        return F.linear(x.flatten(1), self.matrix) / 2


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x).relu_()
        skip = x
        x = self.b(x)
        x += skip
        x.mul_(0.5).add_(skip)
        return F.relu(x, inplace=True)


class Shared(nn.Module):
    """One conv, three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.act(self.conv(x))
        return x


class ControlFlow(nn.Module):
    """Halves the map until it is small; how often depends on the input's size."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            if min(x.shape[-2:]) < 8:
                break
            x = F.avg_pool2d(conv(x), 2)
        if x.dim() == 4 and x.size(1) == 2:
            x = x.mean(dim=(2, 3))
        return x


class Pair(NamedTuple):
    map: Tensor
    score: Tensor


@dataclass
class Result:
    pair: Pair
    extra: list[Tensor]


class Outputs(nn.Module):
    """A dict with a named tuple, a dataclass, and a list in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> dict[str, Result | Tensor | None]:
        y = self.conv(x)
        score = self.head(F.adaptive_avg_pool2d(y, 1).squeeze(-1).squeeze(-1))
        return {"result": Result(Pair(y, score), [y.sigmoid()]), "score": score, "loss": None}


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.mask = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(1, 4, 5, padding=2)

    def forward(self, image: Tensor, mask: Tensor, gain: float = 1.0) -> Tensor:
        return torch.cat([self.image(image) * gain, self.mask(mask)], 1)


class DictInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = TwoInputs()

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.net(batch["image"], batch["mask"])  # type: ignore[no-any-return]


class SequenceInput(nn.Module):
    """A standard encoder on frames, its batch axis second."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x.transpose(0, 1)).mean(0)  # type: ignore[no-any-return]


class Opaque(nn.Module):
    """What cannot be read: which cells are gathered depends on their values."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.sort, self.last = nn.Conv2d(2, 4, 3, padding=1), Sort(4), nn.Conv2d(4, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.sort(self.conv(x)))  # type: ignore[no-any-return]


class Sort(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sort(x, dim=-1).values * self.gain
