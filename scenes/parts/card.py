"""A net on a card: what it is, its layers as a strip of bars, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from convviz.scenes.stage import ink
from manim import VGroup, VMobject

from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan.ladder import Layer, Rung
from convviz.theme import Role, Theme

CARD = Box(14, 46, 206, 220)
STRIP = Box(14, 124, 206, 56)
# Sorts of layers: their name, role of the theme, part of the strip's height (None: by channels), and the second cue.
SORTS: dict[str, tuple[str, str, float | None, str]] = {
    "conv": ("conv", "kernel", None, ""),
    "linear": ("linear", "kernel", None, "dashed"),
    "norm": ("norm", "shared", 0.26, "hatch"),
    "dropout": ("dropout", "padding", 0.26, "dashed"),
    "pool": ("pool", "output", 0.5, "rounded"),
    "activation": ("activation", "muted", 0.12, ""),
    "other": ("other", "input", 0.25, ""),
}


def card(rung: Rung, look: Theme, widest: int) -> tuple[VGroup, VGroup]:
    """What is told of a rung at the left; and marks of the layers that the rung before lacks, for later."""
    made = VGroup(
        ink.text(
            CARD.x,
            CARD.y + 6,
            draw.clip(rung.label, CARD.width, 14, bold=True),
            look.ink,
            size=14,
            bold=True,
        )
    )
    y = CARD.y + 25
    for words, size, colour, most in (
        (rung.what, 10.5, look.ink, 2),
        (rung.detail, 8.8, look.faint_ink, 3),
    ):
        for line in draw.wrap(words, CARD.width, size)[:most]:
            made.add(ink.text(CARD.x, y, line, colour, size=size))
            y += size * 1.35
    boxes = strip(rung.layers, widest)
    present = []
    for sort, (name, role, _, cue) in SORTS.items():
        own = [box for box, layer in zip(boxes, rung.layers) if layer.sort == sort]
        if own:
            made.add(tiles(own, look[role], cue))
            present.append((name, role, cue))
    x = STRIP.x
    for name, role, cue in present:
        made.add(tiles([Box(x, STRIP.bottom + 10, 7, 7)], look[role], cue))
        made.add(ink.text(x + 10, STRIP.bottom + 13.5, name, look.faint_ink, size=7.6))
        x += 17 + draw.width_of(name, 7.6)
    facts = [("parameters", f"{rung.params:,}"), ("receptive field", rung.reads), ("epochs", str(rung.epochs)),
             ("runs", str(rung.n)), ("accuracy", rung.reached)]  # fmt: skip
    for i, (name, value) in enumerate(facts):
        at = STRIP.bottom + 33 + 13 * i
        made.add(ink.text(CARD.x, at, name, look.faint_ink, size=9))
        made.add(
            ink.text(
                CARD.right,
                at,
                value,
                look.ink,
                size=9.6,
                mono=True,
                bold=name == "accuracy",
                align="right",
            )
        )
    new = VGroup()
    fresh = [box for box, layer in zip(boxes, rung.layers) if layer.new]
    if fresh:
        new.add(ink.tiles([box.inset(-1.2) for box in fresh], edge=look["active"].edge, width=1.5))
        made.add(
            ink.text(CARD.right, STRIP.y - 6, "framed: changed", look["active"].edge, size=7.6, align="right")
        )
    return VGroup(made, new), new


def strip(layers: Sequence[Layer], widest: int) -> list[Box]:
    """A bar for each layer, input to output; of convolutions as high as they have channels (logarithmic)."""
    pitch = min(STRIP.width / max(len(layers), 1), 9.0)
    boxes = []
    for i, layer in enumerate(layers):
        part = SORTS[layer.sort][2]
        tall = log(1 + layer.channels) / log(1 + widest) if part is None else part
        high = STRIP.height * tall
        boxes.append(Box(STRIP.x + i * pitch, STRIP.bottom - high, pitch - 2.4, high))
    return boxes


def tiles(boxes: Sequence[Box], look: Role, cue: str) -> VMobject:
    """Layers of one sort."""
    return ink.tiles(
        boxes, fill=look.fill, edge=look.edge, width=0.8, dashed=cue == "dashed", rounded=cue == "rounded",
        hatch=look.edge if cue == "hatch" else None,
    )  # fmt: skip
