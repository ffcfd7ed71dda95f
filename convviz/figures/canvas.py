"""What all pictures share: the bundled fonts, a page with its title, and files that say in words what they show."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.figures import check_picture
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
TITLE = 13.5  # points
CAPTION = 9.0
MARGIN = 0.35  # inches around everything


@cache
def register_fonts() -> None:
    """Make the bundled fonts known to matplotlib."""
    from matplotlib import font_manager

    # It warns where a family has no face of just the weight that is asked for, and takes the nearest.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    for file in themes.font_files():
        font_manager.fontManager.addfont(str(file))


@contextmanager
def style() -> Iterator[None]:
    """convviz's fonts and settings; make *and* save a figure inside."""
    import matplotlib

    register_fonts()
    settings: dict[Any, Any] = {
        "font.family": [*themes.FONTS["text"]],
        "font.monospace": [*themes.FONTS["numbers"]],
        "font.size": 9,
        "svg.hashsalt": "convviz",
        "pdf.fonttype": 42,
        "axes.unicode_minus": True,
        "hatch.linewidth": 0.7,
        # Hinting moves letters to whole pixels, which makes a line of small letters up to a twelfth wider.
        "text.hinting": "no_hinting",
    }
    with matplotlib.rc_context(settings):
        yield


def page(width: float, height: float, look: Theme) -> Figure:
    """An empty figure of that many inches, on no screen and in no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), facecolor=look.paper)
    FigureCanvasAgg(made)
    return made


def header(figure: Figure, look: Theme, title: str, caption: str = "") -> None:
    """Title and a sentence below it, at the top left; they take .85 inches (.6 without a caption)."""
    width, height = figure.get_size_inches()
    x = MARGIN / width
    figure.text(x, 1 - 0.38 / height, title, color=look.ink, size=TITLE, weight="semibold", va="center")
    if caption:
        figure.text(x, 1 - 0.7 / height, caption, color=look.faint_ink, size=CAPTION, va="center")


def ruler(ax: Axes, look: Theme, size: float = 7.8) -> None:
    """Only the lower axis, as a thin line with its ticks; ``size`` of their labels in points."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(look.line)
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.tick_params(axis="x", labelcolor=look.faint_ink, labelsize=size, length=2.5, color=look.line)
    ax.set_facecolor("none")


def save(figure: Figure, path: str | Path, *, title: str, words: str, dpi: int = DPI) -> None:
    """Write ``figure`` as .png, .svg or .pdf; ``words`` describe it to those who cannot see it.

    An SVG gets them as ``<title>`` and ``<desc>``, the others in their metadata. Raises ConvvizError for another
    extension.
    """
    check_picture(path)
    suffix = Path(path).suffix.lower()
    metadata: dict[str, Any] = {"Title": title}
    if suffix == ".svg":
        metadata |= {"Description": words, "Date": None, "Creator": "convviz"}
    elif suffix == ".pdf":
        metadata |= {"Subject": words, "CreationDate": None, "Creator": "convviz"}
    else:
        metadata |= {"Description": words, "Software": "convviz"}
    figure.savefig(path, dpi=dpi, facecolor=figure.get_facecolor(), metadata=metadata)
    if suffix == ".svg":
        text = Path(path).read_text(encoding="utf-8")
        Path(path).write_text(_described(text, title, words), encoding="utf-8", newline="\n")


def _described(svg: str, title: str, words: str) -> str:
    """Title and description where screen readers look for them."""
    told = f'<title id="title">{escape(title)}</title>\n <desc id="desc">{escape(words)}</desc>'
    opened = re.sub(r"<svg\b", '<svg role="img" aria-labelledby="title desc"', svg, count=1)
    return re.sub(r"(<svg\b[^>]*>)", lambda m: f"{m[1]}\n {told}", opened, count=1)
