"""Plans of the windowed ops: every number in them against torch on the same numbers, and their words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import convviz
from convviz.errors import ConvvizError
from convviz.ops import build
from convviz.ops.base import Op, Shape
from convviz.plan import explain, kinds, of_layer, plan, words
from convviz.plan.model import Formula, Grid, Matrix, Plan, Step, Table, Term

LINE, PLANE, CUBE = (4, 9), (4, 7, 6), (2, 5, 4, 4)
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


# -- reading a plan ------------------------------------------------------------------------------------
def dense(matrix: Matrix) -> np.ndarray:
    full = np.zeros((len(matrix.rows), len(matrix.columns)))
    for place, (_, value) in matrix.entries.items():
        full[place] = value
    return full


def array(plan: Plan, key: str) -> np.ndarray:
    panel = plan[key]
    assert isinstance(panel, Grid)
    full = np.full(panel.shape, np.nan)
    for cell, value in plan.shown(key).items():
        if all(0 <= i < n for i, n in zip(cell, panel.shape, strict=True)):
            full[cell] = value
    return full


def works(plan: Plan, section: str = "") -> Iterator[Step]:
    return (step for step in plan.steps if step.work and (not section or step.section == section))


MEANINGS = {
    **{"×": "*", "−": "-", "∞": "inf", "^": "**", "²": "**2", "³": "**3"},
    **{"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")"},
}


def value_of(text: str) -> float:
    """What arithmetic as a plan writes it comes to."""
    for mark, meaning in MEANINGS.items():
        text = text.replace(mark, meaning)
    scope = {"floor": math.floor, "ceil": math.ceil, "max": lambda *v: max(v), "inf": math.inf}
    return float(eval(text.strip(), {"__builtins__": {}}, scope))


def check_text(text: str, places: int = 4) -> None:
    sides = [value_of(side) for side in text.split("=")]
    assert max(sides) - min(sides) <= 0.6 * 10**-places, text


def check_formulas(plan: Plan, op: Op, shape: Shape) -> None:
    out = op.shape(shape)
    names = words.axis_names(len(shape) - 1)
    for formula in plan.formulas:
        if formula.about.startswith("cells"):
            continue
        check_text(f"{formula.numbers} = {formula.result.replace(',', '')}")
        if formula.about.startswith("output size"):
            for a, name in enumerate(names):
                if "every" in formula.about or f"{name}s" in formula.about:
                    assert formula.result == f"{out[1 + a]:,}"
        if formula.about == "parameters":
            assert formula.result == f"{op.params(shape):,}"
        if formula.about.startswith("multiplications"):
            assert formula.result == f"{op.macs(shape):,}"


# -- torch ---------------------------------------------------------------------------------------------
def pad_torch(x: np.ndarray, pads: Any, mode: str = "zeros") -> torch.Tensor:
    flat = [p for pair in reversed(pads) for p in pair]
    return F.pad(torch.from_numpy(x)[None], flat, MODES[mode])


def conv_torch(op: Any, x: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    rank = x.ndim - 1
    run = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
    bias = torch.from_numpy(w["bias"]) if "bias" in w else None
    y = run(
        pad_torch(x, op.pads(), op.padding_mode),
        torch.from_numpy(w["weight"]),
        bias,
        op.stride,
        0,
        op.dilation,
        op.groups,
    )
    return y[0].numpy()


def transposed_torch(op: Any, x: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    run = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][x.ndim - 2]
    bias = torch.from_numpy(w["bias"]) if "bias" in w else None
    y = run(torch.from_numpy(x)[None], torch.from_numpy(w["weight"]), bias, op.stride, op.padding, op.output_padding,
            op.groups, op.dilation)  # fmt: skip
    return y[0].numpy()


def pool_torch(op: Any, x: np.ndarray) -> np.ndarray:
    t, rank = torch.from_numpy(x)[None], x.ndim - 1
    if op.kind == "max_pool":
        run = [F.max_pool1d, F.max_pool2d, F.max_pool3d][rank - 1]
        y = run(t, op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode)
    elif op.kind == "avg_pool":
        run = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][rank - 1]
        y = run(t, op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad)
    elif op.kind == "lp_pool":
        run = [F.lp_pool1d, F.lp_pool2d, F.lp_pool3d][rank - 1]
        size = op.kernel_size[0] if rank == 1 else op.kernel_size
        y = run(t, op.norm_type, size, op.stride[0] if rank == 1 else op.stride, op.ceil_mode)
    elif op.kind == "global_avg_pool":
        y = t.mean(tuple(range(2, 2 + rank)), keepdim=True)
    else:
        name = op.kind
        y = getattr(F, f"{name}{rank}d")(t, op.output_size)
    return y[0].numpy()


def numbers(shape: Shape, seed: int = 0, low: int = -4, high: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape).astype(float)


def made(op: Op, shape: Shape, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return numbers(shape, seed), {
        name: numbers(size, seed + 1 + i, -3, 4) for i, (name, size) in enumerate(op.weights(shape).items())
    }


# -- convolution ---------------------------------------------------------------------------------------
def check_conv(fields: dict[str, Any], shape: Shape, seed: int = 0) -> Plan:
    op: Any = build("conv", fields, len(shape) - 1)
    x, w = made(op, shape, seed)
    done = explain(op, shape, xs=[x], weights=w, view="matrix")
    y = conv_torch(op, x, w)
    np.testing.assert_array_equal(array(done, "output"), y)
    np.testing.assert_array_equal(array(done, "input"), x)
    np.testing.assert_array_equal(array(done, "kernel"), w["weight"].reshape(-1, *op.kernel_size))
    around = pad_torch(x, op.pads(), op.padding_mode)[0].numpy()
    per_filter = shape[0] // op.groups
    seen: set[tuple[int, ...]] = set()
    for step in done.steps:
        (write,), work = step.writes, step.work
        assert work is not None and work.how == "dot"
        assert work.result == write.value == y[write.cell]
        assert sum(term.product for term in work.terms) + (work.bias or 0) == work.result
        assert work.bias == (w["bias"][write.cell[0]] if op.bias else None)
        assert len(work.terms) == per_filter * math.prod(op.kernel_size)
        for term in work.terms:
            inside = [i + before for i, (before, _) in zip(term.cell[1:], op.pads(), strict=True)]
            assert term.value == around[(term.cell[0], *inside)]
            assert term.padding == any(not 0 <= i < n for i, n in zip(term.cell[1:], shape[1:], strict=True))
            assert term.weight is not None
            filt, channel = divmod(term.weight[0], per_filter)
            assert (
                filt == write.cell[0]
                and term.cell[0] == filt // (op.out_channels // op.groups) * per_filter + channel
            )
            assert term.factor == w["weight"][(filt, channel, *term.weight[1:])]
            assert term.product == term.value * term.factor
        seen |= {term.cell for term in work.terms}
        check_text(work.text)
        assert words.number(work.result) in step.caption
        marks = {(mark.panel, mark.mark): set(mark.cells) for mark in step.marks}
        assert marks["input", "read"] == {term.cell for term in work.terms}
        assert marks["kernel", "weight"] == {term.weight for term in work.terms}
        assert marks["output", "written"] == {write.cell}
        holes = marks.get(("input", "hole"), set())
        assert not holes & marks["input", "read"]
        assert bool(holes) == any(d > 1 < k for d, k in zip(op.dilation, op.kernel_size, strict=True))
    grid, matrix = done["input"], done["matrix"]
    assert isinstance(grid, Grid) and isinstance(matrix, Matrix)
    box = [range(-b, n + a) for n, (b, a) in zip(shape[1:], op.pads(), strict=True)]
    assert grid.unused == {(c, *at) for c in range(shape[0]) for at in product(*box)} - seen
    for cell, value in grid.outside.items():
        assert value == around[(cell[0], *(i + b for i, (b, _) in zip(cell[1:], op.pads(), strict=True)))]
    bias = np.repeat(w["bias"], math.prod(y.shape[1:])) if op.bias else 0
    np.testing.assert_array_equal(dense(matrix) @ x.ravel() + bias, y.ravel())
    assert sum(len(step.work.terms) for step in done.steps if step.work) == op.macs(shape)
    check_formulas(done, op, shape)
    return done


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [LINE, (2, 5, 6), (2, 4, 3, 3)], ids=str)
def test_conv_in_every_padding_mode(mode: str, shape: Shape) -> None:
    check_conv(dict(out_channels=2, kernel_size=2, padding=1, padding_mode=mode, stride=2), shape)
    pads = [[1, 2]] + [[2, 0]] * (len(shape) - 2)
    check_conv(dict(out_channels=2, kernel_size=2, padding=pads, padding_mode=mode, groups=2), shape)


@pytest.mark.parametrize(
    "fields",
    [
        dict(kernel_size=3),
        dict(kernel_size=3, padding="same"),
        dict(kernel_size=2, padding="same"),
        dict(kernel_size=2, padding="same", dilation=3),
        dict(kernel_size=3, padding="valid", bias=False),
        dict(kernel_size=2, dilation=2, stride=2, padding=1),
        dict(kernel_size=1, stride=3),
        dict(kernel_size=2, stride=3, padding=1),
        dict(kernel_size=1, groups=2),
        dict(kernel_size=2, groups=4, out_channels=8),
        dict(kernel_size=2, groups=4),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [LINE, (4, 6, 4), (4, 4, 4, 4)], ids=str)
def test_conv_settings(fields: dict[str, Any], shape: Shape) -> None:
    check_conv({"out_channels": 4, **fields}, shape)


@st.composite
def conv_settings(draw: st.DrawFn) -> tuple[dict[str, Any], Shape]:
    rank = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 2, 3]))
    each = lambda low, high: [draw(st.integers(low, high)) for _ in range(rank)]  # noqa: E731
    shape = (groups * draw(st.integers(1, 2)), *each(1, 7))
    return dict(
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=each(1, 4),
        stride=each(1, 4),
        dilation=each(1, 3),
        padding=[[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in range(rank)],
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(list(MODES))),
    ), shape


LAX = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)


@LAX
@given(conv_settings())
def test_conv_at_random(case: tuple[dict[str, Any], Shape]) -> None:
    fields, shape = case
    try:
        build("conv", fields, len(shape) - 1).shape(shape)
    except ConvvizError:
        assume(False)
    check_conv(fields, shape)


def test_a_conv_says_what_the_floor_drops() -> None:
    done = check_conv(dict(out_channels=1, kernel_size=3, stride=2, padding=1), (1, 6, 5))
    rows = done.formulas[0]
    assert rows == Formula(
        "output size along the rows",
        "o = ⌊(i + 2p − k)/s⌋ + 1",
        "⌊(6 + 2×1 − 3)/2⌋ + 1 = ⌊5/2⌋ + 1",
        "3",
        "The floor drops 1 row of the padding: row 6 is never read.",
    )
    assert done.formulas[1].note == ""
    grid = done["input"]
    assert isinstance(grid, Grid) and {cell[1] for cell in grid.unused} == {6}
    gaps = check_conv(dict(out_channels=1, kernel_size=1, stride=3), (1, 5, 7)).formulas
    assert gaps[0].note == (
        "The floor drops 1 row of the input: row 4 is never read. "
        "The stride jumps over 2 rows between two windows, which are never read."
    )


def test_captions_and_titles_of_a_conv() -> None:
    x = np.arange(16.0).reshape(1, 4, 4)
    done = explain(
        build("conv", {"out_channels": 1, "kernel_size": 2, "padding": 1}),
        (1, 4, 4),
        xs=[x],
        weights={"weight": np.array([[[[1, 0], [-1, 2]]]]), "bias": [3]},
    )
    assert done.title == "Convolution: kernel 2×2, padding 1 on 1×4×4 gives 1×5×5"
    first, inner = done.steps[0], done.steps[6]
    assert first.work and first.work.text == "0×1 + 0×0 + 0×(−1) + 0×2 + 3 = 3"
    assert first.caption == (
        "Output (0, 0): the kernel lies on rows −1 and 0 and columns −1 and 0; "
        "its 4 products and the bias 3 add up to 3. 3 cells of the window are padding."
    )
    assert inner.work and inner.work.text == "0×1 + 1×0 + 4×(−1) + 5×2 + 3 = 9"
    panel = done["kernel"]
    assert panel.title == "kernel 2×2, bias 3"


def test_filters_and_their_channels_have_names() -> None:
    done = explain(build("conv", {"out_channels": 4, "kernel_size": 1, "groups": 2}), (4, 2, 2))
    kernel = done["kernel"]
    assert isinstance(kernel, Grid) and kernel.shape == (8, 1, 1)
    assert kernel.channels[:3] == ("filter 0, channel 0", "filter 0, channel 1", "filter 1, channel 0")
    assert kernel.channels[-1] == "filter 3, channel 3"
    assert done.sections == ("Filter 0", "Filter 1", "Filter 2", "Filter 3")
    assert ("MACs against no groups", "1/2") in done.facts


# -- transposed convolution ----------------------------------------------------------------------------
def check_transposed(fields: dict[str, Any], shape: Shape, seed: int = 0) -> Plan:
    op: Any = build("conv_transpose", fields, len(shape) - 1)
    x, w = made(op, shape, seed)
    done = explain(op, shape, xs=[x], weights=w)
    y = transposed_torch(op, x, w)
    for key in ("scattered", "output"):
        np.testing.assert_array_equal(array(done, key), y)
    out_per, in_per = op.out_channels // op.groups, shape[0] // op.groups
    running: dict[tuple[int, ...], float] = {}
    products = 0
    for step in (step for step in done.steps if step.section == "Scatter"):
        if step.work is None:
            running |= {write.cell: write.value for write in step.writes}
            continue
        for term, write in zip(step.work.terms, step.writes, strict=True):
            assert term.value == x[term.cell] and term.weight is not None and term.to == write.cell
            channel, filt = divmod(term.weight[0], out_per)
            assert channel == term.cell[0] and filt + channel // in_per * out_per == write.cell[0]
            assert term.factor == w["weight"][(channel, filt, *term.weight[1:])]
            assert term.product == term.value * term.factor
            lands = [
                i * s - p + d * t
                for i, s, p, d, t in zip(
                    term.cell[1:], op.stride, op.padding, op.dilation, term.weight[1:], strict=True
                )
            ]
            assert write.cell[1:] == tuple(lands)
            running[write.cell] += term.product
            assert running[write.cell] == write.value
            products += 1
        for part in step.work.text.split("; "):
            check_text(part.split(": ")[1])
    assert products == op.macs(shape)
    stuffed, flipped = done["stuffed"], done["flipped"]
    assert isinstance(stuffed, Grid) and isinstance(flipped, Grid)
    for step in works(done, "Gather"):
        (write,), work = step.writes, step.work
        assert work is not None
        assert work.result == write.value == y[write.cell]
        assert sum(term.product for term in work.terms) + (work.bias or 0) == work.result
        check_text(work.text)
        assert words.number(work.result) in step.caption
        for term in work.terms:
            assert term.weight is not None
            assert term.factor == (flipped.values or {})[term.weight]
            assert term.value == (0 if term.padding else (stuffed.values or {})[term.cell])
            assert term.product == term.value * (term.factor or 0)
            inside = all(0 <= i < n for i, n in zip(term.cell, stuffed.shape, strict=True))
            assert term.padding != inside
    matrix = done["matrix"]
    assert isinstance(matrix, Matrix)
    bias = np.repeat(w["bias"], math.prod(y.shape[1:])) if op.bias else 0
    np.testing.assert_array_equal(dense(matrix) @ x.ravel() + bias, y.ravel())
    rows = explain(op, shape, xs=[x], weights=w, view="matrix")
    np.testing.assert_array_equal(array(rows, "output"), y)
    assert sum(len(step.work.terms) for step in works(rows)) == len(matrix.entries)
    for view in ("scatter", "gather"):
        np.testing.assert_array_equal(array(explain(op, shape, xs=[x], weights=w, view=view), "output"), y)
    check_formulas(done, op, shape)
    return done


@pytest.mark.parametrize(
    "fields",
    [
        dict(kernel_size=3, stride=2, padding=1),
        dict(kernel_size=3, stride=2, padding=1, output_padding=1),
        dict(kernel_size=2, stride=3),
        dict(kernel_size=2, stride=3, output_padding=2, bias=False),
        dict(kernel_size=3, dilation=2, stride=2, padding=2),
        dict(kernel_size=2, padding=1),
        dict(kernel_size=1, stride=2, groups=2),
        dict(kernel_size=2, stride=2, groups=2, out_channels=4),
        dict(kernel_size=3, padding=2, dilation=2, output_padding=1, groups=2),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 4), (2, 3, 2, 3)], ids=str)
def test_transposed_settings(fields: dict[str, Any], shape: Shape) -> None:
    check_transposed({"out_channels": 2, **fields}, shape)


@st.composite
def transposed_settings(draw: st.DrawFn) -> tuple[dict[str, Any], Shape]:
    rank = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 2]))
    each = lambda low, high: [draw(st.integers(low, high)) for _ in range(rank)]  # noqa: E731
    return dict(
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=each(1, 4),
        stride=each(1, 3),
        padding=each(0, 4),
        output_padding=each(0, 2),
        dilation=each(1, 3),
        groups=groups,
        bias=draw(st.booleans()),
    ), (groups * draw(st.integers(1, 2)), *each(1, 4))


@LAX
@given(transposed_settings())
def test_transposed_at_random(case: tuple[dict[str, Any], Shape]) -> None:
    fields, shape = case
    try:
        build("conv_transpose", fields, len(shape) - 1).shape(shape)
    except ConvvizError:
        assume(False)
    check_transposed(fields, shape)


def test_the_matrix_is_the_transpose_of_the_convs() -> None:
    fields = dict(kernel_size=3, stride=2, padding=1, bias=False)
    w = numbers((2, 3, 3, 3), 5, -3, 4)
    up = explain(build("conv_transpose", {**fields, "out_channels": 3}), (2, 3, 3), weights={"weight": w})
    down = explain(
        build("conv", {**fields, "out_channels": 2}), (3, 5, 5), weights={"weight": w}, view="matrix"
    )
    one, other = up["matrix"], down["matrix"]
    assert isinstance(one, Matrix) and isinstance(other, Matrix)
    np.testing.assert_array_equal(dense(one), dense(other).T)
    assert (
        "Its matrix is that of the convolution (kernel 3×3, stride 2, padding 1) from 3×5×5 to 2×3×3, transposed."
        in up.notes
    )


def test_a_transposed_conv_shows_its_crop_and_its_overlap() -> None:
    done = check_transposed(dict(out_channels=1, kernel_size=3, stride=2, padding=1), (1, 2, 2))
    scattered, stuffed = done["scattered"], done["stuffed"]
    assert isinstance(scattered, Grid) and isinstance(stuffed, Grid)
    assert scattered.shape == (1, 3, 3) and scattered.pads == ((1, 1), (1, 1))
    assert stuffed.shape == (1, 3, 3) and stuffed.pads == ((1, 1), (1, 1)) and stuffed.stuffed == (2, 2)
    assert done.sections == ("Scatter", "Gather")
    crop = [step for step in done.steps if step.section == "Scatter"][-1]
    assert crop.caption == "Padding crops the 16 cells outside; 1×3×3 stays."
    assert (
        done.notes[0]
        == "Away from the border an output adds up 4, 2 or 1 products a channel: a checkerboard."
    )


# -- pooling -------------------------------------------------------------------------------------------
def check_pool(kind: str, fields: dict[str, Any], shape: Shape, seed: int = 0) -> Plan:
    op: Any = build(kind, fields, len(shape) - 1)
    x = numbers(shape, seed, 0 if kind == "lp_pool" else -4, 9)
    done = explain(op, shape, xs=[x])
    y = pool_torch(op, x)
    np.testing.assert_allclose(array(done, "output"), y, rtol=1e-12)
    for step in done.steps:
        (write,), work = step.writes, step.work
        assert work is not None and work.result == write.value
        assert words.number(write.value) in step.caption
        for term in work.terms:
            real = all(0 <= i < n for i, n in zip(term.cell, shape, strict=True))
            assert term.value == (x[term.cell] if real else 0) and term.padding != real
        if work.terms and not math.isinf(write.value):
            check_text(work.text, 3)
        winners = [mark.cells for mark in step.marks if mark.mark == "winner"]
        if work.how == "max" and work.terms:
            ((winner,),) = winners
            assert x[winner] == write.value and f"at {words.position(winner[1:])}" in step.caption
        else:
            assert not winners
        if work.how == "mean":
            assert work.divisor == len(work.terms)
            assert math.isclose(
                sum(term.value for term in work.terms) / work.divisor, write.value, abs_tol=1e-12
            )
    check_formulas(done, op, shape)
    return done


POOLS = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True),
    dict(kernel_size=2, stride=3, ceil_mode=True),
    dict(kernel_size=2, stride=1),
]


@pytest.mark.parametrize("shape", [(2, 8), (2, 6, 5), (1, 5, 4, 4)], ids=str)
@pytest.mark.parametrize("fields", POOLS, ids=str)
@pytest.mark.parametrize("kind", ["max_pool", "avg_pool", "lp_pool"])
def test_pool_settings(kind: str, fields: dict[str, Any], shape: Shape) -> None:
    if kind == "lp_pool":
        fields = {name: value for name, value in fields.items() if name != "padding"} | {"norm_type": 2}
    check_pool(kind, fields, shape)
    if kind == "avg_pool":
        check_pool(kind, fields | {"count_include_pad": False}, shape)
    if kind == "max_pool" and min(shape[1:]) >= 5:
        check_pool(kind, fields | {"dilation": 2}, shape)


@pytest.mark.parametrize("shape", [(2, 8), (2, 7, 5), (1, 5, 4, 4)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["adaptive_max_pool", "adaptive_avg_pool"])
def test_adaptive_pools(kind: str, size: int, shape: Shape) -> None:
    check_pool(kind, {"output_size": size}, shape)
    if size == 1:
        check_pool("global_avg_pool", {}, shape)


@LAX
@given(st.data())
def test_pools_at_random(data: st.DataObject) -> None:
    draw = data.draw
    rank = draw(st.integers(1, 2))
    kernel = [draw(st.integers(1, 4)) for _ in range(rank)]
    fields: dict[str, Any] = dict(
        kernel_size=kernel,
        stride=[draw(st.integers(1, 4)) for _ in range(rank)],
        padding=[draw(st.integers(0, k // 2)) for k in kernel],
        ceil_mode=draw(st.booleans()),
    )
    kind = draw(st.sampled_from(["max_pool", "avg_pool", "lp_pool"]))
    if kind == "avg_pool":
        fields["count_include_pad"] = draw(st.booleans())
    if kind == "lp_pool":
        del fields["padding"]
        fields["norm_type"] = 2
    shape = (draw(st.integers(1, 2)), *(draw(st.integers(1, 8)) for _ in range(rank)))
    try:
        build(kind, fields, rank).shape(shape)
    except ConvvizError:
        assume(False)
    check_pool(kind, fields, shape)


def test_pools_say_what_happens_at_the_border() -> None:
    x = np.arange(9.0).reshape(1, 3, 3)
    both = [
        explain(
            build("avg_pool", dict(kernel_size=2, stride=2, padding=1, count_include_pad=flag)),
            (1, 3, 3),
            xs=[x],
        )
        for flag in (True, False)
    ]
    texts = [done.steps[1].work.text for done in both if done.steps[1].work]
    assert texts == ["(0 + 0 + 1 + 2) / 4 = 0.75", "(1 + 2) / 2 = 1.5"]
    assert both[0].steps[1].caption.endswith("over 4. 2 of them are padding, counted as 0.")
    assert both[1].steps[1].caption.endswith("over 2. 2 cells of the window lie outside and do not count.")
    grid = both[1]["input"]
    assert isinstance(grid, Grid) and grid.outside[0, -1, -1] is None
    op = build("max_pool", dict(kernel_size=3, stride=2, ceil_mode=True))
    top = explain(op, (1, 4, 4), xs=[-np.ones((1, 4, 4))])
    assert top.steps[-1].work and top.steps[-1].work.text == "max(−1, −1, −1, −1) = −1"
    assert "⌈" in top.formulas[0].symbols


# -- shuffles, forms ------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(4, 3), (8, 2, 3), (8, 2, 1, 2)], ids=str)
def test_shuffles(shape: Shape) -> None:
    x, rank = numbers(shape), len(shape) - 1
    done = explain(build("pixel_shuffle", {"upscale_factor": 2}, rank), shape, xs=[x])
    y = array(done, "output")
    if rank == 2:
        np.testing.assert_array_equal(y, F.pixel_shuffle(torch.from_numpy(x), 2).numpy())
    for step in done.steps:
        (term,), (write,) = step.work.terms, step.writes  # type: ignore[union-attr]
        assert x[term.cell] == term.value == write.value
        assert f"channel {term.cell[0]}" in step.caption and words.number(write.value) in step.caption
        assert tuple(i // 2 for i in write.cell[1:]) == term.cell[1:]
    back = explain(build("pixel_unshuffle", {"downscale_factor": 2}, rank), y.shape, xs=[y])
    np.testing.assert_array_equal(array(back, "output"), x)
    assert "ICNR" in done.notes[0]
    mixed = explain(build("channel_shuffle", {"groups": 2}, rank), shape, xs=[x])
    if rank > 1:
        np.testing.assert_array_equal(
            array(mixed, "output"), F.channel_shuffle(torch.from_numpy(x)[None], 2)[0].numpy()
        )
    check_formulas(done, build("pixel_shuffle", {"upscale_factor": 2}, rank), shape)


def torch_of(done: Plan) -> torch.Tensor:
    """The last output of a plan of convolutions in a row, by torch, from the numbers in its panels."""
    x = torch.from_numpy(array(done, "input"))[None]
    for stage in done.stages:
        op: Any = stage.op
        if op.kind == "upsample":
            x = F.interpolate(x, scale_factor=op.scale_factor[0], mode="nearest")
        elif op.kind == "pixel_shuffle":
            x = F.pixel_shuffle(x, op.upscale_factor)
        else:
            steps = [s for s in done.steps if s.writes[0].panel == stage.writes]
            biases = {s.writes[0].cell[0]: s.work.bias for s in steps if s.work}
            w = array(done, stage.weight or "").reshape(op.weights(*stage.ins)["weight"])
            bias = np.array([biases[f] for f in range(op.out_channels)], float) if op.bias else None
            weights = {"weight": w} | ({"bias": bias} if bias is not None else {})
            x = torch.from_numpy(conv_torch(op, x[0].numpy(), weights))[None]  # type: ignore[arg-type]
        np.testing.assert_allclose(array(done, stage.writes), x[0].numpy())
    return x


FORMS = ("depthwise_conv", "pointwise_conv", "separable_conv", "spatially_separable_conv", "resize_conv")


MAPS = ((2, 6), (2, 5, 4), (2, 4, 4, 3))
NAMED = [
    *product((*FORMS, "conv", "multi_channel_conv", "grouped_conv"), MAPS),
    ("subpixel_conv", (2, 5, 4)),  # torch shuffles pixels in two dimensions only
]


@pytest.mark.parametrize(("kind", "shape"), NAMED, ids=str)
def test_forms_by_name(kind: str, shape: Shape) -> None:
    fields: dict[str, Any] = {} if kind == "pointwise_conv" else {"kernel_size": 2}
    done = plan(kind, fields, shape, seed=3)
    torch_of(done)
    assert done.name == kind
    for step in works(done):
        if step.work and step.work.how == "dot":
            check_text(step.work.text)
            assert sum(t.product for t in step.work.terms) + (step.work.bias or 0) == pytest.approx(
                step.work.result
            )
        assert all(term.panel in done.by_key for term in step.work.terms)  # type: ignore[union-attr]
        assert all(mark.panel in done.by_key for mark in step.marks)


def test_the_stages_of_a_separable_conv() -> None:
    done = plan("separable_conv", {"out_channels": 2}, (3, 4, 4))
    assert [p.key for p in done.panels] == ["input", "kernel1", "middle", "kernel2", "output"]
    facts = dict(done.facts)
    assert facts["MACs"] == "108 + 24 = 132" and facts["MACs of a normal convolution"] == "216"
    assert facts["ratio to normal"] == "11/18 = 0.6111"
    formula = next(f for f in done.formulas if "normal" in f.about)
    assert (formula.symbols, formula.numbers) == ("1/C_out + 1/k²", "1/2 + 1/9")
    assert done.sections[0] == "Depthwise, filter 0" and done.sections[-1] == "Pointwise, filter 1"


def test_rank_one_kernels_and_others() -> None:
    done = plan("spatially_separable_conv")
    product_, table = done["product"], done["rank1"]
    assert isinstance(product_, Grid) and isinstance(table, Table)
    np.testing.assert_array_equal(array(done, "product")[0], np.outer([1, 2, 1], [-1, 0, 1]))
    left = {row[0]: row[2] for row in table.rows}
    assert left["Sobel"] == left["Gauss"] == left["this product"] == "0 %"
    values = np.linalg.svd([[0, 1, 0], [1, -4, 1], [0, 1, 0]], compute_uv=False)
    assert left["Laplace"] == f"{100 * (values[1:] ** 2).sum() / (values**2).sum():.0f} %" == "1 %"
    assert left["diagonal"] == "66.7 %"
    once = explain(build("conv", {"out_channels": 1, "kernel_size": 3}), (1, 5, 5), xs=[array(done, "input")],
                   weights={"weight": array(done, "product")[None], "bias": [0]})  # fmt: skip
    np.testing.assert_array_equal(array(once, "output"), array(done, "output"))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_every_kind_has_an_example(kind: Any) -> None:
    done = plan(kind.name)
    assert done.name == kind.name and done.title and done.steps and done.stages
    assert kind.about and "\n" not in kind.about
    assert len(done.steps) <= 120
    for view in kind.views or (None,):
        one = plan(kind.name, view=view)
        assert one.steps
        for stage in one.stages:
            assert {*stage.reads, stage.writes, stage.weight or stage.writes} <= set(one.by_key)
        for step in one.steps:
            named = [mark.panel for mark in step.marks] + [write.panel for write in step.writes]
            assert {*named, *(term.panel for term in (step.work.terms if step.work else ()))} <= set(
                one.by_key
            )
    assert done == plan(kind.name)  # the same numbers every time


def test_a_larger_kernel_gets_a_larger_example() -> None:
    assert plan("conv", {"kernel_size": 9}).stages[0].ins == ((1, 9, 9),)
    assert plan("conv", {"groups": 3}).stages[0].ins == ((3, 5, 5),)
    assert plan("pixel_shuffle", {"upscale_factor": 3}).stages[0].ins == ((9, 2, 2),)
    assert plan("conv", {"kernel_size": [3, 3, 3]}).stages[0].ins == ((1, 5, 5, 5),)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plan("cnv"), "no op or form 'cnv'; did you mean 'conv'?"),
        (lambda: plan("conv", {"kernel_size": 10**12}), "kernel_size"),
        (lambda: plan("conv", input=(1, 10**12, 10**12)), "steps"),
        (lambda: plan("conv", input=(10**12, 3, 3)), "input cells"),
        (lambda: plan("conv", {"out_channels": 10**12}), "steps"),
        (lambda: plan("conv", {"kernel_size": 10**12, "padding": 10**12}, input=(1, 5, 5)), "steps"),
        (lambda: plan("conv", {"kernel_size": 10**12, "padding": "same"}, input=(1, 5, 5)), "weights"),
        (lambda: plan("conv", {"padding": 10**12, "stride": 10**12}, input=(1, 5)), "padded input"),
        (lambda: plan("conv_transpose", {"stride": 10**12}, input=(1, 5)), "steps"),
        (lambda: plan("conv_transpose", {"stride": 10**12, "padding": 10**12 // 2}, input=(1, 2)), "cropping"),
        (lambda: plan("pointwise_conv", input=(10**12, 3, 3)), "input cells"),
        (lambda: plan("separable_conv", {"kernel_size": 10**12, "padding": "same"}, input=(1, 3)), "weights"),
        (lambda: plan("spatially_separable_conv", {"mid_channels": 10**12}), "steps"),
        (lambda: plan("depthwise_conv", {"multiplier": 10**12}), "steps"),
        (lambda: plan("subpixel_conv", {"upscale_factor": 10**6}), "steps"),
        (lambda: plan("max_pool", {"kernel_size": 10**12}), "kernel_size"),
        (lambda: plan("global_avg_pool", input=(1, 10**12)), "input cells"),
        (lambda: plan("adaptive_avg_pool", {"output_size": 10**12}), "steps"),
        (lambda: plan("resize_conv", {"scale_factor": 10**6}), "9,000,000,000,000 steps"),
        (lambda: plan("conv", {"kernel_size": 0}), "kernel_size: must be a whole number >= 1"),
        (lambda: plan("conv", input=(1, 0, 3)), "input: must be whole numbers >= 1"),
        (lambda: plan("conv", input=(1,)), "conv"),
        (lambda: plan("conv", view="scatter"), "view: conv has no view 'scatter' (views: sum, matrix)"),
        (lambda: plan("relu", view="matrix"), "one view only"),
        (lambda: plan("conv", {"stride": "two"}), "stride"),
        (lambda: plan("conv", {"groups": 0}), "groups"),
        (lambda: plan("subpixel_conv", {"out_channels": "x"}), "out_channels"),
        (lambda: explain(build("conv", CONV), (1, 5, 5), xs=[np.zeros((1, 4, 5))]), "must have the shape 1x5x5"),
        (lambda: explain(build("conv", CONV), (1, 5, 5), weights={"weight": np.zeros((1, 1, 3, 3))}), "bias"),
        (lambda: explain(build("conv", CONV), (2, 1, 5, 5)), "needs channels and 2 spatial axes"),
    ],
)  # fmt: skip
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


CONV = {"out_channels": 1, "kernel_size": 3}


@pytest.mark.parametrize("scale", [1e-12, 1, 1e6, 1e90])
@pytest.mark.parametrize(
    "kind", ["conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool", "global_avg_pool"]
)
def test_numbers_that_are_not_whole(kind: str, scale: float) -> None:
    fields = {**CONV, "padding": 1} if kind.startswith("conv") else {"kernel_size": 2}
    fields = {} if kind == "global_avg_pool" else fields | ({"norm_type": 2} if kind == "lp_pool" else {})
    op: Any = build(kind, fields)
    rng = np.random.default_rng(1)
    x, w = (
        rng.normal(size=(1, 5, 5)) * scale,
        {n: rng.normal(size=s) for n, s in op.weights((1, 5, 5)).items()},
    )
    w = {name: value - value.mean() for name, value in w.items()}
    done = explain(op, (1, 5, 5), xs=[x], weights=w)
    assert done.steps[-1].work and np.isfinite(done.steps[-1].work.result or 0)
    if kind == "conv":
        np.testing.assert_allclose(array(done, "output"), conv_torch(op, x, w), rtol=1e-9, atol=1e-9 * scale)


def test_numbers_that_are_none() -> None:
    with pytest.raises(ConvvizError, match=r"input: must hold finite numbers of at most 1e\+100"):
        explain(build("conv", CONV), (1, 3, 3), xs=[np.full((1, 3, 3), np.nan)])
    with pytest.raises(ConvvizError, match="bias: must hold finite numbers"):
        explain(build("conv", CONV), (1, 3, 3), weights={"weight": np.ones((1, 1, 3, 3)), "bias": [np.inf]})
    odd = explain(build("lp_pool", {"kernel_size": 2, "norm_type": 1.5}), (1, 2, 2), xs=[-np.ones((1, 2, 2))])
    assert odd.steps[0].work and "nan" in odd.steps[0].work.text


@pytest.mark.parametrize(
    ("kind", "fields", "shape"),
    [
        ("conv_transpose", {"stride": 10**12}, (1, 1)),
        ("conv_transpose", {"kernel_size": 1, "dilation": 10**12, "padding": 0}, (1, 3)),
        ("conv", {"stride": 10**12}, (1, 5)),
        ("conv", {"kernel_size": 1, "dilation": 10**12}, (1, 3, 3)),
        ("max_pool", {"stride": 10**12}, (1, 3)),
    ],
)
def test_huge_fields_of_small_plans(kind: str, fields: dict[str, Any], shape: Shape) -> None:
    assert len(plan(kind, fields, shape).steps) < 20


def test_overlaps_of_a_large_stride() -> None:
    notes = plan("conv_transpose", {"kernel_size": 2, "stride": 3, "padding": 0}, (1, 3)).notes
    assert notes[0] == "Away from the border an output adds up 1 or 0 products a channel: a checkerboard."


# -- layers of nets ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("net", ["resnet50", "mobilenet_v2", "unet", "code8", "inception_v3"])
def test_layers_of_real_nets(net: str) -> None:
    graph = convviz.read(net)
    seen = set()
    for node in graph:
        key = (node.op.kind, repr(node.op.fields()))
        if key in seen or not node.ins:
            continue
        seen.add(key)
        done = of_layer(graph, node.name)
        stage = done.stages[-1]
        assert len(done.steps) <= 1200, node.name
        for name in ("kernel_size", "stride", "dilation", "padding", "padding_mode", "ceil_mode"):
            if name in node.op.fields() and node.op.kind not in ("crop", "pad"):
                assert stage.op.fields()[name] == node.op.fields()[name]
        if node.op.kind == "conv":
            mine, whole = stage.op.fields()["groups"], node.op.fields()["groups"]
            assert (mine > 1) == (whole > 1)
            assert (mine == stage.ins[0][0]) == (whole == node.ins[0][0])
        for kept, before in zip(stage.ins, node.ins, strict=True):
            for n, m in zip(kept, before, strict=True):
                assert n <= m and (n == m or f"{n}" in done.notes[0])
        assert ("MACs of the layer", f"{node.macs:,}") in done.facts


def test_a_layer_says_what_was_cut() -> None:
    done = of_layer(convviz.read("resnet50"), "layer1_0.branch1.conv3")
    assert done.notes[0] == (
        "layer1_0.branch1.conv3 takes 64x56x56 to 256x56x56; "
        "drawn here: 3 of 64 input channels, 3×3 of 56×56, 2 of 256 filters."
    )
    with pytest.raises(ConvvizError, match="no layer 'conv99'"):
        of_layer(convviz.read("code8"), "conv99")


# -- words -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (-3, "−3"), (2.5, "2.5"), (1 / 3, "0.3333"), (1e20, "1e+20"), (2**55, "36028797018963968"),
     (-1e-5, "−0.00001"), (float("nan"), "nan"), (1e-12, "1e−12")],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert words.number(value) == text


def test_sums_spell_out_every_term() -> None:
    terms = [Term("x", (0, i), i - 1, (0, i), 2 - i, (i - 1) * (2 - i)) for i in range(40)]
    text = words.sum_text(terms, -1, sum(t.product for t in terms) - 1)
    assert len(re.findall("×", text)) == 40 and "(−1)×2" in text
    check_text(text)
