"""What a picture must keep to, whatever it shows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from convviz.figures import canvas


def texts(made: Any) -> list[Any]:
    """The texts of a figure and of its axes; labels of ticks are matplotlib's own."""
    found = [*made.texts, *(text for ax in made.axes for text in ax.texts)]
    return [text for text in found if text.get_text()]


def check_texts(made: Any, of: Sequence[Any] | None = None, touch: float = 1.5) -> None:
    """No text leaves the page, none is below 7 points, and no two touch by more than ``touch`` pixels."""
    found = [text for text in (texts(made) if of is None else of) if text.get_text() and text.get_visible()]
    with canvas.style():
        made.canvas.draw()
        renderer = made.canvas.get_renderer()
        boxes = [(text.get_window_extent(renderer), text.get_text()) for text in found]
    width, height = made.canvas.get_width_height()
    for box, word in boxes:
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, word
    for (one, a), (two, b) in combinations(boxes, 2):
        both = min(one.x1, two.x1) - max(one.x0, two.x0), min(one.y1, two.y1) - max(one.y0, two.y0)
        assert min(both) < touch, (a, b)
    assert min(text.get_size() for text in found) >= 7
