"""Results and plans drawn by matplotlib, which is imported only when something is drawn."""

from __future__ import annotations

from pathlib import Path

from convviz.errors import ConvvizError

PICTURES = (".png", ".svg", ".pdf")


def check_picture(path: str | Path) -> None:
    """Raises ConvvizError where the file's extension names no picture format that can be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURES:
        what = f"got {suffix!r}" if suffix else "the name has none"
        raise ConvvizError(
            f"a picture is written as {', '.join(PICTURES[:-1])} or {PICTURES[-1]}; {what}", str(path)
        )
