"""What a reader can turn on an op's page: fields, the values that each may take, and which of them go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from convviz.ops.base import Shape
from convviz.plan import words
from convviz.plan.titles import plain, shown

# Knobs that are no fields of an op but say what it is shown on: channels, and the cells along every axis of space.
CHANNELS, SIZE = "in_channels", "input_size"
FEW = (1, 2, 3, 4)
BORDERS = ("zeros", "reflect", "replicate", "circular")
WINDOW = {"kernel_size": (1, 2, 3, 4, 5), "stride": (1, 2, 3), "padding": (0, 1, 2)}
IN_OUT = {CHANNELS: FEW, "out_channels": FEW, "groups": FEW}
POOL = {"kernel_size": FEW, "stride": FEW, "padding": (0, 1, 2)}
# For every op its knobs in the order of the page, with the values that still fit on a small map (those of the size
# follow from the input).
TABLE: dict[str, dict[str, tuple[Any, ...]]] = {
    "conv": {
        **WINDOW, "dilation": (1, 2, 3), SIZE: (), **IN_OUT, "padding_mode": BORDERS, "bias": (True, False),
    },
    "conv_transpose": {
        **WINDOW, "output_padding": (0, 1, 2), "dilation": (1, 2), SIZE: (), **IN_OUT, "bias": (True, False),
    },
    "max_pool": {**POOL, "dilation": (1, 2), SIZE: (), CHANNELS: (1, 2, 3), "ceil_mode": (False, True)},
    "avg_pool": {
        **POOL, SIZE: (), CHANNELS: (1, 2, 3), "ceil_mode": (False, True), "count_include_pad": (True, False),
    },
    "adaptive_avg_pool": {"output_size": (1, 2, 3, 4, 5, 6), SIZE: (), CHANNELS: (1, 2, 3)},
    "adaptive_max_pool": {"output_size": (1, 2, 3, 4, 5, 6), SIZE: (), CHANNELS: (1, 2, 3)},
    "global_avg_pool": {SIZE: (), CHANNELS: FEW},
    "pixel_shuffle": {"upscale_factor": FEW, SIZE: (), CHANNELS: (1, 4, 8, 9, 16, 27)},
    "pixel_unshuffle": {"downscale_factor": FEW, SIZE: (), CHANNELS: (1, 2, 3)},
    "channel_shuffle": {"groups": (1, 2, 3, 4, 6, 8), CHANNELS: (2, 3, 4, 6, 8, 9, 12), SIZE: ()},
}  # fmt: skip
Region = Mapping[str, Sequence[Any] | None]  # None: all values of the knob
Box = list[list[int]]  # for each knob the values that go together, by their numbers
SOME: dict[str, Sequence[Any]] = {"kernel_size": (1, 2, 3), "stride": (1, 2), "padding": (0, 1)}
CLASSIC = dict.fromkeys((*WINDOW, "dilation"))
MIXED = dict.fromkeys(IN_OUT)
TWO: dict[str, Sequence[Any]] = dict.fromkeys((*IN_OUT, "stride", "dilation"), (1, 2))
EACH = {**TWO, "kernel_size": (2, 3), "padding": (0, 1)}  # a little of everything at once
# Which knobs turn together, the others standing as they do first: all at once would be far too many settings.
REGIONS: dict[str, tuple[Region, ...]] = {
    "conv": (
        {**CLASSIC, SIZE: None},
        {**MIXED, **SOME},
        {**MIXED, SIZE: None},
        {**EACH, "padding": (0, 1, 2)},
        {"padding_mode": None, **CLASSIC, "dilation": (1, 2)},
        {"padding_mode": None, **dict.fromkeys(IN_OUT, (1, 2)), "padding": (1, 2)},
        {"bias": None, **CLASSIC},
        {"bias": None, **MIXED},
    ),
    "conv_transpose": (
        {**CLASSIC, "output_padding": None},
        {**CLASSIC, SIZE: None, "dilation": (1,)},
        {**MIXED, **SOME},
        {**EACH, "output_padding": (0, 1)},
        {"bias": None, **CLASSIC},
        {"bias": None, **MIXED},
    ),
    "max_pool": (
        {**CLASSIC, "ceil_mode": None},
        {**CLASSIC, SIZE: None, "dilation": (1,)},
        {CHANNELS: None, **SOME},
        {**EACH, "ceil_mode": None},
        {SIZE: None, "ceil_mode": None, "stride": None},
    ),
    "avg_pool": (
        {**dict.fromkeys(POOL), "ceil_mode": None, "count_include_pad": None},
        {**dict.fromkeys(POOL), SIZE: None},
        {CHANNELS: None, **SOME},
        {**EACH, "ceil_mode": None, "count_include_pad": None},
        {SIZE: None, "ceil_mode": None, "stride": None},
    ),
}
MOST = (1080, 360)  # settings of the first region, and of each other
CELLS = (36_000, 16_000)  # and output cells of all of them together
ASKED = 61  # settings by which these are estimated
LARGER, SMALLER = 3, 4  # how far the size goes from where it stands


@dataclass(frozen=True)
class Knob:
    """One field with the values it can take; ``start`` is where it stands first.

    Values that are no numbers are chosen from a list, the others lie along a slider.
    """

    field: str
    values: tuple[Any, ...]
    start: int

    def data(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "label": self.field.replace("_", " "),
            "labels": [label(value) for value in self.values],
            "slider": self.field == SIZE or all(is_number(value) for value in self.values),
        }


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def label(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple) and all(map(is_number, value)):
        return str(value[0]) if len(set(value)) == 1 else words.size(value)
    return value if isinstance(value, str) else shown(plain(value))


def written(value: Any) -> Any:
    """A field as one writes it: one number where all axes agree, else as it is."""
    return value if isinstance(plain(value), tuple) else plain(value)


def turning(
    kind: str, fields: Mapping[str, Any], shape: Shape, cells: Callable[[Mapping[str, Any]], int]
) -> tuple[list[Knob], list[Box]]:
    """The knobs of an op with these fields (normalised) on an input (C, *space), and which values go together.

    cells: how many outputs a setting has. Where a region's settings together were too many or had too many outputs, the
    largest values of its longest knobs are left out; a knob has the values that are in some region.
    """
    found = knobs(kind, fields, shape)
    regions = REGIONS.get(kind, (dict.fromkeys(knob.field for knob in found),))
    boxes = []
    for number, region in enumerate(regions):
        box = [turned(knob, region) for knob in found]
        while (many := prod(map(len, box))) > 1:
            share, mean = typical(found, box, cells)
            if share * many <= MOST[number > 0] and mean * many <= CELLS[number > 0]:
                break
            box = shorter(found, box)
        boxes.append(box)
    kept = [sorted({knob.start}.union(*(box[a] for box in boxes))) for a, knob in enumerate(found)]
    fewer = [
        Knob(knob.field, tuple(knob.values[i] for i in own), own.index(knob.start))
        for knob, own in zip(found, kept, strict=True)
    ]
    return fewer, [[[kept[a].index(i) for i in one] for a, one in enumerate(box)] for box in boxes]


def typical(
    found: Sequence[Knob], box: Box, cells: Callable[[Mapping[str, Any]], int]
) -> tuple[float, float]:
    """Of a box the share of settings that there are, and the outputs of one: by a few that lie evenly among all."""
    every = list(product(*box))
    some = [cells(chosen(found, at)) for at in every[:: len(every) // ASKED + 1]]
    return sum(map(bool, some)) / len(some), sum(some) / len(some)


def chosen(found: Sequence[Knob], at: Sequence[int]) -> dict[str, Any]:
    return {knob.field: knob.values[i] for knob, i in zip(found, at, strict=True)}


def knobs(kind: str, fields: Mapping[str, Any], shape: Shape) -> list[Knob]:
    """Every knob with all its values; one of the caller's own has its place among the others."""
    own = {**fields, CHANNELS: shape[0], SIZE: tuple(shape[1:])}
    found = []
    for name, values in TABLE.get(kind, {}).items():
        chosen = own[name] if name == SIZE else written(own[name])
        values = with_own(sizes(shape[1:]) if name == SIZE else values, chosen)
        found.append(Knob(name, values, values.index(chosen)))
    return found


