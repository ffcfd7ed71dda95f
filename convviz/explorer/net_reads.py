"""What each layer of a net reads, as steps that are stated once, and how its units differ by phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convviz.analysis.axis_map import AxisMap
from convviz.analysis.layout import Step
from convviz.analysis.lower import Edge, Lowered
from convviz.analysis.results import ReceptiveField
from convviz.explorer.relations import relation_json
from convviz.explorer.views import Store
from convviz.ops.relations import Table

ROWS = 4096  # rows of one step that are written down
PHASES = 64  # output phases whose reach is listed
Json = dict[str, Any]


class Reads:
    """The reads of every layer, in the order of the net; ``steps`` and ``phases`` are the tables they refer to."""

    def __init__(self, result: ReceptiveField, index: Mapping[str, int]) -> None:
        self.result, self.index = result, index
        self.lowered: Lowered = result.engine.lowered
        self.steps, self.phases = Store(), Store()
        self.placed: dict[Any, int] = {}
        self.untold: dict[str, str] = {}

    def layer(self, name: str) -> Json:
        """Its map along the axes of the input, its reads and phases; ``why`` there is no map, where there is none."""
        lowered = self.lowered
        node = lowered.nodes[name]
        why = lowered.unread.get(name) or self._untold(name, node.edges)
        if why is None and node.state is None:
            why = f"{name} does not depend on {lowered.wrt}."
        told: Json = {"map": None, "reads": [], "phases": [], "why": why}
        if node.state is None or why is not None:
            return told
        return told | {
            "map": list(node.state.sizes[: lowered.rank]),
            "reads": [self._edge(edge) for edge in node.edges],
            "phases": self._phases(name),
        }

    def _untold(self, name: str, edges: tuple[Edge, ...]) -> str | None:
        """Why a layer is listed but not drawn: rows of it, or of one that it reads, would fill the file."""
        for edge in edges:
            if edge.source in self.untold:
                self.untold[name] = self.untold[edge.source]
            for step in (step for line in edge.steps[: self.lowered.rank] for step in line):
                rows = min(step.relation.period, step.m)
                if isinstance(step.relation, Table) and not step.whole and rows > ROWS:
                    self.untold[name] = (
                        f"The units of {name} read cells by {rows:,} different rows; this page holds {ROWS:,} of one "
                        "layer. It and what reads it are listed, but not drawn: ask convviz rf --unit."
                    )
        return self.untold.get(name)

    def _edge(self, edge: Edge) -> Json:
        """Where an edge leads, and the steps along each image axis, from the source's side to the layer's."""
        axes = [[self._place(step) for step in line] for line in edge.steps[: self.lowered.rank]]
        return {"from": self.index[edge.source], "steps": axes}

    def _place(self, step: Step) -> int:
        """Its place in ``steps``, where steps that are equal are stated once."""
        key = _key(step)
        if key not in self.placed:
            self.placed[key] = self.steps.add(_step(step))
        return self.placed[key]

    def _phases(self, name: str) -> list[int | None]:
        """For each axis the table of what one period of units spans and reads; None where all units are alike."""
        field = self.result.engine.free.get(name)
        return [] if field is None else [self._table(table) for table in field.axes]

    def _table(self, table: AxisMap | None) -> int | None:
        if table is None or table.constant or not 1 < table.period <= PHASES:
            return None
        rows = [[cells.span, cells.count] for cells in table.rows]
        return self.phases.add(rows)


def _key(step: Step) -> Any:
    """Equal for steps that are known to be equal, without a look at a table's rows: there may be very many."""
    r = step.relation
    return (id(r.rows), r.advance, r.border, step.n, step.m) if isinstance(r, Table) else step


def _step(step: Step) -> Json:
    """Without a relation: every unit reads all. Of a period too long to write down, the rows of real units."""
    rows = None if step.relation.period <= ROWS else step.m
    relation = None if step.whole else relation_json(step.relation, rows)
    return {"relation": relation, "n": step.n, "m": step.m}
