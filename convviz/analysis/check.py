"""Whether a net keeps the rules of a brief: limits on size and receptive field, ops that must or must not
occur.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod

from convviz.analysis.compare import net_field
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph, Node
from convviz.ops import OPS
from convviz.ops.conv import is_depthwise


@dataclass(frozen=True)
class Rule:
    """One rule and how the net did. ``by``: how much a number is over or under its limit, 0 where it keeps
    it.
    """

    name: str  # max_params, min_rf, uses ...
    limit: int | str
    value: (
        int | tuple[str, ...] | None
    )  # the number, or the layers found; None: the net has no receptive field
    passed: bool
    by: int = 0


@dataclass(frozen=True)
class Verdict:
    """All rules for one net; it passes if every rule does."""

    net: str
    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        return all(rule.passed for rule in self.rules)

    @property
    def failed(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)


def _convs(node: Node) -> bool:
    return node.op.kind in ("conv", "conv_transpose")


def _kernel(node: Node) -> int:
    return prod(getattr(node.op, "kernel_size", (1,)))


def _grouped(node: Node, graph: Graph) -> bool:
    return _convs(node) and getattr(node.op, "groups", 1) > 1


def _depthwise(node: Node, graph: Graph) -> bool:
    return _convs(node) and is_depthwise(node.op, node.ins[0])


def _pointwise(node: Node, graph: Graph) -> bool:
    return node.op.kind == "conv" and _kernel(node) == 1 and getattr(node.op, "groups", 1) == 1


def _separable(node: Node, graph: Graph) -> bool:
    """A pointwise conv behind a depthwise one, with at most norms and activations between."""
    if not _pointwise(node, graph):
        return False
    at = node
    while at.inputs and at.inputs[0] in graph.by_name:
        at = graph.by_name[at.inputs[0]]
        if _depthwise(at, graph):
            return True
        if len(at.inputs) > 1 or not at.op.elementwise:
            return False
    return False


def _strided(node: Node, graph: Graph) -> bool:
    return _convs(node) and any(s > 1 for s in getattr(node.op, "stride", ()))


def _spatially_separable(node: Node, graph: Graph) -> bool:
    kernel = getattr(node.op, "kernel_size", ())
    return node.op.kind == "conv" and len(kernel) > 1 and sum(k > 1 for k in kernel) == 1


def _padded(node: Node, graph: Graph) -> bool:
    return any(before or after for before, after in node.op.pads())


def _global_pool(node: Node, graph: Graph) -> bool:
    """A pool whose one output reads the whole map, whichever op it is written with."""
    rank = len(next(iter(graph.inputs.values()))) - 1
    if "pool" not in node.op.kind or len(node.ins[0]) <= rank:
        return False
    if node.op.kind.startswith("global"):
        return True
    space, out = node.ins[0][-rank:], node.out[-rank:]
    kernel = getattr(node.op, "kernel_size", space)
    return prod(out) == 1 < prod(space) and all(k >= n for k, n in zip(kernel, space))


def _residual(node: Node, graph: Graph) -> bool:
    return node.op.kind == "add" and len(set(node.inputs)) > 1


def _bias(node: Node, graph: Graph) -> bool:
    return (_convs(node) or node.op.kind == "linear") and bool(getattr(node.op, "bias", False))


Feature = Callable[[Node, Graph], bool]
FEATURES: dict[str, Feature] = {
    "dilated": lambda node, graph: any(d > 1 for d in getattr(node.op, "dilation", ())),
    "depthwise": _depthwise,
    "pointwise": _pointwise,
    "grouped": _grouped,
    "separable": _separable,
    "spatially_separable": _spatially_separable,
    "strided": _strided,
    "transposed": lambda node, graph: node.op.kind == "conv_transpose",
    "padded": _padded,
    "global_pool": _global_pool,
    "residual": _residual,
    "bias": _bias,
}
LIMITS = ("max_params", "min_params", "max_macs", "min_macs", "max_rf", "min_rf")


def layers_with(graph: Graph, name: str) -> tuple[str, ...]:
    """Names of the layers that are of an op kind or have a feature; raises ConvvizError for an unknown word.

    >>> import convviz
    >>> layers_with(convviz.read("code8"), "max_pool")
    ('max_pool1',)
    """
    known_word(name)
    feature = FEATURES.get(name, lambda node, graph: node.op.kind == name)
    return tuple(node.name for node in graph if feature(node, graph))


def known_word(name: str) -> str:
    """``name`` itself; raises ConvvizError where it is neither an op nor a feature."""
    if name not in FEATURES and name not in OPS:
        raise ConvvizError(
            f"neither an op nor a feature is called {name!r}{nearest(name, [*FEATURES, *OPS])}"
        )
    return name


def check(
    result: ReceptiveField,
    *,
    max_params: int | None = None,
    min_params: int | None = None,
    max_macs: int | None = None,
    min_macs: int | None = None,
    max_rf: int | None = None,
    min_rf: int | None = None,
    uses: Iterable[str] = (),
    forbids: Iterable[str] = (),
) -> Verdict:
    """Hold ``result`` against a brief; the limits themselves are allowed.

    The receptive field is that of the last layer that is not global (input cells; on several axes the
    smallest for min_rf and the largest for max_rf). Raises ConvvizError for a word in ``uses`` or ``forbids``
    that nothing is called.
    """
    layer = net_field(result)
    size = layer.rf.size if layer and layer.rf else ()
    graph = result.graph
    values: dict[str, int | None] = {
        "params": graph.params,
        "macs": graph.macs,
        "max_rf": max(size, default=None),
        "min_rf": min(size, default=None),
    }
    given = (max_params, min_params, max_macs, min_macs, max_rf, min_rf)
    rules = []
    for name, limit in zip(LIMITS, given, strict=True):
        if limit is not None:
            value = values.get(name, values.get(name[4:]))
            over = 0 if value is None else value - limit if name.startswith("max") else limit - value
            rules.append(Rule(name, limit, value, value is not None and over <= 0, max(over, 0)))
    for words, wanted in ((uses, True), (forbids, False)):
        for word in words:
            found = layers_with(graph, word)
            rules.append(Rule("uses" if wanted else "forbids", word, found, bool(found) == wanted))
    return Verdict(graph.name, tuple(rules))
