"""Results -> tables, and the sentences under them; every number comes from the result."""

from __future__ import annotations

from math import prod
from typing import Any

from convviz.analysis.alignment import AXES
from convviz.analysis.results import Field, Layer, ReceptiveField
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Shape, show
from convviz.ops.conv import is_depthwise
from convviz.report.formats import render
from convviz.report.model import Cell, Column, Pair, Table, plain

RF_COLUMNS = (
    Column("layer", left=True, shrink="middle", nested=True),
    Column("op", left=True, shrink="middle"),
    Column("kernel", short="k"),
    Column("stride", short="s"),
    Column("padding", short="p"),
    Column("dilation", short="d"),
    Column("n_in", drop=3),
    Column("n_out"),
    Column("j_in", drop=1),
    Column("j_out"),
    Column("r_in", drop=2),
    Column("r_out"),
    Column("channels", short="ch"),
    Column("params", count=True),
    Column("MACs", count=True, drop=5),
)
PIXELS = Column("pixels", count=True, drop=4)
DETAIL = (
    Column("groups"),
    Column("start"),
    Column("period"),
    PIXELS,
    Column("global", left=True),
    Column("also_global", left=True),
)
CONTEXT = (
    Column("past", count=True),
    Column("past_ms", short="ms"),
    Column("future", count=True),
    Column("future_ms", short="ms"),
)


def render_rf(
    result: ReceptiveField, format: str = "text", *, rate: float | None = None, standalone: bool = False
) -> str:
    """The layers of ``result`` in one of the formats (``text``: a table without colour).

    rate: samples a second of a 1-D input; adds each unit's past and future context. standalone: HTML as a
    page of its own. Raises ConvvizError for an unknown format, or a rate where the input has not one spatial
    axis.
    """
    if format == "json":
        from convviz.report.data import dumps, rf_data

        return dumps(rf_data(result, rate=rate))
    return render(
        rf_table(result, rate=rate, detail=format in ("csv", "html")), format, standalone=standalone
    )


# -- receptive fields ---------------------------------------------------------------------------------
def rf_table(result: ReceptiveField, *, rate: float | None = None, detail: bool = False) -> Table:
    """One row a layer: window, sizes (n), jumps (j) and receptive fields (r) before and after, channels,
    cost.
    """
    rank = len(result.graph.inputs[result.wrt]) - 1
    holes = {
        x.node.name for x in result if x.rf and x.rf.pixels is not None and x.rf.pixels < prod(x.rf.size)
    }
    columns = [*RF_COLUMNS, *(DETAIL if detail else [PIXELS] if holes else [])]
    if rate is not None:
        check_rate(result, rate)
        columns += CONTEXT
    rows = []
    for layer in result:
        row = _rf_row(layer, result, rank)
        if detail:
            row += _detail(layer)
        elif holes:
            row.append(layer.rf.pixels if layer.rf and layer.node.name in holes else None)
        if rate is not None:
            row += context(layer.rf, rate).values()
        rows.append(tuple(row))
    quiet = frozenset(i for i, layer in enumerate(result) if _quiet(layer.node))
    return Table(
        title(result.graph), tuple(columns), tuple(rows), tuple(rf_notes(result, bool(holes), rate)), quiet
    )


def title(graph: Graph) -> str:
    """``code8  input 1x28x28``"""
    if len(graph.inputs) == 1:
        return f"{graph.name}  input {show(next(iter(graph.inputs.values())))}"
    return f"{graph.name}  inputs " + ", ".join(
        f"{name} {show(shape)}" for name, shape in graph.inputs.items()
    )


def _rf_row(layer: Layer, result: ReceptiveField, rank: int) -> list[Cell]:
    node, after = layer.node, layer.rf
    source = _source(node, result)
    before = result.by_name.get(source) if source else None
    space_in = space_cell(node.ins[node.inputs.index(source)], rank) if source else None
    space_out = space_cell(node.out, rank)
    first = source == result.wrt
    return [
        node.name,
        op_label(node),
        getattr(node.op, "kernel_size", None),
        getattr(node.op, "stride", None),
        padding_label(node),
        getattr(node.op, "dilation", (1,) * rank if hasattr(node.op, "kernel_size") else None),
        space_in,
        space_out,
        "1" if first else _jump(before),
        _jump(after),
        "1" if first else size_cell(before, largest=True),
        size_cell(after),
        channels_cell(node, rank),
        node.params,
        node.macs,
    ]


def _detail(layer: Layer) -> list[Cell]:
    groups = getattr(layer.node.op, "groups", None)
    field = layer.rf
    if field is None:
        return [groups, None, None, None, None, None]
    start = None if None in field.start else field.start
    return [groups, start, field.period, field.pixels, "yes" if field.is_global else "no", field.also_global]


