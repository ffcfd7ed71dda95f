"""All kinds of convolution as tables: the numbers, and the formulas with the numbers put in."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from convviz.analysis.kinds import Kind, Kinds
from convviz.graph import Graph, Node
from convviz.ops.base import show
from convviz.report.data import clean, dumps, field_data, node_data
from convviz.report.formats import WIDTH, render
from convviz.report.model import Cell, Column, Table
from convviz.report.tables import size_cell

# What each kind gives up for what it saves, or costs for what it gives.
LOSES = {
    "normal": "nothing; it is the measure of the others",
    "pointwise": "sees one position: no context in space",
    "grouped": "channels of different groups never meet; shuffle them, or a pointwise conv must follow",
    "depthwise": "channels never meet at all; a pointwise conv must follow",
    "separable": "one spatial pattern for each input channel (and multiplier), shared by all outputs",
    "spatially_separable": "only sums of as many k x 1 by 1 x k patterns as there are channels between",
    "dilated": "reads the same number of cells farther apart: holes (convviz gridding)",
    "strided": "drops the outputs in between; what is finer than the stride aliases",
    "transposed": "overlaps unevenly unless the stride divides the kernel (convviz checkerboard)",
    "resize_conv": "convolves at the large size: scale^n times the MACs; never uneven",
    "pixel_shuffle": "scale^n times the weights; uneven at first unless they start equal (ICNR)",
}


def render_kinds(found: Kinds, format: str = "text", *, bias: bool = False, width: int = WIDTH,
                 standalone: bool = False) -> str:  # fmt: skip
    """All kinds in one of the formats; in a terminal the formulas stand in a table of their own, below.

    bias: whether formulas, ratios and totals count the biases. Raises ConvvizError for an unknown format.
    """
    if format == "json":
        return dumps(kinds_data(found, bias))
    if format in ("text", "table"):
        parts = (kinds_table(found, bias, notes=False), formulas_table(found, bias))
        return "\n".join(render(part, format, width=width) for part in parts)
    return render(kinds_table(found, bias, formulas=True), format, standalone=standalone)


def kinds_table(found: Kinds, bias: bool = False, *, formulas: bool = False, notes: bool = True) -> Table:
    """One row a kind: output, cost, cost as a part of the normal conv's, receptive field and jump."""
    columns = [
        Column("kind", left=True, shrink="middle"),
        Column("output", left=True),
        Column("params", count=True),
        Column("params_bias", count=True, short="with bias", drop=3),
        Column("MACs", count=True),
        Column("params_ratio", short="×params"),
        Column("macs_ratio", short="×MACs"),
        Column("r", short="r"),
        Column("jump"),
    ]
    if formulas:
        columns += [
            Column("params_formula", left=True),
            Column("macs_formula", left=True),
            Column("loses", left=True),
        ]
    rows = []
    for kind in found:
        row: list[Cell] = [
            kind.name,
            show(kind.out),
            kind.params,
            kind.params_with_bias,
            kind.macs,
            ratio_text(params_of(kind, bias)[1]),
            ratio_text(kind.macs_ratio),
            size_cell(kind.rf),
            kind.rf.jump,
        ]
        if formulas:
            row += [params_formula(kind, bias), macs_formula(kind), LOSES[kind.kind]]
        rows.append(tuple(row))
    told = sentences(found, bias) if notes else ()
    return Table(headline(found), tuple(columns), tuple(rows), tuple(told))


def formulas_table(found: Kinds, bias: bool = False) -> Table:
    """Two rows a kind: parameters and MACs, each with its numbers put in; below, what the numbers mean."""
    columns = (
        Column("kind", left=True, shrink="middle"),
        Column("of", left=True),
        Column("formula", left=True, shrink="end"),
    )
    rows: list[tuple[Cell, ...]] = []
    for kind in found:
        rows += [
            (kind.name, "params", params_formula(kind, bias)),
            (None, "MACs", macs_formula(kind)),
        ]
    losses = [f"{KIND_WORDS[key]}: {LOSES[key]}" for key in dict.fromkeys(k.kind for k in found)]
    return Table("", columns, tuple(rows), (*sentences(found, bias), *losses))


KIND_WORDS = {
    "separable": "depthwise separable",
    "spatially_separable": "spatially separable",
    "resize_conv": "resize-conv",
    "pixel_shuffle": "pixel shuffle",
} | {name: name for name in LOSES if "_" not in name and name != "separable"}


def headline(found: Kinds) -> str:
    """``64 → 128 channels  kernel 3x3 on 56x56``"""
    s = found.setting
    return f"{s.in_channels} → {s.out_channels} channels  kernel {show(s.kernel_size)} on {show(s.size)}"


# -- formulas -----------------------------------------------------------------------------------------------
def params_formula(kind: Kind, bias: bool = False) -> str:
    """``3·3·64·128 = 73,728``; a term for each conv, a second one for its bias where ``bias``."""
    graph, terms = kind.biased if bias else kind.graph, []
    for node in _convs(graph):
        terms.append(_weight_term(node))
        if bias:
            terms.append(f"{node.op.weights(*node.ins)['bias'][0]:,}")
    return f"{' + '.join(terms)} = {graph.params:,}"


def macs_formula(kind: Kind) -> str:
    """``73,728·56·56 = 231,211,008``: weights times positions, of the output; of the input where transposed."""
    terms = []
    for node in _convs(kind.graph):
        space = node.ins[0][1:] if node.op.kind == "conv_transpose" else node.out[1:]
        terms.append("·".join(f"{n:,}" for n in (node.params, *space)))
    return f"{' + '.join(terms)} = {kind.macs:,}"


