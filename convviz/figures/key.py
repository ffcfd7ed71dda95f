"""The key of a plan's picture: each cue that occurs in it, once, with its meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TILE = 11.0
LETTER = 7.8
ROW = 17.0
AIR = 16.0

# cue: what it means, in the order of the key
WORDS = {
    "input": "input",
    "kernel": "weight",
    "output": "output",
    "empty": "not yet written",
    "padding": "padding",
    "zero": "inserted zero",
    "read": "read in this step",
    "written": "written in this step",
    "fed": "fed by the cell that is read",
    "chip": "weight that multiplies the cell",
    "winner": "the largest",
    "hole": "not read",
    "unused": "never read",
    "cropped": "cut off: outside the output",
    "shared": "shares statistics",
    "identity": "one shade for each input channel",
    "entry": "a weight's entry: each weight has its shade",
}


def lines(cues: list[str], width: float) -> list[list[str]]:
    """The cues in lines of at most ``width`` points."""
    found: list[list[str]] = []
    room = 0.0
    for cue in cues:
        need = TILE + 5 + draw.width_of(WORDS[cue], LETTER) + AIR
        if not found or room < need - AIR:
            found.append([])
            room = width
        found[-1].append(cue)
        room -= need
    return found


def painter(cues: list[str], look: Theme) -> Callable[[Axes, float, float], None]:
    """Draws one line of the key with its top left corner at a place."""

    def paint(ax: Axes, x: float, y: float) -> None:
        for cue in cues:
            box = Box(x, y + (ROW - TILE) / 2, TILE, TILE)
            sample(ax, box, cue, look)
            draw.write(ax, box.right + 5, y + ROW / 2, WORDS[cue], look.faint_ink, size=LETTER)
            x = box.right + 5 + draw.width_of(WORDS[cue], LETTER) + AIR

    return paint


def sample(ax: Axes, box: Box, cue: str, look: Theme) -> None:
    """A small cell that shows a cue as the panels do."""
    muted, both, active = look["muted"], look["shared"], look["active"].edge
    if cue in ("input", "kernel", "output"):
        role = look[cue]
        width = 1.8 if cue == "kernel" else 1.1
        draw.tiles(ax, [box], fill=role.fill, edge=role.edge, width=width, rounded=cue == "output")
    elif cue == "empty":
        draw.tiles(ax, [box], edge=muted.edge, width=0.7, rounded=True)
    elif cue in ("padding", "cropped"):
        draw.tiles(ax, [box], edge=look["padding"].edge, width=0.8, dashed=True)
    elif cue == "zero":
        draw.tiles(ax, [box], edge=look.line, width=0.8)
        draw.dots(ax, [box], muted.edge, part=0.12)
    elif cue in ("read", "fed"):
        draw.tiles(ax, [box], edge=active, width=2.0)
    elif cue == "written":
        draw.tiles(ax, [box], edge=active, width=2.0, rounded=True)
    elif cue == "chip":
        role = look["kernel"]
        draw.tiles(ax, [Box(box.x + 1, box.y + 1.5, box.width - 2, box.height - 3)], fill=role.fill, edge=role.edge,
                   width=0.6, rounded=True)  # fmt: skip
    elif cue == "winner":
        draw.tiles(ax, [box], fill=themes.mix(look.paper, active, 0.32), edge=muted.edge, width=0.7)
        draw.tiles(ax, [box.inset(1.6)], edge=active, width=1.3, rounded=True)
    elif cue in ("hole", "unused"):
        draw.tiles(ax, [box], fill=muted.fill, edge=muted.edge, width=0.7)
        draw.diagonals(ax, [box], muted.edge)
    elif cue == "shared":
        draw.tiles(ax, [box], fill=both.fill, edge=both.edge, hatch="////")
    elif cue == "identity":
        for i in range(3):
            part = Box(box.x + i * box.width / 3, box.y, box.width / 3, box.height)
            draw.tiles(ax, [part], fill=themes.mix(look.paper, look.deep(i / 2), 0.4))
        draw.tiles(ax, [box], edge=muted.edge, width=0.7)
    else:
        role = look["kernel"]
        draw.tiles(
            ax, [box], fill=themes.mix(role.fill or look.paper, role.edge, 0.4), edge=role.edge, width=0.7
        )
