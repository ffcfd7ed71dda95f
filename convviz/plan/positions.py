"""The output size of a convolution as what it is: how many places its window has along an axis, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Op, Shape, build
from convviz.ops.conv import BORDERS, Conv
from convviz.plan import formulas, words
from convviz.plan.build import explain
from convviz.plan.model import Formula, Grid, Marked, Plan, Step, Write
from convviz.plan.reading import Map
from convviz.plan.sample import guard
from convviz.plan.window import plain_map

COUNT, LEFT, OUTSIDE = "Positions", "Left over", "Outside"
BORDER_NAMES = {
    "zeros": "zeros",
    "reflect": "reflect: the input in a mirror",
    "replicate": "replicate: the border cell again",
    "circular": "circular: the other end",
}


@dataclass(frozen=True)
class Positions:
    """The window's places along an axis: the first takes ``span`` cells, each hop ``stride`` of the ``room`` behind.

    before, after: padding; rest: cells behind the last window, which the floor drops; jumped: cells between two windows
    that none reads; sizes: all input sizes that give as many outputs.
    """

    axis: str
    n: int
    before: int
    after: int
    span: int
    stride: int
    outputs: int
    jumped: int
    sizes: range

    @property
    def padded(self) -> int:
        return self.n + self.before + self.after

    @property
    def room(self) -> int:
        """Cells behind the window at its first place."""
        return self.padded - self.span

    @property
    def hops(self) -> int:
        return self.outputs - 1

    @property
    def rest(self) -> int:
        return self.room - self.hops * self.stride

    def first(self, place: int) -> int:
        """The index of the first cell under the window at a place, counted from 0; negative in the padding."""
        return place * self.stride - self.before


def positions(op: Op, shape: Shape, axis: int = -1) -> Positions:
    """The places of a convolution's window along a spatial axis of a map ``(C, *space)``; raises ConvvizError."""
    a = checked(op, shape, axis)
    assert isinstance(op, Conv)
    out, window, (before, after) = op.shape(shape), op.windows()[a], op.pads()[a]
    span = window.dilation * (window.kernel - 1) + 1
    name = words.axis_names(op.rank)[a]
    jumped = max(window.stride - span, 0) if out[1 + a] > 1 else 0
    found = Positions(
        name, shape[1 + a], before, after, span, window.stride, out[1 + a], jumped, alike(op, shape, a)
    )
    assert 0 <= found.rest < window.stride
    return found


def alike(op: Conv, shape: Shape, a: int) -> range:
    """The input sizes along an axis that give as many outputs, the others as they are."""
    wanted, n = op.shape(shape)[1 + a], shape[1 + a]

    def gives(size: int) -> bool:
        try:
            return op.shape((*shape[: 1 + a], size, *shape[2 + a :]))[1 + a] == wanted
        except ConvvizError:
            return False

    step = op.stride[a]
    fit = [size for size in range(max(1, n - step), n + step) if gives(size)]
    return range(fit[0], fit[-1] + 1)


def counted(op: Op, shape: Shape, axis: int = -1) -> Plan:
    """Place after place of the window along one axis, each counted, then what is left over.

    Panels: ``axis``, the cells with their padding (their values are their indices), and ``count``, an output each.
    """
    found, a = positions(op, shape, axis), checked(op, shape, axis)
    assert isinstance(op, Conv)
    window, formula = op.windows()[a], formulas.along(op, shape, op.shape(shape), a)
    assert formula is not None
    cells = Map(
        "axis",
        np.arange(found.n, dtype=float)[None],
        [window],
        (found.outputs,),
        [(found.before, found.after)],
    )
    cells.check_size()
    guard(op, shape)
    steps = [place(found, window.taps(o).cells, o) for o in range(found.outputs)]
    grid = cells.grid(f"{words.count(found.padded, 'cell')} along the {found.axis}s")
    end = found.n + found.after
    behind = tuple((0, at) for at in range(end - found.rest, end))
    text = leftover(found)
    steps.append(Step(LEFT, text, (Marked("axis", "hole", behind),) if behind else ()))
    return Plan(
        "positions",
        f"{words.count(found.outputs, 'place')} for the window along the {found.axis}s",
        (grid, Grid("count", "output", "output", (1, found.outputs))),
        tuple(steps),
        (replace(formula, about=f"{formula.about} along the {found.axis}s"), meaning(found)),
        (
            ("padded cells", f"{found.padded:,}"),
            ("room for hops", f"{found.room:,}"),
            ("hops", f"{found.hops:,}"),
            ("left over", f"{found.rest:,}"),
        ),
    )


