"""Batch norm with the ReLU before or behind it and the dropout behind it, as one layer of a CPU training step."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from convviz.train.quick_draws import Draws, dropped, kept
from convviz.train.quick_native import kernels

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
LAYOUTS = {2: torch.contiguous_format, 4: torch.channels_last, 5: torch.channels_last_3d}
WIDEST = 4096  # channels that the kernels take


class QuickBatchNorm(nn.modules.batchnorm._BatchNorm):
    """ReLU (or not), a batch norm's arithmetic, ReLU (or not), dropout (or not): equal to the layers one by one.

    Parameters and buffers are those of ``norm``, the objects themselves. In training on a CPU, float32 or bfloat16
    with the channels side by side go through two passes of compiled code each way; all else goes through torch.
    """

    def __init__(
        self,
        norm: nn.modules.batchnorm._BatchNorm,
        draws: Draws,
        before: bool = False,
        after: bool = False,
        p: float = 0.0,
    ) -> None:
        super().__init__(0, norm.eps, norm.momentum, affine=False, track_running_stats=False)
        self.__dict__.update({k: v for k, v in norm.__dict__.items() if not k.startswith("_")})
        self._parameters, self._buffers = norm._parameters, norm._buffers
        self.kind = type(norm)  # which knows how many axes are right
        self.draws, self.before, self.after, self.p = draws, before, after, p

    def forward(self, input: Tensor) -> Tensor:
        self.kind._check_input_dim(self, input)
        batch = self.training or self.running_mean is None
        factor = 0.0 if self.momentum is None else self.momentum
        tracked = self.training and self.track_running_stats
        if tracked and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        mean = self.running_mean if not self.training or tracked else None
        var = self.running_var if not self.training or tracked else None
        p = self.p if self.training else 0.0
        if batch and p < 1 and self._quick(input):
            keep, scale = (None, 1.0) if p == 0 else kept(input, p, self.draws)
            out: Tensor = _Norm.apply(
                input,
                self.weight,
                self.bias,
                mean,
                var,
                keep,
                scale,
                factor,
                self.eps,
                self.before,
                self.after,
            )
            return out
        x = F.relu(input) if self.before else input
        x = F.batch_norm(x, mean, var, self.weight, self.bias, batch, factor, self.eps)
        x = F.relu_(x) if self.after else x
        return dropped(x, p, self.draws)

    def _quick(self, x: Tensor) -> bool:
        layout = LAYOUTS.get(x.dim())
        return (
            layout is not None
            and x.device.type == "cpu"
            and x.dtype in DTYPES
            and x.numel() > x.shape[1] > 0
            and x.shape[1] <= WIDEST
            and x.is_contiguous(memory_format=layout)
            and all(
                t is None or t.dtype == torch.float32 for t in (self.weight, self.bias, self.running_mean)
            )
            and not torch.compiler.is_compiling()
            and kernels() is not None
        )

    def extra_repr(self) -> str:
        extras = (
            ["relu before"] * self.before
            + ["relu behind"] * self.after
            + [f"dropout={self.p:g}"] * (self.p > 0)
        )
        return ", ".join([super().extra_repr(), *extras])


class _Norm(torch.autograd.Function):
    """What quick.c says it does, for autograd."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        keep: Tensor | None,
        scale: float,
        factor: float,
        eps: float,
        before: bool,
        after: bool,
    ) -> Tensor:
        channels = x.shape[1]
        rows = x.numel() // channels
        y, mean, rstd = torch.empty_like(x), torch.empty(channels), torch.empty(channels)
        sums = _sums(rows, channels)  # named, so that it lives as long as the kernel runs
        ctx.settings = rows, channels, *(0.0 if on else -torch.inf for on in (before, after)), scale
        getattr(kernels(), f"forward_{DTYPES[x.dtype]}")(
            x.data_ptr(), y.data_ptr(), _at(keep), *ctx.settings, eps, factor, _at(weight), _at(bias),
            _at(running_mean), _at(running_var), mean.data_ptr(), rstd.data_ptr(), sums.data_ptr(),
            torch.get_num_threads(),
        )  # fmt: skip
        ctx.save_for_backward(x, weight, bias, keep, mean, rstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, keep, mean, rstd = ctx.saved_tensors
        dy = dy.to(x.dtype).contiguous(memory_format=LAYOUTS[x.dim()])
        rows, channels = ctx.settings[:2]
        dx, dweight, dbias = torch.empty_like(x), torch.empty(channels), torch.empty(channels)
        sums = _sums(rows, channels)
        getattr(kernels(), f"backward_{DTYPES[x.dtype]}")(
            dy.data_ptr(), x.data_ptr(), dx.data_ptr(), _at(keep), *ctx.settings, _at(weight), _at(bias),
            mean.data_ptr(), rstd.data_ptr(), dweight.data_ptr(), dbias.data_ptr(), sums.data_ptr(),
            torch.get_num_threads(),
        )  # fmt: skip
        return (
            dx, None if weight is None else dweight, None if bias is None else dbias, *[None] * 8
        )  # fmt: skip


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _sums(rows: int, channels: int) -> Tensor:
    """Room for two sums of each channel in each block of 1,024 rows."""
    return torch.empty((rows + 1023) // 1024 * 2 * channels, dtype=torch.float64)
