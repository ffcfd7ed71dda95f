"""What a picture must keep to, whatever it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convviz.figures import canvas


def texts(made: Any) -> list[Any]:
    """The texts of a figure and of its axes; labels of ticks are matplotlib's own."""
    found = [*made.texts, *(text for ax in made.axes for text in ax.texts)]
    return [text for text in found if text.get_text()]


def check_texts(made: Any, of: Sequence[Any] | None = None, touch: float = 1.5) -> None:
    """No text leaves the page, none is below 7 points, and no two touch by more than ``touch`` pixels."""
    found = [text for text in (texts(made) if of is None else of) if text.get_text() and text.get_visible()]
    with canvas.style():
        made.draw_without_rendering()  # gives everything its place
        renderer = made.canvas.get_renderer()
        boxes = np.array([text.get_window_extent(renderer).extents for text in found])
    low, high = boxes[:, :2], boxes[:, 2:]
    outside = ((low < 0) | (high > made.canvas.get_width_height())).any(axis=1)
    assert not outside.any(), [found[i].get_text() for i in np.flatnonzero(outside)]
    both = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    pairs = np.argwhere(np.triu((both >= touch).all(axis=2), 1))
    assert not len(pairs), [(found[i].get_text(), found[j].get_text()) for i, j in pairs[:5]]
    assert min(text.get_size() for text in found) >= 7
