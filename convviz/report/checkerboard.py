"""Checkerboards -> one table with its sentences, and plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from convviz.analysis.checkerboard import GRADIENT, Checkerboard, Stage
from convviz.analysis.coverage import Coverage
from convviz.analysis.patterns import Number
from convviz.analysis.remedies import Remedy
from convviz.ops.base import show
from convviz.ops.relations import Window
from convviz.report.data import clean, dumps
from convviz.report.formats import render as write
from convviz.report.model import Cell, Column, Table, plain, rounded

NAMES = {
    "conv_transpose": "transposed conv",
    "conv": "conv",
    "max_pool": "max pooling",
    "avg_pool": "average pooling",
    "upsample": "resize",
    "pixel_shuffle": "pixel shuffle",
}
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
LISTED = 16  # phases of an axis that a sentence or a cell lists
BITS = 900  # whole numbers up to this many bits are written out in JSON; beyond, shares of the mean

COLUMNS = (
    Column("layer", left=True, shrink="middle", nested=True),
    Column("what", left=True, shrink="end"),
    Column("overlap", left=True, shrink="end"),
    Column("CV"),
    Column("CV_total", short="CV all"),
    Column("dead"),
    Column("rho"),
    Column("rho_init", short="init", drop=4),
    Column("verdict", left=True),
    Column("out", left=True, drop=3),
    Column("params", count=True, drop=2),
    Column("MACs", count=True, drop=1),
)


def render_stage(stage: Stage, format: str = "text", *, standalone: bool = False) -> str:
    """One layer and its remedies in one of the formats."""
    if format == "json":
        return dumps(layer_data(stage))
    return write(stage_table(stage), format, standalone=standalone)


def render(result: Checkerboard, format: str = "text", *, standalone: bool = False) -> str:
    """A net's stages, their remedies and the composite in one of the formats."""
    if format == "json":
        return dumps(net_data(result))
    return write(net_table(result), format, standalone=standalone)


# -- tables -------------------------------------------------------------------------------------------
def stage_table(stage: Stage) -> Table:
    """The layer as it is, then its remedies; the formula and the verdict below."""
    rows = [_row(stage, "now"), *(_remedy_row(r) for r in stage.remedies)]
    notes = [formula(stage), sentence(stage.coverage, stage.side), *_weights(stage), *_costs(stage)]
    return Table(headline(stage), COLUMNS, tuple(rows), tuple(n for n in notes if n))


def net_table(result: Checkerboard) -> Table:
    """One row a stage, its remedies below it where it is uneven, and the composite."""
    rows: list[tuple[Cell, ...]] = []
    quiet = set()
    for stage in result.stages:
        rows.append(_row(stage, stage.name))
        for remedy in stage.remedies if not stage.uniform else ():
            quiet.add(len(rows))
            rows.append(_remedy_row(remedy, "  instead"))
    rows.append(("composite", f"{_where(result)} {result.target}", *_cells(result.composite), *[None] * 3))
    for name, coverage in result.after:
        quiet.add(len(rows))
        rows.append(("  repaired", f"with {REPAIRS[name]}", *_cells(coverage), *[None] * 3))
    title = f"{result.graph.name}: {verdict_of(result)}"
    return Table(title, COLUMNS, tuple(rows), tuple(notes(result)), frozenset(quiet))


REPAIRS = {
    "kernel": "kernels that the strides divide",
    "resize": "resize-convs",
    "shuffle": "pixel shuffles",
}


def _where(result: Checkerboard) -> str:
    return "gradient on" if result.side == GRADIENT else "output of"


def _row(stage: Stage, name: str) -> tuple[Cell, ...]:
    cost = (show(stage.node.out), stage.node.params, stage.node.macs)
    if len(stage.layers) > 1:
        cost = (None, None, None)  # type: ignore[assignment]
    return (name, what(stage), *_cells(stage.coverage, stage.rho, stage.rho_at_init), *cost)


def _remedy_row(remedy: Remedy, name: str = "instead") -> tuple[Cell, ...]:
    cost = (show(remedy.out), remedy.params, remedy.macs)
    return (name, remedy.short, *_cells(remedy.coverage, None, remedy.rho_at_init), *cost)


