"""All steps of a plan on contact sheets: small multiples, section by section, a page or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import arrange, canvas, check_picture, key, prose, scene
from convviz.figures import cells as draw
from convviz.figures.arrange import Layout
from convviz.figures.canvas import CAPTION, MARGIN, TITLE
from convviz.plan import words
from convviz.plan.model import Grid, Panel, Plan
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = MARGIN * draw.POINTS
NARROW, WIDE, TALL = 560.0, 780.0, 1120.0  # points of a page, without its edges
SIDE = 15  # points of a cell at most
NEAR = 24.0  # points between the panels of a step
GAPS = (30.0, 16.0)  # points between steps, across and down
LABEL = 8.2
LINE = 14.0  # points of a step's own line, or of a section's name
PAGES = 6


@dataclass
class Small:
    """One step: its panels, laid out."""

    step: int
    plan: Plan
    layout: Layout

    @property
    def size(self) -> tuple[float, float]:
        """With the line above that says which step it is."""
        return max(self.layout.width, 60.0), self.layout.height + LINE


@dataclass
class Page:
    """Lines of steps, each with its height; a section's name is a line of its own."""

    lines: list[tuple[float, list[Small] | str]]

    @property
    def height(self) -> float:
        return sum(height for height, _ in self.lines)

    @property
    def steps(self) -> list[int]:
        return [small.step for _, line in self.lines if not isinstance(line, str) for small in line]


def files(path: str | Path, count: int) -> list[Path]:
    """The files of that many pages: all in one PDF, else ``name.png``, ``name-2.png`` and so on.

    >>> [file.name for file in files("a/conv.png", 2)], [file.name for file in files("conv.pdf", 2)]
    (['conv.png', 'conv-2.png'], ['conv.pdf'])
    """
    first = Path(path)
    if first.suffix.lower() == ".pdf":
        return [first]
    return [first, *(first.with_name(f"{first.stem}-{i}{first.suffix}") for i in range(2, count + 1))]


def save(made: Sequence[Figure], paths: Sequence[Path], plan: Plan) -> None:
    """Write the pages into their files: all into one PDF, or each into its own. Raises ConvvizError."""
    for path in paths:
        check_picture(path)
    with canvas.style():
        if len(made) > 1 and len(paths) == 1:
            from matplotlib.backends.backend_pdf import PdfPages

            about = {
                "Title": plan.title,
                "Subject": description(plan),
                "Creator": "convviz",
                "CreationDate": None,
            }
            with PdfPages(paths[0], metadata=about) as pdf:
                for figure in made:
                    pdf.savefig(figure, facecolor=figure.get_facecolor())
            return
        for figure, path in zip(made, paths, strict=True):
            canvas.save(figure, path, title=plan.title, words=description(plan))


def description(plan: Plan) -> str:
    """The sheet in words."""
    sections = ", ".join(plan.sections)
    captions = " ".join(step.caption for step in plan.steps[:12])
    more = f" {len(plan.steps) - 12:,} more steps follow." if len(plan.steps) > 12 else ""
    return f"{plan.title}. All {len(plan.steps):,} steps in small pictures ({sections}). {captions}{more}"


@dataclass(frozen=True)
class Contact:
    """The pages, and how many steps are on none of them."""

    figures: tuple[Figure, ...]
    left_out: int


def contact(plan: Plan, *, theme: str = "light", title: str | None = None) -> Contact:
    """The pages, on no screen and in no global state; raises ConvvizError for a plan without steps."""
    look = themes.theme(theme)
    with canvas.style():
        pages = _pages(plan)
        shown = sum(len(page.steps) for page in pages)
        made = (
            _draw(plan, page, i, len(pages), shown, look, title or plan.title) for i, page in enumerate(pages)
        )
        return Contact(tuple(made), len(plan.steps) - shown)


