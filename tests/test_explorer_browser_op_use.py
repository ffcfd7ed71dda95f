"""An op's page in a real Chromium, by hand: pointer, keys, sliders, the scrubber, links, copies, a finger."""

from __future__ import annotations

import pytest

from tests.browsing import SMALL, Open, lacking

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

OUT, IN = '.op-output [data-key="{}"]', '.op-input [data-key="{}"]'
LIT = "() => document.querySelectorAll('.op-input .op-read').length"
PINNED = "() => document.querySelector('.op-pinned').dataset.key"


def test_pointing_lights_and_leaving_returns(tab: Open) -> None:
    browser = tab("conv")
    browser("hover", OUT.format("0,0,0"))
    assert browser.run(LIT) == 9 and "Output (0, 0) reads 9 input cells" in browser.text(".op-explain")
    browser("hover", IN.format("0,0,0"))
    assert "feeds 1 output." in browser.text(".op-explain")
    browser("hover", '.op-kernel [data-key="0,0,2,2"]')
    assert "joins 25 pairs" in browser.text(".op-explain") and browser.run(LIT) == 25
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


def test_keys_win_over_a_pointer_at_rest(tab: Open) -> None:
    """A text that is written anew under the pointer is told as a move of the pointer; it is none."""
    browser = tab("conv")
    browser("click", OUT.format("0,1,1"))
    browser("keyboard.press", "ArrowDown")
    browser.run("() => new Promise((done) => setTimeout(done, 60))")
    assert browser.text(".op-explain").startswith("Output (2, 1)")


def test_the_page_can_be_used_without_a_pointer(tab: Open) -> None:
    browser = tab("conv")
    seen = []
    for _ in range(18):
        browser("keyboard.press", "Tab")
        seen.append(
            browser.run("() => { const e = document.activeElement; return e.id || e.ariaLabel || e.role }")
        )
    fields = (
        *("kernel_size", "stride", "padding", "dilation", "input_size"),
        *("in_channels", "out_channels", "groups", "padding_mode", "bias"),
    )
    wanted = [*(f"op-{field}" for field in fields), "Play", "Step", "Copy PyTorch"]
    assert [name for name in seen if name in wanted] == wanted, seen
    assert sum("row" in str(name) for name in seen) == 3  # one cell of each grid


def test_sliders_change_everything_and_keep_to_what_is_valid(tab: Open) -> None:
    browser = tab("conv")
    browser("focus", "#op-stride")
    browser("keyboard.press", "ArrowRight")
    assert "stride 2" in browser.text(".op-headline") and "stride=2" in browser.text(".op-cards")
    assert browser.run("() => document.querySelectorAll('.op-output [data-key]').length") == 9
    assert "1×3×3" in browser.text(".op-facts")
    browser("focus", "#op-kernel_size")
    browser("keyboard.press", "End")
    browser("focus", "#op-dilation")
    browser("keyboard.press", "End")  # kernel 5 with dilation 3 spans 13 of 7 cells
    assert browser.run("() => document.querySelector('#op-dilation').value") == "0"
    assert "Not possible: kernel_size 5 with dilation 3 (spans 13)" in browser.text(".op-moved")
    browser("focus", "#op-input_size")
    browser("keyboard.press", "End")
    assert "on 1×10×10" in browser.text(".op-headline") and browser.text(".op-moved") == ""


def test_a_knob_that_is_turned_takes_others_along_and_says_so(tab: Open) -> None:
    browser = tab("conv")
    browser("focus", "#op-groups")
    browser("keyboard.press", "ArrowRight")
    assert "Grouped convolution" in browser.text(".op-headline") or "Depthwise" in browser.text(
        ".op-headline"
    )
    assert browser.text(".op-moved") == "Moved along: in channels 2, out channels 2."
    assert "groups=2" in browser.run("() => location.hash")
    browser("focus", "#op-out_channels")
    browser("keyboard.press", "End")  # more than there are pages of in any other mode than zeros
    browser("selectOption", "#op-padding_mode", {"label": "circular"})
    assert "padding mode circular" in browser.text(".op-headline")
    moved = browser.text(".op-moved")
    assert moved.startswith("Moved along: ") and "out channels " in moved
    browser("selectOption", "#op-bias", {"label": "no"})
    assert "bias=False" in browser.text(".op-cards")


def test_the_scrubber_plays(tab: Open) -> None:
    browser = tab("conv")
    browser("focus", "[aria-label=Step]")
    browser("keyboard.press", "Home")
    assert "1 of 25" in browser.text(".op-told") and browser.run(PINNED) == "0,0,0"
    waiting = "() => document.querySelectorAll('.op-output .op-waiting').length"
    assert browser.run(waiting) == 24  # what comes later is not yet written
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


def test_the_overlap_s_map_is_joined_with_the_grids(tab: Open) -> None:
    browser = tab("conv_transpose")
    browser("hover", '.op-heat [data-at="2,3"]')
    assert browser.text(".op-heat-told") == "output (2, 3): 2 products"
    assert "Output (2, 3) reads 2 input cells" in browser.text(".op-explain")
    browser("click", '.op-heat [data-at="2,3"]')
    assert browser.run(PINNED) == "0,2,3"
    browser("hover", "h1")
    assert "checkerboard" in browser.text(".op-heat-told")
    browser = tab("conv")
    browser("hover", '.op-heat [data-at="0,1"]')
    assert browser.text(".op-heat-told") == "input (0, 1): 2 reads" and "feeds 2 outputs" in browser.text(
        ".op-explain"
    )


def test_slices_of_three_dimensions_are_named(tab: Open) -> None:
    browser = tab("conv", input=(1, 4, 4, 4))
    names = "(role) => [...document.querySelectorAll(`.op-${role} .op-label`)].map((e) => e.textContent)"
    assert browser.run(names, "input") == [f"slice {i}" for i in range(4)]
    assert browser.run(names, "kernel") == [f"slice {i}" for i in range(3)]
    browser("click", OUT.format("0,1,1,1"))
    assert browser.run(LIT) == 27
    browser("keyboard.press", "ArrowUp")
    browser("keyboard.press", "ArrowUp")  # beyond the edge of a slice lies the slice before
    assert browser.run(PINNED) == "0,0,1,1"


# Moves the pointer between five cells, and tells how long the page's script takes at least for the slowest of them:
# what else the machine does must not count.
MOVE = """(selector) => {
  const cells = [...document.querySelectorAll(selector)];
  const five = [0, 1, 2, 3, 4].map((i) => cells[Math.floor(((cells.length - 1) * i) / 4)]);
  const least = five.map(() => Infinity);
  for (let turn = 0; turn < 8; turn++) {
    five.forEach((cell, i) => {
      const start = performance.now();
      cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
      least[i] = Math.min(least[i], performance.now() - start);
    });
  }
  return Math.max(...least);
}"""


@pytest.mark.parametrize("role", ["input", "output"])
def test_pointing_is_fast_on_the_largest_grids(tab: Open, role: str) -> None:
    browser = tab("conv", fields={"padding": 1}, input=(1, 44, 44))
    assert browser.run(MOVE, f".op-{role} [data-key]") < 4  # milliseconds; some .3 on a quiet machine
