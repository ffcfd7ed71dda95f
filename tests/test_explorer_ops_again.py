"""An op's page against PyTorch alone: its own code is run on the numbers that it shows; and what must be in sight."""

from __future__ import annotations

import re
from random import Random
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from convviz.explorer.choose import explored
from tests.browsing import SMALL, Browser, Open, lacking

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

Cell = tuple[int, ...]
ASKED = 5  # settings of each page
# What stands on the page, read after each link: numbers, code, and what an output reads and an input feeds.
LOOK = """async (links) => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const cells = (selector) => all(selector).map((e) => [e.dataset.key, e.querySelector(".op-value").textContent]);
  const keys = (selector) => all(selector).map((e) => e.dataset.key);
  const some = (list) => list[Math.floor(list.length * 0.6)];
  const point = (element) => element.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  const found = [];
  for (const link of links) {
    if (location.hash !== `#${link}`) {
      location.hash = link;
      await new Promise((done) => addEventListener("hashchange", done, { once: true }));
    }
    const page = {
      code: document.querySelector(".op-code pre").textContent,
      title: document.querySelector(".op-kernel figcaption")?.textContent ?? "",
      input: cells(".op-input .op-cell:not(.op-pad)"),
      kernel: cells(".op-kernel .op-cell"),
      output: cells(".op-output .op-cell:not(.op-pad)"),
    };
    const out = some(all(".op-output .op-cell:not(.op-pad)"));
    point(out);
    page.out = out.dataset.key;
    page.read = keys(".op-input .op-read");
    page.told = document.querySelector(".op-sum .op-out").textContent;
    const given = some(all(".op-input .op-cell:not(.op-pad)"));
    point(given);
    page.given = given.dataset.key;
    page.fed = keys(".op-output .op-fed:not(.op-pad)");
    found.push(page);
  }
  return found;
}"""
PAGES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "conv": ("conv", {}, None),
    "channels, groups and holes": ("conv", {"groups": 2, "out_channels": 2, "dilation": 2}, "2x7x8"),
    "a row": ("conv", {"kernel_size": 4, "stride": 3, "padding": 2}, "2x11"),
    "a volume": ("conv", {"kernel_size": 2, "padding": 1}, "1x3x4x3"),
    "a ring": ("conv", {"padding": 2, "padding_mode": "circular"}, "1x5x6"),
    "a mirror": ("conv", {"padding": 2, "padding_mode": "reflect", "stride": 2}, "1x6x5"),
    "unequal axes": ("conv", {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)}, "1x6x7"),
    "depthwise": ("depthwise", {"stride": 2}, None),
    "transposed": ("conv_transpose", {"stride": 3, "output_padding": 2}, None),
    "transposed, in groups": ("conv_transpose", {"groups": 2, "out_channels": 4}, "2x3x3"),
    "max pool": ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, "2x6x7"),
    "avg pool": ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, None),
    "adaptive": ("adaptive_avg_pool", {"output_size": 3}, "1x7x5"),
    "shuffle": ("pixel_shuffle", {"upscale_factor": 3}, None),
    "channel shuffle": ("channel_shuffle", {}, None),
}  # fmt: skip


def links(data: dict[str, Any], rng: Random) -> list[str]:
    """Settings of a page at random, as links."""
    lengths = [len(knob["labels"]) for knob in data["knobs"]]
    found = []
    for place in rng.sample(sorted(data["settings"]), min(ASKED, len(data["settings"]))):
        at = np.unravel_index(int(place), lengths)
        words = {knob["field"]: knob["labels"][i] for knob, i in zip(data["knobs"], at, strict=True)}
        found.append(urlencode(words))
    return found


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def cell(key: str) -> Cell:
    return tuple(map(int, key.split(",")))


def array(cells: list[list[str]]) -> np.ndarray:
    """Cells as an array; there are no more of them than it has."""
    keys = [cell(key) for key, _ in cells]
    found = np.full([max(axis) + 1 for axis in zip(*keys, strict=True)], np.nan)
    for key, (_, text) in zip(keys, cells, strict=True):
        found[key] = number(text)
    assert not np.isnan(found).any()
    return found


