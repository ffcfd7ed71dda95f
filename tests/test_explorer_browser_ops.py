"""An op's page in a real Chromium: what lights up, and the sum that is shown, are the library's, at many settings."""

from __future__ import annotations

from itertools import product
from math import prod
from random import Random
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

import convviz
from convviz.analysis.norms.normalize import normalize
from convviz.errors import ConvvizError
from convviz.explorer.knobs import SIZE, label, settings, turning
from convviz.explorer.norms import chosen_of, knobs_of, method_of
from convviz.explorer.op import example_of, first, layer_data, narrow, outputs, shown_on
from convviz.ops import build
from convviz.ops.base import Op, Shape
from convviz.ops.conv import Conv
from convviz.ops.relations import inside
from convviz.plan.of_model import candidates
from convviz.plan.reach import cells_read
from tests.browsing import Browser, Open, lacking

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

ASKED = 10  # settings and cells of each page

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
      headline: document.querySelector(".op-headline").textContent,
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


def number(text: str) -> float:
    return float(text.strip("()").replace("−", "-").replace("-∞", "-inf"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPS)
def test_what_lights_up_is_what_is_read(tab: Open, name: str) -> None:
    kind, fields, shape, view = OPS[name]
    browser = tab(kind, fields=fields, input=shape)
    check(browser, *first(example_of(kind), dict(fields), shape), view, Random(name))


def check(browser: Browser, base: Op, shape: Shape, view: str, rng: Random, asked: int = ASKED) -> None:
    """Fails where what the page lights and adds up is not the library's, at settings drawn from all that it has."""
    found, boxes = turning(base.kind, base.fields(), shape, lambda setting: outputs(base, shape, setting))
    every = [setting for _, setting in settings(found, boxes)]
    spots: list[Any] = []
    while len(spots) < 2 * asked:  # of a convolution a third of them are weights
        setting = every[0] if not spots else rng.choice(every)
        values, size = shown_on(base, shape, setting)
        try:
            op = build(base.kind, values, len(size) - 1)
            out = op.shape(size)
        except ConvvizError:
            continue
        words = {field: label(value) for field, value in setting.items()} | ({"view": view} if view else {})
        cell, given = (tuple(rng.randrange(n) for n in ends) for ends in (out, size))
        shown = tuple(i * step for i, step in zip(given, steps(op, view)))
        spots += [(op, size, words, "output", cell, cell), (op, size, words, "input", given, shown)]
        if isinstance(op, Conv):
            weight = tuple(rng.randrange(n) for n in op.weights(size)["weight"])
            spots.append((op, size, words, "kernel", weight, weight))
    links = [
        urlencode({**words, "at": f"{role}:{','.join(map(str, cell))}"}, safe=",:")
        for *_, words, role, _, cell in spots
    ]
    for (op, size, words, role, cell, _), seen in zip(spots, browser.run(FOLLOW, links), strict=True):
        about = f"{words} {role} {cell}"
        assert seen["headline"].endswith(f"gives {'×'.join(map(str, op.shape(size)))}"), about
        if role == "output":
            assert real(seen["read"], op, size, view) == reads(op, size, cell), about
            adds_up(seen, about)
        elif role == "kernel":
            assert {tuple(at) for at in seen["read"]} == met(op, size, cell), about
        else:
            outs = product(*map(range, op.shape(size)))
            fed = {o for o in outs if cell in reads(op, size, o)}
            kept = {tuple(o) for o in seen["fed"] if all(0 <= i < n for i, n in zip(o, op.shape(size)))}
            assert kept == fed, about


LAYERS = {
    "alexnet": "conv1",
    "mobilenet_v2": "inverted5.narrow1.depthwise_conv1",
    "cifar_s7_small": "grouped1.conv1",
    "patchgan": "conv1",
    "wavenet": "",
    "resnet18": "max_pool1",
    "unet": "",
}


@pytest.mark.slow
@pytest.mark.parametrize("net", LAYERS)
def test_a_layer_of_a_net_is_the_library_s_and_says_what_was_cut(tab: Open, net: str) -> None:
    graph = convviz.read(net)
    wanted = {"wavenet": "conv", "unet": "conv_transpose"}
    name = LAYERS[net] or next(n.name for n in graph.nodes[5:] if n.op.kind == wanted[net])
    browser = tab(net, layer=name)
    assert browser.text(".op-cut") == layer_data(graph, name)["cut"]
    op, (shape, *_) = narrow(next(iter(candidates(graph[name]))))
    check(browser, op, shape, "scatter" if op.kind == "conv_transpose" else "", Random(net), asked=3)


def reads(op: Op, shape: Shape, cell: tuple[int, ...]) -> set[tuple[int, ...]]:
    """What an output reads; a shuffle's one cell is told by where numbers go."""
    if "shuffle" in op.kind:
        at = op.forward(np.arange(prod(shape)).reshape(1, *shape))[0][cell]
        return {tuple(int(i) for i in np.unravel_index(int(at), shape))}
    return set(cells_read(op.reads(shape)[0], shape, op.shape(shape), cell))


def met(op: Conv, shape: Shape, weight: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The cells that a weight multiplies, those of the padding by their own places."""
    (axes,) = (reads.axes for reads in op.reads(shape))
    channel = axes[0].relation.taps(weight[0]).cells[weight[1]]
    space = [
        [window.taps(o).cells[tap] for o in range(m)]
        for window, tap, m in zip(op.windows(), weight[2:], op.shape(shape)[1:], strict=True)
    ]
    return set(product([channel], *space))


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


# -- norms ----------------------------------------------------------------------------------------------------
METHOD = """(key) => {
  const rows = [...document.querySelectorAll(".op-statistics dd")].map((e) => e.textContent);
  const lit = [...document.querySelectorAll(".op-input .op-shared")].map((e) => e.dataset.key);
  return { lit, last: rows[rows.length - 1], headline: document.querySelector(".op-headline").textContent };
}"""


@pytest.mark.parametrize("kind, sample", [("batch_norm", (4, 2, 2)), ("group_norm", (6, 3))])
def test_every_norm_lights_the_set_and_shows_the_result(tab: Open, kind: str, sample: Shape) -> None:
    browser, rng = tab(kind, input=sample), Random(kind)
    asked = {"num_groups": 2} if kind == "group_norm" else {}
    found = knobs_of(kind, asked, None, sample)
    every = [chosen for _, chosen in chosen_of(found)]
    checked = 0
    for chosen in rng.sample(every, 12):
        shape = (chosen["samples"], chosen["channels"], *chosen[SIZE])
        cell = tuple(rng.randrange(n) for n in shape)
        words = {field: label(value) for field, value in chosen.items()}
        key = ",".join(map(str, cell))
        browser.run(
            "(hash) => { location.hash = hash }", urlencode({**words, "at": f"output:{key}"}, safe=",:")
        )
        browser.run("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        seen = browser.run(METHOD, key)
        x = browser.run(
            "() => [...document.querySelectorAll('.op-input .op-value')].map((e) => Number(e.textContent))"
        )
        try:
            wanted = normalize(np.array(x, dtype=float).reshape(shape), **method_of(chosen, None))
        except (ConvvizError, ValueError):
            continue  # such a setting the page has not got
        checked += 1
        label_ = wanted.labels[cell]
        cells = {",".join(map(str, at)) for at in np.ndindex(*shape) if wanted.labels[at] == label_}
        assert set(seen["lit"]) == (cells if wanted.live else {key}), words
        assert number(seen["last"].split(" = ")[-1].split(" ≈ ")[-1]) == pytest.approx(
            wanted.output[cell], abs=1e-3
        )
    assert checked >= 8
