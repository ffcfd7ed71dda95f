"""Paths on the board as manim's objects: cubic curves in points, and the texts that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

import numpy as np
from convviz.scenes.stage.board import to_board, to_scene
from manim import VMobject

from convviz.figures.cells import Box

STROKE = 2.5  # manim's stroke width of one point
DASH = (3.0, 2.2)  # points drawn, points left out
HATCH = 4.2  # points between the lines of a hatch
HAIR = 0.7
MOVE, LINE, QUADRATIC, CUBIC, CLOSE = 1, 2, 3, 4, 79  # matplotlib's codes of a path's corners
Points = Sequence[tuple[float, float]] | Sequence[np.ndarray] | np.ndarray


@dataclass(frozen=True)
class Said:
    """A text that stands on the board: what it says, the size of its letters and its box, in points."""

    text: str
    size: float
    box: Box


class Drawn(VMobject):
    """A path of the board. said: the texts in it, hides: the boxes that it fills, both where it was made."""

    said: tuple[Said, ...] = ()
    hides: tuple[Box, ...] = ()

    def placed(self) -> list[Said]:
        """The texts where they are now, moved and scaled with the path."""
        if not self.said or not len(self.points):
            return []
        now = box_of(self)
        then = self.home
        kx = now.width / then.width if then.width > 1e-6 else 1.0
        ky = now.height / then.height if then.height > 1e-6 else 1.0

        def moved(box: Box) -> Box:
            left, top = now.x + (box.x - then.x) * kx, now.y + (box.y - then.y) * ky
            return Box(left, top, box.width * kx, box.height * ky)

        return [Said(s.text, s.size * ky, moved(s.box)) for s in self.said]

    home: Box = Box(0, 0, 0, 0)


def box_of(made: VMobject) -> Box:
    """The box of an object on the board (of its curves' points, which is all of it within a hair)."""
    found = [m.points for m in made.get_family() if len(m.points)]
    if not found:
        return Box(0, 0, 0, 0)
    points = np.concatenate(found)
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = to_board((low[0], high[1]))
    right, bottom = to_board((high[0], low[1]))
    return Box(x, y, right - x, bottom - y)


def path(
    curves: np.ndarray,
    *,
    fill: str | None = None,
    edge: str | None = None,
    width: float = HAIR,
    opacity: float = 1.0,
    said: Sequence[Said] = (),
) -> Drawn:
    """An object from cubic curves: an array of shape (4 n, 2) in points of the board."""
    made = Drawn(
        fill_color=fill or "#000000",
        fill_opacity=opacity if fill else 0.0,
        stroke_color=edge or "#000000",
        stroke_width=width * STROKE if edge else 0.0,
        stroke_opacity=opacity if edge else 0.0,
    )
    made.points = to_scene(curves) if len(curves) else np.zeros((0, 3))
    made.said = tuple(said)
    if said:
        made.home = box_of(made)
    return made


# -- curves ----------------------------------------------------------------------------------------------
def lines(points: Points, closed: bool = False) -> np.ndarray:
    """Straight pieces through points as cubic curves, (4 n, 2)."""
    at = np.asarray(points, dtype=float)
    if closed and not np.allclose(at[0], at[-1]):
        at = np.vstack([at, at[:1]])
    a, b = at[:-1], at[1:]
    return np.stack([a, a + (b - a) / 3, a + (b - a) * 2 / 3, b], axis=1).reshape(-1, 2)


def rectangle(box: Box, rounded: float = 0.0) -> np.ndarray:
    """A box as curves; ``rounded``: the radius of its corners."""
    x, y, r, b = box.x, box.y, box.right, box.bottom
    c = min(rounded, box.width / 2, box.height / 2)
    if c <= 0:
        return lines([(x, y), (r, y), (r, b), (x, b), (x, y)])
    k = c * 0.4477
    corners = [
        ((r - c, y), (r - k, y), (r, y + k), (r, y + c)), ((r, b - c), (r, b - k), (r - k, b), (r - c, b)),
        ((x + c, b), (x + k, b), (x, b - k), (x, b - c)), ((x, y + c), (x, y + k), (x + k, y), (x + c, y)),
    ]  # fmt: skip
    out: list[np.ndarray] = []
    at = (x + c, y)
    for corner in corners:
        out += [lines([at, corner[0]]), np.array(corner)]
        at = corner[-1]
    return np.vstack(out)


def dashes(points: Points, on: float = DASH[0], off: float = DASH[1]) -> np.ndarray:
    """A line through points as dashes."""
    out: list[np.ndarray] = []
    at = 0.0
    for a, b in pairwise(points):
        long = hypot(b[0] - a[0], b[1] - a[1])
        if long < 1e-9:
            continue
        start = -at
        while start < long:
            low, high = max(start, 0.0), min(start + on, long)
            if high > low:
                part = [
                    (a[0] + (b[0] - a[0]) * t / long, a[1] + (b[1] - a[1]) * t / long) for t in (low, high)
                ]
                out.append(lines(part))
            start += on + off
        at = (at + long) % (on + off)
    return np.vstack(out) if out else np.zeros((0, 2))


def hatched(box: Box, apart: float = HATCH) -> np.ndarray:
    """Diagonal lines inside a box, from lower left to upper right."""
    out = []
    first = int(np.floor((box.x + box.y) / apart)) + 1
    last = int(np.ceil((box.right + box.bottom) / apart))
    for i in range(first, last):
        total = i * apart  # x + y along the line
        low, high = max(box.x, total - box.bottom), min(box.right, total - box.y)
        if high - low > 0.3:
            out.append(lines([(low, total - low), (high, total - high)]))
    return np.vstack(out) if out else np.zeros((0, 2))


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    found = [part for part in parts if len(part)]
    return np.vstack(found) if found else np.zeros((0, 2))


def strokes(
    pieces: Iterable[Points],
    colour: str,
    *,
    width: float = 1.0,
    dashed: bool = False,
    opacity: float = 1.0,
) -> Drawn:
    """Lines through points, all of one style."""
    cut = dashes if dashed else lines
    return path(
        joined(cut(piece) for piece in pieces if len(piece) > 1), edge=colour, width=width, opacity=opacity
    )


def curves_of(corners: np.ndarray, codes: Iterable[int] | None) -> np.ndarray:
    """A matplotlib path as cubic curves."""
    if codes is None:
        return lines(corners)
    kinds = np.fromiter(codes, int)
    order = np.arange(len(kinds))
    start = corners[np.maximum.accumulate(np.where(kinds == MOVE, order, 0))]
    ends = np.where((kinds == CLOSE)[:, None], start, corners)
    before = np.roll(ends, 1, axis=0)

    straight = (kinds == LINE) | ((kinds == CLOSE) & (before != start).any(axis=1))
    quadratic, cubic = order[kinds == QUADRATIC][::2], order[kinds == CUBIC][::3]  # the first corner of each
    line = order[straight]
    a, b = before[line], ends[line]
    q0, q1, q2 = before[quadratic], ends[quadratic], ends[quadratic + 1]
    pieces = (
        np.stack([a, a + (b - a) / 3, a + (b - a) * 2 / 3, b], axis=1),
        np.stack([q0, q0 + (q1 - q0) * 2 / 3, q2 + (q1 - q2) * 2 / 3, q2], axis=1),
        np.stack([before[cubic], ends[cubic], ends[cubic + 1], ends[cubic + 2]], axis=1),
    )
    placed = np.concatenate([line, quadratic, cubic]).argsort()
    curves: np.ndarray = np.concatenate(pieces)[placed].reshape(-1, 2)
    return curves
