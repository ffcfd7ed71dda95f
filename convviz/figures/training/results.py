"""Results of many arms on one page: every run, means with intervals, and beside them what others reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.analysis.statistics.cautions import listed
from convviz.analysis.statistics.compare import Summary
from convviz.analysis.statistics.factorial import MainEffect
from convviz.analysis.statistics.verdict import digits
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture, comparison
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.comparison_marks import Scale, axes, bar, beyond, lanes, run_scale, scale_of
from convviz.figures.training.page import EDGE, heading, open_page
from convviz.report.comparison import headline, verdict
from convviz.report.training_results import Compared, interaction_told, seconds, title
from convviz.runs.results import TrainedArm
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ARMS = 40
NAMES, RUNS, MEASURED, REPORTED = 176.0, 330.0, 112.0, 62.0  # the columns, in points
PITCH, LOW = 44.0, 34.0  # of a row with and without a lane for what was reported
NAME, NUMBER, SMALL = 9.4, 8.6, 8.2  # sizes of text
AXIS = 30.0
LINE = 12.5
OF_N = 5 * draw.ADVANCE * NUMBER  # points that the number of runs takes
FAR = 6.0  # median deviations of the arms' means, and
POINTS = 3.0  # at least so many points: an arm that stands at the scale's end, with its value

Reported = Mapping[str, Any]


def plot(found: Compared, path: str | Path, *, theme: str = "light") -> None:
    """Draw into ``path`` (.png, .svg or .pdf) what shows it best: one factor's effect, all arms, or arms and pairs.

    Raises ConvvizError for another extension and too many arms.
    """
    plain = not found.effects and not found.results.reported and not found.results.not_run
    if plain and found.comparison.pairs:
        comparison.plot(found.comparison, path, theme=theme)
        return
    check_picture(path)
    with canvas.style():
        made = figure(found, theme=theme)
        canvas.save(made, path, title=title(found), words=description(found))


def figure(found: Compared, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure: of one main effect its levels and pairs, else every arm."""
    if len(found.effects) == 1:
        return effect_figure(found, found.effects[0], theme=theme)
    return arms_figure(found, theme=theme)


def effect_figure(found: Compared, effect: MainEffect, *, theme: str = "light") -> Figure:
    """A factor's levels as the arms of a comparison, each dot a seed averaged over all else."""
    made = comparison.figure(effect.comparison, theme=theme)
    results = found.results
    width = 72 * made.get_figwidth() - 2 * EDGE
    told = f"What {effect.factor} does in {results.name} ({results.data_set}): {verdict(effect.comparison)}"
    level = f"{100 * (1 - effect.comparison.alpha):.4g} %"
    caption = f"A dot is a seed, averaged over {listed(effect.rests)}; bars: {level} intervals."
    caption = f"{caption} {sentence(interaction_told(effect))}"
    first, second = made.texts[:2]  # title and caption, which speak of runs
    first.set_text(draw.clip(told, width, canvas.TITLE, bold=True))
    lines = draw.wrap(caption, width, canvas.CAPTION)
    second.set_text("\n".join(lines[:2]))
    return made