def place(found: Positions, cells: range, o: int) -> Step:
    """The window at one place: ``Place 2 of 3 begins at cell 1.``"""
    begins = f"Place {o + 1} of {found.outputs} begins at {found.axis} {words.number(found.first(o))}"
    moved = f", {words.count(found.stride, found.axis)} further" if o else ""
    holes = tuple((0, at) for at in range(cells[0], cells[-1]) if at not in cells)
    marks = [Marked("axis", "read", tuple((0, at) for at in cells)), Marked("count", "written", ((0, o),))]
    if holes:
        marks.insert(1, Marked("axis", "hole", holes))
    return Step(COUNT, f"{begins}{moved}.", tuple(marks), writes=(Write("count", (0, o), o + 1),))


def leftover(found: Positions) -> str:
    """``1 cell is left, and a hop takes 2: the floor drops it.``"""
    if not found.rest:
        return "The last window ends on the last cell: nothing is left over."
    one = found.rest == 1
    what = f"{words.count(found.rest, 'cell')} {'is' if one else 'are'} left, and a hop takes {found.stride}"
    return f"{what}: the floor drops {'it' if one else 'them'}."


def meaning(found: Positions) -> Formula:
    """The formula as counting: the first place, and as many hops as find room."""
    return Formula(
        f"places along the {found.axis}s",
        "hops that fit + the first place",
        f"⌊{found.room}/{found.stride}⌋ + 1",
        f"{found.outputs}",
        leftover(found),
    )


# -- what lies outside -------------------------------------------------------------------------------------
def borders(op: Op, shape: Shape, axis: int = -1) -> tuple[Plan, ...]:
    """The same row of cells with each border that its padding allows, summed by a window of ones.

    The cells hold 1, 2, 3 ..., so that what lies outside shows where it comes from. Each plan's name is its border.
    Raises ConvvizError where there is no padding.
    """
    a = checked(op, shape, axis)
    assert isinstance(op, Conv)
    before, after = op.pads()[a]
    if not before and not after:
        raise ConvvizError("has no padding, so that nothing lies outside; set a padding", op.kind)
    n, found = shape[1 + a], []
    for border in BORDERS:
        fields = {
            "out_channels": 1,
            "kernel_size": op.kernel_size[a],
            "stride": op.stride[a],
            "dilation": op.dilation[a],
            "padding": [[before, after]],
            "padding_mode": border,
            "bias": False,
        }
        row = build("conv", fields, 1)
        try:
            row.shape((1, n))
        except ConvvizError:  # a mirror and a ring have only so many cells to give
            continue
        ones = {"weight": np.ones((1, 1, op.kernel_size[a]))}
        done = explain(row, (1, n), xs=[np.arange(1.0, n + 1)[None]], weights=ones)
        first = outside(done, row)
        found.append(replace(done, name=border, title=BORDER_NAMES[border], steps=(first, *done.steps)))
    return tuple(found)


def outside(plan: Plan, op: Op) -> Step:
    """Where the padding has its numbers from: the cells read and, in step with them, those filled; none for zeros."""
    assert isinstance(op, Conv)
    grid = plan["input"]
    assert isinstance(grid, Grid)
    x = np.zeros(grid.shape)
    source = Map("input", x, op.windows(), plan.stages[0].out[1:], op.pads())
    ends = [(0, at) for at in source.box[0] if not 0 <= at < grid.shape[-1]]
    real = [source.real(cell) for cell in ends]
    pairs = [(cell, filled) for cell, filled in zip(real, ends, strict=True) if cell is not None]
    marks = (
        Marked("input", "read", tuple(cell for cell, _ in pairs)),
        Marked("input", "written", tuple(filled for _, filled in pairs)),
    )
    return Step(OUTSIDE, f"{BORDER_NAMES[op.padding_mode].capitalize()}.", marks if pairs else ())


def differing(plans: Sequence[Plan]) -> tuple[int, ...]:
    """The outputs on which plans of one row with several borders do not agree."""
    shown = [plan.shown("output") for plan in plans]
    return tuple(cell[-1] for cell in shown[0] if len({each[cell] for each in shown}) > 1)


def checked(op: Op, shape: Shape, axis: int) -> int:
    """The spatial axis, counted from 0; raises ConvvizError."""
    if not isinstance(op, Conv):
        raise ConvvizError("the places of a window are counted for conv", op.kind)
    plain_map(op, shape)
    if not -op.rank <= axis < op.rank:
        raise ConvvizError(
            f"there are {words.count(op.rank, 'spatial axis', 'spatial axes')}, got {axis}", "axis"
        )
    return axis % op.rank
