"""What changed from one net to another, layer by layer, and the parameters and receptive field that it
moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from convviz.analysis.results import Layer, ReceptiveField
from convviz.graph import Graph
from convviz.ops.base import Shape


@dataclass(frozen=True)
class Change:
    """One layer that differs: ``before`` is None where it was added, ``after`` where it was removed.

    fields: what was set differently, ``name: (before, after)``; ``in_channels`` where only the channels that
    reach a layer with parameters differ, ``from`` (names) where it reads another layer than before. growth:
    how much more the layer adds to the receptive field than before (the axis that moves most; None where a
    layer is global). params, macs: after minus before.
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
        if self.after is None:
            return "removed"
        if self.before.node.op.kind != self.after.node.op.kind:
            return "replaced"
        return "moved" if self.moved else "changed"

    @property
    def params(self) -> int:
        return _minus(self.after, self.before, "params")

    @property
    def macs(self) -> int:
        return _minus(self.after, self.before, "macs")


@dataclass(frozen=True)
class Comparison:
    """Two results and what lies between them; ``changes`` are in the order of the nets.

    carried: unchanged layers that add more to the receptive field than before, or less, and how much: the
    step between the cells that they read has changed.
    """

    before: ReceptiveField
    after: ReceptiveField
    changes: tuple[Change, ...]
    inputs: tuple[Mapping[str, Shape], Mapping[str, Shape]] | None  # where the nets' inputs differ
    carried: tuple[tuple[Layer, int], ...] = ()

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

    Layers of one kind that stand in the same place with other settings are changed ones, and one of the same
    family in a layer's place replaces it; the rest was removed or added. The parameters that the changes move
    add up to the difference of the nets.
    """
    inputs = (a.graph.inputs, b.graph.inputs)
    same = list(inputs[0].values()) == list(inputs[1].values())
    left, right = [_Setting(x) for x in a.layers], [_Setting(x) for x in b.layers]
    pairs = _replaced(_moves(align(left, right), left, right), left, right)
    rewired = _rewired(pairs, a.graph, b.graph)
    changes: list[Change] = []
    carried: list[tuple[Layer, int]] = []
    for i, j, moved in pairs:
        old = left[i] if i is not None else None
        new = right[j] if j is not None else None
        grown = _growth(new.layer, b) if new else 0, _growth(old.layer, a) if old else 0
        growth = None if grown[0] is None or grown[1] is None else grown[0] - grown[1]
        if old and new and old == new and not moved and j not in rewired:
            if growth:
                carried.append((new.layer, growth))
            continue
        fields = _fields(old.layer, new.layer) if old and new else {}
        if old and new and j in rewired:
            fields["from"] = (old.layer.node.inputs, new.layer.node.inputs)
        changes.append(Change(old.layer if old else None, new.layer if new else None, fields, growth, moved))
    return Comparison(a, b, tuple(changes), None if same else inputs, tuple(carried))


class _Setting:
    """A layer as alignment sees it: alike are layers of one kind, equal those with the same settings and
    parameters.
    """

    def __init__(self, layer: Layer) -> None:
        node = layer.node
        self.layer, self.name, self.kind = layer, node.name, (node.op.kind, len(node.inputs))
        self.fields = node.op.fields()
        self.key = (self.kind, node.params, repr(self.fields))
        self.weight = WEIGHTS.get(node.op.kind, 3 if node.params or "pool" in node.op.kind else 1)
        # What may stand in for each other: ops of one file, and windows of any kind.
        self.family = ("window" if "kernel_size" in self.fields else type(node.op).__module__, self.kind[1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Setting) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def likeness(self, other: _Setting) -> float:
        """0 for different kinds, else up to twice the weight; of equal ones the one of the same name is
        liker.
        """
        if self.kind != other.kind:
            return 0.0
        same = sum(self.fields[name] == other.fields[name] for name in self.fields)
        like = self.weight * (1 + (same + (self.key == other.key)) / (len(self.fields) + 1))
        return like + NAMED * (self.name == other.name)


Pairing = tuple[int | None, int | None, bool]  # places in both nets, None opposite nothing; whether it moved

WEIGHTS = {"conv": 6, "conv_transpose": 6, "linear": 6, "batch_norm": 1, "layer_norm": 1, "group_norm": 1}
ANCHOR = 3  # layers of this weight hold the others in place
NAMED = 0.01
NEAR = 1 << 18  # cells up to which it is worth the time to look at names
CELLS = 1 << 22  # of the alignment's table; longer nets are aligned by equal stretches only


def align(a: Sequence[_Setting], b: Sequence[_Setting]) -> list[tuple[int | None, int | None]]:
    """Pairs of places in order, None opposite what has no partner, with the greatest total likeness.

    What is equal at both ends is paired first, which makes long nets that differ in little quick; at the far
    end only under the same names, where time allows: of ten equal blocks the last was not added first.
    Source: Needleman and Wunsch 1970, without a cost for gaps.
    """
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail, any_name = 0, (len(a) - head) * (len(b) - head) > NEAR
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        if not any_name and a[-1 - tail].name != b[-1 - tail].name:
            break
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
) -> list[Pairing]:
    """The pairs, with a removed and an added layer joined that are one layer which moved: of one kind with no
    heavy pair between them, or of the same name and settings anywhere.
    """
    out: list[Pairing] = []
    start = 0  # of the stretch since the last heavy pair
    alone: dict[str, int] = {}  # places in ``out`` of layers without a partner
    for i, j in pairs:
        if i is not None and j is not None:
            out.append((i, j, False))
            if a[i].weight >= ANCHOR:
                start = len(out)
            continue
        name = a[i].name if i is not None else b[j].name if j is not None else ""
        near = range(start, len(out))
        for at in (*([alone[name]] if name in alone else []), *near):
            joined = _opposite(out[at], (i, j, True))
            if joined is None:
                continue
            old, new = a[joined[0]], b[joined[1]]
            if old == new if at not in near else old.kind == new.kind:
                out[at] = (*joined, True)
                break
        else:
            alone[name] = len(out)
            out.append((i, j, False))
    return out


def _replaced(pairs: Sequence[Pairing], a: Sequence[_Setting], b: Sequence[_Setting]) -> list[Pairing]:
    """The pairs, with a removed and an added layer of one family joined where no pair lies between."""
    out: list[Pairing] = []
    start = 0  # of the stretch since the last pair
    for pair in pairs:
        for at in range(start, len(out)):
            joined = _opposite(out[at], pair)
            if joined and a[joined[0]].family == b[joined[1]].family:
                out[at] = (*joined, False)
                start = at + 1
                break
        else:
            out.append(pair)
            if None not in pair:
                start = len(out)
    return out


def _opposite(one: Pairing, other: Pairing) -> tuple[int, int] | None:
    """The places of a removed layer and an added one, in either order."""
    (i, j, _), (k, m, _) = one, other
    if i is not None and j is None and k is None and m is not None:
        return i, m
    if i is None and j is not None and k is not None and m is None:
        return k, j
    return None


def _rewired(pairs: Sequence[Pairing], a: Graph, b: Graph) -> set[int]:
    """Places in ``b`` of the layers that read other layers than their partners in ``a``.

    Layers that were added, removed or moved are looked through: to read one of those instead of the layer
    behind it follows from that change, and is none by itself.
    """
    stay = {(i, j) for i, j, moved in pairs if i is not None and j is not None and not moved}
    before = _roots(a, {a.nodes[i].name: i for i, _ in stay})
    after = _roots(b, {b.nodes[j].name: i for i, j in stay})
    return {
        j for i, j in stay if [before[s] for s in a.nodes[i].inputs] != [after[s] for s in b.nodes[j].inputs]
    }


def _roots(graph: Graph, known: Mapping[str, int]) -> dict[str, frozenset[int]]:
    """For each input and layer the numbers of the ``known`` layers, itself or those behind it, that it reads
    first; the inputs are counted down from -1.
    """
    roots = {name: frozenset([-1 - n]) for n, name in enumerate(graph.inputs)}
    for node in graph:
        if node.name in known:
            roots[node.name] = frozenset([known[node.name]])
        else:
            roots[node.name] = frozenset().union(*(roots[source] for source in node.inputs))
    return roots


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
    if before.node.op.kind != after.node.op.kind:
        return {}
    moved = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
    learns = before.node.params or after.node.params
    if not moved and learns and before.node.ins and after.node.ins:
        channels = before.node.ins[0][0], after.node.ins[0][0]
        if channels[0] != channels[1]:
            moved["in_channels"] = channels
    return moved


def _minus(after: Layer | None, before: Layer | None, what: str) -> int:
    return (getattr(after.node, what) if after else 0) - (getattr(before.node, what) if before else 0)
