"""The board that scenes draw on: points from the top left corner, as in the stills, and where things stand on it.

One point is 1.5 pixels at 480p, so that the stills' smallest letter, 7 points, stays legible in the smallest film.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convviz.figures.arrange import Room
from convviz.figures.cells import Box

if TYPE_CHECKING:
    import numpy as np

HEIGHT = 320.0  # points
WIDTH = HEIGHT * 854 / 480
UNIT = HEIGHT / 8  # points of a unit of manim, whose frame is 8 units high
EDGE = 14.0  # points around everything
SMALLEST = 7.0  # points of a letter

SAFE = Box(EDGE - 4, EDGE - 6, WIDTH - 2 * EDGE + 8, HEIGHT - 2 * EDGE + 12)
TITLE = Box(EDGE, 10, WIDTH - 2 * EDGE, 20)
PANELS = Box(EDGE, 40, WIDTH - 2 * EDGE, 184)
WORK = Box(EDGE, 228, WIDTH - 2 * EDGE, 42)
CAPTION = Box(EDGE, 276, WIDTH - 2 * EDGE, 34)
STAGE = Box(EDGE, 40, WIDTH - 2 * EDGE, 230)  # panels and work together


def room(area: Box, sheets: int) -> Room:
    """What the layout of panels may take of an area, at most ``sheets`` channels of a panel lying side by side."""
    return Room(area.width, area.width, area.height - 16, area.height - 12, across=True, sheets=sheets)


def to_scene(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Points of the board as manim's: units from the centre, y upwards, z = 0.

    >>> to_scene([(WIDTH / 2, 0)]).tolist()
    [[0.0, 4.0, 0.0]]
    """
    import numpy as np

    flat = np.asarray(points, dtype=float).reshape(-1, 2)
    out = np.zeros((len(flat), 3))
    out[:, 0] = (flat[:, 0] - WIDTH / 2) / UNIT
    out[:, 1] = (HEIGHT / 2 - flat[:, 1]) / UNIT
    return out


def to_board(point: Sequence[float]) -> tuple[float, float]:
    """A place of manim's frame in points of the board."""
    return float(point[0]) * UNIT + WIDTH / 2, HEIGHT / 2 - float(point[1]) * UNIT


def shift(dx: float, dy: float) -> np.ndarray:
    """A move by points of the board as manim's vector."""
    import numpy as np

    return np.array([dx / UNIT, -dy / UNIT, 0.0])
