"""A layer's receptive field: one map for each axis, and what joins them where they are no product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import lcm, prod

from convviz.analysis.axis_map import AxisMap, same
from convviz.analysis.cells import Cells
from convviz.analysis.joint import JointMap, affordable, box_region, join_regions


@dataclass(frozen=True)
class Footprint:
    """A layer's field: one map for each axis (None: the strides of branches disagree there), and what joins them.

    joint: None where the field is the product of its axes. known: False where its cells can no longer be counted.
    """

    axes: tuple[AxisMap | None, ...]
    joint: JointMap | None = None
    known: bool = True

    def at(self, unit: Sequence[int]) -> tuple[Cells, ...] | None:
        """The projection of one unit's cells on each axis; None where it reads nothing."""
        if self.joint is not None and self.joint.gaps:
            return self.joint.at(unit).sides()
        sides = tuple(t.at(u) for t, u in zip(self.axes, unit, strict=True) if t is not None)
        return sides if all(sides) else None

    def spans(self) -> list[list[int]]:
        """For each axis the spans that occur; a unit that reads nothing counts as 0 along every axis."""
        if self.joint is not None and self.joint.gaps:
            sides = [r.sides() for r in self.joint.regions.values()]
            return [[s[a].span if s else 0 for s in sides] for a in range(len(self.axes))]
        spans = [[t.rows[p].span for p in t.phases()] for t in self.axes if t is not None]
        empty = any(0 in s for s in spans)
        if any(not any(s) for s in spans):
            return [[0] for _ in spans]
        return [[*s, 0] if empty else s for s in spans]

    def pixels(self) -> int | None:
        """Cells of the unit that reads most; None where they cannot be counted."""
        if not self.known or None in self.axes:
            return None
        if self.joint is not None:
            return max(r.count for r in self.joint.regions.values())
        best = 1
        for table in self.axes:
            assert table is not None
            counts = [table.rows[p].count for p in table.phases()]
            if any(c is None for c in counts):
                return None
            best *= max(c for c in counts if c is not None)
        return best


def joined(parts: Sequence[Footprint], axes: tuple[AxisMap | None, ...]) -> Footprint:
    """The union of fields whose axes have been merged to ``axes``: a product where it is one, else a joint map."""
    if len(axes) <= 1 or None in axes or any(None in p.axes for p in parts):
        return Footprint(axes, None, all(p.known for p in parts))
    if not all(p.known for p in parts):
        return Footprint(axes, None, False)
    maps = [[t for t in p.axes if t is not None] for p in parts]
    # One part that holds all others, or parts that differ along a single axis: still a product.
    whole = [t for t in axes if t is not None]
    for p, mine in zip(parts, maps, strict=True):
        if p.joint is None and all(same(a, b) for a, b in zip(mine, whole, strict=True)):
            return Footprint(axes)
    if all(p.joint is None for p in parts):
        differing = [a for a in range(len(axes)) if any(not same(m[a], maps[0][a]) for m in maps[1:])]
        if len(differing) <= 1:
            return Footprint(axes)
    if not all(t.complete for m in maps for t in m):
        return Footprint(axes, None, False)
    periods = []
    for a in range(len(axes)):
        tables = [m[a] for m in maps]
        if tables[0].advance is None:
            periods.append(max(t.period for t in tables))
        else:
            periods.append(lcm(*(t.period for t in tables), *(p.joint.periods[a] for p in parts if p.joint)))
    cells = prod(max(t.rows[u].span for u in t.phases()) for t in whole)
    if not affordable(periods, cells) or any(not r.known for t in whole for r in t.rows):
        return Footprint(axes, None, False)
    regions = {}
    product_everywhere = True
    for phase in product(*map(range, periods)):
        region = join_regions(
            [
                p.joint.at(phase) if p.joint else box_region([t.at(u) for t, u in zip(m, phase, strict=True)])
                for p, m in zip(parts, maps, strict=True)
            ]
        )
        regions[phase] = region
        if product_everywhere:
            product_everywhere = region.count == prod(
                t.at(u).count or 0 for t, u in zip(whole, phase, strict=True)
            )
    if product_everywhere:
        return Footprint(axes)
    advances = tuple(
        None if t.advance is None else int(t.jump * q) for t, q in zip(whole, periods, strict=True)
    )
    gaps = any(not t.rows[u] for m in maps for t in m for u in t.phases()) or any(
        p.joint and p.joint.gaps for p in parts
    )
    return Footprint(axes, JointMap(tuple(periods), advances, regions, gaps).shortest())
