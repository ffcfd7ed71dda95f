"""Every kind of convolution between the same two channel counts, side by side.

Each kind is a real graph of one or two nodes; its parameters, MACs, shape and receptive field are what the ops say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, isqrt, prod
from typing import Any

from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import Field
from convviz.errors import ConvvizError, FieldError, nearest
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import Check, build, integer, one_or_list, per_axis
from convviz.ops.conv import depthwise, pointwise_conv, separable, spatially_separable

GROUPS = 4  # of the grouped conv, where nothing else is asked for

Stages = list[tuple[str, dict[str, Any]]]  # op and fields of each node, in order


@dataclass(frozen=True)
class Setting:
    """What all kinds share: channels, the input's spatial size, and the fields, one value for each spatial axis."""

    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    scale: tuple[int, ...]
    groups: tuple[int, ...]
    multipliers: tuple[int, ...] | None
    mids: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.size)

    def same(self, dilation: Sequence[int] | None = None) -> list[list[int]]:
        """Padding (before, after) that keeps the size at stride 1; an odd cell goes behind, as torch's ``same``."""
        total = [d * (k - 1) for k, d in zip(self.kernel_size, dilation or (1,) * self.rank, strict=True)]
        return [[t // 2, t - t // 2] for t in total]


@dataclass(frozen=True)
class Kind:
    """One kind of convolution: ``graph`` has no biases, ``biased`` is the same with them.

    normal, normal_biased: the plain conv that it is compared with.
    """

    kind: str
    name: str
    graph: Graph
    biased: Graph
    rf: Field
    normal: Graph
    normal_biased: Graph

    @property
    def out(self) -> tuple[int, ...]:
        return self.graph.shape(self.graph.outputs[0])

    @property
    def params(self) -> int:
        """Weights, without biases."""
        return self.graph.params

    @property
    def params_with_bias(self) -> int:
        return self.biased.params

    @property
    def macs(self) -> int:
        return self.graph.macs

    @property
    def params_ratio(self) -> Fraction:
        """Weights, as a part of the normal conv's."""
        return Fraction(self.params, self.normal.params)

    @property
    def params_ratio_with_bias(self) -> Fraction:
        """Weights and biases, as a part of the normal conv's."""
        return Fraction(self.params_with_bias, self.normal_biased.params)

    @property
    def macs_ratio(self) -> Fraction:
        return Fraction(self.macs, self.normal.macs)


@dataclass(frozen=True, repr=False)
class Kinds:
    """All kinds in the order of :data:`KINDS`; ``left_out`` tells why a kind is not among them."""

    setting: Setting
    kinds: tuple[Kind, ...]
    left_out: Mapping[str, str]

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, kind: str) -> Kind:
        """The first of a kind; raises ConvvizError for one that is not there."""
        for found in self.kinds:
            if kind in (found.kind, found.name):
                return found
        raise ConvvizError(f"no kind {kind!r} here{nearest(kind, [k.kind for k in self.kinds])}")

    @cached_property
    def break_even(self) -> Fraction | int | None:
        """Spatial separation saves weights with fewer channels between than this (None: one spatial axis)."""
        return break_even(self.setting.in_channels, self.setting.out_channels, self.setting.kernel_size)

    def _repr_html_(self) -> str:
        from convviz.report.kinds import render_kinds

        return render_kinds(self, "html")

    def __repr__(self) -> str:
        from convviz.report.kinds import render_kinds

        return render_kinds(self, "text")


def break_even(in_channels: int, out_channels: int, kernel_size: Sequence[int]) -> Fraction | int | None:
    """The width ``m`` between the stages of a spatially separable conv at which it has as many weights as a normal one.

    Two axes: ``m*(k_h*C_in + k_w*C_out) = k_h*k_w*C_in*C_out``, exactly. Three: the first whole m that saves nothing.
    One axis cannot be separated: None.

    >>> break_even(64, 128, (3, 3))
    Fraction(128, 1)
    """
    rank = len(kernel_size)
    if rank < 2:
        return None
    first, last, square = kernel_size[0], kernel_size[-1], sum(kernel_size[1:-1])
    normal = prod(kernel_size) * in_channels * out_channels
    linear = first * in_channels + last * out_channels
    if not square:
        return Fraction(normal, linear)
    # square*m^2 + linear*m >= normal: the root rounded down, then up to the first that fulfils it.
    m = (isqrt(linear * linear + 4 * square * normal) - linear) // (2 * square)
    while square * m * m + linear * m < normal:
        m += 1
    return m


def kinds(
    in_channels: int,
    out_channels: int,
    size: Sequence[int],
    *,
    kernel_size: Any = 3,
    stride: Any = 2,
    dilation: Any = 2,
    scale: Any = None,
    groups: Any = None,
    multiplier: Any = None,
    mid_channels: Any = None,
    only: Sequence[str] = (),
) -> Kinds:
    """All kinds of convolution from ``in_channels`` to ``out_channels`` on a map of ``size`` (one, two or three axes).

    kernel_size, stride (of strided and transposed), dilation, scale (of resize-conv and pixel shuffle; default: the
    stride): one value, or one for each axis. groups, multiplier, mid_channels: one value or several, a kind for each.
    Padding keeps the size where the stride is 1; upsampling kinds give ``stride`` (``scale``) times the size.
    only: the kinds that are wanted. Raises ConvvizError (FieldError names the field).
    Source of the counts: torch.nn.Conv2d, torch.nn.ConvTranspose2d; Howard et al., "MobileNets", 2017.

    >>> found = kinds(64, 128, (56, 56))
    >>> found["separable"].params, found["separable"].macs, found["separable"].params_ratio
    (8768, 27496448, Fraction(137, 1152))
    """
    wanted = [known_kind(name) for name in only] or list(KINDS)
    space: tuple[int, ...] = _checked("size", one_or_list(integer(1)), size, 0)
    rank = len(space)
    if not 1 <= rank <= 3:
        raise FieldError("size", f"must have one, two or three axes, got {rank}")
    axes = per_axis(integer(1))
    ins = _checked("in_channels", integer(1), in_channels, rank)
    outs = _checked("out_channels", integer(1), out_channels, rank)
    strides = _checked("stride", axes, stride, rank)
    setting = Setting(
        ins,
        outs,
        space,
        _checked("kernel_size", axes, kernel_size, rank),
        strides,
        _checked("dilation", axes, dilation, rank),
        strides if scale is None else _checked("scale", axes, scale, rank),
        _groups(groups, ins, outs),
        None if multiplier is None else _several("multiplier", multiplier),
        tuple(dict.fromkeys((outs, min(ins, outs))))
        if mid_channels is None
        else _several("mid_channels", mid_channels),
    )
    normal, normal_biased = (
        _graph("normal", *next(_normal(setting)), setting, bias) for bias in (False, True)
    )
    made, left_out = list[Kind](), dict[str, str]()
    for kind in KINDS:
        if kind not in wanted:
            continue
        try:
            for name, stages in KINDS[kind](setting):
                graph, biased = (_graph(kind, name, stages, setting, bias) for bias in (False, True))
                rf = receptive_field(graph)[graph.outputs[0]]
                assert rf is not None
                made.append(Kind(kind, name, graph, biased, rf, normal, normal_biased))
        except _Undefined as err:
            left_out[kind] = err.message
    if not made:
        raise ConvvizError(next(iter(left_out.values())))
    return Kinds(setting, tuple(made), left_out)


def known_kind(name: str) -> str:
    """The key of a kind, however its words are joined; raises ConvvizError for an unknown one.

    >>> known_kind("Depthwise separable"), known_kind("resize-conv")
    ('separable', 'resize_conv')
    """
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    key = ALSO.get(key, key)
    if key not in KINDS:
        raise ConvvizError(f"no kind {name!r}{nearest(key, KINDS)} (kinds: {', '.join(KINDS)})")
    return key


class _Undefined(ConvvizError):
    """A kind that the setting has no form of; it is left out, and the reason told."""


def _checked(name: str, check: Check, value: Any, rank: int) -> Any:
    try:
        return check(value, rank)
    except ValueError as err:
        raise FieldError(name, f"{err}, got {value!r}") from None


def _several(name: str, value: Any) -> tuple[int, ...]:
    values = _checked(name, one_or_list(integer(1)), value, 0)
    if not values:
        raise FieldError(name, "must be at least one whole number >= 1, got none")
    return tuple(dict.fromkeys(values))


def _groups(value: Any, ins: int, outs: int) -> tuple[int, ...]:
    """The groups asked for; by default 4, or what is nearest below it and divides both channel counts."""
    common = gcd(ins, outs)
    if value is None:
        fitting = [g for g in range(GROUPS, 1, -1) if common % g == 0]
        return tuple(fitting[:1])
    groups = _several("groups", value)
    for g in groups:
        if ins % g or outs % g:
            below, above = _divisors_around(common, g)
            near = f"{below}" if above is None else f"{below} and {above}"
            raise FieldError(
                "groups",
                f"must divide both {ins} input and {outs} output channels, got {g}; nearest that do: {near}",
            )
    return groups


def _divisors_around(n: int, g: int) -> tuple[int, int | None]:
    """The largest divisor of n below g, and the smallest above (None: there is none, or none is found quickly)."""
    reach = 100_000
    below = next((d for d in range(min(g - 1, n), max(0, g - reach), -1) if n % d == 0), 1)
    above = next((d for d in range(g + 1, min(n, g + reach) + 1) if n % d == 0), None)
    if above is None and g < n:
        above = n
    if g > n:
        below = n
    return below, above


def _graph(kind: str, name: str, stages: Stages, setting: Setting, bias: bool = False) -> Graph:
    builder = GraphBuilder(kind, {"input": (setting.in_channels, *setting.size)}, {"title": name})
    source = "input"
    for i, (op, fields) in enumerate(stages):
        values = fields | ({"bias": bias} if op.startswith("conv") else {})
        label = op if len(stages) == 1 else f"{op}{i + 1}"
        source = builder.add(label, build(op, values, setting.rank), [source]).name
    return builder.build()


# -- the kinds: what each is called and of which nodes it is made ------------------------------------------
Made = Iterator[tuple[str, Stages]]


def _base(s: Setting) -> dict[str, Any]:
    return {"out_channels": s.out_channels, "kernel_size": list(s.kernel_size), "padding": s.same()}


def _normal(s: Setting) -> Made:
    yield "normal", [("conv", _base(s))]


def _pointwise(s: Setting) -> Made:
    yield "pointwise", [("conv", f) for f in pointwise_conv(s.in_channels, {"out_channels": s.out_channels})]


def _grouped(s: Setting) -> Made:
    if not s.groups:
        raise _Undefined(
            f"grouped: {s.in_channels} input and {s.out_channels} output channels have no common "
            f"divisor from 2 to {GROUPS}; choose one with --groups"
        )
    for g in s.groups:
        yield f"grouped {g}", [("conv", _base(s) | {"groups": g})]


def _depthwise(s: Setting) -> Made:
    whole, rest = divmod(s.out_channels, s.in_channels)
    multipliers = s.multipliers or tuple(dict.fromkeys((1,) if rest else (1, whole)))
    for m in multipliers:
        fields = {"kernel_size": list(s.kernel_size), "padding": s.same(), "multiplier": m}
        name = "depthwise" if m == 1 else f"depthwise x{m}"
        yield name, [("conv", f) for f in depthwise(s.in_channels, fields)]


def _separable(s: Setting) -> Made:
    for m in s.multipliers or (1,):
        name = "depthwise separable" if m == 1 else f"depthwise separable x{m}"
        yield name, [("conv", f) for f in separable(s.in_channels, _base(s) | {"multiplier": m})]


def _spatial(s: Setting) -> Made:
    if s.rank < 2:
        raise _Undefined("spatially_separable: one spatial axis cannot be separated; it needs two or three")
    for mid in s.mids:
        stages = spatially_separable(s.in_channels, _base(s) | {"mid_channels": mid}, s.rank)
        yield f"spatially separable, mid {mid}", [("conv", f) for f in stages]


def _dilated(s: Setting) -> Made:
    dilated = {"dilation": list(s.dilation), "padding": s.same(s.dilation)}
    yield f"dilated {_joined(s.dilation)}", [("conv", _base(s) | dilated)]


def _strided(s: Setting) -> Made:
    yield f"strided {_joined(s.stride)}", [("conv", _base(s) | {"stride": list(s.stride)})]


def _transposed(s: Setting) -> Made:
    """The kernel as given, and, where the stride does not divide it, the next one that it divides."""
    next_one = tuple(-(-k // step) * step for k, step in zip(s.kernel_size, s.stride, strict=True))
    for kernel in dict.fromkeys((s.kernel_size, next_one)):
        pads, extra = zip(
            *(_upsampling(k, step) for k, step in zip(kernel, s.stride, strict=True)), strict=True
        )
        fields = {"kernel_size": list(kernel), "stride": list(s.stride), "padding": list(pads)}
        name = f"transposed {_joined(s.stride)}" + (
            f", kernel {_joined(kernel)}" if kernel != s.kernel_size else ""
        )
        yield (
            name,
            [("conv_transpose", fields | {"out_channels": s.out_channels, "output_padding": list(extra)})],
        )


def _upsampling(k: int, step: int) -> tuple[int, int]:
    """(padding, output_padding) with which a transposed conv gives ``step`` times the size.

    At stride 1 an even kernel cannot: there, one cell more.
    """
    if step == 1:
        return (k - 1) // 2, 0
    pad = max(0, -(-(k - step) // 2))
    return pad, 2 * pad - (k - step)


def _resize(s: Setting) -> Made:
    yield (
        f"resize-conv {_joined(s.scale)}",
        [("upsample", {"scale_factor": list(s.scale)}), ("conv", _base(s))],
    )


def _shuffle(s: Setting) -> Made:
    if len(set(s.scale)) > 1:
        raise _Undefined(f"pixel_shuffle: needs one --scale for all axes, got {_joined(s.scale)}")
    r = s.scale[0]
    fields = _base(s) | {"out_channels": s.out_channels * r**s.rank}
    yield f"conv + pixel shuffle {r}", [("conv", fields), ("pixel_shuffle", {"upscale_factor": r})]


def _joined(values: Sequence[int]) -> str:
    return "x".join(map(str, values[:1] if len(set(values)) == 1 else values))


KINDS: dict[str, Callable[[Setting], Made]] = {
    "normal": _normal,
    "pointwise": _pointwise,
    "grouped": _grouped,
    "depthwise": _depthwise,
    "separable": _separable,
    "spatially_separable": _spatial,
    "dilated": _dilated,
    "strided": _strided,
    "transposed": _transposed,
    "resize_conv": _resize,
    "pixel_shuffle": _shuffle,
}
ALSO = {
    "depthwise_separable": "separable",
    "spatial": "spatially_separable",
    "upsample_conv": "resize_conv",
    "resize": "resize_conv",
    "shuffle": "pixel_shuffle",
    "conv_+_pixel_shuffle": "pixel_shuffle",
    "deconvolution": "transposed",
    "group": "grouped",
}
