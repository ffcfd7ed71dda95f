"""What stands below the panels of a plan: the sum spelled out, formulas with their numbers, facts, notes, the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convviz.figures import cells as draw
from convviz.plan.model import Formula, Plan, Work
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUM = 9.2  # points of the spelled-out sum
FORMULA = 9.0
SMALL = 8.4  # of labels, facts and notes
LEADING = 1.5
LINES = 8  # of a sum; longer ones are cut before their last line
LABELS = 124.0  # points of the column of labels on the left

Painter = Callable[["Axes", float, float], None]


@dataclass
class Below:
    """Lines of text, each with its own height, painted from the top down."""

    parts: list[tuple[float, Painter]] = field(default_factory=list)

    @property
    def height(self) -> float:
        return sum(height for height, _ in self.parts)

    def add(self, height: float, painter: Painter) -> None:
        self.parts.append((height, painter))

    def space(self, height: float) -> None:
        self.add(height, lambda ax, x, y: None)

    def line(self, text: str, colour: str, *, size: float, dx: float = 0.0, **how: bool) -> None:
        """A line of text whose middle lies in the middle of its height."""
        height = size * LEADING
        self.add(height, lambda ax, x, y: _write(ax, x + dx, y + height / 2, text, colour, size, how))

    def label(self, text: str, look: Theme) -> None:
        """A word on the left of the line that comes next."""
        height = SUM * LEADING
        self.add(0.0, lambda ax, x, y: _write(ax, x, y + height / 2, text, look.faint_ink, SMALL, {}))

    def paint(self, ax: Axes, x: float, y: float) -> None:
        for height, painter in self.parts:
            painter(ax, x, y)
            y += height


def _write(ax: Axes, x: float, y: float, text: str, colour: str, size: float, how: dict[str, bool]) -> None:
    draw.write(ax, x, y, text, colour, size=size, mono=how.get("mono", False), bold=how.get("bold", False))


def spell(below: Below, plan: Plan, at: int, width: float, look: Theme, *, caption: bool) -> None:
    """A step's arithmetic, its terms in columns."""
    step = plan.steps[at]
    if caption:
        for line in draw.wrap(step.caption, width, SMALL + 0.6):
            below.line(line, look.faint_ink, size=SMALL + 0.6)
    if step.work is None:
        return
    below.label(f"step {at + 1:,} of {len(plan.steps):,}", look)
    room = width - LABELS
    letters = int(room / (SUM * draw.ADVANCE))
    lines = aligned(step.work, letters)
    for line in lines:
        below.line(line, look.ink, size=SUM, dx=LABELS, mono=True)
    below.space(8)


