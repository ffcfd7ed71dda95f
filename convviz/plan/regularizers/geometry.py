"""The geometry of L1, L2 and the elastic net: where the contours of a loss first touch each ball, and why there."""

from __future__ import annotations

from collections.abc import Iterator

from convviz.analysis.regularizers.geometry import Geometry, Touch
from convviz.plan.given import plain
from convviz.plan.model import Curve, Formula, Number, Panel, Plan, Series, Step, Table, Work
from convviz.plan.pieces import equal, step
from convviz.plan.words import inner, number

ROLES = {"L1": "kernel", "L2": "input", "elastic net": "output"}


def geometry(found: Geometry) -> Plan:
    """The plan: the three minima in a table, the conditions at each, and the curves."""
    (a, b), (_, d) = found.loss.hessian
    x, y = found.loss.centre
    title = f"Where the loss around ({num(x)}, {num(y)}) touches the balls of L1, L2 and the elastic net"
    steps = [one for touch in found.touches for one in touch_steps(found, touch)]
    rules = (
        Formula(
            "loss",
            "½(w − c)·H(w − c)",
            "",
            "",
            f"c = ({num(x)}, {num(y)}), H = [{num(a)} {num(b)}; {num(b)} {num(d)}]",
        ),
        Formula("diamond", "|w1| + |w2| ≤ t", "", "", f"t = {num(found.budget)}"),
        Formula("circle", "w1² + w2² ≤ t²", "", "", f"t² = {num(found.budget**2)}"),
    )
    panels: tuple[Panel, ...] = (table(found), *curves(found))
    facts = (("budget t", num(found.budget)), ("share of L1 in the elastic net", num(found.mix)))
    return Plan("geometry", title, panels, tuple(steps), rules, facts, tuple(notes(found)))


def num(value: float) -> str:
    return number(plain(value))


def put(value: float) -> str:
    return inner(plain(value))


def table(found: Geometry) -> Table:
    rows: list[tuple[str | Number | None, ...]] = [
        (t.ball.name, plain(t.w[0]), plain(t.w[1]), t.zeros, plain(t.loss), plain(t.strength))
        for t in found.touches
    ]
    columns = ("ball", "w1", "w2", "zeros", "loss there", "strength of the same penalty")
    return Table("touches", "The least loss within each ball", columns, tuple(rows))


def touch_steps(found: Geometry, touch: Touch) -> Iterator[Step]:
    """The loss's gradient at the touch, and what it has to be there."""
    name = {"L1": "Diamond (L1)", "L2": "Circle (L2)", "elastic net": "Elastic net"}[touch.ball.name]
    (a, b), (_, d) = found.loss.hessian
    away = [w - c for w, c in zip(touch.w, found.loss.centre, strict=True)]
    for i, row in enumerate(((a, b), (b, d))):
        text = equal(f"{num(row[0])}×{put(away[0])} + {put(row[1])}×{put(away[1])}", plain(touch.gradient[i]))
        caption = f"The loss's slope along w{i + 1} at ({num(touch.w[0])}, {num(touch.w[1])})."
        yield step(name, caption, Work("function", (), plain(touch.gradient[i]), text, name="gradient"))
    if not touch.binds:
        yield step(name, "The loss's own minimum lies within the ball, which changes nothing.", None)
        return
    for i in range(2):
        text, caption = condition(touch, i)
        yield step(name, caption, Work("function", (), None, text, name="condition"))


def condition(touch: Touch, i: int) -> tuple[str, str]:
    """What holds along one weight: slope and penalty balance, or the penalty's edge is steeper than the slope."""
    w, slope, ball, strength = touch.w[i], touch.gradient[i], touch.ball, touch.strength
    push = strength * ball.l1
    if w == 0 and ball.l1:
        return (
            f"|{num(slope)}| ≤ {num(push)}",
            f"w{i + 1} stays at exactly 0: along it the loss falls less than the penalty's edge rises.",
        )
    parts = [num(slope)]
    parts += [f"{num(push)}×{'1' if w > 0 else '(−1)'}"] if ball.l1 else []
    parts += [f"2×{num(strength * ball.l2)}×{put(w)}"] if ball.l2 else []
    return " + ".join(parts) + " = 0", f"Along w{i + 1} slope and penalty balance."


def curves(found: Geometry) -> Iterator[Curve]:
    """For each ball its border and the contour of the loss that touches it."""
    for touch in found.touches:
        lines = []
        for name, role, points in (
            (touch.ball.name, ROLES[touch.ball.name], touch.ball.border()),
            ("contour of the loss", "active", found.loss.contour(touch.loss)),
        ):
            lines.append(Series(name, role, tuple(p[0] for p in points), tuple(p[1] for p in points)))
        yield Curve(touch.ball.name, f"The contour that touches: {touch.ball.name}", "w1", "w2", tuple(lines))


def notes(found: Geometry) -> Iterator[str]:
    one, two = found.touch("L1"), found.touch("L2")
    if one.binds and one.zeros and not two.zeros:
        yield (
            "The diamond has corners on the axes, and contours from many directions meet a corner first: one weight "
            "is exactly 0. The circle has none, and is met where its border and the contour are parallel, hardly ever "
            "on an axis."
        )
    elif one.binds and not one.zeros:
        yield "Here the contour meets a side of the diamond, not a corner: L1 favours zeros, it does not force them."
    if found.touch("elastic net").binds and found.mix not in (0, 1):
        yield "The elastic net's ball keeps the corners, and its sides are curved as the circle's."
    if any(touch.binds for touch in found.touches):
        yield (
            "Strength: the penalized loss, loss + strength×penalty, has its minimum at the same point; a smaller ball "
            "is a larger strength."
        )
