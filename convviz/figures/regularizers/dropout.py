"""Dropout on a batch as a picture: the maps of every sample and channel, dropped cells hatched, each kind beside."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convviz.analysis.regularizers.dropout import Dropout
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.figures.regularizers.parts import EDGE, LABEL, SMALL, brief, heading, sheet
from convviz.ops.base import Array
from convviz.plan import words
from convviz.plan.given import plain
from convviz.plan.model import Plan
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLES, CHANNELS, CELLS = 4, 4, 8  # that are drawn
WIDE, LEAST = 300.0, 218.0  # points of a block, at most and at least
BETWEEN, GAP, NAME = 12.0, 40.0, 46.0  # points between maps, between blocks, for the names of samples
TITLES = {"dropout": "Dropout: each cell", "dropout2d": "Dropout2d: whole channels"}


@dataclass(frozen=True)
class Maps:
    """A batch cut down to what is drawn: (N, C, rows, columns)."""

    values: Array
    cut: bool

    @classmethod
    def of(cls, values: Array) -> Maps:
        """One axis of space lies in a row; of three the first slice is taken."""
        whole = values.reshape(*values.shape[:2], *[1] * max(0, 4 - values.ndim), *values.shape[2:])
        cut = whole.ndim > 4 and whole.shape[2] > 1
        while whole.ndim > 4:
            whole = whole[:, :, 0]
        part = whole[:SAMPLES, :CHANNELS, :CELLS, :CELLS]
        return cls(part, cut or part.shape != whole.shape)


def figure(found: Dropout, plan: Plan, look: Theme) -> Figure:
    """The input, then each kind in training; rows are samples, columns channels."""
    maps = Maps.of(found.x)
    n, c, rows, columns = maps.values.shape
    side = min(26.0, (WIDE - (c - 1) * BETWEEN) / (c * columns))
    wide = c * columns * side + (c - 1) * BETWEEN
    tall = n * rows * side + (n - 1) * BETWEEN
    blocks = 1 + len(found.ways)
    step = max(wide, LEAST) + GAP
    width = max(NAME + blocks * step - GAP, 560.0)
    made, ax, top = sheet(plan, caption(found, maps), width, 50 + tall + 36, look)
    start = top + 50
    for k in range(n):
        y = start + k * (rows * side + BETWEEN) + rows * side / 2
        draw.write(ax, EDGE, y, f"sample {k}", look.faint_ink, size=SMALL)
    x = EDGE + NAME
    block(ax, found, maps.values, None, x, start, side, "Input, and evaluation", look)
    spread(ax, x, start + tall + 16, ["every cell as it is"], look)
    order = sorted(found.ways, key=lambda way: way.kind)
    for i, way in enumerate(order, 1):
        at = x + i * step
        mask = Maps.of(way.mask.astype(float)).values.astype(int)
        block(ax, found, Maps.of(way.output).values, mask, at, start, side, TITLES[way.kind], look)
        whole = int((~way.mask.reshape(*found.x.shape[:2], -1).any(-1)).sum())
        lines = [f"{words.count(way.dropped, 'cell')} of {found.x.size:,} dropped"]
        if found.x.ndim > 2:
            lines[0] += f", {words.count(whole, 'channel')} whole"
            lines.append(f"mean of sample 0, channel 0: ± {brief(sqrt(way.channel_variance))} over masks")
        spread(ax, at, start + tall + 16, lines, look)
    return made


def caption(found: Dropout, maps: Maps) -> str:
    scale = (
        ""
        if found.scale is None
        else f" and what is kept is multiplied by {words.number(plain(found.scale))}"
    )
    cut = " Only the first samples, channels and cells are drawn." if maps.cut else ""
    return f"In training hatched cells are dropped{scale}; in evaluation nothing changes.{cut}"


def block(
    ax: Axes, found: Dropout, values: Array, mask: NDArray[np.int64] | None, x: float, y: float, side: float,
    title: str, look: Theme,
) -> None:  # fmt: skip
    """All maps of a batch; without a mask they are the input."""
    heading(ax, x, y - 34, title, look)
    n, c, rows, columns = values.shape
    role, muted = look["input" if mask is None else "output"], look["muted"]
    kept: list[Box] = []
    dropped: list[Box] = []
    placed: list[tuple[Box, str]] = []
    frames: list[Box] = []
    texts = [words.number(plain(round(float(v), 2))) for v in values.flat]
    size = draw.letter(side, max(map(len, texts), default=1), most=9.6)
    for k, j in np.ndindex(n, c):
        lattice = Lattice(x + j * (columns * side + BETWEEN), y + k * (rows * side + BETWEEN), side)
        if not k:
            name = f"channel {j}" if columns * side > 40 else f"{j}" if j else "channel 0" if c == 1 else "0"
            draw.write(ax, lattice.x, lattice.y - 8, name, look.faint_ink, size=SMALL)
        frames.append(lattice.span(range(rows), range(columns)))
        for r, s in np.ndindex(rows, columns):
            box = lattice.cell(r, s)
            fallen = mask is not None and not mask[k, j, r, s]
            (dropped if fallen else kept).append(box.inset(0.8))
            placed.append((box, words.number(plain(round(float(values[k, j, r, s]), 2)))))
    draw.tiles(ax, kept, fill=role.fill, edge=role.edge, width=0.8, rounded=mask is not None)
    draw.tiles(ax, dropped, fill=muted.fill, edge=muted.edge, width=0.6, hatch="////")
    if mask is not None and rows * columns > 1:
        whole = [
            frame.inset(-2.0) for frame, m in zip(frames, mask.reshape(n * c, -1), strict=True) if not m.any()
        ]
        draw.tiles(ax, whole, edge=look["active"].edge, width=1.6, above=5)
    if size is not None:
        fallen_boxes = {(box.x - 0.8, box.y - 0.8) for box in dropped}
        live = [(b, t) for b, t in placed if (b.x, b.y) not in fallen_boxes]
        draw.numbers(ax, live, look.ink, size=size)
        zeros = [(b, t) for b, t in placed if (b.x, b.y) in fallen_boxes]
        draw.tiles(ax, [patch(b, size) for b, _ in zeros], fill=muted.fill, above=4)
        draw.numbers(ax, zeros, look.faint_ink, size=size)


def patch(box: Box, size: float) -> Box:
    """Ground without hatching behind a number."""
    x, y = box.centre
    return Box(x - size * 0.45, y - size * 0.6, size * 0.9, size * 1.2)


def spread(ax: Axes, x: float, y: float, lines: list[str], look: Theme) -> None:
    for i, text in enumerate(lines):
        draw.write(ax, x, y + i * 13, text, look.faint_ink, size=LABEL - 0.4)
