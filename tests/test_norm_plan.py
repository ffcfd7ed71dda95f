"""Plans of normalization: every number in every panel is torch's, steps add up, running statistics follow torch."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import METHODS, Normalized, normalize
from convviz.analysis.norms.scaling import OVER, SCALINGS
from convviz.errors import ConvvizError
from convviz.ops import build
from convviz.plan.model import Curve, Grid, Plan, Step, Table
from convviz.plan.norms import norm, of_result
from convviz.plan.words import decimals, number
from convviz.report.plan import render
from tests.sweeps import sweep

SHAPES = [(4, 1, 2, 2), (4, 4, 2, 2), (2, 4, 3), (1, 4, 2, 3), (4, 2, 2, 1, 2), (4, 4), (4, 4, 6, 6)]
SETTINGS = [
    {},
    {"gamma": 2, "beta": -1, "eps": 0.5},
    {"mode": "eval", "steps": 3},
    {"mode": "eval", "steps": 0, "gamma": -3},
    {"steps": 4, "momentum": 0.25},
    {"steps": 3, "momentum": None, "groups": 1, "splits": 1},
]


def fits(method: str, shape: tuple[int, ...], settings: dict) -> bool:
    return not (
        (method == "instance" and len(shape) < 3)
        or (method == "ghost" and shape[0] % 2)
        or (method == "batch" and shape[0] * math.prod(shape[2:]) < 2)
    )


CASES = [
    (method, shape, i)
    for method, shape, i in product(METHODS, SHAPES, range(len(SETTINGS)))
    if fits(method, shape, SETTINGS[i]) and (shape != (4, 4, 6, 6) or i in (0, 2))
]


def settings_of(method: str, i: int) -> dict:
    given = dict(SETTINGS[i])
    if method == "rms" and "beta" in given:
        del given["beta"]
    return given


@functools.cache
def made(method: str, shape: tuple[int, ...], i: int) -> tuple[Normalized, Plan]:
    result = normalize(random_batch(shape, seed=len(shape) + i) - 3, method, **settings_of(method, i))
    return result, of_result(result)


def values(plan: Plan, key: str) -> np.ndarray:
    grid, shown = plan[key], plan.shown(key)
    assert isinstance(grid, Grid) and set(shown) == set(np.ndindex(*grid.shape))
    return np.array([shown[c] for c in np.ndindex(*grid.shape)], float).reshape(grid.shape)


# -- against torch ------------------------------------------------------------------------------------------
def module(method: str, shape: tuple[int, ...], given: dict) -> nn.Module:
    """Torch's module with the same settings."""
    c, rank = shape[1], max(len(shape) - 2, 1)
    eps = given.get("eps", 1e-5)
    affine = "gamma" in given or "beta" in given
    if method in ("batch", "ghost"):
        made = getattr(nn, f"BatchNorm{rank}d")(c, eps=eps, momentum=given.get("momentum", 0.1))
    elif method == "instance":
        made = getattr(nn, f"InstanceNorm{rank}d")(c, eps=eps, affine=affine)
    elif method == "group":
        made = nn.GroupNorm(given.get("groups", 2 if c % 2 == 0 else 1), c, eps=eps)
    elif method == "layer":
        made = nn.LayerNorm(shape[1:], eps=eps)
    else:
        made = nn.RMSNorm(shape[1:], eps=given.get("eps"))
    made = made.double()
    with torch.no_grad():
        for name, value in (("weight", given.get("gamma")), ("bias", given.get("beta"))):
            if value is not None:
                getattr(made, name).fill_(value)
    return made


def run(net: nn.Module, method: str, x: torch.Tensor, splits: int) -> torch.Tensor:
    if method == "ghost" and net.training:
        return torch.cat([net(part) for part in x.chunk(splits)])
    return net(x)