def _source(node: Node, result: ReceptiveField) -> str | None:
    """The input of a layer that its row shows: of those that see the net's input, the one that sees most.

    None for a parameter or constant, which has no input.
    """
    sees = [name for name in node.inputs if name == result.wrt or result.by_name.get(name)]

    def seen(name: str) -> int:
        field = result.by_name.get(name)
        return prod(field.size) if field else 0

    return max(sees or node.inputs, key=seen, default=None)


def space_cell(shape: Shape, rank: int) -> Cell:
    """Spatial size of a map; tokens and windows keep their whole shape; a vector has none."""
    if len(shape) == rank + 1:
        return tuple(shape[1:])
    return None if len(shape) == 1 else show(shape)


def channels_cell(node: Node, rank: int) -> Cell:
    def of(shape: Shape) -> int | None:
        return shape[0] if len(shape) in (1, rank + 1) else None

    ins = [of(shape) for shape in node.ins]
    if node.op.kind == "concat" and None not in ins and len(ins) > 1:
        before: int | str | None = "+".join(map(str, ins)) if len(ins) < 3 else f"{len(ins)} maps"
    else:
        before = ins[0] if ins else None
    return Pair(before, of(node.out))


def _jump(field: Field | None) -> Cell:
    if field is None or field.is_global:
        return None if field is None or None in field.jump else field.jump
    return "mixed" if field.jump and None in field.jump else field.jump


def size_cell(field: Field | None, largest: bool = False) -> Cell:
    """The receptive field; ``1–2`` where it depends on the output phase, unless only the largest is asked
    for.
    """
    if field is None:
        return "–"
    if field.is_global:
        return "global"
    if largest or field.min == field.size:
        return field.size
    return f"{plain(field.min)}–{plain(field.size)}"


def op_label(node: Node) -> str:
    """The op as one reads it: ``conv``, ``conv g4``, ``depthwise_conv``, ``upsample x2``."""
    op = node.op
    groups = getattr(op, "groups", 1)
    if groups > 1 and op.kind.startswith("conv"):
        if op.kind == "conv" and is_depthwise(op, node.ins[0]):
            return "depthwise_conv"
        return f"{op.kind} g{groups}"
    factor = (
        getattr(op, "scale_factor", None)
        or getattr(op, "upscale_factor", None)
        or getattr(op, "downscale_factor", None)
    )
    if factor:
        return f"{op.kind} x{plain(factor)}"
    return op.kind


def window_label(node: Node) -> str:
    """``k3 s2 p1 d2``: the window of a layer, without what is neutral; empty where there is none."""
    words = []
    for name, letter, neutral in (
        ("kernel_size", "k", None),
        ("stride", "s", 1),
        ("padding", "p", 0),
        ("dilation", "d", 1),
    ):
        value = padding_label(node) if name == "padding" else getattr(node.op, name, None)
        if value is not None and plain(value) != str(neutral):
            words.append(f"{letter}{plain(value)}")
    return " ".join(words)


def padding_label(node: Node) -> Cell:
    """Padding by axis; ``a+b`` where an axis has more on one side than on the other."""
    sides = node.op.pads()
    if not sides:
        return None
    if all(before == after for before, after in sides):
        return tuple(before for before, _ in sides)
    shown = [f"{before}+{after}" if before != after else str(before) for before, after in sides]
    return shown[0] if len(set(shown)) == 1 else "x".join(shown)


def _quiet(node: Node) -> bool:
    """Layers that neither move nor mix anything in space: activations, dropout, norms."""
    return node.op.elementwise and len(node.inputs) == 1


def rf_notes(result: ReceptiveField, holes: bool = False, rate: float | None = None) -> list[str]:
    """Totals first, then what a reader must know to read the numbers right."""
    graph = result.graph
    numbers = graph.activations
    notes = [
        f"total: {graph.params:,} parameters, {graph.macs:,} MACs, "
        f"{human_bytes(4 * numbers)} of activations ({numbers:,} float32)"
    ]
    if len(graph.inputs) > 1:
        unread = result.engine.lowered.unread if result.engine else {}
        unseen = sum(layer.rf is None and layer.node.name not in unread for layer in result)
        told = f"; {unseen} layers (–) do not depend on it" if unseen > 1 else ""
        told = "; 1 layer (–) does not depend on it" if unseen == 1 else told
        notes.append(f"receptive fields on input {result.wrt!r}{told}")
    notes += also_global_notes(result)
    fields = [layer.rf for layer in result if layer.rf]
    notes += _global_notes(result)
    if any(field.min != field.size for field in fields):
        notes.append(
            "a–b: the receptive field depends on the output's position; smallest and largest are shown"
        )
    if holes:
        notes.append(
            "pixels: input cells really read, where holes make them fewer than the receptive field spans"
        )
    if any(None in field.jump and not field.is_global for field in fields):
        notes.append(
            "mixed: branches with different strides meet, so there is no one jump; sizes are real units'"
        )
    notes += _misaligned_notes(result)
    if rate is not None:
        notes.append(
            f"past, future: samples at {rate:g} a second that a unit sees before and after its own position"
        )
    return notes + [f"warning: {warning}" for warning in result.warnings]


