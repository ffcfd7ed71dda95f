"""What comparisons without a test are worth: five groups that contradict each other, and simulated error rates."""

from __future__ import annotations

from convviz.analysis.statistics.five_groups import TEST, Group
from convviz.analysis.statistics.simulate import ErrorRates
from convviz.analysis.statistics.verdict import p_text, span
from convviz.report.model import Column, Table


def groups_table(groups: tuple[Group, ...]) -> Table:
    """The five groups: each figure with its Wilson interval, what was concluded, and what the figures bear."""
    arms = list(dict.fromkeys(figure.arm for group in groups for figure in group.figures))
    columns = (
        Column("group", left=True),
        *(Column(arm) for arm in arms),
        Column("called best", left=True),
        Column("p of best against next", short="p"),
    )
    rows = []
    for group in groups:
        by_arm = {figure.arm: figure for figure in group.figures}
        cells = [
            f"{by_arm[arm].accuracy:.2f} ({span(by_arm[arm].interval)})" if arm in by_arm else None
            for arm in arms
        ]
        rows.append((group.name, *cells, group.best, p_text(group.p)))
    apart = [f"{', '.join(group.apart)} in {group.name}" for group in groups if group.apart]
    notes = (
        f"per cent of {TEST:,} test images, in brackets Wilson's 95 % interval; p: best against next, two proportions, "
        f"Holm over the groups.",
        "In no group does the best arm stand clear of the next."
        + (f" Only a third arm lies apart: {'; '.join(apart)}." if apart else ""),
        "One run of each, the best epoch picked on the test images, and the regularizer changes together with the "
        "norm: even a real difference would not say which of the two made it.",
    )
    return Table("One experiment, five groups, three conclusions", columns, tuple(rows), notes)


def rates_table(rates: list[ErrorRates]) -> Table:
    """Error rates of the procedure, a row a setting."""
    heads = (
        "arms",
        "seeds",
        "effect",
        "sd",
        "shared",
        "false alarms",
        "found",
        "wrong sign",
        "bootstrap holds",
    )
    columns = tuple(Column(key) for key in (*heads, "t holds"))
    rows = tuple(
        (r.arms, r.seeds, f"{r.effect:g}", f"{r.sd:g}", f"{r.shared:g}", share(r.false), share(r.found),
         share(r.wrong) if r.found is not None else None, share(r.covered), share(r.covered_t))
        for r in rates
    )  # fmt: skip
    notes = (
        f"{rates[0].repetitions:,} repetitions each, all pairs, alpha .05 for all together.",
        "false alarms: experiments with any difference detected between arms that have none; found: planted "
        "differences detected; shared: variance that runs of one seed have in common.",
    )
    return Table("How often the verdict is wrong", columns, rows, notes)


def share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f} %"
