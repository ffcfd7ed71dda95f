"""Names and last values at the right end of lines, none upon another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import POINTS, Box
from convviz.figures.training.scales import spread
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME, NUMBER = 8.8, 8.0  # points of letters
PITCH = 23.0  # points of a name with the value below it
READABLE = 4.5  # contrast of small letters (WCAG 2.2)


@dataclass(frozen=True)
class End:
    """A line's end: what it is called, where it lies on the axis, what is told, its colour."""

    name: str
    value: float
    told: str
    colour: str


def write_ends(board: Axes, ax: Axes, box: Box, ends: Sequence[End], room: float, look: Theme) -> None:
    """Write them to the right of ``box``, over which ``ax`` lies, in ``room`` points; few enough to fit."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    tall = figure.get_size_inches()[1] * POINTS
    wanted = [tall - ax.transData.transform((1, end.value))[1] * POINTS / figure.dpi for end in ends]
    places = spread(wanted, PITCH, box.y + 4, box.bottom - 4)
    x = box.right + 16
    for end, from_y, y in zip(ends, wanted, places, strict=True):
        draw.strokes(board, [[(box.right + 5, from_y), (x - 3, y)]], look["muted"].edge, width=0.7)
        name = draw.clip(end.name, room - 16, NAME, bold=True)
        draw.write(board, x, y - 5.5, name, letters(end.colour, look), size=NAME, bold=True)
        draw.write(
            board,
            x,
            y + 5.5,
            draw.clip(end.told, room - 16, NUMBER, mono=True),
            look.ink,
            size=NUMBER,
            mono=True,
        )


def letters(colour: str, look: Theme) -> str:
    """A line's colour, as much nearer to the ink as small letters need."""
    for part in (0.0, 0.15, 0.3, 0.45, 0.6):
        mixed = themes.mix(colour, look.ink, part)
        if themes.contrast(mixed, look.paper) >= READABLE:
            return mixed
    return look.ink