def _cells(coverage: Coverage, rho: float | None = None, init: float | None = None) -> tuple[Cell, ...]:
    cv = coverage.cv
    each = " x ".join(map(decimal, cv if len(set(cv)) > 1 else cv[:1]))
    index = (rho, init, coverage.verdict)
    return overlap_text(coverage), each, decimal(coverage.cv_total), coverage.dead, *index


# -- words --------------------------------------------------------------------------------------------
def what(stage: Stage) -> str:
    """``k 3, s 2`` with the other fields where they say something."""
    op = stage.node.op
    kind = NAMES.get(op.kind, op.kind.replace("_", " "))
    parts = []
    for name, letter, default in (
        ("kernel_size", "k", None), ("stride", "s", 1), ("padding", "p", 0), ("dilation", "d", 1),
        ("output_padding", "op", 0), ("scale_factor", "x", None), ("upscale_factor", "x", None), ("mode", "", None),
    ):  # fmt: skip
        values = getattr(op, name, None)
        if isinstance(values, int) and values > 10**6:
            values = rounded(values)
        if isinstance(values, tuple):
            pairs = tuple(v[0] if isinstance(v, tuple) and v[0] == v[1] else v for v in values)
            if all(v == default for v in pairs):
                continue
            pairs = tuple(int(v) if isinstance(v, float) and v.is_integer() else v for v in pairs)
            if any(isinstance(v, int) and v >= 10**6 for v in pairs):
                pairs = tuple(rounded(v) if isinstance(v, int) else v for v in pairs)
            text = plain(pairs) if not any(isinstance(v, tuple) for v in pairs) else ",".join(map(str, pairs))
            parts.append(f"{letter} {text}")
        elif values not in (None, default, "zeros"):
            parts.append(
                f"{letter} {values:g}" if isinstance(values, int | float) else f"{letter} {values}".strip()
            )
    behind = " + conv" if len(stage.layers) > 1 and stage.layers[0] == stage.name else ""
    ahead = "conv + " if len(stage.layers) > 1 and stage.layers[-1] == stage.name else ""
    return f"{ahead}{kind} {', '.join(parts)}".strip() + behind


def headline(stage: Stage) -> str:
    """``transposed conv k 3, s 2: uneven, CV 0.484``"""
    side = "gradient on the input of a " if stage.side == GRADIENT else ""
    return f"{side}{what(stage)}: {brief(stage.coverage)}"


def brief(coverage: Coverage) -> str:
    """The verdict with the number that says how bad it is."""
    if coverage.uniform:
        return "even"
    if coverage.cv_total is None:
        return "dead: nothing arrives"
    dead = f"dead, {coverage.dead} of {coverage.phases} phases get nothing" if coverage.dead else "uneven"
    return f"{dead}, CV {decimal(coverage.cv_total)}"


def verdict_of(result: Checkerboard) -> str:
    if result.side == GRADIENT:
        return f"gradient on {result.target} {brief(result.composite)}"
    return f"output of {result.target} {brief(result.composite)}"


def formula(stage: Stage) -> str:
    """How the overlap is counted, with the numbers put in."""
    if not stage.windows or len(stage.layers) > 1:
        return ""
    axes = stage.windows
    same = len(set(axes)) == 1
    told = []
    for window, name in zip(axes[:1] if same else axes, AXES[len(axes)], strict=False):
        told.append(("" if same else f"{name}: ") + axis_formula(window, stage.side))
    joint = ""
    if len(axes) > 1:
        sign = " * ".join(f"c{'yxz'[i] if len(axes) == 2 else 'zyx'[i]}" for i in range(len(axes)))
        every = "Both" if len(axes) == 2 else "All"
        joint = f". {every} axes together: c = {sign}, at most {told_number(stage.coverage.most)}"
    return "; ".join(told) + joint + "."


def axis_formula(window: Window, side: str) -> str:
    """``c[r] = #{j < 3 : j = r (mod 2)}: c[0] = 2 (j = 0, 2), c[1] = 1 (j = 1)``"""
    head, parts = counting(window, side)
    return f"{head}: {', '.join(parts)}" if parts else head


