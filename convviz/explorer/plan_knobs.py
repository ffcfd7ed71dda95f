"""What a reader can turn on the page of any op: values that its declared fields can take, found by trying them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from itertools import combinations, permutations, product
from math import prod
from typing import Any

from convviz.errors import ConvvizError
from convviz.explorer.knobs import Knob, label, place, with_own, written
from convviz.ops.base import OPS, Shape
from convviz.plan import words
from convviz.plan.model import Plan
from convviz.plan.titles import plain, shown


@dataclass(frozen=True)
class FieldKnob(Knob):
    """A knob whose values may be fractions, lists and None."""

    def data(self) -> dict[str, Any]:
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)
        return {**super().data(), "labels": [told(self.field, v) for v in self.values], "slider": numbers}


def told(field: str, value: Any) -> str:
    """A value as the page names it.

    >>> told("size", (3, 4)), told("dims", (0, 2, 1)), told("end", None), told("p", 0.25)
    ('3×4', '(0, 2, 1)', 'none', '0.25')
    """
    if value is None:
        return "none"
    if isinstance(value, tuple) and field not in ("size", INPUT):
        return shown(plain(value)) if len(value) > 1 else shown(value[0])
    return words.size(value) if isinstance(value, tuple) else label(value)


Make = Callable[[Mapping[str, Any]], Plan]
MOST = 8  # values of one knob
# Numbers that say something, where neighbours of the value that stands would say less.
TYPICAL: dict[str, tuple[Any, ...]] = {
    "p": (0, 0.1, 0.25, 0.5, 0.75, 0.9),
    "normalize.p": (1, 2, 3),
    "local_response_norm.alpha": (0.0001, 0.01, 0.1, 1),
    "negative_slope": (0, 0.01, 0.1, 0.3, 1),
    "alpha": (0.1, 0.5, 1, 2),
    "beta": (0.5, 0.75, 1, 2, 4),
    "lambd": (0, 0.25, 0.5, 1, 2),
    "k": (1, 2),
    "init": (0, 0.1, 0.25, 0.5),
    "eps": (1e-12, 1e-5, 0.1, 1),
    "threshold": (-1, 0, 1, 2, 20),
    "value": (-1, 0, 1, 6),
    "exponent": (-1, 0.5, 1, 2, 3),
    "min_val": (-2, -1, 0),
    "max_val": (1, 2, 6),
    "min": (None, -2, -1, 0, 1),
    "max": (None, 0, 1, 2, 3),
    "other": (None, -1, 2, 0.5),
    "scale": (None, 0.5, 1, 2),
    "norm_type": (1, 2, 3),
    "scale_factor": (0.5, 1, 1.5, 2, 3),
    "start": (-2, -1, 0, 1, 2),
    "end": (None, -1, 1, 2, 3),
    "step": (1, 2, 3),
    "index": (0, 1, 2),
    "shifts": (-2, -1, 0, 1, 2),
    "out_channels": (1, 2, 3, 4),
    "upscale_factor": (1, 2, 3),
    "hidden_size": (1, 2, 3),
    "num_layers": (1, 2),
    "num_heads": (1, 2, 3, 4),
    "multiplier": (1, 2),
    "mid_channels": (1, 2, 3),
}  # fmt: skip
# Of forms, which have no class of their own: fields that all of them take, as one would write them.
FORMS: dict[str, tuple[Any, ...]] = {
    "kernel_size": (1, 2, 3),
    "stride": (1, 2),
    "padding": (0, 1, 2),
    "dilation": (1, 2),
    "out_channels": (1, 2, 3),
    "bias": (True, False),
    "scale_factor": (1, 2, 3),
    "upscale_factor": (1, 2, 3),
    "mode": ("nearest", "bilinear"),
    "multiplier": (1, 2),
    "mid_channels": (1, 2),
}
# Shapes on which an op can be shown beside its example: a vector, a row, a table, maps, a volume.
INPUT = "input"
SHAPES: tuple[Shape, ...] = ((4,), (2, 5), (3, 3), (2, 3, 3), (1, 4, 5), (4, 2, 2), (2, 2, 2, 2))
ALONG_AXES = {
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "scale_factor",
}  # one number stands for all axes
STANDING: dict[str, Any] = {
    "stride": 1, "padding": 0, "dilation": 1, "bias": True, "mode": "nearest", "multiplier": 1, "mid_channels": None,
}  # fmt: skip


def candidates(kind: str, name: str, value: Any, ins: Sequence[Shape]) -> tuple[Any, ...]:
    """Values that a field of an op might take on inputs of these shapes, beside the one that it has."""
    if name == INPUT:
        return ((2,), (4,), (6,), (3, 4)) if kind == "linear" else SHAPES
    if kind not in OPS:
        return FORMS.get(name, ())
    shape = ins[0]
    lists = of_lists(kind, name, shape)
    if lists is not None:
        return lists
    if name in ("dim", "start_dim", "end_dim"):
        return tuple(range(1, len(shape) + (2 if kind == "stack" else 1)))
    (check,) = (f.metadata["check"] for f in dataclass_fields(OPS[kind]) if f.name == name)
    return declared(check, f"{kind}.{name}" if f"{kind}.{name}" in TYPICAL else name, value)


def declared(check: Callable[..., Any], name: str, value: Any) -> tuple[Any, ...]:
    """What the check of a field lets through: choices, both booleans, the numbers around the one that stands."""
    parts = inspect.getclosurevars(check).nonlocals
    if "options" in parts:
        return tuple(parts["options"])
    if name in TYPICAL:
        return TYPICAL[name]
    if "inner" in parts:
        return declared(parts["inner"], name, value)
    if isinstance(value, bool) or check.__name__ == "boolean":
        return (False, True)
    value = written(value)
    if isinstance(value, int):
        return tuple(range(value - 2, value + 3))
    if isinstance(value, float):
        return (value / 2, value, value * 2)
    return (1, 2, 3) if "low" in parts or check.__name__ == "taps" else ()


def of_lists(kind: str, name: str, shape: Shape) -> tuple[Any, ...] | None:
    """Lists that fit the input, for the fields that take lists; None for all others."""
    rank = len(shape)
    if (kind, name) == ("permute", "dims"):
        return tuple((0, *order) for order in permutations(range(1, rank + 1)))
    if (kind, name) == ("reshape", "size"):
        return factorings(prod(shape))
    if (kind, name) == ("expand", "size"):
        return tuple(tuple(n * more if n == 1 else n for n in shape) for more in (1, 2, 3, 4))
    if name == "dims":
        axes = range(1, rank + 1)
        return tuple(some for n in axes for some in combinations(axes, n))
    if (kind, name) == ("einsum", "equation"):
        return ("nij,njk->nik", "nij,njk->nki", "nij,njk->nj", "nij,nkl->nik")
    if name == "padding" and kind in ("pad", "crop"):
        return (0, 1, 2, *(((before, after),) * (rank - 1) for before, after in ((1, 0), (0, 1), (2, 1))))
    return None


def factorings(cells: int) -> tuple[tuple[int, ...], ...]:
    """Shapes of as many cells: one axis, two, and three."""
    found: list[tuple[int, ...]] = [(cells,)]
    found += [(n, cells // n) for n in range(2, cells) if cells % n == 0]
    found += [
        (a, b, cells // a // b)
        for a in range(2, cells)
        for b in range(2, cells)
        if cells % (a * b) == 0 and cells // a // b > 1
    ]
    return tuple(found[:MOST])


# -- which of them can be -------------------------------------------------------------------------------------
class Tried:
    """Plans by the fields that differ from those that stand, each made once; a refusal is kept as its text."""

    def __init__(self, make: Make, own: Mapping[str, Any]) -> None:
        self.make, self.own = make, dict(own)
        self.known: dict[str, Plan | str] = {}

    def __call__(self, changed: Mapping[str, Any]) -> Plan | str:
        real = {name: value for name, value in changed.items() if value != self.own.get(name)}
        key = repr(sorted(real.items()))
        if key not in self.known:
            try:
                self.known[key] = self.make(real)
            except ConvvizError as err:
                self.known[key] = err.message
        return self.known[key]


def knobs_of(
    tried: Tried, kind: str, own: Mapping[str, Any], ins: Sequence[Shape], given: Sequence[str] = ()
) -> list[Knob]:
    """The knobs of an op: fields for which some other value gives a plan, alone or together with one other field.

    own: the fields that stand; given: those that the caller named, which come first. Fields that change nothing of
    the picture are left out where others do.
    """
    wanted = {name: candidates(kind, name, value, ins) for name, value in own.items()}
    switches = [(n, v) for n, values in wanted.items() for v in values if isinstance(v, str | bool)]
    found: list[tuple[bool, Knob]] = []
    for name, values in wanted.items():
        standing = written(own[name]) if name in ALONG_AXES or kind == "upsample" else own[name]
        plans = {}
        for value in values:
            if same(name, value, standing):
                continue
            alone = tried({name: value})
            pairs = (tried({name: value, other: on}) for other, on in switches if other != name)
            fits = alone if isinstance(alone, Plan) else next((p for p in pairs if isinstance(p, Plan)), None)
            if fits is not None:
                plans[value] = fits
        if plans:
            left = [v for v in values if v in plans or same(name, v, standing)]
            if not any(same(name, v, standing) for v in left):
                left = list(with_own(tuple(left), standing))
            if all(isinstance(v, int | float) for v in left):
                left.sort()
            at = next(i for i, v in enumerate(left) if same(name, v, standing))
            low = min(max(0, at - MOST // 2), max(0, len(left) - MOST))
            knob = FieldKnob(name, tuple(left[low : low + MOST]), at - low)
            now = tried({})
            shows = any(isinstance(now, Plan) and p.steps != now.steps for p in plans.values())
            found.append((shows, knob))
    telling = [knob for shows, knob in found if knob.field != INPUT and (shows or knob.field in given)]
    kept = telling or [knob for _, knob in found if knob.field != INPUT]
    kept.sort(key=lambda knob: knob.field not in given)
    return [*kept, *(knob for _, knob in found if knob.field == INPUT)]


def same(field: str, a: Any, b: Any) -> bool:
    """Whether the page names two values alike: 2 and (2, 2), 1 and 1.0, but not 1 and True."""
    return told(field, a) == told(field, b)


def nearest_first(found: Sequence[Knob]) -> Iterator[dict[str, Any]]:
    """Every setting, those with the fewest knobs turned first, and turned the least."""
    starts = [knob.start for knob in found]

    def turned(at: tuple[int, ...]) -> tuple[int, int]:
        away = [abs(i - start) for i, start in zip(at, starts, strict=True)]
        return sum(map(bool, away)), sum(away)

    for at in sorted(product(*(range(len(knob.values)) for knob in found)), key=turned):
        yield {knob.field: knob.values[i] for knob, i in zip(found, at, strict=True)}


def pruned(found: Sequence[Knob], settings: Sequence[Mapping[str, Any]]) -> list[Knob]:
    """The knobs with the values that occur in some setting; without those that have one value only."""
    left = []
    for knob in found:
        used = [
            i
            for i, v in enumerate(knob.values)
            if any(same(knob.field, one[knob.field], v) for one in settings)
        ]
        if len(used) > 1:
            values = tuple(knob.values[i] for i in used)
            left.append(replace(knob, values=values, start=used.index(knob.start)))
    return left


def number_of(found: Sequence[Knob], setting: Mapping[str, Any]) -> int:
    """The number of a setting among all, the last knob turning fastest."""
    at = [next(i for i, v in enumerate(k.values) if same(k.field, v, setting[k.field])) for k in found]
    return place(found, at)
