"""Why a pixel shuffle behind random filters paints a checkerboard, and behind equal ones (ICNR) does not, in numbers.

On an input that is 1 everywhere a filter gives the sum of its weights, away from the border. The shuffle puts the sums
of its r^n filters side by side, so that they are the phases of the output.
Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.analysis.phase_index import at_init, rho, shuffled_sums
from convviz.analysis.phase_index import icnr as repeated
from convviz.ops import build
from convviz.ops.base import Array, Shape
from convviz.ops.conv import Conv
from convviz.ops.shuffle import PixelShuffle
from convviz.plan import words
from convviz.plan.given import plain, table_of
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Cell, Formula, Grid, Marked, Number, Plan, Stage, Step, Term, Work, Write
from convviz.plan.sample import weights

RANDOM, EQUAL = "Random filters", "ICNR: equal filters"


def icnr(factor: int = 2, rank: int = 2, kernel: int = 3, cells: int = 4, seed: int = 0) -> Plan:
    """Both starts of a conv in front of a pixel shuffle, told in two sections on ``cells`` output blocks along an axis.

    Panels: ``filters`` and ``sub`` (the weights of both starts), ``sums`` and ``equal`` (a number for each filter),
    ``output`` and ``flat`` (what the shuffle makes of them). Raises ConvvizError where this would be too large.
    """
    many = factor**rank
    check_count("pixel_shuffle", "weights", many * kernel**rank, MAX_CELLS)
    check_count("pixel_shuffle", "output cells", (cells * factor) ** rank, MAX_CELLS)
    conv = build("conv", {"out_channels": many, "kernel_size": kernel, "bias": False}, rank)
    shuffle = build("pixel_shuffle", {"upscale_factor": factor}, rank)
    assert isinstance(conv, Conv) and isinstance(shuffle, PixelShuffle)
    given: Shape = (1, *(cells + kernel - 1,) * rank)
    random = varied(conv, given, seed)
    start = {RANDOM: random, EQUAL: repeated(random[:1], factor)}
    names = tuple(f"filter {i}" for i in range(many))
    inner = (many, *(cells,) * rank)
    out = shuffle.shape(inner)
    keys = {RANDOM: ("filters", "sums", "output"), EQUAL: ("sub", "equal", "flat")}
    panels: list[Grid] = [
        Grid("input", "input", f"input {words.size(given)}", given, table_of(np.ones(given)))
    ]
    steps: list[Step] = []
    found: list[Formula] = []
    for section, w in start.items():
        filters, sums, output = keys[section]
        each = shuffled_sums(w, factor)
        panels += [
            Grid(filters, "kernel", f"{many} filters", w.shape, table_of(w), channels=names),
            Grid(sums, "output", "sums", (many,)),
            Grid(output, "output", f"output {words.size(out)}", out),
        ]
        steps += [summed(section, w, i, filters, sums) for i in range(many)]
        steps.append(shuffled(section, conv, shuffle, w, given, sums, output))
        found.append(index(section, each))
    stages = (
        Stage(conv, (given,), inner, ("input",), "sums", "filters"),
        Stage(shuffle, (inner,), out, ("sums",), "output"),
    )
    notes = (
        f"Independent weights of mean 0 have ρ = 1 − 1/{many} = {words.number(at_init(many))} on average.",
    )
    return Plan(
        "icnr",
        "Pixel shuffle at initialisation",
        tuple(panels),
        tuple(steps),
        tuple(found),
        (),
        notes,
        stages,
    )


def varied(conv: Conv, given: Shape, seed: int) -> Array:
    """Small whole weights whose sums are not all equal, and of which the first filter's is not 0."""
    for more in range(100):
        w = weights(conv, given, None, seed + more)["weight"]
        sums = w.reshape(len(w), -1).sum(1)
        if sums[0] and (len(set(sums.tolist())) > 1 or len(w) == 1):
            return w
    return w


def summed(section: str, w: Array, i: int, filters: str, sums: str) -> Step:
    """The sum of one filter: what it gives where the input is 1."""
    cells = [(i, *at) for at in np.ndindex(w.shape[1:])]
    terms = tuple(Term(filters, cell, plain(w[cell]), product=plain(w[cell])) for cell in cells)
    total = plain(w[i].sum())
    text = f"{' + '.join(words.inner(term.value) for term in terms)} = {words.number(total)}"
    return Step(
        section,
        f"Where the input is 1, filter {i} gives the sum of its weights: {words.number(total)}.",
        (Marked(filters, "read", tuple(cells)), Marked(sums, "written", ((i,),))),
        Work("sum", terms, total, text),
        (Write(sums, (i,), total),),
    )


def shuffled(
    section: str, conv: Conv, shuffle: PixelShuffle, w: Array, given: Shape, sums: str, output: str
) -> Step:
    """All blocks of the output at once: each filter's sum stands at its own phase."""
    y = shuffle.forward(conv.forward(np.ones((1, *given)), weights={"weight": w}))[0]
    values: dict[Cell, Number] = {cell: plain(y[cell]) for cell in np.ndindex(y.shape)}
    told = sorted(set(values.values()))
    if len(told) == 1:
        text = f"Every output cell is {words.number(told[0])}: what the input makes equal stays equal."
    else:
        text = f"The shuffle sets {words.listing(map(words.number, told))} side by side, over and over: a checkerboard."
    marks = (
        Marked(sums, "read", tuple((i,) for i in range(len(w)))),
        Marked(output, "written", tuple(values)),
    )
    return Step(
        section, text, marks, None, tuple(Write(output, cell, value) for cell, value in values.items())
    )


def index(section: str, sums: Array) -> Formula:
    """``ρ = var(S) / mean(S²)`` of the sums with the numbers put in."""
    flat = [plain(s) for s in sums.reshape(-1)]
    power = sum(float(s) ** 2 for s in flat) / len(flat)
    variance = float(np.var(np.array(flat, dtype=float)))
    numbers = f"{words.number(variance)} / {words.number(power)}"
    return Formula(section, "ρ = var(S) / mean(S²)", numbers, words.number(rho(sums)))


def phases_of(plan: Plan, key: str) -> Sequence[Number]:
    """The sums that a panel shows, in the order of the filters."""
    return [value for _, value in sorted(plan.shown(key).items())]
