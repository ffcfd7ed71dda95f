"""Blocks of a net in words: what one does, reads and gives."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.analysis.block_layout import Layout, branches
from convviz.analysis.blocks import Block, Blocks
from convviz.analysis.pyramid import Level, Pyramid
from convviz.analysis.results import ReceptiveField
from convviz.graph import Node
from convviz.ops.base import show
from convviz.report.model import plain
from convviz.report.tables import op_label, size_cell

SHORT = {
    "batch_norm": "bn", "ghost_batch_norm": "ghost bn", "layer_norm": "ln", "group_norm": "gn", "instance_norm": "in",
    "rms_norm": "rms", "log_softmax": "log softmax", "channel_shuffle": "shuffle", "local_response_norm": "lrn",
}  # fmt: skip
SIGNS = {"add": "+", "mul": "×", "sub": "−", "div": "÷", "concat": "concat", "stack": "stack"}
POOLS = {
    "max_pool": "max",
    "avg_pool": "avg",
    "lp_pool": "lp",
    "adaptive_avg_pool": "avg",
    "adaptive_max_pool": "max",
}
PATHS = 62  # characters of a region's paths
# Kinds that are not worth a word beside the layer that they come with.
UNSAID = frozenset(
    "dropout dropout1d dropout2d dropout3d alpha_dropout drop_path identity reshape flatten permute expand".split()  # noqa: SIM905
)


def kernel_text(node: Node) -> str:
    """``3×3``, ``1×7``, ``k2`` (one axis)."""
    kernel: tuple[int, ...] = getattr(node.op, "kernel_size", ())
    return f"k{kernel[0]}" if len(kernel) == 1 else "×".join(map(str, kernel))


def sign(block: Block | None) -> str:
    """What stands in a block's box."""
    if block is None:
        return "input"
    node = block.main
    kind = node.op.kind
    if kind in ("conv", "unfold"):
        return kernel_text(node)
    if kind == "conv_transpose":
        return f"{kernel_text(node)} ↑"
    if kind in POOLS:
        kernel = kernel_text(node)
        return f"{POOLS[kind]} {kernel}".strip()
    if kind == "upsample":
        factors = [f"{n / m:.3g}" for n, m in zip(node.out[1:], node.ins[0][1:], strict=True)]
        return "×" + "×".join(factors if len(set(factors)) > 1 else factors[:1])
    return SIGNS.get(kind) or {"global_avg_pool": "mean", "scaled_dot_product_attention": "attention"}.get(
        kind, SHORT.get(kind, kind.replace("_", " "))
    )


def about(block: Block) -> str:
    """What a block does: ``conv 3×3 /2 · bn · relu``."""
    if block.parts:
        return _inside(block)
    before, behind = (
        [SHORT.get(kind, kind.replace("_", " ")) for kind in kinds if kind not in UNSAID]
        for kinds in (block.before, block.behind)
    )
    return " · ".join([*before, layer_text(block.main, block.mains), *behind])


def layer_text(node: Node, repeats: Sequence[Node] = ()) -> str:
    """``depthwise conv 3×3 /2 d4``; ``d1…8`` where repeats have dilations of their own."""
    op = node.op
    words = [op_label(node).replace("_", " ")]
    kernel = kernel_text(node)
    if kernel and op.kind != "unfold":
        words.append(kernel)
    stride, dilation = getattr(op, "stride", None), getattr(op, "dilation", None)
    if stride and plain(stride) != "1":
        words.append(f"/{plain(stride)}" if op.kind != "conv_transpose" else f"↑{plain(stride)}")
    first = getattr(repeats[0].op, "dilation", dilation) if repeats else dilation
    if dilation and first != dilation:
        words.append(f"d{plain(first)}…{plain(dilation)}")
    elif dilation and plain(dilation) != "1":
        words.append(f"d{plain(dilation)}")
    return " ".join(words)


def _inside(block: Block) -> str:
    """The paths of a region, ``1×1 | 1×1, 5×5``; of a larger one how many layers of each kind it has."""
    if sum(part.is_join for part in block.parts) <= 1:
        told = " | ".join(", ".join(sign(b) for b in path) or "skip" for path in branches(block))
        if len(told) <= PATHS:
            return told
    kinds: dict[str, int] = {}
    for part in block.parts:
        for inner in part.parts or (part,):
            word = (
                "transposed conv"
                if inner.main.op.kind == "conv_transpose"
                else inner.main.op.kind.replace("_", " ")
            )
            if inner.params:
                kinds[word] = kinds.get(word, 0) + inner.times
    return ", ".join(f"{n} {word}{'s' * (n > 1)}" for word, n in kinds.items()) or "no weights"


def name_cell(block: Block) -> str:
    """A block's name; of a region what all its layers' names begin with."""
    if not block.parts:
        return block.name
    names = [name.split(".") for name in block.nodes]
    common = []
    for words in zip(*names, strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return ".".join(common) or f"{block.nodes[0]} …"


def rf_cell(block: Block) -> str:
    """The receptive field behind a block."""
    field = block.field
    if field is not None and field.is_global:
        return "all"
    return plain(size_cell(field)).replace("x", "×")


def reads_cell(level: Level) -> str:
    """How many cells of a level are read: ``17``, or ``9 in 17`` where there are holes."""
    count = level.cells.count
    if count == level.cells.span:
        return str(count)
    return f"{'?' if count is None else count} in {level.cells.span}"


def headline(result: ReceptiveField) -> str:
    """``code8: 13,808 parameters, input 1x28x28``"""
    inputs = ", ".join(show(shape) for shape in result.graph.inputs.values()).replace("x", "×")
    return (
        f"{result.graph.name}: {result.graph.params:,} parameters, {result.graph.macs:,} MACs, input {inputs}"
    )


def caption(plan: Layout) -> str:
    """How to read the picture, in a sentence or two."""
    kind = {
        "layers": "Read upwards: a block is a layer with what trails it.",
        "regions": "Read upwards: a block is a layer, or a region in which paths part and meet.",
        "stages": "Read upwards: a block is all layers of a stage.",
        "runs": "Read upwards: a block is a run of layers.",
    }[plan.drawn.level]
    if plan.drawn.repeats:
        kind += " × n: drawn once; parameters of all n, the rest behind the last."
    return kind


def words(cone: Pyramid, result: ReceptiveField) -> str:
    """The axis of the cone."""
    rank = len(result.graph.inputs[result.wrt]) - 1
    name = {1: ("position",), 2: ("row", "column"), 3: ("depth", "row", "column")}.get(rank)
    along = name[cone.axis] if name else f"axis {cone.axis}"
    return f"{along} on {result.wrt} ({cone.levels[result.wrt].n})"


def describe(drawn: Blocks, cone: Pyramid | None) -> str:
    """The picture in words."""
    rows = []
    for block in drawn.blocks:
        times = f", {block.times} times" if block.times > 1 else ""
        rows.append(
            f"{name_cell(block)} ({about(block)}{times}) to {show(block.last.out)}, receptive field {rf_cell(block)}, "
            f"{block.params:,} parameters, reading {', '.join(block.inputs) or 'nothing'}"
        )
    text = f"{headline(drawn.result)}. Blocks from the input upwards: {'; '.join(rows)}."
    if cone is not None:
        base = cone.levels[drawn.result.wrt].cells
        text += (
            f" Beside them, what unit {', '.join(map(str, cone.unit))} of {cone.top} reads in each layer: "
            f"on the input {base.count if base.count is not None else 'some'} of positions {base.lo} to {base.hi}."
        )
    return text
