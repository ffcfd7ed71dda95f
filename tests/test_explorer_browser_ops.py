"""An op's page in a real Chromium: what lights up, and the sum that is shown, are the library's, at many settings."""

from __future__ import annotations

import re
from itertools import product
from math import prod
from random import Random
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from convviz.explorer.op import example_of, first
from convviz.ops import build
from convviz.ops.base import Op, Shape
from convviz.ops.relations import inside
from convviz.plan.reach import cells_read
from tests.browsing import SMALL, Open, lacking

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

ASKED = 10  # settings and cells of each page

DATA = "() => JSON.parse(document.getElementById('data').textContent)"
# Follows links, and tells what is lit and what is written of each.
FOLLOW = """async (states) => {
  const keys = (selector) => [...document.querySelectorAll(selector)].map((e) => e.dataset.key.split(",").map(Number));
  const found = [];
  for (const state of states) {
    if (location.hash !== `#${state}`) {
      location.hash = state;
      await new Promise((done) => addEventListener("hashchange", done, { once: true }));
    }
    const term = (e) => [e.querySelector(".op-weight"), e.querySelector(".op-in")].map((part) => part?.textContent);
    found.push({
      hash: location.hash,
      read: keys(".op-input .op-read:not(.op-stuffed)"),
      fed: keys(".op-output .op-fed"),
      terms: [...document.querySelectorAll(".op-sum .op-term")].map(term),
      more: document.querySelector(".op-sum")?.textContent.includes("more") ?? false,
      bias: document.querySelector(".op-bias")?.firstChild.textContent ?? null,
      result: document.querySelector(".op-sum .op-out")?.textContent ?? null,
    });
  }
  return found;
}"""


# Each at its own settings and at every one that its sliders reach: in one dimension, in groups, with a border, in
# another mode, and so on.
OPS: dict[str, tuple[str, dict[str, Any], Shape | None, str]] = {
    "conv": ("conv", {}, None, ""),
    "conv in a row": ("conv", {"kernel_size": 3}, (1, 9), ""),
    "conv of channels": ("multi_channel_conv", {}, None, ""),
    "conv in groups": ("grouped_conv", {}, None, ""),
    "conv with a border": ("conv", {"padding": 2, "padding_mode": "reflect"}, None, ""),
    "depthwise": ("depthwise_conv", {}, None, ""),
    "dilated": ("dilated", {}, None, ""),
    "transposed": ("conv_transpose", {}, None, "scatter"),
    "transposed, gathered": ("conv_transpose", {}, None, "gather"),
    "transposed in a row": ("conv_transpose", {"stride": 3}, (1, 5), "scatter"),
    "transposed in groups": ("conv_transpose", {"groups": 2, "out_channels": 2}, (2, 3, 3), "scatter"),
    "max pool": ("max_pool", {}, None, ""),
    "max pool with a border": ("max_pool", {"kernel_size": 3, "padding": 1}, (2, 5, 5), ""),
    "avg pool": ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1}, None, ""),
    "adaptive": ("adaptive_avg_pool", {"output_size": 2}, (1, 7, 5), ""),
    "global": ("global_avg_pool", {}, None, ""),
    "shuffle": ("pixel_shuffle", {}, None, ""),
    "unshuffle": ("pixel_unshuffle", {}, None, ""),
    "channel shuffle": ("channel_shuffle", {}, None, ""),
}


def settings(data: dict[str, Any], rng: Random) -> list[dict[str, str]]:
    """Settings of the sliders that are valid, as the link has them."""
    knobs = data["knobs"]
    every = product(*(knob["labels"] for knob in knobs))
    valid = [labels for labels, state in zip(every, data["settings"], strict=True) if state is not None]
    chosen = [rng.choice(valid) for _ in range(ASKED)]
    return [dict(zip((knob["field"] for knob in knobs), labels, strict=True)) for labels in chosen]


def value(label: str) -> Any:
    words = {"yes": True, "no": False}
    return words[label] if label in words else int(label) if re.fullmatch(r"\d+", label) else label


