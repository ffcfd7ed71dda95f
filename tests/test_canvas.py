"""What all pictures share: fonts that come along, and files that say in words what they show."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import canvas

SVG = "{http://www.w3.org/2000/svg}"


def picture(path: Path, text: str = "k = 3") -> None:
    with canvas.style():
        made = canvas.page(4, 2, themes.LIGHT)
        canvas.header(made, themes.LIGHT, "A title", "A sentence.")
        made.text(0.5, 0.3, text, family="monospace", weight="bold")
        canvas.save(made, path, title='Said "so" <b>', words="Five cells & a sum.")


def test_an_svg_is_described_where_screen_readers_look(tmp_path: Path) -> None:
    picture(tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    first, second = list(root)[:2]
    assert (first.tag, first.text) == (f"{SVG}title", 'Said "so" <b>')
    assert (second.tag, second.text) == (f"{SVG}desc", "Five cells & a sum.")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{first.get('id')} {second.get('id')}"


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_the_same_picture_is_the_same_file(tmp_path: Path, suffix: str) -> None:
    for name in "ab":
        picture(tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_other_extensions_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="a picture is written as"):
        picture(tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_fonts_are_the_bundled_ones_and_nothing_is_said_about_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from matplotlib.font_manager import findfont

    with caplog.at_level(logging.WARNING):
        picture(tmp_path / "a.png")
    assert not caplog.records
    bundled = {file.name for file in themes.font_files()}
    for families in themes.FONTS.values():
        assert Path(str(findfont(families[0], fallback_to_default=False))).name in bundled


def test_fonts_have_what_formulas_need_and_their_licence() -> None:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    for families in themes.FONTS.values():
        charmaps = [FT2Font(str(findfont(name))).get_charmap() for name in families]
        assert not [c for c in "0123456789×·−→≤≥√ΣΔρφ±²…∞" if ord(c) not in charmaps[0]]
        assert not [c for c in "⌊⌋⌈⌉" if not any(ord(c) in charmap for charmap in charmaps)]
    licence = (Path(themes.__file__).parent / "fonts" / "OFL.txt").read_text(encoding="utf-8")
    for file in themes.font_files():
        family = {"Inter": "Inter", "JetBrainsMono": "JetBrains Mono"}[file.stem.partition("-")[0]]
        assert f"{family}: Copyright" in licence
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
