"""The receptive field by hand: a small net as a table with blanks, and what one unit of its last layer reads."""

from __future__ import annotations

from typing import Any

from convviz.analysis.receptive_field import receptive_field, unit
from convviz.analysis.results import ReceptiveField
from convviz.exercise.model import Answer, Blank, Box, Draft, Known, Mistake, Part, Question
from convviz.exercise.pieces import Rng, altered, pick, shape_of, value, whole
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops.base import build
from convviz.plan.words import inner, number

LAYERS = {"easy": 3, "normal": 4, "hard": 5}
COLUMNS = ("layer", "k", "s", "p", "d", "n", "r", "j", "start")
MEANING = (
    "n: cells of the output along one axis. r: receptive field, the input cells that one output cell spans. "
    "j: jump, the input cells between two neighbouring outputs. start: index of the first input cell that output 0 "
    "reads; it is negative where that is padding. All axes are alike, so one of them is enough."
)


def draft(rng: Rng, level: str) -> Draft:
    """A net of convolutions and poolings in a row, with one blank for each number of its table."""
    graph = net(rng, level)
    result = receptive_field(graph)
    parts = [table(result), last_unit(rng, result, level)]
    return Draft("The receptive field by hand", MEANING, tuple(parts))


def net(rng: Rng, level: str) -> Graph:
    """Layers on an image, as large as they need and a little more."""
    layers = [fields(rng, level, i) for i in range(LAYERS[level])]
    least = 1
    for _, f in reversed(layers):
        reach = f.get("dilation", 1) * (f["kernel_size"] - 1) + 1
        least = max((least - 1) * f["stride"] + reach - 2 * f.get("padding", 0), reach, 1)
    size = max(least + whole(rng, 3, 60), 12)
    builder = GraphBuilder("exercise", {"input": (1, size, size)})
    last, counted = "input", {"conv": 0, "max_pool": 0}
    for kind, f in layers:
        counted[kind] += 1
        name = f"{'pool' if kind == 'max_pool' else 'conv'}{counted[kind]}"
        last = builder.add(name, build(kind, f), [last]).name
    return builder.build()


def fields(rng: Rng, level: str, i: int) -> tuple[str, dict[str, Any]]:
    """One layer: a pooling now and then, never first; strides and dilations more often where it is hard."""
    if i and rng.random() < 0.3:
        k = pick(rng, (2, 2, 3))
        return "max_pool", {
            "kernel_size": k,
            "stride": 2,
            "padding": 1 if k == 3 and rng.random() < 0.4 else 0,
        }
    k = pick(
        rng, {"easy": (2, 3, 3, 4, 5, 6, 7), "normal": (2, 3, 3, 4, 5), "hard": (2, 3, 3, 4, 5, 7)}[level]
    )
    stride = pick(rng, {"easy": (1, 1, 2, 3), "normal": (1, 1, 2), "hard": (1, 1, 2, 3)}[level])
    dilation = (
        1 if level == "easy" or stride > 1 else pick(rng, (1, 1, 2, 3) if level == "hard" else (1, 1, 2))
    )
    half = dilation * (k - 1) // 2  # more, and unit 0 might lie in the padding altogether
    padding = min(pick(rng, (0, 0, 1, 2) if level == "easy" else (0, 1, half)), half)
    return "conv", {
        "out_channels": 1,
        "kernel_size": k,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
    }


# -- the table ------------------------------------------------------------------------------------------
def table(result: ReceptiveField) -> Part:
    """A row a layer, with blanks for n, r, j and start."""
    size = result.graph.inputs["input"][1]
    rows: list[tuple[str | Blank, ...]] = [COLUMNS, ("input", "", "", "", "", str(size), "1", "1", "0")]
    questions: list[Question] = []
    before = ""
    for node in result.graph:
        k, s, p, d = settings(node)
        found = layer(result, node, before)
        rows.append((node.name, str(k), str(s), str(p), str(d), *(Blank(question.id) for question in found)))
        questions += found
        before = node.name
    text = "Fill in the blanks, layer by layer. k: kernel, s: stride, p: padding on each side, d: dilation."
    return Part("The net, layer by layer", text, tuple(questions), (Box("", tuple(rows), head=True),))


