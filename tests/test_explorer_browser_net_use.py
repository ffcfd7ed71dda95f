"""The reader's ways through a net's page: pointer, keys, finger, links, search, copies; and how little each touches."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import convviz
from convviz.analysis import backward
from convviz.analysis.cells import Cells
from convviz.analysis.paths import path_counts
from convviz.explorer.choose import explored
from tests.browsing import SMALL, Browser, Open, lacking
from tests.test_explorer_browser_net import DILATED, FRAME, drawn

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))


def point(browser: Browser, part: str, cell: tuple[int, int], side: int, event: str = "mouse.move") -> None:
    """The pointer on a cell of a square map; beside the map of what is read there is a small margin."""
    selector = f"[data-part={part}] canvas"
    x, y, width, height = browser.run(
        "(s) => { const e = document.querySelector(s); e.scrollIntoView({ block: 'center' });"
        " const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }",
        selector,
    )
    margin = 0.03 * side if part == "theirs" else 0
    pixels = (min(width, height) - 8) / (side + 2 * margin)
    row, column = (c + 0.5 - side / 2 for c in cell)
    browser(event, x + width / 2 + column * pixels, y + height / 2 + row * pixels)
    drawn(browser)


def test_what_a_cell_reaches(tab: Open) -> None:
    browser = tab(DILATED, "#layer=conv2&unit=12,12")
    lowered = convviz.receptive_field(DILATED).engine.lowered
    cells = [(0, 0), (12, 12), (24, 3)]
    reads = {
        unit: backward.reach(lowered, "conv2", [Cells(u, 1) for u in unit])
        for unit in product(range(25), repeat=2)
    }
    for cell in cells:
        units = [
            unit
            for unit, boxes in reads.items()
            if any(all(c in list(side) for c, side in zip(cell, box, strict=True)) for box in boxes)
        ]
        point(browser, "theirs", cell, 25)
        lo, hi = np.min(units, 0), np.max(units, 0)
        sides = [f"{word}s {a} to {b}" for word, a, b in zip(("row", "column"), lo, hi, strict=True)]
        wanted = f"Cell ({cell[0]}, {cell[1]}) of the input reaches {len(units)} units of conv2: {' and '.join(sides)}."
        assert browser.text("[data-part=said]") == wanted


# -- pointer, keys and links ----------------------------------------------------------------------------------
def test_a_click_pins_and_frees(tab: Open) -> None:
    browser = tab(DILATED, "")
    point(browser, "mine", (5, 6), 25)
    assert browser.text("[data-part=said]").startswith("Unit (5, 6)")
    point(browser, "mine", (5, 6), 25, "mouse.click")
    point(browser, "mine", (9, 9), 25)
    assert browser.text("[data-part=said]").startswith("Unit (5, 6)")
    assert browser.text("[data-part=hint]").startswith("Pinned")
    point(browser, "mine", (5, 6), 25, "mouse.click")
    point(browser, "mine", (9, 9), 25)
    assert browser.text("[data-part=said]").startswith("Unit (9, 9)")


def test_keys_go_through_layers_and_units(tab: Open) -> None:
    browser = tab("code8")
    browser("focus", ".net-list")
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown"):
        browser("keyboard.press", key)
        drawn(browser)
    rows = explored("code8")["pictures"]["blocks"]["rows"]
    chosen = browser.run("() => document.querySelector('[aria-selected=true]').getAttribute('aria-posinset')")
    name = browser.run("() => document.querySelector('[data-part=title] h2').firstChild.textContent")
    assert name == rows[int(chosen) - 1]["name"]
    browser("keyboard.press", "Enter")  # on to its map
    for key in ("Home", "PageUp", "ArrowDown", "ArrowRight", "ArrowRight"):
        browser("keyboard.press", key)
    drawn(browser)
    assert browser.text("[data-part=said]").startswith(f"Unit (1, 2) of {name} ")
    assert browser.text("[data-part=hint]").startswith("Pinned")
    browser("keyboard.press", "Escape")
    drawn(browser)
    assert browser.text("[data-part=hint]").startswith("Point at")


def test_tab_goes_through_all_that_can_be_used(tab: Open) -> None:
    browser = tab("code8")
    seen = []
    for _ in range(16):
        browser("keyboard.press", "Tab")
        seen.append(
            browser.run(
                "() => { const e = document.activeElement;"
                " return e.dataset.part ?? (e.className === 'net-list' ? e.className : e.parentElement.dataset.part) }"
            )
        )
    order = ["find", "every", "net-list", "mine", "path", "zoom", "beyond", "theirs"]
    assert [part for part in seen if part in order][: len(order)] == order


def test_a_finger_picks_a_unit(tab: Open) -> None:
    browser = tab(DILATED, look={"viewport": SMALL, "hasTouch": True})
    point(browser, "mine", (3, 4), 25, "touchscreen.tap")
    assert browser.text("[data-part=said]").startswith("Unit (3, 4)")


def test_a_link_that_is_edited_wins_over_a_frame_that_is_pending(tab: Open) -> None:
    browser = tab("code8", "#layer=conv2&unit=1,1")
    drawn(browser)
    for delay in (0, 149):  # a frame, or the write that follows it, is still to come
        told = browser.run(
            """async (delay) => {
              const rest = (ms) => new Promise((done) => setTimeout(done, ms));
              location.hash = "layer=conv2&unit=1,1";
              await rest(250);
              const map = document.querySelector("[data-part=mine] canvas");
              map.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
              await rest(delay);
              const edited = "#layer=conv3&unit=5,7";
              location.hash = edited;
              // A turn of the loop that comes before the event of the link, as a slow machine may give it.
              const until = performance.now() + 200;
              while (performance.now() < until);
              await rest(250);
              return [location.hash, document.querySelector("[data-part=said]").textContent];
            }""",
            delay,
        )
        assert told[0].startswith("#layer=conv3&unit=5,7"), delay
        assert told[1].startswith("Unit (5, 7) of conv3 "), delay


def test_a_write_that_is_late_keeps_off_an_edited_link(tab: Open) -> None:
    """The page's own write, made between an edit and its event, changes nothing."""
    browser = tab("code8", "#layer=conv2&unit=1,1")
    drawn(browser)
    kept = browser.run(
        """async () => {
          await new Promise((done) => setTimeout(done, 300));
          const late = setTimeout;
          let write;
          window.setTimeout = (call, ms) => (ms === 150 ? ((write = call), 0) : late(call, ms));
          const map = document.querySelector("[data-part=mine] canvas");
          map.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
          await new Promise((done) => requestAnimationFrame(() => late(done)));
          window.setTimeout = late;
          location.hash = "layer=conv3&unit=5,7";
          write();
          return location.hash;
        }"""
    )
    assert kept == "#layer=conv3&unit=5,7"


