"""Nets from three builders, as many courses write them: a conv layer, a block of them, and a transition.

Each returns an ``nn.Sequential`` of torch's own modules that trains, exports and reads (``convviz.read``) as any other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from convviz.build import build_module
from convviz.errors import ConvvizError, FieldError, nearest
from convviz.graph import Graph
from convviz.ops.base import shorten
from convviz.read import read
from convviz.runs.settings import one_of, real, whole
from convviz.runs.variants import WITHOUT, check_norm, varied
from convviz.train.ghost import GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d
from convviz.train.net import built

__all__ = [
    "GhostBatchNorm1d",
    "GhostBatchNorm2d",
    "GhostBatchNorm3d",
    "conv_block",
    "conv_layer",
    "module_of",
    "transition_block",
]

Size = int | Sequence[int]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "celu": nn.CELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "hardswish": nn.Hardswish,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}
DROPOUTS: dict[str, type[nn.Module]] = {
    "dropout": nn.Dropout,
    "dropout2d": nn.Dropout2d,
    "alpha_dropout": nn.AlphaDropout,
}
POOLS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
PARTS = ("conv", "activation", "norm", "dropout")
ORDER = "-".join(PARTS)


def conv_layer(
    in_channels: int,
    out_channels: int,
    kernel_size: Size = 3,
    *,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
    bias: bool = False,
    activation: str | None = "relu",
    norm: str | None = "batch",
    dropout: float = 0.0,
    dropout_kind: str = "dropout",
    order: str = ORDER,
) -> nn.Sequential:
    """A convolution with what goes with it, by default conv, activation, norm, dropout.

    norm: ``batch``, ``layer``, ``group:2`` (groups), ``ghost:2`` (splits of the batch), ``instance`` or None.
    ``layer`` is ``GroupNorm(1)``: the statistics of layer norm with a weight for each channel, so that it does not
    depend on the size of the map. activation: a name such as ``relu``, ``gelu``, ``leaky_relu``, or None.
    dropout: a rate; dropout_kind: ``dropout`` (single values), ``dropout2d`` (whole channels) or ``alpha_dropout``.
    order: all four parts, conv first, as ``conv-norm-activation-dropout``.
    The other arguments are those of :class:`torch.nn.Conv2d`. Raises ConvvizError that names the argument.

    >>> layer = conv_layer(1, 16, norm="group:4", dropout=0.1)
    >>> [type(part).__name__ for part in layer]
    ['Conv2d', 'ReLU', 'GroupNorm', 'Dropout']
    >>> layer.conv
    Conv2d(1, 16, kernel_size=(3, 3), stride=(1, 1), bias=False)
    >>> [name for name, _ in conv_layer(16, 8, 1, norm=None, activation=None).named_children()]
    ['conv']
    """
    channels = whole(1)("out_channels", out_channels)
    parts: dict[str, nn.Module | None] = {
        "conv": _conv(in_channels, channels, kernel_size, stride, padding, dilation, groups, bias),
        "activation": _activation(activation),
        "norm": _norm(norm, channels),
        "dropout": _dropout(dropout, dropout_kind),
    }
    return _sequence((name, parts[name]) for name in _ordered(order))


def conv_block(
    in_channels: int, channels: Sequence[int] = (10, 10, 10), kernel_size: Size = 3, **options: Any
) -> nn.Sequential:
    """One :func:`conv_layer` after the other, to ``channels[0]``, ``channels[1]`` ... channels.

    options: those of :func:`conv_layer`, the same for every layer. Raises ConvvizError that names the layer.

    >>> block = conv_block(1, (10, 12), norm="group:2", dropout=0.1)
    >>> [layer.conv.weight.shape[0] for layer in block], block[1].norm.num_groups
    ([10, 12], 2)
    """
    if not isinstance(channels, list | tuple) or not channels:
        raise FieldError(
            "channels", f"must be one number for each layer, as (10, 10, 10), got {shorten(channels)}"
        )
    _check_options(options, conv_layer)
    layers = []
    for i, (before, after) in enumerate(zip((in_channels, *channels), channels)):
        try:
            layers.append(conv_layer(before, after, kernel_size, **options))
        except ConvvizError as err:
            raise err.at(f"layer {i + 1}") from None
    return nn.Sequential(*layers)


def transition_block(
    in_channels: int,
    out_channels: int,
    pool: str = "max",
    *,
    pool_size: Size = 2,
    pool_first: bool = False,
    activation: str | None = None,
    norm: str | None = None,
    **options: Any,
) -> nn.Sequential:
    """A 1x1 convolution that changes the number of channels, and a pooling that halves the map.

    pool: ``max`` or ``avg``. The convolution is bare unless ``activation`` or ``norm`` are named; options: the others
    of :func:`conv_layer`. ``pool_first`` puts the pooling before it. Raises ConvvizError that names the argument.

    >>> transition_block(32, 10)
    Sequential(
      (conv): Conv2d(32, 10, kernel_size=(1, 1), stride=(1, 1), bias=False)
      (pool): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    )
    """
    one_of(*POOLS)("pool", pool)
    _check_options(options, conv_layer)
    if "kernel_size" in options:
        raise FieldError("kernel_size", "is 1 in a transition; conv_layer takes others")
    made = POOLS[pool](_size("pool_size", pool_size))
    layer = conv_layer(in_channels, out_channels, 1, activation=activation, norm=norm, **options)
    parts = list(layer.named_children())
    return _sequence([("pool", made), *parts] if pool_first else [*parts, ("pool", made)])


def module_of(
    source: str | Path | Graph | nn.Module,
    norm: str | None = None,
    dropout: str | float | None = None,
    seed: int | None = None,
) -> nn.Module:
    """The net of anything that ``convviz.read`` takes, as a module in training mode with fresh weights.

    norm: puts another in the place of the net's own (``group:2``, ``ghost:2``, ``layer``, ``without`` ...); dropout:
    another kind or rate (``dropout2d:0.1``, ``0.25``, ``without``). seed: draws the first weights that a training run
    of this seed starts from; None takes torch's own generator. Raises ConvvizError.

    >>> net = module_of("s6_bn", norm="group:2", seed=0)
    >>> sum(p.numel() for p in net.parameters())
    4700
    """
    graph = varied(read(source), norm, None if dropout is None else str(dropout))
    if seed is not None:
        return built(graph, whole(0, 2**31 - 1)("seed", seed))
    return build_module(graph)[0].train()


# -- parts --------------------------------------------------------------------------------------------------
def _conv(
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
    bias: bool,
) -> nn.Conv2d:
    ins, parts = whole(1)("in_channels", in_channels), whole(1)("groups", groups)
    for name, count in (("in_channels", ins), ("out_channels", out_channels)):
        if count % parts:
            raise FieldError("groups", f"must divide {name} ({count}), got {groups}")
    if isinstance(padding, str):
        one_of("same", "valid")("padding", padding)
        if padding == "same" and _size("stride", stride) not in (1, (1, 1)):
            raise FieldError("padding", "'same' goes with stride 1 only")
    else:
        padding = _size("padding", padding, 0)
    return nn.Conv2d(
        ins,
        out_channels,
        _size("kernel_size", kernel_size),
        _size("stride", stride),
        padding,
        _size("dilation", dilation),
        parts,
        bias,
    )


def _activation(name: str | None) -> nn.Module | None:
    if name is None:
        return None
    return ACTIVATIONS[one_of(*ACTIVATIONS)("activation", name)]()


def _norm(norm: str | None, channels: int) -> nn.Module | None:
    if norm is None:
        return None
    word, _, count = check_norm("norm", norm).partition(":")
    if word == WITHOUT:
        return None
    if word == "rms_norm":
        raise FieldError(
            "norm", "rms needs the size of the map, which a layer does not know; module_of takes it"
        )
    if word == "batch_norm":
        return nn.BatchNorm2d(channels)
    if word == "ghost_batch_norm":
        return GhostBatchNorm2d(channels, int(count))
    if word == "instance_norm":
        return nn.InstanceNorm2d(channels, affine=True)
    groups = 1 if word == "layer_norm" else int(count)
    if channels % groups:
        raise FieldError("norm", f"{groups} groups must divide the {channels} channels")
    return nn.GroupNorm(groups, channels)


def _dropout(rate: float, kind: str) -> nn.Module | None:
    made = DROPOUTS[one_of(*DROPOUTS)("dropout_kind", kind)]
    p = real(0, 1, open_high=True)("dropout", rate)
    return made(p) if p else None


def _ordered(order: str) -> list[str]:
    names = order.split("-") if isinstance(order, str) else []
    if sorted(names) != sorted(PARTS) or names[0] != "conv":
        raise FieldError("order", f"must be the four parts with conv first, as {ORDER}, got {shorten(order)}")
    return names


def _sequence(parts: Any) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, part) for name, part in parts if part is not None))


def _size(name: str, value: Any, low: int = 1) -> int | tuple[int, ...]:
    """A number, or one for height and one for width."""
    check = whole(low, 1_000_000)
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise FieldError(name, f"must be a number, or height and width, got {shorten(value)}")
        return tuple(check(name, item) for item in value)
    return check(name, value)


def _check_options(options: dict[str, Any], function: Any) -> None:
    known = function.__kwdefaults__
    for name in options:
        if name not in known and name != "kernel_size":
            raise FieldError(name, f"{function.__name__} takes no such argument{nearest(name, known)}")
