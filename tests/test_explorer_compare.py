"""The page of a comparison: what Python gives is what compare_runs says of every choice, and the page shows it."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.statistics import compare_runs
from convviz.analysis.statistics.choices import Match, choices
from convviz.analysis.statistics.runs import Arm
from convviz.errors import ConvvizError
from convviz.explorer.choose import explored
from convviz.explorer.compare import comparison_data, experiment_data
from convviz.explorer.compare_pair import axis, p_text, pair_data, sizes
from convviz.explorer.page import page
from convviz.explorer.regularizers import TOPICS, regularizer_data
from convviz.explorer.views import Store
from convviz.runs import bundled
from convviz.runs.results import Results
from tests.browsing import SMALL, WIDE, Open, Pages, lacking

browser = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))
Json = dict[str, Any]
RESULTS = Path(__file__).resolve().parents[1] / "outputs" / "gallery" / "results"


def given(a: Arm, b: Arm) -> tuple[Json, Store]:
    store = Store()
    return pair_data(Match.of(a, b), compare_runs([a, b]).pairs[0], 1, store), store


def runs(seed: int, n: int, effect: float = 0.0, first: int = 0) -> dict[int, float]:
    rng = np.random.default_rng(seed)
    return {first + i: round(float(99 + effect + 0.1 * rng.normal()), 2) for i in range(n)}


# -- what Python gives --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", bundled.names())
def test_all_runs_say_what_compare_says(name: str) -> None:
    results = bundled.results(name)
    if len(results.arms) < 2:
        with pytest.raises(ConvvizError, match="one arm only"):
            experiment_data(results, "", Store())
        return
    store = Store()
    found = experiment_data(results, "", store)
    whole = results.compare("all pairs")
    assert len(found["pairs"]) == len(whole.pairs)
    for pair, own in zip(found["pairs"], whole.pairs):
        last = store.entries[pair["sizes"][-1]["choices"]["first"]]
        assert pair["arms"] == [own.arm, own.against]
        assert last["difference"] == pytest.approx(own.difference, abs=1e-4)
        ends = None if own.interval is None else [own.interval.low, own.interval.high]
        assert last["interval"] == (None if ends is None else pytest.approx(ends, abs=1e-4))
        assert last["p"] == (None if own.p is None else p_text(own.p))
        assert pair["holm"] == (None if own.adjusted is None else p_text(own.adjusted))
        assert [pair["seeds"][i][0] for i in last["rows"]] == [str(run.seed) for run in results.arms[0].runs]


@pytest.mark.parametrize("effect", [0.0, 0.08, -0.2])
@pytest.mark.parametrize("shared", [True, False])
def test_every_choice_is_counted(effect: float, shared: bool) -> None:
    """How the choices split is what compare_runs says of each of them, one by one."""
    a, b = Arm("a", runs(1, 7, effect)), Arm("b", runs(2, 7, first=0 if shared else 50))
    found, _ = given(a, b)
    assert found["paired"] is shared
    for size in found["sizes"]:
        higher, detected = [0, 0, 0], [0, 0, 0]
        for places in combinations(range(7), size["n"]):
            some = [Arm(arm.name, {arm.seeds[i]: arm.values[i] for i in places}) for arm in (a, b)]
            pair = compare_runs(some, resamples=100).pairs[0]
            side = 1 if abs(pair.difference) < 1e-9 else (0 if pair.difference > 0 else 2)
            higher[side] += 1
            detected[side if pair.detected else 1] += 1
        assert (size["higher"], size["found"]) == (higher, detected), size["n"]


def test_the_luckiest_choices_are_the_extremes() -> None:
    found, store = given(Arm("a", runs(3, 8)), Arm("b", runs(4, 8)))
    gaps = np.array(found["gaps"])
    for size in found["sizes"][:-1]:
        every = [gaps[list(rows)].mean() for rows in combinations(range(8), size["n"])]
        for key, wanted in (("high", max(every)), ("low", min(every))):
            choice = store.entries[size["choices"][key]]
            assert choice["difference"] == pytest.approx(wanted, abs=1e-4)
            assert len(set(choice["rows"])) == size["n"]
        assert store.entries[size["choices"]["first"]]["rows"] == list(range(size["n"]))


def test_single_runs_say_nothing_unless_their_predictions_are_known() -> None:
    found, store = given(Arm("a", {0: 99.1}), Arm("b", {0: 98.0}))
    (size,) = found["sizes"]
    assert size["found"] == [0, 1, 0] and size["higher"] == [1, 0, 0]
    assert store.entries[size["choices"]["first"]]["verdict"] == "One run of each: nothing can be said."
    right = np.arange(1000) < 990
    known = [Arm(n, {0: 100 * r.mean()}, {0: r}) for n, r in (("a", right), ("b", np.arange(1000) < 900))]
    found, store = given(*known)
    choice = store.entries[found["sizes"][0]["choices"]["first"]]
    assert found["sizes"][0]["found"] == [1, 0, 0]
    assert choice["test"] == "McNemar" and "another seed may turn it round" in choice["verdict"]


def test_only_seeds_of_both_arms_are_paired() -> None:
    found, _ = given(Arm("a", runs(1, 6)), Arm("b", runs(2, 6, first=2)))
    assert [row[0] for row in found["seeds"]] == ["2", "3", "4", "5"] and found["left"] == 4


def test_choices_are_distinct_and_of_the_right_size() -> None:
    for total, n, most in [(1, 1, 9), (6, 3, 100), (12, 6, 50), (100, 50, 20), (30, 29, 10)]:
        found = choices(total, n, most)
        assert found[0] == tuple(range(n)) and len(set(found)) == len(found) <= max(most, 1)
        assert all(len(set(rows)) == n and max(rows) < total for rows in found)
    assert sizes(1) == [1] and sizes(40)[-2:] == [30, 40]


def test_an_axis_holds_all_values_in_few_ticks() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        values = rng.normal(rng.choice([0, 50, 99]), 10.0 ** rng.integers(-3, 2), 5)
        found = axis(values)
        assert found["low"] <= min(values) + 1e-9 and found["high"] >= max(values) - 1e-9
        assert 2 <= len(found["ticks"]) <= 7
        assert [float(text.replace("−", "-")) for _, text in found["ticks"]] == [v for v, _ in found["ticks"]]


def test_too_many_arms_and_seeds_are_cut_and_told() -> None:
    class Many(Results):
        def records(self, metric: str = "test") -> tuple[Arm, ...]:
            return tuple(Arm(f"arm {i}", runs(i, 101 if i < 2 else 2)) for i in range(17))

    found = experiment_data(Many(bundled.results("s7").arms), "", Store())
    assert found["cautions"][-2:] == [
        "of 17 arms the first 16 are shown", "of each arm the first 100 runs are shown",
    ]  # fmt: skip
    assert len(found["arms"]) == 16 and found["pairs"][0]["sizes"][-1]["n"] == 100


@pytest.mark.parametrize("name", ["stride", "input", "layer", "image"])
def test_settings_of_ops_and_nets_do_not_go_with_runs(name: str) -> None:
    own: Json = {"fields": {"stride": 2}} if name == "stride" else {name: "x"}
    with pytest.raises(ConvvizError, match="has a page of its own"):
        explored("comparison", **own)


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="holds no run directory"):
        explored(str(tmp_path))


def test_a_net_in_a_json_file_is_a_net(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(
        '{"input": [1, 8, 8], "layers": [{"conv": {"out_channels": 1, "kernel_size": 3}}]}'
    )
    (tmp_path / "broken.json").write_text("{")
    assert explored(str(tmp_path / "net.json"))["page"] == "net"
    assert explored(str(RESULTS / "s7.json"))["page"] == "comparison"
    with pytest.raises(ConvvizError):
        explored(str(tmp_path / "broken.json"))


def test_a_misspelt_page_is_hinted_at() -> None:
    with pytest.raises(ConvvizError, match=r"did you mean .*comparison"):
        explored("comparisn")


@pytest.mark.parametrize("name", TOPICS)
def test_a_regularizer_has_a_plan_for_every_setting(name: str) -> None:
    data = regularizer_data(name)
    count = int(np.prod([len(knob["labels"]) for knob in data["knobs"]]))
    none = 3 if name == "l1_l2" else 0  # no penalty at all, at three learning rates
    assert len(data["settings"]) == len(data["states"]) == count - none
    json.dumps(data, allow_nan=False)


@pytest.fixture(scope="module")
def measured() -> Json:
    return comparison_data("comparison")


# -- what the page shows ------------------------------------------------------------------------------------
SHOWN = """async (states) => {
  const text = (name) => document.querySelector(name).textContent;
  const told = [];
  for (const state of states) {
    location.hash = state;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const filled = document.querySelectorAll(".cmp-runs .cmp-dot:not(.cmp-out)").length;
    told.push([text(".cmp-says"), text(".cmp-figures"), filled]);
  }
  return told;
}"""


def points(value: float) -> str:
    text = f"{value:+.2f}" if float(f"{value:.2f}") else "0.00"
    return text.replace("-", "−")


@browser
def test_the_page_shows_what_python_says(tab: Open, measured: Json) -> None:
    data = measured
    rng = np.random.default_rng(1)
    states, wanted = [], []
    for _ in range(24):
        found = data["experiments"][rng.integers(len(data["experiments"]))]
        pair = found["pairs"][rng.integers(len(found["pairs"]))]
        size = pair["sizes"][rng.integers(len(pair["sizes"]))]
        key = rng.choice(list(size["choices"]))
        a, b = pair["arms"] if rng.random() < 0.5 else pair["arms"][::-1]
        states.append("&".join(f"{k}={v}".replace("+", "%2B") for k, v in
                               dict(runs=found["name"], a=a, b=b, n=size["n"], seeds=key).items()))  # fmt: skip
        wanted.append((data["store"][size["choices"][key]], size["n"]))
    for state, (says, figures, dots), (choice, n) in zip(
        states, tab("comparison").run(SHOWN, states), wanted
    ):
        assert says == choice["verdict"], state
        assert f"runs of each arm{n}difference{points(choice['difference'])} points" in figures, state
        if choice["interval"]:
            low, high = map(points, choice["interval"])
            assert f"95 % interval{low} to {high}" in figures, state
        assert f"p{choice['p']} ({choice['test']})" in figures if choice["p"] else "pno test" in figures
        assert dots == 2 * n, state


@browser
def test_keys_buttons_and_the_link(tab: Open) -> None:
    page = tab("comparison", "#runs=overfitting&a=none&b=dropout")
    assert page.text(".cmp-says") == "One run of each: nothing can be said."
    page("focus", "#cmp-n")
    for _ in range(5):
        page("keyboard.press", "ArrowRight")
    assert page.text(".cmp-knobs output") == "6"
    assert page.run("() => location.hash").endswith("n=6&seeds=first")
    page("click", ".cmp-which >> text=best for dropout")
    assert page.run("() => document.activeElement.textContent") == "best for dropout"
    assert "seeds=low" in page.run("() => location.hash")
    before = page.text(".cmp-runs + .op-note")
    page("click", ".cmp-which >> text=others")
    assert page.text(".cmp-runs + .op-note") != before
    page("click", ".cmp-chances tbody tr:nth-child(10) button")
    assert page.text(".cmp-says") == "No difference detected." and "by Holm" in page.text(".cmp-figures")
    page("selectOption", "#cmp-arm-1", "L2")
    assert page.text(".cmp-says").startswith("L2 is higher by 0.88 points")
    page("selectOption", "#cmp-arm-0", "L2")  # the same arm on both sides: they change places
    assert page.run("() => document.getElementById('cmp-arm-1').value") == "none"
    page("selectOption", "#cmp-experiment", "s7")
    assert page.run("() => document.querySelectorAll('.cmp-chances tbody tr').length") == 3


@browser
def test_a_link_with_nonsense_shows_the_start(tab: Open) -> None:
    page = tab("comparison", "#runs=none&a=x&b=__proto__&n=many&seeds=constructor")
    assert page.text(".cmp-says") == "One run of each: nothing can be said."
    assert page.run("() => location.hash").endswith("n=1&seeds=first")


@browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_the_comparison_is_clear_to_all(tab: Open, scheme: str, size: dict[str, int]) -> None:
    page = tab("comparison", "#n=7&seeds=high", look={"colorScheme": scheme, "viewport": size})
    assert page.serious() == []
    assert page.run("() => document.documentElement.scrollWidth") <= size["width"]
    small = page.run(
        "() => [...document.querySelectorAll('.cv *')].filter((e) => e.childNodes.length && e.innerText?.trim()"
        " && parseFloat(getComputedStyle(e).fontSize) < 11).map((e) => e.outerHTML.slice(0, 90))"
    )
    assert small == []


@browser
def test_names_of_arms_stay_text(pages: Pages, tmp_path: Path, measured: Json) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    text = json.dumps(measured).replace('"dropout"', json.dumps(nasty))
    file = tmp_path / "nasty.html"
    file.write_text(page(json.loads(text)), encoding="utf-8")
    pages.open(file, f"#runs=overfitting&a=none&b={nasty}&n=2")
    assert nasty in pages.text(".cmp-keys") and pages.run("() => document.images.length") == 0
    pages.clean()


# -- inside another page ------------------------------------------------------------------------------------
FRAME = """<iframe style='width: 1000px; height: 300px'></iframe><script>
  const told = [], frame = document.querySelector("iframe");
  addEventListener("message", (e) => told.push(e.data.convviz.height));
  const say = (theme) => frame.contentWindow.postMessage({ convviz: { theme } }, "*");
  const inside = (code) => {
    const script = frame.contentDocument.createElement("script");
    script.textContent = code;
    frame.contentDocument.body.append(script);
  };
  const worn = () => frame.contentDocument.getElementById("explorer").dataset.theme;
