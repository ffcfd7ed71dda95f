"""Regularizers: every value of the facts, random sweeps against torch, scipy and scikit-learn, errors, the commands."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.regularizers.contours import Surface, contours
from convviz.analysis.regularizers.decay import parameters_of, weight_decay
from convviz.analysis.regularizers.dropout import apply, dropout, unit_shape
from convviz.analysis.regularizers.geometry import Geometry, Touch, geometry
from convviz.analysis.regularizers.optimizers import soft
from convviz.analysis.regularizers.penalty import Penalty, penalty
from convviz.analysis.regularizers.regressions import centred, least_absolute
from convviz.analysis.regularizers.regularize import WHATS, regularize
from convviz.analysis.regularizers.ridge_lasso import RidgeLasso, ridge_lasso
from convviz.errors import FieldError
from convviz.plan.model import Table
from convviz.plan.regularizers.regularize import plan_of
from convviz.read import read
from convviz.report.regularize import render
from tests.command import Command
from tests.sweeps import seeds

torch = pytest.importorskip("torch")
from convviz.probe.regularize import verify  # noqa: E402

run = Command("regularize")
fails = run.fails


def way(found: Penalty, key: str, weight: int = 0) -> list[float]:
    return [round(float(w[weight]), 12) for w in found.run(key).weights]


# -- known values -----------------------------------------------------------------------------------------
def test_weight_decay_in_three_optimizers() -> None:
    found = weight_decay([3], decay=0.5, lr=0.1, steps=1)
    after = {run.key: float(run.last[0]) for run in found.runs}
    assert after == pytest.approx({"sgd": 2.85, "adam": 2.9, "adamw": 2.85}, abs=1e-8)
    assert found.run("sgd").last[0] == Fraction(57, 20)  # exact


def test_l1_by_subgradient_swings_around_zero_and_the_proximal_step_stays_there() -> None:
    found = penalty([0.5], "l1", l1=3, lr=0.1, steps=8)
    assert way(found, "subgradient") == [0.5, 0.2, -0.1, 0.2, -0.1, 0.2, -0.1, 0.2, -0.1]
    assert way(found, "proximal") == [0.5, 0.2, 0, 0, 0, 0, 0, 0, 0]
    sub, prox = found.run("subgradient"), found.run("proximal")
    assert (sub.zeros, sub.oscillating, sub.reached(0)) == (0, (0,), None)
    assert (prox.zeros, prox.oscillating, prox.reached(0)) == (1, (), 2)
    assert sub.below(found.threshold) == 1 and sub.below(Fraction(1, 1000)) == 0


def test_l2_takes_a_share_and_makes_nothing_zero() -> None:
    found = penalty([3, -1], "l2", l2=0.5, lr=0.1, steps=3)
    assert way(found, "subgradient") == [3, 2.85, 2.7075, 2.572125]
    assert found.run("subgradient").zeros == 0 and found.value == Fraction(5, 2)
    assert found.run("proximal").weights[1] == (Fraction(20, 7), Fraction(-20, 21))


def test_the_convention_is_torch_s_half() -> None:
    """(l2/2) w**2, so that l2 is weight_decay: a penalty lambda w**2 is l2 = 2 lambda."""
    found = penalty([3], "l2", l2=0.5)
    assert found.l2_value == Fraction(9, 4) and found.l2_gradient == (Fraction(3, 2),)
    assert "0.25×Σw²" not in repr(found) and "λ = 0.25" in repr(found)


def test_sign_of_zero_is_zero_as_in_torch() -> None:
    w = torch.zeros(1, requires_grad=True)
    w.abs().sum().backward()
    assert w.grad.item() == 0
    found = penalty([0, 2], "l1")
    assert list(found.l1_gradient) == [0, 3] and set(way(found, "subgradient", 0)) == {0}


def test_an_exact_zero_that_float64_misses_is_told() -> None:
    """3 is ten steps of 0.3; in floats the tenth leaves 4e-16, whose sign throws it on."""
    found = penalty([3], "l1", steps=12)
    assert way(found, "subgradient")[10:] == [0, 0, 0]
    (drift,) = found.drifts
    assert (drift.step, drift.exact) == (11, 0) and abs(float(drift.float) + 0.3) < 1e-9
    w = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(11):
        optimizer.zero_grad()
        (3 * w.abs().sum()).backward()
        optimizer.step()
    assert w.item() == pytest.approx(drift.float)
    assert "In float64" in repr(found)


def test_a_penalty_from_item_has_no_gradient() -> None:
    found = penalty([3, -1], "l1", gradient=[1, 1], mistake="item")
    free = penalty([3, -1], "l1", l1=0, gradient=[1, 1])
    assert found.run("item").weights == free.run("subgradient").weights
    assert found.run("item").weights != found.run("subgradient").weights
    assert "How to notice" in repr(found) and verify(found).passed
    w = torch.tensor([3.0, -1.0], requires_grad=True)
    assert not torch.tensor(3 * w.abs().sum().item()).requires_grad


def test_adam_loses_the_decay_beside_a_gradient() -> None:
    found = weight_decay([3], gradient=1)
    pulls = {key: float(pull[0]) for key, pull in found.pulls.items()}
    assert pulls == pytest.approx({"sgd": -0.15, "adam": 0, "adamw": -0.15}, abs=1e-8)


@pytest.mark.parametrize("name", ["code8", "lenet5", "resnet18", "s6_ln"])
def test_the_parameters_of_a_net(name: str) -> None:
    graph = read(name)
    found = parameters_of(graph)
    assert sum(p.count for p in found) == graph.params
    assert all(p.kind in ("weight", "bias", "norm", "slope") for p in found)
    if name == "code8":
        assert weight_decay(graph=graph).counts == {"weight": 13_584, "norm": 224}
        assert "13,584 of them" in repr(weight_decay(graph=graph))
    assert not any(p.usual for p in found if "norm" in p.name)


def test_dropout_keeps_the_mean() -> None:
    found = dropout(p=0.5)
    assert found.scale == 2 and found.expected(7) == 7 and found.variance(3) == 9
    for one in found.ways:
        assert set(np.unique(one.mask)) <= {0, 1}
        assert np.array_equal(one.output, found.x * one.mask * 2)
        spread = np.sqrt(np.vectorize(found.variance)(found.x).astype(float) / found.draws)
        assert (np.abs(one.mean - found.x) <= 5 * spread).all()
    cells, channels = sorted(found.ways, key=lambda one: one.kind)
    assert (channels.mask == channels.mask[:, :, :1, :1]).all()
    assert not (cells.mask == cells.mask[:, :, :1, :1]).all()


def test_each_sample_has_its_own_mask() -> None:
    for one in dropout(shape=(40, 3, 2, 2), draws=1).ways:
        assert all(0 < kept < 1 for kept in one.mask[:, :, 0, 0].mean(0))
        assert 0.3 < one.mask.mean() < 0.7


@pytest.mark.parametrize("kind", ["dropout", "dropout2d"])
@pytest.mark.parametrize("p", [Fraction(1, 4), Fraction(1, 2), Fraction(9, 10)])
def test_mean_and_variance_over_all_masks(kind: str, p: Fraction) -> None:
    """Every mask with its chance: nothing is drawn."""
    found = dropout([[[[1.0, 2.0]], [[5.0, 0.0]]]], kind, p=p)
    units = unit_shape(kind, found.x.shape)
    mean, second, channel = np.zeros_like(found.x), np.zeros_like(found.x), 0.0
    for bits in product((0, 1), repeat=int(np.prod(units))):
        mask = np.broadcast_to(np.array(bits).reshape(units), found.x.shape)
        chance = float(p) ** bits.count(0) * float(1 - p) ** bits.count(1)
        output = apply(found.x, mask, p)
        mean, second = mean + chance * output, second + chance * output**2
        channel += chance * (output[0, 0].mean() - found.x[0, 0].mean()) ** 2
    assert mean == pytest.approx(found.x)
    wanted = np.vectorize(found.variance)(found.x).astype(float)
    assert second - found.x**2 == pytest.approx(wanted)
    assert channel == pytest.approx(float(found.way.channel_variance))


@pytest.mark.parametrize("kind", ["dropout", "dropout2d"])
def test_the_ends_of_p(kind: str) -> None:
    none, all_ = dropout(kind=kind, p=0), dropout(kind=kind, p=1)
    assert np.array_equal(none.way.output, none.x) and none.way.dropped == 0
    assert not all_.way.output.any() and all_.scale is None and all_.expected(3) == 0
    assert np.isfinite(all_.way.output).all() and verify(all_).passed and verify(none).passed


# -- sweeps -----------------------------------------------------------------------------------------------
@seeds(40)
def test_penalties_agree_with_torch(seed: int) -> None:
    pick = random.Random(seed)
    shape = [pick.randint(1, 3) for _ in range(pick.randint(1, 4))]
    weights = np.round(np.random.default_rng(seed).normal(size=shape), pick.choice([1, 2, 8]))
    weights[weights < -1] = 0
    optimizer = pick.choice(["sgd", "adam", "adamw", "proximal"])
    settings: dict[str, Any] = {"momentum": pick.choice([0, 0.5, 0.9])} if optimizer == "sgd" else {}
    if "adam" in optimizer:
        settings = {"betas": (pick.choice([0, 0.9]), 0.99), "eps": pick.choice([1e-8, 1e-3])}
    found = penalty(
        weights, pick.choice(["l1", "l2", "l1+l2"]), l1=pick.choice([0, 0.01, 0.3, 2]), l2=pick.choice([0, 0.1, 1]),
        lr=pick.choice([0.01, 0.1, 0.5]), steps=pick.choice([1, 5, 30, 201]), optimizer=optimizer,
        mistake=pick.choice([None, "item"]),
        gradient=pick.choice([0, 0.25, np.round(np.random.default_rng(seed + 1).normal(size=shape), 1)]), **settings,
    )  # fmt: skip
    check = verify(found)
    assert check.passed, check
    assert check.numbers > 2


@seeds(25)
def test_weight_decay_agrees_with_torch(seed: int) -> None:
    pick = random.Random(seed)
    found = weight_decay(
        np.random.default_rng(seed).normal(size=(2, 3)), decay=pick.choice([0, 0.01, 0.5]), lr=pick.choice([0.01, 0.3]),
        steps=pick.choice([1, 7, 40]), gradient=pick.choice([0, 1, -0.3]), momentum=pick.choice([0, 0.9]),
    )  # fmt: skip
    assert verify(found).passed


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 2, 3, 3), (2, 2, 2, 2, 2), (3, 4)])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.97])
def test_dropout_agrees_with_torch(shape: tuple[int, ...], p: float) -> None:
    for kind in ("dropout", "dropout2d")[: len(shape) - 1]:
        assert verify(dropout(kind=kind, p=p, shape=shape, seed=5)).passed


def test_a_wrong_number_is_seen() -> None:
    """What verify would say of each kind of result, had it a mistake."""
    import dataclasses

    one = penalty()
    assert not verify(dataclasses.replace(one, l1=Fraction(29, 10))).passed
    first = one.runs[0]
    third: Any = first.updates[0][2]
    bad = dataclasses.replace(third, after=Fraction(1))
    runs = (
        dataclasses.replace(
            first, updates=((*first.updates[0][:2], bad, *first.updates[0][3:]), *first.updates[1:])
        ),
    )
    assert "step 3" in str(verify(dataclasses.replace(one, runs=runs)))
    drop = dropout()
    ways = (dataclasses.replace(drop.way, output=drop.way.output * 1.01), *drop.ways[1:])
    assert not verify(dataclasses.replace(drop, ways=ways)).passed
    shape = geometry()
    moved = dataclasses.replace(shape.touches[1], w=(0.5, 0.86))
    assert not verify(dataclasses.replace(shape, touches=(moved,))).passed
    data = ridge_lasso()
    line = dataclasses.replace(data.fits[1].all, intercept=Fraction(1))
    fits = (dataclasses.replace(data.fits[1], all=line), *data.fits[2:])
    assert not verify(dataclasses.replace(data, fits=fits)).passed
    slow = contours()
    off = dataclasses.replace(slow.given, surface=Surface("as given", (1.0, 5.01), 0.0))
    assert not verify(dataclasses.replace(slow, given=off)).passed


@seeds(40)
def test_the_proximal_step_minimises_what_it_should(seed: int) -> None:
    """soft(z, t)/(1 + s) against a fine search of 1/2 (w - z)^2 + t |w| + s/2 w^2."""
    pick = random.Random(seed)
    z, t, s = pick.uniform(-3, 3), pick.uniform(0, 2), pick.choice([0, pick.uniform(0, 2)])
    grid = np.append(np.linspace(-4, 4, 80_001), 0.0)
    best = grid[np.argmin((grid - z) ** 2 / 2 + t * np.abs(grid) + s / 2 * grid**2)]
    assert float(soft(z, t)) / (1 + s) == pytest.approx(best, abs=1e-4)


# -- geometry ---------------------------------------------------------------------------------------------
def test_l1_touches_a_corner_and_l2_does_not() -> None:
    found = geometry()
    one, two, net = (found.touch(name) for name in ("L1", "L2", "elastic net"))
    assert one.w == (0.0, 1.0) and one.zeros == 1 and one.strength == pytest.approx(7 / 4)
    assert two.zeros == net.zeros == 0 and two.w[0] ** 2 + two.w[1] ** 2 == pytest.approx(1)
    assert found.loss.at(two.w) == pytest.approx(two.loss) and two.loss < net.loss < one.loss


def on_the_ball(found: Geometry, touch: Touch) -> float:
    """The least loss within a ball by scipy, on problems that it can differentiate."""
    optimize = pytest.importorskip("scipy.optimize")
    ball = touch.ball
    (a, b), (_, d) = found.loss.hessian
    h, c = np.array([[a, b], [b, d]]), np.array(found.loss.centre)

    def loss(v: np.ndarray) -> float:  # w = v[:2] - v[2:], both parts at least 0
        away = v[:2] - v[2:] - c
        return float(away @ h @ away / 2)

    def room(v: np.ndarray) -> float:
        return float(ball.limit - ball.l1 * v.sum() - ball.l2 * ((v[:2] - v[2:]) ** 2).sum())

    tries = [
        optimize.minimize(
            loss, np.full(4, 0.1 * found.budget) + 0.05 * found.budget * np.eye(4)[i], bounds=[(0, None)] * 4,
            constraints=[{"type": "ineq", "fun": room}], options={"ftol": 1e-14, "maxiter": 500},
        ).fun
        for i in range(4)
    ]  # fmt: skip
    return min(tries)


@pytest.mark.parametrize("seed", range(10))
def test_the_constrained_minimum_against_scipy(seed: int) -> None:
    pick = random.Random(seed)
    a, d = pick.uniform(0.3, 3), pick.uniform(0.3, 3)
    b = pick.uniform(-0.8, 0.8) * (a * d) ** 0.5
    b = round(b, 3)
    found = geometry(
        (round(pick.uniform(-3, 3), 2), round(pick.uniform(-3, 3), 2)), ((a, b), (b, d)),
        budget=pick.choice([0.5, 1, 2]), mix=pick.choice([0.1, 0.5, 0.9]),
    )  # fmt: skip
    assert verify(found).passed
    for touch in found.touches:
        assert touch.loss == pytest.approx(on_the_ball(found, touch), abs=1e-6)
        assert touch.ball.penalty(touch.w) <= touch.ball.limit * (1 + 1e-9)


def test_a_loss_whose_minimum_lies_inside_is_left_alone() -> None:
    found = geometry((0.2, 0.3))
    assert all(t.w == pytest.approx((0.2, 0.3)) and not t.binds for t in found.touches)
    assert "changes nothing" in repr(found)


def test_borders_and_contours_are_what_they_say() -> None:
    found = geometry((1, -2), ((2, 0.5), (0.5, 1)))
    for touch in found.touches:
        assert {round(touch.ball.penalty(w) / touch.ball.limit, 9) for w in touch.ball.border()} == {1}
    assert {round(found.loss.at(w), 9) for w in found.loss.contour(0.7)} == {0.7}


# -- ridge and lasso --------------------------------------------------------------------------------------
def test_the_example_by_hand() -> None:
    found = ridge_lasso()
    first = {fit.key: fit.all.coefficients[0] for fit in found.fits}
    assert first == {
        "ols": Fraction(196, 168), "ridge": Fraction(196, 252), "lasso": Fraction(140, 168), "absolute": 2,
        "huber": Fraction(21, 11),
    }  # fmt: skip
    assert found.outlier == 7 and found.all_zero == 196
    assert found.fit("lasso").all.coefficients[1] == 0 != found.fit("ridge").all.coefficients[1]
    assert [bool(fit.follows) for fit in found.fits] == [True, True, True, False, False]
    assert found.gone(1) is not None and found.gone(1) < found.gone(0)  # type: ignore[operator]


def some_data(seed: int) -> RidgeLasso:
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 4))
    n = int(rng.integers(p + 3, 13))
    x = rng.normal(size=(n, p)).round(2) * rng.choice([1, 1, 100], p)
    y = (x @ rng.normal(size=p) + rng.normal(size=n)).round(2)
    y[0] += 20
    return ridge_lasso(
        np.column_stack([x, y]),
        l1=float(rng.choice([0.5, 5, 50])),
        l2=float(rng.choice([0.1, 10])),
        delta=1.3,
    )


@pytest.mark.parametrize("seed", range(10))
def test_fits_against_scikit_learn_and_scipy(seed: int) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    optimize = pytest.importorskip("scipy.optimize")
    found = some_data(seed)
    x, y = np.array(found.data.x, dtype=float), np.array(found.data.y, dtype=float)
    n, p = x.shape
    both = {"ridge": linear.Ridge(alpha=float(found.l2), tol=1e-12),
            "lasso": linear.Lasso(alpha=float(found.l1) / n, tol=1e-13, max_iter=1_000_000)}  # fmt: skip
    for key, model in both.items():
        model.fit(x, y)
        line = found.fit(key).all
        assert [float(v) for v in line.coefficients] == pytest.approx(model.coef_, rel=1e-5, abs=1e-7)
        assert float(line.intercept) == pytest.approx(model.intercept_, rel=1e-5, abs=1e-6)
    costs = np.r_[np.zeros(2 * (p + 1)), np.ones(2 * n)]
    a = np.column_stack([np.ones(n), x])
    least = optimize.linprog(costs, A_eq=np.hstack([a, -a, np.eye(n), -np.eye(n)]), b_eq=y).fun
    assert sum(map(abs, found.fit("absolute").all.residuals(found.data))) == pytest.approx(least)
    assert verify(found).passed


@pytest.mark.parametrize("seed", range(3))
def test_paths_against_scikit_learn(seed: int) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    found = some_data(100 + seed)
    x, y = np.array(found.data.x, dtype=float), np.array(found.data.y, dtype=float)
    for at in (1, 7, 20, 33):
        model = linear.Lasso(alpha=float(found.strengths[at]) / len(y), tol=1e-13, max_iter=1_000_000).fit(
            x, y
        )
        assert [float(v) for v in found.lasso[at]] == pytest.approx(model.coef_, rel=1e-5, abs=1e-7)
    assert not any(found.lasso[-1]) and all(found.ridge[-1])


def test_the_absolute_loss_is_a_best_plane_through_points() -> None:
    data = some_data(3).data
    line = least_absolute(data)
    assert sum(r == 0 for r in line.residuals(data)) >= data.features + 1
    assert centred(data).xx[0][0] > 0


# -- contours ---------------------------------------------------------------------------------------------
def test_scales_of_inputs_make_ellipses_and_weights_do_not() -> None:
    found = contours((1, 5))
    assert found.equal.surface.condition == 1 and found.given.surface.condition == 25
    assert found.given.surface.stable == pytest.approx(0.08)
    assert (found.equal.steps, found.given.steps, found.far.steps, found.beyond.steps) == (1, 58, 58, None)
    assert found.far.surface == found.given.surface


@seeds(30)
def test_descents_against_plain_iteration(seed: int) -> None:
    pick = random.Random(seed)
    scales = (round(pick.uniform(0.2, 3), 2), round(pick.uniform(0.2, 8), 2))
    found = contours(
        scales, correlation=round(pick.uniform(-0.9, 0.9), 2), lr=pick.choice([None, None, 0.01, 0.1, 1]),
        start=(round(pick.uniform(-4, 4), 1), round(pick.uniform(0.5, 4), 1)), tolerance=pick.choice([0.1, 0.01, 1e-4]),
    )  # fmt: skip
    assert verify(found).passed
    for one in (found.equal, found.given, found.far):
        h = np.array(one.surface.hessian)
        assert np.linalg.eigvalsh(h) == pytest.approx(one.surface.eigenvalues)
        assert np.linalg.cond(h) == pytest.approx(one.surface.condition)
        d = np.array(one.path[0])
        away = np.linalg.norm(d)
        steps = 0
        while (
            np.linalg.norm(d) > found.tolerance * away and steps < 20_000 and np.linalg.norm(d) < 1e9 * away
        ):
            d, steps = d - one.lr * h @ d, steps + 1
        assert one.steps == (steps if np.linalg.norm(d) <= found.tolerance * away else None)
        assert (one.lr < one.surface.stable) == (one.factor < 1)


def test_the_largest_stable_rate_is_the_border() -> None:
    for share, ends in ((0.999, True), (1.001, False)):
        found = contours(
            (1, 4), correlation=0.3, lr=share * contours((1, 4), correlation=0.3).given.surface.stable
        )
        assert (found.given.steps is not None) == ends


# -- words ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("format", ["text", "md", "html", "latex", "csv", "json"])
def test_every_format(what: str, format: str) -> None:
    found = regularize(None, what)
    text = render(found, format)
    assert len(text) > 100
    if format == "json":
        assert json.loads(text)["what"] == what
    if format == "text":
        assert repr(found) == text and "{" not in text.replace("{(", "")
    if format == "html":
        assert found._repr_html_() == text
    if format == "csv":
        rows = [line.count(",") for line in text.splitlines()]
        assert len(rows) > 3 and (what != "l1" or set(rows) == {rows[0]} or '"' in text)


@pytest.mark.parametrize("what", WHATS)
def test_plans_add_up(what: str) -> None:
    """Where a step sums terms, they add up to its result; what is written is finite."""
    plan = plan_of(regularize(None, what))
    for step in plan.steps:
        if step.work is not None and step.work.how == "sum" and step.work.terms:
            assert sum(term.product for term in step.work.terms) == pytest.approx(step.work.result)
        assert step.caption.endswith(".")
        assert all(np.isfinite(write.value) for write in step.writes)
    assert plan.title and plan.notes


def test_the_tables_have_the_numbers() -> None:
    plan = plan_of(penalty())
    table = plan["subgradient table"]
    assert isinstance(table, Table) and table.rows[2] == (2, 2.4, -0.4, -0.1, 0)
    long = plan_of(penalty(steps=100))["subgradient table"]
    assert isinstance(long, Table) and len(long.rows) == 19 and long.rows[-1][0] == 100


# -- commands ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", WHATS)
def test_the_command_verifies(what: str) -> None:
    done = run(what, "--verify", "--format", "json")
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("torch agrees: ") and json.loads(done.stdout)["what"] == what


def test_options_reach_the_result() -> None:
    data = json.loads(
        run(
            "l1", "--weights", "3,-1;0.5,0", "--l1", "1", "--lr", "0.3", "--steps", "2", "--format", "json"
        ).stdout
    )
    assert data["runs"][0]["weights"] == [
        [[3, -1], [0.5, 0]],
        [[2.7, -0.7], [0.2, 0]],
        [[2.4, -0.4], [-0.1, 0]],
    ]
    data = json.loads(
        run("weight-decay", "--weights", "3", "--wd", "0.5", "--format", "json", "--model", "code8").stdout
    )
    assert data["runs"][0]["weights"][1] == [2.85] and data["counts"]["norm"] == 224
    assert "2.1" in run("l1", "--decimals", "1").stdout
    text = run("geometry", "--decimals", "2").stdout
    assert "(0.46, 0.89)" in text and "0.4602" not in text


@pytest.mark.parametrize("suffix", [".json", ".npy", ".csv"])
def test_files_of_weights(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"w{suffix}"
    values = np.array([[3.0, -1.0], [0.5, 0.0]])
    if suffix == ".npy":
        np.save(file, values)
    else:
        file.write_text(
            json.dumps(values.tolist()) if suffix == ".json" else "3,-1\n0.5,0\n", encoding="utf-8"
        )
    data = json.loads(run("l1", "--weights", str(file), "--format", "json").stdout)
    assert data["weights"] == [[3, -1], [0.5, 0]]


def test_files_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_bytes(b"\xff\xfe\x00")
    assert "no text in UTF-8" in fails("l1", "--weights", str(file))
    file.write_text("1,2\n3\n", encoding="utf-8")
    assert "rows must be of equal length: row 2 has 1, the first 2" in fails("l1", "--weights", str(file))
    file.write_text("\n", encoding="utf-8")
    assert "holds no numbers" in fails("l1", "--weights", str(file))
    assert "no such file" in fails("l1", "--weights", str(tmp_path / "none.csv"))


BAD = [
    ("l3", "no regularizer 'l3'"),
    ("l1 --weights nan", "--weights[0]: must be a finite number, got 'nan'"),
    ("l1 --weights 1e400", "must be a finite number, got 'inf'"),
    ("l1 --weights 1,2;3", "rows must be of equal length"),
    ("l1 --weights a,b", "must be a number, got 'a' in row 1, number 1"),
    ("l1 --lr 0", "--lr: must be greater than 0, got 0"),
    ("l1 --lr -1", "must be greater than 0"),
    ("l1 --lr nan", "--lr: must be a finite number"),
    ("l1 --lr word", "--lr: must be a finite number, got 'word'"),
    ("l2 --lr 1000 --l2 1000 --steps 100", "overflow at step 17"),
    ("l2 --lr 1000 --l2 1000 --steps 1000", "overflow at step 17"),
    ("l1 --steps 0", "--steps: must be a whole number from 1 to 10,000, got 0"),
    ("l1 --steps 1000000000000", "from 1 to 10,000"),
    ("l1 --l1 -1", "--l1: must be at least 0, got -1"),
    ("l1 --l1 inf", "--l1: must be a finite number"),
    ("l1 --optimizer adamm", "no optimizer 'adamm'; did you mean 'adam'?"),
    ("l1 --momentum .9 --optimizer adam", "--momentum: goes with sgd"),
    ("l1 --eps 1e-8", "--eps: goes with adam and adamw"),
    ("l1 --betas 0.9,1 --optimizer adam", "--betas: must be below 1, got 1"),
    ("l1 --gradient 1,2", "--gradient: must be one number, or 2x2"),
    ("l1 --mistake foo", "no mistake 'foo'"),
    ("l1 --p .5", "--p: does not go with l1 (but with dropout, dropout2d)"),
    ("l1 --shape 999999999999", "up to 2,000 weights"),
    ("l1 --shape 2 --weights 1", "not both"),
    ("l1 --seed 3", "--seed: goes with --shape"),
    ("dropout --p 1.5", "--p: must be at least 0 and at most 1, got 1.5"),
    ("dropout --p -0.1", "--p: must be at least 0"),
    ("dropout --p nan", "--p: must be a finite number"),
    ("dropout --shape 1000000000x1000000000", "up to 2,000 cells"),
    ("dropout --shape 5", "needs the axes (N, C)"),
    ("dropout2d --shape 2x3", "at least one axis of space, got 2x3"),
    ("dropout --draws 1000000000000", "--draws: must be a whole number"),
    ("geometry --centre 1", "--centre: must be two numbers"),
    ("geometry --hessian 1,2;2,1", "positive definite"),
    ("geometry --budget 0", "--budget: must be greater than 0"),
    ("geometry --mix 2", "--mix: must be at least 0 and at most 1"),
    ("ridge-lasso --values 1,2;2,4", "from 3 points more than features"),
    ("ridge-lasso --values 1,2;1,4;1,5;1,6", "must not be constant or depend on each other"),
    ("ridge-lasso --values 9,900;1,2;1,2;1,2;1,2", "without the outlier, row 1"),
    ("ridge-lasso --delta 0", "--delta: must be greater than 0"),
    ("contours --scales 1,0", "--scales: must be two positive numbers"),
    ("contours --scales 1,100000", "neither more than 1,000 times"),
    ("contours --correlation 1", "--correlation: must be from -0.999 to 0.999"),
    ("contours --tolerance 0", "--tolerance: must be at least 1e-12"),
    ("contours --start 0,0", "--start: must not be the minimum itself"),
    ("weight-decay --model nonet", "'nonet'"),
    ("weight-decay --input 1x2", "--input: goes with --model"),
    ("l1 --plot a.gif", "a picture is written as"),
    ("l1 --decimals 99", "--decimals"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[arguments for arguments, _ in BAD])
def test_bad_input_is_told_in_a_line(arguments: str, message: str) -> None:
    assert message in fails(*arguments.split())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regularize([1], "l4"), "no regularizer 'l4'"),
        (lambda: regularize([1], "geometry"), "takes none"),
        (lambda: penalty([[1], [1, 2]]), "rows must be of equal length"),
        (lambda: penalty(["x"]), "must be a finite number"),
        (lambda: penalty([]), "1 to 5 axes"),
        (lambda: penalty(np.zeros((100, 100))), "may have 2,000 numbers, got 10,000"),
        (lambda: penalty([1] * 11, steps=10_000), "are more than 100,000 updates"),
        (lambda: penalty([True]), "must be a finite number"),
        (lambda: penalty(steps=1.5), "must be a whole number"),  # type: ignore[arg-type]
        (lambda: dropout([1.0, 2.0]), "needs the axes"),
        (lambda: ridge_lasso([[1e10, 2.0]] * 5), "numbers may be up to 1e+09"),
    ],
)
def test_python_s_errors(call: Any, message: str) -> None:
    with pytest.raises(FieldError, match=message.replace("(", r"\(").replace("+", r"\+")):
        call()


def test_a_check_that_fails_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    from convviz.probe import regularize as probe

    monkeypatch.setattr(probe, "CLOSE", -1.0)
    done = run("l1", "--verify")
    assert done.exit_code == 1 and "torch disagrees: the penalty: 13.5 here, 13.5 there" in done.stdout
