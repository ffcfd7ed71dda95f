"""Where rows, lanes and columns of a drawn net lie on its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2, prod

from convviz import theme as themes
from convviz.analysis.block_layout import Layout, Place
from convviz.analysis.blocks import extent
from convviz.analysis.pyramid import Level, Pyramid
from convviz.figures import canvas
from convviz.figures.canvas import MARGIN
from convviz.report.blocks import about, caption, headline, name_cell, reads_cell, rf_cell
from convviz.report.model import shorten
from convviz.theme import Theme

NUMBERS = [*themes.FONTS["numbers"]]
TALL = 10.2  # inches of all rows together, as long as the rows allow
PITCH = (0.235, 0.46)  # inches of a row, at least and at most
JOIN = 0.8  # of a row's height for one that only joins
LANE = 1.02  # inches from lane to lane
NARROW, WIDE = 0.44, 0.86  # inches of a box
TRACK = 0.13  # inches from track to track
CONE = 3.3  # inches of the cone
GAP = 0.2  # inches between columns
WORD = 7.8  # points of the words
FOOT = 1.0  # inches below the rows
LEGEND = 0.3  # inches from the lower edge to the middle of the legend
HEAD = 1.28  # inches above the rows
NAME, LAYERS = 26, 64  # characters of a name and of what a block does


@dataclass(frozen=True)
class Column:
    """A column of words: where it is, and how it is written."""

    key: str
    left: float
    right: float
    numbers: bool

    @property
    def x(self) -> float:
        return self.right if self.numbers else self.left


class Page:
    """Where everything goes, in inches from the lower left corner."""

    def __init__(self, plan: Layout, cone: Pyramid | None, look: Theme) -> None:
        self.plan, self.cone, self.look = plan, cone, look
        self.shares = [JOIN if p.block and p.block.is_join else 1.0 for p in plan.places]
        self.pitch = min(max(TALL / sum(self.shares), PITCH[0]), PITCH[1])
        self.rows: list[float] = []  # the middle of each row
        y = FOOT
        for share in self.shares:
            self.rows.append(y + share * self.pitch / 2)
            y += share * self.pitch
        self.top = y
        self.height = y + HEAD
        self.left = MARGIN + TRACK * plan.tracks
        right = self.left + LANE * (plan.lanes - 1) + WIDE
        if plan.drawn.repeats:
            right += 0.46
        self.columns = _columns(plan, right + GAP)
        right = self.columns[-1].right
        if cone is not None:
            reads = [reads_cell(level) for level in self.levels(cone)]
            self.cone_left = right + 1.6 * GAP
            right = self.cone_left + CONE + widest([*reads, "reads"], True) + GAP / 2
        title = canvas.TITLE / WORD * text_width(headline(plan.drawn.result), False) * 1.06
        under = canvas.CAPTION / WORD * text_width(caption(plan), False)
        legend = 3.4 + text_width("wider: higher resolution, taller: more channels", False)
        if (
            cone is not None and self.cone_left < legend
        ):  # the legend of the boxes must not reach that of the cone
            right += legend - self.cone_left
            self.cone_left = legend
        self.width = max(right, MARGIN + max(title, under)) + MARGIN
        extents = [self.extent(p) for p in plan.places]
        self.largest, self.most = max(side(space) for _, space in extents), max(n for n, _ in extents)

    def levels(self, cone: Pyramid) -> list[Level]:
        return [level for level in (self.level(cone, p) for p in self.plan.places) if level is not None]

    def level(self, cone: Pyramid, place: Place) -> Level | None:
        """The last layer of a block that has a place on the input and is read."""
        if place.block and place.block.field and place.block.field.is_global:
            return None
        names = reversed(place.block.nodes) if place.block else [place.name]
        known = (cone.levels[name] for name in names if name in cone.levels)
        return next(known, None)

    def extent(self, place: Place) -> tuple[int, tuple[int, ...]]:
        """Channels and spatial sizes."""
        if place.block:
            return place.block.channels, place.block.space
        return extent(self.plan.drawn.result, place.name)

    def lane(self, lane: int) -> float:
        return self.left + WIDE / 2 + LANE * lane

    def track(self, track: int) -> float:
        return self.left - TRACK * track

    def size(self, place: Place) -> tuple[float, float]:
        """Width and height of a box: its resolution and its channels, both as logarithms."""
        channels, space = self.extent(place)
        wide = log2(1 + side(space)) / log2(1 + self.largest) if self.largest > 1 else 0.0
        high = log2(1 + channels) / log2(1 + self.most) if self.most > 1 else 1.0
        row = self.pitch - 0.075
        low = 0.135
        return NARROW + (WIDE - NARROW) * wide, low + (row - low) * high**2

    def half(self, row: int) -> float:
        """Half of a box's height."""
        place = self.plan.places[row]
        if place.block and place.block.is_join:
            return 0.075
        return self.size(place)[1] / 2

    def above(self, row: int) -> float:
        """Height of the level stretch of what leaves a row."""
        return self.rows[row] + self.shares[row] * self.pitch / 2 - 0.012

    def below(self, row: int) -> float:
        """Height of the level stretch of what enters a row."""
        return self.rows[row] - self.shares[row] * self.pitch / 2 + 0.012


def _columns(plan: Layout, start: float) -> list[Column]:
    out = []
    x = start
    for key, numbers in (
        ("layer", False),
        ("does", False),
        ("output", True),
        ("RF", True),
        ("parameters", True),
    ):
        texts = [row_words(place, plan)[key] for place in plan.places]
        width = max(widest(texts, numbers), text_width(key, False))
        out.append(Column(key, x, x + width, numbers))
        x += width + GAP
    return out


def row_words(place: Place, plan: Layout) -> dict[str, str]:
    """What a row says, by column."""
    if place.block is None:
        shape = plan.drawn.result.graph.shape(place.name)
        return {
            "layer": place.name,
            "does": "",
            "output": "×".join(map(str, shape)),
            "RF": "",
            "parameters": "",
        }
    block = place.block
    return {
        "layer": shorten(name_cell(block), NAME),
        "does": shorten(about(block), LAYERS, "end"),
        "output": "×".join(map(str, block.last.out)) or "scalar",
        "RF": rf_cell(block),
        "parameters": f"{block.params:,}",
    }


def side(space: Sequence[int]) -> float:
    """Geometric mean of the spatial sizes."""
    return prod(space) ** (1 / len(space)) if space else 1.0


def text_width(text: str, numbers: bool, size: float = WORD) -> float:
    """Width of a text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    family = themes.FONTS["numbers" if numbers else "text"]
    wide, _, _ = text_to_path.get_text_width_height_descent(
        text, FontProperties(family=list(family), size=size), False
    )
    return float(wide) / 72


def widest(texts: Iterable[str], numbers: bool) -> float:
    return max((text_width(text, numbers) for text in set(texts)), default=0.0)
