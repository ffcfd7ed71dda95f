"""Contours of the error, circles or ellipses, and gradient descent on both, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from convviz.analysis.regularizers.contours import Contours, Descent, Surface
from convviz.plan.given import plain
from convviz.plan.model import Curve, Formula, Number, Panel, Plan, Series, Step, Table, Work
from convviz.plan.pieces import equal, step
from convviz.plan.words import count, inner, number

WORKED = 3  # steps of gradient descent


def contours(found: Contours) -> Plan:
    """The plan: Hessians and what follows from them, the first steps on both surfaces, the table."""
    a, b = found.given.surface.scales
    title = (
        f"Features with scales {num(a)} and {num(b)}: the error's contours are {shape(found.given.surface)}"
    )
    steps = [
        one
        for run in (found.equal, found.given)
        for one in (*hessian_steps(run.surface), *descent_steps(run))
    ]
    facts = (("start", f"({num(found.start[0])}, {num(found.start[1])}) from the minimum"),
             ("until the distance is", f"{num(found.tolerance)} of that"))  # fmt: skip
    panels: tuple[Panel, ...] = (table(found), *curves(found))
    return Plan("contours", title, panels, tuple(steps), tuple(formulas(found)), facts, tuple(notes(found)))


def num(value: float) -> str:
    return number(plain(value))


def put(value: float) -> str:
    return inner(plain(value))


def shape(surface: Surface) -> str:
    """``circles``, or ``ellipses, 5 times as long as wide``"""
    ratio = surface.condition**0.5
    return "circles" if ratio < 1 + 1e-9 else f"ellipses, {num(ratio)} times as long as wide"


def label(found: Contours, run: Descent) -> str:
    return {
        id(found.far): "as given, start 10 times as far",
        id(found.beyond): "as given, rate beyond the limit",
    }.get(
        id(run), {"standardized": "standardized features", "as given": "features as given"}[run.surface.name]
    )


def table(found: Contours) -> Table:
    rows: list[tuple[str | Number | None, ...]] = []
    for run in found.descents:
        s = run.surface
        ends = f"{run.steps:,}" if run.steps is not None else "diverges" if run.factor > 1 else "never"
        numbers = (s.condition, s.stable, run.lr, run.factor)
        rows.append((label(found, run), *map(plain, numbers), ends))
    columns = ("features", "condition number", "rates below", "rate", "factor a step", "steps")
    return Table("descents", "Gradient descent", columns, tuple(rows))


def hessian_steps(surface: Surface) -> Iterator[Step]:
    """The Hessian's entries and eigenvalues."""
    section = f"Hessian, {surface.name}"
    (a, b), (_, d) = surface.hessian
    x, y = surface.scales
    small, large = surface.eigenvalues
    texts = (
        ("The mean of x1².", equal(f"{num(x)}²", plain(a))),
        ("The mean of x1×x2.", equal(f"{num(x)}×{num(y)}×{put(surface.correlation)}", plain(b))),
        ("The mean of x2².", equal(f"{num(y)}²", plain(d))),
        ("The largest eigenvalue.",
         equal(f"({num(a)} + {num(d)})/2 + √(({num(a)} − {num(d)})²/4 + {put(b)}²)", plain(large))),
        ("The smallest: their product is the determinant.",
         equal(f"({num(a)}×{num(d)} − {put(b)}²)/{num(large)}", plain(small))),
        ("The condition number.", equal(f"{num(large)}/{num(small)}", plain(surface.condition))),
    )  # fmt: skip
    for caption, text in texts:
        yield step(section, caption, Work("function", (), None, text, name="hessian"))


def descent_steps(run: Descent) -> Iterator[Step]:
    """The first steps: ``d − lr×H d`` for both weights."""
    section = f"Descent, {run.surface.name}"
    (a, b), (_, c) = run.surface.hessian
    for i, (d, after) in enumerate(zip(run.path[:WORKED], run.path[1:], strict=False), 1):
        lines = []
        for j, (p, q) in enumerate(((a, b), (b, c))):
            inside = f"{num(p)}×{put(d[0])} + {put(q)}×{put(d[1])}"
            lines.append(equal(f"{num(d[j])} − {num(run.lr)}×({inside})", plain(after[j])))
        caption = f"Step {i}: distances of the weights from the minimum."
        yield step(section, caption, Work("function", (), None, "; ".join(lines), name="descent"))


def curves(found: Contours) -> Iterator[Curve]:
    """The paths."""
    for run in (found.equal, found.given):
        x, y = zip(*run.path, strict=True)
        line = Series("gradient descent", "active", tuple(map(plain, x)), tuple(map(plain, y)))
        yield Curve(f"path {run.surface.name}", f"Path, {run.surface.name}", "w1 − w1*", "w2 − w2*", (line,))


def formulas(found: Contours) -> Iterator[Formula]:
    for run in (found.equal, found.given):
        small, large = run.surface.eigenvalues
        name = run.surface.name
        yield Formula(
            f"condition, {name}", "largest/smallest", f"{num(large)}/{num(small)}", num(run.surface.condition)
        )
        yield Formula(f"rates below, {name}", "2/largest", f"2/{num(large)}", num(run.surface.stable))
        yield Formula(
            f"best rate, {name}",
            "2/(smallest + largest)",
            f"2/({num(small)} + {num(large)})",
            num(run.surface.best),
        )


def notes(found: Contours) -> Iterator[str]:
    one, given = found.equal, found.given
    yield (
        "The Hessian of the squared loss is the mean of xi×xj: scales and correlation of the inputs, and no weight. "
        "Weights that start ten times as far away meet the same contours, and their steps shrink by the same factor."
    )
    if one.steps is not None and given.steps is not None:
        few, many = count(one.steps, "step"), count(given.steps, "step")
        yield f"From the start to the tolerance: {few} on standardized features, {many} as given."
    if one.surface.condition > 1 + 1e-9:
        yield "Standardizing takes away the scales, not the correlation: its contours are ellipses, too."
    if found.beyond.factor > 1:
        told = (
            "and the error grows without end"
            if found.beyond.steps is None
            else "though this start does not feel it"
        )
        rate, factor = num(found.beyond.lr), num(found.beyond.factor)
        yield f"Just beyond the largest stable rate, at {rate}, one direction grows by {factor} a step, {told}."
