"""Where the cells of a block C x H x W lie when it is seen from the front and a little from above, and its faces in the
order in which they are painted. Plain geometry, in points of the board; ``solid.py`` draws it.

The front (H down, W across) keeps its true form, so that squares stay square and numbers stand upright; the channels
recede to the upper right, and channel 0 lies in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from convviz.errors import ConvvizError
from convviz.figures.cells import Box

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
Cell = tuple[int, int, int]

FACES = ("right", "top", "front")  # in the order in which the faces of a slab are painted
SLANT = (0.5, -0.36)  # of a cell's side: where the next channel lies
FULL = 12  # channels that are drawn at their full depth; more of them lie closer together
SMALLEST = 4.0  # points of the side of the smallest cell that can be told from the next
AXES = ("C", "H", "W")


@dataclass(frozen=True)
class Solid:
    """A block of ``shape`` (C, H, W) whose front has its top left corner at (x, y).

    side: of a cell; slant: how far a channel is deep, as a part of the side; apart: points (x, y) between two channels
    beside their depth.
    """

    shape: tuple[int, int, int]
    x: float
    y: float
    side: float
    slant: Point = SLANT
    apart: Point = (0.0, 0.0)

    # -- places ----------------------------------------------------------------------------------------------
    @property
    def deep(self) -> Point:
        """From the front of a slab to its back."""
        return self.slant[0] * self.side, self.slant[1] * self.side

    @property
    def step(self) -> Point:
        """From a channel to the next."""
        return self.deep[0] + self.apart[0], self.deep[1] + self.apart[1]

    def at(self, channel: float, row: float, column: float) -> Point:
        """A corner of the lattice on the front of a channel (its back is the front plus ``deep``)."""
        return (
            self.x + column * self.side + channel * self.step[0],
            self.y + row * self.side + channel * self.step[1],
        )

    def front(self, cell: Cell) -> Box:
        """The front of a cell."""
        return Box(*self.at(*cell), self.side, self.side)

    def sheet(self, channel: int) -> Box:
        """The whole front of a channel."""
        _, rows, columns = self.shape
        return Box(*self.at(channel, 0, 0), columns * self.side, rows * self.side)

    @property
    def box(self) -> Box:
        """The smallest box around everything that is drawn."""
        fronts = [self.sheet(c) for c in {0, self.shape[0] - 1}]
        return Box.around(fronts + [front.moved(*self.deep) for front in fronts])

    # -- faces -----------------------------------------------------------------------------------------------
    def quads(self, channel: int, face: str) -> Iterator[tuple[tuple[int, int], Quad]]:
        """The cells (row, column) of a channel that show this face, and the face's corners."""
        _, rows, columns = self.shape
        cells = {
            "front": ((r, c) for r in range(rows) for c in range(columns)),
            "top": ((0, c) for c in range(columns)),
            "right": ((r, columns - 1) for r in range(rows)),
        }[face]
        for cell in cells:
            yield cell, self.quad((channel, *cell), face)

    def quad(self, cell: Cell, face: str) -> Quad:
        """The corners of one face of a cell, whether it can be seen or not."""
        (x, y), side, (dx, dy) = self.at(*cell), self.side, self.deep
        if face == "front":
            return (x, y), (x + side, y), (x + side, y + side), (x, y + side)
        if face == "top":
            return (x, y), (x + dx, y + dy), (x + side + dx, y + dy), (x + side, y)
        right = x + side
        return (right, y), (right + dx, y + dy), (right + dx, y + side + dy), (right, y + side)

    def order(self) -> range:
        """The channels back to front: who is painted later lies over the others."""
        return range(self.shape[0] - 1, -1, -1)

    # -- edges -----------------------------------------------------------------------------------------------
    def outline(self, channels: range, rows: range, columns: range) -> list[list[Point]]:
        """The nine edges of a sub-block that one sees of it, as lines; indices may lie outside (padding)."""
        front = Box.around([
            self.front((channels[0], rows[0], columns[0])), self.front((channels[0], rows[-1], columns[-1]))
        ])  # fmt: skip
        dx, dy = (s * (len(channels) - 1) + d for s, d in zip(self.step, self.deep, strict=True))
        back = front.moved(dx, dy)
        a, b = (front.x, front.y), (front.right, front.y)
        c, d = (front.right, front.bottom), (front.x, front.bottom)
        far = (back.x, back.y), (back.right, back.y), (back.right, back.bottom)
        return [[a, b, c, d, a], [a, far[0], far[1], far[2], c], [b, far[1]]]

    def faces(self, channels: range, rows: range, columns: range) -> dict[str, Quad]:
        """The three faces of a sub-block that one sees, to be tinted."""
        (a, b, c, d, _), (_, e, f, g, _), _ = self.outline(channels, rows, columns)
        return {"right": (b, f, g, c), "top": (a, e, f, b), "front": (a, b, c, d)}

    def covered(self, channel: int) -> bool:
        """Whether the channel in front hides a part of this one's front."""
        if channel == 0:
            return False
        mine, before = self.sheet(channel), self.sheet(channel - 1)
        across = min(mine.right, before.right) - max(mine.x, before.x)
        down = min(mine.bottom, before.bottom) - max(mine.y, before.y)
        return across > 0.5 and down > 0.5

    def axes(self, gap: float = 5.0) -> dict[str, tuple[Point, Point, Point]]:
        """For C, H and W: a line along the edge, ``gap`` points away, and a point further out for the name."""
        depth, rows, columns = self.shape
        left, right = self.x, self.x + columns * self.side
        top, bottom = self.y, self.y + rows * self.side
        dx, dy = (s * (depth - 1) + d for s, d in zip(self.step, self.deep, strict=True))
        out = gap + 6
        return {
            "C": (
                (right + gap, bottom + gap * 0.6),
                (right + gap + dx, bottom + gap * 0.6 + dy),
                (right + out + dx / 2, bottom + out + dy / 2),
            ),
            "H": ((left - gap, top), (left - gap, bottom), (left - out, (top + bottom) / 2)),
            "W": ((left, bottom + gap), (right, bottom + gap), ((left + right) / 2, bottom + out)),
        }

    # -- others like it --------------------------------------------------------------------------------------
    def moved(self, dx: float, dy: float) -> Solid:
        return replace(self, x=self.x + dx, y=self.y + dy)

    def pulled(self, dx: float, dy: float = 0.0) -> Solid:
        """The same with ``dx``, ``dy`` points more between two channels; channel 0 stays."""
        return replace(self, apart=(self.apart[0] + dx, self.apart[1] + dy))

    def side_by_side(self, gap: float) -> Solid:
        """The channels in a row on one line, ``gap`` points between two of them."""
        return replace(self, apart=(self.shape[2] * self.side + gap, -self.deep[1]))

    def centred(self, area: Box) -> Solid:
        """The same in the middle of an area."""
        (x, y), (to_x, to_y) = self.box.centre, area.centre
        return self.moved(to_x - x, to_y - y)

    @classmethod
    def fit(cls, shape: Sequence[int], area: Box, most: float = 28.0, apart: Point = (0.0, 0.0)) -> Solid:
        """The largest block in the middle of an area, its cells at most ``most`` points wide.

        shape: (C, H, W), (C, L) or (C,); the axes that are missing have one cell. Raises ConvvizError where the cells
        would be too small.
        """
        full = spatial(shape)
        flatter = min(1.0, FULL / full[0])
        slant = (SLANT[0] * flatter, SLANT[1] * flatter)
        unit, edge = cls(full, 0, 0, 1.0, slant).box, cls(full, 0, 0, 0.0, apart=apart).box
        side = min((area.width - edge.width) / unit.width, (area.height - edge.height) / unit.height, most)
        if side < SMALLEST:
            largest = told(most_of(full, area, edge))
            raise ConvvizError(
                f"a block of {told(full)} cells does not fit; the largest is {largest}", "input"
            )
        return cls(full, 0, 0, side, slant, apart).centred(area)

    @classmethod
    def row(
        cls, shape: Sequence[int], area: Box, gap: float, most: float = 28.0, down: bool = False
    ) -> Solid:
        """The largest block whose channels stand side by side (``down``: below each other), ``gap`` points apart."""
        full = spatial(shape)
        count, rows, columns = full
        one = columns + SLANT[0], rows - SLANT[1]  # of one channel, at side 1
        times = (1, count) if down else (count, 1)
        free = area.width - (times[0] - 1) * gap, area.height - (times[1] - 1) * gap
        side = min(*(room / (n * each) for room, n, each in zip(free, times, one)), most)
        if side < SMALLEST:
            length, each = (area.height, one[1]) if down else (area.width, one[0])
            fit = max(int((length + gap) / (each * SMALLEST + gap)), 0)
            what = f"{count} channels of {rows}×{columns} cells do not fit beside each other"
            raise ConvvizError(f"{what}; of this size {fit} do", "input")
        solid = cls(full, 0, 0, side)
        apart = (
            (-solid.deep[0], one[1] * side + gap - solid.deep[1]) if down else solid.side_by_side(gap).apart
        )
        return replace(solid, apart=apart).centred(area)


