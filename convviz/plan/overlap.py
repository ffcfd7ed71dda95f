"""How evenly kernels overlap, step by step: ribbons along one axis, the product of two, a stack of layers, remedies.

A transposed convolution is run on an input of ones with a kernel of ones: what arrives at a cell is how many weights
reach it. Backwards a strided convolution is the same, with the gradient in place of the input. What is told about
layers, stacks and remedies comes from :mod:`convviz.analysis.checkerboard`.
Source: Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from convviz.analysis.checkerboard import (
    GRADIENT,
    OUTPUT,
    Checkerboard,
    Stage,
    checkerboard,
    enlarges,
    shrinks,
)
from convviz.analysis.checkerboard import overlap as stage_of
from convviz.analysis.coverage import Coverage
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import Op, build
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AvgPool, MaxPool
from convviz.plan import words
from convviz.plan.build import explain
from convviz.plan.model import Formula, Grid, Marked, Number, Plan, Step, Term, Work, Write
from convviz.plan.overlap_maps import Stacked, heat, plain, remedies, shown

WIDE = 36  # cells of a row of ribbons; more would be too narrow for numbers
PHASES = 12  # cells along each axis of a map with numbers
LAYERS = 3  # of a stack
SENDS = {OUTPUT: ("Input", "output"), GRADIENT: ("Gradient", "input cell")}  # who paints, and on what


@dataclass(frozen=True)
class Overlap:
    """One layer's story. ``again``: the ribbons once more, on what the first layer made; both: of all axes."""

    stage: Stage
    ribbons: Plan
    again: Plan
    both: Plan | None
    stack: tuple[Stacked, ...]
    heat: Plan
    remedies: Plan

    @property
    def counts(self) -> tuple[Number, ...]:
        """What arrives at each phase of the last axis, away from the borders."""
        return tuple(map(plain, self.stage.coverage.overlap[-1]))

    @property
    def inside(self) -> range:
        """Cells of the ribbons that no border changes."""
        (made,) = self.ribbons.stages
        op, n = made.op, made.ins[0][1]
        assert isinstance(op, ConvTranspose)
        s, p = op.stride[0], op.padding[0]
        first = max(op.dilation[0] * (op.kernel_size[0] - 1) + 1 - s - p, 0)
        return range(first, max(min(n * s - p, made.out[1]), first))

    @property
    def plans(self) -> tuple[Plan, ...]:
        return tuple(p for p in (self.ribbons, self.both, self.again, self.heat, self.remedies) if p)


def overlap(stage: Stage, net: Checkerboard | None = None) -> Overlap:
    """The story of a layer (``convviz.analysis.checkerboard.overlap``, or a stage of a net).

    net: the stack is the net's own; default, the layer one to three times. Raises ConvvizError for a layer without
    windows, and for one whose kernel is too long to draw.
    """
    axis = along(stage)
    first = ribbons(axis, np.ones(count(axis)), stage.side)
    counts = [float(c) for c in stage.coverage.overlap[-1]]
    again = ribbons(axis, np.array([counts[i % len(counts)] for i in range(count(axis))]), stage.side)
    both = joint(stage.coverage) if len(stage.overlap) > 1 else None
    stack = net_stack(net, stage) if net else layer_stack(stage)
    return Overlap(stage, first, again, both, stack, heat(stack), remedies(stage))


def chosen(net: Checkerboard) -> Stage:
    """The stage of a net to look at: the first that is uneven, else the first, of those with windows."""
    found = [stage for stage in net.stages if stage.windows]
    if not found:
        what = "makes its map smaller" if net.side == GRADIENT else "paints overlapping kernels"
        raise ConvvizError(f"no layer {what}: there is no overlap to show", net.graph.name)
    several = [stage for stage in found if stage.coverage.phases > 1]
    return next((stage for stage in several if not stage.uniform), (several or found)[0])


