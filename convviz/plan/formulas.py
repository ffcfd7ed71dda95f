"""Formulas of sizes, parameters and multiplications, with their numbers put in, and what a floor leaves over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from convviz.ops.base import Op, Shape
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AdaptivePool, GlobalAvgPool, WindowPool
from convviz.ops.shuffle import PixelShuffle, PixelUnshuffle
from convviz.plan import words
from convviz.plan.model import Formula


def of(op: Op, shape: Shape) -> tuple[Formula, ...]:
    """All formulas of a windowed op on a map ``(C, *space)``."""
    return (*sizes(op, shape), *costs(op, shape))


def facts(op: Op, shape: Shape) -> tuple[tuple[str, str], ...]:
    """Parameters and MACs, and for groups the share of what a convolution without groups needs."""
    found = [("parameters", f"{op.params(shape):,}")]
    if not isinstance(op, Conv | ConvTranspose):
        return tuple(found)  # nothing is multiplied by a weight
    found.append(("MACs", f"{op.macs(shape):,}"))
    if op.groups > 1:
        found.append(("MACs against no groups", f"1/{op.groups}"))
    return tuple(found)


# -- sizes -------------------------------------------------------------------------------------------
def sizes(op: Op, shape: Shape) -> tuple[Formula, ...]:
    """The size formula along each spatial axis; axes that agree are told once."""
    out, rank = op.shape(shape), len(shape) - 1
    merged: dict[Formula, list[int]] = {}
    for a in range(rank):
        formula = along(op, shape, out, a)
        if formula is None:
            return ()
        merged.setdefault(formula, []).append(a)
    names, found = words.axis_names(rank), []
    for formula, axes in merged.items():
        whole = len(axes) == rank > 1
        where = "every axis" if whole else f"the {words.listing(names[a] + 's' for a in axes)}"
        note = formula.note
        if isinstance(op, Conv | WindowPool):
            rest = left_over(op, shape, out, axes[0], [names[a] for a in axes])
            note = " ".join(part for part in (note, rest) if part)
        found.append(replace(formula, about=f"{formula.about} along {where}", note=note))
    if isinstance(op, PixelShuffle | PixelUnshuffle):
        found.append(channels(op, shape, out))
    return tuple(found)


def along(op: Op, shape: Shape, out: Shape, a: int) -> Formula | None:
    """The formula along one spatial axis."""
    n, o = shape[1 + a], out[1 + a]
    if isinstance(op, ConvTranspose):
        return stretched(op, n, o, a)
    if isinstance(op, Conv | WindowPool):
        return windowed(op, n, o, a)
    if isinstance(op, AdaptivePool):
        m = op.output_size[a]
        numbers = f"from ⌊j×{n}/{o}⌋ to ⌈(j + 1)×{n}/{o}⌉ − 1"
        kept = "The size stays." if m is None else ""
        return Formula("cells of part j", "from ⌊j·i/o⌋ to ⌈(j + 1)·i/o⌉ − 1", numbers, f"{o} parts", kept)
    if isinstance(op, GlobalAvgPool):
        return Formula("output size", "o = 1", "1", "1")
    if isinstance(op, PixelShuffle):
        return Formula("output size", "o = i·r", f"{n}×{op.upscale_factor}", f"{o:,}")
    if isinstance(op, PixelUnshuffle):
        return Formula("output size", "o = i/r", f"{n}/{op.downscale_factor}", f"{o:,}")
    return None


def windowed(op: Conv | WindowPool, n: int, o: int, a: int) -> Formula:
    """Convolution and pooling: Dumoulin and Visin's relationships 1 to 7 and 15 in one."""
    window, k, s = op.windows()[a], op.kernel_size[a], op.stride[a]
    d, pads = window.dilation, op.pads()
    before, after = pads[a] if pads else (0, 0)
    ceil = isinstance(op, WindowPool) and op.ceil_mode
    symbols, numbers = "i", f"{n}"
    if before == after and before:
        symbols, numbers = "i + 2p", f"{n} + 2×{before}"
    elif before or after:
        symbols, numbers = "i + p₁ + p₂", f"{n} + {before} + {after}"
    if d == 1:
        symbols, numbers = f"{symbols} − k", f"{numbers} − {k}"
    else:
        symbols, numbers = f"{symbols} − d(k − 1) − 1", f"{numbers} − {d}×({k} − 1) − 1"
    room = n + before + after - d * (k - 1) - 1
    if k == s == 1 and room == n - 1:
        return Formula("output size", "o = i", f"{n}", f"{o:,}")
    if s == 1 and d > 1:
        symbols, numbers = symbols.removesuffix(" − 1"), numbers.removesuffix(" − 1")
        return Formula("output size", f"o = {symbols}", numbers, f"{o:,}")
    if s == 1:
        return Formula("output size", f"o = {symbols} + 1", f"{numbers} + 1", f"{o:,}")
    left, right = "⌈⌉" if ceil else "⌊⌋"
    end, note = " + 1", ""
    if ceil and -(-room // s) + 1 != o:
        end, note = " + 1 − 1", "The last window would begin outside, so that there is one less."
    symbols = f"o = {left}({symbols})/s{right}{end}"
    numbers = f"{left}({numbers})/{s}{right}{end} = {left}{room}/{s}{right}{end}"
    return Formula("output size", symbols, numbers, f"{o:,}", note)


def left_over(op: Conv | WindowPool, shape: Shape, out: Shape, a: int, names: Sequence[str]) -> str:
    """A sentence on the cells that no output reads: those behind the last window, and those jumped over.

    names: of the axes that are alike, of which ``a`` is the first.
    """
    window, n, o, pads = op.windows()[a], shape[1 + a], out[1 + a], op.pads()
    after = pads[a][1] if pads else 0
    behind = range(window.taps(o - 1).cells[-1] + 1, n + after)
    found = []
    if behind:
        kind = "padding" if behind[0] >= n else "input" if behind[-1] < n else "padded input"
        many = words.listing(words.count(len(behind), name) for name in names)
        which = words.listing(words.along(name, behind) for name in names)
        found.append(
            f"The floor drops {many} of the {kind}: {which} {are(len(behind) * len(names))} never read."
        )
    gap = window.stride - window.dilation * (window.kernel - 1) - 1
    if gap > 0 and o > 1:
        many = words.listing(words.count(gap, name) for name in names)
        found.append(
            f"The stride jumps over {many} between two windows, which {are(gap * len(names))} never read."
        )
    return " ".join(found)


def are(n: int) -> str:
    return "is" if n == 1 else "are"


def stretched(op: ConvTranspose, n: int, o: int, a: int) -> Formula:
    """Transposed convolution: relationships 8 to 14 in one, with torch's output padding and dilation."""
    k, s, p = op.kernel_size[a], op.stride[a], op.padding[a]
    d, extra = op.dilation[a], op.output_padding[a]
    symbols, numbers = ("i − 1", f"{n} − 1") if s == 1 else ("(i − 1)s", f"({n} − 1)×{s}")
    if p:
        symbols, numbers = f"{symbols} − 2p", f"{numbers} − 2×{p}"
    if d == 1:
        symbols, numbers = f"{symbols} + k", f"{numbers} + {k}"
    else:
        symbols, numbers = f"{symbols} + d(k − 1) + 1", f"{numbers} + {d}×({k} − 1) + 1"
    if extra:
        symbols, numbers = f"{symbols} + a", f"{numbers} + {extra}"
    note = f"a = {extra} is the output padding." if extra else ""
    return Formula("output size", f"o = {symbols}", numbers, f"{o:,}", note)


def channels(op: PixelShuffle | PixelUnshuffle, shape: Shape, out: Shape) -> Formula:
    rank = len(shape) - 1
    if isinstance(op, PixelShuffle):
        r, sign, symbol = op.upscale_factor, "/", "C_in/r"
    else:
        r, sign, symbol = op.downscale_factor, words.TIMES, "C_in·r"
    return Formula(
        "channels", f"C_out = {symbol}{power(rank)}", f"{shape[0]}{sign}{r}{power(rank)}", f"{out[0]:,}"
    )


def power(n: int) -> str:
    """``²``; nothing for 1."""
    return "" if n == 1 else "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] for c in str(n))


# -- costs -------------------------------------------------------------------------------------------
def costs(op: Op, shape: Shape) -> tuple[Formula, ...]:
    """Parameters and multiplications of a convolution or transposed convolution."""
    if not isinstance(op, Conv | ConvTranspose):
        return ()
    out = op.shape(shape)
    weight = prod(op.weights(shape)["weight"])
    symbols = f"{kernel_symbols(op.kernel_size)} × C_in{'/g' * (op.groups > 1)} × C_out"
    numbers = f"{words.size(op.kernel_size)} × {shape[0]}{f'/{op.groups}' * (op.groups > 1)} × {out[0]}"
    positions, what = (shape, "input") if isinstance(op, ConvTranspose) else (out, "output")
    note = ""
    if isinstance(op, ConvTranspose):
        note = "Each weight meets each input cell once; zeros that are stuffed in cost nothing."
    return (
        Formula(
            "parameters",
            symbols + " + C_out" * op.bias,
            numbers + f" + {out[0]}" * op.bias,
            f"{op.params(shape):,}",
        ),
        Formula(
            "multiplications (MACs)",
            f"weights × {what} positions",
            f"{weight:,} × {words.size(positions[1:])}",
            f"{op.macs(shape):,}",
            note,
        ),
    )


def kernel_symbols(kernel: Sequence[int]) -> str:
    """``k²`` where all axes agree, else ``k₁×k₂``."""
    if len(set(kernel)) == 1:
        return f"k{power(len(kernel))}"
    return words.TIMES.join(f"k{'₀₁₂₃₄₅₆₇₈₉'[i + 1]}" for i in range(len(kernel)))
