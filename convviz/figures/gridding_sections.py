"""What the picture of gridding has in it, in plain data: sections of ribbons, from an output down to its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convviz.analysis.gridding import LISTED, Gridding
from convviz.analysis.gridding_net import NetGridding
from convviz.ops.relations import Window
from convviz.report.gridding import listed, per_layer, percent
from convviz.report.gridding_net import axis_names, run_name
from convviz.report.model import rounded, shorten

if TYPE_CHECKING:
    import numpy as np

SIDE = 2.7  # inches of the map over two axes
PITCH = 0.5  # inches from ribbon to ribbon, at least
RAYS = 700  # lines from cells to what they read
MAPS = 12  # ribbons of a deep stack
SQUARE = 400  # cells along a side of the map over two axes; more are gathered into blocks


@dataclass(frozen=True)
class Ribbon:
    """One map: the cells used of it, where each lies on the input, and on how many paths each reaches the output.

    span: of an input, the cells from its first to its last (0: of a map between).
    """

    label: str
    places: tuple[float, ...]
    width: int
    paths: tuple[int, ...]
    span: int = 0
    is_output: bool = False


@dataclass(frozen=True)
class Section:
    """A heading, ribbons from the output down to the input, the layers between them, and two axes at once.

    plane: paths to each cell of the input over two axes (None: there is one axis). scale: cells across the ribbons.
    """

    title: str
    text: str
    ribbons: tuple[Ribbon, ...]
    layers: tuple[str, ...]
    rays: tuple[tuple[tuple[float, int], tuple[float, int]], ...]
    plane: np.ndarray | None
    scale: int
    counted: bool = True  # paths are more than 0 and 1

    @property
    def tall(self) -> float:
        """Inches of the ribbons."""
        least = SIDE if self.plane is not None and len(self.ribbons) > 2 else 0.0
        return max(PITCH * len(self.ribbons), least)

    @property
    def side(self) -> float:
        """Inches of the two axes, a stack's on the scale of the ribbons; 0 where there are none."""
        if self.plane is None:
            return 0.0
        return SIDE * self.ribbons[-1].span / self.scale if self.counted else SIDE


def sections(found: Gridding | NetGridding) -> list[Section]:
    """The parts of the picture, from top to bottom."""
    if isinstance(found, Gridding):
        return _stack_sections(found, f"rates {shorten(listed(found.rates), 60)}", True)
    parts = [_net_section(found)]
    run = next((run for run in found.causes or found.runs if run.stack.span <= LISTED), None)
    if run is not None:
        along = " and ".join(map(axis_names(found), run.axes))
        title = f"{shorten(run_name(run), 50)} along {along}: rates {shorten(listed(run.stack.rates), 40)}"
        parts += _stack_sections(run.stack, title, len(run.axes) > 1, shorten(run.entry, 22))
    return parts


REMEDIES = {
    "same": "nearest dense rates with the same span",
    "near": "nearest dense rates, of another span",
    "wide": "the widest dense rates of these kernels",
}


def _stack_sections(stack: Gridding, title: str, two: bool, ground: str = "input") -> list[Section]:
    """A stack and, below it on the same scale, the dense rates in its place.

    two: over two axes as well; ground: what the map at the bottom is called.
    """
    best = None if stack.dense else stack.remedy
    other = best.stack if best and best.stack and best.stack.span <= LISTED else None
    scale = max(stack.span, other.span if other else 0)
    parts = [_stack_section(stack, title, two, scale, ground)]
    if best and other:
        rates = shorten(listed(other.rates), 60)
        parts.append(_stack_section(other, f"{REMEDIES[best.found]}: {rates}", two, scale, ground))
    return parts


def _stack_section(stack: Gridding, title: str, two: bool, scale: int, ground: str) -> Section:
    n = len(stack.rates)
    shown = list(range(n + 1))
    if len(shown) > MAPS:
        shown = sorted({round(i * n / (MAPS - 1)) for i in range(MAPS)})
    ribbons, where = [], dict[int, dict[int, float]]()
    for layers in reversed(shown):
        cells, counts = _used(stack, layers)
        jump = stack.jumps[layers] if layers < n else stack.jumps[-1] * stack.strides[-1]
        own = stack.maps[layers].span
        middle = (own - 1) / 2
        where[layers] = {cell: cell * jump + middle for cell in cells}
        label = ground if layers == 0 else "output" if layers == n else f"map {layers}"
        places = tuple(where[layers].values())
        ribbons.append(
            Ribbon(label, places, min(jump, own), counts, 0 if layers else stack.span, layers == n)
        )
    text = f"kernel {per_layer(stack.kernels)}"
    if set(stack.strides) != {1}:
        text += f", stride {per_layer(stack.strides)}"
    names = tuple(
        _layers(stack, above, below) for above, below in zip(shown[:0:-1], shown[-2::-1], strict=True)
    )
    plane = _product(stack) if two else None
    return Section(
        title, f"{text}: {_said(stack)}", tuple(ribbons), names, _rays(stack, where, n), plane, scale
    )