# -- one axis -------------------------------------------------------------------------------------------
def along(stage: Stage) -> ConvTranspose:
    """The last axis of a layer as a transposed convolution: what it paints, or how its gradient goes back."""
    op = stage.node.op
    if not isinstance(op, Conv | ConvTranspose | MaxPool | AvgPool):
        raise ConvvizError(f"{op.kind} paints no kernels; take a conv_transpose, conv or pool", stage.name)
    window = stage.windows[-1]
    turned = isinstance(op, ConvTranspose)
    step = window.up if turned else window.stride
    fields = {
        "out_channels": 1,
        "kernel_size": window.kernel,
        "stride": step,
        "padding": max(0, -window.padding if turned else window.padding),
        "dilation": abs(window.dilation),
        "bias": False,
    }
    made = build("conv_transpose", fields, 1)
    assert isinstance(made, ConvTranspose)
    if width(made, footprints(made) + 1) > WIDE:
        reach = made.dilation[0] * (made.kernel_size[0] - 1) + 1
        fits = [r for r in range(1, reach) if -(-r // step) * step + r <= WIDE]
        most = f"{max(fits)} is the longest" if fits else "no kernel at this stride"
        raise ConvvizError(
            f"a kernel that spans {reach} cells at stride {step} is too long to be drawn ({most})", stage.name
        )
    return made


def footprints(op: ConvTranspose) -> int:
    """Kernels that lie over one cell, holes included."""
    reach = op.dilation[0] * (op.kernel_size[0] - 1) + 1
    return -(-reach // op.stride[0])


def width(op: ConvTranspose, n: int) -> int:
    """Cells that n footprints cover, before padding crops them."""
    return (n - 1) * op.stride[0] + op.dilation[0] * (op.kernel_size[0] - 1) + 1


def count(op: ConvTranspose) -> int:
    """Inputs that show some periods between the borders."""
    full = footprints(op)
    fits = [n for n in range(full + 1, full + 6) if n == full + 1 or width(op, n) <= WIDE]
    if width(op, fits[-1]) <= 2 * op.padding[0]:
        raise ConvvizError(
            f"padding {op.padding[0]} crops all of the {width(op, fits[-1])} cells drawn", "padding"
        )
    return fits[-1]


def ribbons(op: ConvTranspose, x: np.ndarray, side: str) -> Plan:
    """Each cell adds as much as it holds to all that its kernel reaches; the kernel is 1 everywhere."""
    n, k = len(x), op.kernel_size[0]
    done = explain(op, (1, n), xs=[x[None]], weights={"weight": np.ones((1, 1, k))}, view="scatter")
    sends, cell = SENDS[side]
    steps = []
    for step in done.steps:
        if step.work is None:
            steps.append(replace(step, section="Ribbons"))
            continue
        term = step.work.terms[0]
        targets = [write.cell[-1] for write in step.writes]
        most = max((write.value for write in step.writes), default=0)
        times = f" with {words.number(term.value)}" if term.value != 1 else ""
        reaches = f"{sends} {term.cell[-1]} reaches {words.along(cell, targets)}{times}"
        text = f"{reaches}; {words.number(most)} is the most there."
        steps.append(replace(step, section="Ribbons", caption=text))
    names = {"input": "input" if side == OUTPUT else "gradient", "output": f"weights that reach each {cell}"}
    panels = tuple(replace(p, title=names.get(p.key, "kernel")) for p in done.panels)
    return replace(done, panels=panels, steps=tuple(steps), formulas=phases(op), notes=())


def phases(op: ConvTranspose) -> tuple[Formula, ...]:
    """Which weights reach each phase, away from the border; the mean, and the CV."""
    (window,), s, d, p = op.windows(), op.stride[0], op.dilation[0], op.padding[0]
    found = []
    counts: list[int] = []
    for r in range(s):
        index = window.taps(r).index
        counts.append(len(index))
        told = ", ".join(map(str, index if len(index) < 8 else [*index[:5], "…", index[-1]]))
        numbers = f"j = {told}" if index else "none"
        step = "j" if d == 1 else f"{d}j"
        phase = f"{r} + {p}" if p else f"{r}"
        found.append(Formula(f"phase {r}", f"{step} ≡ {phase} (mod {s})", numbers, str(len(index))))
    mean = Fraction(sum(counts), s)
    found.append(spread(counts, mean))
    return tuple(found)


def spread(counts: Sequence[int], mean: Fraction) -> Formula:
    """CV of some counts with the numbers put in."""
    cv = Coverage((tuple(counts),)).cv[0] or 0.0
    deviation = words.number(cv * float(mean))
    return Formula(
        "variation",
        "CV = standard deviation / mean",
        f"{deviation} / {words.number(float(mean))}",
        words.number(cv),
    )


# -- two axes -------------------------------------------------------------------------------------------
def joint(coverage: Coverage) -> Plan:
    """The last two axes together: what arrives is the product of both counts, phase by phase."""
    down, across = (tuple(map(plain, values)) for values in coverage.overlap[-2:])
    rows, columns = (shown(len(values), PHASES) for values in (down, across))
    lead = (0,) * (len(coverage.overlap) - 2)
    panels = (
        Grid("down", "input", "along the height", (1, rows, 1), {(0, i, 0): down[i % len(down)] for i in range(rows)}),
        Grid("across", "input", "along the width", (1, 1, columns),
             {(0, 0, i): across[i % len(across)] for i in range(columns)}),
        Grid("both", "output", "both axes", (1, rows, columns)),
    )  # fmt: skip
    steps = []
    for p, q in product(range(min(len(down), rows)), range(min(len(across), columns))):
        value = plain(coverage.joint((*lead, p, q)))
        cells = tuple((0, i, j) for i in range(p, rows, len(down)) for j in range(q, columns, len(across)))
        terms = (
            Term("down", (0, p, 0), down[p], product=down[p]),
            Term("across", (0, 0, q), across[q], product=across[q]),
        )
        text = f"{words.inner(down[p])}×{words.inner(across[q])} = {words.number(value)}"
        steps.append(
            Step(
                "Product",
                f"{words.number(down[p])} along the height, {words.number(across[q])} along the width: "
                f"{arriving(value)}.",
                (
                    Marked("down", "read", tuple((0, i, 0) for i in range(p, rows, len(down)))),
                    Marked("across", "read", tuple((0, 0, j) for j in range(q, columns, len(across)))),
                    Marked("both", "written", cells),
                ),
                Work("product", terms, value, text),
                tuple(Write("both", cell, value) for cell in cells),
            )
        )
    return Plan("overlap", "Both axes: the counts multiply", panels, tuple(steps), (together(coverage),))


def arriving(value: Number) -> str:
    """``4 weights arrive``"""
    return "1 weight arrives" if value == 1 else f"{words.number(value)} weights arrive"


def together(coverage: Coverage) -> Formula:
    """CV of all axes from that of each."""
    cvs = [words.number(cv or 0.0) for cv in coverage.cv]
    symbols = "CV = √((1 + CV₁²)(1 + CV₂²) − 1)" if len(cvs) == 2 else "CV = √(Π (1 + CVᵢ²) − 1)"
    numbers = f"√({''.join(f'(1 + {cv}²)' for cv in cvs)} − 1)"
    return Formula("all axes", symbols, numbers, words.number(coverage.cv_total or 0.0))


# -- a stack --------------------------------------------------------------------------------------------
def layer_stack(stage: Stage) -> tuple[Stacked, ...]:
    """The layer once, twice, three times, on as many axes as it has."""
    rank = len(stage.overlap)
    op = stage.node.op
    fields = {
        "out_channels": 1,
        "kernel_size": [w.kernel for w in stage.windows],
        "stride": [w.up if isinstance(op, ConvTranspose) else w.stride for w in stage.windows],
        "dilation": [abs(w.dilation) for w in stage.windows],
        "bias": False,
    }
    found = []
    for layers in range(1, LAYERS + 1):
        made = built([build("conv_transpose", fields, rank)] * layers, (1, *(1,) * rank))
        found.append(Stacked(words.count(layers, "layer"), checkerboard(made).composite))
    return tuple(found)


def built(ops: Sequence[Op], shape: tuple[int, ...]) -> Graph:
    builder, last = GraphBuilder("stack", {"input": shape}), "input"
    for i, op in enumerate(ops, 1):
        last = builder.add(f"layer{i}", op, [last]).name
    return builder.build()


def net_stack(net: Checkerboard, stage: Stage) -> tuple[Stacked, ...]:
    """A stage of the net alone, all of it together, and where that is uneven, with the first remedy that fits."""
    mended = tuple(Stacked(f"mended by {name}", cover) for name, cover in net.after[:1])
    return (Stacked(stage.name, stage.coverage), Stacked("the whole net", net.composite), *mended)


# -- what a reader asks for ------------------------------------------------------------------------------
def asked(
    graph: Graph | None = None, layer: str | None = None, input: Sequence[int] | None = None, **fields: Any
) -> Overlap:
    """The story of a layer of a net, of a whole net, or of a transposed convolution with these fields.

    input: its shape, whose rank sets the axes. A layer or net that does not enlarge its map is told by its gradient.
    Raises ConvvizError.
    """
    if graph is None:
        more: dict[str, Any] = {"kernel_size": 3, "stride": 2, **fields}
        if input is not None:
            more |= {"rank": len(input) - 1, "size": input[1:]}
        return overlap(stage_of(**more))
    if fields:
        raise ConvvizError("a net has its own layers; their fields cannot be set", next(iter(fields)))
    if layer is None:
        forwards = checkerboard(graph)
        if forwards.stages and not any(s.windows for s in forwards.stages):
            kinds = words.listing(dict.fromkeys(s.node.op.kind for s in forwards.stages))
            raise ConvvizError(f"enlarges its map by {kinds} alone, where no kernels overlap", graph.name)
        net = forwards if any(s.windows for s in forwards.stages) else checkerboard(graph, gradient=True)
        return overlap(chosen(net), net)
    node = graph[layer]
    if not (enlarges(node) or shrinks(node)):
        raise ConvvizError(
            f"{node.op.kind} neither enlarges its map nor steps over it: every cell is reached alike", layer
        )
    return overlap(checkerboard(graph, gradient=not enlarges(node))[layer])
