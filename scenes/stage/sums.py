"""The arithmetic of a step spelled out in lines, its result apart, so that the result can fly to its cell."""

from __future__ import annotations

from convviz.scenes.stage import ink

from convviz.figures import cells as draw
from convviz.figures import prose
from convviz.figures.cells import Box
from convviz.plan.model import Work
from convviz.theme import Theme

SIZES = (11.0, 10.0, 9.2, 8.4, 7.4)  # points, the largest that fits
SMALL = 9.0  # points; larger ones stay on one line
ROWS = 3


def spelled(work: Work, area: Box, look: Theme) -> tuple[ink.Drawn, ink.Drawn | None]:
    """The sum in the middle of an area, and what comes out as an object of its own (None: it does not stand apart)."""
    for size in SIZES:
        lines = prose.aligned(work, int(area.width / (size * draw.ADVANCE)))
        if len(lines) <= (1 if size > SMALL else ROWS):
            break
    if len(lines) > ROWS:
        lines = [*lines[: ROWS - 1], f"… {lines[-1]}"]
    head, mark, tail = lines[-1].rpartition("= ")
    wide = max(draw.width_of(line, size, mono=True) for line in lines)
    x = area.x + (area.width - wide) / 2
    y = area.centre[1] - (len(lines) - 1) * size * 0.72
    rows = [(x, y + i * size * 1.44, line) for i, line in enumerate(lines)]
    if not mark or work.how == "scatter" or "; " in work.text:
        return ink.texts(rows, look.ink, size=size, mono=True), None
    rows[-1] = (*rows[-1][:2], f"{head}{mark}")
    at = x + draw.width_of(f"{head}{mark}", size, mono=True)
    result = ink.text(at, rows[-1][1], tail, look["active"].edge, size=size, mono=True, bold=True)
    return ink.texts(rows, look.ink, size=size, mono=True), result