def run(torch: Any, code: str, x: Any, weight: Any, bias: Any) -> Any:
    """What the page's code gives for an input, once the layer has these weights."""
    before, _, after = code.partition("\nx = ")
    names: dict[str, Any] = {"x": x}
    exec(before, names)
    layer: Any = names.get("layer")
    with torch.no_grad():
        if getattr(layer, "weight", None) is not None:
            layer.weight[:] = weight if weight is not None else 1
            if layer.bias is not None:
                layer.bias[:] = bias
        exec(after.partition("\n")[2], names)
    return names["y"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_pytorch_s_own(tab: Open, name: str) -> None:
    torch = pytest.importorskip("torch")
    kind, fields, input = PAGES[name]
    asked = links(explored(kind, fields, input), Random(name))
    for link, page in zip(asked, tab(kind, fields=fields, input=input).run(LOOK, asked), strict=True):
        about = f"{name} {link} {page['out']} {page['given']}"
        x, y = array(page["input"]), array(page["output"])
        weight = torch.tensor(array(page["kernel"])).float() if page["kernel"] else None
        bias = [number(n) for n in re.findall(r"[−-]?\d+", page["title"].partition("bias")[2])] or [0.0]
        real = run(torch, page["code"], torch.tensor(x)[None].float(), weight, torch.tensor(bias)).numpy()[0]
        assert real.shape == y.shape, about
        np.testing.assert_allclose(y, real, atol=0.0051, err_msg=about)
        assert abs(number(page["told"]) - real[cell(page["out"])]) < 0.0001, about
        # One input cell after the other is 1, all others 0, and so are the biases: what is not 0 has read it.
        each = torch.eye(x.size).reshape(-1, *x.shape)
        met = run(torch, page["code"], each, None, 0).numpy() != 0
        reading = {
            key for key, hit in zip(np.ndindex(x.shape), met[:, *cell(page["out"])], strict=True) if hit
        }
        lit = {cell(key) for key in page["read"]}
        inner = {key for key in lit if all(0 <= i < n for i, n in zip(key, x.shape, strict=True))}
        assert inner <= reading and (lit != inner or inner == reading), about
        fed = {
            tuple(map(int, key))
            for key in np.argwhere(met[np.ravel_multi_index(cell(page["given"]), x.shape)])
        }
        assert {cell(key) for key in page["fed"]} == fed, about


# -- what the sliders reach ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "kind, words",
    [
        ("conv", {"in_channels": 2, "out_channels": 2, "groups": 2, "dilation": 2, "stride": 2, "padding": 1}),
        ("conv", {"in_channels": 2, "kernel_size": 2, "dilation": 2}),
        ("conv", {"in_channels": 2, "dilation": 2, "padding": 2}),
        ("conv", {"stride": 3, "padding": 2, "dilation": 3, "input_size": 9}),
        ("conv", {"in_channels": 2, "out_channels": 2, "padding_mode": "circular", "padding": 1}),
        ("conv_transpose", {"in_channels": 2, "groups": 2, "out_channels": 2, "dilation": 2, "stride": 2}),
        ("conv_transpose", {"in_channels": 2, "output_padding": 1, "padding": 1}),
        ("max_pool", {"in_channels": 2, "dilation": 2, "kernel_size": 3, "ceil_mode": "yes"}),
        ("avg_pool", {"in_channels": 2, "padding": 1, "count_include_pad": "no", "ceil_mode": "yes"}),
    ],
)  # fmt: skip
def test_fields_that_teachers_turn_together_are_there_together(kind: str, words: dict[str, Any]) -> None:
    data = explored(kind)
    lengths = [len(knob["labels"]) for knob in data["knobs"]]
    start = np.unravel_index(data["start"], lengths)
    at = [
        knob["labels"].index(str(words[knob["field"]])) if knob["field"] in words else int(i)
        for knob, i in zip(data["knobs"], start, strict=True)
    ]
    assert str(np.ravel_multi_index(at, lengths)) in data["settings"]


# -- what is seen -------------------------------------------------------------------------------------------
def test_two_wide_grids_stay_on_the_screen(tab: Open) -> None:
    fields = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}
    browser = tab("max_pool", fields=fields, input="2x6x7")
    edge = """(selector) => Math.max(...[...document.querySelectorAll(selector)].map(
      (e) => e.getBoundingClientRect().right))"""
    assert browser.run(edge, ".op-output .op-cell") <= browser.run(edge, ".op-main")
    assert browser.run("() => document.documentElement.scrollWidth") <= 1440


@pytest.mark.parametrize("kind, field", [("pixel_shuffle", "upscale_factor"), ("channel_shuffle", "groups")])
def test_many_small_maps_stay_on_a_phone_at_both_ends_of_every_slider(
    tab: Open, kind: str, field: str
) -> None:
    browser = tab(kind, look={"viewport": SMALL})
    turn = """() => [...document.querySelectorAll(".op-knob input")].flatMap((slider) =>
      ["0", slider.max].map((end) => {
        slider.value = end;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        return [slider.id, end, document.documentElement.scrollWidth];
      }))"""
    found = browser.run(turn)
    assert len(found) == 6 and found[0][0] == f"op-{field}"
    assert all(width <= SMALL["width"] for _, _, width in found), found


def test_a_map_is_as_wide_as_its_cells_where_its_name_is_wider(tab: Open) -> None:
    browser = tab("channel_shuffle", look={"viewport": SMALL}, input="4x1x1", fields={"groups": 2})
    wide = "(selector) => document.querySelector(selector).getBoundingClientRect().width"
    table, one = (browser.run(wide, f".op-input {part}") for part in (".op-table", ".op-cell"))
    assert abs(table - one) < 2, "rays would miss the cell"


