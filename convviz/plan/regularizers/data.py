"""Ridge and lasso on data with an outlier, step by step: what the penalty does, and what only the loss can do."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from convviz.analysis.regularizers.optimizers import sign
from convviz.analysis.regularizers.regressions import centred
from convviz.analysis.regularizers.ridge_lasso import Fit, RidgeLasso
from convviz.plan.given import plain
from convviz.plan.model import Curve, Formula, Number, Panel, Plan, Series, Step, Table, Work
from convviz.plan.pieces import joined, step
from convviz.plan.regularizers.updates import num, put
from convviz.plan.words import count

NAMES = {
    "ols": "least squares",
    "ridge": "ridge",
    "lasso": "lasso",
    "absolute": "least absolute",
    "huber": "Huber",
}
ROLES = ("input", "output", "kernel", "shared", "active", "muted")
LISTED = 20


def data(found: RidgeLasso) -> Plan:
    """The plan: data, fits with and without the outlier, the equations that hold, the paths."""
    n, p = len(found.data.y), found.data.features
    title = f"Ridge and lasso on {count(n, 'point')} with an outlier: a penalty is no robust loss"
    panels: tuple[Panel, ...] = (points(found), fits(found), path_table(found), *curves(found))
    steps = [one for key in ("ols", "ridge", "lasso") for one in equations(found, found.fit(key))]
    facts = (("points", str(n)), ("features", str(p)), ("l1", num(found.l1)), ("l2", num(found.l2)),
             ("Huber's delta", num(found.delta)))  # fmt: skip
    return Plan(
        "ridge-lasso", title, panels, tuple(steps), tuple(formulas(found)), facts, tuple(notes(found))
    )


def feature(j: int) -> str:
    return f"x{j + 1}"


def points(found: RidgeLasso) -> Table:
    rows: list[tuple[str | Number | None, ...]] = []
    for i, (x, y) in enumerate(zip(found.data.x, found.data.y, strict=True)):
        rows.append((i, *map(plain, x), plain(y), "outlier" if i == found.outlier else ""))
    if len(rows) > LISTED:
        rows = [*rows[: LISTED - 1], ("…", *[""] * (len(rows[0]) - 1))]
    columns = ("point", *map(feature, range(found.data.features)), "y", "")
    return Table("data", "Data", columns, tuple(rows))


def fits(found: RidgeLasso) -> Table:
    """The first coefficient without the outlier, with it, with it twice as far away; the others with it."""
    rows: list[tuple[str | Number | None, ...]] = []
    for fit in found.fits:
        lines = (fit.clean, fit.all, fit.further)
        rest = [plain(w) for w in fit.all.coefficients[1:]]
        rows.append((NAMES[fit.key], fit.loss, fit.penalty, *(plain(line.coefficients[0]) for line in lines),
                     plain(fit.follows), *rest, plain(fit.all.intercept)))  # fmt: skip
    columns = ("fit", "loss", "penalty", "x1, no outlier", "with it", "twice as far", "follows by",
               *map(feature, range(1, found.data.features)), "intercept")  # fmt: skip
    return Table("fits", "The coefficient of x1, and what the outlier does to it", columns, tuple(rows))


def path_table(found: RidgeLasso) -> Table:
    """Some points of the paths."""
    picked = range(0, len(found.strengths), 5)
    names = [f"{which} {feature(j)}" for which in ("ridge", "lasso") for j in range(found.data.features)]
    rows = tuple(
        (plain(found.strengths[i]), *map(plain, found.ridge[i]), *map(plain, found.lasso[i])) for i in picked
    )
    return Table("paths", "Coefficients over the strength of the penalty", ("strength", *names), rows)


def curves(found: RidgeLasso) -> Iterator[Curve]:
    xs = tuple(map(plain, found.strengths))
    for name, ways in (("ridge", found.ridge), ("lasso", found.lasso)):
        series = tuple(
            Series(feature(j), ROLES[j], xs, tuple(plain(way[j]) for way in ways))
            for j in range(found.data.features)
        )
        yield Curve(f"{name} path", f"Coefficients of {name}", "strength", "coefficient", series)


def equations(found: RidgeLasso, fit: Fit) -> Iterator[Step]:
    """The normal equation of each feature with the coefficients put in."""
    sums, w = centred(found.data), fit.all.coefficients
    for j, row in enumerate(sums.xx):
        parts = [f"{num(v)}×{put(w[k])}" for k, v in enumerate(row) if v]
        parts += [f"{num(found.l2)}×{put(w[j])}"] if fit.key == "ridge" else []
        value = sums.xy[j]
        if fit.key == "lasso" and not w[j]:
            rest = value - sum((v * w[k] for k, v in enumerate(row)), Fraction(0))
            text, why = (
                f"|{num(rest)}| ≤ {num(found.l1)}",
                f"{feature(j)} is exactly 0: its residual product is no larger than l1.",
            )
            yield step(NAMES[fit.key], why, Work("function", (), None, text, name="condition"))
            continue
        if fit.key == "lasso":
            parts.append(f"{num(found.l1)}×{put(sign(w[j]))}")
        text = f"{joined(parts)} = {num(value)}"
        caption = (
            f"The equation of {feature(j)}: products with centred features on the left, with y on the right."
        )
        yield step(NAMES[fit.key], caption, Work("sum", (), plain(value), text))


def formulas(found: RidgeLasso) -> Iterator[Formula]:
    sums = centred(found.data)
    if any(v for j, row in enumerate(sums.xx) for k, v in enumerate(row) if j != k):
        return
    xx, xy = sums.xx[0][0], sums.xy[0]
    top = f"{num(xy)}"
    yield Formula(
        "least squares",
        "(Σxy)/(Σx²)",
        f"{top} / {num(xx)}",
        num(found.fit("ols").all.coefficients[0]),
        "centred x1",
    )
    yield Formula(
        "ridge",
        "(Σxy)/(Σx² + l2)",
        f"{top} / ({num(xx)} + {num(found.l2)})",
        num(found.fit("ridge").all.coefficients[0]),
    )
    yield Formula(
        "lasso", "sign(Σxy)×max(|Σxy| − l1, 0)/(Σx²)",
        f"{sign(xy)}×max({num(abs(xy))} − {num(found.l1)}, 0) / {num(xx)}",
        num(found.fit("lasso").all.coefficients[0]),
    )  # fmt: skip


def notes(found: RidgeLasso) -> Iterator[str]:
    yield (
        "Robust against outliers is a matter of the loss. A squared loss follows the outlier further and further, "
        "whatever the penalty; an absolute loss, and Huber's beyond delta, pull as hard however far away it is."
    )
    held = [NAMES[fit.key] for fit in found.fits if fit.loss != "squared" and fit.follows]
    if held:
        verb = "follows" if len(held) == 1 else "follow"
        yield (
            f"Here {' and '.join(held)} {verb}, too: the point lies so far out among the features (leverage) that the "
            "fit goes along with it. Such losses are robust against outliers in y."
        )
    yield "Ridge and lasso pull coefficients towards 0, no more: L1 as a penalty gives zeros, as a loss robustness."
    yield f"Ridge never reaches 0; the lasso has only zeros from l1 = {num(found.all_zero)} on, the largest |Σxy|."
    n = len(found.data.y)
    yield (
        f"Minimised: ½Σ(y − b − xw)² + penalty, the intercept b left out. In scikit-learn: "
        f"Ridge(alpha={num(found.l2)}), Lasso(alpha={num(found.l1)}/{n})."
    )