# -- all arms -------------------------------------------------------------------------------------------------
def arms_figure(found: Compared, *, theme: str = "light") -> Figure:
    """A row an arm, in the experiment's order; arms that were not run have a row, too."""
    results, look = found.results, themes.theme(theme)
    count = len(results.rows)
    if count > MOST_ARMS:
        raise ConvvizError(f"{count} arms are too many to be drawn (at most {MOST_ARMS})", "--plot")
    reported = bool(results.reported)
    pitch = PITCH if reported else LOW
    width = 2 * EDGE + NAMES + RUNS + MEASURED + (REPORTED if reported else 0)
    head = heading(title(found), caption(found), width)
    notes = [line for note in below(found) for line in draw.wrap(note, width - 2 * EDGE, SMALL)]
    top = head.bottom + 26
    tall = pitch * count
    made, board = open_page(width, top + tall + AXIS + 12 + LINE * len(notes) + EDGE - 8, look, head)
    x = EDGE + NAMES
    what = "Test" if found.metric == "test" else "Held-out"
    draw.write(board, x, top - 16, f"{what} accuracy, per cent", look.ink, size=10, bold=True)
    heads = {
        x + RUNS + MEASURED - 2 - OF_N: "mean ± sd" if _spread(found) else "mean",
        x + RUNS + MEASURED - 2: "n",
    }
    if reported:
        heads[width - EDGE] = "reported"
    for right, text in heads.items():
        draw.write(board, right, top - 16, text, look.ink, size=NUMBER + 0.6, bold=True, align="right")
    scale = arms_scale(found)
    ax = axes(made, Box(x, top, RUNS, tall), scale, look)
    summaries = {summary.name: summary for summary in found.comparison.arms}
    for i, arm in enumerate(results.rows):
        row, y = Box(EDGE, top + i * pitch, width - 2 * EDGE, pitch), (i + 0.5) * pitch
        figures = results.reported.get(arm if isinstance(arm, str) else arm.name, {})
        if reported:
            write_reported(board, row, figures, look)
        if isinstance(arm, str):
            unrun(board, row, arm, results.why_absent(arm), look)
            told(ax, y, None, figures, scale, look)
        else:
            summary = summaries[arm.name]
            label(board, row, arm, numbers(summary, _spread(found)), look)
            draw_arm(ax, y, arm, summary, figures, scale, look)
    for i in range(1, count):
        ax.axhline(i * pitch, color=look.line, linewidth=0.5, zorder=0)
    y = top + tall + AXIS + 10
    for note in notes:
        draw.write(board, EDGE, y, note, look.faint_ink, size=SMALL)
        y += LINE
    return made


def arms_scale(found: Compared) -> Scale:
    """All arms that lie together, with what was reported of them; the others stand at its ends."""
    arms = found.comparison.arms
    middle = median(arm.mean for arm in arms)
    far = max(FAR * median(abs(arm.mean - middle) for arm in arms), POINTS)
    near = [arm for arm in arms if abs(arm.mean - middle) <= far]
    inner = run_scale(near)
    values = [inner.low, inner.high]
    for figures in found.results.reported.values():
        value = figures.get("test")
        if isinstance(value, int | float) and abs(value - middle) <= far:
            values.append(value)
    return scale_of(values) if len(values) > 2 else inner


def draw_arm(
    ax: Axes, y: float, arm: TrainedArm, summary: Summary, figures: Reported, scale: Scale, look: Theme
) -> None:
    """Runs above, mean and interval in the middle, what was reported below."""
    up = y - (12 if figures and summary.n > 1 else 7)
    own = lanes(summary.arm.seeds, up)
    inside = [(value, own[seed]) for seed, value in summary.arm.accuracies.items() if scale.holds(value)]
    role = look["input"]
    ax.plot(
        *zip(*inside) if inside else ((), ()), "o", markersize=4.6, markerfacecolor=role.fill,
        markeredgecolor=role.edge, markeredgewidth=1.0, zorder=6,
    )  # fmt: skip
    beyond(ax, [v for v in summary.arm.values if not scale.holds(v)], up, scale, look, "input")
    if summary.interval is not None:
        several = summary.n > 1
        at = up + 15 if several else up
        if scale.holds(summary.mean):
            bar(
                ax,
                summary.mean,
                summary.interval,
                at,
                scale,
                look,
                marker="s" if several else "",
                strong=several,
            )
    told(ax, y, arm, figures, scale, look)


def told(ax: Axes, y: float, arm: TrainedArm | None, figures: Reported, scale: Scale, look: Theme) -> None:
    """What was reported, and where the mean of best epochs lies here, on a lane of their own."""
    value = figures.get("test")
    if not isinstance(value, int | float):
        return
    at, role = y + (15 if arm is not None else 0), look["kernel"]
    best = None if arm is None else arm.mean_of("best")
    ends = [v for v in (value, best) if v is not None and scale.holds(v)]
    if len(ends) == 2:
        ax.plot(ends, (at, at), color=role.edge, linewidth=0.9, dashes=(2, 2), zorder=3)
    if best is not None and scale.holds(best):
        ax.plot(best, at, "^", markersize=5.2, markerfacecolor=look.paper, markeredgecolor=look.faint_ink,
                markeredgewidth=1.0, zorder=5)  # fmt: skip
    if scale.holds(value):
        ax.plot(value, at, "D", markersize=5.6, markerfacecolor=look.paper, markeredgecolor=role.edge,
                markeredgewidth=1.6, zorder=6)  # fmt: skip
    else:
        beyond(ax, [value], at, scale, look, "kernel")


