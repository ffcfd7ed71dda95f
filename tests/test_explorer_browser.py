"""The explorer's pages in a real Chromium: pointer, keys, sliders, links, copies, themes, small screens, no request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convviz
from convviz.graph import GraphBuilder
from convviz.ops import build
from tests.browsing import SMALL, WIDE, Open, Pages, lacking

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>"


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


@pytest.mark.slow
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


def test_names_stay_text(tab: Open) -> None:
    builder = GraphBuilder(NASTY, {"input": (1, 8, 8)})
    builder.add(NASTY, build("conv", {"out_channels": 2, "kernel_size": 3}), ["input"])
    browser = tab(builder.build())
    assert browser.run("() => document.querySelectorAll('img, script').length") == 3
    assert NASTY in browser.text("h1")


def test_the_tests_see_requests_and_errors(pages: Pages, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(
        "<img src='other.png'><script>console.error('wrong'); nowhere()</script>", encoding="utf-8"
    )
    pages.open(file)
    seen = pages("faults")
    assert [Path(place).name for place in seen["requests"]] == ["other.png"]
    assert any("wrong" in fault for fault in seen["faults"])
    assert any("nowhere is not defined" in fault for fault in seen["faults"])


def test_the_widget_draws_the_same_page(pages: Pages, tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    made = convviz.explore("conv", theme="dark")
    file = tmp_path / "notebook.html"
    file.write_text(f"<div id=cell></div><style>{made._css}</style>", encoding="utf-8")
    pages.open(file)
    pages.run(
        """async (script, kept) => {
          const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
          const widget = (await import(address)).default;
          widget.render({ model: { get: (name) => kept[name] }, el: document.getElementById("cell") });
        }""",
        made._esm,
        {"data": made.data, "look": made.look},
    )
    assert "gives 1×5×5" in pages.text(".op-headline")
    assert pages("getAttribute", "#cell", "data-theme") == "dark"
    pages("click", '.op-output [data-key="0,0,0"]')
    assert pages.run("() => location.hash") == ""  # a notebook's address is its own
    pages.clean()


# -- a net ----------------------------------------------------------------------------------------------------
# Follows links until each has been drawn: a frame that was still to come writes its own state over a new link.
SAID = """async (states) => {
  const text = () => document.querySelector("[data-part=said]").textContent;
  const said = [];
  for (const [state, start] of states) {
    for (let frame = 0; frame < 40 && !text().startsWith(start); frame++) {
      if (frame % 10 === 0) location.hash = state;
      await new Promise(requestAnimationFrame);
    }
    said.push(text());
  }
  return said;
}"""


@pytest.mark.parametrize("net", ["resnet18", "unet", "wavenet"])
def test_units_read_what_the_library_says(tab: Open, net: str) -> None:
    graph = convviz.read(net)
    result = convviz.receptive_field(graph)
    rng = np.random.default_rng(5)
    rank = len(next(iter(graph.inputs.values())))
    layers = [
        layer for layer in result if layer.rf and len(layer.node.out) == rank and min(layer.node.out[1:]) > 1
    ]
    asked = []
    for layer in rng.choice(len(layers), 8):
        space = layers[layer].node.out[1:]
        units = [tuple(int(rng.integers(n)) for n in space), (0,) * len(space), tuple(n - 1 for n in space)]
        asked += [(layers[layer].node.name, unit) for unit in units]
    browser, asked = tab(net), list(dict.fromkeys(asked))
    links = [f"layer={name}&unit={','.join(map(str, unit))}" for name, unit in asked]
    starts = [f"Unit ({', '.join(map(str, unit))}) of {name} " for name, unit in asked]
    said = browser.run(SAID, list(zip(links, starts, strict=True)))
    for (name, unit), text in zip(asked, said, strict=True):
        found = convviz.unit(graph, unit, name)
        read = text.split("If no map had an end")[0]
        assert text.startswith(f"Unit ({', '.join(map(str, unit))}) of {name} ")
        if found.lo is None:
            assert "reads nothing" in text
            continue
        numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", read.split(" reads ")[1])]
        wanted = [n for lo, hi in zip(found.lo, found.hi) for n in ([lo] if lo == hi else [lo, hi])]
        assert numbers[: len(wanted) + 1] == [*wanted, found.count], (name, unit, text)
        assert ("If no map had an end" in text) == found.clipped, (name, unit, text)