def settings(node: Node) -> tuple[int, int, int, int]:
    """Kernel, stride, padding and dilation along the first axis."""
    f = node.op.fields()
    return f["kernel_size"][0], f["stride"][0], node.op.pads()[0][0], f["dilation"][0]


def state(result: ReceptiveField, name: str) -> tuple[int, int, int, int]:
    """n, r, j and start of a layer; of the input where there is no name."""
    if not name:
        return result.graph.inputs["input"][1], 1, 1, 0
    rf, node = result[name], result.graph[name]
    assert rf is not None and rf.jump[0] is not None and rf.start[0] is not None
    return node.out[1], rf.size[0], int(rf.jump[0]), rf.start[0]


def layer(result: ReceptiveField, node: Node, before: str) -> list[Question]:
    """The four questions of one layer."""
    k, s, p, d = settings(node)
    (n0, r0, j0, start0), (n, r, j, start) = state(result, before), state(result, node.name)
    name, reach = node.name, d * (k - 1) + 1

    def earlier(known: Known, what: str, first: int) -> int:
        return round(value(known, f"{before}.{what}")) if before else first

    def size(known: Known) -> Answer:
        found = shape_of(node.op, (1, *(earlier(known, "n", n0),) * 2))
        return found[1] if found else 0

    def field(known: Known) -> Answer:
        return earlier(known, "r", r0) + (reach - 1) * earlier(known, "j", j0)

    def jump(known: Known) -> Answer:
        return earlier(known, "j", j0) * s

    def begin(known: Known) -> Answer:
        return earlier(known, "start", start0) - p * earlier(known, "j", j0)

    span = f"({k} − 1)" if d == 1 else f"{d}×({k} − 1)"
    padded = f"{n0} + 2×{p}" if p else f"{n0}"
    worked = {
        "n": f"⌊({padded} − {reach})/{s}⌋ + 1 = {n}" if s > 1 else f"{padded} − {reach} + 1 = {n}",
        "r": f"{r0} + {span}×{j0} = {r}",
        "j": f"{j0}×{s} = {j}",
        "start": f"{inner(start0)} − {p}×{j0} = {number(start)}",
    }

    def needs(*names: str) -> tuple[str, ...]:
        return tuple(f"{before}.{n}" for n in names) if before else ()

    return [
        Question(
            f"{name}.n",
            f"n of {name}",
            "",
            n,
            worked["n"],
            needs=needs("n"),
            follow=size,
            mistakes=size_mistakes(node, n0),
        ),
        Question(
            f"{name}.r",
            f"r of {name}",
            "",
            r,
            worked["r"],
            needs=needs("r", "j"),
            follow=field,
            mistakes=(
                Mistake(r0 + k * j0, "r grows by (k − 1)·j, not by k·j"),
                Mistake(r0 + (k - 1) * j0, "the dilation was left out: r grows by d(k − 1)·j"),
                Mistake(r0 + reach - 1, "r grows by (k − 1) times the jump of the layer before"),
                Mistake(r0 + (reach - 1) * j, "the jump of the layer before counts, not the layer's own"),
                Mistake(r0 + k, "r grows by (k − 1)·j, not by k"),
                Mistake(2 * r0, "pooling doubles the jump, not the receptive field"),
            ),
        ),
        Question(
            f"{name}.j",
            f"j of {name}",
            "",
            j,
            worked["j"],
            needs=needs("j"),
            follow=jump,
            mistakes=(
                Mistake(j0 + s, "jumps are multiplied, not added"),
                Mistake(s, "this is the stride of the layer alone: multiply it by the jump before"),
                Mistake(j0, "the stride of the layer was left out"),
                Mistake(j0 * d, "dilation does not change the jump, stride does"),
            ),
        ),
        Question(
            f"{name}.start",
            f"start of {name}",
            "",
            start,
            worked["start"],
            needs=needs("start", "j"),
            follow=begin,
            mistakes=(
                Mistake(start0 - p, "padding counts in cells of the layer before: times its jump"),
                Mistake(start0 + p * j0, "padding moves the start to the left: take it away"),
                Mistake(start0 - p * j, "padding counts in jumps of the layer before, not the layer's own"),
                Mistake(start0, "the padding was left out"),
            ),
        ),
    ]


