"""What changed from one net to another, layer by layer, and the parameters and receptive field that it moved."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from convviz.analysis.results import Layer, ReceptiveField
from convviz.ops.base import Shape


@dataclass(frozen=True)
class Change:
    """One layer that differs: ``before`` is None where it was added, ``after`` where it was removed.

    fields: what was set differently, ``name: (before, after)``. params, macs: after minus before.
    """

    before: Layer | None
    after: Layer | None
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    @property
    def params(self) -> int:
        return _minus(self.after, self.before, "params")

    @property
    def macs(self) -> int:
        return _minus(self.after, self.before, "macs")


@dataclass(frozen=True)
class Comparison:
    """Two results and what lies between them; ``changes`` are in the order of the nets."""

    before: ReceptiveField
    after: ReceptiveField
    changes: tuple[Change, ...]
    inputs: tuple[Mapping[str, Shape], Mapping[str, Shape]] | None  # where the nets' inputs differ

    @property
    def same(self) -> bool:
        return not self.changes and self.inputs is None

    @property
    def params(self) -> tuple[int, int]:
        return self.before.graph.params, self.after.graph.params

    @property
    def macs(self) -> tuple[int, int]:
        return self.before.graph.macs, self.after.graph.macs

    @property
    def size(self) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """Receptive field of the whole nets; see :func:`net_field`."""
        return tuple(f.rf.size if f and f.rf else None for f in map(net_field, (self.before, self.after)))  # type: ignore[return-value]


def net_field(result: ReceptiveField) -> Layer | None:
    """The layer whose receptive field stands for the net's: the last that is not global, else the last with any.

    Behind a global pool every unit reads the whole image, which says nothing about the convolutions before it.
    """
    seen = [layer for layer in result.layers if layer.rf is not None]
    local = [layer for layer in seen if layer.rf is not None and not layer.rf.is_global]
    return (local or seen or [None])[-1]


def compare(a: ReceptiveField, b: ReceptiveField) -> Comparison:
    """Align the layers of two nets by op, fields and order (names may shift when a layer is put in) and tell them apart.

    Layers of one kind that stand in the same place with other fields are changed ones; the rest was removed or added.
    """
    inputs = (a.graph.inputs, b.graph.inputs)
    same = list(inputs[0].values()) == list(inputs[1].values())
    return Comparison(a, b, tuple(_changes(a, b)), None if same else inputs)


def _changes(a: ReceptiveField, b: ReceptiveField) -> Iterator[Change]:
    left, right = list(a.layers), list(b.layers)
    for tag, i1, i2, j1, j2 in _blocks([_setting(x) for x in left], [_setting(x) for x in right]):
        if tag != "equal":
            yield from _replaced(left[i1:i2], right[j1:j2])


def _replaced(left: Sequence[Layer], right: Sequence[Layer]) -> Iterator[Change]:
    """Changes between two stretches that have no layer in common: pair what is of one kind."""
    for tag, i1, i2, j1, j2 in _blocks([x.node.op.kind for x in left], [x.node.op.kind for x in right]):
        if tag == "equal":
            for before, after in zip(left[i1:i2], right[j1:j2], strict=True):
                yield Change(before, after, _fields(before, after))
            continue
        for before in left[i1:i2]:
            yield Change(before, None)
        for after in right[j1:j2]:
            yield Change(None, after)


def _blocks(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """SequenceMatcher's opcodes; what is equal at both ends is cut off first, which makes long nets quick."""
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle = SequenceMatcher(None, a[head : len(a) - tail], b[head : len(b) - tail], autojunk=False).get_opcodes()
    codes = [(tag, i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in middle]
    codes.insert(0, ("equal", 0, head, 0, head))
    return [*codes, ("equal", len(a) - tail, len(a), len(b) - tail, len(b))]


def _setting(layer: Layer) -> Hashable:
    """Kind and fields: equal for layers that are set alike. How many inputs are joined counts, their names do not."""
    node = layer.node
    return node.op.kind, len(node.inputs), repr(node.op.fields())


def _fields(before: Layer, after: Layer) -> dict[str, tuple[Any, Any]]:
    old, new = before.node.op.fields(), after.node.op.fields()
    moved = {name: (old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)}
    if len(before.node.inputs) != len(after.node.inputs):
        moved["inputs"] = (before.node.inputs, after.node.inputs)
    return moved


def _minus(after: Layer | None, before: Layer | None, what: str) -> int:
    return (getattr(after.node, what) if after else 0) - (getattr(before.node, what) if before else 0)
