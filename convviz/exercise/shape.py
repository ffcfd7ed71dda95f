"""Output sizes by hand: single layers, what the floor drops, and a few layers in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convviz.exercise.model import Answer, Draft, Known, Mistake, Part, Question
from convviz.exercise.pieces import Rng, altered, in_numbers, pick, shape_of, torch_text, whole
from convviz.ops.base import Op, Shape, build, show
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import WindowPool
from convviz.plan import formulas

TEXT = (
    "Shapes are C×H×W, without the batch. Write them as 16x28x28. The layers are written as in PyTorch: a pool's "
    "stride is its kernel size unless it says otherwise."
)
SINGLE = {
    "easy": ("conv", "strided", "pool"),
    "normal": ("conv", "strided", "dilated", "pool", "ceil", "transposed"),
    "hard": ("oblong", "strided", "dilated", "ceil", "transposed", "oblong"),
}


def draft(rng: Rng, level: str) -> Draft:
    """Single layers, then three in a row."""
    singles = []
    for i, form in enumerate(SINGLE[level], 1):
        op, shape = layer(rng, form)
        singles.append(question(f"single{i}", op, shape))
        if form == "strided":
            singles.append(dropped(f"dropped{i}", op, shape))
    parts = [Part("Single layers", "", tuple(singles)), chain(rng, level)]
    if level != "easy":
        parts.append(backwards(rng))
    return Draft("Output sizes by hand", TEXT, tuple(parts))


def layer(rng: Rng, form: str) -> tuple[Op, Shape]:
    """A layer of a form and an input that it fits; drawn again until it leaves a map of some size."""
    while True:
        channels, n = pick(rng, (1, 3, 8, 16)), whole(rng, 12, 64)
        m = whole(rng, 12, 64) if form == "oblong" else n
        op = build(*form_fields(rng, form))
        out = shape_of(op, (channels, n, m))
        if out is not None and min(out[1:]) >= 2 and (form != "ceil" or out != ceiled(op, (channels, n, m))):
            return op, (channels, n, m)


def form_fields(rng: Rng, form: str) -> tuple[str, dict[str, Any]]:
    """The op of a form, and fields at random."""
    k, out = pick(rng, (3, 3, 5, 7)), pick(rng, (4, 6, 8, 10, 16, 20, 32))
    if form in ("pool", "ceil"):
        k = pick(rng, (2, 3))
        padding = pick(rng, (0, 1)) if k > 2 else 0
        pool = {
            "kernel_size": k,
            "stride": pick(rng, (2, 3)),
            "padding": padding,
            "ceil_mode": form == "ceil",
        }
        return pick(rng, ("max_pool", "avg_pool")), pool
    if form == "transposed":
        s = pick(rng, (2, 2, 3))
        return "conv_transpose", {
            "out_channels": out,
            "kernel_size": pick(rng, (2, 3, 4, 5)),
            "stride": s,
            "padding": pick(rng, (0, 1)),
            "output_padding": pick(rng, (0, 1)),
        }
    fields: dict[str, Any] = {
        "out_channels": out,
        "kernel_size": k,
        "padding": pick(rng, (0, 1, k // 2)),
        "stride": 1,
    }
    if form == "strided":
        fields |= {"stride": pick(rng, (2, 3, 4))}
    if form == "dilated":
        fields |= {"dilation": pick(rng, (2, 3, 4)), "padding": pick(rng, (0, 1, 2, 4))}
    if form == "oblong":
        fields |= {
            "kernel_size": [k, pick(rng, (1, 3, 5))],
            "stride": [1, 2],
            "padding": [pick(rng, (0, 1)), pick(rng, (0, 2))],
        }
    return "conv", fields


def ceiled(op: Op, shape: Shape) -> Shape | None:
    """The shape with the other rounding, which must differ for the exercise to be one."""
    return shape_of(altered(op, ceil_mode=not op.fields().get("ceil_mode", False)), shape)


# -- questions ------------------------------------------------------------------------------------------
def question(id: str, op: Op, shape: Shape) -> Question:
    """The output shape of one layer."""
    prompt = f"{torch_text(op, shape)} on {show(shape)}: the output's shape:"
    return Question(
        id, "output size", prompt, op.shape(shape), explained(op, shape), mistakes=mistakes(op, shape)
    )


def explained(op: Op, shape: Shape) -> str:
    """The size formula with its numbers, and the shape."""
    found, out = formulas.sizes(op, shape), op.shape(shape)
    lines = [f"{f.about.partition(' along ')[2]}: {in_numbers(f)}" for f in found]
    notes = [f.note for f in found if f.note]
    channels = "the channels stay" if out[0] == shape[0] else f"{out[0]} channels"
    return " ".join(["; ".join([*lines, f"{channels}: {show(out)}."]), *notes])


def mistakes(op: Op, shape: Shape) -> tuple[Mistake, ...]:
    """Shapes that a forgotten or misread field gives, from the op with that field."""
    f = op.fields()
    pads = [p[0] if isinstance(p, tuple) else p for p in f.get("padding", ())]
    tried: list[tuple[Op | None, str]] = [
        (altered(op, padding=0), "the padding was left out"),
        (altered(op, dilation=1), "the dilation was left out: the kernel spans d(k − 1) + 1 cells"),
        (altered(op, stride=1), "the stride was left out"),
        (altered(op, output_padding=0), "the output padding was left out"),
    ]
    if isinstance(op, Conv):
        once = [(p, 0) for p in pads]
        tried.append((altered(op, padding=once), "padding is added on both sides: 2p"))
    if f.get("ceil_mode"):
        tried.append((altered(op, ceil_mode=False), "ceil_mode rounds up: the last window may stick out"))
    if isinstance(op, WindowPool) and not f["ceil_mode"]:
        tried.append((altered(op, ceil_mode=True), "the division is rounded down, not up"))
    if isinstance(op, ConvTranspose):
        as_conv = {name: f[name] for name in ("out_channels", "kernel_size", "stride", "padding")}
        tried.append(
            (build("conv", as_conv, op.rank), "this is the convolution's size: a transposed one enlarges")
        )
    out = op.shape(shape)
    wrong = [Mistake(found, text) for other, text in tried if (found := shape_of(other, shape))]
    wrong.append(
        Mistake((shape[0], *out[1:]), "the channels are those of the input: a filter gives one channel")
    )
    if isinstance(op, Conv):
        up = [rounded_up(op, n, a) for a, n in enumerate(shape[1:])]
        wrong.append(Mistake((out[0], *up), "the division is rounded down, not up"))
    if not isinstance(op, ConvTranspose):
        wrong.append(
            Mistake((out[0], *(n - 1 for n in out[1:])), "1 is missing: the first window counts, too")
        )
    wrong.append(Mistake((out[0], *reversed(out[1:])), "rows and columns are swapped: H comes first"))
    wrong.append(Mistake(out[1:], "the channels are missing: C×H×W"))
    return tuple(wrong)


def rounded_up(op: Conv, n: int, a: int) -> int:
    """The size along an axis, rounded the wrong way."""
    k, s, d, (before, after) = op.kernel_size[a], op.stride[a], op.dilation[a], op.pads()[a]
    return -(-(n + before + after - d * (k - 1) - 1) // s) + 1


def dropped(id: str, op: Op, shape: Shape) -> Question:
    """How many rows of the padded input the floor leaves unread behind the last window."""
    assert isinstance(op, Conv)
    window, (_, after) = op.windows()[0], op.pads()[0]
    out = op.shape(shape)[1]
    end = window.taps(out - 1).cells[-1]
    rest = shape[1] + after - 1 - end
    text = (
        f"the last window ends at row {end}, the padded input at row {shape[1] + after - 1}: {rest}"
        if rest
        else f"the last window ends at row {end}, as does the padded input: 0"
    )
    wrong = [
        Mistake(rest + 1, "counted one too many"),
        Mistake(op.stride[0] - rest, "this is how many rows are missing for one window more"),
    ]
    prompt = "How many rows at the end of that layer's padded input does no window read?"
    return Question(id, "what the floor drops", prompt, rest, text, mistakes=tuple(wrong))


def chain(rng: Rng, level: str) -> Part:
    """Layers in a row; each shape follows from the one before."""
    forms = {
        "easy": ("conv", "pool"),
        "normal": ("conv", "pool", "strided"),
        "hard": ("strided", "conv", "ceil", "transposed"),
    }
    while True:
        shape: Shape = (pick(rng, (1, 3)), *(whole(rng, 24, 64),) * 2)
        ops = [build(*form_fields(rng, form)) for form in forms[level]]
        shapes = [shape]
        for op in ops:
            found = shape_of(op, shapes[-1])
            if found is None or min(found[1:]) < 2:
                break
            shapes.append(found)
        else:
            break
    questions: list[Question] = []
    for i, op in enumerate(ops):
        before = f"chain{i}"
        source = shapes[i]
        questions.append(
            Question(
                f"chain{i + 1}",
                f"layer {i + 1} of the row",
                f"{chr(ord('a') + i)}) after {torch_text(op, source)}:",
                op.shape(source),
                explained(op, source),
                needs=(before,) if i else (),
                follow=following(op, before, source) if i else None,
                mistakes=mistakes(op, source),
            )
        )
    return Part(
        "Layers in a row",
        f"The input is {show(shape)}; each layer takes what the one before gives.",
        tuple(questions),
    )


def following(op: Op, before: str, source: Shape) -> Any:
    """The shape after ``op`` on the shape that was written down before it."""

    def follow(known: Known) -> Answer:
        given = known[before]
        assert isinstance(given, tuple)
        found = shape_of(op, tuple(int(n) for n in given)) if len(given) == len(source) else None
        return found or op.shape(source)

    return follow


def backwards(rng: Rng) -> Part:
    """Which padding keeps the size."""
    k, d = pick(rng, (3, 5, 7)), pick(rng, (1, 2, 3))
    n = whole(rng, 16, 48)
    op = build("conv", {"out_channels": 8, "kernel_size": k, "dilation": d, "padding": "same"}, 2)
    padding = op.pads()[0][0]
    dilated = f", dilation={d}" if d > 1 else ""
    wrong: Sequence[Mistake] = (
        Mistake(k // 2, "the dilation was left out: p = d(k − 1)/2"),
        Mistake(d * (k - 1), "this is the padding of both sides together"),
        Mistake(k, "p = d(k − 1)/2"),
    )
    prompt = f"nn.Conv2d(3, 8, {k}{dilated}, padding=p) is to keep the {n}×{n} of its input. p:"
    text = f"p = d(k − 1)/2 = {d}×({k} − 1)/2 = {padding}"
    return Part("Backwards", "", (Question("same", "padding", prompt, padding, text, mistakes=tuple(wrong)),))
