"""The experiment with random generators: what each paints, its spectrum, and how much is in its phases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.artifacts import Experiment, Measured
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, GAP, LABEL = 1.72, 0.22, 1.0
CLOSE = 48  # pixels of a sample along each side: more would hide the pattern
CAPTION = "Random weights, no training. One image, the mean spectrum, and every seed's share of variance in the phases."


def plot(result: Experiment, path: str | Path, *, theme: str = "light", title: str | None = None) -> None:
    """Draw ``result`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(result, theme=theme, title=title)
        canvas.save(made, path, title=title or headline(result), words=description(result))


def headline(result: Experiment) -> str:
    return f"Untrained generators, {result.seeds} seed{'s' * (result.seeds > 1)}: how much is checkerboard"


def description(result: Experiment) -> str:
    """The picture in words, for those who cannot see it."""
    told = "; ".join(f"{k.words} {k.mean:.3f}" for k in result.kinds)
    return f"{headline(result)}. Share of the variance that the phases explain: {told}. {result.setup}."


def figure(result: Experiment, *, theme: str = "light", title: str | None = None) -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    n = len(result.kinds)
    dots = 1.5
    top = 1.6
    width = MARGIN * 2 + LABEL + n * SIDE + (n - 1) * GAP
    height = top + 2 * SIDE + 0.2 + 0.35 + dots + 1.05
    made = canvas.page(width, height, look)
    canvas.header(made, look, title or headline(result), CAPTION)

    def axes(x: float, y: float, wide: float, tall: float) -> Axes:
        return made.add_axes((x / width, 1 - (y + tall) / height, wide / width, tall / height))

    def side(y: float, *lines: str) -> None:
        for i, line in enumerate(lines):
            weight = "semibold" if not i else "normal"
            size = 8.6 if not i else 7.4
            colour = look.ink if not i else look.faint_ink
            made.text(
                MARGIN / width,
                1 - (y + i * 0.17) / height,
                line,
                color=colour,
                size=size,
                weight=weight,
                va="center",
            )

    peak = max(float(k.spectrum.max()) for k in result.kinds)
    for i, kind in enumerate(result.kinds):
        x = MARGIN + LABEL + i * (SIDE + GAP)
        name, _, rest = kind.words.partition(", ")
        for j, line in enumerate((name, rest)):
            made.text(
                (x + SIDE / 2) / width, 1 - (top - 0.38 + 0.19 * j) / height, line, ha="center", va="center",
                color=look.ink if not j else look.faint_ink, size=8.6, weight="semibold" if not j else "normal",
            )  # fmt: skip
        _sample(axes(x, top, SIDE, SIDE), kind, look)
        _spectrum(axes(x, top + SIDE + 0.2, SIDE, SIDE), kind, peak, look)
    side(top + SIDE / 2 - 0.1, "image", "first seed")
    side(top + 1.5 * SIDE + 0.1, "spectrum", "log power,", "0 in the middle")
    low = top + 2 * SIDE + 0.55
    side(low + dots / 2 - 0.1, "share", "of variance", "in the phases")
    _dots(axes(MARGIN + LABEL, low, n * SIDE + (n - 1) * GAP, dots), result, look)
    for i, line in enumerate(_setup(result)):
        made.text(
            MARGIN / width, (0.42 - 0.18 * i) / height, line, color=look.faint_ink, size=7.8, va="center"
        )
    return made


def _setup(result: Experiment) -> list[str]:
    first, _, last = result.setup.partition(", no biases")
    return [
        f"Set-up: {first};",
        f"no biases{last}; {result.size}x{result.size}, measured {result.margin} pixels inside.",
    ]


def _sample(ax: Axes, kind: Measured, look: Theme) -> None:
    h, w = kind.image.shape[1:]
    cut = min(CLOSE, h, w)
    y, x = (h - cut) // 2, (w - cut) // 2
    part = kind.image[:, y : y + cut, x : x + cut]
    spread = np.maximum(part.std((1, 2), keepdims=True), 1e-12)
    shown = np.clip(0.5 + (part - part.mean((1, 2), keepdims=True)) / (5 * spread), 0, 1)
    ax.imshow(np.moveaxis(shown, 0, -1), interpolation="nearest")
    _bare(ax, look)


def _spectrum(ax: Axes, kind: Measured, peak: float, look: Theme) -> None:
    floor = peak * 1e-5
    ax.imshow(
        np.log10(np.maximum(kind.spectrum, floor)), cmap=themes.MAPS["counts"], interpolation="nearest",
        vmin=np.log10(floor), vmax=np.log10(peak),
    )  # fmt: skip
    _bare(ax, look)


def _bare(ax: Axes, look: Theme) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(look.line)


def _dots(ax: Axes, result: Experiment, look: Theme) -> None:
    """A dot a seed, the mean as a line and the standard deviation as a bar, the mean in figures."""
    width = SIDE + GAP
    for i, kind in enumerate(result.kinds):
        x = i * width + SIDE / 2
        jitter = np.linspace(-0.32, 0.32, len(kind.fraction)) if len(kind.fraction) > 1 else np.zeros(1)
        role = look["input"]
        ax.plot(
            x + jitter,
            kind.fraction,
            "o",
            markersize=3.4,
            markerfacecolor="none",
            markeredgecolor=role.edge,
            zorder=3,
        )
        ax.plot([x - 0.45, x + 0.45], [kind.mean] * 2, color=look["active"].edge, linewidth=2.2, zorder=4)
        if kind.sd is not None:
            ends = [max(kind.mean - kind.sd, 0), kind.mean + kind.sd]
            ax.plot([x + 0.55] * 2, ends, color=look["active"].edge, linewidth=1.4, zorder=4)
        told = f"{kind.mean:.3f}" + ("" if kind.sd is None else f" ± {kind.sd:.3f}")
        ax.annotate(
            told, (x, 0), (0, -6), textcoords="offset points", ha="center", va="top", color=look.ink, size=8.6,
            family="monospace",
        )  # fmt: skip
    ax.set_xlim(0, len(result.kinds) * width - GAP)
    top = max(0.05, max(float(k.fraction.max()) for k in result.kinds)) * 1.08
    ax.set_ylim(0, top)
    ax.locator_params(axis="y", nbins=4)
    ax.set_xticks([])
    for spine in ("top", "right", "left"):
        ax.spines[spine].set_visible(False)
    ax.spines["bottom"].set_color(look.line)
    ax.grid(axis="y", color=look.line, linewidth=0.7)
    ax.set_axisbelow(True)
    ax.set_facecolor("none")
    ax.tick_params(axis="y", labelcolor=look.faint_ink, labelsize=7.6, length=0, pad=1)
