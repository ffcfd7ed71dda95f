"""A plan: the explanation of an op as plain data, which pictures, animations and the page only draw.

A plan has *panels* (grids of cells, a matrix, a table, a curve), *formulas* with the numbers put in, and *steps*. A
step says which cells are read and written, the sum that is worked out, and a sentence about it. Cells are named
by panel and index ``(channel, *space)``; the cells of padding have indices below 0 or beyond the end. Every number
comes from an op's ``forward`` or from a result, so that a wrong picture is a failing test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Op, Shape

Cell = tuple[int, ...]
Number = int | float
Mark = Literal["read", "written", "weight", "hole", "shared", "fed", "winner"]


@dataclass(frozen=True)
class Grid:
    """Cells of a tensor ``(C, *space)`` (or a vector ``(C,)``).

    role: of the theme: input, kernel or output. values: of the real cells, by index; None: they appear as steps
    write them. pads: cells of padding (before, after) along each spatial axis, drawn around the real ones; outside:
    their values where these are not 0 (reflected cells and the like; None: the cell is empty, as in max pooling).
    stuffed: for each spatial axis, the stride at which real values lie in a grid that is filled up with zeros
    (transposed convolution); 1: everywhere. unused: real or padding cells that no output reads (what the floor
    drops). channels: a name for each channel, where these are not plain channels of a map (filters of a kernel).
    """

    key: str
    role: str
    title: str
    shape: Shape
    values: Mapping[Cell, Number] | None = None
    pads: tuple[tuple[int, int], ...] = ()
    outside: Mapping[Cell, Number | None] = field(default_factory=dict)
    stuffed: tuple[int, ...] = ()
    unused: frozenset[Cell] = frozenset()
    channels: tuple[str, ...] = ()

    @property
    def batched(self) -> bool:
        """Whether the first axis counts samples, so that the second has the channels."""
        return len(self.shape) > 1 and self.channels[:1] == ("sample 0",)


@dataclass(frozen=True)
class Matrix:
    """The op as a matrix: rows are output cells, columns input cells.

    entries: (row, column) -> (the weight's cell, its value); what is not listed is a structural zero.
    """

    key: str
    title: str
    rows: tuple[Cell, ...]
    columns: tuple[Cell, ...]
    entries: Mapping[tuple[int, int], tuple[Cell, Number]]


@dataclass(frozen=True)
class Table:
    """Facts in rows."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Number | None, ...], ...]


@dataclass(frozen=True)
class Series:
    """One line of a curve, in the colour and with the cue of a role."""

    name: str
    role: str
    x: tuple[Number, ...]
    y: tuple[Number, ...]


@dataclass(frozen=True)
class Curve:
    """Lines over one axis, which is labelled with its unit."""

    key: str
    title: str
    x: str
    y: str
    series: tuple[Series, ...]


Panel = Grid | Matrix | Table | Curve


@dataclass(frozen=True)
class Marked:
    """Cells of a panel and what happens to them in a step: a weight in use, a hole jumped over, ...."""

    panel: str
    mark: Mark
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Term:
    """One summand: ``value`` of a cell, times ``factor`` of a weight's cell where there is one.

    padding: the cell lies outside the input. to: the output cell that a scattered product is added to.
    """

    panel: str
    cell: Cell
    value: Number
    weight: Cell | None = None
    factor: Number | None = None
    product: Number = 0
    padding: bool = False
    to: Cell | None = None


@dataclass(frozen=True)
class Work:
    """The arithmetic of a step.

    how: ``dot`` (terms added, then the bias), ``max``, ``mean`` (the sum over ``divisor``), ``sum``, ``product``,
    ``copy``, ``scatter`` (each product goes to its own output) or ``function`` (of the values, called ``name``).
    text: the arithmetic spelled out, ``1×2 + 0×(−1) + 3 = 5``.
    """

    how: Literal["dot", "max", "mean", "sum", "product", "copy", "scatter", "function"]
    terms: tuple[Term, ...]
    result: Number | None
    text: str
    bias: Number | None = None
    divisor: Number | None = None
    name: str = ""


@dataclass(frozen=True)
class Write:
    """After this step the cell shows this value."""

    panel: str
    cell: Cell
    value: Number


@dataclass(frozen=True)
class Step:
    """One thing that happens. section: steps of one section belong together; caption: a sentence."""

    section: str
    caption: str
    marks: tuple[Marked, ...] = ()
    work: Work | None = None
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True)
class Formula:
    """A formula, the same with its numbers put in, and what comes out.

    about: what it tells; note: what is left over.
    """

    about: str
    symbols: str
    numbers: str
    result: str
    note: str = ""


@dataclass(frozen=True)
class Stage:
    """An op of the plan, with the panels that it reads and fills; the page gets its relations from here."""

    op: Op
    ins: tuple[Shape, ...]
    out: Shape
    reads: tuple[str, ...]
    writes: str
    weight: str | None = None


@dataclass(frozen=True)
class Plan:
    """An explanation: panels in reading order, formulas, steps in order of time.

    name: the op or form, as on the command line. title: one line. facts: (what, how much) such as parameters and MACs.
    """

    name: str
    title: str
    panels: tuple[Panel, ...]
    steps: tuple[Step, ...]
    formulas: tuple[Formula, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()

    @cached_property
    def by_key(self) -> dict[str, Panel]:
        return {panel.key: panel for panel in self.panels}

    def __getitem__(self, key: str) -> Panel:
        if key not in self.by_key:
            raise ConvvizError(f"no panel {key!r} in the plan of {self.name}{nearest(key, self.by_key)}")
        return self.by_key[key]

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the sections in the order in which they begin."""
        return tuple(dict.fromkeys(step.section for step in self.steps))

    def shown(self, key: str, until: int | None = None) -> dict[Cell, Number]:
        """The values that a grid shows after step ``until`` (None: after the last; -1: before the first)."""
        panel = self[key]
        if not isinstance(panel, Grid):
            raise ConvvizError(f"{key} is no grid of cells")
        shown: dict[Cell, Number] = dict(panel.values or {})
        for step in self.steps[: None if until is None else until + 1]:
            shown.update({write.cell: write.value for write in step.writes if write.panel == key})
        return shown

    def _repr_html_(self) -> str:
        from convviz.report.plan import html

        return html(self)