def axes(method: str, x: torch.Tensor, groups: int, splits: int) -> tuple[torch.Tensor, tuple[int, ...]]:
    """The batch cut so that one reduction gives the statistics of all sets, in their order."""
    n, c = x.shape[:2]
    if method == "batch":
        return x.transpose(0, 1).reshape(c, -1), (1,)
    if method == "ghost":
        cut = x.reshape(splits, n // splits, c, -1).transpose(1, 2)
        return cut.reshape(splits * c, -1), (1,)
    if method == "instance":
        return x.reshape(n * c, -1), (1,)
    return x.reshape(n * (groups if method == "group" else 1), -1), (1,)


@sweep("method, shape, i", CASES, lambda case: case[0])
def test_every_panel_is_torch_s(method: str, shape: tuple[int, ...], i: int) -> None:
    result, plan = made(method, shape, i)
    given = settings_of(method, i)
    x = torch.tensor(result.x)
    net = module(method, shape, given)
    splits = getattr(result.op, "num_splits", 1)
    running = []
    for _ in range(given.get("steps", 1)):
        with torch.no_grad():
            if method == "ghost":
                for part in x.chunk(splits):
                    net(part)
                    running.append((net.running_mean.clone(), net.running_var.clone()))
            else:
                net(x)
                if method == "batch":
                    running.append((net.running_mean.clone(), net.running_var.clone()))
    live = given.get("mode") != "eval" or method not in ("batch", "ghost")
    if not live:
        net.eval()
    with torch.no_grad():
        want = run(net, method, x, splits).numpy()
    like = want.shape if len(want) > 1 else want.shape[1:]
    np.testing.assert_allclose(values(plan, "output"), want.reshape(like), atol=1e-9, rtol=1e-9)
    if running:
        for key, at, start in (("running_mean", 0, 0), ("running_var", 1, 1)):
            columns = [np.full(shape[1], start), *(stats[at].numpy() for stats in running)]
            np.testing.assert_allclose(values(plan, key), np.stack(columns, 1), atol=1e-12)
    if live:
        statistics(plan, method, x, result)
    elif not running:
        np.testing.assert_allclose(
            values(plan, "running_mean"), [[0]] * shape[1] if running else [0] * shape[1]
        )


def statistics(plan: Plan, method: str, x: torch.Tensor, result: Normalized) -> None:
    """Sums, means, squares, variances and roots, by torch's reductions."""
    groups, splits = getattr(result.op, "num_groups", 1), getattr(result.op, "num_splits", 1)
    cut, along = axes(method, x, groups, splits)
    mean = cut.mean(along, keepdim=True) * (method != "rms")
    squares = (cut - mean) ** 2
    cells = cut.shape[1]
    if method != "rms":
        np.testing.assert_allclose(values(plan, "sum"), cut.sum(1))
        np.testing.assert_allclose(values(plan, "mean"), mean.ravel(), atol=1e-12)
    np.testing.assert_allclose(values(plan, "square_sum"), squares.sum(1), atol=1e-9)
    var = cut.var(1, unbiased=False) if method != "rms" else squares.mean(1)
    np.testing.assert_allclose(values(plan, "variance"), var, atol=1e-9)
    np.testing.assert_allclose(values(plan, "std"), (var + result.eps).sqrt(), atol=1e-9)
    if "unbiased" in plan.by_key:
        np.testing.assert_allclose(values(plan, "unbiased"), cut.var(1, unbiased=True), atol=1e-9)
    assert ("unbiased" in plan.by_key) == bool(result.updates)
    sizes = {len(mark.cells) for step in plan.steps if step.section == "Shared" for mark in step.marks}
    assert sizes == {cells}
    # Cell by cell, through the sets that the plan names.
    sets = [mark.cells for step in plan.steps if step.section == "Shared" for mark in step.marks]
    shown = plan.shown("square")
    for label, members in enumerate(sets):
        np.testing.assert_allclose(
            sorted(shown[c] for c in members), sorted(squares[label].tolist()), atol=1e-9
        )


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("method", SCALINGS)
@pytest.mark.parametrize("shape", [(4, 1, 2, 2), (2, 3, 4), (1, 2, 2, 2), (3, 2)])
def test_scalings_are_what_they_say(method: str, over: str, shape: tuple[int, ...]) -> None:
    x = torch.tensor(random_batch(shape, 5)) * 20 - 7
    eps = 0.25 if over == "channel" else None
    plan = of_result(normalize(x.numpy(), method, over=over, eps=eps))
    dims = {
        "image": tuple(range(1, x.ndim)),
        "channel": (0, *range(2, x.ndim)),
        "dataset": tuple(range(x.ndim)),
    }[over]
    low, high = x.amin(dims, keepdim=True), x.amax(dims, keepdim=True)
    mean, var = x.mean(dims, keepdim=True), x.var(dims, keepdim=True, unbiased=False)
    want = {
        "pixel": x / 255,
        "center": x - mean,
        "standardize": (x - mean) / (var + (eps or 0)).sqrt(),
        "minmax": (x - low) / (high - low + (eps or 0)),
    }[method]
    like = x.shape if len(x) > 1 else x.shape[1:]
    np.testing.assert_allclose(values(plan, "output"), want.reshape(like), atol=1e-12)
    for key, stat in (("low", low), ("high", high), ("mean", mean), ("variance", var)):
        if key in plan.by_key:
            np.testing.assert_allclose(values(plan, key), stat.ravel())
    adds_up(plan)


# -- steps add up ---------------------------------------------------------------------------------------------
def evaluate(text: str) -> float:
    """A step's arithmetic, worked out by Python."""
    for char, code in (("−", "-"), ("×", "*"), ("²", "**2")):
        text = text.replace(char, code)
    text = re.sub(r"√(\d[\d.]*(?:e-?\d+)?|\([^()]*\))", r"math.sqrt(\1)", text)
    return float(eval(text, {"__builtins__": {}}, {"math": math, "min": min, "max": max}))


COMMON = {
    "Deviations",
    "Above the least",
    "Normalize",
}  # beside its own terms a cell reads one number of its set


def adds_up(plan: Plan) -> None:
    """Terms hold what their panels show by then, give the results, and the words say so."""
    shown = {panel.key: plan.shown(panel.key, -1) for panel in plan.panels if isinstance(panel, Grid)}
    for step in plan.steps:
        work = step.work
        if work is None:
            assert step.section in ("Shared", "In use") and step.marks
            continue
        for term in work.terms:
            assert math.isclose(shown[term.panel][term.cell], term.value, rel_tol=1e-12, abs_tol=1e-12)
            assert term.weight is None or math.isclose(term.product, term.value * term.factor)
        marked = {(mark.panel, cell) for mark in step.marks if mark.mark == "written" for cell in mark.cells}
        assert marked == {(write.panel, write.cell) for write in step.writes}
        check_terms(step)
        parts = [work.text] if len(step.writes) == 1 else work.text.split(", ")
        if "…" not in work.text:
            for text, write in zip(parts, step.writes, strict=True):
                numbers, _, result = text.rpartition(" = ")
                assert result == number(write.value)
                assert evaluate(numbers) == pytest.approx(write.value, rel=2e-3, abs=2e-3), text
        assert work.text in step.caption and step.caption.endswith(".") and "\n" not in step.caption
        for write in step.writes:
            assert write.cell not in shown[write.panel], "a cell is worked out once"
            shown[write.panel][write.cell] = write.value


def check_terms(step: Step) -> None:
    work = step.work
    assert work is not None
    products = [term.product for term in work.terms]
    near = functools.partial(math.isclose, rel_tol=1e-9, abs_tol=1e-9)
    if work.how == "sum":
        assert near(sum(products), work.result)
    elif work.how == "mean":
        assert near(sum(products) / work.divisor, work.result)
    elif work.how == "max":
        assert near(max(products), work.result)
    elif step.section in ("Running mean", "Running variance", "Scale", "Scale and shift", "Squares"):
        for write in step.writes:
            assert near(sum(term.product for term in work.terms if term.to == write.cell), write.value)
    elif step.section in COMMON:
        common = [term.value for term in work.terms if term.to is None]
        for write in step.writes:
            (own,) = [term.value for term in work.terms if term.to == write.cell]
            if step.section != "Normalize":
                assert near(own - common[0], write.value)
            else:
                assert near((own - sum(common[:-1])) / common[-1], write.value)


@sweep("method, shape, i", CASES, lambda case: case[0])
def test_steps_add_up_and_say_so(method: str, shape: tuple[int, ...], i: int) -> None:
    result, plan = made(method, shape, i)
    adds_up(plan)
    changes = sum(a.section != b.section for a, b in zip(plan.steps, plan.steps[1:]))
    assert len(plan.sections) == changes + 1
    counts = Counter(step.section for step in plan.steps)
    updates = len(result.updates)
    for section, count in counts.items():
        assert count == (updates if section.startswith("Running") else len(result.shift)), section


@sweep("method, shape, i", CASES[::5], lambda case: case[0])
def test_the_sets_are_those_of_the_result(method: str, shape: tuple[int, ...], i: int) -> None:
    result, plan = made(method, shape, i)
    starts = [step for step in plan.steps if step.section in ("Shared", "In use")]
    found = np.full(shape if shape[0] > 1 else shape[1:], -1)
    for label, step in enumerate(starts):
        for cell in step.marks[0].cells:
            found[cell] = label
    assert (found == result.labels.reshape(found.shape)).all()


# -- what a reader looks for ----------------------------------------------------------------------------------
def captions(plan: Plan) -> str:
    return "\n".join(step.caption for step in plan.steps)


def test_batch_a_shows_the_known_numbers() -> None:
    said = captions(of_result(normalize(preset("A"), "bn")))
    for text in ("/ 16 = 4.", "144 / 16 = 9.", "144 / (16 − 1) = 9.6.", "(1 − 0.1)×0 + 0.1×4 = 0.4.",
                 "(1 − 0.1)×1 + 0.1×9.6 = 1.86.", "√(9 + 0.00001) = 3.", "−4 / 3 = −1.3333",
                 "5 / 3 = 1.6667"):  # fmt: skip
        assert text in said, text
    later = of_result(normalize(preset("A"), "bn", mode="eval"))
    said = captions(later)
    assert "(0 − 0.4) / 1.3638 = −0.2933" in said and "(2 − 0.4) / 1.3638 = 1.1732" in said
    assert "16 cells use the running mean 0.4 and the running variance 1.86" in said
    assert any("After 1 training step 0.9 of the start" in note for note in later.notes)


@pytest.mark.parametrize(
    ("method", "want"),
    [
        ("batch", [(5, 9), (5, 4), (4, 4), (4, 9)]),
        ("layer", [(5, 9), (5, 4), (4, 9), (4, 4)]),
        ("group", [(4, 9), (6, 7), (6, 2), (4, 4), (6, 6), (2, 4), (4, 5), (4, 3)]),
        ("ghost", [(4, 7), (6, 4), (5, 4), (5, 9), (6, 9), (4, 2), (3, 2), (3, 7)]),
    ],
)
def test_batch_b_has_the_known_statistics(method: str, want: list[tuple[int, int]]) -> None:
    plan = of_result(normalize(preset("B"), method))
    assert list(zip(plan.shown("mean").values(), plan.shown("variance").values())) == want


def test_ghost_updates_once_a_split() -> None:
    plan = of_result(normalize(preset("B"), "ghost", steps=2))
    steps = [step.caption for step in plan.steps if step.section == "Running mean"]
    assert [text.partition(", running")[0] for text in steps] == [
        "Step 1, samples 0 to 1", "Step 1, samples 2 to 3", "Step 2, samples 0 to 1", "Step 2, samples 2 to 3",
    ]  # fmt: skip
    assert "After 2 training steps of 2 updates, one for each split, 0.6561 of the start" in " ".join(
        plan.notes
    )


def test_the_plain_average_has_fractions() -> None:
    plan = of_result(normalize(preset("A"), "bn", steps=3, momentum=None))
    assert "(1 − 1/3)×4 + 1/3×4 = 4" in captions(plan) and any(
        "0 of the start" in note for note in plan.notes
    )


def test_earlier_batches_move_the_running_statistics() -> None:
    result = normalize(preset("A"), "bn", before=[preset("A") + 2, preset("A") * 3])
    plan = of_result(result)
    assert list(plan.shown("batch_mean").values()) == [6, 12, 4]
    net = nn.BatchNorm2d(1).double()
    for batch in (preset("A") + 2, preset("A") * 3, preset("A")):
        net(torch.tensor(batch))
    assert values(plan, "running_mean")[0, -1] == pytest.approx(net.running_mean.item())
    assert values(plan, "running_var")[0, -1] == pytest.approx(net.running_var.item())
    adds_up(plan)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("affine", [False, True])
def test_parameters_are_torch_s(method: str, affine: bool) -> None:
    x = preset("B")
    given = {"gamma": 1, **({} if method == "rms" else {"beta": 0})} if affine else {}
    plan = of_result(normalize(x, method, **given))
    net = module(method, x.shape, given)
    facts = dict(plan.facts)
    assert facts["parameters"] == str(sum(p.numel() for p in net.parameters()))
    rows = plan["parameters"].rows if "parameters" in plan.by_key else ()
    trained = {row[0].split("(")[1].rstrip(")"): row[1] for row in rows if row[2] == "trained"}
    kept = {row[0]: row[1] for row in rows if row[2] == "kept"}
    assert trained == {name: p.numel() for name, p in net.named_parameters()}
    assert kept == {name: b.numel() for name, b in net.named_buffers()}
    assert (facts["only kept"] == "nothing") == (not kept) and (facts["trained"] == "nothing") == (
        not trained
    )


@pytest.mark.parametrize("shape", [(2, 4, 2, 2), (3, 2, 3)])
@pytest.mark.parametrize("method", ["batch", "instance", "group", "layer"])
def test_each_cell_has_its_own_gamma_and_beta(method: str, shape: tuple[int, ...]) -> None:
    x, rng = random_batch(shape, 8), np.random.default_rng(1)
    size = math.prod(shape[1:]) if method == "layer" else shape[1]
    gamma, beta = rng.integers(-4, 5, size), rng.integers(-4, 5, size)
    plan = of_result(normalize(x, method, gamma=gamma.tolist(), beta=beta.tolist()))
    net = module(method, shape, {"gamma": 1, "beta": 0})
    with torch.no_grad():
        net.weight.copy_(torch.tensor(gamma).reshape(net.weight.shape))
        net.bias.copy_(torch.tensor(beta).reshape(net.bias.shape))
        np.testing.assert_allclose(values(plan, "output"), net(torch.tensor(x)), atol=1e-9)
    adds_up(plan)
    weights = plan.shown("weight")
    for step in plan.steps:
        for term in step.work.terms if step.work and step.section == "Scale and shift" else ():
            assert term.weight is None or weights[term.weight] == term.factor


@pytest.mark.parametrize("method", [*METHODS, *SCALINGS])
def test_formulas_have_the_numbers_put_in(method: str) -> None:
    given = {} if method in SCALINGS else {"gamma": 2, "steps": 2}
    plan = of_result(normalize(preset("B"), method, **given))
    for formula in plan.formulas:
        result = float(formula.result.replace("−", "-"))
        assert evaluate(formula.numbers) == pytest.approx(result, rel=2e-3, abs=2e-3)
    symbols = {formula.about: formula.symbols for formula in plan.formulas}
    rules = {
        "pixel": "x / 255",
        "center": "x − mean",
        "standardize": "(x − mean) / √variance",
        "minmax": "(x − min) / (max − min)",
        "rms": "x / √(mean square + eps)×weight",
        "instance": "(x − mean) / √(variance + eps)×weight + bias",
    }
    assert symbols["each cell"] == rules.get(method, rules["instance"])
    assert ("running variance" in symbols) == (method in ("batch", "ghost"))


def test_a_norm_of_an_op_has_a_set_for_each_channel_in_evaluation() -> None:
    plan = norm(build("batch_norm"), random_batch((3, 4, 2), 1))
    assert plan["std"].channels == tuple(f"channel {c}" for c in range(4))
    assert Counter(step.section for step in plan.steps) == {
        "Standard deviation": 4, "Normalize": 24, "Scale and shift": 24,
    }  # fmt: skip


def test_a_curve_shows_the_way_to_the_batch_s_statistics() -> None:
    assert not any(isinstance(p, Curve) for p in of_result(normalize(preset("A"), "bn", steps=2)).panels)
    plan = of_result(normalize(preset("A"), "bn", steps=30))
    mean, var = (p for p in plan.panels if isinstance(p, Curve))
    line, batch = mean.series
    assert line.x == tuple(range(31)) and line.y[:2] == (0, pytest.approx(0.4)) and set(batch.y) == {4}
    assert line.y[-1] == pytest.approx(4 * (1 - 0.9**30))
    assert var.series[0].y[-1] == pytest.approx(9.6 - 8.6 * 0.9**30) and set(var.series[1].y) == {9.6}
    several = of_result(normalize(preset("B"), "bn", steps=3))
    assert [len(p.series) for p in several.panels if isinstance(p, Curve)] == [4, 4]


# -- sizes and bad input --------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", METHODS)
def test_the_batch_of_the_picture_is_told_in_few_steps(method: str) -> None:
    plan = of_result(normalize(random_batch((4, 4, 6, 6), 1), method, steps=2))
    sets = len(plan["std"].channels)
    assert len(plan.steps) <= 11 * sets + 8 and set(plan.shown("output")) == set(np.ndindex(4, 4, 6, 6))
    assert {"Shared", "Squares", "Sum of squares", "Standard deviation", "Normalize"} <= set(plan.sections)


@pytest.mark.parametrize(
    ("shape", "method", "steps", "message"),
    [
        ((11, 10, 10, 10), "batch", 1, "11,000 cells, and 10,000 is the most"),
        ((2, 10, 10, 50), "pixel", 1, None),
        ((2, 10, 10, 51), "pixel", 1, "10,200 cells"),
        ((10, 100, 2, 2), "instance", 1, "11,000 steps"),
        ((2, 100, 1, 2), "batch", 200, "20,100 running statistics"),
        ((8, 16, 8, 8), "batch", 2, None),
    ],
)
def test_what_is_too_large_is_refused_in_a_line(
    shape: tuple, method: str, steps: int, message: str | None
) -> None:
    result = normalize(random_batch(shape, 0), method, steps=steps)
    if message is None:
        assert len(of_result(result).steps) <= 10_000
        return
    with pytest.raises(ConvvizError) as err:
        of_result(result)
    assert message in str(err.value) and "\n" not in str(err.value)


# -- forms ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("digits", [0, 1, 2, 4, 7])
@pytest.mark.parametrize("method", ["batch", "rms", "center"])
def test_decimals_govern_everything_and_zero_is_never_negative(method: str, digits: int) -> None:
    x = random_batch((3, 2, 2, 2), 3) / 7 - 0.6
    with decimals(digits):
        plan = of_result(normalize(x, method, **({} if method == "center" else {"eps": 1e-5})))
        pages = [render(plan, format) for format in ("text", "md", "html", "latex")]
    for page in pages:
        assert not re.search(r"(?<!set)[−-]0(?![.\d])", re.sub(r"<style>.*?</style>", "", page))
        plain = re.sub(r"<[^>]*>|10\^\{[^}]*\}", " ", page)
        long = {n for n in re.findall(r"(?<![\w#])\d+\.(\d+)", plain) if len(n.lstrip("0")) > max(digits, 3)}
        assert not long, long
        assert method == "center" or "0.00001" in page


def test_text_shows_samples_side_by_side_and_statistics_in_a_table() -> None:
    page = render(of_result(normalize(preset("A"), "ln")), "text")
    assert "sample 0   sample 1   sample 2   sample 3" in page
    assert "  channel 0      0 2        2 8        1 5        5 7" in page
    assert re.search(r"sample 0 +4 +1 +4 +1 +1\n +sample 1 +20 +5 +36 +9 +3\n", page)
    wide = render(of_result(normalize(random_batch((6, 2, 6, 6), 1), "bn")), "text").split("\n\nShared")[0]
    assert max(map(len, wide.splitlines())) < 200 and wide.count("sample 5") == 5


def test_markdown_has_tables_to_hand_in() -> None:
    page = render(of_result(normalize(preset("B"), "gn")), "md")
    assert "|           | sample 0       | sample 1       | sample 2       | sample 3       |" in page
    assert "| channel 1 | `8 2`<br>`4 6` |" in page
    assert (
        "| sample 0, channels 2 to 3 |  48 |    6 |             56 |        7 |            2.6458 |" in page
    )
    for block in re.findall(r"(?:^\|.*\n)+", page, re.M):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    large = render(of_result(normalize(random_batch((4, 4, 6, 6), 1), "gn")), "md")
    assert "```\n            sample 0" in large or "```\n" in large


def test_html_marks_the_sets_in_two_ways() -> None:
    page = render(of_result(normalize(preset("B"), "gn")), "html")
    assert "sample 0, channel 2 · set 1" in page and 'class="real set set-1" title="set 1">7' in page
    assert page.count('title="set 7"') == 8 * 5 + 5  # eight cells in five grids, five statistics
    assert "dashed" in page and "<th>7: sample 3, channels 2 to 3</th>" in page
    assert len(re.findall(r"td\.set-\d\{background", page)) == 8
    eight = render(of_result(normalize(random_batch((4, 4, 6, 6), 1), "in")), "html")
    assert 'set set-7" title="set 15"' in eight


def test_a_table_is_a_panel_of_the_plan() -> None:
    plan = of_result(normalize(preset("A"), "bn"))
    (table,) = (p for p in plan.panels if isinstance(p, Table))
    assert table.rows[-1] == ("num_batches_tracked", 1, "kept", "counts updates: 1")
