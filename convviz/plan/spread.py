"""How the paths to one unit spread over what it sees: a bell, narrower than the field and growing more slowly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

from convviz.analysis.gridding import Gridding, gridding
from convviz.analysis.influence import Array, Extent, Mass, extent
from convviz.analysis.paths import PathCounts
from convviz.errors import ConvvizError
from convviz.plan import words
from convviz.plan.gridding import share, stack
from convviz.plan.model import Curve, Formula, Plan, Series, Step, Table

DEPTHS = (10, 40, 90)  # layers: four and nine times as many
WIDEST = 31  # kernel
FEW = 3  # layers of a stack whose paths are counted one by one
BINS = 56  # cells along an axis of a heat map; more are gathered


@dataclass(frozen=True)
class Depth:
    """A stack of ``layers`` equal convolutions of stride 1: its field, and how its paths spread."""

    layers: int
    kernel: int
    found: Gridding
    extent: Extent

    @property
    def field(self) -> int:
        return self.found.span

    @property
    def variance(self) -> Fraction:
        """n (k² − 1)/12: a tap is drawn evenly from k, and variances of independent steps add."""
        return Fraction(self.layers * (self.kernel**2 - 1), 12)

    @property
    def width(self) -> int:
        """The shortest stretch around the centre that holds 95 % of the paths."""
        return self.extent.width[0]

    @property
    def part(self) -> Fraction:
        return Fraction(self.width, self.field)


def depth(layers: int, kernel: int) -> Depth:
    """A stack measured on its exact path counts.

    >>> [(one.field, one.width) for one in (depth(n, 3) for n in DEPTHS)]
    [(21, 11), (81, 21), (181, 31)]
    """
    found = gridding((1,) * layers, kernel)
    counts = found.counts()
    assert counts is not None
    mass = Mass((0,), (np.array(counts, dtype=object),))
    made = Depth(layers, kernel, found, extent(mass, (0,), (found.span,)))
    assert mass.variance[0] == made.variance, "the spread differs from its closed form"
    return made


def spread(kernel: int = 3, depths: Sequence[int] = DEPTHS) -> Plan:
    """The plan of stacks of equal convolutions, deeper and deeper.

    Panels ``shares`` (each cell's share of the paths, by its distance from the centre), ``fields`` and ``bands`` (from
    where to where field and 95 % of the paths reach), ``growth`` (both lengths against depth) and ``depths``, a row a
    stack. A step a stack. Raises ConvvizError for a kernel without neighbours.
    """
    check(kernel)
    made = [depth(n, kernel) for n in depths]
    first = made[0]
    every = [depth(n, kernel) for n in range(1, depths[-1] + 1, max(1, depths[-1] // 30))]
    shares = Curve(
        "shares", "Share of the paths, cell by cell", "cells from the centre", "% of the paths",
        tuple(share_series(one, role) for one, role in zip(made, ("output", "input", "kernel"))),
    )  # fmt: skip
    growth = Curve(
        "growth", "Field and bell against depth", "layers", "cells",
        (
            Series("theoretical field", "muted", tuple(d.layers for d in every), tuple(d.field for d in every)),
            Series("95 % of the paths", "active", tuple(d.layers for d in every), tuple(d.width for d in every)),
        ),
    )  # fmt: skip
    rows = tuple((d.layers, d.field, root(d.variance), d.width, share(d.part)) for d in made)
    columns = ("layers", "field", "deviation", "95 % in", "of the field")
    formulas = (
        Formula("field", "1 + n·(k − 1)", f"1 + {first.layers}×({kernel} − 1)", f"{first.field}"),
        Formula(
            "deviation", "√(n·(k² − 1)/12)", f"√({first.layers}×({kernel}² − 1)/12)", root(first.variance)
        ),
    )
    steps = [Step("Deeper stacks", told(one, first)) for one in made]
    table = Table("depths", "Deeper stacks", columns, rows)
    title = f"Stacks of {kernel}-wide convolutions"
    fields, bands = (ends(made, key) for key in ("fields", "bands"))
    return Plan("spread", title, (shares, fields, bands, growth, table), tuple(steps), formulas)


def check(kernel: object) -> None:
    """Raises ConvvizError for what is no kernel that has neighbours."""
    if isinstance(kernel, bool) or not isinstance(kernel, int) or not 2 <= kernel <= WIDEST:
        raise ConvvizError(f"must be a whole number from 2 to {WIDEST}, got {kernel!r}", "kernel_size")


def share_series(one: Depth, role: str) -> Series:
    counts = one.found.counts() or ()
    total = sum(counts)
    middle = Fraction(one.field - 1, 2)
    return Series(
        words.count(one.layers, "layer"),
        role,
        tuple(float(i - middle) for i in range(one.field)),
        tuple(float(100 * Fraction(n, total)) for n in counts),
    )


def ends(made: Sequence[Depth], key: str) -> Curve:
    """A line a stack from the first to the last cell of its field, or of the stretch with 95 % of its paths."""
    title = "theoretical field" if key == "fields" else "95 % of the paths"
    lines = []
    for one in made:
        half = float(Fraction((one.field if key == "fields" else one.width) - 1, 2))
        lines.append(
            Series(words.count(one.layers, "layer"), "input", (-half, half), (one.layers, one.layers))
        )
    return Curve(key, title, "cells from the centre", "layers", tuple(lines))


def root(value: Fraction) -> str:
    """``2.58``: a square root to two digits."""
    return words.number(round(float(value) ** 0.5, 2))


def told(one: Depth, first: Depth) -> str:
    """What came of more layers, in a sentence."""
    layers = words.count(one.layers, "layer")
    if one.layers == first.layers:
        return f"{layers}: the field has {one.field} cells, and 95 % of the paths lie in {one.width} of them."
    return (
        f"{layers}, {times(one.layers, first.layers)} as many: a field of {one.field}, but 95 % of the paths in "
        f"{one.width} cells."
    )


def times(n: int, first: int) -> str:
    return f"{words.number(float(Fraction(n, first)))} times"


def few(kernel: int) -> Gridding:
    """A stack small enough for its paths to be counted one by one."""
    check(kernel)
    return gridding((1,) * (FEW + (kernel == 2)), kernel)


def counted(kernel: int = 3) -> Plan:
    """The paths of a small stack, counted map by map.

    >>> counted(2).notes[-1], list(counted(2).shown("map0").values())
    ("Each map is a row of Pascal's triangle: the middle counts many times, the ends once.", [1, 4, 6, 4, 1])
    """
    made = stack(few(kernel))
    what = "Each map is a row of Pascal's triangle: the" if kernel == 2 else "A bell: the"
    return replace(made, notes=(*made.notes, f"{what} middle counts many times, the ends once."))


# -- on a net ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Heat:
    """Where the paths to one unit of a net start, on the last two axes of its input (one row of a net of one axis).

    rows: the share of each patch of ``patch``×``patch`` cells, against the largest (0 to 1), from cell ``origin`` on.
    theory, most: first and last cell along each axis of the theoretical field, and of the square around its centre
    that holds 95 % of the paths.
    """

    paths: PathCounts
    plan: Plan
    rows: tuple[tuple[float, ...], ...]
    origin: tuple[int, int]
    patch: int
    theory: tuple[tuple[float, float], tuple[float, float]]
    most: tuple[tuple[float, float], tuple[float, float]]

    @property
    def size(self) -> tuple[int, int]:
        """Of the input, along the last two axes."""
        return flat(self.paths.input, 1)


def heat(paths: PathCounts, bins: int = BINS) -> Heat:
    """The path counts of a real unit as a heat map of at most ``bins``×``bins`` patches.

    Raises ConvvizError where the unit has too many cells to count.
    """
    mass, found = paths.real or paths.free, paths.real_extent or paths.free_extent
    if mass is None or found is None:
        raise ConvvizError("has a field of too many cells to count its paths", paths.layer)
    array = gathered(mass)
    lo = flat(mass.origin, 0)
    patch = max(1, -(-max(array.shape) // bins))
    rows = patches(array, patch)
    peak = float(rows.max())
    middle = [first + (n - 1) / 2 for first, n in zip(flat(paths.lo, 0), flat(paths.size, 1), strict=True)]
    return Heat(
        paths,
        net_plan(paths, found),
        tuple(tuple(float(value / peak) for value in row) for row in rows),
        lo,
        patch,
        around(middle, flat(paths.size, 1)),
        around(middle, flat(found.box, 1)),
    )


def flat(values: Sequence[int], fill: int) -> tuple[int, int]:
    """The last two of one value for each axis; ``fill`` in front of a single one."""
    first, last = (fill, *values)[-2:]
    return first, last


def gathered(mass: Mass) -> Array:
    """The shares over the last two axes, summed over those before; one row of a mass of one axis."""
    if mass.rank == 1:
        return mass.shares[0][None]
    if mass.is_product:
        return np.multiply.outer(mass.shares[-2], mass.shares[-1])
    return mass.shares[0].sum(tuple(range(mass.rank - 2)))


def patches(array: Array, patch: int) -> Array:
    """Sums over squares of ``patch`` cells; those at the far ends may be cut."""
    along = np.add.reduceat(array, range(0, array.shape[0], patch), axis=0)
    return np.add.reduceat(along, range(0, array.shape[1], patch), axis=1)


def around(middle: Sequence[float], size: Sequence[int]) -> tuple[tuple[float, float], tuple[float, float]]:
    """First and last cell of a box around a middle, along both axes."""
    (a, n), (b, m) = zip(middle, size, strict=True)
    return (a - (n - 1) / 2, a + (n - 1) / 2), (b - (m - 1) / 2, b + (m - 1) / 2)


def net_plan(paths: PathCounts, found: Extent) -> Plan:
    """The numbers of a net's unit, in a table and in sentences."""
    size, box = words.size(paths.size), words.size(found.box)
    part = Fraction(prod(found.box), prod(paths.size))
    where = f"unit {words.position(paths.unit)} of {paths.layer}"
    rows: list[tuple[str, str]] = [
        ("theoretical field", size),
        ("95 % of the paths in", box),
        ("of the field", share(part)),
        ("deviation", words.TIMES.join(words.number(round(sd, 1)) for sd in found.sd)),
    ]
    if paths.total is not None:
        rows.append(("paths", f"{paths.total:,}" if paths.total < 10**9 else f"about {paths.total:.1e}"))
    said = [
        Step("A real net", f"{capital(where)} sees {size} cells; 95 % of its paths start in {box} of them.")
    ]
    if paths.lost:
        rows.append(("paths from padding", f"{words.number(round(100 * paths.lost, 1))} %"))
        lost = Fraction(paths.lost).limit_denominator(10**6)
        said.append(Step("A real net", f"{share(lost)} of the paths begin in padding, and carry nothing."))
    table = Table("net", f"{paths.graph.name}, {where}", ("", ""), tuple(rows))
    return Plan("paths", f"{paths.graph.name}: where the paths start", (table,), tuple(said))


def capital(text: str) -> str:
    return text[0].upper() + text[1:]
