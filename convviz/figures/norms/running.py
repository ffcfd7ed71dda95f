"""Running statistics over the training steps of a normalized batch: the update with its numbers, a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convviz.analysis.norms.normalize import Normalized
from convviz.figures import cells as draw
from convviz.figures.norms.paint import SMALL
from convviz.plan.words import number
from convviz.report.norms.words import update_text
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (250.0, 84.0)  # points of one curve
DOTS = 40  # updates whose points are marked


def lines(result: Normalized, channel: int) -> list[tuple[str, str]]:
    """The last update of a channel, as (what, arithmetic)."""
    if not result.updates:
        return []
    last = result.updates[-1]
    before = result.updates[-2] if len(result.updates) > 1 else None
    old_mean = float(before.running_mean[channel]) if before else 0.0
    old_var = float(before.running_var[channel]) if before else 1.0
    m, share = last.cells, last.momentum
    parts = (last.mean, last.var, last.unbiased, last.running_mean, last.running_var)
    mean, var, unbiased, new_mean, new_var = (float(part[channel]) for part in parts)
    return [
        ("unbiased variance", f"{number(var)}×{m} / {m - 1} = {number(unbiased)}"),
        ("running mean", update_text(old_mean, mean, share, new_mean)),
        ("running variance", update_text(old_var, unbiased, share, new_var)),
    ]


class Curves:
    """Running mean and variance of a channel over the updates, each on its own scale, with what is put in dashed."""

    def __init__(self, result: Normalized, channel: int) -> None:
        self.updates, self.channel = result.updates, channel

    @property
    def drawn(self) -> bool:
        return len(self.updates) > 1

    @property
    def height(self) -> float:
        return SIZE[1] + 34 if self.drawn else 0.0

    def paint(self, ax: Axes, x: float, y: float, look: Theme) -> None:
        if not self.drawn:
            return
        c = self.channel
        start = (
            (0.0, "running mean", "batch mean", "input"),
            (1.0, "running variance", "unbiased variance", "kernel"),
        )
        for i, (first, name, target, role) in enumerate(start):
            own = [u.running_mean[c] if i == 0 else u.running_var[c] for u in self.updates]
            aim = [u.mean[c] if i == 0 else u.unbiased[c] for u in self.updates]
            values = [first, *map(float, own)]
            self._one(
                ax, x + i * (SIZE[0] + 70), y, values, list(map(float, aim)), (name, target), look, role
            )

    def _one(
        self, ax: Axes, x: float, y: float, values: list[float], aim: list[float], names: tuple[str, str], look: Theme,
        role: str,
    ) -> None:  # fmt: skip
        colour = look[role].edge
        name, target = names
        draw.write(ax, x, y + 6, f"{name}, channel {self.channel}", look.ink, size=8.4, bold=True)
        top, bottom = y + 18, y + 18 + SIZE[1] - 18
        low, high = min([*values, *aim]), max([*values, *aim])
        span = (high - low) or 1.0

        def at(step: float, value: float) -> tuple[float, float]:
            return x + SIZE[0] * step / (len(values) - 1), bottom - (bottom - top) * (value - low) / span

        draw.strokes(ax, [[(x, bottom + 4), (x + SIZE[0], bottom + 4)]], look.line, width=0.8)
        draw.strokes(
            ax,
            [[at(k, v), at(k + 1, v)] for k, v in enumerate(aim)],
            look.faint_ink,
            width=1.0,
            dashed=True,
            above=3,
        )
        points = [at(k, v) for k, v in enumerate(values)]
        draw.strokes(ax, [points], colour, width=1.7, above=4)
        if len(values) <= DOTS:
            draw.dots(ax, [draw.Box(px - 2, py - 2, 4, 4) for px, py in points], colour, part=0.5, above=5)
        end = points[-1]
        goal = at(len(values) - 1, aim[-1])
        apart = 0.0 if abs(end[1] - goal[1]) > 10 else (5.5 if end[1] >= goal[1] else -5.5)
        draw.write(
            ax, end[0] + 7, end[1] + apart, number(values[-1]), look.ink, size=SMALL, mono=True, bold=True
        )
        draw.write(ax, end[0] + 7, goal[1] - apart, number(aim[-1]), look.faint_ink, size=SMALL, mono=True)
        draw.write(ax, x, bottom + 12, f"{number(values[0])} at the start", look.faint_ink, size=SMALL)
        told = f"after {len(values) - 1:,} updates; dashed: {target}"
        draw.write(ax, x + SIZE[0], bottom + 12, told, look.faint_ink, size=SMALL, align="right")
