"""What changed from one net to another, layer by layer, and the parameters and receptive field that it
moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from convviz.analysis.results import Layer, ReceptiveField
from convviz.ops.base import Shape


@dataclass(frozen=True)
class Change:
    """One layer that differs: ``before`` is None where it was added, ``after`` where it was removed.

    fields: what was set differently, ``name: (before, after)``; ``in_channels`` where only what comes in
    differs. growth: how much more the layer adds to the receptive field than before (the axis that moves
    most; None where a layer is global). params, macs: after minus before.
    """

    before: Layer | None
    after: Layer | None
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    growth: int | None = None
    moved: bool = False  # it stands before (behind) a layer that it stood behind (before)

    @property
    def kind(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "moved" if self.moved else "changed"

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
    """The layer whose receptive field stands for the net's: the last that is not global, else the last with
    any.

    Behind a global pool every unit reads the whole image, which says nothing about the convolutions before
    it.
    """
    seen = [layer for layer in result.layers if layer.rf is not None]
    local = [layer for layer in seen if layer.rf is not None and not layer.rf.is_global]
    return (local or seen)[-1] if seen else None


def compare(a: ReceptiveField, b: ReceptiveField) -> Comparison:
    """Align the layers of two nets by what they are and their order, and tell them apart; names may shift.

    Layers of one kind that stand in the same place with other settings are changed ones; the rest was removed
    or added. The parameters that the changes move add up to the difference of the nets.
    """
    inputs = (a.graph.inputs, b.graph.inputs)
    same = list(inputs[0].values()) == list(inputs[1].values())
    return Comparison(a, b, tuple(_changes(a, b)), None if same else inputs)


def _changes(a: ReceptiveField, b: ReceptiveField) -> Iterator[Change]:
    left, right = [_Setting(x) for x in a.layers], [_Setting(x) for x in b.layers]
    for i, j, moved in _moves(align(left, right), left, right):
        old = left[i] if i is not None else None
        new = right[j] if j is not None else None
        if old and new and old == new and not moved:
            continue
        grown = _growth(new.layer, b) if new else 0, _growth(old.layer, a) if old else 0
        growth = None if grown[0] is None or grown[1] is None else grown[0] - grown[1]
        fields = _fields(old.layer, new.layer) if old and new else {}
        yield Change(old.layer if old else None, new.layer if new else None, fields, growth, moved)


class _Setting:
    """A layer as alignment sees it: alike are layers of one kind, equal those with the same settings and
    parameters.
    """

    def __init__(self, layer: Layer) -> None:
        node = layer.node
        self.layer, self.kind = layer, (node.op.kind, len(node.inputs))
        self.fields = node.op.fields()
        self.key = (self.kind, node.params, repr(self.fields))
        self.weight = WEIGHTS.get(node.op.kind, 3 if node.params or "pool" in node.op.kind else 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Setting) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def likeness(self, other: _Setting) -> float:
        """0 for different kinds, else up to twice the weight."""
        if self.kind != other.kind:
            return 0.0
        same = sum(self.fields[name] == other.fields[name] for name in self.fields)
        return self.weight * (1 + (same + (self.key == other.key)) / (len(self.fields) + 1))


WEIGHTS = {"conv": 6, "conv_transpose": 6, "linear": 6, "batch_norm": 1, "layer_norm": 1, "group_norm": 1}
ANCHOR = 3  # layers of this weight hold the others in place
CELLS = 1 << 22  # of the alignment's table; longer nets are aligned by equal stretches only


def align(a: Sequence[_Setting], b: Sequence[_Setting]) -> list[tuple[int | None, int | None]]:
    """Pairs of places in order, None opposite what has no partner, with the greatest total likeness.

    What is equal at both ends is paired first, which makes long nets that differ in little quick.
    Source: Needleman and Wunsch 1970, without a cost for gaps.
    """
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    n, m = len(a) - head - tail, len(b) - head - tail
    middle = (
        _best(a[head : head + n], b[head : head + m])
        if n * m <= CELLS
        else _stretches(a[head : head + n], b[head : head + m])
    )
    pairs: list[tuple[int | None, int | None]] = [(i, i) for i in range(head)]
    pairs += [(None if i is None else i + head, None if j is None else j + head) for i, j in middle]
    return pairs + [(len(a) - k, len(b) - k) for k in range(tail, 0, -1)]


def _best(a: Sequence[_Setting], b: Sequence[_Setting]) -> list[tuple[int | None, int | None]]:
    score = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]  # of the best alignment of a[i:] with b[j:]
    for i in range(len(a) - 1, -1, -1):
        row, below = score[i], score[i + 1]
        for j in range(len(b) - 1, -1, -1):
            row[j] = max(below[j + 1] + a[i].likeness(b[j]), below[j], row[j + 1])
    out: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(a) or j < len(b):
        if (
            i < len(a)
            and j < len(b)
            and (like := a[i].likeness(b[j]))
            and score[i][j] == score[i + 1][j + 1] + like
        ):
            out.append((i, j))
            i, j = i + 1, j + 1
        elif i < len(a) and score[i][j] == score[i + 1][j]:
            out.append((i, None))
            i += 1
        else:
            out.append((None, j))
            j += 1
    return out


def _moves(
    pairs: Sequence[tuple[int | None, int | None]], a: Sequence[_Setting], b: Sequence[_Setting]
) -> Iterator[tuple[int | None, int | None, bool]]:
    """The pairs, with a removed and an added layer of one kind joined where no heavy pair lies between: it
    moved.
    """
    waiting: list[tuple[int | None, int | None, bool]] = []
    for i, j in [*pairs, (-1, -1)]:
        if i is not None and j is not None and (i < 0 or a[i].weight >= ANCHOR):
            yield from waiting
            waiting = []
            if i >= 0:
                yield i, j, False
            continue
        for at, (left, right, _) in enumerate(waiting):
            if (
                i is None
                and j is not None
                and right is None
                and left is not None
                and a[left].kind == b[j].kind
            ):
                waiting[at] = (left, j, True)
                break
            if (
                j is None
                and i is not None
                and left is None
                and right is not None
                and a[i].kind == b[right].kind
            ):
                waiting[at] = (i, right, True)
                break
        else:
            waiting.append((i, j, False))


def _stretches(a: Sequence[_Setting], b: Sequence[_Setting]) -> list[tuple[int | None, int | None]]:
    out: list[tuple[int | None, int | None]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, a, b).get_opcodes():
        if tag == "equal":
            out += zip(range(i1, i2), range(j1, j2), strict=True)
        else:
            out += [(i, None) for i in range(i1, i2)] + [(None, j) for j in range(j1, j2)]
    return out


def _growth(layer: Layer, result: ReceptiveField) -> int | None:
    """Input cells that the layer adds to the receptive field of what it reads, along the axis where it adds
    most.
    """
    after = layer.rf
    before = [result.by_name.get(name) for name in layer.node.inputs if name != result.wrt]
    if after is None or after.is_global or any(f is not None and f.is_global for f in before):
        return None
    sizes = [f.size for f in before if f is not None] or [(1,) * len(after.size)]
    return max((n - max(size[a] for size in sizes) for a, n in enumerate(after.size)), default=0)


def _fields(before: Layer, after: Layer) -> dict[str, tuple[Any, Any]]:
    old, new = before.node.op.fields(), after.node.op.fields()
    moved = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
    if len(before.node.inputs) != len(after.node.inputs):
        moved["inputs"] = (before.node.inputs, after.node.inputs)
    if not moved and before.node.ins[0][:1] != after.node.ins[0][:1]:
        moved["in_channels"] = (before.node.ins[0][0], after.node.ins[0][0])
    return moved


def _minus(after: Layer | None, before: Layer | None, what: str) -> int:
    return (getattr(after.node, what) if after else 0) - (getattr(before.node, what) if before else 0)
