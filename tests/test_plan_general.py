"""Every op has a plan: its last grid is torch's, its sums add up, and what it reads is what changes the output."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections import defaultdict
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convviz.errors import ConvvizError
from convviz.ops import OPS, build
from convviz.ops.activation import Function, Glu, Prelu
from convviz.ops.norm import DimNorm, Norm
from convviz.plan.build import WINDOWED, explain
from convviz.plan.defaults import default_inputs, default_weights
from convviz.plan.general import EXPLAINS, general
from convviz.plan.given import give
from convviz.plan.limits import MAX_STEPS
from convviz.plan.model import Cell, Grid, Plan, Work
from convviz.plan.moves import moves
from convviz.plan.norms import norm
from convviz.plan.reach import cells_read
from convviz.plan.words import number
from convviz.report.plan import render
from tests.sweeps import sweep
from tests.test_ops import POSITIVE, Case, examples, family, realise

HUGE = 10**12


def chosen() -> list[Case]:
    """All ops with all their settings in 1-D; of those in 2-D and 3-D every third, and only small ones."""
    kept = []
    for i, case in enumerate(examples()):
        few = not case.ins or len(case.ins[0]) < 3
        if few or (prod(case.op().shape(*case.ins)) <= 400 and case.kind != "attention" and not i % 3):
            kept.append(case)
    return kept


CASES = chosen()
OWN = [case for case in CASES if not issubclass(OPS[case.kind], WINDOWED)]


def every(cases: list[Case]) -> Any:
    return sweep("case", cases, family)


EACH = every(OWN)


@functools.cache
def plan_of(case: str) -> Plan:
    found = next(c for c in CASES if str(c) == case)
    return explain(found.op(), *found.ins)


def output(plan: Plan) -> np.ndarray:
    """What the output grid shows in the end."""
    grid, values = plan["output"], plan.shown("output")
    assert isinstance(grid, Grid) and set(values) == set(np.ndindex(*grid.shape))
    return np.array([values[cell] for cell in np.ndindex(*grid.shape)], dtype=float).reshape(grid.shape)


def inputs_of(plan: Plan) -> list[np.ndarray]:
    """The numbers that a plan starts from."""
    found = []
    for key in plan.stages[0].reads:
        grid = plan[key]
        assert isinstance(grid, Grid) and grid.values is not None
        found.append(np.array([grid.values[c] for c in np.ndindex(*grid.shape)], float).reshape(grid.shape))
    return found


def test_every_op_has_a_plan() -> None:
    assert {case.kind for case in CASES} | {"opaque"} == set(OPS)
    fallback = [
        kind for kind, cls in OPS.items() if not issubclass(cls, (*WINDOWED, *EXPLAINS)) and kind != "opaque"
    ]
    assert not fallback


# -- the numbers ------------------------------------------------------------------------------------------
@EACH
def test_the_output_is_torch_s(case: Case) -> None:
    plan, built = plan_of(str(case)), realise(case)
    if built.module is not None:
        state = built.module.state_dict()
        weights = default_weights(case.op(), case.op().weights(*case.ins) | case.op().buffers(*case.ins))
        assert set(weights) <= set(state)
        for name, value in weights.items():
            state[name].copy_(torch.from_numpy(value))
    with torch.no_grad():
        want = built(*(torch.from_numpy(x[None]) for x in inputs_of(plan))).numpy()[0]
    np.testing.assert_allclose(output(plan), want, rtol=1e-6, atol=1e-9)


def again(work: Work) -> float | None:
    """The result of a step's terms, added up anew; None where a function is named instead."""
    products = [term.product for term in work.terms]
    if work.how in ("dot", "sum"):
        return sum(products) + (work.bias or 0)
    if work.how == "mean":
        assert work.divisor is not None
        return sum(products) / work.divisor
    if work.how == "product":
        return prod(products)
    if work.how == "max":
        return max(products)
    return products[0] if work.how == "copy" else None


