"""Faults that can be seen without eyes: texts that touch each other, leave the safe area, or are too small to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convviz.scenes.stage.board import SAFE, SMALLEST
from convviz.scenes.stage.ink import Drawn, Said
from manim import Mobject

from convviz.figures.cells import Box

TOUCH = 0.8  # points by which two texts may share a box, which is a little larger than their ink


def said(mobjects: Iterable[Mobject]) -> list[Said]:
    """The texts that can be seen now, each where it stands; what a filled tile hides is left out."""
    found: list[Said] = []
    for top in mobjects:
        for made in top.get_family():
            if not isinstance(made, Drawn) or made.get_fill_opacity() <= 0.05:
                continue
            if made.hides and found:
                found = [s for s in found if not any(_within(s.box.centre, box) for box in made.hides)]
            if made.said:
                found += made.placed()
    return found


def _within(place: tuple[float, float], box: Box) -> bool:
    return box.x <= place[0] <= box.right and box.y <= place[1] <= box.bottom


def of(mobjects: Sequence[Mobject]) -> list[str]:
    """What is wrong with the frame as it stands, a line each."""
    found = said(mobjects)
    out = []
    for item in found:
        if item.size < SMALLEST - 0.05:
            out.append(f"{item.text!r} has letters of {item.size:.1f} points")
        if not inside(item.box, SAFE):
            out.append(f"{item.text!r} leaves the safe area")
    ordered = sorted(found, key=lambda s: s.box.x)
    for i, a in enumerate(ordered):
        for b in ordered[i + 1 :]:
            if b.box.x >= a.box.right:
                break
            if a.text != b.text and overlap(a.box, b.box):  # a copy may leave its original
                out.append(f"{a.text!r} lies on {b.text!r}")
    return out


def inside(box: Box, around: Box) -> bool:
    return (
        box.x >= around.x and box.y >= around.y and box.right <= around.right and box.bottom <= around.bottom
    )


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share more than a hair.

    >>> overlap(Box(0, 0, 9, 9), Box(9, 0, 9, 9)), overlap(Box(0, 0, 9, 9), Box(4, 4, 9, 9))
    (False, True)
    """
    wide = min(a.right, b.right) - max(a.x, b.x)
    high = min(a.bottom, b.bottom) - max(a.y, b.y)
    return wide > TOUCH and high > TOUCH
