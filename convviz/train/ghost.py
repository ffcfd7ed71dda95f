"""Ghost batch norm as a torch module: batch norm over parts of the batch, each by its own statistics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary

from convviz.errors import FieldError
from convviz.read.torch_batch import folded, one
from convviz.read.torch_call import Call, Weight, operation
from convviz.read.torch_table import TABLE
from convviz.runs.settings import whole


def ghost_batch_norm(input: Tensor, norm: _GhostBatchNorm) -> Tensor:
    """What ``norm`` makes of a batch; a function of its own, so that ``convviz.read`` sees it as one op."""
    if has_torch_function_unary(input):
        found: Tensor = handle_torch_function(ghost_batch_norm, (input,), input, norm)
        return found
    if not norm.training and norm.track_running_stats:
        return norm.whole(input)
    n, splits = len(input), norm.num_splits
    cuts = [i * n // splits for i in range(1, splits)]
    return torch.cat([norm.whole(part) for part in input.tensor_split(cuts) if len(part)])


class _GhostBatchNorm(nn.modules.batchnorm._BatchNorm):
    """What :class:`GhostBatchNorm2d` is, for a batch with any number of axes."""

    def __init__(
        self,
        num_features: int,
        num_splits: int = 2,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        **place: Any,
    ) -> None:
        checked = whole(1)("num_features", num_features)
        self.num_splits = whole(1)("num_splits", num_splits)
        if eps < 0 or (momentum is not None and not 0 <= momentum <= 1):
            name, value = ("eps", eps) if eps < 0 else ("momentum", momentum)
            raise FieldError(
                name, f"must be {'0 or more' if name == 'eps' else 'from 0 to 1, or None'}, got {value}"
            )
        super().__init__(
            checked, eps, momentum=momentum, affine=affine, track_running_stats=track_running_stats, **place
        )

    def whole(self, part: Tensor) -> Tensor:
        """Batch norm of torch over the batch as it is."""
        normed: Tensor = super().forward(part)
        return normed

    def forward(self, input: Tensor) -> Tensor:
        return ghost_batch_norm(input, self)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, num_splits={self.num_splits}"


class GhostBatchNorm2d(_GhostBatchNorm, nn.BatchNorm2d):
    """Batch norm over ``num_splits`` contiguous parts of the batch, which need not be equal.

    Images (N, C, H, W) in, the same shape out; part ``i`` starts at ``floor(i * N / num_splits)``. In training each
    part is normalized by its own statistics and updates the running ones; evaluation uses those, as
    :class:`torch.nn.BatchNorm2d` does, whose state dict has the same keys. Raises ConvvizError for bad arguments.

    Source: Hoffer, Hubara, Soudry, "Train longer, generalize better", 2017.

    >>> norm = GhostBatchNorm2d(4, num_splits=2)
    >>> x = torch.arange(5 * 4 * 2.0).reshape(5, 4, 1, 2)
    >>> [round(part.mean().item(), 4) + 0 for part in norm(x).split([2, 3])]
    [0.0, 0.0]
    >>> int(norm.num_batches_tracked)
    2
    """


class GhostBatchNorm1d(_GhostBatchNorm, nn.BatchNorm1d):
    """:class:`GhostBatchNorm2d` of features (N, C) or sequences (N, C, L)."""


class GhostBatchNorm3d(_GhostBatchNorm, nn.BatchNorm3d):
    """:class:`GhostBatchNorm2d` of volumes (N, C, D, H, W)."""


def _read(call: Call, input: Tensor, norm: _GhostBatchNorm) -> Any:
    """Which op it is, for ``convviz.read``."""
    op = operation(
        "ghost_batch_norm",
        num_splits=norm.num_splits,
        eps=norm.eps,
        momentum=norm.momentum,
        affine=norm.affine,
        track_running_stats=norm.track_running_stats,
    )
    weights = Weight("weight", norm.weight), Weight("bias", norm.bias)
    return one(call, op, input, folded(call, input), *weights)


TABLE[ghost_batch_norm] = _read