def size_mistakes(node: Node, n0: int) -> tuple[Mistake, ...]:
    """Sizes that other fields give, from the op itself."""
    op, (k, s, p, d) = node.op, settings(node)
    tried = (
        (altered(op, padding=0), n0, "the padding was left out"),
        (altered(op, padding=0), n0 + p, "padding is added on both sides: 2p"),
        (altered(op, dilation=1), n0, "the dilation was left out: the kernel spans d(k − 1) + 1 cells"),
        (altered(op, stride=1), n0, "the stride was left out"),
    )
    found = [(shape_of(other, (1, n, n)), text) for other, n, text in tried]
    wrong = [Mistake(shape[1], text) for shape, text in found if shape]
    room = n0 + 2 * p - d * (k - 1) - 1
    wrong.append(Mistake(-(-room // s) + 1, "the division is rounded down, not up"))
    wrong.append(Mistake(room // s, "1 is missing: the first window counts, too"))
    return tuple(wrong)


# -- one unit -------------------------------------------------------------------------------------------
def last_unit(rng: Rng, result: ReceptiveField, level: str) -> Part:
    """Which input cells one unit of the last layer reads, as if the map had no end, and clipped."""
    last = result.graph.nodes[-1].name
    n, r, j, start = state(result, last)
    at = whole(rng, 0, n - 1)
    first = start + at * j
    size = result.graph.inputs["input"][1]
    real = unit(result, (0, 0))
    assert real.span is not None
    needs = (f"{last}.start", f"{last}.j")
    questions = [
        Question(
            "first",
            "one unit",
            f"Unit {at} of {last}: the first input cell that it reads (negative in the padding):",
            first,
            f"{inner(start)} + {at}×{j} = {number(first)}",
            needs=needs,
            follow=lambda known: value(known, needs[0]) + at * value(known, needs[1]),
            mistakes=(
                Mistake(at * j, f"unit 0 does not begin at 0: its start is {number(start)}"),
                Mistake(start + at, "neighbouring units lie a jump apart, not one cell"),
                Mistake(start + (at + 1) * j, "units are counted from 0"),
            ),
        ),
        Question(
            "last",
            "one unit",
            f"Unit {at} of {last}: the last input cell that it reads (beyond the end in the padding):",
            first + r - 1,
            f"{inner(first)} + {r} − 1 = {first + r - 1}",
            needs=("first", f"{last}.r"),
            follow=lambda known: value(known, "first") + value(known, f"{last}.r") - 1,
            mistakes=(Mistake(first + r, "r cells from the first: the last one is first + r − 1"),),
        ),
    ]
    if level != "easy":
        assert real.lo is not None and real.hi is not None
        plainly = min(start + r, size) - max(start, 0)

        def clipped(known: Known) -> Answer:
            begin, width = value(known, f"{last}.start"), value(known, f"{last}.r")
            return max(min(begin + width, size) - max(begin, 0), 0)

        questions.append(
            Question(
                "real",
                "one unit",
                f"Unit 0 of {last}: from its first to its last real cell, padding not counted, how "
                f"many input cells are there along one axis?",
                real.span[0],
                f"cells {real.lo[0]} to {real.hi[0]}: {real.span[0]}",
                needs=(f"{last}.start", f"{last}.r"),
                # Padding between layers, holes and what a floor drops may leave less than the clipped interval.
                follow=clipped if plainly == real.span[0] else None,
                mistakes=(
                    Mistake(r, "padding is no input: the cells below 0 and beyond the end do not count"),
                    Mistake(
                        plainly,
                        f"not every cell there is reached: dilation, padding between the layers and rounding "
                        f"down leave some out; it reads cells {real.lo[0]} to {real.hi[0]}",
                    ),
                ),
            )
        )
    return Part("One unit", f"Units of {last} are counted from 0, cells of the input, too.", tuple(questions))