def _convs(graph: Graph) -> list[Node]:
    return [node for node in graph if node.params]


def _weight_term(node: Node) -> str:
    """The factors of a conv's weights: kernel, channels in (of a group), channels out."""
    groups: int = node.op.groups  # type: ignore[attr-defined]
    ins = f"{node.ins[0][0]:,}" if groups == 1 else f"({node.ins[0][0]:,}/{groups:,})"
    kernel = node.op.kernel_size  # type: ignore[attr-defined]
    return "·".join([*(f"{k:,}" for k in kernel), ins, f"{node.out[0]:,}"])


def params_of(kind: Kind, bias: bool = False) -> tuple[int, Fraction]:
    """Parameters, and as a part of the normal conv's; with ``bias`` both count theirs."""
    if bias:
        return kind.params_with_bias, kind.params_ratio_with_bias
    return kind.params, kind.params_ratio


def ratio_text(ratio: Fraction) -> str:
    """Three digits: ``0.119``, ``1.78``, ``4``.

    >>> ratio_text(Fraction(137, 1152)), ratio_text(Fraction(16, 9)), ratio_text(Fraction(4))
    ('0.119', '1.78', '4')
    """
    return f"{float(ratio):.3g}"


# -- sentences ----------------------------------------------------------------------------------------------
def sentences(found: Kinds, bias: bool = False) -> list[str]:
    """The rules behind the numbers, with the numbers put in."""
    s, told, have = found.setting, list[str](), {kind.kind for kind in found}
    k, volume = show(s.kernel_size).replace("x", "·"), prod(s.kernel_size)
    if "separable" in have:
        part = found["separable"].params_ratio
        top = (s.multipliers or (1,))[0]
        told.append(
            f"separable is {top}/C_out + {top}/k{_power(s.rank)} of normal: {top}/{s.out_channels:,} + {top}/({k}) = "
            f"{top}/{s.out_channels:,} + {top}/{volume:,} = {ratio_text(part)}, in weights and in MACs"
        )
    if "spatially_separable" in have:
        told.append(_break_even(found))
    if "grouped" in have:
        told.append(
            "grouped: C_in and C_out must both be divisible by groups; it has 1/groups of normal's weights"
        )
    if "transposed" in have:
        told.append(
            "transposed: every input position is multiplied by every weight, so MACs = weights x input positions"
        )
    told.append("×params, ×MACs: as a part of the normal conv's")
    told += [f"left out: {reason}" for reason in found.left_out.values()]
    if any(kind.rf.min != kind.rf.size for kind in found):
        told.append("r: input cells that an output spans; a–b where it depends on the output's position")
    if bias:
        told.append("parameters and their ratios count the biases; MACs never do")
    return told


def _power(rank: int) -> str:
    return {1: "", 2: "²", 3: "³"}[rank]


def _break_even(found: Kinds) -> str:
    s, limit = found.setting, found.break_even
    assert limit is not None
    ins, outs = f"{s.in_channels:,}", f"{s.out_channels:,}"
    first, *_, last = s.kernel_size
    if s.rank == 3:
        formula = f"{limit:,}"
    elif first == last:
        formula = f"k·C_in·C_out/(C_in + C_out) = {first:,}·{ins}·{outs}/({ins} + {outs}) = {_number(limit)}"
    else:
        formula = (
            f"k_h·k_w·C_in·C_out/(k_h·C_in + k_w·C_out) = "
            f"{first:,}·{last:,}·{ins}·{outs}/({first:,}·{ins} + {last:,}·{outs}) = {_number(limit)}"
        )
    return f"spatially separable saves only with fewer channels between than {formula}"


def _number(value: Fraction | int) -> str:
    """A whole number with groups of three digits, any other to two places.

    >>> _number(Fraction(128)), _number(Fraction(1152, 67))
    ('128', '17.19')
    """
    whole = Fraction(value)
    return f"{whole.numerator:,}" if whole.denominator == 1 else f"{float(whole):,.2f}"


# -- data ---------------------------------------------------------------------------------------------------
def kinds_data(found: Kinds, bias: bool = False) -> dict[str, Any]:
    """What `--format json` prints; ratios are floats, and exact as text."""
    s = found.setting
    limit = found.break_even
    return {
        "in_channels": s.in_channels,
        "out_channels": s.out_channels,
        "size": list(s.size),
        "kernel_size": list(s.kernel_size),
        "bias": bias,
        "break_even": None if limit is None else clean(Fraction(limit)),
        "kinds": [_kind_data(kind, bias) for kind in found],
        "left_out": dict(found.left_out),
        "sentences": sentences(found, bias),
    }


def _kind_data(kind: Kind, bias: bool) -> dict[str, Any]:
    _, ratio = params_of(kind, bias)
    return {
        "kind": kind.kind,
        "name": kind.name,
        "out": list(kind.out),
        "params": kind.params,
        "params_bias": kind.params_with_bias,
        "macs": kind.macs,
        "params_ratio": float(ratio),
        "macs_ratio": float(kind.macs_ratio),
        "params_ratio_exact": str(ratio),
        "macs_ratio_exact": str(kind.macs_ratio),
        "params_formula": params_formula(kind, bias),
        "macs_formula": macs_formula(kind),
        "rf": field_data(kind.rf),
        "loses": LOSES[kind.kind],
        "nodes": [node_data(node) for node in (kind.biased if bias else kind.graph)],
    }
