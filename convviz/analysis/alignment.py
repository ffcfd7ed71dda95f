"""Where paths of different stride or different centre meet, and what padding would bring them together.

Source of the criterion: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019: paths are aligned if their strides and the centres of their units agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from convviz.analysis.axis_map import AxisMap
from convviz.analysis.footprint import Footprint
from convviz.analysis.lower import Lowered, LoweredNode
from convviz.analysis.results import Misalignment
from convviz.ops.relations import Window

AXES = {1: "L", 2: "HW", 3: "DHW"}


def strides(node: LoweredNode, axis: int, tables: Sequence[AxisMap], rank: int) -> list[Misalignment]:
    """The first two paths into ``node`` whose strides differ along ``axis``."""
    for (i, a), (j, b) in combinations(enumerate(tables), 2):
        if a.jump != b.jump:
            paths = (node.edges[i].source, node.edges[j].source)
            text = (
                f"{paths[0]} and {paths[1]} meet in {node.node.name} with strides {a.jump} and {b.jump} "
                f"along {AXES[rank][axis]}: their units drift apart over the map"
            )
            return [Misalignment(node.node.name, paths, axis, None, (a.jump, b.jump), text)]
    return []


def centres(
    node: LoweredNode, axis: int, tables: Sequence[AxisMap], lowered: Lowered, fields: Mapping[str, Footprint]
) -> list[Misalignment]:
    """The first two paths into ``node``, of one stride, whose units have different centres along ``axis``."""
    first = tables[0]
    if all(t is first for t in tables) or not all(t.complete for t in tables):
        return []
    for (i, a), (j, b) in combinations(enumerate(centre(t) for t in tables), 2):
        if a is None or b is None or a == b:
            continue
        paths = (node.edges[i].source, node.edges[j].source)
        gap = abs(a - b)
        text = (
            f"{paths[0]} and {paths[1]} meet in {node.node.name} with centres {a} and {b} along "
            f"{AXES[lowered.rank][axis]}, {gap} input cell{'s' * (gap > 1)} apart: "
            f"{_remedy(paths, (a, b), axis, lowered, fields)}"
        )
        return [Misalignment(node.node.name, paths, axis, (a, b), (first.jump, first.jump), text)]
    return []


def centre(table: AxisMap) -> Fraction | None:
    """Mean centre of unit 0's cells over the phases, each phase moved back to unit 0; None where nothing is read."""
    units = [u for u in range(table.period) if table.rows[u]]
    places = [Fraction(table.rows[u].lo + table.rows[u].hi, 2) - u * table.jump for u in units]
    return sum(places, Fraction(0)) / len(places) if places and table.advance is not None else None


def _remedy(
    paths: tuple[str, str],
    at: tuple[Fraction, Fraction],
    axis: int,
    lowered: Lowered,
    fields: Mapping[str, Footprint],
) -> str:
    """Which padding would bring the centres of two paths together; that of the widest window is the one to move."""
    later = 0 if at[0] > at[1] else 1  # its window must start earlier: more padding in front
    gap = abs(at[0] - at[1])
    chains = [_chain(path, lowered) for path in paths]
    choices = []
    for side, sign in ((later, 1), (1 - later, -1)):
        for name in chains[side]:
            if name in chains[1 - side]:
                break  # from here on back both paths are one, and move together
            (edge,) = lowered.nodes[name].edges
            table = fields[edge.source].axes[axis]
            for step in edge.steps[axis]:
                window = step.relation
                padded = "padding" in lowered.nodes[name].node.op.fields()
                if not (isinstance(window, Window) and window.up == 1 and padded and table and table.jump):
                    continue
                before = window.padding + sign * gap / table.jump
                if before.denominator == 1 and before >= 0:
                    choices.append((window.dilation * (window.kernel - 1), before, name, window.padding))
    if not choices:
        return (
            "no whole padding on either path aligns them; a kernel that is one cell larger or smaller would"
        )
    _, before, name, now = max(choices, key=lambda choice: choice[0])
    return f"a padding of {before} in front of {name} (now {now}) would align them"


def _chain(name: str, lowered: Lowered) -> list[str]:
    """A layer and those before it, back to where paths join or to the input."""
    chain = []
    while name in lowered.nodes and len(lowered.nodes[name].edges) == 1:
        chain.append(name)
        name = lowered.nodes[name].edges[0].source
    return chain