def spatial(shape: Sequence[int]) -> tuple[int, int, int]:
    """A map's shape as (C, H, W): of a 1-D map H is 1, of a vector W as well."""
    if not 1 <= len(shape) <= 3:
        raise ConvvizError(
            f"a block has channels and at most two spatial axes, got {len(shape) - 1}", "input"
        )
    channels, *space = shape
    return channels, *([1] * (2 - len(space))), *space  # type: ignore[return-value]


def samples(shape: Sequence[int], area: Box, gap: float = 16.0, most: float = 28.0) -> list[Solid]:
    """The blocks of a batch (N, C, H, W), all of one size, side by side in an area."""
    count, one = shape[0], spatial(shape[1:])
    place = Box(area.x, area.y, (area.width - (count - 1) * gap) / count, area.height)
    first = Solid.fit(one, place, most)
    left = area.x + (area.width - count * first.box.width - (count - 1) * gap) / 2
    first = first.moved(left - first.box.x, 0)
    return [first.moved(n * (first.box.width + gap), 0) for n in range(count)]


def most_of(shape: tuple[int, int, int], area: Box, edge: Box) -> tuple[int, int, int]:
    """The block that fits when the longest axes are cut, one cell at a time."""
    now = list(shape)
    while max(now) > 1:
        flatter = min(1.0, FULL / now[0])
        need = Solid((now[0], now[1], now[2]), 0, 0, SMALLEST, (SLANT[0] * flatter, SLANT[1] * flatter)).box
        if need.width + edge.width <= area.width and need.height + edge.height <= area.height:
            break
        now[now.index(max(now))] -= 1
    return now[0], now[1], now[2]


def told(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