@pytest.mark.parametrize("look", [{}, {"viewport": SMALL}], ids=["wide", "small"])
def test_fractions_in_small_cells_have_fewer_digits_and_not_smaller_ones(
    tab: Open, look: dict[str, Any]
) -> None:
    browser = tab("group_norm", fields={"num_groups": 2}, input="4x3x3", look=look)
    small = """() => Math.min(...[...document.querySelectorAll(".op-output .op-cell")].map(
      (e) => Number.parseFloat(getComputedStyle(e).fontSize)))"""
    assert browser.run(small) >= 10
    shown = browser.run(
        """() => [...document.querySelectorAll(".op-output .op-value")].map((e) => e.textContent)"""
    )
    assert any("." in text for text in shown)
    output = explored("group_norm", {"num_groups": 2}, "4x3x3")
    state = output["states"][output["settings"][str(output["start"])]]
    view = output["store"][state["views"][0]]
    values = output["store"][output["store"][view["output"]]["tensor"]]["values"]
    for text, value in zip(shown, values, strict=True):
        digits = len(text.partition(".")[2])
        assert abs(number(text) - value) <= 0.5 * 10.0**-digits + 1e-9, (text, value)


def test_a_place_along_one_axis_is_not_taken_for_a_product(tab: Open) -> None:
    browser = tab("conv_transpose", fields={"kernel_size": 3, "stride": 2}, input="1x5")
    pairs = browser.run("""() => [...document.querySelectorAll(".op-pairs li")].map((e) => e.textContent)""")
    assert pairs and all(" → output " in pair for pair in pairs), pairs


def test_formulas_are_evenly_spaced(tab: Open) -> None:
    gaps = """() => [...document.querySelectorAll(".op-formulas li")].map((row) => {
      const [symbols, numbers] = [".op-symbols", ".op-numbers"].map((s) => row.querySelector(s));
      const blank = symbols.textContent.length;
      const range = document.createRange();
      range.setStart(symbols.firstChild, 0);
      range.setEnd(symbols.firstChild, symbols.textContent.trimEnd().length);
      const one = range.getBoundingClientRect();
      return (numbers.getClientRects()[0].left - one.right) / (one.width / symbols.textContent.trimEnd().length);
    })"""
    found = tab("conv").run(gaps)
    assert found and all(0.9 < gap < 1.1 for gap in found), found


def test_a_step_is_seen_whole_and_tables_come_after_it(tab: Open) -> None:
    browser = tab("resize_conv", fields={"scale_factor": 3})
    assert browser.run("() => innerHeight") == 900
    low = below(browser)
    assert low["marked"] < low["time"] and low["grids"] < low["table"], low


@pytest.mark.parametrize("kind", ["attention", "l1_l2", "softmax"])
def test_the_step_that_is_shown_first_is_in_sight(tab: Open, kind: str) -> None:
    """Of a plan taller than the window it is an earlier one; a link may name any."""
    browser = tab(kind)
    low = below(browser)
    assert browser.run("() => scrollY") == 0 and low["marked"] < low["time"], low
    taller = (
        browser.run("() => document.querySelector('.op-place').getBoundingClientRect().bottom")
        > low["time"] + 1
    )
    assert taller == (kind != "softmax")
    if kind == "attention":
        tab(kind, "#time=85")
        assert "85 of" in browser.text(".plan-time")


def below(browser: Browser) -> dict[str, float]:
    """How far down the marked cells go, the grids begin, the first table and the scrubber begin."""
    found: dict[str, float] = browser.run("""() => {
      const all = (selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect());
      return {
        marked: Math.max(...all(".op-read, .op-written").map((box) => box.bottom)),
        grids: Math.max(...all(".plan-panel.op-grid").map((box) => box.top)),
        table: Math.min(...all(".plan-panel table").map((box) => box.top)),
        time: all(".plan-time")[0].top,
      };
    }""")
    return found


def test_a_norm_s_affine_says_what_it_does(tab: Open) -> None:
    browser = tab("layer_norm")
    choices = browser.run(
        "() => [...document.querySelectorAll('#op-affine option')].map((e) => e.textContent)"
    )
    assert choices == ["×1 + 0", "×2 + 1"]
    browser("selectOption", "#op-affine", "1")
    assert "(8 − 5) / √(9 + 0.00001) × 2 + 1 ≈ 3" in browser.text(".op-statistics")


@pytest.mark.parametrize("kind", ["group_norm", "avg_pool", "softmax"])
def test_numbers_of_a_panel_are_of_one_size(tab: Open, kind: str) -> None:
    """Those of many signs are no smaller than those beside them."""
    page = tab(kind)
    sizes = page.run(
        "() => [...document.querySelectorAll('.op-grid')].map((panel) =>"
        " [...new Set([...panel.querySelectorAll('.op-value')].map((e) => getComputedStyle(e).fontSize))])"
    )
    assert len(sizes) > 1 and all(len(some) == 1 for some in sizes), sizes