def _used(stack: Gridding, layers: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The cells of the map behind so many layers that one output uses, and on how many paths (1: not counted)."""
    if layers == len(stack.rates):
        return (0,), (1,)
    behind = stack.behind(layers)
    cells, counts = behind.cells or (), behind.counts()
    return cells, tuple(counts[cell] for cell in cells) if counts else (1,) * len(cells)


def _product(stack: Gridding) -> np.ndarray:
    """Paths to each cell over two axes."""
    import numpy as np

    cells, counts = _used(stack, 0)
    side = np.zeros(stack.span)
    side[list(cells)] = [float(n) / max(counts) for n in counts]
    side = _gathered(side)
    return np.outer(side, side)


def _gathered(cells: np.ndarray) -> np.ndarray:
    """Neighbouring cells of a long side, or of both, as one: their mean."""
    import numpy as np

    for axis, n in enumerate(cells.shape):
        starts = np.arange(0, n, -(-n // SQUARE))
        sums = np.add.reduceat(cells, starts, axis)
        counts = np.diff([*starts, n]).reshape([-1 if a == axis else 1 for a in range(cells.ndim)])
        cells = sums / counts
    return cells


def _said(stack: Gridding) -> str:
    """``span 13 = 1 + 2·2 + 2·2 + 2·2, 7 read (53.8 %), 6 holes``"""
    terms = " + ".join(f"{k - 1}·{e}" for k, e in zip(stack.kernels, stack.steps, strict=True) if k > 1)
    span = f"span {stack.span:,}" + (f" = 1 + {terms}" if 0 < len(terms) < 48 else "")
    if stack.dense:
        return f"{span}, every cell is read"
    if stack.hits is None:
        return span
    holes = stack.span - stack.hits
    return (
        f"{span}, {stack.hits:,} read ({percent(stack.hits, stack.span)}), {holes:,} hole{'s' * (holes > 1)}"
    )


def _layers(stack: Gridding, above: int, below: int) -> str:
    """What stands between two maps: ``layer 2, rate 4``."""
    if above - below > 1:
        return f"layers {below + 1} to {above}"
    kernel = (
        f"kernel {stack.kernels[below]}"
        if stack.kernels[below] == 1
        else f"rate {rounded(stack.rates[below])}"
    )
    return f"layer {above}, {kernel}"


def _rays(
    stack: Gridding, where: dict[int, dict[int, float]], n: int
) -> tuple[tuple[tuple[float, int], tuple[float, int]], ...]:
    """From every cell used of a map to those that it reads of the map below; none where they would be too many."""
    if len(where) <= n or sum(len(where[i]) * stack.kernels[i - 1] for i in range(1, n + 1)) > RAYS:
        return ()
    lines = []
    for layers in range(n, 0, -1):
        window = Window(stack.kernels[layers - 1], stack.strides[layers - 1], stack.rates[layers - 1])
        for cell, x in where[layers].items():
            for tap in window.taps(cell).cells:
                lines.append(((x, n - layers), (where[layers - 1][tap], n - layers + 1)))
    return tuple(lines)


def _net_section(found: NetGridding) -> Section:
    """What a unit of the layer reads of the net's input, along each axis and over the two of an image."""
    name = axis_names(found)
    ribbons = [
        Ribbon(f"input, along {name(a.axis)}", tuple(map(float, a.cells)), 1, (1,) * len(a.cells), a.span)
        for a in found.axes
        if a.cells
    ]
    told = [f"{a.hits:,} of {a.span:,} along {name(a.axis)}" for a in found.axes if a.hits is not None]
    first = found.axes[0]
    phase = f" (output phase {first.phase} of {first.period}, the worst)" if (first.period or 0) > 1 else ""
    text = f"cells read{phase}: {', '.join(told)}"
    if found.pixels is not None and len(found.axes) > 1:
        text += f"; together {found.pixels:,} of {found.box:,} ({percent(found.pixels, found.box)})"
    plane = found.plane()
    if plane is not None:
        plane = _gathered(plane.astype(float))
    scale = max((axis.span for axis in found.axes), default=1)
    return Section(
        f"one unit of {shorten(found.layer, 60)}", text, tuple(ribbons), (), (), plane, scale, counted=False
    )
