"""Writes convviz/explorer/static/fonts.css: the bundled fonts, cut down to what the explorer's page writes."""

import base64
import io
import logging
import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    ("Inter", 400): "Inter-Regular",
    ("Inter", 600): "Inter-SemiBold",
    ("JetBrains Mono", 400): "JetBrainsMono-Regular",
}
# Latin, and the signs of captions and formulas; other letters of a net's names are the reader's system's.
SIGNS = "–—‘’“”…·×÷±−≤≥≠≈∞√∑∏∈←↑→↓↔⌊⌋⌈⌉αβγδεμρσ²³⁰¹⁴₀₁₂₃₄"
KEPT = [*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, SIGNS)]


def main() -> int:
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    rules = [
        f'@font-face{{font-family:"{family}";font-weight:{weight};src:url(data:font/woff;base64,{cut(name)})'
        f' format("woff")}}\n'
        for (family, weight), name in FILES.items()
    ]
    file = ROOT / "convviz" / "explorer" / "static" / "fonts.css"
    file.write_text("".join(rules), encoding="utf-8", newline="\n")
    return 0


def cut(name: str) -> str:
    """A font's file, compressed, as text; the same bytes each time."""
    font = TTFont(ROOT / "convviz" / "fonts" / f"{name}.ttf", recalcTimestamp=False)
    options = Options()
    options.layout_features = ["kern", "tnum", "ccmp", "locl", "mark", "mkmk", "calt"]
    options.hinting = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=KEPT)
    subsetter.subset(font)
    font.flavor = "woff"
    done = io.BytesIO()
    font.save(done)
    return base64.b64encode(done.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main())
