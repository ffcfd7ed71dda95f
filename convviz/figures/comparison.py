"""Training runs compared: a dot a seed in each arm, beside them the paired differences around 0, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.statistics.compare import Comparison, Pair, Summary
from convviz.analysis.statistics.verdict import p_text, signed, span
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.comparison_marks import difference_scale, draw_arms, draw_pairs, run_scale
from convviz.report.comparison import brief, headline
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ARMS = 40
MOST_PAIRS = 16  # that are drawn: those with the smallest p
SENSIBLE = 10_000  # seeds; more are not counted out
EDGE = 25.0  # points around everything, as in canvas.MARGIN
NAMES, RUNS, GAP, PAIRS, DIFFERENCES = 128.0, 196.0, 26.0, 172.0, 196.0  # the columns, in points
TOP = 112.0  # of the rows
LINE = 12.5  # of text
NAME, NUMBER, SMALL = 9.2, 8.2, 8.2  # sizes of text in points
PITCH = 66.0  # the highest row
AXIS = 34.0  # ticks and their labels below the rows


@dataclass(frozen=True)
class Row:
    """What stands at the left of a row: its name in lines, and lines below it (whether in figures of one width)."""

    name: tuple[str, ...]
    below: tuple[tuple[str, bool], ...]
    strong: bool = False

    @property
    def tall(self) -> float:
        return (len(self.name) + len(self.below)) * LINE + 13


def plot(found: Comparison, path: str | Path, *, theme: str = "light") -> None:
    """Draw ``found`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension, too many arms."""
    check_picture(path)
    with canvas.style():
        made = figure(found, theme=theme)
        canvas.save(made, path, title=headline(found), words=description(found))


def figure(found: Comparison, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    if len(found.arms) > MOST_ARMS:
        raise ConvvizError(f"{len(found.arms)} arms are too many to be drawn (at most {MOST_ARMS})", "--plot")
    look = themes.theme(theme)
    pairs = drawn(found.pairs)
    left = [arm_row(arm) for arm in found.arms]
    right = [pair_row(pair) for pair in pairs]
    tall = max(sum(row.tall for row in left), sum(row.tall for row in right))
    width = EDGE + NAMES + RUNS + (GAP + PAIRS + DIFFERENCES if pairs else 120) + EDGE
    notes = [line for note in below(found, pairs) for line in draw.wrap(note, width - 2 * EDGE, SMALL)]
    titled = draw.clip(headline(found), width - 2 * EDGE, canvas.TITLE, bold=True)
    made, ax = draw.board(width, TOP + tall + AXIS + 10 + len(notes) * LINE + EDGE - 8, look)
    canvas.header(made, look, titled, caption(found))
    boxes = rows(left, tall), rows(right, tall)
    arms_at = Box(EDGE + NAMES, TOP, RUNS, sum(boxes[0]))
    draw.write(ax, EDGE, TOP - 22, "Test accuracy, per cent", look.ink, size=10, bold=True)
    labels(ax, left, boxes[0], EDGE, look)
    draw_arms(made, arms_at, found.arms, boxes[0], run_scale(found.arms), look)
    if pairs:
        x = EDGE + NAMES + RUNS + GAP
        scale = difference_scale(found, pairs)
        draw.write(ax, x, TOP - 22, heading(pairs), look.ink, size=10, bold=True)
        labels(ax, right, boxes[1], x, look)
        at = Box(x + PAIRS, TOP, DIFFERENCES, sum(boxes[1]))
        draw_pairs(made, at, pairs, boxes[1], scale, found.worth, look)
    y = TOP + tall + AXIS + 10
    for note in notes:
        draw.write(ax, EDGE, y, note, look.faint_ink, size=SMALL)
        y += LINE
    return made


def drawn(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """All of them, or those with the smallest p, in the order in which they came."""
    if len(pairs) <= MOST_PAIRS:
        return tuple(pairs)
    first = sorted(range(len(pairs)), key=lambda i: (pairs[i].p is None, pairs[i].p or 0.0))[:MOST_PAIRS]
    return tuple(pairs[i] for i in sorted(first))


def rows(found: Sequence[Row], tall: float) -> list[float]:
    """Heights that fill ``tall`` where the rows would not become too high."""
    own = [row.tall for row in found]
    more = (tall - sum(own)) / max(len(own), 1)
    return [min(height + more, max(PITCH, height)) for height in own]


def labels(ax: Axes, found: Sequence[Row], heights: Sequence[float], x: float, look: Theme) -> None:
    """Names, numbers and verdicts, each in the middle of its row."""
    y = TOP
    for row, height in zip(found, heights, strict=True):
        lines = len(row.name) + len(row.below)
        at = y + (height - lines * LINE) / 2 + LINE / 2
        for text in row.name:
            draw.write(ax, x, at, text, look.ink, size=NAME, bold=True)
            at += LINE
        for i, (text, mono) in enumerate(row.below):
            verdict = i == len(row.below) - 1 and row.strong
            colour = look.ink if mono or verdict else look.faint_ink
            draw.write(ax, x, at, text, colour, size=NUMBER, mono=mono, bold=verdict)
            at += LINE
        y += height


# -- words ----------------------------------------------------------------------------------------------------
def arm_row(arm: Summary) -> Row:
    sd = "" if arm.sd is None else f" ± {arm.sd:.2f}"
    return Row(named(arm.name, NAMES - 12), ((f"{arm.mean:.2f}{sd}  n {arm.n}", True),))


def pair_row(pair: Pair) -> Row:
    room = PAIRS - 12
    name = f"{pair.arm} − {pair.against}"
    if draw.width_of(name, NAME, bold=True) > room:
        names = (
            draw.clip(pair.arm, room, NAME, bold=True),
            draw.clip(f"− {pair.against}", room, NAME, bold=True),
        )
    else:
        names = (name,)  # type: ignore[assignment]
    interval = f" ({span(pair.interval, sign=True)})" if pair.interval else ""
    told = brief(pair)
    p = "not tested" if pair.adjusted is None else f"p {p_text(pair.adjusted)}"
    if draw.width_of(f"{told}, {p}", NUMBER, bold=pair.detected) > room:
        p_room = draw.width_of(f" higher, {p}", NUMBER, bold=True)
        told = f"{draw.clip(told.removesuffix(' is higher'), room - p_room, NUMBER, bold=True)} higher"
    return Row(
        names, ((f"{signed(pair.difference)}{interval}", True), (f"{told}, {p}", False)), pair.detected
    )


def named(name: str, room: float) -> tuple[str, ...]:
    lines = draw.wrap(name, room, NAME, bold=True)
    if len(lines) > 2:
        lines = [lines[0], draw.clip(" ".join(lines[1:]) + "…", room, NAME, bold=True)]
    return tuple(lines)


def heading(pairs: Sequence[Pair]) -> str:
    paired = any(pair.differences for pair in pairs)
    return f"{'Paired differences' if paired else 'Differences'}, points"


def caption(found: Comparison) -> str:
    """What the drawing shows, in a sentence or two."""
    level = f"{100 * (1 - found.alpha):.4g} %"
    several = any(arm.n > 1 for arm in found.arms)
    text = "A dot is a run" + (
        "; lines join runs with the same seed" if any(p.differences for p in found.pairs) else ""
    )
    told = " around the mean (square)" if several else " over the test images (Wilson)"
    text += f". Bars: {level} intervals{told}." if any(arm.interval for arm in found.arms) else "."
    return text + (" A filled diamond is a detected difference." if found.pairs else "")


def below(found: Comparison, pairs: Sequence[Pair]) -> list[str]:
    """What one must know to read it right: the tests, pairs left out, seeds that are missing, warnings."""
    tests = {
        "sign flip": "exact sign-flip test",
        "Welch": "Welch's t test",
        "McNemar": "McNemar's exact test",
    }
    used = [words for test, words in tests.items() if any(pair.test == test for pair in found.pairs)]
    notes = []
    if used:
        family = sum(pair.p is not None for pair in found.pairs)
        holm = f", corrected for {family} comparisons (Holm)" if family > 1 else ""
        notes.append(
            f"p: {' or '.join(used)}, two-sided{holm}; without p of at most {found.alpha:g}, no difference is detected."
        )
    missing = [pair for pair in found.pairs if not pair.detected and pair.more_for_worth]
    if missing:
        most = max(pair.more_for_worth or 0 for pair in missing)
        seeds = f"up to {most:,}" if most <= SENSIBLE else f"over {SENSIBLE:,}"
        notes.append(
            f"To find a true difference of {found.worth:g} points in four experiments of five, at the measured sd: "
            f"{seeds} more seed{'s' * (most > 1)} in each arm."
        )
    if len(found.pairs) > len(pairs):
        notes.append(f"The {len(pairs)} pairs with the smallest p of {len(found.pairs)} are drawn.")
    return [
        *notes,
        *(f"Warning: {warning}{'' if warning.endswith('?') else '.'}" for warning in found.warnings),
    ]


def description(found: Comparison) -> str:
    """The picture in words, for those who cannot see it."""
    arms = "; ".join(f"{arm.name} {arm.mean:.2f} % (n {arm.n})" for arm in found.arms)
    pairs = "; ".join(
        f"{pair.arm} against {pair.against}: {pair.verdict}" for pair in found.pairs[:MOST_PAIRS]
    )
    return f"{headline(found)}. {arms}. {pairs}."
