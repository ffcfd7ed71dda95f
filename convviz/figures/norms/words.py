"""What the pictures of normalization say: who shares, what it is called, formulas with their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.analysis.norms.normalize import Normalized
from convviz.figures.norms.grid import AXES
from convviz.ops.relations import SAME, Blocks, Relation
from convviz.plan.words import count, inner, listing, number, size
from convviz.report.norms.words import NAMES, weights_of


def name(result: Normalized) -> str:
    """``Group norm, 2 groups``"""
    found = NAMES[result.method]
    for field, word in (("num_groups", "group"), ("num_splits", "split")):
        parts = getattr(result.op, field, None)
        if parts is not None:
            found += f", {count(parts, word)}"
    return found if result.live else f"{found} in evaluation"


def relations(result: Normalized) -> tuple[Relation, ...]:
    """For the batch and each axis: which cells share."""
    if result.op is None:
        return result.rule.shares(result.shape)  # type: ignore[union-attr]
    return result.op.shares(result.shape[1:], mode=result.mode, batch=len(result.x))


def letters(result: Normalized) -> tuple[str, ...]:
    """Of the axes: N, C and those of space."""
    return ("N", "C", *AXES[result.x.ndim - 2])


def statistics(result: Normalized) -> tuple[str, ...]:
    """What a set shares: ``("mean", "variance")``, ``("mean square",)``."""
    if result.method == "minmax":
        return ("minimum", "maximum")
    if result.method == "pixel":
        return ("constant",)
    if result.method == "center":
        return ("mean",)
    return ("mean", "variance") if result.mean is not None else ("mean square",)


def sharing(result: Normalized) -> str:
    """``one mean and variance for each channel, over N, H and W``"""
    if not result.live:
        return "the running mean and variance of each channel, kept from training"
    if result.method == "pixel":
        return "one constant for all cells: 255, the largest value of a byte"
    what = f"one {' and '.join(statistics(result))}"
    each, groups, over, parted = [], [], [], []
    for axis, (relation, letter, n) in enumerate(
        zip(relations(result), letters(result), result.shape, strict=True)
    ):
        word = ("sample", "channel")[axis] if axis < 2 else letter
        if relation == SAME:
            each.append(word)
        elif isinstance(relation, Blocks) and relation.size == n:
            over.append(letter)
        elif isinstance(relation, Blocks) and relation.size == 1:
            each.append(word)
        elif isinstance(relation, Blocks):
            groups.append(f"group of {count(relation.size, word)}")
            parted.append("the group")
        else:
            groups.append(f"part of the {word}s")
            parted.append("that part")
    each, over = [*each, *groups], [*parted, *over]
    told = f"{what} for {f'each {listing(each)}' if each else 'the whole batch'}"
    return f"{told}, over {listing(over)}" if over else told


def counted(result: Normalized) -> str:
    """``4 sets of 16 values``, and of one constant how many values it serves."""
    if result.method == "pixel":
        return f"{result.x.size:,} values"
    return cells_told(result)


def cells_told(result: Normalized) -> str:
    """``4 sets of 16 values``"""
    few, many = min(result.cells), max(result.cells)
    each = f"{few:,}" if few == many else f"{few:,} to {many:,}"
    return f"{count(len(result.cells), 'set')} of {each} {'value' if many == 1 else 'values'}"


def title(result: Normalized) -> str:
    return f"{name(result)}: {sharing(result)}"


def shape_told(result: Normalized) -> str:
    """``N × C × H × W = 4 × 4 × 2 × 2``"""
    return f"{' × '.join(letters(result))} = {' × '.join(f'{n:,}' for n in result.shape)}"


def place(cell: Sequence[int]) -> str:
    """``x[3, 3, 0, 1]``, counted from 0."""
    return f"x[{', '.join(map(str, cell))}]"


def of_one(result: Normalized, cell: Sequence[int]) -> str:
    """What makes the normalized value, with its numbers put in: ``(8 − 5) / √(4 + 0.00001)``"""
    at = tuple(cell)
    label = int(result.labels[at])
    x = float(result.x[at])
    shift = result.shift[label]
    top = f"({number(x)} − {inner(shift)})" if shifts(result) else number(x)
    below = divisor(result, label)
    return f"{top} / {below}" if below else top.strip("()")


def rule(result: Normalized) -> str:
    """``y = (x − mean) / √(variance + eps) × γ + β``"""
    eps = " + eps" if result.eps else ""
    if result.method == "pixel":
        return "y = x / 255"
    if result.method == "minmax":
        return f"y = (x − minimum) / (maximum − minimum{eps})"
    if result.method == "center":
        return "y = x − mean"
    running = "" if result.live else "running "
    below = f"√({running}{'mean square' if result.mean is None else 'variance'}{eps})"
    top = "x" if result.mean is None else f"(x − {running}mean)"
    after = "".join(text for key, text in (("weight", " × γ"), ("bias", " + β")) if key in result.weights)
    return f"y = {top} / {below}{after}"


def shifts(result: Normalized) -> bool:
    """Whether something is taken away before the division."""
    return result.mean is not None or result.low is not None


def divisor(result: Normalized, label: int) -> str:
    """``√(9 + 0.00001)``, ``(8 − 2)``, ``255``; empty where nothing is divided."""
    eps = f" + {number(result.eps)}" if result.eps else ""
    if result.low is not None and result.high is not None:
        return f"({number(result.high[label])} − {inner(result.low[label])}{eps})"
    if result.method == "center":
        return ""
    if result.var is None:
        return number(result.scale[label])
    return f"√({number(result.var[label])}{eps})" if eps else f"√{number(result.var[label])}"


def affine(result: Normalized, cell: Sequence[int]) -> str:
    """``−1.6667×2 + 1 = −2.3333``; empty where there is no scale."""
    at = tuple(cell)
    factors = weights_of(result, at)
    if not factors:
        return ""
    text = f"{number(float(result.normalized[at]))}×{inner(factors[0])}"
    offset = f" + {inner(factors[1])}" if len(factors) > 1 else ""
    return f"{text}{offset} = {number(float(result.output[at]))}"


def parameters(result: Normalized) -> str:
    """``8 trained parameters: γ and β of each channel; 8 running statistics, kept, not trained``"""
    if result.op is None:
        return "nothing is trained"
    names = result.op.weights(result.shape[1:])
    if not names:
        told = "0 trained parameters: no γ, no β"
    else:
        own = names["weight"]
        each = (
            "of each channel"
            if len(own) == 1 and own == result.shape[1:2]
            else f"for each of {size(own)} cells"
        )
        told = f"{count(result.params, 'trained parameter')}: {'γ and β' if 'bias' in names else 'γ'} {each}"
    return told + (f"; {result.buffers:,} running statistics, kept, not trained" if result.buffers else "")


def short(result: Normalized) -> str:
    """``batch``, ``group``, ``min-max``"""
    return {"rms": "RMS", "minmax": "min-max"}.get(result.method, result.method)