def number(text: str) -> float:
    return float(text.strip("()").replace("−", "-").replace("-∞", "-inf"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPS)
def test_what_lights_up_is_what_is_read(tab: Open, name: str) -> None:
    kind, fields, shape, view = OPS[name]
    rng, browser = Random(name), tab(kind, fields=fields, input=shape)
    base, shape = first(example_of(kind), dict(fields), shape)
    asked = []
    for words in settings(browser.run(DATA), rng):
        op = build(base.kind, {**base.fields(), **{k: value(v) for k, v in words.items()}}, len(shape) - 1)
        cell = tuple(rng.randrange(n) for n in op.shape(shape))
        given = tuple(rng.randrange(n) for n in shape)
        asked += [(op, words, "output", cell, cell)]
        asked += [(op, words, "input", given, tuple(i * step for i, step in zip(given, steps(op, view))))]
    links = [
        urlencode(
            {**words, **({"view": view} if view else {}), "at": f"{role}:{','.join(map(str, cell))}"},
            safe=",:",
        )
        for _, words, role, _, cell in asked
    ]
    for (op, words, role, cell, _), found in zip(asked, browser.run(FOLLOW, links), strict=True):
        about = f"{name} {words} {role} {cell}"
        if role == "output":
            assert real(found["read"], op, shape, view) == reads(op, shape, cell), about
            adds_up(found, about)
        else:
            outs = product(*map(range, op.shape(shape)))
            fed = {o for o in outs if cell in reads(op, shape, o)}
            kept = {tuple(o) for o in found["fed"] if all(0 <= i < n for i, n in zip(o, op.shape(shape)))}
            assert kept == fed, about


def reads(op: Op, shape: Shape, cell: tuple[int, ...]) -> set[tuple[int, ...]]:
    """What an output reads; a shuffle's one cell is told by where numbers go."""
    if "shuffle" in op.kind:
        at = op.forward(np.arange(prod(shape)).reshape(1, *shape))[0][cell]
        return {tuple(int(i) for i in np.unravel_index(int(at), shape))}
    return set(cells_read(op.reads(shape)[0], shape, op.shape(shape), cell))


def steps(op: Op, view: str) -> tuple[int, ...]:
    """How far apart the real cells of the input lie: a gathered one has zeros between them."""
    return (1, *op.stride) if view == "gather" else (1,) * 4  # type: ignore[attr-defined]


def real(lit: list[list[int]], op: Op, shape: Shape, view: str) -> set[tuple[int, ...]]:
    """The cells of the input that those that are lit stand for: beyond a border others are repeated, or nothing is."""
    mode = getattr(op, "padding_mode", "zeros")
    found = set()
    for cell in lit:
        ends = [[i // step for piece in inside(range(i, i + 1), (n - 1) * step + 1, mode) for i in piece]
                for i, n, step in zip(cell, shape, steps(op, view))]  # fmt: skip
        found |= set(product(*ends))
    return found


def adds_up(found: dict[str, Any], about: str) -> None:
    """Products and bias add up to the result, where they are that."""
    terms = found["terms"]
    if found["result"] is None or not terms or terms[0][0] is None or found["more"]:
        return
    total = sum(number(weight) * number(x) for weight, x in terms)
    total += number(found["bias"]) if found["bias"] else 0
    assert total == pytest.approx(number(found["result"]), abs=0.01), about


# -- by hand --------------------------------------------------------------------------------------------------
OUT, IN = '.op-output [data-key="{}"]', '.op-input [data-key="{}"]'
LIT = "() => document.querySelectorAll('.op-input .op-read').length"
PINNED = "() => document.querySelector('.op-pinned').dataset.key"


def test_pointing_lights_and_leaving_returns(tab: Open) -> None:
    browser = tab("conv")
    browser("hover", OUT.format("0,0,0"))
    assert browser.run(LIT) == 9 and "Output (0, 0) reads 9 input cells" in browser.text(".op-explain")
    browser("hover", IN.format("0,0,0"))
    assert "feeds 1 output." in browser.text(".op-explain")
    browser("hover", '.op-kernel [data-key="0,0,0,0"]')
    assert "joins 25 pairs" in browser.text(".op-explain")
    browser("hover", "h1")
    assert "Output (2, 2)" in browser.text(".op-explain")


def test_a_click_pins_and_keys_move(tab: Open) -> None:
    browser = tab("conv")
    browser("click", OUT.format("0,1,1"))
    assert browser.run(PINNED) == "0,1,1"
    browser("keyboard.press", "ArrowRight")
    browser("keyboard.press", "ArrowDown")
    assert browser.run(PINNED) == "0,2,2"
    browser("keyboard.press", "ArrowLeft")
    assert browser.run("() => location.hash").endswith("at=output%3A0,2,1")
    assert browser.run("() => document.activeElement.dataset.key") == "0,2,1"
    browser("keyboard.press", "Escape")
    assert browser.run(PINNED) == "0,2,2"


def test_the_page_can_be_used_without_a_pointer(tab: Open) -> None:
    browser = tab("conv")
    seen = []
    for _ in range(14):
        browser("keyboard.press", "Tab")
        seen.append(
            browser.run("() => { const e = document.activeElement; return e.id || e.ariaLabel || e.role }")
        )
    wanted = [
        "op-kernel_size",
        "op-stride",
        "op-padding",
        "op-dilation",
        "op-padding_mode",
        "Step",
        "Copy PyTorch",
    ]
    assert [name for name in seen if name in wanted] == wanted, seen
    assert sum("row" in str(name) for name in seen) == 3  # one cell of each grid


def test_sliders_change_everything_and_keep_to_what_is_valid(tab: Open) -> None:
    browser = tab("conv")
    browser("focus", "#op-stride")
    browser("keyboard.press", "ArrowRight")
    assert "stride 2" in browser.text(".op-headline") and "stride=2" in browser.text(".op-cards")
    assert browser.run("() => document.querySelectorAll('.op-output [data-key]').length") == 9
    browser("focus", "#op-kernel_size")
    browser("keyboard.press", "End")
    browser("focus", "#op-dilation")
    browser("keyboard.press", "End")  # kernel 5 with dilation 3 spans 13 of 7 cells
    assert browser.run("() => document.querySelector('#op-dilation').value") == "0"
    browser("selectOption", "#op-padding_mode", "circular")
    assert "circular" in browser.text(".op-cards")


def test_the_scrubber_plays(tab: Open) -> None:
    browser = tab("conv")
    browser("focus", "[aria-label=Step]")
    browser("keyboard.press", "Home")
    assert "1 of 25" in browser.text(".op-told") and browser.run(PINNED) == "0,0,0"
    browser("click", ".op-play")
    browser.wait("document.querySelector('.op-told').textContent.startsWith('3 of')")
    browser("click", ".op-play")
    at = browser.run(PINNED)
    browser.run("() => new Promise((done) => setTimeout(done, 900))")
    assert browser.run(PINNED) == at


def test_copies_are_what_is_shown(tab: Open) -> None:
    browser = tab("conv", "#stride=2")
    for what, start in (("PyTorch", "import torch"), ("model.yaml", "- conv: {")):
        browser("click", f'[aria-label="Copy {what}"]')
        browser.wait(f"document.querySelector('[aria-label=\"Copy {what}\"]').textContent === 'Copied'")
        copied = browser.run("() => navigator.clipboard.readText()")
        assert copied.startswith(start) and "stride" in copied


def test_a_link_brings_back_what_was_seen(tab: Open) -> None:
    browser = tab("conv_transpose", "#kernel_size=4&stride=3&view=gather&at=input:0,0,2")
    assert "kernel 4×4, stride 3" in browser.text(".op-headline")
    assert browser.run("() => document.querySelector('.op-tabs [aria-pressed=true]').textContent") == "Gather"
    assert browser.run(PINNED) == "0,0,2"


@pytest.mark.parametrize(
    "bad", ["#stride=99&at=output:9,9,9", "#at=nowhere", "#at=output:", "#view=x&=&&", "#%E0%A4%A"]
)
def test_a_link_that_says_nothing_right_is_passed_over(tab: Open, bad: str) -> None:
    assert "gives 1×5×5" in tab("conv", bad).text(".op-headline")


def test_a_finger_pins(tab: Open) -> None:
    browser = tab("conv", look={"viewport": SMALL, "hasTouch": True, "isMobile": True})
    browser("tap", OUT.format("0,1,3"))
    assert browser.run(PINNED) == "0,1,3" and browser.run(LIT) == 9


def test_a_norm_shows_who_shares(tab: Open) -> None:
    browser = tab("batch_norm")
    browser("click", OUT.format("0,1,0,0"))
    keys = browser.run(
        "() => [...document.querySelectorAll('.op-input .op-shared')].map((e) => e.dataset.key)"
    )
    assert keys and {key.split(",")[1] for key in keys} == {"1"}
    assert "mean" in browser.text(".op-explain") and "variance" in browser.text(".op-explain")
