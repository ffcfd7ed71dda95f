"""Parameters and multiplications by hand: convolutions of all kinds and linear layers."""

from __future__ import annotations

from math import prod
from typing import Any

from convviz.exercise.model import Draft, Mistake, Part, Question
from convviz.exercise.pieces import Rng, altered, in_numbers, pick, torch_text, value, whole
from convviz.ops.base import Op, Shape, build, show
from convviz.ops.conv import Conv, ConvTranspose
from convviz.plan import formulas
from convviz.plan.words import size

TEXT = (
    "Parameters are weights and biases. MACs are the multiplications of the dot products for one image; adding a bias "
    "is none."
)
FORMS = {
    "easy": ("normal", "pointwise", "linear"),
    "normal": ("normal", "strided", "grouped", "depthwise", "linear"),
    "hard": ("strided", "grouped", "depthwise", "transposed", "linear"),
}


def draft(rng: Rng, level: str) -> Draft:
    """Layers of several kinds, and (not where it is easy) a depthwise separable convolution against a normal one."""
    parts = [part(rng, form, i) for i, form in enumerate(FORMS[level], 1)]
    if level != "easy":
        parts.append(separable(rng))
    return Draft("Parameters and multiplications by hand", TEXT, tuple(parts))


def layer(rng: Rng, form: str) -> tuple[Op, Shape]:
    """A layer of a form, and its input."""
    bias = bool(rng.integers(2))
    if form == "linear":
        features = pick(rng, (64, 84, 100, 120, 128, 192, 256, 400, 512))
        return build("linear", {"out_features": pick(rng, (10, 20, 50, 64, 84, 100)), "bias": bias}), (
            features,
        )
    channels, out, n, k = (
        pick(rng, (3, 4, 6, 8, 10, 16, 32)),
        pick(rng, (8, 10, 16, 20, 24, 32, 64)),
        whole(rng, 6, 32),
        pick(rng, (3, 5)),
    )
    fields: dict[str, Any] = {"out_channels": out, "kernel_size": k, "bias": bias}
    if form in ("normal", "strided"):
        fields["padding"] = pick(rng, (0, k // 2))
    if form == "strided":
        fields["stride"] = 2
    if form == "pointwise":
        fields["kernel_size"] = 1
    if form == "grouped":
        groups = pick(rng, (2, 4))
        channels, out = groups * whole(rng, 2, 8), groups * whole(rng, 2, 8)
        fields |= {"out_channels": out, "groups": groups, "padding": k // 2}
    if form == "depthwise":
        fields |= {"out_channels": channels, "groups": channels, "padding": k // 2}
    if form == "transposed":
        return build("conv_transpose", {**fields, "kernel_size": pick(rng, (2, 4)), "stride": 2}), (
            channels,
            n,
            n,
        )
    return build("conv", fields), (channels, n, n)


def part(rng: Rng, form: str, i: int) -> Part:
    """Parameters and MACs of one layer; where its size must be known first, that too."""
    op, shape = layer(rng, form)
    name = "Linear layer" if form == "linear" else f"{form.capitalize()} convolution"
    text = f"{torch_text(op, shape)} on {show(shape)}."
    questions = [params_question(op, shape, i)]
    if isinstance(op, Conv):
        questions.append(size_question(op, shape, i))
    questions.append(macs_question(op, shape, i))
    return Part(name, text, tuple(questions))


def told(op: Op, shape: Shape, what: int) -> str:
    """The formula of the parameters (0) or the MACs (1) with its numbers."""
    if isinstance(op, Conv | ConvTranspose):
        return in_numbers(formulas.costs(op, shape)[what])
    weight, bias = prod(op.weights(shape)["weight"]), op.fields()["bias"]
    ins, outs = shape[0], op.shape(shape)[0]
    if what:
        return f"in × out = {ins} × {outs} = {weight:,}"
    return f"in × out{' + out' * bias} = {ins} × {outs}{f' + {outs}' * bias} = {op.params(shape):,}"


def params_question(op: Op, shape: Shape, i: int) -> Question:
    params, out = op.params(shape), op.shape(shape)[0]
    bias, weight = op.fields()["bias"], prod(op.weights(shape)["weight"])
    wrong = [
        Mistake(weight, "the biases were left out: one for each output channel"),
        Mistake(weight + out, "there is no bias here (bias=False)"),
        *[Mistake(weight + 1, "each output channel has a bias of its own")] * bias,
    ]
    if isinstance(op, Conv | ConvTranspose):
        one = altered(op, groups=1)
        wrong += [
            Mistake(
                one.params(shape) if one else 0,
                "the groups were left out: a filter reads C_in/groups channels",
            ),
            Mistake(weight * op.groups, "the groups were left out: a filter reads C_in/groups channels"),
            Mistake(
                weight + shape[0] if bias else weight,
                "biases belong to output channels, not to input channels",
            ),
            Mistake(
                prod(op.kernel_size) * out + out * bias,
                "each filter has a kernel for each channel that it reads",
            ),
            Mistake(op.macs(shape), "these are the multiplications: the weights are shared by all positions"),
        ]
    return Question(
        f"params{i}", "parameters", "Parameters:", params, told(op, shape, 0), mistakes=tuple(wrong)
    )


def size_question(op: Conv, shape: Shape, i: int) -> Question:
    out = op.shape(shape)[1:]
    others = (
        (altered(op, padding=0), "the padding was left out"),
        (altered(op, stride=1), "the stride was left out"),
    )
    wrong = [Mistake(other.shape(shape)[1:], text) for other, text in others if other is not None]
    wrong.append(Mistake(op.shape(shape), "height and width only"))
    (formula, *_) = formulas.sizes(op, shape)
    return Question(
        f"size{i}",
        "output size",
        "Height and width of the output:",
        out,
        in_numbers(formula),
        mistakes=tuple(wrong),
    )


def macs_question(op: Op, shape: Shape, i: int) -> Question:
    macs, params = op.macs(shape), op.params(shape)
    weight, out = prod(op.weights(shape)["weight"]), op.shape(shape)
    space, before = prod(out[1:]), prod(shape[1:])
    wrong = [
        Mistake(
            params * (space if isinstance(op, Conv) else before),
            "biases are added, not multiplied: weights only",
        ),
        Mistake(2 * macs, "a multiplication and an addition are one MAC"),
    ]
    if isinstance(op, Conv | ConvTranspose):
        one = altered(op, groups=1)
        other = before if isinstance(op, Conv) else space
        where = "output" if isinstance(op, Conv) else "input"
        wrong += [
            Mistake(weight * other, f"each weight is used once for each {where} position"),
            Mistake(
                one.macs(shape) if one else 0, "the groups were left out: a filter reads C_in/groups channels"
            ),
            Mistake(weight, "each weight is used at every position"),
        ]
    else:
        wrong.append(Mistake(params, "biases are added, not multiplied: weights only"))
    needs: tuple[str, ...] = ()
    follow = None
    if isinstance(op, Conv):
        needs = (f"size{i}",)

        def follow(known: Any) -> int:
            given = known[needs[0]]
            return weight * int(prod(given if isinstance(given, tuple) else (given,)))

    return Question(
        f"macs{i}",
        "multiplications",
        "MACs:",
        macs,
        told(op, shape, 1),
        needs=needs,
        follow=follow,
        mistakes=tuple(wrong),
    )


def separable(rng: Rng) -> Part:
    """Depthwise, then pointwise: what both need, and what a normal convolution would."""
    channels, out, n = pick(rng, (8, 12, 16, 24, 32)), pick(rng, (16, 20, 32, 48, 64)), whole(rng, 8, 28)
    shape = (channels, n, n)
    common = {"bias": False}
    deep = build(
        "conv", {**common, "out_channels": channels, "kernel_size": 3, "padding": 1, "groups": channels}
    )
    point = build("conv", {**common, "out_channels": out, "kernel_size": 1})
    normal = build("conv", {**common, "out_channels": out, "kernel_size": 3, "padding": 1})
    both, alone = deep.params(shape) + point.params(shape), normal.params(shape)
    share = both / alone
    questions = (
        Question(
            "sep_depthwise",
            "depthwise stage",
            "Weights of the depthwise stage:",
            deep.params(shape),
            told(deep, shape, 0),
            mistakes=(
                Mistake(9 * channels * channels, "depthwise: each filter reads one channel"),
                Mistake(9 * out, "there is one filter for each input channel"),
            ),
        ),
        Question(
            "sep_pointwise",
            "pointwise stage",
            "Weights of the pointwise stage:",
            point.params(shape),
            told(point, shape, 0),
            mistakes=(Mistake(9 * channels * out, "a pointwise kernel is 1×1"),),
        ),
        Question(
            "sep_both",
            "together",
            "Weights of both stages:",
            both,
            f"{deep.params(shape):,} + {point.params(shape):,} = {both:,}",
            needs=("sep_depthwise", "sep_pointwise"),
            follow=lambda known: value(known, "sep_depthwise") + value(known, "sep_pointwise"),
            mistakes=(Mistake(deep.params(shape) * point.params(shape), "the stages' weights are added"),),
        ),
        Question(
            "sep_normal",
            "normal convolution",
            f"Weights of a normal 3×3 convolution from {channels} to {out} channels:",
            alone,
            told(normal, shape, 0),
            mistakes=(Mistake(9 * out, "each filter has a kernel for each channel"),),
        ),
        Question(
            "sep_share",
            "share",
            "Both stages need this share of the normal one (as a fraction or with three digits):",
            share,
            f"{both:,} / {alone:,} = 1/{out} + 1/9 = {share:.4f}",
            0.0015,
            needs=("sep_both", "sep_normal"),
            follow=lambda known: value(known, "sep_both") / (value(known, "sep_normal") or 1),
            mistakes=(Mistake(alone / both, "this is the normal one over both stages"),),
        ),
    )
    text = (
        f"A depthwise 3×3 convolution and a pointwise one from {channels} to {out} channels, padding 1, no biases, on "
        f"{size(shape)}."
    )
    return Part("Depthwise separable convolution", text, questions)