def close(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (a != a and b != b)


@EACH
def test_steps_add_up_and_say_so(case: Case) -> None:
    """Terms hold what their panels show by then, products and sums are right, and captions have the numbers."""
    plan = plan_of(str(case))
    values = {panel.key: plan.shown(panel.key, -1) for panel in plan.panels if isinstance(panel, Grid)}
    changes = sum(a.section != b.section for a, b in itertools.pairwise(plan.steps))
    assert plan.steps and len(plan.sections) == changes + 1
    for step in plan.steps:
        marked = defaultdict(set)
        for mark in step.marks:
            marked[mark.mark].update((mark.panel, cell) for cell in mark.cells)
        for term in step.work.terms if step.work else ():
            assert (term.panel, term.cell) in marked["read"]
            if not term.padding:
                assert close(values[term.panel][term.cell], term.value)
            if term.weight is not None:
                held = [values[panel][cell] for panel, cell in marked["weight"] if cell == term.weight]
                assert any(close(value, term.factor) for value in held)
                assert close(term.product, term.value * term.factor)
        if step.work is not None and step.work.result is not None:
            found = again(step.work)
            assert found is None or close(found, step.work.result)
            assert number(step.work.result) in step.caption
            assert step.work.text.endswith(f" = {number(step.work.result)}")
            if len(step.writes) == 1:
                assert close(step.writes[0].value, step.work.result)
        assert marked["written"] == {(write.panel, write.cell) for write in step.writes}
        assert step.caption[0].isupper() or step.caption[0].isdigit()
        assert step.caption.endswith(".") and "\n" not in step.caption
        for write in step.writes:
            assert write.cell not in values[write.panel], "a cell is worked out once"
            values[write.panel][write.cell] = write.value


@EACH
def test_the_plan_is_plain_data(case: Case) -> None:
    plan = plan_of(str(case))
    data = json.loads(render(plan, "json"))
    assert [len(data[part]) for part in ("panels", "steps", "formulas", "stages")] == [
        len(part) for part in (plan.panels, plan.steps, plan.formulas, plan.stages)
    ]
    for step, told in zip(plan.steps, data["steps"], strict=True):
        assert len(told["work"]["terms"] if told["work"] else ()) == len(step.work.terms if step.work else ())
        assert len(told["writes"]) == len(step.writes)
    assert len(data["stages"][0]["relations"]) == len(case.ins)


# -- what is read -----------------------------------------------------------------------------------------
def sources(plan: Plan) -> dict[tuple[str, Cell], set[tuple[str, Cell]]]:
    """For each written cell, the cells of the inputs that it depends on, through all steps."""
    found: dict[tuple[str, Cell], set[tuple[str, Cell]]] = {}
    inputs = set(plan.stages[0].reads)
    for step in plan.steps:
        for write in step.writes:
            reached: set[tuple[str, Cell]] = set()
            for term in step.work.terms if step.work else ():
                if term.to not in (None, write.cell) or term.padding:
                    continue
                pairs = [(term.panel, term.cell)]
                if term.weight is not None:
                    pairs += [(mark.panel, term.weight) for mark in step.marks if mark.mark == "weight"]
                for pair in pairs:
                    reached |= {pair} if pair[0] in inputs else found.get(pair, set())
            found[write.panel, write.cell] = reached
    return found


@every([case for case in OWN if sum(map(prod, case.ins)) <= 100 and case.ins])
def test_the_cells_read_are_those_that_change_the_output(case: Case) -> None:
    op, rng = case.op(), np.random.default_rng(0)
    xs = [rng.uniform(0.5, 1.5, shape) for shape in case.ins]
    state = {k: v for k, v in realise(case).state().items() if k != "num_batches_tracked"}
    plan = explain(op, *case.ins, xs=xs, weights=state)
    base = op.forward(*(x[None] for x in xs), weights=state)[0]
    changed: dict[Cell, set[tuple[str, Cell]]] = {cell: set() for cell in np.ndindex(base.shape)}
    for key, x in zip(plan.stages[0].reads, xs, strict=True):
        for cell in np.ndindex(x.shape):
            for by in (5.0,) if case.kind in POSITIVE else (5.0, -5.0):
                moved = [(other + by * at(cell, x.shape) if other is x else other)[None] for other in xs]
                now = op.forward(*moved, weights=state)[0]
                for out in zip(*np.nonzero(np.atleast_1d(now != base))):
                    changed[tuple(map(int, out))[: base.ndim]].add((key, cell))
    found = sources(plan)
    for cell, want in changed.items():
        if case.fields.get("is_causal") and cell[-2] == 0:
            continue  # the first query has one key, whose weight is 1 whatever they are
        assert found["output", cell] == want, cell


def at(cell: Cell, shape: tuple[int, ...]) -> np.ndarray:
    one = np.zeros(shape)
    one[cell] = 1
    return one


@every([c for c in OWN if OPS[c.kind] in EXPLAINS and EXPLAINS[OPS[c.kind]] is moves])
def test_copies_come_from_where_the_relations_say(case: Case) -> None:
    op = case.op()
    for step in plan_of(str(case)).steps:
        (term,) = step.work.terms
        (write,) = step.writes
        if case.ins and not term.padding:
            which = plan_of(str(case)).stages[0].reads.index(term.panel)
            read = cells_read(op.reads(*case.ins)[which], case.ins[which], op.shape(*case.ins), write.cell)
            assert term.cell in read
            assert case.kind == "unfold" or len(read) == 1


# -- formulas in words ------------------------------------------------------------------------------------
PYTHON = [
    ("−", "-"), ("×", "*"), ("²", "**2"), ("³", "**3"), ("^", "**"), ("⌊", "floor("), ("⌋", ")"),
    ("⌈", "ceil("), ("⌉", ")"), ("π", "pi"), ("ln(", "log("),
]  # fmt: skip
SCOPE = {
    name: getattr(math, name) for name in ("floor", "ceil", "erf", "log", "tanh", "sin", "cos", "pi", "e")
}
SCOPE |= {
    "σ": lambda v: 1 / (1 + math.exp(-v)),
    "max": lambda *v: max(v),
    "min": lambda *v: min(v),
    "round": round,
    "abs": abs,
    "sqrt": math.sqrt,
    "sign": lambda v: (v > 0) - (v < 0),
}


def evaluate(text: str) -> float:
    """A formula with its numbers, worked out by Python."""
    for char, code in PYTHON:
        text = text.replace(char, code)
    text = re.sub(r"√(\d+(\.\d+)?|\((?:[^()]|\([^()]*\))*\))", r"sqrt(\1)", text)
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    text = re.sub(r"^-(e|log|\()", r"-1*\1", text)
    return float(eval(text, {"__builtins__": {}}, dict(SCOPE)))


FUNCTIONS = [case for case in OWN if issubclass(OPS[case.kind], Function | Prelu)]


@every(FUNCTIONS)
def test_a_function_s_formula_gives_its_result(case: Case) -> None:
    for step in plan_of(str(case)).steps:
        numbers = step.work.text.split(" = ")[0]
        if numbers != "x":
            assert evaluate(numbers) == pytest.approx(step.work.result, abs=1e-3), step.work.text


WORDS = [
    case
    for case in OWN
    if case.ins and max(map(prod, case.ins)) <= 60 and OPS[case.kind] is not Glu and case.kind != "opaque"
]


@every(WORDS)
def test_the_arithmetic_in_words_is_right(case: Case) -> None:
    """What a step says, worked out by Python, gives its result, for every cell that it writes."""
    for step in plan_of(str(case)).steps:
        work = step.work
        if work is None or work.how == "copy" or "…" in work.text:
            continue
        sums = work.text.split(", ") if len(step.writes) > 1 else [work.text]
        for said, write in zip(sums, step.writes, strict=True):
            numbers = said.split(" = ")[0]
            assert said.endswith(f"= {number(write.value)}")
            if numbers != "x":
                assert evaluate(numbers) == pytest.approx(write.value, rel=5e-3, abs=5e-3), said


def test_a_curve_goes_through_the_cells() -> None:
    plan = general(build("gelu"), [(2, 3)])
    (line,) = plan["curve"].series
    for x, y in zip(plan["input"].values.values(), output(plan).ravel()):
        assert np.interp(x, line.x, line.y) == pytest.approx(y, abs=1e-3)


# -- numbers in between, against torch ----------------------------------------------------------------------
def shown(plan: Plan, key: str) -> np.ndarray:
    grid, values = plan[key], plan.shown(key)
    return np.array([values[c] for c in np.ndindex(*grid.shape)], float).reshape(grid.shape)


@pytest.mark.parametrize("dim", [1, 2, -1])
@pytest.mark.parametrize("kind", ["softmax", "log_softmax", "softmin", "normalize"])
def test_rows_in_between_are_torch_s(kind: str, dim: int) -> None:
    x = torch.tensor(np.random.default_rng(1).integers(-3, 4, (3, 4, 2)), dtype=torch.float64)
    plan = general(build(kind, {"dim": dim}), [tuple(x.shape)], [x.numpy()])
    d = dim - 1 if dim > 0 else dim
    if kind == "normalize":
        np.testing.assert_allclose(shown(plan, "power"), x**2)
        np.testing.assert_allclose(shown(plan, "total"), (x**2).sum(d, keepdim=True))
        np.testing.assert_allclose(shown(plan, "norm"), x.norm(dim=d, keepdim=True).clamp_min(1e-12))
        np.testing.assert_allclose(output(plan), F.normalize(x, dim=d))
        return
    z = -x if kind == "softmin" else x
    top = z.amax(d, keepdim=True)
    np.testing.assert_allclose(shown(plan, "largest"), -top if kind == "softmin" else top)
    np.testing.assert_allclose(shown(plan, "exponential"), (z - top).exp())
    np.testing.assert_allclose(shown(plan, "total"), (z - top).exp().sum(d, keepdim=True))
    if kind == "log_softmax":
        np.testing.assert_allclose(shown(plan, "logarithm"), z.logsumexp(d, keepdim=True))
        np.testing.assert_allclose(output(plan), z.log_softmax(d))
    else:
        np.testing.assert_allclose(output(plan), z.softmax(d))


STATISTICS = {  # kind -> (fields, axes of (N, C, H, W) that share, in training)
    "batch_norm": ({}, (0, 2, 3)),
    "instance_norm": ({}, (2, 3)),
    "layer_norm": ({}, (1, 2, 3)),
    "rms_norm": ({"eps": 1e-5}, (1, 2, 3)),
}


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("kind", STATISTICS)
def test_norms_in_between_are_torch_s(kind: str, samples: int) -> None:
    fields, axes = STATISTICS[kind]
    x = torch.tensor(np.random.default_rng(2).integers(-3, 4, (samples, 2, 2, 3)), dtype=torch.float64)
    plan = norm(build(kind, fields), x.numpy(), mode="train")
    like = x if samples > 1 else x[0]
    mean = x.mean(axes, keepdim=True) if kind != "rms_norm" else torch.zeros(1, 1, 1, 1)
    var = ((x - mean) ** 2).mean(axes, keepdim=True)
    if kind != "rms_norm":
        np.testing.assert_allclose(shown(plan, "sum"), x.sum(axes).ravel())
        np.testing.assert_allclose(shown(plan, "mean"), mean.ravel())
        np.testing.assert_allclose(shown(plan, "deviation"), (x - mean).reshape(like.shape))
        np.testing.assert_allclose(shown(plan, "variance"), x.var(axes, unbiased=False).ravel())
    np.testing.assert_allclose(shown(plan, "square"), ((x - mean) ** 2).reshape(like.shape))
    np.testing.assert_allclose(shown(plan, "std"), (var + 1e-5).sqrt().ravel())
    normalized = ((x - mean) / (var + 1e-5).sqrt()).reshape(like.shape)
    np.testing.assert_allclose(shown(plan, "output" if kind == "instance_norm" else "normalized"), normalized)
    weights = {k: torch.tensor(shown(plan, k)) for k in ("weight", "bias") if k in plan.by_key}
    if kind == "batch_norm":
        want = F.batch_norm(x, None, None, **weights, training=True)
    elif kind == "instance_norm":
        want = F.instance_norm(x)
    elif kind == "layer_norm":
        want = F.layer_norm(x, x.shape[1:], **weights)
    else:
        want = F.rms_norm(x, x.shape[1:], weights["weight"], 1e-5)
    np.testing.assert_allclose(output(plan), want.reshape(like.shape), atol=1e-12)


@pytest.mark.parametrize("kind", [kind for kind, cls in OPS.items() if issubclass(cls, Norm)])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_sets_of_a_norm_cover_the_batch_once(kind: str, mode: str) -> None:
    fields = {"group_norm": {"num_groups": 2}, "ghost_batch_norm": {"num_splits": 2}}.get(kind, {})
    op, x = build(kind, fields), np.arange(5 * 4 * 2 * 2.0).reshape(5, 4, 2, 2) % 7
    plan = norm(op, x, mode=mode)
    np.testing.assert_allclose(
        output(plan),
        op.forward(x, weights=default_weights(op, op.weights((4, 2, 2)) | op.buffers((4, 2, 2))), mode=mode),
        atol=1e-12,
    )
    assert plan["input"].channels == tuple(f"sample {n}" for n in range(5))
    marked = [cell for s in plan.steps if s.section == "Shared" for mark in s.marks for cell in mark.cells]
    live = bool(op.statistics((4, 2, 2), mode=mode))
    assert sorted(marked) == (sorted(np.ndindex(5, 4, 2, 2)) if live else [])
    names = plan["std"].channels
    assert len(set(names)) == len(names)


def test_the_sets_have_names() -> None:
    def names(kind: str, mode: str, **fields: int) -> tuple[str, ...]:
        return norm(build(kind, fields), np.ones((4, 4, 2)), mode=mode)["std"].channels  # type: ignore[union-attr]

    assert names("batch_norm", "train") == ("channel 0", "channel 1", "channel 2", "channel 3")
    assert names("layer_norm", "train") == ("sample 0", "sample 1", "sample 2", "sample 3")
    assert names("group_norm", "train", num_groups=2)[1] == "sample 0, channels 2 to 3"
    assert names("ghost_batch_norm", "train", num_splits=2)[0] == "samples 0 to 1, channel 0"


def test_attention_in_between_is_torch_s() -> None:
    x = np.random.default_rng(3).integers(-1, 2, (5, 4)).astype(float)
    module = nn.MultiheadAttention(4, 2, batch_first=True).double()
    plan = general(
        build("attention", {"num_heads": 2, "dim": 2}),
        [(5, 4)],
        [x],
        {k: v.numpy() for k, v in module.state_dict().items()},
    )
    rows = torch.tensor(x)[None]
    with torch.no_grad():
        want, weights = module(rows, rows, rows, average_attn_weights=False)
        q, k, v = F.linear(rows, module.in_proj_weight, module.in_proj_bias)[0].chunk(3, -1)
    for name, values in (("query", q), ("key", k), ("value", v)):
        np.testing.assert_allclose(shown(plan, name), values)
    scores = torch.stack([q[:, h] @ k[:, h].T for h in (slice(2), slice(2, 4))]) / math.sqrt(2)
    np.testing.assert_allclose(shown(plan, "score"), scores)
    np.testing.assert_allclose(shown(plan, "weights"), weights[0])
    for head in range(2):
        matrix = plan[f"attention_{head}"]
        dense = np.array([[matrix.entries[i, j][1] for j in range(5)] for i in range(5)])
        np.testing.assert_allclose(dense, weights[0, head])
    np.testing.assert_allclose(output(plan), want[0])


def test_lstm_in_between_is_torch_s() -> None:
    x = np.random.default_rng(4).integers(-1, 2, (4, 3)).astype(float)  # steps, features
    module = nn.LSTM(3, 2, batch_first=True).double()
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    plan = general(build("lstm", {"hidden_size": 2, "dim": 2}), [(4, 3)], [x], state)
    cell = nn.LSTMCell(3, 2).double()
    cell.load_state_dict({k.removesuffix("_l0"): torch.tensor(v) for k, v in state.items()})
    h = c = torch.zeros(1, 2, dtype=torch.float64)
    for t in range(4):
        with torch.no_grad():
            gates = F.linear(torch.tensor(x[t]), cell.weight_ih, cell.bias_ih)
            gates = gates + F.linear(h[0], cell.weight_hh, cell.bias_hh)
            i, f, g, o = gates.chunk(4)
            for key, want in (("input", i.sigmoid()), ("forget", f.sigmoid()), ("output", o.sigmoid())):
                np.testing.assert_allclose(shown(plan, f"{key}_gate_l0")[:, t], want)
            np.testing.assert_allclose(shown(plan, "candidate_l0")[:, t], g.tanh())
            h, c = cell(torch.tensor(x[t])[None], (h, c))
        np.testing.assert_allclose(shown(plan, "state_l0")[:, t], c[0])
        (state,) = (s for s in plan.steps if s.caption.startswith(f"State of unit 1 at time {t}"))
        before = [term.cell for term in state.work.terms if term.panel == "state_l0"]
        assert before == [(1, t - 1)] * (t > 0)
        np.testing.assert_allclose(output(plan)[t], h[0])


def test_weights_of_a_resize_add_up_to_one() -> None:
    for fields in ({"size": 7, "mode": "bilinear"}, {"scale_factor": 1.7, "mode": "bicubic"}):
        plan = general(build("upsample", fields), [(1, 4, 5)])
        for step in plan.steps:
            assert sum(term.factor for term in step.work.terms) == pytest.approx(1)


# -- bad input ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "fields", "ins"),
    [
        ("linear", {"out_features": HUGE}, [(4,)]),
        ("linear", {"out_features": 4}, [(HUGE,)]),
        ("relu", {}, [(4, HUGE)]),
        ("softmax", {}, [(HUGE,)]),
        ("layer_norm", {}, [(4, HUGE)]),
        ("pad", {"padding": HUGE}, [(1, 4)]),
        ("upsample", {"size": HUGE}, [(1, 4)]),
        ("mean", {}, [(1, HUGE)]),
        ("attention", {}, [(4, 10**5)]),
        ("attention", {}, [(4, 300)]),
        ("lstm", {"hidden_size": HUGE}, [(2, 3)]),
        ("lstm", {"hidden_size": 100, "num_layers": 10_000}, [(2, 3)]),
        ("gru", {"hidden_size": 20}, [(2, 200)]),
        ("local_response_norm", {"size": HUGE}, [(2, 3)]),
        ("unfold", {"kernel_size": HUGE, "padding": HUGE}, [(1, 4)]),
        ("matmul", {}, [(10**5, 2), (2, 10**5)]),
        ("einsum", {"equation": "bi,bj->bij"}, [(10**4,), (10**4,)]),
        ("expand", {"size": [HUGE, 2]}, [(1, 2)]),
        ("concat", {}, [(HUGE, 2), (1, 2)]),
        ("parameter", {"size": [HUGE]}, []),
        ("opaque", {"mode": "global", "size": [HUGE]}, [(4,)]),
        ("dropout", {}, [(10**30,)]),
    ],
)  # fmt: skip
def test_absurd_sizes_are_refused_in_one_line(kind: str, fields: dict, ins: list) -> None:
    with pytest.raises(ConvvizError) as err:
        general(build(kind, fields, len(ins[0]) - 1 if ins else 2), ins)
    assert "\n" not in str(err.value) and "use smaller sizes" in str(err.value)


