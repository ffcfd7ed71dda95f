"""The explorer's pages in a real Chromium: pointer, keys, sliders, links, copies, themes, small screens, no request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browsing import SMALL, WIDE, Open, Pages, lacking

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))


# -- every page -----------------------------------------------------------------------------------------------
PAGES: dict[str, dict[str, Any]] = {
    "conv": {},
    "conv_transpose": {},
    "max_pool": {},
    "pixel_shuffle": {},
    "batch_norm": {},
    "code8": {},
    "unet": {},
    "resnet50": {},
    "wavenet": {},
}


@pytest.mark.slow(keep=8)
@pytest.mark.parametrize("what", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_a_page_is_clear_to_all(tab: Open, what: str, scheme: str, size: dict[str, int]) -> None:
    browser = tab(
        what, look={"colorScheme": scheme, "viewport": size, "hasTouch": size is SMALL}, **PAGES[what]
    )
    assert browser.serious() == []
    wide = browser.run("() => document.documentElement.scrollWidth")
    assert wide <= size["width"], f"{what} is {wide} pixels wide on a screen of {size['width']}"
    paper = browser.run("() => getComputedStyle(document.querySelector('.cv')).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]


def test_a_theme_that_is_asked_for_is_kept(tab: Open) -> None:
    browser = tab("code8", theme="dark", look={"colorScheme": "light"})
    assert browser("getAttribute", "#explorer", "data-theme") == "dark"


def test_the_system_s_theme_is_followed(tab: Open) -> None:
    browser = tab("code8")
    assert browser("getAttribute", "#explorer", "data-theme") == "light"
    browser("emulate", {"colorScheme": "dark"})
    browser.wait("document.getElementById('explorer').dataset.theme === 'dark'")


def test_the_bundled_fonts_are_used(tab: Open) -> None:
    browser = tab("conv")
    loaded = browser.run(
        "async () => { await document.fonts.ready;"
        " return [...document.fonts].filter((f) => f.status === 'loaded').map((f) => f.family) }"
    )
    assert {"Inter", "JetBrains Mono"} <= {family.strip('"') for family in loaded}


def test_the_tests_see_requests_and_errors(pages: Pages, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    asks = "fetch('https://example.org/asked'); new Image().src = 'late.png'; new WebSocket('wss://example.org/socket')"
    file.write_text(
        "<img src='other.png'><iframe src='frame.html'></iframe>"
        f"<script>{asks}; console.error('wrong'); nowhere()</script>",
        encoding="utf-8",
    )
    pages.open(file)
    pages.run("() => new Promise((done) => setTimeout(done, 100))")
    seen = pages("faults")
    asked = {Path(place).name for place in seen["requests"]}
    assert asked >= {"other.png", "late.png", "frame.html", "asked"}
    with pytest.raises(AssertionError, match=r"other\.png"):
        pages.only_itself()
    assert any("wrong" in fault for fault in seen["faults"])
    assert any("nowhere is not defined" in fault for fault in seen["faults"])


# -- all readers ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["conv", "code8"])
def test_the_keyboard_s_place_is_seen(tab: Open, what: str) -> None:
    browser = tab(what)
    seen = browser.run(FOCUSED)
    for _ in range(12):
        browser("keyboard.press", "Tab")
        place = browser.run(FOCUSED)
        assert place["width"] >= 2 and place["style"] == "solid", place
        seen = {**seen, place["name"]: True}
    assert len(seen) > 4


FOCUSED = """() => {
  const style = getComputedStyle(document.activeElement);
  const { tagName, className, id } = document.activeElement;
  return { name: `${tagName} ${className} ${id}`, width: parseFloat(style.outlineWidth), style: style.outlineStyle };
}"""


@pytest.mark.parametrize("what", ["conv", "batch_norm", "unet"])
def test_a_page_at_twice_its_size_fits(tab: Open, what: str) -> None:
    """1440 by 900 at 200 %: half as many pixels of the page's own."""
    browser = tab(what, look={"viewport": {"width": 720, "height": 450}, "deviceScaleFactor": 2})
    assert browser.run("() => document.documentElement.scrollWidth") <= 720