def counting(window: Window, side: str) -> tuple[str, list[str]]:
    """The rule by which kernel indices reach a phase, and what it gives for each (nothing for many phases)."""
    turned = window
    if side == GRADIENT and window.up == 1:
        turned = Window(window.kernel, window.up, -window.dilation, -window.padding, window.stride)
    elif side == GRADIENT:
        return f"c = {window.kernel}", []
    if turned.up == 1:
        return f"c = {told_number(turned.kernel)}: with stride 1 the whole kernel reaches every cell", []
    d, p, s = abs(turned.dilation), -turned.padding, turned.up
    head = (
        f"c[r] = #{{j < {turned.kernel} : {'' if d == 1 else d}j = r{'' if not p else f' + {p}'} (mod {s})}}"
    )
    if s > LISTED:
        return head, []
    parts = []
    for r in range(s):
        index = turned.taps(r).index
        js = ", ".join(map(str, index if len(index) <= 4 else [*index[:2], "…", index[-1]]))
        parts.append(f"c[{r}] = {len(index)}" + (f" (j = {js})" if index else ""))
    return head, parts


def sentence(coverage: Coverage, side: str) -> str:
    """The verdict in words."""
    place = "input cell" if side == GRADIENT else "output"
    what = "gradients" if side == GRADIENT else "weights"
    if coverage.cv_total is None:
        return f"Dead: no {place} is reached at all."
    if coverage.dead:
        return (
            f"Dead: {coverage.dead} of {coverage.phases} phases get nothing, whatever the weights are; those "
            f"{place}s are {'never trained through this layer' if side == GRADIENT else 'only the bias'}."
        )
    if coverage.uniform:
        if side == GRADIENT:
            return f"Even: every {place} gets {counted(coverage.most, 'gradient')}."
        return f"Even: every {place} is reached by {counted(coverage.most, 'weight')}."
    return (
        f"Uneven: a period has {coverage.phases} phases, and some of them get more {what} than others: "
        f"CV {decimal(coverage.cv_total)} (standard deviation over mean)."
    )


def _weights(stage: Stage) -> Iterator[str]:
    """What follows for the weights."""
    if stage.side == GRADIENT:
        if stage.node.op.kind in ("max_pool", "adaptive_max_pool"):
            most = counted(stage.coverage.most, "window")
            yield f"A pixel lies in up to {most}; it gets the gradient of those whose largest value it is."
        return
    if stage.any_weights:
        yield "Every phase sees the same sum of weights, whatever they are: the conv works on equal neighbours."
    elif stage.rho_at_init:
        if stage.rho is not None:
            yield weighed(stage)
        if stage.uniform:
            yield (
                f"Even coverage is necessary, not sufficient: weights may still be uneven. Untrained ones are: "
                f"rho {decimal(stage.rho_at_init)} = 1 - 1/{round(1 / (1 - stage.rho_at_init))}"
                f" on average (rho = var S / mean S^2 of the phases' weight sums S; 0: no checkerboard)."
            )
        else:
            yield (
                f"Weights can make it better or worse: untrained ones have rho {decimal(stage.rho_at_init)} on average "
                f"(rho = var S / mean S^2 of the phases' weight sums S; 0: no checkerboard)."
            )
    if stage.free:
        yield (
            f"{' and '.join(stage.free)} shift{'s' * (len(stage.free) == 1)} or scale each channel apart ahead of the "
            f"shuffle: a free bias brings the checkerboard back, also after ICNR."
        )


def weighed(stage: Stage) -> str:
    """rho of the real weights beside what random ones have."""
    assert stage.weighing is not None
    text = f"{stage.name}: rho {decimal(stage.weighing.rho)} of its weights"
    if stage.rho_at_init:
        text += f" (independent random weights: {decimal(stage.rho_at_init)})"
    if stage.weighing.bias_spread is not None:
        text += (
            f"; its biases differ by {decimal(stage.weighing.bias_spread)} between the phases of a channel"
        )
    return text + "."