def aligned(work: Work, letters: int) -> list[str]:
    """The arithmetic in lines of at most ``letters``: summands below each other, a row of the window a line.

    >>> from convviz.plan.model import Work
    >>> aligned(Work("dot", (), 5, "1×2 + 0×(−1) + 3×1 + 4×0 = 5"), 18)
    ['   1×2 + 0×(−1)', '+  3×1 +    4×0', '= 5']
    """
    parts = work.text.split("; ")
    if work.how == "scatter" and max(map(len, parts)) <= letters:
        most = max((letters + 3) // (max(map(len, parts)) + 3), 1)
        weights = [term.weight[:-1] for term in work.terms if term.weight is not None]
        row = next((i for i, at in enumerate(weights) if at != weights[0]), len(weights))
        return _capped(_columns(parts, letters, "", row if 0 < row <= most else most))
    several = work.text.split(", ")
    if (
        len(several) > 1
        and max(map(len, several)) <= letters
        and all(" = " in part for part in several)
        and len(work.text) > letters
    ):
        return _capped(_columns(several, letters, "", 0))
    left, mark, right = work.text.rpartition(" = ")
    parts = left.split(" + ")
    if len(work.text) <= letters:
        return [work.text]
    if not mark or len(parts) < 3 or max(map(len, parts)) + 2 > letters:
        return _capped(_broken(work.text, letters))
    widest = max(map(len, parts))
    most = max((letters + 1) // (widest + 3), 1)
    bias = parts.pop() if work.bias is not None and len(parts) == len(work.terms) + 1 else ""
    lines = _columns(parts, letters, "+", _by_rows(work, most))
    return [*_capped(lines), f"+ {bias} = {right}" if bias else f"= {right}"]


def _by_rows(work: Work, most: int) -> int:
    """Summands of a line, so that a line holds whole rows of the window; at most ``most``."""
    terms = work.terms
    if not terms:
        return most
    rows = next((i for i, term in enumerate(terms) if term.cell[:-1] != terms[0].cell[:-1]), len(terms))
    sheets = next((i for i, term in enumerate(terms) if term.cell[:1] != terms[0].cell[:1]), len(terms))
    fits = [n for n in (rows, sheets) if 1 < n <= most]
    if not fits:
        return most
    if len(terms) > rows * LINES and rows > 1:
        return most // rows * rows
    return rows if len(terms) <= rows * 5 else max(fits)


def _columns(parts: Sequence[str], letters: int, sign: str, count: int) -> list[str]:
    """``parts`` in columns of one width, ``count`` of them a line (0: as many as fit)."""
    widest = max(map(len, parts))
    between = f" {sign} " if sign else "   "
    count = count or max((letters + len(between)) // (widest + len(between)), 1)
    lines = []
    for i in range(0, len(parts), count):
        row = [part.rjust(widest) if sign else part.ljust(widest) for part in parts[i : i + count]]
        lead = "" if not sign else f"{sign} " if i else "  "
        lines.append((lead + between.join(row)).rstrip())
    if (
        sign
        and all(line.startswith("  ") or line.startswith(f"{sign} ") for line in lines)
        and len(lines) == 1
    ):
        lines[0] = lines[0].lstrip()
    return lines


def _broken(text: str, letters: int) -> list[str]:
    """Lines cut at spaces; what has none is cut anywhere."""
    lines = [""]
    for word in text.split(" "):
        while len(word) > letters:
            lines += [word[:letters]]
            word = word[letters:]
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def _capped(lines: list[str]) -> list[str]:
    """At most LINES lines: the first ones, how many are left out, the last."""
    if len(lines) <= LINES:
        return lines
    left_out = len(lines) - LINES + 1
    return [*lines[: LINES - 2], f"  … {left_out:,} more lines …", lines[-1]]


def equation(formula: Formula) -> str:
    """``o = ⌊(n − k)/s⌋ + 1 = ⌊(7 − 3)/2⌋ + 1 = 3``: symbols, numbers, result, none of them twice."""
    parts = [part.strip() for part in (formula.symbols, formula.numbers) if part.strip()]
    result = formula.result.strip()
    if result and result not in parts[-1:] and not any(part.endswith(f"= {result}") for part in parts):
        parts.append(result)
    return " = ".join(part.removeprefix("= ") for part in parts)


def formulas(below: Below, plan: Plan, width: float, look: Theme) -> None:
    """What each formula tells, the formula, what is left over."""
    for formula in plan.formulas:
        room = width - LABELS
        labels = draw.wrap(formula.about, LABELS - 8, SMALL)
        lines = draw.wrap(equation(formula), room, FORMULA, mono=True)
        notes = draw.wrap(formula.note, room, SMALL)
        for i in range(max(len(labels), len(lines) + len(notes))):
            if i < len(labels):
                below.add(0.0, _labelled(labels[i], look, FORMULA * LEADING))
            if i < len(lines):
                below.line(lines[i], look.ink, size=FORMULA, dx=LABELS, mono=True)
            else:
                note = notes[i - len(lines)] if i - len(lines) < len(notes) else ""
                below.line(note, look.faint_ink, size=SMALL, dx=LABELS)
        below.space(3)
    if plan.formulas:
        below.space(5)


def _labelled(text: str, look: Theme, height: float) -> Painter:
    return lambda ax, x, y: _write(ax, x, y + height / 2, text, look.faint_ink, SMALL, {})


def remarks(below: Below, plan: Plan, more: Sequence[str], width: float, look: Theme) -> None:
    """Facts in one line, then notes."""
    known = {formula.about for formula in plan.formulas} | {
        word
        for formula in plan.formulas
        for word in formula.about.replace("(", " ").replace(")", " ").split()
    }
    told = "   ·   ".join(f"{what} {much}" for what, much in plan.facts if what not in known)
    for line in draw.wrap(told, width, SMALL) if told else ():
        below.line(line, look.ink, size=SMALL)
    for note in (*plan.notes, *more):
        for line in draw.wrap(note, width, SMALL):
            below.line(line, look.faint_ink, size=SMALL)
    if told or plan.notes or more:
        below.space(6)