def sizes(space: Shape) -> tuple[Shape, ...]:
    """The sizes that a map can take: all axes grow and shrink together.

    >>> sizes((2, 3))
    ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6))
    """
    least = min(space, default=1)
    return tuple(tuple(n + more for n in space) for more in range(-min(SMALLER, least - 1), LARGER + 1))


def with_own(values: tuple[Any, ...], own: Any) -> tuple[Any, ...]:
    """The values and the caller's own, in order where all are numbers.

    >>> with_own((1, 2, 3), 7), with_own((0, 1), "same")
    ((1, 2, 3, 7), (0, 1, 'same'))
    """
    if own in values:
        return values
    if is_number(own):
        return tuple(sorted((*values, own)))
    return (*values, own)


# -- which go together ----------------------------------------------------------------------------------
def place(found: Sequence[Knob], at: Sequence[int]) -> int:
    """The number of a setting among all, the last knob turning fastest.

    >>> place([Knob("stride", (1, 2), 0), Knob("padding", (0, 1, 2), 0)], [1, 2])
    5
    """
    number = 0
    for knob, i in zip(found, at, strict=True):
        number = number * len(knob.values) + i
    return number


def start(found: Sequence[Knob]) -> int:
    return place(found, [knob.start for knob in found])


def settings(found: Sequence[Knob], boxes: Sequence[Box]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every setting that the page has, with its number; that where all knobs stand first comes first."""
    seen = set()
    for box in [[[knob.start] for knob in found], *boxes]:
        for at in product(*box):
            if (which := place(found, at)) not in seen:
                seen.add(which)
                yield which, chosen(found, at)


def turned(knob: Knob, region: Region) -> list[int]:
    """The values that a knob takes in a region, by their numbers."""
    if knob.field not in region:
        return [knob.start]
    some = region[knob.field]
    return [i for i, v in enumerate(knob.values) if some is None or v in some or i == knob.start]


def shorter(found: Sequence[Knob], box: Box) -> Box:
    """The box without the largest value of its longest knob."""
    which = max(range(len(box)), key=lambda i: len(box[i]))
    drop = next(v for v in reversed(box[which]) if v != found[which].start)
    return [[v for v in one if i != which or v != drop] for i, one in enumerate(box)]