</script>"""
WRITE = "const within = frame.contentDocument; within.open(); within.write(html); within.close()"


def framed(pages: Pages, folder: Path, what: str) -> None:
    """A page in a frame of one that listens to it."""
    file = folder / "outer.html"
    file.write_text(FRAME, encoding="utf-8")
    pages.open(file, viewport=WIDE, colorScheme="light")
    pages.run(f"(html) => {{ {WRITE} }}", page(explored(what)))


@browser
def test_a_frame_wears_the_theme_around_it_and_tells_its_height(pages: Pages, tmp_path: Path) -> None:
    framed(pages, tmp_path, "comparison")
    pages.wait("told.length > 0")
    assert pages.run("() => worn()") == "light"
    pages.run("() => { told.length = 0; say('dark') }")
    pages.wait("told.length > 0 && worn() === 'dark'")
    height = pages.run("() => frame.contentDocument.documentElement.scrollHeight")
    assert pages.run("() => told.at(-1)") == pytest.approx(height, abs=2) and height > 500
    pages.run("() => { say('light'); say('no such theme'); say({}) }")
    pages.wait("worn() === 'light'")
    pages("emulate", {"colorScheme": "dark"})  # what was asked for is kept whatever the system says
    pages.run("() => { inside(`parent.frames[0].postMessage({ convviz: { theme: 'dark' } }, '*')`) }")
    pages.run("() => new Promise((done) => setTimeout(done, 60))")
    assert pages.run("() => worn()") == "light"  # nobody but the page around it is heard
    assert pages("faults")["faults"] == []


@browser
def test_a_plan_in_a_frame_leaves_its_height_alone(pages: Pages, tmp_path: Path) -> None:
    """Its scrubber is to stay in sight, so the frame is not to grow with the plan."""
    framed(pages, tmp_path, "l1_l2")
    pages.run("() => say('dark')")  # asked, a page answers at once if it answers at all
    pages.wait("worn() === 'dark'")
    pages.run("() => new Promise((done) => setTimeout(done, 200))")
    assert pages.run("() => told") == []
    assert pages("faults")["faults"] == []


def test_what_the_site_says_of_the_measured_runs_holds() -> None:
    """docs/site/comparison.md: L2 is found by every choice of six seeds, dropout not even with all ten."""
    (found,) = [one for one in comparison_data()["experiments"] if one["name"] == "overfitting"]
    pairs = {frozenset(pair["arms"]): pair for pair in found["pairs"]}
    sizes = {
        other: {s["n"]: s for s in pairs[frozenset(("none", other))]["sizes"]} for other in ("L2", "dropout")
    }
    six, ten = sizes["L2"][6], sizes["dropout"][10]
    assert six["counted"] == 210 and six["found"] == [0, 0, 210]
    assert ten["counted"] == 1 and ten["found"] == [0, 1, 0]