@pytest.mark.parametrize(
    ("kind", "ins", "xs", "weights", "message"),
    [
        ("relu", [(2, 3)], [[1, 2]], None, "input: must have the shape 2x3, got 2"),
        ("relu", [(2,)], [["one", "two"]], None, "input: must be an array of numbers of shape 2"),
        ("relu", [(2,)], [[1, 2], [3, 4]], None, "relu: needs numbers for 1 inputs, got 2"),
        ("add", [(2,), (2,)], [[1, 2], [1, [2]]], None, "input b: must be an array of numbers of shape 2"),
        ("prelu", [(2,)], None, {"weigth": [1]}, "prelu: has no weight 'weigth'; did you mean 'weight'?"),
        ("batch_norm", [(2,)], None, {"weight": [1, 1]}, "batch_norm: needs the weight 'bias' of shape 2"),
        ("matmul", [(2, 2)], None, None, "matmul: takes 2 inputs, got 1"),
        ("relu", [(2,), (2,)], None, None, "relu: takes 1 input, got 2"),
        ("relu", [(2, 0)], None, None, "relu: needs sizes of at least 1, got 2x0"),
        ("relu", [(-1,)], None, None, "relu: needs sizes of at least 1, got -1"),
        ("softmax", [()], None, None, "dim: must be an axis"),
    ],
)
def test_bad_input_is_told(kind: str, ins: list, xs: list | None, weights: dict | None, message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        general(build(kind), ins, xs, weights)
    assert message in str(err.value) and "\n" not in str(err.value)


@pytest.mark.parametrize("x", ["text", [1, 2], [], [[1], [2, 3]], np.ones((0, 2))])
def test_a_batch_that_is_none_is_told(x: object) -> None:
    with pytest.raises(ConvvizError, match="input: must be an array"):
        norm(build("batch_norm"), x)


def test_numbers_without_a_value_stay_what_torch_gives() -> None:
    plan = general(build("sqrt"), [(3,)], [[-1, 4, float("inf")]])
    assert [number(v) for v in plan.shown("output").values()] == ["nan", "2", "∞"]
    assert '"nan"' in render(plan, "json")
    softmax = general(build("softmax"), [(2,)], [[float("nan"), 1]])
    assert np.isnan(list(softmax.shown("output").values())).all()
    zero = general(build("div"), [(2,), (2,)], [[1, 0], [0, 0]])
    assert "1 / 0 = ∞" in zero.steps[0].caption


def test_inputs_are_small_whole_numbers_and_always_the_same() -> None:
    for kind in ("relu", "add", "softmax"):
        op = build(kind)
        ins = [(3, 4)] * op.inputs[0]
        (first, *_), again_ = default_inputs(op, tuple(ins)), give(op, ins).xs
        assert (first == again_[0]).all() and (first == first.round()).all() and len(set(first.ravel())) > 3
        assert first.min() < 0 < first.max()


def test_what_nobody_can_look_into_is_only_read() -> None:
    op = build("opaque", {"mode": "pointwise", "size": [2, 3]})
    plan = explain(op, (4, 3))
    assert plan.shown("output") == {} and [len(s.work.terms) for s in plan.steps] == [4] * 6
    assert "reads 4 cells" in plan.steps[0].caption and "not known" in plan.notes[0]


def test_the_limit_is_one_place() -> None:
    assert len(general(build("relu"), [(MAX_STEPS,)]).steps) == MAX_STEPS
    with pytest.raises(ConvvizError, match="would have 10,001 steps, and 10,000 is the most"):
        general(build("relu"), [(MAX_STEPS + 1,)])


def test_shared_sums_are_marked() -> None:
    for kind in ("softmax", "layer_norm"):
        assert issubclass(OPS[kind], DimNorm | Norm)
        plan = general(build(kind), [(3, 2)])
        assert any(mark.mark == "shared" for step in plan.steps for mark in step.marks)
