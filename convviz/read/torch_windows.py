"""Readers of convolution, pooling, resizing, padding and the shuffles."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convviz.ops.base import Op
from convviz.read.torch_batch import Ints, blocked, folded, one, over, per, without
from convviz.read.torch_call import Call, Weight, marked, operation
from convviz.read.torch_composed import windows
from convviz.read.torch_table import Reader, reads


def convolution(rank: int) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        if not marked((input,)) or marked((weight, bias)):
            raise call.refuse("uses weights that are computed from the input, which cannot be read")
        fields = dict(
            out_channels=weight.shape[0],
            kernel_size=tuple(weight.shape[2:]),
            stride=per(stride),
            dilation=per(dilation),
            groups=groups,
        )
        op = operation("conv", rank, **fields, padding=per(padding), bias=bias is not None)
        batch = over(input, rank)
        return one(call, op, input, batch, Weight("weight", weight), Weight("bias", bias))

    return read


def transposed(rank: int) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        if not marked((input,)) or marked((weight, bias)):
            raise call.refuse("uses weights that are computed from the input, which cannot be read")
        fields = dict(
            stride=per(stride),
            padding=per(padding),
            output_padding=per(output_padding),
            dilation=per(dilation),
            groups=groups,
        )
        op = operation(
            "conv_transpose",
            rank,
            out_channels=weight.shape[1] * groups,
            kernel_size=tuple(weight.shape[2:]),
            **fields,
            bias=bias is not None,
        )
        batch = over(input, rank)
        return one(call, op, input, batch, Weight("weight", weight), Weight("bias", bias))

    return read


def max_pool(rank: int) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        stride = None if stride in ([], ()) else per(stride)
        fields = dict(
            kernel_size=per(kernel_size),
            stride=stride,
            padding=per(padding),
            dilation=per(dilation),
            ceil_mode=ceil_mode,
        )
        return with_indices(call, operation("max_pool", rank, **fields), input, over(input, rank))

    return read


def with_indices(call: Call, op: Op, x: Tensor, batch: int | None) -> Any:
    """A node, or the pair of it and the places of the largest values, which depend on the data."""
    key = call.key(x, batch)
    if call.rec.on_node is None and op.kind in call.rec.plain:
        return call.node(op, [x], [key], batch)
    result = call.run()
    if isinstance(result, Tensor):
        return call.node(op, [x], [key], batch)
    value = call.part(op, [x], [key], batch, 0)
    blocked(call, result[1], "gives places that depend on the data, which cannot be read")
    return type(result)((value, result[1]))


def avg_pool(rank: int) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        if divisor_override is not None:
            raise call.refuse("with divisor_override cannot be read")
        stride = None if stride in ([], ()) else per(stride)
        fields = dict(
            kernel_size=per(kernel_size),
            stride=stride,
            padding=per(padding),
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )
        batch = over(input, rank)
        return one(call, operation("avg_pool", rank, **fields), input, batch)

    return read


def lp_pool(rank: int) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        norm_type: float,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Any:
        op = operation(
            "lp_pool",
            rank,
            norm_type=norm_type,
            kernel_size=per(kernel_size),
            stride=per(stride),
            ceil_mode=ceil_mode,
        )
        batch = over(input, rank)
        return one(call, op, input, batch)

    return read


def adaptive(kind: str, rank: int) -> Reader:
    def read(call: Call, input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        return with_indices(
            call, operation(kind, rank, output_size=per(output_size)), input, over(input, rank)
        )

    return read


for _rank in (1, 2, 3):
    reads(f"conv{_rank}d")(convolution(_rank))
    reads(f"conv_transpose{_rank}d")(transposed(_rank))
    reads(f"max_pool{_rank}d", f"max_pool{_rank}d_with_indices")(max_pool(_rank))
    reads(f"avg_pool{_rank}d")(avg_pool(_rank))
    reads(f"lp_pool{_rank}d")(lp_pool(_rank))
    reads(f"adaptive_avg_pool{_rank}d")(adaptive("adaptive_avg_pool", _rank))
    reads(f"adaptive_max_pool{_rank}d", f"adaptive_max_pool{_rank}d_with_indices")(
        adaptive("adaptive_max_pool", _rank)
    )


@reads("interpolate")
def interpolate(
    call: Call,
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    if antialias:
        raise call.refuse("with antialias cannot be read")
    rank = input.dim() - 2
    fields = (
        dict(size=per(size), scale_factor=per(scale_factor))
        if scale_factor is None
        else dict(scale_factor=scales(scale_factor))
    )
    more: dict[str, Any] = dict(
        mode=mode, align_corners=bool(align_corners), recompute_scale_factor=bool(recompute_scale_factor)
    )
    batch = over(input, rank)
    return one(call, operation("upsample", rank, **fields, **more), input, batch)


def scales(value: Any) -> Any:
    return tuple(float(v) for v in value) if isinstance(value, list | tuple) else float(value)


@reads("pixel_shuffle")
def pixel_shuffle(call: Call, input: Tensor, upscale_factor: int) -> Any:
    batch = over(input, 2)
    return one(call, operation("pixel_shuffle", upscale_factor=upscale_factor), input, batch)


@reads("pixel_unshuffle")
def pixel_unshuffle(call: Call, input: Tensor, downscale_factor: int) -> Any:
    batch = over(input, 2)
    return one(call, operation("pixel_unshuffle", downscale_factor=downscale_factor), input, batch)


@reads("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(call: Call, input: Tensor, groups: int) -> Any:
    batch = folded(call, input)
    return one(call, operation("channel_shuffle", groups=groups), input, batch)


@reads("unfold")
def unfold(call: Call, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """F.unfold, and the method of the same name, which is another function."""
    return (windows if call.func is Tensor.unfold else columns)(call, input, *args, **kwargs)


def columns(
    call: Call, input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    fields = dict(
        kernel_size=per(kernel_size), dilation=per(dilation), padding=per(padding), stride=per(stride)
    )
    return one(call, operation("unfold", 2, **fields), input, 0)


@reads("pad")
def pad(call: Call, input: Tensor, pad: Ints, mode: str = "constant", value: float | None = None) -> Any:
    pairs = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2])]
    while pairs and pairs[-1] == (0, 0):
        pairs.pop()
    if not pairs:
        return call.same(input, call.batch(input))
    batch = without(call.batch(input), [-i - 1 for i in range(len(pairs))], input.dim())
    if input.dim() - (batch is not None) <= len(pairs):  # our op needs an axis in front of those that it pads
        batch = None
    if input.dim() == len(pairs):
        raise call.refuse("pads the batch axis too, which cannot be read")
    op = operation("pad", len(pairs), padding=tuple(reversed(pairs)), mode=mode, value=value or 0)
    return one(call, op, input, batch)
