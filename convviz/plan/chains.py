"""Plans of several ops in a row: separable convolutions, and upsampling with a convolution behind or in front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from convviz.ops import build
from convviz.ops.base import Array, Op, Shape
from convviz.ops.conv import expand, integer_field
from convviz.plan import words
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import Grid, Panel, Plan, Stage, Step
from convviz.plan.sample import guard, sample

Explain = Callable[..., Plan]


def parts_of(kind: str, fields: Mapping[str, Any], shape: Shape) -> list[tuple[str, Op]]:
    """The ops that a named form stands for, each with what it is called; raises ConvvizError."""
    rank = len(shape) - 1
    if kind in ("resize_conv", "subpixel_conv"):
        return (resize_parts if kind == "resize_conv" else subpixel_parts)(fields, shape)
    found = [(label, build("conv", part, rank)) for label, part in expand(kind, fields, shape)]
    if kind == "spatially_separable_conv":
        names = ("column", "row") if rank == 2 else words.axis_names(rank)  # k×1 is a column
        return [(name, op) for name, (_, op) in zip(names, found, strict=True)]
    return found


def resize_parts(fields: Mapping[str, Any], shape: Shape) -> list[tuple[str, Op]]:
    """Upsampling, then a convolution that keeps the size."""
    rank, rest = len(shape) - 1, dict(fields)
    names = ("scale_factor", "size", "mode", "align_corners")
    resize: dict[str, Any] = {name: rest.pop(name) for name in names if name in rest}
    return [("upsampling", build("upsample", resize, rank)), ("convolution", build("conv", rest, rank))]


def subpixel_parts(fields: Mapping[str, Any], shape: Shape) -> list[tuple[str, Op]]:
    """A convolution to r^n times the channels, then a pixel shuffle."""
    rank, rest = len(shape) - 1, dict(fields)
    shuffle = build("pixel_shuffle", {"upscale_factor": rest.pop("upscale_factor")}, rank)
    per = shuffle.fields()["upscale_factor"] ** rank
    rest["out_channels"] = integer_field("out_channels", rest.get("out_channels")) * per
    return [("convolution", build("conv", rest, rank)), ("shuffle", shuffle)]


def guard_all(parts: Sequence[tuple[str, Op]], shape: Shape) -> list[Shape]:
    """The shapes in front of, between and behind the ops, once it is known that the plan is small enough."""
    shapes = [shape]
    for _, op in parts:
        shapes.append(guard(op, shapes[-1]))
    check_count(parts[0][1].kind, "steps", sum(prod(s) for s in shapes[1:]), MAX_STEPS)
    return shapes


def chain(
    kind: str,
    title: str,
    parts: Sequence[tuple[str, Op]],
    shape: Shape,
    explain: Explain,
    given: Sequence[Mapping[str, Array]],
    seed: int = 0,
) -> Plan:
    """One plan of ops in a row, with the weights ``given`` for each: panels input, kernel1, middle, kernel2, output."""
    shapes = guard_all(parts, shape)
    x = sample(parts[0][1], shape, None, seed)
    plans, many = [], len(parts)
    for i, (label, op) in enumerate(parts):
        plan = explain(op, shapes[i], xs=[x], weights=given[i] or None)
        plans.append(renamed(plan, keys_of(i, many), label))
        x = op.forward(x[None], weights=given[i])[0]
    return Plan(
        name=kind,
        title=f"{title}: {words.size(shape)} gives {words.size(shapes[-1])}",
        panels=tuple(merged(plans)),
        steps=tuple(step for plan in plans for step in plan.steps),
        formulas=tuple(formula for plan in plans for formula in plan.formulas),
        facts=totals(parts, shapes),
        notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
        stages=tuple(stage for plan in plans for stage in plan.stages),
    )


def keys_of(i: int, many: int) -> Callable[[str], str]:
    """What the panels of stage ``i`` are called in the whole."""

    def middle(j: int) -> str:
        return "middle" if many == 2 else f"middle{j}"

    def key(name: str) -> str:
        if name == "input":
            return "input" if i == 0 else middle(i)
        if name == "output":
            return "output" if i == many - 1 else middle(i + 1)
        return f"{name}{i + 1}"

    return key


def renamed(plan: Plan, key: Callable[[str], str], label: str) -> Plan:
    """The plan of a stage with the panels and sections of the whole."""

    def panel(p: Panel) -> Panel:
        title = p.title if p.key in ("input", "output") else f"{p.title}, {label}"
        return replace(p, key=key(p.key), title=title)

    def step(s: Step) -> Step:
        work = s.work and replace(s.work, terms=tuple(replace(t, panel=key(t.panel)) for t in s.work.terms))
        return replace(
            s,
            section=f"{label[0].upper()}{label[1:]}"
            + (f", {s.section.lower()}" if s.section[-1:].isdigit() else ""),
            marks=tuple(replace(m, panel=key(m.panel)) for m in s.marks),
            work=work,
            writes=tuple(replace(w, panel=key(w.panel)) for w in s.writes),
        )

    def stage(s: Stage) -> Stage:
        return replace(
            s, reads=tuple(map(key, s.reads)), writes=key(s.writes), weight=s.weight and key(s.weight)
        )

    return replace(
        plan,
        panels=tuple(panel(p) for p in plan.panels),
        steps=tuple(step(s) for s in plan.steps),
        formulas=tuple(replace(f, about=f"{label}: {f.about}") for f in plan.formulas),
        stages=tuple(stage(s) for s in plan.stages),
    )


def merged(plans: Sequence[Plan]) -> list[Panel]:
    """All panels in order; what one stage writes and the next reads is one panel, with the padding of the reader."""
    readers = {
        p.key: p for plan in plans[1:] for p in plan.panels if isinstance(p, Grid) and p.role == "input"
    }
    found: dict[str, Panel] = {}
    for plan in plans:
        for panel in plan.panels:
            if panel.key in found:
                continue
            reader = readers.get(panel.key)
            if isinstance(reader, Grid):
                title = f"middle {words.size(reader.shape)}"
                panel = replace(reader, role="output", title=title, values=None)
            found[panel.key] = panel
    return list(found.values())


def totals(parts: Sequence[tuple[str, Op]], shapes: Sequence[Shape]) -> tuple[tuple[str, str], ...]:
    """Parameters and MACs of all stages together."""
    params = [op.params(shape) for (_, op), shape in zip(parts, shapes, strict=False)]
    macs = [op.macs(shape) for (_, op), shape in zip(parts, shapes, strict=False)]
    return ("parameters", total(params)), ("MACs", total(macs))


def total(numbers: Sequence[int]) -> str:
    """``27 + 6 = 33``"""
    real = [n for n in numbers if n]
    if len(real) < 2:
        return f"{sum(real):,}"
    return f"{' + '.join(f'{n:,}' for n in real)} = {sum(real):,}"
