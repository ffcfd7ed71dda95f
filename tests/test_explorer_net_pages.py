"""What a net's page says and how it looks, for nets that are out of the ordinary: names, sizes, borders, weights."""

from __future__ import annotations

from dataclasses import replace

import pytest

import convviz
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from tests.browsing import SMALL, Browser, Open, lacking
from tests.test_explorer_browser_net import drawn

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

CONV = {"out_channels": 1, "kernel_size": 3, "padding": 1}
SAID, TITLE, TOLD = "[data-part=said]", "[data-part=theirs-title]", "[data-part=told]"


def one(kind: str, shape: tuple[int, ...], name: str = "layer", **fields: object) -> Graph:
    builder = GraphBuilder("one", {"input": shape})
    builder.add(name, build(kind, fields, len(shape) - 1), ["input"])
    return builder.build()


def follow(browser: Browser, **state: str) -> None:
    browser.run("(state) => { location.hash = new URLSearchParams(state) }", state)
    drawn(browser)


def test_one_of_a_thing_is_said_as_one(tab: Open) -> None:
    browser = tab(one("conv", (1, 1, 1), out_channels=1, kernel_size=1, bias=False))
    assert browser.text("[data-part=totals]") == "1 layer · input 1 × 1 × 1 · 1 parameter · 1 MAC"
    assert browser.text(TITLE) == "What it reads of the input, 1 × 1 cell"
    browser = tab(replace(one("relu", (1, 2048)), name="long"))
    assert browser.text("[data-part=mine-title]") == "Unit of 2,048"


# Where on the screen a word begins, in a text that may be several nodes.
LEFT = """(selector, word) => {
  const node = document.querySelector(selector).firstChild;
  const range = document.createRange();
  const from = node.data.indexOf(word);
  range.setStart(node, from);
  range.setEnd(node, from + word.length);
  return range.getBoundingClientRect().x;
}"""


@pytest.mark.parametrize("name", ["طبقة الالتفاف", "abc\u202edef", "first\u2028second"])
def test_numbers_behind_a_name_stay_behind_it(tab: Open, name: str) -> None:
    """Names from right to left, or with signs that turn text around, leave the sentence as it is."""
    builder = GraphBuilder(f"odd {ord(name[-1])}", {"input": (1, 9, 9)})
    builder.add(name, build("conv", CONV), ["input"])
    builder.add("last", build("conv", CONV), [name])
    browser = tab(builder.build())
    follow(browser, layer="last", unit="4,4", at=name)
    for selector, words in (
        (TITLE, ("reads", name[:2], "9 × 9", "units")),
        (SAID, ("Unit", name[:2], "9 cells")),
    ):
        places = [browser.run(LEFT, selector, word) for word in words]
        assert places == sorted(places), browser.text(selector)
    shown = browser.run("() => document.querySelector('[data-row=\"1\"] .net-title').textContent")
    assert not {"\u202e", "\u2028"} & set(shown + browser.text(SAID))
    follow(browser, layer=name, unit="4,4")  # the link has it as it is
    assert browser.run("() => document.querySelector('[aria-selected=true]').dataset.row") == "1"


CUT = """() => [...document.querySelectorAll('.net-row :is(.net-shape, .net-field, .net-params, .net-macs)')]
  .filter((e) => e.offsetWidth && e.scrollWidth > e.clientWidth).map((e) => e.textContent)"""


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("net", ["densenet121", "volume"])
def test_numbers_of_the_column_are_never_cut(tab: Open, net: str, small: bool) -> None:
    graph: Graph | str = net
    if net == "volume":
        graph = one("conv", (16, 120, 224, 224), "volume", out_channels=1000, kernel_size=[101, 103, 107])
    look = {"viewport": SMALL} if small else None
    browser = tab(graph, look=look)
    browser.run("() => document.fonts.ready.then(() => 0)")
    last = convviz.read(graph).nodes[-1].name if isinstance(graph, str) else "volume"
    follow(browser, layer=last)
    assert browser.run(CUT) == []
    assert browser.run("() => document.documentElement.scrollWidth <= innerWidth")


