"""Text as outlines of the bundled fonts, cut once for each string: no shaping engine, no LaTeX, alike everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Literal

import numpy as np
from convviz.scenes.stage.paths import Drawn, Said, curves_of, joined, path

from convviz.figures import canvas
from convviz.figures import cells as draw
from convviz.figures.cells import CAP, Box
from convviz.theme import FONTS


def text(
    x: float,
    y: float,
    words: str,
    colour: str,
    *,
    size: float = 9.0,
    mono: bool = False,
    bold: bool = False,
    italic: bool = False,
    align: str = "left",
    middle: bool = True,
    opacity: float = 1.0,
) -> Drawn:
    """A line of text, its optical middle (middle=False: its baseline) at height ``y``; align: left, center, right."""
    return texts(
        [(x, y, words)],
        colour,
        size=size,
        mono=mono,
        bold=bold,
        italic=italic,
        align=align,
        middle=middle,
        opacity=opacity,
    )


def texts(
    placed: Iterable[tuple[float, float, str]],
    colour: str,
    *,
    size: float = 9.0,
    mono: bool = False,
    bold: bool = False,
    italic: bool = False,
    align: str = "left",
    middle: bool = True,
    opacity: float = 1.0,
) -> Drawn:
    """Lines of text of one style, as one object."""
    parts, said = [], []
    for x, y, words in placed:
        curves, advance = glyphs(words, mono, bold, italic)
        wide = advance * size
        left = x - {"left": 0.0, "center": wide / 2, "right": wide}[align]
        base = y + (CAP / 2 * size if middle else 0.0)
        parts.append(curves * (size, -size) + (left, base))
        if words.strip():
            said.append(Said(words, size, Box(left, base - CAP * size, wide, CAP * size)))
    return path(joined(parts), fill=colour, said=said, opacity=opacity)


@cache
def glyphs(words: str, mono: bool, bold: bool, italic: bool) -> tuple[np.ndarray, float]:
    """The outlines of a line of text at size 1, y upwards, and how far it goes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not words:
        return np.zeros((0, 2)), 0.0
    weight = ("bold" if mono else "semibold") if bold else "normal"
    style: Literal["italic", "normal"] = "italic" if italic and not mono else "normal"
    canvas.register_fonts()
    font = FontProperties(
        family=[*FONTS["numbers" if mono else "text"]], weight=weight, style=style, size=100
    )
    corners, codes = text_to_path.get_text_path(font, words)
    scale = text_to_path.FONT_SCALE
    return curves_of(np.asarray(corners, dtype=float), codes) / scale, draw.width_of(
        words, 1.0, mono=mono, bold=bold
    )