def test_colours_of_the_system_leave_the_marks(tab: Open) -> None:
    """Forced colours take every background: what is read is told by its edge, too."""
    browser = tab("conv", look={"forcedColors": "active"})
    edge = "(name) => parseFloat(getComputedStyle(document.querySelector(name)).outlineWidth)"
    for role in ("input", "kernel", "output"):
        assert browser.run(edge, f".op-{role} :is(.op-read, .op-used, .op-written)") >= 2
    style = "getComputedStyle(document.querySelector('.op-input .op-cell:not(.op-read)')).outlineStyle"
    assert browser.run(f"() => {style}") == "none"
    assert browser.serious() == []


def test_opening_is_quick(tab: Open) -> None:
    """ResNet-50 is drawn within a second of being opened; the best of some tries, as others use the machine, too."""
    drawn = (
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
    )
    times = [tab("resnet50").run(drawn) for _ in range(3)]
    assert min(times) < 1500, times


# -- print ----------------------------------------------------------------------------------------------------
# Looks at the page after its own listener has made it ready, as the browser is about to take its picture.
SHEET = """() => addEventListener("beforeprint", () => {
  const page = document.querySelector(".cv");
  const all = [...page.querySelectorAll("*")].filter((e) => e.checkVisibility());
  const right = page.getBoundingClientRect().left + 723;
  const name = (e) => `${e.tagName} ${e.getAttribute("class")} ${e.textContent.slice(0, 20)}`;
  const hides = (e) => {
    const { overflowX, overflowY, textOverflow } = getComputedStyle(e);
    return (
      (overflowX !== "visible" && textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1) ||
      (overflowY !== "visible" && e.scrollHeight > e.clientHeight + 1)
    );
  };
  const html = all.filter((e) => e instanceof HTMLElement);
  window.sheet = {
    theme: page.dataset.theme,
    paper: getComputedStyle(page).backgroundColor,
    wide: html.filter((e) => e.getBoundingClientRect().right > right).map(name),
    cut: html.filter(hides).map(name),
    chrome: all.filter((e) => e.matches("input, .op-player, button:not([aria-pressed=true], :is(td, th) button)"))
      .map(name),
    small: html.filter((e) => e.children.length === 0 && e.textContent.trim())
      .filter((e) => parseFloat(getComputedStyle(e).fontSize) * (e.currentCSSZoom ?? 1) < 8).map(name),
    foot: page.querySelector(".cv-foot")?.textContent,
    rows: page.querySelectorAll(".net-space .net-row").length,
  };
})"""
# A state of each page, what the foot says of it, and how many sheets it may take.
PRINTED = {
    "conv": ("#stride=2&at=output:0,1,1", "stride 2", 2),
    "conv_transpose": ("#view=gather", "view gather", 3),
    "batch_norm": ("", "method batch norm", 3),
    "resnet50": ("#layer=layer2_0.conv1&unit=3,4", "layer layer2_0.conv1 · unit 3,4", 6),
    "unet": ("", "layer", 6),
    "separable_conv": ("#stride=1", "stride 1", 4),
    "weight_decay": ("", "lr 0.1", 4),
    "comparison": ("#n=5", "n 5", 3),
}


@pytest.mark.parametrize("what", PRINTED)
def test_a_printed_page_is_a_handout(tab: Open, what: str) -> None:
    state, foot, most = PRINTED[what]
    browser = tab(what, state, look={"colorScheme": "dark"})
    browser.run("() => new Promise((done) => setTimeout(done, 200))")  # a net writes its state when it rests
    browser.run(SHEET)
    sheets = browser("pdf", {"format": "A4", "printBackground": True})
    seen = browser.run("() => sheet")
    assert (seen["theme"], seen["paper"]) == ("light", "rgb(255, 255, 255)")
    assert seen["wide"] == [] and seen["cut"] == [] and seen["chrome"] == [] and seen["small"] == []
    assert seen["foot"].startswith("Made with convviz") and foot in seen["foot"]
    assert 1 <= sheets <= most
    rows = "() => JSON.parse(document.getElementById('data').textContent).pictures?.blocks.rows.length ?? 0"
    assert seen["rows"] == browser.run(rows)
    assert browser("getAttribute", "#explorer", "data-theme") == "dark"
    assert "cv-sheet" not in browser("getAttribute", "#explorer", "class")