def _global_notes(result: ReceptiveField) -> list[str]:
    """Which layers read everything: all from one on, or those of side paths such as gates."""
    marks = [bool(layer.rf and layer.rf.is_global) for layer in result if layer.rf]
    names = [layer.node.name for layer in result if layer.rf and layer.rf.is_global]
    if not names:
        return []
    size = max((layer.rf.size for layer in result if layer.rf and layer.rf.is_global), default=())
    cells = f", {show(size)} input cells" if size else ""
    if all(marks[marks.index(True) :]):
        return [f"global: from {names[0]} on, a unit reads all that comes before it{cells}"]
    count = len(names) - 1
    more = f" and {count} layer{'s' * (count > 1)} more" if count else ""
    return [f"global: a unit of {names[0]}{more} reads all that comes before it{cells}"]


MOST = 2  # misaligned joins that are told one by one


def _misaligned_notes(result: ReceptiveField) -> list[str]:
    """Where paths do not agree; axes of which the same is true are told together."""
    names = AXES.get(len(result.graph.inputs[result.wrt]) - 1, "")
    joins: dict[str, dict[str, list[str]]] = {}  # layer: explanation with the axis left open: axes
    for found in result.misaligned:
        text = found.explanation.replace(f" along {names[found.axis]}", " along \0", 1)
        joins.setdefault(found.layer, {}).setdefault(text, []).append(names[found.axis])
    told = [
        text.replace("\0", " and ".join(axes))
        for texts in list(joins.values())[:MOST]
        for text, axes in texts.items()
    ]
    more = len(joins) - MOST
    if more > 0:
        told.append(f"{more} more join{'s' * (more > 1)}")
    return [f"misaligned: {text}" for text in told]


def also_global_notes(result: ReceptiveField) -> list[str]:
    """One sentence where units depend on the whole image besides their window."""
    layer = next((layer for layer in result if layer.rf and layer.rf.also_global), None)
    if layer is None or layer.rf is None or layer.rf.also_global is None:
        return []
    name = layer.rf.also_global
    kind = result.graph[name].op.kind
    if "norm" in kind:
        means = f"{kind} statistics"
    elif "pool" in kind or kind in ("mean", "linear"):
        means = f"what is pooled in {name} ({kind})"
    else:
        means = f"{name} ({kind})"
    return [
        f"from {layer.node.name} on, every unit also depends on the whole image through {means}; "
        f"the numbers follow windowed paths (--with-global follows all)"
    ]


def human_bytes(count: int) -> str:
    """``1.5 MiB``

    >>> human_bytes(1536), human_bytes(12)
    ('1.5 KiB', '12 B')
    """
    if count < 1024:
        return f"{count} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        count_in, size = count / 1024, unit
        if count_in < 1024:
            return f"{count_in:.1f} {size}"
        count = count // 1024
    return f"{count:,} TiB" if count < 10**15 else f"{count:.2e} TiB"


def check_rate(result: ReceptiveField, rate: float) -> None:
    """Raises ConvvizError where past and future have no meaning."""
    shape = result.graph.inputs[result.wrt]
    if len(shape) != 2:
        raise ConvvizError(
            f"only for 1-D inputs (channels x samples); {result.graph.name} takes {show(shape)}",
            "--rate",
        )
    if not rate > 0 or rate == float("inf"):
        raise ConvvizError(f"must be a number of samples a second above 0, got {rate:g}", "--rate")


def context(field: Field | None, rate: float) -> dict[str, Any]:
    """Samples (and milliseconds at ``rate`` a second) that a unit reads before and behind its own position.

    Unit u lies at sample u * jump. A negative number means that the first (last) sample read is later
    (earlier).
    """
    if field is None or None in field.start:
        return dict.fromkeys(("past", "past_ms", "future", "future_ms"))
    start = field.start[0]
    assert start is not None
    past, future = -start, start + field.size[0] - 1
    return {"past": past, "past_ms": _ms(past, rate), "future": future, "future_ms": _ms(future, rate)}


def _ms(samples: int, rate: float) -> float:
    return round(1000 * samples / rate, 3)
