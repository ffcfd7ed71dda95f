"""What an op reads as the page takes it: the records of ops/relations.py by their fields."""

from __future__ import annotations

from typing import Any

from convviz.ops.base import Op, Shape
from convviz.ops.relations import Relation
from convviz.report.plan_data import reads_data, relation_data


def relation_json(relation: Relation, outputs: int | None = None) -> dict[str, Any]:
    """A record by its fields; of a table one period of rows, and no more of them than there are outputs.

    >>> from convviz.ops.relations import Blocks
    >>> relation_json(Blocks(4, 2))
    {'kind': 'blocks', 'size': 4, 'out': 2}
    """
    return relation_data(relation, relation.period if outputs is None else outputs)


def reads_json(op: Op, *ins: Shape) -> list[dict[str, Any]]:
    """For each input of an op, how its cells are read: a relation and an output axis for every axis of the input.

    >>> from convviz.ops import build
    >>> reads_json(build("global_avg_pool"), (2, 9))[0]["axes"][1]
    {'relation': {'kind': 'blocks', 'size': 9, 'out': 1}, 'to': 1}
    """
    out = op.shape(*ins)
    return [reads_data(reads, out) for reads in op.reads(*ins)]
