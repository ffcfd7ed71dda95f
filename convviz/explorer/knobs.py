"""What a reader can turn on an op's page: fields, the values that each may take, and which of them go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from convviz.plan.titles import plain, shown

# Fields in the order of the sliders; the values are those that still fit on a small map.
CONV = {
    "kernel_size": (1, 2, 3, 4, 5),
    "stride": (1, 2, 3),
    "padding": (0, 1, 2),
    "dilation": (1, 2, 3),
}
POOL = {"kernel_size": (1, 2, 3, 4), "stride": (1, 2, 3, 4), "padding": (0, 1, 2)}
SETTINGS: dict[str, dict[str, tuple[Any, ...]]] = {
    "conv": {**CONV, "padding_mode": ("zeros", "reflect", "replicate", "circular")},
    "conv_transpose": {
        "kernel_size": (1, 2, 3, 4, 5),
        "stride": (1, 2, 3),
        "padding": (0, 1, 2),
        "output_padding": (0, 1, 2),
        "dilation": (1, 2),
    },
    "max_pool": {**POOL, "dilation": (1, 2), "ceil_mode": (False, True)},
    "avg_pool": {**POOL, "ceil_mode": (False, True), "count_include_pad": (True, False)},
    "adaptive_avg_pool": {"output_size": (1, 2, 3, 4, 5, 6)},
    "adaptive_max_pool": {"output_size": (1, 2, 3, 4, 5, 6)},
    "pixel_shuffle": {"upscale_factor": (1, 2, 3)},
    "pixel_unshuffle": {"downscale_factor": (1, 2, 3)},
    "channel_shuffle": {"groups": (1, 2, 3, 4, 6, 8)},
}
MOST = 600  # settings of one page
CELLS = 60_000  # output cells of all of them together


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
            "slider": all(is_number(value) for value in self.values),
        }


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def label(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else shown(plain(value))


def written(value: Any) -> Any:
    """A field as one writes it: one number where all axes agree, else as it is."""
    return value if isinstance(plain(value), tuple) else plain(value)


def knobs(kind: str, fields: Mapping[str, Any], cells: int, groups: Sequence[int] = ()) -> list[Knob]:
    """The knobs of an op with these fields (normalised); a value of the caller's own has its place among the others.

    cells: of a typical output. groups: the numbers of groups that are possible. Where all settings together were too
    many, the largest values of the longest sliders are left out.
    """
    table = dict(SETTINGS.get(kind, {}))
    if len(groups) > 1:
        table["groups"] = tuple(groups)
        table.pop("padding_mode", None)  # one thing at a time: the border is best seen on one channel
    chosen = {name: written(fields[name]) for name in table}
    ranges = {name: with_own(values, chosen[name]) for name, values in table.items()}
    most = max(1, min(MOST, CELLS // max(cells, 1)))
    while prod(map(len, ranges.values())) > most:
        name = max(ranges, key=lambda n: len(ranges[n]))
        drop = next(v for v in reversed(ranges[name]) if v != chosen[name])
        ranges[name] = tuple(v for v in ranges[name] if v != drop)
    return [Knob(name, values, values.index(chosen[name])) for name, values in ranges.items()]


def with_own(values: tuple[Any, ...], own: Any) -> tuple[Any, ...]:
    """The values and the caller's own, in order where all are numbers."""
    if own in values:
        return values
    if is_number(own):
        return tuple(sorted((*values, own)))
    return (*values, own)


def settings(found: Sequence[Knob]) -> list[dict[str, Any]]:
    """Every setting of the knobs, the last knob turning fastest."""
    names = [knob.field for knob in found]
    return [dict(zip(names, values, strict=True)) for values in product(*(knob.values for knob in found))]