def test_names_have_what_the_numbers_leave(tab: Open) -> None:
    browser = tab("inception_v3")
    browser.run("() => document.fonts.ready.then(() => 0)")
    cut = "() => [...document.querySelectorAll('.net-title > *')].filter((e) => e.scrollWidth > e.clientWidth).length"
    assert browser.run(cut) == 0


@pytest.mark.parametrize("mode, words", [("reflect", "are mirrored"), ("replicate", "repeat their ends"),
                                         ("circular", "wrap around")])  # fmt: skip
def test_what_becomes_of_maps_at_their_ends(tab: Open, mode: str, words: str) -> None:
    """A unit that reads nothing but padding, which stands for real cells elsewhere."""
    graph = replace(one("pad", (1, 8, 8), padding=3, mode=mode), name=mode)
    browser = tab(graph, "#layer=layer&unit=0,0")
    drawn(browser)
    assert f"Maps {words} on the way: counted on beyond their ends, these are row −3" in browser.text(SAID)


def test_what_lies_between_the_ends_of_a_map_that_wraps_is_no_hole(tab: Open) -> None:
    builder = GraphBuilder("torus", {"input": (1, 9, 9)})
    builder.add("near", build("pad", {"padding": 1, "mode": "reflect"}, 2), ["input"])
    builder.add("pad", build("pad", {"padding": 1, "mode": "circular"}, 2), ["near"])
    builder.add("conv", build("conv", CONV | {"padding": 0}, 2), ["pad"])
    browser = tab(builder.build())
    browser.run(
        "() => { const pen = CanvasRenderingContext2D.prototype, make = pen.createPattern; window.hatched = 0;"
        " pen.createPattern = function (...a) { hatched++; return make.apply(this, a) } }"
    )
    follow(browser, layer="conv", unit="0,0", at="near")
    assert browser.text(SAID) == (
        "Unit (0, 0) of conv reads rows 0 to 10 and columns 0 to 10 of near: 9 cells. "
        "Maps wrap around on the way: counted on beyond their ends, these are rows −1 to 1 and columns −1 to 1."
    )
    assert browser.run("() => hatched") == 0
    follow(browser, layer="conv", unit="0,0")
    assert "Maps wrap around and are mirrored on the way" in browser.text(SAID)


def test_weights_that_are_another_layer_s(tab: Open) -> None:
    nn = pytest.importorskip("torch.nn")
    twice = nn.Conv2d(1, 1, 3, padding=1)
    graph = convviz.read(nn.Sequential(twice, nn.ReLU(), twice), (1, 8, 8))
    shared = next(node for node in graph.nodes if node.shares)
    browser = tab(replace(graph, name="shared"), f"#layer={shared.name}")
    drawn(browser)
    assert f"0: those of {shared.shares}" in browser.text("[data-part=numbers]")


def test_slices_are_counted_and_said_to_lie_behind_each_other(tab: Open) -> None:
    browser = tab(one("conv", (1, 5, 6, 7), "deep", **CONV), "#layer=deep&unit=3,2,2")
    drawn(browser)
    assert browser.text("[data-part=slicing]") == "Slice 3"
    assert "Slices lie behind each other" in browser.text(TOLD)
    browser("focus", "[data-part=slice]")
    browser("keyboard.press", "ArrowRight")
    drawn(browser)
    assert browser.text("[data-part=slicing]") == "Slice 4"
    assert browser.text(SAID).startswith("Unit (4, 2, 2) of deep ")
    assert "Slices" not in tab("code8").text(TOLD)


def test_a_layer_that_depends_on_all_says_of_what(tab: Open) -> None:
    builder = GraphBuilder("gate", {"left": (2, 8, 8), "right": (2, 8, 8)})
    builder.add("gate", build("adaptive_avg_pool", {"output_size": 1}), ["left"])
    builder.add("out", build("mul"), ["left", "gate"])
    graph = builder.build()
    browser = tab(graph, "#layer=out&unit=1,1")
    drawn(browser)
    also = "Every unit also depends on all of input left through gate; that path is not drawn"
    assert also in browser.text("[data-part=title]")
    browser = tab(graph, "#layer=out&unit=1,1", with_global=True)
    drawn(browser)
    assert "From here on every unit depends on all of input left." in browser.text("[data-part=title]")
