"""Convolution and transposed convolution, and the named forms that are only settings of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    Code,
    Op,
    Shape,
    Weights,
    boolean,
    choice,
    integer,
    map_reads,
    paddings,
    per_axis,
    register,
    spec,
    split_map,
    squeeze,
    taps,
)
from convviz.ops.relations import Blocks, Window

BORDERS = ("zeros", "reflect", "replicate", "circular")
PAD_MODE = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
NUMPY_PAD = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@register
class Conv(Op):
    """Convolution: ``o = floor((n + before + after - dilation*(kernel_size - 1) - 1) / stride) + 1`` along each axis.

    Source: torch.nn.Conv2d; Dumoulin and Visin 2016, relationship 6.
    """

    kind: ClassVar[str] = "conv"
    elementwise: ClassVar[bool] = False
    out_channels: int = spec(integer(1))
    kernel_size: tuple[int, ...] = spec(per_axis(taps))
    stride: tuple[int, ...] = spec(per_axis(integer(1)), 1)
    padding: tuple[tuple[int, int], ...] | str = spec(paddings(0, ("same", "valid")), 0)
    dilation: tuple[int, ...] = spec(per_axis(integer(1)), 1)
    groups: int = spec(integer(1), 1)
    bias: bool = spec(boolean, True)
    padding_mode: str = spec(choice(*BORDERS), "zeros")

    @property
    def rank(self) -> int:
        return len(self.kernel_size)

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Cells added (before, after) each axis; ``same`` puts an odd cell behind, as torch does."""
        if self.padding == "valid":
            return ((0, 0),) * self.rank
        if isinstance(self.padding, str):
            if any(s != 1 for s in self.stride):
                raise FieldError("padding", f"'same' needs stride 1, got stride {squeeze(self.stride)}")
            total = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            return tuple((t // 2, t - t // 2) for t in total)
        return self.padding

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], self.rank, self.kind)
        check_groups(self.groups, channels, self.out_channels)
        pads = self.pads()
        check_border(self.padding_mode, pads, space)
        out = [
            window_size(n, k, s, d, before, after)
            for n, k, s, d, (before, after) in zip(
                space, self.kernel_size, self.stride, self.dilation, pads, strict=True
            )
        ]
        return (*lead, self.out_channels, *out)

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        _, channels, _ = split_map(ins[0], self.rank, self.kind)
        weight = {"weight": (self.out_channels, channels // self.groups, *self.kernel_size)}
        return weight | ({"bias": (self.out_channels,)} if self.bias else {})

    def macs(self, *ins: Shape) -> int:
        lead, _, space = split_map(self.shape(*ins), self.rank, self.kind)
        return prod(self.weights(*ins)["weight"]) * prod(space) * prod(lead)

    def windows(self) -> tuple[Window, ...]:
        """One record for each spatial axis."""
        return tuple(
            Window(k, s, d, before, border=self.padding_mode)
            for k, s, d, (before, _) in zip(
                self.kernel_size, self.stride, self.dilation, self.pads(), strict=True
            )
        )

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        _, channels, _ = split_map(ins[0], self.rank, self.kind)
        block = Blocks(channels // self.groups, self.out_channels // self.groups)
        return (map_reads(ins[0], self.rank, block, self.windows()),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        x, lead = flatten_lead(xs[0], self.rank)
        x = np.pad(x, [(0, 0), (0, 0), *self.pads()], mode=NUMPY_PAD[self.padding_mode])  # type: ignore[call-overload]
        win = patches(x, self.kernel_size, self.stride, self.dilation)  # N, C, *out, *k
        g, w = self.groups, weights["weight"]
        win = win.reshape(win.shape[0], g, win.shape[1] // g, *win.shape[2:])
        w = w.reshape(g, w.shape[0] // g, *w.shape[1:])
        r = self.rank
        kernel_axes = [2, *range(3 + r, 3 + 2 * r)]
        y = np.stack(
            [
                np.tensordot(win[:, i], w[i], ([a - 1 for a in kernel_axes], list(range(1, 2 + r))))
                for i in range(g)
            ],
            -2,
        )
        y = np.moveaxis(y.reshape(*y.shape[:-2], -1), -1, 1)
        return unflatten_lead(add_bias(y, weights), lead)

    def torch(self, *ins: Shape) -> Code:
        _, channels, _ = split_map(ins[0], self.rank, self.kind)
        pads, outer = self.pads(), ""
        extra: dict[str, Any] = {}
        if isinstance(self.padding, str) or any(a != b for a, b in pads):
            if self.padding == "valid" or not any(a or b for a, b in pads):
                pass
            elif self.padding == "same":
                extra["padding"] = "same"
            else:
                outer = f"F.pad({{0}}, {flat_pads(pads)!r}, mode={PAD_MODE[self.padding_mode]!r})"
        elif any(a for a, _ in pads):
            extra["padding"] = squeeze([a for a, _ in pads])
        if any(s != 1 for s in self.stride):
            extra["stride"] = squeeze(self.stride)
        if any(d != 1 for d in self.dilation):
            extra["dilation"] = squeeze(self.dilation)
        if self.groups != 1:
            extra["groups"] = self.groups
        if not self.bias:
            extra["bias"] = False
        if self.padding_mode != "zeros" and not outer:
            extra["padding_mode"] = self.padding_mode
        args = "".join(f", {k}={v!r}" for k, v in extra.items())
        module = f"nn.Conv{self.rank}d({channels}, {self.out_channels}, {squeeze(self.kernel_size)}{args})"
        return Code(module, f"{{self}}({outer})" if outer else "{self}({0})")


@register
class ConvTranspose(Op):
    """Transposed convolution: ``o = (n - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1``.

    Not an inverse of convolution ("deconvolution"): it has the transposed matrix. Source: torch.nn.ConvTranspose2d.
    """

    kind: ClassVar[str] = "conv_transpose"
    elementwise: ClassVar[bool] = False
    out_channels: int = spec(integer(1))
    kernel_size: tuple[int, ...] = spec(per_axis(taps))
    stride: tuple[int, ...] = spec(per_axis(integer(1)), 1)
    padding: tuple[int, ...] = spec(per_axis(integer(0)), 0)
    output_padding: tuple[int, ...] = spec(per_axis(integer(0)), 0)
    dilation: tuple[int, ...] = spec(per_axis(integer(1)), 1)
    groups: int = spec(integer(1), 1)
    bias: bool = spec(boolean, True)

    @property
    def rank(self) -> int:
        return len(self.kernel_size)

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], self.rank, self.kind)
        check_groups(self.groups, channels, self.out_channels)
        out = []
        for n, k, s, p, q, d in zip(
            space,
            self.kernel_size,
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
            strict=True,
        ):
            if q >= max(s, d):
                raise FieldError(
                    "output_padding",
                    f"must be smaller than stride or dilation (the larger is {max(s, d)}), got {q}",
                )
            size = (n - 1) * s - 2 * p + d * (k - 1) + q + 1
            if size < 1:
                raise ShapeError(
                    f"nothing is left: padding {p} crops {2 * p} of {size + 2 * p} outputs; "
                    f"use padding <= {(size + 2 * p - 1) // 2}"
                )
            out.append(size)
        return (*lead, self.out_channels, *out)

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        _, channels, _ = split_map(ins[0], self.rank, self.kind)
        weight = {"weight": (channels, self.out_channels // self.groups, *self.kernel_size)}
        return weight | ({"bias": (self.out_channels,)} if self.bias else {})

    def macs(self, *ins: Shape) -> int:
        lead, _, space = split_map(ins[0], self.rank, self.kind)
        return prod(self.weights(*ins)["weight"]) * prod(space) * prod(lead)

    def windows(self) -> tuple[Window, ...]:
        """One record for each spatial axis: the kernel runs backwards over the zero-stuffed input."""
        return tuple(
            Window(k, 1, -d, -p, up=s)
            for k, s, d, p in zip(self.kernel_size, self.stride, self.dilation, self.padding, strict=True)
        )

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        _, channels, _ = split_map(ins[0], self.rank, self.kind)
        block = Blocks(channels // self.groups, self.out_channels // self.groups)
        return (map_reads(ins[0], self.rank, block, self.windows()),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        x, lead = flatten_lead(xs[0], self.rank)
        n, c, *space = x.shape
        out_c, *out = self.shape(x.shape[1:])
        full = [
            max((m - 1) * s + d * (k - 1) + 1 + q, 1)
            for m, s, d, k, q in zip(
                space, self.stride, self.dilation, self.kernel_size, self.output_padding, strict=True
            )
        ]
        g, w = self.groups, weights["weight"]
        y = np.zeros((n, out_c, *full), dtype=np.result_type(x, w))
        xg = x.reshape(n, g, c // g, *space)
        wg = w.reshape(g, c // g, *w.shape[1:])
        for t in np.ndindex(
            *self.kernel_size
        ):  # scatter: every input adds its multiple of the kernel to the output
            part = np.einsum("ngc...,gco->ngo...", xg, wg[(..., *t)])
            where = tuple(
                slice(d * i, d * i + s * (m - 1) + 1, s)
                for i, d, s, m in zip(t, self.dilation, self.stride, space, strict=True)
            )
            y[(slice(None), slice(None), *where)] += part.reshape(n, out_c, *space)
        crop = tuple(slice(p, p + m) for p, m in zip(self.padding, out, strict=True))
        return unflatten_lead(add_bias(y[(slice(None), slice(None), *crop)], weights), lead)

    def torch(self, *ins: Shape) -> Code:
        _, channels, _ = split_map(ins[0], self.rank, self.kind)
        extra: dict[str, Any] = {
            name: squeeze(getattr(self, name))
            for name, default in (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1))
            if any(v != default for v in getattr(self, name))
        }
        if self.groups != 1:
            extra["groups"] = self.groups
        if not self.bias:
            extra["bias"] = False
        args = "".join(f", {k}={v!r}" for k, v in extra.items())
        return Code(
            f"nn.ConvTranspose{self.rank}d({channels}, {self.out_channels}, {squeeze(self.kernel_size)}{args})"
        )


def is_depthwise(op: Op, shape: Shape) -> bool:
    """Whether a conv or transposed conv on a map of this shape has a group for each of several channels."""
    assert isinstance(op, Conv | ConvTranspose)
    _, channels, _ = split_map(shape, op.rank, op.kind)
    return op.groups == channels > 1


# -- the named forms: functions that return the fields of `conv` nodes -------------------------------
def depthwise(channels: int, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields of a depthwise conv: one filter (or ``multiplier`` of them) for every input channel."""
    rest = dict(fields)
    for name in ("out_channels", "groups"):
        if name in rest:
            raise FieldError(
                name,
                "follows from the input in a depthwise conv (use multiplier for more filters per channel)",
            )
    multiplier = integer_field("multiplier", rest.pop("multiplier", 1))
    return [{**rest, "out_channels": channels * multiplier, "groups": channels}]


def pointwise_conv(channels: int, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields of a 1x1 conv."""
    if "kernel_size" in fields:
        raise FieldError("kernel_size", f"is 1 in a pointwise conv, got {fields['kernel_size']!r}")
    return [{**fields, "kernel_size": 1}]


def separable(channels: int, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields of a depthwise conv and the pointwise conv behind it."""
    rest = dict(fields)
    out = rest.pop("out_channels", None)
    if out is None:
        raise FieldError("out_channels", "separable_conv needs out_channels")
    bias = rest.get("bias", True)
    return [*depthwise(channels, rest), {"out_channels": out, "kernel_size": 1, "bias": bias}]


def spatially_separable(channels: int, fields: Mapping[str, Any], rank: int = 2) -> list[dict[str, Any]]:
    """Fields of one conv for each spatial axis: k x 1, then 1 x k, ``mid_channels`` (out_channels) between."""
    rest = dict(fields)
    out = rest.pop("out_channels", None)
    kernel = rest.pop("kernel_size", None)
    for name, value in (("out_channels", out), ("kernel_size", kernel)):
        if value is None:
            raise FieldError(name, f"spatially_separable_conv needs {name}")
    mid = rest.pop("mid_channels", out)
    each = {
        "kernel_size": (kernel, 1),
        "stride": (rest.pop("stride", 1), 1),
        "dilation": (rest.pop("dilation", 1), 1),
    }
    padding = rest.pop("padding", 0)
    stages = []
    for a in range(rank):
        stage = dict(rest)
        for name, (value, neutral) in each.items():
            values = list(value) if isinstance(value, list | tuple) else [value] * rank
            if len(values) != rank:
                raise FieldError(
                    name, f"must be one value or a list of {rank}, one for each spatial axis, got {value!r}"
                )
            stage[name] = [values[i] if i == a else neutral for i in range(rank)]
        if isinstance(padding, str):
            stage["padding"] = padding
        else:
            pads = list(padding) if isinstance(padding, list | tuple) else [padding] * rank
            if len(pads) != rank:
                raise FieldError(
                    "padding",
                    f"must be one value or a list of {rank}, one for each spatial axis, got {padding!r}",
                )
            stage["padding"] = [pads[i] if i == a else 0 for i in range(rank)]
        stage["out_channels"] = out if a == rank - 1 else mid
        stages.append(stage)
    return stages


# -- shared by windowed ops --------------------------------------------------------------------------
def window_size(n: int, k: int, s: int, d: int, before: int, after: int, ceil: bool = False) -> int:
    """Outputs of a window along one axis; raises ShapeError where the kernel does not fit."""
    room = n + before + after - d * (k - 1) - 1
    size = room // s + 1
    if ceil and room % s and size * s < n + before:
        size += 1
    if size < 1:
        need = d * (k - 1) + 1
        span = f"kernel_size {k}" + (f" with dilation {d} (spans {need})" if d > 1 else "")
        least = need - before - after - (s - 1 if ceil else 0)
        raise ShapeError(
            f"{span} is larger than the padded input {n + before + after}; "
            f"the input must be at least {max(least, 1)} here"
        )
    return size


def check_groups(groups: int, channels: int, out_channels: int) -> None:
    for name, value in (("input channels", channels), ("out_channels", out_channels)):
        if value % groups:
            raise FieldError("groups", f"{name} (={value}) must be divisible by groups (={groups})")


def check_border(mode: str, pads: tuple[tuple[int, int], ...], space: Shape) -> None:
    """Torch's limits: reflection pads less than the input, circular padding at most the input."""
    for (before, after), n in zip(pads, space, strict=True):
        limit = {"reflect": n - 1, "circular": n}.get(mode)
        if limit is not None and max(before, after) > limit:
            raise FieldError(
                "padding",
                f"{mode} padding must be at most {limit} for an input of {n}, got {max(before, after)}",
            )


def patches(x: Array, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """All windows of ``x`` (N, C, *space) as a view (N, C, *out, *kernel)."""
    r = len(kernel)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    win = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + r)))
    index = [
        slice(None),
        slice(None),
        *(slice(None, None, s) for s in stride),
        *(slice(None, None, d) for d in dilation),
    ]
    return win[tuple(index)]


def add_bias(y: Array, weights: Weights) -> Array:
    if "bias" not in weights:
        return y
    return y + weights["bias"].reshape(1, -1, *(1,) * (y.ndim - 2))


def flatten_lead(x: Array, rank: int) -> tuple[Array, Shape]:
    """Merge the axes in front of the channels into one batch axis."""
    lead = x.shape[: x.ndim - rank - 1]
    return x.reshape(prod(lead), *x.shape[len(lead) :]), lead


def unflatten_lead(y: Array, lead: Shape) -> Array:
    return y.reshape(*lead, *y.shape[1:])


def flat_pads(pads: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Torch's order for F.pad: last axis first."""
    return tuple(v for pair in reversed(pads) for v in pair)


def integer_field(name: str, value: Any) -> int:
    try:
        return integer(1)(value, 0)  # type: ignore[no-any-return]
    except ValueError as err:
        raise FieldError(name, f"{err}, got {value!r}") from None


# name as written -> (names of the parts, function that gives the fields of each part)
SUGAR = {
    "depthwise_conv": (("",), lambda channels, fields, rank: depthwise(channels, fields)),
    "pointwise_conv": (("",), lambda channels, fields, rank: pointwise_conv(channels, fields)),
    "separable_conv": (
        ("depthwise", "pointwise"),
        lambda channels, fields, rank: separable(channels, fields),
    ),
    "spatially_separable_conv": (None, spatially_separable),  # one part for each spatial axis
}


def expand(kind: str, fields: Mapping[str, Any], shape: Shape) -> list[tuple[str, dict[str, Any]]]:
    """The ``conv`` nodes behind a named form: (name of the part, its fields) in order.

    >>> expand("depthwise_conv", {"kernel_size": 3}, (8, 5, 5))
    [('', {'kernel_size': 3, 'out_channels': 8, 'groups': 8})]
    """
    names, form = SUGAR[kind]
    rank = len(shape) - 1
    parts = form(shape[0], fields, rank)
    return list(zip(names or [f"axis{i}" for i in range(rank)], parts, strict=True))