def _costs(stage: Stage) -> Iterator[str]:
    if not stage.remedies or stage.present is None:
        return
    for remedy in stage.remedies:
        params, macs = ratios(remedy, stage)
        size = "" if remedy.same_size else f", output {show(remedy.out)} in place of {show(stage.node.out)}"
        kept = "stays even in training" if remedy.keeps_even else ""
        first = f"rho {decimal(remedy.rho_at_init)} at initialisation" if stage.side != GRADIENT else ""
        more = "; ".join(part for part in (first, kept) if part)
        yield f"{remedy.words}: x{decimal(params)} parameters, x{decimal(macs)} MACs{size}{'; ' * bool(more)}{more}."
    if stage.assumed:
        yield f"Costs are for {stage.assumed} (--channels and --size set them)."


def ratios(remedy: Remedy, stage: Stage) -> tuple[float, float]:
    """Parameters and MACs of a remedy over those of the present layer."""
    assert stage.present is not None
    params, macs = max(stage.present.params, 1), max(stage.present.macs, 1)
    return float(Fraction(remedy.params, params)), float(Fraction(remedy.macs, macs))


def notes(result: Checkerboard) -> Iterator[str]:
    """The sentences below a net's table."""
    if result.side != GRADIENT:
        if not result.enlarges:
            yield (
                f"No layer of {result.graph.name} enlarges its map, so its output cannot show a checkerboard; what "
                f"its strides do to the gradient is the question (--gradient)."
            )
        elif result.composite.uniform:
            kinds = [s for s in result.stages if not s.any_weights and s.rho_at_init]
            bad = [s.name for s in result.stages if not s.uniform]
            if bad:
                are = "is" if len(bad) == 1 else "are"
                yield f"{listed(bad)} {are} uneven alone, and the layers behind even it out."
            if kinds:
                yield (
                    "Even coverage is necessary, not sufficient: weights may still be uneven (rho of untrained ones: "
                    "1 - 1/phases)."
                )
        else:
            yield sentence(result.composite, result.side)
    else:
        if not result.stages:
            yield f"No layer of {result.graph.name} steps over its inputs: every cell gets as many gradients."
        else:
            yield sentence(result.composite, result.side)
            if any(s.node.op.kind == "max_pool" for s in result.stages):
                yield "Max pooling counts every window that holds a cell; it gets the gradient of those that it wins."
    yield from _of_weights(result)
    if result.composite.table is not None:
        yield (
            "Where its branches meet, the composite is no product of its axes: its joint phases count, and CV "
            "is that of their means over the other axis."
        )
    yield (
        "Composite: the answer to a constant input with every learned weight 1, by output phase, away from the borders."
        if result.side != GRADIENT
        else "Composite: the gradient on each input phase, for 1 on every output and every learned weight 1."
    )
    yield from result.warnings


def _of_weights(result: Checkerboard) -> Iterator[str]:
    """What rho says, and which layers ahead of a shuffle bring a checkerboard back."""
    if any(stage.weighing for stage in result.stages):
        yield (
            "rho: var S / mean S^2 of the weight sums S of the phases, of the real weights; 0: no checkerboard; init: "
            "what independent random weights have on average."
        )
    free = [stage for stage in result.stages if stage.free]
    if free:
        names = list(dict.fromkeys(name for stage in free for name in stage.free))
        spreads = [s.weighing.bias_spread for s in free if s.weighing and s.weighing.bias_spread is not None]
        now = f" (now they differ by {', '.join(map(decimal, spreads))})" if spreads else ""
        yield (
            f"Ahead of the shuffle, {listed(names)} shift{'s' * (len(names) == 1)} or scale each phase apart{now}: a "
            f"free bias brings the checkerboard back, also after ICNR."
        )


