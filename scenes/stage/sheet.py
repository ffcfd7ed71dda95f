"""Whatever the stills' painters draw, as manim's objects: panels, tables and matrices look as in the stills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from convviz.scenes.stage.lettering import glyphs, texts
from convviz.scenes.stage.paths import Drawn, Said, curves_of, dashes, hatched, joined, path, strokes
from manim import VGroup, VMobject

from convviz.figures import canvas
from convviz.figures.cells import CAP, Box


class Sheet:
    """Stands in for the axes that the painters of ``convviz.figures`` draw on, and keeps what they add."""

    def __init__(self) -> None:
        self.found: list[tuple[float, list[Any]]] = []

    def add_collection(self, made: Any, autolim: bool = False) -> None:
        self.found.append((made.get_zorder(), list(_collection(made))))

    def add_patch(self, made: Any) -> None:
        curves = curves_of(made.get_path().vertices, made.get_path().codes)
        colour, opacity = _rgba(made.get_facecolor())
        self.found.append((made.get_zorder(), [path(curves, fill=colour, opacity=opacity)]))

    def add_line(self, made: Any) -> None:
        dashed = made.get_linestyle() not in ("-", "solid")
        points = np.column_stack([made.get_xdata(), made.get_ydata()])
        colour, _ = _rgba(made.get_color())
        self.found.append(
            (made.get_zorder(), [strokes([points], colour, width=made.get_linewidth(), dashed=dashed)])
        )

    def text(self, x: float, y: float, words: str, **style: Any) -> Any:
        from matplotlib.text import Text

        made = Text(x, y, words, **style)
        self.found.append((made.get_zorder(), [made]))
        return made

    def mobjects(self) -> VGroup:
        """Everything in the order in which it is painted; texts of one style are one object."""
        from matplotlib.text import Text

        made: list[VMobject] = []
        pending: dict[Any, list[tuple[float, float, str]]] = {}
        flat = [
            (item.get_zorder() if isinstance(item, Text) else order, item)
            for order, items in self.found
            for item in items
        ]
        for _, item in sorted(flat, key=lambda pair: pair[0]):
            if not isinstance(item, Text):
                made.append(item)
            elif item.get_text():
                upright = float(item.get_rotation()) == 0
                style = (
                    _rgba(item.get_color())[0], float(item.get_fontsize()), "mono" in item.get_fontfamily()[0],
                    item.get_fontweight() not in ("normal", 400), item.get_fontstyle() == "italic",
                    item.get_horizontalalignment(),
                )  # fmt: skip
                x, y = item.get_position()
                if upright:
                    pending.setdefault(style, []).append((float(x), float(y), item.get_text()))
                else:
                    made.append(_turned(item, style, float(x), float(y)))
        for (colour, size, mono, bold, italic, align), placed in pending.items():
            made.append(
                texts(
                    placed, colour, size=size, mono=mono, bold=bold, italic=italic, align=align, middle=False
                )
            )
        return VGroup(*made)


def _turned(item: Any, style: tuple[Any, ...], x: float, y: float) -> Drawn:
    """A text turned by a quarter, which ends at (x, y) going upwards (the names of a matrix's columns)."""
    colour, size, mono, bold, italic, _ = style
    curves, advance = glyphs(item.get_text(), mono, bold, italic)
    turned = np.column_stack([-curves[:, 1], -curves[:, 0]]) * size + (x + CAP / 2 * size, y)
    box = Box(x - CAP / 2 * size, y - advance * size, CAP * size, advance * size)
    return path(turned, fill=colour, said=[Said(item.get_text(), size, box)])


def _collection(made: Any) -> Iterable[VMobject]:
    from matplotlib.collections import LineCollection

    widths, edges = made.get_linewidths(), made.get_edgecolors()
    dashed = made.get_linestyles()[0][1] is not None
    if isinstance(made, LineCollection):
        colour, opacity = _rgba(edges[0])
        yield strokes(
            [[tuple(p) for p in s] for s in made.get_segments()],
            colour,
            width=widths[0],
            dashed=dashed,
            opacity=opacity,
        )
        return
    fills = made.get_facecolors()
    edge, opacity = _rgba(edges[0]) if len(edges) else ("", 0.0)
    drawn = edge if opacity and widths[0] else None
    for i, shape in enumerate(made.get_paths()):
        fill, strength = _rgba(fills[i % len(fills)]) if len(fills) else ("", 0.0)
        if dashed:
            if strength:
                yield path(curves_of(shape.vertices, shape.codes), fill=fill, opacity=strength)
            pieces = [p for p in shape.to_polygons(closed_only=False) if len(p) > 1]
            yield path(joined(dashes(p) for p in pieces), edge=edge, width=widths[0])
            continue
        yield path(curves_of(shape.vertices, shape.codes), fill=fill if strength else None, edge=drawn, width=widths[0],
                   opacity=strength or opacity)  # fmt: skip
        if made.get_hatch():
            boxes = [Box(*_extent(p)) for p in shape.to_polygons(closed_only=False) if len(p) > 2]
            yield path(joined(hatched(b.inset(0.6)) for b in boxes), edge=edge, width=0.8)


def _extent(points: np.ndarray) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _rgba(colour: Any) -> tuple[str, float]:
    from matplotlib.colors import to_hex, to_rgba

    found = to_rgba(colour)
    return to_hex(found[:3]), float(found[3])


def artists(paint: Callable[[Any], None]) -> VGroup:
    """Whatever ``paint(ax)``, a painter of ``convviz.figures`` on a board, draws."""
    sheet = Sheet()
    with canvas.style():
        paint(sheet)
        return sheet.mobjects()
