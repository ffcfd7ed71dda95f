"""What an op is called in a title, and its settings that are not torch's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convviz.ops.base import Op, Shape, squeeze
from convviz.ops.conv import Conv, ConvTranspose, is_depthwise
from convviz.ops.pool import AdaptivePool
from convviz.plan import words

NAMES = {
    "conv": "Convolution",
    "conv_transpose": "Transposed convolution",
    "max_pool": "Max pooling",
    "avg_pool": "Average pooling",
    "lp_pool": "Power pooling",
    "adaptive_avg_pool": "Adaptive average pooling",
    "adaptive_max_pool": "Adaptive max pooling",
    "global_avg_pool": "Global average pooling",
    "pixel_shuffle": "Pixel shuffle",
    "pixel_unshuffle": "Pixel unshuffle",
    "channel_shuffle": "Channel shuffle",
}
# Fields in the order in which a title tells them; what equals torch's default is left out.
DEFAULTS: dict[str, Any] = {
    "stride": 1,
    "padding": 0,
    "output_padding": 0,
    "dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
    "ceil_mode": False,
    "count_include_pad": True,
}
SWITCHES = {"ceil_mode": "ceil mode", "count_include_pad": "padding not counted"}


def name_of(op: Op, shape: Shape) -> str:
    """The op's name, with what makes it special: ``Depthwise convolution``."""
    name = NAMES.get(op.kind, op.kind.replace("_", " ").capitalize())
    if isinstance(op, AdaptivePool) and set(op.output_size) == {1}:
        return name.replace("Adaptive", "Global")
    if isinstance(op, Conv | ConvTranspose):
        if is_depthwise(op, shape):
            return f"Depthwise {name.lower()}"
        if op.groups > 1:
            return f"Grouped {name.lower()}"
        if isinstance(op, Conv) and set(op.kernel_size) == {1} and set(op.stride) == {1}:
            return f"Pointwise {name.lower()}"
    return name


def settings(op: Op) -> str:
    """``kernel 3×3, stride 2, padding 1``"""
    fields = op.fields()
    told = []
    if "kernel_size" in fields:
        told.append(f"kernel {words.size(fields['kernel_size'])}")
    for name, default in DEFAULTS.items():
        if name in fields and fields[name] is not None:
            value = plain(fields[name])
            if isinstance(value, bool):
                told += [SWITCHES[name]] * (value != default)
            elif value != default or (name == "stride" and op.kind.endswith("pool")):
                told.append(f"{name.replace('_', ' ')} {shown(value)}")
    for name in ("norm_type", "output_size", "upscale_factor", "downscale_factor"):
        if name in fields:
            told.append(f"{name.replace('_', ' ')} {shown(plain(fields[name]))}")
    return ", ".join(told)


def plain(value: Any) -> Any:
    """One number where all axes agree."""
    if isinstance(value, tuple):
        value = tuple(squeeze(v) if isinstance(v, tuple) else v for v in value)
        return squeeze(value)
    return value


def shown(value: Any) -> str:
    if value is None:
        return "kept"
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "(" + ", ".join(shown(v) for v in value) + ")"
    return str(value)


def headline(op: Op, shape: Shape, out: Shape) -> str:
    """``Max pooling: kernel 2×2, stride 2 on 1×4×4 gives 1×2×2``"""
    how = settings(op)
    on = f"{how} on {words.size(shape)}" if how else words.size(shape)
    return f"{name_of(op, shape)}: {on} gives {words.size(out)}"
