"""Pages of plans in a real Chromium: what lights up is what the steps say, at settings and cells drawn by chance."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest

from convviz.explorer.choose import explored
from convviz.explorer.op import EXPLORED
from convviz.explorer.page import page, script_json
from convviz.explorer.plans import plans_data
from convviz.ops.base import OPS
from convviz.plan import kinds, plan, relationships
from convviz.plan.model import Plan
from tests.browsing import SMALL, WIDE, Open, Pages, lacking
from tests.test_explorer_plans import feeds

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

Json = dict[str, Any]
ALIKE = {kind.name for kind in kinds() if kind.op in OPS and not fields(OPS[kind.op])} - {"relu", "matmul"}
NAMES = [
    *(kind.name for kind in kinds() if kind.op not in EXPLORED and kind.name not in ALIKE),
    *(one.name for one in relationships()[::4]),
]
SETTINGS, CELLS = 3, 4  # of each page that are looked at
SMALLEST = 11  # points of the smallest text
# Follows links, and tells what is lit, what is written and what is said of each.
FOLLOW = """async (states) => {
  const found = [];
  for (const state of states) {
    if (location.hash !== `#${state}`) {
      location.hash = state;
      await new Promise((done) => addEventListener("hashchange", done, { once: true }));
    }
    const lit = (selector) => [...document.querySelectorAll(selector)].map((e) =>
      [e.closest("[data-panel]").dataset.panel, e.dataset.key]);
    found.push({
      title: document.querySelector(".op-headline").textContent,
      step: Number(document.querySelector(".op-player input").value),
      read: lit(".op-read"), written: lit(".op-written"), used: lit(".op-used"), fed: lit(".op-fed"),
      told: document.querySelector(".op-explain").textContent,
      waiting: lit(".op-waiting").length,
      value: document.querySelector(".op-pinned .op-value").textContent.replace("−", "-"),
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    });
  }
  return found;
}"""
# Texts that are smaller than a size, cells whose number is wider than they are, and texts that are cut off.
UNFIT = """(least) => {
  const found = [];
  for (const e of document.querySelectorAll("main *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility()) continue;
    const size = parseFloat(getComputedStyle(e).fontSize);
    const svg = e.ownerSVGElement;
    const scale = svg && svg.viewBox.baseVal.width ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    if (size * scale < least) found.push(`${size * scale}: ${e.textContent}`);
  }
  for (const e of document.querySelectorAll(".op-value")) {
    const cell = e.parentElement.getBoundingClientRect(), text = e.getBoundingClientRect();
    if (text.width > cell.width + 0.5) found.push(`wide: ${e.textContent}`);
  }
  return found;
}"""


def link(made: Json, number: int, **more: str) -> str:
    """The link of a setting."""
    words = {}
    for knob in reversed(made["knobs"]):
        number, at = divmod(number, len(knob["labels"]))
        words[knob["field"]] = knob["labels"][at]
    return urlencode({**dict(reversed(words.items())), **more}).replace("%2C", ",")


@pytest.mark.slow(keep=8)
@pytest.mark.parametrize("name", NAMES)
def test_what_lights_up_is_what_the_steps_say(name: str, pages: Pages) -> None:
    check_page(explored(name), pages)


@pytest.mark.parametrize("net, layer", [("lenet5", "f6"), ("resnet50", "layer1_0.add1")])
def test_layers_of_nets_light_up_alike(net: str, layer: str, pages: Pages) -> None:
    check_page(explored(net, layer=layer), pages)


def check_page(data: Json, pages: Pages) -> None:
    """Some cells of some settings of a page: what lights up and what is said is what its steps say."""
    rng = Random(data["name"])
    made = json.loads(script_json(data))
    file = pages.folder / "sweep.html"
    file.write_text(page(made), encoding="utf-8")
    pages.open(file, viewport=SMALL if rng.random() < 0.3 else WIDE)
    others = [int(number) for number in made["settings"] if int(number) != made["start"]]
    places = [made["start"], *rng.sample(others, min(SETTINGS, len(others)))]
    asked: list[tuple[Json, list[Json], str, str, str]] = []
    for place in places:
        state = made["states"][made["settings"][str(place)]]
        steps = [made["store"][at] for at in state["steps"]]
        spots = sorted(set(feeds(steps)) | {(p, c) for step in steps for p, c, _ in step["writes"]})
        for panel, cell in rng.sample(spots, min(CELLS, len(spots))):
            asked.append((state, steps, panel, cell, link(made, place, at=f"{panel}:{cell}")))
    for (state, steps, panel, cell, _), seen in zip(
        asked, pages.run(FOLLOW, [a[-1] for a in asked]), strict=True
    ):
        assert seen["title"] == state["title"]
        assert seen["wide"] <= 0 and seen["waiting"] == 0
        check(steps, panel, cell, seen)
    assert pages.run(UNFIT, SMALLEST) == []
    pages.clean()


def check(steps: list[Json], panel: str, cell: str, seen: Json) -> None:
    """A cell that is written shows the last step that does; another one all that it feeds."""
    lit = {what: {tuple(spot) for spot in seen[what]} for what in ("read", "written", "used", "fed")}
    writer = next((s for s in reversed(steps) if any(w[:2] == [panel, cell] for w in s["writes"])), None)
    if writer is None:
        assert lit["fed"] == feeds(steps)[panel, cell], (panel, cell)
        assert (panel, cell) in lit["read"] | lit["used"]
        return
    assert seen["step"] == steps.index(writer)
    value = next(value for *end, value in reversed(writer["writes"]) if end == [panel, cell])
    assert isinstance(value, str) or float(seen["value"]) == pytest.approx(value, abs=0.0051, rel=0.001)
    assert seen["told"].startswith(writer["caption"])
    assert writer["sum"] in seen["told"]
    joins = [join for join in writer["joins"] if len(join) < 8 or join[7] in (None, cell)]
    if len(joins) < len(writer["joins"]):
        assert lit["written"] == {(panel, cell)}
        assert lit["read"] == {(join[0], join[1]) for join in joins}
        return
    for mark, what in (("read", "read"), ("written", "written"), ("weight", "used")):
        wanted = {(p, c) for p, m, cells in writer["marks"] if m == mark for c in cells.split(" ")}
        assert wanted <= lit[what]
        assert lit[what] - wanted <= {(join[0], join[1]) for join in joins}


# -- by hand ----------------------------------------------------------------------------------------------------
CELL = '[data-panel="{}"] [data-key="{}"]'


def at(panel: str, cell: str) -> str:
    return CELL.format(panel, cell)


def test_pointing_clicking_arrows_and_escape(tab: Open) -> None:
    browser = tab("linear")
    start = browser.text(".op-explain")
    browser("hover", at("input", "1"))
    browser.wait("document.querySelectorAll('.op-fed').length === 3")
    assert browser.text(".op-sentence") == "Input 1 is 1 and feeds 3 cells."
    assert browser.text(".op-pairs").split("\n")[0] == "1×2 → output 0"
    browser("hover", "h1")
    assert browser.text(".op-explain") == start  # what is only pointed at is let go of
    browser("click", at("weight", "2,3"))
    assert "joins 1 pair" in browser.text(".op-sentence")
    assert browser.run("() => location.hash").endswith("at=weight%3A2,3")
    browser("hover", "h1")
    assert "joins 1 pair" in browser.text(".op-sentence")  # what is clicked stays
    browser("press", at("weight", "2,3"), "ArrowUp")
    assert browser.run("() => document.querySelector('.op-pinned').dataset.key") == "1,3"
    browser("press", at("weight", "1,3"), "Escape")
    assert browser.text(".op-explain") == start
    assert "at=" not in browser.run("() => location.hash")


def test_the_scrubber_plays_the_steps_and_sections_are_its_chapters(tab: Open) -> None:
    browser = tab("softmax")
    browser("click", ".plan-chapters button >> text=Exponentials")
    assert browser.text(".op-told") == "5 of 16"
    values = "[...document.querySelectorAll('[data-panel=exponential] .op-value')]"
    shown = f"() => {values}.filter((e) => e.innerText).length"
    assert browser.run(shown) == 3  # of one row: the others are still to come
    assert browser.run("() => document.querySelectorAll('[data-panel=output] .op-waiting').length") == 12
    browser("press", ".op-player input", "ArrowRight")
    assert browser.text(".op-told") == "6 of 16"
    assert browser.run(shown) == 6
    assert browser.run("() => location.hash").endswith("time=6")
    browser("click", ".op-play")
    browser.wait("document.querySelector('.op-told').textContent === '8 of 16'")
    browser("click", ".op-play")
    browser(
        "click", at("input", "0,0")
    )  # a cell that is written later waits; what it feeds is told all the same
    assert "feeds" in browser.text(".op-sentence")
    browser("press", "body", "Escape")
    browser("press", at("input", "0,0"), "Escape")
    assert browser.run("() => document.querySelectorAll('.op-waiting').length") == 0


def test_the_link_carries_knobs_step_and_cell(tab: Open) -> None:
    browser = tab("leaky_relu", "#negative_slope=0.3&time=5&at=input:0,0,0")
    assert browser.text(".op-headline").startswith("Leaky ReLU: negative_slope 0.3")
    assert browser.text(".op-told").startswith("5 of 18")
    assert browser.text(".op-sentence") == "Input (0, 0, 0) is −2 and feeds 1 cell."
    browser.run("() => { location.hash = 'negative_slope=1&at=nonsense:9&time=99'; }")
    browser.wait("document.querySelector('.op-headline').textContent.includes('negative_slope 1 ')")
    assert browser.run("() => document.querySelectorAll('.op-waiting').length") == 0
    browser("hover", at("output", "0,0,0"))
    dot = "() => [...'xy'].map((axis) => document.querySelector('.plan-dot').getAttribute(`c${axis}`))"
    assert browser.run("() => document.querySelector('.plan-dot').getAttribute('visibility')") == "visible"
    first = browser.run(dot)
    browser("hover", at("output", "0,1,2"))
    assert browser.run(dot) != first  # the value on the curve


def test_a_knob_keeps_the_step_and_shows_another_plan(tab: Open) -> None:
    browser = tab("linear", "#time=2")
    browser("press", "#op-out_features", "ArrowRight")
    assert browser.text(".op-headline").startswith("Linear: out_features 4")
    assert browser.run("() => document.querySelectorAll('[data-panel=output] .op-cell').length") == 4
    assert browser.run("() => document.querySelectorAll('.op-waiting').length") > 0
    assert "nn.Linear(4, 4)" in browser.text(".op-code")
    assert "out_features: 4" in browser.text(".op-cards")


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("attention", {"colorScheme": "dark"}),
        ("normalize", {"viewport": SMALL, "colorScheme": "dark"}),
        ("upsample", {}),
    ],
)
def test_nothing_serious_for_those_who_use_no_mouse(name: str, look: Json, tab: Open) -> None:
    browser = tab(name, look=look)
    assert browser.serious() == []
    assert browser.run(UNFIT, SMALLEST) == []


def opened(pages: Pages, name: str, shown: Plan, hash: str = "") -> None:
    """The page of one plan."""
    file = pages.folder / "plan.html"
    file.write_text(page(plans_data(name, name, name, [], [shown])), encoding="utf-8")
    pages.open(file, hash)


def test_a_cell_that_is_written_again_and_again_shows_the_last_time_so_far(pages: Pages) -> None:
    shown = plan("conv_transpose", view="scatter")
    written = [
        (i, write.value) for i, s in enumerate(shown.steps) for write in s.writes if write.cell == (0, 1, 1)
    ]
    assert len(written) > 2
    opened(pages, "scatter", shown, "#at=output:0,1,1")
    assert pages.text(".op-told") == f"{written[-1][0] + 1} of {len(shown.steps)}"
    step, value = written[2]
    pages.run(f"() => {{ location.hash = 'time={step + 1}&at=output:0,1,1'; }}")
    pages.wait(f"document.querySelector('.op-told').textContent.startsWith('{step + 1} of')")
    assert pages.text(".op-pinned .op-value").replace("−", "-") == str(value)
    pages.clean()


def test_names_stay_text(pages: Pages) -> None:
    name = "</script><b onclick=alert(1)>&amp;"
    opened(pages, name, replace(plan("relu"), title=name, notes=(name,)))
    assert pages.text("h1") == pages.text(".op-intro") == pages.text(".op-headline") == name
    assert pages.run("() => document.querySelectorAll('main b[onclick]').length") == 0
    pages.clean()