# -- layout ------------------------------------------------------------------------------------------------
def _pages(plan: Plan) -> list[Page]:
    """At most PAGES pages, filled line by line; raises ConvvizError where there is nothing to show."""
    pages = [Page([])]
    room = TALL
    for section in plan.sections:
        steps = [i for i, step in enumerate(plan.steps) if step.section == section]
        own = _maps(plan, steps)
        if not own.panels:
            continue
        name: list[tuple[float, list[Small] | str]] = [(LINE + 4, section)] if len(plan.sections) > 1 else []
        widest = max(_small(own, steps[at]).size[0] for at in (0, len(steps) // 2, -1))
        count = max(int((WIDE + GAPS[0]) / (widest + GAPS[0])), 1)
        for i in range(0, len(steps), count):
            line = [_small(own, step) for step in steps[i : i + count]]
            height = max(small.size[1] for small in line) + GAPS[1]
            need = height + sum(h for h, _ in name)
            if pages[-1].lines and need > room:
                if len(pages) == PAGES:
                    return pages
                pages.append(Page([]))
                room = TALL
            pages[-1].lines += [*name, (height, line)]
            room -= need
            name = []
    if not pages[0].lines:
        raise ConvvizError("has no steps on grids of cells to make a contact sheet of", plan.name)
    return pages


def _maps(plan: Plan, steps: Sequence[int]) -> Plan:
    """The plan with the maps only that these steps read and write; weights stand once, at the head of the sheet."""
    marked = {mark.panel for i in steps for mark in plan.steps[i].marks}
    panels: list[Panel] = [
        replace(panel, title="")
        for panel in plan.panels
        if isinstance(panel, Grid) and panel.role != "kernel" and panel.key in marked
    ]
    return replace(plan, panels=tuple(panels))


def _small(own: Plan, step: int) -> Small:
    layout = arrange.arrange(own, [step], SIDE)
    layout.apart = NEAR
    for row in layout.rows:
        row.between = NEAR
    return Small(step, own, layout)


# -- drawing -------------------------------------------------------------------------------------------------
def _draw(plan: Plan, page: Page, number: int, pages: int, shown: int, look: Theme, title: str) -> Figure:
    width = max([NARROW, *(_width(line) for _, line in page.lines if not isinstance(line, str))])
    weights = _weights(plan) if number == 0 else None
    width = max(width, weights.width if weights else 0.0)
    head = prose.Below()
    for line in draw.wrap(title, width, TITLE, bold=True):
        head.line(line, look.ink, size=TITLE, bold=True)
    first, last = page.steps[0] + 1, page.steps[-1] + 1
    told = f"Steps {first:,} to {last:,} of {len(plan.steps):,}" if pages > 1 else f"All {shown:,} steps"
    if shown < len(plan.steps) and number == pages - 1:
        told += f"; {len(plan.steps) - shown:,} are left out"
    head.line(f"{told}.", look.faint_ink, size=CAPTION)
    head.space(10)
    top = EDGE + head.height + (weights.height + 6 if weights else 0.0)
    placed = list(_place(page, top))
    below = prose.Below()
    if number == 0:
        prose.formulas(below, plan, width, look)
    cues = _cues(page)
    for row in key.lines(cues, width):
        below.add(key.ROW, key.painter(row, look))
    made, ax = draw.board(width + 2 * EDGE, top + page.height + below.height + EDGE, look)
    head.paint(ax, EDGE, EDGE)
    if weights is not None:
        weights.place(EDGE, EDGE + head.height)
        scene.paint(ax, weights, plan, [], look)
    for x, y, wide, what in placed:
        if isinstance(what, str):
            draw.write(ax, x, y + LINE / 2, what, look.ink, size=LABEL + 1, bold=True)
        else:
            _step(ax, what, x, y, wide, look)
    below.paint(ax, EDGE, top + page.height)
    return made


def _width(line: Sequence[Small]) -> float:
    """Points of a line of steps."""
    return max(small.size[0] for small in line) * len(line) + GAPS[0] * (len(line) - 1)


def _place(page: Page, y: float) -> Iterator[tuple[float, float, float, Small | str]]:
    """Lay out what a page holds: the corner, the width and what stands there."""
    for height, line in page.lines:
        if isinstance(line, str):
            yield EDGE, y, WIDE, line
        else:
            width = max(small.size[0] for small in line)
            for i, small in enumerate(line):
                x = EDGE + i * (width + GAPS[0])
                small.layout.place(x, y + LINE)
                yield x, y, width, small
        y += height


def _step(ax: Axes, small: Small, x: float, y: float, width: float, look: Theme) -> None:
    """Which step it is and what comes out, above its panels."""
    step = small.plan.steps[small.step]
    draw.write(ax, x, y + 5, f"{small.step + 1:,}", look.faint_ink, size=LABEL, mono=True)
    if step.work is not None and step.work.result is not None:
        told = f"= {words.number(step.work.result)}"
        draw.write(ax, x + width, y + 5, told, look.ink, size=LABEL, mono=True, align="right")
    scene.paint(ax, small.layout, small.plan, [small.step], look)


def _weights(plan: Plan) -> Layout | None:
    """The weights, once for all steps."""
    panels = tuple(panel for panel in plan.panels if isinstance(panel, Grid) and panel.role == "kernel")
    if not panels:
        return None
    found = arrange.arrange(replace(plan, panels=panels), [], SIDE + 5)
    blocks = [arrange.Column([block]) for block in found.blocks]
    row = arrange.Row(blocks, between=GAPS[0])
    return Layout([row], found.side) if not found.named and row.width(found.side) <= WIDE else found


def _cues(page: Page) -> list[str]:
    found: set[str] = set()
    for _, line in page.lines:
        for small in line if not isinstance(line, str) else ():
            found |= set(scene.cues(small.layout, small.plan, [small.step]))
    return [cue for cue in key.WORDS if cue in found]