def test_layers_are_found_by_name(tab: Open) -> None:
    browser = tab("resnet18")
    title = "[data-part=title] h2"
    browser("fill", "[data-part=find]", "layer3 conv2")
    drawn(browser)
    first = browser.text(title)
    assert "layer3" in first and "conv2" in first
    count = sum("layer3" in node.name and "conv2" in node.name for node in convviz.read("resnet18").nodes)
    assert (
        browser.text("[data-part=found]") == f"2 of {count}" and count == 2
    )  # the next from where one stands
    browser("focus", "[data-part=find]")
    browser("keyboard.press", "Enter")
    drawn(browser)
    assert browser.text(title) != first
    assert browser.text("[data-part=found]") == f"1 of {count}"
    browser("fill", "[data-part=find]", "no such layer")
    assert browser.text("[data-part=found]") == "None"


# -- the effective field --------------------------------------------------------------------------------------
def test_the_effective_field_of_a_unit(tab: Open) -> None:
    browser = tab("code8", "#layer=conv7&unit=1,1", erf={"layers": ["conv7"]})
    drawn(browser)
    graph, legend = convviz.read("code8"), "[data-part=heat]"
    units = [n // 2 for n in graph["conv7"].out[1:]]
    names = browser.run(f"() => [...document.querySelectorAll('{legend} button')].map((b) => b.textContent)")
    assert names == [f"({units[0]}, {units[1]})", f"(0, {units[1]})", "(0, 0)"]
    for i, unit in enumerate([tuple(units), (0, units[1]), (0, 0)]):
        paths = path_counts(graph, "conv7", unit)
        browser("click", f"{legend} nav button:nth-of-type({i + 1})")
        browser.wait(
            f"document.querySelectorAll('{legend} nav button')[{i}].getAttribute('aria-pressed') === 'true'"
        )
        text = " ".join(browser.text(legend).split())
        spread = paths.real_extent
        assert spread is not None
        lo, hi = np.array(paths.lo), np.array(paths.lo) + paths.size - 1
        first = (lo + hi + 1 - spread.box) // 2
        last = (lo + hi + 1 + spread.box) // 2 - 1
        if i:  # what lies beyond the border is no part of it
            lo, first = np.maximum(lo, 0), np.maximum(first, 0)
            hi, last = np.minimum(hi, 27), np.minimum(last, 27)
        box, reach = (" × ".join(map(str, b - a + 1)) for a, b in ((first, last), (lo, hi)))
        part = np.prod(last - first + 1) / np.prod(hi - lo + 1) * 100
        of = f"the {reach} within reach" if i else f"the theoretical {reach}"
        assert f"95 % of it lies in {box} cells: {float(f'{part:.2g}'):g} % of {of}." in text
        assert browser.text("[data-part=said]").startswith(f"Unit ({unit[0]}, {unit[1]}) of conv7 ")
    hidden = "() => document.querySelector('[data-part=heat]').hidden"
    browser("click", "[data-part=heated]")
    drawn(browser)
    assert browser.run(hidden)
    browser("click", "[data-part=heated]")
    browser.run("() => { location.hash = 'layer=conv2&unit=3,3' }")
    drawn(browser)
    assert "the nearest is that of conv7" in browser.text(legend)
    browser("click", f"{legend} button")
    drawn(browser)
    assert browser.text("[data-part=said]").startswith(f"Unit ({units[0]}, {units[1]}) of conv7 ")


def test_the_box_of_an_effective_field_is_an_unbroken_line(tab: Open) -> None:
    """Dashes say what lies beyond the ends, so the lines between cells must not cut it."""
    browser = tab("code8", "#layer=conv5&unit=4,4", erf={"layers": ["conv5"]})
    browser.wait("document.querySelector('.net-ramp')")
    drawn(browser)
    longest = browser.run(
        """() => {
          const canvas = document.querySelector("[data-part=theirs] canvas");
          const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const ink = (at) => data[at + 3] > 200 && data[at] + data[at + 1] + data[at + 2] < 150;
          let [longest, run] = [0, 0];
          for (let at = 0; at < data.length; at += 4) {
            run = (at / 4) % width && ink(at) ? run + 1 : 0;
            longest = Math.max(longest, run);
          }
          return longest / canvas.width;
        }"""
    )
    box = path_counts(convviz.read("code8"), "conv5").real_extent.box[1]  # type: ignore[union-attr]
    assert longest > 0.9 * box / 28


def test_without_an_effective_field_the_page_says_how_to_get_it(tab: Open) -> None:
    browser = tab("code8")
    assert not browser("isVisible", "[data-part=heated]")
    assert "convviz explore code8 --erf" in browser.text("[data-part=details]")


# -- code and commands ----------------------------------------------------------------------------------------
def test_commands_can_be_copied_and_run(tab: Open) -> None:
    browser = tab("code8", "#layer=conv3&unit=2,3")
    drawn(browser)
    browser("click", "[aria-label='Copy The same numbers']")
    browser.wait("document.querySelector('[aria-label=\"Copy The same numbers\"]').textContent === 'Copied'")
    copied = browser.run("() => navigator.clipboard.readText()")
    assert copied == "convviz rf code8 --layer conv3 --unit 2,3"
    code = browser.text(".net-code")
    assert "convviz explore code8 --layer conv3" in code
    assert "nn.Conv2d(" in code and "- conv: {" in code


# -- little is touched ----------------------------------------------------------------------------------------
WATCH = f"""async (part) => {{
  const touched = new Set();
  let strokes = 0;
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function (...a) {{ strokes++; return clear.apply(this, a); }};
  const rows = [...document.querySelectorAll(".net-row")];
  const watch = new MutationObserver((all) => all.forEach((change) => touched.add(change.target)));
  watch.observe(document.body, {{ subtree: true, childList: true, attributes: true, characterData: true }});
  const canvas = document.querySelector(`[data-part=${{part}}] canvas`);
  const box = canvas.getBoundingClientRect();
  const frames = [];
  for (let i = 0; i < 20; i++) {{
    const [clientX, clientY] = [box.x + box.width * (0.3 + i / 60), box.y + box.height / 2];
    for (let twice = 0; twice < 3; twice++) {{
      const where = {{ clientX, clientY, bubbles: true, pointerType: "mouse" }};
      canvas.dispatchEvent(new PointerEvent("pointermove", where));
    }}
    {FRAME}
  }}
  watch.disconnect();
  CanvasRenderingContext2D.prototype.clearRect = clear;
  const same = rows.every((row) => row.isConnected) && rows.length === document.querySelectorAll(".net-row").length;
  const lists = [...touched].filter((node) => node.closest?.(".net-row")).map((node) => node.localName);
  const lit = document.querySelectorAll(".net-lit").length;
  return {{ touched: touched.size, strokes, same, rows: rows.length, lit, lists: [...new Set(lists)] }};
}}"""


@pytest.mark.parametrize("part", ["mine", "theirs"])
def test_a_move_touches_few_elements(tab: Open, part: str) -> None:
    """One frame draws once, however many events came; no row is made again, and only canvases change in them."""
    browser = tab("resnet50", "#layer=layer2_1.branch1.conv2")
    browser.run("() => document.activeElement?.blur()")
    drawn(browser)
    browser("mouse.move", 5, 5)
    browser("keyboard.press", "Escape")
    seen = browser.run(WATCH, part)
    assert seen["same"]
    assert seen["touched"] <= 12 + 2 * seen["rows"]
    cells = 11 if part == "mine" else 21  # cells that the pointer passes
    assert seen["strokes"] <= cells * (2 + seen["lit"])  # a layer that the unit does not read stays as it is
    if part == "theirs":  # the unit stays: no small map is drawn again
        assert seen["strokes"] <= 2 * 21
        assert seen["lists"] == []