def listed(names: Sequence[str]) -> str:
    """``a, b and c``, of many the first three."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def overlap_text(coverage: Coverage) -> str:
    """``2 1`` where all axes agree, ``2 1 x 2 1 1`` where they do not, ``all 8`` for many equal ones."""
    axes = coverage.overlap if len(set(coverage.overlap)) > 1 else coverage.overlap[:1]
    text = " x ".join(phases_text(values) for values in axes)
    return text if coverage.table is None else f"joint, {show(coverage.periods)} phases"


def phases_text(values: Sequence[Number]) -> str:
    if len(values) > 2 and len(set(values)) == 1:
        return f"all {told_number(values[0])}"
    if len(values) > LISTED:
        few = " ".join(map(told_number, values[:6]))
        return f"{few} … ({len(values)} phases)"
    return " ".join(map(told_number, values))


def told_number(value: Number) -> str:
    """A count as people read it: fractions as they are, long numbers rounded."""
    if isinstance(value, Fraction):
        return str(value) if value.denominator < 1000 else decimal(float(value))
    return rounded(value) if abs(value) >= 10**5 else str(value)


def counted(value: Number, what: str) -> str:
    """``1 window``, ``4 windows``"""
    return f"{told_number(value)} {what}{'s' * (value != 1)}"


def decimal(value: float | None) -> str:
    """Three significant digits; an em dash where there is no number."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if 1000 <= value < 10**7 else f"{value:.3g}"


# -- data ---------------------------------------------------------------------------------------------
def coverage_data(coverage: Coverage) -> dict[str, Any]:
    """``overlap, cv, cv_total, uniform, dead`` and the spectrum; ``joint`` where it is no product of axes."""
    data: dict[str, Any] = {
        "overlap": [numbers(values) for values in coverage.overlap],
        "cv": list(coverage.cv),
        "cv_total": coverage.cv_total,
        "uniform": coverage.uniform,
        "dead": coverage.dead,
        "phases": list(coverage.periods),
        "verdict": coverage.verdict,
        "separable": coverage.separable,
        "spectrum": [list(coverage.spectrum(a)) for a in range(len(coverage.overlap))],
    }
    if coverage.table is not None:
        data["joint"] = _joint(coverage.table)
    return data


def _joint(table: Any) -> Any:
    if isinstance(table[0], tuple):
        return [_joint(part) for part in table]
    return numbers(table)


def numbers(values: Sequence[Number]) -> list[int | float]:
    """Whole numbers as they are, fractions as floats; numbers too long to write as shares of the largest."""
    if any(isinstance(v, int) and v.bit_length() > BITS for v in values) or any(
        isinstance(v, Fraction) and v.numerator.bit_length() > BITS for v in values
    ):
        largest = max(values)
        return [float(Fraction(v) / largest) for v in values]
    return [v if isinstance(v, int) else float(v) for v in values]


def layer_data(stage: Stage) -> dict[str, Any]:
    """The fixed form of one layer, and what else is known about it."""
    op = stage.node.op
    return {
        **coverage_data(stage.coverage),
        "layer": stage.name,
        "layers": list(stage.layers),
        "op": op.kind,
        "side": stage.side,
        "fields": {name: clean(value) for name, value in op.fields().items()},
        "rho": stage.rho,
        "rho_at_init": stage.rho_at_init,
        "bias_spread": stage.weighing.bias_spread if stage.weighing else None,
        "free": list(stage.free),
        "any_weights": stage.any_weights,
        "words": sentence(stage.coverage, stage.side),
        "formula": formula(stage) or None,
        "present": None
        if stage.present is None
        else {
            "in": list(stage.present.shape),
            "out": list(stage.present.out),
            "params": stage.present.params,
            "macs": stage.present.macs,
        },
        "remedies": [remedy_data(remedy, stage) for remedy in stage.remedies],
    }


def remedy_data(remedy: Remedy, stage: Stage) -> dict[str, Any]:
    params, macs = ratios(remedy, stage)
    return {
        "name": remedy.name,
        "words": remedy.words,
        "ops": [{kind: clean(dict(fields))} for kind, fields in remedy.ops],
        **coverage_data(remedy.coverage),
        "rho_at_init": remedy.rho_at_init,
        "keeps_even": remedy.keeps_even,
        "out": list(remedy.out),
        "same_size": remedy.same_size,
        "params": remedy.params,
        "macs": remedy.macs,
        "params_ratio": params,
        "macs_ratio": macs,
    }


def net_data(result: Checkerboard) -> dict[str, Any]:
    return {
        "name": result.graph.name,
        "side": result.side,
        "enlarges": result.enlarges,
        "stages": [layer_data(stage) for stage in result.stages],
        "composite": {**coverage_data(result.composite), "layer": result.target},
        "repaired": {name: coverage_data(coverage) for name, coverage in result.after},
        "notes": list(notes(result)),
    }
