"""The statistics of all sets as a table, which is the key to the trays as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.set_names import names_of
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.norms import paint
from convviz.figures.norms.paint import SMALL, Coat
from convviz.plan.words import number
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 16.5
SWATCH = 30.0
AIR = 14.0
MOST = 150.0  # points of a set's name


class Table:
    """Set, name, statistics, divisor; of many sets the first ones, and the chosen one."""

    def __init__(
        self,
        result: Normalized,
        chosen: int,
        tall: float,
        names: tuple[str, ...] | None = None,
        kept: bool | None = None,
    ) -> None:
        self.result, self.chosen = result, chosen
        sets = len(result.shift)
        room = max(int((tall - 2 * ROW) / ROW), 4)
        self.shown = list(range(min(sets, room)))
        if chosen not in self.shown:
            self.shown[-1] = chosen
        self.hidden = sets - len(self.shown)
        names = names_of(result) if names is None else names
        self.columns = columns(result, not result.live if kept is None else kept)
        self.cells = {
            label: [
                draw.clip(names[label], MOST, SMALL),
                *(number(values[label]) for _, values in self.columns),
            ]
            for label in self.shown
        }
        widest = max(draw.width_of(f"{label}", SMALL, mono=True, bold=True) for label in self.shown)
        self.swatch = max(SWATCH, widest + 20)
        heads = ["", *(head for head, _ in self.columns)]
        self.widths = [
            max(
                draw.width_of(heads[i], SMALL),
                *(draw.width_of(row[i], SMALL, mono=i > 0) for row in self.cells.values()),
            )
            for i in range(len(heads))
        ]

    @property
    def width(self) -> float:
        return self.swatch + sum(self.widths) + AIR * len(self.widths)

    @property
    def height(self) -> float:
        return ROW * (len(self.shown) + 1 + bool(self.hidden))

    def paint(self, ax: Axes, x: float, y: float, look: Theme, coats: dict[int, Coat]) -> None:
        rights = [x + self.swatch + sum(self.widths[: i + 1]) + AIR * i for i in range(len(self.widths))]
        draw.write(ax, x, y + ROW / 2, "set", look.faint_ink, size=SMALL)
        for (head, _), right in zip(self.columns, rights[1:], strict=True):
            draw.write(ax, right, y + ROW / 2, head, look.faint_ink, size=SMALL, align="right")
        draw.strokes(ax, [[(x, y + ROW), (rights[-1], y + ROW)]], look.line, width=0.8)
        for i, label in enumerate(self.shown):
            top = y + ROW * (i + 1)
            own = coats.get(label) or paint.coat(look, label % len(paint.COATS))
            swatch = Box(x, top + 2, self.swatch - 8, ROW - 4)
            draw.tiles(ax, [swatch], fill=own.tray, edge=own.edge, width=0.8, hatch=own.hatch)
            strong = label == self.chosen
            paint.tag(ax, x + 3, top + 3.2, label, look, strong=strong)
            middle = top + ROW / 2
            name, *numbers = self.cells[label]
            draw.write(ax, x + self.swatch, middle, name, look.ink, size=SMALL, bold=False)
            for text, right in zip(numbers, rights[1:], strict=True):
                draw.write(
                    ax, right, middle, text, look.ink, size=SMALL, mono=True, bold=strong, align="right"
                )
        if self.hidden:
            told = f"… {self.hidden:,} more {'set' if self.hidden == 1 else 'sets'}"
            draw.write(ax, x, y + ROW * (len(self.shown) + 1.5), told, look.faint_ink, size=SMALL)


def columns(result: Normalized, kept: bool = False) -> list[tuple[str, tuple[float, ...]]]:
    """What is listed of each set; kept: from training."""
    found: list[tuple[str, tuple[float, ...]]] = []
    running = "running " if kept else ""
    if result.mean is not None:
        found.append((f"{running}mean", result.mean))
    if result.low is not None and result.high is not None:
        found += [("minimum", result.low), ("maximum", result.high), ("divisor", result.scale)]
    elif result.var is not None and result.method != "center":
        name = "mean square" if result.mean is None else "variance"
        found.append((f"{running}{name}", result.var))
        eps = " + eps" if result.eps else ""
        short = "mean sq." if result.mean is None else "var."
        rooted = np.allclose(result.scale, np.sqrt(np.add(result.var, result.eps)), rtol=1e-12, atol=0)
        root = f"√({short}{eps})" if eps else f"√{short}"
        found.append((root if rooted else "divisor", result.scale))
    elif result.method == "pixel":
        found.append(("divisor", result.scale))
    return found