def label(board: Axes, box: Box, arm: TrainedArm, text: str, look: Theme) -> None:
    """Name and what it took on the left, the numbers on the right."""
    middle = box.y + box.height / 2
    name = draw.clip(arm.name, NAMES - 10, NAME, bold=True)
    draw.write(board, box.x, middle - 6.5, name, look.ink, size=NAME, bold=True)
    draw.write(board, box.x, middle + 7, draw.clip(cost(arm), NAMES - 10, SMALL), look.faint_ink, size=SMALL)
    x = box.x + NAMES + RUNS + MEASURED - 2
    draw.write(board, x, middle, text, look.ink, size=NUMBER, mono=True, align="right")


def unrun(board: Axes, box: Box, name: str, why: str, look: Theme) -> None:
    """A row without finished runs."""
    middle = box.y + box.height / 2
    shown = draw.clip(name, NAMES - 10, NAME, bold=True)
    draw.write(board, box.x, middle, shown, look.faint_ink, size=NAME, bold=True)
    x = box.x + NAMES + RUNS + MEASURED - 2
    draw.write(board, x, middle, why, look.faint_ink, size=NUMBER, align="right")


def write_reported(board: Axes, box: Box, figures: Reported, look: Theme) -> None:
    value = figures.get("test")
    text = f"{value:.2f}" if isinstance(value, int | float) else "–"
    middle = box.y + box.height / 2
    draw.write(board, box.right, middle, text, look.ink, size=NUMBER, mono=True, align="right")


# -- words ----------------------------------------------------------------------------------------------------
def _spread(found: Compared) -> bool:
    return any(arm.sd is not None for arm in found.comparison.arms)


def numbers(arm: Summary, spread: bool) -> str:
    """``99.33 ± 0.05   10``, means below each other whether they have a deviation or not."""
    sd = "" if arm.sd is None else f" ± {digits(arm.sd)}"
    return f"{arm.mean:.2f}{sd:<7} {arm.n:>4}" if spread else f"{arm.mean:.2f} {arm.n:>4}"


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def cost(arm: TrainedArm) -> str:
    """``13,808 parameters, 20 epochs, 61 s``"""
    epochs = arm.first.recipe.epochs
    parts = [f"{epochs} epoch{'s' * (epochs != 1)}"]
    if arm.first.parameters is not None:
        parts.insert(0, f"{arm.first.parameters:,} parameters")
    took = seconds(arm.mean_of("seconds"))
    return ", ".join([*parts, f"{took} s"] if took else parts)


def caption(found: Compared) -> str:
    """How to read the marks."""
    several = any(arm.n > 1 for arm in found.comparison.arms)
    level = f"{100 * (1 - found.comparison.alpha):.4g} %"
    counts = headline(found.comparison).split(": ")[0]
    text = (
        f"{counts}. A dot is a run after its last epoch"
        if found.effects
        else "A dot is a run after its last epoch"
    )
    if several:
        text += f"; squares: mean with its {level} interval (Student's t over seeds)"
    if any(arm.n == 1 and arm.interval for arm in found.comparison.arms):
        text += f"; thin bars: {level} interval of a single run (Wilson)"
    hows = dict.fromkeys(str(f["how"]) for f in found.results.reported.values() if f.get("how"))
    if found.results.reported:
        how = "; ".join(list(hows)[:2])
        text += f". Open diamonds: as reported{f' ({how})' if how else ''}"
        text += "; triangles: mean of the best epochs here, picked in the same way"
    return f"{text}."


def below(found: Compared) -> Sequence[str]:
    """Interaction, and warnings."""
    notes = [sentence(interaction_told(found.effects[0]))] if len(found.effects) == 2 else []
    warnings = found.comparison.warnings if found.pairs else found.results.cautions
    return [*notes, *(f"Warning: {word}{'' if word.endswith('?') else '.'}" for word in warnings)]


def description(found: Compared) -> str:
    """The picture in words, for those who cannot see it."""
    arms = []
    for arm in found.comparison.arms:
        value = found.results.reported.get(arm.name, {}).get("test")
        arms.append(f"{arm.name} {arm.mean:.2f} % (n {arm.n}{f', reported {value:.2f} %' if value else ''})")
    return f"{title(found)}. {'; '.join(arms)}."
