"""A net's page in a real Chromium: what it draws and says of any unit is the library's, for nets of all kinds."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

import convviz
from convviz.explorer.choose import explored
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from convviz.theme import THEMES
from tests.browsing import Browser, Open, lacking
from tests.test_random_nets import random_net

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FRAME = "await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));"
SAID = "document.querySelector('[data-part=said]').textContent"
# Follows links, and tells what is said of each once it is drawn.
FOLLOW = f"""async (states) => {{
  const said = [];
  for (const state of states) {{
    if (location.hash !== `#${{state}}`) {{
      location.hash = state;
      await new Promise((done) => addEventListener("hashchange", done, {{ once: true }}));
    }}
    {FRAME}
    said.push({SAID});
  }}
  return said;
}}"""


def chain(name: str, side: int, *ops: tuple[str, dict[str, Any]]) -> Graph:
    builder, last = GraphBuilder(name, {"input": (1, side, side)}), "input"
    for i, (kind, fields) in enumerate(ops):
        builder.add(f"{kind}{i}", build(kind, fields), [last])
        last = f"{kind}{i}"
    return builder.build()


DILATED = chain(
    "dilated", 25, *[("conv", {"out_channels": 2, "kernel_size": 3, "padding": 2, "dilation": 2})] * 3
)


def drawn(browser: Browser) -> None:
    browser.run(f"async () => {{ {FRAME} {FRAME} }}")


# -- what units read ------------------------------------------------------------------------------------------
NETS: dict[str, Graph | str] = {
    **{name: name for name in ("resnet18", "unet", "wavenet", "dcgan", "inception_v3", "lenet5")},
    **{f"random {seed}": replace(random_net(Random(seed)), name=f"random {seed}") for seed in (11, 12, 13)},
    "dilated": DILATED,
}


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_units_read_what_the_library_says(tab: Open, net: str) -> None:
    what = NETS[net]
    graph = convviz.read(what)
    rng = np.random.default_rng(5)
    data = explored(what)["layers"]
    layers = [layer for layer in data if layer["map"]]
    asked = []
    for i in rng.choice(len(layers), 8):
        space = layers[i]["map"]
        units = [tuple(int(rng.integers(n)) for n in space), (0,) * len(space), tuple(n - 1 for n in space)]
        asked += [(layers[i]["name"], unit) for unit in units]
    links = [f"layer={name}&unit={','.join(map(str, unit))}" for name, unit in asked]
    for (name, unit), text in zip(asked, tab(what).run(FOLLOW, links), strict=True):
        found = convviz.unit(graph, unit, name)
        assert text.startswith(f"Unit ({', '.join(map(str, unit))}) of {name} "), (name, unit, text)
        if found.lo is None:
            assert "reads nothing" in text
            continue
        numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", text.split(" reads ")[1])]
        wanted = [n for lo, hi in zip(found.lo, found.hi) for n in ([lo] if lo == hi else [lo, hi])]
        assert numbers[: len(wanted) + 1] == [*wanted, found.count], (name, unit, text)
        more = "If no map had an end" in text or "Maps wrap around" in text
        assert more == found.clipped, (name, unit, text)


# The colour of what is read, and how far it and the whole map reach on the canvas, in pixels.
PIXELS = """(read, edge) => {
  const canvas = document.querySelector("[data-part=theirs] canvas");
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const ends = (colour, near) => {
    const [xs, ys] = [[], []];
    for (let at = 0; at < data.length; at += 4) {
      if (colour.every((c, i) => Math.abs(c - data[at + i]) <= near)) {
        xs.push((at / 4) % width);
        ys.push(Math.floor(at / 4 / width));
      }
    }
    const most = (values, pick) => values.reduce((a, b) => pick(a, b), values[0]);
    return [ys, xs].map((v) => [most(v, Math.min), most(v, Math.max) + 1]);
  };
  return { read: ends(read, 3), map: ends(edge, 3) };
}"""


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("unit", [(0, 0), (6, 6), (3, 12), (12, 5)])
def test_the_cells_that_are_drawn(tab: Open, unit: tuple[int, int]) -> None:
    """The coloured pixels cover the cells that the library names, at the border, too."""
    net = chain(
        "strided",
        26,
        ("conv", {"out_channels": 2, "kernel_size": 3, "padding": 1, "stride": 2}),
        ("conv", {"out_channels": 2, "kernel_size": 5, "padding": 2}),
    )
    browser = tab(net, f"#layer=conv1&unit={unit[0]},{unit[1]}")
    drawn(browser)
    roles = THEMES["light"].roles
    tint = [round((c + 255) / 2) for c in rgb(roles["active"].edge)]
    seen = browser.run(PIXELS, tint, rgb(roles["input"].edge))
    found = convviz.unit(net, unit, "conv1")
    assert found.lo is not None and found.hi is not None
    for (first, last), (start, end), lo, hi in zip(
        seen["read"], seen["map"], found.lo, found.hi, strict=True
    ):
        cell = (end - start - 1) / 26
        assert round((first - start) / cell) == lo
        assert round((last - start) / cell) - 1 == hi


# -- nets of all kinds ----------------------------------------------------------------------------------------
def test_names_stay_text(tab: Open) -> None:
    builder, last = GraphBuilder(NASTY, {"input": (1, 8, 8)}), "input"
    names = [NASTY, " ", "it's a name", "ünï·ço☃", "x" * 300, "a.b."]
    for name in names:
        builder.add(name, build("conv", {"out_channels": 1, "kernel_size": 3, "padding": 1}), [last])
        last = name
    browser = tab(builder.build())
    assert browser.run("() => document.querySelectorAll('img, script').length") == 3
    assert browser.text("h1") == NASTY
    for name in names:
        browser.run("(name) => { location.hash = new URLSearchParams({ layer: name, unit: '1,1' }) }", name)
        drawn(browser)
        shown = name if name.strip() else "(no name)"
        assert browser.run(f"() => {SAID}").startswith(f"Unit (1, 1) of {shown} reads "), name
    wide = browser.run("() => document.documentElement.scrollWidth")
    assert wide <= 1440


def test_a_net_of_thousands_of_layers_opens_and_says_what_is_left_out(tab: Open) -> None:
    builder, last = GraphBuilder("deep", {"input": (1, 64, 64)}), "input"
    for i in range(5000):
        name, op = (f"relu{i}", build("relu")) if i % 10 else (f"conv{i}", CONV)
        builder.add(name, op, [last])
        last = name
    browser = tab(builder.build())
    assert "The first 1,500 are shown; the other 3,500 count in the totals only." in browser.text(
        "[data-part=notes]"
    )
    assert "5,000 layers" in browser.text("[data-part=totals]")
    assert browser.run("() => document.querySelectorAll('.net-row').length") < 60
    spent = browser.run(
        f"async () => {{ const from = performance.now(); location.hash = 'layer=relu1499&unit=3,3';"
        f" await new Promise((done) => addEventListener('hashchange', done, {{ once: true }})); {FRAME}"
        " return performance.now() - from }"
    )
    assert spent < 2000
    assert browser.run(f"() => {SAID}").startswith("Unit (3, 3) of relu1499 ")


CONV = build("conv", {"out_channels": 1, "kernel_size": 3, "padding": 1})


def test_a_million_samples(tab: Open) -> None:
    graph = convviz.read("wavenet", "256x1000000")
    browser = tab("wavenet", "#layer=conv3&unit=700001&zoom=1", input="256x1000000")
    drawn(browser)
    found = convviz.unit(graph, (700001,), "conv3")
    assert found.lo is not None and found.hi is not None
    assert f"positions {found.lo[0]:,} to {found.hi[0]:,} of the input" in browser.text("[data-part=said]")
    assert "1,000,000 cells" in browser.text("[data-part=theirs-title]")
    label = browser("getAttribute", "[data-part=levels] canvas", "aria-label")
    assert label.startswith("What the unit reads in 12 layers")


@pytest.mark.parametrize(
    "net, size, layer", [("code8", "1x99999999x99999999", "conv1"), ("wavenet", "256x1000000000", "h1")]
)
def test_a_huge_map_is_drawn_as_far_as_it_is_in_sight(tab: Open, net: str, size: str, layer: str) -> None:
    """Cells that have borders of their own, of a map with a thousand million others."""
    browser = tab(net, "", input=size)
    unit = ",".join(["7654321"] * (size.count("x")))
    start = "() => { const from = performance.now(); location.hash ="
    spent = browser.run(
        f"async {start} 'layer={layer}&unit={unit}&zoom=1';"
        f" await new Promise((done) => addEventListener('hashchange', done, {{ once: true }})); {FRAME}"
        " return performance.now() - from }"
    )
    assert spent < 2000
    found = convviz.unit(convviz.read(net, size), (7654321,) * size.count("x"), layer)
    assert found.lo is not None
    assert f"{found.lo[-1]:,}" in browser.text("[data-part=said]")
    # Between cells that are read there is a line, which is not in the colour of what is read.
    colours = browser.run(
        "() => { const c = document.querySelector('[data-part=theirs] canvas');"
        " const row = c.getContext('2d').getImageData(0, c.height / 2, c.width, 1).data;"
        " return new Set(Array.from({ length: c.width }, (_, i) => row.slice(4 * i, 4 * i + 3).join())).size }"
    )
    assert colours > 3


def test_a_net_without_maps(tab: Open) -> None:
    builder = GraphBuilder("mlp", {"input": (20,)})
    builder.add("fc1", build("linear", {"out_features": 8}), ["input"])
    browser = tab(builder.build())
    assert "The input is a vector" in browser.text("[data-part=title]")
    assert not browser("isVisible", "[data-part=hero]")


def test_two_inputs(tab: Open) -> None:
    builder = GraphBuilder("two", {"image": (1, 12, 12), "mask": (1, 12, 12)})
    builder.add("left", CONV, ["image"])
    builder.add("right", build("conv", {"out_channels": 1, "kernel_size": 5, "padding": 2}), ["mask"])
    builder.add("both", build("add"), ["left", "right"])
    graph = builder.build()
    for wrt, size, other in (("image", 9, "right"), ("mask", 25, "left")):
        browser = tab(graph, "#layer=both&unit=6,6", wrt=wrt)
        drawn(browser)
        assert f"of input {wrt}: {size} cells" in browser.text("[data-part=said]")
        browser.run("(name) => { location.hash = `layer=${name}` }", other)
        drawn(browser)
        assert f"{other} does not depend on {wrt}." in browser.text("[data-part=title]")


def test_phases_are_shown(tab: Open) -> None:
    graph = convviz.read("dcgan")
    name = graph.nodes[-1].name
    browser = tab("dcgan", f"#layer={name}&unit=33,34")
    drawn(browser)
    period = convviz.receptive_field(graph)[name].period[0]
    now = browser.run("() => [...document.querySelectorAll('.net-now')].map((row) => row.textContent)")
    assert [int(re.match(r"\d+?(?=\d\d)", row).group()) for row in now] == [33 % period, 34 % period]
